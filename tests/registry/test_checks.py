"""The operator's duty: one check for a number, two clocks, the person, what a confirmed fraud sets going, and the Centre's message."""

import csv
import io
import json
import threading
from collections.abc import Callable
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from tosqauyl.registry import centre_message, checks, observables, protected, purposes
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.checks import Filter, Trigger
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.intake import submit
from tosqauyl.registry.person import Person
from tosqauyl.registry.shipped import shipped_text
from tosqauyl.registry.store import Registry
from tosqauyl.registry.submission import Submission
from tosqauyl.registry.tables import Action, AuditEntry, Indicator, NumberCheck
from tosqauyl.registry.tables.base import Base

DAY = 86_400_000
NUMBER = "+77011234567"  # kcell
IIN = "820310399917"
OWNER = Person("Иванов Иван", IIN, (NUMBER, "8 701 765 43 21"))
SCHEMA = json.loads(shipped_text("centre-message-1.schema.json"))


@pytest.fixture
def kcell(someone: Callable[..., Actor]) -> Actor:
    return someone("operator", "kcell", "user:kim")


def check_of(registry: Registry, actor: Actor, number: str = NUMBER, operator: str = "") -> UUID:
    with registry.work(actor) as work:
        found = checks.open_check(work, observables.observe(work, "phone", number), None, "complaint", operator)
        assert found is not None
        return found.id


def count(registry: Registry, table: type[Base]) -> int:
    with registry.read(SYSTEM) as work:
        return int(work.db.scalar(select(func.count()).select_from(table)) or 0)


def test_a_check_is_the_number_operators_and_has_two_business_days(registry, analyst, kcell, clock) -> None:
    which = check_of(registry, analyst)
    with registry.read(kcell) as work:
        check = checks.found(work, which)
        assert (check.organisation, check.due, check.decided) == ("kcell", business_days_after(clock[0], 2), 0)


def test_while_a_check_is_open_it_is_the_only_one_and_afterwards_a_new_one_is_opened(
    registry, analyst, kcell, clock
) -> None:
    first = check_of(registry, analyst)
    clock[0] += DAY
    assert check_of(registry, kcell) == first
    with registry.work(kcell) as work:
        checks.decide(work, first, 1, "not_confirmed", Person())
    assert check_of(registry, kcell) != first


def test_two_reports_at_the_same_moment_open_one_check(registry, analyst) -> None:
    with registry.work(analyst) as work:
        observables.observe(work, "phone", NUMBER)
    start, found = threading.Barrier(4), []

    def report() -> None:
        start.wait()
        found.append(check_of(registry, analyst))

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_report_opens_a_check_and_a_number_of_nobody_here_opens_none(registry, someone) -> None:
    with registry.work(someone("police", "police")) as work:
        submit(work, Submission("police", "call", (("phone", NUMBER), ("phone", "+4930123456"), ("phone", "102"))))
    with registry.read(SYSTEM) as work:
        rows = work.db.scalars(select(NumberCheck)).all()
        assert [(row.organisation, row.source, row.report is None) for row in rows] == [("kcell", "centre", False)]


def test_a_ported_number_is_its_operators_who_says_so_and_nobody_elses(registry, someone, analyst) -> None:
    beeline = someone("operator", "beeline")
    check_of(registry, beeline, operator="beeline")
    with registry.work(beeline) as work:
        number = observables.observe(work, "phone", NUMBER)
        with pytest.raises(Forbidden):
            checks.open_check(work, number, None, "own", "kcell")
        assert [one.organisation for one in checks.search(work, Filter(), None, 5)] == ["beeline"]
    with registry.work(analyst) as work:
        foreign = observables.observe(work, "phone", "+4930123456")
        assert checks.open_check(work, foreign, None, "centre") is None
        with pytest.raises(Invalid):
            checks.open_check(work, observables.observe(work, "domain", "example.kz"), None, "centre")
        with pytest.raises(Invalid):
            checks.open_check(work, number, None, "rumour")


