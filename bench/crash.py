"""kill -9 under load at random moments: is every answered call in the journal, and none twice?

usage: crash.py [--rounds 50] [--seed 1]

Each round starts a gate on the same journal folder, loads it (5 per cent of the INVITEs arrive twice), kills it at a random
moment and starts the next one, which must find its way over the torn end of the last. Then: every call that got a final
answer has exactly one row; rows of calls whose answer never left (written, then killed) are counted apart: that is the
order the design wants (row first, answer second). A second run keeps one load alive through all the kills: it repeats its
unanswered INVITEs until the next gate answers, so a call whose row was written just before a kill arrives once more.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from mixes import write_corpora
from server import Gate, build_loader, journal_rows, write_settings


class Crashes(NamedTuple):
    """What the rounds showed. missing and twice must be 0; unanswered: rows whose answer did not leave before the kill."""

    rounds: int
    answered: int
    rows: int
    missing: int
    twice: int
    unanswered: int


def one_round(settings: Path, work: Path, program: Path, corpus: Path, moment: float) -> set[str]:
    """Start, load, kill after `moment` seconds of load; returns the serials that got a final answer."""
    log = work / "answered.txt"
    log.unlink(missing_ok=True)
    gate = Gate(["--config", str(settings)], work / "data")
    loader = subprocess.Popen(
        [
            str(program),
            str(corpus),
            f"127.0.0.1:{gate.port}",
            "seconds=30",
            "window=96",
            "again=5",
            "quiet=0.25",
            f"answered={log}",
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(moment)
        gate.kill()
        loader.wait(30)
    finally:
        gate.kill()
        if loader.poll() is None:
            loader.kill()
            loader.wait(10)
    return set(log.read_text().split())


def run(folder: Path, rounds: int, seed: int = 1) -> Crashes:
    """All rounds, one journal."""
    pick = random.Random(seed)
    corpora = write_corpora(folder / "corpora", count=5_000, roamers=2_000)
    settings = write_settings(folder / "gate", corpora["roaming"])
    program = build_loader(folder)
    answered: Counter[str] = Counter()
    for _ in range(rounds):
        answered.update(one_round(settings, folder / "gate", program, corpora["border"], pick.uniform(0.01, 0.4)))
    with Gate(["--config", str(settings)], folder / "gate" / "data"):
        pass  # a last clean start and stop closes what the last kill tore
    return verdict(rounds, answered, folder / "gate" / "data")


def run_restarting(folder: Path, rounds: int, seed: int = 1) -> Crashes:
    """One load that lives through all kills and repeats its unanswered INVITEs, as every SIP client does."""
    pick = random.Random(seed)
    corpora = write_corpora(folder / "corpora", count=5_000, roamers=2_000)
    work = folder / "gate"
    settings = write_settings(work, corpora["roaming"])
    gate = Gate(["--config", str(settings)], work / "data")
    log = work / "answered.txt"
    loader = subprocess.Popen(
        [str(build_loader(folder)), str(corpora["border"]), f"127.0.0.1:{gate.port}", "seconds=600", "window=96", "retry=0.2",
         "quiet=5", f"answered={log}"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(rounds):
            time.sleep(pick.uniform(0.01, 0.3))
            gate.kill()
            gate = Gate(["--config", str(settings)], work / "data")
        loader.terminate()
        loader.wait(30)
    finally:
        gate.stop()
        if loader.poll() is None:
            loader.kill()
            loader.wait(10)
    return verdict(rounds, Counter(log.read_text().split()), work / "data")


def verdict(rounds: int, answered: Counter[str], data: Path) -> Crashes:
    """Compare the serials that got an answer with the journal."""
    rows = Counter(row["call_id"].partition("-")[0] for row in journal_rows(data))
    return Crashes(
        rounds=rounds,
        answered=len(answered),
        rows=rows.total(),
        missing=sum(serial not in rows for serial in answered),
        twice=sum(count > 1 for count in rows.values()),
        unanswered=sum(serial not in answered for serial in rows),
    )


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-crash-") as folder:
        found = run(Path(folder) / "apart", options.rounds, options.seed)
        print(f"a new load for each gate: {found}")
        again = run_restarting(Path(folder) / "through", options.rounds, options.seed)
        print(f"one load through all kills: {again}")
    return 1 if found.missing or found.twice or again.missing or again.twice or not found.answered else 0


if __name__ == "__main__":
    sys.exit(main())
