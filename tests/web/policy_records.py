"""Back-tests on record for the routes and pages of the policy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect, write_record
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.modes import rule_key

RULE, ANALYTIC = "kz-fixed-abroad", "kz-sequential"
POLICY = load_shipped()
RULES = {rule.id: rule for rule in POLICY.rules}
REPORT = "bt-0123456789ab"
DAY = 86_400.0
WHY = "two carriers looked at by hand, no complaint"


def effect(rule: str = RULE, **values: Any) -> RuleEffect:
    """What a rule would have done: 400 of 412 hits, nobody known to be good."""
    plain = {"key": rule_key(RULES[rule]), "verdict": RULES[rule].verdict.value, "hits": 412, "decides": 400,
             "known_good": 0, "known_good_numbers": 0, "roamers": 0}  # fmt: skip
    return RuleEffect(**(plain | values))


def put_record(ledger: Path, now: float, effects: dict[str, RuleEffect] | None = None, **values: Any) -> BacktestRecord:
    """Write a record of the last 31 days. now: seconds since 1970."""
    ledger.mkdir(parents=True, exist_ok=True)
    plain = BacktestRecord(
        REPORT, now - 60, "kz-border", POLICY.hash, "", "7-0123456789ab", now - 31 * DAY, now - 3600, 1_000_000, 400, 0,
        ("answered",), (), effects or {RULE: effect(), ANALYTIC: effect(ANALYTIC)},
    )  # fmt: skip
    made = replace(plain, **values)
    write_record(ledger, made)
    return made
