"""How long what is kept, and what a person may ask to have forgotten: tokens in place of numbers, retention, erasure.

Each change rewrites files and is one commit: whoever is killed in between leaves the ledger as it was, or as it is to be.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import TABLES, literal, unknown_of
from tosqauyl.ledger.engine import Means, connect, parquet_of, table_sql
from tosqauyl.ledger.hours import KINDS, counted_sql
from tosqauyl.ledger.manifest import BROKEN_DAY, Batch, File, Manifest
from tosqauyl.ledger.store import Store
from tosqauyl.tokens import Tokens

NUMBERS = ("caller", "network", "presented", "remote_party", "redirecting", "called")
"""Columns of calls that hold numbers of persons."""
IDENTIFYING = (*NUMBERS, "display_name", "call_id", "transaction", "source")
"""Columns of calls that an erasure empties: the Call-ID and the transaction find the call in other people's records."""
_HASHED = "^t:[0-9a-f]{16}$"
_TRIES = 5
_MEANS = Means()
_MAP = pa.schema({"number": pa.string(), "token": pa.string()})


@dataclass(frozen=True, slots=True)
class Periods:
    """How long a record class is kept. table: which. tokenise_after, remove_after: whole days, 0: never."""

    table: str = "calls"
    tokenise_after: int = 0
    remove_after: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done: rows whose numbers became tokens, rows removed, rows of counts that stay of them, days removed."""

    tokenised: int = 0
    removed: int = 0
    counts: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: rows of calls that held the number, rows of outcomes of these calls, files that were rewritten."""

    calls: int = 0
    outcomes: int = 0
    files: int = 0


def tokenised(con: duckdb.DuckDBPyConnection, select: str, columns: Sequence[str], tokens: Tokens) -> str:
    """The same rows with keyed tokens in some columns; what is a token already, and '', stays. Raises duckdb.Error.

    Every different number is turned into its token once, here, and joined: a function called for each row is ten times slower.
    """
    if not columns:
        return select
    values = ", ".join(columns)
    found = con.execute(
        f"SELECT DISTINCT number FROM (SELECT unnest([{values}]) AS number FROM ({select})) WHERE number <> ''"
        f" AND NOT regexp_matches(number, {literal(_HASHED)})"
    ).fetchall()
    numbers = [number for (number,) in found]
    con.register("token_map", pa.table({"number": numbers, "token": [tokens.of(number) for number in numbers]}, _MAP))
    replaced = ", ".join(f"coalesce(t_{name}.token, rows_.{name}) AS {name}" for name in columns)
    joins = " ".join(f"LEFT JOIN token_map t_{name} ON t_{name}.number = rows_.{name}" for name in columns)
    return f"SELECT rows_.* REPLACE ({replaced}) FROM ({select}) rows_ {joins}"


def keep(store: Store, periods: Periods, tokens: Tokens | None, now: float, means: Means = _MEANS) -> Kept:
    """Do what the periods of a table say. tokens: needed to tokenise. now: seconds since 1970.

    Days are those of UTC, and a day goes when it is over for so many days. Raises TosqauylError: disk full, or a clock that
    seems wrong: if even the newest rows were to be removed, nothing is.
    """
    if periods.table not in TABLES:
        raise TosqauylError(f"there is no table {periods.table!r}", "--table", "one of " + ", ".join(TABLES))
    con = connect(means, store.folder)
    try:
        done = Kept()
        if periods.remove_after > 0:
            done = _remove(store, con, periods, now)
        if periods.tokenise_after > 0 and periods.table == "calls":
            if tokens is None:
                raise TosqauylError("there is no key to make tokens with", "--key", "give the file of the key")
            rows = _tokenise(store, con, _days_until(store, periods.table, periods.tokenise_after, now), tokens, now)
            done = replace(done, tokenised=rows)
        return done
    except duckdb.Error as error:
        raise TosqauylError(f"the ledger cannot be rewritten: {error}", str(store.folder)) from error
    finally:
        con.close()


