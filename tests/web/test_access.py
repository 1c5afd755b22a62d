"""The desk of access over the real application: passwords, codes, cookies, CSRF, keys; what an expired, forged or foreign one gets."""

from contextlib import contextmanager

import pyotp
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from tosqauyl.registry import accounts, keys
from tosqauyl.registry.accounts import NewAccount
from tosqauyl.registry.actor import CENTRE, SYSTEM
from tosqauyl.registry.keys import NewKey
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.sessions import SessionRules
from tosqauyl.registry.tables import Account, AuditEntry, Bucket
from tosqauyl.web.access import Desk
from tosqauyl.web.app import build

PASSWORD = "correct horse battery"
OTHER = "four blue goats sing"
MINUTE = 60_000
MODULES = ("sign_in", "me", "accounts", "keys", "audit", "personal", "health")


@pytest.fixture
def desk(office, registry):
    office.access = Desk(registry, Passwords(PasswordRules(memory_kib=64, passes=1, lanes=1)), SessionRules())
    return office.access


@pytest.fixture
def visitor(office, desk):
    """Makes a browser."""
    opened = []

    def make(address="https://office.test"):
        opened.append(TestClient(build(office, MODULES), base_url=address, follow_redirects=False))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def person(desk, registry):
    """Makes an account with a password: login, role, organisation."""

    def make(login, role, organisation=CENTRE):
        with registry.work(SYSTEM) as work:
            account, token = accounts.add(work, NewAccount(login, role, organisation))
        accounts.set_up(registry, desk.passwords, token, PASSWORD)
        return account.id

    return make


@pytest.fixture
def signed_in(visitor, person, clock):
    """Makes a browser in which somebody is signed in wholly."""

    def make(login, role, organisation=CENTRE):
        person(login, role, organisation)
        return enter(visitor(), login, clock)

    return make


