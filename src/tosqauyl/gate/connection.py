"""One TCP or TLS connection without its socket: bytes in, SIP messages and bytes to send out. Time is an argument.

The shell (gate/streams.py) moves bytes and asks `wants_read`, `unsent` and `is_over`; every bound in time or memory is
held here, so a test needs neither a socket nor a pause.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tosqauyl.gate.tls_stream import TlsStream
from tosqauyl.sip.framing import Parser
from tosqauyl.sip.message import Message

PER_TURN = 64
"""Messages of one connection in one turn of the loop, as many as a batch of datagrams: then the others have theirs."""
HANDSHAKE_SECONDS = 5.0
"""From the accepted connection to the end of its TLS handshake."""
CLOSE_SECONDS = 5.0
"""How long a connection that is being closed may still take its last answers."""
WRITE_HIGH = 65_536
"""Bytes that wait for the peer, above which nothing more is read from it: TCP then slows it down."""
WRITE_BYTES = 262_144
"""Bytes that wait for the peer, above which it is cut off."""
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Bounds of stream connections. connections: in all; per_source: of one address; the rest in seconds.

    message_seconds: from the first byte of a message to its last, and how long a peer may take nothing of what waits for
    it. idle_seconds: without a message or a keep-alive.
    """

    connections: int = 1000
    per_source: int = 100
    message_seconds: float = 10.0
    idle_seconds: float = 900.0


