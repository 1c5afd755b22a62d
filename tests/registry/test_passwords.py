"""Passwords: what may be one, how it is kept."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry.errors import Invalid, TooMany
from tosqauyl.registry.passwords import MOST, PasswordRules, Passwords, weakness

QUICK = PasswordRules(memory_kib=64, passes=1, lanes=1)
RULES = PasswordRules()


@pytest.fixture(scope="module")
def passwords():
    return Passwords(QUICK)


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "aaaaaaaaaaaaaaaa", "abababababab", "Password1234", "qwertyuiop123", "ПарольПароль1", "123456789012",
        "aida2026aida", "Aida.Nurlan!x", "administrator1", "Kazakhstan2026!", "алматыастана1", "x" * 300,
    ],
)  # fmt: skip
def test_what_everybody_tries_and_what_has_the_login_in_it_is_refused(password):
    assert weakness(password, "aida", RULES)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "жылқы батарея түзу", "wR7#pl0v-9dTz", "four blue goats sing"]
)
def test_words_that_make_sense_to_nobody_else_are_taken(password):
    assert weakness(password, "aida@kcell.kz", RULES) == ""


@given(st.text(alphabet=string.printable, min_size=0, max_size=11))
def test_nothing_shorter_than_twelve_is_taken(password):
    assert weakness(password, "nobody", RULES)


@given(st.text(max_size=400), st.text(max_size=50))
def test_any_text_is_judged_without_failing(password, login):
    assert isinstance(weakness(password, login, RULES), str)


def test_message_does_not_repeat_the_password(passwords):
    with pytest.raises(Invalid) as told:
        passwords.check("Password1234", "aida")
    assert "Password1234" not in str(told.value)
    assert told.value.where == "password"


def test_a_password_matches_its_own_hash_only(passwords):
    kept = passwords.hash("correct horse battery")
    assert "correct" not in kept
    assert kept.startswith("$argon2id$")
    assert passwords.matches(kept, "correct horse battery")
    assert not passwords.matches(kept, "correct horse batterz")
    assert passwords.hash("correct horse battery") != kept


def test_what_looks_the_same_is_the_same(passwords):
    kept = passwords.hash("caf\u00e9 caf\u00e9 caf\u00e9")
    assert passwords.matches(kept, "cafe\u0301 cafe\u0301 cafe\u0301")


@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$v=19$broken"])
def test_what_is_no_hash_matches_nothing(passwords, kept):
    assert not passwords.matches(kept, "correct horse battery")


def test_a_longer_password_than_any_may_be_matches_nothing(passwords):
    kept = passwords.hash("correct horse battery ".ljust(MOST, "x"))
    assert passwords.matches(kept, "correct horse battery ".ljust(MOST, "x"))
    assert not passwords.matches(kept, "correct horse battery ".ljust(MOST + 1, "x"))


def test_nobodys_password_takes_the_same_work_as_somebodys(passwords, monkeypatch):
    calls = []
    verify = type(passwords._hasher).verify
    monkeypatch.setattr(type(passwords._hasher), "verify", lambda *given: calls.append(given[1]) or verify(*given))
    kept = passwords.hash("correct horse battery")
    passwords.matches(kept, "wrong horse battery")
    passwords.matches("", "wrong horse battery")
    assert len(calls) == 2
    assert [one.split("$")[3] for one in calls] == [kept.split("$")[3]] * 2  # the same memory, passes and lanes


def test_a_hash_of_other_parameters_is_stale(passwords):
    kept = passwords.hash("correct horse battery")
    assert not passwords.is_stale(kept)
    assert Passwords(PasswordRules(memory_kib=128, passes=1, lanes=1)).is_stale(kept)
    assert not passwords.is_stale("")


def test_only_so_many_are_checked_at_once(monkeypatch):
    monkeypatch.setattr("tosqauyl.registry.passwords.WAIT_SECONDS", 0.0)
    one = Passwords(PasswordRules(memory_kib=64, passes=1, lanes=1, at_once=1))
    with one._place(), pytest.raises(TooMany):
        one.hash("correct horse battery")
    assert one.hash("correct horse battery")