def test_many_are_opened_in_a_few_statements(registry, analyst) -> None:
    with registry.work(analyst) as work:
        seen = [observables.seen(work.vault, "phone", f"+770112{number:05}") for number in range(1_200)]
        ids = [row.id for row in observables.observe_all(work, seen).values()]
        triggers = [Trigger(observables.read(work, one), None, "complaint") for one in ids]
        assert len(checks.open_checks(work, triggers)) == 1_200
        assert len(checks.open_checks(work, triggers)) == 1_200
    assert count(registry, NumberCheck) == 1_200


def test_a_confirmed_fraud_asks_for_suspension_and_proposes_a_block(
    registry, analyst, kcell, supervisor, clock
) -> None:
    which = check_of(registry, analyst)
    clock[0] += DAY
    with registry.work(kcell) as work:
        check = checks.decide(work, which, 1, "confirmed", OWNER)
        assert (check.outcome, check.decided, check.decided_by, check.numbers) == ("confirmed", clock[0], "user:kim", 2)
        assert check.tell_due == business_days_after(clock[0], 2)
    with registry.read(supervisor) as work:
        action = work.db.scalars(select(Action)).one()
        assert (action.organisation, action.to, action.kind, action.state) == (
            "centre",
            "kcell",
            "suspend",
            "requested",
        )
        assert (action.due, "No 171" in action.legal_basis) == (business_days_after(clock[0], 2), True)
        indicator = work.db.scalars(select(Indicator)).one()
        assert (indicator.state, indicator.listing, indicator.proposed_by) == ("proposed", "block", "user:kim")
        assert indicator.source == "operator"
        text = json.loads(indicator.reasons)[0]["text"]
        assert len(text.split("\n")) == 3
    again = check_of(registry, analyst)
    with registry.work(kcell) as work:
        checks.decide(work, again, 1, "confirmed", OWNER)
    assert (count(registry, Action), count(registry, Indicator)) == (1, 1)


def test_an_unconfirmed_one_sets_nothing_going_but_the_second_clock(registry, kcell, clock) -> None:
    which = check_of(registry, kcell)
    with registry.work(kcell) as work:
        check = checks.decide(work, which, 1, "not_confirmed", Person())
        assert (check.tell_due, check.person, check.iin) == (business_days_after(clock[0], 2), b"", "")
    assert (count(registry, Action), count(registry, Indicator)) == (0, 0)


def test_a_protected_number_is_suspended_by_its_operator_but_never_proposed_for_a_block(
    registry, kcell, supervisor
) -> None:
    with registry.work(supervisor) as work:
        protected.add(work, protected.Identity("A bank", "phone", NUMBER, "letter of the bank"))
    which = check_of(registry, kcell)
    with registry.work(kcell) as work:
        checks.decide(work, which, 1, "confirmed", OWNER)
    assert (count(registry, Action), count(registry, Indicator)) == (1, 0)
    with registry.read(SYSTEM) as work:
        assert (
            work.db.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.verb == "not-proposed")) == 1
        )


def test_who_decides_second_is_told_what_the_first_one_decided(registry, kcell, someone) -> None:
    which = check_of(registry, kcell)
    with registry.work(kcell) as work:
        checks.decide(work, which, 1, "not_confirmed", Person())
    for version in (1, 2):
        with registry.work(someone("operator", "kcell")) as work, pytest.raises(Conflict) as refused:
            checks.decide(work, which, version, "confirmed", OWNER)
        assert "user:kim decided it at 2026-11-30T07:00:00Z: not_confirmed" in str(refused.value)