def erase(store: Store, number: str, keys: Sequence[Tokens] = (), means: Means = _MEANS) -> Erased:
    """Forget a number: every row that has it, in clear or as a token under one of the keys, loses what identifies a person.

    What is not in the ledger yet is not touched: the gate's journal has its own retention. Old files are removed at once, also
    those that were replaced lately. Raises TosqauylError.
    """
    values = [number, *(one.of(number) for one in keys)]
    con = connect(means, store.folder)
    try:
        for _ in range(_TRIES):
            done = _erase_once(store, con, values)
            if done is not None:
                store.sweep(math.inf)
                return done
    except duckdb.Error as error:
        raise TosqauylError(f"the ledger cannot be rewritten: {error}", str(store.folder)) from error
    finally:
        con.close()
    raise TosqauylError("other programs change the ledger all the time", str(store.folder), "try again")


def rewrite(
    store: Store, con: duckdb.DuckDBPyConnection, files: Sequence[File], shape: Callable[[str], str], draft: Path
) -> list[File]:
    """Write files of one table, day and set of columns anew as one file. shape: their rows as a SELECT -> the rows that are to be.

    Raises TosqauylError where the number of rows is not what it was.
    """
    first = files[0]
    batch = Batch(first.table, "", "", first.recorded, first.derived)
    made = store.files_of(
        con, shape(f"SELECT * FROM {parquet_of(store.folder)(list(files))}"), batch, draft, _plain_day(first)
    )
    if sum(one.rows for one in made) != sum(one.rows for one in files):
        raise TosqauylError("a rewritten file has another number of rows; nothing was changed", first.path)
    return made


def _plain_day(one: File) -> date | None:
    """The day of all rows; None for the day of broken clocks, whose rows are of any time."""
    return one.day if one.day != BROKEN_DAY else None


def _days_until(store: Store, table: str, days: int, now: float) -> list[date]:
    """Days of a table that have been over for so many days."""
    last = datetime.fromtimestamp(now, UTC).date() - timedelta(days=days + 1)
    return sorted({one.day for one in store.manifest().of(table) if one.day <= last})


def replace_files(store: Store, old: Sequence[File], new: Sequence[File], draft: Path, now: float) -> bool:
    """Put new files in the place of old ones; False where somebody else replaced one of these meanwhile."""
    replaced = False

    def change(state: Manifest) -> Manifest:
        nonlocal replaced
        replaced = set(old) <= set(state.files)
        return state.with_replaced(old, new, now) if replaced else state

    store.commit(change, draft, new)
    return replaced


def _tokenise(store: Store, con: duckdb.DuckDBPyConnection, days: Iterable[date], tokens: Tokens, now: float) -> int:
    """Tokens in all number columns of these days; rows that had a number in clear."""
    total = 0
    wanted = set(days)
    for one in [one for one in store.manifest().of("calls") if one.day in wanted]:
        columns = [name for name in NUMBERS if name in one.recorded | one.derived]
        clear = " OR ".join(f"({name} <> '' AND NOT regexp_matches({name}, {literal(_HASHED)}))" for name in columns)
        rows = _count(con, store, [one], clear or "FALSE")
        if not rows:
            continue
        with store.draft() as draft:
            made = rewrite(store, con, [one], partial(_with_tokens, con, columns, tokens), draft)
            total += rows if replace_files(store, [one], made, draft, now) else 0
    return total


def _with_tokens(con: duckdb.DuckDBPyConnection, columns: Sequence[str], tokens: Tokens, select: str) -> str:
    return tokenised(con, select, columns, tokens)


def _count(con: duckdb.DuckDBPyConnection, store: Store, files: list[File], condition: str) -> int:
    ((count,),) = con.execute(f"SELECT count(*) FROM {parquet_of(store.folder)(files)} WHERE {condition}").fetchall()
    return int(count)


def _remove(store: Store, con: duckdb.DuckDBPyConnection, periods: Periods, now: float) -> Kept:
    """Remove days; of calls their counts stay."""
    days = _days_until(store, periods.table, periods.remove_after, now)
    if days and days[-1] == max(one.day for one in store.manifest().of(periods.table)):
        what = f"even the newest rows ({days[-1]}) are older than {periods.remove_after} days; nothing was removed"
        raise TosqauylError(what, "clock", "set the clock right; or remove the folder if you want to be rid of it")
    done = Kept()
    for day in days:
        files = [one for one in store.manifest().of(periods.table) if one.day == day]
        with store.draft() as draft:
            counts = list(_counts(store, con, files, draft)) if periods.table == "calls" else []
            if replace_files(store, files, counts, draft, now):
                removed, kept = sum(one.rows for one in files), sum(one.rows for one in counts)
                done = replace(done, removed=done.removed + removed, counts=done.counts + kept, days=done.days + 1)
    return done


