"""The OpenAPI document: it tells everything that is served, and what is served does as it tells."""

import json
import os

import msgspec
import pytest
import schemathesis
from http_desk import CLIENTS, TOKENS, make_http_desk
from schemathesis_run import Run

from tosqauyl.gate.http.access import SCOPES, Client, hashed
from tosqauyl.gate.http.bodies import RoamingAnswer, ScreenAnswer, ScreenRequest
from tosqauyl.gate.http.openapi import _ANSWERS, _EXAMPLES, document
from tosqauyl.gate.http.problems import KINDS
from tosqauyl.gate.http.routes import ROUTES

EXAMPLES = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 10
"""Fuzzed requests of each operation."""
ALL = "tq_all"


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    return make_http_desk(tmp_path_factory.mktemp("openapi"))


def schema_of(http, examples):
    settings = {
        "headers": {"Authorization": f"Bearer {ALL}"},
        "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
        # What a schema cannot say: whether there is such a trunk, or such a number; the gate answers these with 422.
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 409, 422]}},
    }
    config = schemathesis.config.SchemathesisConfig.from_dict(settings)
    schema = schemathesis.openapi.from_asgi("/openapi.json", http.app, config=config)

    @schema.hook
    def map_body(context, body):
        """Half of the calls come over a trunk that exists."""
        if isinstance(body, dict) and isinstance(body.get("trunk"), str) and len(body["trunk"]) in range(1, 128, 2):
            return body | {"trunk": "abroad"}
        return body

    return schema


def test_schemathesis_finds_no_5xx_and_nothing_undocumented(tmp_path):
    """Every check that schemathesis has: statuses, types, headers and shapes of answers; bad data and no token refused."""
    clients = (Client("all", hashed(ALL), "", frozenset(SCOPES), "kcell"),)
    http = make_http_desk(tmp_path, clients=clients)
    run = Run(schema_of(http, EXAMPLES))
    assert run.failures == []
    assert not [alarm for alarm in http.alarms if "HTTP" in alarm]
    for route in ROUTES:
        if route.name == "read_document":
            continue  # it was fetched to begin with, and is not fetched again
        seen = run.statuses[f"{route.method} {route.path}"]
        assert any(status in route.gives for status in seen), f"{route.name} never succeeded: {seen}"
        assert max(seen) < 500
        assert sum(seen.values()) > 5


def test_the_document_and_the_server_have_the_same_routes(http):
    told = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert told == {(route.method, route.path) for route in ROUTES}
    served = {(method, path.path) for path in http.app.routes for method in path.methods - {"HEAD"}}
    assert served == told
    assert json.loads(http.send("GET", "/openapi.json").body) == json.loads(json.dumps(document()))


def test_every_guarded_operation_names_its_scope():
    for route in ROUTES:
        told = document()["paths"][route.path][route.method.lower()]
        assert told["security"] == ([{"token": [route.scope]}, {"certificate": [route.scope]}] if route.scope else [])
        assert told["operationId"] == route.name
    assert {scope for client in CLIENTS for scope in client.scopes} == {route.scope for route in ROUTES} - {""}


def test_every_problem_is_told_by_some_route_or_comes_before_any():
    told = {slug for route in ROUTES for slug in route.all_problems}
    assert set(KINDS) - told == {"not-found", "method-not-allowed"}


def test_the_examples_are_what_the_gate_takes_and_gives(http):
    msgspec.convert(_EXAMPLES["screen_call"], ScreenRequest)
    msgspec.convert(_ANSWERS["screen_call"], ScreenAnswer)
    for name in ("report_events", "replace_roaming"):
        msgspec.convert(_ANSWERS[name], RoamingAnswer)
    said = http.screen(**(_EXAMPLES["screen_call"] | {"trunk": "abroad"})).json
    shown = _ANSWERS["screen_call"] | {
        "decision": said["decision"],
        "policy": said["policy"],
        "snapshot": said["snapshot"],
    }
    assert said == shown


def test_an_unknown_path_and_an_unknown_method_are_problems_too(http):
    assert http.send("GET", "/").problem == "not-found"
    assert http.send("GET", "/healthz/").problem == "not-found"
    answer = http.send("DELETE", "/v1/roaming", TOKENS["feed"])
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) == {"POST", "PUT"}


def test_head_is_get_without_its_body(http):
    answer = http.send("HEAD", "/healthz")
    assert (answer.status, answer.headers["content-length"]) == (200, str(len(http.send("GET", "/healthz").body)))
    assert http.send("HEAD", "/v1/status").status == 401
