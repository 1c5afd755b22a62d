"""Calls that wait: for a home network's answer, or, once answered after a 100 Trying, for their ACK.

Rare beside the calls that are answered at once, so these may have an object each. The transaction steps are those of
sip/transaction; this file adds who is asked and when the answer no longer matters.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tosqauyl.facts import Call
from tosqauyl.gate.trunks import Entry
from tosqauyl.screen.engine import Ask, answered
from tosqauyl.sip import transaction
from tosqauyl.sip.answer import answer
from tosqauyl.sip.message import Request
from tosqauyl.state.provider import Provider, Question

Address = tuple[str, int]

OPEN_LIMIT = 20_000
"""Calls that may wait at once; beyond, calls are decided without asking, and counted. At 2,000 asked calls/s and
300 ms it holds 600; the rest is for calls whose ACK never comes (32 s)."""


@dataclass(slots=True)
class Arrival:  # not frozen: that would cost 0.5 us a call
    """Where and when an INVITE arrived. began: on the timing clock; now: monotonic; wall: since 1970, seconds."""

    source: Address
    listener: str
    entry: Entry
    began: float
    now: float
    wall: float


@dataclass(slots=True)
class Waiting:
    """One waiting call. missing: numbers whose home network has not answered yet."""

    request: Request
    arrival: Arrival
    call: Call
    ask: Ask
    line: transaction.Open
    missing: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    decided: bool = False


class WaitingCalls:
    """All waiting calls of a session. `send` puts an answer on the wire's list; `conclude` decides, journals and
    returns the final answer without sending it."""

    def __init__(
        self,
        provider: Provider,
        counters: defaultdict[str, int],
        send: Callable[[Request, Arrival, bytes], None],
        conclude: Callable[[Request, Call, Arrival], bytes],
    ) -> None:
        self.provider = provider
        self._counters, self._send, self._conclude = counters, send, conclude
        self._calls: dict[str, Waiting] = {}
        self._by_number: defaultdict[str, set[str]] = defaultdict(set)
        self._timers: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, key: str) -> Waiting | None:
        """The call of an INVITE transaction, while it waits."""
        return self._calls.get(key)

    def ask(self, request: Request, call: Call, ask: Ask, arrival: Arrival, trying_after: float) -> None:
        """Put the question; the call is concluded at once if every answer is here at once."""
        line = transaction.opened(arrival.now, trying_after)
        waiting = Waiting(request, arrival, call, ask, line, set(ask.numbers))
        for number in ask.numbers:
            if number in self._by_number:
                continue  # somebody asked already and the answer is for both
            self._counters["asked"] += 1
            found = self.provider.ask(Question(number, ask.until), arrival.now)
            if found is not None:
                waiting.answers[number] = found.state
                waiting.missing.discard(number)
        if not waiting.missing:
            self._decide(waiting, arrival.now)
            return
        self._calls[request.key] = waiting
        for number in waiting.missing:
            self._by_number[number].add(request.key)
        self._at(line.due, request.key)
        self._at(ask.until, request.key)

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
        self._forget_questions(waiting)
        self._step(waiting, transaction.on_answer(waiting.line, 487, final, now))

    def deadline(self) -> float | None:
        """When `tick` is next due; None while nothing waits."""
        if not self._calls:
            return None
        due = [self._timers[0][0]] if self._timers else []
        coming = self.provider.deadline()
        return min(due if coming is None else [*due, coming], default=None)

    def tick(self, now: float) -> None:
        """Take in answers, then run every timer that is due."""
        if self._calls:
            for found in self.provider.poll(now):
                for key in self._by_number.pop(found.number, ()):
                    self._answer_came(self._calls[key], found.number, found.state, now)
        while self._timers and self._timers[0][0] <= now:
            waiting = self._calls.get(heapq.heappop(self._timers)[1])
            if waiting is not None:
                self._timer(waiting, now)

    def _answer_came(self, waiting: Waiting, number: str, ending: str, now: float) -> None:
        waiting.answers[number] = ending
        waiting.missing.discard(number)
        if not waiting.missing:
            self._decide(waiting, now)

    def _timer(self, waiting: Waiting, now: float) -> None:
        if not waiting.decided and now >= waiting.ask.until:
            self._decide(waiting, now)
        elif transaction.wants_trying(waiting.line, now):
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

    def _decide(self, waiting: Waiting, now: float) -> None:
        """All answers are in, or time is up: a timeout is just another answer."""
        waiting.decided = True
        waiting.answers.update(dict.fromkeys(waiting.missing, "timeout"))
        self._forget_questions(waiting)
        for ending in waiting.answers.values():
            self._counters[f"answer_{ending}"] += 1
        final = self._conclude(waiting.request, answered(waiting.call, waiting.answers), waiting.arrival)
        self._step(waiting, transaction.on_answer(waiting.line, int(final[8:11]), final, now))
        if not waiting.line.trying:
            # Without a 100 the client repeats its INVITE and meets the table of answered calls: nothing to wait for.
            self._calls.pop(waiting.request.key, None)

    def _forget_questions(self, waiting: Waiting) -> None:
        for number in waiting.missing:
            self._by_number[number].discard(waiting.request.key)
            if not self._by_number[number]:
                del self._by_number[number]
        waiting.missing = set()

    def _step(self, waiting: Waiting, stepped: transaction.Stepped) -> None:
        waiting.line, data = stepped
        if data:
            self._send(waiting.request, waiting.arrival, data)
        if waiting.line.is_over:
            self._calls.pop(waiting.request.key, None)
        elif waiting.line.due < float("inf"):
            self._at(waiting.line.due, waiting.request.key)

    def _at(self, when: float, key: str) -> None:
        heapq.heappush(self._timers, (when, key))
