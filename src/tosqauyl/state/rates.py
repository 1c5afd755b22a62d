"""How often and how widely a caller, its number range and its trunk call just now: sliding windows in bounded memory.

Every window is cut into fifths of its length. What is told of a window of length W are the calls in the fifth that runs
now and the four before it: all calls of the last 4/5 W, and none older than W. So a count is never above the true number
of calls in the window, and never below that of its last four fifths. Different numbers are estimates, told by quarter
minutes, and never above the calls of the same window. docs/rates.md says what that costs and how wrong it can be.
"""

from dataclasses import dataclass
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from tosqauyl.state.rates_table import Table, mixed
from tosqauyl.state.rates_trunk import TrunkWindows
from tosqauyl.state.rates_window import (
    CELLS_A_WORD,
    QUARTER_MINUTE,
    SLOT_1H,
    SLOT_1M,
    SLOT_10M,
    TICKS_A_SECOND,
    aged,
    estimates,
    in_ring,
    in_second,
    moved,
    occupied,
    one_more,
    revived,
    second_moved,
)

NEAR: Final = 10
"""Two called numbers at most this far apart follow one another (`sequential`)."""
IN_A_ROW: Final = 10 * 60 * TICKS_A_SECOND
"""Ticks after which a call no longer follows the one before (`sequential`, `redials`)."""
RUN_MOST: Final = 63
REDIALS_MOST: Final = 127

CALLER_CELLS: Final = 28
RANGE_CELLS: Final = 70
"""Cells of a sketch. At most cells * ln(cells) different numbers are told: 93 of a caller, 297 of a range."""

_HOUR: Final = 3600 * TICKS_A_SECOND
_SKETCH: Final = 5
_SECOND: Final = (1 << 30) - 1
_LOW: Final = (1 << 30) - 1
_NO_NUMBER: Final = 1 << 56
_RANGE: Final = 10_000
_LEAST_WITH_RANGE: Final = 10**7
_KZ_LENGTH: Final = 12
_PLUS_7: Final = 7 * 10**10

Seven = tuple[i64, i64, i64, i64, i64, i64, i64]
"""Calls in 1 s, 1 min, 10 min and 1 h, different numbers in 1 min, 10 min and 1 h."""
Counted = tuple[
    i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64
]  # fmt: skip
"""Seven of the caller, seven of its range, seven of the trunk, then sequential, redials, neighbour: as in the fact table."""


@dataclass(frozen=True, slots=True)
class RatesOptions:
    """Whether calls are counted, and how many callers, number ranges and trunks are kept at a time."""

    on: bool = True
    callers: int = 1_048_576
    ranges: int = 65_536
    trunks: int = 256


