"""Cases: moves, versions, what they consist of, merging, and what is kept of their story."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from tosqauyl.registry import audit, incident_parts, incidents
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.errors import Absent, Conflict, Invalid
from tosqauyl.registry.incidents import Changes, Draft, Filter
from tosqauyl.registry.intake import submit
from tosqauyl.registry.store import Registry
from tosqauyl.registry.submission import Submission
from tosqauyl.registry.tables import Account, AuditEntry, Incident, IncidentEvent, Observable, Report
from tosqauyl.registry.timeline import entries
from tosqauyl.registry.words import INCIDENT_MOVES

DAY = 86_400_000


@pytest.fixture
def opened(registry: Registry, analyst: Actor) -> UUID:
    """A case of the centre."""
    with registry.work(analyst) as work:
        return incidents.create(work, Draft("Calls in the name of a bank", amount=1_000, victims=1)).id


@pytest.fixture
def report(registry: Registry, someone: Callable[..., Actor]) -> Callable[[str], UUID]:
    """Sends a report of a number; its id."""

    def send(number: str, organisation: str = "police", role: str = "police") -> UUID:
        with registry.work(someone(role, organisation)) as work:
            return submit(work, Submission(role, "call", (("phone", number),), text=number)).report

    return send


def state(registry: Registry, actor: Actor, incident: UUID) -> Incident:
    with registry.read(actor) as work:
        found = incidents.found(work, incident)
        work.db.expunge(found)
        return found


def test_a_case_goes_its_way_and_its_clock_with_it(registry, analyst, opened, clock) -> None:
    fresh = state(registry, analyst, opened)
    assert (fresh.state, fresh.version, fresh.due) == ("pending", 1, business_days_after(clock[0], 2))
    clock[0] += DAY
    with registry.work(analyst) as work:
        moved = incidents.move(work, opened, 1, "investigating", why="He called again")
    assert (moved.state, moved.due) == ("investigating", business_days_after(clock[0], 10))
    with registry.work(analyst) as work:
        closed = incidents.move(work, opened, 2, "closed", "confirmed_risk")
    assert (closed.state, closed.outcome, closed.closed) == ("closed", "confirmed_risk", clock[0])
    with registry.work(analyst) as work:
        again = incidents.move(work, opened, 3, "investigating")
    assert (again.state, again.outcome, again.closed) == ("investigating", "", 0)


@pytest.mark.parametrize("before", INCIDENT_MOVES)
@pytest.mark.parametrize("after", INCIDENT_MOVES)
def test_only_the_moves_of_the_table_are_made(registry, analyst, opened, clock, before, after) -> None:
    with registry.work(SYSTEM) as work:
        row = work.db.get(Incident, opened)
        row.state = before
    version = state(registry, analyst, opened).version
    allowed = after in INCIDENT_MOVES[before]

    def move() -> None:
        with registry.work(analyst) as work:
            if after == "snoozed":
                incidents.snooze(work, opened, version, clock[0] + DAY, "waiting for the bank")
            else:
                incidents.move(work, opened, version, after, "false_positive" if after == "closed" else "")

    if allowed:
        move()
        assert state(registry, analyst, opened).state == after
    else:
        with pytest.raises(Conflict):
            move()
        assert state(registry, analyst, opened).state == before


@pytest.mark.parametrize(
    ("to", "outcome"),
    [("closed", ""), ("closed", "won"), ("investigating", "confirmed_risk"), ("snoozed", ""), ("gone", "")],
)
def test_a_move_that_cannot_be_is_refused(registry, analyst, opened, to, outcome) -> None:
    with registry.work(analyst) as work, pytest.raises(Invalid):
        incidents.move(work, opened, 1, to, outcome)


def test_a_snoozed_case_wakes_by_itself_and_never_before(registry, analyst, opened, clock) -> None:
    with registry.work(analyst) as work:
        incidents.move(work, opened, 1, "investigating")
        with pytest.raises(Invalid):
            incidents.snooze(work, opened, 2, clock[0], "x")
        with pytest.raises(Invalid):
            incidents.snooze(work, opened, 2, clock[0] + 91 * DAY, "x")
        until = incidents.snooze(work, opened, 2, clock[0] + DAY, "waiting").due
    clock[0] = until - 1
    with registry.work(SYSTEM) as work:
        assert incidents.wake(work) == 0
    clock[0] = until
    with registry.work(SYSTEM) as work:
        assert incidents.wake(work) == 1
    with registry.work(SYSTEM) as work:
        assert incidents.wake(work) == 0
    woken = state(registry, analyst, opened)
    assert (woken.state, woken.snoozed_until, woken.due) == ("investigating", 0, business_days_after(until, 10))


def test_who_comes_second_gets_a_conflict_that_tells_what_the_first_one_did(registry, someone, opened) -> None:
    with registry.work(someone("analyst", name="user:aida")) as work:
        incidents.move(work, opened, 1, "investigating")
    with registry.work(someone("analyst", name="user:bolat")) as work, pytest.raises(Conflict) as refused:
        incidents.move(work, opened, 1, "closed", "false_positive")
    assert "user:aida moved it at 2026-11-30T07:00:00Z: it is investigating now, version 2" in str(refused.value)


def test_of_two_who_decide_at_the_same_moment_one_wins_and_the_other_sees_it(registry, someone, opened) -> None:
    start, told = threading.Barrier(2), []

    def decide(name: str, outcome: str) -> None:
        start.wait()
        try:
            with registry.work(someone("analyst", name=name)) as work:
                incidents.move(work, opened, 1, "closed", outcome)
            told.append((name, ""))
        except Conflict as error:
            told.append((name, str(error)))

    threads = [
        threading.Thread(target=decide, args=one)
        for one in (("user:a", "confirmed_risk"), ("user:b", "false_positive"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    won = [name for name, why in told if not why]
    assert len(told) == 2
    assert len(won) == 1
    assert next(why for _, why in told if why).startswith(f"{won[0]} moved it")


def test_a_foreign_case_is_absent_as_a_missing_one_is(registry, someone, opened) -> None:
    police = someone("police", "police")
    answers = []
    with registry.work(police) as work:
        for which in (opened, UUID(int=5)):
            for call in (
                lambda key: incidents.found(work, key),
                lambda key: incidents.move(work, key, 1, "investigating"),
                lambda key: incidents.comment(work, key, "x"),
                lambda key: incident_parts.reports_in(work, key, None, 5),
            ):
                with pytest.raises(Absent) as absent:
                    call(which)
                answers.append(str(absent.value))
        assert incidents.search(work, Filter(), None, 5) == []
        assert incidents.visible(work, {opened}) == set()
    assert len(set(answers)) == 1


def test_reports_are_put_in_with_what_they_name_and_taken_out(registry, analyst, opened, report) -> None:
    one, two = report("+77011234567"), report("+77011234568")
    with registry.work(analyst) as work:
        incident = incident_parts.add_reports(work, opened, 1, [one, two])
        assert (incident.reports, incident.version) == (2, 2)
        assert len(incident_parts.observables_in(work, opened)) == 2
        assert [row.id for row in incident_parts.reports_in(work, opened, None, 5)] == sorted((one, two), reverse=True)
        assert work.db.get(Report, one, populate_existing=True).state == "linked"
    with registry.work(analyst) as work:
        assert incident_parts.add_reports(work, opened, 2, [one]).version == 2
        other = incidents.create(work, Draft("Another")).id
        with pytest.raises(Conflict, match="another case"):
            incident_parts.add_reports(work, other, 1, [one])
        with pytest.raises(Conflict, match="not in the case"):
            incident_parts.remove_reports(work, other, 1, [one])
        with pytest.raises(Conflict, match="not there"):
            incident_parts.add_reports(work, opened, 2, [UUID(int=1)])
        with pytest.raises(Invalid):
            incident_parts.add_reports(work, opened, 2, [])
    with registry.work(analyst) as work:
        incident = incident_parts.remove_reports(work, opened, 2, [one])
        row = work.db.get(Report, one, populate_existing=True)
        assert (incident.reports, row.state, row.incident) == (1, "triaged", None)
        assert len(incident_parts.observables_in(work, opened)) == 2


def test_closing_a_case_closes_its_reports_with_its_outcome(registry, analyst, opened, report) -> None:
    one = report("+77011234567")
    with registry.work(analyst) as work:
        incident_parts.add_reports(work, opened, 1, [one])
        incidents.move(work, opened, 2, "closed", "false_positive")
    with registry.read(analyst) as work:
        row = work.db.get(Report, one)
        assert (row.state, row.outcome) == ("closed", "false")
    with registry.work(analyst) as work, pytest.raises(Conflict, match="closed"):
        incident_parts.add_reports(work, opened, 3, [one])


def test_observables_are_put_in_and_taken_out_and_others_see_it_by_the_version(
    registry, analyst, opened, report
) -> None:
    report("+77011234567")
    with registry.work(analyst) as work:
        which = work.db.scalars(select(Observable.id)).one()
        assert incident_parts.add_observables(work, opened, 1, [which, which]).version == 2
        assert incident_parts.add_observables(work, opened, 2, [which]).version == 2
        with pytest.raises(Conflict):
            incident_parts.remove_observables(work, opened, 1, [which])
        assert incident_parts.remove_observables(work, opened, 2, [which]).version == 3
        with pytest.raises(Conflict, match="not in the case"):
            incident_parts.remove_observables(work, opened, 3, [which])
        with pytest.raises(Conflict, match="not there"):
            incident_parts.add_observables(work, opened, 3, [UUID(int=1)])


def test_two_cases_become_one(registry, analyst, opened, report) -> None:
    one, two = report("+77011234567"), report("+77011234568")
    with registry.work(analyst) as work:
        other = incidents.create(work, Draft("The same people", amount=500, victims=2)).id
        incident_parts.add_reports(work, opened, 1, [one])
        incident_parts.add_reports(work, other, 1, [two])
    with registry.work(analyst) as work:
        with pytest.raises(Invalid):
            incident_parts.merge(work, opened, 2, opened, 2)
        with pytest.raises(Conflict):
            incident_parts.merge(work, opened, 2, other, 1)
    with registry.work(analyst) as work:
        merged = incident_parts.merge(work, opened, 2, other, 2)
        assert (merged.reports, merged.amount, merged.victims, merged.state) == (2, 1_500, 3, "pending")
        assert len(incident_parts.observables_in(work, opened)) == 2
        assert len(incident_parts.reports_in(work, opened, None, 5)) == 2
    gone = state(registry, analyst, other)
    assert (gone.state, gone.outcome, gone.merged_into, gone.reports) == ("closed", "", opened, 0)
    with registry.work(analyst) as work, pytest.raises(Conflict, match="merged into"):
        incidents.move(work, other, 3, "investigating")


def test_cases_of_two_organisations_are_not_merged(registry, analyst, someone, opened) -> None:
    with registry.work(someone("analyst", "kcell")) as work:
        theirs = incidents.create(work, Draft("Theirs")).id
        for foreign in (opened, UUID(int=1)):
            with pytest.raises(Conflict, match="not there"):
                incident_parts.merge(work, theirs, 1, foreign, 1)
            with pytest.raises(Absent):
                incident_parts.merge(work, foreign, 1, theirs, 1)
    with registry.work(analyst) as work, pytest.raises(Invalid):
        incident_parts.merge(work, opened, 1, theirs, 1)


def test_a_case_is_given_to_who_may_work_on_it(registry, analyst, opened) -> None:
    people = {}
    with registry.work(SYSTEM) as work:
        for login, role, organisation, disabled in (
            ("aida", "analyst", "centre", False), ("omar", "auditor", "centre", False), ("gone", "analyst", "centre", True),
            ("erlan", "analyst", "kcell", False),
        ):  # fmt: skip
            row = Account(
                id=work.new_id(), organisation=organisation, login=login, role=role, disabled=disabled, created=work.now
            )
            work.db.add(row)
            people[login] = row.id
    with registry.work(analyst) as work:
        for login in ("omar", "gone", "erlan"):
            with pytest.raises(Invalid):
                incidents.assign(work, opened, 1, people[login])
        assert incidents.assign(work, opened, 1, people["aida"]).assigned == people["aida"]
        assert [one.id for one in incidents.search(work, Filter(assigned=people["aida"]), None, 5)] == [opened]
        assert incidents.assign(work, opened, 2, None).assigned is None
        assert incidents.assign(work, opened, 3, None).version == 3


@pytest.mark.parametrize(
    "changes",
    [
        Changes(title="Call 8 701 123 45 67"), Changes(title="x" * 201), Changes(title="a\0b"), Changes(scheme="no-such"),
        Changes(region="XX"), Changes(amount=-1), Changes(amount=10**16), Changes(victims=-1),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(registry, analyst, opened, changes) -> None:
    with registry.work(analyst) as work, pytest.raises(Invalid):
        incidents.amend(work, opened, 1, changes)


def test_what_changes_is_noted_by_name_and_nothing_else(registry, analyst, opened) -> None:
    with registry.work(analyst) as work:
        changed = incidents.amend(work, opened, 1, Changes(title="Safe account", amount=77, victims=1))
        assert (changed.title, changed.amount, changed.version) == ("Safe account", 77, 2)
        assert incidents.amend(work, opened, 2, Changes(amount=77)).version == 2
    with registry.read(analyst) as work:
        details = work.db.scalars(select(AuditEntry.detail).where(AuditEntry.verb == "amended")).all()
    assert details == ["title, amount"]


def test_lists_are_the_latest_first_and_pages_follow_each_other(registry, analyst, opened, clock) -> None:
    made = [opened]
    for _ in range(4):
        clock[0] += 1
        with registry.work(analyst) as work:
            made.append(incidents.create(work, Draft("More")).id)
    with registry.read(analyst) as work:
        first = incidents.search(work, Filter(), None, 2)
        assert [one.id for one in first] == made[:1:-1]
        second = incidents.search(work, Filter(), first[1].id, 2)
        assert [one.id for one in second] == made[2::-1]
        assert incidents.search(work, Filter(late=True), None, 5) == []
    clock[0] += 10 * DAY
    with registry.read(analyst) as work:
        assert len(incidents.search(work, Filter(state="pending", late=True), None, 9)) == 5


def test_the_story_is_sealed_and_reading_it_is_noted(registry, analyst, opened) -> None:
    with registry.work(analyst) as work:
        incidents.comment(work, opened, "Ivan Petrov lost everything")
    with registry.work(analyst) as work, pytest.raises(Invalid):
        incidents.comment(work, opened, "  ")
    with registry.read(analyst) as work:
        assert not any(b"Petrov" in one for one in work.db.scalars(select(IncidentEvent.text)))
        closed = entries(work, opened, None, 10)
        assert [one.text for one in closed] == ["", ""]
        assert all(one.has_text for one in closed)
    with registry.read(analyst) as work:
        told = entries(work, opened, None, 10, "test")
        assert {one.text for one in told} == {"Ivan Petrov lost everything", "Calls in the name of a bank"}
    with registry.read(analyst) as work:
        reads = work.db.scalars(select(AuditEntry).where(AuditEntry.verb == "read-personal")).all()
        assert [(one.which, one.purpose) for one in reads] == [(str(opened), "test")]
        assert not any("Petrov" in one for one in work.db.scalars(select(AuditEntry.detail)))
        assert audit.verify(work.db).broken == ()
