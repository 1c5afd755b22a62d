"""Distinct-callee sketches against true counts, and the arithmetic of their words against plain lists."""

from math import exp, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.vecs import vec
from mypy_extensions import i64

from tosqauyl.facts import FACTS
from tosqauyl.state.rates import CALLER_CELLS, RANGE_CELLS, Rates
from tosqauyl.state.rates_table import Table, mixed
from tosqauyl.state.rates_trunk import REGISTERS, Counter, Distinct
from tosqauyl.state.rates_window import (
    LIFE,
    aged,
    in_ring,
    in_second,
    moved,
    occupied,
    one_more,
    revived,
    second_moved,
)

NAMES = list(FACTS)[list(FACTS).index("caller_calls_1s") : list(FACTS).index("user_agent")]
CALLEES = {"1m": 45, "10m": 585, "1h": 3585}
"""Seconds that a window of different numbers holds for certain: its length less a quarter minute."""


def told(counted) -> dict[str, int]:
    return dict(zip(NAMES, counted, strict=True))


def number(place: int, seed: int = 0) -> str:
    """A called number, different for different places."""
    return f"+77{(place * 104_729 + seed * 7_368_787) % 10**9:09d}"


def expected_error(different: int, cells: int) -> float:
    """Relative standard error of linear counting (Whang, Vander-Zanden, Taylor 1990, equation 8)."""
    load = different / cells
    return sqrt(cells * (exp(load) - load - 1)) / different


@pytest.mark.parametrize(("who", "cells"), [("caller", CALLER_CELLS), ("range", RANGE_CELLS)])
@pytest.mark.parametrize("different", [1, 2, 5, 10, 20, 30, 50])
def test_estimates_are_as_good_as_linear_counting_promises(who, cells, different):
    found = []
    for seed in range(40):
        rates = Rates(10, 10, 1, seed)
        for place in [
            *range(different),
            *range(different),
        ]:  # each number twice, so that the cap by calls does not help
            facts = told(rates.count("+447700900123", number(place, seed), "t", 1.0))
        assert facts[f"{who}_callees_1m"] == facts[f"{who}_callees_10m"] == facts[f"{who}_callees_1h"]
        found.append(facts[f"{who}_callees_1h"] / different - 1)
    mean, spread = sum(found) / len(found), sqrt(sum(error**2 for error in found) / len(found))
    promised = expected_error(different, cells)
    assert -1.5 / different - promised / 2 < mean < promised / 2 + 0.02, "rounding down takes up to one"
    assert spread < 1.5 * promised + 1 / different


def test_an_estimate_is_never_above_the_calls_of_its_window():
    rates = Rates(10, 10, 1)
    for place in range(300):
        facts = told(rates.count("+447700900123", number(place), "t", place * 1.7))
        for who in ("caller", "range", "trunk"):
            for name in CALLEES:
                assert 1 <= facts[f"{who}_callees_{name}"] <= facts[f"{who}_calls_{name}"]


@pytest.mark.parametrize(("name", "holds"), CALLEES.items())
@pytest.mark.parametrize("who", ["caller", "range"])
def test_different_numbers_are_kept_for_the_window_and_then_forgotten(who, name, holds):
    rates = Rates(10, 10, 1)
    for place in range(5):
        rates.count("+447700900123", number(place), "t", 0.0)
    window = holds + 15
    inside = told(rates.count("+447700900123", number(5), "t", window * 0.79))
    assert inside[f"{who}_callees_{name}"] >= 5
    outside = told(rates.count("+447700900123", number(6), "t", window * 1.8))
    assert outside[f"{who}_callees_{name}"] == 1


@given(st.lists(st.integers(0, LIFE), min_size=7, max_size=7), st.integers(0, 300), st.integers(0, 6))
def test_seven_cells_in_a_word_age_and_revive_like_a_list(lives, quarters, cell):
    word = sum(life << 9 * place for place, life in enumerate(lives))
    older = aged(word, quarters)
    assert [older >> 9 * place & 511 for place in range(7)] == [max(0, life - quarters) for life in lives]
    fresh = revived(older, cell)
    assert [fresh >> 9 * place & 511 for place in range(7)] == [
        LIFE if place == cell else max(0, life - quarters) for place, life in enumerate(lives)
    ]
    assert 0 <= fresh < 2**63


@given(st.lists(st.lists(st.integers(0, LIFE), min_size=7, max_size=7), min_size=1, max_size=10))
def test_occupied_cells_are_counted_by_age(rows):
    words = vec[i64]([sum(life << 9 * cell for cell, life in enumerate(lives)) for lives in rows])
    lives = [life for row in rows for life in row]
    within = [sum(life > LIFE - quarters for life in lives) for quarters in (4, 40, 240)]
    assert list(occupied(words, 0, len(rows))) == within


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5000)), max_size=20))
def test_a_ring_is_five_counters_that_move(events):
    ring, fifths = 0, [0] * 5
    for slots, calls in events:
        ring = moved(ring, slots)
        fifths = ([0] * min(slots, 5) + fifths)[:5]
        for _ in range(min(calls, 3)):
            ring = one_more(ring)
            fifths[0] = min(fifths[0] + 1, 4095)
        if calls > 4090:
            ring, fifths[0] = ring | 4095, 4095
        assert in_ring(ring) == sum(fifths)
        assert 0 <= ring < 2**60


