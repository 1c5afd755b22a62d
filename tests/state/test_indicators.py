"""Indicators against a brute-force search, and their lists."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.state.indicators import KINDS, NO_HIT, Hit, Indicator, Indicators
from tosqauyl.state.lists import expiry, load_lists, load_shipped
from tosqauyl.state.ranges import Pattern, parse_pattern

DIGITS = st.text("0189", min_size=6, max_size=8)
NUMBERS = DIGITS.map(lambda digits: "+1" + digits)
PATTERNS = st.one_of(
    NUMBERS.map(lambda number: Pattern("exact", number, number)),
    st.text("0189", min_size=2, max_size=5).map(lambda digits: Pattern("prefix", "+1" + digits, "+1" + digits)),
    st.tuples(NUMBERS, NUMBERS)
    .filter(lambda pair: len(pair[0]) == len(pair[1]))
    .map(lambda pair: Pattern("range", min(pair), max(pair))),
)
ENTRIES = st.lists(st.tuples(PATTERNS, st.sampled_from(KINDS), st.sampled_from([None, 10.0, 20.0])), max_size=12).map(
    lambda rows: [Indicator(f"i{place}", kind, pattern, until) for place, (pattern, kind, until) in enumerate(rows)]
)


def _holds(pattern, number):
    if pattern.form == "prefix":
        return number.startswith(pattern.low)
    return len(number) == len(pattern.low) and int(pattern.low) <= int(number) <= int(pattern.high)


def _brute_force(entries, number, now):
    holding = [
        entry for entry in entries if _holds(entry.pattern, number) and (entry.expires is None or now < entry.expires)
    ]
    best = sorted(holding, key=lambda entry: (KINDS.index(entry.kind), entry.pattern.width, entries.index(entry)))
    protecting = [entry for entry in best if entry.kind == "protected"]
    listing = [entry for entry in best if entry.kind != "protected"]
    name = (listing or protecting)[0].id if best else ""
    return Hit(bool(protecting), listing[0].kind if listing else "none", name)


@given(ENTRIES, NUMBERS, st.sampled_from([0.0, 9.999, 10.0, 15.0, 20.0]))
def test_the_table_finds_what_looking_at_every_entry_finds(entries, number, now):
    assert Indicators(entries).find(number, now) == _brute_force(entries, number, now)


@given(ENTRIES, PATTERNS)
def test_both_ends_of_every_pattern_are_found(entries, pattern):
    indicators = Indicators([*entries, Indicator("x", "block", pattern)])
    assert indicators.find(pattern.low if pattern.form != "prefix" else pattern.low + "0000", 0.0).listed == "block"
    assert indicators.find(pattern.high if pattern.form != "prefix" else pattern.low + "9999", 0.0).listed == "block"


@given(ENTRIES, st.text())
def test_any_text_can_be_looked_up(entries, text):
    found = Indicators(entries).find(text, 0.0)
    assert found.listed in ("none", "allow", "mark", "block")


def test_text_with_letters_is_on_no_list():
    indicators = load("id,number,kind\na,+4420*,block\nb,+77172000000-+77172009999,block\n")
    assert indicators.find("+4420abc", 0) == NO_HIT
    assert indicators.find("+7717200000a", 0) == NO_HIT
    assert indicators.find("+77172００0000", 0) == NO_HIT


def test_expiry_is_exact():
    indicators = Indicators([Indicator("a", "block", parse_pattern("+4412345*"), 100.0)])
    assert indicators.find("+44123456789", 99.999).listed == "block"
    assert indicators.find("+44123456789", 100.0) == NO_HIT
    assert [entry.id for entry in indicators.expired(100.0)] == ["a"]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (NO_HIT, NO_HIT, NO_HIT),
        (Hit(False, "allow", "a"), Hit(False, "block", "b"), Hit(False, "block", "b")),
        (Hit(False, "block", "a"), Hit(False, "block", "b"), Hit(False, "block", "a")),
        (Hit(True, "none", "p"), NO_HIT, Hit(True, "none", "p")),
        (NO_HIT, Hit(True, "none", "p"), Hit(True, "none", "p")),
        (Hit(True, "none", "p"), Hit(False, "mark", "m"), Hit(True, "mark", "m")),
        (Hit(False, "mark", "m"), Hit(True, "none", "p"), Hit(True, "mark", "m")),
    ],
)
def test_the_stronger_answer_for_two_numbers_of_one_caller(one, other, both):
    assert one.stronger(other) == both


def load(text, file="list.csv"):
    return Indicators(load_lists([(text, file)]))


TOML = """
[[indicator]]
id = "a"
number = "+77012345678"
kind = "block"
expires = 2026-12-31
source = "letter"
why = '''two
lines'''

[[indicator]]
id = "b"
number = "+4412345*"
kind = "mark"
expires = 2026-12-31T18:00:00+05:00

