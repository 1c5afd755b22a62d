"""The texts of the office: read whole and as they are, or refused whole."""

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_desk import LIST, OTHER, changes_text, list_text, sealed

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.office import list_text as texts
from tosqauyl.networks.office.list_text import ListReader, changes_in, cut_changes
from tosqauyl.state.indicators import Hit, Indicators
from tosqauyl.state.published import NEVER, Change

CORPORA = Path(__file__).resolve().parents[1] / "corpora"
NUMBERS = st.one_of(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.from_regex(r"[0-9]{2,6}", fullmatch=True))
LISTINGS = st.sampled_from(["block", "mark", "allow"])
EXPIRES = st.one_of(st.just("-"), st.integers(0, 99_999_999_999).map(str))
IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
ROWS = st.lists(st.tuples(NUMBERS, LISTINGS, EXPIRES, IDS), max_size=8, unique_by=lambda row: row[0])
CHANGES = st.lists(st.tuples(NUMBERS, st.one_of(LISTINGS, st.just("none")), EXPIRES, IDS), max_size=8)


def read(*pieces):
    reader = ListReader()
    for piece in pieces:
        reader.take(piece)
    return reader.finish()


def name(text):
    return "" if text == "-" else text


def until(text):
    return NEVER if text == "-" else float(text)


def pieces_of(data, cuts):
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]


def test_the_shared_list_is_read():
    listed = read((CORPORA / "published-list.txt").read_bytes())
    found = Indicators.over(listed.packed)
    assert (listed.list_id, listed.seq, len(found)) == (LIST, 41, 4)
    ids = [f"0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a0{place}" for place in (1, 2, 3, 4)]
    assert found.find("+447700900666", 1_798_761_599.9) == Hit(False, "block", ids[0])
    assert found.find("+447700900666", 1_798_761_600.0).listed == "none"
    assert found.find("+77172123456", 9e9) == Hit(False, "mark", ids[1])
    assert found.find("+77010000001", 0.0) == Hit(False, "allow", ids[2])
    assert found.find("7111", 0.0) == Hit(False, "block", ids[3])


def test_the_shared_changes_are_read():
    told = changes_in((CORPORA / "published-changes.txt").read_bytes())
    ids = "0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a0"
    assert (told.list_id, told.after, told.last) == (LIST, 41, 45)
    assert told.rows == (
        Change(42, "+447700900666", "none", NEVER, f"{ids}1"),
        Change(43, "+4915112345678", "block", 1_798_761_600.0, f"{ids}5"),
        Change(44, "+77010000001", "block", NEVER, f"{ids}6"),
        Change(45, "7111", "none", NEVER, ""),
    )


@given(ROWS, st.integers(0, 10**18 - 1), st.lists(st.integers(0), max_size=6))
def test_a_list_is_read_however_it_is_cut_into_pieces(rows, seq, cuts):
    listed = read(*pieces_of(list_text(rows, seq=seq), cuts))
    found = Indicators.over(listed.packed)
    assert (listed.list_id, listed.seq, len(found)) == (LIST, seq, len(rows))
    for number, listing, expires, said in rows:
        assert found.find(number, -1.0) == Hit(False, listing, name(said))
        if expires != "-":
            assert found.find(number, float(expires)).listed == "none"


def test_a_list_is_read_byte_by_byte():
    data = list_text([("+77010000001", "block", "-", "a"), ("7111", "mark", "5", "b")])
    assert len(Indicators.over(read(*(data[at : at + 1] for at in range(len(data)))).packed)) == 2


@given(CHANGES, st.integers(0, 10**15))
def test_changes_are_read_as_they_were_written(rows, after):
    told = changes_in(changes_text(rows, after))
    assert told.rows == tuple(
        Change(after + place, number, listing, until(expires), name(said))
        for place, (number, listing, expires, said) in enumerate(rows, 1)
    )
    assert (told.after, told.last) == (after, after + len(rows))


@given(CHANGES, st.integers(0, 8))
def test_changes_without_the_first_are_an_answer_too(rows, count):
    told = changes_in(changes_text(rows, 7))
    left = cut_changes(told, 7 + min(count, len(rows)))
    assert changes_in(left.text) == left
    assert left.rows == told.rows[min(count, len(rows)) :]


@given(ROWS, st.integers(0), st.integers(0, 255))
def test_a_list_with_any_byte_changed_is_refused(rows, place, byte):
    data = bytearray(list_text(rows))
    place %= len(data)
    if data[place] == byte:
        byte ^= 1
    data[place] = byte
    with pytest.raises(TosqauylError):
        read(bytes(data))