def _counts(store: Store, con: duckdb.DuckDBPyConnection, files: list[File], draft: Path) -> Iterator[File]:
    """Files of `daily` for the calls of one day; what was not recorded of the calls is not recorded of their counts."""
    groups: dict[frozenset[str], list[File]] = {}
    for one in files:
        groups.setdefault(one.recorded | one.derived, []).append(one)
    for number, (held, group) in enumerate(groups.items()):
        select = f"SELECT * EXCLUDE (first_at, last_at) FROM ({counted_sql(table_sql('calls', group, parquet_of(store.folder)))})"
        day = group[0].day
        batch = Batch(
            "daily", "", f"{day}-{store.manifest().revision}-{number}", held & set(KINDS) | {"at", "attempts"}
        )
        yield from store.files_of(con, select, batch, draft, _plain_day(group[0]))


def _erase_once(store: Store, con: duckdb.DuckDBPyConnection, values: Sequence[str]) -> Erased | None:
    """Rewrite all files that hold one of the values, in one commit; None where somebody else replaced one of them meanwhile."""
    con.execute("CREATE OR REPLACE TEMP TABLE erased_calls (call_id VARCHAR)")
    some = ", ".join(literal(value) for value in values)
    state, old, new, counts = store.manifest(), [], [], {"calls": 0, "outcomes": 0}
    with store.draft() as draft:
        for table in counts:
            for one in state.of(table):
                condition = _condition(one, some)
                rows = _count(con, store, [one], condition)
                if rows:
                    _note_calls(con, store, one, condition)
                    new += rewrite(store, con, [one], _emptied(one, condition), draft)
                    old.append(one)
                    counts[table] += rows
        if old and not _replace_at_once(store, old, new, draft):
            return None
    return Erased(counts["calls"], counts["outcomes"], len(old))


def _condition(one: File, some: str) -> str:
    """SQL: whether a row of the file is to be emptied."""
    held = one.recorded | one.derived
    if one.table == "outcomes":
        return "call_id IN (SELECT call_id FROM erased_calls)" if "call_id" in held else "FALSE"
    return " OR ".join(f"{name} IN ({some})" for name in NUMBERS if name in held) or "FALSE"


def _note_calls(con: duckdb.DuckDBPyConnection, store: Store, one: File, condition: str) -> None:
    """Remember the Call-IDs of calls that are erased: what became of them is told under the same."""
    if one.table == "calls" and "call_id" in one.recorded | one.derived:
        source = parquet_of(store.folder)([one])
        con.execute(f"INSERT INTO erased_calls SELECT call_id FROM {source} WHERE call_id <> '' AND ({condition})")


def _emptied(one: File, condition: str) -> Callable[[str], str]:
    """Rows of a file, those of the condition with unknown values for what identifies a person."""
    unknown = {column.name: unknown_of(column) for column in TABLES[one.table]}
    names = [name for name in IDENTIFYING if name in one.recorded | one.derived and name in unknown]
    replaced = ", ".join(f"CASE WHEN {condition} THEN {unknown[name]} ELSE {name} END AS {name}" for name in names)
    return lambda select: f"SELECT * REPLACE ({replaced}) FROM ({select})"


def _replace_at_once(store: Store, old: Sequence[File], new: Sequence[File], draft: Path) -> bool:
    """As `replace_files`, but the old files are gone with the commit: no reader may find the number in them any more."""
    replaced = False

    def change(state: Manifest) -> Manifest:
        nonlocal replaced
        replaced = set(old) <= set(state.files)
        gone = {one.path for one in old}
        kept = tuple(one for one in state.files if one.path not in gone)
        return replace(state, files=(*kept, *new)) if replaced else state

    store.commit(change, draft, new, gone=old)
    return replaced
