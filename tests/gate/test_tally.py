"""Counters by rule and verdict, and what happens to them when the snapshot is replaced."""

from datetime import date

from desk import PLAN, POLICY, invite, make_desk

from tosqauyl.gate.tally import OTHERS, RULES_KEPT, RuleCount, Tally
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.screen.decision import Decision
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.rates import Rates
from tosqauyl.state.subscribers import Subscribers

FIXED, FOREIGN = "+77172123456", "+447700900123"


def calls(desk, number, count, mark):
    for place in range(count):
        desk.send(invite(number, asserted=number, branch=f"z9hG4bK-{mark}-{place}"))


def another_engine(*overrides, enforce=True):
    policy = POLICY.with_modes(overrides)
    return Engine(
        Snapshot(policy, PLAN, Indicators(), Subscribers(PLAN.mobile_codes)), FailurePolicy(), EngineOptions(enforce)
    )


def test_a_rule_in_monitor_counts_what_it_would_have_stopped():
    desk = make_desk(enforce=False)
    calls(desk, FIXED, 3, "a")
    calls(desk, FOREIGN, 2, "b")
    counts = desk.session.rule_counts()
    assert counts["kz-fixed-abroad"] == RuleCount(hits=3, decided=0, would_have=3, would_stop=3)
    assert counts["kz-reserve"] == RuleCount()
    assert set(counts) == {rule.id for rule in POLICY.rules}


def test_a_rule_that_holds_counts_what_it_decided():
    desk = make_desk(enforce=True)
    calls(desk, FIXED, 3, "a")
    assert desk.session.rule_counts()["kz-fixed-abroad"] == RuleCount(hits=3, decided=3)


def test_a_canary_counts_either_side():
    desk = make_desk(policy=POLICY.with_modes([ModeOverride("kz-fixed-abroad", "canary", 50, "", "", date.min)]))
    for number in range(40):
        calls(desk, f"+771721234{number:02d}", 1, f"c{number}")
    found = desk.session.rule_counts()["kz-fixed-abroad"]
    assert found.hits == 40
    assert found.decided > 5
    assert found.would_stop > 5
    assert found.decided + found.would_stop == 40


def test_a_hit_that_another_rule_decides_is_a_hit_only():
    desk = make_desk(enforce=True)
    calls(desk, "112", 2, "e")
    counts = desk.session.rule_counts()
    assert counts["kz-emergency-caller"].decided == 2
    others = [counts[name] for name in counts if name != "kz-emergency-caller"]
    assert all(one.decided == one.would_have == 0 for one in others)


def test_counters_go_on_across_a_replaced_snapshot():
    desk = make_desk(enforce=False)
    calls(desk, FIXED, 3, "a")
    before = desk.session.tally.outcomes(desk.session.decided)
    desk.session.replace(another_engine(), desk.session._make_row)
    assert desk.session.decided == {}
    assert desk.session.tally.outcomes(desk.session.decided) == before
    calls(desk, FIXED, 2, "b")
    assert desk.session.rule_counts()["kz-fixed-abroad"] == RuleCount(hits=5, decided=2, would_have=3, would_stop=3)
    assert sum(desk.session.tally.outcomes(desk.session.decided).values()) == 5


def test_a_replaced_snapshot_decides_at_once_and_rows_are_written_by_its_maker():
    desk = make_desk(enforce=False)
    assert desk.status(invite(FIXED, asserted=FIXED, branch="z9hG4bK-1")) == 302
    desk.session.replace(another_engine(), lambda call, decided, elapsed, answer: f"new\t{answer}")
    assert desk.status(invite(FIXED, asserted=FIXED, branch="z9hG4bK-2")) == 603
    assert desk.rows[-1] == "new\t603"
    assert desk.status(invite(FIXED, asserted=FIXED, branch="z9hG4bK-1")) == 302, "an answered call keeps its answer"


def test_rates_and_shedding_survive_a_replaced_snapshot_and_templates_do_not():
    desk = make_desk()
    rates = desk.session.engine.rates = Rates(64, 64, 8)
    desk.session.engine.counting = False
    calls(desk, FIXED, 1, "a")
    profiles = [entry.profile for entry in desk.session.trunks.entries]
    assert any(profile.templates for profile in profiles)
    desk.session.replace(another_engine(), desk.session._make_row)
    assert desk.session.engine.rates is rates
    assert desk.session.engine.counting is False
    assert not any(profile.templates for profile in profiles)


def test_names_of_rules_are_bounded():
    class Named:
        def __init__(self, name):
            self.id = name

    tally = Tally()
    decision = make_desk().session.engine.decide(None)
    one = Decision(
        *decision.row[:0], decision.verdict, decision.reason, "", "", 1, decision.verdict, decision.reason, ""
    )
    for number in range(RULES_KEPT + 5):
        tally.fold({"": {one: 1}}, (Named(f"r-{number}"),))
    counts = tally.rules({}, ())
    assert len(counts) == RULES_KEPT + 1
    assert counts[OTHERS].hits == 5


def test_calls_are_counted_by_trunk_across_a_replaced_snapshot():
    desk = make_desk(enforce=True)
    calls(desk, FIXED, 3, "a")
    (trunk,) = desk.session.by_trunk
    desk.session.replace(another_engine(), desk.session._make_row)
    calls(desk, FIXED, 1, "b")
    calls(desk, FOREIGN, 2, "c")
    assert desk.session.tally.trunks(desk.session.by_trunk) == {(trunk, "stop"): 4, (trunk, "pass"): 2}
