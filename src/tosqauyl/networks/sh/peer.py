"""One connection to a Diameter peer: capabilities, watchdog, many questions in flight, farewell (RFC 6733 section 5).

The library's own Node runs threads, holds a session for every request and hides the socket. A gate has one event loop and
needs to forget a question the moment nobody waits for it, so the connection is ours, and small; the library makes and
splits the messages.
"""

import asyncio
import random
import ssl

from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.sh import messages
from tosqauyl.networks.sh.frames import MAX_FRAME, REQUEST, Header, Ids, read_frame, read_header
from tosqauyl.networks.sh.options import ShOptions, Tally
from tosqauyl.networks.sh.watchdog import Watchdog

_UNSENT = 1 << 20
"""Octets that may wait for a peer that does not read: questions for more would be too old once they are read,
and a peer that asks and does not read would fill our memory."""


class Peer:
    """An open connection. Made by `open_peer`. answered: whether any question was ever answered on it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        options: ShOptions,
        tally: Tally,
        dice: random.Random,
    ) -> None:
        self._reader, self._writer, self._options, self._tally = reader, writer, options, tally
        self._loop = asyncio.get_running_loop()
        self._dog = Watchdog(options.watchdog_seconds, self._loop.time(), dice)
        self._hop, self._end = dice.getrandbits(32), dice.getrandbits(32)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._parted = asyncio.Event()
        self._open = False
        self._why = AskFailed("down", "the connection ended")
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.answered = False

    @property
    def open(self) -> bool:
        """Whether questions may be asked: it is open, the peer did not say farewell, and it answers the watchdog."""
        return self._open and not self._dog.suspect

    @property
    def in_flight(self) -> int:
        """Questions that wait for their answers."""
        return len(self._waiting)

    def ids(self) -> Ids:
        """Identifiers of the next request, each its own counter from a random start (RFC 6733 section 3)."""
        self._hop, self._end = (self._hop + 1) & 0xFFFFFFFF, (self._end + 1) & 0xFFFFFFFF
        return Ids(self._hop, self._end)

    async def introduce(self) -> None:
        """Exchange capabilities, then begin to read. Raises AskFailed."""
        address = self._writer.get_extra_info("sockname")[0]
        self._writer.write(messages.capabilities_request(self._options, address, self.ids()))
        messages.check_capabilities(messages.receive(await read_frame(self._reader)))
        self._open = True
        self._tally.connects += 1
        self._dog.heard(self._loop.time(), answer=True)
        self._timer = self._loop.call_at(self._dog.due, self._watch)
        self._task = asyncio.create_task(self._read())

    async def ask(self, frame: bytes, ids: Ids) -> bytes:
        """Send a request and wait for its answer's frame. Raises AskFailed. When cancelled the question is forgotten, and
        its answer, should it come, is dropped and counted."""
        if not self.open:
            raise AskFailed("down", "the connection is not usable")
        if len(self._waiting) >= self._options.in_flight:
            raise AskFailed("limited", "too many questions in flight")
        if self._writer.transport.get_write_buffer_size() > _UNSENT:
            raise AskFailed("down", "the peer does not read")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[ids.hop] = answer
        self._tally.asked += 1
        try:
            self._writer.write(frame)
            return await answer
        finally:
            self._waiting.pop(ids.hop, None)

    async def ended(self) -> None:
        """Wait until the connection has ended, whoever ended it. Cancelling this leaves it as it is."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def close(self) -> None:
        """Say farewell (DPR), wait a little for the answer, and close. Never raises."""
        if self._open:
            self._open = False
            try:
                self._writer.write(messages.disconnect_request(self._options, self.ids()))
                async with asyncio.timeout(self._options.close_seconds):
                    await self._parted.wait()
            except (TimeoutError, OSError):
                pass
        self.drop(AskFailed("down", "we closed the connection"))
        await self.ended()

    def drop(self, why: AskFailed) -> None:
        """End the connection at once; those who wait are told why."""
        self._open = False
        self._why = why
        self._fail_waiting()
        if self._timer is not None:
            self._timer.cancel()
        self._parted.set()
        self._writer.transport.abort()

    def _fail_waiting(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(AskFailed(self._why.kind, self._why.detail))

    async def _read(self) -> None:
        try:
            while True:
                if self._take(await read_frame(self._reader)):
                    await asyncio.sleep(0)  # else calls would wait for all that is in the buffer
        except AskFailed as failure:
            # a stream that lost its place cannot be read any further
            self._why = failure if self._why.kind == "down" else self._why
        finally:
            self._tally.lost += 1
            self._tally.last_failure = self._why.kind
            self.drop(self._why)

    def _take(self, frame: bytes) -> bool:
        """Whether it was a request, which took the time of an answer. Raises AskFailed where no more can be sent."""
        header = read_header(frame)
        if header.flags & REQUEST:
            self._dog.heard(self._loop.time(), answer=False)
            self._serve(header)
            return True
        self._dog.heard(self._loop.time(), answer=header.command == messages.WATCHDOG)
        if header.command == messages.DISCONNECT:
            self._parted.set()
        elif header.command != messages.WATCHDOG:
            answer = self._waiting.pop(header.ids.hop, None)
            if answer is None or answer.done():
                self._tally.late += 1
            else:
                self.answered = True
                answer.set_result(frame)
        return False

    def _serve(self, request: Header) -> None:
        """Answer a request of the peer: watchdog and farewell. We take no other (a server of Sh would push profiles)."""
        if self._writer.transport.get_write_buffer_size() > _UNSENT:
            raise AskFailed("down", "the peer does not read")
        known = request.command in (messages.WATCHDOG, messages.DISCONNECT)
        self._tally.refused_requests += not known
        result = messages.SUCCESS if known else messages.UNSUPPORTED
        self._writer.write(messages.plain_answer(self._options, request, result))
        if request.command == messages.DISCONNECT:
            # the peer closes once it has our answer, and if it does not, we do; what is in flight may be answered until then
            self._open = False
            if self._timer is not None:
                self._timer.cancel()
            farewell = AskFailed("down", "the peer said farewell")
            self._timer = self._loop.call_later(self._options.close_seconds, self.drop, farewell)

    def _watch(self) -> None:
        """The watchdog's timer. It is not set anew for each message: it looks when it is really due."""
        now = self._loop.time()
        if now >= self._dog.due:
            action = self._dog.expired(now)
            if action == "close":
                self.drop(AskFailed("down", "the peer is silent"))
                return
            if action == "suspect":
                self._why = AskFailed("down", "the peer is silent")
                self._fail_waiting()
            else:
                self._tally.watchdogs += 1
                self._writer.write(messages.watchdog_request(self._options, self.ids()))
        self._timer = self._loop.call_at(self._dog.due, self._watch)


async def open_peer(options: ShOptions, context: ssl.SSLContext | None, tally: Tally, dice: random.Random) -> Peer:
    """Connect and exchange capabilities within `connect_seconds`. Raises AskFailed: down, refused, wrong or malformed."""
    name = None if options.tls is None else options.tls.name or options.host
    peer: Peer | None = None
    try:
        async with asyncio.timeout(options.connect_seconds):
            reader, writer = await asyncio.open_connection(
                options.host, options.port, ssl=context, server_hostname=name, limit=MAX_FRAME
            )
            peer = Peer(reader, writer, options, tally, dice)
            await peer.introduce()
            return peer
    except TimeoutError:
        _let_go(peer)
        raise AskFailed("down", "no connection in time") from None
    except OSError:  # ssl.SSLError is one
        _let_go(peer)
        raise AskFailed("down", "no connection") from None
    except BaseException:
        _let_go(peer)
        raise


def _let_go(peer: Peer | None) -> None:
    if peer is not None:
        peer.drop(AskFailed("down", "not opened"))
