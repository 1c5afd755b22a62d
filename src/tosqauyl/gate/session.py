"""The gate as a sans-IO session: datagrams in, answers and journal rows out. Time is an argument; nothing is awaited.

    receive(data, source, listener, now, wall)   one datagram
    receive_message(message, ...)                one message of a stream that was told of by `connected`
    tick(now)                                    timers and the home networks' answers
    deadline()                                   when tick is due
    rows, outgoing                               what the shell must write first, and then send

Answered calls are kept as their decision only (decision 0005): a retransmitted INVITE gets the same answer rendered again.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from tosqauyl.errors import FaultKind
from tosqauyl.facts import UNKNOWN_CALL, Call, Verdict
from tosqauyl.gate.answer import Route, compose, stream_sender
from tosqauyl.gate.overload import DROP, JUDGE, RETRY_AFTER, SourceCaps
from tosqauyl.gate.questions import Answers, Questions
from tosqauyl.gate.tally import RuleCount, Tally, together
from tosqauyl.gate.trunks import Entry, TrunkTable, choose
from tosqauyl.gate.waiting import Arrival, Screening, WaitingCalls
from tosqauyl.journal.columns import MakeRow
from tosqauyl.screen.decision import Decision
from tosqauyl.screen.engine import Engine, answered
from tosqauyl.screen.enrich import Signalled
from tosqauyl.screen.signalling import signalled
from tosqauyl.sip.answer import answer, destination
from tosqauyl.sip.message import Message, Request, Unreadable, parse
from tosqauyl.sip.transaction import TRYING_AFTER, Transactions
from tosqauyl.state.provider import Provider

Address = tuple[str, int]
Outgoing = defaultdict[str, list[tuple[bytes, Address]]]
"""Answers by listener: bytes and destination, in order."""

LATENCY_SLOTS = 32
"""Slots of the latency count: slot i has the calls decided in less than 2**i microseconds that are in no slot before."""

_PASS: Final = Verdict.PASS  # a look-up in an enum costs 0.06 us
_STOP: Final = Verdict.STOP
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
        self.by_trunk: defaultdict[str, defaultdict[Decision, int]] = defaultdict(_zeros)
        self.tally = Tally()
        self.caps = SourceCaps()
        self.latency: list[int] = [0] * LATENCY_SLOTS
        self.questions = Questions(provider, self.counters)
        self.waiting = WaitingCalls(self.questions, self.counters, self._send_later, self._conclude)
        self._make_row, self._clock = recording.make_row, recording.clock
        self._streams: dict[tuple[str, Address], tuple[Entry, ...]] = {}

    def receive(self, data: bytes, source: Address, listener: str, now: float, wall: float) -> None:
        """Take one datagram. Whatever it holds, nothing raises; what comes of it is in `rows` and `outgoing`.

        now: monotonic seconds; wall: seconds since 1970.
        """
        candidates = self.trunks.candidates(listener, source[0])
        if not candidates:
            self.counters["stranger"] += 1
            return
        if data[:4] == b"ACK " and not self.waiting:
            self.counters["ack"] += 1  # nothing waits for one: it ends here (RFC 3261 17.2.1, decision 0004)
            return
        began = self._clock()
        if self.caps.active and data[:7] == b"INVITE ":
            share = self.caps.take(source[0])
            if share != JUDGE:
                self._turn_away(share, data, Arrival(source, listener, candidates[0], (began, now, wall)))
                return
        self._take(parse(data), Arrival(source, listener, candidates[0], (began, now, wall)), candidates)

    def connected(self, listener: str, source: Address, names: tuple[str, ...] = ()) -> bool:
        """A TCP or TLS connection stands; False for a stranger's, which is to be closed. names: of its certificate."""
        candidates = tuple(
            entry
            for entry in self.trunks.candidates(listener, source[0])
            if not entry.certificate or entry.certificate.lower() in names
        )
        if candidates:
            self._streams[listener, source] = candidates
        else:
            self.counters["stranger"] += 1
        return bool(candidates)

    def disconnected(self, listener: str, source: Address) -> None:
        """The connection is gone: nothing more comes from it, and answers for it have no way."""
        self._streams.pop((listener, source), None)

    def receive_message(self, message: Message, source: Address, listener: str, now: float, wall: float) -> None:
        """Take one message of a connected stream, as `receive` takes a datagram; `source` is the connection's peer."""
        candidates = self._streams.get((listener, source), ())
        if not candidates:
            self.counters["stranger"] += 1
            return
        arrival = Arrival(source, listener, candidates[0], (self._clock(), now, wall))
        if isinstance(message, Request) and message.method == "INVITE" and not self.admits(source[0]):
            self._busy(message, arrival)
        else:
            self._take(message, arrival, candidates)

    def _take(self, request: Message, arrival: Arrival, candidates: tuple[Entry, ...]) -> None:
        """A message of a known source; the trunk in `arrival` is a guess as long as the message was not looked at."""
        if type(request) is not Request:
            self.counters[
                f"dropped_{request.fault.kind}" if isinstance(request, Unreadable) else "response_ignored"
            ] += 1
        elif request.method == "INVITE" and request.fault is None:
            entry = choose(candidates, request)
            if entry is None:
                self.counters["stranger"] += 1
            else:
                arrival.entry = entry
                self._invite(request, arrival)
        else:
            self._other(request, arrival)

    def admits(self, source: str) -> bool:
        """Whether a new call of this source (an IP address, or a client's name) is judged; else it deserves a 503."""
        if not self.caps.active or self.caps.admits(source):
            return True
        self.counters["source_capped"] += 1
        return False

    def _turn_away(self, share: int, data: bytes, arrival: Arrival) -> None:
        """An INVITE beyond its source's share: dropped unread, or answered 503 without a trace (gate/overload)."""
        if share == DROP:
            self.counters["source_dropped"] += 1
            return
        request = parse(data)
        if isinstance(request, Request) and request.fault is None and not self._is_known(request):
            self.counters["source_capped"] += 1
            self._busy(request, arrival)
        else:
            self._take(request, arrival, self.trunks.candidates(arrival.listener, arrival.source[0]))

    def _is_known(self, request: Request) -> bool:
        """Whether an INVITE is a repetition: those get the answer that the first one got, whatever the load."""
        return self.transactions.get(request.key) is not None or self.waiting.get(request.key) is not None

    def _busy(self, request: Request, arrival: Arrival) -> None:
        self._reply(request, arrival, 503, "Service Unavailable", f"Retry-After: {RETRY_AFTER}\r\n")

    def replace(self, engine: Engine, make_row: MakeRow) -> None:
        """Judge by another snapshot from now on: its engine and row maker. Counts go on, as do rates and overload's say."""
        self.tally.fold(self.by_trunk, self.engine.known.policy.rules)
        self.by_trunk.clear()
        for entry in self.trunks.entries:
            entry.profile.templates.clear()
        engine.rates, engine.counting = self.engine.rates, self.engine.counting
        engine.freshness, engine.published = self.engine.freshness, self.engine.published
        self.engine, self._make_row = engine, make_row

    @property
    def decided(self) -> dict[Decision, int]:
        """How often each decision of the present snapshot was made, over all trunks."""
        return together(self.by_trunk)

    def rule_counts(self) -> dict[str, RuleCount]:
        """Hits, verdicts and would-have-beens of each rule by its id, since the start and across snapshots."""
        return self.tally.rules(self.decided, self.engine.known.policy.rules)

    def deadline(self) -> float | None:
        """When `tick` is next due, on the clock of `now`; None while nothing waits."""
        waiting, asked = self.waiting.deadline(), self.questions.deadline()
        return waiting if asked is None else asked if waiting is None else min(waiting, asked)

    def tick(self, now: float) -> None:
        """Run what is due: answers of home networks, timers, the end of answered transactions."""
        self.questions.tick(now)  # before the timers: an answer that is here now is in time
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
        said = signalled(request, f"{source[0]}:{source[1]}", arrival.wall, arrival.entry.transport)
        call = self._facts(said, arrival.entry, arrival.now)
        if call is not None and self.engine.has_questions:
            ask = self.engine.question(call, arrival.now)
            if ask is not None and self.waiting.shares.take(request.key, arrival.entry.trunk.id):
                self.waiting.ask(request, call, ask, arrival, self.options.trying_after)
                return
            self.counters["not_asked_overload"] += ask is not None
        final = self._conclude(request, call, arrival)
        self._send_later(request, arrival, final)

    def _facts(self, said: Signalled, entry: Entry, now: float) -> Call | None:
        """The facts of a new call, counted with all others unless overload sheds that."""
        if not self.engine.counting:
            self.counters["shed_analytics"] += 1
        return self.engine.facts(said, entry.trunk, now)

    def _conclude(self, request: Request, call: Call | None, arrival: Arrival) -> bytes:
        """Decide a call (None: its facts could not be read) and put it on record; the final answer, not yet sent."""
        decision = self.engine.decide(call)
        if call is None:
            call = UNKNOWN_CALL._replace(
                at=arrival.wall, call_id=request.call_id, transaction=request.key, trunk=arrival.entry.trunk.id,
                direction=arrival.entry.trunk.direction, faults=FaultKind.ENRICH_RAISED.value,
            )  # fmt: skip
        status, final = compose(request, decision, call, arrival.entry.profile, self._route(request, arrival))
        kept = decision if decision.verdict is _PASS or decision.verdict is _STOP else final
        if self.transactions.put(request.key, kept, arrival.now):
            self.counters[FaultKind.TABLE_FULL.value] += 1
        self._record(call, decision, arrival.began, status)
        return final

    def _record(self, call: Call, decision: Decision, began: float, status: int) -> None:
        """Count a decided call and write its row. status: what the answer says in SIP."""
        self.by_trunk[call.trunk][decision] += 1
        if call.faults:
            for kind in call.faults.split(";"):
                self.counters[f"fault_{kind}"] += 1
        elapsed = (self._clock() - began) * 1e6
        self.latency[min(int(elapsed).bit_length(), LATENCY_SLOTS - 1)] += 1
        self.rows.append(self._make_row(call, decision.row, elapsed, status))

    def screen(self, asked: Screening) -> object:
        """Judge a call that did not come over SIP as one that did: counted, its home network asked, on record.

        Its answer comes by `asked.done`, at once or later; its row is in `rows` then, and must be written before the answer
        goes out. For a transaction that was answered within 32 s what was kept of it is returned (else None), and `done` is
        not called, or called for that alone where only the decision is known any more (after a restart).
        """
        said = asked.said
        kept = self.transactions.get(said.transaction)
        if kept is not None:
            self.counters["repeated_screening"] += 1
            if not isinstance(kept, Decision):
                return kept
        call = self._facts(said, asked.entry, asked.now)
        if isinstance(kept, Decision):
            return asked.done(kept, call or _unknown(said, asked.entry))[1]
        if call is not None and self.engine.has_questions:
            ask = self.engine.question(call, asked.now)
            if ask is not None and self.waiting.shares.take(said.transaction, asked.entry.trunk.id):
                self.questions.ask(said.transaction, ask, asked.now, partial(self._judge_answered, asked, call))
                return None
            self.counters["not_asked_overload"] += ask is not None
        self._judge(asked, call)
        return None

    def _judge_answered(self, asked: Screening, call: Call, answers: Answers, now: float) -> None:
        self.waiting.shares.give(asked.said.transaction)
        self._judge(asked, answered(call, answers))

    def _judge(self, asked: Screening, call: Call | None) -> None:
        decision = self.engine.decide(call)
        if call is None:
            call = _unknown(asked.said, asked.entry)
        status, kept = asked.done(decision, call)
        if self.transactions.put(asked.said.transaction, kept, asked.now):
            self.counters[FaultKind.TABLE_FULL.value] += 1
        self._record(call, decision, asked.began, status)

    def _again(self, kept: Decision | bytes, request: Request, arrival: Arrival) -> None:
        """The same answer to a retransmitted INVITE: not evaluated, not counted, not journaled again."""
        if isinstance(kept, Decision):
            _, kept = compose(request, kept, UNKNOWN_CALL, arrival.entry.profile, self._route(request, arrival))
        self._send_later(request, arrival, kept)

    def _route(self, request: Request, arrival: Arrival) -> Route:
        next_hop = arrival.entry.next_hop
        if next_hop == "sender":
            transport = arrival.entry.transport
            if transport == "udp":
                host, port = arrival.source
                next_hop = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            else:
                next_hop = stream_sender(request, arrival.source[0], transport)
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
        # RFC 3261 18.2.2: over TCP and TLS the answer goes back over the connection that the request came from.
        way = destination(request, arrival.source) if arrival.entry.transport == "udp" else arrival.source
        self.outgoing[arrival.listener].append((data, way))

    def _tag(self, key: str) -> str:
        """The To tag: the same for a transaction's retransmissions, else unique.

        Python's hash of a text is keyed at random for each process and is already known from the look-up of the key.
        """
        return f"{self.options.tag}{hash(key) & 0xFFFFFFFFFFFF}"


def _zeros() -> defaultdict[Decision, int]:
    return defaultdict(int)


def _unknown(said: Signalled, entry: Entry) -> Call:
    """What is left of a call whose facts could not be read."""
    return UNKNOWN_CALL._replace(
        at=said.at, call_id=said.call_id, transaction=said.transaction, transport=said.transport, trunk=entry.trunk.id,
        direction=entry.trunk.direction, faults=FaultKind.ENRICH_RAISED.value,
    )  # fmt: skip


def _warning(detail: str) -> str:
    """Why a request was refused, as a Warning header (RFC 3261 20.43, code 399)."""
    plain = "".join(letter for letter in detail if " " <= letter <= "~" and letter not in '"\\')[:120]
    return f'Warning: 399 tosqauyl "{plain}"\r\n' if plain else ""
