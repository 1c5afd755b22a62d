"""Every route, every role, nobody, a revoked key and an expired session, things of one's own and of other tenants.

What may be done is said twice: by the scopes of each role (registry/actor.py) and, for people to read, by
tests/corpora/office-access.csv. The two and the routes must agree; a new route without a row fails.

    method,path         of the route
    scope               'public': anybody
    roles               that have the scope; 'keys': only keys of programs; 'signed-in': any person, for the own account
    belongs             for each id in the path, and as name=kind in the body, the kind of thing it names whose tenants are kept apart, '-' where they are not;
                        with '/centre' only the centre may, even with a thing of the caller's own
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import APIRoute

from tosqauyl.registry.actor import ROLE_SCOPES
from tosqauyl.web.access import SESSION
from tosqauyl.web.caller import PUBLIC
from tosqauyl.web.table import scope_of_route

CORPUS = Path(__file__).parents[1] / "corpora" / "office-access.csv"
MISSING = str(UUID(int=7))
OWN = {"operator": "kcell", "bank": "halyk", "police": "police"}
"""Roles of tenants, and the tenant they are of here. 'beeline' is the foreign one."""
TENANTS = {role: OWN.get(role, "kcell") for role in ROLE_SCOPES}
"""Every role as a tenant's: what keeps tenants apart is the organisation, whatever somebody's role is called."""
CENTRAL = "/centre"
SHARED = {"observable_id", "observables", "cursor"}
"""Ids that belong to nobody: what was seen is one thing, whoever saw it."""
STREAMED = {"/v1/lists/calls/changes"}


def rows() -> list[dict[str, str]]:
    with CORPUS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def roles_with(scope: str) -> list[str]:
    if scope in (PUBLIC, SESSION):
        return ["anybody"] if scope == PUBLIC else ["signed-in"]
    return [role for role, scopes in ROLE_SCOPES.items() if scope in scopes] or ["keys"]


@pytest.fixture
def routes(app):
    return {
        (method, route.path): route for route in app.routes if isinstance(route, APIRoute) for method in route.methods
    }


@pytest.fixture
def request_of(app):
    """Makes the smallest request that an operation takes: method, path, ids, members of the body -> keyword arguments for a client."""
    document = app.openapi()

    def made(method: str, path: str, ids: list[str], members: dict[str, str] | None = None) -> dict[str, Any]:
        operation = document["paths"][path][method.lower()]
        left = iter(ids)
        whole = re.sub(r"{\w+}", lambda _: next(left), path)
        query = {
            one["name"]: minimal(one["schema"], document, one["name"])
            for one in operation.get("parameters", ())
            if one["in"] == "query" and one["required"]
        }
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            body = content.get("example", minimal(content["schema"], document))
            if media != "application/json":
                return {
                    "method": method,
                    "url": whole,
                    "params": query,
                    "content": str(body),
                    "headers": {"content-type": media},
                }
            kinds = resolved(content["schema"], document)["properties"]
            given = {
                name: [one] if kinds[name].get("type") == "array" else one for name, one in (members or {}).items()
            }
            return {"method": method, "url": whole, "params": query, "json": body | given}
        return {"method": method, "url": whole, "params": query}

    return made


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def minimal(schema: dict[str, Any], document: dict[str, Any], name: str = "") -> Any:
    """The smallest value that a schema allows."""
    if "$ref" in schema:
        return minimal(resolved(schema, document), document, name)
    for part in ("anyOf", "oneOf", "allOf"):
        if part in schema:
            return minimal(schema[part][0], document, name)
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return {one: minimal(properties[one], document, one) for one in schema.get("required", ())}
    if kind == "array":
        return [minimal(schema["items"], document) for _ in range(schema.get("minItems", 0))]
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return False
    formats = {"uuid": MISSING, "date-time": "2026-12-01T00:00:00Z", "date": "2026-12-01"}
    return formats.get(schema.get("format", ""), "a" * max(1, schema.get("minLength", 1)))


def test_the_corpus_names_every_route_its_scope_and_the_roles_that_have_it(routes):
    told = {(row["method"], row["path"]): (row["scope"], row["roles"].split()) for row in rows()}
    served = {key: (scope_of_route(route), roles_with(scope_of_route(route))) for key, route in routes.items()}
    new = [f"{method},{path},{scope},{' '.join(roles)},-" for (method, path), (scope, roles) in served.items()]
    missing = [line for line in new if tuple(line.split(",")[:2]) not in told]
    assert not missing, "add to tests/corpora/office-access.csv:\n" + "\n".join(sorted(missing))
    assert told == served
    assert list(told) == sorted(told, key=lambda one: (one[1], one[0])), "keep it sorted by path and method"


def test_the_corpus_says_for_every_id_of_a_path_and_a_body_what_it_names(app):
    document = app.openapi()
    for row in rows():
        assert len(re.findall(r"{\w+}", row["path"])) == len(in_path(row)), row["path"]
        body = document["paths"][row["path"]][row["method"].lower()].get("requestBody", {}).get("content", {})
        schema = body.get("application/json", {}).get("schema", {})
        named = set(ids_of(resolved(schema, document), document))
        assert set(in_body(row)) == named - SHARED, f"{row['method']} {row['path']}: write name=kind for {named}"


def in_path(row: dict[str, str]) -> list[str]:
    """The kinds of the ids in a row's path."""
    return [one for one in row["belongs"].replace(CENTRAL, "").split() if "=" not in one]


