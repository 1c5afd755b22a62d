"""What a back-test costs: time, processor time, memory and calls a second of the full shipped policy. Prints Markdown.

    python bench/backtest.py [--calls DIR | --count 66_900_000] [--derive] [--check 1_000_000]

--calls: a ledger that is there; else `--count` calls of a year are generated in a temporary folder. The policy is tried in three
ways: as a gate with --enforce would run it, compared with what was recorded; the same compared with a gate that stops nobody, so
that every stopped call is newly stopped; and one rule alone. --derive: times the pass that counts rates, on a copy of links that
is thrown away (run it with the compiled package; the first line says which it is). --check: holds the verdicts of so many calls
against the gate's Python, row by row.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tosqauyl.facts import FACTS, UNKNOWN_CALL, Call
from tosqauyl.ledger.backtesting.judge import Judge, judge_of
from tosqauyl.ledger.backtesting.reads import reads_of
from tosqauyl.ledger.backtesting.rows import row_decisions
from tosqauyl.ledger.engine import connect, parquet_of, table_sql
from tosqauyl.ledger.manifest import File, read_manifest
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.tree import facts_of
from tosqauyl.screen.decision import decide
from tosqauyl.state import rates as counted

WRITTEN = """
[policy]
name = "nothing"
dated = 2026-01-01
[[rule]]
id = "nothing"
when = "FALSE"
verdict = "pass"
reason = "custom"
class = "deterministic"
tier = "allow"
mode = "enforce"
law = "none"
why_mode = "to compare with a gate that stops nobody"
[rule.text]
kk = "-"
ru = "-"
en = "-"
"""
"""A policy that stops nobody: compared with it every call that is stopped is newly stopped."""


class Cost(NamedTuple):
    """Seconds on the clock, seconds of processors, peak memory in MB."""

    seconds: float
    cpu: float
    memory: float


def timed(*arguments: str) -> Cost:
    """Run a command of tosqauyl in a process of its own."""
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", "tosqauyl", *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"tosqauyl {arguments[0]} failed with {process.returncode}")
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def line(what: str, cost: Cost, calls: int) -> str:
    """One row of the table."""
    speed = f"{calls / cost.seconds:,.0f}"
    return f"| {what} | {calls:,} | {cost.seconds:.1f} | {cost.cpu:.1f} | {cost.memory:,.0f} | {speed} |"


def backtests(ledger: Path, scratch: Path, calls: int) -> Iterator[str]:
    """The rows of the table for the ways a policy is tried."""
    nothing = scratch / "nothing.toml"
    nothing.write_text(WRITTEN, encoding="utf-8")
    common = ("backtest", "kz-border", "--calls", str(ledger), "--json")
    yield line("with --enforce, against what was recorded", timed(*common), calls)
    yield line("with --enforce, against nothing at all", timed(*common, "--against", str(nothing)), calls)
    alone = (*common, "--against", "kz-border", "--rule", "kz-mobile-unknown")
    yield line("one rule, against the policy as written", timed(*alone), calls)


@contextmanager
def linked(ledger: Path) -> Iterator[Path]:
    """A copy of a ledger, made of links to its files, beside it; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=ledger.parent) as name:
        copy = Path(name)
        for one in read_manifest(ledger).files:
            (copy / one.path).parent.mkdir(parents=True, exist_ok=True)
            os.link(ledger / one.path, copy / one.path)
        (copy / "manifest.json").write_bytes((ledger / "manifest.json").read_bytes())
        yield copy


def python_decisions(judge: Judge) -> tuple[list[str], list[int]]:
    """The facts that the policy reads, and their places in a call."""
    names = sorted({name for rule in judge.rules for name in facts_of(rule.condition)})
    places = list(FACTS)
    return names, [places.index(name) for name in names]


def check(ledger: Path, wanted: int) -> str:
    """Judge some calls by SQL and by Python; what came of it. Raises SystemExit where they differ."""
    files, rows = sample(ledger, wanted)
    judge = judge_of(load_shipped(), (), datetime.now(UTC).date())
    names, places = python_decisions(judge)
    con = connect(spill=ledger)
    con.execute(f"CREATE TEMP VIEW calls AS {table_sql('calls', files, parquet_of(ledger))}")
    hits, masks, checked = judge.policy.hits, {}, 0
    call = list(UNKNOWN_CALL)
    for told, mask, decision in row_decisions(con, reads_of((judge,), False, False), names):
        for place, value in zip(places, told, strict=True):
            call[place] = value
        expected = hits(Call._make(call))
        if expected not in masks:
            masks[expected] = decide(expected, judge.rules, judge.modes).row
        if masks[expected] != decision.row:
            raise SystemExit(f"Python and SQL differ: {expected} and {mask} of {dict(zip(names, told, strict=True))}")
        checked += 1
    con.close()
    return f"{checked:,} of {rows:,} calls judged by Python and by SQL alike; {len(masks)} different sets of rules hit."


def sample(ledger: Path, wanted: int) -> tuple[list[File], int]:
    """Files over the whole time with at least so many calls, and the calls of the ledger."""
    files = list(read_manifest(ledger).of("calls"))
    rows = sum(one.rows for one in files)
    return files[:: max(1, int(0.8 * rows / max(1, wanted)))], rows  # days differ in size


def whole(text: str) -> int:
    """A whole number; _ and , may part its thousands."""
    return int(text.replace(",", ""))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", metavar="DIR", type=Path, help="a ledger that is there")
    parser.add_argument("--count", metavar="N", type=whole, default=1_000_000, help="calls to generate without --calls")
    parser.add_argument("--derive", action="store_true", help="time the pass that counts rates as well")
    parser.add_argument("--check", metavar="N", type=whole, default=0, help="hold so many verdicts against Python")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        ledger = options.calls or scratch / "ledger"
        if options.calls is None:
            timed("calls", "generate", "--count", str(options.count), "--out", str(ledger))
        calls = read_manifest(ledger).rows("calls")
        print(
            f"Rates {'compiled' if counted.__file__.endswith('.so') else 'in plain Python'}, {os.cpu_count()} cores.\n"
        )
        print("| what | calls | seconds | of processors | MB at most | calls a second |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
        for row in backtests(ledger, scratch, calls):
            print(row, flush=True)
        if options.derive:
            with linked(ledger) as copy:
                print(line("rates derived", timed("calls", "derive", "--calls", str(copy)), calls), flush=True)
                judged = timed("backtest", "kz-border", "--calls", str(copy), "--json")
                print(line("with --enforce, rates derived", judged, calls), flush=True)
                print(f"\n{check(copy, options.check)}" * bool(options.check))
        elif options.check:
            print(f"\n{check(ledger, options.check)}")


if __name__ == "__main__":
    main()