class Rates:
    """Counts calls. Memory is bounded by the three limits and taken as it is needed: 72 bytes a caller, 120 a range.

    A caller that is new when the table is full takes the place of one that was seen longest ago among a few; `evictions`
    counts that where it lost something. seed: mixed into all hashes; keep it to yourself and nobody can choose numbers
    that push one another out. Same seed and same calls give the same counts, compiled or not.
    """

    def __init__(self, callers: int, ranges: int, trunks: int, seed: int = 0) -> None:
        self._seed: i64 = seed & ((1 << 59) - 1)
        self._callers = Table(callers, _SKETCH + CALLER_CELLS // CELLS_A_WORD, _HOUR)
        self._ranges = Table(ranges, _SKETCH + RANGE_CELLS // CELLS_A_WORD, _HOUR)
        self._trunks: dict[str, TrunkWindows] = {}
        self._most_trunks = max(1, trunks)
        self._trunk_evictions = 0
        self._of_caller: vec[i64] = estimates(CALLER_CELLS)
        self._of_range: vec[i64] = estimates(RANGE_CELLS)
        self._began = 0.0
        self._tick: i64 = 0

    def __len__(self) -> int:
        """Callers kept now."""
        return int(self._callers.used)

    @property
    def ranges(self) -> int:
        """Number ranges kept now."""
        return int(self._ranges.used)

    @property
    def trunks(self) -> int:
        """Trunks kept now."""
        return len(self._trunks)

    @property
    def evictions(self) -> int:
        """Callers, ranges and trunks that gave way to others although they had called within the last hour."""
        return self._callers.evictions + self._ranges.evictions + self._trunk_evictions

    def clear(self) -> None:
        """Forget every call; what was evicted stays counted."""
        self._callers.clear()
        self._ranges.clear()
        self._trunks = {}

    def count(self, caller: str, called: str, trunk: str, now: float) -> Counted:
        """Count this call and tell the 24 facts of it, in the order of the fact table. Never raises.

        caller, called: as the number plan wrote them. now: seconds on a clock that does not go back; where it does, time
        stands still until it has caught up. A caller of less than eight digits has no range: its facts are -1.
        """
        tick = self._tick_at(now)
        from_, to = _key(caller), _key(called)
        hashed = mixed(to, self._seed)
        record = self._callers.find(mixed(from_, self._seed), tick)
        words, start = self._callers.page(record), self._callers.start(record)
        sequential, redials = _row(words, start, to, tick)
        c = _counted(words, start, hashed, tick, self._of_caller)
        number: i64 = from_ >> 5
        if from_ < _NO_NUMBER and number >= _LEAST_WITH_RANGE:
            record = self._ranges.find(mixed(number // _RANGE * 32 + (from_ & 31), self._seed), tick)
            r = _counted(self._ranges.page(record), self._ranges.start(record), hashed, tick, self._of_range)
        else:
            r = (-1, -1, -1, -1, -1, -1, -1)
        t = self._trunk(trunk, tick).add(hashed, tick)
        return (
            c[0], c[1], c[2], c[3], c[4], c[5], c[6], r[0], r[1], r[2], r[3], r[4], r[5], r[6],
            t[0], t[1], t[2], t[3], t[4], t[5], t[6], sequential, redials, _neighbour(from_, to),
        )  # fmt: skip

    def _tick_at(self, now: float) -> i64:
        """Ticks since the first call, one for that; what is no time of day at all (NaN, infinite) leaves it as it is."""
        if self._tick == 0:
            self._began = now if -1e12 < now < 1e12 else 0.0
        passed = (now - self._began) * TICKS_A_SECOND
        if passed < 8e9:  # 50 years
            self._tick = max(self._tick, i64(int(passed)) + 1 if passed > 0.0 else 1)
        return self._tick

    def _trunk(self, trunk: str, tick: i64) -> TrunkWindows:
        found = self._trunks.get(trunk)
        if found is not None:
            return found
        if len(self._trunks) >= self._most_trunks:
            oldest = min(self._trunks, key=lambda name: int(self._trunks[name].seen))
            if tick - self._trunks.pop(oldest).seen < _HOUR:
                self._trunk_evictions += 1
        self._trunks[trunk] = found = TrunkWindows()
        return found


def not_counted() -> Counted:
    """What is told of a call that was not counted."""
    return -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1


def _key(text: str) -> i64:
    """A number as 32 * digits + length of its text; for text that is none (or has over 15 digits) some value from 2**56.

    The length tells +7 from 7 and keeps leading zeros apart.
    """
    size: i64 = len(text)
    number: i64 = 0
    place: i64 = 1 if size > 0 and text[0] == "+" else 0
    if size == place or size - place > 15:
        return _name(text)
    while place < size:
        digit: i64 = ord(text[place]) - 48
        if digit < 0 or digit > 9:
            return _name(text)
        number = number * 10 + digit
        place += 1
    return number * 32 + size


def _name(text: str) -> i64:
    """A value for text that is no number."""
    value: i64 = len(text)
    for sign in text[:64]:
        value = ((value * 31) ^ ord(sign)) & (_NO_NUMBER - 1)
    return value | _NO_NUMBER


def _row(words: vec[i64], start: i64, to: i64, tick: i64) -> tuple[i64, i64]:
    """How long the run of neighbouring called numbers is, and how often this number was called just before; kept.

    Word 4: the number called last (50 bits), the run (6), the redials (7).
    """
    number: i64 = to >> 5 if to < _NO_NUMBER else 0
    last: i64 = words[start + 4]
    before: i64 = last >> 13
    run: i64 = 1
    redials: i64 = 0
    if number and before and tick - (words[start] >> 30) < IN_A_ROW:
        if number == before:
            run, redials = (last >> 7) & RUN_MOST, min((last & REDIALS_MOST) + 1, REDIALS_MOST)
        elif -NEAR <= number - before <= NEAR:
            run = min(((last >> 7) & RUN_MOST) + 1, RUN_MOST)
    words[start + 4] = number << 13 | run << 7 | redials
    return run, redials


def _counted(words: vec[i64], start: i64, hashed: i64, tick: i64, meaning: vec[i64]) -> Seven:
    """Count a call into a record. Words: 0 tick and second, 1 minute, 2 ten minutes, 3 hour, from 5 on the sketch."""
    word: i64 = words[start]
    seen: i64 = word >> 30
    second = second_moved(word & _SECOND, tick - seen)
    minute = one_more(moved(words[start + 1], tick // SLOT_1M - seen // SLOT_1M))
    ten = one_more(moved(words[start + 2], tick // SLOT_10M - seen // SLOT_10M))
    hour = one_more(moved(words[start + 3], tick // SLOT_1H - seen // SLOT_1H))
    words[start] = tick << 30 | second
    words[start + 1] = minute
    words[start + 2] = ten
    words[start + 3] = hour
    first: i64 = start + _SKETCH
    cells: i64 = len(meaning) - 1
    end: i64 = first + cells // CELLS_A_WORD
    quarters: i64 = tick // QUARTER_MINUTE - seen // QUARTER_MINUTE
    if quarters:
        for place in range(first, end):
            words[place] = aged(words[place], quarters)
    cell: i64 = ((hashed >> 30) * cells) >> 30
    at: i64 = first + cell // CELLS_A_WORD
    words[at] = revived(words[at], cell % CELLS_A_WORD)
    hits = occupied(words, first, end)
    calls_1m, calls_10m, calls_1h = in_ring(minute), in_ring(ten), in_ring(hour)
    return (
        in_second(second), calls_1m, calls_10m, calls_1h,
        min(calls_1m, meaning[hits[0]]), min(calls_10m, meaning[hits[1]]), min(calls_1h, meaning[hits[2]]),
    )  # fmt: skip


def _neighbour(from_: i64, to: i64) -> i64:
    """Leading digits after +7 that both numbers share; 0 where one of them is no +7 number of ten digits."""
    one: i64 = (from_ >> 5) - _PLUS_7
    other: i64 = (to >> 5) - _PLUS_7
    if from_ & 31 != _KZ_LENGTH or to & 31 != _KZ_LENGTH or from_ >= _NO_NUMBER or to >= _NO_NUMBER:
        return 0
    if not 0 <= one < 10**10 or not 0 <= other < 10**10:
        return 0
    shared: i64 = 10
    while one != other:
        one //= 10
        other //= 10
        shared -= 1
    return shared
