"""Every Kazakh mobile from abroad is asked about: calls a second through the gate, with a home network that takes its time.

usage: networks.py [--rate 2000] [--seconds 20] [--reply-ms 20] [--down]

Core 0 runs the gate (full shipped policy enforced, journal on), core 1 the load (bench/load.c) and the home network: the
CAMARA simulator that ships with the product, over real HTTP. Every call has a calling number of its own, so nothing is answered
from the cache; half of the subscribers are abroad (302) and half at home (603), and every answer is checked. With --down there is
no home network at all: every call must pass within the deadline of 300 ms and 50 ms more. Prints Markdown; fails where an answer
was lost or wrong, or the p99 is above 60 ms (--down: the longest above 350 ms).
"""

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from mixes import ABROAD, Made, invite
from server import COMMAND, Gate, build_loader, free_port, load, write_settings

from gate import machine

MOST_P99_MS, MOST_DOWN_MS = 60.0, 350.0
CODES = {
    "kcell": ("701", "702", "775", "778"),
    "beeline": ("705", "771", "776", "777"),
    "t2": ("700", "707", "708", "747"),
}
HOME = """
[[home]]
operator = "{operator}"
way = "camara"
url = "http://{place}"
in_flight = 2000
"""


WARM_SECONDS, WARM_RATE = 2, 300


def write_calls(folder: Path, count: int, down: bool) -> tuple[Path, Path, Path]:
    """The calls, each with a number of its own; others to warm up with; and the file of those abroad."""
    pick = random.Random(5)
    codes = [code for of_operator in CODES.values() for code in of_operator]
    numbers = sorted({f"+7{pick.choice(codes)}{pick.randrange(10**7):07d}" for _ in range(count)})
    pick.shuffle(numbers)
    abroad = set(numbers[: len(numbers) // 2])
    listed = folder / "abroad.txt"
    listed.write_text("\n".join(sorted(abroad)) + "\n")
    pick.shuffle(numbers)
    calls, warm = folder / "mobiles.calls", folder / "warm.calls"
    for path, part in ((warm, numbers[: WARM_SECONDS * WARM_RATE]), (calls, numbers[WARM_SECONDS * WARM_RATE :])):
        with path.open("wb") as out:
            for number in part:
                expect = "3" if down or number in abroad else "6"
                made = Made(ABROAD, number, f"+7727{pick.randrange(10**7):07d}", (), expect)
                text = invite(pick, made).encode()
                out.write(f"{ABROAD} {expect} {len(text)}\n".encode() + text)
    return calls, warm, listed


@contextlib.contextmanager
def home_network(listed: Path, reply_ms: int) -> Iterator[str]:
    """The simulator on core 1; where it answers, without the scheme."""
    words = [COMMAND[0], "roaming", "simulate", "--listen", "127.0.0.1:0", "--abroad", str(listed), "--default", "home"]
    words += ["--delay-ms", str(reply_ms)]
    process = subprocess.Popen(["taskset", "-c", "1", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        timer = threading.Timer(60, process.kill)
        timer.start()
        line = next((line for line in process.stdout if line.startswith("ready ")), "")
        timer.cancel()
        yield next(word for word in line.split() if word.startswith("http:")).removeprefix("http:")
    finally:
        process.terminate()
        process.wait(15)


def run(folder: Path, options: argparse.Namespace) -> int:
    """One run; the exit code."""
    count = WARM_SECONDS * WARM_RATE + int(options.rate * (options.seconds + 1))
    calls, warm, listed = write_calls(folder, count, options.down)
    program = build_loader(folder)
    with contextlib.ExitStack() as stack:
        if options.down:
            place = f"127.0.0.1:{free_port(kind=1)}/nobody"
        else:
            place = stack.enter_context(home_network(listed, options.reply_ms))
        homes = "".join(HOME.format(operator=operator, place=place) for operator in CODES)
        tables = f'[home_network]\nprovider = "networks"\n{homes}'
        nobody = folder / "nobody.txt"
        nobody.write_text("")
        settings = write_settings(folder / "gate", nobody, tables=tables)
        settings.write_text(settings.read_text().replace("complete = true", "complete = false"))
        gate = stack.enter_context(Gate(["--config", str(settings)], folder / "gate" / "data", core=0))
        load(program, warm, gate, core=1, seconds=WARM_SECONDS - 0.1, rate=WARM_RATE)
        before = gate.cpu_seconds()
        figures = load(program, calls, gate, core=1, seconds=options.seconds, rate=options.rate)
        figures["cpu_us"] = (gate.cpu_seconds() - before) / max(figures["answered"], 1) * 1e6
        status = gate.health()
    return report(options, figures, status)


def report(options: argparse.Namespace, figures: dict[str, float], status: dict[str, object]) -> int:
    """Print the table; 1 where a promise was broken."""
    networks, counters = status["networks"], status["counters"]
    assert isinstance(networks, dict)
    assert isinstance(counters, dict)
    what = "no home network there" if options.down else f"a reply takes {options.reply_ms} ms"
    print(f"{machine()}\n\n{options.rate:,} calls/s, {options.seconds} s, {what}\n")
    print("| calls | p50 | p99 | p99.9 | longest | lost | wrong | processor a call |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    print(
        f"| {figures['answered']:,.0f} | {figures['p50_ms']:.1f} ms | {figures['p99_ms']:.1f} ms "
        f"| {figures['p999_ms']:.1f} ms | {figures['max_ms']:.1f} ms | {figures['lost']:.0f} | {figures['wrong']:.0f} "
        f"| {figures['cpu_us']:.0f} us |\n"
    )
    for operator, desk in sorted(networks["operators"].items()):
        told = {name: count for name, count in desk["whereabouts"]["counters"].items() if count}
        print(f"{operator}: {told}")
    print({name: count for name, count in counters.items() if name.startswith(("answer_", "fault_", "not_asked"))})
    broken = figures["lost"] + figures["wrong"]
    slow = figures["max_ms"] > MOST_DOWN_MS if options.down else figures["p99_ms"] > MOST_P99_MS
    return 1 if broken or slow else 0


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rate", type=int, default=2000)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--reply-ms", type=int, default=20)
    arguments.add_argument("--down", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-networks-") as name:
        return run(Path(name), options)


if __name__ == "__main__":
    sys.exit(main())
