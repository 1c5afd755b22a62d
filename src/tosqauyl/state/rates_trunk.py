"""Windows of whole trunks: wide counters, and a HyperLogLog for each window of different numbers called.

There are few trunks and each carries much, so here memory is spent freely: 13 KB a trunk, at its first call.
"""

from math import log
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, u8

from tosqauyl.state.rates_window import FIFTHS, SLOT_1H, SLOT_1M, SLOT_10M

REGISTERS: Final = 512
"""Of each HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007): a standard error of 1.04 / sqrt(512) = 4.6 %."""
RANK_MOST: Final = 31
_UNIT: Final = 1 << 31
_ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS * REGISTERS * _UNIT
_SMALL: Final = 2.5 * REGISTERS


def _linear() -> vec[i64]:
    """By registers that are still zero, how many different numbers that means."""
    table = [int(REGISTERS * log(REGISTERS / max(1, zeros))) for zeros in range(REGISTERS + 1)]
    return vec[i64](table)


_LINEAR: vec[i64] = _linear()


class Counter:
    """Calls in one window: five fifths and their sum, no limit short of 2**63."""

    def __init__(self, slot: int) -> None:
        self._slot: i64 = slot
        self._fifths: vec[i64] = vec[i64]([0] * FIFTHS)
        self._now: i64 = 0
        self._sum: i64 = 0

    def add(self, tick: i64) -> i64:
        """Count one call; the calls in the window."""
        now: i64 = tick // self._slot
        fifths = self._fifths
        if now - self._now >= FIFTHS:
            self._now = now - FIFTHS
        while self._now < now:
            self._now += 1
            place: i64 = self._now % FIFTHS
            self._sum -= fifths[place]
            fifths[place] = 0
        fifths[now % FIFTHS] += 1
        self._sum += 1
        return self._sum


class Distinct:
    """Different numbers in one window: a HyperLogLog for each fifth, and their union kept up to date."""

    def __init__(self, slot: int) -> None:
        self._slot: i64 = slot
        self._now: i64 = 0
        self._fifths: vec[u8] = vec[u8]([0] * (FIFTHS * REGISTERS))
        self._union: vec[u8] = vec[u8]([0] * REGISTERS)
        self._zeros: i64 = REGISTERS
        self._inverse: i64 = REGISTERS * _UNIT
        self._estimate: i64 = 0

    def add(self, hashed: i64, tick: i64) -> i64:
        """Count one called number (its `mixed` bits); how many different ones there were in the window, about."""
        now: i64 = tick // self._slot
        if now != self._now:
            self._turn(now)
        register: i64 = hashed & (REGISTERS - 1)
        rest: i64 = hashed >> 9
        rank: i64 = 1
        while rest & 1 == 0 and rank < RANK_MOST:
            rest >>= 1
            rank += 1
        place: i64 = now % FIFTHS * REGISTERS + register
        if rank > i64(self._fifths[place]):
            self._fifths[place] = u8(rank)
            before: i64 = i64(self._union[register])
            if rank > before:
                self._union[register] = u8(rank)
                self._zeros -= before == 0
                self._inverse += (_UNIT >> rank) - (_UNIT >> before)
                self._estimate = self._guess()
        return self._estimate

    def _guess(self) -> i64:
        raw = _ALPHA / float(self._inverse)
        if raw <= _SMALL and self._zeros > 0:
            return _LINEAR[self._zeros]
        return i64(int(raw))

    def _turn(self, now: i64) -> None:
        """Drop the fifths that are over and make the union anew: some microseconds, once in a fifth."""
        fifths, union = self._fifths, self._union
        gone: i64 = min(now - self._now, FIFTHS)
        for back in range(gone):
            start: i64 = (now - back) % FIFTHS * REGISTERS
            for place in range(start, start + REGISTERS):
                fifths[place] = 0
        self._now = now
        self._zeros = 0
        self._inverse = 0
        for register in range(REGISTERS):
            best: i64 = 0
            for fifth in range(FIFTHS):
                best = max(best, i64(fifths[fifth * REGISTERS + register]))
            union[register] = u8(best)
            self._inverse += _UNIT >> best
            self._zeros += best == 0
        self._estimate = self._guess()


class TrunkWindows:
    """Everything counted of one trunk. seen: tick of its last call."""

    def __init__(self) -> None:
        self.seen: i64 = 0
        self._second = Counter(1)
        self._calls_1m = Counter(SLOT_1M)
        self._calls_10m = Counter(SLOT_10M)
        self._calls_1h = Counter(SLOT_1H)
        self._callees_1m = Distinct(SLOT_1M)
        self._callees_10m = Distinct(SLOT_10M)
        self._callees_1h = Distinct(SLOT_1H)

    def add(self, hashed: i64, tick: i64) -> tuple[i64, i64, i64, i64, i64, i64, i64]:
        """Count a call to a number: calls in 1 s, 1 min, 10 min, 1 h, then different numbers in 1 min, 10 min, 1 h."""
        self.seen = tick
        minute, ten, hour = self._calls_1m.add(tick), self._calls_10m.add(tick), self._calls_1h.add(tick)
        return (
            self._second.add(tick),
            minute,
            ten,
            hour,
            min(minute, self._callees_1m.add(hashed, tick)),
            min(ten, self._callees_10m.add(hashed, tick)),
            min(hour, self._callees_1h.add(hashed, tick)),
        )
