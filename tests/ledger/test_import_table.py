"""CSV in every state of disrepair: what can be read is read, and each line that cannot is named."""

import csv
import io
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes
from tosqauyl.ledger.imports.lines import TextFile, blocks
from tosqauyl.ledger.imports.mapping import Layout
from tosqauyl.ledger.imports.table import Rows, header_of, read_rows

COMMA = Layout()
SEMICOLON = Layout(delimiter=";")


def read(path: Path, data: bytes, layout: Layout = COMMA) -> Rows:
    path.write_bytes(data)
    file = TextFile(path)
    names, header = header_of(file, layout)
    parts = [read_rows(block, layout, names, names, header) for block in blocks(file, {})]
    file.close()
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Rows(
        pa.concat_tables([part.table for part in parts]), [one for part in parts for one in part.rejects], counts
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.csv"


def columns(rows: Rows) -> list[tuple[int, ...]]:
    found = sorted(rows.table.to_pylist(), key=lambda row: row["line"])
    return [tuple(row.values()) for row in found]


def test_utf_8_and_cp1251_in_one_file_are_decoded_line_by_line(path: Path) -> None:
    data = "n;k\nтест;1\n".encode() + "Қазақ Алматы;2\n".encode("cp1251", "replace") + "ә;3\n".encode()
    rows = read(path, data, SEMICOLON)
    assert [row[0] for row in columns(rows)] == ["тест", "?аза? Алматы", "ә"]
    assert rows.counts == {"recoded_lines": 1}
    assert rows.rejects == []


def test_a_quote_that_nobody_closes_costs_one_line(path: Path) -> None:
    rows = read(path, b'a,b\n1,2\n"3,4\n5,6\n7,"8""8"\n')
    assert columns(rows) == [("1", "2", 2), ("5", "6", 4), ("7", '8"8', 5)]
    assert [(one.line, one.reason) for one in rows.rejects] == [(3, "a quote that is not closed")]


def test_two_open_quotes_do_not_swallow_the_rows_between_them(path: Path) -> None:
    rows = read(path, b'a,b\n1,"2\n3,4\n5,6"\n7,8\n')
    assert columns(rows) == [("3", "4", 3), ("7", "8", 5)]
    assert [one.line for one in rows.rejects] == [2, 4]


def test_quotes_in_the_wrong_place_hide_no_other_line(path: Path) -> None:
    rows = read(path, b'a,b\n1,2\n3";x,",\n5,6\n7,8\n')
    assert columns(rows) == [("1", "2", 2), ("5", "6", 4), ("7", "8", 5)]
    assert [one.line for one in rows.rejects] == [3]


def test_a_quoted_line_end_joins_two_lines(path: Path) -> None:
    rows = read(path, b'a,b\n"1\n1",2\n3,4\n')
    assert columns(rows) == [("1\n1", "2", 2), ("3", "4", 4)]


def test_a_row_of_another_width_is_named_with_both_widths(path: Path) -> None:
    rows = read(path, b"a,b\n1\n1,2\n1,2,3\n")
    assert columns(rows) == [("1", "2", 3)]
    assert [(one.line, one.reason, one.text) for one in rows.rejects] == [
        (2, "1 columns, not 2", "1"),
        (4, "3 columns, not 2", "1,2,3"),
    ]


def test_without_a_header_rows_may_lack_the_optional_columns(path: Path) -> None:
    layout = Layout(header=False, columns=("a", "b", "c", "d"), least=2)
    rows = read(path, b"1,2,3\n4,5\n6\n", layout)
    assert columns(rows) == [("1", "2", "3", 1), ("4", "5", "", 2)]
    assert [(one.line, one.reason) for one in rows.rejects] == [(3, "1 columns, not 2 to 3")]


def test_blank_lines_comments_nul_and_bom_do_no_harm(path: Path) -> None:
    rows = read(path, b"\xef\xbb\xbfa,b\r\n\r\n# no row\r\n1,\x002\r\n3,4", Layout(comment="#"))
    assert columns(rows) == [("1", "2", 4), ("3", "4", 5)]
    assert rows.counts == {"nul_removed": 1}


def test_utf_16_is_read(path: Path) -> None:
    rows = read(path, "a\tb\nтест\t1\n".encode("utf-16"), Layout(delimiter="\t"))
    assert columns(rows) == [("тест", "1", 2)]


def test_a_column_named_twice_is_a_mistake(path: Path) -> None:
    with pytest.raises(FileMistakes, match="two columns are named 'a'"):
        read(path, b"a,a\n1,2\n")


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=8)


@given(
    st.lists(st.tuples(CELL, CELL, CELL).filter(lambda row: any(cell.strip() for cell in row)), min_size=1, max_size=8)
)
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([("x", "y", "z"), *rows])
    found = read(tmp_path_factory.getbasetemp() / "any.csv", out.getvalue().encode())
    assert found.rejects == []
    assert [row[:3] for row in columns(found)] == rows


@given(st.binary(max_size=200))
def test_whatever_the_bytes_every_line_is_a_row_a_reject_or_blank(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    data = b"a,b\n" + junk
    found = read(tmp_path_factory.getbasetemp() / "junk.csv", data)
    lines = data.split(b"\n")
    named = {one.line for one in found.rejects} | {row[-1] for row in columns(found)}
    for number, line in enumerate(lines[1:], 2):
        if line.strip(b"\0\r\n\t \x0b\x0c") and b'"' not in data:
            assert number in named, (number, line)
