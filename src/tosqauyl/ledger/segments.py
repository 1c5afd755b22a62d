"""A gate's journal segments, read by their documented format (docs/journal.md): as SQL text that DuckDB runs.

Segments of older and newer versions are read by their header line: a column they lack has its unknown value, a column we do not
know is left out. What a segment has of damaged lines is told by `mend`, which writes a copy without them.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import CALLS, literal, unknown_of
from tosqauyl.record import COLUMNS, Column

_NO_TEXT = "\x01"
"""What stands for NULL: a control character, so no value can be it and '' stays ''."""
_OPEN, _CLOSED = ".open.tsv", ".tsv"
_NAME = re.compile(r"((\d{10})-\d{8}T\d{6}Z)(\.open)?\.tsv")
_ID = re.compile(r"[0-9a-f]{16}")
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 20
"""Bytes of a line that can still be a row; what is longer is damage, and DuckDB would stop at it."""


MOST_NAMED = 20
"""Damaged lines of a segment that are named; all are counted."""


class Segment(NamedTuple):
    """A segment in a folder. sequence: orders them. stem: its name without ending, which names it once and for ever."""

    sequence: int
    stem: str
    is_open: bool
    path: Path


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at the bytes of a segment told. rows: lines after the first. sound: it ends with a whole line, holds no NUL
    and its header line names columns, each once."""

    rows: int
    size: int
    sound: bool


@dataclass(frozen=True, slots=True)
class Mended:
    """A segment's readable rows in a copy. header: its columns, all known. skipped: lines left out; damage: what the first of
    them are: `line N: why`."""

    path: Path
    header: tuple[str, ...]
    rows: int
    skipped: int
    damage: tuple[str, ...]


