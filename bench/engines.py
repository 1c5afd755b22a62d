"""Times of both engines of the ledger over the same files: DuckDB with two threads, Spark with two workers of one core.

    python bench/engines.py LEDGER... [--memory 4g] [--runs 1] [--only duckdb|spark] [--statistics NAME,...]
    python bench/engines.py --generate 1000000,10000000

Each LEDGER is a ledger folder (`tosqauyl calls generate`). Prints Markdown: a table for each ledger, the start of a Spark
session apart from the queries. Each engine answers one count first, which is not timed: what is told is a working session's
time. The figures of both are compared, and a difference is an error.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "tests" / "peers")]

from peer_spark import Cluster  # noqa: E402 - found through the line above

from tosqauyl.ledger.engine import DuckEngine, Engine, Means, Rows  # noqa: E402
from tosqauyl.ledger.spark import SparkMeans, spark_engine  # noqa: E402
from tosqauyl.ledger.statistics_every import all_queries  # noqa: E402
from tosqauyl.ledger.store import Store  # noqa: E402
from tosqauyl.ledger.window import Window  # noqa: E402
from tosqauyl.policy.load import load_shipped  # noqa: E402
from tosqauyl.policy.to_sql import mask_sql  # noqa: E402

MASKS = "masks of the shipped policy"
STATISTICS = ("stopped", "stopped by day", "stopped by carrier", "calls", "calling-numbers", "protected-numbers")
WARM = "SELECT count(*) FROM calls WHERE verdict = 'stop'"


def window_of(store: Store) -> Window:
    """All that the ledger has."""
    files = list(store.manifest().of("calls"))
    return Window(min(one.first for one in files), max(one.last for one in files) + 1.0)


def queries(window: Window, names: tuple[str, ...]) -> dict[str, str]:
    """The queries by name, the back-test's last."""
    known = dict(all_queries(window))
    missing = [name for name in names if name not in known]
    if missing:
        raise SystemExit(f"no such statistics: {', '.join(missing)}; there are: {', '.join(known)}")
    mask = mask_sql(load_shipped().rules)
    masks = f"SELECT {mask} AS mask, count(*) AS n FROM calls WHERE {window.condition()} GROUP BY 1 ORDER BY 1"
    return {name: known[name] for name in names} | {MASKS: masks}


def timed(engine: Engine, asked: dict[str, str], runs: int) -> dict[str, tuple[float, Rows]]:
    """Seconds (the median of the runs) and rows of each query."""
    engine.rows(WARM)
    found = {}
    for name, sql in asked.items():
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            rows = engine.rows(sql)
            seconds.append(time.perf_counter() - start)
        print(f"{engine.name}: {name}: {median(seconds):.2f} s", file=sys.stderr)
        found[name] = (median(seconds), rows)
    return found


def plain(rows: Rows) -> list[tuple[object, ...]]:
    """Rows to compare: sums of fractions differ in their last digits, for they are added in another order."""
    return sorted(
        (tuple(f"{value:.9g}" if isinstance(value, float) else value for value in row) for row in rows), key=repr
    )


@contextmanager
def duckdb(store: Store, memory: str) -> Iterator[Engine]:
    """DuckDB with the threads that Spark has cores, and the memory of both workers."""
    engine = DuckEngine(store, None, Means(f"{2 * int(memory[:-1])}{memory[-1].upper()}B", 2))
    yield engine
    engine.close()


@contextmanager
def spark(store: Store, memory: str) -> Iterator[Engine]:
    """Spark on a new cluster of two workers, each of one core and `memory`."""
    with (
        tempfile.TemporaryDirectory(prefix="spark-bench-", dir=store.folder / "drafts") as folder,
        Cluster(Path(folder), memory=memory) as cluster,
    ):
        means = SparkMeans(memory=memory, scratch=Path(folder))
        start = time.perf_counter()
        engine = spark_engine(store, None, cluster.master, means)
        print(f"spark: session: {time.perf_counter() - start:.2f} s", file=sys.stderr)
        engine.rows(WARM)
        print(f"\nSpark's session and first count: {time.perf_counter() - start:.1f} s (master and workers running).")
        yield engine
        engine.close()


ENGINES = {"duckdb": duckdb, "spark": spark}


def compare(folder: Path, options: argparse.Namespace) -> bool:
    """Time the engines over one ledger, print the table; whether their figures are the same."""
    store = Store(folder)
    state = store.manifest()
    print(f"\n### {state.rows('calls'):,} calls in {len(list(state.of('calls')))} files")
    asked = queries(window_of(store), tuple(options.statistics.split(",")))
    found = {}
    for name in [options.only] if options.only else ENGINES:
        with ENGINES[name](store, options.memory) as engine:
            found[name] = timed(engine, asked, options.runs)
    print(f"\n| query | {' | '.join(f'{name}, s' for name in found)} |\n| --- |{' ---: |' * len(found)}")
    for name in asked:
        print(f"| {name} | {' | '.join(f'{one[name][0]:.2f}' for one in found.values())} |")
    different = [name for name in asked if len({repr(plain(one[name][1])) for one in found.values()}) > 1]
    print(f"\nDifferent figures: {', '.join(different) or 'none'}." if len(found) > 1 else "")
    return not different


def generated(count: int, folder: Path) -> Path:
    """A ledger of so many calls."""
    command = [str(Path(sys.executable).parent / "tosqauyl"), "calls", "generate", "--count", str(count), "--seed", "1"]
    subprocess.run([*command, "--out", str(folder / str(count))], check=True, stdout=subprocess.DEVNULL)
    return folder / str(count)


def main() -> int:
    """Run it; 1 where the engines differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledgers", nargs="*", type=Path, metavar="LEDGER")
    parser.add_argument("--generate", default="", metavar="N,...", help="make ledgers of so many calls first")
    parser.add_argument("--memory", default="4g", help="of each worker; DuckDB gets twice that")
    parser.add_argument("--runs", type=int, default=1, help="how often each query is run; the median counts")
    parser.add_argument("--only", choices=list(ENGINES))
    parser.add_argument("--statistics", default=",".join(STATISTICS), metavar="NAME,...")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-engines-") as made:
        counts = [int(one) for one in options.generate.split(",") if one]
        ledgers = [*options.ledgers, *(generated(count, Path(made)) for count in counts)]
        if not ledgers:
            parser.error("name a ledger folder, or --generate N")
        same = [compare(folder, options) for folder in ledgers]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
