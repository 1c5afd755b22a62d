"""Where each microsecond of a call goes: every stage of the call path timed alone, over a recorded corpus.

usage: microseconds.py [--calls 40000] [--rounds 5]

Calls the functions that `tosqauyl serve` calls, in its order, on the INVITEs of bench/mixes.py (border mix), with a reading
of the clock between them. Of each round the middle of its slices counts, and of the rounds the best, so that what else the
machine does leaves little trace. Reading and sending are real system calls on a loopback socket, the
journal is written to a real file in batches. Then the whole session is timed on the same datagrams: what the stages do not
explain is shown as "between the stages". Prints Markdown.
"""

import argparse
import gc
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from mixes import write_corpora
from server import write_settings

from gate import machine
from tosqauyl.cli.build import session_of, snapshot_of
from tosqauyl.config.load import load_config
from tosqauyl.gate.answer import compose
from tosqauyl.gate.datagrams import Datagrams
from tosqauyl.gate.session import Session
from tosqauyl.gate.trunks import choose
from tosqauyl.journal.append import Journal, Options
from tosqauyl.journal.columns import row_maker
from tosqauyl.screen.signalling import signalled
from tosqauyl.sip.answer import destination
from tosqauyl.sip.message import Request, parse
from tosqauyl.sip.transaction import Transactions
from tosqauyl.tokens import Tokens

SLICE = 250  # calls timed together
BATCH = 64  # datagrams of a batch under load: about half of them INVITEs, half ACKs


Datagram = tuple[bytes, tuple[str, int]]
"""Bytes and the source they come from."""


@dataclass
class Parts:
    """The gate's parts, made as `tosqauyl serve` makes them."""

    session: Session
    journal: Journal
    make_row: Callable[..., str]
    listener: str
    entries: Any


def build(folder: Path, roaming: Path) -> Parts:
    """Read a real configuration and make the parts from it."""
    path = write_settings(folder, roaming)
    config = load_config(path.read_text(), str(path))
    known = snapshot_of(config)
    make_row = row_maker(Tokens(b"k" * 32).of, known.policy.hash, known.hash)
    session = session_of(config, known, Transactions(config.sip.table), make_row)
    journal = Journal(folder / "journal", time.time(), Options())
    return Parts(session, journal, make_row, config.entries[0].listener, config.entries)


def datagrams(corpus: Path, count: int) -> list[Datagram]:
    """The corpus as datagrams with their sources, serials and numbers filled in."""
    found: list[Datagram] = []
    data, place = corpus.read_bytes(), 0
    while place < len(data) and len(found) < count:
        head = re.match(rb"(\S+) (.) (\d+)\n", data[place : place + 60])
        assert head is not None
        place += head.end()
        text = data[place : place + int(head[3])]
        place += int(head[3])
        serial = len(found)
        filled = text.replace(b"~SERIAL~", b"%08x" % serial).replace(
            b"~NUMBER~", b"%08d" % (serial * 7919 % 99_999_989)
        )
        found.append((filled, (head[1].decode(), 5060)))
    return found


def acknowledgement(invite: bytes) -> bytes:
    """The ACK of an INVITE's final answer."""
    kept = [
        line
        for line in invite.split(b"\r\n\r\n")[0].split(b"\r\n")
        if re.match(rb"(?i)(via|v|from|f|to|t|call-id|i)\s*:", line)
    ]
    return b"\r\n".join(
        [b"ACK sip:gate@127.0.0.1 SIP/2.0", *kept, b"CSeq: 1 ACK", b"Max-Forwards: 70", b"Content-Length: 0", b"", b""]
    )


