"""The facts about rates, for calls that came without them: counted by the gate's own `Rates`, over all calls in the order of time.

One pass, a day (UTC) at a time. A day's files are replaced at once, so a pass that was stopped goes on at that day; for its start
the day before is counted again, which is longer than anything `Rates` remembers.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import FACTS
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.manifest import BROKEN_DAY, File, Manifest
from tosqauyl.ledger.store import DRAFTS, Store
from tosqauyl.state.rates import Rates, RatesOptions, not_counted

_NAMES = list(FACTS)
RATES = tuple(_NAMES[_NAMES.index("caller_calls_1s") : _NAMES.index("neighbour") + 1])
"""The 24 facts, in the order that `Rates.count` tells them."""
NEAR = ("sequential", "neighbour")
"""Facts that compare digits of the called number: a token has none."""
LIMITS = RatesOptions(callers=4_194_302, ranges=1_048_576, trunks=65_536)
"""More than a gate keeps, so that nobody is forgotten; 300 MB where that many call within an hour."""
MEANS = Means("2GB")
_NEEDS = {
    "caller": RATES,
    "called": tuple(one for one in RATES if "callees" in one or one in (*NEAR, "redials")),
    "trunk": tuple(one for one in RATES if one.startswith("trunk_")),
}
"""Facts that cannot be told where a column was not recorded."""
_BATCH = 65_536
_PASSES = 3
_DICTIONARY = frozenset(("PLAIN_DICTIONARY", "RLE_DICTIONARY"))
"""What the encoding is called: the first by DuckDB, the second by pyarrow."""

Progress = Callable[[int, int], None]
Table = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Derived:
    """What a pass did. rows: calls that got rate facts. counted: calls of the same days. tokens: rows whose called number is a
    token: how near numbers are is not known of their files. left: rows that could not be counted, because their clock made no
    sense or no calling number was recorded. evictions: callers, ranges and trunks that were forgotten too early (their counts
    are too small then)."""

    rows: int = 0
    counted: int = 0
    tokens: int = 0
    left: int = 0
    evictions: int = 0


def derive_rates(store: Store, progress: Progress, now: float, limits: RatesOptions = LIMITS) -> Derived:
    """Give rate facts to every call that lacks them. progress: called with calls done and all calls to do. now: seconds since 1970.

    Files that others replaced meanwhile are taken up again. Raises TosqauylError.
    """
    total = Derived()
    con = connect(MEANS, store.folder)
    try:
        for _ in range(_PASSES):
            done = _pass(con, store, progress, (now, limits))
            total = Derived(
                total.rows + done.rows,
                total.counted + done.counted,
                total.tokens + done.tokens,
                done.left,
                total.evictions + done.evictions,
            )
            if not _open_days(store.manifest()):
                break
    finally:
        con.close()
    return total


def missing_facts(one: File) -> tuple[str, ...]:
    """The rate facts that a file lacks and that can be counted from what it has."""
    held = one.recorded | one.derived
    lost = {fact for column, facts in _NEEDS.items() if column not in held for fact in facts}
    missing = tuple(fact for fact in RATES if fact not in held and fact not in lost)
    return missing if set(missing) - set(NEAR) else ()


def _days(state: Manifest) -> dict[date, list[File]]:
    days: dict[date, list[File]] = {}
    for one in sorted(state.of("calls"), key=lambda one: (one.day, one.first, one.path)):
        if one.day != BROKEN_DAY and "caller" in one.recorded | one.derived:
            days.setdefault(one.day, []).append(one)
    return days


def _open_days(state: Manifest) -> list[date]:
    return [day for day, files in _days(state).items() if any(missing_facts(one) for one in files)]


def _pass(con: duckdb.DuckDBPyConnection, store: Store, progress: Progress, how: tuple[float, RatesOptions]) -> Derived:
    state = store.manifest()
    days, wanted = _days(state), _open_days(state)
    whole = sum(one.rows for day in wanted for one in days[day])
    left = state.rows("calls") - sum(one.rows for files in days.values() for one in files)
    rates, last, evictions, counted = None, BROKEN_DAY, 0, 0
    written: list[Future[tuple[int, int]]] = []
    progress(0, whole)
    with ThreadPoolExecutor(1, "derive") as pool:  # a day is written while the next one is counted
        for day in wanted:
            if rates is None or last != day - timedelta(days=1):
                evictions += rates.evictions if rates else 0
                rates = _started(con, store.folder, days, (day, how[1]))
            facts = _counted(con, store.folder, days[day], rates)
            if written:
                written[-1].result()
            written.append(pool.submit(_replaced, store, days[day], facts, how[0]))
            last, counted = day, counted + sum(one.rows for one in days[day])
            progress(counted, whole)
        done = [one.result() for one in written]
    evictions += rates.evictions if rates else 0
    return Derived(sum(rows for rows, _ in done), counted, sum(tokens for _, tokens in done), left, evictions)


def _started(
    con: duckdb.DuckDBPyConnection, folder: Path, days: dict[date, list[File]], where: tuple[date, RatesOptions]
) -> Rates:
    """Counts as they are when a day begins. The first tick is at midnight, so that fifths of windows begin at the same times
    wherever a pass begins; what is counted for that is a day old when the first fact is told."""
    day, limits = where
    before = day - timedelta(days=1)
    rates = Rates(limits.callers, limits.ranges, limits.trunks)
    rates.count("", "", "", (before - BROKEN_DAY).days * 86400.0)
    for batch in _in_order(con, folder, days.get(before, [])):
        _count(rates, batch)
    return rates


def _counted(con: duckdb.DuckDBPyConnection, folder: Path, files: list[File], rates: Rates) -> tuple[Table, Flags]:
    """The facts of each row of a day's files, one file after the other; and whether its called number is a token."""
    rows = max(1, sum(one.rows for one in files))
    told, hidden = _room(folder, rows), np.zeros(rows, np.bool_)
    for batch in _in_order(con, folder, files):
        counts = np.fromiter(chain.from_iterable(_count(rates, batch)), np.int32, len(RATES) * batch.num_rows)
        place = batch.column("place").to_numpy()
        told[place] = counts.reshape(-1, len(RATES))
        hidden[place] = batch.column("token").to_numpy(zero_copy_only=False)
    return told, hidden


