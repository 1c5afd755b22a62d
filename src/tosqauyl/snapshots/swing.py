"""How far a new snapshot's subscriber states are from those in use, by operator: a list that lost its half is not loaded."""

from collections.abc import Callable

from tosqauyl.numbers.plan import Plan
from tosqauyl.state.operator_planes import PIECE, PIECES
from tosqauyl.state.subscribers import Subscribers
from tosqauyl.state.swing import Change, swing_percent

_LOWER = int.from_bytes(b"\x55" * PIECE, "little")


def nothing() -> None:
    """What is done between two steps where nobody waits."""


def swings(live: Subscribers, new: Subscribers, plan: Plan, step: Callable[[], None] = nothing) -> dict[str, float]:
    """Operator -> by how many percent its states would swing (state/swing.py). 0.1 s; step: called every 0.2 ms.

    An operator of whom nobody was abroad has nothing to be compared with. Whose a number is follows from its code alone:
    ported numbers count for the operator that had them first, which is near enough for a share of all.
    """
    found = {}
    for operator, codes in plan.codes_of_operator.items():
        was = changed = to_home = 0
        for code in codes:
            if code in live.codes and code in new.codes:
                parts = [_compare(live.plane(code)[piece], new.plane(code)[piece], step) for piece in PIECES]
                was += sum(part[0] for part in parts)
                changed += sum(part[1] for part in parts)
                to_home += sum(part[2] for part in parts)
        found[operator] = swing_percent(Change(changed, to_home), was) if was else 0.0
    return found


def _compare(before: memoryview, after: memoryview, step: Callable[[], None]) -> tuple[int, int, int]:
    """In two pieces of planes: who was abroad, who is abroad in one of them only, who was abroad and is at home."""
    step()
    old, new = int.from_bytes(before, "little"), int.from_bytes(after, "little")
    was, now = old & old >> 1 & _LOWER, new & new >> 1 & _LOWER
    home = new & ~(new >> 1) & _LOWER
    return was.bit_count(), (was ^ now).bit_count(), (was & home).bit_count()
