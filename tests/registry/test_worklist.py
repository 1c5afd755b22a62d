"""One list of all that is due: who sees which kinds of work, in which order, and what counts as late."""

from uuid import UUID

import pytest

from tosqauyl.registry import checks, conditions, observables, worklist
from tosqauyl.registry.actor import CENTRE, SYSTEM, Actor
from tosqauyl.registry.checks import Person
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.incidents import Draft, create, move, snooze
from tosqauyl.registry.tables import Appeal, ModeDecision

DAY = 86_400_000
OWNER = Person("A", "820310399917")


@pytest.fixture
def busy(registry, analyst, someone, clock) -> dict[str, UUID]:
    """One thing of each kind, each a day later than the one before; kcell's, and a check of beeline's."""
    kcell, made = someone("operator", "kcell"), {}
    with registry.work(kcell) as work:
        check = checks.open_check(work, observables.observe(work, "phone", "+77011234567"), None, "own")
        checks.decide(work, check.id, 1, "confirmed", OWNER)
        made["tell"] = check.id
    clock[0] += DAY
    with registry.work(kcell) as work:
        made["check"] = checks.open_check(work, observables.observe(work, "phone", "+77017654321"), None, "own").id
    clock[0] += DAY
    with registry.work(someone("operator", "beeline")) as work:
        made["foreign"] = checks.open_check(work, observables.observe(work, "phone", "+77051112233"), None, "own").id
    clock[0] += DAY
    with registry.work(analyst) as work:
        made["incident"] = create(work, Draft("A case")).id
    with registry.work(SYSTEM) as work:
        number = observables.observe(work, "phone", "+77011234567")
        appeal = Appeal(
            id=work.new_id(), observable=number.id, ticket="0" * 64, state="proven", filed=work.now, due=work.now + 1
        )
        work.db.add(appeal)
        made["appeal"] = appeal.id
        promotion = ModeDecision(
            id=work.new_id(), organisation=CENTRE, rule="bulk-caller", mode="enforce", state="proposed", made_for="0" * 16,
            reason="it was tried over a month of calls", proposed_by="user:aida", proposed=work.now,
        )  # fmt: skip
        work.db.add(promotion)
        made["mode"] = promotion.id
    with registry.work(analyst) as work:
        number = observables.observe(work, "phone", "+442079460123")
        made["condition"] = conditions.block(work, number.id, "calls all day", work.now + 30 * DAY).id
    return made


def seen(registry, actor: Actor, **wanted) -> worklist.Worklist:
    with registry.read(actor) as work:
        return worklist.worklist(work, **wanted)


def test_the_centres_supervisor_sees_all_and_what_ends_first_comes_first(registry, supervisor, busy, clock) -> None:
    clock[0] += DAY
    found = seen(registry, supervisor)
    assert {task.kind for task in found.tasks} == set(worklist.KINDS)
    assert [task.due for task in found.tasks] == sorted(task.due for task in found.tasks)
    assert {name: one.open for name, one in found.counts.items()} == {
        "check": 2, "tell": 1, "incident": 1, "action": 1, "appeal": 1, "proposal": 1, "condition": 1,
        "mode": 1,
    }  # fmt: skip
    assert {task.id for task in found.tasks if task.kind == "check"} == {busy["check"], busy["foreign"]}


def test_late_is_what_the_tasks_and_the_counts_agree_on(registry, supervisor, busy, clock) -> None:
    for days in range(12):
        found = seen(registry, supervisor)
        counted = {name: one.late for name, one in found.counts.items()}
        assert counted == {name: sum(task.kind == name and task.is_late for task in found.tasks) for name in counted}, (
            days
        )
        late = seen(registry, supervisor, only_late=True)
        assert late.tasks == tuple(task for task in found.tasks if task.is_late)
        assert late.counts == found.counts
        clock[0] += DAY
    assert all(counted.values())


def test_the_last_second_before_a_proposal_is_late_is_not_late(registry, supervisor, busy, clock) -> None:
    proposal = next(task for task in seen(registry, supervisor).tasks if task.kind == "proposal")
    assert proposal.due == business_days_after(proposal.since, 1)
    for now, late in ((proposal.due - 1, 0), (proposal.due, 1)):
        clock[0] = now
        assert seen(registry, supervisor).counts["proposal"].late == late


def test_a_block_by_hand_that_ran_out_waits_for_nobody(registry, supervisor, busy, clock) -> None:
    assert seen(registry, supervisor).counts["condition"] == worklist.Count(1, 0)
    clock[0] += 31 * DAY
    assert seen(registry, supervisor).counts["condition"] == worklist.Count(0, 0)


def test_a_mode_is_named_by_its_rule(registry, supervisor, busy) -> None:
    (task,) = seen(registry, supervisor, kind="mode").tasks
    assert (task.id, task.rule, task.state, task.observable) == (busy["mode"], "bulk-caller", "enforce", None)
    assert task.due == business_days_after(task.since, 1)


def test_an_operator_sees_its_own_duties_only(registry, someone, busy) -> None:
    found = seen(registry, someone("operator", "kcell"))
    assert set(found.counts) == {"check", "tell", "action"}
    assert {(task.kind, task.organisation) for task in found.tasks} == {
        (kind, "kcell") for kind in ("check", "tell", "action")
    }
    assert busy["foreign"] not in {task.id for task in found.tasks}
    assert seen(registry, someone("bank", "halyk")).tasks == ()
    assert set(seen(registry, someone("police", "police")).counts) == {"incident", "action"}
    assert seen(registry, someone("auditor")).counts.keys() == {"incident"}


def test_one_kind_and_a_limit_leave_the_counts_as_they_are(registry, supervisor, busy) -> None:
    whole, part = seen(registry, supervisor), seen(registry, supervisor, kind="check", limit=1)
    assert part.counts == whole.counts
    assert [task.kind for task in part.tasks] == ["check"]
    assert seen(registry, supervisor, limit=3).tasks == whole.tasks[:3]


def test_a_snoozed_case_is_due_when_its_time_is_over(registry, analyst, busy, clock) -> None:
    with registry.work(analyst) as work:
        move(work, busy["incident"], 1, "investigating")
        snooze(work, busy["incident"], 2, clock[0] + 30 * DAY, "waiting")
    clock[0] += 20 * DAY
    assert seen(registry, analyst).counts["incident"] == worklist.Count(1, 0)
    clock[0] += 10 * DAY
    assert seen(registry, analyst).counts["incident"] == worklist.Count(1, 1)
