"""Removing old segments. Only closed ones are ever removed, oldest first."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tosqauyl.journal.naming import SegmentFile, segment_files

_EVERY_SECONDS = 60.0
_STEADY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: seconds of age, bytes of all closed segments together; 0 = no limit."""

    seconds: float = 0.0
    bytes: int = 0


class Retention:
    """Decides about once a minute which segments go.

    Age is only acted on when the clock has run evenly for ten minutes, also after a start: a clock that jumps years
    ahead for a moment must not empty the journal. Size is acted on at once.
    """

    def __init__(self, folder: Path, limits: Limits, now: float) -> None:
        self._folder, self._limits = folder, limits
        self._last = self._steady_since = now
        self.removed = 0

    def due(self, now: float) -> Limits | None:
        """The limits to apply now; None if it is not time to look again. A jump of the clock starts the ten minutes
        anew, and until they are over age is no limit."""
        passed = now - self._last
        if 0 <= passed < _EVERY_SECONDS:
            return None
        if not 0 <= passed < 2 * _EVERY_SECONDS:
            self._steady_since = now
        self._last = now
        steady = now - self._steady_since >= _STEADY_SECONDS
        return self._limits if steady else Limits(0.0, self._limits.bytes)

    def apply(self, limits: Limits, now: float) -> int:
        """Remove what is over the limits; how many were removed. Raises OSError where the folder refuses."""
        gone = doomed(segment_files(self._folder), limits, now)
        for segment in gone:
            segment.path.unlink(missing_ok=True)
        self.removed += len(gone)
        return len(gone)


def doomed(segments: list[SegmentFile], limits: Limits, now: float) -> list[SegmentFile]:
    """Which of the segments, given in order, are over the limits.

    The rows of a segment are older than the opening of the next one; so a segment is too old when the next was opened
    before the limit. The open segment and the last one are never among them.
    """
    candidates = [segment for segment in segments[:-1] if not segment.is_open]
    opened_next = {earlier.sequence: later.opened for earlier, later in pairwise(segments)}
    sizes = {segment.sequence: _size(segment.path) for segment in candidates} if limits.bytes else {}
    excess = sum(sizes.values()) - limits.bytes
    gone = []
    for segment in candidates:
        too_old = limits.seconds > 0 and opened_next[segment.sequence] < now - limits.seconds
        if too_old or (limits.bytes and excess > 0):
            gone.append(segment)
            excess -= sizes.get(segment.sequence, 0)
    return gone


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
