"""What counting a call costs: microseconds for each `Rates.count`, and memory for a million callers within an hour.

    python bench/rates.py [--callers 1000000] [--ranges 20000] [--rate 10000]
    python bench/rates.py --errors

Run it with the compiled package (`make setup`); the first line says which it is. `busy` are a thousand callers again and
again, `new` are callers never seen before, `known` are all of them once more, in another order. --errors: how far the
estimates of different numbers are from the truth, instead.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, pstdev

from tosqauyl.state import rates as measured
from tosqauyl.state.rates import Rates, RatesOptions

STEP = 7_368_787  # a prime: walks over all numbers of the ranges, scattered
ROUNDS = 3
SEEDS = 100


def resident() -> float:
    """MB of memory that this process holds now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def callers(count: int, ranges: int) -> list[str]:
    """So many different foreign numbers, spread over so many ranges of 10,000."""
    total = ranges * 10_000
    return [f"+44{10**10 + place * STEP % total:011d}" for place in range(count)]


def seconds(count: Callable[[str, str, str, float], object], numbers: Sequence[str], rate: float, now: float) -> float:
    """Processor time to count these calls, without the time of the loop."""
    called = [f"+7701{place * STEP % 10**7:07d}" for place in range(4096)]
    spent = []
    for function in (count, lambda caller, called, trunk, now: None):
        began = time.process_time()
        for place, number in enumerate(numbers):
            function(number, called[place & 4095], "border", now + place / rate)
        spent.append(time.process_time() - began)
    return spent[0] - spent[1]


def errors() -> None:
    """Print mean and standard deviation of the estimates for so many different numbers, over a hundred seeds."""
    print(f"{'true':>7} {'caller':>15} {'range':>15} {'trunk':>17}")
    for true in (5, 10, 20, 30, 60, 90, 200, 300, 1000, 10_000):
        found: tuple[list[int], ...] = ([], [], [])
        for seed in range(SEEDS):
            rates = Rates(4, 4, 1, seed * STEP)
            for _ in range(2):  # twice, or the cap by the number of calls would make estimates look better
                for place in range(true):
                    told = rates.count("+447700900123", f"+77{(place + seed * 977) * STEP % 10**9:09d}", "border", 1.0)
            for estimates, at in zip(found, (6, 13, 20), strict=True):
                estimates.append(int(told[at]))
        print(f"{true:7,} " + " ".join(f"{mean(some):9.1f} ± {pstdev(some):5.1f}" for some in found))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--callers", type=int, default=1_000_000)
    parser.add_argument("--ranges", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=10_000.0, help="calls a second of the clock that is handed in")
    parser.add_argument("--errors", action="store_true", help="the error of the estimates instead")
    options = parser.parse_args()
    if options.errors:
        return errors()
    print("compiled" if Path(measured.__file__).suffix == ".so" else "plain Python", measured.__file__)
    numbers = callers(options.callers, options.ranges)
    busy = [numbers[place % 1000] for place in range(300_000)]
    other_order = numbers[::-1]
    limits = RatesOptions()
    before = resident()
    rates = Rates(limits.callers, limits.ranges, limits.trunks)
    idle, now, span = resident() - before, 1000.0, len(numbers) / options.rate
    print(f"{'calls':>8} {'us a call':>10} {'MB':>7} {'callers':>10} {'ranges':>7} {'evicted':>8}")
    print(f"{'idle':>8} {'':>10} {idle:7.1f} {len(rates):10,} {rates.ranges:7,} {rates.evictions:8,}")
    for name, calls in (("new", numbers), ("known", other_order), ("busy", busy)):
        best = min(
            seconds(rates.count, calls, options.rate, now + turn * span)
            for turn in range(1 if name == "new" else ROUNDS)
        )
        now += ROUNDS * span
        each = best / len(calls) * 1e6
        memory = resident() - before
        print(f"{name:>8} {each:10.3f} {memory:7.1f} {len(rates):10,} {rates.ranges:7,} {rates.evictions:8,}")


if __name__ == "__main__":
    main()
