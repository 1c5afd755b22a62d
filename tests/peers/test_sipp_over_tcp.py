"""The cases of UDP once more over TCP (SIPp -t t1): the same answers, the same rows."""

import pytest
from peer_checks import as_the_corpus_says
from peer_corpus import Case, cases, cases_over
from peer_runs import Runs

pytestmark = pytest.mark.peers("sipp")

ALL = cases_over("tcp")
GATES = sorted({case.gate for case in ALL})


def test_all_but_a_few_cases_go_over_tcp() -> None:
    assert len(ALL) >= len(cases()) - 10


@pytest.mark.parametrize("case", ALL, ids=str)
def test_the_answer_over_tcp_and_the_journal_are_as_the_corpus_says(case: Case, runs: Runs) -> None:
    as_the_corpus_says(case, runs)


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_on_tcp_ends_cleanly_and_writes_the_transport_down(gate: str, runs: Runs) -> None:
    run = runs.of(gate, "tcp")
    assert run.exit_code == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert {row["transport"] for rows in run.rows.values() for row in rows} <= {
        "tcp",
        "",
    }  # "": the facts were not read
