"""The OpenAPI 3.1 document: what the framework makes of the routes, and what it cannot know: scopes, problems by their slugs, the
header Idempotency-Key, examples."""

import json
import re
from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from tosqauyl import __version__
from tosqauyl.registry.actor import SCOPES
from tosqauyl.web.access import COOKIE, CSRF, SESSION
from tosqauyl.web.caller import PUBLIC
from tosqauyl.web.examples import EXAMPLES
from tosqauyl.web.idempotency import HEADER, PATTERN, REPLAYED
from tosqauyl.web.problems import KINDS, PREFIX, Problem, media_type_of
from tosqauyl.web.table import scope_of_route

_ABOUT = """\
The office of Tosqauyl: reports, cases, indicators, publishing to gates, appeals. Each operation names its scope in `x-scope`;
`public` ones can be called by anybody. Scopes: {scopes}.

Errors are problem details (RFC 9457), `application/problem+json`. Times are RFC 3339 in UTC, money is whole hundredths of a tenge.
Lists are paged with `cursor`. No personal data is in a path or a query. A POST may carry an `Idempotency-Key`.
"""
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key of a program."},
    "session": {
        "type": "apiKey", "in": "cookie", "name": f"__Host-{COOKIE}",
        "description": f"The session of a browser. A write also needs the header {CSRF}, which GET /v1/me tells.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "A key as the password, for TAXII clients that know nothing else."},
}  # fmt: skip
_REF = {"$ref": "#/components/schemas/Problem"}
_ALWAYS = ("unavailable", "failed", "no-caller", "second-factor")
_OF_BODY = ("malformed", "too-slow", "too-large", "wrong-type", "invalid")
_OF_POST = ("key-reused", "carried-out", "conflict", "invalid")


def document(routes: Sequence[APIRoute]) -> dict[str, Any]:
    """The whole document as a JSON-able value."""
    made = get_openapi(
        title="Tosqauyl office", version=__version__, routes=routes, description=_ABOUT.format(scopes=", ".join(SCOPES)),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    for route in routes:
        for method in (route.methods or ()) if route.include_in_schema else ():
            _complete(made["paths"][route.path_format][method.lower()], route, method)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem_schemas())
    components["securitySchemes"] = _SCHEMES
    found: dict[str, Any] = json.loads(_MODULE_NAME.sub(_plain_name, json.dumps(made)))
    return found


_MODULE_NAME = re.compile(r"tosqauyl__(?:[a-z]+__)*([a-z_]+?)(?:_bodies)?__(\w+)")
"""How the framework calls models of one name in two modules."""


def _plain_name(found: re.Match[str]) -> str:
    """'ChecksDecideIn' for DecideIn of routes/checks.py: where code stands may change, names in the document may not."""
    return found[1].title().replace("_", "") + found[2]


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs"), "Problem": schema}


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    """Add to an operation what the framework does not know of it."""
    scope = scope_of_route(route)
    operation["x-scope"] = scope
    operation["security"] = _security(route.path, scope)
    first, _, rest = (route.description or "").partition("\n\n")
    operation["summary"] = route.summary or first.replace("\n", " ").split(". ")[0].rstrip(".")
    operation["description"] = f"{first}\n\n{rest}\n\nScope: `{scope}`.".replace("\n\n\n\n", "\n\n")
    if method == "POST":
        operation.setdefault("parameters", []).append(_key_header())
    _complete_problems(operation, scope, method, media_type_of(route.path))
    if example := EXAMPLES.get(route.name):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media["example"] = example


def _security(path: str, scope: str) -> list[dict[str, list[str]]]:
    if scope == PUBLIC:
        return []
    known = ("session",) if scope == SESSION else ("key", "session")
    return [{one: [scope]} for one in (*known, *(("basic",) if path.startswith("/taxii2/") else ()))]


def _complete_problems(operation: dict[str, Any], scope: str, method: str, media: str) -> None:
    answers = operation["responses"]
    slugs = [slug for one in answers.values() for slug in one.pop("x-problems", ())]
    slugs += [
        *_ALWAYS,
        *(() if scope == PUBLIC else ("forbidden",)),
        *(("invalid",) if operation.get("parameters") else ()),
    ]
    slugs += [*(_OF_BODY if "requestBody" in operation else ()), *(_OF_POST if method == "POST" else ())]
    for status in [status for status in answers if status >= "400"]:
        del answers[status]
    for slug in dict.fromkeys(slugs):
        kind = KINDS[slug]
        found = answers.setdefault(
            str(kind.status), {"description": "", "content": {media: {"schema": _REF, "examples": {}}}}
        )
        found["description"] = f"{found['description']} `{slug}`: {kind.title}".strip()
        found["content"][media]["examples"][slug] = {
            "value": {
                "type": PREFIX + slug,
                "title": kind.title,
                "status": kind.status,
                "detail": "",
                "hint": "",
                "fields": [],
            }
        }
    for status, answer in answers.items():
        if headers := _headers(status, method):
            answer.setdefault("headers", {}).update(headers)


def _headers(status: str, method: str) -> dict[str, Any]:
    if status == "401":
        return {"WWW-Authenticate": _header("RFC 6750 section 3.")}
    if status in ("409", "429", "503"):
        return {"Retry-After": _header("Seconds.")}
    if status == "405":
        return {"Allow": _header("The methods that the path has.")}
    return (
        {REPLAYED: _header("`true` where the answer is the first one's.")}
        if status < "300" and method == "POST"
        else {}
    )


def _header(doc: str) -> dict[str, Any]:
    return {"required": False, "description": doc, "schema": {"type": "string"}}


def _key_header() -> dict[str, Any]:
    return {
        "name": HEADER, "in": "header", "required": False, "schema": {"type": "string", "pattern": PATTERN, "maxLength": 128},
        "description": "The same key with the same request gets the same answer and does nothing again. A UUID is good.",
        "example": "7f2c1f1e-6f0b-4a53-9c0e-3f3d2a0e9b11",
    }  # fmt: skip
