"""The shell around the session: UDP sockets, the journal, the clock. All that waits for the world is here.

Batches (decision 0009): what a readable socket holds is read with one system call, then the journal gets one write, then
the answers go out. Under load this amortises everything but the work itself; when idle a batch is one call.
"""

import asyncio
import errno
import gc
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tosqauyl.errors import FaultKind, TosqauylError
from tosqauyl.gate.datagrams import Datagrams
from tosqauyl.gate.mmsg import BATCH
from tosqauyl.gate.overload import FULL_BATCHES, TURN, Overload, OverloadOptions
from tosqauyl.gate.session import Session
from tosqauyl.gate.streams import StreamListener
from tosqauyl.journal.append import Journal

_SO_RCVBUFFORCE = 33
"""Linux's number; Python's socket module has no name for it."""
RECEIVE_BUFFER = 8 << 20
"""Bytes asked of the kernel for each socket: 0.2 s of 35,000 calls/s while the process is held up."""
_SO_MEMINFO = 55
"""Linux's number; gives nine 32-bit words: the first is what the receive queue takes, the second its room, the last
the datagrams that found it full (struct sk_meminfo)."""
TICK = TURN
"""Seconds between housekeeping turns: expiry of answered transactions goes by slots of this length, too."""
JUMP = 1.0
"""Seconds by which the wall clock may drift against the monotonic one between two turns before it counts as a jump."""


@dataclass(slots=True)
class Listener:
    """One UDP socket by the name the configuration gives it.

    full_batches: read in a row. least: per cent of its room that the receive queue held at its shortest in this turn.
    drops: the kernel's count of datagrams that found it full, when it was last asked.
    """

    name: str
    socket: socket.socket
    datagrams: Datagrams
    full_batches: int = 0
    least: int = 0
    drops: int = 0

    def queue(self) -> tuple[int, int]:
        """How full the receive queue is, in per cent of its room, and how many datagrams found it full since the last time
        this was asked. (0, 0) where the system cannot tell."""
        try:
            words = struct.unpack("=9I", self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))
        except (OSError, struct.error):
            return 0, 0
        new = (words[8] - self.drops) & 0xFFFFFFFF
        self.drops = words[8]
        return 100 * words[0] // max(words[1], 1), new

    @property
    def bound(self) -> str:
        """'udp:HOST:PORT' as it really is."""
        host, port = self.socket.getsockname()[:2]
        return f"udp:{host}:{port}"


