"""Reloading under load: 25 million subscribers, 10,000 calls a second, snapshot after snapshot with other content.

usage: reload.py [--subscribers 25000000] [--rate 10000] [--reloads 100] [--minutes N] [--anywhere]

Core 0 runs the gate, core 1 the load (bench/load.c, every answer checked, latency from the moment each call was due). Each
reload has other numbers in the roaming file and another policy. The builder inherits the gate's core, which is the hard case;
with --anywhere gate and builder may use both cores. First the same load without a reload, then one load over all reloads.
Prints Markdown; fails where an answer was lost or wrong, a reload was refused or p99 exceeded 20 ms.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from mixes import write_corpora
from server import TOKEN, Gate, build_loader, load, write_settings
from soak import write_subscribers

from gate import machine
from tosqauyl.policy.load import shipped_text

MOST_P99_MS = 20.0
CALM_SECONDS = 10


def memory(pid: int) -> dict[str, float]:
    """MB of the process: VmRSS, RssAnon, RssFile."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: int(text.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "RssAnon", "RssFile")}


def change(folder: Path, roaming: Path, turn: int) -> None:
    """Another hundred numbers abroad, and another policy."""
    with roaming.open("a", encoding="ascii") as out:
        out.write("".join(f"+7708{turn * 100 + place:07d}\n" for place in range(100)))
    (folder / "policy.toml").write_text(shipped_text().replace('name = "kz-border"', f'name = "turn-{turn}"'))


def state(gate: Gate) -> dict[str, object]:
    """What the gate tells of reloads."""
    found = gate.health()["reload"]
    assert isinstance(found, dict)
    return found


def reload(gate: Gate, done: int) -> float:
    """Ask for a reload over HTTP and wait for its end; seconds it took."""
    began = time.monotonic()
    asked = urllib.request.Request(
        f"http://{gate.http}/v1/snapshot:reload", method="POST", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    urllib.request.urlopen(asked, timeout=10).close()
    while True:
        found = state(gate)
        if found["loads"] == done or found["last_error"]:
            break
        time.sleep(0.2)
    if found["last_error"]:
        raise SystemExit(f"refused: {found['last_error']}")
    return time.monotonic() - began


def drop_segments(data: Path) -> None:
    """Closed segments are removed early: the disk is not what is measured."""
    for old in sorted(data.rglob("*.tsv"))[:-2]:
        if ".open." not in old.name:
            old.unlink()


def all_reloads(
    gate: Gate, folder: Path, roaming: Path, count: int, minutes: float
) -> tuple[list[float], list[dict[str, float]]]:
    """Seconds of each reload, and memory after each. minutes: no other one is begun after these."""
    took, sizes = [], []
    ends = time.monotonic() + 60 * minutes
    for turn in range(1, count + 1):
        if time.monotonic() > ends:
            break
        change(folder, roaming, turn)
        took.append(reload(gate, turn))
        print(f"\r{turn} of {count} reloads, the last took {took[-1]:.0f} s", end="", file=sys.stderr, flush=True)
        sizes.append(memory(gate.process.pid))
        drop_segments(gate.data)
    print(file=sys.stderr)
    return took, sizes


def run(folder: Path, options: argparse.Namespace) -> int:
    """One run; the exit code."""
    corpora = write_corpora(folder / "corpora")
    program, roaming = build_loader(folder), folder / "subscribers.txt"
    write_subscribers(roaming, options.subscribers)
    with roaming.open("a", encoding="ascii") as out:
        out.write(corpora["roaming"].read_text())
    change(folder, roaming, 0)
    settings = write_settings(folder / "gate", roaming, top=f'policy = "{folder / "policy.toml"}"')
    core = None if options.anywhere else 0
    with Gate(["--config", str(settings)], folder / "gate" / "data", core=core, wait=300) as gate:
        start = memory(gate.process.pid)
        calm = load(program, corpora["honest"], gate, core=1, seconds=CALM_SECONDS, rate=options.rate)
        words = [program, corpora["honest"], f"127.0.0.1:{gate.port}", "seconds=100000", f"rate={options.rate}"]
        words.append(f"wrong={folder / 'wrong'}")
        loader = subprocess.Popen(["taskset", "-c", "1", *map(str, words)], stdout=subprocess.PIPE, text=True)
        try:
            took, sizes = all_reloads(gate, folder, roaming, options.reloads, options.minutes)
        finally:
            loader.terminate()
            busy = json.loads(loader.communicate(timeout=30)[0])
            if busy["wrong"]:
                print((folder / "wrong").read_text(errors="replace")[:2000], file=sys.stderr)
        counters = gate.counters()
    return report(options, (calm, busy), took, [start, *sizes], counters)


def report(
    options: argparse.Namespace,
    loads: tuple[dict[str, float], dict[str, float]],
    took: list[float],
    sizes: list[dict[str, float]],
    counters: dict[str, int],
) -> int:
    """Print the tables; 1 where a promise was broken."""
    calm, busy = loads
    print(f"{machine()}\n\n{options.subscribers:,} subscribers, {options.rate:,} calls/s, {len(took)} reloads\n")
    print(
        "| load | calls | p50 | p99 | p99.9 | longest | lost | wrong |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for name, one in (("without reloads", calm), ("during reloads", busy)):
        print(
            f"| {name} | {one['answered']:,.0f} | {one['p50_ms']:.2f} ms | {one['p99_ms']:.2f} ms | {one['p999_ms']:.2f} ms "
            f"| {one['max_ms']:.1f} ms | {one['lost']:.0f} | {one['wrong']:.0f} |"
        )
    print(f"\na reload takes {sum(took) / len(took):.1f} s ({min(took):.1f} to {max(took):.1f})")
    for name, place in (
        ("at start", 0),
        ("after the first reload", 1),
        ("half way", len(took) // 2),
        ("after the last", -1),
    ):
        size = sizes[place]
        print(
            f"{name}: {size['VmRSS']:.0f} MB resident, {size['RssAnon']:.0f} of its own, {size['RssFile']:.0f} mapped"
        )
    print("counters: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counters.items())))
    broken = busy["lost"] + busy["wrong"] + calm["lost"] + calm["wrong"]
    return 1 if broken or busy["p99_ms"] > MOST_P99_MS else 0


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--subscribers", type=int, default=25_000_000)
    arguments.add_argument("--rate", type=int, default=10_000)
    arguments.add_argument("--reloads", type=int, default=100)
    arguments.add_argument("--minutes", type=float, default=1e6)
    arguments.add_argument("--anywhere", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-reload-") as name:
        return run(Path(name), options)


if __name__ == "__main__":
    sys.exit(main())
