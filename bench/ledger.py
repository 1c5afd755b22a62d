"""The ledger under a gate at full speed, and under `kill -9`. `python bench/ledger.py [--seconds N] [--rate N] [--kills N]`.

A writer (core 0) makes decisions of varied calls and appends them with the gate's own journal, paced; `tosqauyl ledger take
--follow` (core 1) takes them; every ten seconds the day's dashboard is asked for over the ledger and the live tail. At the end
every row must be there once. With --kills the taking process is killed at so many random moments instead. Prints Markdown.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tosqauyl.facts import UNKNOWN_CALL, Call
from tosqauyl.journal.append import Journal, Options
from tosqauyl.journal.columns import MakeRow, row_maker
from tosqauyl.ledger.engine import DuckEngine, Means
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.take import live_sql, waiting
from tosqauyl.ledger.window import Window
from tosqauyl.tokens import Tokens

BATCH_SECONDS = 0.002
SETTLE_SECONDS = 120.0
DASHBOARD = """
SELECT floor("at" / 3600.0) AS hour, verdict, reason, carrier, sum(attempts) AS attempts FROM hours WHERE {day}
GROUP BY GROUPING SETS ((floor("at" / 3600.0), verdict, reason), (carrier), (reason))
"""
DECIDED = (
    ("pass", "none", "", "", 0, "pass", "none", ""),
    ("stop", "spoofed_mobile", "kz-mobile-home", "deterministic", 5, "pass", "none", ""),
    ("stop", "spoofed_fixed", "kz-fixed", "deterministic", 2, "pass", "none", ""),
    ("mark", "bulk", "bulk-caller", "analytic", 129, "stop", "bulk", "bulk-hard"),
)


def calls(dice: random.Random, count: int) -> list[Call]:
    """Calls that differ as those of a border do: who calls, over which trunk, how often lately."""
    return [_call(dice, number) for number in range(count)]


def _call(dice: random.Random, number: int) -> Call:
    country = dice.choice(("RU", "UZ", "TR", "AE", "DE", "GB", "US", "CN", "KG"))
    is_home = dice.random() < 0.3
    caller = (
        f"+7701{dice.randrange(10**7):07d}" if is_home else f"+{dice.randrange(20, 998)}{dice.randrange(10**8):08d}"
    )
    rates = {
        name: dice.randrange(10 ** (1 + len(name) % 4))
        for name in Call._fields
        if "_calls_" in name or "_callees_" in name
    }
    return UNKNOWN_CALL._replace(
        source=f"10.1.{number % 9}.7:5060", transport="udp", trunk=f"t{number % 14}", direction="international",
        carrier=f"carrier-{number % 12}", caller=caller, caller_source="presented", caller_form="international",
        caller_kind="mobile", caller_country="KZ" if is_home else country, caller_operator="kcell" if is_home else "",
        presented=caller, presented_form="international", presented_kind="mobile",
        presented_country="KZ" if is_home else country, presented_subscriber="home" if is_home else "unknown",
        called_form="international", called_kind="mobile", called_country="KZ",
        home_network="answered" if is_home else "not_asked", home_age=dice.randrange(10**5) / 10, sequential=1, redials=0,
        user_agent="bench", **rates,
    )  # fmt: skip


def batches(make: MakeRow, dice: random.Random, size: int) -> Iterator[list[str]]:
    """Batches of rows for ever; each call has its own Call-ID, transaction, called number and time."""
    pool = calls(dice, 4000)
    serial = 0
    while True:
        at = time.time()
        rows = []
        for _ in range(size):
            serial += 1
            call = pool[dice.randrange(4000)]._replace(
                at=at, call_id=f"{serial:x}-{dice.getrandbits(48):012x}@10.1.1.1",
                transaction=f"z9hG4bK{dice.getrandbits(64):016x} 10.1.1.1:5060", called=f"+7702{dice.randrange(10**7):07d}",
            )  # fmt: skip
            rows.append(make(call, DECIDED[dice.randrange(4)], 20.0 + dice.randrange(300) / 10, 302))
        yield rows


def write(folder: Path, options: argparse.Namespace) -> int:
    """Append rows at a rate for so many seconds, or until stopped; prints how many, and how late the last one was."""
    os.sched_setaffinity(0, {0})
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    journal = Journal(folder, time.time(), Options(rotate_bytes=options.rotate_mb << 20, keep_bytes=8 << 30))
    size = max(round(options.rate * BATCH_SECONDS), 1)
    made = batches(row_maker(Tokens(b"k" * 32).of, "p" * 12, "s" * 12), random.Random(options.seed), size)
    began, due, written, ticked = time.monotonic(), 0.0, 0, 0.0
    while going and due < options.seconds:
        if not journal.append(next(made)):
            return 1
        written += size
        due = written / options.rate
        passed = time.monotonic() - began
        if passed - ticked >= 0.2:
            ticked = passed
            journal.tick(time.time())
        if due > passed:
            time.sleep(due - passed)
    late = time.monotonic() - began - due
    journal.close()
    print(f"{written} {late:.3f}", flush=True)
    return 0


@dataclass(slots=True)
class Seen:
    """What was measured along the way. backlog: closed segments not taken, each second; live: bytes not in the ledger."""

    backlog: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    queries: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    files: int = 0


def run(folder: Path, options: argparse.Namespace) -> int:
    """Ten minutes, or as long as asked for, of decisions; exit code 1 where a promise is not kept."""
    journal, store = folder / "var" / "journal", Store(folder / "ledger")
    writer = start_writer(folder, options)
    taker = start_taker(folder)
    seen = Seen()
    began = asked = time.monotonic()
    while writer.poll() is None:
        time.sleep(1.0)
        if (journal / "id").exists():
            closed = waiting(store, journal)
            seen.backlog.append(len(closed))
            seen.live.append(
                sum(one.stat().st_size for one in [*journal.glob("*.open.tsv"), *(c.path for c in closed)])
            )
            if time.monotonic() - asked >= options.every:
                asked = time.monotonic()
                used = time.process_time()
                seen.queries.append(dashboard(store, journal))
                seen.processor.append(time.process_time() - used)
                print(f"dashboard {seen.queries[-1]:.2f} s, {seen.live[-1] / 1e6:.0f} MB live", file=sys.stderr)
    written, late = (writer.communicate()[0] or "0 0").split()
    ended = time.monotonic()
    while waiting(store, journal) and time.monotonic() - ended < SETTLE_SECONDS:
        time.sleep(0.2)
    settled, processor = time.monotonic() - ended, cpu_seconds(taker.pid)
    stop(taker, signal.SIGINT)
    seen.files = len(store.manifest().files)
    rows, once = check(store)
    report(options, seen, (int(written), rows, once), (float(late), settled, processor, ended - began))
    return 0 if int(written) == rows == once and max(seen.queries, default=0.0) < 1.0 else 1


def dashboard(store: Store, journal: Path) -> float:
    """Seconds of the day's dashboard, from nothing to its figures."""
    began = time.perf_counter()
    day = Window(time.time() // 86400 * 86400.0, time.time() // 86400 * 86400.0 + 86400.0)
    with store.draft() as draft:
        engine = DuckEngine(store, day, Means("2GB"), live=lambda state: live_sql(journal, state, draft))
        engine.rows(DASHBOARD.format(day=day.condition()))
        engine.close()
    return time.perf_counter() - began


def check(store: Store) -> tuple[int, int]:
    """Rows of the ledger, and different calls among them."""
    engine = DuckEngine(store)
    ((rows, places),) = engine.rows(
        "SELECT count(*), count(DISTINCT call_id) FROM calls WHERE line > 0 AND origin <> '' AND batch <> ''"
    )
    engine.close()
    return rows, places


def report(
    options: argparse.Namespace, seen: Seen, rows: tuple[int, int, int], times: tuple[float, float, float, float]
) -> None:
    """The figures as Markdown."""
    written, taken, once = rows
    late, settled, processor, seconds = times
    queries = sorted(seen.queries) or [0.0]
    half = len(seen.backlog) // 2
    print(f"| {seconds:.0f} s at {options.rate:,} decisions/s, segments of {options.rotate_mb} MB | |\n| --- | --- |")
    print(f"| decisions written, how late the last one | {written:,}, {late:.2f} s |")
    print(f"| rows in the ledger, different calls | {taken:,}, {once:,} |")
    print(f"| closed segments not taken: first half, second half, most | {_mean(seen.backlog[:half]):.1f}, "
          f"{_mean(seen.backlog[half:]):.1f}, {max(seen.backlog, default=0)} |")  # fmt: skip
    print(
        f"| not in the ledger, mean and most | {_mean(seen.live) / 1e6:.0f} MB, {max(seen.live, default=0) / 1e6:.0f} MB |"
    )
    print(f"| all taken after the last decision | {settled:.1f} s |")
    print(f"| processor time of taking and merging | {processor / max(seconds, 1) * 100:.0f} % of a core |")
    print(f"| files in the end | {seen.files} |")
    print(
        f"| the day's dashboard: asked, p50, p95, slowest, processor time of one | {len(queries)}, "
        f"{queries[len(queries) // 2]:.2f} s, {queries[int(len(queries) * 0.95)]:.2f} s, {queries[-1]:.2f} s, "
        f"{sum(seen.processor) / len(queries):.2f} s |"
    )


@dataclass(frozen=True, slots=True)
class Killed:
    """What was left after the kills. at_work: kills while a file was being written; left: drafts that nobody swept."""

    kills: int
    at_work: int
    written: int
    rows: int
    calls: int
    left: int

    @property
    def is_whole(self) -> bool:
        """Whether every row is there once and nothing half is left."""
        return self.written == self.rows == self.calls and not self.left


def kills(folder: Path, options: argparse.Namespace) -> Killed:
    """Kill the taking process at random moments while a gate writes, then take the rest and count."""
    dice = random.Random(options.seed)
    store = Store(folder / "ledger")
    writer = start_writer(folder, options)
    at_work = 0
    for number in range(options.kills):
        taker = start_taker(folder)
        time.sleep(dice.uniform(0.5, options.most_seconds))
        at_work += any((folder / "ledger" / "drafts").glob("*/out"))
        stop(taker, signal.SIGKILL)
        print(f"kill {number + 1} of {options.kills}, revision {store.manifest().revision}", file=sys.stderr)
    writer.terminate()
    written = int((writer.communicate()[0] or "0 0").split()[0])
    subprocess.run([*COMMAND, "take", *places(folder)], check=True, stdout=subprocess.DEVNULL)
    left = len(list((folder / "ledger" / "drafts").glob("*/lock")))
    return Killed(options.kills, at_work, written, *check(store), left)


def show_kills(found: Killed) -> int:
    """Print them as Markdown; 1 where a row is missing or twice."""
    print("| kills | while files were written | decisions written | rows | different calls | drafts left |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(f"| {found.kills} | {found.at_work} | {found.written:,} | {found.rows:,} | {found.calls:,} | {found.left} |")
    return 0 if found.is_whole else 1


COMMAND = [sys.executable, "-m", "tosqauyl", "ledger"]


def places(folder: Path) -> list[str]:
    """Options that name the folders."""
    return ["--data", str(folder / "var"), "--ledger", str(folder / "ledger")]


def start_writer(folder: Path, options: argparse.Namespace) -> "subprocess.Popen[str]":
    """The process that stands for the gate."""
    given = [f"--{name}={getattr(options, name)}" for name in ("rate", "rotate_mb", "seed")]
    command = [sys.executable, __file__, "--write", str(folder / "var" / "journal"), *given]
    seconds = options.seconds if not options.kills else 86400
    journal = folder / "var" / "journal"
    writer = subprocess.Popen([*command, f"--seconds={seconds}"], stdout=subprocess.PIPE, text=True)
    while not (journal / "id").exists() and writer.poll() is None:
        time.sleep(0.05)
    return writer


def start_taker(folder: Path) -> "subprocess.Popen[bytes]":
    """`tosqauyl ledger take --follow` on core 1."""
    log = (folder / "take.log").open("ab")
    cores = {1} if (os.cpu_count() or 1) > 1 else {0}
    return subprocess.Popen(
        [*COMMAND, "take", "--follow", *places(folder)], stderr=log,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip


def stop(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    """Send a signal and wait."""
    process.send_signal(how)
    process.wait(60)


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=int, default=30_000)
    parser.add_argument("--rotate_mb", type=int, default=32)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two dashboards")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--most_seconds", type=float, default=4.0, help="between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        return write(options.write, options)
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        return show_kills(kills(Path(folder), options)) if options.kills else run(Path(folder), options)


if __name__ == "__main__":
    sys.exit(main())
