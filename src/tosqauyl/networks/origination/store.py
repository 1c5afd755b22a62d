"""Where a node keeps tokens: the seam, and the store of a node that stands alone.

A store that several nodes share cannot answer at once, so it is asked twice: has_any is what this node knows, search starts to look
at what the others recorded and calls back. A store alone calls back at once.
"""

from collections.abc import Callable, Iterable, Iterator
from math import floor
from typing import Protocol

SLICES = 6
"""A record's life is divided into so many slices of time; what is over is dropped a slice at a time."""
SLACK = 1.0
"""Seconds that records are kept beyond their life: a clock may be set by half of that unnoticed (sync.CLOCK_STEP)."""
FOUND = ("yes", "doubtful", "none", "failed")
"""What a search finds. failed: the shared store cannot be reached, or one of its nodes is missing."""


class Store(Protocol):
    """Tokens of reports, and which reports were seen. shared: whether other nodes write to it too. wall: seconds since 1970."""

    shared: bool

    def add(self, tokens: Iterable[bytes], wall: float) -> bool:
        """Keep tokens for a record's life from now. False, and continuity begins anew, where there is no room for all."""

    def has_any(self, tokens: Iterable[bytes]) -> bool:
        """Whether this node knows one of them."""

    def search(
        self, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...], within: float, said: Callable[[str], None]
    ) -> None:
        """Look at what other nodes recorded, for `within` seconds at most; said is called once with one of FOUND."""

    def continuity(self, wall: float) -> float:
        """Since when (wall) nothing that was added is missing; 0 where that is not known."""

    def seen(self, switch: str, id: str, until: float, wall: float) -> bool:
        """Whether this report was seen before; it is remembered until then."""

    def expire(self, wall: float) -> None:
        """Drop what is over. Cheap enough for every turn."""

    def __len__(self) -> int:
        """Tokens kept."""


class MemoryStore:
    """The store of one node: sets by slices of time, so that expiry drops whole sets.

    ttl: seconds a record lives (and a slice more at most). records: tokens kept at most, and reports remembered at most.
    since: wall time from which on everything is added. counters: full (adds refused), forgotten (reports that could not be
    remembered), expired (tokens). A token takes about 110 bytes, measured in tests/networks/test_origination_store.py.
    """

    shared = False

    def __init__(self, ttl: float, records: int, since: float) -> None:
        self._ttl, self._records, self._since = ttl, records, since
        self._slice = ttl / SLICES
        self._tokens: dict[int, set[bytes]] = {}
        self._seen: dict[int, set[int]] = {}
        self._count = 0
        self._seen_count = 0
        self.counters = dict.fromkeys(("full", "forgotten", "expired"), 0)

    def add(self, tokens: Iterable[bytes], wall: float) -> bool:
        """All or none. The newest give way: the old ones may have been asked about, and whoever asks again gets the same answer."""
        tokens = tuple(tokens)
        if self._count + len(tokens) > self._records:
            self.expire(wall)
            if self._count + len(tokens) > self._records:
                self.counters["full"] += 1
                self._since = max(self._since, wall)
                return False
        kept = self._tokens.setdefault(floor(wall / self._slice), set())
        before = len(kept)
        kept.update(tokens)
        self._count += len(kept) - before
        return True

    def has_any(self, tokens: Iterable[bytes]) -> bool:
        """1 us for three tokens."""
        tokens = tuple(tokens)
        return any(not kept.isdisjoint(tokens) for kept in self._tokens.values())

    def search(
        self, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...], within: float, said: Callable[[str], None]
    ) -> None:
        """There are no other nodes."""
        said("none")

    def continuity(self, wall: float) -> float:
        """As told at the start, or since there was no room. A clock set back takes it along: that the clock was set is the
        ledger's to notice."""
        self._since = min(self._since, wall)
        return self._since

    def seen(self, switch: str, id: str, until: float, wall: float) -> bool:
        """Kept as 64 keyed bits of this process: a chance of 10^-13 for each report to be taken for another one."""
        mark = hash((switch, id))
        if any(mark in marks for marks in self._seen.values()):
            return True
        if self._seen_count >= self._records:
            self.counters["forgotten"] += 1  # sending it again tells nothing new, so nothing is lost
            return False
        self._seen.setdefault(floor(until / self._slice), set()).add(mark)
        self._seen_count += 1
        return False

    def expire(self, wall: float) -> None:
        """Whole slices: those that are over, and those of a future that the clock, set back, will not reach."""
        over = wall - self._ttl - SLACK
        for number in tuple(self._outside(self._tokens, over, wall + self._slice)):
            gone = len(self._tokens.pop(number))
            self._count -= gone
            self.counters["expired"] += gone
        for number in tuple(self._outside(self._seen, wall, wall + 2 * self._ttl)):
            self._seen_count -= len(self._seen.pop(number))

    def _outside(self, numbers: Iterable[int], first: float, last: float) -> Iterator[int]:
        for number in numbers:
            if (number + 1) * self._slice <= first or number * self._slice > last:
                yield number

    def __len__(self) -> int:
        return self._count
