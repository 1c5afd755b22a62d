"""The live view with ten gates and 5,000 decisions a second for an hour: does the office grow?

usage: live.py [--seconds 3600] [--gates 10] [--rate 5000] [--every 2]

Starts so many real gates (full shipped policy, enforced, journal on) and a loader (bench/load.c) for each, an office that watches
them (`[[gate]]`), and signs a reader in who fetches the live page's changing part every two seconds, as its script does. The
office's resident memory is read all the while: the last tenth must be no more than 5 % above what it was after a sixth of the time
(ten minutes of an hour). Closed journal segments are deleted along the way: the disk is not what is measured. Fails where the
office grew, a page was not 200 or its p95 over 300 ms, a gate was not up at the end, or the gates judged less than nine tenths of
the rate. Prints Markdown.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mixes import write_corpora
from office import Access, Client, served, sign_in
from office_asks import SIGNED, Ask
from office_store import Sqlite
from pages import let_in
from server import TOKEN, Gate, build_loader, write_settings

from gate import machine
from tosqauyl.registry.migrate import create
from tosqauyl.registry.store import Registry
from tosqauyl.registry.vault import add_key, load_vault

GROWTH = 1.05
BAR_MS = 300.0
SEGMENTS_KEPT = 2
SLACK = 3_600.0
"""Seconds that the loaders would go on for: they are ended when the time is over, however long the office took to start."""
JOURNAL = "[journal]\nrotate_mb = 16\n"


@dataclass(slots=True)
class Seen:
    """What was measured: (seconds since the start, resident KB of the office), milliseconds of each page, answers but 200."""

    memory: list[tuple[float, int]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    failed: int = 0


@contextlib.contextmanager
def gates(folder: Path, count: int, seconds: float, rate: float) -> Iterator[list[Gate]]:
    """Running gates under load; both are ended at the end."""
    corpora, program = write_corpora(folder / "corpora"), build_loader(folder)
    with contextlib.ExitStack() as stack:
        running = []
        for number in range(count):
            settings = write_settings(folder / f"gate-{number}", corpora["roaming"], tables=JOURNAL)
            running.append(stack.enter_context(Gate(["--config", str(settings)], folder / f"gate-{number}" / "data")))
        for gate in running:
            words = [
                str(program),
                str(corpora["border"]),
                f"127.0.0.1:{gate.port}",
                f"seconds={seconds}",
                f"rate={rate / count}",
            ]
            loader = stack.enter_context(subprocess.Popen(words, stdout=subprocess.DEVNULL))
            stack.callback(loader.terminate)
        yield running


def office_for(folder: Path, running: list[Gate]) -> tuple[Sqlite, str, str]:
    """An empty office in a folder: its database, further tables of its configuration, the login of a supervisor."""
    store = Sqlite(folder)
    add_key(folder / "vault.keys")
    token = folder / "gate.token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    registry = Registry(store.url, load_vault(folder / "vault.keys"), lambda: time.time_ns() // 1_000_000)
    create(registry.engine, "0" * 32, registry.clock())
    more = "".join(
        f'[[gate]]\nname = "gate-{number}"\nurl = "http://{gate.http}"\ntoken_file = "gate.token"\n'
        for number, gate in enumerate(running)
    )
    login = let_in(registry, (("supervisor", "centre"),))["supervisor"]
    registry.close()
    return store, more, login


def watch(client: Client, process: subprocess.Popen[str], running: list[Gate], options: argparse.Namespace) -> Seen:
    """Fetch the page and read the memory until the time is over."""
    seen, began, due = Seen(), time.monotonic(), 0.0
    while (passed := time.monotonic() - began) < options.seconds:
        status, took, _ = client.ask(Ask("/kk/office/live/now", None, SIGNED))
        seen.times.append(took)
        seen.failed += status != 200
        seen.memory.append((passed, resident_kb(process.pid)))
        for gate in running:
            for old in sorted(gate.data.rglob("*.tsv"))[:-SEGMENTS_KEPT]:
                old.unlink(missing_ok=True)
        due += options.every
        time.sleep(max(0.0, due - (time.monotonic() - began)))
    return seen


def resident_kb(pid: int) -> int:
    """VmRSS."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


def judged(seen: Seen, seconds: float) -> tuple[float, float]:
    """Median resident KB around a sixth of the time, and of its last tenth."""
    early = [kb for at, kb in seen.memory if seconds / 6 <= at < seconds / 6 + seconds / 10]
    late = [kb for at, kb in seen.memory if at >= seconds * 0.9]
    return statistics.median(early), statistics.median(late)


def run(folder: Path, options: argparse.Namespace) -> bool:
    """Measure; whether every bar was kept."""
    with gates(folder, options.gates, options.seconds + SLACK, options.rate) as running:
        store, more, login = office_for(folder, running)
        with served(folder, store, more) as (port, process):
            client = Client(port, Access({SIGNED: {"Cookie": sign_in(port, login)}}))
            before, began = sum(map(calls_of, running)), time.monotonic()
            seen = watch(client, process, running, options)
            rate = (sum(map(calls_of, running)) - before) / (time.monotonic() - began)
            live = json.loads(client.ask(Ask("/v1/live", None, SIGNED))[2])
    early, late = judged(seen, options.seconds)
    times, up = sorted(seen.times), sum(one["state"] == "up" for one in live["gates"])
    p95 = times[int(len(times) * 0.95)]
    print(
        f"{machine()}\n\n{options.gates} gates, {options.rate:,.0f} calls a second wanted, {options.seconds:,.0f} s\n"
    )
    print("| what | |\n| --- | ---: |")
    print(f"| decisions a second | {rate:,.0f} |\n| gates that are up at the end | {up} of {options.gates} |")
    print(f"| live page, p50 and p95 of {len(times)} | {statistics.median(times):.1f} and {p95:.1f} ms |")
    print(f"| answers but 200 | {seen.failed} |")
    print(f"| memory of the office after a sixth, in the last tenth | {early / 1024:.1f} and {late / 1024:.1f} MB |")
    print(f"| growth | {(late / early - 1) * 100:+.2f} % |", flush=True)
    return (
        late <= early * GROWTH
        and p95 <= BAR_MS
        and not seen.failed
        and up == options.gates
        and rate >= 0.9 * options.rate
    )


def calls_of(gate: Gate) -> int:
    """Calls that a gate judged so far."""
    decided = gate.health()["decided"]
    assert isinstance(decided, dict)
    return sum(decided.values())


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=3_600.0)
    arguments.add_argument("--gates", type=int, default=10)
    arguments.add_argument("--rate", type=float, default=5_000.0)
    arguments.add_argument("--every", type=float, default=2.0)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-live-") as name:
        folder = Path(name)
        return 0 if run(folder, options) else 1


if __name__ == "__main__":
    sys.exit(main())
