"""Roaming feeds of the operators: who of their subscribers is abroad, as events and as whole lists. docs/feeds.md.

The operator is that of the authenticated client, and it speaks for its own numbers only, ported ones included. Whatever
cannot be believed changes nothing; where a mistake must be made, it is to let calls pass. Numbers are in no counter, no
alarm and no answer.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.feed_bulk import FUTURE_SECONDS, MOST_REFUSED, Bulk
from tosqauyl.gate.feed_events import Said, Sorting, Taken, change_of, digest_of
from tosqauyl.gate.feed_freshness import note_events, note_feed
from tosqauyl.gate.feed_generation import Desk, compact
from tosqauyl.gate.feed_log import (
    HEARD,
    NOWHERE,
    OPERATOR,
    Event,
    Header,
    Position,
    StoredFeed,
    clean,
    events_path,
    open_log,
    read_feeds,
)
from tosqauyl.gate.feed_replay import HOUR, Reached, apply_feed, drive, forget, run
from tosqauyl.gate.feed_state import BulkOrder, Feed, FeedOptions, FeedResult
from tosqauyl.journal.append import System, private_folder
from tosqauyl.journal.sync import Syncer
from tosqauyl.numbers.plan import Plan
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.freshness import Freshness
from tosqauyl.state.operator_planes import count_abroad
from tosqauyl.state.subscribers import Subscribers

__all__ = ["BulkOrder", "FeedOptions", "FeedResult", "Feeds", "drive"]

MOST_EVENTS = 1_000
"""Events of one request: 4 ms of work. More go into more requests, or into a bulk."""
COMPACT_BYTES = 16 << 20
"""A log of this size is compacted; some 400,000 events."""
MOST_LOG_BYTES = 64 << 20
"""A log that cannot be compacted ends here: what comes is applied, and counted as not written."""
HEARD_SECONDS = 60.0
"""At most so often a line says that an operator was heard from and had nothing to say."""
BULK_SECONDS = 900.0
"""A list that takes longer to come gives way to the next one."""
RETRY_SECONDS = 60.0
"""Between two attempts to write a generation."""
STEPS_A_TICK = 8
_SYSTEM, _NO_ORDER = System(), BulkOrder()


class Feeds:
    """All operators' feeds of one gate. Not thread-safe: called from the gate's loop.

    known: the snapshot that calls are judged by now. folder: of the feeds' files, made if it is not there (0700).
    alarm: gets a line at most once a second for each operator. freshness: told of all that comes; None where nobody asks.
    Raises TosqauylError where the folder cannot be used.
    """

    def __init__(
        self,
        known: Callable[[], Snapshot],
        folder: Path,
        options: FeedOptions,
        alarm: Callable[[str], None],
        fsync_seconds: float = 1.0,
        system: System = _SYSTEM,
    ) -> None:
        self.folder, self.options = folder, options
        self.freshness: Freshness | None = None
        self.counters: defaultdict[str, int] = defaultdict(int)
        self._say, self._now, self._wall = alarm, 0.0, 0.0
        private_folder(folder)
        self._syncer = Syncer(fsync_seconds, system.fsync)
        self._desk = Desk(known, options, system, self._syncer.submit, self.counters, self._alarm)
        self._fsync_seconds, self._synced = fsync_seconds, 0.0
        self._jobs: deque[Iterator[object]] = deque()
        self._bulk: Bulk | None = None
        self._compacting = ""
        self._retry: dict[str, float] = {}
        self._feeds: dict[str, Feed] = {}
        try:
            for stored in read_feeds(folder).values():
                self._open(stored)
        except OSError as error:
            raise TosqauylError(f"the feeds cannot be read: {error.strerror}", str(folder)) from error

    def events(self, operator: str, events: Sequence[Said], now: float, wall: float, confirm: str = "") -> FeedResult:
        """Apply what an operator says of single subscribers; no events at all say that it is there and nothing moved.

        now: monotonic seconds; wall: seconds since 1970. confirm: the digest of a held request, sent again. Never raises.
        """
        self._now, self._wall = now, wall
        feed = self._feed(operator)
        if feed is None or len(events) > MOST_EVENTS:
            return self._refuse("too-many" if feed else "operator")
        sorting = Sorting(operator, self._desk.known().plan, feed.newest, wall, self.freshness)
        sorting.sort(events)
        taken, refused = sorting.taken, sorting.refused
        change, arrived = change_of(self._desk.live(), taken)
        digest = digest_of(events)
        percent = feed.window.percent(feed.abroad, now, change)
        held = change.changed and percent > self.options.swing_percent
        if held and not feed.confirm(confirm, digest, now):
            feed.hold(digest, now)
            self.counters["held_events"] += 1
            self._alarm(feed, f"events with a swing of {percent:.0f}% are held; digest {digest}")
            return FeedResult(
                why="swing", held=True, digest=digest, swing_percent=percent, sequence=feed.sequence,
                promise=feed.promise, refused=tuple(refused[:MOST_REFUSED]), refused_count=len(refused),
            )  # fmt: skip
        durable = self._apply(feed, taken, wall) if taken or events else self._hear(feed, wall)
        feed.newest = sorting.newest
        if percent <= self.options.swing_percent:
            feed.window.add(change, feed.abroad, now)
        feed.abroad = max(0, feed.abroad + arrived)
        self.counters["events"] += len(events) - len(refused)
        for _, why in refused:
            self.counters[f"event_refused_{why}"] += 1
        return FeedResult(
            accepted=len(events) - len(refused), refused=tuple(refused[:MOST_REFUSED]), refused_count=len(refused),
            swing_percent=percent, changed=change.changed, sequence=feed.sequence, promise=feed.promise, durable=durable,
        )  # fmt: skip

    def begin_bulk(self, operator: str, order: BulkOrder, now: float, wall: float) -> Bulk | FeedResult:
        """Begin to take a list; a FeedResult says why not. One list at a time for the whole gate: 'busy' means later."""
        self._now, self._wall = now, wall
        feed = self._feed(operator)
        if feed is None:
            return self._refuse("operator")
        bulk = self._bulk
        if bulk is not None and not bulk.ended and (bulk.finishing or now - bulk.began < BULK_SECONDS):
            return self._refuse("busy")
        if bulk is not None:
            bulk.close()
        if self._compacting == operator:
            return self._refuse("busy")
        self._bulk = Bulk(self._desk, feed, order, (now, wall))
        return self._bulk

    def bulk(
        self, operator: str, numbers_abroad: Iterable[bytes], now: float, wall: float, order: BulkOrder = _NO_ORDER
    ) -> FeedResult:
        """Take a whole list at once. For tests and scripts: it works for seconds without a pause. Never raises."""
        begun = self.begin_bulk(operator, order, now, wall)
        if isinstance(begun, FeedResult):
            return begun
        for chunk in numbers_abroad:
            for _ in begun.take(chunk):
                pass
        return run(begun.finish(now, wall), self._syncer.settle)

    async def receive_bulk(
        self, operator: str, chunks: AsyncIterator[bytes], order: BulkOrder, clock: Callable[[], tuple[float, float]]
    ) -> FeedResult:
        """Take a list while calls go on. chunks: as they come from the network; clock: (monotonic, wall) seconds.

        Whatever `chunks` raises goes on to the caller, and nothing of the list is applied.
        """
        begun = self.begin_bulk(operator, order, *clock())
        if isinstance(begun, FeedResult):
            return begun
        try:
            async for chunk in chunks:
                for pause in begun.take(chunk):
                    await asyncio.sleep(pause)
                if begun.why:
                    break
            return await drive(begun.finish(*clock()))
        finally:
            begun.close()

    def prepare(
        self, subscribers: Subscribers, positions: Reached, plan: Plan | None = None
    ) -> Generator[None, None, None]:
        """Bring the subscribers of a snapshot that is not in use yet up to what the feeds say, a little at each step.

        positions: how far its builder had read; changed to how far it is now, so that `replay` afterwards finds next to
        nothing left to do. plan: the new snapshot's, if it is not in use yet either.
        """
        for feed in list(self._feeds.values()):
            yield from self._catch_up(feed, subscribers, positions, plan)

    def replay(self, subscribers: Subscribers, positions: Reached, plan: Plan | None = None) -> None:
        """Apply what came after a snapshot's builder had read the feeds; positions and plan as for `prepare`.

        Never raises: what fails is counted and alarmed. 0.1 s for an operator of which a new list came since, which
        `prepare` takes off the loop.
        """
        run(self.prepare(subscribers, positions, plan))
        self._jobs.extend(self._recount(feed) for feed in self._feeds.values())

    def start(self, subscribers: Subscribers, positions: Reached, now: float, wall: float) -> None:
        """Before the first call: `replay`, and whatever silence while the gate was down asks for. Never raises."""
        self.replay(subscribers, positions)
        for feed in self._feeds.values():
            self._watch(feed, now, wall)
        while self._jobs:
            if self._step():
                self._syncer.settle()

    def positions(self) -> Reached:
        """How far every feed was applied to the subscribers that are in use."""
        return {operator: feed.position for operator, feed in self._feeds.items()}

    def tick(self, now: float, wall: float) -> None:
        """Ten times a second: fsync, silence, compaction, and a few steps of what takes long. Never raises."""
        self._now, self._wall = now, wall
        for feed in self._feeds.values():
            self._watch(feed, now, wall)
        if now - self._synced >= self._fsync_seconds:
            self._synced = now
            for feed in self._feeds.values():
                feed.sync(self._syncer.submit)
        for _ in range(STEPS_A_TICK):
            self._step()

    def stale(self, operator: str, wall: float) -> bool:
        """Whether an operator's feed is silent for so long that nobody of its subscribers is taken to be at home."""
        feed = self._feeds.get(operator)
        return feed is not None and wall - feed.heard > self.options.stale_hours * HOUR

    def state(self) -> dict[str, Any]:
        """For metrics and /v1/status, as of the last tick or request. troubles: slugs of what somebody should mend now;
        by operator: seconds since it was heard from and since its last list (-1: never), swing, promise, log."""
        feeds = self._feeds.values()
        troubles = {
            "feed-stale": any(feed.stale for feed in feeds),
            "feed-held": any(feed.holds(self._now) for feed in feeds),
            "feed-not-written": any(feed.unsaved or feed.log is None for feed in feeds) or self._syncer.failures > 0,
        }
        return {
            "operators": {feed.operator: feed.state(self._now, self._wall) for feed in feeds},
            "counters": dict(self.counters),
            "failed_syncs": self._syncer.failures,
            "troubles": [slug for slug, there in troubles.items() if there],
        }

    def settle(self) -> None:
        """Wait until the background is done."""
        self._syncer.settle()

    def close(self) -> None:
        """A last fsync, and let go of the files."""
        for feed in self._feeds.values():
            feed.sync(self._syncer.submit)
        self._syncer.stop()
        for feed in self._feeds.values():
            if feed.log:
                feed.log.close()

    def _feed(self, operator: str) -> Feed | None:
        """An operator's feed, begun with its first request; None for who is no operator of mobile numbers."""
        feed = self._feeds.get(operator)
        if feed is None and OPERATOR.fullmatch(operator) and operator in self._desk.known().plan.codes_of_operator:
            feed = self._open(StoredFeed(operator, self.folder, Header(operator), Position(0, 0), 0.0, 0.0))
        return feed

    def _open(self, stored: StoredFeed) -> Feed:
        feed = self._feeds[stored.operator] = Feed(stored, self.options.swing_minutes * 60.0)
        if stored.damaged:
            self.counters["damaged_lines"] += stored.damaged
            self._alarm(feed, f"{stored.damaged} lines of its log are damaged and do not count")
        if stored.unusable:
            self.counters["unusable_bulks"] += 1
            feed.wants_compaction = True
            self._alarm(feed, f"{stored.unusable}; nobody is taken for at home by it")
        try:
            clean(self.folder, feed.operator, feed.generation)
            feed.log = open_log(events_path(self.folder, feed.operator, feed.generation), self._desk.system)
        except OSError as error:
            self._failed(feed, "its log cannot be opened", error)
        run(self._recount(feed))
        return feed

    def _recount(self, feed: Feed) -> Generator[None, None, None]:
        subscribers, abroad = self._desk.live(), 0
        codes = self._desk.known().plan.codes_of_operator.get(feed.operator, ())
        for part in count_abroad(subscribers.plane(code) for code in codes):
            abroad += part
            yield
        feed.abroad = abroad

    def _apply(self, feed: Feed, taken: Taken, wall: float) -> bool:
        """Write, then apply; what cannot be written is applied all the same: the fresher state is the better one."""
        if not taken:
            return True
        said = enumerate(taken.items(), feed.sequence + 1)
        events = [Event(sequence, wall, number, state, at) for sequence, (number, (state, at)) in said]
        saved = self._write(feed, events)
        feed.sequence += len(events)
        update = self._desk.live().update
        for event in events:
            update(event.number, event.state)
        feed.remember(events, saved)
        feed.heard = max(feed.heard, wall)
        note_events(self.freshness, feed, events)
        return saved

    def _hear(self, feed: Feed, wall: float) -> bool:
        """The operator has nothing to say, and says so."""
        feed.heard = max(feed.heard, wall)
        if wall - feed.heard_logged < HEARD_SECONDS:
            return True
        feed.sequence += 1
        feed.heard_logged = wall
        return self._write(feed, [Event(feed.sequence, wall, "-", HEARD)])

    def _write(self, feed: Feed, events: list[Event]) -> bool:
        try:
            if feed.log and feed.log.size > MOST_LOG_BYTES:
                raise OSError(27, "the log is full and cannot be compacted")
            feed.append(events)
        except OSError as error:
            self._failed(feed, "events cannot be written; they are applied", error)
            return False
        return True

    def _catch_up(
        self, feed: Feed, subscribers: Subscribers, positions: Reached, plan: Plan | None
    ) -> Generator[None, None, None]:
        after, reached = Position(*positions.get(feed.operator, NOWHERE)), feed.position
        header = Header(feed.operator, feed.generation)
        stored = StoredFeed(feed.operator, self.folder, header, reached, feed.heard, feed.newest)
        if after != reached:
            try:
                yield from apply_feed(stored, lambda: subscribers, plan or self._desk.known().plan, after)
            except OSError as error:
                self._failed(feed, "it cannot be read after a reload", error)
        if feed.stale:
            yield from forget(feed.operator, lambda: subscribers, plan or self._desk.known().plan)
        for number, event in feed.unsaved.items():
            subscribers.update(number, event.state)
        positions[feed.operator] = reached

    def _watch(self, feed: Feed, now: float, wall: float) -> None:
        """Silence, and what must be written anew."""
        if feed.heard > wall + FUTURE_SECONDS:
            feed.heard = wall  # the clock was ahead; nobody shall be fresh because of that
        note_feed(self.freshness, feed)
        silent = feed.heard > 0.0 and self.stale(feed.operator, wall)
        if silent and not feed.stale:
            self.counters["stale"] += 1
            self._alarm(feed, f"silent for {self.options.stale_hours} h: nobody of it is taken for at home any more")
            self._jobs.append(self._forget(feed))
        feed.stale = silent
        full = feed.log is not None and feed.log.size > COMPACT_BYTES
        wanted = full or feed.wants_compaction or feed.unsaved
        if wanted and not self._compacting and now >= self._retry.get(feed.operator, now):
            self._retry[feed.operator] = now + RETRY_SECONDS
            self._compacting = feed.operator
            self._jobs.append(self._compact(feed, wall))

    def _step(self) -> bool:
        """One step of the oldest job; whether it waits for the background."""
        if self._jobs:
            try:
                return bool(next(self._jobs[0]))
            except StopIteration:
                self._jobs.popleft()
            except (OSError, ValueError, LookupError, TosqauylError):
                self._jobs.popleft()
                self.counters["failed_jobs"] += 1
        return False

    def _forget(self, feed: Feed) -> Generator[None, None, None]:
        yield from forget(feed.operator, self._desk.live, self._desk.known().plan)
        feed.wants_compaction = True

    def _compact(self, feed: Feed, wall: float) -> Iterator[object]:
        try:
            if self._bulk is None or self._bulk.ended or self._bulk.feed is not feed:
                wants, feed.wants_compaction = feed.wants_compaction, False
                why = yield from compact(self._desk, feed, wall)
                feed.wants_compaction = feed.wants_compaction or (wants and bool(why))
                self.counters["compactions"] += not why
        finally:
            self._compacting = ""

    def _refuse(self, why: str) -> FeedResult:
        self.counters[f"request_refused_{why}"] += 1
        return FeedResult(why=why)

    def _failed(self, feed: Feed, what: str, error: OSError) -> None:
        self.counters["write_failed"] += 1
        self._alarm(feed, f"{what} ({error.strerror})")

    def _alarm(self, feed: Feed, text: str) -> None:
        """One line a second at most for each operator; no numbers in it."""
        if self._now - feed.alarmed >= 1.0:
            feed.alarmed = self._now
            self._say(f"ALARM: feed of {feed.operator}: {text}")
