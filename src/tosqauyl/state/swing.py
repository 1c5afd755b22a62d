"""How much of an operator's subscriber state changes at once. Pure arithmetic; time is an argument.

Two shares are looked at, because the two directions are not equally dangerous. Any change counts against the subscribers
who are abroad now; a change to `home`, the only one that can stop a call, counts once more against a smaller floor.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

FLOOR = 1_000
"""Of fewer subscribers abroad than this, any change is taken as a share of this many: 50 of 60 returning is a bus."""
HOME_FLOOR = 100
"""The same for changes to `home`."""
SLOTS = 20
"""Parts of a window. What leaves it leaves a part at a time, so it is up to one part (5%) longer than it is called."""


class Change(NamedTuple):
    """What a request would change. changed: numbers with another state than before; to_home: those of them that
    become `home`."""

    changed: int
    to_home: int


NO_CHANGE = Change(0, 0)


def swing_percent(change: Change, abroad: int) -> float:
    """The larger of the two shares, in percent. abroad: subscribers who are abroad before the change."""
    return max(100.0 * change.changed / max(abroad, FLOOR), 100.0 * change.to_home / max(abroad, HOME_FLOOR))


@dataclass(slots=True)
class _Slot:
    number: int
    changed: int
    to_home: int
    abroad: int


class SwingWindow:
    """What one operator changed within the last `seconds`; now: monotonic seconds. Bounded: SLOTS + 1 parts."""

    def __init__(self, seconds: float) -> None:
        self._length = max(seconds, 1.0) / SLOTS
        self._slots: deque[_Slot] = deque()

    def percent(self, abroad: int, now: float, change: Change = NO_CHANGE) -> float:
        """The swing of the window, with one more change if it were made now.

        It is a share of the most that were abroad at any time in the window: who takes 19% away does not make the
        rest look large.
        """
        self._expire(now)
        changed = change.changed + sum(slot.changed for slot in self._slots)
        to_home = change.to_home + sum(slot.to_home for slot in self._slots)
        return swing_percent(Change(changed, to_home), max([abroad, *(slot.abroad for slot in self._slots)]))

    def add(self, change: Change, abroad: int, now: float) -> None:
        """A change was made. abroad: how many were before it."""
        self._expire(now)
        number = self._number(now)
        if not self._slots or self._slots[-1].number < number:
            self._slots.append(_Slot(number, 0, 0, abroad))
        slot = self._slots[-1]
        slot.changed += change.changed
        slot.to_home += change.to_home
        slot.abroad = max(slot.abroad, abroad)

    def _number(self, now: float) -> int:
        return int(now // self._length)

    def _expire(self, now: float) -> None:
        oldest = self._number(now) - SLOTS
        while self._slots and self._slots[0].number < oldest:
            self._slots.popleft()
