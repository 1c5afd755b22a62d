"""Subscriber planes against a plain dict, and lists as people and exports write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.state.subscribers import Subscribers

CODES = ("701", "702", "705")
KCELL, BEELINE = {"kcell": ("701", "702")}, {"beeline": ("705",)}
NUMBERS = st.builds("+7{}{:07d}".format, st.sampled_from(CODES), st.sampled_from((0, 1, 7, 8, 9, 1234567, 9999999)))


def load(subscribers, text, size=1 << 20):
    data = text if isinstance(text, bytes) else text.encode()
    return subscribers.load([data[at : at + size] for at in range(0, len(data), size)], "roaming.txt")


def made(text="", complete=False, ported=None):
    subscribers = Subscribers(CODES, complete, ported)
    load(subscribers, text)
    return subscribers


def test_a_listed_number_is_abroad_and_any_other_unknown():
    subscribers = made("+77011234567\n")
    assert subscribers.state("+77011234567") == "abroad"
    assert subscribers.state("+77011234568") == "unknown"


def test_with_a_complete_list_a_number_that_is_not_on_it_is_at_home():
    subscribers = made("+77011234567\n", complete=True)
    assert subscribers.state("+77011234568") == "home"
    assert subscribers.state("+77051234568") == "home"


def test_a_list_that_is_complete_for_some_codes_says_nothing_of_others():
    for complete in ({"701", "702"}, ("701", "702"), KCELL):
        subscribers = made("+77011234567\n", complete)
        assert subscribers.state("+77021234568") == "home"
        assert subscribers.state("+77051234568") == "unknown"


@pytest.mark.parametrize(
    ("complete", "operator", "number", "state"),
    [
        (KCELL, "beeline", "+77010000001", "unknown"),
        (KCELL, "kcell", "+77050000001", "home"),
        (KCELL, "kcell", "+77010000001", "home"),
        (KCELL | BEELINE, "beeline", "+77010000001", "home"),
        (True, "beeline", "+77010000001", "home"),
        ({"701"}, "kcell", "+77010000001", "unknown"),
        (False, "kcell", "+77010000001", "unknown"),
    ],
)
def test_a_ported_number_follows_the_promise_of_its_operator_now(complete, operator, number, state):
    subscribers = made("+77017777777\n", complete, {number: operator})
    assert subscribers.state(number) == state


def test_a_ported_number_that_is_listed_is_abroad():
    assert made("+77010000001\n", KCELL, {"+77010000001": "beeline"}).state("+77010000001") == "abroad"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "+77011234567\nrubbish\n", "+77011234567\n+770112345", "87011234567\n+77011234567\n"]
)
def test_a_damaged_or_empty_list_never_means_that_everybody_is_at_home(text):
    subscribers = Subscribers(CODES, True)
    found = load(subscribers, text)
    assert not found.complete
    assert subscribers.state("+77020000000") == "unknown"
    assert subscribers.state("+77011234567") == ("abroad" if "+77011234567" in text else "unknown")


def test_a_second_list_that_is_damaged_takes_the_promise_back():
    subscribers = made("+77011234567\n", True)
    assert not load(subscribers, "+7701\n").complete
    assert subscribers.state("+77020000000") == "unknown"
    assert subscribers.state("+77011234567") == "abroad"


def test_before_anything_is_loaded_nothing_is_known():
    assert Subscribers(CODES, True).state("+77011234567") == "unknown"


@pytest.mark.parametrize(
    "text",
    ["", "+7701", "+7701123456", "+770112345678", "+7701 12345", "+7701123456a", "+7701１２３４５６７", "+7701_123456",
     "+7701+123456", "77011234567", "+79991234567", "102", "\udc80" * 12, "+7701-123456"],
)  # fmt: skip
def test_what_is_no_number_of_ours_is_unknown(text):
    subscribers = made("+77010123456\n+77011234567\n", True)
    assert subscribers.state(text) == "unknown"
    assert not subscribers.update(text, "abroad")


def test_lines_as_people_write_them():
    text = "\ufeff# list of 1 March\n+77011234567\r\n77021234567\n\n  +77051234567  # Alua\n\t77050000000\t\r\n"
    subscribers = made()
    found = load(subscribers, text.removeprefix("\ufeff"))
    assert (found.lines, found.numbers, found.other, found.unreadable) == (6, 4, 0, 0)
    assert subscribers.count() == {"abroad": 4, "home": 0}


def test_mistakes_are_counted_and_the_first_twenty_told_with_their_lines():
    lines = [
        "+77011234567",
        "x",
        "+4420",
        "+442079460000",
        "0077011234567",
        "+77171234567",
        "++77011234567",
        "7701 1234567",
    ]
    found = load(made(), "\n".join(lines) + "\n" + "y\n" * 30)
    assert (found.lines, found.numbers, found.other, found.unreadable) == (38, 1, 2, 35)
    assert len(found.mistakes) == 20
    assert [mistake.line for mistake in found.mistakes[:7]] == [2, 3, 4, 5, 6, 7, 8]
    assert str(found.mistakes[0]).startswith("roaming.txt:2: 'x' is no E.164 number")
    assert "Kazakh mobile" in found.mistakes[2].what


LINES = st.lists(
    st.one_of(NUMBERS, NUMBERS.map(lambda number: number[1:]), st.sampled_from(["", "# x", "x", "+442079460000", "0077011234567",
              "\r", "7701\r1234567", "+7701\x001234567", "²"])),
    max_size=20,
)  # fmt: skip


@settings(max_examples=60)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.integers(1, 40), st.booleans())
def test_cutting_the_file_into_pieces_changes_nothing(lines, newline, size, last):
    text = newline.join(lines) + (newline if last else "")
    one, other = Subscribers(CODES), Subscribers(CODES)
    assert load(one, text) == load(other, text, size)
    assert one.hash == other.hash


@settings(max_examples=40)
@given(
    st.lists(NUMBERS, max_size=8),
    st.sampled_from([False, True, KCELL, BEELINE]),
    st.dictionaries(NUMBERS, st.sampled_from(["kcell", "beeline"]), max_size=4),
    st.lists(st.tuples(NUMBERS, st.sampled_from(["abroad", "home", "unknown"])), max_size=5),
)
def test_the_planes_say_what_a_plain_dict_says(listed, complete, ported, updates):
    subscribers = made("".join(f"{number}\n" for number in listed), complete, ported)
    owner = {"+7701": "kcell", "+7702": "kcell", "+7705": "beeline"}
    told = dict(updates)
    for updated, state in updates:
        assert subscribers.update(updated, state)
    for code in CODES:
        for tail in (0, 1, 7, 8, 9, 1234567, 9999999, 5555555):
            number = f"+7{code}{tail:07d}"
            operator = ported.get(number, owner[number[:5]])
            promised = complete if isinstance(complete, bool) else operator in complete
            wanted = "abroad" if number in listed else "home" if promised and listed else "unknown"
            assert subscribers.state(number) == told.get(number, wanted)


def test_progress_tells_the_lines_read_so_far():
    told = []
    Subscribers(CODES).load([b"+77011234567\n+7702", b"1234567\n+77051234567"], "", told.append)
    assert told == [1, 2, 3]


def test_the_hash_names_the_content():
    assert made("+77011234567\n").hash == made("77011234567").hash
    assert len({made().hash, made("+77011234567\n").hash, made("+77011234567\n", True).hash}) == 3
