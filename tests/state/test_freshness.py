"""Freshness against a dict: whose word is told, how old it is, and what gives way when there is no room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.state.freshness import MOST_NUMBERS, Freshness

WALL = 1_800_000_000.0
NUMBER = "+77010000001"
NUMBERS = st.builds("+7701{:07d}".format, st.integers(0, 40))
TIMES = st.integers(1, 40).map(lambda minutes: WALL + minutes * 60.0)


def heard(at=WALL, source="feed", most=64):
    freshness = Freshness(most)
    freshness.set_operator("kcell", at, source)
    return freshness


def test_nothing_is_told_of_an_operator_that_said_nothing():
    freshness = Freshness()
    assert freshness.age(NUMBER, "kcell", "home", WALL) == ("none", -1.0)
    freshness.note(NUMBER, "abroad", WALL)
    assert freshness.age(NUMBER, "kcell", "abroad", WALL) == ("none", -1.0)


@pytest.mark.parametrize("source", ["feed", "list"])
@pytest.mark.parametrize("state", ["home", "abroad"])
def test_whoever_was_not_told_of_alone_is_as_fresh_as_his_operator(source, state):
    assert heard(source=source).age(NUMBER, "kcell", state, WALL + 90.0) == (source, 90.0)


def test_a_feed_is_told_before_a_list_however_new_that_is():
    freshness = heard(WALL - 7200.0)
    freshness.set_operator("kcell", WALL, "list")
    assert freshness.age(NUMBER, "kcell", "home", WALL) == ("feed", 7200.0)
    freshness.set_operator("kcell", 0.0, "feed")
    assert freshness.age(NUMBER, "kcell", "home", WALL) == ("list", 0.0)
    freshness.set_operator("kcell", 0.0, "list")
    assert freshness.age(NUMBER, "kcell", "home", WALL) == ("none", -1.0)


def test_an_event_gives_somebody_abroad_a_time_of_his_own_and_going_home_takes_it_away():
    freshness = heard()
    freshness.note(NUMBER, "abroad", WALL - 7200.0)
    assert freshness.age(NUMBER, "kcell", "abroad", WALL) == ("feed", 7200.0)
    assert freshness.age(NUMBER, "kcell", "home", WALL) == ("feed", 0.0)
    assert freshness.age("+77010000002", "kcell", "abroad", WALL) == ("feed", 0.0)
    freshness.note(NUMBER, "home", WALL)
    assert (freshness.age(NUMBER, "kcell", "abroad", WALL), len(freshness)) == (("feed", 0.0), 0)


def test_an_older_event_does_not_make_what_is_known_older():
    freshness = heard()
    freshness.note(NUMBER, "abroad", WALL - 600.0)
    freshness.note(NUMBER, "abroad", WALL - 7200.0)
    assert freshness.age(NUMBER, "kcell", "abroad", WALL) == ("feed", 600.0)


def test_a_whole_list_confirms_everybody_on_it():
    freshness = heard()
    freshness.note(NUMBER, "abroad", WALL - 7200.0)
    freshness.note("+77010000002", "abroad", WALL - 60.0)
    freshness.set_whole("kcell", WALL - 3600.0)
    freshness.set_whole("nobody", WALL)
    assert freshness.age(NUMBER, "kcell", "abroad", WALL + 30.0) == ("feed", 30.0)
    assert freshness.age("+77010000002", "kcell", "abroad", WALL) == ("feed", 60.0)


def test_a_clock_that_was_set_back_makes_no_age_below_zero():
    freshness = heard()
    freshness.note(NUMBER, "abroad", WALL)
    for state in ("home", "abroad"):
        assert freshness.age(NUMBER, "kcell", state, WALL - 1e6) == ("feed", 0.0)


def test_who_was_noted_longest_ago_gives_way_and_his_operator_is_told_instead():
    freshness = heard(most=8)
    numbers = [f"+7701000{place:04d}" for place in range(20)]
    for place, number in enumerate(numbers):
        freshness.note(number, "abroad", WALL - 6000.0 + place * 60.0)
    assert (len(freshness), freshness.evictions) == (8, 12)
    ages = [freshness.age(number, "kcell", "abroad", WALL)[1] for number in numbers]
    assert ages == [0.0] * 12 + [6000.0 - place * 60.0 for place in range(12, 20)]


@pytest.mark.parametrize(
    "number", ["", "+7", "77010000001", "+770100000012", "+7701000000a", "+7７０１００００００１", "+447700900123"]
)
def test_a_text_that_is_no_kazakh_number_is_passed_over(number):
    freshness = heard()
    freshness.note(number, "abroad", WALL - 600.0)
    assert len(freshness) == 0
    assert freshness.age(number, "kcell", "abroad", WALL) == ("feed", 0.0)


@pytest.mark.parametrize("at", [0.0, -5.0, 1e12, float("inf"), float("nan")])
def test_a_time_that_cannot_be_kept_is_no_time(at):
    freshness = heard()
    freshness.note(NUMBER, "abroad", WALL - 600.0)
    freshness.note(NUMBER, "abroad", at)
    assert freshness.age(NUMBER, "kcell", "abroad", WALL) == ("feed", 0.0)


@given(st.lists(st.tuples(NUMBERS, st.sampled_from(("abroad", "abroad", "home", "unknown")), TIMES), max_size=200))
def test_it_is_a_dict_of_who_is_abroad_as_long_as_there_is_room(events):
    freshness, expected = heard(most=MOST_NUMBERS), {}
    for number, state, at in events:
        freshness.note(number, state, at)
        expected[number] = max(at, expected.get(number, 0.0)) if state == "abroad" else 0.0
    told = {number: freshness.age(number, "kcell", "abroad", WALL + 3000.0)[1] for number in expected}
    assert told == {number: WALL + 3000.0 - at if at else 3000.0 for number, at in expected.items()}
    assert len(freshness) == sum(at > 0.0 for at in expected.values())


@given(st.lists(st.tuples(NUMBERS, st.sampled_from(("abroad", "home")), TIMES), max_size=200), st.integers(0, 40))
def test_however_little_room_there_is_what_is_told_is_true_or_the_operators_time(events, most):
    freshness, expected = heard(most=most), {}
    for number, state, at in events:
        freshness.note(number, state, at)
        expected[number] = [*expected.get(number, []), at] if state == "abroad" else []
    for number, times in expected.items():
        _, age = freshness.age(number, "kcell", "abroad", WALL + 3000.0)
        assert age in {3000.0, *(WALL + 3000.0 - at for at in times)}
    assert len(freshness) <= max(8, most + 7)
