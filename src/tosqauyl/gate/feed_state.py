"""What the gate keeps of one operator's feed between requests, and what a request comes to."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tosqauyl.gate.feed_log import Event, EventLog, Position, StoredFeed
from tosqauyl.state.operator_planes import Comparison
from tosqauyl.state.swing import FLOOR, HOME_FLOOR, Change, SwingWindow

HOUR = 3600.0
CONFIRM_SECONDS = HOUR
"""How long a held request can be confirmed."""
MOST_HELD = 8
"""Held requests of an operator that can be confirmed at one time; the oldest gives way."""
MOST_UNSAVED = 100_000
"""Numbers whose events could not be written that are remembered for the next bulk or compaction."""
GRACE_SECONDS = HOUR
"""A bulk that does not say when it was made is taken to be this old: who left since then stays abroad."""


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """swing_percent of an operator's states within swing_minutes is held; a feed silent for stale_hours is stale."""

    swing_percent: int = 20
    swing_minutes: int = 10
    stale_hours: int = 24


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """What goes with a bulk. complete: who is not on the list is at home; as_of: when the list was made (seconds since
    1970), 0 where not known; count: how many numbers it should have, -1 where not known; confirm: the digest of a held
    one."""

    complete: bool = False
    as_of: float = 0.0
    count: int = -1
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What became of a request.

    accepted: events (or numbers of a bulk) that count now; refused: (index of the event or line of the bulk, why), the
    first ones of refused_count; why: why nothing of the request was applied, '' where something was; held: that why is
    a swing which can be confirmed with digest; swing_percent: of this request together with the window before it;
    changed: numbers with another state than before; sequence: of the operator's last event; promise: what not being on
    the operator's list means ('none' nothing, 'waiting' for a second list or for confirmation with digest, 'kept':
    being at home); durable: it would survive a restart.
    """

    accepted: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    refused_count: int = 0
    why: str = ""
    held: bool = False
    digest: str = ""
    swing_percent: float = 0.0
    changed: int = 0
    sequence: int = 0
    promise: str = "none"
    durable: bool = True


class Feed:
    """One operator's feed. log: None where it could not be opened."""

    def __init__(self, stored: StoredFeed, window_seconds: float) -> None:
        header = stored.header
        self.operator, self.folder = stored.operator, stored.folder
        self.log: EventLog | None = None
        self.generation, self.sequence = header.generation, stored.position.sequence
        self.heard, self.newest, self.heard_logged = stored.heard, stored.newest, stored.heard
        self.bulk_at, self.as_of, self.since = header.bulk_at, header.as_of, header.since
        self.promise, self.abroad = header.promise, header.abroad
        self.window = SwingWindow(window_seconds)
        self.stale = False
        self.wants_compaction = False
        self.during: dict[str, Event] | None = None
        self.unsaved: dict[str, Event] = {}
        self.alarmed = float("-inf")
        self._held: dict[str, float] = {}

    @property
    def position(self) -> Position:
        """After the last event that was applied."""
        return Position(self.generation, self.sequence)

    def hold(self, digest: str, now: float) -> None:
        """Remember that this content may be confirmed."""
        self._held.pop(digest, None)
        while len(self._held) >= MOST_HELD:
            del self._held[next(iter(self._held))]
        self._held[digest] = now + CONFIRM_SECONDS

    def confirm(self, confirm: str, digest: str, now: float) -> bool:
        """Whether a request says the digest of its own content, and that is held; it works once."""
        until = self._held.get(digest, float("-inf")) if confirm == digest else float("-inf")
        if until >= now:
            del self._held[digest]
            return True
        return False

    def holds(self, now: float) -> bool:
        """Whether a held request could be confirmed now."""
        return any(until >= now for until in self._held.values())

    def state(self, now: float, wall: float) -> dict[str, object]:
        """What metrics tell of it."""
        return {
            "age_seconds": round(max(0.0, wall - self.heard), 1) if self.heard else -1,
            "bulk_age_seconds": round(max(0.0, wall - self.bulk_at), 1) if self.bulk_at else -1,
            "swing_percent": round(self.window.percent(self.abroad, now), 2),
            "abroad": self.abroad,
            "promise": self.promise,
            "stale": self.stale,
            "sequence": self.sequence,
            "generation": self.generation,
            "log_bytes": self.log.size if self.log else 0,
            "unsaved": len(self.unsaved),
        }

    def append(self, events: Iterable[Event]) -> None:
        """Write events to the log. OSError where that fails."""
        if self.log is None:
            raise OSError(5, "the log is not open")
        self.log.append("".join(event.line() for event in events).encode())

    def remember(self, events: Iterable[Event], saved: bool) -> None:
        """Keep events that a bulk on its way must not overwrite, and those that are not on disk."""
        for event in events:
            if self.during is not None:
                self.during.pop(event.number, None)  # so that they stay in the order of their sequence
                self.during[event.number] = event
            if not saved and (len(self.unsaved) < MOST_UNSAVED or event.number in self.unsaved):
                self.unsaved[event.number] = event

    def sync(self, submit: Callable[[Callable[[], object]], None]) -> None:
        """Have what was written brought to the disk in the background."""
        log = self.log
        if log is None or not log.dirty or log.descriptor < 0:
            return
        try:
            copy = os.dup(log.descriptor)
        except OSError:
            return  # no descriptor left: it stays dirty and is tried again
        log.dirty = False

        def job() -> None:
            try:
                log.system.fsync(copy)
            except OSError:
                log.dirty = True
                raise
            finally:
                os.close(copy)

        submit(job)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a bulk is found to be. change: what counts as its swing; held: not to be applied; promise: what not being on
    it would mean."""

    change: Change
    percent: float
    held: bool
    promise: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides whether a bulk may be applied, and whether its promise to be complete is believed."""

    options: FeedOptions
    order: BulkOrder
    confirmed: bool = False

    def judge(self, feed: Feed, found: Comparison, now: float, wall: float) -> Judgement:
        """now: monotonic seconds; wall: seconds since 1970."""
        abroad = found.listed - found.came + found.left
        change = found.change(self.order.complete)
        if not feed.bulk_at:  # a first list has nobody to be compared with: it may bring any number
            change = Change(found.left, change.to_home)
        percent = feed.window.percent(abroad, now, change)
        empty = self.order.complete and found.listed == 0
        held = not self.confirmed and (percent > self.options.swing_percent or empty)
        return Judgement(change, percent, held, self._promise(feed, found, abroad, wall))

    def _promise(self, feed: Feed, found: Comparison, abroad: int, wall: float) -> str:
        """A promise is believed once: when a person confirms it, or when it agrees with what was known before."""
        if not self.order.complete:
            return "none"
        apart = wall - feed.bulk_at >= self.options.swing_minutes * 60.0
        compared = apart if feed.bulk_at else abroad >= FLOOR  # the first one: with what a roaming file said
        if self.confirmed or feed.promise == "kept" or (compared and found.listed >= HOME_FLOOR):
            return "kept"
        return "waiting"
