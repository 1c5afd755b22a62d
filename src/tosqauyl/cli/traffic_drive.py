"""Driving test traffic: sockets and clock around the sans-IO caller, and the score of the answers."""

import selectors
import socket
import struct
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from tosqauyl.cli.traffic_client import Client, Outcome
from tosqauyl.cli.traffic_mix import Mix, PlannedCall, TrafficClass
from tosqauyl.errors import TosqauylError

SO_TIMESTAMP = 29
"""Linux: the kernel notes when a datagram arrived (socket(7)); the standard library has no name for it."""
LINGER = 5.0
"""Seconds that open calls get after the last one was sent; then they are lost."""


@dataclass(slots=True)
class ClassResult:
    """What became of the calls of one class. latency: seconds from INVITE to final answer, one entry a call."""

    id: str
    sent: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    latency: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def answered(self) -> int:
        """Calls with a final answer."""
        return self.verdicts.total() - self.verdicts["lost"]

    def as_dict(self) -> dict[str, object]:
        """The result for --json; latencies in milliseconds, null where nothing was answered."""
        shown = {name: self.verdicts[verdict] for name, verdict in _SHOWN}
        p50, p99 = (percentile(self.latency, share) for share in (50, 99))
        times = {"p50_ms": p50 and round(p50 * 1000, 3), "p99_ms": p99 and round(p99 * 1000, 3)}
        return {"class": self.id, "sent": self.sent, "answered": self.answered, **shown, "wrong": self.wrong, **times}


_SHOWN = (
    ("passed", "pass"), ("marked", "mark"), ("withheld", "withhold"), ("diverted", "divert"),
    ("stopped", "stop"), ("broken", "broken"), ("lost", "lost"),
)  # fmt: skip


