"""How large a swing is, and the window it is taken over."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.state.swing import SLOTS, Change, SwingWindow, swing_percent

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "feeds" / "swings.csv"
LINES = [line for line in CORPUS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("case", list(csv.DictReader(LINES)), ids=lambda case: case["note"])
def test_a_swing_is_the_larger_of_its_two_shares(case):
    change = Change(int(case["changed"]), int(case["to_home"]))
    assert swing_percent(change, int(case["abroad"])) == pytest.approx(float(case["percent"]))


def test_changes_of_a_window_add_up_and_leave_it_again():
    window = SwingWindow(600.0)
    for minute in range(5):
        window.add(Change(1_000, 0), 10_000, minute * 60.0)
    assert window.percent(10_000, 300.0) == 50.0
    assert window.percent(10_000, 300.0, Change(1_000, 0)) == 60.0
    assert window.percent(10_000, 599.0) == 50.0
    assert window.percent(10_000, 10_000.0) == 0.0


def test_who_takes_some_away_does_not_make_the_rest_look_large():
    window = SwingWindow(600.0)
    window.add(Change(19_000, 19_000), 100_000, 0.0)
    assert window.percent(81_000, 1.0, Change(1_000, 1_000)) == 20.0


def test_a_clock_that_stands_still_or_goes_back_loses_nothing():
    window = SwingWindow(600.0)
    window.add(Change(100, 0), 1_000, 500.0)
    window.add(Change(100, 0), 1_000, 400.0)
    assert window.percent(1_000, 500.0) == 20.0


@given(st.lists(st.tuples(st.floats(0, 400), st.integers(0, 900)), max_size=40), st.floats(0, 700))
def test_the_window_counts_all_that_is_young_and_nothing_that_is_old(steps, after):
    """Against a plain list: between the sum over the window and the sum over a window one part longer."""
    window, made, now = SwingWindow(600.0), [], 0.0
    for gap, changed in steps:
        now += gap
        window.add(Change(changed, 0), 50_000, now)
        made.append((now, changed))
    now += after
    least = sum(changed for at, changed in made if now - at < 600.0 - 1e-6)
    most = sum(changed for at, changed in made if now - at <= 600.0 * (1 + 1 / SLOTS) + 1e-6)
    found = window.percent(50_000, now) * 500.0
    assert least - 1e-6 <= found <= most + 1e-6


def test_the_window_stays_small_however_much_is_added():
    window = SwingWindow(600.0)
    for at in range(100_000):
        window.add(Change(1, 0), 1_000, at * 0.1)
    assert len(window._slots) <= SLOTS + 1
