"""The sample that fills an empty office: something of every kind and state, all of it marked, the same for the same seed."""

import re
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tosqauyl.registry import audit, conditions, observables, publish, sessions
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.clocks import is_late
from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.migrate import create
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.sample.fill import fill
from tosqauyl.registry.sample.people import new_password
from tosqauyl.registry.sample.stage import Moments
from tosqauyl.registry.sessions import SessionRules
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import (
    Account,
    Action,
    Appeal,
    Condition,
    Incident,
    Indicator,
    NumberCheck,
    Observable,
    OfficialFigure,
    ProtectedIdentity,
    Report,
)
from tosqauyl.registry.taxonomy import schemes
from tosqauyl.registry.vault import Vault

NOON = 1_796_022_000_000
"""Monday, 30 November 2026, 12:00 in Kazakhstan."""
MARKS = ("Үлгі", "үлгі", "Пример", "пример", "Sample", "sample")
PASSWORDS = Passwords(PasswordRules(memory_kib=64, passes=1, lanes=1))
NUMBERS = re.compile(r"\+44770090\d{4}|\+77\d{2}555\d{4}")
"""What the sample names: the range that is kept for films, and Kazakh ones with 555."""


VAULT = Vault({"00000001": b"k" * 32})


def made(folder: Path, at: int = NOON):
    """An empty office's registry and its clock."""
    moments = Moments(at)
    registry = Registry(f"sqlite:///{folder}/sample.db", VAULT, moments)
    registry.syncs = (("PRAGMA synchronous=OFF", "BEGIN IMMEDIATE"),) * 2
    create(registry.engine, "0" * 32, at)
    return registry, moments


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory):
    """A filled office; its people."""
    registry, moments = made(tmp_path_factory.mktemp("sample"))
    people = fill(registry, moments, PASSWORDS, 7)
    yield registry, people
    registry.close()


@pytest.fixture
def rows(filled):
    """Every row of a table."""

    def read(table):
        with filled[0].read(SYSTEM) as work:
            found = list(work.db.scalars(select(table)))
            for one in found:
                work.db.expunge(one)
            return found

    return read


