"""Which files make up a ledger: one JSON file, replaced in one step. A file that it does not name is not in the ledger."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from tosqauyl.durable import write_whole
from tosqauyl.errors import TosqauylError

FORMAT = 1
BROKEN_DAY = date(1970, 1, 1)
"""Where rows lie whose clock made no sense."""
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Batch:
    """One delivery of rows: a segment of a gate, a part of an imported file, a part of a generated run.

    table: of TABLES. origin and name: identify it; a batch is taken once. recorded: columns that the source had.
    derived: columns that were computed from others afterwards (rates).
    """

    table: str
    origin: str
    name: str
    recorded: frozenset[str]
    derived: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:
        """Columns that its files hold, besides those of every table."""
        return self.recorded | self.derived


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file. path: below the ledger's folder. day: of all its rows (UTC). first, last: least and greatest `at`.

    recorded, derived: as of its batches; files are only merged with files that have the same.
    """

    table: str
    path: str
    day: date
    rows: int
    size: int
    first: float
    last: float
    recorded: frozenset[str]
    derived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A state of the ledger. revision: counts commits. taken: (table, origin, batch) -> rows of every batch ever taken;
    retired: files replaced by others, and when: readers of an older state may still need them for a while."""

    revision: int = 0
    files: tuple[File, ...] = ()
    taken: dict[tuple[str, str, str], int] = field(default_factory=dict)
    retired: dict[str, float] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """12 hex digits of the SHA-256 of the names and sizes of all files: equal for equal content."""
        text = "\n".join(sorted(f"{one.path} {one.rows} {one.size}" for one in self.files))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def of(self, table: str, first: float | None = None, end: float | None = None) -> Iterator[File]:
        """Files of a table that may hold rows of first <= at < end."""
        for one in self.files:
            late = end is not None and one.first >= end
            if one.table == table and not late and (first is None or one.last >= first):
                yield one

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return sum(one.rows for one in self.of(table))

    def span(self, table: str) -> tuple[float, float] | None:
        """The least and the greatest `at` of a table, rows of a broken clock left out; None where there is none."""
        sound = [one for one in self.of(table) if one.day != BROKEN_DAY]
        return (min(one.first for one in sound), max(one.last for one in sound)) if sound else None

    def has(self, batch: Batch) -> bool:
        """Whether the batch was taken before."""
        return (batch.table, batch.origin, batch.name) in self.taken

    def with_batch(self, batch: Batch, files: Iterable[File]) -> "Manifest":
        """The state after a batch was taken."""
        added = tuple(files)
        return self.with_batches({(batch.table, batch.origin, batch.name): sum(one.rows for one in added)}, added)

    def with_batches(self, rows: Mapping[tuple[str, str, str], int], files: Iterable[File]) -> "Manifest":
        """The state after several batches were taken, whose rows (by table, origin and batch) share files."""
        return replace(self, files=self.files + tuple(files), taken={**self.taken, **rows})

    def with_replaced(self, old: Iterable[File], new: Iterable[File], now: float) -> "Manifest":
        """The state after some files were replaced by others with the rows that are to stay."""
        gone = {one.path for one in old}
        kept = tuple(one for one in self.files if one.path not in gone)
        return replace(self, files=kept + tuple(new), retired={**self.retired, **dict.fromkeys(gone, now)})


def read_manifest(folder: Path) -> Manifest:
    """The state of a ledger; an empty one where there is none yet. Raises TosqauylError where it makes no sense."""
    path = folder / NAME
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            what = f"the ledger is of format {content['format']}, this version reads format {FORMAT}"
            raise TosqauylError(what, str(path), "use the version that wrote it")
        return _manifest(content)
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise TosqauylError(f"the ledger cannot be read: {error.strerror}", str(path)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "the Parquet files are untouched; restore manifest.json from a backup"
        raise TosqauylError(f"the list of files is damaged: {error}", str(path), hint) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the state in place, durable and in one step. Raises OSError."""
    write_whole(folder / NAME, json.dumps(_content(manifest), separators=(",", ":")))  # json.dump is ten times slower


def _content(manifest: Manifest) -> dict[str, object]:
    """Sets of columns are written once each: they are long, and few."""
    sets: dict[tuple[frozenset[str], frozenset[str]], int] = {}
    files = []
    for one in manifest.files:
        columns = sets.setdefault((one.recorded, one.derived), len(sets))
        files.append([one.table, one.path, one.day.isoformat(), one.rows, one.size, one.first, one.last, columns])
    return {
        "format": FORMAT,
        "revision": manifest.revision,
        "columns": [{"recorded": sorted(recorded), "derived": sorted(derived)} for recorded, derived in sets],
        "files": files,
        "taken": [[*key, rows] for key, rows in manifest.taken.items()],
        "retired": manifest.retired,
    }


def _manifest(content: dict[str, Any]) -> Manifest:
    sets = [(frozenset(one["recorded"]), frozenset(one["derived"])) for one in content["columns"]]
    files = tuple(
        File(table, path, date.fromisoformat(day), int(rows), int(size), float(first), float(last), *sets[int(columns)])
        for table, path, day, rows, size, first, last, columns in content["files"]
    )
    taken = {(table, origin, name): int(rows) for table, origin, name, rows in content["taken"]}
    return Manifest(int(content["revision"]), files, taken, dict(content["retired"]))