@pytest.mark.parametrize(
    ("outcome", "person", "where"),
    [
        ("confirmed", Person(), "person/name"),
        ("confirmed", Person("A", "", ()), "person/iin"),
        ("confirmed", Person("A", "820310399914", ()), "person/iin"),
        ("confirmed", Person("A", IIN, (NUMBER, "12 monkeys")), "person/numbers/1"),
        ("confirmed", Person("A" * 201, IIN), "person/name"),
        ("confirmed", Person("A\0", IIN), "person/name"),
        ("confirmed", Person("A", IIN, registered=False), "person/registered"),
        ("not_confirmed", Person("", IIN), "person/name"),
        ("", OWNER, "outcome"),
        ("maybe", OWNER, "outcome"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_with_its_place(registry, kcell, outcome, person, where) -> None:
    which = check_of(registry, kcell)
    with registry.work(kcell) as work, pytest.raises(Invalid) as refused:
        checks.decide(work, which, 1, outcome, person)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("person", "numbers", "over"),
    [
        (OWNER, 2, False),
        (Person("A", IIN, ()), 1, False),
        (Person("A", IIN, tuple(f"+7701765432{digit}" for digit in range(9))), 10, False),
        (Person("A", IIN, tuple(f"+7701765432{digit}" for digit in range(10))), 11, True),
        (Person("A", IIN, tuple(f"+7701765432{digit}" for digit in range(10)), "meters"), 11, False),
        (Person("ТОО «Счётчик»", "050140000011", ()), 1, False),
        (Person(registered=False), 1, False),
    ],
)
def test_numbers_of_a_person_are_counted_and_more_than_ten_are_flagged(registry, kcell, person, numbers, over) -> None:
    which = check_of(registry, kcell)
    with registry.work(kcell) as work:
        assert checks.decide(work, which, 1, "confirmed", person).numbers == numbers
        message = checks.tell(work, [which])[0]
        assert message.person.has_too_many == over
        assert message.person.numbers[0] == NUMBER
    with registry.read(SYSTEM) as work:
        detail = work.db.scalars(select(AuditEntry.detail).where(AuditEntry.verb == "decided")).one()
    assert ("without a justification" in detail) == over


def test_a_persons_checks_are_found_by_a_token_and_nothing_is_kept_in_clear(registry, kcell) -> None:
    which = check_of(registry, kcell)
    with registry.work(kcell) as work:
        checks.decide(work, which, 1, "confirmed", OWNER)
    with registry.read(SYSTEM) as work:
        check = work.db.scalars(select(NumberCheck)).one()
        assert check.iin == work.vault.token(IIN, "observable.iin_token")
        assert IIN.encode() not in check.person
        clear = " ".join(f"{one.detail} {one.purpose} {one.which}" for one in work.db.scalars(select(AuditEntry)))
        assert not any(secret in clear for secret in (IIN, "Иванов", "7011234567", "7654321"))


def test_telling_marks_once_and_gives_the_same_message_again(registry, kcell, clock) -> None:
    which, other = check_of(registry, kcell), check_of(registry, kcell, "+77012222222")
    with registry.work(kcell) as work:
        with pytest.raises(Conflict):
            checks.tell(work, [which])
        checks.decide(work, which, 1, "confirmed", OWNER)
    with registry.work(kcell) as work, pytest.raises(Conflict):
        checks.tell(work, [which, other])
    with registry.read(kcell) as work:
        assert checks.found(work, which).told == 0
    with registry.work(kcell) as work:
        first = checks.tell(work, [which, which])
    clock[0] += 9 * DAY
    with registry.work(kcell) as work:
        assert checks.tell(work, [which]) == first
    assert (first[0].number, first[0].person.name, first[0].is_late) == (NUMBER, "Иванов Иван", False)
    with registry.read(SYSTEM) as work:
        reads = work.db.scalars(
            select(AuditEntry.purpose).where(AuditEntry.verb == "read-personal", AuditEntry.what == "check")
        )
        assert list(reads) == [purposes.TELLING] * 2
        assert work.db.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.verb == "told")) == 1


def test_a_message_after_the_clock_is_late(registry, kcell, clock) -> None:
    which = check_of(registry, kcell)
    with registry.work(kcell) as work:
        due = checks.decide(work, which, 1, "not_confirmed", Person()).tell_due
    clock[0] = due
    with registry.read(kcell) as work:
        assert [one.id for one in checks.search(work, Filter("decided", late=True), None, 5)] == [which]
    with registry.work(kcell) as work:
        assert checks.tell(work, [which])[0].is_late
        assert checks.search(work, Filter(late=True), None, 5) == []


def test_another_operators_checks_are_absent(registry, kcell, someone) -> None:
    which = check_of(registry, kcell)
    with registry.work(someone("operator", "beeline")) as work:
        for call in (
            lambda: checks.found(work, which), lambda: checks.decide(work, which, 1, "not_confirmed", Person()),
            lambda: checks.tell(work, [which]), lambda: checks.reveal(work, [which]),
        ):  # fmt: skip
            with pytest.raises(Absent):
                call()
        assert checks.search(work, Filter(), None, 5) == []


