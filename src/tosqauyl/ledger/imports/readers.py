"""A file as chunks of rows of text, whatever its format: one reader a format, all used alike by `run`."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.ledger.imports import kamailio, radius, structured
from tosqauyl.ledger.imports.lines import BLOCK_LINES, Block, Taken, TextFile, all_lines, blocks, file_digest
from tosqauyl.ledger.imports.mapping import Layout, Mapping
from tosqauyl.ledger.imports.rejects import Reject
from tosqauyl.ledger.imports.table import Rows, header_of, read_rows, text_table

MANY_LINES = 6
"""Blocks of lines that make one where a record has a dozen lines or more: a hundred thousand records."""
SAMPLE_LINES = 20_000
"""Lines looked at to learn which columns a file of records has."""


class Reader(Protocol):
    """One file being read. columns: of the file, as far as they are known. size: bytes that its blocks add up to."""

    columns: tuple[str, ...]
    size: int

    def blocks(self, taken: Taken) -> Iterator[Block]:
        """Every block, those taken before marked as such. Raises TosqauylError."""

    def rows(self, block: Block) -> Rows:
        """The rows of a block."""

    def torn(self) -> str:
        """Why the file ended too early, '' if it did not."""

    def close(self) -> None:
        """Let go of the file."""


class CsvReader:
    """CSV, by pyarrow. mapping: its layout and the columns it wants."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.layout, self._file = layout, TextFile(path)
        try:
            self.columns, self._header = header_of(self._file, layout)
        except FileMistakes as error:
            mistakes = [Mistake(str(path), one.line, 0, one.what, one.hint) for one in error.mistakes]
            raise FileMistakes(mistakes) from None
        self.wanted: tuple[str, ...] = self.columns
        self.size = path.stat().st_size

    def blocks(self, taken: Taken) -> Iterator[Block]:
        """Every block of lines."""
        return blocks(self._file, taken)

    def rows(self, block: Block) -> Rows:
        """The rows of a block."""
        return read_rows(block, self.layout, self.columns, self.wanted, self._header)

    def torn(self) -> str:
        """Why the file ended too early."""
        return self._file.torn

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


Parse = Callable[[Block], tuple[list[tuple[int, dict[str, str]]], list[Reject], Counter[str]]]


class RecordReader:
    """Records that are read one by one: acc lines, RADIUS details, JSON, XML."""

    def __init__(self, path: Path, mapping: Mapping) -> None:
        self._file, self.size = TextFile(path), path.stat().st_size
        self.wanted = mapping.wanted
        self._parse, self._ends = _ways(mapping)
        self._times = MANY_LINES if mapping.layout.format in ("radius", "xml") else 1
        sample = self._file.take(SAMPLE_LINES)
        self._file.give_back(sample)
        block = Block(1, len(sample), "", sample[: self._ends(sample) or len(sample)] if sample else [], 0)
        self.columns = _columns_in(block, mapping.layout.format, self._parse)

    def blocks(self, taken: Taken) -> Iterator[Block]:
        """Every block of whole records."""
        return blocks(self._file, taken, self._ends, self._times)

    def rows(self, block: Block) -> Rows:
        """The records of a block."""
        records, rejects, counts = self._parse(block)
        return Rows(text_table([name for name in self.wanted if name in set(self.columns)], records), rejects, counts)

    def torn(self) -> str:
        """Why the file ended too early."""
        return self._file.torn

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _ways(mapping: Mapping) -> tuple[Parse, Callable[[list[bytes]], int]]:
    """How a block is read, and where it may end."""
    encoding, wanted = mapping.layout.encoding, mapping.wanted
    if mapping.layout.format == "kamailio":
        return lambda block: kamailio.read_acc(block, encoding), all_lines
    if mapping.layout.format == "radius":
        return lambda block: radius.read_detail(block, encoding, wanted), radius.whole_records
    if mapping.layout.format == "xml":
        return lambda block: structured.read_xml(block, encoding), structured.whole_elements
    return lambda block: structured.read_json(block, encoding), all_lines


def _columns_in(block: Block, form: str, parse: Parse) -> tuple[str, ...]:
    if form == "radius":
        return radius.attribute_names(block)
    records = parse(block)[0] if block.lines else []
    return tuple(dict.fromkeys(name for _, record in records for name in record))


class ParquetReader:
    """Parquet, by pyarrow, every column as text."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = pq.ParquetFile(path)
            self._digest = file_digest(path)
        except (OSError, pa.ArrowException) as error:
            raise TosqauylError(f"the Parquet file cannot be read: {error}", str(path)) from error
        self.columns: tuple[str, ...] = tuple(self._file.schema_arrow.names)
        self.wanted: tuple[str, ...] = self.columns
        self.size = path.stat().st_size
        self._batch: pa.RecordBatch | None = None

    def blocks(self, taken: Taken) -> Iterator[Block]:
        """Every block of rows; named by the hash of the whole file."""
        first, total = 1, max(self._file.metadata.num_rows, 1)
        columns = [name for name in self.columns if name in set(self.wanted)]
        for batch in self._file.iter_batches(batch_size=BLOCK_LINES, columns=columns):
            self._batch = batch
            last = first + batch.num_rows - 1
            known = (last, self._digest) in taken.get(first, ())
            yield Block(first, last, self._digest, [], self.size * batch.num_rows // total, known)
            first = last + 1

    def rows(self, block: Block) -> Rows:
        """The rows of the block that came last."""
        batch = self._batch
        names = batch.schema.names if batch is not None else []
        arrays = [_as_text(batch.column(name)) for name in names] if batch is not None else []
        numbers = pa.array(range(block.first, block.last + 1), pa.int64())
        return Rows(pa.Table.from_arrays([*arrays, numbers], names=[*names, "line"]))

    def torn(self) -> str:
        """A Parquet file is whole or cannot be opened."""
        return ""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _as_text(column: pa.Array) -> pa.Array:
    """A column as text; times as ISO 8601 in UTC where they have a zone, nested values as nothing."""
    if pa.types.is_timestamp(column.type) and column.type.tz:
        text = column.cast(pa.timestamp("us")).cast(pa.string())
        return pa.array([None if one is None else one + "Z" for one in text.to_pylist()], pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return pa.nulls(len(column), pa.string())


def open_reader(path: Path, mapping: Mapping) -> CsvReader | ParquetReader | RecordReader:
    """The reader of a file. Raises TosqauylError."""
    if mapping.layout.format == "csv":
        return CsvReader(path, mapping.layout)
    if mapping.layout.format == "parquet":
        return ParquetReader(path)
    return RecordReader(path, mapping)
