"""What one gate did lately: counters become rates, and only the latest few minutes are kept.

A counter that fell, or another start of the process, means that the gate began anew: all it counts came since then. After a while
without an answer nothing is said of the time between, only of what comes after.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tosqauyl.web.live.reading import OTHERS, VERDICTS, Counts, Reading

POINTS = 150
"""Of the series of a gate: five minutes at a look every two seconds."""
LOOKS = 30
"""Looks that the rates of rules, reasons, trunks and carriers are taken over: about a minute, for
most rules hold less than once a second."""
MOST_GROWN = 40
"""Names that grew most between two looks and are told apart; further ones are added up."""
LONGEST = 15.0
"""Seconds between two looks; after more of them, the first one only begins anew."""
MISSES = 2
"""Looks without an answer after which a gate is down: one late answer is no outage."""

Why = Literal["", "unreached", "refused", "certificate", "unreadable"]
"""Why a gate told nothing: no connection or no answer in time; the token is not taken; its certificate, or ours to check it
against; an answer that is no metrics."""


@dataclass(frozen=True, slots=True)
class Point:
    """Rates between two looks, per second. at: of the later one, milliseconds since 1970; verdicts: in the order of VERDICTS."""

    at: int
    verdicts: tuple[float, ...]
    would_stop: float
    failed_open: float

    @property
    def calls(self) -> float:
        """Calls a second."""
        return sum(self.verdicts)


@dataclass(frozen=True, slots=True)
class Grown:
    """How much of each name was counted lately: name -> counts, most first; seconds: in how long, 0 where nothing is known yet."""

    seconds: float = 0.0
    counts: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class GateNow:
    """A gate as it stands. state: new until it answered or failed for the first time; since: when it came into this state; heard:
    when it last answered, 0 for never; told: that answer; points: the latest last; rules, reasons, trunks, carriers, shed: of about
    a minute; None of trunks and carriers: it does not count by them."""

    name: str
    state: Literal["new", "up", "down"]
    since: int
    why: Why
    heard: int
    told: Reading | None
    points: tuple[Point, ...]
    rules: Grown
    reasons: Grown
    trunks: Grown | None
    carriers: Grown | None
    shed: Grown

    @property
    def rate(self) -> Point | None:
        """The latest rates; None while it is down or nothing is known yet."""
        return self.points[-1] if self.state == "up" and self.points and self.points[-1].at == self.heard else None


class Lately:
    """Sums by name over the latest looks. Its size is bounded by LOOKS and MOST_GROWN, whatever names come."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Counts]] = deque()
        self._sums: dict[str, tuple[int, ...]] = {}
        self._seconds = 0.0

    def add(self, seconds: float, grown: Counts) -> None:
        """Take what grew between two looks; the oldest look is given up for it."""
        kept = _most(grown)
        self._looks.append((seconds, kept))
        self._seconds += seconds
        self._plus(kept, 1)
        if len(self._looks) > LOOKS:
            gone, old = self._looks.popleft()
            self._seconds -= gone
            self._plus(old, -1)

    def clear(self) -> None:
        """Begin anew."""
        self._looks.clear()
        self._sums.clear()
        self._seconds = 0.0

    def grown(self) -> Grown:
        """The sums, the largest first."""
        return Grown(max(self._seconds, 0.0), tuple(sorted(self._sums.items(), key=_size)))

    def __len__(self) -> int:
        return len(self._sums)

    def _plus(self, counts: Counts, sign: int) -> None:
        for name, more in counts.items():
            had = self._sums.get(name, (0,) * len(more))
            now = tuple(mine + sign * other for mine, other in zip(had, more, strict=True))
            if any(now):
                self._sums[name] = now
            else:
                self._sums.pop(name, None)


_GROUPS = ("rules", "reasons", "trunks", "carriers", "shed")


class History:
    """One gate's. Not thread-safe."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._lately = {group: Lately() for group in _GROUPS}
        self._told: Reading | None = None
        self._heard, self._heard_steady = 0, 0.0
        self._state: Literal["new", "up", "down"] = "new"
        self._since, self._missed, self._missed_at = 0, 0, 0
        self._why: Why = ""

    def take(self, reading: Reading, at: int, steady: float) -> None:
        """The gate answered. at: milliseconds since 1970; steady: seconds of a clock that nobody sets."""
        before, seconds = self._told, steady - self._heard_steady
        if before is not None and 0 < seconds <= LONGEST:
            self._grow(before if _goes_on(before, reading) else None, reading, seconds, at)
        elif before is not None:
            for one in self._lately.values():
                one.clear()
        self._told, self._heard, self._heard_steady = reading, at, steady
        self._missed, self._why = 0, ""
        self._become("up", at)

    def miss(self, why: Why, at: int) -> None:
        """The gate told nothing."""
        self._missed += 1
        if self._missed == 1:
            self._missed_at = at
        if self._missed >= MISSES:
            self._why = why
            self._become("down", self._missed_at)

    def now(self) -> GateNow:
        """As it stands."""
        found = {group: lately.grown() for group, lately in self._lately.items()}
        counts_trunks = self._told is not None and self._told.trunks is not None
        return GateNow(
            self.name, self._state, self._since, self._why, self._heard, self._told, tuple(self._points),
            found["rules"], found["reasons"], found["trunks"] if counts_trunks else None,
            found["carriers"] if counts_trunks else None, found["shed"],
        )  # fmt: skip

    @property
    def size(self) -> int:
        """How many points and names are kept."""
        return len(self._points) + sum(map(len, self._lately.values()))

    def _become(self, state: Literal["up", "down"], at: int) -> None:
        if state != self._state:
            self._state, self._since = state, at

    def _grow(self, before: Reading | None, reading: Reading, seconds: float, at: int) -> None:
        def rate(now: int, had: int) -> float:
            return max(0, now - had) / seconds

        had = before or Reading(verdicts=(0,) * len(VERDICTS))
        verdicts = tuple(map(rate, reading.verdicts, had.verdicts))
        open_rate = rate(reading.failed_open, had.failed_open)
        self._points.append(Point(at, verdicts, rate(reading.would_stop, had.would_stop), open_rate))
        for group, lately in self._lately.items():
            now, then = getattr(reading, group) or {}, getattr(had, group) or {}
            lately.add(seconds, _difference(now, then))


def _goes_on(before: Reading, now: Reading) -> bool:
    """Whether the process is the same as before."""
    same = before.started == now.started
    return same and all(new >= old for new, old in zip(now.verdicts, before.verdicts, strict=True))


def _difference(now: Counts, then: Counts) -> dict[str, tuple[int, ...]]:
    """What grew, by name. A counter that fell counts as nothing."""
    found: dict[str, tuple[int, ...]] = {}
    for name, counts in now.items():
        had = then.get(name, (0,) * len(counts))
        if counts != had:
            more = tuple(max(0, new - old) for new, old in zip(counts, had, strict=True))
            if any(more):
                found[name] = more
    return found


def _most(grown: Counts) -> Mapping[str, tuple[int, ...]]:
    """The names that grew most, and the others as one."""
    if len(grown) <= MOST_GROWN:
        return grown
    ordered = sorted(grown.items(), key=_size)
    kept = dict(ordered[:MOST_GROWN])
    for _, counts in ordered[MOST_GROWN:]:
        had = kept.get(OTHERS, (0,) * len(counts))
        kept[OTHERS] = tuple(mine + more for mine, more in zip(had, counts, strict=True))
    return kept


def _size(one: tuple[str, tuple[int, ...]]) -> tuple[int, str]:
    return -one[1][0] - sum(one[1]), one[0]