@given(CHANGES, st.integers(0), st.integers(0, 255))
def test_changes_with_any_byte_changed_are_refused(rows, place, byte):
    data = bytearray(changes_text(rows))
    place %= len(data)
    if data[place] == byte:
        byte ^= 1
    data[place] = byte
    with pytest.raises(TosqauylError):
        changes_in(bytes(data))


@given(ROWS, st.integers(0))
def test_a_list_that_is_cut_off_anywhere_is_refused(rows, place):
    data = list_text(rows)
    with pytest.raises(TosqauylError):
        read(data[: place % len(data)])


@given(CHANGES, st.integers(0))
def test_changes_that_are_cut_off_anywhere_are_refused(rows, place):
    data = changes_text(rows)
    with pytest.raises(TosqauylError):
        changes_in(data[: place % len(data)])


@given(st.lists(st.binary(max_size=200), max_size=4), st.binary(max_size=400))
def test_any_bytes_are_refused_with_our_error_or_read(pieces, data):
    for attempt in (lambda: read(*pieces), lambda: changes_in(data), lambda: changes_in(sealed_bytes(data))):
        with suppress(TosqauylError):
            attempt()


def sealed_bytes(data):
    return texts.sealed(data)


ROW = ("+77010000001", "block", "-", "a")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (sealed(f"tosqauyl-list 2 {LIST} 0 0\n"), "version 1"),
        (sealed(f"tosqauyl-list 1 {LIST[:-1]} 0 0\n"), "version 1"),
        (sealed(f"tosqauyl-list 1 {LIST} 01 0\n"), "version 1"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n"), "has 0 entries where its first line says 1"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 0\n+77010000001\tblock\t-\ta\n"), "more than the 0 entries"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 9000000\n"), "at most"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 2\n+77010000001\tblock\t-\ta\n+77010000001\tmark\t-\tb\n"), "twice"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n+77010000001\tnone\t-\ta\n"), "line 2"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n+77010000001\tblock\t-\ta\r\n"), "line 2"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n+77010000001\tblock\t1.5\ta\n"), "line 2"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n+77010000001\tblock\t-\t\n"), "line 2"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n77010000001\tblock\t-\ta\n"), "line 2"),
        (sealed(f"tosqauyl-list 1 {LIST} 0 1\n+07010000001\tblock\t-\ta\n"), "line 2"),
        (list_text([ROW])[:-1], "cut off"),
        (list_text([ROW]) + b"x", "behind its end"),
        (list_text([ROW]) * 2, "line"),
        (b"", "cut off"),
        (b"x" * 300, "too long"),
        (changes_text([ROW]), "first line"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(data, says):
    with pytest.raises(TosqauylError, match=says):
        read(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (sealed(f"tosqauyl-changes 1 {LIST} 5 4\n"), "has 0 of them"),
        (sealed(f"tosqauyl-changes 1 {LIST} 5 7\n6\t7111\tnone\t-\t-\n"), "has 1 of them"),
        (sealed(f"tosqauyl-changes 1 {LIST} 5 7\n6\t7111\tnone\t-\t-\n8\t7111\tnone\t-\t-\n"), "number 8 where 7"),
        (sealed(f"tosqauyl-changes 1 {LIST} 5 6\n06\t7111\tnone\t-\t-\n"), "line 2"),
        (sealed(f"tosqauyl-changes 1 {LIST} 5 6\n6\t7111\thold\t-\t-\n"), "line 2"),
        (list_text([ROW]), "first line"),
        (changes_text([ROW]) + b"\n", "digest"),
        (b"end " + b"0" * 64 + b"\n", "digest"),
        (sealed(""), "first line"),
    ],
)
def test_what_is_wrong_with_changes_is_said(data, says):
    with pytest.raises(TosqauylError, match=says):
        changes_in(data)


def test_a_list_that_does_not_end_is_refused(monkeypatch):
    monkeypatch.setattr(texts, "MOST_BYTES", 800)
    reader = ListReader()
    reader.take(f"tosqauyl-list 1 {LIST} 0 100\n".encode())
    rows = b"".join(f"+7701{place:07d}\tblock\t-\ta\n".encode() for place in range(20))
    reader.take(rows)
    with pytest.raises(TosqauylError, match="longer than"):
        reader.take(rows)


def test_too_many_changes_are_refused(monkeypatch):
    monkeypatch.setattr(texts, "MOST_CHANGES", 3)
    assert len(changes_in(changes_text([ROW] * 3)).rows) == 3
    with pytest.raises(TosqauylError, match="4 of them"):
        changes_in(changes_text([ROW] * 4))
    monkeypatch.setattr(texts, "MOST_CHANGES_BYTES", 10)
    with pytest.raises(TosqauylError, match="longer than"):
        changes_in(changes_text([ROW]))


def test_another_list_is_only_another_name():
    assert read(list_text([ROW], OTHER)).list_id == OTHER
