"""Rows in, files out: how a batch becomes part of a ledger, whole or not at all.

Files are written in a draft folder, moved to their place, and named in the manifest last. Whoever is killed in between leaves
files that nothing names; `sweep` removes them. Writers share one lock, held for the commit only, so that they may write at once.
"""

import errno
import fcntl
import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from tosqauyl.durable import sync
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import PLACE, TABLES, TIME, literal, unknown_of
from tosqauyl.ledger.manifest import Batch, File, Manifest, read_manifest, write_manifest

DRAFTS = "drafts"
HOURS = "hours"
"""Counts beside the files of calls, under the same names (ledger/hours.py)."""
LATEST = 4102444800.0
"""2100-01-01: a time from there on, or none at all, is a broken clock's; its rows lie under the day 1970-01-01."""
RETIRED_SECONDS = 3600.0
"""How long a replaced file stays: longer than any query."""


class WrongDay(TosqauylError):
    """The rows of a batch are not all of the day they were said to be of."""


class Store:
    """A ledger folder: `calls/day=.../*.parquet`, `outcomes/...`, `manifest.json`, `lock`. Made (0700) if it is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / DRAFTS).mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise TosqauylError(f"the ledger's folder cannot be used: {error.strerror}", str(folder)) from error

    def manifest(self) -> Manifest:
        """The state now."""
        return read_manifest(self.folder)

    def write(self, con: duckdb.DuckDBPyConnection, select: str, batch: Batch, day: date | None = None) -> int:
        """Take a batch: the rows of a SELECT that has (at least) the batch's columns, in the order of its rows.

        A column `line` numbers them; without it they are numbered as they come. Rows written; 0 where the batch had been
        taken before. Nothing is left behind where it fails. day: the one day (UTC) that all rows are known to be of, which
        halves the work. Raises TosqauylError (disk full, a select that fails, rows of another day).
        """
        if self.manifest().has(batch):
            return 0
        with self.draft() as draft:
            files = self.files_of(con, select, batch, draft, day)
            return self.commit(lambda now: now if now.has(batch) else now.with_batch(batch, files), draft, files)

    def files_of(
        self, con: duckdb.DuckDBPyConnection, select: str, batch: Batch, draft: Path, day: date | None = None
    ) -> list[File]:
        """Write the rows of a SELECT as one file a day into a draft folder; paths are those they will have.

        A batch without an origin is of rows that were taken before: they bring origin, batch and line along. Raises
        TosqauylError, WrongDay among them; what DuckDB said is its cause.
        """
        try:
            con.execute(f"CREATE OR REPLACE TEMP VIEW taken AS {select}")
            has = [str(row[0]) for row in con.execute("DESCRIBE taken").fetchall()]
        except duckdb.Error as error:
            raise TosqauylError(f"the batch cannot be read: {error}", f"{batch.origin} {batch.name}") from error
        rows, name, where = _shaped(batch, has), secrets.token_hex(8), draft / "out"
        parts = f", PARTITION_BY (day), FILENAME_PATTERN '{name}-{{i}}'"
        if day is not None:
            where = where / f"day={day.isoformat()}" / f"{name}-0.parquet"
            rows, parts = f"SELECT * EXCLUDE (day) FROM ({rows})", ""
        try:
            where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = con.execute(
                f"COPY ({rows}) TO {literal(str(where))}"
                f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{parts}, RETURN_STATS)"
            ).fetchall()
            files = [_file(con, Path(row[0]), batch, draft) for row in found]
        except (duckdb.Error, OSError) as error:
            raise TosqauylError(
                f"the batch cannot be written: {reason(error)}", f"{batch.origin} {batch.name}"
            ) from error
        wrong = next((one for one in files if day is not None and not _of_day(one)), None)
        if wrong is not None:
            raise WrongDay(f"the batch has rows of other days than {day}", f"{batch.origin} {batch.name}")
        return [one for one in files if one.rows]

    def commit(
        self,
        change: Callable[[Manifest], Manifest],
        draft: Path,
        files: Iterable[File],
        gone: Iterable[File] = (),
    ) -> int:
        """Move the files of a draft to their places and put a new state in place; rows committed, 0 where the change changed
        nothing. change: gets the newest state, under the lock. gone: files that the new state no longer names and that must not
        outlive it. Raises TosqauylError, and then the state and its files are what they were."""
        added = tuple(files)
        try:
            with self._locked():
                old = self.manifest()
                new = change(old)
                if new is old:
                    return 0
                try:
                    for one in added:
                        self._place(one, draft)
                    write_manifest(self.folder, replace(new, revision=old.revision + 1))
                except OSError:
                    self._remove(set(added) - set(self.manifest().files))
                    raise
                self._remove(gone)
        except OSError as error:
            raise TosqauylError(f"the ledger cannot be written: {error.strerror}", str(self.folder)) from error
        return sum(one.rows for one in added)

    def _place(self, one: File, draft: Path) -> None:
        """Move a file of a draft to its place, durably."""
        target = self.folder / one.path
        is_new = not target.parent.exists()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = draft / "out" / target.parent.name / target.name
        sync(written)
        written.rename(target)
        sync(target.parent)
        if is_new:
            sync(target.parent.parent)
            sync(self.folder)

    def _remove(self, files: Iterable[File]) -> None:
        for one in files:
            (self.folder / one.path).unlink(missing_ok=True)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A folder for files that are not in the ledger yet; it is held by a lock, and gone afterwards. Raises TosqauylError."""
        folder = self.folder / DRAFTS / secrets.token_hex(8)
        try:
            folder.mkdir(mode=0o700)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise TosqauylError(f"the ledger cannot be written: {error.strerror}", str(self.folder)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(descriptor)
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, now: float) -> int:
        """Remove drafts of writers that died, files that were retired long ago, and files that nothing names; how many.

        now: seconds since 1970; infinity: no retired file is to stay. Under the lock, so no commit is half-way.
        """
        with self._locked():
            gone = sum(_remove_draft(folder, now) for folder in (self.folder / DRAFTS).iterdir())
            state = self.manifest()
            old = {path for path, since in state.retired.items() if not 0 <= now - since < RETIRED_SECONDS}
            if old:
                kept = {path: since for path, since in state.retired.items() if path not in old}
                write_manifest(self.folder, replace(state, revision=state.revision + 1, retired=kept))
            named = {one.path for one in state.files} | (set(state.retired) - old)
            for table in TABLES:
                gone += _remove_unnamed(self.folder / table, {path.removeprefix(f"{table}/") for path in named})
            gone += _remove_unnamed(self.folder / HOURS, {path.removeprefix("calls/") for path in named})
        return gone

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def reason(error: Exception) -> str:
    """What went wrong, in few words where the disk is full: DuckDB wraps that in JSON."""
    full = next((what for what in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if os.strerror(what) in str(error)), None)
    return f"{os.strerror(full)}; what was not written is taken next time" if full else str(error)


