"""The whole gate over real UDP: calls a second on one core, p50 and p99, processor time a call.

usage: gate.py [--seconds 5] [--rounds 3] [--window 128] [--rate 8000]

Core 0 runs `tosqauyl serve` with the full shipped policy enforced and the journal on; core 1 runs bench/load.c with the
border mix (bench/mixes.py). First a closed loop (how many calls a second), then an open loop at --rate (latency from the
moment each call was due). Every answer is checked; a wrong or lost one fails the run. Prints Markdown.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from mixes import write_corpora
from server import Gate, build_loader, load, write_settings


def one_round(folder: Path, name: str, **options: object) -> dict[str, float]:
    """Start a gate, warm it up for a second, load it; the figures, with processor microseconds a call and memory."""
    corpora = write_corpora(folder / "corpora")
    program = build_loader(folder)
    settings = write_settings(folder / name, corpora["roaming"])
    with Gate(["--config", str(settings)], folder / name / "data", core=0) as gate:
        load(program, corpora["border"], gate, core=1, seconds=1, window=64)
        before = gate.cpu_seconds()
        figures = load(program, corpora["border"], gate, core=1, **options)
        figures["cpu_us"] = (gate.cpu_seconds() - before) / max(figures["answered"], 1) * 1e6
        figures["resident_mb"] = gate.resident_kb() / 1024
    return figures


def machine() -> str:
    """The processor's name, for figures that mean nothing without it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return platform.platform()


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=5)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--window", type=int, default=128)
    arguments.add_argument("--rate", type=int, default=8000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-bench-") as name:
        folder = Path(name)
        closed = [
            one_round(folder, f"closed-{n}", seconds=options.seconds, window=options.window)
            for n in range(options.rounds)
        ]
        paced = one_round(folder, "paced", seconds=options.seconds, rate=options.rate)
    print(f"{machine()}\n\n| what | calls/s | p50 | p99 | p99.9 | processor a call | resident | wrong or lost |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = [(f"closed loop, window {options.window}, round {n}", one) for n, one in enumerate(closed, 1)]
    for what, one in [*rows, (f"open loop at {options.rate}/s", paced)]:
        bad = one["wrong"] + one["lost"]
        print(
            f"| {what} | {one['per_second']:,.0f} | {one['p50_ms']:.2f} ms | {one['p99_ms']:.2f} ms | {one['p999_ms']:.2f} ms "
            f"| {one['cpu_us']:.1f} us | {one['resident_mb']:.0f} MB | {bad:.0f} |"
        )
    print(f"\nmedian of the closed loop: {statistics.median(one['per_second'] for one in closed):,.0f} calls/s")
    return 1 if any(one["wrong"] + one["lost"] for one in [*closed, paced]) else 0


if __name__ == "__main__":
    sys.exit(main())
