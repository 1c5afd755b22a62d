"""A gate's journal segments, read by their documented format (docs/journal.md): as SQL text that DuckDB runs.

Segments of older and newer versions are read by their header line: a column they lack has its unknown value, a column we do not
know is left out.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.record import COLUMNS, Column

_NO_TEXT = "\x01"
"""What stands for NULL: a control character, so no value can be it and '' stays ''."""


def header_of(path: Path) -> list[str]:
    """Column names of a segment; [] where even the header line is unfinished. Raises TosqauylError if unreadable."""
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise TosqauylError(f"the segment cannot be read: {error.strerror}", str(path)) from error
    return line[:-1].decode("utf-8", "replace").split("\t") if line.endswith(b"\n") else []


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
        f"SELECT {wanted} FROM read_csv([{files}], columns={{{columns}}}, delim='\\t', header=true, quote='',"
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
