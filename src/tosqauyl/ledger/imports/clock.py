"""Local times as seconds since 1970 UTC, in SQL, with the hours that a change of the clock skips or repeats named.

Such a time is read with the offset that held before the change (PEP 495, fold = 0), and counted.
"""

from collections.abc import Sequence
from itertools import pairwise

from tosqauyl.ledger.window import Window, offsets

Changes = Sequence[tuple[float, int]]
"""(until, offset in seconds): what `offsets` gives, the last one open-ended."""

EARLIEST, LATEST = 0.0, 4102444800.0
"""Local times before 1970 or from 2100 on are no times of calls."""
_MARGIN = 2 * 86400.0
SKIPPED, REPEATED = "time_skipped", "time_repeated"
"""What is counted: local times that no clock ever showed, and times that it showed twice."""


def changes_between(first: float, last: float, zone: str) -> Changes:
    """Offsets of a zone around local times. first, last: seconds since 1970 on the zone's clocks."""
    low, high = max(first, EARLIEST) - _MARGIN, min(last, LATEST) + _MARGIN
    return offsets(Window(max(low, 0.0), max(high, 1.0), zone))


def utc_sql(local: str, changes: Changes) -> str:
    """SQL: seconds since 1970 UTC of a column with local seconds; NULL stays NULL."""
    cases = "".join(
        f" WHEN {local} < {until + max(offset, changes[place + 1][1])!r} THEN {local} - {offset}"
        for place, (until, offset) in enumerate(changes[:-1])
    )
    last = f"{local} - {changes[-1][1]}"
    return f"(CASE{cases} ELSE {last} END)" if cases else f"({last})"


def doubtful(changes: Changes) -> list[tuple[float, float, str]]:
    """(from, until, SKIPPED or REPEATED) in local seconds: what the changes of the clock make doubtful."""
    found = []
    for (until, before), (_, after) in pairwise(changes):
        kind = SKIPPED if after > before else REPEATED
        found.append((until + min(before, after), until + max(before, after), kind))
    return found


def doubt_sql(local: str, changes: Changes) -> str:
    """SQL: SKIPPED, REPEATED, or '' for a plain time."""
    cases = "".join(
        f" WHEN {local} >= {low!r} AND {local} < {high!r} THEN '{kind}'" for low, high, kind in doubtful(changes)
    )
    return f"(CASE{cases} ELSE '' END)" if cases else "''"
