"""Precedence: which of the rules a call hit decides (decision 0007)."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.facts import UNKNOWN_CALL, Reason, Verdict
from tosqauyl.policy.load import load_policy, load_shipped
from tosqauyl.policy.rule import TIERS
from tosqauyl.screen.decision import decide, modes

POLICY = load_shipped()
TODAY = date(2026, 11, 24)
BIT = {rule.id: 1 << place for place, rule in enumerate(POLICY.rules)}


def decided(*ids: str, enforce: bool = True):
    return decide(sum(BIT[id] for id in ids), POLICY.rules, modes(POLICY.rules, enforce, TODAY))


def test_a_call_to_an_emergency_number_passes_whatever_else_is_true():
    assert decided(*BIT).verdict is Verdict.PASS
    assert decided(*BIT).reason is Reason.EMERGENCY_CALL


def test_a_protected_caller_is_stopped_even_if_it_is_on_the_allow_list():
    assert decided("kz-protected-caller", "kz-allow-listed").rule == "kz-protected-caller"


def test_the_allow_list_wins_over_every_stop_rule():
    stops = [rule.id for rule in POLICY.rules if rule.verdict is Verdict.STOP and rule.tier in ("listed", "screen")]
    assert decided("kz-allow-listed", *stops).verdict is Verdict.PASS


def test_an_exemption_does_not_save_a_listed_or_protected_caller():
    assert decided("kz-late-forwarding", "kz-block-listed").verdict is Verdict.STOP
    assert decided("kz-late-forwarding", "kz-emergency-caller").verdict is Verdict.STOP
    assert decided("kz-late-forwarding", "kz-fixed-abroad").verdict is Verdict.PASS


def test_in_one_tier_the_most_severe_verdict_wins():
    assert decided("kz-mobile-abroad", "kz-fixed-abroad").rule == "kz-fixed-abroad"


def test_no_rule_means_pass_without_a_reason():
    assert (decided().verdict, decided().reason, decided().rule) == (Verdict.PASS, Reason.NONE, "")


def test_monitored_rules_say_what_they_would_have_done():
    found = decided("kz-fixed-abroad", enforce=False)
    assert (found.verdict, found.would_verdict, found.would_rule) == (Verdict.PASS, Verdict.STOP, "kz-fixed-abroad")


def test_promotion_moves_deterministic_rules_only():
    promoted = dict(zip(BIT, modes(POLICY.rules, True, TODAY), strict=True))
    assert promoted["kz-fixed-abroad"] == "enforce"
    assert promoted["kz-mobile-unknown"] == "monitor"
    assert promoted["kz-outside-trunk"] == "monitor", "it would stop calls on domestic trunks"


@given(st.integers(0, (1 << len(POLICY.rules)) - 1), st.booleans())
def test_the_winner_is_in_the_first_tier_that_was_hit(mask, enforce):
    found = decide(mask, POLICY.rules, modes(POLICY.rules, enforce, TODAY))
    hit = [
        rule
        for rule, mode in zip(POLICY.rules, modes(POLICY.rules, enforce, TODAY), strict=True)
        if mask & BIT[rule.id] and mode == "enforce"
    ]
    if hit:
        first = min(TIERS.index(rule.tier) for rule in hit)
        winners = [rule for rule in hit if TIERS.index(rule.tier) == first]
        assert found.rule in {rule.id for rule in winners}
        assert found.verdict.severity == max(rule.verdict.severity for rule in winners)
    else:
        assert found.verdict is Verdict.PASS


EXPIRING = """
[policy]
name = "trial"
dated = 2026-11-01
[[rule]]
id = "until-new-year"
when = "direction = 'international' AND caller_country = 'GB'"
verdict = "stop"
reason = "custom"
class = "deterministic"
tier = "screen"
mode = "enforce"
expires = 2026-12-31
law = "none, a test"
[rule.text]
kk = "Сынақ."
ru = "Проба."
en = "A trial."
[rule.why_mode]
kk = "Сынақ."
ru = "Проба."
en = "A trial."
"""


def test_a_rule_ends_with_its_last_day_without_a_restart():
    from tosqauyl.numbers.plan import load_plan
    from tosqauyl.screen.engine import Engine, EngineOptions
    from tosqauyl.screen.failure import FailurePolicy
    from tosqauyl.screen.snapshot import Snapshot
    from tosqauyl.state.indicators import Indicators
    from tosqauyl.state.subscribers import Subscribers

    plan = load_plan()
    known = Snapshot(load_policy(EXPIRING, "trial.toml"), plan, Indicators(), Subscribers(plan.mobile_codes))
    engine = Engine(known, FailurePolicy(), EngineOptions())
    call = UNKNOWN_CALL._replace(direction="international", caller_country="GB")
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert engine.decide(call._replace(at=last)).verdict is Verdict.STOP
    assert engine.decide(call._replace(at=last + 1)).verdict is Verdict.PASS
    assert engine.decide(call._replace(at=last - 86400)).verdict is Verdict.STOP, "the clock may go back"
