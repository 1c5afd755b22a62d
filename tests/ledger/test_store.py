"""A batch becomes part of a ledger whole or not at all, and what a killed writer leaves is swept away."""

import fcntl
import math
import os
from datetime import date

import duckdb
import pytest

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.engine import DuckEngine, connect
from tosqauyl.ledger.manifest import NAME, Batch
from tosqauyl.ledger.store import RETIRED_SECONDS, Store, WrongDay

NOW = 1_772_000_000.0
ROWS = f"SELECT {NOW} + n AS \"at\", 'c' || n AS call_id FROM range(5) t(n)"
BATCH = Batch("calls", "import:test", "1", frozenset({"at", "call_id"}))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "ledger")


@pytest.fixture
def con():
    with connect() as con:
        yield con


def rows(store, sql="SELECT origin, batch, line, call_id FROM calls ORDER BY line"):
    engine = DuckEngine(store)
    try:
        return engine.rows(sql)
    finally:
        engine.close()


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_batch_is_written_once(store, con):
    assert store.write(con, ROWS, BATCH) == 5
    assert store.write(con, ROWS, BATCH) == 0
    assert rows(store) == [("import:test", "1", n + 1, f"c{n}") for n in range(5)]


def test_rows_of_several_days_become_a_file_a_day(store, con):
    store.write(con, f'SELECT {NOW} + 86400 * (n % 3) AS "at", n AS call_id FROM range(7) t(n)', BATCH)
    assert [(str(one.day), one.rows) for one in store.manifest().files] == [
        ("2026-02-25", 3), ("2026-02-26", 2), ("2026-02-27", 2),
    ]  # fmt: skip


def test_nulls_become_the_unknown_value(store, con):
    columns = frozenset({"at", "call_id", "verdict", "home_age", "protected"})
    select = f'SELECT {NOW} AS "at", NULL AS call_id, NULL AS verdict, NULL AS home_age, NULL AS protected'
    store.write(con, select, Batch("calls", "import:test", "1", columns))
    assert rows(store, "SELECT call_id, verdict, home_age, protected FROM calls") == [("", "pass", -1.0, False)]


def test_rows_that_bring_their_origin_along_keep_it(store, con):
    select = f"SELECT {NOW} AS \"at\", 'a' AS call_id, 'gate:x' AS origin, 'seven' AS batch, 9 AS line"
    with store.draft() as draft:
        files = store.files_of(con, select, Batch("calls", "", "", BATCH.recorded), draft)
        store.commit(lambda state: state.with_batch(BATCH, files), draft, files)
    assert rows(store) == [("gate:x", "seven", 9, "a")]


def test_rows_of_another_day_than_was_said_are_refused(store, con):
    with pytest.raises(WrongDay, match="other days than 2026-02-24"):
        store.write(con, ROWS, BATCH, date(2026, 2, 24))
    assert store.write(con, ROWS, BATCH, date(2026, 2, 25)) == 5


@pytest.mark.parametrize(
    "select", ["SELECT", "SELECT 1 AS x", "SELECT 'x' AS \"at\", 1 AS call_id", "FROM read_csv('/no')"]
)
def test_a_select_that_fails_leaves_nothing(store, con, select):
    with pytest.raises(TosqauylError, match="import:test 1") as found:
        store.write(con, select, BATCH)
    assert isinstance(found.value.__cause__, duckdb.Error)
    assert everything(store.folder) == []
    assert store.write(con, ROWS, BATCH) == 5


def test_a_commit_that_fails_leaves_state_and_files_as_they_were(store, con):
    store.write(con, ROWS, BATCH)
    before = everything(store.folder)
    obstacle = store.folder / (NAME + ".draft")
    obstacle.mkdir()
    other = Batch("calls", "import:test", "2", BATCH.recorded)
    with pytest.raises(TosqauylError, match="cannot be written: Is a directory"):
        store.write(con, ROWS, other)
    obstacle.rmdir()
    assert everything(store.folder) == before
    assert store.write(con, ROWS, other) == 5
    assert len(rows(store)) == 10


def test_a_change_that_changes_nothing_commits_nothing(store, con):
    store.write(con, ROWS, BATCH)
    before = store.manifest(), everything(store.folder)
    with store.draft() as draft:
        files = store.files_of(con, ROWS, BATCH, draft)
        assert store.commit(lambda state: state, draft, files) == 0
    assert (store.manifest(), everything(store.folder)) == before


def test_files_that_are_to_be_gone_are_gone_with_the_commit(store, con):
    store.write(con, ROWS, BATCH)
    (old,) = store.manifest().files
    with store.draft() as draft:
        store.commit(lambda state: state.with_replaced([old], [], NOW), draft, [], gone=[old])
    assert not (store.folder / old.path).exists()


def test_what_killed_writers_left_is_swept_and_nothing_else(store, con):
    store.write(con, ROWS, BATCH)
    named = everything(store.folder)
    dead = store.folder / "drafts" / "dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "half.parquet").touch()
    stray = store.folder / "calls" / "day=2026-02-25" / "stray.parquet"
    stray.touch()  # moved to its place, and killed before the manifest named it
    with store.draft() as alive:
        (alive / "half.parquet").touch()
        assert store.sweep(NOW) == 2
        assert (alive / "half.parquet").exists()
    assert everything(store.folder) == named
    assert len(rows(store)) == 5


def test_a_draft_without_a_lock_is_swept_when_it_is_old(store):
    half = store.folder / "drafts" / "half"
    half.mkdir()
    made = half.stat().st_mtime
    assert store.sweep(made + 1) == 0
    assert store.sweep(math.inf) == 0
    assert store.sweep(made + RETIRED_SECONDS + 1) == 1


def test_the_ledger_is_for_its_owner_only(store, con):
    store.write(con, ROWS, BATCH)
    for path in [store.folder, *store.folder.glob("calls/*"), store.folder / "drafts"]:
        if path.is_dir():
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_that_cannot_be_made_is_said_to_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TosqauylError, match="cannot be used"):
        Store(tmp_path / "file" / "ledger")


def test_a_draft_that_cannot_be_made_is_said_to_be(store):
    (store.folder / "drafts").rmdir()
    (store.folder / "drafts").touch()
    with pytest.raises(TosqauylError, match="cannot be written"), store.draft():
        pass


def test_a_commit_waits_for_the_one_before(store, con):
    """The lock is held for the commit only; a writer that finds it held waits, and sees the state that the other left."""
    other = os.open(store.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    seen = []
    with store.draft() as draft:
        store.write(con, ROWS, BATCH)
        store.commit(lambda state: seen.append(state.revision) or state, draft, [])
    assert seen == [1]
