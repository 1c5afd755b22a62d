"""How long a list of subscribers abroad takes to load, what it costs in memory, and how fast one look-up is.

    python bench/subscribers.py [--numbers 25000000] [--sorted]

The list is made first, in a temporary file (13 bytes a number), by a fixed permutation of the numbers of 19 codes.
"""

import argparse
import resource
import tempfile
import time
import timeit
from collections.abc import Iterator
from pathlib import Path

from tosqauyl.state.subscribers import Subscribers

CODES = tuple(
    str(code) for code in (*range(700, 703), *range(705, 709), 747, *range(760, 765), 771, *range(775, 779), 785)
)
STEP = 7_368_787  # coprime to 190,000,000: walks over all numbers once, scattered
CHUNK = 1 << 20


def write_list(path: Path, count: int, in_order: bool) -> None:
    """A list of `count` different numbers."""
    total = len(CODES) * 10_000_000
    step = total // count if in_order else STEP
    with path.open("w", encoding="ascii") as file:
        for start in range(0, count, 100_000):
            places = (place * step % total for place in range(start, min(start + 100_000, count)))
            file.write("".join(f"+7{CODES[place // 10_000_000]}{place % 10_000_000:07d}\n" for place in places))


def chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces."""
    with path.open("rb") as file:
        yield from iter(lambda: file.read(CHUNK), b"")


def resident(field: str) -> int:
    """MB from /proc/self/status: VmRSS (now) or VmHWM (peak)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure once and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--numbers", type=int, default=25_000_000)
    parser.add_argument("--sorted", action="store_true", help="the list is in the order of the numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roaming.txt"
        write_list(path, options.numbers, options.sorted)
        before = resident("VmRSS")
        subscribers = Subscribers(CODES, True)
        began, cpu = time.perf_counter(), time.process_time()
        found = subscribers.load(chunks(path), path.name)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    content = subscribers.hash
    hashing = time.perf_counter() - began
    hit = min(timeit.repeat(lambda: subscribers.state("+77011234567"), number=100_000, repeat=3)) * 10
    print(
        f"{found.numbers:,} numbers in {seconds:.1f} s (processor {cpu:.1f} s); "
        f"resident {resident('VmRSS')} MB (before: {before}), peak {resident('VmHWM')} MB; "
        f"abroad {subscribers.count()['abroad']:,}; one look-up {hit:.2f} us; hash {content} in {hashing * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