def system_calls(sample: list[bytes]) -> tuple[float, float]:
    """Microseconds a datagram of reading and of sending, in batches on loopback UDP, as the gate does it."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        for one in (near, far):
            one.bind(("127.0.0.1", 0))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            one.setblocking(False)
        gate, receiving, sending = Datagrams(near), list[float](), list[float]()
        for start in range(0, len(sample), BATCH):
            batch = sample[start : start + BATCH]
            for data in batch:
                far.sendto(data, near.getsockname())
            began = time.perf_counter()
            received = gate.receive()
            receiving.append((time.perf_counter() - began) / len(batch))
            replies = [(data, source) for data, (_, source) in zip(batch, received, strict=True)]
            middle = time.perf_counter()
            gate.send(replies)
            sending.append((time.perf_counter() - middle) / len(batch))
            for _ in batch:
                far.recv(65_536)
    return median(receiving) * 1e6, median(sending) * 1e6


STAGES = (
    "parse",
    "trunk",
    "transaction: look up",
    "read the headers",
    "facts: numbers, states, lists",
    "policy and decision",
    "answer",
    "transaction: keep",
    "journal row",
    "absorb the ACK",
)


def walk(parts: Parts, packets: list[Datagram], acks: list[bytes]) -> tuple[dict[str, float], list[str], list[bytes]]:
    """Microseconds of each stage, a clock reading between them; the rows and answers made on the way.

    One call goes through all its stages before the next one begins, as in the gate: timing each stage alone in a loop
    would keep its code and data in the processor's nearest cache and show half the price.
    """
    session, clock, now, wall = parts.session, time.perf_counter, time.monotonic(), time.time()
    engine, trunks, listener, make_row = session.engine, session.trunks, parts.listener, parts.make_row
    table, rows, answers = Transactions(2_000_000), list[str](), list[bytes]()
    spent = [[0.0] * len(STAGES) for _ in range(len(packets) // SLICE)]
    for number in range(len(spent) * SLICE):
        (data, source), ack = packets[number], acks[number]
        t0 = clock()
        request = parse(data)
        t1 = clock()
        assert isinstance(request, Request)
        entry = choose(trunks.candidates(listener, source[0]), request)
        assert entry is not None
        t2 = clock()
        table.get(request.key)
        t3 = clock()
        said = signalled(request, f"{source[0]}:{source[1]}", wall)
        t4 = clock()
        call = engine.facts(said, entry.trunk, now)
        t5 = clock()
        decision = engine.decide(call)
        t6 = clock()
        status, final = compose(request, decision, call, entry.profile, (source, "tag1", f"{source[0]}:{source[1]}"))
        destination(request, source)
        t7 = clock()
        table.put(request.key, decision, now)
        t8 = clock()
        row = make_row(call, decision.row, 12.3, status)
        t9 = clock()
        session.receive(ack, source, listener, now, wall)
        t10 = clock()
        marks = (t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10)
        one = spent[number // SLICE]
        for place in range(len(STAGES)):
            one[place] += marks[place + 1] - marks[place]
        rows.append(row)
        answers.append(final)
    price = clock_price()
    middle = {name: median(one[place] for one in spent) for place, name in enumerate(STAGES)}
    return {name: seconds / SLICE * 1e6 - price for name, seconds in middle.items()}, rows, answers


def clock_price() -> float:
    """Microseconds of one reading of the clock."""
    clock, count, found = time.perf_counter, 1000, list[float]()
    for _ in range(200):
        began = clock()
        for _ in range(count):
            clock()
        found.append(clock() - began)
    return median(found) / count * 1e6


def stages(parts: Parts, packets: list[Datagram]) -> dict[str, float]:
    """Microseconds a call of each stage, system calls included, in the order in which a call meets them."""
    acks = [acknowledgement(data) for data, _ in packets]
    pure, rows, answers = walk(parts, packets, acks)
    absorb = pure.pop("absorb the ACK")
    writes = list[float]()
    for start in range(0, len(rows), BATCH // 2):
        began = time.perf_counter()
        parts.journal.append(rows[start : start + BATCH // 2])
        writes.append((time.perf_counter() - began) / (BATCH // 2))
    write = median(writes) * 1e6
    return {
        "receive the INVITE (system call, batched)": system_calls([data for data, _ in packets])[0],
        **pure,
        f"journal write (system call, one for {BATCH // 2} rows)": write,
        "send the answer (system call, batched)": system_calls(answers)[1],
        "receive the ACK (system call, batched)": system_calls(acks)[0],
        "absorb the ACK": absorb,
    }


def whole(parts: Parts, packets: list[Datagram]) -> float:
    """Microseconds a call of the whole session (no system calls): INVITE and ACK."""
    session, now, wall, acks = (
        parts.session,
        time.monotonic(),
        time.time(),
        [acknowledgement(data) for data, _ in packets],
    )
    spent, began = list[float](), time.perf_counter()
    for number, ((data, source), ack) in enumerate(zip(packets, acks, strict=True), 1):
        session.receive(data, source, parts.listener, now, wall)
        session.receive(ack, source, parts.listener, now, wall)
        if number % (BATCH // 2) == 0:  # as the shell does after each batch
            session.rows = []
            session.outgoing.clear()
        if number % SLICE == 0:
            spent.append(time.perf_counter() - began)
            began = time.perf_counter()
    return median(spent) / SLICE * 1e6


def measure(calls: int, rounds: int) -> tuple[dict[str, float], float]:
    """The best of `rounds` for every stage, and for the whole session."""
    best: dict[str, float] = {}
    best_whole = float("inf")
    with tempfile.TemporaryDirectory(prefix="tosqauyl-us-") as name:
        corpora = write_corpora(Path(name) / "corpora", count=calls)
        packets = datagrams(corpora["border"], calls)
        for number in range(rounds):
            parts = build(Path(name) / f"round-{number}", corpora["roaming"])
            gc.collect()
            gc.freeze()
            gc.disable()
            for stage, spent in stages(parts, packets).items():
                best[stage] = min(spent, best.get(stage, spent))
            best_whole = min(best_whole, whole(parts, packets))
            parts.journal.close()
            gc.enable()
            gc.unfreeze()
    return best, best_whole


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--calls", type=int, default=40_000)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    best, all_together = measure(options.calls, options.rounds)
    outside = sum(spent for stage, spent in best.items() if "system call" in stage)
    between = all_together - (sum(best.values()) - outside)
    best["between the stages (loop, counters, clock)"] = between
    total = all_together + outside
    print(f"{machine()}\n\n| stage | us a call | share |\n| --- | ---: | ---: |")
    for stage, spent in best.items():
        print(f"| {stage} | {spent:.2f} | {spent / total:.0%} |")
    print(f"| **a whole call, ACK included** | **{total:.1f}** | |")
    print(
        f"\nthat is {1e6 / total:,.0f} calls/s if the core did nothing else; system calls {outside / total:.0%} of it"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
