"""What is kept and what goes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.journal.append import Journal, Options
from tosqauyl.journal.naming import SegmentFile, segment_files, stem
from tosqauyl.journal.retention import Limits, Retention, doomed

NOW = 1_772_000_000.0
DAY = 86400.0


def _files(folder, ages, size=100):
    for number, age in enumerate(ages, 1):
        (folder / (stem(number, NOW - age * DAY) + ".tsv")).write_bytes(b"x" * size)
    (folder / (stem(len(ages) + 1, NOW) + ".open.tsv")).write_bytes(b"x" * size)


def _left(folder):
    return [segment.sequence for segment in segment_files(folder)]


def _after_ten_minutes(folder, limits):
    retention = Retention(folder, limits, NOW - 600)
    for minute in range(9, 0, -1):
        retention.due(NOW - 60 * minute)
    return retention.apply(retention.due(NOW), NOW)


def test_a_segment_goes_when_all_its_rows_are_too_old(tmp_path):
    _files(tmp_path, [40, 31, 29, 1])
    assert _after_ten_minutes(tmp_path, Limits(30 * DAY)) == 1  # the one opened 31 days ago has rows of 29 days
    assert _left(tmp_path) == [2, 3, 4, 5]


def test_the_oldest_go_until_the_bytes_fit(tmp_path):
    _files(tmp_path, [4, 3, 2, 1])
    assert _after_ten_minutes(tmp_path, Limits(0, 250)) == 2
    assert _left(tmp_path) == [3, 4, 5]


def test_without_limits_nothing_goes(tmp_path):
    _files(tmp_path, [4000, 3000])
    assert _after_ten_minutes(tmp_path, Limits()) == 0


def test_age_waits_until_the_clock_ran_evenly_for_ten_minutes(tmp_path):
    retention = Retention(tmp_path, Limits(30 * DAY, 7), NOW)
    assert retention.due(NOW + 59) is None
    for minute in range(1, 10):
        assert retention.due(NOW + 60 * minute) == Limits(0, 7)
    assert retention.due(NOW + 600) == Limits(30 * DAY, 7)


@pytest.mark.parametrize("jump", [DAY * 365 * 50, -DAY * 365, float("inf"), float("nan")])
def test_a_clock_that_jumps_does_not_empty_the_journal(tmp_path, jump):
    retention = Retention(tmp_path, Limits(30 * DAY), NOW - 1000)
    assert retention.due(NOW + jump) == Limits()
    assert retention.due(NOW) == Limits()


@given(
    st.lists(st.tuples(st.floats(-1e10, 1e10), st.booleans()), max_size=20),
    st.floats(0, 1e6),
    st.integers(0, 100),
    st.floats(allow_nan=True),
)
def test_the_open_and_the_last_segment_never_go(opened, seconds, limit, now):
    segments = [SegmentFile(number, at, is_open, Path("/nonexistent")) for number, (at, is_open) in enumerate(opened)]
    gone = doomed(segments, Limits(seconds, limit), now)
    assert not any(segment.is_open for segment in gone)
    assert segments[-1:] != gone[-1:] or not gone


def test_a_running_journal_removes_in_the_background(tmp_path):
    journal = Journal(tmp_path, NOW, Options(keep_seconds=0, keep_bytes=1))
    for number in range(5):
        journal.append(["x\n"])
        journal.rotate(NOW + number)
    journal.settle()
    journal.tick(NOW + 61)
    journal.settle()
    assert _left(tmp_path) == [6]
    assert journal.retention.removed == 5
    journal.close()
