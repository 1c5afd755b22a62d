"""Pages of the own account, users, organisations, keys of programs and webhooks."""

import re

import pytest

from tosqauyl.registry.actor import ROLE_SCOPES, SCOPES, SYSTEM
from tosqauyl.registry.deliveries import deliver_due
from tosqauyl.registry.guarded_fetch import Answer
from tosqauyl.registry.keys import KEY_SCOPES
from tosqauyl.registry.webhooks import announce
from tosqauyl.registry.words import ORGANISATIONS
from tosqauyl.web.pages.labels import LABELS

SCRIPT = '<script>alert("x")</script>'
PASSWORD = "another good password"


def shown(text: str, name: str) -> str:
    """What is shown this once."""
    return re.search(rf'id="{name}">([^<]+)<', text)[1]


def version(text: str) -> str:
    return re.search(r'name="version" value="(\d+)"', text)[1]


def place(text: str, path: str) -> str:
    """The first link to one thing of a list."""
    return re.search(rf"{path}/[0-9a-f-]{{36}}", text)[0]


def place_of(text: str, name: str) -> str:
    """The link that a name is written on."""
    return re.search(rf'href="/en(/office/[a-z]+/[0-9a-f-]{{36}})">{re.escape(name)}<', text)[1]


@pytest.fixture
def admin(staff):
    return staff("admin")


@pytest.fixture
def added(admin):
    """A new analyst's place and token."""
    got = admin.submit(
        "/office/accounts/new", {"login": "aida", "role": "analyst", "organisation": "centre", "language": "kk"}
    )
    assert got.status_code == 200, got.text
    return place(got.text, "/office/accounts"), shown(got.text, "token")


@pytest.mark.parametrize("role", ROLE_SCOPES)
def test_everybody_is_told_who_one_is_and_what_one_may_do(staff, role):
    person = staff(role, {"operator": "kcell", "bank": "halyk", "police": "police"}.get(role, "centre"))
    text = person.see("/office/me")
    assert person.login in text
    for scope in SCOPES:
        assert (f"<li>{LABELS['scope'][scope]}</li>" in text) == (scope in ROLE_SCOPES[role]), scope


def test_every_word_of_access_has_a_name():
    assert LABELS["scope"].keys() == set(SCOPES)
    assert LABELS["role"].keys() == {*ROLE_SCOPES, *KEY_SCOPES}
    assert LABELS["organisation"].keys() == set(ORGANISATIONS)


def test_signing_out_everywhere_ends_every_session(staff, browser, desk):
    aida = staff("analyst")
    other = browser()
    other.submit("/office/sign-in", {"login": aida.login, "password": "correct horse battery"})
    other.see("/office/me")
    assert "/office/sign-in" in aida.done("/office/me/sign-out-everywhere")
    assert other.get("/en/office/me").status_code == 303
    assert aida.get("/en/office/me").status_code == 303


def test_a_new_user_sets_a_password_by_a_token_that_is_shown_once(admin, added, citizen):
    where, token = added
    assert token not in admin.see(where) + admin.see("/office/accounts")
    citizen.done("/office/set-up", {"token": token, "password": PASSWORD})
    assert citizen.submit("/office/set-up", {"token": token, "password": PASSWORD}).status_code in (403, 404)
    assert citizen.submit("/office/sign-in", {"login": "aida", "password": PASSWORD}).status_code == 303


def test_a_refused_new_user_comes_back_with_what_was_typed(admin):
    got = admin.submit(
        "/office/accounts/new", {"login": SCRIPT, "role": "analyst", "organisation": "centre", "language": "kk"}
    )
    assert got.status_code == 422
    assert SCRIPT not in got.text
    assert "&lt;script&gt;" in got.text
    assert 'aria-invalid="true"' in got.text
    assert '<option value="kk" selected>' in got.text


def test_a_taken_login_is_told(admin, added):
    got = admin.submit(
        "/office/accounts/new", {"login": "aida", "role": "auditor", "organisation": "centre", "language": "ru"}
    )
    assert got.status_code == 409
    assert 'role="alert"' in got.text


