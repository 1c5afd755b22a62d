"""What must be true of a case after its run: the answers on the wire, and its row in the journal."""

import re

from peer_corpus import Case
from peer_runs import Runs
from peer_sipp import Outcome


def as_the_corpus_says(case: Case, runs: Runs) -> None:
    """The whole of it; the gate of the case is run if it was not yet."""
    run = runs.of(case.gate, case.way)
    outcome = run.outcomes[case.id]
    assert outcome.code == 0, f"{case.file}: {case.shows}\nexpected {case.status} {case.answer}\n{outcome}"
    same_answer_every_time(case, outcome)
    told(case, run.rows.get(outcome.call_id, []), outcome)


def same_answer_every_time(case: Case, outcome: Outcome) -> None:
    """However often a final answer to the INVITE is sent, it is the same answer: byte for byte, To tag included."""
    finals = [
        text
        for text in outcome.received
        if re.match(r"SIP/2.0 [2-6]", text) and re.search(r"(?im)^cseq\s*:.*invite", text)
    ]
    assert len(set(finals)) <= 1, f"{case.shows}: answers differ\n{outcome}"


def told(case: Case, rows: list[dict[str, str]], outcome: Outcome) -> None:
    """The call has its one row, and the row says what the corpus says."""
    expected = dict(case.journal)
    invited = "INVITE" in case.text.split(" ", 1)[0] and case.status >= 300 and case.status not in (400, 481, 483)
    count = int(expected.pop("rows", "1" if invited and case.flow not in ("cancel-unknown", "ack-alone") else "0"))
    assert len(rows) == count, f"{case.shows}: {len(rows)} journal rows instead of {count}\n{outcome}"
    for name, value in expected.items():
        assert rows[0].get(name) == value, (
            f"{case.shows}: journal has {name}={rows[0].get(name)!r}, not {value!r}\n{outcome}\n{rows[0]}"
        )
