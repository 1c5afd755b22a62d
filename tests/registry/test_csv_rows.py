"""Rows of CSV files as people send them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry.cells import exported
from tosqauyl.registry.csv_rows import MOST_LINE, MOST_LINES, BadRow, Row, examine, rows
from tosqauyl.registry.errors import Invalid


def read(raw: bytes | str) -> list[tuple[int, object]]:
    """(line, fields or reason) of every row."""
    file = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    found = list(rows(file, examine(file)))
    return [(row.line, row.fields if isinstance(row, Row) else row.reason) for row in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_first_rows(delimiter: str) -> None:
    assert read(delimiter.join("abc") + "\n" + delimiter.join("123")) == [(2, ["1", "2", "3"])]


@pytest.mark.parametrize(("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp1251", "cp1251")])
def test_the_encoding_is_found(encoding: str, found: str) -> None:
    raw = "phone,text\n1,Привет\n2,мир\n".encode(encoding)
    form = examine(io.BytesIO(raw))
    assert (form.encoding, form.columns) == (found, ("phone", "text"))
    assert read(raw) == [(2, ["1", "Привет"]), (3, ["2", "мир"])]


def test_one_broken_line_does_not_make_a_file_of_another_encoding() -> None:
    raw = "a,b\n1,Қазақстан\n2,Ресей\n".encode() + b"3,\xff\xfe\n" + "4,Алматы\n".encode()
    assert read(raw) == [(2, ["1", "Қазақстан"]), (3, ["2", "Ресей"]), (4, "encoding"), (5, ["4", "Алматы"])]


def test_line_breaks_in_quotes_belong_to_the_field_and_lines_are_counted_on() -> None:
    assert read('a,b\r\n1,"x\r\ny"\r\n2,"say ""no"""\r\n') == [(2, ["1", "x\r\ny"]), (4, ["2", 'say "no"'])]


def test_a_quote_that_is_never_closed_costs_its_own_row_only() -> None:
    good = "".join(f"{number},x\n" for number in range(MOST_LINES + 100))
    found = read('a,b\n0,"open\n' + good)
    assert found[0] == (2, "quote")
    assert found[1:] == [(number + 3, [str(number), "x"]) for number in range(MOST_LINES + 100)]


def test_a_quote_that_is_never_closed_at_the_end_costs_its_own_row_only() -> None:
    assert read('a,b\n0,"open\n1,x\n2,y') == [(2, "quote"), (3, ["1", "x"]), (4, ["2", "y"])]


def test_a_quote_inside_a_field_without_quotes_is_a_letter() -> None:
    assert read('a,b\n1,ТОО "Ромашка\n2,x\n') == [(2, ["1", 'ТОО "Ромашка']), (3, ["2", "x"])]


def test_text_behind_a_closing_quote_is_refused() -> None:
    assert read('a,b\n1,"x"y\n2,z\n') == [(2, "quote"), (3, ["2", "z"])]


def test_a_line_too_long_is_refused_and_the_next_one_read() -> None:
    raw = b"a,b\n1," + b"x" * (MOST_LINE * 3) + b"\n2,y\n"
    assert read(raw) == [(2, "too-long"), (3, ["2", "y"])]


def test_fields_too_many_are_refused_and_fields_missing_are_empty() -> None:
    assert read("a,b\n1\n1,2,3\n1,2,,\n\n,\n") == [(2, ["1", ""]), (3, "columns"), (4, ["1", "2"])]


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"a,a\n", b'"a\n', "a,b\n".encode("utf-16"), b"x" * (MOST_LINE + 5), b"\x98\xff\n"]
)
def test_what_is_no_csv_file_with_names_of_columns_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        examine(io.BytesIO(raw))
    assert caught.value.where == "file"


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), min_size=2, max_size=2),
        max_size=8,
    ),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_a_writer_wrote_is_read_again(table: list[list[str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["first", "second"])
    writer.writerows(table)
    expected = [fields for fields in table if any(field.strip() for field in fields)]
    assert [fields for _, fields in read(out.getvalue())] == expected


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_faults(raw: bytes) -> None:
    file = io.BytesIO(b"a,b\n" + raw)
    found = list(rows(file, examine(file)))
    lines = [row.line for row in found]
    assert lines == sorted(set(lines))
    assert all(isinstance(row, BadRow) or len(row.fields) == 2 for row in found)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("http://x")', "'=HYPERLINK(\"http://x\")"), ("+7(701)", "'+7(701)"), ("-cmd", "'-cmd"), ("@SUM(1)", "'@SUM(1)"),
        ("+77011234567", "+77011234567"), ("-5", "-5"), ("-5,25", "-5,25"), ("text", "text"), ("", ""), ("\t=1", "'\t=1"),
    ],
)  # fmt: skip
def test_nothing_that_is_exported_is_computed(text: str, written: str) -> None:
    assert exported(text) == written
