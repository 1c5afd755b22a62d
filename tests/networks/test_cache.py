"""What a network said serves further calls for a while: never longer than it is fresh, never more than fits."""

import math
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.networks.cache import Cache, believed
from tosqauyl.networks.options import CacheOptions

OPTIONS = CacheOptions()
WALL = 1_800_000_000.0


def kept_for(state, age=0.0, options=OPTIONS):
    """For how many whole seconds an answer is served."""
    cache = Cache(options)
    cache.put("+77010000001", state, WALL - age, 50.0, WALL)
    return next(second for second in range(2000) if cache.get("+77010000001", 50.0 + second) is None)


def test_what_can_stop_a_call_is_kept_shorter():
    assert [kept_for(state) for state in ("abroad", "home", "unknown", "failed")] == [600, 60, 30, 1]


def test_the_age_of_the_answer_counts():
    assert kept_for("home", age=890.0) == 10
    assert kept_for("home", age=900.0) == 0
    assert kept_for("abroad", age=86_400.0 - 5.0) == 5


def test_a_state_with_no_time_to_keep_is_not_kept():
    assert kept_for("unknown", options=replace(OPTIONS, unknown=0.0)) == 0
    assert kept_for("abroad", options=replace(OPTIONS, limit=0)) == 0


def test_a_new_answer_takes_the_place_of_the_old_one_even_where_it_is_not_kept():
    cache = Cache(OPTIONS)
    cache.put("+77010000001", "home", WALL, 0.0, WALL)
    cache.put("+77010000001", "home", WALL - 1000.0, 1.0, WALL)
    assert cache.get("+77010000001", 1.0) is None


def test_when_it_is_full_the_oldest_slice_goes_and_is_counted():
    cache = Cache(replace(OPTIONS, limit=640))
    for place in range(641):
        cache.put(str(place), "abroad", WALL, 0.0, WALL)
    assert (len(cache), cache.evicted) == (631, 10)
    assert cache.get("9", 1.0) is None
    assert cache.get("10", 1.0)


def test_numbers_are_swept_out_when_they_are_of_no_use_any_more():
    cache = Cache(OPTIONS)
    for place in range(1024):
        cache.put(str(place), "home", WALL, 0.0, WALL)
    for place in range(1024):
        cache.put(f"later {place}", "home", WALL, 60.0, WALL)
    assert (len(cache), cache.expired) == (1024, 1024)


@pytest.mark.parametrize(
    ("state", "age", "said"),
    [
        ("home", 0, "home"), ("home", 899, "home"), ("home", 900, "stale"), ("home", -300, "home"), ("home", -301, "wrong"),
        ("home", math.nan, "wrong"), ("home", math.inf, "stale"), ("home", -math.inf, "wrong"),
        ("abroad", 86_399, "abroad"), ("abroad", 86_400, "stale"), ("abroad", -301, "wrong"),
        ("unknown", math.nan, "unknown"), ("unknown", 1e9, "unknown"),
    ],
)  # fmt: skip
def test_only_what_was_known_lately_is_believed(state, age, said):
    assert believed(state, WALL - age, WALL, OPTIONS) == said


PUTS = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(["abroad", "home", "unknown", "failed"]),
    st.floats(0, 100_000),
    st.floats(0, 100),
)


@given(st.lists(PUTS, max_size=40), st.integers(1, 3))
def test_it_never_gives_an_answer_older_than_its_freshness(puts, limit):
    cache, last, now = Cache(replace(OPTIONS, limit=limit)), {}, 0.0
    for number, state, age, seconds in puts:
        now += seconds
        cache.put(number, state, WALL + now - age, now, WALL + now)
        last[number] = state, WALL + now - age, now
        assert len(cache) <= limit
        for number, (state, at, put) in last.items():
            kept = cache.get(number, now + 7.0)
            if kept is None:
                continue
            assert kept[:2] == (state, at)
            assert now + 7.0 - put < OPTIONS.keep(state)
            fresh = {"home": OPTIONS.home_fresh, "abroad": OPTIONS.abroad_fresh}.get(state, math.inf)
            assert WALL + now + 7.0 - at < fresh + 1e-3


def test_an_entry_costs_about_220_bytes():
    tracemalloc.start()
    cache = Cache(OPTIONS)
    for place in range(100_000):
        cache.put(f"+7701{place:07}", "home", WALL + place, float(place) / 1e5, WALL + place)
    each = tracemalloc.get_traced_memory()[0] / 100_000
    tracemalloc.stop()
    assert 180 < each < 260, each
