"""Following an office with a million numbers under load: how soon a gate obeys, what the list costs, how long a rebuild takes.

usage: publications.py [--entries 1000000] [--rate 8000] [--publications 200] [--parts]

Core 0 runs the gate and its builder, core 1 the load (bench/load.c, every answer checked) and an office that holds answers back as
the real one does. Numbers are published one after the other and taken back; an INVITE of each is sent until the answer changes.
Then 50,001 numbers are published at once, so that the list is packed anew while calls go on. --parts: only what the parts cost
in one process. Prints Markdown; fails where an answer was lost or wrong, or p99 from publication to the gate exceeded 5 s.
"""

import argparse
import asyncio
import gzip
import os
import random
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web
from mixes import write_corpora
from server import Gate, build_loader, load, write_settings

from gate import machine
from tosqauyl.networks.office.list_text import ListReader, changes_in
from tosqauyl.screen.enrich import add_published
from tosqauyl.snapshots.published import map_published, write_published
from tosqauyl.state.published import Published

LIST = "0123456789abcdef" * 2
MOST_SECONDS = 5.0
REBUILD = 50_001
Row = tuple[str, str]


def sealed(body: bytes) -> bytes:
    """A text with its digest."""
    return body + b"end " + sha256(body).hexdigest().encode() + b"\n"


def entry(place: int) -> str:
    """A row of the list: numbers that no corpus has."""
    kind = ("block", "mark", "allow")[place % 3]
    expires = str(4_000_000_000 + place) if place % 2 else "-"
    return f"+9997{place:010d}\t{kind}\t{expires}\t0195f0a2-7c1e-7a31-9c00-{place:012x}\n"


def whole(entries: int, seq: int, more: str = "") -> bytes:
    """A list of so many entries, and some more."""
    body = (
        f"tosqauyl-list 1 {LIST} {seq} {entries + more.count(chr(10))}\n" + "".join(map(entry, range(entries))) + more
    )
    return sealed(body.encode())


