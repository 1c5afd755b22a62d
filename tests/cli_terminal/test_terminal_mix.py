from collections import Counter
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.cli.traffic_mix import Mix, PlannedCall, draw_roamers, load_mix, plan_calls
from tosqauyl.errors import FileMistakes

SEED = 7


@pytest.fixture(scope="module")
def mix() -> Mix:
    return load_mix()


@pytest.fixture(scope="module")
def calls(mix: Mix) -> list[PlannedCall]:
    return list(plan_calls(mix, 60, 150, SEED))


def of(calls: list[PlannedCall], klass: str) -> list[PlannedCall]:
    found = [call for call in calls if call.klass == klass]
    assert found, klass
    return found


def test_same_seed_gives_the_same_calls_and_another_seed_others(mix: Mix) -> None:
    assert list(plan_calls(mix, 5, 50, 1)) == list(plan_calls(mix, 5, 50, 1))
    assert list(plan_calls(mix, 5, 50, 1)) != list(plan_calls(mix, 5, 50, 2))


def test_every_class_of_the_issue_is_sent_within_the_minute(mix: Mix, calls: list[PlannedCall]) -> None:
    assert {call.klass for call in calls} == {one.id for one in mix.classes}


@given(st.integers(0, 1000), st.floats(1, 400), st.floats(0.5, 5))
def test_calls_come_in_order_and_within_the_run(seed: int, rate: float, seconds: float) -> None:
    times = [call.at for call in plan_calls(load_mix(), seconds, rate, seed)]
    assert all(0 < one <= two < seconds for one, two in pairwise([*times, times[-1]] if times else []))


def test_roamers_are_listed_and_no_forged_number_is_a_roamers(mix: Mix, calls: list[PlannedCall]) -> None:
    roamers = set(draw_roamers(mix, SEED))
    assert {call.caller for call in of(calls, "kazakh-roamer")} <= roamers
    for klass in ("spoofed-mobile", "neighbour-mobile", "domestic", "late-forwarding"):
        assert not roamers & {call.caller for call in of(calls, klass)}
    assert {call.diversion for call in of(calls, "late-forwarding")} <= roamers
    assert not roamers & {call.diversion for call in of(calls, "forged-forwarding")}


def test_neighbours_share_the_first_seven_digits_of_the_callee(calls: list[PlannedCall]) -> None:
    assert all(call.caller[:8] == call.callee[:8] and len(call.caller) == 12 for call in of(calls, "neighbour-mobile"))
    assert all(call.caller == f"+79{call.callee[3:]}" for call in of(calls, "neighbour-foreign"))


def test_the_burst_is_one_caller_with_many_callees_in_its_wave_only(calls: list[PlannedCall]) -> None:
    burst = of(calls, "robocall-burst")
    assert len({call.caller for call in burst}) == 1
    assert len({call.callee for call in burst}) > len(burst) * 0.95
    assert burst[0].at >= 24
    assert burst[-1].at < 33.1


def test_wangiri_callers_come_again_and_again(calls: list[PlannedCall]) -> None:
    runs = [len(list(group)) for _, group in groupby(of(calls, "wangiri"), key=lambda call: call.caller)]
    assert set(runs[:-1]) == {12}


def test_honest_foreign_numbers_are_possible_numbers_of_many_countries(calls: list[PlannedCall]) -> None:
    phonenumbers = pytest.importorskip("phonenumbers")
    countries: Counter[str] = Counter()
    for klass in (
        "honest-foreign",
        "withheld-number",
        "impersonating-name",
        "robocall-burst",
        "wangiri",
        "russian-mobile",
    ):
        for call in of(calls, klass):
            parsed = phonenumbers.parse(call.caller)
            assert phonenumbers.is_possible_number(parsed), call.caller
            countries[parsed.country_code] += 1
    assert len(countries) > 20


def test_every_mistake_of_a_mix_is_told_at_once() -> None:
    text = """
    callees = []
    [[class]]
    id = "a"
    weight = -1
    trunk = "moon"
    right = ["explode"]
    recognised = "now"
    callers = "x"
    active = [0.9, 0.1]
    colour = "red"
    what = { en = "x" }
    why = { en = "x", ru = "x", kk = "x" }
    [[number]]
    list = "grey"
    """
    with pytest.raises(FileMistakes) as caught:
        load_mix(text, "mine.toml")
    told = str(caught.value)
    for word in (
        "weight",
        "trunk",
        "right",
        "callers",
        "active",
        "colour",
        "what",
        "list",
        "callees",
        "roamers",
        "mine.toml",
    ):
        assert word in told, word


def test_a_mix_that_is_no_toml_is_told_with_its_place() -> None:
    with pytest.raises(FileMistakes, match="line 1"):
        load_mix("= 1", "mine.toml")
