"""Counts by hour beside the files of calls: the same figures as from the rows, whatever has counts and whatever has not."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tosqauyl.ledger import merge
from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS
from tosqauyl.ledger.displacement import displacement, went_live
from tosqauyl.ledger.engine import DuckEngine, Means, connect, parquet_of, table_sql
from tosqauyl.ledger.hours import counts_of
from tosqauyl.ledger.keep import erase
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.merge import count_hours
from tosqauyl.ledger.statistics import breakdown, coverage, figure
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days

WINDOW = window_of_days(date(2025, 1, 1), date(2025, 1, 3))
NUMBER = "+77010000001"


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MANY", 1)


def rows(seed: int, count: int = 300) -> list[dict[str, Any]]:
    """Calls of some days around the window, one of them with a clock that tells nothing."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        verdict = dice.choice(("stop", "pass", "mark"))
        found.append({
            "at": WINDOW.first + dice.uniform(-90_000, 300_000), "verdict": verdict, "reason": dice.choice(("none", "bulk")),
            "rule": dice.choice(("", "r1", "r2")), "would_verdict": dice.choice(("stop", "pass")), "would_reason": "bulk",
            "would_rule": dice.choice(("r1", "r3")), "trunk": dice.choice(("t1", "t2")), "carrier": dice.choice(("a", "b", "")),
            "caller": dice.choice((NUMBER, "+442079460000")), "called": f"t:{dice.randrange(9)}",
            "caller_country": dice.choice(("KZ", "GB", "")), "caller_operator": dice.choice(("kcell", "")),
            "caller_kind": dice.choice(("mobile", "short", "foreign", "reserve")), "listed": "none",
        })  # fmt: skip
    found[0]["at"] = math.inf
    return found


def put(store: Store, seed: int) -> None:
    """One more batch: a file for each day."""
    given, con = rows(seed), connect(Means(threads=1))
    con.register("given", pa.Table.from_pylist(given))
    store.write(con, "SELECT * FROM given", Batch("calls", f"gate:{seed % 2}", str(seed), frozenset(given[0])))
    con.close()


def told(engine: DuckEngine) -> Iterator[tuple[str, Any]]:
    """Every figure and breakdown of the window, but for the revision and the query."""
    known = coverage(engine, WINDOW)
    yield "coverage", known
    yield "displacement", replace(displacement(engine, date(2025, 1, 2), 1, WINDOW.zone), revision="")
    yield "went live", went_live(engine, "r1", WINDOW)
    for one in DEFINITIONS.values():
        yield one.slug, figure(engine, one, WINDOW, known).value
        for by in ("day", "hour", "rule", "carrier"):
            if not (one.per and DIMENSIONS[by].is_time):
                yield f"{one.slug} by {by}", breakdown(engine, one, WINDOW, by, covered=known).rows


def none_counted(store: Store) -> None:
    """No file has counts."""


def some_counted(store: Store) -> None:
    """A file has counts, the others have not."""
    assert count_hours(store, 1) == 1


def all_counted(store: Store) -> None:
    """Every file has counts."""
    assert count_hours(store) == len(list(store.manifest().of("calls")))
    assert count_hours(store) == 0


@pytest.mark.parametrize("state", [none_counted, some_counted, all_counted])
def test_figures_are_the_same_from_counts_and_from_rows(tmp_path: Path, state: Callable[[Store], None]) -> None:
    store = Store(tmp_path)
    for seed in range(3):
        put(store, seed)
    state(store)
    quick, slow = DuckEngine(store, means=Means(threads=1)), DuckEngine(store, means=Means(threads=1))
    slow.has_hours = False  # type: ignore[misc]
    assert dict(told(quick)) == dict(told(slow))
    assert quick.rows("SELECT sum(attempts) FROM hours") == slow.rows("SELECT count(*) FROM calls") == [(900,)]


def test_what_is_in_no_file_yet_is_counted_with_the_rest(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Store(tmp_path / "other")
    put(store, 1)
    all_counted(store)
    put(other, 2)
    live = table_sql("calls", other.manifest().of("calls"), parquet_of(other.folder))
    engine = DuckEngine(store, means=Means(threads=1), live=[live])
    assert engine.rows("SELECT sum(attempts) FROM hours") == engine.rows("SELECT count(*) FROM calls") == [(600,)]


def test_a_merged_file_has_the_counts_of_its_parts_added_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in range(3):
        put(store, seed)
    all_counted(store)
    before = dict(told(DuckEngine(store, means=Means(threads=1))))
    assert sum(done.before for done in merge.merge(store, 2e9)) > 3
    files = list(store.manifest().of("calls"))
    assert all(counts_of(store.folder, one).exists() for one in files)
    added = DuckEngine(store, means=Means(threads=1))
    assert dict(told(added)) == before
    everything = "SELECT * FROM hours ORDER BY ALL"
    found = added.rows(everything)
    for one in files:
        counts_of(store.folder, one).unlink()
    assert found == DuckEngine(store, means=Means(threads=1)).rows(everything)


def test_a_file_merged_of_some_that_have_no_counts_is_counted_by_its_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in range(3):
        put(store, seed)
    some_counted(store)
    assert sum(done.before for done in merge.merge(store, 2e9)) > 3
    engine = DuckEngine(store, means=Means(threads=1))
    assert engine.rows("SELECT sum(attempts) FROM hours") == [(900,)]


def test_counts_go_with_their_file_and_a_changed_file_is_counted_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, 1)
    all_counted(store)
    before = {counts_of(store.folder, one) for one in store.manifest().of("calls")}
    assert erase(store, NUMBER).calls
    kept = {counts_of(store.folder, one) for one in store.manifest().of("calls")}
    assert {path for path in before if path.exists()} == before & kept
    count_hours(store)
    engine = DuckEngine(store, means=Means(threads=1))
    assert engine.rows("SELECT sum(attempts) FROM hours") == [(300,)]


def test_a_zone_whose_midnight_is_within_an_hour_is_counted_by_rows() -> None:
    india = window_of_days(date(2025, 1, 1), date(2025, 1, 2), "Asia/Kolkata")
    assert WINDOW.is_of_whole_hours
    assert not india.is_of_whole_hours
