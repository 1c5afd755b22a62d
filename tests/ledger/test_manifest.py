"""The one file that says which files make up a ledger."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.manifest import NAME, Batch, File, Manifest, read_manifest, write_manifest

names = st.text(max_size=20)
columns = st.frozensets(st.sampled_from(("at", "call_id", "verdict", "caller")), max_size=4)
whole = st.integers(0, 2**50)
times = st.floats(allow_nan=False, allow_infinity=False)
files = st.builds(File, names, names, st.dates(), whole, whole, times, times, columns, columns)
manifests = st.builds(
    Manifest,
    whole,
    st.lists(files, max_size=5).map(tuple),
    st.dictionaries(st.tuples(names, names, names), whole, max_size=5),
    st.dictionaries(names, times, max_size=3),
)


def a_file(path="calls/day=2026-02-25/a.parquet", rows=3, first=10.0, last=20.0, table="calls"):
    return File(table, path, date(2026, 2, 25), rows, 100, first, last, frozenset({"at"}))


@given(manifests)
def test_what_is_written_is_what_is_read(tmp_path_factory, manifest):
    folder = tmp_path_factory.mktemp("m")
    write_manifest(folder, manifest)
    assert read_manifest(folder) == manifest


def test_an_empty_folder_is_an_empty_ledger(tmp_path):
    assert read_manifest(tmp_path) == Manifest()


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"format": 1}', "\0", '{"format": 1, "files": 3}', "{" * 99]
)
def test_a_damaged_list_of_files_is_said_to_be(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    with pytest.raises(TosqauylError, match=r"damaged.*restore manifest.json from a backup"):
        read_manifest(tmp_path)


def test_a_later_format_is_not_guessed_at(tmp_path):
    write_manifest(tmp_path, Manifest())
    content = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(content | {"format": 2}))
    with pytest.raises(TosqauylError, match="format 2, this version reads format 1"):
        read_manifest(tmp_path)


def test_a_write_that_fails_leaves_the_state_that_was(tmp_path):
    write_manifest(tmp_path, Manifest(1))
    (tmp_path / (NAME + ".draft")).mkdir()
    with pytest.raises(OSError, match="directory"):
        write_manifest(tmp_path, Manifest(2))
    assert read_manifest(tmp_path) == Manifest(1)


def test_a_batch_is_known_by_table_origin_and_name():
    one = Batch("calls", "gate:a", "1", frozenset({"at"}))
    state = Manifest().with_batch(one, [a_file()])
    assert state.has(one)
    assert state.taken == {("calls", "gate:a", "1"): 3}
    assert not state.has(Batch("calls", "gate:b", "1", frozenset()))
    assert not state.has(Batch("outcomes", "gate:a", "1", frozenset()))


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [
        (None, None, 1),
        (20.0, None, 1),
        (20.1, None, 0),
        (None, 10.0, 0),
        (None, 10.1, 1),
        (12.0, 15.0, 1),
        (0.0, 99.0, 1),
    ],
)
def test_files_are_found_by_the_time_of_their_rows(first, end, found):
    assert len(list(Manifest(files=(a_file(),)).of("calls", first, end))) == found


def test_replaced_files_are_retired_and_their_batches_stay_taken():
    batch = Batch("calls", "gate:a", "1", frozenset({"at"}))
    old, new, other = a_file("old"), a_file("new"), a_file("other", rows=5)
    state = Manifest().with_batch(batch, [old, other]).with_replaced([old], [new], 7.0)
    assert state.files == (other, new)
    assert state.retired == {"old": 7.0}
    assert state.has(batch)
    assert state.rows("calls") == 8


def test_the_fingerprint_is_of_the_content_not_of_the_way_there():
    one, two = a_file("a"), a_file("b")
    assert Manifest(1, (one, two)).fingerprint == Manifest(9, (two, one)).fingerprint
    assert Manifest(1, (one,)).fingerprint != Manifest(1, (one, two)).fingerprint
