"""Who calls too often (rates.csv): test_sipp_cases.py has the answers; here what was counted, and where a rule begins."""

import pytest
from peer_checks import rules_hit
from peer_corpus import Case, cases
from peer_rates import FACTS, Counted, mistakes, told_of_nobody
from peer_runs import Run, Runs

from tosqauyl.policy.load import load_shipped

pytestmark = pytest.mark.peers("sipp")

RATES = [case for case in cases() if case.calls]
GATES = sorted({case.gate for case in RATES})
ANALYTIC = sorted(rule.id for rule in load_shipped().rules if rule.klass == "analytic")
ROWS_EACH = {gate: sum(len(case.calls) for case in RATES if case.gate == gate) for gate in GATES}


def rows_of(case: Case, run: Run) -> list[dict[str, str]]:
    """The journal's rows of all calls of a case, in order."""
    found = [run.rows.get(f"{place}-{case.id}@peer.invalid", []) for place in range(1, len(case.calls) + 1)]
    assert [len(rows) for rows in found] == [1] * len(case.calls), f"{case}: not one row a call"
    return [rows[0] for rows in found]


def whom(run: Run, gate: str) -> list[tuple[dict[str, str], str]]:
    """Every row of a gate's journal in its order, and whom the corpus says was called (the journal has a token)."""
    called = {
        f"{place}-{case.id}@peer.invalid": number
        for case in RATES
        if case.gate == gate
        for place, (_, number) in enumerate(case.calls, 1)
    }
    return [(row, called[row["call_id"]]) for rows in run.rows.values() for row in rows]


@pytest.mark.parametrize("rule", ANALYTIC)
@pytest.mark.parametrize("ends", [("-below",), ("-reached", "-surely")])
def test_each_rule_that_counts_has_a_case_below_its_threshold_and_one_that_reaches_it(
    rule: str, ends: tuple[str, ...]
) -> None:
    name = rule.removeprefix("kz-")
    found = [case for case in RATES if case.gate == "rates" and case.id.startswith(name) and case.id.endswith(ends)]
    assert found
    assert {rule in (case.rules or ()) for case in found} == {ends != ("-below",)}


@pytest.mark.parametrize("gate", GATES)
def test_no_two_cases_count_together(gate: str) -> None:
    ranges = [{caller[:-4] for caller, _ in case.calls} for case in RATES if case.gate == gate]
    assert len(set().union(*ranges)) == sum(map(len, ranges)) == len(ranges)


@pytest.mark.parametrize("case", [case for case in RATES if case.id.endswith("-reached")], ids=str)
def test_a_rule_is_hit_from_the_call_that_reaches_its_threshold_and_not_one_call_before(case: Case, runs: Runs) -> None:
    *before, last = (rules_hit(row) & set(ANALYTIC) for row in rows_of(case, runs.of(case.gate)))
    assert set().union(*before) == set()
    assert last


@pytest.mark.parametrize("way", ["udp", "tcp"])
@pytest.mark.parametrize("gate", GATES)
def test_the_journal_says_of_each_call_what_had_been_counted_by_then(gate: str, way: str, runs: Runs) -> None:
    run = runs.of(gate, way)
    rows = whom(run, gate)
    assert len(rows) == ROWS_EACH[gate]
    calls: list[Counted] = []
    wrong = []
    for row, called in rows:
        if row["caller_kind"] == "unknown":
            wrong += told_of_nobody(row)
            continue
        calls.append(Counted(float(row["at"]), row["caller"], called, row["trunk"]))
        wrong += [f"{row['call_id']}: {mistake}" for mistake in mistakes(row, calls)]
    assert wrong == []


@pytest.mark.parametrize("fact", FACTS)
def test_a_journal_with_one_wrong_count_would_be_noticed(fact: str, runs: Runs) -> None:
    run = runs.of("rates")
    (row, called), *_ = whom(run, "rates")
    calls = [Counted(float(row["at"]), row["caller"], called, row["trunk"])]
    assert mistakes(row, calls) == []
    assert mistakes(row | {fact: str(int(row[fact]) + 1)}, calls)


def test_as_shipped_a_rule_that_counts_decides_nothing(runs: Runs) -> None:
    hit = [row for rows in runs.of("rates").rows.values() for row in rows if rules_hit(row) & set(ANALYTIC)]
    assert {rule for row in hit for rule in rules_hit(row)} >= set(ANALYTIC)
    assert {row["verdict"] for row in hit} == {"pass"}
    assert {row["class"] for row in hit} <= {"deterministic", ""}


def test_enforced_with_a_reason_each_rule_that_counts_decides_some_call(runs: Runs) -> None:
    decided = {row["rule"]: row for rows in runs.of("rates-enforce").rows.values() for row in rows}
    assert set(ANALYTIC) <= set(decided)
    assert {decided[rule]["class"] for rule in ANALYTIC} == {"analytic"}
