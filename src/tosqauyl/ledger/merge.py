"""Small files of a day become big ones, sorted by time: a query opens fewer files, and skips what is of other hours.

A merge replaces files in one commit, so no row is ever missing or there twice. The old files stay for an hour for whoever reads
the state before; `Store.sweep` removes them. Files get their counts by hour (ledger/hours.py): a merged one those of its parts.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from tosqauyl.durable import sync
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import TIME, literal
from tosqauyl.ledger.engine import Means, connect, parquet_of, table_sql
from tosqauyl.ledger.hours import MANY, added_up_sql, counted_sql, counts_of
from tosqauyl.ledger.keep import replace_files, rewrite
from tosqauyl.ledger.manifest import File, Manifest
from tosqauyl.ledger.store import Store, reason

BIG_ROWS = 1_000_000
"""A file with at least half as many rows is left alone; merged ones have at most so many."""
_MEANS = Means("2GB", 1)
ENOUGH = 16
"""So many small files of a day are merged even where their rows are few."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What was merged: rows, of so many files, which are so many now."""

    rows: int = 0
    before: int = 0
    after: int = 0

    def __add__(self, other: "Merged") -> "Merged":
        """Both together."""
        return Merged(self.rows + other.rows, self.before + other.before, self.after + other.after)


def merge(store: Store, now: float, means: Means = _MEANS) -> Iterator[Merged]:
    """Merge whatever is worth it, oldest days first; yields what each commit did. now: seconds since 1970.

    Raises TosqauylError (disk full): then that merge did not happen.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    files = next(candidates(store.manifest(), today), None)
    if files is None:
        return  # no database is opened for nothing: whoever follows a journal asks again and again
    con = connect(means, store.folder)
    try:
        while files is not None:
            yield _merge(store, con, files, now)
            files = next(candidates(store.manifest(), today), None)
    except (duckdb.Error, OSError) as error:
        raise TosqauylError(f"files cannot be merged: {reason(error)}", str(store.folder)) from error
    finally:
        con.close()


def candidates(state: Manifest, today: date) -> Iterator[list[File]]:
    """Files to be made one: of the same table, day and columns. Of days that are over every small file is wanted."""
    for (_, day, _, _), files in sorted(_groups(state.files).items(), key=lambda entry: entry[0][1]):
        some: list[File] = []
        rows = 0
        for one in sorted(files, key=lambda file: (file.first, file.path)):
            if some and rows + one.rows > BIG_ROWS:
                if len(some) > 1:
                    yield some
                some, rows = [], 0
            some.append(one)
            rows += one.rows
        if len(some) >= (2 if day < today else ENOUGH):
            yield some


def _groups(files: Iterable[File]) -> dict[tuple[str, date, frozenset[str], frozenset[str]], list[File]]:
    """Small files by what they must have in common."""
    groups: dict[tuple[str, date, frozenset[str], frozenset[str]], list[File]] = {}
    for one in files:
        if one.rows < BIG_ROWS // 2:
            groups.setdefault((one.table, one.day, one.recorded, one.derived), []).append(one)
    return groups


def _merge(store: Store, con: duckdb.DuckDBPyConnection, files: list[File], now: float) -> Merged:
    """Merge these; nothing where somebody else replaced one of them meanwhile."""
    with store.draft() as draft:
        made = rewrite(store, con, files, lambda select: f"{select} ORDER BY {TIME}, origin, batch, line", draft)
        if not replace_files(store, files, made, draft, now):
            return Merged()
    parts = [counts_of(store.folder, one) for one in files]
    if len(made) == 1 and all(one.exists() for one in parts):
        _write(store, con, added_up_sql(parts), counts_of(store.folder, made[0]))
    return Merged(sum(one.rows for one in made), len(files), len(made))


def count_hours(store: Store, most: int = 0, means: Means = _MEANS, below: float = math.inf) -> int:
    """Make the counts of files that have none; how many. most: at once, 0 for all. below: rows of files that are counted. Raises
    TosqauylError."""
    wanted = [
        one
        for one in store.manifest().of("calls")
        if MANY <= one.rows < below and not counts_of(store.folder, one).exists()
    ]
    if not wanted:
        return 0  # no database is opened for nothing: whoever follows a journal asks again and again
    con = connect(means, store.folder)
    try:
        for one in wanted[: most or len(wanted)]:
            rows = counted_sql(table_sql("calls", [one], parquet_of(store.folder)))
            _write(store, con, rows, counts_of(store.folder, one))
    except (duckdb.Error, OSError) as error:
        raise TosqauylError(f"counts by hour cannot be written: {reason(error)}", str(store.folder)) from error
    finally:
        con.close()
    return min(len(wanted), most or len(wanted))


def _write(store: Store, con: duckdb.DuckDBPyConnection, counts: str, target: Path) -> None:
    """One file's counts, whole or not at all."""
    with store.draft() as draft:
        made = draft / "counts.parquet"
        con.execute(f"COPY ({counts}) TO {literal(str(made))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(made)
        made.rename(target)