def enter(client, login, clock):
    said = client.post("/v1/sign-in", json={"login": login, "password": PASSWORD}).json()
    client.headers["X-CSRF-Token"] = said["csrf"]
    if said["needs"] == "totp":
        secret = client.post("/v1/me/totp").json()["secret"]
        code = pyotp.TOTP(secret).at(clock[0] // 1000)
        client.headers["X-CSRF-Token"] = client.post("/v1/me/totp:confirm", json={"code": code}).json()["csrf"]
    return client


@contextmanager
def bearer(client, key):
    client.headers["Authorization"] = f"Bearer {key}"
    yield client
    del client.headers["Authorization"]


def slug(answer):
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def new_key(registry, role="operator", organisation="kcell", **said):
    with registry.work(SYSTEM) as work:
        return keys.add(work, NewKey(organisation, "test", role, **said))


def test_a_new_account_sets_its_password_signs_in_and_sets_codes_up(visitor, registry, clock):
    with registry.work(SYSTEM) as work:
        _, token = accounts.add(work, NewAccount("sam", "supervisor", CENTRE))
    client = visitor()
    assert client.post("/v1/set-up", json={"token": token, "password": PASSWORD}).status_code == 204
    answer = client.post("/v1/sign-in", json={"login": "sam", "password": PASSWORD})
    assert answer.json()["needs"] == "totp"
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tosqauyl=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} == set(cookie.split("; ")[1:])
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    secret = client.post("/v1/me/totp").json()["secret"]
    before = client.cookies["__Host-tosqauyl"]
    assert slug(client.get("/v1/audit")) == (401, "second-factor")
    said = client.post("/v1/me/totp:confirm", json={"code": pyotp.TOTP(secret).at(clock[0] // 1000)}).json()
    assert said["needs"] == ""
    assert client.cookies["__Host-tosqauyl"] != before
    me = client.get("/v1/me").json()
    assert (me["login"], me["role"], me["needs"], me["second_factor"], me["csrf"]) == (
        "sam",
        "supervisor",
        "",
        True,
        said["csrf"],
    )

    clock[0] += MINUTE
    client = visitor()
    said = client.post("/v1/sign-in", json={"login": "sam", "password": PASSWORD}).json()
    assert said["needs"] == "code"
    client.headers["X-CSRF-Token"] = said["csrf"]
    assert slug(client.get("/v1/audit")) == (401, "second-factor")
    assert slug(client.post("/v1/sign-in/code", json={"code": "000000"})) == (401, "no-caller")
    code = pyotp.TOTP(secret).at(clock[0] // 1000)
    assert client.post("/v1/sign-in/code", json={"code": code}).json()["needs"] == ""
    assert slug(client.get("/v1/audit")) == (403, "forbidden")


def test_unknown_login_and_wrong_password_get_the_same_words(visitor, person):
    person("aida", "analyst")
    answers = [
        visitor().post("/v1/sign-in", json={"login": login, "password": OTHER}) for login in ("aida", "nobody", "AIDA")
    ]
    assert {one.status_code for one in answers} == {401}
    assert len({one.text for one in answers}) == 1
    assert all("WWW-Authenticate" in one.headers for one in answers)


def test_a_write_by_a_session_needs_its_csrf_token_and_a_read_does_not(signed_in, visitor):
    client, other = signed_in("ann", "admin"), signed_in("bob", "admin")
    wanted = {"name": "x", "role": "gate"}
    token = client.headers.pop("X-CSRF-Token")
    assert client.get("/v1/keys").status_code == 200
    for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": other.headers["X-CSRF-Token"]}):
        assert slug(client.post("/v1/keys", json=wanted, headers=wrong)) == (403, "forbidden")
        assert slug(client.post("/v1/sign-out", headers=wrong)) == (403, "forbidden")
    assert client.post("/v1/keys", json=wanted, headers={"X-CSRF-Token": token}).status_code == 201


def test_a_session_that_is_over_is_refused_and_keeps_nobody_from_a_new_one(signed_in, clock):
    client = signed_in("ann", "admin")
    clock[0] += 30 * MINUTE
    for answer in (client.get("/v1/keys"), client.get("/v1/me"), client.get("/v1/health")):
        assert slug(answer) == (401, "no-caller")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert client.post("/v1/sign-in", json={"login": "ann", "password": PASSWORD}).json()["needs"] == "code"


def test_a_session_in_use_stays_and_one_that_is_forged_does_not(signed_in, visitor, clock):
    client = signed_in("ann", "admin")
    for _ in range(4):
        clock[0] += 20 * MINUTE
        assert client.get("/v1/keys").status_code == 200
    forged = visitor()
    for value in ("x", "", client.cookies["__Host-tosqauyl"][:-1], "\u00e9", "\x80"):
        cookie = f"__Host-tosqauyl={value}".encode("latin-1")
        assert slug(forged.get("/v1/keys", headers={"Cookie": cookie})) == (401, "no-caller")


def test_signing_out_ends_this_session_and_everywhere_ends_all(signed_in, visitor, clock):
    one = signed_in("aida", "analyst")
    two, three = enter(visitor(), "aida", clock), enter(visitor(), "aida", clock)
    stolen = one.cookies["__Host-tosqauyl"]
    assert one.post("/v1/sign-out").status_code == 204
    assert "__Host-tosqauyl" not in one.cookies
    one.cookies.set("__Host-tosqauyl", stolen, domain="office.test")
    assert [client.get("/v1/me").status_code for client in (one, two, three)] == [401, 200, 200]
    assert two.post("/v1/sign-out/everywhere").status_code == 204
    assert [client.get("/v1/me").status_code for client in (two, three)] == [401, 401]


def test_changing_the_password_ends_all_sessions(signed_in, visitor, clock):
    client = signed_in("aida", "analyst")
    said = {"password": PASSWORD, "new_password": "aida12345678"}
    assert slug(client.post("/v1/me/password", json=said)) == (422, "invalid")
    assert slug(client.post("/v1/me/password", json={"password": OTHER, "new_password": OTHER})) == (401, "no-caller")
    assert client.post("/v1/me/password", json={"password": PASSWORD, "new_password": OTHER}).status_code == 204
    assert slug(client.get("/v1/me"))[0] == 401
    assert visitor().post("/v1/sign-in", json={"login": "aida", "password": OTHER}).status_code == 200


def test_a_password_that_must_be_changed_comes_before_everything_else(visitor, person, registry):
    which = person("aida", "analyst")
    with registry.work(SYSTEM) as work:
        work.db.get(Account, which).must_change = True
    client = visitor()
    said = client.post("/v1/sign-in", json={"login": "aida", "password": PASSWORD}).json()
    client.headers["X-CSRF-Token"] = said["csrf"]
    assert said["needs"] == "password"
    assert slug(client.get("/v1/audit")) == (403, "forbidden")
    assert client.post("/v1/me/password", json={"password": PASSWORD, "new_password": OTHER}).status_code == 204


def test_where_the_office_serves_plain_http_the_cookie_has_a_plain_name(office, registry, person, visitor):
    person("aida", "analyst")
    office.access = Desk(registry, office.access.passwords, SessionRules(), secure=False)
    client = visitor("http://127.0.0.1:8480")
    cookie = client.post("/v1/sign-in", json={"login": "aida", "password": PASSWORD}).headers["set-cookie"]
    assert cookie.startswith("tosqauyl=")
    assert "Secure" not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert client.get("/v1/me").json()["login"] == "aida"


def test_a_disabled_account_is_out_at_once(signed_in, registry):
    admin, client = signed_in("ann", "admin"), signed_in("aida", "analyst")
    which = client.get("/v1/me").json()["id"]
    seen = admin.get(f"/v1/accounts/{which}").json()
    assert admin.post(f"/v1/accounts/{which}:disable", json={"version": seen["version"]}).json()["disabled"] is True
    assert client.get("/v1/me").status_code == 401
    assert slug(admin.post(f"/v1/accounts/{which}:enable", json={"version": seen["version"]})) == (409, "conflict")


def test_an_admin_adds_an_organisation_its_admin_and_a_key_and_the_secrets_are_shown_once(signed_in, visitor, clock):
    admin = signed_in("ann", "admin")
    assert admin.post("/v1/organisations", json={"id": "altel", "kind": "operator", "name": "Altel"}).status_code == 201
    assert slug(admin.post("/v1/organisations", json={"id": "altel", "kind": "bank", "name": "Other"})) == (
        409,
        "conflict",
    )
    made = admin.post("/v1/accounts", json={"login": "al", "role": "admin", "organisation": "altel"}).json()
    assert visitor().post("/v1/set-up", json={"token": made["token"], "password": PASSWORD}).status_code == 204
    tenant = enter(visitor(), "al", clock)
    assert [one["id"] for one in tenant.get("/v1/organisations").json()] == ["altel"]
    assert [one["login"] for one in tenant.get("/v1/accounts").json()["items"]] == ["al"]
    secret = tenant.post("/v1/keys", json={"name": "switch", "role": "operator", "scopes": ["lookup"]}).json()["secret"]
    listed = tenant.get("/v1/keys").json()["items"]
    assert [(one["organisation"], one["scopes"], one["state"]) for one in listed] == [("altel", ["lookup"], "active")]
    assert secret not in str(listed)
    assert secret.startswith(listed[0]["prefix"])
    assert tenant.post(f"/v1/keys/{listed[0]['id']}:revoke").json()["state"] == "revoked"
    assert slug(tenant.get(f"/v1/accounts/{admin.get('/v1/me').json()['id']}")) == (404, "not-found")
    assert len(admin.get("/v1/accounts", params={"limit": 1}).json()["items"]) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"login": "Al", "role": "analyst"}, {"login": "a\x00", "role": "analyst"}, {"login": "al", "role": "king"},
        {"login": "al", "role": "operator"}, {"login": "al", "role": "analyst", "more": 1}, {"login": "a" * 200, "role": "analyst"},
        {"login": "al\u202e", "role": "analyst"},
    ],
)  # fmt: skip
def test_what_cannot_be_an_account_is_refused_plainly(signed_in, said):
    assert slug(signed_in("ann", "admin").post("/v1/accounts", json=said)) == (422, "invalid")


def test_a_key_does_what_its_scopes_say_without_csrf_and_a_header_counts_before_a_cookie(signed_in, registry):
    _, gate = new_key(registry, "gate")
    client = signed_in("ann", "admin")
    with bearer(client, gate):
        assert slug(client.get("/v1/keys")) == (403, "forbidden")
        assert slug(client.get("/v1/me")) == (403, "forbidden")
        assert slug(client.post("/v1/me/totp")) == (403, "forbidden")
    assert client.get("/v1/keys").status_code == 200


@pytest.mark.parametrize(
    "shown",
    ["Bearer x", "Basic YTpi", "Bearer", "", "Bearer tq_0123456789ab_" + "0" * 64, "bearer \u00e9", "Bearer a b"],
)
def test_what_is_no_key_is_refused_also_where_nobody_need_be_known(visitor, shown):
    client = visitor()
    for path in ("/v1/keys", "/v1/health", "/v1/me"):
        answer = client.get(path, headers={"Authorization": shown.encode("latin-1")})
        assert slug(answer) == (401, "no-caller")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_revoked_and_expired_keys_are_refused(visitor, registry, clock):
    key, secret = new_key(registry, "auditor")
    with bearer(visitor(), secret) as client:
        assert client.get("/v1/audit").status_code == 200
        clock[0] = key.expires
        assert slug(client.get("/v1/audit")) == (401, "no-caller")
        clock[0] = key.created
        with registry.work(SYSTEM) as work:
            keys.revoke(work, key.id)
        assert slug(client.get("/v1/audit")) == (401, "no-caller")


def test_auditors_page_through_the_trail_and_tenants_see_their_own(signed_in, visitor, registry):
    auditor = signed_in("odd", "auditor")
    first = auditor.get("/v1/audit", params={"limit": 2}).json()
    assert [one["seq"] for one in first["items"]] == sorted((one["seq"] for one in first["items"]), reverse=True)
    second = auditor.get("/v1/audit", params={"limit": 200, "before": first["next"]}).json()
    assert {one["seq"] for one in first["items"] + second["items"]} == set(range(1, first["items"][0]["seq"] + 1))
    assert {one["verb"] for one in auditor.get("/v1/audit", params={"verb": "set-up"}).json()["items"]} == {"set-up"}
    for wrong in ({"before": 0}, {"before": "x"}, {"verb": "\x00"}, {"limit": 0}):
        assert slug(auditor.get("/v1/audit", params=wrong)) == (422, "invalid")
    _, secret = new_key(registry, "auditor")
    with bearer(visitor(), secret) as tenant:
        assert tenant.get("/v1/audit").json()["items"] == []
        assert slug(tenant.post("/v1/audit:verify")) == (403, "forbidden")


def test_the_chain_is_verified_and_a_changed_entry_is_found(signed_in, registry):
    auditor = signed_in("odd", "auditor")
    said = auditor.post("/v1/audit:verify").json()
    assert (said["sound"], said["broken"]) == (True, [])
    with registry.engine.begin() as connection:
        connection.execute(AuditEntry.__table__.update().where(AuditEntry.seq == 2).values(actor="nobody"))
    said = auditor.post("/v1/audit:verify").json()
    assert not said["sound"]
    assert said["broken"][0]["seq"] == 2


def test_whoever_tries_too_often_from_one_address_waits(visitor, person):
    person("aida", "analyst")
    client = visitor()
    answers = [client.post("/v1/sign-in", json={"login": "nobody", "password": OTHER}) for _ in range(61)]
    assert {one.status_code for one in answers[:60]} == {401}
    assert slug(answers[60]) == (429, "too-many")
    assert int(answers[60].headers["Retry-After"]) > 0


def test_nothing_of_a_session_is_kept_under_an_idempotency_key(visitor, person, registry):
    person("aida", "analyst")
    said, headers = {"login": "aida", "password": PASSWORD}, {"Idempotency-Key": "k" * 20}
    one = visitor().post("/v1/sign-in", json=said, headers=headers)
    two = visitor().post("/v1/sign-in", json=said, headers=headers)
    assert one.json()["csrf"] != two.json()["csrf"]
    assert "set-cookie" in two.headers


def test_where_nobody_signs_in_the_routes_say_so(office, registry, visitor):
    client = visitor()

    class Keys:
        def actor_of(self, request):
            return None

    office.access = Keys()
    assert slug(client.post("/v1/sign-in", json={"login": "a", "password": "b"})) == (404, "not-found")
    assert slug(client.get("/v1/me")) == (401, "no-caller")


def test_single_sign_on_is_absent_where_no_provider_is_configured(visitor):
    assert slug(visitor().get("/v1/sign-in/sso")) == (404, "not-found")
    assert slug(visitor().get("/v1/sign-in/sso/callback", params={"code": "x"})) == (404, "not-found")


def test_a_wrong_ticket_shows_and_erases_nothing_and_costs_a_token(visitor, registry):
    client = visitor()
    assert slug(client.post("/v1/public/personal:export", json={"ticket": "x"})) == (404, "not-found")
    assert slug(client.post("/v1/public/personal:erase", json={"ticket": "x", "erase": True})) == (404, "not-found")
    assert slug(client.post("/v1/public/personal:erase", json={"ticket": "x", "erase": False})) == (422, "invalid")
    with registry.read(SYSTEM) as work:
        assert [one.left for one in work.db.scalars(select(Bucket))] == [60 - 2]
