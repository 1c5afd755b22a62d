"""Modes: canary and its share of callers, the recorded reason, and what the configuration's [[mode]] tables change."""

import csv
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_policy_load import GOOD, mistakes

from tosqauyl.errors import FileMistakes
from tosqauyl.policy.canary import bucket, bucket_sql
from tosqauyl.policy.load import load_policy, load_shipped
from tosqauyl.policy.modes import MIN_REASON
from tosqauyl.policy.rule import Evidence, ModeOverride
from tosqauyl.policy.to_sql import holds_sql

CORPUS = Path(__file__).parents[1] / "corpora" / "policy" / "modes.csv"
EVIDENCE = """[rule.evidence]
reason = "two weeks of calls of carrier X, no complaint"
by = "fraud desk"
on = 2026-11-20
report = "bt-17"
"""
WHY = "two weeks of calls of carrier X, no complaint"
DAY = date(2026, 11, 20)


def written(klass="deterministic", verdict="stop", mode="monitor", percent="", reason=False):
    text = GOOD.replace('"deterministic"', f'"{klass}"').replace('verdict = "stop"', f'verdict = "{verdict}"')
    text = text.replace('mode = "monitor"', f'mode = "{mode}"' + (f"\npercent = {percent}" if percent else ""))
    return text + EVIDENCE * reason


def rows():
    lines = [line for line in CORPUS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter=";"))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["what"])
def test_what_a_mode_asks_for(row):
    text = written(row["class"], row["verdict"], row["mode"], row["percent"], row["reason"] == "yes")
    if row["fine"] == "yes":
        assert load_policy(text, "own.toml").rules[0].mode == row["mode"]
    else:
        assert any(row["fine"] in what for _, _, what, _ in mistakes(text)), mistakes(text)


def test_a_missing_reason_is_told_at_the_mode_with_a_hint():
    line, _, _, hint = mistakes(written("analytic", mode="enforce"))[0]
    assert line == 12
    assert "[rule.evidence] with reason, by and on" in hint


def test_a_recorded_reason_is_part_of_the_rule():
    rule = load_policy(written("analytic", mode="enforce", reason=True), "own.toml").rules[0]
    assert rule.evidence == Evidence(WHY, "fraud desk", DAY, "bt-17")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("two weeks of calls of carrier X, no complaint", "tested, it is fine", 20, "fewer than 20 characters"),
        ('reason = "two weeks of calls of carrier X, no complaint"\n', "", 19, "'reason' is missing"),
        ('by = "fraud desk"\n', "", 19, "'by' is missing"),
        ("on = 2026-11-20\n", "", 19, "'on' is missing"),
        ("on = 2026-11-20", 'on = "soon"', 22, "'on' is not a date"),
        ("report =", "rapport =", 23, "no key 'rapport'"),
    ],
)
def test_each_mistake_in_a_recorded_reason_is_told_once_at_its_line(old, new, line, words):
    found = mistakes(written("analytic", mode="enforce", reason=True).replace(old, new))
    assert [(at, words in what) for at, _, what, _ in found] == [(line, True)], found


def test_a_reason_that_is_no_table_is_one_mistake():
    text = written("analytic", mode="enforce").replace("[rule.text]", 'evidence = "tested"\n[rule.text]')
    assert [what for _, _, what, _ in mistakes(text)] == ["'evidence' is not a table"]


def test_the_hash_tells_share_and_reason_and_nothing_else_changed_by_them():
    plain = load_policy(GOOD, "own.toml")
    hashes = {
        load_policy(text, "own.toml").hash
        for text in (
            GOOD,
            written(mode="canary", percent="5"),
            written(mode="canary", percent="6"),
            written(mode="canary", percent="5", reason=True),
        )
    }
    assert len(hashes) == 4
    assert plain.hash in hashes


POLICY = load_shipped()


def override(rule="kz-fixed-abroad", mode="enforce", percent=0, reason="", by="fraud desk", on=DAY):
    return ModeOverride(rule, mode, percent, reason, by, on)


def modes_of(policy):
    return {rule.id: rule.mode for rule in policy.rules}


def test_an_override_changes_one_rules_mode_and_nothing_else():
    changed = POLICY.with_modes([override()], "gate.toml")
    assert modes_of(changed) == modes_of(POLICY) | {"kz-fixed-abroad": "enforce"}
    assert changed.hits is POLICY.hits
    assert (changed.name, changed.dated, changed.file) == (POLICY.name, POLICY.dated, POLICY.file)