@given(st.lists(st.integers(0, 7), max_size=300))
def test_the_second_is_five_counters_that_move(events):
    ring, fifths = 0, [0] * 5
    for ticks in events:
        ring = second_moved(ring, ticks)
        fifths = ([0] * min(ticks, 5) + fifths)[:5]
        fifths[0] = min(fifths[0] + 1, 63)
        assert in_second(ring) == sum(fifths)
        assert 0 <= ring < 2**30


@pytest.mark.parametrize("different", [1, 10, 100, 500, 1000, 1500, 3000, 20_000])
def test_a_trunk_counts_different_numbers_within_four_standard_errors(different):
    distinct = Distinct(60)
    for place in range(different):
        estimate = distinct.add(mixed(place, 1), 1)
    for place in range(min(different, 100)):
        assert distinct.add(mixed(place, 1), 1) == estimate, "a number seen before changes nothing"
    assert abs(estimate - different) <= max(1, 4 * 1.04 / sqrt(REGISTERS) * different)


def test_a_trunk_forgets_different_numbers_fifth_by_fifth():
    distinct = Distinct(60)
    for fifth in range(12):
        for place in range(400):
            estimate = distinct.add(mixed(fifth * 400 + place, 1), fifth * 60 + 59)
        held = 400 * min(fifth + 1, 5)
        assert abs(estimate - held) <= 4 * 1.04 / sqrt(REGISTERS) * held
    assert distinct.add(mixed(5, 1), 12 * 60 + 299) == 1


@given(st.lists(st.integers(0, 400), max_size=60))
def test_a_counter_of_a_trunk_is_a_list_of_calls(steps):
    counter, tick, calls = Counter(60), 1, []
    for step in steps:
        tick += step
        calls.append(tick // 60)
        assert counter.add(tick) == sum(calls[-1] - call < 5 for call in calls)


def test_mixed_numbers_spread_evenly_even_where_numbers_follow_each_other():
    """Chi-square over 256 bins for the low, the middle and the high bits used as set, cell and tag."""
    for shift in (0, 20, 22, 30, 40, 52):
        for step in (1, 10_000, 32, 10_000 * 32):
            bins = [0] * 256
            for place in range(25_600):
                bins[mixed(77_010_000_000 * 32 + place * step, 3) >> shift & 255] += 1
            chi = sum((found - 100) ** 2 / 100 for found in bins)
            assert chi < 255 + 6 * sqrt(2 * 255), (shift, step, chi)


def test_no_two_numbers_of_a_million_have_the_same_mixed_bits():
    assert len({mixed(77_010_000_000 * 32 + place * 32, 0) for place in range(300_000)}) == 300_000


def test_a_table_finds_again_what_it_was_given():
    table = Table(5000, 1, 100)
    found = {key: table.find(mixed(key, 9), 1) for key in range(4000)}
    assert len(set(found.values())) == 4000
    assert {key: table.find(mixed(key, 9), 1) for key in range(4000)} == found
    assert (table.used, table.evictions) == (4000, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_table_holds_as_many_as_it_was_made_for(seed):
    """Sets of sixteen are filled to eight on average; where one is full, the next takes what is too much."""
    table = Table(20_000, 1, 100)
    for key in range(20_000):
        table.find(mixed(key, seed), 1)
    assert table.used >= 19_998
    assert table.evictions <= 2


def in_cells_of_their_own(count: int) -> list[str]:
    """Called numbers of which no two share a cell, so that the sketch of a caller and of a range is exact."""
    found: list[str] = []
    for place in range(100):
        rates = Rates(10, 10, 1)
        for called in (*found, number(place)):
            facts = told(rates.count("+447700900123", called, "t", 1.0))
        if facts["caller_callees_1h"] == facts["range_callees_1h"] == len(found) + 1:
            found.append(number(place))
        if len(found) == count:
            break
    return found


OWN_CELLS = in_cells_of_their_own(5)


@given(st.lists(st.tuples(st.sampled_from(OWN_CELLS), st.sampled_from([0.0, 1.0, 14.8, 15.0, 45.0, 580.0, 3580.0]))))
def test_few_different_numbers_are_counted_exactly_by_quarter_minutes(calls):
    rates, seen, now = Rates(10, 10, 1), [], 0.0
    for called, step in calls:
        now += step
        seen.append((int((now - calls[0][1]) * 5) + 1, called))
        facts = told(rates.count("+447700900123", called, "t", now))
        for name, quarters in (("1m", 4), ("10m", 40), ("1h", 240)):
            different = len({other for tick, other in seen if seen[-1][0] // 75 - tick // 75 < quarters})
            for who in ("caller", "range"):
                expected = min(different, facts[f"{who}_calls_{name}"])
                assert facts[f"{who}_callees_{name}"] == expected
