"""CSV lines as a table of texts: the bulk by pyarrow, one by one only the lines that it refuses or that are no UTF-8.

One line is one row. A row that goes on in the next line (a quoted line end) is put together; a quote that nobody closes costs one
line, not the rest of the file.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv as pa_csv

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.ledger.imports.lines import Block, TextFile
from tosqauyl.ledger.imports.mapping import Layout
from tosqauyl.ledger.imports.rejects import ROW, Reject

JOINED_LINES = 20
"""Lines that one row with quoted line ends may have."""
_BOM = b"\xef\xbb\xbf"
csv.field_size_limit(1 << 21)


@dataclass(slots=True)
class Rows:
    """A chunk as texts: a table with `line` and the columns read, what could not be taken, and what was counted."""

    table: pa.Table
    rejects: list[Reject] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def header_of(file: TextFile, layout: Layout) -> tuple[tuple[str, ...], int]:
    """(names of the columns, the header's line; 0 where there is none). The lines are given back."""
    lines = file.take(100)
    file.give_back(lines)
    for place, raw in enumerate(lines, 1):
        text = decoded(raw.removeprefix(_BOM) if place == 1 else raw, layout.encoding)[0].strip("\r\n")
        if text.strip() and not _is_comment(text, layout):
            cells = cells_of(text, layout) or []
            if layout.header:
                return _names(cells, place), place
            return _as_wide(layout, len(cells)), 0
    return layout.columns, 0


def _names(cells: list[str], line: int) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise FileMistakes([Mistake("", line, 0, f"two columns are named {twice[0]!r}", "rename one in the header")])
    return tuple(name or f"column {place}" for place, name in enumerate(names, 1))


def _as_wide(layout: Layout, width: int) -> tuple[str, ...]:
    """Of a file without a header as many of the named columns as its first row has, not fewer than every row must have."""
    least = layout.least or len(layout.columns)
    return layout.columns[: max(least, min(width, len(layout.columns)))]


def decoded(raw: bytes, encoding: str) -> tuple[str, bool]:
    """(text, whether it was no UTF-8): what is no UTF-8 is read in the other encoding."""
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return raw.decode(encoding, "replace"), True


def cells_of(text: str, layout: Layout) -> list[str] | None:
    """The cells of one row; None where it is no CSV."""
    lines = io.StringIO(text, newline="")
    try:
        if layout.quote:
            rows = list(csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote, strict=True))
        else:
            rows = list(csv.reader(lines, delimiter=layout.delimiter, quoting=csv.QUOTE_NONE, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _is_comment(text: str, layout: Layout) -> bool:
    return bool(layout.comment) and text.startswith(layout.comment)


def recoded(lines: list[bytes], encoding: str, counts: Counter[str]) -> list[bytes]:
    """The lines as UTF-8 without NULs, counting those that were something else."""
    whole = b"".join(lines)
    if b"\0" in whole:
        counts["nul_removed"] += sum(b"\0" in line for line in lines)
        lines = [line.replace(b"\0", b"") for line in lines]
    if whole.isascii() or _is_utf8(whole):
        return lines
    found = []
    for line in lines:
        if not _is_utf8(line):
            line = line.decode(encoding, "replace").encode()
            counts["recoded_lines"] += 1
        found.append(line)
    return found


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read_rows(block: Block, layout: Layout, names: tuple[str, ...], wanted: Sequence[str], header: int) -> Rows:
    """The rows of a block. names: of all columns; wanted: those that are kept. header: its line, to pass over."""
    reading = _Reading(block, layout, names, [name for name in names if name in set(wanted)])
    return reading.run(header)


class _Reading:
    def __init__(self, block: Block, layout: Layout, names: tuple[str, ...], wanted: list[str]) -> None:
        self.block, self.layout, self.names, self.wanted = block, layout, names, wanted
        self.counts: Counter[str] = Counter()
        self.rejects: list[Reject] = []
        self.odd: list[tuple[int, list[str]]] = []
        self.least = layout.least or len(names)

    def run(self, header: int) -> Rows:
        lines = recoded(self.block.lines, self.layout.encoding, self.counts)
        if self.block.first == 1:
            lines = [lines[0].removeprefix(_BOM), *lines[1:]]
        kept, numbers = self._sorted_out(lines, header)
        table = self._bulk(kept, numbers)
        if self.odd:
            table = pa.concat_tables([table, self._one_by_one()])
        return Rows(table, self.rejects, self.counts)

    def _sorted_out(self, lines: list[bytes], header: int) -> tuple[list[bytes], list[int]]:
        """The lines that are one row each, with their numbers; the others are put together or rejected."""
        quote, comment = self.layout.quote.encode(), self.layout.comment.encode()
        kept: list[bytes] = []
        numbers: list[int] = []
        joined = 0
        for number, line in enumerate(lines, self.block.first):
            if number <= joined or number <= header or line.isspace() or (comment and line.startswith(comment)):
                continue
            if (quote and line.count(quote) & 1) or b"\r" in line[:-2]:
                joined = self._join(lines, number)
            else:
                kept.append(line)
                numbers.append(number)
        if kept and not kept[-1].endswith(b"\n"):
            kept[-1] += b"\n"
        return kept, numbers

    def _join(self, lines: list[bytes], number: int) -> int:
        """Put a row together whose quotes are not closed in its line; the number of the last line used."""
        quote, place = self.layout.quote.encode(), number - self.block.first
        text = b""
        for more, line in enumerate(lines[place : place + JOINED_LINES]):
            text += line
            if not quote or text.count(quote) & 1 == 0:
                if self._take_odd(number, text.decode("utf-8", "replace")) or more == 0:
                    return number + more
                break
            if more and self._is_row(line):
                break  # a row of its own: the quote before it was never meant to be closed here
        if quote and lines[place].count(quote) & 1:
            self._reject(number, "a quote that is not closed")
        return number

    def _is_row(self, line: bytes) -> bool:
        cells = cells_of(line.decode("utf-8", "replace").strip("\r\n"), self.layout)
        return cells is not None and self.least <= len(cells) <= len(self.names)

    def _take_odd(self, number: int, text: str) -> bool:
        cells = cells_of(text.strip("\r\n"), self.layout)
        if cells is not None and self.least <= len(cells) <= len(self.names):
            self.odd.append((number, cells + [""] * (len(self.names) - len(cells))))
            return True
        if "\n" not in text.strip("\r\n"):
            found = "not CSV" if cells is None else f"{len(cells)} columns, not {self._columns()}"
            self._reject(number, found)
        return False

    def _columns(self) -> str:
        return str(len(self.names)) if self.least == len(self.names) else f"{self.least} to {len(self.names)}"

    def _reject(self, number: int, reason: str) -> None:
        self.rejects.append(Reject(number, ROW, "", reason, self.block.text_of(number)))

    def _bulk(self, lines: list[bytes], numbers: list[int]) -> pa.Table:
        """The lines as rows. Quotes in the wrong place can hide line ends: then the halves are read apart, down to the line."""
        if not lines:
            return self._table([], [])
        read = self._read(lines)
        if read is not None:
            return self._with_numbers(*read, lines, numbers)
        half = len(lines) // 2
        if half == 0:
            self._take_odd(numbers[0], lines[0].decode("utf-8", "replace"))
            return self._table([], [])
        parts = [self._bulk(lines[:half], numbers[:half]), self._bulk(lines[half:], numbers[half:])]
        return pa.concat_tables(parts)

    def _read(self, lines: list[bytes]) -> tuple[pa.Table, set[int]] | None:
        """A table and the places of lines refused; None where rows and lines do not match."""
        refused: set[int] = set()

        def refuse(row: pa_csv.InvalidRow) -> str:
            refused.add(row.number - 1)
            return "skip"

        # A last row that must come out: a quote that the last line leaves open would swallow it.
        data = b"".join([*lines, b"x" + self.layout.delimiter.encode() * (len(self.names) - 1) + b"\n"])
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(data),
                read_options=pa_csv.ReadOptions(
                    column_names=list(self.names), use_threads=False, block_size=len(data) + 1
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.layout.delimiter, quote_char=self.layout.quote or False, invalid_row_handler=refuse,
                    ignore_empty_lines=False,
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.string()), include_columns=self.wanted,
                    strings_can_be_null=False,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid:
            return None
        if table.num_rows + len(refused) != len(lines) + 1 or len(lines) in refused:
            return None
        return table.slice(0, table.num_rows - 1), refused

    def _with_numbers(self, table: pa.Table, refused: set[int], lines: list[bytes], numbers: list[int]) -> pa.Table:
        for place in sorted(refused):
            self._take_odd(numbers[place], lines[place].decode("utf-8", "replace"))
        if refused:
            numbers = [number for place, number in enumerate(numbers) if place not in refused]
        return table.append_column("line", pa.array(numbers, pa.int64()))

    def _one_by_one(self) -> pa.Table:
        places = [self.names.index(name) for name in self.wanted]
        return self._table(
            [number for number, _ in self.odd], [[cells[place] for _, cells in self.odd] for place in places]
        )

    def _table(self, numbers: list[int], columns: list[list[str]]) -> pa.Table:
        columns = columns or [[] for _ in self.wanted]
        arrays = [pa.array(column, pa.string()) for column in columns]
        return pa.Table.from_arrays([*arrays, pa.array(numbers, pa.int64())], names=[*self.wanted, "line"])


def text_table(wanted: Sequence[str], rows: list[tuple[int, dict[str, str]]]) -> pa.Table:
    """Records that were read one by one as a table of texts; what a record lacks is ''."""
    arrays = [pa.array([record.get(name, "") for _, record in rows], pa.string()) for name in wanted]
    return pa.Table.from_arrays([*arrays, pa.array([line for line, _ in rows], pa.int64())], names=[*wanted, "line"])
