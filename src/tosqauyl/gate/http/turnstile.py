"""One connection's HTTP, with the bounds uvicorn does not have, and never more than a little work in a turn of the loop.

SIP and HTTP share one loop. What a thousand HTTP connections send would, taken as it comes, be answered before the next
datagram is read. So bytes wait in a queue, and one connection's are looked at in each turn: between two of them every SIP
socket gets a whole batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable, MutableMapping

import h11
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from tosqauyl.gate.http.options import Limits
from tosqauyl.gate.http.problems import MEDIA_TYPE, Refused
from tosqauyl.tls import names_of


class Turnstile:
    """Lets connections' bytes through one after the other, one in a turn of the loop."""

    def __init__(self) -> None:
        self._queue: deque[Connection] = deque()
        self._turning = False

    def enter(self, connection: "Connection") -> None:
        """The connection has bytes; its turn comes."""
        self._queue.append(connection)
        if not self._turning:
            self._turning = True
            connection.loop.call_soon(self._turn)

    def _turn(self) -> None:
        connection = self._queue.popleft()
        if self._queue:
            connection.loop.call_soon(self._turn)
        else:
            self._turning = False
        connection.take()


class Connection(H11Protocol):
    """A connection: uvicorn's protocol with a time for each stage, and the client certificate's names for the application.

    left: called once when it is gone.
    """

    def __init__(
        self,
        config: Config,
        state: ServerState,
        turnstile: Turnstile,
        limits: Limits,
        counters: MutableMapping[str, int],
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self._turnstile, self._limits, self._counters = turnstile, limits, counters
        self._pending = bytearray()
        self._is_queued = self._is_its_turn = False
        self._timer: asyncio.TimerHandle | None = None
        self._draining: asyncio.TimerHandle | None = None
        self.left: Callable[[], None] = _nothing

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is here, its TLS handshake done."""
        super().connection_made(transport)
        self.app_state = {"names": names_of(transport.get_extra_info("peercert") or {})}
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        for timer in (self._timer, self._draining):
            if timer:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        self.left()

    def data_received(self, data: bytes) -> None:
        """Bytes came: they wait for their turn, and nothing more is read until then."""
        self._pending += data
        self.transport.pause_reading()
        self._enter()

    def handle_events(self) -> None:
        """Look at what was received; uvicorn also calls this after an answer, for a request that came on its heels."""
        if self._is_its_turn:
            super().handle_events()
        else:
            self._enter()

    def take(self) -> None:
        """It is this connection's turn."""
        self._is_queued = False
        if self.transport.is_closing():
            return
        self._is_its_turn = True
        data = bytes(self._pending)
        self._pending.clear()
        if data:
            super().data_received(data)
        else:
            super().handle_events()
        self._is_its_turn = False
        if not self.flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
        self._watch()

    def on_response_complete(self) -> None:
        """An answer is out; perhaps the next request is here already."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The client does not read its answer as fast as it is written."""
        super().pause_writing()
        if self._draining is None:
            self._draining = self.loop.call_later(self._limits.drain, self._cut, "http_not_reading")

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP: told as every other problem is, and the connection ends."""
        self._counters["http_malformed"] += 1
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        body = msgspec.json.encode(Refused("malformed", "this is not HTTP/1.1").problem)
        headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body))), ("Connection", "close")]
        self.transport.write(self.conn.send(h11.Response(status_code=400, headers=headers)) or b"")
        self.transport.write(self.conn.send(h11.Data(data=body)) or b"")
        self.transport.close()

    def _enter(self) -> None:
        if not self._is_queued:
            self._is_queued = True
            self._turnstile.enter(self)

    def _watch(self) -> None:
        """Time a request's head, and the rest of a body that nobody reads any more. Bodies are timed where they are read."""
        answering = self.cycle is not None and not self.cycle.response_complete
        idle = self.cycle is not None and self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if answering or idle:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            self._timer = self.loop.call_later(self._limits.head, self._cut, "http_slow")

    def _cut(self, counter: str) -> None:
        self._counters[counter] += 1
        self.transport.abort()


def _nothing() -> None:
    """Nobody is told."""
