"""All gates as they stand now: looked at by a job in the background, read by whoever asks, each look for all readers once."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

from tosqauyl.web.live.history import POINTS, GateNow, Grown, History, Point, Why
from tosqauyl.web.live.reading import OTHERS, VERDICTS, Reading

EVERY = 2.0
"""Seconds between the end of a look and the next one."""
MOST_ROWS = 20
"""Rules, reasons, trunks or carriers that are shown, those with the most calls; the others are one row."""

Look = Callable[[], Sequence["Reading | Why"]]
"""Asks all gates at once; what each one told, or why it did not, in their order."""


@dataclass(frozen=True, slots=True)
class Row:
    """Calls a second by a rule, reason, trunk or carrier, of all gates together. name: '' all further ones."""

    name: str
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Now:
    """at: of the last look, milliseconds since 1970, 0 before the first; series: of all gates together, the latest last; rules,
    reasons, trunks, carriers, shed: rates over about a minute; None of trunks and carriers: no gate counts by them."""

    at: int = 0
    gates: tuple[GateNow, ...] = ()
    series: tuple[Point, ...] = ()
    rules: tuple[Row, ...] = ()
    reasons: tuple[Row, ...] = ()
    trunks: tuple[Row, ...] | None = None
    carriers: tuple[Row, ...] | None = None
    shed: tuple[Row, ...] = ()

    @property
    def rate(self) -> Point | None:
        """The latest rates of all gates that are up; None where none is."""
        return self.series[-1] if self.series and self.series[-1].at == self.at else None

    @property
    def down(self) -> tuple[str, ...]:
        """Names of gates that are down."""
        return tuple(one.name for one in self.gates if one.state == "down")


class Live:
    """The state of some gates. names: theirs; look: asks them; wall: milliseconds since 1970; steady: seconds of a clock that
    nobody sets. May be read by any thread."""

    def __init__(
        self, names: Iterable[str], look: Look, wall: Callable[[], int], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._histories = [History(name) for name in names]
        self._look, self._wall, self._steady = look, wall, steady
        self._lock, self._at = Lock(), 0
        self._made: Now | None = None

    def poll(self) -> int:
        """Look at every gate once; how many answered."""
        found = self._look()
        self.take(found)
        return sum(isinstance(one, Reading) for one in found)

    def take(self, found: Sequence["Reading | Why"]) -> None:
        """What all gates told, in their order."""
        at, steady = self._wall(), self._steady()
        with self._lock:
            for history, told in zip(self._histories, found, strict=True):
                if isinstance(told, Reading):
                    history.take(told, at, steady)
                else:
                    history.miss(told, at)
            self._at, self._made = at, None

    def now(self) -> Now:
        """As it stands after the last look."""
        with self._lock:
            if self._made is None:
                self._made = _now(self._at, tuple(one.now() for one in self._histories))
            return self._made

    @property
    def size(self) -> int:
        """How many points and names are kept of all gates."""
        with self._lock:
            return sum(one.size for one in self._histories)


def _now(at: int, gates: tuple[GateNow, ...]) -> Now:
    well = [one for one in gates if one.rate is not None]
    trunks = [one.trunks for one in well if one.trunks is not None]
    carriers = [one.carriers for one in well if one.carriers is not None]
    return Now(
        at, gates, _together([one.points for one in gates]), _rows(one.rules for one in well), _rows(one.reasons for one in well),
        _rows(trunks) if trunks else None, _rows(carriers) if carriers else None, _rows(one.shed for one in well),
    )  # fmt: skip


def _together(series: Iterable[Sequence[Point]]) -> tuple[Point, ...]:
    """The points of all gates of each look, added up."""
    sums: dict[int, tuple[float, ...]] = {}
    for points in series:
        for one in points:
            more = (*one.verdicts, one.would_stop, one.failed_open)
            had = sums.get(one.at)
            sums[one.at] = more if had is None else tuple(map(sum, zip(had, more, strict=True)))
    width = len(VERDICTS)
    return tuple(Point(at, sums[at][:width], sums[at][width], sums[at][width + 1]) for at in sorted(sums)[-POINTS:])


def _rows(found: Iterable[Grown]) -> tuple[Row, ...]:
    """Rates by name, gates added up, the largest first and those beyond as one."""
    sums: dict[str, tuple[float, ...]] = {}
    for grown in found:
        for name, counts in grown.counts if grown.seconds else ():
            rates = [count / grown.seconds for count in counts]
            had = sums.get(name, (0.0,) * len(rates))
            sums[name] = tuple(mine + more for mine, more in zip(had, rates, strict=True))
    others = sums.pop(OTHERS, None)
    ordered = sorted(sums.items(), key=lambda one: (-one[1][0], -sum(one[1]), one[0]))
    more = [rates for _, rates in ordered[MOST_ROWS:]] + ([others] if others is not None else [])
    rows = [Row(name, rates) for name, rates in ordered[:MOST_ROWS]]
    return (*rows, *([Row(OTHERS, tuple(map(sum, zip(*more, strict=True))))] if more else ()))
