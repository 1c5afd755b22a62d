"""The shell around the session: UDP sockets, the journal, the clock. All that waits for the world is here.

Batches (decision 0009): what a readable socket holds is read with one system call, then the journal gets one write, then
the answers go out. Under load this amortises everything but the work itself; when idle a batch is one call.
"""

import asyncio
import errno
import gc
import os
import socket
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from tosqauyl.errors import FaultKind, TosqauylError
from tosqauyl.gate.datagrams import Datagrams
from tosqauyl.gate.mmsg import BATCH
from tosqauyl.gate.session import Session
from tosqauyl.journal.append import Journal

_SO_RCVBUFFORCE = 33
"""Linux's number; Python's socket module has no name for it."""
RECEIVE_BUFFER = 8 << 20
"""Bytes asked of the kernel for each socket: 0.2 s of 35,000 calls/s while the process is held up."""
TICK = 0.1
"""Seconds between housekeeping turns: expiry of answered transactions goes by slots of this length."""
JUMP = 1.0
"""Seconds by which the wall clock may drift against the monotonic one between two turns before it counts as a jump."""


@dataclass(slots=True)
class Listener:
    """One UDP socket by the name the configuration gives it."""

    name: str
    socket: socket.socket
    datagrams: Datagrams

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
        self, session: Session, journal: Journal, listeners: list[Listener], alarm: Callable[[str], None]
    ) -> None:
        self.session, self.journal, self.listeners = session, journal, listeners
        self._alarm = alarm
        self._alarmed = 0.0
        self._datagrams = {listener.name: listener.datagrams for listener in listeners}
        self._stopped = asyncio.Event()
        self._offset = time.time() - time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._clock_jumps = FaultKind.CLOCK_JUMPED.value in session.engine.failure.forced
        self._journal_down = FaultKind.JOURNAL_FAILED.value in session.engine.failure.forced

    async def run(self) -> None:
        """Serve until `stop` is called, then write the last rows."""
        loop = asyncio.get_running_loop()
        for listener in self.listeners:
            loop.add_reader(listener.socket.fileno(), self._readable, listener)
        # What exists now lives as long as the process: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
        self._housekeep()
        try:
            await self._stopped.wait()
        finally:
            for listener in self.listeners:
                loop.remove_reader(listener.socket.fileno())
                listener.socket.close()
            if self._timer:
                self._timer.cancel()

    def stop(self) -> None:
        """Make `run` return."""
        self._stopped.set()

    def _readable(self, listener: Listener) -> None:
        """Take a batch; decide; write; answer. What is left in the socket calls again at once."""
        take, name = self.session.receive, listener.name
        now, wall = time.monotonic(), time.time()
        try:
            received = listener.datagrams.receive()
        except OSError:
            self.session.counters["socket_errors"] += 1  # an ICMP error of an earlier answer, for instance
            return
        for data, source in received:
            take(data, source, name, now, wall)
        # Twice as many as can have come: expiry keeps up at any rate, a little at a time.
        self.session.transactions.expire(now, 2 * BATCH)
        self.flush()
        if self.session.waiting:
            self._arm(now)

    def flush(self) -> None:
        """Decisions to the journal, then answers to the wire: in this order (invariant 2)."""
        session = self.session
        if session.rows:
            rows, session.rows = session.rows, []
            if self._journal_down or not self.journal.append(rows):
                self._journal_failed(len(rows))
        if session.outgoing:
            outgoing, session.outgoing = session.outgoing, defaultdict(list)
            for name, messages in outgoing.items():
                failed = self._datagrams[name].send(messages)
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
        if due is not None and due - now < TICK:
            asyncio.get_running_loop().call_later(max(due - now, 0.0), self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        self.session.tick(now)
        self.flush()
        if self.session.waiting:
            self._arm(now)

    def _housekeep(self) -> None:
        """Ten times a second: timers, expiry, rotation; and whether the clock jumped."""
        now, wall = time.monotonic(), time.time()
        self._tick()
        offset = wall - now
        if abs(offset - self._offset) > JUMP or self._clock_jumps:
            self.session.counters[f"fault_{FaultKind.CLOCK_JUMPED.value}"] += 1
        self._offset = offset
        self.journal.tick(wall)
        self._timer = asyncio.get_running_loop().call_later(TICK, self._housekeep)

    def report(self) -> dict[str, object]:
        """What the health page says: status, counters, decisions by verdict and reason, journal, process."""
        session, journal = self.session, self.journal.counters
        verdicts: dict[str, int] = {}
        would: dict[str, int] = {}
        for decision, count in session.decided.items():
            label = f"{decision.verdict.value}:{decision.reason.value}"
            verdicts[label] = verdicts.get(label, 0) + count
            if decision.would_verdict is not decision.verdict:
                label = f"{decision.would_verdict.value}:{decision.would_reason.value}"
                would[label] = would.get(label, 0) + count
        degraded = journal.failed_writes or self.journal.failed_syncs or self._journal_down
        return {
            "status": "degraded" if degraded else "ok",
            "counters": dict(session.counters),
            "decided": verdicts,
            "would": would,
            "journal": {
                **asdict(journal),
                "failed_syncs": self.journal.failed_syncs,
                "free_bytes": self.journal.free_bytes(),
            },
            "transactions": len(session.transactions),
            "waiting": len(session.waiting),
            "policy": session.engine.known.policy.hash,
            "snapshot": session.engine.known.hash,
            "pid": os.getpid(),
        }
