"""Calls that wait: for a home network's answer, or, once answered after a 100 Trying, for their ACK.

Rare beside the calls that are answered at once, so these may have an object each. The transaction steps are those of
sip/transaction, the questions those of gate/questions; this file joins the two.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tosqauyl.facts import Call
from tosqauyl.gate.overload import OpenShares
from tosqauyl.gate.questions import Answers, Questions
from tosqauyl.gate.trunks import Entry
from tosqauyl.screen.decision import Decision
from tosqauyl.screen.engine import Ask, answered
from tosqauyl.screen.enrich import Signalled
from tosqauyl.sip import transaction
from tosqauyl.sip.answer import answer
from tosqauyl.sip.message import Request

Address = tuple[str, int]

OPEN_LIMIT = 20_000
"""Calls that may wait at once; beyond, calls are decided without asking, and counted. At 2,000 asked calls/s and
300 ms it holds 600; the rest is for calls whose ACK never comes (32 s)."""


class Arrival:  # no dataclass: the constructor of one is not compiled and takes 0.3 us of a call
    """Where and when an INVITE arrived. began: on the timing clock; now: monotonic; wall: since 1970, seconds."""

    __slots__ = ("began", "entry", "listener", "now", "source", "wall")

    def __init__(self, source: Address, listener: str, entry: Entry, times: tuple[float, float, float]) -> None:
        """times: began, now, wall."""
        self.source, self.listener, self.entry = source, listener, entry
        self.began, self.now, self.wall = times


@dataclass(slots=True)
class Screening:
    """A call that did not come over SIP. began: on the timing clock; now: monotonic, seconds.

    done: gets decision and facts, once; gives the SIP status for the record and what to keep for repetitions: for as long
    as SIP's answers are kept, so it should be small.
    """

    said: Signalled
    entry: Entry
    began: float
    now: float
    done: Callable[[Decision, Call], tuple[int, object]]


@dataclass(slots=True)
class Waiting:
    """One waiting call. decided: its final answer was given, or its caller gave up."""

    request: Request
    arrival: Arrival
    call: Call
    line: transaction.Open
    decided: bool = False


class WaitingCalls:
    """All waiting calls of a session. `send` puts an answer on the wire's list; `conclude` decides, journals and
    returns the final answer without sending it."""

    def __init__(
        self,
        questions: Questions,
        counters: defaultdict[str, int],
        send: Callable[[Request, Arrival, bytes], None],
        conclude: Callable[[Request, Call, Arrival], bytes],
    ) -> None:
        self.questions = questions
        self._counters, self._send, self._conclude = counters, send, conclude
        self.shares = OpenShares(OPEN_LIMIT)
        self._calls: dict[str, Waiting] = {}
        self._timers: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, key: str) -> Waiting | None:
        """The call of an INVITE transaction, while it waits."""
        return self._calls.get(key)

    def ask(self, request: Request, call: Call, ask: Ask, arrival: Arrival, trying_after: float) -> None:
        """Put the question; the call is concluded at once if every answer is here at once."""
        waiting = Waiting(
            request, arrival, call, transaction.opened(arrival.now, trying_after, arrival.entry.transport != "udp")
        )
        self._calls[request.key] = waiting
        self.questions.ask(request.key, ask, arrival.now, partial(self._decide, waiting))
        if not waiting.decided:
            self._at(waiting.line.due, request.key)

    def again(self, waiting: Waiting) -> None:
        """The INVITE came again: the last answer, if there is one, once more."""
        self._step(waiting, transaction.on_request(waiting.line))

    def acknowledge(self, key: str, now: float) -> None:
        """An ACK came: it ends the retransmissions of the final answer."""
        waiting = self._calls.get(key)
        if waiting is not None:
            self._step(waiting, transaction.on_ack(waiting.line, now))

    def cancel(self, waiting: Waiting, final: bytes, now: float) -> None:
        """The caller gave up: 487, and what the home network says no longer matters (RFC 3261 9.2)."""
        if waiting.decided:
            return
        self._counters["cancelled_while_open"] += 1
        waiting.decided = True
        self.questions.forget(waiting.request.key)
        self._step(waiting, transaction.on_answer(waiting.line, 487, final, now))

    def deadline(self) -> float | None:
        """When `tick` is next due; None while nothing waits. The questions have their own."""
        return self._timers[0][0] if self._calls and self._timers else None

    def tick(self, now: float) -> None:
        """Run every timer that is due; questions that are due must have ended before."""
        while self._timers and self._timers[0][0] <= now:
            waiting = self._calls.get(heapq.heappop(self._timers)[1])
            if waiting is not None:
                self._timer(waiting, now)

    def _timer(self, waiting: Waiting, now: float) -> None:
        if transaction.wants_trying(waiting.line, now):
            self._counters["trying_sent"] += 1
            trying = answer(waiting.request, 100, "Trying", waiting.arrival.source, "")
            self._step(waiting, transaction.on_answer(waiting.line, 100, trying, now))
        else:
            before = waiting.line.state
            stepped = transaction.on_time(waiting.line, now)
            self._counters["final_retransmitted"] += bool(stepped[1])
            self._step(waiting, stepped)
            if stepped[0].is_over and before is transaction.State.COMPLETED and waiting.line.trying:
                self._counters["never_acknowledged"] += 1

    def _decide(self, waiting: Waiting, answers: Answers, now: float) -> None:
        """All answers are in, or time is up: a timeout is just another answer."""
        waiting.decided = True
        final = self._conclude(waiting.request, answered(waiting.call, answers), waiting.arrival)
        self._step(waiting, transaction.on_answer(waiting.line, int(final[8:11]), final, now))
        if not waiting.line.trying:
            # Without a 100 the client repeats its INVITE and meets the table of answered calls: nothing to wait for.
            self._forget(waiting)

    def _forget(self, waiting: Waiting) -> None:
        self._calls.pop(waiting.request.key, None)
        self.shares.give(waiting.request.key)

    def _step(self, waiting: Waiting, stepped: transaction.Stepped) -> None:
        due = waiting.line.due
        waiting.line, data = stepped
        if data:
            self._send(waiting.request, waiting.arrival, data)
        if waiting.line.is_over:
            self._forget(waiting)
        elif due != waiting.line.due < float("inf"):  # else its timer is set: one for each repetition would pile up
            self._at(waiting.line.due, waiting.request.key)

    def _at(self, when: float, key: str) -> None:
        heapq.heappush(self._timers, (when, key))
