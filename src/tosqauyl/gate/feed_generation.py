"""An operator's standing written to disk and put in place, while calls go on and events come in.

A generation is a bulk and the log of what came after it. It begins with a list (gate/feed_bulk.py), or with what is known
where a log has grown long (`compact`). A step takes 1 ms, seldom 3.
"""

from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass

from tosqauyl.gate.feed_log import (
    HEARD,
    BulkDraft,
    Event,
    EventLog,
    Header,
    events_after,
    events_path,
    open_log,
    retire,
)
from tosqauyl.gate.feed_state import GRACE_SECONDS, Feed, FeedOptions
from tosqauyl.journal.append import System
from tosqauyl.numbers.plan import Plan
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.operator_planes import Holdings, Planes, copied, count_abroad, replace
from tosqauyl.state.subscribers import Subscribers

MOST_DURING = 20_000
"""Numbers that may have events while a list is on its way."""
EVENTS_A_STEP = 500
_WAIT = 0.005


@dataclass(frozen=True, slots=True)
class Desk:
    """What a bulk needs of the gate: what is known now, the background thread, counting and alarming."""

    known: Callable[[], Snapshot]
    options: FeedOptions
    system: System
    submit: Callable[[Callable[[], object]], None]
    counters: defaultdict[str, int]
    alarm: Callable[[Feed, str], None]

    def live(self) -> Subscribers:
        """The subscribers that calls are judged by now."""
        return self.known().subscribers


class NewGeneration:
    """An operator's standing on its way to the disk and into place: of a list, or of what is known (compaction)."""

    def __init__(self, desk: Desk, feed: Feed, masks: Planes, planes: Planes) -> None:
        self._desk, self._feed, self._masks, self._planes = desk, feed, masks, planes

    def count(self) -> Generator[float, None, int]:
        """How many are abroad in it."""
        abroad = 0
        for part in count_abroad(self._planes.values()):
            abroad += part
            yield 0.0
        return abroad

    def store(self, header: Header, carried: list[Event], plan: Plan) -> Generator[float, None, str]:
        """Write it and let it be the operator's generation; '' or why not. The old one stays where this fails."""
        feed, system = self._feed, self._desk.system
        feed.sequence = header.sequence
        draft: BulkDraft | None = None
        log: EventLog | None = None
        try:
            draft = BulkDraft(feed.folder, header, system)
            for _ in draft.write(self._planes):
                yield 0.0
            path = events_path(feed.folder, feed.operator, header.generation)
            path.unlink(missing_ok=True)
            log = open_log(path, system)
            for at in range(0, len(carried), EVENTS_A_STEP):
                log.append(_lines(carried[at : at + EVENTS_A_STEP]))
                yield 0.0
            yield from self._synced(draft, log)
            late = yield from self._late(log)
            why = self._unfit(plan)
            if not why:
                self._commit(draft, log, header, late)
                log = None
            return why
        except OSError as error:
            self._desk.counters["write_failed"] += 1
            self._desk.alarm(feed, f"a new generation cannot be written ({error.strerror}); the old state stays")
            return "not-stored"
        finally:
            if log:
                log.close()
                log.path.unlink(missing_ok=True)
            if draft:
                draft.discard()

    def put_in_place(self) -> Generator[float, None, None]:
        """Let calls be judged by it. Events that came meanwhile are put on top of each piece, so that they always hold."""
        live, feed = self._desk.live, self._feed
        for code in replace(live, self._masks, self._planes):
            for number, event in (feed.during or {}).items():
                if number[2:5] == code:
                    live().update(number, event.state)
            yield 0.0

    def _unfit(self, plan: Plan) -> str:
        if self._desk.known().plan.hash != plan.hash:
            return "reloaded"  # numbers may belong to others now
        return "busy" if self._feed.during is None or len(self._feed.during) > MOST_DURING else ""

    def _synced(self, draft: BulkDraft, log: EventLog) -> Generator[float, None, None]:
        """Wait for the disk, in the background. OSError where it says no."""
        outcome: list[OSError | None] = []

        def job() -> None:
            try:
                draft.sync()
                self._desk.system.fsync(log.descriptor)
            except OSError as error:
                outcome.append(error)
            else:
                outcome.append(None)

        self._desk.submit(job)
        while not outcome:
            yield _WAIT
        if outcome[0]:
            raise outcome[0]

    def _late(self, log: EventLog) -> Generator[float, None, list[Event]]:
        """Write the events that came meanwhile, but for the last few: they are for the moment of change itself."""
        written = 0
        while True:
            late = [event for event in (self._feed.during or {}).values() if event.sequence > written]
            if len(late) <= EVENTS_A_STEP:
                return late
            log.append(_lines(late[:EVENTS_A_STEP]))
            written = late[EVENTS_A_STEP - 1].sequence
            yield 0.0

    def _commit(self, draft: BulkDraft, log: EventLog, header: Header, late: list[Event]) -> None:
        """No step: the bulk takes its place on disk, and with it the log that goes on. OSError before anything changed."""
        feed = self._feed
        if late:
            log.append(_lines(late))
        draft.put_in_place()
        ended = events_path(feed.folder, feed.operator, feed.generation)
        old, feed.log = feed.log, log
        feed.generation, feed.promise, feed.abroad = header.generation, header.promise, header.abroad
        feed.bulk_at, feed.as_of, feed.since = header.bulk_at, header.as_of, header.since
        feed.heard = max(feed.heard, header.heard)
        feed.unsaved.clear()
        feed.stale = False
        if old:
            old.close()
        self._desk.submit(lambda: retire(ended))  # this one only: by then the next generation may be on its way


def compact(desk: Desk, feed: Feed, wall: float) -> Generator[float, None, str]:
    """Write what is known of an operator's numbers as a new generation, so that its log begins anew; '' or why not.

    The last hour of events stays in the log, for the next list to be told what it does not know yet.
    """
    plan = desk.known().plan
    feed.during = {}
    try:
        holdings = Holdings(feed.operator, plan)
        for _ in holdings.collect():
            yield 0.0
        planes: Planes = {}
        for _ in copied(desk.live, holdings.masks, planes):
            yield 0.0
        generation = NewGeneration(desk, feed, holdings.masks, planes)
        abroad = yield from generation.count()
        since = max(feed.since, wall - GRACE_SECONDS)
        header = Header(
            feed.operator, feed.generation + 1, feed.sequence, feed.heard, feed.bulk_at, feed.as_of, since,
            feed.newest, feed.promise, abroad, tuple(holdings.masks),
        )  # fmt: skip
        recent = yield from recent_events(desk, feed, since)
        return (yield from generation.store(header, recent, plan))
    finally:
        feed.during = None


def recent_events(desk: Desk, feed: Feed, since: float) -> Generator[float, None, list[Event]]:
    """Every number's last event since a time, on disk or not, in order."""
    kept: dict[str, Event] = {}
    try:
        for count, event in enumerate(events_after(events_path(feed.folder, feed.operator, feed.generation), 0), 1):
            kept.pop(event.number, None)
            if event.wall >= since and event.state != HEARD:
                kept[event.number] = event
            if count % EVENTS_A_STEP == 0:
                yield 0.0
    except OSError as error:
        desk.alarm(feed, f"its log cannot be read ({error.strerror}); newer events may be lost")
    kept.update((number, event) for number, event in feed.unsaved.items() if event.wall >= since)
    return list(kept.values())


def _lines(events: list[Event]) -> bytes:
    return "".join(event.line() for event in events).encode()
