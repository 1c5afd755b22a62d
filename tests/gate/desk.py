"""A whole gate without sockets: datagrams in, answers out, time by hand."""

from dataclasses import dataclass, field
from ipaddress import ip_network

from tosqauyl.gate.answer import Profile
from tosqauyl.gate.session import Recording, Session, SessionOptions
from tosqauyl.gate.trunks import Entry, TrunkTable
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.sip.message import Response, parse
from tosqauyl.sip.transaction import Transactions
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.provider import NullProvider, Provider, ScriptedProvider
from tosqauyl.state.subscribers import Subscribers

LISTENER = "udp:192.0.2.1:5060"
ABROAD, AT_HOME = "+77011111111", "+77012222222"
WALL = 1_790_000_000.0

PLAN = load_plan()
POLICY = load_shipped()


def invite(number: str = "+447700900123", **parts: str) -> bytes:
    """An INVITE from a border SBC. parts: branch, to, uri, asserted, method, extra (whole lines), tag."""
    branch = parts.get("branch", "z9hG4bK-1")
    method = parts.get("method", "INVITE")
    uri = parts.get("uri", "sip:+77017654321@192.0.2.1;user=phone")
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 198.51.100.7:5060;branch={branch};rport",
        f"Max-Forwards: {parts.get('hops', '70')}",
        f"From: {parts.get('from_', f'<sip:{number}@198.51.100.7>')};tag=a1",
        f"To: <sip:+77017654321@192.0.2.1>{parts.get('tag', '')}",
        f"Call-ID: {parts.get('call_id', branch)}",
        f"CSeq: 1 {method}",
    ]
    if "asserted" in parts:
        lines.append(f"P-Asserted-Identity: <sip:{parts['asserted']}@198.51.100.7>")
    return ("\r\n".join(lines) + "\r\n" + parts.get("extra", "") + "Content-Length: 0\r\n\r\n").encode()


@dataclass
class Desk:
    """A session with a hand on every lever; `send` gives the answers to one datagram."""

    session: Session
    now: float = 1000.0
    source: tuple[str, int] = ("198.51.100.7", 5060)
    rows: list[str] = field(default_factory=list)

    def send(self, data: bytes, source: str = "") -> list[Response]:
        self.session.receive(data, (source, 5060) if source else self.source, LISTENER, self.now, WALL + self.now)
        return self.answers()

    def later(self, seconds: float) -> list[Response]:
        self.now += seconds
        self.session.tick(self.now)
        return self.answers()

    def answers(self) -> list[Response]:
        sent = [parse(data) for messages in self.session.outgoing.values() for data, _ in messages]
        self.session.outgoing.clear()
        self.rows += self.session.rows
        self.session.rows.clear()
        assert all(isinstance(answer, Response) for answer in sent)
        return sent  # type: ignore[return-value]

    def status(self, data: bytes, source: str = "") -> int:
        (answer,) = self.send(data, source)
        return answer.status

    @property
    def counters(self) -> dict[str, int]:
        return dict(self.session.counters)


def trunk_entry(id: str, direction: str, network: str, **rest: object) -> Entry:
    """A trunk recognised by its source network; P-Asserted-Identity is trusted unless told otherwise."""
    trust = rest.pop("trust", frozenset(("asserted",)))
    profile = rest.pop("profile", None) or Profile()
    ranges = {"ranges": rest.pop("ranges")} if "ranges" in rest else {}
    trunk = Trunk(id, direction, "Carrier", trust=trust, **ranges)  # type: ignore[arg-type]
    return Entry(trunk, LISTENER, (ip_network(network),), profile, next_hop=rest.pop("next_hop", "sender"), **rest)  # type: ignore[arg-type]


ENTRIES = (
    trunk_entry("abroad", "international", "198.51.100.0/24"),
    trunk_entry("home", "domestic", "203.0.113.0/24"),
    trunk_entry("new", "unknown", "192.0.2.128/25"),
)


def make_desk(**options: object) -> Desk:
    """A desk by options: enforce, entries, provider, failure, indicators, table, complete, policy."""
    subscribers = Subscribers(PLAN.mobile_codes, options.get("complete", True))  # type: ignore[arg-type]
    subscribers.load([f"{ABROAD}\n".encode()])
    indicators = options.get("indicators") or Indicators()
    known = Snapshot(options.get("policy") or POLICY, PLAN, indicators, subscribers)  # type: ignore[arg-type]
    provider: Provider = options.get("provider") or NullProvider()  # type: ignore[assignment]
    failure = options.get("failure") or FailurePolicy()
    asks = isinstance(provider, ScriptedProvider)
    engine = Engine(known, failure, EngineOptions(bool(options.get("enforce", True)), asks, 0.3))  # type: ignore[arg-type]
    recording = Recording(
        lambda call, decided, elapsed, answer: "\t".join((call.call_id, *decided[:3], str(answer))), lambda: 0.0
    )
    trunks = TrunkTable(options.get("entries", ENTRIES))  # type: ignore[arg-type]
    session = Session(engine, trunks, Transactions(options.get("table", 1000)), provider, recording)  # type: ignore[arg-type]
    session.options = SessionOptions(0.2, "tq")
    return Desk(session)


POLICY_HASH = POLICY.hash
FIXED_DECISION = (
    "stop",
    "fixed-from-abroad",
    "kz-fixed-abroad",
    "deterministic",
    1 << 16,
    "stop",
    "fixed-from-abroad",
    "kz-fixed-abroad",
)
