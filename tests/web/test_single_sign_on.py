"""Single sign-on against a provider over real HTTP (tests/web/oidc_provider.py, a peer of our own making)."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select
from starlette.testclient import TestClient

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.oidc import Provider, Relying, RoleOf, check_address
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.sessions import SessionRules
from tosqauyl.registry.tables import Account, AuditEntry
from tosqauyl.web.access import Desk
from tosqauyl.web.app import build


def _module(name):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


peer = _module("oidc_provider")
PUBLIC = "https://office.test"
ROLES = (RoleOf("supervisors", "supervisor", "centre"), RoleOf("fraud-analysts", "analyst", "centre"))


@pytest.fixture
def provider(clock):
    with peer.OidcProvider(lambda: clock[0] // 1000) as served:
        yield served


@pytest.fixture
def office_with(office, registry):
    """Makes a client of an office that signs people in by a provider."""
    opened = []

    def make(served, **said):
        settings = Provider(served.issuer, peer.CLIENT, peer.SECRET, f"{PUBLIC}/v1/sign-in/sso/callback", roles=ROLES)
        relying = Relying(replace(settings, **said), registry.vault, registry.clock)
        office.access = Desk(
            registry, Passwords(PasswordRules(memory_kib=64, passes=1, lanes=1)), SessionRules(), True, relying
        )
        office.public_url = PUBLIC
        client = TestClient(build(office, ("sign_in", "me")), base_url=PUBLIC, follow_redirects=False)
        opened.extend((client, relying))
        return client

    yield make
    for one in opened:
        one.close()


def begun(client):
    """Where the browser is sent."""
    answer = client.get("/v1/sign-in/sso")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def came_back(where):
    """The query that the browser brings back from the provider."""
    back = httpx.get(where, follow_redirects=False, trust_env=False).headers["location"]
    assert back.startswith(f"{PUBLIC}/v1/sign-in/sso/callback?")
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


def ended(client, query):
    return client.get("/v1/sign-in/sso/callback", params=query)


def whole(client):
    return ended(client, came_back(begun(client)))


def refused(answer):
    return (
        answer.status_code == 401
        and answer.json()["type"].endswith("no-caller")
        and "tosqauyl=" not in str(answer.headers)
    )


def accounts(registry):
    with registry.read(SYSTEM) as work:
        return [(one.login, one.role, one.organisation, one.subject) for one in work.db.scalars(select(Account))]


def test_a_person_comes_in_and_gets_the_role_of_the_group(provider, office_with, registry):
    client = office_with(provider)
    answer = whole(client)
    assert answer.status_code == 200, answer.text
    assert f'url={PUBLIC}/"' in answer.text
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-tosqauyl="))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    me = client.get("/v1/me").json()
    assert (me["login"], me["role"], me["organisation"], me["needs"]) == ("aida", "analyst", "centre", "")
    assert accounts(registry) == [("aida", "analyst", "centre", "42")]


def test_the_same_person_again_is_the_same_account_and_a_role_that_changed_there_changes_here(
    provider, office_with, registry
):
    client = office_with(provider)
    whole(client)
    provider.claims["groups"] = ["other", "supervisors"]
    assert whole(client).status_code == 200
    assert accounts(registry) == [("aida", "supervisor", "centre", "42")]
    with registry.read(SYSTEM) as work:
        assert "role-changed" in work.db.scalars(select(AuditEntry.verb)).all()


def test_a_supervisor_still_needs_codes_unless_the_provider_asked_for_a_second_factor(provider, office_with):
    provider.claims["groups"] = ["supervisors"]
    client = office_with(provider, second_factor=("otp", "mfa"))
    whole(client)
    assert client.get("/v1/me").json()["needs"] == "totp"
    provider.claims["amr"] = ["pwd", "otp"]
    whole(client)
    assert client.get("/v1/me").json()["needs"] == ""


def test_who_has_no_group_of_ours_or_is_disabled_stays_outside(provider, office_with, registry):
    client = office_with(provider)
    provider.claims["groups"] = ["catering"]
    assert refused(whole(client))
    assert accounts(registry) == []
    provider.claims["groups"] = ["fraud-analysts"]
    whole(client)
    with registry.work(SYSTEM) as work:
        work.db.scalars(select(Account)).one().disabled = True
    assert refused(whole(client))


def test_somebody_with_the_login_of_a_local_account_does_not_get_it(provider, office_with, registry):
    client = office_with(provider)
    with registry.work(SYSTEM) as work:
        work.db.add(
            Account(id=work.new_id(), organisation="centre", login="aida", role="admin", password="x", created=1)
        )
    assert refused(whole(client))
    assert accounts(registry) == [("aida", "admin", "centre", "")]


WRONG = {
    "another nonce": {"nonce": "n" * 43}, "no nonce": {"nonce": None}, "over": {"exp": 1}, "never over": {"exp": None},
    "of the future": {"iat": 9_999_999_999}, "for another client": {"aud": "bank"}, "for several, and not for us": {"aud": ["office", "bank"]},
    "given to another": {"azp": "bank"}, "of another issuer": {"iss": "https://evil.kz"}, "for nobody": {"sub": ""}, "a number as name": {"sub": 42},
    "for nobody at all": {"aud": []},
}  # fmt: skip


def test_a_token_with_a_wrong_claim_opens_nothing(provider, office_with, registry):
    client, right = office_with(provider), dict(provider.claims)
    for case, wrong in WRONG.items():
        provider.claims = right | wrong
        assert refused(whole(client)), case
    assert accounts(registry) == []
    provider.claims = right
    assert whole(client).status_code == 200


def test_a_token_that_the_provider_did_not_sign_opens_nothing(provider, office_with, registry):
    client, right = office_with(provider), provider.sign
    for how in ("unsigned", "signed_with_public_key", "signed_by_another"):
        provider.sign = getattr(provider, how)
        assert refused(whole(client)), how
    for token in ("", "x", "a.b.c", "e30.e30.e30", None, 5, {"a": 1}):
        provider.sign = lambda claims, token=token: token
        assert refused(whole(client)), token
    assert accounts(registry) == []
    provider.sign = right
    assert whole(client).status_code == 200


def test_an_answer_to_another_sign_in_opens_nothing(provider, office_with):
    client = office_with(provider)
    query = came_back(begun(client))
    begun(client)
    assert refused(ended(client, query))


def test_an_answer_without_a_cookie_with_a_forged_one_or_of_another_provider_opens_nothing(provider, office_with):
    client = office_with(provider)
    query = came_back(begun(client))
    other = {**query, "iss": "https://evil.kz"}
    assert refused(ended(client, other))
    assert refused(ended(client, {name: value for name, value in query.items() if name != "iss"}))
    client.cookies.clear()
    assert refused(ended(client, query))
    client.cookies.set("__Host-tosqauyl-sso", "rubbish", domain="office.test")
    assert refused(ended(client, query))


def test_a_code_works_once(provider, office_with):
    client = office_with(provider)
    where = begun(client)
    kept = dict(client.cookies)
    query = came_back(where)
    assert ended(client, query).status_code == 200
    client.cookies.update(kept)
    assert refused(ended(client, query))


def test_whoever_takes_too_long_begins_again(provider, office_with, clock):
    client = office_with(provider)
    query = came_back(begun(client))
    clock[0] += 10 * 60_000
    assert refused(ended(client, query))


def test_a_new_key_of_the_provider_is_fetched_but_not_more_often_than_once_a_minute(provider, office_with, clock):
    client = office_with(provider)
    assert whole(client).status_code == 200
    provider.key = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    assert refused(whole(client))
    clock[0] += 60_000
    assert whole(client).status_code == 200
    assert provider.asked.count("keys") == 2


def test_a_description_that_leads_elsewhere_or_is_too_long_is_not_followed(provider, office_with):
    client = office_with(provider)
    for said in (
        {"issuer": "https://evil.kz"}, {"token_endpoint": "http://evil.kz/token"}, {"jwks_uri": "file:///etc/passwd"},
        {"padding": "x" * (257 << 10)},
    ):  # fmt: skip
        provider.described = said
        assert refused(client.get("/v1/sign-in/sso")), said
    provider.described = {}
    assert client.get("/v1/sign-in/sso").status_code == 303


def test_a_provider_that_is_down_is_told_and_passwords_go_on(provider, office_with):
    client = office_with(provider)
    provider.__exit__()
    answer = client.get("/v1/sign-in/sso")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "unavailable")
    assert client.post("/v1/sign-in", json={"login": "aida", "password": "x"}).status_code == 401


@pytest.mark.parametrize(
    "url",
    ["http://idp.kz", "ftp://idp.kz", "", "https://", "https://user@idp.kz", "http://127.0.0.1.evil.kz", "http://["],
)
def test_only_https_and_this_machine_are_addresses_of_a_provider(url):
    with pytest.raises(TosqauylError):
        check_address(url)


@pytest.mark.parametrize("url", ["https://idp.kz/realms/a", "http://127.0.0.1:8080", "http://[::1]/"])
def test_https_and_this_machine_are(url):
    check_address(url)