def test_numbers_are_shown_to_who_has_to_check_them_and_that_is_noted(registry, kcell) -> None:
    one, two = check_of(registry, kcell), check_of(registry, kcell, "+77012222222")
    with registry.read(kcell) as work:
        assert checks.reveal(work, [two, one]) == [(two, "+77012222222"), (one, NUMBER)]
        with pytest.raises(Invalid):
            checks.reveal(work, [])
    with registry.read(SYSTEM) as work:
        reads = select(func.count()).select_from(AuditEntry).where(AuditEntry.purpose == purposes.CHECKING)
        assert work.db.scalar(reads) == 2


def test_the_operator_is_reminded_once_a_day_before_the_end(registry, kcell, clock) -> None:
    check_of(registry, kcell)
    due = business_days_after(clock[0], 2)
    for now, expected in ((due - DAY - 1, 0), (due - DAY, 1), (due, 0)):
        clock[0] = now
        with registry.work(SYSTEM) as work:
            assert checks.remind(work) == expected


def test_lists_are_filtered_by_state_and_lateness(registry, kcell, clock) -> None:
    first, second = check_of(registry, kcell), check_of(registry, kcell, "+77012222222")
    with registry.work(kcell) as work:
        checks.decide(work, first, 1, "not_confirmed", Person())
    with registry.read(kcell) as work:
        found = {name: [one.id for one in checks.search(work, Filter(name), None, 5)] for name in checks.STATES}
        assert found == {"open": [second], "decided": [first], "told": []}
        assert checks.search(work, Filter(late=True), None, 5) == []
        assert len(checks.search(work, Filter(outcome="not_confirmed"), None, 5)) == 1
    clock[0] += 9 * DAY
    with registry.read(kcell) as work:
        assert len(checks.search(work, Filter(late=True), None, 5)) == 2


def test_the_json_keeps_to_its_schema_and_the_csv_says_the_same(registry, kcell) -> None:
    one, two = check_of(registry, kcell), check_of(registry, kcell, "+77012222222")
    with registry.work(kcell) as work:
        checks.decide(work, one, 1, "confirmed", Person("=cmd|' /C calc'!A0; x", "050140000011", (NUMBER, "1414")))
        checks.decide(work, two, 1, "not_confirmed", Person())
        messages = checks.tell(work, [one, two])
        text = centre_message.to_json(messages, work.now)
    jsonschema_rs.validator_for(SCHEMA).validate(json.loads(text))
    assert '"made": "2026-11-30T07:00:00Z"' in text
    table = centre_message.to_csv(messages)
    assert table.startswith("\ufeffcheck;operator;number;")
    rows = list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"), newline=""), delimiter=";"))
    assert rows[0]["number"] == f"'{NUMBER}"
    assert rows[0]["name"] == "'=cmd|' /C calc'!A0; x"
    assert rows[0]["iin"] == "'050140000011"
    assert rows[0]["numbers"] == f"'{NUMBER} 1414"
    assert (rows[0]["numbers_count"], rows[0]["over_limit"], rows[1]["name"], rows[1]["outcome"]) == (
        "2",
        "no",
        "",
        "not_confirmed",
    )
    assert all("\r\n" in line or not line for line in table.splitlines(keepends=True))


@given(st.text(max_size=30))
def test_no_cell_begins_like_a_formula_or_is_a_number_that_a_spreadsheet_changes(text: str) -> None:
    cell = centre_message.safe_cell(text)
    assert cell in (text, f"'{text}")
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not cell.startswith(("\t", "\r", "\n"))
    digits = cell.isascii() and cell.isdigit()
    assert not (digits and (len(cell) > 11 or (cell[0] == "0" and len(cell) > 1)))


def test_the_schema_itself_is_sound_and_refuses_what_it_should() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    made = centre_message.document([], 1_796_022_000_000)
    jsonschema_rs.validator_for(SCHEMA).validate(made)
    for wrong in ({"version": 2}, {"more": 1}, {"made": "today"}):
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validator_for(SCHEMA).validate(made | wrong)


def test_the_message_names_the_person_of_the_order() -> None:
    person = SCHEMA["$defs"]["message"]["properties"]["person"]["properties"]
    assert {"name", "iin", "numbers"} <= person.keys()
