"""RADIUS accounting as a way to report calls: what old switches can send is an Accounting-Request when a call begins.

RFC 2866 (accounting), RFC 2869 (Event-Timestamp, Message-Authenticator), RFC 5997 (Status-Server), RFC 5080 2.2.2
(duplicates). A Start is a report; everything else that is genuine says that the switch is alive. `Accounting` is pure;
`RadiusListener` has the socket.
"""

import asyncio
import struct
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol, cast

from pyrad import packet  # type: ignore[import-untyped]

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination.terms import Report
from tosqauyl.numbers.plan import Plan

START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8
"""Values of Acct-Status-Type (RFC 2866 5.1)."""
_NONE = -1
"""Stands for a value that is not there."""
_CALLED, _CALLING, _STATUS, _DELAY, _SESSION, _EVENT = 30, 31, 40, 41, 44, 55
KEPT_SECONDS = 30.0
"""How long a request is known again: switches send one again for some seconds until it is answered."""
KEPT_MOST = 65_536
LONGEST_DELAY = 3_600
"""Seconds of Acct-Delay-Time that are believed."""
LONGEST = 4_096
"""Bytes of a RADIUS packet (RFC 2865 3)."""

Clock = Callable[[], tuple[float, float]]


class Told(Protocol):
    """What of a ledger the accounting needs."""

    def report(self, report: Report, now: float, wall: float) -> str:
        """'' or why the report is refused."""

    def alive(self, switch: str, now: float, wall: float) -> None:
        """This switch is alive."""

    def missed(self, now: float, wall: float) -> None:
        """A switch told something that could not be read."""


@dataclass(frozen=True, slots=True)
class RadiusSwitch:
    """A switch that reports by RADIUS. address: the only one it sends from."""

    id: str
    address: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RadiusOptions:
    """demand_authenticator: requests without a Message-Authenticator are dropped (RFC 2869 5.14)."""

    host: str
    port: int
    switches: tuple[RadiusSwitch, ...] = ()
    demand_authenticator: bool = False


class Accounting:
    """One datagram in, the answer out. Takes any bytes from anybody and never raises.

    plan: how numbers are read; may be replaced. counters: started, alive, again, refused-<why>, and what was dropped: stranger,
    malformed, forged, unauthenticated, other-code.
    """

    def __init__(self, told: Told, plan: Plan, options: RadiusOptions) -> None:
        self._told, self.plan, self._demand = told, plan, options.demand_authenticator
        self._switches = {str(ip_address(one.address)): one for one in options.switches}
        self._known: OrderedDict[tuple[str, int, bytes], float] = OrderedDict()
        self.counters: Counter[str] = Counter()

    def received(self, data: bytes, source: tuple[str, int], now: float, wall: float) -> bytes | None:
        """The answer to a datagram, None where it gets none. source: address and port; now, wall: seconds."""
        switch = self._switches.get(_plain(source[0]))
        if switch is None:
            self.counters["stranger"] += 1
            return None
        request = self._read(data, switch)
        if request is None:
            return None
        known = (*source[:2], data[:20])
        if self._is_again(known, now):
            self.counters["again"] += 1
        elif not self._take(request, switch, now, wall):
            return None
        else:
            self._known[known] = now
        return _reply(request)

    def _read(self, data: bytes, switch: RadiusSwitch) -> packet.AcctPacket | None:
        """The request, if it is one and the switch's own; else None, counted."""
        try:
            if len(data) > LONGEST or not _is_whole(data):
                raise packet.PacketError
            request = packet.AcctPacket(secret=switch.secret, packet=data)
            if request.code not in (packet.AccountingRequest, packet.StatusServer):
                self.counters["other-code"] += 1
                return None
            genuine = request.VerifyAcctRequest()
            if genuine and request.message_authenticator:
                genuine = len(request[80]) == 1 and request.verify_message_authenticator()
        except (packet.PacketError, ValueError, LookupError, struct.error):
            self.counters["malformed"] += 1
            return None
        if not genuine:
            self.counters["forged"] += 1
            return None
        if self._demand and not request.message_authenticator:
            self.counters["unauthenticated"] += 1
            return None
        return request

    def _take(self, request: packet.AcctPacket, switch: RadiusSwitch, now: float, wall: float) -> bool:
        """Do what a genuine request wants; False where it gets no answer."""
        status = INTERIM if request.code == packet.StatusServer else _number(request, _STATUS)
        if status not in (START, STOP, INTERIM, ON, OFF):
            return self._unreadable(status == _NONE, now, wall)
        if status != START:
            self._told.alive(switch.id, now, wall)
            self.counters["alive"] += 1
            return True
        session, caller, called = (_text(request, name) for name in (_SESSION, _CALLING, _CALLED))
        if not (session and caller and called):
            return self._unreadable(True, now, wall)
        report = Report(switch.id, session, self._number(caller), self._number(called), _began(request, wall))
        why = self._told.report(report, now, wall)
        self.counters[f"refused-{why}" if why else "started"] += 1
        return why != "full"  # what is not answered comes again

    def _unreadable(self, is_call: bool, now: float, wall: float) -> bool:
        """A switch's own request of which nothing can be made. is_call: it may have told of a call."""
        self.counters["malformed"] += 1
        if is_call:
            self._told.missed(now, wall)
        return False

    def _number(self, text: str) -> str:
        """A number as switches write it (digits, +digits, sip:number@host), in E.164 where the plan knows how."""
        scheme, colon, rest = text.partition(":")
        if colon and scheme.lower() in ("sip", "sips", "tel"):
            text = rest
        return self.plan.read(text.partition("@")[0].partition(";")[0].strip()).text

    def _is_again(self, known: tuple[str, int, bytes], now: float) -> bool:
        while self._known and (len(self._known) >= KEPT_MOST or next(iter(self._known.values())) < now - KEPT_SECONDS):
            self._known.popitem(last=False)
        return known in self._known


