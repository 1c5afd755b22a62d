"""When a node may say no: only if it would have heard of the call. Who was heard since when, what was lost, how clocks went.

Time is an argument: `now` is monotonic, `wall` is seconds since 1970.
"""

from dataclasses import dataclass

CLOCK_STEP = 0.5
"""Seconds by which the wall clock may move against the monotonic one before it counts as set."""
CLOCK_SLEW = 0.001
"""Seconds a second by which it may move for ever: time daemons turn a clock slowly (Linux at most 0.0005)."""
NEVER = float("-inf")


class Clock:
    """Compares the progress of the two clocks. offset: wall minus monotonic, as last believed."""

    __slots__ = ("_at", "offset", "started")

    def __init__(self) -> None:
        self.started = False
        self.offset, self._at = 0.0, 0.0

    def turned(self, now: float, wall: float) -> bool:
        """Take note of a moment; True if the wall clock was set since the last one. A clock that creeps is followed, so that its
        creeping never adds up to a step."""
        if not self.started:
            self.started, self.offset, self._at = True, wall - now, now
            return False
        drift, most = wall - now - self.offset, CLOCK_SLEW * max(now - self._at, 0.0)
        self._at = now
        if abs(drift) > CLOCK_STEP:
            self.offset = wall - now
            return True
        self.offset += min(max(drift, -most), most)
        return False


@dataclass(slots=True)
class _Heard:
    """A switch: heard without a gap since, last heard; resumed: since a gap and not since we started."""

    since: float
    last: float
    resumed: bool = False


class Sync:
    """Whether everything was heard for a whole window. switches: all that must be; silence: seconds after which one is missing;
    window: seconds for which nothing may be missing."""

    def __init__(self, switches: tuple[str, ...], silence: float, window: float) -> None:
        self.switches = frozenset(switches)
        self._silence, self._window = silence, window
        self._heard: dict[str, _Heard] = {}
        self._lost = NEVER
        self._began = NEVER

    def begin(self, now: float) -> None:
        """The node works since now; calls after the first change nothing."""
        if self._began == NEVER:
            self._began = now

    def heard(self, switch: str, now: float, proven: float) -> None:
        """A switch of ours was heard. proven: the moment (monotonic) since when a shared store proves that nothing was missed
        before we first heard this switch; `now` where nothing does. It fills no gap that we saw ourselves."""
        known = self._heard.get(switch)
        if known is None:
            self._heard[switch] = _Heard(min(proven, now), now)
        else:
            if now - known.last > self._silence:
                known.since, known.resumed = now, True
            known.last = now

    def lost(self, now: float) -> None:
        """Something that a question could be about was not kept, or cannot be found any more."""
        self._lost = max(self._lost, now)

    def why(self, now: float) -> str:
        """'' if nothing was missed for a window, else starting or not-in-sync."""
        if not self.switches or now - self._lost < self._window:
            return "not-in-sync"
        if len(self._heard) < len(self.switches):
            return "not-in-sync" if self._began != NEVER and now - self._began > self._silence else "starting"
        if any(now - known.last > self._silence for known in self._heard.values()):
            return "not-in-sync"
        young = [known for known in self._heard.values() if now - known.since < self._window]
        return "" if not young else "not-in-sync" if any(known.resumed for known in young) else "starting"

    def whole_since(self, now: float) -> float | None:
        """Since when (monotonic) nothing was missed, as far as this node can tell; None while a switch is missing."""
        if not self.switches or len(self._heard) < len(self.switches):
            return None
        if any(now - known.last > self._silence for known in self._heard.values()):
            return None
        return max(self._lost, max(known.since for known in self._heard.values()))

    def silent(self, now: float) -> int:
        """How many switches are missing."""
        there = sum(now - known.last <= self._silence for known in self._heard.values())
        return len(self.switches) - there
