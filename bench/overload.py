"""Twice the load that the gate can carry, and what then happens.

usage: overload.py [--seconds 75] [--times 2] [--two] [--cap 0]

Finds out in a closed loop how many calls a second the gate carries on its core. Then an open loop offers --times that for
--seconds, and a fifth of what it carries for five seconds more. Every answer's class is checked (a 503 says that the call
was not judged), resident memory is read all the while, and the time after the fall until 99 calls of 100 are again
answered within 20 ms, for half a second on end, is measured. At the end the gate's own counters say what was shed.

--two: the flood comes over one trunk, and another trunk sends 100 calls a second all the while. Its calls must be judged,
rightly and in time; its client repeats an INVITE after 500 ms, as SIP does.

--cap: overload.source_calls_per_second of the gate, as a share of what it carries (0.5: half of it); needs no second trunk.

Ends with exit code 1 if an answer was wrong, memory grew by more than 5 per cent after the first minute (answers are
kept for 32, in tables that grow once more when they are full), or the gate was not itself again within a second.
"""

import argparse
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mixes import write_corpora
from server import Gate, build_loader, load, write_settings

SHED = ("shed_analytics", "source_capped", "source_dropped", "kernel_drops")
AFTER = 5.0
"""Seconds of a fifth of the load behind the flood."""
QUIET_RATE = 100
PAUSE, SETTLED = 0.5, 60.0
"""Seconds between readings of the memory, and until the table of answered calls has grown for the last time."""


def only_from(source: str, corpus: Path, to: Path) -> Path:
    """The calls of a corpus that leave from one source address, as a corpus."""
    with corpus.open("rb") as calls, to.open("wb") as kept:
        while head := calls.readline():
            text = calls.read(int(head.split()[2]))
            if head.split()[0].decode() == source:
                kept.write(head + text)
    return to


class MemoryWatch:
    """Resident megabytes of a gate, twice a second, while the block runs."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self._over = gate, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.megabytes: list[float] = []

    def _watch(self) -> None:
        while not self._over.wait(PAUSE):
            self.megabytes.append(self._gate.resident_kb() / 1024)

    def growth(self) -> float:
        """Share by which the largest later reading exceeds that after SETTLED seconds; 0 for a shorter run."""
        settled = self.megabytes[int(SETTLED / PAUSE) :]
        return max(settled) / settled[0] - 1 if settled else 0.0

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def carried(folder: Path, program: Path, corpora: dict[str, Path]) -> float:
    """Calls a second of a gate in a closed loop."""
    settings = write_settings(folder / "carries", corpora["roaming"])
    with Gate(["--config", str(settings)], folder / "carries" / "data", core=0) as gate:
        load(program, corpora["border"], gate, core=1, seconds=1)
        return load(program, corpora["border"], gate, core=1, seconds=3, window=128)["per_second"]


def run(folder: Path, seconds: float, times: float = 2, two: bool = False, cap: float = 0) -> dict[str, object]:
    """Flood a gate; the load's figures with `carries`, `growth`, `shed`, `memory`, and with `two` the quiet trunk's."""
    corpora, program = write_corpora(folder / "corpora"), build_loader(folder)
    quiet_corpus = only_from("127.0.0.3", corpora["honest"], folder / "quiet.calls")
    carries = carried(folder, program, corpora)
    tables = f"[overload]\nsource_calls_per_second = {int(cap * carries)}\n" if cap else ""
    settings = write_settings(folder / "gate", corpora["roaming"], tables=tables)
    with Gate(["--config", str(settings)], folder / "gate" / "data", core=0) as gate:
        load(program, corpora["border"], gate, core=1, seconds=1, rate=1000)
        before = gate.counters()
        flood = {"seconds": seconds + AFTER, "rate": times * carries, "fall": seconds, "to": carries / 5, "busy": 1}
        wrong = folder / "wrong.txt"
        with MemoryWatch(gate) as memory, ThreadPoolExecutor(1) as pool:
            quiet: Future[dict[str, float]] | None = None
            if two:
                paced = {"seconds": seconds + AFTER, "rate": QUIET_RATE, "retry": 0.5, "busy": 1}
                quiet = pool.submit(load, program, quiet_corpus, gate, core=1, **paced)
            figures: dict[str, object] = dict(load(program, corpora["border"], gate, core=1, wrong=wrong, **flood))
            if quiet:
                figures["quiet"] = quiet.result()
        after = gate.counters()
    shed = {name: after.get(name, 0) - before.get(name, 0) for name in SHED}
    return figures | {"carries": carries, "growth": memory.growth(), "shed": shed, "memory": memory.megabytes}


def show(figures: dict[str, object]) -> None:
    """The figures as Markdown."""
    memory, shed, quiet = figures["memory"], figures["shed"], figures.get("quiet")
    assert isinstance(memory, list)
    assert isinstance(shed, dict)
    judged = int(str(figures["answered"])) - int(str(figures["busy"]))
    print("| what | figure |\n| --- | --- |")
    print(f"| carries, closed loop | {figures['carries']:,.0f} calls/s |")
    print(f"| offered in all | {figures['sent']:,} calls |")
    print(f"| judged | {judged:,} |")
    print(f"| answered 503 | {figures['busy']:,} |")
    print(f"| not answered | {figures['lost']:,} |")
    print(f"| wrong answers | {figures['wrong']:,} |")
    print(f"| latency of the judged: p50, p99 | {figures['p50_ms']:.0f}, {figures['p99_ms']:.0f} ms |")
    print(f"| p99 below 20 ms again after | {figures['recovered_s']} s |")
    along = ", ".join(f"{megabytes:.0f}" for megabytes in memory[:: int(10 / PAUSE)])
    print(f"| resident every 10 s, at the end | {along}, {memory[-1]:.0f} MB |")
    for name, count in shed.items():
        print(f"| counter `{name}` | {count:,} |")
    if isinstance(quiet, dict):
        for name in ("sent", "answered", "lost", "wrong", "busy", "repeated", "p50_ms", "p99_ms", "p999_ms", "max_ms"):
            print(f"| quiet trunk: {name} | {quiet[name]:,} |")


def is_good(figures: dict[str, object]) -> bool:
    """Whether the promises held: see the module's text."""
    quiet = figures.get("quiet")
    fine = (
        figures["wrong"] == 0 and float(str(figures["growth"])) <= 0.05 and 0 <= float(str(figures["recovered_s"])) <= 1
    )
    if isinstance(quiet, dict):
        fine = fine and quiet["wrong"] == quiet["lost"] == quiet["busy"] == 0
    return fine


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=75)
    arguments.add_argument("--times", type=float, default=2)
    arguments.add_argument("--two", action="store_true")
    arguments.add_argument("--cap", type=float, default=0)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-overload-") as name:
        figures = run(Path(name), options.seconds, options.times, options.two, options.cap)
    show(figures)
    return 0 if is_good(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
