"""Who computes: a Protocol with two implementations, DuckDB here and Spark in ledger/spark.py.

A query is text in DuckDB's dialect over the views `calls` and `outcomes`, which have every column of their tables, unknowns
filled in. Spark gets the same text, translated by sqlglot. Queries keep to what both have; tests run each on both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import duckdb

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import PLACE, TABLES, literal, unknown_of
from tosqauyl.ledger.hours import hours_sql
from tosqauyl.ledger.manifest import File, Manifest
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window

Rows = list[tuple[Any, ...]]
Live = Sequence[str] | Callable[[Manifest], Sequence[str]]


class Engine(Protocol):
    """Runs queries over one state of a ledger."""

    name: str
    """duckdb or spark."""

    revision: str
    """Which state: revision and fingerprint of the manifest."""

    recorded: frozenset[str]
    """Columns of `calls` that every file in the window recorded or derived: what can be computed at all."""

    counted: frozenset[str]
    """Columns of `daily` that every file in the window has; all of them where it has no file."""

    has_hours: bool
    """Whether there is a view `hours` too: calls counted by hour (ledger/hours.py)."""

    def rows(self, sql: str) -> Rows:
        """The rows of a query. Raises TosqauylError where it cannot be run."""

    def close(self) -> None:
        """Let go of memory, processes and temporary files."""


@dataclass(frozen=True, slots=True)
class Means:
    """What DuckDB may use: bytes of memory (then it works on disk), threads (0: all cores)."""

    memory: str = "4GB"
    threads: int = 0


class DuckEngine:
    """DuckDB in this process, over the files of the window. live: SQL of rows that are not in the ledger yet (open segments);
    or a function that gives it for the very state that is queried, so that no row is missed or counted twice. con: a connection
    that is the engine's alone (its database may be shared, and has its means already); None for a database of its own."""

    name = "duckdb"
    has_hours = True

    def __init__(
        self,
        store: Store,
        window: Window | None = None,
        means: Means = Means(),
        live: Live = (),
        con: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        state = store.manifest()
        more = live(state) if callable(live) else live
        self.revision = revision_of(state)
        self.recorded = recorded_columns(state, window)
        self.counted = recorded_columns(state, window, "daily")
        self.con = connect(means, store.folder) if con is None else con
        for table in TABLES:
            files = state.of(table, *((window.first, window.end) if window else ()))
            self.con.execute(f"CREATE TEMP VIEW {table} AS {table_sql(table, files, parquet_of(store.folder), more)}")
        source = partial(table_sql, "calls", source=parquet_of(store.folder), live=more)
        files = state.of("calls", *((window.first, window.end) if window else ()))
        self.con.execute(f"CREATE TEMP VIEW hours AS {hours_sql(store.folder, files, source)}")

    def rows(self, sql: str) -> Rows:
        """The rows of a query."""
        try:
            return self.con.execute(sql).fetchall()
        except duckdb.Error as error:
            raise TosqauylError(f"the query cannot be run: {error}", "ledger") from error

    def close(self) -> None:
        """End the connection."""
        self.con.close()


def connect(means: Means = Means(), spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that goes to no network and loads nothing. spill: where it may put what memory cannot hold."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": means.memory,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if means.threads:
        config["threads"] = means.threads
    if spill is not None:
        config["temp_directory"] = str(spill / "drafts" / "spill")
    return duckdb.connect(":memory:", config=config)


def revision_of(state: Manifest) -> str:
    """How a state of the ledger is cited: `17-3f0c8a2b9d1e`."""
    return f"{state.revision}-{state.fingerprint}"


def recorded_columns(state: Manifest, window: Window | None = None, table: str = "calls") -> frozenset[str]:
    """Columns of a table that every file of the window has; all of them where it has no file."""
    held = [one.recorded | one.derived for one in state.of(table, *((window.first, window.end) if window else ()))]
    return frozenset.intersection(*held) if held else frozenset(column.name for column in TABLES[table])


def table_sql(table: str, files: Iterable[File], source: Callable[[list[File]], str], live: Sequence[str] = ()) -> str:
    """A SELECT with every column of a table over its files. source: a FROM item for files that hold the same columns."""
    groups: dict[frozenset[str], list[File]] = {}
    for one in files:
        groups.setdefault(one.recorded | one.derived, []).append(one)
    place = frozenset(column.name for column in PLACE)
    parts = [f"SELECT {_columns(table, held | place)} FROM {source(group)}" for held, group in groups.items()]
    parts += [f"SELECT * FROM ({one})" for one in (live if table == "calls" else ())]
    return "\nUNION ALL\n".join(parts) or f"SELECT {_columns(table, frozenset())} WHERE FALSE"


def parquet_of(folder: Path) -> Callable[[list[File]], str]:
    """The FROM item of files, for DuckDB."""

    def source(files: list[File]) -> str:
        paths = ", ".join(literal(str(folder / one.path)) for one in files)
        return f"read_parquet([{paths}], hive_partitioning = false, union_by_name = false)"

    return source


def _columns(table: str, held: frozenset[str]) -> str:
    return ", ".join(
        f'"{column.name}"' if column.name in held else f'{unknown_of(column)} AS "{column.name}"'
        for column in TABLES[table]
    )
