"""SIP over TCP and TLS: the sockets of listeners and connections (gate/connection.py has what they do and their bounds).

One turn of the loop takes at most PER_TURN messages of a connection, PER_LISTENER of a listener, ACCEPTS new connections
and one step of a TLS handshake, so that no peer holds up the others, nor the datagrams; who must wait is served first in
the next turn, in order. All messages of a read are decided, then their rows are written, then their answers go out:
invariant 2.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.connection import Connection, Places, Settle, StreamOptions
from tosqauyl.gate.session import Session
from tosqauyl.gate.stream_sockets import allow_files, keep_alive, listen_stream, reset
from tosqauyl.gate.tls_stream import TlsStream
from tosqauyl.sip.message import Message
from tosqauyl.tls import TlsServer

__all__ = ["COUNTERS", "StreamListener", "StreamOptions", "open_streams", "streams_state"]

Address = tuple[str, int]
ACCEPTS = 16
PER_LISTENER = 128
"""Messages of all connections of a listener in one turn: then datagrams and other listeners have theirs."""
READ_BYTES = 65_536
SWEEP = 0.5
"""Seconds between two looks at the time bounds of all connections."""
SPARE_FILES = 256
"""Open files of the process beside its connections: journal, datagram sockets, HTTP."""
COUNTERS = {
    "stream_opened": "connections taken",
    "stream_refused_full": "connections closed at once: streams.connections were open",
    "stream_refused_source": "connections closed at once: the address had streams.per_source open",
    "stream_accept_failed": "connections that the system could not give (no file descriptor left)",
    "stream_closed_by_peer": "connections that the peer closed",
    "stream_reset": "connections that broke: reset, or the peer is gone",
    "stream_idle": "connections closed: neither a message nor a keep-alive for streams.idle_seconds",
    "stream_slow_message": "connections closed: a message was not complete after streams.message_seconds",
    "stream_slow_handshake": "connections cut off: no TLS handshake within 5 seconds",
    "stream_not_reading": "connections cut off: the peer took no answers",
    "stream_broken": "connections closed: no Content-Length, or no end of a message in sight",
    "stream_tls_failed": "connections closed: TLS failed (no client certificate, an unknown authority, no common version)",
    "stream_wrong_certificate": "connections closed: no trunk has a name of the client's certificate",
    "stream_stopped": "connections closed because the gate was stopped",
    "stream_pings": "keep-alives answered",
    "stream_turns": "times that a connection had to wait for its next turn with messages left",
}
"""Every counter of stream connections, by the name that it has in the gate's counters."""


def open_streams(
    places: Iterable[tuple[str, str, int]], session: Session, options: StreamOptions, tls: TlsServer | None
) -> list["StreamListener"]:
    """Listeners for (name, host, port), names as configured: 'tcp:HOST:PORT' or 'tls:HOST:PORT'.

    They share the bounds and the certificates. Raises TosqauylError, and then none is open.
    """
    allow_files(options.connections + SPARE_FILES)
    shared, opened = Places(options), list[StreamListener]()
    try:
        for name, host, port in places:
            if name.startswith("tls:") and tls is None:
                raise TosqauylError("no certificate for TLS", name, "set certificate and key in [tls]")
            used = tls if name.startswith("tls:") else None
            opened.append(StreamListener(name, listen_stream(name, host, port), session, shared, used))
    except TosqauylError:
        for listener in opened:
            listener.socket.close()
        raise
    return opened


def streams_state(streams: Sequence["StreamListener"], tls: TlsServer | None) -> dict[str, Any]:
    """What the gate's status says of its streams: open connections by listener, and the certificate."""
    found: dict[str, Any] = {"connections": {listener.name: len(listener) for listener in streams}}
    return {**found, **(tls.state(time.time()) if tls is not None else {})}


class _Wire:
    """A connection with its socket, and what the loop does for it at present."""

    __slots__ = (
        "connection", "is_closed", "is_counted", "is_draining", "is_queued", "is_waiting", "reads", "socket", "source",
        "writes",
    )  # fmt: skip

    def __init__(self, accepted: socket.socket, source: Address, connection: Connection) -> None:
        self.socket, self.source, self.connection = accepted, source, connection
        self.reads = self.writes = False
        self.is_closed = self.is_counted = self.is_draining = self.is_queued = self.is_waiting = False