def test_overrides_are_part_of_the_hash_and_equal_what_the_file_would_say():
    own = load_policy(GOOD, "own.toml")
    changed = own.with_modes([override("own-fixed", "canary", 5)])
    assert changed.hash == load_policy(written(mode="canary", percent="5"), "own.toml").hash != own.hash
    assert own.with_modes([]) is own
    assert own.with_modes([override("own-fixed", "monitor")]).hash == own.hash


def test_an_analytic_rule_is_enforced_by_an_override_with_a_reason_only():
    with pytest.raises(FileMistakes, match="kz-sequential: an analytic rule cannot be enforced without"):
        POLICY.with_modes([override("kz-sequential")], "gate.toml")
    rule = next(
        rule
        for rule in POLICY.with_modes([override("kz-sequential", "canary", 2, WHY)]).rules
        if rule.id == "kz-sequential"
    )
    assert (rule.mode, rule.percent, rule.evidence) == ("canary", 2, Evidence(WHY, "fraud desk", DAY))


def test_a_reason_in_the_policy_file_serves_for_an_override():
    own = load_policy(written("analytic", reason=True), "own.toml").with_modes([override("own-fixed")])
    assert own.rules[0].evidence == Evidence(WHY, "fraud desk", DAY, "bt-17")


def test_every_mistake_in_the_overrides_is_told_at_once():
    with pytest.raises(FileMistakes) as caught:
        POLICY.with_modes(
            [
                override("kz-fixed-abrod"),
                override("kz-burst", "enforce", reason="ok"),
                override("kz-reserve", "canary"),
                override("kz-letters", "shadow"),
                override("kz-letters", "monitor", 7),
            ],
            "gate.toml",
        )
    found = [(mistake.file, mistake.what, mistake.hint) for mistake in caught.value.mistakes]
    assert {file for file, _, _ in found} == {"gate.toml"}
    for words in (
        "no rule 'kz-fixed-abrod'", "fewer than 20 characters", "'percent' is missing", "no mode 'shadow'",
        "set twice", "'percent' goes with the mode canary",
    ):  # fmt: skip
        assert any(words in what for _, what, _ in found), words
    assert "did you mean kz-fixed-abroad?" in found[0][2]


def test_no_analytic_rule_of_the_shipped_policy_decides():
    analytic = [rule for rule in POLICY.rules if rule.klass == "analytic"]
    assert analytic
    assert {rule.mode for rule in analytic} == {"monitor"}


@pytest.fixture(scope="module")
def database():
    connection = duckdb.connect()
    yield connection
    connection.close()


@given(callers=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), min_size=1))
def test_python_and_duckdb_put_a_caller_in_the_same_bucket(database, callers):
    sql = f"SELECT {bucket_sql()} FROM (SELECT unnest($callers) AS caller)"
    assert [row[0] for row in database.execute(sql, {"callers": callers}).fetchall()] == [
        bucket(one) for one in callers
    ]


@pytest.mark.parametrize(
    ("mode", "percent", "expected"), [("off", "", 0), ("monitor", "", 0), ("enforce", "", 1000), ("canary", "7", None)]
)
def test_a_back_test_sees_for_whom_a_rule_held(database, mode, percent, expected):
    rule = load_policy(written(mode=mode, percent=percent), "own.toml").rules[0]
    callers = [f"+77172{number:06d}" for number in range(1000)]
    sql = (
        f"SELECT count(*) FROM (SELECT unnest($callers) AS caller, 'international' AS direction, 'fixed' AS caller_kind)"
        f" WHERE {holds_sql(rule)}"
    )
    held = database.execute(sql, {"callers": callers}).fetchone()[0]
    assert held == (expected if expected is not None else sum(bucket(caller) < 7 for caller in callers))


def test_the_buckets_are_even_and_known():
    counts = [0] * 100
    for number in range(100_000):
        counts[bucket(f"+7701{number:07d}")] += 1
    assert min(counts) > 850
    assert max(counts) < 1150
    assert [bucket(caller) for caller in ("", "+77011234567", "+447700900123")] == [10, 87, bucket("+447700900123")]
    assert MIN_REASON == 20
