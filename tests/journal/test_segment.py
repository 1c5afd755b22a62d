"""Reading segments of other versions, damaged ones, and under odd names."""

from pathlib import Path

import duckdb
import pytest

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.columns import HEADER, row_maker
from tosqauyl.journal.naming import segment_files, stem
from tosqauyl.journal.segment import read_segment
from tosqauyl.ledger.segments import duckdb_sql, header_of
from tosqauyl.record import COLUMNS

ROW = row_maker(None, "p", "s")(
    UNKNOWN_CALL._replace(call_id="a"), ("stop", "x", "r", "d", 5, "pass", "none", ""), 1.0, 603
)


def _write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_an_older_segment_without_a_column_gets_its_unknown(tmp_path):
    names, values = HEADER.strip("\n").split("\t"), ROW.strip("\n").split("\t")
    old = [
        place for place, name in enumerate(names) if name not in ("listed", "answer", "caller_form", "at", "protected")
    ]
    path = _write(tmp_path / "old.tsv", "".join("\t".join(x[place] for place in old) + "\n" for x in (names, values)))
    new = _write(tmp_path / "new.tsv", HEADER + ROW)
    row = next(read_segment(path))
    assert (row["listed"], row["answer"], row["caller_form"], row["at"], row["protected"]) == (
        "none",
        0,
        "unknown",
        0.0,
        False,
    )
    assert row["call_id"] == "a"
    rows = duckdb.sql(duckdb_sql([path, new]) + " ORDER BY answer").fetchall()
    assert rows[0] == tuple(row.values())
    assert rows[1] == tuple(next(read_segment(new)).values())


def test_a_newer_segment_with_more_columns_in_another_order_is_read(tmp_path):
    names, values = HEADER.strip("\n").split("\t"), ROW.strip("\n").split("\t")
    text = "\t".join(["new_fact", *reversed(names)]) + "\n" + "\t".join(["?", *reversed(values)]) + "\n"
    path, plain = _write(tmp_path / "new.tsv", text), _write(tmp_path / "plain.tsv", HEADER + ROW)
    assert list(read_segment(path)) == list(read_segment(plain))
    assert duckdb.sql(duckdb_sql([path])).fetchall() == duckdb.sql(duckdb_sql([plain])).fetchall()


def test_lines_that_are_no_rows_are_passed_over(tmp_path):
    path = _write(tmp_path / "x.open.tsv", HEADER + "a\tb\n" + ROW + ROW.replace("\tfalse\t", "\tfalse\t", 1)[:-1])
    assert [row["call_id"] for row in read_segment(path)] == ["a"]
    bad_number = _write(tmp_path / "y.tsv", HEADER + ROW.replace("0.000000", "soon", 1))
    assert list(read_segment(bad_number)) == []


def test_a_segment_closed_after_it_was_listed_is_found_under_its_new_name(tmp_path):
    _write(tmp_path / "a.tsv", HEADER + ROW)
    assert len(list(read_segment(tmp_path / "a.open.tsv"))) == 1


def test_a_missing_segment_is_a_clear_error(tmp_path):
    with pytest.raises(TosqauylError, match="cannot be read"):
        list(read_segment(tmp_path / "no.tsv"))
    with pytest.raises(TosqauylError, match="cannot be read"):
        header_of(tmp_path / "no.tsv")


def test_no_segments_give_no_rows_but_all_columns():
    found = duckdb.sql(duckdb_sql([]))
    assert found.fetchall() == []
    assert found.columns == [column.name for column in COLUMNS]
    assert [str(kind) for kind in found.types] == [column.sql_type for column in COLUMNS]


def test_types_and_names_are_those_of_the_column_table(tmp_path):
    found = duckdb.sql(duckdb_sql([_write(tmp_path / "a.tsv", HEADER + ROW)]))
    assert found.columns == [column.name for column in COLUMNS]
    assert [str(kind) for kind in found.types] == [column.sql_type for column in COLUMNS]


def test_empty_and_header_only_segments_give_no_rows(tmp_path):
    paths = [_write(tmp_path / "a.tsv", ""), _write(tmp_path / "b.tsv", HEADER)]
    assert duckdb.sql(duckdb_sql(paths)).fetchall() == []


@pytest.mark.parametrize("name", ["it's [a] b*c?.tsv", "ы ё.tsv"])
def test_odd_file_names_are_taken_literally(tmp_path, name):
    path = _write(tmp_path / name, HEADER + ROW)
    assert len(duckdb.sql(duckdb_sql([path])).fetchall()) == 1


@pytest.mark.parametrize("text", ["\\x01", "\\N", "NULL", "", '"', "''", '"a', "#a", "\\t", "nan", "\ufeff"])
def test_text_that_looks_like_something_else_stays_text(tmp_path, text):
    row = row_maker(None, "p", "s")(
        UNKNOWN_CALL._replace(display_name=text, call_id="c"), ("pass",) * 4 + (0,) + ("",) * 3, 1.0, 302
    )
    path = _write(tmp_path / "a.tsv", HEADER + row + row)
    found = duckdb.sql(f"SELECT display_name FROM ({duckdb_sql([path])})").fetchall()
    assert found == [(text,), (text,)]


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -1e18, 1e18, -5.0, 0.0, 1767225600.9])
def test_any_clock_makes_a_name_that_is_read_again(tmp_path, now):
    _write(tmp_path / (stem(7, now) + ".open.tsv"), "")
    (found,) = segment_files(tmp_path)
    assert (found.sequence, found.is_open) == (7, True)


def test_other_files_in_the_folder_are_passed_over(tmp_path):
    for name in ("lock", "x.tsv", "0000000001-20260301T000000Z.torn", "0000000001-99999999T999999Z.tsv"):
        _write(tmp_path / name, "")
    assert [found.opened for found in segment_files(tmp_path)] == [0.0]
    assert segment_files(tmp_path / "nowhere") == []