class RadiusListener(asyncio.DatagramProtocol):
    """The UDP socket of the accounting. wake: called after each turn, so that the ledger's timer is set anew. written: waited for
    before an answer; where it says no there is none, and the switch sends its request again. None: nothing to wait for."""

    def __init__(
        self, accounting: Accounting, options: RadiusOptions, clock: Clock, wake: Callable[[], None],
        written: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:  # fmt: skip
        self.accounting, self.options = accounting, options
        self._clock, self._wake, self._written = clock, wake, written
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Open the socket. Raises TosqauylError where it cannot be opened."""
        place = (self.options.host, self.options.port)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=place)
        except OSError as error:
            what = f"cannot listen: {error.strerror}"
            raise TosqauylError(what, f"radius.listen {place[0]}:{place[1]}", "see 'ss -lunp'") from None

    @property
    def bound(self) -> str:
        """'radius:HOST:PORT' as it really is."""
        assert self._transport is not None  # noqa: S101 - asked after start only
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"radius:{f'[{host}]' if ':' in host else host}:{port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        """One datagram."""
        answer = self.accounting.received(data, source, *self._clock())
        self._wake()
        if answer is None:
            return
        if self._written is None:
            self._send(answer, source)
            return
        task = asyncio.get_running_loop().create_task(self._send_written(answer, source, self._written))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_written(
        self, answer: bytes, source: tuple[str, int], written: Callable[[], Awaitable[bool]]
    ) -> None:
        if await written():
            self._send(answer, source)
        else:
            self.accounting.counters["unwritten"] += 1

    def _send(self, answer: bytes, source: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(answer, source)

    def stop(self) -> None:
        """Close the socket."""
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.close()


def _is_whole(data: bytes) -> bool:
    """Whether the attributes fill the packet exactly; pyrad takes a last one that is cut off."""
    end = int.from_bytes(data[2:4])
    at = 20
    while at + 2 <= end <= len(data):
        at += max(data[at + 1], 2)
    return at == end


def _reply(request: packet.AcctPacket) -> bytes:
    reply = request.CreateReply()
    if request.message_authenticator:
        reply.add_message_authenticator()
    return cast(bytes, reply.ReplyPacket())


def _one(request: packet.AcctPacket, name: int) -> bytes:
    values = request.get(name) or [b""]
    return cast(bytes, values[0])


def _text(request: packet.AcctPacket, name: int) -> str:
    return _one(request, name).decode("utf-8", "replace").strip("\0 ")


def _number(request: packet.AcctPacket, name: int) -> int:
    """A value of four bytes; _NONE where it is not there or something else."""
    value = _one(request, name)
    return int.from_bytes(value) if len(value) == 4 else _NONE


def _began(request: packet.AcctPacket, wall: float) -> float:
    """When the call began, seconds since 1970: the switch's own clock if it says, else arrival less the delay it tells."""
    event = _number(request, _EVENT)
    if event > 0:
        return float(event)
    return wall - min(max(_number(request, _DELAY), 0), LONGEST_DELAY)


def _plain(address: str) -> str:
    """An address as the configuration has it: no zone, and IPv4 as such."""
    if ":" not in address:
        return address
    found = ip_address(address.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)