def in_body(row: dict[str, str]) -> dict[str, str]:
    """The kinds of the ids in a row's body, by member."""
    return dict(one.split("=") for one in row["belongs"].split() if "=" in one)


def ids_of(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """Members of a body that are ids."""
    for name, one in schema.get("properties", {}).items():
        parts = [one, *one.get("anyOf", ()), one.get("items", {})]
        if any(part.get("format") == "uuid" for part in parts):
            yield name


@pytest.mark.parametrize("role", ["", *ROLE_SCOPES])
def test_who_lacks_the_scope_is_refused_and_who_has_it_is_not(routes, request_of, client_as, role):
    client = client_as(role, OWN.get(role, "centre"))
    for (method, path), route in routes.items():
        scope = scope_of_route(route)
        answer = client.request(**request_of(method, path, [MISSING] * path.count("{")))
        where = f"{role or 'nobody'} {method} {path}: {answer.status_code}"
        problem = answer.json().get("type", "").rpartition(":")[2] if answer.status_code >= 400 else ""
        if scope == PUBLIC:
            assert answer.status_code < 500, where
        elif not role:
            assert (answer.status_code, problem) == (401, "no-caller"), where
        elif scope not in ROLE_SCOPES[role]:
            assert (answer.status_code, problem, answer.json()["detail"]) == (
                403,
                "forbidden",
                f"the scope is {scope}",
            ), where
        else:
            assert answer.status_code != 401, where
            assert not (answer.status_code == 403 and "the scope is" in answer.text), where
            assert answer.status_code < 500, where


@pytest.mark.parametrize("problem", ["no-caller", "second-factor"])
def test_a_revoked_key_and_a_session_that_is_not_whole_open_nothing(routes, request_of, client_as, office, problem):
    office.access.refused = {"supervisor@centre": problem}
    client = client_as("supervisor")
    for (method, path), route in routes.items():
        if scope_of_route(route) != PUBLIC:
            answer = client.request(**request_of(method, path, [MISSING] * path.count("{")))
            assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (401, problem), (method, path)


def bound_rows(role: str) -> list[dict[str, str]]:
    return [row for row in rows() if row["belongs"].strip("- ") and role in row["roles"].split()]


class Asking:
    """Asks one operation about things of one tenant, named in the path or in the body, and keeps the rest one's own."""

    def __init__(self, row, client, request_of, own, other):
        self.row, self.client, self.request_of, self.own, self.other = row, client, request_of, own, other

    def about(self, path=None, body=None):
        """path, body: kind -> id in place of one's own."""
        kinds, members = in_path(self.row), in_body(self.row)
        ids = [(path or self.own).get(kind, MISSING) for kind in kinds]
        second = {
            kind: (self.other if kind in kinds else self.own)[kind] for kind in members.values() if kind != "cursor"
        }
        given = {name: (body or second)[kind] for name, kind in members.items()}
        answer = self.client.request(**self.request_of(self.row["method"], self.row["path"], ids, given))
        return answer.status_code, answer.json() if answer.status_code != 204 and "json" in answer.headers[
            "content-type"
        ] else {}


@pytest.mark.parametrize("role", TENANTS)
def test_a_thing_of_another_tenant_looks_like_one_that_is_not_there(request_of, client_as, belongings, role):
    client, foreign = client_as(role, TENANTS[role], "user:matrix"), belongings("beeline")
    missing = dict.fromkeys(foreign, MISSING)
    for row in bound_rows(role):
        ask = Asking(row, client, request_of, belongings(TENANTS[role]), belongings(TENANTS[role]))
        where = f"{role} {row['method']} {row['path']}"
        if any(kind != "-" for kind in in_path(row)):
            absent = ask.about(path=missing)
            assert absent[0] == 404, f"{where}: the request itself is refused: {absent}"
            assert ask.about(path=foreign) == absent, where
        if in_body(row):
            absent = ask.about(body=missing)
            assert absent[0] < 500, where
            assert ask.about(body=foreign) == absent, f"{where}: named in the body"
        mine = ask.about()
        assert mine[0] < 500, where
        if CENTRAL in row["belongs"]:
            assert mine == absent, where
        else:
            assert mine[0] not in (404, 422), f"{where}: one's own: {mine}"


@pytest.mark.parametrize("role", TENANTS)
def test_no_list_shows_a_thing_of_another_tenant(routes, request_of, client_as, belongings, role):
    own, foreign = belongings(TENANTS[role]), belongings("beeline")
    client, shown = client_as(role, TENANTS[role]), set()
    for (method, path), route in routes.items():
        scope = scope_of_route(route)
        if method == "GET" and "{" not in path and path not in STREAMED and scope in ROLE_SCOPES[role]:
            text = client.request(**request_of(method, path, [])).text
            assert not [kind for kind, one in foreign.items() if one in text and kind != "observable"], (role, path)
            shown |= {kind for kind, one in own.items() if one in text}
    assert shown >= ({"report"} if "reports:read" in ROLE_SCOPES[role] else set()), "one's own are not shown either"