class Office(threading.Thread):
    """An office over HTTP in a thread of its own. history: what was published."""

    def __init__(self, entries: int) -> None:
        super().__init__(daemon=True)
        self.entries, self.history, self.lists = entries, list[Row](), 0
        self.loop = asyncio.new_event_loop()
        self.news = asyncio.Event()
        self.port, self.is_up = 0, threading.Event()
        self.packed = gzip.compress(whole(entries, 0), 1)

    def run(self) -> None:
        """Serve until the process ends."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self.is_up.set()
        self.loop.run_forever()

    async def _start(self) -> None:
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))  # type: ignore[arg-type]
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/v1/lists/calls":
            self.lists += 1
            headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
            return web.Response(body=self.packed, headers=headers)
        after = int(request.query["after"])
        if request.query["list"] != LIST or after > len(self.history):
            return web.Response(status=409)
        if after == len(self.history):
            news = self.news
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), float(request.query["wait"]))
        rows = self.history[after : after + 10_000]
        body = f"tosqauyl-changes 1 {LIST} {after} {after + len(rows)}\n" + "".join(
            f"{seq}\t{number}\t{listing}\t-\tbench\n" for seq, (number, listing) in enumerate(rows, after + 1)
        )
        return web.Response(body=sealed(body.encode()), content_type="text/plain")

    def publish(self, rows: list[Row]) -> None:
        """Let changes be told, and wake who waits for them."""

        def tell() -> None:
            self.history += rows
            self.news.set()
            self.news = asyncio.Event()

        self.loop.call_soon_threadsafe(tell)


class Caller:
    """Calls the gate from an international trunk's address."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.2", 0))
        self.socket.settimeout(1.0)
        self.gate, self.serial = ("127.0.0.1", port), 0

    def status(self, number: str) -> int:
        """What a call of this number is answered; 0 where nothing came within a second."""
        self.serial += 1
        host = f"127.0.0.2:{self.socket.getsockname()[1]}"
        text = (
            f"INVITE sip:+77017654321@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bKpub{self.serial}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{number}@{host}>;tag=a\r\nTo: <sip:+77017654321@127.0.0.1>\r\n"
            f"Call-ID: pub{self.serial}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
        self.socket.sendto(text.encode(), self.gate)
        wanted = f"Call-ID: pub{self.serial}\r\n".encode()
        try:
            while wanted not in (answer := self.socket.recv(65_536)):
                pass
        except TimeoutError:
            return 0
        return int(answer[8:11])

    def until(self, number: str, status: int) -> float:
        """Seconds until calls of a number get this answer."""
        began = time.perf_counter()
        while self.status(number) != status:
            if time.perf_counter() - began > 60:
                raise SystemExit(f"the gate did not obey within a minute: {number} {status}")
            time.sleep(0.002)
        return time.perf_counter() - began


def obeying(office: Office, caller: Caller, count: int) -> list[float]:
    """Seconds from each publication, and each revocation, to the gate."""
    found: list[float] = []
    for place in range(count // 2):
        number = f"+44790{place:07d}"
        for listing, status in (("block", 603), ("none", 302)):
            time.sleep(random.random() * 0.1)
            office.publish([(number, listing)])
            found.append(caller.until(number, status))
    return found


def rebuilt(office: Office, gate: Gate) -> float:
    """Publish more than fits beside the list; seconds from then on until it is packed anew and in use."""
    before = str(gate.health()["publications"]["base_seq"])  # type: ignore[index]
    rows = [(f"+44791{place:07d}", "block") for place in range(REBUILD)]
    more = "".join(f"{number}\tblock\t-\tbench\n" for number, _ in rows)
    office.packed = gzip.compress(whole(office.entries, len(office.history) + REBUILD, more), 1)
    began = time.perf_counter()
    office.publish(rows)
    while str(gate.health()["publications"]["base_seq"]) == before:  # type: ignore[index]
        if time.perf_counter() - began > 120:
            raise SystemExit(f"no new list within two minutes: {gate.health()['publications']}")
        time.sleep(0.05)
    return time.perf_counter() - began


def loaded(work: Callable[[], Any], rate: int, *parts: Any) -> tuple[Any, dict[str, float]]:
    """Do something while the load runs; what came of it, and the load's figures. The load ends by itself, later."""
    program, corpus, gate, seconds = parts
    figures: dict[str, float] = {}
    thread = threading.Thread(
        target=lambda: figures.update(load(program, corpus, gate, core=1, seconds=seconds, rate=rate))
    )
    thread.start()
    time.sleep(1.0)
    found = work()
    thread.join()
    return found, figures


def under_load(folder: Path, entries: int, rate: int, count: int) -> int:
    """The whole gate; 1 where it was too slow or a call was lost."""
    os.sched_setaffinity(0, {1})
    office = Office(entries)
    office.start()
    office.is_up.wait()
    (folder / "token").write_text("bench")
    corpora, program = write_corpora(folder / "corpora"), build_loader(folder)
    table = f'\n[publications]\nurl = "http://127.0.0.1:{office.port}"\ntoken_file = "{folder / "token"}"\n'
    settings = write_settings(folder / "gate", corpora["roaming"], tables=table)
    with Gate(["--config", str(settings)], folder / "gate" / "data", core=0) as gate:
        began = time.perf_counter()
        while gate.health()["publications"]["entries"] != entries:  # type: ignore[index]
            time.sleep(0.05)
        first = time.perf_counter() - began
        caller = Caller(gate.port)
        common = (program, corpora["border"], gate)
        _, calm = loaded(lambda: None, rate, *common, 10)
        took, busy = loaded(lambda: obeying(office, caller, count), rate, *common, max(count * 0.075, 10))
        renewed, renewing = loaded(lambda: rebuilt(office, gate), rate, *common, 20)
        memory = gate.resident_kb() / 1024
        errors = gate.errors.read_text()
    p50, p99, most = statistics.median(took), sorted(took)[int(len(took) * 0.99)], max(took)
    print(f"{machine()}\n\n{entries:,} entries, {rate:,} calls/s\n\n| what | |\n| --- | --- |")
    print(f"| first list in use after the start | {first:.1f} s |")
    print(
        f"| publication to the gate: p50, p99, longest of {len(took)} | {p50 * 1e3:.0f}, {p99 * 1e3:.0f}, {most * 1e3:.0f} ms |"
    )
    print(f"| {REBUILD:,} changes at once: taken, fetched, packed, checked, in use | {renewed:.1f} s |")
    print(f"| resident memory of the gate | {memory:.0f} MB |")
    for name, figures in (("calm", calm), ("publishing", busy), ("list made anew", renewing)):
        shown = ", ".join(f"{key} {figures[key]:g}" for key in sorted(figures))
        print(f"| {name} | {shown} |")
    bad = sum(one.get("wrong", 0) + one.get("lost", 0) + one.get("unanswered", 0) for one in (calm, busy, renewing))
    print(errors, file=sys.stderr)
    return int(p99 > MOST_SECONDS or bad > 0)


def timed(what: str, work: Callable[[], Any], count: int = 1, unit: str = "s") -> Any:
    """Do it and print a row."""
    began = time.perf_counter()
    found = work()
    took = (time.perf_counter() - began) / count
    print(f"| {what} | {took * (1e6 if unit == 'us' else 1):.2f} {unit} |")
    return found


def parts(folder: Path, entries: int) -> None:
    """What reading, packing, mapping, applying and looking up cost in this process."""
    from microseconds import Parts, build, datagrams

    text = whole(entries, 1)
    print(f"{machine()}\n\n{entries:,} entries, {len(text) / 1e6:.0f} MB of text\n\n| what | |\n| --- | --- |")
    reader = ListReader()
    timed("read", lambda: [reader.take(text[at : at + (1 << 18)]) for at in range(0, len(text), 1 << 18)])
    listed = timed("pack", reader.finish)
    path = timed("write", lambda: write_published(folder, listed.list_id, listed.seq, listed.packed))
    print(f"| memory so far, with the text | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB |")
    found = timed(f"verify and map {path.stat().st_size / 1e6:.0f} MB", lambda: map_published(path))
    rows = "".join(f"{seq}\t+44791{seq:07d}\tblock\t-\tbench\n" for seq in range(1, 10_001))
    told = timed(
        "read a change", lambda: changes_in(sealed(f"tosqauyl-changes 1 {LIST} 0 10000\n{rows}".encode())), 10_000, "us"
    )
    published = Published()
    published.replace(found.indicators, LIST, 0, keep=False)
    timed("apply a change", lambda: published.apply(told.rows), 10_000, "us")
    numbers = [f"+9997{place * 7919 % entries:010d}" for place in range(100_000)]
    others = [f"+4479{place * 7919:08d}"[:14] for place in range(100_000)]
    timed("look up a number that is listed", lambda: [published.find(one, 0.0) for one in numbers], 100_000, "us")
    timed("look up one that is not", lambda: [published.find(one, 0.0) for one in others], 100_000, "us")
    corpora = write_corpora(folder / "corpora")
    made: Parts = build(folder / "gate", corpora["roaming"])
    calls = _calls(made, datagrams(corpora["border"], 20_000))
    for _ in range(2):
        timed(
            "add to a call's facts, not listed",
            lambda: [add_published(call, published) for call in calls],
            len(calls),
            "us",
        )
    hit = calls[0]._replace(presented=numbers[1])
    timed("add to a call's facts, listed", lambda: [add_published(hit, published) for _ in range(20_000)], 20_000, "us")


def _calls(made: Any, packets: list[Any]) -> list[Any]:
    """The facts of a corpus."""
    from tosqauyl.gate.trunks import choose
    from tosqauyl.screen.signalling import signalled
    from tosqauyl.sip.message import parse

    found = []
    for data, source in packets:
        request: Any = parse(data)
        entry: Any = choose(made.session.trunks.candidates(made.listener, source[0]), request)
        said = signalled(request, f"{source[0]}:{source[1]}", time.time())
        found.append(made.session.engine.facts(said, entry.trunk, time.monotonic()))
    return found


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--rate", type=int, default=8_000)
    arguments.add_argument("--publications", type=int, default=200)
    arguments.add_argument("--parts", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-bench-") as name:
        if options.parts:
            parts(Path(name), options.entries)
            return 0
        return under_load(Path(name), options.entries, options.rate, options.publications)


if __name__ == "__main__":
    sys.exit(main())
