"""The OpenAPI document tells all that is served, and what is served keeps to the rules of the house."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from tosqauyl.registry.actor import ROLE_SCOPES, SCOPES
from tosqauyl.registry.words import PERSONAL
from tosqauyl.web.access import SESSION
from tosqauyl.web.app import DOCUMENT
from tosqauyl.web.caller import PUBLIC
from tosqauyl.web.examples import EXAMPLES
from tosqauyl.web.idempotency import HEADER
from tosqauyl.web.problems import KINDS, media_type_of
from tosqauyl.web.table import scope_of_route
from tosqauyl.web.times import Moment

NEVER_IN_A_URL = PERSONAL | {
    "number", "msisdn", "name", "iin", "ticket", "text", "contact", "value", "card", "account", "email", "password", "token", "secret",
    "code", "key", "session", "q", "query", "search",
}  # fmt: skip
"""Names of parameters that would hold personal data or a secret. Ids of rows are not among them."""
HARMLESS = {("/v1/uploads", "name")}
"""The name of a file, as its sender calls it."""
LAST_BIGINT = 2**63 - 1


@pytest.fixture
def routes(app):
    return [route for route in app.routes if isinstance(route, APIRoute)]


@pytest.fixture
def document(app):
    return app.openapi()


def operations(document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_document_is_openapi_3_1_and_is_served(document, client):
    assert client.get(DOCUMENT).json() == document
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Tosqauyl office"
    assert "http://" not in json.dumps(document)


def test_document_and_application_have_the_same_operations(routes, document):
    served = {(method, route.path) for route in routes for method in route.methods}
    assert served == {(method, path) for method, path, _ in operations(document)}


def test_every_route_asks_for_a_scope_and_its_name_is_its_operation_id(routes, document):
    told = {(method, path): one for method, path, one in operations(document)}
    for route in routes:
        scope = scope_of_route(route)
        assert scope in (*SCOPES, PUBLIC, SESSION), f"{route.name} has no scope: use Depends(needs(...))"
        for method in route.methods:
            operation = told[method, route.path]
            assert operation["operationId"] == route.name
            assert operation["x-scope"] == scope
            assert bool(operation["security"]) == (scope != PUBLIC)
            assert operation["summary"]
            assert operation["tags"], f"{route.name} has no tag"
    names = [route.name for route in routes]
    assert len(names) == len(set(names))


def test_every_scope_opens_something(routes):
    """A scope that no route asks for is a promise that nothing keeps."""
    missing = set(SCOPES) - {scope_of_route(route) for route in routes}
    assert missing <= {"personal:read"}, "personal:read is asked for inside of routes"


def test_every_answer_that_is_no_success_is_a_documented_problem(document):
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == [media_type_of(path)], (method, path, status)
                for slug, example in answer["content"][media_type_of(path)]["examples"].items():
                    assert str(KINDS[slug].status) == status
                    assert example["value"]["type"].endswith(slug)
        expected = {"401", "500", "503"} | ({"403"} if operation["x-scope"] != PUBLIC else set())
        expected |= {"400", "408", "413", "415", "422"} if "requestBody" in operation else set()
        assert expected <= set(operation["responses"]), (method, path)


def test_every_success_tells_what_it_answers(document):
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status < "300" and status != "204":
                for media in answer["content"].values():
                    assert media["schema"], (method, path, status, "give a response_model")


def test_every_post_takes_an_idempotency_key(document):
    for method, path, operation in operations(document):
        names = [one["name"] for one in operation.get("parameters", ())]
        assert (HEADER in names) == (method == "POST"), (method, path)


def test_no_personal_data_and_no_secret_is_in_a_path_or_a_query(document):
    for method, path, operation in operations(document):
        for one in operation.get("parameters", ()):
            if one["in"] in ("path", "query"):
                known = (path, one["name"]) in HARMLESS
                assert known or one["name"].lower() not in NEVER_IN_A_URL, (method, path, one["name"])
        assert set(re.findall(r"{(\w+)}", path)) == {
            one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"
        }


def test_names_of_parameters_and_members_are_plain_words(document):
    for _, path, operation in operations(document):
        assert re.fullmatch(r"(/[a-z0-9{}_.:-]+)+/?", path), path
        for one in operation.get("parameters", ()):
            assert re.fullmatch(r"[a-z_]+|[A-Z][A-Za-z-]+|match\[\w+\]", one["name"]), one["name"]


def test_no_two_models_have_the_same_name(document):
    """The framework would tell them apart by their modules, and those are nobody's business."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_every_text_number_and_list_of_a_request_is_bounded(document):
    unbounded = []
    for method, path, operation in operations(document):
        for one in operation.get("parameters", ()):
            unbounded += [f"{method} {path} {one['in']} {one['name']}{what}" for what in loose(one["schema"], document)]
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            if media == "application/json":
                unbounded += [f"{method} {path} body{what}" for what in loose(content["schema"], document)]
    assert unbounded == []


