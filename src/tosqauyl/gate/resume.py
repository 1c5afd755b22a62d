"""After a restart: what was answered in the last 32 seconds is read back from the journal.

So a retransmitted INVITE that meets the new process gets the verdict it got from the old one, and is not counted twice. What
cannot be read back (too much, damaged, marked calls whose answer depends on more than the decision) is evaluated again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tosqauyl.facts import Reason, Verdict
from tosqauyl.journal.naming import segment_files
from tosqauyl.screen.decision import Decision
from tosqauyl.sip.transaction import TIMEOUT, Transactions

READ_AT_MOST = 32 << 20
"""Bytes read back from the end of each of the newest segments: about 70,000 calls, and a third of a second."""

_DECISION = ("verdict", "reason", "rule", "class", "rules", "would_verdict", "would_reason", "would_rule")
Answered = tuple[float, str, Decision]
"""When (seconds since 1970), transaction key, decision."""


def resume(transactions: Transactions, folder: Path, now: float, wall: float) -> int:
    """Fill the table of answered transactions from a journal folder; how many were read back. Never raises."""
    count = 0
    for at, key, decision in answered(_tails(folder), wall - TIMEOUT):
        transactions.put(key, decision, now - max(wall - at, 0.0))
        count += 1
    return count


def answered(tails: Iterable[tuple[list[str], list[str]]], since: float) -> Iterator[Answered]:
    """The calls of some (column names, rows) that passed or were stopped at `since` or later."""
    seen: dict[tuple[str, ...], Decision] = {}
    for names, rows in tails:
        if not {"at", "transaction", *_DECISION} <= set(names):
            continue
        at, key = names.index("at"), names.index("transaction")
        places = [names.index(name) for name in _DECISION]
        for row in rows:
            cells = row.split("\t")
            if len(cells) != len(names) or not _is_since(cells[at], since):
                continue
            decided = tuple(cells[place] for place in places)
            decision = seen.get(decided) or _decision(decided)
            if decision is not None:
                seen[decided] = decision
                yield float(cells[at]), cells[key], decision


def _decision(cells: tuple[str, ...]) -> Decision | None:
    verdict, reason, rule, klass, mask, would_verdict, would_reason, would_rule = cells
    try:
        found = Decision(
            Verdict(verdict),
            Reason(reason),
            rule,
            klass,
            int(mask),
            Verdict(would_verdict),
            Reason(would_reason),
            would_rule,
        )
    except ValueError:
        return None
    return found if found.verdict in (Verdict.PASS, Verdict.STOP) else None


def _is_since(text: str, since: float) -> bool:
    try:
        return float(text) >= since
    except ValueError:
        return False


def _tails(folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Column names and last whole rows of the newest segments, older ones first.

    Three, because the newest is the one this process has just begun, and the one before it may be as young.
    """
    for segment in segment_files(folder)[-3:]:
        try:
            with segment.path.open("rb") as stream:
                names = stream.readline().decode("utf-8", "replace").rstrip("\n").split("\t")
                begin = stream.tell()
                end = stream.seek(0, 2)
                stream.seek(max(begin, end - READ_AT_MOST))
                rows = stream.read(READ_AT_MOST).decode("utf-8", "replace").split("\n")
        except OSError:
            continue
        # The last piece is empty or torn; the first one is a part of a row where reading began inside the file.
        yield names, rows[1 if end - READ_AT_MOST > begin else 0 : -1]
