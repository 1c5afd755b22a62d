"""The cases once more through a Kamailio that speaks TLS to the gate, with and without a certificate of its own."""

import pytest
from peer_checks import as_the_corpus_says
from peer_corpus import Case, cases_over
from peer_runs import Runs

pytestmark = pytest.mark.peers("sipp", "kamailio", "openssl")

MUTUAL = cases_over("mutual-tls")
PLAIN = [case for case in cases_over("tls") if case.gate == "enforce"]


@pytest.mark.parametrize("case", MUTUAL, ids=str)
def test_the_answer_over_mutual_tls_and_the_journal_are_as_the_corpus_says(case: Case, runs: Runs) -> None:
    as_the_corpus_says(case, runs)


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_the_answer_over_tls_and_the_journal_are_as_the_corpus_says(case: Case, runs: Runs) -> None:
    as_the_corpus_says(case, runs)


@pytest.mark.parametrize("way", ["tls", "mutual-tls"])
def test_a_gate_on_tls_ends_cleanly_and_writes_the_transport_down(way: str, runs: Runs) -> None:
    run = runs.of("enforce", way)
    assert run.exit_code == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert {row["transport"] for rows in run.rows.values() for row in rows} == {"tls"}
