"""The tables of the ledger and their columns: decisions as the journal has them, and what became of the calls.

A file holds only the columns its batch recorded or derived; what it lacks is read as the column's unknown value. So a new
fact costs nothing for old files, and "not recorded" stays visible (`Batch.recorded`).
"""

from tosqauyl.record import COLUMNS, Column

MASK_TYPE = "DECIMAL(38,0)"
"""How the bitmask of rules is kept: Parquet has no 128-bit integer, and a mask of 126 bits has at most 38 digits."""

PLACE = (
    Column("origin", "VARCHAR", "", "Where the row came from: gate:NAME of a gate, import:NAME, generated:NAME."),
    Column("batch", "VARCHAR", "", "Which segment, file or run of it."),
    Column("line", "BIGINT", 0, "Which row of that, from 1. Origin, batch and line together name a row once."),
)
"""Columns of every table."""

TRUTH = (
    Column(
        "truth", "VARCHAR", "unknown", "What the call really was, where that is known (generated calls): fraud, honest."
    ),
    Column("kind", "VARCHAR", "", "Kind of a generated call: the class of the traffic mix it was drawn from."),
)

CALLS = (
    *PLACE,
    *(
        Column(one.name, MASK_TYPE if one.sql_type == "HUGEINT" else one.sql_type, one.unknown, one.doc)
        for one in COLUMNS
    ),
    *TRUTH,
)
"""One row a call attempt."""

OUTCOMES = (
    *PLACE,
    Column("at", "DOUBLE", 0.0, "When the call ended, or when that was told; seconds since 1970-01-01 UTC."),
    Column("call_id", "VARCHAR", "", "Call-ID of the leg that the gate judged."),
    Column("answered", "VARCHAR", "unknown", "Whether the called party answered: yes, no or unknown."),
    Column("duration", "DOUBLE", -1.0, "Seconds from answer to end; 0 where it was not answered; -1: not told."),
    Column("ringing", "DOUBLE", -1.0, "Seconds from the INVITE to the answer or the end; -1: not told."),
    Column("sip_code", "INTEGER", 0, "Final SIP status of the leg; 0: not told."),
    Column("q850", "INTEGER", 0, "Release cause (ITU-T Q.850); 0: not told."),
    Column("hung_up", "VARCHAR", "unknown", "Who ended it: caller, callee, network or unknown."),
)
"""One row for each word about the end of a call; a call may have several (one a leg or source)."""

_DAILY = (
    "verdict",
    "reason",
    "rule",
    "would_verdict",
    "would_reason",
    "would_rule",
    "trunk",
    "carrier",
    "caller_country",
    "caller_operator",
    "caller_kind",
)

DAILY = (
    *PLACE,
    Column("at", "DOUBLE", 0.0, "Start of the hour in which the calls came, seconds since 1970-01-01 UTC."),
    *(column for column in CALLS if column.name in _DAILY),
    Column("attempts", "BIGINT", 0, "How many call attempts of that hour had all these values."),
)
"""What stays of removed calls: how many of each kind came in an hour, without any number."""

TABLES: dict[str, tuple[Column, ...]] = {"calls": CALLS, "outcomes": OUTCOMES, "daily": DAILY}
"""Every table (record class) by name."""

TIME = '"at"'
"""The column that days are cut by, quoted: AT is a word of SQL."""


def names(table: str) -> tuple[str, ...]:
    """Column names of a table, in order."""
    return tuple(column.name for column in TABLES[table])


def literal(value: str | bool | int | float) -> str:
    """A value as an SQL literal that DuckDB and Spark read alike."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def unknown_of(column: Column) -> str:
    """The column's unknown value as typed SQL."""
    return f"CAST({literal(column.unknown)} AS {column.sql_type})"