def test_every_scheme_is_reported_over_the_last_weeks(rows):
    reports = rows(Report)
    assert {one.scheme for one in reports} == set(schemes().by_slug)
    days = {(NOON - one.received) // 86_400_000 for one in reports}
    assert min(days) == 0
    assert 28 <= max(days) <= 35
    assert len(days) > 20
    assert {one.reporter for one in reports} >= {"citizen", "bank", "police", "platform"}
    assert {one.state for one in reports} >= {"received", "linked", "closed"}


def test_work_of_every_kind_and_state_is_there(rows):
    assert {one.state for one in rows(Incident)} == {"proposed", "pending", "investigating", "snoozed", "closed"}
    assert {one.outcome for one in rows(Incident)} >= {"confirmed_risk", "false_positive"}
    assert {one.state for one in rows(Indicator)} == {"active", "proposed", "draft", "revoked"}
    assert {one.source for one in rows(Indicator)} == {"report", "operator", "ledger"}
    assert {one.state for one in rows(Appeal)} == {"filed", "proven", "upheld", "rejected"}
    assert {one.state for one in rows(Action)} >= {"requested", "done", "refused"}
    assert {conditions.state_of(one, NOON) for one in rows(Condition)} >= {"active", "waiting"}
    assert any("sample" in one.body for one in rows(ProtectedIdentity))
    assert any("sample" in one.source for one in rows(OfficialFigure))


def test_one_check_is_late_and_others_are_open_done_and_told(rows):
    checks = rows(NumberCheck)
    assert sum(not one.decided and is_late(one.due, NOON) for one in checks) == 1
    assert any(not one.decided and not is_late(one.due, NOON) for one in checks)
    assert {one.outcome for one in checks} == {"", "confirmed", "not_confirmed"}
    assert any(one.told for one in checks)
    assert any(one.decided and not one.told for one in checks)


def test_everything_is_marked_as_a_sample(filled, rows):
    registry = filled[0]
    opened = [registry.vault.open(one.text, "report.text") for one in rows(Report)]
    said = [one.title for one in rows(Incident) if one.title] + [one.reasons for one in rows(Indicator)]
    said += [one.why for one in rows(Condition) if "appeal" not in one.why] + [
        one.answer for one in rows(Appeal) if one.answer
    ]
    assert all(any(mark in text for mark in MARKS) or "тексеріп" in text for text in opened + said)
    assert {one.login.partition("-")[0] for one in rows(Account)} == {"sample"}


def test_numbers_are_of_ranges_that_nobody_is_called_by(filled, rows):
    with filled[0].read(SYSTEM) as work:
        phones = [observables.opened(work, one, "test") for one in rows(Observable) if one.kind == "phone"]
    assert phones
    assert [number for number in phones if not NUMBERS.fullmatch(number)] == []


def test_the_tour_finds_what_it_speaks_of(filled, rows):
    """A proposal of the demo's number that the supervisor may approve, and an appeal that waits and that the supervisor may decide."""
    registry = filled[0]
    with registry.read(SYSTEM) as work:
        number = observables.find(work, "phone", "+447700900314")
        assert publish.listing_of(work, number.id) is None
    proposed = [one for one in rows(Indicator) if one.observable == number.id]
    assert [(one.state, one.listing, one.proposed_by) for one in proposed] == [
        ("proposed", "block", "user:sample-analyst")
    ]
    assert sum(one.state == "proven" for one in rows(Appeal)) == 1


def test_people_of_every_role_sign_in_with_a_password_of_their_own(filled, rows):
    registry, people = filled
    assert {one.role for one in people} == {"supervisor", "analyst", "auditor", "admin", "operator", "bank", "police"}
    assert len({one.password for one in people}) == len(people) == len(rows(Account))
    for one in people:
        opened = sessions.sign_in(registry, PASSWORDS, SessionRules(), one.login, one.password)
        assert opened.needs == ("totp" if one.role in ("supervisor", "admin") else "")
        assert one.password not in repr(one)


def test_passwords_are_long_enough_and_never_the_same():
    some = [new_password() for _ in range(200)]
    assert len(set(some)) == 200
    for one in some:
        PASSWORDS.check(one, "sample-analyst")


def test_the_trail_holds_together(filled):
    with filled[0].read(SYSTEM) as work:
        assert audit.verify(work.db).broken == ()


def test_the_same_seed_gives_the_same_records(filled, tmp_path):
    registry, moments = made(tmp_path)
    fill(registry, moments, PASSWORDS, 7)
    assert summary(registry) == summary(filled[0])
    registry.close()


def summary(registry: Registry):
    """What is the same for the same seed: no ids, no secrets."""
    with registry.read(SYSTEM) as work:
        reports = select(Report.received, Report.scheme, Report.region, Report.loss, Report.state, Report.author)
        tokens = select(Observable.kind, Observable.token, Observable.reports)
        counts = select(func.count()).select_from(Indicator)
        return (
            sorted(map(tuple, work.db.execute(reports))), Counter(map(tuple, work.db.execute(tokens))), work.db.scalar(counts),
        )  # fmt: skip


def test_an_office_that_is_not_empty_is_refused_and_stays_as_it_is(filled):
    registry, _ = filled
    with registry.read(SYSTEM) as work:
        before = work.db.scalar(select(func.count()).select_from(Report))
    with pytest.raises(Conflict, match="not empty"):
        fill(registry, registry.clock, PASSWORDS, 7)
    with registry.read(SYSTEM) as work:
        assert work.db.scalar(select(func.count()).select_from(Report)) == before


@pytest.mark.parametrize(
    "days",
    [5, *(pytest.param(days, marks=pytest.mark.nightly) for days in (1, 2, 3, 4, 6))],
    ids=lambda days: f"{days} later",
)
def test_it_fills_an_office_on_any_day_of_the_week(filled, tmp_path, days):
    registry, moments = made(tmp_path, NOON + days * 86_400_000)
    assert fill(registry, moments, PASSWORDS, 100 + days)
    assert summary(registry) != summary(filled[0]), "another seed, other records"
    registry.close()
