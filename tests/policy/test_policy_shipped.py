"""kz-border.toml against its truth table, its documentation, and the promises made about it."""

import csv
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from policy_calls import calls

from tosqauyl.facts import FACTS, UNKNOWN_CALL, FactType, Reason, Verdict
from tosqauyl.policy.check import lint
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.fields import KEYS
from tosqauyl.policy.load import load_policy, load_shipped
from tosqauyl.policy.rule import CLASSES, MODES, TIERS
from tosqauyl.policy.tokens import FUNCTIONS

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "corpora" / "policy" / "kz-border.csv"
POLICY = load_shipped()
TODAY = date(2026, 3, 1)


def table():
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


_READ = {FactType.BOOLEAN: {"true": True}.__getitem__, FactType.INTEGER: int}


def call_of(written):
    changed = dict(part.split("=", 1) for part in written.split())
    values = {}
    for name, text in changed.items():
        fact = FACTS[name]
        assert not fact.about.choices or text in fact.about.choices, (name, text)
        values[name] = _READ.get(fact.type, str)(text)
    return UNKNOWN_CALL._replace(**values)


def hit(call):
    mask = POLICY.hits(call)
    return [rule for bit, rule in enumerate(POLICY.rules) if mask >> bit & 1]


def decided(rules, promote):
    """The contract of decision 0007 in five lines, apart from the product's own code: tier, then severity, then order."""
    held = [rule for rule in rules if rule.mode_at(promote, TODAY) == "enforce"]
    if not held:
        return "pass none"
    best = min(held, key=lambda rule: (TIERS.index(rule.tier), -rule.verdict.severity, rule.line))
    return f"{best.verdict} {best.reason}"


@pytest.mark.parametrize("row", table(), ids=lambda row: row["shows"])
def test_truth_table(row):
    rules = hit(call_of(row["facts"]))
    assert [rule.id for rule in rules] == row["hits"].split()
    assert decided(rules, promote=False) == row["monitor"]
    assert decided(rules, promote=True) == row["enforce"]


def test_the_truth_table_hits_every_rule_and_misses_it():
    told = [set(row["hits"].split()) for row in table()]
    for rule in POLICY.rules:
        assert any(rule.id in hits for hits in told), rule.id
        assert any(rule.id not in hits for hits in told), rule.id


def test_every_stopping_and_marking_rule_starts_in_monitor_and_passing_ones_hold():
    for rule in POLICY.rules:
        expected = "enforce" if rule.verdict is Verdict.PASS else "monitor"
        assert rule.mode == ("off" if rule.id == "kz-foreign-forwarding" else expected)


def test_identity_never_stops_and_only_deterministic_rules_are_promoted():
    for rule in POLICY.rules:
        if rule.verdict is Verdict.STOP:
            assert rule.klass in ("deterministic", "analytic")
        promoted = rule.mode == "monitor" and rule.mode_at(True, TODAY) == "enforce"
        assert promoted == (
            rule.mode == "monitor"
            and rule.klass == "deterministic"
            and rule.id not in ("kz-outside-trunk", "kz-call-denied")
        )


@settings(max_examples=300)
@given(calls)
def test_no_call_is_stopped_on_a_domestic_or_unknown_trunk(call):
    for direction in ("domestic", "unknown"):
        assert decided(hit(call._replace(direction=direction)), promote=True).split()[0] == "pass"


@settings(max_examples=300)
@given(calls)
def test_a_call_to_an_emergency_number_always_passes(call):
    assert decided(hit(call._replace(called_kind="emergency")), promote=True) == "pass emergency-call"


@settings(max_examples=300)
@given(calls)
def test_nothing_is_stopped_in_the_shipped_modes(call):
    assert decided(hit(call), promote=False).split()[0] == "pass"


@settings(max_examples=300)
@given(calls)
def test_unknown_alone_never_stops(call):
    """A mobile of unknown place, from a header that is in order, on no list: not one rule stops it."""
    plain = UNKNOWN_CALL._replace(
        direction="international",
        caller_kind="mobile",
        caller_form="international",
        presented_kind="mobile",
        presented_form="international",
        called_kind=call.called_kind,
        identities=call.identities,
        impersonates=call.impersonates,
        redirecting_kind=call.redirecting_kind,
        trunk_ranges=call.trunk_ranges,
        display_name=call.display_name,
    )
    assert not [rule.id for rule in hit(plain) if rule.verdict is Verdict.STOP]


def test_every_reason_of_a_rule_is_used():
    others = {reason for reason in Reason if reason in (Reason.NONE, Reason.CUSTOM) or reason.startswith("failed-")}
    assert {rule.reason for rule in POLICY.rules} == set(Reason) - others


def test_the_page_has_a_row_for_every_rule_with_its_tier_verdict_mode_reason_and_law():
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `kz-")
    ]
    expected = []
    for rule in POLICY.rules:
        mode = rule.mode if rule.promote else f"{rule.mode}, not promoted"
        expected.append([f"`{rule.id}`", rule.tier, rule.klass, rule.verdict, mode, f"`{rule.reason}`", rule.law["en"]])
    assert rows == expected


def test_the_examples_of_the_page_are_understood():
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    file, *others = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    policy = load_policy(file, "docs/policy.md")
    assert lint(policy, TODAY) == []
    assert all(tomllib.loads(other) for other in others)  # whole recipes: tests/policy/test_cookbook.py
    section = page.split("## Conditions")[1].split("\n## ")[0]
    written = [row for row in re.findall(r"^\| `([^`]*)` \|", section, re.MULTILINE) if row]
    assert len(written) == 8
    assert [read_condition(text)[1] for text in written] == [[]] * 8


def test_the_page_names_every_word_of_the_language():
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    for word in (*KEYS, *TIERS, *CLASSES, *MODES, *FUNCTIONS, *Verdict, "BETWEEN", "LIKE", "ESCAPE", "IN", "NOT"):
        assert re.search(rf"`[^`]*\b{word}\b[^`]*`", page), word
