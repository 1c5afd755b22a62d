"""Canary: a rule that holds for a stable share of the callers and is watched for all others."""

import dataclasses
from datetime import UTC, date, datetime

import pytest

from tosqauyl.facts import UNKNOWN_CALL, Verdict
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.subscribers import Subscribers

PLAN = load_plan()
DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
CALLERS = [f"+7717223{number:04d}" for number in range(400)]
FIXED = UNKNOWN_CALL._replace(at=AT, direction="international", caller_kind="fixed", presented_kind="fixed")


def engine(*overrides, enforce=False, policy=None):
    chosen = (policy or load_shipped()).with_modes(overrides)
    return Engine(
        Snapshot(chosen, PLAN, Indicators(), Subscribers(PLAN.mobile_codes)), FailurePolicy(), EngineOptions(enforce)
    )


def canary(percent, rule="kz-fixed-abroad", reason=""):
    return ModeOverride(rule, "canary", percent, reason, "fraud desk", DAY)


def stopped(judge):
    return {caller for caller in CALLERS if judge.decide(FIXED._replace(caller=caller)).verdict is Verdict.STOP}


@pytest.mark.parametrize("percent", [1, 10, 50, 99])
def test_it_stops_exactly_the_callers_of_its_share(percent):
    assert stopped(engine(canary(percent))) == {caller for caller in CALLERS if bucket(caller) < percent}


def test_a_larger_share_only_adds_callers():
    shares = [stopped(engine(canary(percent))) for percent in (5, 20, 80)]
    assert shares[0] < shares[1] < shares[2]


def test_a_caller_who_is_not_chosen_is_watched():
    judge = engine(canary(10))
    caller = next(caller for caller in CALLERS if bucket(caller) >= 10)
    found = judge.decide(FIXED._replace(caller=caller))
    assert (found.verdict, found.would_verdict, found.would_rule) == (Verdict.PASS, Verdict.STOP, "kz-fixed-abroad")


def test_a_caller_who_is_chosen_is_decided_by_the_rule():
    judge = engine(canary(10))
    caller = next(caller for caller in CALLERS if bucket(caller) < 10)
    found = judge.decide(FIXED._replace(caller=caller))
    assert (found.verdict, found.rule, found.would_rule) == (Verdict.STOP, "kz-fixed-abroad", "kz-fixed-abroad")
    assert found.mask == judge.known.policy.hits(FIXED._replace(caller=caller)), (
        "the mask in the journal has rules only"
    )


def test_equal_calls_share_one_decision_on_either_side():
    judge = engine(canary(50))
    decisions = {judge.decide(FIXED._replace(caller=caller)) for caller in CALLERS}
    assert len(decisions) == 2


def test_two_canaries_hold_each_for_its_own_share():
    judge = engine(canary(10), canary(50, "kz-voip-abroad"))
    call = FIXED._replace(presented_kind="voip", presented_country="KZ")
    rules = {bucket(caller): judge.decide(call._replace(caller=caller)).rule for caller in CALLERS}
    assert {rule for place, rule in rules.items() if place < 10} == {"kz-fixed-abroad"}
    assert {rule for place, rule in rules.items() if 10 <= place < 50} <= {"kz-voip-abroad"}
    assert {rule for place, rule in rules.items() if place >= 50} == {""}


def test_enforce_moves_the_monitored_rules_and_leaves_the_canary_its_share():
    judge = engine(canary(10), enforce=True)
    assert stopped(judge) == {caller for caller in CALLERS if bucket(caller) < 10}
    other = FIXED._replace(caller_kind="reserve", presented_kind="unknown", caller="+78190000001")
    assert judge.decide(other).rule == "kz-reserve"


def test_the_caller_of_a_call_without_number_is_one_caller():
    judge = engine(canary(bucket("") + 1))
    assert judge.decide(FIXED).verdict is Verdict.STOP
    assert engine(canary(bucket(""))).decide(FIXED).verdict is Verdict.PASS


def test_calls_that_hit_no_canary_are_not_hashed(monkeypatch):
    judge = engine(canary(50))
    monkeypatch.setattr("tosqauyl.screen.engine.bucket", lambda caller: pytest.fail("hashed"))
    foreign = UNKNOWN_CALL._replace(at=AT, direction="international", caller_kind="foreign", caller="+447700900123")
    assert judge.decide(foreign).verdict is Verdict.PASS


def test_an_expired_canary_is_off():
    judge = engine(canary(99))
    assert stopped(judge)
    rules = judge.known.policy.rules
    place = next(place for place, rule in enumerate(rules) if rule.id == "kz-fixed-abroad")
    old = dataclasses.replace(rules[place], expires=date(2026, 11, 23))
    policy = dataclasses.replace(judge.known.policy, rules=(*rules[:place], old, *rules[place + 1 :]))
    assert stopped(engine(policy=policy)) == set()
