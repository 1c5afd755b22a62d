"""The number table against a plain dict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.number_table import NumberTable, key_of, number_of, packed

LONG = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)
SHORT = st.from_regex(r"[0-9]{2,6}", fullmatch=True)
NEAR = st.integers(77_010_000_000, 77_010_000_040).map(lambda number: f"+{number}")
NUMBERS = LONG | SHORT | NEAR


@given(st.dictionaries(NUMBERS, st.integers(0, 2**32 - 1), max_size=60), st.lists(NUMBERS | st.text(max_size=17)))
def test_it_finds_what_a_dict_finds(values, asked):
    table = NumberTable(packed(values))
    assert len(table) == len(values)
    assert dict(table) == values
    for number in (*values, *asked):
        assert table.find(number) == values.get(number, -1)


@pytest.mark.parametrize(
    "text",
    ["", "+", "7", "+0077011234567", "+7701１２３４５６７", "+7701_123456", "77011234567", "+770112345678901234", "+123456",
     " 1414", "1414 ", "-1414", "\udc80" * 12, "+7701123456a"],
)  # fmt: skip
def test_what_is_no_number_is_never_found(text):
    assert key_of(text) == 0
    assert NumberTable(packed({"+77011234567": 1, "1414": 2})).find(text) == -1
    with pytest.raises(TosqauylError):
        packed({text: 1})


@given(NUMBERS)
def test_a_key_is_one_number(number):
    assert number_of(key_of(number)) == number


def test_leading_zeros_of_short_numbers_count():
    table = NumberTable(packed({"0101": 1, "101": 2}))
    assert (table.find("0101"), table.find("101"), table.find("00101")) == (1, 2, -1)


def test_an_empty_table_finds_nothing():
    table = NumberTable(packed({}))
    assert (len(table), table.find("+77011234567"), list(table)) == (0, -1, [])


@given(st.binary(max_size=80))
def test_junk_is_no_table(data):
    with pytest.raises(TosqauylError):
        NumberTable(memoryview(data))
