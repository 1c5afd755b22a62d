"""What a crash leaves, repaired at the next start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import HEADER, row_maker
from tosqauyl.journal.naming import segment_files
from tosqauyl.journal.recovery import Recovered, recover
from tosqauyl.journal.segment import read_segment

NAME = "0000000001-20260301T000000Z"
MAKE = row_maker(None, "p", "s")
ROWS = [
    MAKE(UNKNOWN_CALL._replace(call_id=name), ("pass", "none", "", "", 0, "pass", "none", ""), 1.0, 302)
    for name in "abc"
]
WHOLE = (HEADER + "".join(ROWS)).encode()


def _crashed(folder, content):
    (folder / (NAME + ".open.tsv")).write_bytes(content)
    return recover(folder)


def _ids(folder):
    return [row["call_id"] for segment in segment_files(folder) for row in read_segment(segment.path)]


@given(st.integers(0, len(WHOLE)))
def test_wherever_the_file_ends_the_whole_rows_stay_and_the_rest_is_put_aside(tmp_path_factory, length):
    folder = tmp_path_factory.mktemp("j")
    found = _crashed(folder, WHOLE[:length])
    closed = (folder / (NAME + ".tsv")).read_bytes()
    torn = folder / (NAME + ".torn")
    assert closed + (torn.read_bytes() if torn.exists() else b"") == WHOLE[:length]
    assert found.torn_bytes == length - len(closed)
    assert closed == b"" or closed.endswith(b"\n")
    assert found.rows == max(closed.count(b"\n") - 1, 0)


def test_a_page_of_zeros_in_the_middle_takes_only_its_rows_along(tmp_path):
    place = WHOLE.index(ROWS[1].encode()) + 20
    found = _crashed(tmp_path, WHOLE[:place] + b"\0" * 30 + WHOLE[place + 30 :])
    assert _ids(tmp_path) == ["a", "c"]
    assert (found.rows, found.torn_pieces) == (2, 1)


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\0" * 100 + b"\n"])
def test_zeros_at_the_end_are_put_aside(tmp_path, tail):
    assert _crashed(tmp_path, WHOLE + tail).torn_bytes == len(tail)
    assert _ids(tmp_path) == ["a", "b", "c"]


def test_a_crash_during_the_repair_is_repaired_too(tmp_path):
    (tmp_path / (NAME + ".draft")).write_bytes(WHOLE[:100])
    (tmp_path / (NAME + ".torn")).write_bytes(b"x")
    _crashed(tmp_path, WHOLE + b"half")
    assert _ids(tmp_path) == ["a", "b", "c"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".torn", ".tsv"]


def test_nothing_to_repair_is_nothing(tmp_path):
    assert recover(tmp_path) == Recovered()
    assert _crashed(tmp_path, WHOLE) == Recovered(1, 3, 0, 0)
    assert recover(tmp_path) == Recovered()


def test_a_new_journal_goes_on_behind_the_repaired_segment(tmp_path):
    (tmp_path / (NAME + ".open.tsv")).write_bytes(WHOLE + b"half")
    journal = Journal(tmp_path, 0.0)
    assert [(segment.sequence, segment.is_open) for segment in segment_files(tmp_path)] == [(1, False), (2, True)]
    assert (journal.recovered.segments, journal.recovered.rows) == (1, 3)
    journal.close()
