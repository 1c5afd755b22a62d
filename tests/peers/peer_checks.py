"""What must be true of a case after its run: the answers on the wire, and its row in the journal."""

import re

from peer_corpus import Case
from peer_runs import Runs
from peer_sipp import Outcome

from tosqauyl.policy.load import load_shipped

RULES = tuple(rule.id for rule in load_shipped().rules)


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
        if re.match(r"SIP/2.0 [2-6]", text)
        and re.search(r"(?im)^cseq\s*:.*invite", text)
        and (not case.calls or outcome.call_id in text)
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
    if case.rules is not None:
        hit = rules_hit(rows[0])
        must, may = (
            {rule.rstrip("?") for rule in case.rules if rule.endswith("?") is is_open} for is_open in (False, True)
        )
        assert must <= hit <= must | may, f"{case.shows}: hit {sorted(hit)}, not {case.rules}\n{outcome}\n{rows[0]}"


def rules_hit(row: dict[str, str]) -> set[str]:
    """Ids of the shipped rules that a row of the journal says were hit."""
    return {rule for bit, rule in enumerate(RULES) if int(row["rules"]) >> bit & 1}
