"""At least 200 distinct cases by SIPp over real UDP: the answer on the wire and the row in the journal of each."""

import pytest
from peer_checks import as_the_corpus_says
from peer_corpus import Case, cases
from peer_runs import Runs

from tosqauyl.policy.load import load_shipped

pytestmark = pytest.mark.peers("sipp")

ALL = cases()
GATES = sorted({case.gate for case in ALL})


def test_there_are_at_least_200_distinct_cases() -> None:
    assert len({(case.gate, case.trunk, case.flow, case.text, case.calls) for case in ALL}) >= 200


@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_answer_on_the_wire_and_the_journal_are_as_the_corpus_says(case: Case, runs: Runs) -> None:
    as_the_corpus_says(case, runs)


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_ends_cleanly_and_says_nothing_unexpected(gate: str, runs: Runs) -> None:
    run = runs.of(gate)
    assert run.exit_code == 0, run.stderr
    assert "Traceback" not in run.stderr


def test_datagrams_of_no_trunk_are_counted(runs: Runs) -> None:
    strangers = sum(case.trunk == "none" for case in ALL if case.gate == "enforce")
    run = runs.of("enforce")
    assert strangers
    counted = [value for name, value in run.counters.items() if "trunk" in name or "stranger" in name]
    assert sum(counted) >= strangers, run.counters


def test_every_shipped_rule_is_hit_by_a_case_and_missed_by_another(runs: Runs) -> None:
    hit, missed = 0, 0
    rules = load_shipped().rules
    for gate in GATES:
        for rows in runs.of(gate).rows.values():
            for row in rows:
                hit |= int(row["rules"])
                missed |= ~int(row["rules"])
    never_hit = [rule.id for bit, rule in enumerate(rules) if not hit >> bit & 1]
    assert set(never_hit) <= {rule.id for rule in rules if rule.mode == "off"}
    assert [rule.id for bit, rule in enumerate(rules) if not missed >> bit & 1] == []


def test_a_kazakh_fixed_line_is_stopped_on_no_trunk_but_international_ones(runs: Runs) -> None:
    fixed = [
        row
        for gate in GATES
        for rows in runs.of(gate).rows.values()
        for row in rows
        if row["presented_kind"] == "fixed" and row["direction"] != "international"
    ]
    assert len(fixed) >= 10
    assert {row["verdict"] for row in fixed} == {"pass"}
