"""Accounts, signing in, codes, sessions, keys: over a real database."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tosqauyl.registry import accounts, keys, sessions, totp
from tosqauyl.registry.accounts import NewAccount
from tosqauyl.registry.actor import CENTRE, ROLE_SCOPES, SYSTEM, Actor
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.keys import NewKey
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.sessions import SessionRules, Unknown
from tosqauyl.registry.tables import Account, ApiKey, AuditEntry, LoginSession
from tosqauyl.registry.words import ORGANISATIONS, ROLES

PASSWORD = "correct horse battery"
OTHER = "four blue goats sing"
RULES = SessionRules()
MINUTE = 60_000
ADMIN = Actor("user:root", CENTRE, role="admin", scopes=ROLE_SCOPES["admin"])
TENANT = Actor("user:kroot", "kcell", "operator", "admin", ROLE_SCOPES["admin"])


@pytest.fixture(scope="module")
def passwords():
    return Passwords(PasswordRules(memory_kib=64, passes=1, lanes=1))


@pytest.fixture
def made(registry, passwords):
    """Makes an account with a password; its id."""

    def make(login="aida", role="analyst", organisation=CENTRE):
        with registry.work(ADMIN) as work:
            account, token = accounts.add(work, NewAccount(login, role, organisation))
        accounts.set_up(registry, passwords, token, PASSWORD)
        return account.id

    return make


@pytest.fixture
def enter(registry, passwords):
    return lambda login="aida", password=PASSWORD, rules=RULES: sessions.sign_in(
        registry, passwords, rules, login, password
    )


def signed(registry, token, rules=RULES):
    with registry.read(SYSTEM) as work:
        return sessions.find(work, rules, token)


def account_of(registry, account_id):
    with registry.read(SYSTEM) as work:
        found = work.db.get(Account, account_id)
        work.db.expunge(found)
        return found


def authenticator(registry, account_id):
    """Set codes up without a code; the secret."""
    with registry.work(SYSTEM) as work:
        account = work.db.get(Account, account_id)
        secret, _ = totp.begin(work, account)
        account.totp_on = True
    return pyotp.TOTP(secret)


def verbs(registry):
    with registry.read(SYSTEM) as work:
        return work.db.scalars(select(AuditEntry.verb).order_by(AuditEntry.seq)).all()


def test_a_new_account_has_no_password_until_its_token_sets_one(registry, passwords, enter):
    with registry.work(ADMIN) as work:
        account, token = accounts.add(work, NewAccount("aida", "analyst", CENTRE))
    for password in ("", "aida", PASSWORD, token):
        with pytest.raises(Unknown):
            enter(password=password)
    accounts.set_up(registry, passwords, token, PASSWORD)
    assert signed(registry, enter().token).account.id == account.id
    with pytest.raises(Unknown):
        accounts.set_up(registry, passwords, token, OTHER)


def test_a_token_is_over_after_three_days_and_is_not_in_the_database(registry, passwords, clock):
    with registry.work(ADMIN) as work:
        account, token = accounts.add(work, NewAccount("aida", "analyst", CENTRE))
    assert token not in repr(vars(account_of(registry, account.id)))
    clock[0] += accounts.SETUP_MS
    with pytest.raises(Unknown):
        accounts.set_up(registry, passwords, token, PASSWORD)


def test_a_weak_password_does_not_use_the_token_up(registry, passwords, enter):
    with registry.work(ADMIN) as work:
        _, token = accounts.add(work, NewAccount("aida", "analyst", CENTRE))
    with pytest.raises(Invalid):
        accounts.set_up(registry, passwords, token, "aida12345678")
    accounts.set_up(registry, passwords, token, PASSWORD)
    assert enter().token


def test_unknown_wrong_locked_and_disabled_get_the_same_answer(registry, made, enter):
    disabled = made("dana")
    with registry.work(ADMIN) as work:
        accounts.disable(work, disabled, account_of(registry, disabled).version)
    made("aida")
    told = set()
    for login, password in (("nobody", PASSWORD), ("aida", OTHER), ("dana", PASSWORD), ("aida\x00", PASSWORD)):
        with pytest.raises(Unknown) as error:
            enter(login, password)
        told.add(str(error.value))
    for _ in range(10):
        with suppress(Unknown):
            enter("aida", OTHER)
    with pytest.raises(Unknown) as error:
        enter("aida")
    assert told == {str(error.value)}


def test_locks_grow_and_end(registry, made, enter, clock):
    which = made()
    locks = []
    for _ in range(12):
        with pytest.raises(Unknown):
            enter(password=OTHER)
        account = account_of(registry, which)
        locks.append(max(0, account.locked_until - clock[0]) // 1000)
        clock[0] = max(clock[0], account.locked_until)
    assert locks == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert enter().token
    assert account_of(registry, which).failures == 0


def test_a_locked_account_takes_not_even_the_right_password_and_failing_does_not_prolong_it(
    registry, made, enter, clock
):
    which = made()
    for _ in range(5):
        with suppress(Unknown):
            enter(password=OTHER)
    until = account_of(registry, which).locked_until
    clock[0] = until - 1
    for password in (PASSWORD, OTHER):
        with pytest.raises(Unknown):
            enter(password=password)
    assert account_of(registry, which).locked_until == until
    clock[0] = until
    assert enter().token


def test_a_hash_of_older_parameters_is_made_anew_at_the_next_sign_in(registry, passwords, made, enter):
    which = made()
    before = account_of(registry, which).password
    stronger = Passwords(PasswordRules(memory_kib=128, passes=1, lanes=1))
    assert sessions.sign_in(registry, stronger, RULES, "aida", PASSWORD).token
    after = account_of(registry, which).password
    assert after != before
    assert "m=128" in after
    assert stronger.matches(after, PASSWORD)


def test_supervisors_and_admins_must_have_codes_and_analysts_need_not(registry, made, enter):
    made("sam", "supervisor")
    made("ann", "admin")
    made("aida", "analyst")
    assert [enter(login).needs for login in ("sam", "ann", "aida")] == ["totp", "totp", ""]
    assert enter("aida", rules=replace(RULES, second_factor=ROLES)).needs == "totp"


def test_a_code_works_once_within_a_step_and_one_step_of_drift(registry, made, enter, clock):
    which = made("sam", "supervisor")
    codes = authenticator(registry, which)
    first = enter("sam")
    assert first.needs == "code"
    code = codes.at(clock[0] // 1000)
    whole = sessions.enter_code(registry, RULES, first.token, code)
    assert whole.needs == ""
    assert whole.token != first.token
    assert signed(registry, first.token) is None
    second = enter("sam")
    with pytest.raises(Unknown):
        sessions.enter_code(registry, RULES, second.token, code)
    with pytest.raises(Unknown):
        sessions.enter_code(registry, RULES, second.token, codes.at(clock[0] // 1000 - 30))
    assert sessions.enter_code(registry, RULES, second.token, codes.at(clock[0] // 1000 + 30)).needs == ""


def test_the_right_password_buys_no_new_tries_at_the_code(registry, made, enter, clock):
    which = made("sam", "supervisor")
    codes = authenticator(registry, which)
    wrong = next(
        f"{one:06}"
        for one in range(10)
        if f"{one:06}" not in {codes.at(clock[0] // 1000 + 30 * step) for step in (-1, 0, 1)}
    )
    for _ in range(5):
        opened = enter("sam")
        with pytest.raises(Unknown):
            sessions.enter_code(registry, RULES, opened.token, wrong)
    assert account_of(registry, which).locked_until > clock[0]
    with pytest.raises(Unknown):
        enter("sam")


def test_codes_come_into_force_with_their_first_code_and_cannot_be_replaced_by_a_session(registry, made, enter, clock):
    which = made("sam", "supervisor")
    opened = enter("sam")
    with registry.work(SYSTEM) as work:
        secret, uri = totp.begin(work, work.db.get(Account, which))
    assert uri.startswith("otpauth://totp/Tosqauyl:sam?secret=")
    stored = account_of(registry, which)
    assert secret.encode() not in stored.totp
    assert not stored.totp_on
    with pytest.raises(Unknown):
        sessions.confirm_totp(registry, RULES, opened.token, "abcdef")
    whole = sessions.confirm_totp(registry, RULES, opened.token, pyotp.TOTP(secret).at(clock[0] // 1000))
    assert whole.needs == ""
    with registry.work(SYSTEM) as work, pytest.raises(Conflict):
        totp.begin(work, work.db.get(Account, which))


@given(st.text(max_size=12), st.integers(min_value=0, max_value=4_000_000_000_000))
def test_no_text_but_a_code_of_the_three_steps_matches(text, now):
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    step = now // 30_000
    right = {pyotp.TOTP(secret).generate_otp(one): one for one in range(max(step - 1, 0), step + 2)}
    found = totp.matched_step(secret, text, now, 0)
    assert found == right.get(text.replace(" ", ""), 0)
    for code, one in right.items():
        assert totp.matched_step(secret, code, now, one) in {later for later in right.values() if later > one} | {0}


def test_a_session_ends_by_idleness_by_age_by_sign_out_and_with_its_account(registry, made, enter, clock):
    which = made()
    token = enter().token
    clock[0] += 30 * MINUTE - 1
    assert signed(registry, token) is not None
    clock[0] += 1
    assert signed(registry, token) is None

    token = enter().token
    for _ in range(12 * 60 // 20):
        clock[0] += 20 * MINUTE - 1
        assert signed(registry, token) is not None
        sessions.seen(registry, signed(registry, token).session)
    clock[0] += MINUTE
    assert signed(registry, token) is None

    token = enter().token
    with registry.work(SYSTEM) as work:
        sessions.end(work, signed(registry, token).session)
    assert signed(registry, token) is None

    tokens = [enter().token, enter().token]
    with registry.work(ADMIN) as work:
        accounts.disable(work, which, account_of(registry, which).version)
    assert [signed(registry, one) for one in tokens] == [None, None]


def test_only_a_hash_of_a_session_is_kept(registry, made, enter):
    made()
    opened = enter()
    with registry.read(SYSTEM) as work:
        rows = work.db.scalars(select(LoginSession)).all()
        assert len(rows) == 1
        assert opened.token not in repr(vars(rows[0]))
        assert opened.csrf not in repr(vars(rows[0]))


def test_the_oldest_session_gives_way(registry, made, enter, clock):
    made()
    tokens = []
    for _ in range(4):
        tokens.append(enter(rules=replace(RULES, most=3)).token)
        clock[0] += 1
    assert [signed(registry, one) is not None for one in tokens] == [False, True, True, True]


def test_a_csrf_token_belongs_to_its_session(registry, made, enter):
    made()
    one, two = enter(), enter()
    assert sessions.is_csrf(one.token, one.csrf)
    for wrong in (two.csrf, "", one.csrf[:-1], "\ud800", one.token):
        assert not sessions.is_csrf(one.token, wrong)


def test_changing_the_password_needs_the_old_one_and_ends_every_session(registry, passwords, made, enter):
    made()
    token = enter().token
    actor = signed(registry, token).actor
    for before, after, error in (
        (OTHER, OTHER, Unknown),
        (PASSWORD, "aida12345678", Invalid),
        (PASSWORD, PASSWORD, Invalid),
    ):
        with pytest.raises(error):
            accounts.change_password(registry, passwords, RULES, actor, accounts.PasswordChange(before, after))
    assert signed(registry, token) is not None
    accounts.change_password(registry, passwords, RULES, actor, accounts.PasswordChange(PASSWORD, OTHER))
    assert signed(registry, token) is None
    with pytest.raises(Unknown):
        enter()
    assert enter(password=OTHER).token


def test_guessing_the_old_password_with_a_stolen_session_locks_the_account(registry, passwords, made, enter, clock):
    which = made()
    actor = signed(registry, enter().token).actor
    for _ in range(5):
        with pytest.raises(Unknown):
            accounts.change_password(registry, passwords, RULES, actor, accounts.PasswordChange(OTHER, OTHER))
    assert account_of(registry, which).locked_until > clock[0]


def test_a_reset_takes_password_codes_and_sessions_away(registry, passwords, made, enter):
    which = made("sam", "supervisor")
    authenticator(registry, which)
    token = enter("sam").token
    with registry.work(ADMIN) as work:
        _, setup = accounts.reset(work, which, account_of(registry, which).version, codes=True)
    assert signed(registry, token) is None
    with pytest.raises(Unknown):
        enter("sam")
    accounts.set_up(registry, passwords, setup, OTHER)
    assert enter("sam", OTHER).needs == "totp"


def test_nobody_disables_the_own_account_or_the_last_admin(registry, made):
    first = made("ann", "admin")
    own = replace(ADMIN, account=str(first))
    with registry.work(own) as work, pytest.raises(Conflict):
        accounts.disable(work, first, account_of(registry, first).version)
    with registry.work(ADMIN) as work, pytest.raises(Conflict):
        accounts.disable(work, first, account_of(registry, first).version)
    made("bob", "admin")
    with registry.work(ADMIN) as work:
        accounts.disable(work, first, account_of(registry, first).version)
    assert account_of(registry, first).disabled


def test_the_second_of_two_who_change_an_account_sees_the_first(registry, made):
    which = made()
    version = account_of(registry, which).version
    with registry.work(ADMIN) as work:
        accounts.disable(work, which, version)
    with registry.work(ADMIN) as work, pytest.raises(Conflict):
        accounts.change_role(work, which, version, "auditor")


def test_a_tenants_admin_arranges_the_own_people_only(registry, made):
    foreign, own = made("bee", "operator", "beeline"), made("kay", "operator", "kcell")
    with registry.read(TENANT) as work:
        assert [one.id for one in accounts.search(work, None, 10)] == [own]
        assert [one.id for one in accounts.organisations(work)] == ["kcell"]
    with registry.work(TENANT) as work:
        for call in (
            lambda: accounts.get(work, foreign),
            lambda: accounts.disable(work, foreign, 1),
            lambda: accounts.add(work, NewAccount("x1", "operator", "beeline")),
            lambda: accounts.add(work, NewAccount("x2", "analyst", CENTRE)),
            lambda: keys.add(work, NewKey("beeline", "x", "operator")),
            lambda: accounts.of_login(work, "bee"),
        ):
            with pytest.raises(Absent):
                call()
        with pytest.raises(Forbidden):
            accounts.add_organisation(work, "other", "bank", "Other")
        with pytest.raises(Invalid):
            accounts.add(work, NewAccount("x3", "supervisor", "kcell"))


@pytest.mark.parametrize("login", ["A", "Aida", "aida ", "a" * 101, "", "a\x00b", "аида", "-aida"])
def test_a_login_that_could_be_taken_for_another_is_refused(registry, login):
    with registry.work(ADMIN) as work, pytest.raises(Invalid):
        accounts.add(work, NewAccount(login, "analyst", CENTRE))


def test_two_accounts_never_have_one_login(registry, made):
    made("aida")
    with registry.work(ADMIN) as work, pytest.raises(Conflict):
        accounts.add(work, NewAccount("aida", "analyst", CENTRE))


def test_every_kind_of_organisation_has_roles_and_every_role_a_kind():
    assert set(keys.ROLES_OF_KIND) == set(ORGANISATIONS)
    assert {role for roles in keys.ROLES_OF_KIND.values() for role in roles} == set(ROLES) == set(ROLE_SCOPES)


def add_key(registry, **said):
    wanted = {"organisation": "kcell", "name": "switch", "role": "operator", **said}
    with registry.work(ADMIN) as work:
        return keys.add(work, NewKey(**wanted))


def key_actor(registry, shown):
    with registry.read(SYSTEM) as work:
        return keys.actor_of(work, shown)


def test_a_key_is_its_organisations_with_its_own_scopes_only(registry):
    key, secret = add_key(registry, scopes=("reports:write", "lookup"))
    actor = key_actor(registry, secret)
    assert (actor.organisation, actor.kind, actor.role) == ("kcell", "operator", "operator")
    assert actor.scopes == {"reports:write", "lookup"}
    assert actor.name == f"key:{key.prefix}"
    assert not actor.sees_all


def test_a_gates_key_may_take_the_list_and_nothing_else(registry):
    _, secret = add_key(registry, role="gate")
    assert key_actor(registry, secret).scopes == {"lists:read"}


@pytest.mark.parametrize(
    "said",
    [
        {"scopes": ("decisions:approve",), "organisation": CENTRE, "role": "supervisor"}, {"role": "admin"}, {"role": "analyst"},
        {"scopes": ("audit:read",)}, {"days": 0}, {"days": 5_000}, {"role": "gate", "scopes": ("lookup",)},
    ],
)  # fmt: skip
def test_a_key_gets_no_more_than_its_role_and_never_what_needs_a_person(registry, said):
    with pytest.raises(Invalid):
        add_key(registry, **said)


def test_no_key_approves_even_if_a_row_says_so(registry):
    key, secret = add_key(registry, organisation=CENTRE, role="supervisor")
    with registry.work(SYSTEM) as work:
        work.db.get(ApiKey, key.id).scopes = "decisions:approve accounts:write lookup"
    assert key_actor(registry, secret).scopes == {"lookup"}


def test_forged_revoked_and_expired_keys_are_nobodys(registry, clock):
    key, secret = add_key(registry)
    other, _ = add_key(registry)
    forged = (
        secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        secret.replace(key.prefix, other.prefix),
        key.prefix,
        "",
        "tq_",
        secret + "0",
    )
    assert [key_actor(registry, one) for one in forged] == [None] * len(forged)
    assert key_actor(registry, secret) is not None
    clock[0] = key.expires
    assert key_actor(registry, secret) is None
    clock[0] = key.created
    with registry.work(ADMIN) as work:
        keys.revoke(work, key.id)
    assert key_actor(registry, secret) is None
    with registry.work(ADMIN) as work, pytest.raises(Conflict):
        keys.revoke(work, key.id)


def test_only_a_hash_of_a_key_is_kept_and_a_foreign_key_is_not_revoked(registry):
    key, secret = add_key(registry)
    with registry.read(SYSTEM) as work:
        assert secret[16:] not in repr(vars(work.db.get(ApiKey, key.id)))
    with registry.work(replace(TENANT, organisation="beeline")) as work, pytest.raises(Absent):
        keys.revoke(work, key.id)
    with registry.work(ADMIN) as work, pytest.raises(Absent):
        keys.revoke(work, UUID(int=5))


def test_every_step_is_in_the_trail_and_names_who_it_was(registry, passwords, made, enter):
    which = made()
    with suppress(Unknown):
        enter(password=OTHER)
    token = enter().token
    with registry.work(signed(registry, token).actor) as work:
        sessions.end(work, signed(registry, token).session)
    with registry.work(ADMIN) as work:
        accounts.reset(work, which, account_of(registry, which).version)
    assert verbs(registry) == ["added", "set-up", "sign-in-failed", "signed-in", "signed-out", "reset"]
    with registry.read(SYSTEM) as work:
        entries = work.db.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()
        assert [one.actor for one in entries] == ["user:root", *["user:aida"] * 4, "user:root"]
        assert PASSWORD not in repr([vars(one) for one in entries])


def at_once(count, call):
    with ThreadPoolExecutor(count) as pool:
        return [future.exception() is None for future in [pool.submit(call) for _ in range(count)]]


def test_of_those_who_show_one_code_at_once_one_comes_in(registry, made, enter, clock):
    codes = authenticator(registry, made("sam", "supervisor"))
    opened, code = enter("sam"), codes.at(clock[0] // 1000)
    assert sum(at_once(4, lambda: sessions.enter_code(registry, RULES, opened.token, code))) == 1


def test_passwords_tried_at_once_count_one_by_one_and_the_lock_holds_for_those_under_way(registry, made, enter, clock):
    which = made()
    assert not any(at_once(8, lambda: enter(password=OTHER)))
    account = account_of(registry, which)
    assert (account.failures, account.locked_until) == (5, clock[0] + 30_000)


def test_of_those_who_use_one_set_up_token_at_once_one_sets_the_password(registry, passwords):
    with registry.work(ADMIN) as work:
        _, token = accounts.add(work, NewAccount("aida", "analyst", CENTRE))
    assert sum(at_once(4, lambda: accounts.set_up(registry, passwords, token, PASSWORD))) == 1
