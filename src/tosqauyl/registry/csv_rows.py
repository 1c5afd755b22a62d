"""Rows of a CSV file that somebody sends: read line by line, every row that cannot be read reported with its line, the next one
read again.

    with open(path, "rb") as file:
        form = examine(file)                    digest, encoding, delimiter, columns
        for row in rows(file, form):            Row, or BadRow

Comma, semicolon or tab; UTF-8 with or without its mark, or Windows-1251; line breaks in quotes. Nothing is ever computed:
'=HYPERLINK(...)' is a text like any other, and `cells.exported` writes it so that a spreadsheet takes it for one as well.
"""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from tosqauyl.registry.errors import Invalid

MOST_LINE = 64 * 1024
"""Bytes of one line, and of one row with line breaks in it."""
MOST_LINES = 200
"""Lines of one row: a quote that is never closed swallows no more, and reading goes on behind the line it stands in."""
MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which spreadsheets put in front."""
DELIMITERS = ",;\t"
_OPEN_QUOTE = "unexpected end of data"
"""What Python's reader says of a quote that is not closed."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written. digest: SHA-256 of its bytes; columns: of its first row, in lower case."""

    digest: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row. line: where it begins, the first row with the columns' names being 1 as a rule."""

    line: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read. reason: too-long, encoding, quote, columns; what: for people."""

    line: int
    reason: str
    what: str


def examine(file: BinaryIO) -> Form:
    """How a file is written. Raises Invalid where it is no CSV file with names of columns."""
    file.seek(0)
    digest, utf8, other = hashlib.sha256(), 0, 0
    head = file.read(3)
    marked = head == MARK
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Invalid("the file is UTF-16", "file", "save it as CSV UTF-8")
    file.seek(0)
    while line := file.readline(MOST_LINE):
        digest.update(line)
        if not line.isascii():
            good = _is_utf8(line)
            utf8, other = utf8 + good, other + (not good)
    # A few broken lines do not make a file Windows-1251: the letters of one are hardly ever UTF-8 by chance.
    encoding = "utf-8" if marked or utf8 >= other else "cp1251"
    delimiter, columns = _first_row(file, encoding)
    return Form(digest.hexdigest(), encoding, delimiter, columns)


def rows(file: BinaryIO, form: Form) -> Iterator[Row | BadRow]:
    """The rows behind the first one, empty lines left out."""
    lines = _Lines(file, form.encoding)
    first = True
    while (found := _next_row(lines, form.delimiter)) is not None:
        if first and isinstance(found, Row):
            first = False
            continue
        if isinstance(found, BadRow) or any(field.strip() for field in found.fields):
            yield _fitting(found, len(form.columns))


class _Lines:
    """The lines of a file as text, with a place to give some back. line: the number of the one that comes next."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        file.seek(0)
        if file.read(3) != MARK:
            file.seek(0)
        self._file, self._encoding, self._back, self.line = file, encoding, list[str | BadRow](), 1

    def take(self) -> str | BadRow | None:
        """The next line with its end, or why it cannot be read; None at the end of the file."""
        if self._back:
            self.line += 1
            return self._back.pop()
        raw = self._file.readline(MOST_LINE + 1)
        if not raw:
            return None
        line, self.line = self.line, self.line + 1
        if len(raw) > MOST_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = self._file.readline(MOST_LINE)
            return BadRow(line, "too-long", f"the line has more than {MOST_LINE} bytes")
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            return BadRow(line, "encoding", f"a letter that is not {self._encoding.upper()}")

    def give_back(self, taken: Sequence[str | BadRow]) -> None:
        """Lines that will be taken again, the first of them next."""
        self._back += reversed(taken)
        self.line -= len(taken)


def _next_row(lines: _Lines, delimiter: str) -> Row | BadRow | None:
    begin = lines.line
    first = lines.take()
    if first is None or isinstance(first, BadRow):
        return first
    more: list[str | BadRow] = []
    text = first
    while True:
        fields = _fields(text, delimiter)
        if isinstance(fields, list):
            return Row(begin, fields)
        line = lines.take() if fields == _OPEN_QUOTE and len(more) < MOST_LINES else None
        if line is not None:
            more.append(line)
        if isinstance(line, str) and len(text) + len(line) <= MOST_LINE:
            text += line
            continue
        lines.give_back(more)
        what = "a quote is not closed" if fields == _OPEN_QUOTE else "a quote inside a field is not doubled"
        return BadRow(begin, "quote", what)


def _fields(text: str, delimiter: str) -> list[str] | str:
    """The fields of one row, or what is wrong with it."""
    if '"' not in text:
        return text.rstrip("\r\n").split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        return str(error)


def _fitting(found: Row | BadRow, width: int) -> Row | BadRow:
    """Fields that are missing at the end are empty ones; fields too many are a fault, unless they are empty."""
    if isinstance(found, BadRow):
        return found
    if any(field.strip() for field in found.fields[width:]):
        return BadRow(found.line, "columns", f"{len(found.fields)} fields, the first row names {width}")
    return Row(found.line, found.fields[:width] + [""] * (width - len(found.fields)))


def _first_row(file: BinaryIO, encoding: str) -> tuple[str, tuple[str, ...]]:
    lines = _Lines(file, encoding)
    line = lines.take()
    if not isinstance(line, str) or not line.strip():
        raise Invalid("the file does not begin with a row of columns' names", "file")
    delimiter = max(DELIMITERS, key=line.count)
    fields = _fields(line, delimiter)
    if isinstance(fields, str):
        raise Invalid("the first row cannot be read: a quote is not closed", "file")
    columns = tuple(field.strip().lower() for field in fields)
    if len(set(columns)) < len(columns):
        raise Invalid("a column is there twice", "file")
    return delimiter, columns


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