def _room(folder: Path, rows: int) -> Table:
    """Room for the facts of so many rows, on disk: a day may be larger than memory. The file has no name, so nothing is left."""
    try:
        with TemporaryFile(dir=folder / DRAFTS) as file:
            os.posix_fallocate(
                file.fileno(), 0, rows * len(RATES) * 4
            )  # a full disk is told now, not when a page is written
            return np.memmap(file, dtype=np.int32, mode="r+", shape=(rows, len(RATES)))
    except OSError as error:
        raise TosqauylError(f"there is no room for the facts of a day: {error.strerror}", str(folder)) from error


def _replaced(store: Store, files: list[File], facts: tuple[Table, Flags], now: float) -> tuple[int, int]:
    """Replace the files of a day that lack rate facts: rows of those, and rows with tokens; (0, 0) where others changed them."""
    old = [one for one in files if missing_facts(one)]
    told, hidden = facts
    first, tokens, new = 0, 0, []
    with store.draft() as draft:
        for one in files:
            if one in old:
                found = int(hidden[first : first + one.rows].sum())
                tokens += found
                new.append(_written(store.folder, draft, one, (told[first : first + one.rows], found > 0)))
            first += one.rows

        def change(state: Manifest) -> Manifest:
            there = set(old) <= set(state.files)
            return state.with_replaced(old, new, now) if there else state

        rows = store.commit(change, draft, new)
    return rows, tokens * bool(rows)