def loose(schema, document, where="", seen=()) -> Iterator[str]:
    """Places of a schema that take anything of any length."""
    if (name := schema.get("$ref", "").rpartition("/")[2]) and name not in seen:
        yield from loose(document["components"]["schemas"][name], document, where, (*seen, name))
    for part in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(part, ()):
            yield from loose(one, document, where, seen)
    for name, one in schema.get("properties", {}).items():
        yield from loose(one, document, f"{where}/{name}", seen)
    yield from _loose_value(schema, where)
    if schema.get("type") == "array":
        yield from loose(schema.get("items", {}), document, where + "/*", seen)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from loose(schema["additionalProperties"], document, where + "/*", seen)


def _loose_value(schema, where) -> Iterator[str]:
    kind = schema.get("type")
    if kind == "string" and not (
        {"maxLength", "enum", "const"} & set(schema) or schema.get("format") in ("uuid", "date-time", "date")
    ):
        yield f"{where}: a text without maxLength"
    if kind == "integer" and not ({"enum", "const"} & set(schema) or _fits(schema)):
        yield f"{where}: a whole number without bounds"
    if kind == "number" and not (
        {"minimum", "exclusiveMinimum"} & set(schema) and {"maximum", "exclusiveMaximum"} & set(schema)
    ):
        yield f"{where}: a number without bounds"
    if kind == "array" and "maxItems" not in schema:
        yield f"{where}: a list without maxItems"


def _fits(schema) -> bool:
    low, high = (
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
    )
    return low is not None and high is not None and -LAST_BIGINT <= low <= high <= LAST_BIGINT


def test_bodies_take_no_member_that_nobody_knows(document):
    for method, path, operation in operations(document):
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            if media == "application/json" and (name := content["schema"].get("$ref", "").rpartition("/")[2]):
                assert document["components"]["schemas"][name].get("additionalProperties") is False, (
                    method,
                    path,
                    name,
                )


def test_bodies_never_take_a_moment_as_a_number(routes):
    """`Moment` is for answers; bodies have `GivenMoment` or `RequiredMoment`."""
    reader = get_args(Moment)[1]
    for route in routes:
        if route.body_field is not None:
            for model in models_of(route.body_field.field_info.annotation):
                for name, one in model.model_fields.items():
                    assert reader not in one.metadata, f"{route.name}: {model.__name__}.{name}"


def test_bodies_take_no_number_as_a_truth_and_no_text_as_a_number(routes):
    """pydantic would take 0 for false and '1' for 1: what is sent by mistake is refused, not guessed at."""
    for route in routes:
        if route.body_field is not None:
            for model in models_of(route.body_field.field_info.annotation):
                for name, one in model.model_fields.items():
                    adapter = TypeAdapter(Annotated[one.annotation, *one.metadata, ""])
                    for kind, wrong in ((bool, 0), (int, "1")):
                        if kind in (one.annotation, *get_args(one.annotation)):
                            with pytest.raises(ValidationError):
                                pytest.fail(
                                    f"{route.name}: {model.__name__}.{name} takes {adapter.validate_python(wrong)!r}"
                                )


def models_of(kind, seen=None):
    """A model and all models in it."""
    seen = seen if seen is not None else set()
    for one in (kind, *get_args(kind)):
        if hasattr(one, "model_fields") and one not in seen:
            seen.add(one)
            yield one
            for inner in one.model_fields.values():
                yield from models_of(inner.annotation, seen)
        elif one is not kind:
            yield from models_of(one, seen)


def test_every_example_is_what_its_operation_takes(document, client_as):
    by_name = {operation["operationId"]: (method, path, operation) for method, path, operation in operations(document)}
    assert set(EXAMPLES) <= set(by_name)
    for name, example in EXAMPLES.items():
        method, path, operation = by_name[name]
        whole = re.sub(r"{\w+}", str(UUID(int=0)), path)
        answer = client_as(role_with(operation["x-scope"])).request(method, whole, json=example)
        assert answer.status_code not in (400, 401, 403, 415, 422), (name, answer.text)


def role_with(scope: str) -> str:
    return next((role for role, scopes in ROLE_SCOPES.items() if scope in scopes), "")


def test_every_problem_is_told_by_some_operation_or_comes_before_any(document):
    told = {
        slug
        for _, path, operation in operations(document)
        for status, answer in operation["responses"].items()
        if status >= "400"
        for slug in answer["content"][media_type_of(path)]["examples"]
    }
    assert set(KINDS) - told <= {"method-not-allowed", "refused"}
