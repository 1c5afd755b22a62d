"""Lint: warnings that are certain, and none for a policy that is in order."""

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_calls import calls, expressions

from tosqauyl.policy.check import lint
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.load import load_policy, load_shipped
from tosqauyl.policy.to_python import compile_conditions
from tosqauyl.policy.tree import AllOf, Not
from tosqauyl.policy.truth import implies, is_impossible

CORPUS = Path(__file__).parents[1] / "corpora" / "policy" / "lint.csv"
TODAY = date(2026, 3, 1)
RULE = '''
[[rule]]
id = "{id}"
when = """{when}"""
verdict = "{verdict}"
reason = "custom"
class = "{klass}"
tier = "{tier}"
mode = "{mode}"
law = "l"
why_mode = "w"
text = {{kk = "а", ru = "б", en = "c"}}
{extra}
'''
ABROAD = "direction = 'international'"


def warnings(*rules):
    plain = {"verdict": "stop", "klass": "deterministic", "tier": "screen", "mode": "monitor", "extra": ""}
    text = '[policy]\nname = "own"\ndated = 2026-02-20\n'
    text += "".join(RULE.format(**(plain | {"id": f"r-{place}"} | rule)) for place, rule in enumerate(rules))
    return [(found.line, found.what) for found in lint(load_policy(text, "own.toml"), TODAY)]


def lint_rows():
    lines = [line for line in CORPUS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [
        (row["condition"], row["never"] == "yes")
        for row in csv.DictReader(lines, delimiter=";", quoting=csv.QUOTE_NONE)
    ]


@pytest.mark.parametrize(("text", "never"), lint_rows(), ids=lambda value: str(value))
def test_a_condition_that_never_holds_is_known(text, never):
    condition, misreads = read_condition(text)
    assert misreads == []
    assert is_impossible(condition) is never


@settings(max_examples=200)
@given(text=expressions(), also=expressions(), some=st.lists(calls, min_size=1, max_size=5))
def test_what_is_said_to_be_impossible_or_implied_is_so(text, also, some):
    one, two = read_condition(text)[0], read_condition(also)[0]
    for condition in (one, Not(one), AllOf((one, two)), AllOf((one, Not(two)))):
        if is_impossible(condition):
            assert not any(compile_conditions([condition])(call) for call in some)
    if implies(one, two):
        assert all(compile_conditions([one, two])(call) != 1 for call in some)


def test_the_shipped_policy_has_no_warnings():
    assert lint(load_shipped(), TODAY) == []


def test_a_contradictory_rule_is_told():
    found = warnings({"when": f"{ABROAD} AND caller_kind = 'fixed' AND caller_kind = 'voip'"})
    assert found == [(5, "rule r-0: the condition never holds, whatever the call")]


def test_an_expired_rule_is_told():
    found = warnings({"when": ABROAD, "extra": "expires = 2026-02-28"}, {"when": ABROAD, "verdict": "mark"})
    assert found == [(5, "rule r-0 expired on 2026-02-28; it is off")]
    assert warnings({"when": ABROAD, "extra": "expires = 2026-03-01"}) == []


@pytest.mark.parametrize(
    "when",
    [
        ABROAD,
        f"{ABROAD} AND protected",
        f"protected AND ({ABROAD} AND listed = 'none')",
        f"({ABROAD} AND protected) OR ({ABROAD} AND called_msrn)",
        "trunk_ranges = 'outside'",
        "NOT direction <> 'international'",
        "direction NOT IN ('unknown', 'domestic')",
        f"{ABROAD} OR trunk_ranges = 'outside'",
    ],
)
def test_a_stop_rule_with_a_guard_is_fine(when):
    assert warnings({"when": when}) == []


@pytest.mark.parametrize(
    "when",
    [
        "caller_kind = 'fixed'",
        "TRUE",
        f"{ABROAD} OR protected",
        "direction <> 'domestic'",
        "direction IN ('international', 'unknown')",
    ],
)
def test_a_stop_rule_without_a_guard_is_told(when):
    assert any("does not require direction = 'international'" in what for _, what in warnings({"when": when}))
    assert not any("direction" in what for _, what in warnings({"when": when, "verdict": "mark"}))
    assert warnings({"when": when, "mode": "off"}) == []


FIXED = f"{ABROAD} AND caller_kind = 'fixed'"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tier": "allow", "verdict": "pass", "when": "caller_kind = 'fixed'", "mode": "enforce"}, {"when": FIXED}),
        ({"when": f"{ABROAD} AND caller_kind IN ('fixed', 'voip')"}, {"when": FIXED}),
        ({"when": FIXED}, {"when": FIXED, "verdict": "mark"}),
        ({"when": FIXED}, {"when": FIXED}),
        ({"when": FIXED, "mode": "enforce"}, {"when": FIXED, "mode": "monitor"}),
        (
            {"when": FIXED, "mode": "canary", "extra": "percent = 5"},
            {"when": FIXED, "mode": "canary", "extra": "percent = 5"},
        ),
        (
            {"when": f"{ABROAD} AND starts_with(caller, '+7')"},
            {"when": f"{ABROAD} AND starts_with(caller, '+7') AND protected"},
        ),
        ({"when": f"{ABROAD} AND caller LIKE '+7%'"}, {"when": f"{ABROAD} AND caller IN ('+77', '+76')"}),
    ],
)
def test_a_rule_behind_a_wider_one_is_told(first, second):
    assert any("rule r-1 never decides: rule r-0 (line 5)" in what for _, what in warnings(first, second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"when": FIXED}, {"when": f"{ABROAD} AND caller_kind IN ('fixed', 'voip')"}),
        ({"when": FIXED, "verdict": "mark"}, {"when": FIXED}),
        ({"when": FIXED, "mode": "off"}, {"when": FIXED}),
        ({"when": FIXED, "mode": "monitor"}, {"when": FIXED, "mode": "enforce"}),
        ({"when": FIXED, "extra": "promote = false"}, {"when": FIXED}),
        ({"when": FIXED, "klass": "analytic"}, {"when": FIXED}),
        ({"when": FIXED, "mode": "canary", "extra": "percent = 5"}, {"when": FIXED}),
        ({"when": FIXED, "mode": "canary", "extra": "percent = 5"}, {"when": FIXED, "mode": "enforce"}),
        (
            {"when": FIXED, "mode": "canary", "extra": "percent = 5"},
            {"when": FIXED, "mode": "canary", "extra": "percent = 6"},
        ),
        ({"when": FIXED}, {"when": FIXED, "mode": "canary", "extra": "percent = 5"}),
        ({"when": FIXED, "extra": "expires = 2026-09-01"}, {"when": FIXED}),
        ({"when": f"{ABROAD} AND caller LIKE '+7%'"}, {"when": f"{ABROAD} AND caller LIKE '+77%'"}),
    ],
)
def test_a_rule_that_may_decide_is_not_told(first, second):
    assert not any("r-1 never decides" in what for _, what in warnings(first, second))


def test_an_identity_rule_that_stops_is_told():
    found = warnings({"when": f"{ABROAD} AND identities = 'differ'", "klass": "identity"})
    assert found == [(5, "rule r-0 is of class identity and stops calls")]


def test_a_search_that_would_take_too_long_says_nothing():
    many = " AND ".join(
        f"({name} = 'a' OR {name} = 'b' OR length({name}) > 3)"
        for name in ("caller", "network", "presented", "called", "trunk", "carrier", "privacy")
    )
    assert not is_impossible(read_condition(f"{many} AND redirections > 3 AND redirections < length(caller)")[0])
