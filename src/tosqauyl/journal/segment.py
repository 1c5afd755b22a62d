"""Reading segments: as rows in Python, or as SQL text that DuckDB runs. Segments of older and newer versions are read
by their header line: a column they lack has its unknown value, a column we do not know is left out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.journal.columns import COLUMNS, Column
from tosqauyl.journal.naming import open_segment

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


_NO_TEXT = "\x01"
"""What stands for NULL: a control character, so no value can be it and '' stays ''."""


def header_of(path: Path) -> list[str]:
    """Column names of a segment; [] where even the header line is unfinished. Raises TosqauylError if unreadable."""
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise TosqauylError(f"the segment cannot be read: {error.strerror}", str(path)) from error
    return _names(line)


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


def duckdb_sql(paths: Iterable[Path]) -> str:
    """A SELECT over closed segments that DuckDB runs, every column with its type, '' staying ''.

    Segments are grouped by their header line, so versions can be mixed; no path at all gives no rows.
    """
    groups: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        names = tuple(header_of(path))
        if names:
            groups.setdefault(names, []).append(path)
    selects = [_select(names, group) for names, group in groups.items()]
    return "\nUNION ALL BY NAME\n".join(selects) or _nothing()


def _nothing() -> str:
    columns = ", ".join(f'CAST(NULL AS {column.sql_type}) AS "{column.name}"' for column in COLUMNS)
    return f"SELECT {columns} WHERE false"


def _select(names: Sequence[str], paths: list[Path]) -> str:
    types = {column.name: column.sql_type for column in COLUMNS}
    columns = ", ".join(f"{_text(name)}: '{types.get(name, 'VARCHAR')}'" for name in names)
    wanted = ", ".join(_column(column, column.name in names) for column in COLUMNS)
    files = ", ".join(_text(_literal_path(path)) for path in paths)
    return (
        f"SELECT {wanted} FROM read_csv([{files}], columns={{{columns}}}, delim='\\t', header=true, quote='',"  # noqa: S608
        f" escape='', comment='', new_line='\\n', nullstr='{_NO_TEXT}', auto_detect=false, encoding='utf-8')"
    )


def _column(column: Column, present: bool) -> str:
    if present:
        return f'"{column.name}"'
    unknown = column.unknown
    literal = _text(unknown) if isinstance(unknown, str) else repr(unknown).lower()
    return f'CAST({literal} AS {column.sql_type}) AS "{column.name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal_path(path: Path) -> str:
    """The path with the signs that read_csv would take for a pattern made literal."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