def test_an_account_is_disabled_enabled_and_given_another_role(admin, added, citizen):
    where, token = added
    citizen.done("/office/set-up", {"token": token, "password": PASSWORD})
    citizen.done("/office/sign-in", {"login": "aida", "password": PASSWORD})
    admin.done(where + "/role", {"version": version(admin.see(where)), "role": "auditor"})
    assert citizen.get("/en/office/me").status_code == 303, "its sessions end"
    admin.done(where + "/disable", {"version": version(admin.see(where))})
    assert citizen.submit("/office/sign-in", {"login": "aida", "password": PASSWORD}).status_code == 403
    admin.done(where + "/enable", {"version": version(admin.see(where))})
    assert citizen.submit("/office/sign-in", {"login": "aida", "password": PASSWORD}).status_code == 303


def test_a_role_that_its_organisation_does_not_have_is_refused(admin, added):
    where, _ = added
    got = admin.submit(where + "/role", {"version": version(admin.see(where)), "role": "bank"})
    assert got.status_code == 422
    assert 'value="bank"' not in admin.see(where)


def test_what_somebody_else_changed_meanwhile_is_not_changed_unseen(admin, added):
    where, _ = added
    seen = version(admin.see(where))
    admin.done(where + "/role", {"version": seen, "role": "auditor"})
    assert admin.submit(where + "/disable", {"version": seen}).status_code == 409


def test_a_reset_ends_the_old_password_and_shows_a_new_token(admin, added, citizen):
    where, token = added
    citizen.done("/office/set-up", {"token": token, "password": PASSWORD})
    got = admin.submit(where + "/reset", {"version": version(admin.see(where))})
    assert shown(got.text, "token") != token
    assert citizen.submit("/office/sign-in", {"login": "aida", "password": PASSWORD}).status_code == 403


def test_an_account_is_erased_only_by_who_says_so_twice(admin, added):
    where, _ = added
    assert where + "/erase" not in admin.see(where), "first it is disabled"
    admin.done(where + "/disable", {"version": version(admin.see(where))})
    assert admin.submit(where + "/erase", {"version": version(admin.see(where))}).status_code == 422
    admin.done(where + "/erase", {"version": version(admin.see(where)), "sure": "yes"})
    assert "aida" not in admin.see(where)


def test_nobody_disables_the_own_account(admin):
    own = place_of(admin.see("/office/accounts"), admin.login)
    text = admin.see(own)
    assert own + "/disable" not in text
    assert own + "/role" not in text
    assert admin.submit(own + "/disable", {"version": version(text)}).status_code == 409


def test_an_admin_of_a_tenant_sees_and_arranges_the_own_organisation_only(staff, added):
    tenant = staff("admin", "halyk")
    text = tenant.see("/office/accounts")
    assert tenant.login in text
    assert "aida" not in text
    tenant.see(added[0], 404)
    assert "centre" not in tenant.see("/office/organisations").replace("Centre", "")
    form = {"login": "spy", "role": "analyst", "organisation": "centre", "language": "ru"}
    assert tenant.submit("/office/accounts/new", form).status_code == 404
    assert tenant.submit("/office/organisations", {"id": "new", "kind": "bank", "name": "New"}).status_code == 403


def test_an_organisation_is_added_and_a_wrong_one_comes_back(admin):
    admin.done("/office/organisations", {"id": "jusan", "kind": "bank", "name": "Jusan"})
    assert "jusan" in admin.see("/office/organisations")
    got = admin.submit("/office/organisations", {"id": "JUSAN", "kind": "bank", "name": SCRIPT})
    assert got.status_code == 422
    assert "&lt;script&gt;" in got.text
    assert 'value="JUSAN"' in got.text


@pytest.mark.parametrize(
    "path", ["/office/accounts", "/office/accounts/new", "/office/organisations", "/office/keys", "/office/keys/new"]
)
@pytest.mark.parametrize(("role", "organisation"), [("analyst", "centre"), ("supervisor", "centre"), ("bank", "halyk")])
def test_users_and_keys_are_for_admins(staff, role, organisation, path):
    person = staff(role, organisation)
    person.see(path, 403)
    assert f'href="/en{path}"' not in person.see("/office/me")


