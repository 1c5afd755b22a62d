"""A list of everybody of an operator who is abroad, taken while calls go on: a step takes 1 ms, seldom 3.

It is read into planes of its own; those are compared with what is known; if the list may be applied it is written to
disk as a new generation, and then put in place piece by piece. Until that moment nothing of it is seen by any call.
Events that come meanwhile are newer than the list and stay.
"""

import hashlib
from collections.abc import Generator, Iterator

from tosqauyl.gate.feed_generation import EVENTS_A_STEP, Desk, NewGeneration, recent_events
from tosqauyl.gate.feed_log import Event, Header
from tosqauyl.gate.feed_state import GRACE_SECONDS, BulkOrder, Feed, FeedResult, Judge, Judgement
from tosqauyl.numbers.plan import Plan
from tosqauyl.state.operator_planes import Comparison, Holdings, Planes, compare, fill_home, put
from tosqauyl.state.subscribers import PLANE, _Loading

STEP_BYTES = 16 << 10
"""Bytes of a list read at once: 1,260 numbers, 0.3 ms compiled."""
MOST_BULK_BYTES = 512 << 20
"""Bytes of one list: 39 million numbers, more than the country has subscribers."""
LONGEST_LINE = 1 << 10
FOREIGN_PERCENT = 1.0
"""Numbers of other operators on a list, as a share, that are passed over. Portability changes every night, and two
tables are never of the same minute; more than this is another operator's list or an old table."""
FOREIGN_ALWAYS = 10
"""So many are passed over however short the list is."""
MOST_REFUSED = 100
"""Refused events or lines that a result names."""
FUTURE_SECONDS = 300.0
"""How far an operator's clock may be ahead."""

Steps = Generator[float, None, FeedResult]
"""Each step gives the seconds to wait before the next one; what it returns at the end is the result."""