[[indicator]]
id = "c"
number = "+77172000000-+77172009999"
kind = "allow"
"""


def test_a_toml_list_is_read():
    one, two, three = load(TOML, "list.toml").entries
    assert (one.id, one.kind, one.numbers, one.source, one.why, one.line) == (
        "a",
        "block",
        "+77012345678",
        "letter",
        "two\nlines",
        2,
    )
    assert one.expires == datetime(2026, 12, 31, 19, tzinfo=UTC).timestamp()  # the end of the day in Kazakhstan
    assert two.expires == datetime(2026, 12, 31, 13, tzinfo=UTC).timestamp()
    assert (three.numbers, three.expires) == ("+77172000000-+77172009999", None)


@pytest.mark.parametrize("comma", [",", ";"])
def test_a_csv_list_is_read_also_as_excel_writes_it(comma):
    rows = [
        "\ufeffid,number,kind,expires,why",
        "# comment",
        "a,+77012345678,block,2026-12-31,x",
        "",
        "b,1414,protected,,",
    ]
    indicators = load("\r\n".join(rows).replace(",", comma))
    assert [(entry.id, entry.line) for entry in indicators.entries] == [("a", 3), ("b", 5)]
    assert indicators.find("1414", 0) == Hit(True, "none", "b")


def _mistakes(*files):
    with pytest.raises(FileMistakes) as caught:
        load_lists(files)
    return [(found.file, found.line, found.what, found.hint) for found in caught.value.mistakes]


def test_every_mistake_of_every_file_is_told_at_once():
    toml = """[[indicator]]
id = "a"
number = "+7*"
kind = "blok"
expires = "soon"
color = "red"

[[indicator]]
id = "a"
number = 77
why = "x"

[other]
x = 1
"""
    csv = (
        "id,number,kind,expires\n"
        "a,+77012345678,block,\n"
        "b,0077012345678,mark,2026-02-30\n"
        "c,+771\n"
        "d,+77172009999-+77172000000,allow,\n"
    )
    found = _mistakes((toml, "l.toml"), (csv, "l.csv"), ("x = [", "bad.toml"), ("id,nummer\n", "h.csv"))
    assert [place[:2] for place in found] == [
        ("l.toml", 6), ("l.toml", 4), ("l.toml", 3), ("l.toml", 5),
        ("l.toml", 9), ("l.toml", 8), ("l.toml", 10), ("l.toml", 13),
        ("l.csv", 2), ("l.csv", 3), ("l.csv", 3), ("l.csv", 4), ("l.csv", 5),
        ("bad.toml", 1), ("h.csv", 1), ("h.csv", 1), ("h.csv", 1),
    ]  # fmt: skip
    hints = [hint for *_, hint in found]
    assert "did you mean 'block'?" in hints
    assert "by l.toml:1" in hints


@pytest.mark.parametrize(
    "text",
    ["", "+", "+7*", "+77*", "*", "+0123456", "+123456", "+1234567890123456", "1234567", "1", "1-2-3", "+77010000000-+770100000000",
     "+77010000001-+77010000000", "77010000000-+77010000001", "+7701000000a", "+٧٧٠١٠٠٠٠٠٠٠", "+7701000000\u00b2", "a*", "+77*1"],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_with_a_hint(text):
    with pytest.raises(TosqauylError) as caught:
        parse_pattern(text)
    assert caught.value.hint


@given(st.text())
def test_any_text_is_a_list_or_a_mistake(text):
    for file in ("a.toml", "a.csv"):
        with suppress(FileMistakes):
            load_lists([(text, file)])


@pytest.mark.parametrize("value", ["2026-13-01", "soon", 5, 5.0, True, [], "2026-12-31T25:00", "9999-12-31"])
def test_an_expiry_that_is_no_date_is_refused(value):
    with pytest.raises((ValueError, OverflowError)):
        expiry(value)


def test_the_shipped_list_protects_the_government_contact_centre():
    indicators = Indicators(load_shipped())
    assert indicators.find("1414", 0.0).protected
    assert indicators.find("+78000807777", 0.0).protected
    assert not indicators.find("9999", 0.0).protected
    assert {entry.kind for entry in indicators.entries} == {"protected"}


def test_unconfirmed_entries_are_checked_always_and_loaded_on_demand():
    assert Indicators(load_shipped(unconfirmed=True)).find("9999", 0.0).protected
    assert Indicators(load_shipped(unconfirmed=True)).find("7111", 0.0).protected
    assert _mistakes(('[[unconfirmed]]\nid = "a"\nnumber = "x"\nkind = "block"\n', "l.toml"))[0][1] == 3


def test_the_hash_names_the_content():
    one = "id,number,kind,expires,why\na,+77012345678,block,2026-12-31,x\n"
    assert load(one).hash == load(one.replace(",x", ",y")).hash
    assert (
        len(
            {
                load(one).hash,
                load(one.replace("block", "mark")).hash,
                load(one.replace("-31", "-30")).hash,
                Indicators().hash,
            }
        )
        == 4
    )


def test_ranges_that_all_overlap_are_refused_before_they_fill_the_memory():
    ranges = [parse_pattern(f"+7701{low:07d}-+7702{low:07d}") for low in range(2_000)]
    with pytest.raises(TosqauylError, match="overlap too much"):
        Indicators(Indicator(f"i{place}", "block", pattern) for place, pattern in enumerate(ranges))


def test_too_many_prefixes_are_refused_with_what_to_do():
    prefixes = (parse_pattern(f"+77{place:08d}*") for place in range(20_001))
    with pytest.raises(TosqauylError, match="at most 20000; write exact numbers"):
        Indicators(Indicator(f"i{place}", "block", pattern) for place, pattern in enumerate(prefixes))


def test_a_hundred_thousand_exact_numbers_are_found_each():
    entries = [
        Indicator(f"i{place}", KINDS[place % 4], parse_pattern(f"+7701{place:07d}")) for place in range(0, 100_000, 7)
    ]
    indicators = Indicators(entries)
    for place, entry in enumerate(entries[:2000]):
        hit = indicators.find(entry.pattern.low, 0.0)
        assert (hit.id, hit.listed) == (entry.id, "none" if entry.kind == "protected" else entry.kind)
        assert indicators.find(f"+7702{place:07d}", 0.0) is NO_HIT
