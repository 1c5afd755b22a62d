"""Events of one request: which of them count, what they would change, and the digest they can be confirmed by."""

import hashlib
from collections.abc import Sequence

from tosqauyl.gate.feed_bulk import FUTURE_SECONDS
from tosqauyl.numbers.plan import Plan
from tosqauyl.state.freshness import MINUTE, Freshness
from tosqauyl.state.subscribers import Subscribers
from tosqauyl.state.swing import Change

LONGEST_NUMBER = 32
"""Characters of a number that are looked at."""
STATES = ("abroad", "home", "unknown")

Said = tuple[str, str] | tuple[str, str, float]
"""An event as it comes: number, state, and when it happened (seconds since 1970) where the operator says."""
Taken = dict[str, tuple[str, float]]
"""By number: the state that counts in the end, and its time."""
Refusals = list[tuple[int, str]]


class Sorting:
    """Sorts one request's events; `taken` and `refused` (index and why) are what came of it.

    newest: the latest time an event of this operator carried before. An event that is older than that may open and not
    close: `home` is refused as late, because a newer event may have said that the subscriber left; unless `fresh` knows when
    he left, and that was before. Within the request the latest event of a number counts; those without a time happened now,
    in the order given.
    """

    def __init__(self, operator: str, plan: Plan, newest: float, wall: float, fresh: Freshness | None = None) -> None:
        self._operator, self._plan, self._before, self._wall, self._fresh = operator, plan, newest, wall, fresh
        self.taken: Taken = {}
        self.refused: Refusals = []
        self.newest = newest

    def sort(self, events: Sequence[Said]) -> None:
        """Take every event, 2 us each."""
        places = range(len(events))
        if any(len(event) > 2 for event in events):
            places_by_time = sorted(places, key=lambda place: _time(events[place]) or self._wall)
        else:
            places_by_time = list(places)
        for place in places_by_time:
            why = self._take(events[place])
            if why:
                self.refused.append((place, why))
        self.refused.sort()

    def _take(self, event: Said) -> str:
        raw, state, at = event[0], event[1], _time(event)
        if state not in STATES:
            return "state"
        if at > self._wall + FUTURE_SECONDS:
            return "future"
        number = self._plan.read(raw[:LONGEST_NUMBER])
        if number.kind != "mobile" or len(number.text) != 12:
            return "number"
        if number.operator != self._operator:
            return "foreign"
        if state == "home" and 0.0 < at < self._before and not self._came_back(number.text, at):
            return "late"
        self.taken[number.text] = (state, at)
        self.newest = max(self.newest, at)
        return ""

    def _came_back(self, number: str, at: float) -> bool:
        """Whether this subscriber is known to have left before `at`, so that his coming home then is the later event."""
        left = self._fresh.abroad_since(number, self._operator) if self._fresh is not None else 0.0
        return 0.0 < left <= at - MINUTE


def change_of(subscribers: Subscribers, taken: Taken) -> tuple[Change, int]:
    """What events would change, and by how many the subscribers abroad would become more."""
    changed = to_home = arrived = 0
    for number, (state, _) in taken.items():
        old = subscribers.state(number)
        if old != state:
            changed += 1
            to_home += state == "home"
            arrived += (state == "abroad") - (old == "abroad")
    return Change(changed, to_home), arrived


def digest_of(events: Sequence[Said]) -> str:
    """64 hex digits of the content of a request, in the order given."""
    digest = hashlib.sha256(b"events\n")
    for event in events:
        digest.update(f"{event[0]}\t{event[1]}\t{_time(event)}\n".encode("utf-8", "replace"))
    return digest.hexdigest()


def _time(event: Said) -> float:
    return event[2] if len(event) > 2 else 0.0
