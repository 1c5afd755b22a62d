"""The desk of one operator for one kind of question: what stands between the calls and a network that may be slow, wrong or gone.

Everything here is the same for every way to ask: deadlines, one question for many askers, what was said a moment ago, the
circuit breaker, and a count of what came of it. docs/networks.md tells the whole.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tosqauyl.networks.backend import (
    FAILURES,
    AskFailed,
    Origination,
    OriginationBackend,
    Whereabouts,
    WhereaboutsBackend,
)
from tosqauyl.networks.breaker import CLOSED, Breaker
from tosqauyl.networks.cache import FAILED, Cache, Kept, believed
from tosqauyl.networks.options import UNCACHED, DeskOptions
from tosqauyl.networks.tally import Tally
from tosqauyl.state.provider import ORIGINATION, SAID, WHEREABOUTS, Answer, Question

_EARLY = 0.001
"""Seconds by which a timer of the loop may be early."""
_SLOW_LEAST = 20
"""Questions that must have ended lately before a network can be called slow."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a desk asks. kind: WHEREABOUTS or ORIGINATION; source: what its answers name as home_source ('none' where the fact
    has no such choice); fetch: puts the question, raises AskFailed; close: lets go of connections."""

    kind: str
    source: str
    fetch: Callable[[Question], Awaitable[Whereabouts | Origination]]
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Senses:
    """wall: seconds since 1970. dice: a number from 0 up to 1 at each call."""

    wall: Callable[[], float]
    dice: Callable[[], float]


class _Asked:
    """A question on its way. until: the latest moment up to which somebody waits. is_late: that moment passed once, and the
    outcome was counted as a timeout. is_over: nobody wants to hear of it any more."""

    __slots__ = (
        "began",
        "ends",
        "is_late",
        "is_over",
        "key",
        "lingers",
        "question",
        "task",
        "ticket",
        "timer",
        "until",
    )

    def __init__(self, question: Question, key: str, ticket: int, began: float) -> None:
        self.question, self.key, self.ticket, self.began = question, key, ticket, began
        self.until = question.until
        self.is_late = self.is_over = self.lingers = False
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


def _drop(until: float, answer: Answer) -> None:
    """Nobody listens yet."""


class Desk:
    """Asks one network, within the running loop. Times are those of the loop: seconds of time.monotonic.

    deliver: called with the moment from which nobody waits any more, and the answer; never from within `ask`.
    """

    def __init__(self, way: Way, options: DeskOptions, senses: Senses) -> None:
        self.way, self.options, self._senses = way, options, senses
        self.cache = Cache(options.cache)
        self.breaker = Breaker(options.breaker, senses.dice)
        self.tally = Tally(SAID[way.kind])
        self.deliver: Callable[[float, Answer], None] = _drop
        self.in_flight = self.lingering = 0
        self._open: dict[str, _Asked] = {}
        self._outcomes: Final = {"unknown": "unknown", "stale": "stale"} | {
            state: f"answered_{state}" for state in SAID[way.kind]
        }

    def ask(self, question: Question, now: float) -> Answer | None:
        """The answer, if it is known at once: what the network said a moment ago, or that it is not asked now. Else None: the
        answer comes by `deliver`, before `question.until` or never. Never raises."""
        key = question.key
        kept = self.cache.get(key, now)
        if kept is not None and (answer := self._kept(key, kept)) is not None:
            return answer
        counters = self.tally.counters
        asked = self._open.get(key)
        if asked is not None:
            counters["coalesced"] += 1
            asked.until = max(asked.until, question.until)  # its timer finds out by itself
            return None
        if question.until <= now:
            counters["overdue"] += 1
            return None
        if self.in_flight >= self.options.in_flight:
            counters["full"] += 1
            return Answer(key, "unavailable")
        ticket = self.breaker.take(now)
        if not ticket:
            counters["spared"] += 1
            return Answer(key, "unavailable")
        self._put(_Asked(question, key, ticket, now))
        return None

    def _kept(self, key: str, kept: Kept) -> Answer | None:
        """None where it is too old by the wall clock: the monotonic one stands still while a machine is suspended."""
        state, at, _ = kept
        if state == FAILED:
            self.tally.counters["cached_failed"] += 1
            return Answer(key, FAILED)
        if self.way.kind == WHEREABOUTS and believed(state, at, self._senses.wall(), self.options.cache) != state:
            return None
        self.tally.counters["cached"] += 1
        return self._answer(key, state, at)

    def _answer(self, key: str, state: str, at: float) -> Answer:
        if self.way.kind == ORIGINATION:
            return Answer(key, state)
        return Answer(key, state, self.way.source, -1.0 if state == "unknown" else max(self._senses.wall() - at, 0.0))

    def _put(self, asked: _Asked) -> None:
        loop = asyncio.get_running_loop()
        self.tally.counters["asked"] += 1
        self.in_flight += 1
        self._open[asked.key] = asked
        asked.timer = loop.call_at(asked.until, self._due, asked, loop)
        asked.task = loop.create_task(self._run(asked, loop))

    async def _run(self, asked: _Asked, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._found(asked, await self.way.fetch(asked.question), loop.time())
        except AskFailed as failure:
            self._failed(asked, failure, loop.time())
        except asyncio.CancelledError:
            if not asked.is_over:  # not by us: something of the backend's own was cancelled
                self._failed(asked, AskFailed("bug", "CancelledError"), loop.time())
        except Exception as error:  # noqa: BLE001 - whatever a backend does, the call goes on
            self._failed(asked, AskFailed("bug", type(error).__name__), loop.time())
        finally:
            self._end(asked)

    def _found(self, asked: _Asked, found: Whereabouts | Origination, now: float) -> None:
        """The network answered: whoever still waits is told, and the next who asks finds it in the cache."""
        state, at, wall = found.state, 0.0, self._senses.wall()
        if isinstance(found, Whereabouts):
            at = found.at
            state = believed(state, at, wall, self.options.cache)
            if state == "wrong":
                raise AskFailed("wrong", "the time of the answer lies ahead")
        elif found.why:
            self.tally.unknown_because(found.why)
        outcome = self._outcomes.get(state)
        if outcome is None:
            raise AskFailed("bug", "a state that is none")
        state = "unknown" if state == "stale" else state
        self.cache.put(asked.key, state, at, now, wall)
        if asked.is_late:
            self.tally.counters["late"] += 1
        else:
            self.breaker.succeeded(asked.ticket, now)
            self.tally.ended(outcome, now - asked.began, now)
        if now < asked.until and not asked.is_over:
            self.deliver(asked.until, self._answer(asked.key, state, at))

    def _failed(self, asked: _Asked, failure: AskFailed, now: float) -> None:
        kind, wall = failure.kind if failure.kind in FAILURES else "bug", self._senses.wall()
        self.tally.failed(kind, failure.detail, wall)
        self.cache.put(asked.key, FAILED, 0.0, now, wall)
        if not asked.is_late:
            self.breaker.failed(asked.ticket, now, failure.retry_after)
            self.tally.ended(kind, now - asked.began, now)
        if now < asked.until and not asked.is_over:
            self.deliver(asked.until, Answer(asked.key, FAILED))

    def _due(self, asked: _Asked, loop: asyncio.AbstractEventLoop) -> None:
        """The last one who waits gives up, unless somebody joined who waits longer. A number that is asked about all the time does
        not put that off for ever: a question that was lost would never be asked again."""
        now = loop.time()
        until = min(asked.until, max(asked.question.until, asked.began + self.options.linger))
        if now + _EARLY < until:
            asked.timer = loop.call_at(until, self._due, asked, loop)
            return
        asked.is_late = True
        if now - until > self.options.stall:
            # This process was held up: the answer may well be in a socket that was not read yet.
            self.tally.counters["held_up"] += 1
            self.breaker.withdrawn(asked.ticket)
        else:
            self.breaker.failed(asked.ticket, now)
        self.tally.ended("timeout", now - asked.began, now)
        self.tally.failed("timeout", "", self._senses.wall())
        if self.lingering >= self.options.lingering or self.options.linger <= 0:
            self._abandon(asked)
            return
        asked.lingers = True
        self.lingering += 1
        asked.timer = loop.call_at(now + self.options.linger, self._abandon, asked)

    def _abandon(self, asked: _Asked) -> None:
        """Nobody waits for it any more, not even the cache. It counts as in flight until the backend really let go."""
        asked.is_over = True
        if self._open.get(asked.key) is asked:
            del self._open[asked.key]
        if asked.task is not None:
            asked.task.cancel()

    def _end(self, asked: _Asked) -> None:
        if asked.timer is not None:
            asked.timer.cancel()
        asked.task = asked.timer = None
        self.in_flight -= 1
        self.lingering -= asked.lingers
        if self._open.get(asked.key) is asked:
            del self._open[asked.key]

    def state(self, now: float) -> dict[str, Any]:
        """For the status page; JSON-able. now: monotonic seconds."""
        tally, breaker = self.tally, self.breaker
        failure = {
            "kind": tally.failure,
            "detail": tally.failure_detail,
            "seconds_ago": round(max(self._senses.wall() - tally.failed_at, 0.0), 1),
        }
        return {
            "way": self.way.source,
            "breaker": {
                "state": breaker.state,
                "opened": breaker.opened,
                "closed": breaker.closed,
                "probed": breaker.probed,
            },
            "in_flight": self.in_flight,
            "lingering": self.lingering,
            "cache": {"held": len(self.cache), "evicted": self.cache.evicted, "expired": self.cache.expired},
            "counters": dict(tally.counters),
            "unknown_why": dict(tally.whys),
            "recent": tally.recently(now),
            "latency_us": {str(1 << slot): count for slot, count in enumerate(tally.latency) if count},
            "last_failure": failure if tally.failure else None,
        }

    def troubles(self, now: float) -> list[str]:
        """down: it is spared; refused: and it was because it does not let us ask; slow: too many questions time out."""
        recent = self.tally.recently(now)
        found = []
        if self.breaker.state != CLOSED:
            found.append("refused" if self.tally.failure == "refused" else "down")
        elif recent["ended"] >= _SLOW_LEAST and recent["timeout_share"] >= self.options.slow_share:
            found.append("slow")
        return found

    async def close(self) -> None:
        """Give up on what is open and let go of connections. Never raises."""
        running = [asked.task for asked in self._open.values() if asked.task is not None]
        for asked in list(self._open.values()):
            self._abandon(asked)
            if asked.timer is not None:
                asked.timer.cancel()
        if running:
            await asyncio.wait(running, timeout=self.options.linger)
        await self.way.close()


def whereabouts_desk(source: str, backend: WhereaboutsBackend, options: DeskOptions, senses: Senses) -> Desk:
    """A desk that asks where subscribers are. source: one of backend.WAYS."""
    return Desk(
        Way(WHEREABOUTS, source, lambda question: backend.whereabouts(question.number), backend.close), options, senses
    )


def origination_desk(backend: OriginationBackend, senses: Senses, options: DeskOptions = UNCACHED) -> Desk:
    """A desk that asks an operator whether it started a call."""

    def fetch(question: Question) -> Awaitable[Origination]:
        return backend.originated(question.number, question.called, question.at)

    return Desk(Way(ORIGINATION, "none", fetch, backend.close), options, senses)
