"""Who may do what: every route with every scope, tokens, certificates, and addresses that are refused."""

import asyncio
import hashlib

import pytest
from http_desk import CALL, CLIENTS, TOKENS, asgi, make_http_desk

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.http.access import SCOPES, Access, Client, hashed, new_token
from tosqauyl.gate.http.options import Http, check_exposure, is_loopback
from tosqauyl.gate.http.routes import ROUTES
from tosqauyl.tls import TlsFiles

GUARDED = [route for route in ROUTES if route.scope]
OPEN = [route for route in ROUTES if not route.scope]
HOW = {
    "screen_call": {"json": CALL},
    "report_events": {"json": {"events": []}},
    "notify_roaming": {
        "headers": {"content-type": "application/cloudevents+json"},
        "json": {
            "id": "1",
            "source": "https://kcell.example.kz",
            "specversion": "1.0",
            "time": "2026-11-28T10:00:00+05:00",
            "type": "org.camaraproject.device-roaming-status-subscriptions.v0.roaming-on",
            "data": {"device": {"phoneNumber": "+77011234567"}, "subscriptionId": "s"},
        },
    },
    "replace_roaming": {"body": b"+77011234567\n", "headers": {"content-type": "text/plain"}},
}


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    return make_http_desk(tmp_path_factory.mktemp("access"))


def named(routes):
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


@named(GUARDED)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_route_answers_its_own_scope_and_refuses_every_other(http, route, scope):
    answer = http.send(route.method, route.path, TOKENS[scope], **HOW.get(route.name, {}))
    if scope == route.scope:
        assert answer.status in route.gives
    else:
        assert (answer.status, answer.problem) == (403, "scope-missing")
        assert f'scope="{route.scope}"' in answer.headers["www-authenticate"]


@named(GUARDED)
@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer tq_wrong"}, {"authorization": f"Basic {TOKENS['screen']}"}, {"authorization": "Bearer"},
     {"authorization": "Bearer " + "x" * 5000}, {"authorization": TOKENS["metrics"]}, {"authorization": "\xff"}],
    ids=["none", "wrong", "basic", "empty", "endless", "bare", "bytes"],
)  # fmt: skip
def test_a_route_refuses_who_shows_nothing_or_something_wrong(http, route, headers):
    how = HOW.get(route.name, {})
    answer = http.send(route.method, route.path, **how | {"headers": how.get("headers", {}) | headers})
    assert (answer.status, answer.problem) == (401, "no-client")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="tosqauyl"')
    assert ('error="invalid_token"' in answer.headers["www-authenticate"]) == bool(headers)


@named(OPEN)
def test_the_open_routes_are_these_and_need_nobody(http, route):
    assert route.path in ("/healthz", "/readyz", "/openapi.json")
    assert http.send(route.method, route.path).status == 200
    assert http.send(route.method, route.path, "tq_wrong").status == 200


def test_nothing_of_a_strangers_body_is_read(http):
    async def unreadable(scope, receive, send):
        async def broken():
            raise AssertionError("somebody read the body")

        await http.app(scope, broken, send)

    answer = asyncio.run(asgi(unreadable, "POST", "/v1/calls:screen", {"content-type": "application/json"}, [b""]))
    assert answer.status == 401


def test_a_certificate_is_as_good_as_a_token(http):
    answer = http.send("POST", "/v1/calls:screen", json=CALL, names=("other.kz", "sbc.example.kz"))
    assert answer.status == 200
    assert http.send("POST", "/v1/calls:screen", json=CALL, names=("other.kz",)).status == 401


def test_a_wrong_token_is_not_mended_by_a_right_certificate(http):
    assert http.send("POST", "/v1/calls:screen", "tq_wrong", json=CALL, names=("sbc.example.kz",)).status == 401


def test_where_token_and_certificate_are_configured_both_are_needed(http):
    assert http.send("GET", "/v1/status", "tq_both").status == 401
    assert http.send("GET", "/v1/status", names=("noc.example.kz",)).status == 401
    assert http.send("GET", "/v1/status", "tq_both", names=("noc.example.kz",)).status == 200


def test_a_client_of_one_trunk_may_not_ask_about_another(http):
    answer = http.send("POST", "/v1/calls:screen", "tq_one-trunk", json=CALL)
    assert (answer.status, answer.problem) == (403, "trunk-not-allowed")
    assert http.send("POST", "/v1/calls:screen", "tq_one-trunk", json=CALL | {"trunk": "nowhere"}).status == 403
    assert http.send("POST", "/v1/calls:screen", "tq_one-trunk", json=CALL | {"trunk": "home"}).status == 200


def test_a_token_is_256_bits_and_only_its_hash_is_ever_compared():
    token = new_token(bytes(range(32)))
    assert token == "tq_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert hashed(token) == "sha256:" + hashlib.sha256(token.encode()).hexdigest()
    access = Access((Client("one", hashed(token), "", frozenset(("screen",))),))
    assert access.client(f"bearer   {token} ", ()) is access.clients[0]
    assert access.client(f"Bearer {hashed(token)}", ()) is None, "the configuration's text is no token"


def test_a_client_without_token_or_certificate_is_nobody():
    assert Access((Client("none"),)).client("Bearer ", ()) is None
    assert Access((Client("none"),)).client(None, ("",)) is None


TLS = TlsFiles("cert.pem", "key.pem")
MUTUAL = TlsFiles("cert.pem", "key.pem", "ca.pem")
TOKEN_ONLY = tuple(client for client in CLIENTS if not client.certificate)


@pytest.mark.parametrize(
    ("host", "tls", "clients", "what"),
    [
        ("127.0.0.1", TlsFiles(), TOKEN_ONLY, ""),
        ("::1", TlsFiles(), (), ""),
        ("localhost", TlsFiles(), (), ""),
        ("127.0.0.1", TlsFiles(), CLIENTS, "http.client_ca is not set"),
        ("0.0.0.0", TlsFiles(), TOKEN_ONLY, "not loopback, and HTTP without TLS"),
        ("::", TlsFiles(), TOKEN_ONLY, "not loopback, and HTTP without TLS"),
        ("192.0.2.1", TlsFiles(), TOKEN_ONLY, "not loopback, and HTTP without TLS"),
        ("gate.example.kz", TlsFiles(), TOKEN_ONLY, "not loopback, and HTTP without TLS"),
        ("0.0.0.0", TLS, (), "no client is configured"),
        ("0.0.0.0", TLS, TOKEN_ONLY, ""),
        ("0.0.0.0", TLS, CLIENTS, "http.client_ca is not set"),
        ("0.0.0.0", MUTUAL, (), ""),
        ("0.0.0.0", MUTUAL, CLIENTS, ""),
        ("127.0.0.1", TlsFiles("cert.pem"), (), "go together"),
        ("127.0.0.1", TlsFiles(client_ca="ca.pem"), (), "without http.certificate"),
    ],
)
def test_an_address_is_served_only_as_guarded_as_it_must_be(host, tls, clients, what):
    http = Http((host, 8060), tls)
    if not what:
        check_exposure(http, clients)
        return
    with pytest.raises(TosqauylError, match=what) as refused:
        check_exposure(http, clients)
    assert refused.value.hint


def test_a_name_that_only_looks_like_loopback_is_not():
    assert not any(map(is_loopback, ("127.0.0.1.example.kz", "localhost.example.kz", "0.0.0.0", "", "::ffff:0:0")))
