"""Reading segments as rows in Python (as SQL: ledger/segments.py). Segments of older and newer versions are read by their
header line: a column they lack has its unknown value, a column we do not know is left out."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.journal.naming import open_segment
from tosqauyl.record import COLUMNS

Row = dict[str, str | bool | int | float]
"""One decision by column name, in the types of the columns."""

_READ: dict[str, Callable[[str], str | bool | int | float]] = {
    "VARCHAR": str,
    "BOOLEAN": lambda text: text == "true",
    "BIGINT": int,
    "HUGEINT": int,
    "INTEGER": int,
    "DOUBLE": float,
}
_UNKNOWN: Row = {column.name: column.unknown for column in COLUMNS}
_READERS = {column.name: _READ[column.sql_type] for column in COLUMNS}


def _names(line: bytes) -> list[str]:
    return line[:-1].decode("utf-8", "replace").split("\t") if line.endswith(b"\n") else []


def read_line(names: list[str], line: bytes) -> Row | None:
    """One row by the names of its segment's header; None for a line that is no whole row."""
    values = line.rstrip(b"\n").decode("utf-8", "replace").split("\t")
    if len(values) != len(names):
        return None
    row = dict(_UNKNOWN)
    try:
        row.update((name, _READERS[name](value)) for name, value in zip(names, values, strict=True) if name in _READERS)
    except ValueError:
        return None
    return row


def read_segment(path: Path) -> Iterator[Row]:
    """The rows of a closed or open segment in the order they were written; an unfinished last line is passed over.

    Raises TosqauylError where the file cannot be read.
    """
    try:
        with open_segment(path) as file:
            names = _names(file.readline())
            for line in file:
                row = read_line(names, line) if line.endswith(b"\n") else None
                if row is not None:
                    yield row
    except OSError as error:
        raise TosqauylError(f"the segment cannot be read: {error.strerror}", str(path)) from error