def test_a_key_is_shown_once_works_and_is_revoked(admin, browser):
    got = admin.submit(
        "/office/keys/new", {"name": "gate of kcell", "role": "gate", "organisation": "kcell", "days": "30"}
    )
    assert got.status_code == 200, got.text
    secret = shown(got.text, "secret")
    text = admin.see("/office/keys")
    assert secret not in text
    assert secret[:15] in text
    program = browser()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert program.get("/v1/lists/calls", headers=bearer).status_code != 401
    admin.done(re.search(r"/office/keys/[0-9a-f-]{36}/revoke", text)[0])
    assert program.get("/v1/lists/calls", headers=bearer).status_code == 401
    assert "/revoke" not in admin.see("/office/keys")


def test_a_key_has_the_scopes_that_were_chosen(admin):
    form = {"name": "one", "role": "bank", "organisation": "halyk", "days": "30", "scope": ["lookup"]}
    got = admin.submit("/office/keys/new", form)
    assert f"<li>{LABELS['scope']['lookup']}</li>" in got.text
    assert f"<li>{LABELS['scope']['reports:write']}</li>" not in got.text


def test_a_refused_key_comes_back_with_what_was_typed(admin):
    form = {"name": SCRIPT, "role": "gate", "organisation": "kcell", "days": "30", "scope": ["lookup"]}
    got = admin.submit("/office/keys/new", form)
    assert got.status_code == 422
    assert SCRIPT not in got.text
    assert "&lt;script&gt;" in got.text
    assert 'value="lookup" checked' in got.text
    assert admin.submit("/office/keys/new", form | {"scope": [], "days": "99999"}).status_code == 422


def test_a_tenants_admin_sees_no_key_of_others(staff, admin):
    admin.submit("/office/keys/new", {"name": "theirs", "role": "gate", "organisation": "kcell", "days": "30"})
    assert "theirs" in admin.see("/office/keys")
    assert "theirs" not in staff("admin", "halyk").see("/office/keys")


@pytest.fixture
def hook(staff):
    """An operator's browser, and the place of its webhook."""
    kcell = staff("operator", "kcell")
    got = kcell.submit("/office/webhooks/new", {"url": "https://hooks.example.kz/in", "event": ["report.received"]})
    assert got.status_code == 200, got.text
    assert shown(got.text, "secret").startswith("whsec_")
    return kcell, place(got.text, "/office/webhooks")


def test_a_webhooks_deliveries_are_shown_and_it_is_ended(hook, registry):
    kcell, where = hook
    assert "whsec_" not in kcell.see(where) + kcell.see("/office/webhooks")
    with registry.work(SYSTEM) as work:
        announce(work, "report.received", {"report": work.new_id()}, "kcell")
    deliver_due(registry, lambda *_: Answer(500, SCRIPT), registry.clock())
    text = kcell.see(where)
    assert SCRIPT not in text
    assert "&lt;script&gt;" in text, "what a receiver answers is a stranger's text"
    kcell.done(where + "/end")
    text = kcell.see(where)
    assert where + "/end" not in text
    assert LABELS["delivery"]["given_up"] in text


def test_a_refused_webhook_comes_back_with_what_was_typed(hook):
    kcell, _ = hook
    form = {"url": "http://10.0.0.1/in", "event": ["report.received", "check.due"]}
    got = kcell.submit("/office/webhooks/new", form)
    assert got.status_code == 422
    assert 'value="http://10.0.0.1/in"' in got.text
    assert got.text.count(" checked>") == 2
    assert kcell.submit("/office/webhooks/new", {"url": "https://hooks.example.kz/in"}).status_code == 422


def test_another_tenant_sees_nothing_of_a_webhook(hook, staff):
    _, where = hook
    other = staff("operator", "beeline")
    other.see(where, 404)
    assert other.submit(where + "/end").status_code == 404
    assert "hooks.example.kz" not in other.see("/office/webhooks")
    staff("auditor").see("/office/webhooks", 403)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/office/me",
        "/office/accounts",
        "/office/accounts/new",
        "/office/organisations",
        "/office/keys",
        "/office/keys/new",
        "/office/webhooks",
        "/office/webhooks/new",
    ],
)
def test_every_page_is_there_in_every_language_with_one_heading(admin, path, language):
    admin.language = language
    text = admin.see(path)
    assert len(re.findall("<h1>", text)) == 1
    assert "None" not in text
