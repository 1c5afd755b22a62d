"""The OpenAPI 3.1 document, made from the route table and the Structs, so that nothing can be served undocumented."""

from http import HTTPStatus
from typing import Any, get_origin

import msgspec

from tosqauyl import __version__
from tosqauyl.gate.feeds import MOST_EVENTS
from tosqauyl.gate.http.access import SCOPES
from tosqauyl.gate.http.problems import KINDS, MEDIA_TYPE, PREFIX, Problem
from tosqauyl.gate.http.routes import JSON, ROUTES, TEXT, Route

_ABOUT = """\
The HTTP side of a Tosqauyl gate. Every path under /v1, and /metrics, needs a client with the scope that the path names:
a token in `Authorization: Bearer ...` or a TLS client certificate. Scopes: {scopes}.

Errors are problem details (RFC 9457). Bytes that are not HTTP get 400 and the connection ends; a connection that is one too
many, or too slow with its request, is closed without an answer.
"""


def _header(required: bool, doc: str) -> dict[str, Any]:
    return {"required": required, "description": doc, "schema": {"type": "string"}}


_WITH_HEADERS = {
    401: {"WWW-Authenticate": _header(True, "RFC 6750 section 3.")},
    403: {"WWW-Authenticate": _header(False, "RFC 6750 section 3, where the scope is missing.")},
    503: {"Retry-After": _header(False, "Seconds.")},
}
"""Headers of problems, by status."""
_LANGUAGE = {
    "name": "Accept-Language", "in": "header", "required": False,
    "description": "Language of `text`: kk, ru or en; English where none of them is named.",
    "schema": {"type": "string"}, "example": "kk",
}  # fmt: skip


def document(routes: tuple[Route, ...] = ROUTES) -> dict[str, Any]:
    """The whole document as a JSON-able value; the same for every gate of a version."""
    structs = _structs(routes)
    schemas, components = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    refs = dict(zip(structs, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tosqauyl gate", "version": __version__, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": _ABOUT.format(scopes=", ".join(SCOPES)),
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token made by `tosqauyl token`."},
                "certificate": {"type": "mutualTLS", "description": "A certificate whose alternative name is a client's."},
            },
        },
    }  # fmt: skip


def _structs(routes: tuple[Route, ...]) -> list[Any]:
    used = [given for route in routes for given in (*_by_type(route.takes).values(), *route.gives.values())]
    return list(dict.fromkeys([Problem, *(one for one in used if _has_schema(one))]))


def _by_type(given: Any) -> dict[str, Any]:
    """What a route takes or gives, by media type; nothing for no body."""
    if given is None or isinstance(given, dict):
        return given or {}
    return {TEXT if given in (str, bytes) else JSON: given}


def _has_schema(given: Any) -> bool:
    """Whether it is a Struct, or a list of them."""
    return get_origin(given) is list or (isinstance(given, type) and issubclass(given, msgspec.Struct))


def _operation(route: Route, refs: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": route.doc + (f" Scope: {route.scope}." if route.scope else ""),
        "security": [{"token": [route.scope]}, {"certificate": [route.scope]}] if route.scope else [],
        "responses": _responses(route, refs),
    }
    parameters = [
        {"name": one.name, "in": "query", "required": False, "description": one.doc, "schema": one.schema}
        for one in route.parameters
    ]
    if route.name == "screen_call":
        parameters.append(_LANGUAGE)
    if parameters:
        operation["parameters"] = parameters
    if route.takes:
        operation["requestBody"] = {"required": True, "content": _content(route.takes, refs, _EXAMPLES.get(route.name))}
    return operation


def _content(given: Any, refs: dict[Any, dict[str, Any]], example: object = None) -> dict[str, Any]:
    """Media types and schemas of a body. An example stands for one thing; of a list it is the only member."""
    content: dict[str, Any] = {}
    for media_type, kind in _by_type(given).items():
        made = content[media_type] = {}
        if _has_schema(kind):
            made["schema"] = refs[kind]
        else:
            made["schema"] = {"type": "object" if kind is dict else "string"}
        if get_origin(kind) is list:
            made["schema"] = made["schema"] | {"maxItems": MOST_EVENTS}
        if example is not None:
            made["example"] = [example] if get_origin(kind) is list else example
    return content


def _responses(route: Route, refs: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {"description": _phrase(status)}
        | ({"content": _content(given, refs, _ANSWERS.get(route.name))} if given is not None else {})
        for status, given in route.gives.items()
    }
    by_status: dict[int, list[str]] = {}
    for slug in route.all_problems:
        by_status.setdefault(KINDS[slug].status, []).append(slug)
    for status, slugs in sorted(by_status.items()):
        found = responses.setdefault(str(status), {"description": _phrase(status), "content": {}})
        found["content"][MEDIA_TYPE] = {"schema": refs[Problem], "examples": {slug: _shown(slug) for slug in slugs}}
        if status in _WITH_HEADERS:
            found["headers"] = _WITH_HEADERS[status]
    return responses


def _shown(slug: str) -> dict[str, object]:
    kind = KINDS[slug]
    return {"value": {"type": PREFIX + slug, "title": kind.title, "status": kind.status}}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


_EXAMPLES: dict[str, object] = {
    "screen_call": {
        "trunk": "from-abroad", "call_id": "3848276298220188511@sbc", "called": "+77017654321",
        "asserted": "+77172123456", "presented": "+77172123456",
    },
    "report_events": {"events": [{"number": "+77011234567", "state": "abroad"}]},
    "notify_roaming": {
        "id": "123656", "source": "https://notifications.example.kz", "specversion": "1.0",
        "type": "org.camaraproject.device-roaming-status-subscriptions.v0.roaming-on", "datacontenttype": "application/json",
        "time": "2026-11-28T10:00:00+05:00",
        "data": {"device": {"phoneNumber": "+77011234567"}, "subscriptionId": "qs15-h556-rt89-1298"},
    },
    "replace_roaming": "+77011234567\n+77011234568\n",
}  # fmt: skip
_ANSWERS: dict[str, object] = {
    "screen_call": {
        "decision": "http|from-abroad|3848276298220188511@sbc", "verdict": "stop", "reason": "fixed-from-abroad",
        "rule": "kz-fixed-abroad", "class": "deterministic",
        "text": "A Kazakh fixed line calls from abroad. A fixed line does not travel.",
        "would": {
            "verdict": "stop", "reason": "fixed-from-abroad", "rule": "kz-fixed-abroad",
            "text": "A Kazakh fixed line calls from abroad. A fixed line does not travel.",
        },
        "sip_status": 603, "changes": {}, "divert_to": "", "home_network": "not_asked", "home_source": "none",
        "home_age": -1.0, "originated": "unknown", "origination": "not_asked", "faults": [],
        "policy": "0123456789abcdef", "snapshot": "fedcba9876543210",
    },
    "report_events": {
        "accepted": 1, "changed": 1, "refused": [], "refused_count": 0, "sequence": 17, "swing_percent": 0.01,
        "promise": "kept", "durable": True, "digest": "",
    },
    "replace_roaming": {
        "accepted": 2, "changed": 1, "refused": [], "refused_count": 0, "sequence": 18, "swing_percent": 0.5,
        "promise": "none", "durable": True, "digest": "",
    },
}  # fmt: skip
