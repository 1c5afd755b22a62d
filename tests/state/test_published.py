"""What the office publishes against a dict that is told the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.state.indicators import NO_HIT, Hit, Indicator, Indicators
from tosqauyl.state.published import NEVER, Change, Published
from tosqauyl.state.published_pack import ListPacker
from tosqauyl.state.ranges import parse_pattern

POOL = [f"+7701000000{place}" for place in range(6)] + ["7111", "1414"]
NUMBERS = st.sampled_from(POOL)
LISTINGS = st.sampled_from(["block", "mark", "allow"])
EXPIRES = st.sampled_from([NEVER, 10.0, 20.0])
ENTRIES = st.lists(
    st.tuples(NUMBERS, LISTINGS, EXPIRES, st.sampled_from(["a", "b"])), max_size=8, unique_by=lambda row: row[0]
)
ROWS = st.lists(st.tuples(NUMBERS, st.one_of(LISTINGS, st.just("none")), EXPIRES, st.sampled_from("abcd")), max_size=20)
TIMES = st.sampled_from([0.0, 9.999, 10.0, 15.0, 20.0])


def packed(entries):
    packer = ListPacker()
    packer.add(entries)
    return Indicators.over(packer.packed("0" * 16))


def numbered(rows, after=0):
    return [Change(seq, *row) for seq, row in enumerate(rows, after + 1)]


def applied(model, rows):
    """The model: number -> listing, expires, id."""
    for number, listing, expires, name in rows:
        model.pop(number, None)
        if listing != "none":
            model[number] = (listing, expires, name)
    return model


def model_of(entries):
    return {number: rest for number, *rest in entries}


def said(model, number, now):
    listing, expires, name = model.get(number, ("none", NEVER, ""))
    return Hit(False, listing, name) if listing != "none" and now < expires else NO_HIT


def agrees(published, model, now):
    assert [published.find(number, now) for number in POOL] == [said(model, number, now) for number in POOL]
    assert len(published) == len(model)


@given(ENTRIES, ROWS, TIMES)
def test_changes_over_a_packed_list_hold_as_if_they_had_been_in_it(entries, rows, now):
    published = Published()
    published.replace(packed(entries), "x", 0, keep=False)
    published.apply(numbered(rows))
    agrees(published, applied(model_of(entries), rows), now)
    assert published.seq == len(rows)


@given(ENTRIES, ROWS, st.integers(0, 20), TIMES)
def test_a_packed_list_that_comes_late_loses_no_change(entries, rows, at, now):
    """It was packed when `at` of the changes were in it; those that came meanwhile go on to hold."""
    at = min(at, len(rows))
    published = Published()
    published.replace(packed(entries), "x", 0, keep=False)
    published.apply(numbered(rows))
    middle = applied(model_of(entries), rows[:at])
    published.replace(packed([(number, *rest) for number, rest in middle.items()]), "x", at, keep=True)
    agrees(published, applied(middle, rows[at:]), now)
    assert published.seq == len(rows)
    assert published.base_seq == at
    assert published.changes <= len(rows) - at


@given(ENTRIES, ROWS, ENTRIES, TIMES)
def test_of_another_list_nothing_of_the_old_one_holds(entries, rows, others, now):
    for list_id, keep in (("y", True), ("x", False)):
        published = Published()
        published.replace(packed(entries), "x", 0, keep=False)
        published.apply(numbered(rows))
        published.replace(packed(others), list_id, 3, keep)
        agrees(published, model_of(others), now)
        assert (published.list_id, published.seq, published.changes) == (list_id, 3, 0)


@given(ROWS, TIMES)
def test_a_change_that_the_packed_list_has_is_passed_over(rows, now):
    published = Published()
    published.replace(packed([("7111", "block", NEVER, "new")]), "x", len(rows), keep=False)
    published.apply(numbered(rows))
    agrees(published, {"7111": ("block", NEVER, "new")}, now)


def test_before_the_first_list_nothing_is_on_it():
    published = Published()
    assert (published.list_id, len(published), published.changes) == ("", 0, 0)
    assert published.find("+77010000000", 0.0) == NO_HIT


@given(st.text())
def test_any_text_can_be_looked_up(text):
    published = Published()
    published.replace(packed([("7111", "block", NEVER, "a")]), "x", 0, keep=False)
    published.apply([Change(1, "1414", "mark", 5.0, "b")])
    assert published.find(text, 0.0).listed in ("none", "block", "mark")


def test_the_packed_list_that_was_there_is_given_back():
    published, first = Published(), packed([])
    published.replace(first, "x", 0, keep=False)
    assert published.replace(packed([]), "x", 1, keep=True) is first


@given(ENTRIES, TIMES)
def test_the_quick_packer_gives_what_the_careful_one_gives(entries, now):
    careful = Indicators(
        Indicator(name, kind, parse_pattern(number), None if expires == NEVER else expires)
        for number, kind, expires, name in entries
    )
    quick = packed(entries)
    assert [quick.find(number, now) for number in POOL] == [careful.find(number, now) for number in POOL]
    assert (len(quick), quick.entries, quick.expired(9e9)) == (len(entries), (), ())


@given(ENTRIES, st.integers(0, 8))
def test_a_list_is_packed_in_as_many_parts_as_one_likes(entries, at):
    packer = ListPacker()
    packer.add(entries[:at])
    packer.add(entries[at:])
    assert packer.packed("0" * 16) == packed(entries).packed


def test_a_number_that_stands_twice_is_refused():
    packer = ListPacker()
    packer.add([("7111", "block", NEVER, "a"), ("1414", "block", NEVER, "b")])
    with pytest.raises(TosqauylError, match="entries 3 to 4"):
        packer.add([("7112", "mark", NEVER, "c"), ("7111", "mark", NEVER, "c")])