def list_segments(folder: Path) -> list[Segment]:
    """The segments of a journal folder in order; `.torn`, `.draft` and whatever else is passed over. Raises TosqauylError."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        hint = "--data names the data folder of the gate"
        raise TosqauylError(f"the journal cannot be read: {error.strerror}", str(folder), hint) from error
    found: dict[str, Segment] = {}
    for name in names:  # a segment that is renamed right now may show under both names: the closed one sorts last
        if match := _NAME.fullmatch(name):
            found[match[1]] = Segment(int(match[2]), match[1], bool(match[3]), folder / name)
    return sorted(found.values())


def journal_id(folder: Path) -> str:
    """The 16 hex digits that name a journal whatever its path. Raises TosqauylError where it has none."""
    path = folder / "id"
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        text = str(error)
    if not _ID.fullmatch(text):
        hint = "a gate writes it when it starts; for a folder of old segments write 16 random hex digits into it"
        raise TosqauylError("the journal has no id", str(path), hint)
    return text


def header_of(path: Path) -> list[str]:
    """Column names of a segment; [] where even the header line is unfinished. Raises TosqauylError if unreadable."""
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise TosqauylError(f"the segment cannot be read: {error.strerror}", str(path)) from error
    return _names(line)


def survey(path: Path) -> Survey:
    """Count the lines of a segment and look for what a crash may leave. Raises OSError. 0.1 s for 256 MB in memory."""
    lines, size, last, zeros = 0, 0, b"\n", False
    with path.open("rb") as file:
        header = _names(file.readline())
        file.seek(0)
        while chunk := file.read(_CHUNK):
            lines += chunk.count(b"\n")
            size += len(chunk)
            last, zeros = chunk[-1:], zeros or b"\0" in chunk
    return Survey(max(lines - 1, 0), size, last == b"\n" and not zeros and is_header(header))


def is_header(names: Sequence[str]) -> bool:
    """Whether the first line of a segment names columns, the time among them, and each once."""
    return "at" in names and len({name.casefold() for name in names}) == len(names)


def duckdb_sql(paths: Iterable[Path]) -> str:
    """A SELECT over closed segments that DuckDB runs, every column with its type, '' staying ''.

    Segments are grouped by their header line, so versions can be mixed; no path at all gives no rows.
    """
    selects = [select_sql(names, group) for names, group in _by_header(paths).items()]
    return "\nUNION ALL BY NAME\n".join(selects) or _nothing()


def select_sql(names: Sequence[str], paths: Sequence[Path], place: str = "", lenient: bool = False) -> str:
    """A SELECT over segments that have the same header line. place: further items of it, `, x AS y`; they may use `filename`.

    lenient: lines that cannot be read are passed over instead of ending the query.
    """
    types = {column.name: column.sql_type for column in COLUMNS}
    columns = ", ".join(f"{literal(name)}: '{types.get(name, 'VARCHAR')}'" for name in names)
    wanted = ", ".join(_column(column, column.name in names) for column in COLUMNS)
    files = ", ".join(literal(_literal_path(path)) for path in paths)
    more = ", filename=true" * bool(place) + ", ignore_errors=true" * lenient
    return (
        f"SELECT {wanted}{place} FROM read_csv([{files}], columns={{{columns}}}, delim='\\t', header=true, quote='',"
        f" escape='', comment='', new_line='\\n', nullstr='{_NO_TEXT}', auto_detect=false, encoding='utf-8'{more})"
    )


def by_file(values: Mapping[Path, str | int]) -> str:
    """SQL: a value for each file of a query with `filename`."""
    cases = "".join(f" WHEN {literal(str(path))} THEN {literal(value)}" for path, value in values.items())
    return f"CASE filename{cases} END"


def live_rows(segments: Iterable[Segment], origin: str, draft: Path) -> list[str]:
    """SELECTs with every column of `calls` over segments that are not in the ledger, open ones up to their last whole line.

    The segments are linked or copied into a draft folder first: meanwhile a gate may close or remove them, and goes on writing.
    One that is gone has nothing to give. Lines that cannot be read are passed over; `take` names them.
    """
    folder = draft / "live"
    folder.mkdir(mode=0o700, exist_ok=True)
    paths = [path for one in segments if (path := _held(one, folder))]
    selects = []
    for names, group in _by_header(paths).items():
        if is_header(names):
            batch = by_file({path: path.name.removesuffix(_CLOSED) for path in group})
            place = f", {literal(origin)} AS origin, {batch} AS batch, row_number() OVER () AS line"
            inner = select_sql(names, group, place, lenient=True)
            selects.append(f"SELECT {', '.join(map(_of_calls, CALLS))} FROM ({inner})")
    return selects


def mend(path: Path, target: Path) -> Mended:
    """Copy the readable rows of a segment, known columns only, each with its line number. Raises OSError.

    A row has as many tabs as the header line, no NUL, is UTF-8, and its values are of their columns' types. Where the header
    line itself is damaged, rows are read by this version's columns, if they have as many.
    """
    with path.open("rb") as source, target.open("wb") as out:
        first = source.readline(_LONGEST_LINE)
        names, lines, damage = _names(first), _lines(source), []
        has_header = is_header(names)
        if not has_header:
            names, lines = [column.name for column in COLUMNS], chain((first,) if first else (), lines)
        known = [(place, column) for place, column in _places(names) if column]
        header = tuple(column.name for _, column in known)
        out.write("\t".join((*header, "line")).encode() + b"\n")
        rows = skipped = 0
        for number, line in enumerate(lines, 1):
            row, why = _row(line, len(names), known)
            if not why:
                out.write("\t".join((*row, str(number))).encode() + b"\n")
                rows += 1
                continue
            skipped += 1
            if skipped <= MOST_NAMED:
                damage.append(f"line {number + has_header}: {why}")
    return Mended(target, header, rows, skipped, tuple(damage))


def _names(line: bytes) -> list[str]:
    if not line.endswith(b"\n") or b"\0" in line:
        return []
    return line.rstrip(b"\r\n").decode("utf-8-sig", "replace").split("\t")


def _by_header(paths: Iterable[Path]) -> dict[tuple[str, ...], list[Path]]:
    groups: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        names = tuple(header_of(path))
        if names:
            groups.setdefault(names, []).append(path)
    return groups


def _nothing() -> str:
    return f"SELECT {', '.join(f'CAST(NULL AS {one.sql_type}) AS {_quoted(one.name)}' for one in COLUMNS)} WHERE false"


def _column(column: Column, present: bool) -> str:
    return _quoted(column.name) if present else f"{unknown_of(column)} AS {_quoted(column.name)}"


def _of_calls(column: Column) -> str:
    """A column of the ledger made of a segment's: the mask of rules has another type, truth is not known."""
    if column.name in ("truth", "kind"):
        return f"{unknown_of(column)} AS {_quoted(column.name)}"
    return f"CAST({_quoted(column.name)} AS {column.sql_type}) AS {_quoted(column.name)}"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _literal_path(path: Path) -> str:
    """The path with the signs that read_csv would take for a pattern made literal."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def _held(segment: Segment, folder: Path) -> Path | None:
    """The segment in a folder of ours, under its closed name; None where it is gone."""
    target = folder / (segment.stem + _CLOSED)
    closed = segment.path.with_name(segment.stem + _CLOSED)
    try:
        if segment.is_open and _copy_whole_lines(segment.path, target):
            return target
        try:
            os.link(closed, target)
        except FileNotFoundError:
            return None
        except OSError:  # another file system, or one without links
            shutil.copyfile(closed, target)
    except FileNotFoundError:
        return None
    return target


def _copy_whole_lines(path: Path, target: Path) -> bool:
    """Copy a file that grows up to its last newline; False where it has another name by now."""
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return False
    with source, target.open("wb") as out:
        left = _end_of_lines(source)
        source.seek(0)
        while left and (chunk := source.read(min(left, _CHUNK))):
            out.write(chunk)
            left -= len(chunk)
    return True


def _end_of_lines(file: BinaryIO) -> int:
    """Bytes up to the last newline, it included."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(end - 65536, 0)
        file.seek(begin)
        place = file.read(end - begin).rfind(b"\n")
        if place >= 0:
            return begin + place + 1
        end = begin
    return 0


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines, of endless ones the beginning only."""
    while line := file.readline(_LONGEST_LINE):
        yield line
        while len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(_LONGEST_LINE)


def _places(names: Sequence[str]) -> Iterator[tuple[int, Column | None]]:
    known = {column.name: column for column in COLUMNS}
    return ((place, known.get(name)) for place, name in enumerate(names))


def _row(line: bytes, count: int, known: Sequence[tuple[int, Column]]) -> tuple[list[str], str]:
    """The values of the known columns, or why the line is no row."""
    if b"\0" in line:
        return [], "it holds NUL bytes"
    if not line.endswith(b"\n"):
        return [], "it is not finished"
    try:
        values = line.rstrip(b"\r\n").decode().replace("\r", " ").split("\t")
    except UnicodeDecodeError:
        return [], "it is not UTF-8"
    if len(values) != count:
        return [], f"it has {len(values)} values, not {count}"
    row = [values[place] for place, _ in known]
    wrong = [column.name for value, (_, column) in zip(row, known, strict=True) if not _IS[column.sql_type](value)]
    return row, f"what it has as {wrong[0]} is no value of that column" if wrong else ""


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


_IS: dict[str, Callable[[str], object]] = {
    "VARCHAR": lambda text: True,
    "BOOLEAN": ("true", "false").__contains__,
    "BIGINT": _matches(r"-?\d{1,18}"),
    "HUGEINT": _matches(r"\d{1,38}"),
    "INTEGER": _matches(r"-?\d{1,9}"),
    "DOUBLE": _matches(r"-?(\d{1,300}(\.\d*)?([eE][-+]?\d{1,2})?|inf|nan)"),
}
"""What is a value of a type in a segment."""