def _shaped(batch: Batch, has: list[str]) -> str:
    """The batch's rows with the table's columns, types and order; nulls become the unknown value, and the day is added."""
    place = {
        "origin": literal(batch.origin) if batch.origin else "origin",
        "batch": literal(batch.name) if batch.name else "batch",
        "line": "line" if "line" in has else "row_number() OVER ()",
    }
    columns = [f"CAST({place[column.name]} AS {column.sql_type}) AS {column.name}" for column in PLACE]
    columns += [
        f'coalesce(CAST("{column.name}" AS {column.sql_type}), {unknown_of(column)}) AS "{column.name}"'
        for column in TABLES[batch.table]
        if column.name in batch.columns
    ]
    sound = f"isfinite({TIME}) AND {TIME} >= 0 AND {TIME} < {LATEST}"
    day = f"CAST(make_timestamp(CAST(CASE WHEN {sound} THEN {TIME} ELSE 0 END * 1000000 AS BIGINT)) AS DATE)"
    return f"SELECT {', '.join(columns)}, {day} AS day FROM taken"


def _file(con: duckdb.DuckDBPyConnection, path: Path, batch: Batch, draft: Path) -> File:
    ((rows, first, last),) = con.execute(
        f"SELECT count(*), coalesce(min({TIME}), 0), coalesce(max({TIME}), 0) FROM read_parquet({literal(str(path))})"
    ).fetchall()
    day = date.fromisoformat(path.parent.name.removeprefix("day="))
    place = str(Path(batch.table) / path.relative_to(draft / "out"))
    return File(batch.table, place, day, rows, path.stat().st_size, first, last, batch.recorded, batch.derived)


def _of_day(one: File) -> bool:
    """Whether all rows of a file are of its day."""
    begin = (one.day - date(1970, 1, 1)).days * 86400.0
    return not one.rows or begin <= one.first <= one.last < begin + 86400.0


def _remove_unnamed(folder: Path, named: set[str]) -> int:
    """Remove files that nothing names; how many. named: paths below the folder."""
    gone = [path for path in folder.glob("day=*/*.parquet") if str(path.relative_to(folder)) not in named]
    for path in gone:
        path.unlink()
    return len(gone)


def _remove_draft(folder: Path, now: float) -> int:
    """Remove a draft whose writer is gone; 1 if it was."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return _remove_empty(folder, now)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 0
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return 1
    finally:
        os.close(descriptor)


def _remove_empty(folder: Path, now: float) -> int:
    """Remove a draft without a lock: just being made, just being removed, or left by one who died between the two."""
    try:
        if not RETIRED_SECONDS <= now - folder.stat().st_mtime < math.inf:
            return 0
        folder.rmdir()
    except OSError:
        return 0
    return 1
