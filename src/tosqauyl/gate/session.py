"""The gate as a sans-IO session: datagrams in, answers and journal rows out. Time is an argument; nothing is awaited.

    receive(data, source, listener, now, wall)   one datagram
    tick(now)                                    timers and the home networks' answers
    deadline()                                   when tick is due
    rows, outgoing                               what the shell must write first, and then send

Answered calls are kept as their decision only (decision 0005): a retransmitted INVITE gets the same answer rendered again.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from tosqauyl.errors import FaultKind
from tosqauyl.facts import UNKNOWN_CALL, Call, Verdict
from tosqauyl.gate.answer import Route, compose
from tosqauyl.gate.signalling import signalled
from tosqauyl.gate.trunks import TrunkTable, choose
from tosqauyl.gate.waiting import OPEN_LIMIT, Arrival, WaitingCalls
from tosqauyl.journal.columns import MakeRow
from tosqauyl.screen.decision import Decision
from tosqauyl.screen.engine import Engine
from tosqauyl.sip.answer import answer, destination
from tosqauyl.sip.message import Request, Unreadable, parse
from tosqauyl.sip.transaction import TRYING_AFTER, Transactions
from tosqauyl.state.provider import Provider

Address = tuple[str, int]
Outgoing = defaultdict[str, list[tuple[bytes, Address]]]
"""Answers by listener: bytes and destination, in order."""

_ALLOW = "Allow: INVITE, ACK, CANCEL, OPTIONS\r\n"
_FAULTS = {
    "version": (505, "Version Not Supported"),
    "scheme": (416, "Unsupported URI Scheme"),
    "too_long": (513, "Message Too Large"),
}


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """trying_after: seconds until a 100; tag: random text of this process that starts every To tag."""

    trying_after: float = TRYING_AFTER
    tag: str = "tq"


@dataclass(frozen=True, slots=True)
class Recording:
    """How a decision becomes a journal row, and the clock (seconds) that times it."""

    make_row: MakeRow
    clock: Callable[[], float]


class Session:
    """One gate's calls. Not thread-safe; the shell calls it from one loop."""

    def __init__(
        self, engine: Engine, trunks: TrunkTable, transactions: Transactions, provider: Provider, recording: Recording
    ) -> None:
        self.engine, self.trunks, self.transactions = engine, trunks, transactions
        self.options = SessionOptions()
        self.rows: list[str] = []
        self.outgoing: Outgoing = defaultdict(list)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.decided: defaultdict[Decision, int] = defaultdict(int)
        self.waiting = WaitingCalls(provider, self.counters, self._send_later, self._conclude)
        self._make_row, self._clock = recording.make_row, recording.clock

    def receive(self, data: bytes, source: Address, listener: str, now: float, wall: float) -> None:
        """Take one datagram. Whatever it holds, nothing raises; what comes of it is in `rows` and `outgoing`.

        now: monotonic seconds; wall: seconds since 1970.
        """
        began = self._clock()
        candidates = self.trunks.candidates(listener, source[0])
        if not candidates:
            self.counters["stranger"] += 1
            return
        if data[:4] == b"ACK " and not self.waiting:
            self.counters["ack"] += 1  # nothing waits for one: it ends here (RFC 3261 17.2.1, decision 0004)
            return
        request = parse(data)
        if type(request) is not Request:
            self.counters[
                f"dropped_{request.fault.kind}" if isinstance(request, Unreadable) else "response_ignored"
            ] += 1
        elif request.method == "INVITE" and request.fault is None:
            entry = choose(candidates, request)
            if entry is None:
                self.counters["stranger"] += 1
            else:
                self._invite(request, Arrival(source, listener, entry, began, now, wall))
        else:
            self._other(request, Arrival(source, listener, candidates[0], began, now, wall))

    def deadline(self) -> float | None:
        """When `tick` is next due, on the clock of `now`; None while nothing waits."""
        return self.waiting.deadline()

    def tick(self, now: float) -> None:
        """Run what is due: answers of home networks, timers, the end of answered transactions."""
        self.waiting.tick(now)
        self.transactions.expire(now)

    def _invite(self, request: Request, arrival: Arrival) -> None:
        kept = self.transactions.get(request.key)
        if kept is not None:
            self.counters["retransmitted_invite"] += 1
            self._again(kept, request, arrival)
        elif self.waiting and (waiting := self.waiting.get(request.key)) is not None:
            self.counters["retransmitted_invite"] += 1
            self.waiting.again(waiting)
        elif request.to_has_tag:
            self.counters["in_dialog"] += 1
            self._reply(request, arrival, 481, "Call/Transaction Does Not Exist")
        elif request.max_forwards == 0:
            self.counters["too_many_hops"] += 1
            self._reply(request, arrival, 483, "Too Many Hops")
        else:
            self._screen(request, arrival)

    def _screen(self, request: Request, arrival: Arrival) -> None:
        """A new call: its facts, perhaps a question to its home network, its decision."""
        source = arrival.source
        call = self.engine.facts(signalled(request, f"{source[0]}:{source[1]}", arrival.wall), arrival.entry.trunk)
        if call is not None and self.engine.options.asks:
            ask = self.engine.question(call, arrival.now)
            if ask is not None and len(self.waiting) < OPEN_LIMIT:
                self.waiting.ask(request, call, ask, arrival, self.options.trying_after)
                return
            self.counters["not_asked_overload"] += ask is not None
        final = self._conclude(request, call, arrival)
        self.outgoing[arrival.listener].append((final, destination(request, source)))

    def _conclude(self, request: Request, call: Call | None, arrival: Arrival) -> bytes:
        """Decide a call (None: its facts could not be read) and put it on record; the final answer, not yet sent."""
        decision = self.engine.decide(call)
        if call is None:
            call = UNKNOWN_CALL._replace(
                at=arrival.wall, call_id=request.call_id, transaction=request.key, trunk=arrival.entry.trunk.id,
                direction=arrival.entry.trunk.direction, faults=FaultKind.ENRICH_RAISED.value,
            )  # fmt: skip
        self.decided[decision] += 1
        status, final = compose(request, decision, call, arrival.entry.profile, self._route(request, arrival))
        kept = decision if decision.verdict is Verdict.PASS or decision.verdict is Verdict.STOP else final
        if self.transactions.put(request.key, kept, arrival.now):
            self.counters[FaultKind.TABLE_FULL.value] += 1
        if call.faults:
            for kind in call.faults.split(";"):
                self.counters[f"fault_{kind}"] += 1
        self.rows.append(self._make_row(call, decision.row, (self._clock() - arrival.began) * 1e6, status))
        return final

    def _again(self, kept: Decision | bytes, request: Request, arrival: Arrival) -> None:
        """The same answer to a retransmitted INVITE: not evaluated, not counted, not journaled again."""
        if isinstance(kept, Decision):
            _, kept = compose(request, kept, UNKNOWN_CALL, arrival.entry.profile, self._route(request, arrival))
        self._send_later(request, arrival, kept)

    def _route(self, request: Request, arrival: Arrival) -> Route:
        next_hop = arrival.entry.next_hop
        if next_hop == "sender":
            host, port = arrival.source
            next_hop = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return arrival.source, self._tag(request.key), next_hop

    def _other(self, request: Request, arrival: Arrival) -> None:
        """Everything that is not a well-formed INVITE. ACKs are never answered, whatever is wrong with them."""
        method = request.method
        if method == "ACK":
            self.counters["ack"] += 1
            self.waiting.acknowledge(request.key, arrival.now)
        elif request.fault is not None:
            status, phrase = _FAULTS.get(request.fault.kind, (400, "Bad Request"))
            self.counters[f"refused_{status}"] += 1
            self._reply(request, arrival, status, phrase, _warning(request.fault.detail))
        elif method == "CANCEL":
            self._cancel(request, arrival)
        elif request.max_forwards == 0:
            self.counters["too_many_hops"] += 1
            self._reply(request, arrival, 483, "Too Many Hops")
        elif method == "OPTIONS":
            self.counters["options"] += 1
            self._reply(request, arrival, 200, "OK", _ALLOW)
        else:
            self.counters["method_not_allowed"] += 1
            self._reply(request, arrival, 405, "Method Not Allowed", _ALLOW)

    def _cancel(self, request: Request, arrival: Arrival) -> None:
        """RFC 3261 9.2: 200 where the INVITE is known, 481 where not, and 487 to an INVITE that is still open."""
        self.counters["cancel"] += 1
        waiting = self.waiting.get(request.invite_key)
        if waiting is None and self.transactions.get(request.invite_key) is None:
            self._reply(request, arrival, 481, "Call/Transaction Does Not Exist")
            return
        tag = self._tag(request.invite_key)
        self._send_later(request, arrival, answer(request, 200, "OK", arrival.source, tag))
        if waiting is not None:
            final = answer(waiting.request, 487, "Request Terminated", waiting.arrival.source, tag)
            self.waiting.cancel(waiting, final, arrival.now)

    def _reply(self, request: Request, arrival: Arrival, status: int, phrase: str, extra: str = "") -> None:
        """A stateless answer (RFC 3261 8.2.7): equal requests get equal answers, so nothing is kept."""
        self._send_later(
            request, arrival, answer(request, status, phrase, arrival.source, self._tag(request.key), extra)
        )

    def _send_later(self, request: Request, arrival: Arrival, data: bytes) -> None:
        self.outgoing[arrival.listener].append((data, destination(request, arrival.source)))

    def _tag(self, key: str) -> str:
        """The To tag: the same for a transaction's retransmissions, else unique.

        Python's hash of a text is keyed at random for each process and is already known from the look-up of the key.
        """
        return f"{self.options.tag}{hash(key) & 0xFFFFFFFFFFFF}"


def _warning(detail: str) -> str:
    """Why a request was refused, as a Warning header (RFC 3261 20.43, code 399)."""
    plain = "".join(letter for letter in detail if " " <= letter <= "~" and letter not in '"\\')[:120]
    return f'Warning: 399 tosqauyl "{plain}"\r\n' if plain else ""
