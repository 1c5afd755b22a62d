"""Calls for bench/publish.py: the load, and calls of single numbers every few milliseconds until their answer changes."""

import json
import os
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server import Gate

EVERY = 0.005
"""Seconds between two calls of a number."""
LOST = 2.0
"""Seconds after which a call without an answer is lost."""
_CALL_ID, _TO = re.compile(rb"\r\nCall-ID: (pub\d+)\r\n"), re.compile(rb"\r\n(To: [^\r]*)\r\n")


@dataclass(slots=True)
class Watched:
    """A number that is called until it gets an answer. at: when that came, of time.perf_counter."""

    number: str
    status: int
    at: float = 0.0
    there: threading.Event = field(default_factory=threading.Event)


class Prober(threading.Thread):
    """Calls every watched number each 5 ms from an international trunk's address, without waiting for the answer before.

    calls, lost: how many there were, and stayed without an answer for 2 s; others: answers that are neither 302 nor 603; slowest:
    seconds until an answer came.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.gate = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.2", 0))
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20
        )  # a gate that was held up answers hundreds at once
        self.socket.setblocking(False)
        self.host = f"127.0.0.2:{self.socket.getsockname()[1]}"
        self.calls = self.lost = self.others = 0
        self.slowest = 0.0
        self.ended = threading.Event()
        self._lock, self._watched = threading.Lock(), list[Watched]()
        self._sent = dict[bytes, tuple[Watched, float]]()

    def watch(self, number: str, status: int) -> Watched:
        """Call it from now on."""
        one = Watched(number, status)
        with self._lock:
            self._watched = [*self._watched, one]
        return one

    def run(self) -> None:
        """Until it is ended, and everything is answered or lost."""
        due = time.perf_counter()
        while not self.ended.is_set() or self._sent:
            for one in self._watched:
                self._call(one)
            due = max(due + EVERY, time.perf_counter())
            while select.select([self.socket], [], [], max(due - time.perf_counter(), 0))[0]:
                self._take(self.socket.recv(65_536))
            self._give_up(due - LOST)

    def _call(self, one: Watched) -> None:
        self.calls += 1
        name = f"pub{self.calls}"
        self._sent[name.encode()] = one, time.perf_counter()
        text = self._request("INVITE", one.number, name, "To: <sip:+77017654321@127.0.0.1>")
        self.socket.sendto(text, self.gate)

    def _request(self, method: str, number: str, name: str, to: str) -> bytes:
        return (
            f"{method} sip:+77017654321@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {self.host};branch=z9hG4bK{name}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{number}@{self.host}>;tag=a\r\n{to}\r\n"
            f"Call-ID: {name}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def _take(self, answer: bytes) -> None:
        status, found, to = int(answer[8:11]), _CALL_ID.search(answer), _TO.search(answer)
        if status < 200 or found is None or to is None or found[1] not in self._sent:
            return
        one, sent = self._sent.pop(found[1])
        took = time.perf_counter() - sent
        self.slowest = max(self.slowest, took)
        self.socket.sendto(self._request("ACK", one.number, found[1].decode(), to[1].decode()), self.gate)
        self.others += status not in (302, 603)
        if status == one.status and not one.at:
            one.at = time.perf_counter()
            with self._lock:
                self._watched = [other for other in self._watched if other is not one]
            one.there.set()

    def _give_up(self, before: float) -> None:
        """Calls are in the order in which they were sent."""
        while self._sent and next(iter(self._sent.values()))[1] < before:
            del self._sent[next(iter(self._sent))]
            self.lost += 1


@contextmanager
def calling(program: Path, corpus: Path, gate: Gate, rate: int) -> Iterator[dict[str, float]]:
    """The load, on core 1, as long as the block runs; its figures are there when it is over."""
    words = [program, corpus, f"127.0.0.1:{gate.port}", "seconds=100000", f"rate={rate}"]
    figures: dict[str, float] = {}
    with subprocess.Popen(["taskset", "-c", "1", *map(str, words)], stdout=subprocess.PIPE, text=True) as loader:
        try:
            time.sleep(1.0)
            yield figures
        finally:
            loader.terminate()
            figures |= json.loads(loader.communicate(timeout=30)[0])


def dropped(port: int) -> int:
    """Datagrams that the kernel threw away because the gate's socket was full (proc_net_udp)."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return sum(int(line.split()[-1]) for line in lines if line.split()[1].endswith(f":{port:04X}"))


def memory(pid: int) -> dict[str, float]:
    """MB of a process: VmRSS now, VmHWM at most."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: int(text.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")}


def children_seconds(pid: int) -> float:
    """Processor time of the children of a process that have ended: of a gate's builders."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
