"""Modes of rules: promoted by two people, retracted by one, told to gates in the order of commits."""

from dataclasses import replace
from threading import Barrier, Thread
from uuid import UUID

import pytest

from tosqauyl.registry import modes
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.audit import verify
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.modes import Backtested, Promotion
from tosqauyl.registry.publish import BELL
from tosqauyl.registry.tables import AuditEntry

RULE, OTHER = "kz-fixed-abroad", "kz-letters"
WHY = "two carriers looked at by hand, no complaint"
WANTED = Promotion(
    RULE, "canary", 5, "f926af2851e4 monitor", "0123456789abcdef", "bt-0123456789ab",
    f"back-test bt-0123456789ab: would have decided 400 of 1000000 attempts; {WHY}", WHY, Backtested(1_000_000, 2_678_400, 400, 0, -1),
)  # fmt: skip


def proposed(registry, who, **more):
    with registry.work(who) as work:
        return modes.propose(work, replace(WANTED, **more))


def approved(registry, analyst, supervisor, **more):
    made = proposed(registry, analyst, **more)
    with registry.work(supervisor) as work:
        return modes.approve(work, made.id, made.version)


def retracted(registry, who, rule=RULE):
    with registry.work(who) as work:
        return modes.retract(work, rule, "a hotel complains")


def told(registry):
    with registry.read(SYSTEM) as work:
        found = modes.standing(work)
    return found.revision, {one.rule: (one.mode, one.percent) for one in found.modes}


def test_a_promotion_holds_when_a_second_person_has_approved_it(registry, analyst, supervisor):
    made = proposed(registry, analyst)
    assert (made.state, made.seq, told(registry)) == ("proposed", 0, (0, {}))
    with registry.work(supervisor) as work:
        made = modes.approve(work, made.id, made.version)
    assert (made.state, made.seq, made.decided_by) == ("approved", 1, "user:daniyar")
    assert told(registry) == (1, {RULE: ("canary", 5)})
    assert (modes.tested_of(made), modes.by_of(made)) == (WANTED.tested, "user:aida, approved by user:daniyar")


def test_nobody_approves_what_he_proposed_and_no_program_approves_anything(registry, someone, supervisor):
    made = proposed(registry, supervisor)
    for who in (supervisor, someone("analyst", name="user:daniyar"), someone("supervisor", name="key:1f2e"), SYSTEM):
        with pytest.raises(Forbidden), registry.work(who) as work:
            modes.approve(work, made.id, made.version)
    assert told(registry) == (0, {})


def test_a_retraction_holds_at_once_by_one_person(registry, analyst, supervisor):
    approved(registry, analyst, supervisor)
    made = retracted(registry, analyst)
    assert (made.state, made.seq, made.decided_by) == ("retracted", 2, "user:aida")
    assert told(registry) == (2, {RULE: ("monitor", 0)})
    assert made.reason == "retracted at 2026-11-30T07:00:00.000Z: a hotel complains"
    with pytest.raises(Conflict):
        retracted(registry, supervisor)


def test_a_rule_that_nobody_promoted_here_can_be_retracted(registry, analyst):
    retracted(registry, analyst, OTHER)
    assert told(registry) == (1, {OTHER: ("monitor", 0)})


def test_a_proposal_of_before_a_retraction_cannot_be_approved_any_more(registry, analyst, supervisor):
    approved(registry, analyst, supervisor)
    later = proposed(registry, analyst, mode="enforce", percent=0)
    retracted(registry, analyst)
    with pytest.raises(Conflict, match="was changed since"), registry.work(supervisor) as work:
        modes.approve(work, later.id, later.version)
    with registry.work(analyst) as work:
        assert modes.turn_down(work, later.id, later.version, "it was retracted").state == "turned-down"
    assert approved(registry, analyst, supervisor).seq == 3, "and then from the beginning"


def test_of_a_rule_one_proposal_waits_at_a_time(registry, analyst, supervisor):
    made = proposed(registry, analyst)
    with pytest.raises(Conflict):
        proposed(registry, supervisor, percent=20)
    proposed(registry, analyst, rule=OTHER)
    with registry.work(supervisor) as work:
        modes.turn_down(work, made.id, made.version, "too early")
    assert proposed(registry, supervisor, percent=20).percent == 20


def test_who_decides_on_what_another_changed_meanwhile_is_refused(registry, analyst, supervisor):
    made = proposed(registry, analyst)
    with registry.work(supervisor) as work:
        modes.approve(work, made.id, made.version)
    for act in (modes.approve, lambda *about: modes.turn_down(*about, "late")):
        with pytest.raises(Conflict), registry.work(supervisor) as work:
            act(work, made.id, made.version)
        with pytest.raises(Conflict), registry.work(supervisor) as work:
            act(work, made.id, made.version + 1)


