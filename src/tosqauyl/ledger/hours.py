"""Counts by hour beside the files of calls: what the dashboard of a busy day adds up instead of reading every row.

A file of calls never changes, so its counts do not either: they are made once, by whoever writes it, and lie under the same
name in `hours/`. Where they are missing the rows are counted; so nothing depends on them but the time that a question takes.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from tosqauyl.ledger.columns import DAILY, PLACE, TIME, literal
from tosqauyl.ledger.manifest import File
from tosqauyl.ledger.store import HOURS

KINDS = tuple(column.name for column in DAILY if column.name not in ("at", "attempts", *(one.name for one in PLACE)))
"""Columns of calls that counts keep."""
HOUR = f"CASE WHEN isfinite({TIME}) THEN floor({TIME} / 3600.0) * 3600.0 ELSE 0.0 END"
MANY = 10_000
"""Rows from which a file gets counts: smaller ones are read as quickly, and soon merged."""
_COLUMNS = ", ".join((TIME, "origin", *KINDS, "attempts", "first_at", "last_at"))


def counted_sql(rows: str) -> str:
    """SELECT: rows of calls by hour, origin and KINDS: attempts, and the first and the last moment."""
    by = f"{HOUR}, origin, {', '.join(KINDS)}"
    return (
        f"SELECT {HOUR} AS {TIME}, origin, {', '.join(KINDS)}, count(*) AS attempts, min({TIME}) AS first_at,"
        f" max({TIME}) AS last_at FROM ({rows}) GROUP BY {by}"
    )


def added_up_sql(counts: Iterable[Path]) -> str:
    """SELECT: the counts of several files of calls as those of one with all their rows."""
    beside = ", ".join(literal(str(one)) for one in counts)
    by = f"{TIME}, origin, {', '.join(KINDS)}"
    return (
        f"SELECT {by}, CAST(sum(attempts) AS BIGINT) AS attempts, min(first_at) AS first_at, max(last_at) AS last_at"
        f" FROM read_parquet([{beside}], hive_partitioning = false) GROUP BY {by}"
    )


def hours_sql(folder: Path, files: Iterable[File], rows: Callable[[list[File]], str]) -> str:
    """SELECT: the counts by hour of files of calls, those that lie beside them and what must be counted now.

    rows: SELECT of the calls of those files that have no counts, and of what is in no file yet.
    """
    beside, uncounted = [], []
    for one in files:
        path = counts_of(folder, one)
        if path.exists():
            beside.append(literal(str(path)))
        else:
            uncounted.append(one)
    parts = [f"SELECT {_COLUMNS} FROM read_parquet([{', '.join(beside)}], hive_partitioning = false)"] if beside else []
    return "\nUNION ALL\n".join([*parts, counted_sql(rows(uncounted))])


def counts_of(folder: Path, one: File) -> Path:
    """Where the counts of a file of calls lie."""
    return folder / HOURS / Path(one.path).relative_to("calls")
