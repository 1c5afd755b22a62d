"""What feeds cost a gate: events, and a list of millions taken while a loop must stay free for calls.

    python bench/feeds.py [--numbers 5000000] [--ported 1000000]

Prints: microseconds an event; seconds and memory of a list; how much processor time a turn of the loop took at most and
at the 99.9th percentile; how long a builder takes to apply the feed, and a reload to catch up.
"""

import argparse
import asyncio
import gc
import resource
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

from tosqauyl.gate.feed_replay import apply_feeds
from tosqauyl.gate.feeds import BulkOrder, FeedOptions, Feeds
from tosqauyl.numbers.plan import load_plan
from tosqauyl.state import subscribers as planes
from tosqauyl.state.subscribers import Subscribers

CODES = ("701", "702", "775", "778")
CHUNK = 64 << 10
OPTIONS = FeedOptions(swing_percent=10**9)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--numbers", type=int, default=5_000_000)
    parser.add_argument("--ported", type=int, default=1_000_000)
    options = parser.parse_args()
    kind = "plain Python" if str(planes.__file__).endswith(".py") else "compiled"
    plan = load_plan({f"+7705{place * 9:07d}": "kcell" for place in range(options.ported)})
    known = SimpleNamespace(plan=plan, subscribers=Subscribers(plan.mobile_codes))
    with tempfile.TemporaryDirectory() as folder:
        feeds = Feeds(lambda: known, Path(folder), OPTIONS, print)
        print(f"{kind}; {options.numbers:,} numbers on the list, {options.ported:,} ported")
        print(f"event: {one_event(feeds):.1f} us")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for complete in (False, True):
            asyncio.run(one_list(feeds, options.numbers, complete))
        print(
            f"memory: {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MB more at the highest"
        )
        replays(feeds, known, Path(folder))
        feeds.close()


def one_event(feeds: Feeds) -> float:
    """Microseconds of processor time an event, in requests of a thousand."""
    requests = [[(f"+7701{place * 1000 + more:07d}", "abroad") for more in range(1000)] for place in range(50)]
    began = time.process_time()
    for request in requests:
        feeds.events("kcell", request, 0.0, 1e9)
    return (time.process_time() - began) / 50_000 * 1e6


async def one_list(feeds: Feeds, numbers: int, complete: bool) -> None:
    """Take a list while another task measures the processor time of each turn of the loop."""

    async def chunks() -> AsyncIterator[bytes]:
        lines = []
        for place in range(numbers):
            lines.append(f"+7{CODES[place & 3]}{place >> 2:07d}\n")
            if len(lines) == CHUNK // 13:
                yield "".join(lines).encode()
                lines.clear()
        yield "".join(lines).encode()

    data = [chunk async for chunk in chunks()]

    async def sent() -> AsyncIterator[bytes]:
        for chunk in data:
            yield chunk

    gc.collect()
    gc.freeze()  # as a gate does once it is up
    gaps: list[float] = []
    order = BulkOrder(complete=complete)
    wall = 1e9 if not complete else 1e9 + 3600
    began, used = time.perf_counter(), time.process_time()
    task = asyncio.ensure_future(feeds.receive_bulk("kcell", sent(), order, lambda: (wall - 1e9, wall)))
    last = time.thread_time()
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        gaps.append(now - last)
        last = now
    result, took = task.result(), time.perf_counter() - began
    gaps.sort()
    print(
        f"list, complete={complete}: {took:.1f} s, {time.process_time() - used:.1f} s of processor time, "
        f"{result.accepted:,} taken, promise {result.promise}; {len(gaps):,} turns, longest {gaps[-1] * 1000:.1f} ms, "
        f"p99.9 {gaps[int(len(gaps) * 0.999)] * 1000:.2f} ms"
    )


def replays(feeds: Feeds, known: SimpleNamespace, folder: Path) -> None:
    """A builder's work, and what a reload has left to do."""
    fresh = Subscribers(known.plan.mobile_codes)
    began = time.process_time()
    positions = apply_feeds(folder, fresh, known.plan, 1e9 + 3600, 24)
    print(f"a builder applies the feed in {(time.process_time() - began) * 1000:.0f} ms")
    feeds.events("kcell", [(f"+7701{place:07d}", "home") for place in range(1000)], 1.0, 1e9 + 3601)
    began = time.process_time()
    feeds.replay(fresh, positions)
    print(f"a reload catches up with 1,000 events in {(time.process_time() - began) * 1000:.1f} ms")
    assert fresh.hash == known.subscribers.hash


if __name__ == "__main__":
    main()
