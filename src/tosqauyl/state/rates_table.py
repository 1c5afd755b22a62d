"""A bounded table of fixed records, found by a number: an index in sets of sixteen, and records in the order they came.

Nothing is ever rehashed and nothing is allocated before it is needed: pages of index and records come one by one.
"""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

WAYS: Final = 16
SETS_A_PAGE: Final = 512
RECORDS_A_PAGE: Final = 1024
MOST_RECORDS: Final = (1 << 22) - 2
_PLACE: Final = (1 << 22) - 1
_FULL: Final = -1 - WAYS
_LOW: Final = (1 << 30) - 1
_HASH: Final = (1 << 60) - 1


def mixed(number: i64, seed: i64) -> i64:
    """60 well mixed bits of a number below 2**60; no product passes 2**62, so that no machine wraps it.

    seed: below 2**60; whoever does not know it cannot choose numbers that fall together.
    """
    one: i64 = (number & _LOW) * 1_640_531_527 + (number >> 30) * 1_973_785_237 + seed
    one ^= one >> 31
    two: i64 = (one & _LOW) * 1_835_008_733 + ((one >> 30) & _LOW) * 1_540_483_477
    two ^= two >> 29
    three: i64 = (two & _LOW) * 1_274_126_177 + ((two >> 30) & _LOW) * 2_017_123_477
    return (three ^ (three >> 32)) & _HASH


class Table:
    """Records of `width` words for at most `most` keys. Word 0 of a record holds the tick it was seen last, shifted by 30.

    A full set, or a full table, gives up the record of the set that was seen longest ago; `evictions` counts those that
    were seen in the last `memory` ticks. Such a record only makes counts too small, never too large.
    """

    def __init__(self, most: int, width: int, memory: int) -> None:
        self.most: i64 = max(1, min(most, MOST_RECORDS))
        self.width: i64 = width
        self._memory: i64 = memory
        self.evictions = 0
        self.used: i64 = 0
        self._sets: i64 = max(1, -(-int(self.most) // (WAYS // 2)))
        self._index: list[vec[i64]] = []
        self._pages: list[vec[i64]] = []
        self.clear()

    def clear(self) -> None:
        """Forget every record and give the memory back."""
        self.used = 0
        self._index = [vec[i64]() for _ in range(-(-int(self._sets) // SETS_A_PAGE))]
        self._pages = []

    def page(self, record: i64) -> vec[i64]:
        """The words among which a record lies; it begins at `start(record)`."""
        return self._pages[record >> 10]

    def start(self, record: i64) -> i64:
        """Where in its page a record begins."""
        return (record & (RECORDS_A_PAGE - 1)) * self.width

    def find(self, hashed: i64, tick: i64) -> i64:
        """The record of a key (its `mixed` number), a cleared one where the key is new."""
        chosen: i64 = ((hashed & _LOW) * self._sets) >> 30
        tag: i64 = hashed >> 20
        found = self._look(chosen, tag)
        if found == _FULL:  # some four sets in a thousand, when the table is full: the next set takes what is too much
            chosen = self._next(chosen)
            found = self._look(chosen, tag)
        return found if found >= 0 else self._new(chosen, -1 - found, tag, tick)

    def _look(self, chosen: i64, tag: i64) -> i64:
        """The record with this tag in a set; else -1 - way of its first free way, _FULL where it has none."""
        ways = self._index[chosen >> 9]
        if len(ways) == 0:
            ways = self._index[chosen >> 9] = vec[i64]([0] * (SETS_A_PAGE * WAYS))
        first: i64 = (chosen & (SETS_A_PAGE - 1)) * WAYS
        for way in range(first, first + WAYS):
            entry = ways[way]
            if entry == 0:
                return first - way - 1
            if entry >> 22 == tag:
                return (entry & _PLACE) - 1
        return _FULL

    def _next(self, chosen: i64) -> i64:
        return chosen + 1 if chosen + 1 < self._sets else 0

    def _new(self, chosen: i64, way: i64, tag: i64, tick: i64) -> i64:
        """A cleared record under a new tag. way: the first free one of the set; WAYS where there is none."""
        ways = self._index[chosen >> 9]
        first: i64 = (chosen & (SETS_A_PAGE - 1)) * WAYS
        if way < WAYS and self.used < self.most:
            record = self.used
            self.used += 1
            if record & (RECORDS_A_PAGE - 1) == 0:
                self._pages.append(vec[i64]([0] * int(RECORDS_A_PAGE * self.width)))
        elif way == 0:
            record = self._taken_from_another(chosen, tick)
        else:
            way, record = self._oldest(ways, first, way)
            self._empty(record, tick)
        ways[first + way] = tag << 22 | (record + 1)
        return record

    def _oldest(self, ways: vec[i64], first: i64, filled: i64) -> tuple[i64, i64]:
        """Way and record of a set that was seen longest ago."""
        oldest: i64 = 0
        record: i64 = 0
        seen: i64 = _HASH
        for way in range(filled):
            other: i64 = (ways[first + way] & _PLACE) - 1
            at: i64 = self.page(other)[self.start(other)] >> 30
            if at < seen:
                oldest, record, seen = way, other, at
        return oldest, record

    def _taken_from_another(self, chosen: i64, tick: i64) -> i64:
        """A record out of the next set that has one: the table is full and the set of the key is empty."""
        while True:
            chosen = self._next(chosen)
            ways = self._index[chosen >> 9]
            first: i64 = (chosen & (SETS_A_PAGE - 1)) * WAYS
            filled: i64 = 0
            while len(ways) and filled < WAYS and ways[first + filled]:
                filled += 1
            if filled:
                way, record = self._oldest(ways, first, filled)
                ways[first + way] = ways[first + filled - 1]
                ways[first + filled - 1] = 0
                self._empty(record, tick)
                return record

    def _empty(self, record: i64, tick: i64) -> None:
        words, start = self.page(record), self.start(record)
        if tick - (words[start] >> 30) < self._memory:
            self.evictions += 1
        for place in range(start, start + self.width):
            words[place] = 0