def test_only_the_centre_decides_and_sees(registry, someone, analyst):
    made = proposed(registry, analyst)
    operator = someone("supervisor", "kcell", "user:marat")
    for act in (
        lambda work: modes.propose(work, replace(WANTED, rule=OTHER)), lambda work: modes.approve(work, made.id, made.version),
        lambda work: modes.turn_down(work, made.id, made.version, "no, not this one"),
        lambda work: modes.retract(work, RULE, "a hotel complains"), lambda work: modes.search(work, "", "", None, 10),
    ):  # fmt: skip
        with pytest.raises(Forbidden), registry.work(operator) as work:
            act(work)


@pytest.mark.parametrize("why", ["", "no", "two\nlines", "x" * 301, "asked by +7 701 123 45 67", "a\x00b"])
def test_a_reason_that_cannot_be_kept_is_refused(registry, analyst, why):
    with pytest.raises(Invalid), registry.work(analyst) as work:
        modes.retract(work, RULE, why)


@pytest.mark.parametrize(
    ("mode", "percent"), [("canary", 0), ("canary", 100), ("enforce", 5), ("monitor", 0), ("off", 0)]
)
def test_what_is_no_step_up_is_refused(registry, analyst, mode, percent):
    with pytest.raises(Invalid):
        proposed(registry, analyst, mode=mode, percent=percent)


@pytest.mark.parametrize("rule", ["", "KZ", "a b", "a" * 41, "a--b"])
def test_what_is_no_id_of_a_rule_is_not_retracted(registry, analyst, rule):
    with pytest.raises(Invalid):
        retracted(registry, analyst, rule)


def test_a_decision_that_is_not_there_is_absent(registry, supervisor):
    with pytest.raises(Absent), registry.work(supervisor) as work:
        modes.approve(work, UUID(int=7), 1)


def test_everything_is_in_the_trail_and_the_bell_rings_for_what_holds(registry, analyst, supervisor):
    rung: list[int] = []
    listen = lambda: rung.append(1)  # noqa: E731 - forgotten by its identity
    BELL.listen(listen)
    try:
        proposed(registry, analyst)
        assert rung == []
        approved(registry, analyst, supervisor, rule=OTHER)
        retracted(registry, analyst)
    finally:
        BELL.forget(listen)
    assert rung == [1, 1]
    with registry.read(SYSTEM) as work:
        said = [(one.actor, one.verb, one.detail) for one in work.db.query(AuditEntry).order_by(AuditEntry.seq)]
        assert verify(work.db).broken == ()
    assert said == [
        ("user:aida", "propose", f"{RULE} canary:5 bt-0123456789ab"), ("user:aida", "propose", f"{OTHER} canary:5 bt-0123456789ab"),
        ("user:daniyar", "approve", f"{OTHER} canary:5 bt-0123456789ab"), ("user:aida", "retract", f"{RULE} monitor"),
    ]  # fmt: skip


def test_history_is_kept_latest_first_and_searched_by_rule_and_state(registry, analyst, supervisor, clock):
    for _ in range(2):
        approved(registry, analyst, supervisor)
        clock[0] += 1000
        retracted(registry, analyst)
        clock[0] += 1000
    proposed(registry, analyst, rule=OTHER)
    with registry.read(analyst) as work:
        of_rule = [one.state for one in modes.search(work, RULE, "", None, 10)]
        waiting = [one.rule for one in modes.search(work, "", "proposed", None, 10)]
        first = modes.search(work, "", "", None, 1)
        rest = modes.search(work, "", "", first[0].id, 10)
    assert of_rule == ["retracted", "approved", "retracted", "approved"]
    assert (waiting, len(first), len(rest)) == ([OTHER], 2, 4)


def test_decisions_at_the_same_moment_get_numbers_without_a_gap(registry, analyst, supervisor):
    rules = [f"rule-{place}" for place in range(6)]
    waiting, together, failed = [proposed(registry, analyst, rule=rule) for rule in rules], Barrier(len(rules)), []

    def approve(one):
        together.wait()
        try:
            with registry.work(supervisor) as work:
                modes.approve(work, one.id, one.version)
        except Exception as error:  # noqa: BLE001 - told by the assertion
            failed.append(error)

    threads = [Thread(target=approve, args=(one,)) for one in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    with registry.read(SYSTEM) as work:
        assert sorted(one.seq for one in modes.standing(work).modes) == [1, 2, 3, 4, 5, 6]