def listen(name: str, host: str, port: int) -> Listener:
    """Open a UDP socket; TosqauylError where the port is in use or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setblocking(False)
    with suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    with suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)  # only root may exceed rmem_max
    try:
        udp.bind((host, port))
    except OSError as error:
        udp.close()
        hint = (
            "another program listens there: ss -lunp shows which"
            if error.errno == errno.EADDRINUSE
            else "see 'ip address' for this host's"
        )
        raise TosqauylError(f"cannot listen: {error.strerror}", name, hint) from error
    return Listener(name, udp, Datagrams(udp))


class Gate:
    """One running gate: `run` serves until `stop`. alarm: gets one line a second at most when the journal fails."""

    def __init__(
        self,
        session: Session,
        journal: Journal,
        listeners: list[Listener],
        alarm: Callable[[str], None],
        overload: OverloadOptions = OverloadOptions(),  # noqa: B008 - frozen
    ) -> None:
        self.session, self.journal, self.listeners = session, journal, listeners
        self.overload = Overload(overload)
        session.caps = self.overload.caps
        self._alarm = alarm
        self._alarmed = 0.0
        self.streams: Sequence[StreamListener] = ()
        """TCP and TLS listeners, set before `run`."""
        self._datagrams = {listener.name: listener.datagrams for listener in listeners}
        self._streams: dict[str, StreamListener] = {}
        self._stopped = asyncio.Event()
        self.is_serving = False
        self._offset = time.time() - time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._is_woken = False
        self._clock_jumps = FaultKind.CLOCK_JUMPED.value in session.engine.failure.forced
        self.journal_down = FaultKind.JOURNAL_FAILED.value in session.engine.failure.forced

    async def run(self) -> None:
        """Serve until `stop` is called, then write the last rows."""
        loop = asyncio.get_running_loop()
        for listener in self.listeners:
            loop.add_reader(listener.socket.fileno(), self._readable, listener)
        self._streams = {stream.name: stream for stream in self.streams}
        for stream in self.streams:
            stream.start(self.settle)
        # What exists now lives as long as the process: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
        self.session.questions.provider.wake_by(self._wake)
        self._housekeep()
        self.is_serving = True
        try:
            await self._stopped.wait()
        finally:
            self.is_serving = False
            for listener in self.listeners:
                loop.remove_reader(listener.socket.fileno())
                listener.socket.close()
            for stream in self.streams:
                stream.stop()
            for timer in (self._timer, self._armed):
                if timer:
                    timer.cancel()

    def stop(self) -> None:
        """Make `run` return."""
        self.is_serving = False
        self._stopped.set()

    def _readable(self, listener: Listener) -> None:
        """Take a batch; decide; write; answer. What is left in the socket calls again at once."""
        session, name = self.session, listener.name
        now, wall = time.monotonic(), time.time()
        try:
            received = listener.datagrams.receive()
        except OSError:
            self.session.counters["socket_errors"] += 1  # an ICMP error of an earlier answer, for instance
            return
        for data, source in received:
            session.receive(data, source, name, now, wall)  # named whole: the compiler then calls it directly
        if len(received) == BATCH:
            self._full_batch(listener, received[0][1][0])
        elif listener.full_batches:
            listener.full_batches = listener.least = 0
        # Twice as many as can have come: expiry keeps up at any rate, a little at a time.
        self.session.transactions.expire(now, 2 * BATCH)
        self.flush()
        self._arm(now)

    def _full_batch(self, listener: Listener, source: str) -> None:
        """Another batch as large as they get: after a run of them it is time to look at the queue behind it."""
        listener.full_batches += 1
        if self.session.trunks.candidates(listener.name, source):
            self.overload.caps.note(source)
        if listener.full_batches >= FULL_BATCHES:
            self._look_at_queue(listener)

    def _look_at_queue(self, listener: Listener) -> None:
        percent, drops = listener.queue()
        if drops:
            self.session.counters["kernel_drops"] += drops
        if listener.full_batches >= FULL_BATCHES:
            listener.least = min(listener.least, percent)
            self.overload.queued(percent)
        self.session.engine.counting = self.overload.counts

    def settle(self) -> None:
        """After calls that did not come as datagrams: their decisions to the journal, and a timer for those that wait."""
        self.flush()
        self._arm(time.monotonic())

    def flush(self) -> None:
        """Decisions to the journal, then answers to the wire: in this order (invariant 2)."""
        session = self.session
        if session.rows:
            rows, session.rows = session.rows, []
            if self.journal_down or not self.journal.append(rows):
                self._journal_failed(len(rows))
        if session.outgoing:
            outgoing, session.outgoing = session.outgoing, defaultdict(list)
            for name, messages in outgoing.items():
                sender = self._streams.get(name) or self._datagrams[name]
                failed = sender.send(messages)
                if failed:
                    session.counters["send_failed"] += failed

    def _journal_failed(self, rows: int) -> None:
        """Count and alarm; the calls get their answers all the same."""
        self.session.counters[f"fault_{FaultKind.JOURNAL_FAILED.value}"] += rows
        now = time.monotonic()
        if now - self._alarmed >= 1.0:
            self._alarmed = now
            why = self.journal.counters.last_error or "forced by configuration"
            self._alarm(f"ALARM: {rows} decisions could not be written to the journal ({why}); calls go on")

    def _arm(self, now: float) -> None:
        """Wake up in time for the next timer of the session."""
        due = self.session.deadline()
        if due is None or due - now >= TICK or (self._armed is not None and self._armed.when() <= due):
            return
        if self._armed is not None:
            self._armed.cancel()
        # One timer, never one for each batch: with calls that wait there is always something due soon.
        self._armed = asyncio.get_running_loop().call_later(max(due - now, 0.0), self._due)

    def _due(self) -> None:
        self._armed = None
        self._tick()

    def _wake(self) -> None:
        """Answers of home networks are here: take them in with all others that come in this turn of the loop."""
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._woken)

    def _woken(self) -> None:
        self._is_woken = False
        self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        self.session.tick(now)
        self.flush()
        self._arm(now)

    def _weigh(self) -> None:
        """How hard the gate was pressed in this turn, and what that means for the next (gate/overload)."""
        least = 0
        for listener in self.listeners:
            self._look_at_queue(listener)
            least = max(least, listener.least)
            listener.least = 100 if listener.full_batches >= FULL_BATCHES else 0
        self.overload.turn(least)
        if self.overload.caps.overflows:
            self.session.counters["source_overflows"] = self.overload.caps.overflows
        self.session.engine.counting = self.overload.counts

    def _housekeep(self) -> None:
        """Ten times a second: timers, expiry, rotation; and whether the clock jumped."""
        now, wall = time.monotonic(), time.time()
        # First, so that a mistake in one turn does not end all of them.
        self._timer = asyncio.get_running_loop().call_later(TICK, self._housekeep)
        self._tick()
        self._weigh()
        offset = wall - now
        if abs(offset - self._offset) > JUMP or self._clock_jumps:
            self.session.counters[f"fault_{FaultKind.CLOCK_JUMPED.value}"] += 1
        self._offset = offset
        self.journal.tick(wall)
        for stream in self.streams:
            stream.sweep(now)