def _in_order(con: duckdb.DuckDBPyConnection, folder: Path, files: Sequence[File]) -> Iterator[Any]:
    """What is counted of the calls of some files, in the order of time, in batches.

    place: of the row in the files one after the other; at, caller, called, trunk; counts: whether the gate would count the call (it
    has a calling number); token: whether the called number is one.
    """
    if not files:
        return
    first, parts = 0, []
    for one in files:
        parts.append(_columns(folder, one, first))
        first += one.rows
    try:
        found = con.sql("\nUNION ALL\n".join(parts) + '\nORDER BY "at", place')
        reader: Any = found.to_arrow_reader(_BATCH)
        yield from reader
    except (duckdb.Error, pa.ArrowException) as error:
        raise TosqauylError(f"the calls cannot be read: {error}", str(folder)) from error


def _columns(folder: Path, one: File, first: int) -> str:
    held = one.recorded | one.derived
    columns = [name if name in held else f"'' AS {name}" for name in ("caller", "called", "trunk")]
    counts = "caller_kind <> 'unknown'" if "caller_kind" in held else "caller <> ''"
    source = f"read_parquet({literal(str(folder / one.path))}, file_row_number = true, hive_partitioning = false)"
    token = "starts_with(called, 't:')" if "called" in held else "FALSE"
    return (
        f'SELECT {first} + file_row_number AS place, "at", {", ".join(columns)}, {counts} AS counts, {token} AS token'
        f" FROM {source}"
    )


def _count(rates: Rates, batch: Any) -> list[tuple[int, ...]]:
    """The facts of each call of a batch, in its order."""
    count, unknown = rates.count, not_counted()
    columns = (batch.column(name).to_pylist() for name in ("caller", "called", "trunk", "at", "counts"))
    return [
        count(caller, called, trunk, at) if counts else unknown
        for caller, called, trunk, at, counts in zip(*columns, strict=True)
    ]


def _written(folder: Path, draft: Path, one: File, told: tuple[Table, bool]) -> File:
    """A file once more, with the facts it lacked; called numbers that are tokens leave out NEAR for the whole file."""
    counts, hidden = told
    names = [name for name in missing_facts(one) if not (hidden and name in NEAR)]
    path = draft / "out" / f"day={one.day.isoformat()}" / f"{token_hex(8)}-0.parquet"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(folder / one.path, path, names, counts)
    except (OSError, pa.ArrowException) as error:
        raise TosqauylError(f"the file cannot be written again: {error}", one.path) from error
    place = f"{one.table}/{path.parent.name}/{path.name}"
    return replace(one, path=place, size=path.stat().st_size, derived=one.derived | frozenset(names))


def _copy(old: Path, new: Path, names: Sequence[str], counts: Table) -> None:
    """A file with further columns. What was dictionary-coded is read and written as its codes: a third of the time."""
    coded, first = _coded(old), 0
    with pq.ParquetFile(old, read_dictionary=coded) as source:
        schema = source.schema_arrow
        for name in names:
            schema = schema.append(pa.field(name, pa.int64()))
        how = {"compression": "zstd", "use_dictionary": [*coded, *names], "write_statistics": ["at", "line"]}
        with pq.ParquetWriter(new, schema, store_schema=False, **how) as out:
            for place in range(source.num_row_groups):
                table = source.read_row_group(place)
                some = counts[first : first + table.num_rows]
                for name in names:
                    table = table.append_column(name, pa.array(some[:, RATES.index(name)].astype(np.int64)))
                out.write_table(table, row_group_size=max(1, table.num_rows))
                first += table.num_rows


def _coded(path: Path) -> list[str]:
    """Text columns of a file that are dictionary-coded."""
    with pq.ParquetFile(path) as file:
        group = file.metadata.row_group(0) if file.num_row_groups else None
        columns = [group.column(place) for place in range(group.num_columns)] if group else []
    return [
        one.path_in_schema for one in columns if one.physical_type == "BYTE_ARRAY" and _DICTIONARY & {*one.encodings}
    ]