def percentile(values: "array[float]", share: float) -> float | None:
    """The value below which `share` percent lie (nearest rank); None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


class Score:
    """The results of a run by class. expect: prepared, bare or monitor (what kind of gate answers)."""

    def __init__(self, mix: Mix, expect: str = "prepared") -> None:
        self._mix = {one.id: one for one in mix.classes}
        self._expect = expect
        self.by_class: dict[str, ClassResult] = {one.id: ClassResult(one.id) for one in mix.classes}
        self.mistakes: deque[Outcome] = deque(maxlen=20)

    def sent(self, call: PlannedCall) -> None:
        """Count a call that was sent."""
        self.by_class[call.klass].sent += 1

    def ended(self, outcome: Outcome) -> None:
        """Count how a call ended, and whether that was right."""
        result = self.by_class[outcome.call.klass]
        result.verdicts[outcome.verdict] += 1
        if outcome.verdict != "lost":
            result.latency.append(outcome.seconds)
            if outcome.verdict not in right_answers(self._mix[outcome.call.klass], self._expect):
                result.wrong += 1
                self.mistakes.append(outcome)

    @property
    def total(self) -> ClassResult:
        """All classes together."""
        whole = ClassResult("all")
        for one in self.by_class.values():
            whole.sent += one.sent
            whole.verdicts.update(one.verdicts)
            whole.wrong += one.wrong
            whole.latency.extend(one.latency)
        return whole

    @property
    def is_good(self) -> bool:
        """Calls were sent, none was lost, every answer was right."""
        whole = self.total
        return whole.sent > 0 and not whole.wrong and not whole.verdicts["lost"]


def right_answers(one: TrafficClass, expect: str) -> frozenset[str]:
    """The verdicts that are right for a class: at a prepared, a bare or a monitoring gate."""
    if expect == "monitor":
        return frozenset({"pass"})
    return one.bare if expect == "bare" else one.right


class Drive:
    """Sends planned calls over UDP sockets and collects the outcomes; call `step` until it returns False."""

    def __init__(
        self,
        calls: Iterator[PlannedCall],
        targets: Mapping[str, tuple[str, int]],
        score: Score,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls, self._score, self._clock = calls, score, clock
        self._sockets = {trunk: _connected(target) for trunk, target in targets.items()}
        addresses = {trunk: one.getsockname()[:2] for trunk, one in self._sockets.items()}
        self.client = Client(addresses, dict(targets), f"{time.time_ns():x}")
        self._selector = selectors.DefaultSelector()
        for one in self._sockets.values():
            self._selector.register(one, selectors.EVENT_READ)
        self._start, self._last = clock(), 0.0
        self._next = self._take()
        self.refused = 0
        self.sent = 0

    def _take(self) -> PlannedCall | None:
        return next((call for call in self._calls if call.trunk in self._sockets), None)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def step(self, patience: float) -> bool:
        """Work for about `patience` seconds: send what is due, read answers. False when the run is over."""
        until = self._clock() + patience
        while True:
            now = self._clock()
            self._send_due(now)
            self._repeat(now)
            if self._is_over(now):
                return False
            if now >= until:
                return True
            self._read(min(until, self._wake(now)) - now)

    def close(self) -> None:
        """Give up what is open and close the sockets."""
        for outcome in self.client.give_up(self._clock()):
            self._score.ended(outcome)
        self._selector.close()
        for one in self._sockets.values():
            one.close()

    def _send_due(self, now: float) -> None:
        while self._next is not None and self._start + self._next.at <= now:
            call, self._next = self._next, self._take()
            self._score.sent(call)
            self.sent += 1
            self._last = now
            self._put(call.trunk, self.client.start(call, now))

    def _repeat(self, now: float) -> None:
        again, lost = self.client.tick(now)
        for trunk, packet in again:
            self._put(trunk, packet)
        for outcome in lost:
            self._score.ended(outcome)

    def _is_over(self, now: float) -> bool:
        return self._next is None and (not self.client.pending or now - self._last >= LINGER)

    def _wake(self, now: float) -> float:
        return min(now + 0.05, self._start + self._next.at if self._next else now + 0.05)

    def _put(self, trunk: str, packet: bytes) -> None:
        try:
            self._sockets[trunk].send(packet)
        except ConnectionRefusedError:  # the ICMP answer to an earlier packet: nobody listens there
            self.refused += 1
        except BlockingIOError:
            pass  # full socket buffer: timer A sends it again

    def _read(self, patience: float) -> None:
        for key, _ in self._selector.select(max(0.0, patience)):
            line: socket.socket = key.fileobj  # type: ignore[assignment]
            for data, age in _datagrams(line, self):
                outcome, ack = self.client.receive(data, self._clock() - age)
                if ack:
                    line.send(ack)
                if outcome is not None:
                    self._score.ended(outcome)


def _datagrams(line: socket.socket, drive: Drive) -> Iterator[tuple[bytes, float]]:
    """What has arrived, each with the seconds it lay in the socket: drawing the view must not look like a slow gate."""
    for _ in range(256):
        try:
            data, notes, _, _ = line.recvmsg(65_535, 64)
            yield data, _age(notes)
        except ConnectionRefusedError:
            drive.refused += 1
        except BlockingIOError:
            return


def _age(notes: list[tuple[int, int, bytes]]) -> float:
    for level, kind, value in notes:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMP and len(value) >= 16:
            seconds, micros = struct.unpack_from("qq", value)
            age: float = time.time() - seconds - micros / 1e6
            return min(max(0.0, age), 1.0)
    return 0.0


def _connected(target: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if sys.platform == "linux":
        one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
    one.setblocking(False)
    one.connect(target)
    return one


def loopback(text: str) -> tuple[str, int]:
    """Read 'udp:HOST:PORT'; TosqauylError for anything that is not a loopback address."""
    scheme, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    host = {"localhost": "127.0.0.1"}.get(host, host.strip("[]"))
    if scheme != "udp" or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise TosqauylError("an address like udp:127.0.0.1:5060 is needed", text)
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise TosqauylError(
            "traffic is sent to loopback addresses only",
            text,
            "run it on the machine of the gate: --to udp:127.0.0.1:5060",
        )
    return host, int(port)
