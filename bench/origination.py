"""How many questions a second a ledger node answers on one core, and how long they take; mutual TLS on.

    .venv/bin/python bench/origination.py [--seconds 10] [--rate 5000] [--connections 256] [--no 0.1]

The node runs as `tosqauyl origination serve` would run it, on core 0; the load generator, another process, on core 1: questions at
a fixed rate over kept connections, a share of them about calls that nobody made (`no`). The latency of a `no` is counted beyond the
grace that every `no` waits. A question that could not be sent in time counts from when it should have been sent. Prints
Markdown; exit code 1 where 5,000 questions/s or 10 ms (p99) are missed.
"""

import argparse
import asyncio
import gc
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "tests" / folder) for folder in ("networks", "gate")]

from origination_node import CALLED, CALLER, Operators  # noqa: E402 - found through the line above

from tosqauyl.networks.origination.client import Connections, ReportClient, status_of  # noqa: E402

WANTED_RATE, WANTED_P99 = 5_000, 0.010
CALLS = 512
"""Different calls that are asked about."""
NODE = "before_seconds = 1\nskew_ms = 500\nttl_seconds = 30\n[limits]\nquestions_per_second = 1000000\n"
"""A node that may deny after two seconds; questions look fifteen seconds back all the same."""


class Wire:
    """One kept connection that speaks just enough HTTP, so that the generator is cheaper than what it measures."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, body: bytes) -> str:
        """The state that is answered."""
        head = (
            "POST /v1/origination/questions HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        size = int(answered.lower().split(b"content-length:")[1].split(b"\r")[0])
        found = await self._reader.readexactly(size)
        if b" 200 " not in answered[:15]:
            raise SystemExit(f"the node answered {answered[:15]!r} {found!r}")
        return str(json.loads(found)["state"])


async def load(operators: Operators, port: int, wanted: argparse.Namespace, node: int) -> dict[str, object]:
    """Ask at the wanted rate for the wanted seconds; latencies by state."""
    context = operators.gate("beeline").context()
    backend = operators.backend("beeline", "kcell", (f"https://127.0.0.2:{port}",))
    async with operators.reporting("kcell", port) as switch:
        await _in_sync(operators, port)
        free = asyncio.LifoQueue[Wire]()
        for _ in range(wanted.connections):
            free.put_nowait(await _connect(port, context))
        latencies: dict[str, list[float]] = {"yes": [], "no": [], "unknown": []}
        tasks: set[asyncio.Task[None]] = set()
        _report(switch)
        await switch.flush()
        every = max(1, round(1 / wanted.no)) if wanted.no else 0
        gc.freeze()
        began, worked, driven = time.monotonic(), cpu_seconds(node), time.process_time()

        async def one(due: float, body: bytes) -> None:
            connection = await free.get()
            state = await connection.ask(body)
            free.put_nowait(connection)
            latencies[state].append(time.monotonic() - due - (operators.grace if state == "no" else 0.0))

        for index in range(int(wanted.rate * wanted.seconds)):
            due = began + index / wanted.rate
            if (wait := due - time.monotonic()) > 0.0005:
                await asyncio.sleep(wait)
            if index % (wanted.rate * 8) == wanted.rate * 8 - 1:
                _report(switch)  # goes in the background, as a switch's reports do
            denied = every and index % every == every - 1
            body = backend.question(CALLER, CALLER if denied else _called(index % CALLS), time.time())
            task = asyncio.ensure_future(one(due, body))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        ended = time.monotonic() - began - (operators.grace if wanted.no else 0.0)
        worked, driven = cpu_seconds(node) - worked, time.process_time() - driven
        await backend.close()
        return {"seconds": max(ended, wanted.seconds), "latencies": latencies, "node": worked, "generator": driven}


async def _in_sync(operators: Operators, port: int) -> None:
    """Wait until the node denies calls."""
    connections = Connections((f"https://127.0.0.2:{port}",), operators.gate("beeline"))
    while (await status_of(connections, connections.urls[0])).why:
        await asyncio.sleep(0.1)
    await connections.close()


def _called(index: int) -> str:
    return f"{CALLED[:-4]}{index:04d}"


def _report(switch: ReportClient) -> None:
    now = time.time()
    for index in range(CALLS):
        switch.report(f"bench-{now}-{index}", CALLER, _called(index), now)


async def _connect(port: int, context: ssl.SSLContext) -> Wire:
    return Wire(*await asyncio.open_connection("127.0.0.2", port, ssl=context))


def percentile(values: list[float], share: float) -> float:
    """The value that this share is not above, seconds; 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def cpu_seconds(process: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pinned(core: int) -> None:
    """Run this process on one core, where the machine has so many."""
    if core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {core})


def tell(found: dict[str, object], wanted: argparse.Namespace) -> int:
    """Print Markdown; 1 where a target is missed."""
    latencies: dict[str, list[float]] = found["latencies"]  # type: ignore[assignment]
    done = sum(map(len, latencies.values()))
    rate = done / float(found["seconds"])  # type: ignore[arg-type]
    everything = [value for values in latencies.values() for value in values]
    print(f"Asked {wanted.rate}/s for {wanted.seconds} s over {wanted.connections} connections with mutual TLS:\n")
    print("| answer | questions | p50 ms | p99 ms | worst ms |\n| --- | ---: | ---: | ---: | ---: |")
    for state, values in [*latencies.items(), ("all", everything)]:
        if values:
            shown = [f"{percentile(values, share) * 1000:.2f}" for share in (0.5, 0.99, 1.0)]
            print(f"| {state} | {len(values):,} | {' | '.join(shown)} |")
    for name in ("node", "generator"):
        share = 100 * float(found[name]) / float(found["seconds"])  # type: ignore[arg-type]
        each = 1e6 * float(found[name]) / max(done, 1)  # type: ignore[arg-type]
        print(f"\n{name}: {share:.0f}% of its core, {each:.0f} us a question")
    p99 = percentile(everything, 0.99)
    reached = rate >= WANTED_RATE * 0.99 and p99 <= WANTED_P99
    print(f"\n{rate:,.0f} questions/s, p99 {p99 * 1000:.2f} ms beyond the grace: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


def main() -> int:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=WANTED_RATE)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--no", type=float, default=0.1, help="share of questions whose answer is no")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        operators = Operators(Path(folder))
        config = operators.write_config("kcell", NODE)
        command = [sys.executable, str(Path(__file__).resolve()), "--node", str(config)]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert node.stdout
            port = int(node.stdout.readline().split()[1].rpartition(":")[2])
            pinned(1)
            found = asyncio.run(load(operators, port, wanted, node.pid))
            return tell(found, wanted)
        finally:
            node.terminate()
            node.wait(10)


def serve_node(config: str) -> int:
    """The other process: the node, on its core."""
    from tosqauyl.cli.origination import run

    pinned(0)
    return run(argparse.Namespace(config=config))


if __name__ == "__main__":
    sys.exit(serve_node(sys.argv[2]) if sys.argv[1:2] == ["--node"] else main())