class StreamListener:
    """One listening TCP socket and its connections. `start` serves in the running loop until `stop`."""

    def __init__(
        self, name: str, tcp: socket.socket, session: Session, places: Places, tls: TlsServer | None = None
    ) -> None:
        self.name, self.socket, self.tls = name, tcp, tls
        self._session, self._counters, self._places = session, session.counters, places
        self._wires: dict[Address, _Wire] = {}
        self._shaking: deque[_Wire] = deque()
        self._turns: deque[_Wire] = deque()  # who waits for a turn, first come first served
        self._spent = 0  # messages of this turn
        self._room = memoryview(bytearray(READ_BYTES))
        self._settle: Settle = _nothing
        self._swept = 0.0
        self._is_deaf = False

    def __len__(self) -> int:
        """Open connections."""
        return len(self._wires)

    @property
    def bound(self) -> str:
        """'tcp:HOST:PORT' or 'tls:HOST:PORT' as it really is."""
        host, port = self.socket.getsockname()[:2]
        return f"{'tcp' if self.tls is None else 'tls'}:{host}:{port}"

    def start(self, settle: Settle) -> None:
        """Take connections from now on. settle: writes rows and sends answers, see Gate.settle."""
        self._settle, self._loop = settle, asyncio.get_running_loop()
        self._loop.add_reader(self.socket.fileno(), self._accept)

    def stop(self) -> None:
        """Close everything; answers that the kernel has not got by now are lost."""
        now = time.monotonic()
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket.fileno())
            self.socket.close()
        for wire in list(self._wires.values()):
            wire.connection.end("stream_stopped")
            wire.connection.goodbye(now)
            self._write(wire, now)
            self._close(wire)

    def send(self, messages: Sequence[tuple[bytes, Address]]) -> int:
        """Answers over the connections of their addresses; how many could not be given to one."""
        now, failed = time.monotonic(), 0
        touched: dict[Address, _Wire] = {}
        for data, address in messages:
            wire = self._wires.get(address)
            if wire is None:
                failed += 1
                continue
            failed += not wire.connection.send(data, now)
            touched[address] = wire
        for wire in touched.values():
            self._after(wire, now)
        return failed

    def sweep(self, now: float) -> None:
        """Hold the bounds in time. Called by the gate's housekeeping ten times a second; looks twice a second."""
        if now - self._swept < SWEEP:
            return
        self._swept = now
        if self._is_deaf:
            self._is_deaf = False
            self._loop.add_reader(self.socket.fileno(), self._accept)
        for wire in list(self._wires.values()):
            wire.connection.expire(now)
            if wire.connection.ending:
                self._after(wire, now)

    def _accept(self) -> None:
        for _ in range(ACCEPTS):
            try:
                accepted, address = self.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor left: the readable socket would keep the loop busy until there is one
                self._counters["stream_accept_failed"] += 1
                self._loop.remove_reader(self.socket.fileno())
                self._is_deaf = True
                return
            self._admit(accepted, (address[0].partition("%")[0], address[1]))

    def _admit(self, accepted: socket.socket, source: Address) -> None:
        """A stranger, and who is one too many, is gone before it costs anything."""
        if self.tls is None:
            welcome = self._session.connected(self.name, source)
        else:
            welcome = bool(self._session.trunks.candidates(self.name, source[0]))
            self._counters["stranger"] += not welcome
        why = self._places.enter(source[0]) if welcome else ""
        if not welcome or why:
            if why:
                self._counters[why] += 1
                self._session.disconnected(self.name, source)
            reset(accepted)
            return
        self._counters["stream_opened"] += 1
        accepted.setblocking(False)
        keep_alive(accepted)
        now = time.monotonic()
        tls = TlsStream(self.tls.context) if self.tls is not None else None
        wire = self._wires[source] = _Wire(accepted, source, Connection(self._places.options, now, tls))
        self._after(wire, now)

    def _readable(self, wire: _Wire) -> None:
        if self._spent >= PER_LISTENER or wire.is_waiting:
            self._wait(wire)
            return
        connection, now = wire.connection, time.monotonic()
        try:
            count = wire.socket.recv_into(self._room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            connection.end("stream_reset", cut=True)
            self._after(wire, now)
            return
        if wire.is_draining:
            if not count:
                self._close(wire)
            return
        if not count:
            connection.hang_up(now)
        messages = connection.receive(bytes(self._room[:count]), now)
        if not connection.is_up and not connection.ending:
            self._shake_in_turn(wire)
        self._take(wire, messages, now)

    def _shake_in_turn(self, wire: _Wire) -> None:
        """A step of a handshake costs up to 2 ms: one a turn, whoever else waits."""
        if not wire.is_queued:
            wire.is_queued = True
            self._shaking.append(wire)
            if len(self._shaking) == 1:
                self._loop.call_soon(self._shake)

    def _shake(self) -> None:
        wire, now = self._shaking[0], time.monotonic()
        wire.is_queued = False
        if not wire.is_closed:
            names = wire.connection.shake()
            messages: list[Message] = []
            if names is not None:
                if self._session.connected(self.name, wire.source, names):
                    messages = wire.connection.open(now)
                else:
                    wire.connection.end("stream_wrong_certificate")
            self._take(wire, messages, now)
        self._shaking.popleft()
        if self._shaking:
            self._loop.call_soon(self._shake)

    def _wait(self, wire: _Wire) -> None:
        """There is more of this connection than its turn has room for."""
        if not wire.is_waiting:
            wire.is_waiting = True
            self._turns.append(wire)
            self._counters["stream_turns"] += 1

    def _next_turn(self) -> None:
        """The loop has come round: first those that had to wait."""
        self._spent = 0
        for _ in range(len(self._turns)):
            if self._spent >= PER_LISTENER:
                break  # what was spent makes another turn
            wire = self._turns.popleft()
            wire.is_waiting = False
            if wire.is_closed:
                continue
            if wire.connection.pending:
                now = time.monotonic()
                self._take(wire, wire.connection.more(now), now)
            else:
                self._readable(wire)

    def _take(self, wire: _Wire, messages: list[Message], now: float) -> None:
        """Decide all, write all, answer all; then go on with this connection as it wants."""
        connection = wire.connection
        if not self._spent:
            self._loop.call_soon(self._next_turn)
        self._spent += max(len(messages), 1)
        if messages:
            wall = time.time()
            for message in messages:
                self._session.receive_message(message, wire.source, self.name, now, wall)
            self._settle()
        if connection.pings:
            self._counters["stream_pings"] += connection.pings
            connection.pings = 0
        if connection.pending and not connection.ending:
            self._wait(wire)
        self._after(wire, now)

    def _after(self, wire: _Wire, now: float) -> None:
        """Send what there is to send; listen to what the connection wants; close it when it is over."""
        if wire.is_closed:
            return
        connection = wire.connection
        if connection.ending:
            self._count_ending(wire)
            connection.goodbye(now)
        self._write(wire, now)
        if connection.is_over:
            self._leave(wire)
        if wire.is_closed:
            return
        descriptor = wire.socket.fileno()
        reads = wire.is_draining or (connection.wants_read and not wire.is_queued)
        if reads is not wire.reads:
            wire.reads = reads
            if reads:
                self._loop.add_reader(descriptor, self._readable, wire)
            else:
                self._loop.remove_reader(descriptor)
        writes = bool(connection.unsent)
        if writes is not wire.writes:
            wire.writes = writes
            if writes:
                self._loop.add_writer(descriptor, self._writable, wire)
            else:
                self._loop.remove_writer(descriptor)

    def _count_ending(self, wire: _Wire) -> None:
        if not wire.is_counted:
            wire.is_counted = True
            self._counters[wire.connection.ending] += 1

    def _writable(self, wire: _Wire) -> None:
        self._after(wire, time.monotonic())

    def _write(self, wire: _Wire, now: float) -> None:
        unsent = wire.connection.unsent
        if not unsent:
            return
        try:
            count = wire.socket.send(unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            wire.connection.end("stream_reset", cut=True)
            return
        wire.connection.sent(count, now)

    def _leave(self, wire: _Wire) -> None:
        """Close a connection that is over. Where the peer may still be sending, a close would become a reset and could
        take our last answer with it: so half of it is closed, and what still comes is dropped until the peer closes."""
        connection = wire.connection
        if connection.is_cut or connection.ending == "stream_closed_by_peer":
            self._close(wire)
        elif not wire.is_draining:
            wire.is_draining = True
            try:
                wire.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self._close(wire)

    def _close(self, wire: _Wire) -> None:
        if wire.is_closed:
            return
        wire.is_closed = True
        self._loop.remove_reader(wire.socket.fileno())
        self._loop.remove_writer(wire.socket.fileno())
        self._count_ending(wire)
        self._session.disconnected(self.name, wire.source)
        self._places.leave(wire.source[0])
        del self._wires[wire.source]
        if wire.connection.is_cut:
            reset(wire.socket)
        else:
            wire.socket.close()


def _nothing() -> None:
    """Before `start`."""
