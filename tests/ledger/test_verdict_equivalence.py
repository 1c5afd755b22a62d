"""One policy, two executions: the gate's Python and the back-test's SQL give the same mask, verdict, rule and reason of every call."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_calls import calls, expressions

from tosqauyl.facts import FACTS, UNKNOWN_CALL, Call, Reason, Verdict
from tosqauyl.ledger.backtesting.judge import Judge, judge_of
from tosqauyl.ledger.backtesting.reads import SAID, reads_of
from tosqauyl.ledger.backtesting.rows import row_decisions
from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.generate import Options, generate
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.load import load_shipped, policy_of_rules
from tosqauyl.policy.rule import TIERS, Rule
from tosqauyl.screen.decision import chosen, decide, settled

TODAY = date(2026, 3, 1)
MODES = ("off", "monitor", "canary", "enforce")


def python_decision(judge: Judge, call: Call) -> tuple[int, str, str, str]:
    mask = judge.policy.hits(call)
    hold = 0
    if "canary" in judge.modes:
        canaries = sum(1 << place for place in judge.canaries)
        hold = chosen(mask & canaries, bucket(call.caller), judge.rules)
    found = decide(mask, judge.rules, settled(judge.modes, hold))
    return mask, found.verdict.value, found.reason.value, found.rule


def sql_decisions(con: duckdb.DuckDBPyConnection, judge: Judge, columns: Sequence[str]) -> dict[Any, tuple[Any, ...]]:
    reads = reads_of((judge,), good_file=False, outcomes=False)
    return {
        told: (mask, found.verdict.value, found.reason.value, found.rule)
        for told, mask, found in row_decisions(con, reads, columns)
    }


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckEngine]:
    folder = tmp_path_factory.mktemp("month")
    window = window_of_days(date(2025, 3, 1), date(2025, 3, 31))
    generate(Options(15_000, 11, window, window.end, fraud=0.5), folder, lambda done, count: None)
    engine = DuckEngine(Store(folder))
    yield engine
    engine.close()


@pytest.mark.parametrize("tried", [(), ("kz-neighbour", "kz-mobile-unknown", "kz-outside-trunk")])
def test_every_generated_call_gets_the_verdict_that_python_gives(generated: DuckEngine, tried: tuple[str, ...]) -> None:
    judge = judge_of(load_shipped(), tried, TODAY)
    names = ", ".join(f'"{name}"' for name in FACTS)
    expected = {
        tuple(key): python_decision(judge, Call(*facts))
        for *key, facts in (
            (row[0], row[1], row[2:]) for row in generated.rows(f"SELECT batch, line, {names} FROM calls")
        )
    }
    assert len(expected) == 15_000
    assert len({verdict for _, verdict, _, _ in expected.values()}) >= 3
    assert sql_decisions(generated.con, judge, ("batch", "line")) == expected


def test_the_verdicts_are_those_the_gate_recorded(generated: DuckEngine) -> None:
    judge = judge_of(load_shipped(), (), TODAY)
    recorded = generated.rows("SELECT batch, line, CAST(rules AS HUGEINT), verdict, reason, rule FROM calls")
    assert sql_decisions(generated.con, judge, ("batch", "line")) == {row[:2]: row[2:] for row in recorded}


@st.composite
def judges(draw: st.DrawFn) -> Judge:
    """A policy of random rules in random modes."""
    rules = []
    for place, text in enumerate(draw(st.lists(expressions(), min_size=1, max_size=8))):
        condition, mode = read_condition(text)[0], draw(st.sampled_from(MODES))
        verdict, reason = draw(st.sampled_from(list(Verdict))), draw(st.sampled_from(list(Reason)))
        tier, percent = draw(st.sampled_from(TIERS)), draw(st.integers(1, 99)) if mode == "canary" else 0
        rules.append(
            Rule(
                f"r{place}", text, condition, verdict, reason, "deterministic", tier, mode, {}, {}, {}, percent=percent
            )
        )
    policy = policy_of_rules("random", TODAY, tuple(rules), "random.toml")
    return Judge(policy, tuple(rule.mode for rule in policy.rules))


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    columns = ", ".join(f'"{name}" {fact.sql_type}' for name, fact in FACTS.items())
    con.execute(f"CREATE TABLE calls (line BIGINT, {columns}, {', '.join(f'{name} VARCHAR' for name in SAID)})")
    yield con
    con.close()


@settings(max_examples=25)
@given(judge=judges(), some=st.lists(calls, min_size=1, max_size=4))
def test_random_policies_agree(database: duckdb.DuckDBPyConnection, judge: Judge, some: list[Call]) -> None:
    check_same(database, judge, some)


@pytest.mark.nightly
@settings(max_examples=3000)
@given(judge=judges(), some=st.lists(calls, min_size=1, max_size=4))
def test_random_policies_agree_at_length(database: duckdb.DuckDBPyConnection, judge: Judge, some: list[Call]) -> None:
    check_same(database, judge, some)


def check_same(database: duckdb.DuckDBPyConnection, judge: Judge, some: list[Call]) -> None:
    database.execute("DELETE FROM calls")
    slots = ", ".join("?" for _ in range(1 + len(FACTS)))
    rows = [[line, *call] for line, call in enumerate(some)]
    database.executemany(f"INSERT INTO calls VALUES ({slots}, 'pass', 'none', '', 'unknown')", rows)
    expected = {(line,): python_decision(judge, call) for line, call in enumerate(some)}
    assert sql_decisions(database, judge, ("line",)) == expected


def test_a_policy_with_more_conditions_than_fit_one_word_agrees(database: duckdb.DuckDBPyConnection) -> None:
    conditions = [read_condition(f"redirections = {number}")[0] for number in range(120)]
    rules = tuple(
        Rule(f"r{n}", "", one, Verdict.STOP, Reason.CUSTOM, "deterministic", "screen", "enforce", {}, {}, {})
        for n, one in enumerate(conditions)
    )
    judge = Judge(policy_of_rules("many", TODAY, rules, "many.toml"), ("enforce",) * 120)
    check_same(database, judge, [UNKNOWN_CALL._replace(redirections=n) for n in (0, 61, 62, 63, 119, 120)])


def test_a_value_with_quotes_stays_a_value(database: duckdb.DuckDBPyConnection) -> None:
    evil = "'); DROP TABLE calls; --\""
    rule = Rule(
        "r", "", read_condition("display_name = '" + evil.replace("'", "''") + "'")[0], Verdict.STOP, Reason.CUSTOM,
        "deterministic", "screen", "enforce", {}, {}, {},
    )  # fmt: skip
    judge = Judge(policy_of_rules("evil", TODAY, (rule,), "evil.toml"), ("enforce",))
    check_same(database, judge, [UNKNOWN_CALL._replace(display_name=evil), UNKNOWN_CALL])