class Connection:
    """State of one connection. Not thread-safe; nothing raises.

    ending: '' while it lives, then the name of the counter that says why it ends. is_cut: without a goodbye.
    pending: complete messages wait for their turn (`more`). pings: keep-alives answered and not counted yet.
    unsent: bytes for the wire; `sent` takes them off.
    """

    __slots__ = (
        "_active", "_begun", "_ended", "_opened", "_options", "_parser", "_pings", "_progress", "_said_goodbye", "_tls",
        "ending", "is_cut", "is_up", "pending", "pings", "unsent",
    )  # fmt: skip

    def __init__(self, options: StreamOptions, now: float, tls: TlsStream | None = None) -> None:
        self._options, self._tls, self._parser = options, tls, Parser()
        self._opened = self._active = self._progress = self._ended = now
        self._begun = _NEVER  # when the message began that is not complete yet
        self._pings = self.pings = 0
        self._said_goodbye = False
        self.is_up = tls is None
        self.ending = ""
        self.is_cut = False
        self.pending = False
        self.unsent = bytearray()

    @property
    def wants_read(self) -> bool:
        """Whether bytes of the peer are to be read now."""
        return not self.ending and not self.pending and len(self.unsent) < WRITE_HIGH

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to send and the connection is to be closed."""
        return bool(self.ending) and (self.is_cut or not self.unsent)

    def receive(self, data: bytes, now: float) -> list[Message]:
        """Bytes came: the messages that are complete now, in order, at most PER_TURN of them.

        While the handshake of TLS lasts there are none, and `shake` is to be called.
        """
        if self.ending:
            return []
        if self._tls is None:
            return self._read(data, now, False)
        self._tls.take(data)
        return self._decrypt(now, True) if self.is_up else []

    def more(self, now: float) -> list[Message]:
        """The next messages of those that waited for their turn."""
        return [] if self.ending else self._read(b"", now, False)

    def shake(self) -> tuple[str, ...] | None:
        """A step of the TLS handshake; when it is over the names of the client's certificate, else None."""
        if self._tls is None or self.is_up or self.ending:
            return None
        self._tls.shake()
        self.unsent += self._tls.outgoing()
        if self._tls.failed:
            self.end("stream_tls_failed")
        return self._tls.names() if self._tls.shaken else None

    def open(self, now: float) -> list[Message]:
        """The handshake is over and its client is welcome: the messages that came with its last step."""
        self.is_up = True
        self._active = now
        return self._decrypt(now, False)

    def hang_up(self, now: float) -> None:
        """The peer closed its side: what is answered already still goes out."""
        self._ended = now
        self.end("stream_closed_by_peer")

    def end(self, why: str, cut: bool = False) -> None:
        """Begin to close, for the reason that is counted; the first one stays. cut: at once, without a goodbye."""
        if not self.ending:
            self.ending = why
        if cut:
            self.is_cut = True
            self.unsent.clear()

    def send(self, data: bytes, now: float) -> bool:
        """Give the peer an answer; False where it cannot have it. One that does not read is cut off."""
        if self.is_cut or self._said_goodbye or not self.is_up:
            return False
        if not self.unsent:
            self._progress = now
        if self._tls is None:
            self.unsent += data
        else:
            self._tls.write(data)
            self.unsent += self._tls.outgoing()
        if len(self.unsent) > WRITE_BYTES:
            self.end("stream_not_reading", cut=True)
        return not self.is_cut

    def sent(self, count: int, now: float) -> None:
        """The wire took that many bytes of `unsent`."""
        del self.unsent[:count]
        self._progress = now

    def goodbye(self, now: float) -> None:
        """The last answers are given: TLS says so to the peer, so that it knows that nothing was cut off."""
        if self.ending and not self._said_goodbye:
            self._said_goodbye = True
            self._ended = now
            if self._tls is not None and not self.is_cut:
                self._tls.close()
                self.unsent += self._tls.outgoing()

    def expire(self, now: float) -> None:
        """End what is over time. A connection that is being closed is cut off after CLOSE_SECONDS."""
        slowest = self._options.message_seconds
        if self.ending:
            if now - self._ended > CLOSE_SECONDS:
                self.end("", cut=True)
        elif not self.is_up:
            if now - self._opened > HANDSHAKE_SECONDS:
                self.end("stream_slow_handshake", cut=True)
        elif self.unsent and now - self._progress > slowest:
            self.end("stream_not_reading", cut=True)
        elif len(self.unsent) >= WRITE_HIGH and self._begun != _NEVER:
            self._begun = now  # it is us who do not read the rest
        elif now - self._begun > slowest:
            self.end("stream_slow_message")
        elif now - self._active > self._options.idle_seconds:
            self.end("stream_idle")
        if self.ending and not self._said_goodbye:
            self._ended = now

    def _decrypt(self, now: float, in_record: bool) -> list[Message]:
        if self._tls is None:
            return []
        plain = self._tls.read()
        messages = self._read(plain, now, in_record and not plain)
        self.unsent += self._tls.outgoing()
        if self._tls.failed:
            self.end("stream_tls_failed")
        elif self._tls.ended:
            self.end("stream_closed_by_peer")
        return messages

    def _read(self, data: bytes, now: float, in_record: bool) -> list[Message]:
        """Frame plain bytes; answer keep-alives; note since when a message is incomplete. in_record: of TLS."""
        parser = self._parser
        messages = parser.feed(data, PER_TURN)
        self.pending = len(messages) == PER_TURN and not parser.broken
        pings = parser.pings - self._pings
        if pings:
            self._pings += pings
            self.pings += pings
            self.send(b"\r\n" * pings, now)
        if messages or pings:
            self._active = now
        if self.pending or not (len(parser) or in_record):
            self._begun = _NEVER
        elif messages or self._begun == _NEVER:
            self._begun = now
        if parser.broken:
            self.end("stream_broken")
        return messages


class Places:
    """How many connections are open, in all and by source address, against their bounds."""

    def __init__(self, options: StreamOptions) -> None:
        self.options = options
        self.taken = 0
        self.by_source: dict[str, int] = {}

    def enter(self, host: str) -> str:
        """Take a place for a connection from `host`; '' or the counter of why there is none."""
        if self.taken >= self.options.connections:
            return "stream_refused_full"
        if self.by_source.get(host, 0) >= self.options.per_source:
            return "stream_refused_source"
        self.taken += 1
        self.by_source[host] = self.by_source.get(host, 0) + 1
        return ""

    def leave(self, host: str) -> None:
        """Give a place back."""
        self.taken -= 1
        left = self.by_source.get(host, 1) - 1
        if left:
            self.by_source[host] = left
        else:
            self.by_source.pop(host, None)


Settle = Callable[[], None]
"""Writes the decisions to the journal, then lets their answers out (gate/server.py)."""
