"""Small files become big ones, and no row is lost or doubled on the way."""

from datetime import UTC, date, datetime

import pytest

from tosqauyl.ledger import merge as merging
from tosqauyl.ledger.engine import DuckEngine, connect, parquet_of
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.merge import ENOUGH, Merged, candidates, merge
from tosqauyl.ledger.store import RETIRED_SECONDS, Store

NOW = 1_772_000_000.0
DAY = datetime.fromtimestamp(NOW, UTC).date()
TODAY, TOMORROW = NOW, NOW + 86400.0
COLUMNS = frozenset({"at", "call_id", "verdict"})


def add(store, name, count=3, at=NOW, columns=COLUMNS):
    """A batch of rows, one a second, the last first."""
    others = "".join(f", 'x' AS {one}" for one in sorted(columns - {"at", "call_id"}))
    select = f"SELECT {at} + {count} - n AS \"at\", '{name}-' || n AS call_id{others} FROM range({count}) t(n)"
    con = connect()
    store.write(con, select, Batch("calls", "import:test", name, columns))
    con.close()


def rows(store):
    engine = DuckEngine(store)
    try:
        return sorted(engine.rows('SELECT origin, batch, line, "at", call_id, verdict FROM calls'))
    finally:
        engine.close()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_the_files_of_a_day_that_is_over_become_one_sorted_by_time(store):
    for number in range(3):
        add(store, f"b{number}", at=NOW - number)
    before = rows(store)
    assert list(merge(store, TOMORROW)) == [Merged(9, 3, 1)]
    assert rows(store) == before
    (one,) = store.manifest().files
    assert (one.rows, one.first, one.last, one.day) == (9, NOW - 1, NOW + 3, DAY)
    source = parquet_of(store.folder)([one])
    times = [at for (at,) in connect().execute(f'SELECT "at" FROM {source}').fetchall()]
    assert times == sorted(times)
    assert list(merge(store, TOMORROW)) == []


def test_what_was_taken_stays_taken(store):
    add(store, "a")
    add(store, "b")
    list(merge(store, TOMORROW))
    add(store, "a")
    assert len(rows(store)) == 6


def test_files_of_other_days_and_with_other_columns_stay_apart(store):
    add(store, "a")
    add(store, "b", at=NOW + 86400)
    add(store, "c", columns=COLUMNS - {"verdict"})
    before = store.manifest()
    assert list(merge(store, NOW + 10 * 86400)) == []
    assert store.manifest() == before


def test_the_day_that_is_still_going_waits_for_enough_files(store):
    for number in range(ENOUGH - 1):
        add(store, f"b{number}", 1)
    assert list(merge(store, TODAY)) == []
    add(store, "last", 1)
    assert list(merge(store, TODAY)) == [Merged(ENOUGH, ENOUGH, 1)]


def test_big_files_are_left_alone_and_merged_ones_do_not_grow_for_ever(store, monkeypatch):
    monkeypatch.setattr(merging, "BIG_ROWS", 10)
    for number, count in enumerate((5, 4, 4, 4, 4, 2)):
        add(store, f"b{number}", count, at=NOW + 100 * number)
    before = rows(store)
    assert list(merge(store, TODAY)) == [Merged(8, 2, 1)]
    assert sorted(one.rows for one in store.manifest().files) == [2, 4, 4, 5, 8]
    assert rows(store) == before


def test_a_reader_of_the_state_before_finds_its_files_for_an_hour(store):
    add(store, "a")
    add(store, "b")
    reader = DuckEngine(store)
    old = [store.folder / one.path for one in store.manifest().files]
    list(merge(store, TOMORROW))
    assert store.sweep(TOMORROW + RETIRED_SECONDS - 1) == 0
    assert reader.rows("SELECT count(*) FROM calls") == [(6,)]
    reader.close()
    assert store.sweep(TOMORROW + RETIRED_SECONDS) == 2
    assert not any(path.exists() for path in old)
    assert len(rows(store)) == 6


def test_a_merge_of_files_that_somebody_else_replaced_does_not_happen(store):
    add(store, "a")
    add(store, "b")
    files = next(candidates(store.manifest(), date(2100, 1, 1)))
    before = rows(store)
    list(merge(store, TOMORROW))
    revision = store.manifest().revision
    con = connect()
    assert merging._merge(store, con, files, TOMORROW) == Merged()
    con.close()
    assert store.manifest().revision == revision
    assert rows(store) == before
    assert store.sweep(TOMORROW) == 0


def test_two_merges_at_once_lose_and_double_nothing(store):
    for number in range(6):
        add(store, f"b{number}")
    before = rows(store)
    first, second = merge(store, TOMORROW), merge(store, TOMORROW)
    assert [*first, *second] == [Merged(18, 6, 1)]
    assert rows(store) == before
