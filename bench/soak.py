"""Memory: with 25 million subscribers, over millions of calls, and what the transaction table alone takes.

usage: soak.py [--calls 5000000] [--rate 35000] [--subscribers 25000000] [--table]

--calls        send this many calls and print resident memory every tenth of the way; flat means that the last half grew by
               less than 2 per cent once the transaction table is full (32 s of calls stay in it)
--rate         calls a second; the transaction table holds 32 s of them, so memory can only be compared at one rate
--subscribers  a roaming file of this many numbers, spread over the mobile codes, is loaded first
--table        measure the transaction table alone instead: 35,000 calls a second for 32 s are kept in it
"""

import argparse
import gc
import itertools
import sys
import tempfile
import time
from pathlib import Path

from mixes import MOBILE_CODES, write_corpora
from server import Gate, build_loader, load, write_settings

ENOUGH = 3_000_000  # half of them are more than the 32 s of calls that stay in the transaction table


def write_subscribers(path: Path, count: int) -> None:
    """A roaming file of `count` distinct numbers, the same for each code."""
    each = -(-count // len(MOBILE_CODES))
    step = max(10**7 // each, 1)
    with path.open("w", encoding="ascii", buffering=1 << 20) as out:
        for code in MOBILE_CODES:
            for first in range(0, each, 100_000):
                numbers = range(first, min(first + 100_000, each))
                out.write("".join(f"+7{code}{number * step % 10**7:07d}\n" for number in numbers))


def soak(
    folder: Path, calls: int, rate: int, subscribers: int
) -> tuple[float, list[tuple[int, float]], dict[str, float]]:
    """Start seconds, (calls so far, resident MB) along the way, and the last load's figures."""
    corpora = write_corpora(folder / "corpora")
    roaming = corpora["roaming"]
    mix = "border"
    if subscribers:
        # With so many abroad only the honest mix has certain answers; its own roamers are added to the file.
        known, roaming, mix = roaming, folder / "subscribers.txt", "honest"
        write_subscribers(roaming, subscribers)
        with roaming.open("a", encoding="ascii") as out:
            out.write(known.read_text())
    settings = write_settings(folder / "gate", roaming)
    # Closed segments are dropped early: the disk is not what is measured here.
    began = time.monotonic()
    with Gate(["--config", str(settings)], folder / "gate" / "data", core=0, wait=300) as gate:
        started = time.monotonic() - began
        along = [(0, gate.resident_kb() / 1024)]
        figures: dict[str, float] = {}
        program = build_loader(folder)
        for part in range(1, 11):
            figures = load(program, corpora[mix], gate, core=1, calls=max(calls // 10, 1), rate=rate)
            along.append((calls * part // 10, gate.resident_kb() / 1024))
            for old in sorted((folder / "gate" / "data").rglob("*.tsv"))[:-2]:
                if ".open." not in old.name:
                    old.unlink()
    return started, along, figures


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def table(rate: int = 35_000, seconds: int = 32) -> tuple[float, float]:
    """Feed the transaction table alone at `rate` for `seconds` and a half more; (MB it took, microseconds a put)."""
    from tosqauyl.sip.transaction import Transactions

    kept = Transactions(2 * rate * seconds)
    decision = object()
    serials = itertools.count()
    keys_made = rate // 10
    gc.collect()
    before, spent = resident_mb(), 0.0
    for tenth in range(seconds * 15):
        keys = [f"z9hG4bK-{next(serials):08x}|198.51.100.7:5060|INVITE" for _ in range(keys_made)]
        now = tenth / 10
        began = time.perf_counter()
        for key in keys:
            kept.put(key, decision, now)
        kept.expire(now)
        spent += time.perf_counter() - began
    return resident_mb() - before, spent / (seconds * 15 * keys_made) * 1e6


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--calls", type=int, default=5_000_000)
    arguments.add_argument("--rate", type=int, default=35_000)
    arguments.add_argument("--subscribers", type=int, default=0)
    arguments.add_argument("--table", action="store_true")
    options = arguments.parse_args()
    if options.table:
        megabytes, microseconds = table()
        print(f"transaction table at 35,000 calls/s, kept 32 s: {megabytes:.0f} MB, {microseconds:.2f} us a call")
        return 0
    with tempfile.TemporaryDirectory(prefix="tosqauyl-soak-") as folder:
        started, along, figures = soak(Path(folder), options.calls, options.rate, options.subscribers)
    print(f"ready after {started:.1f} s")
    for calls, megabytes in along:
        print(f"{calls:>12,} calls  {megabytes:8.1f} MB resident")
    print(figures)
    if options.calls < ENOUGH:
        print(
            f"too few calls to say whether memory is flat: the transaction table fills for 32 s, take {ENOUGH:,} or more"
        )
        return 1 if figures["wrong"] else 0
    half, end = along[len(along) // 2][1], along[-1][1]
    flat = end <= half * 1.02 + 1
    print("flat" if flat else f"GROWS: {half:.1f} MB at half way, {end:.1f} MB at the end")
    return 0 if flat and not figures["wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())