class Bulk:
    """One list on its way in. `take` its bytes, then `finish`; `close` in any case. why: why it is lost already, '' while
    it is not; finishing: all of it came; ended: it is in place or given up."""

    def __init__(self, desk: Desk, feed: Feed, order: BulkOrder, began: tuple[float, float]) -> None:
        self.feed, self.began = feed, began[0]
        self.why, self.ended, self.finishing = "", False, False
        self._desk, self._order, self._wall = desk, order, began[1]
        self._plan: Plan = desk.known().plan
        self._planes: Planes = {}
        self._loading = _Loading({}, "")
        self._digest = hashlib.sha256(f"bulk {order.complete}\n".encode())
        self._rest = b""
        self._bytes = 0
        self._since = order.as_of or self._wall - GRACE_SECONDS
        feed.during = {}

    def take(self, chunk: bytes) -> Iterator[float]:
        """Read a piece of the list, a little at each step. The pieces may be cut anywhere."""
        self._bytes += len(chunk)
        if self._bytes > MOST_BULK_BYTES:
            self.why = "too-large"
        yield from self._allocate()
        for at in range(0, len(chunk), STEP_BYTES):
            if self.why:
                return
            part = chunk[at : at + STEP_BYTES]
            self._digest.update(part)
            block, newline, self._rest = (self._rest + part).rpartition(b"\n")
            self._loading.take(block + newline)
            if len(self._rest) > LONGEST_LINE:
                self.why = "unreadable"
            yield 0.0

    def finish(self, now: float, wall: float) -> Steps:
        """Judge the list and put it in place. now: monotonic seconds; wall: seconds since 1970."""
        self.finishing = True
        try:
            result = yield from self._finish(now, wall)
        finally:
            self.close()
        return result

    def close(self, why: str = "abandoned") -> None:
        """Give up what was taken so far; does nothing after the end."""
        if self.ended:
            return
        self.ended = True
        self.feed.during = None
        self._planes.clear()
        self.why = self.why or why

    def _allocate(self) -> Iterator[float]:
        """Memory for every mobile code, the first time: 1 ms a code. Numbers of all operators are read at one speed."""
        if self._planes or self.why:
            return
        planes = {}
        for code in self._plan.mobile_codes:
            planes[code] = bytearray(PLANE)
            yield 0.0
        self._planes = planes
        self._loading = _Loading({f"+7{code}": memoryview(plane) for code, plane in planes.items()}, "")

    def _finish(self, now: float, wall: float) -> Steps:
        yield from self._allocate()
        self.why = self.why or self._read_rest() or self._untimely(wall)
        if self.why:
            return self._refused(self.why)
        holdings = Holdings(self.feed.operator, self._plan)
        for _ in holdings.collect():
            yield 0.0
        found = Comparison()
        for part in compare(self._desk.live, holdings.masks, self._planes):
            found = found.plus(part)
            yield 0.0
        self.why = self._foreign(found)
        if self.why:
            return self._refused(self.why, self._loading.other + found.foreign)
        digest = self._digest.hexdigest()
        confirmed = self.feed.confirm(self._order.confirm, digest, now)
        judgement = Judge(self._desk.options, self._order, confirmed).judge(self.feed, found, now, wall)
        if judgement.held:
            return self._hold(judgement, digest, now)
        result = yield from self._apply(holdings.masks, found, judgement, wall)
        if not result.why and not confirmed:
            self.feed.window.add(judgement.change, found.listed - found.came + found.left, now)
        if result.promise == "waiting":
            self.feed.hold(digest, now)
        return result

    def _apply(self, masks: Planes, found: Comparison, judgement: Judgement, wall: float) -> Steps:
        """Write the new generation, then put it in place."""
        feed, counters = self.feed, self._desk.counters
        planes = {code: self._planes[code] for code in masks}
        while self._planes:
            self._planes.popitem()  # those of others' codes: giving back 47 MB at once takes 5 ms
            yield 0.0
        if judgement.promise == "kept":
            for _ in fill_home(masks, planes):
                yield 0.0
        carried = yield from self._carried()
        for count, event in enumerate(carried, 1):
            put(planes, event.number, event.state)
            if count % EVENTS_A_STEP == 0:
                yield 0.0
        generation = NewGeneration(self._desk, feed, masks, planes)
        abroad = yield from generation.count()
        header = Header(
            feed.operator, feed.generation + 1, feed.sequence + 1, wall, wall, self._order.as_of, self._since,
            feed.newest, judgement.promise, abroad, tuple(masks),
        )  # fmt: skip
        self.why = yield from generation.store(header, carried, self._plan)
        if self.why:
            return self._refused(self.why)
        yield from generation.put_in_place()
        counters["bulks"] += 1
        counters["bulk_numbers"] += found.listed
        refused = self._loading.other + found.foreign
        return FeedResult(
            accepted=found.listed, refused_count=refused, swing_percent=judgement.percent, changed=found.came + found.left,
            sequence=feed.sequence, promise=judgement.promise,
            digest=self._digest.hexdigest() if judgement.promise == "waiting" else "",
        )  # fmt: skip

    def _read_rest(self) -> str:
        """The last line, and what can be said of the list without comparing it."""
        if self._rest:
            self._loading.take(self._rest)
        if self._loading.unreadable:
            return "unreadable"
        if self._order.count >= 0 and self._order.count != self._loading.numbers + self._loading.other:
            return "count"
        return ""

    def _untimely(self, wall: float) -> str:
        """A list that was made before the last one, so long ago that it is stale, or in the future."""
        as_of = self._order.as_of
        if not as_of:
            return ""
        if as_of > wall + FUTURE_SECONDS:
            return "future"
        is_old = as_of < max(self.feed.as_of, self.feed.since) or as_of < wall - self._desk.options.stale_hours * 3600.0
        return "old" if is_old else ""

    def _foreign(self, found: Comparison) -> str:
        foreign = self._loading.other + found.foreign
        allowed = max(FOREIGN_ALWAYS, (foreign + found.listed) * FOREIGN_PERCENT / 100.0)
        return "foreign" if foreign > allowed else ""

    def _carried(self) -> Generator[float, None, list[Event]]:
        """Events from before this list came that it must not overwrite, the last of each number.

        With the time the list was made: everything that came later; a `home` only if it says itself that it is later.
        Without: of the last hour whatever opens. So a list that was hours on its way closes nobody out who left since.
        """
        as_of = self._order.as_of
        recent = yield from recent_events(self._desk, self.feed, self._since)
        return [event for event in recent if event.state != "home" or event.at > as_of > 0.0]

    def _refused(self, why: str, count: int = 0) -> FeedResult:
        """Nothing of the list is applied. Lines are named, never what stands on them."""
        self._desk.counters[f"bulk_refused_{why}"] += 1
        found = self._loading.loaded(False)
        lines = [(one.line, "unreadable" if one.what.endswith("E.164 number") else "foreign") for one in found.mistakes]
        return FeedResult(
            refused=tuple(lines), refused_count=max(count, found.unreadable + found.other), why=why,
            sequence=self.feed.sequence, promise=self.feed.promise,
        )  # fmt: skip

    def _hold(self, judgement: Judgement, digest: str, now: float) -> FeedResult:
        self.feed.hold(digest, now)
        self._desk.counters["held_bulks"] += 1
        self._desk.alarm(self.feed, f"a list with a swing of {judgement.percent:.0f}% is held; digest {digest}")
        return FeedResult(
            why="swing", held=True, digest=digest, swing_percent=judgement.percent, sequence=self.feed.sequence,
            promise=self.feed.promise,
        )  # fmt: skip
