"""What a network said, for as long as it may serve further calls. Bounded; pure: both clocks are arguments.

An entry costs about 220 bytes, its number included.
"""

from itertools import islice
from typing import NamedTuple

from tosqauyl.networks.options import CacheOptions

FAILED = "failed"
"""The state kept for a number that could not be answered just now."""
_SLICES = 64
_TURN = 1024


class Kept(NamedTuple):
    """One answer. at: when the network knew it, seconds since 1970; until: when it ends, monotonic seconds."""

    state: str
    at: float
    until: float


class Cache:
    """Number -> Kept. evicted: entries given up because it was full; expired: entries that were swept out."""

    __slots__ = ("_entries", "_options", "_puts", "evicted", "expired")

    def __init__(self, options: CacheOptions) -> None:
        self._options = options
        self._entries: dict[str, Kept] = {}
        self._puts = 0
        self.evicted = self.expired = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, number: str, now: float) -> Kept | None:
        """What is known of the number and still fresh. now: monotonic seconds."""
        found = self._entries.get(number)
        return found if found is not None and now < found.until else None

    def put(self, number: str, state: str, at: float, now: float, wall: float) -> None:
        """Keep an answer for as long as its state allows, and no longer than what it says is fresh. now: monotonic
        seconds; at, wall: seconds since 1970."""
        options = self._options
        if not options.limit:
            return
        seconds = options.keep(state)
        if state == "home" or state == "abroad":
            left = (options.home_fresh if state == "home" else options.abroad_fresh) - max(wall - at, 0.0)
            seconds = min(seconds, left)
        entries = self._entries
        entries.pop(number, None)  # so that it goes to the end: the order of the dict is the order of age
        if seconds <= 0:
            return
        if len(entries) >= options.limit:
            self._evict()
        entries[number] = Kept(state, at, now + seconds)
        self._puts += 1
        if self._puts % _TURN == 0:
            self._sweep(now)

    def _evict(self) -> None:
        """Give up the oldest slice at once: hits keep no books, and so cost nothing."""
        oldest = list(islice(self._entries, max(1, self._options.limit // _SLICES)))
        for number in oldest:
            del self._entries[number]
        self.evicted += len(oldest)

    def _sweep(self, now: float) -> None:
        """Forget what is over among the oldest: a number is not held longer than it is of use."""
        over = [number for number, kept in islice(self._entries.items(), 2 * _TURN) if kept.until <= now]
        for number in over:
            del self._entries[number]
        self.expired += len(over)


def believed(state: str, at: float, wall: float, options: CacheOptions) -> str:
    """The state as far as it can be believed: 'stale' for one that the network knew too long ago, 'wrong' for one whose time
    lies ahead or is no time. at, wall: seconds since 1970."""
    if state == "unknown":
        return state
    age = wall - at
    if not age >= -options.ahead:  # not 'age <': that would let a NaN through
        return "wrong"
    return state if age < (options.home_fresh if state == "home" else options.abroad_fresh) else "stale"
