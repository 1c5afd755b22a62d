"""Business days of Kazakhstan: a table that a lawyer can read, and what holds for every day."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes
from tosqauyl.registry.clocks import (
    ZONE,
    business_days_after,
    day_of,
    end_of,
    is_business_day,
    is_late,
    read_calendar,
    shipped_calendar,
    utc_text,
)  # fmt: skip

CORPUS = Path(__file__).parents[1] / "corpora" / "clocks-business-days.csv"
DAY = 86_400_000


def rows() -> list[dict[str, str]]:
    with CORPUS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['happened']}+{row['days']}")
def test_a_duty_ends_when_the_table_says(row: dict[str, str]) -> None:
    due = business_days_after(moment(row["happened"]), int(row["days"]))
    assert due == moment(f"{row['ends']} 00:00:00") + DAY, f"{row['why']}: {day_of(due - 1)}"


def test_a_duty_is_late_from_its_end_on_and_not_before() -> None:
    due = business_days_after(moment("2026-11-30 12:00:00"), 2)
    assert datetime.fromtimestamp(due / 1000, UTC).isoformat() == "2026-12-02T19:00:00+00:00"
    assert not is_late(due, due - 1)
    assert is_late(due, due)
    assert not is_late(0, due)


@given(st.integers(moment("2024-03-01 00:00:00"), moment("2036-12-31 23:59:59")), st.integers(1, 30))
def test_periods_end_with_a_business_day_and_count_business_days_only(at: int, days: int) -> None:
    due = business_days_after(at, days)
    last, first = day_of(due - 1), day_of(at)
    assert end_of(last) == due
    assert is_business_day(last)
    between = [first + timedelta(days=gone) for gone in range(1, (last - first).days + 1)]
    assert sum(map(is_business_day, between)) == days
    assert business_days_after(at + 1, days) >= due
    assert business_days_after(at, days + 1) > due


@given(st.integers(moment("2024-03-01 00:00:00"), moment("2036-12-31 23:59:59")))
def test_all_moments_of_a_day_have_the_same_end(at: int) -> None:
    midnight = end_of(day_of(at)) - DAY
    assert {business_days_after(one, 2) for one in (midnight, at, midnight + DAY - 1)} == {business_days_after(at, 2)}


def test_a_period_without_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        business_days_after(0, 0)


def test_the_files_days_come_before_the_librarys() -> None:
    text = """dated = 2026-11-01
[[day]]
date = 2026-12-16
kind = "working"
why = "a test"
source = "none"
[[day]]
date = 2026-12-02
kind = "off"
why = "a test"
source = "none"
[[day]]
date = 2026-12-05
kind = "working"
why = "a Saturday"
source = "none"
"""
    calendar = read_calendar(text, "x.toml")
    assert not is_business_day(date(2026, 12, 16))
    assert is_business_day(date(2026, 12, 16), calendar)
    assert not is_business_day(date(2026, 12, 2), calendar)
    assert business_days_after(moment("2026-12-01 10:00:00"), 3, calendar) == moment("2026-12-06 00:00:00")


def test_a_wrong_calendar_tells_every_mistake_with_its_line() -> None:
    text = """dated = "yesterday"
more = 1
[[day]]
date = 2026-12-16
kind = "free"
why = "a"
source = "b"
[[day]]
date = "2026-12-16"
kind = "off"
why = "a"
source = "b"
[[day]]
date = 2026-12-16
kind = "off"
why = " "
source = "b"
[[day]]
date = 2026-12-17
"""
    with pytest.raises(FileMistakes) as failed:
        read_calendar(text, "x.toml")
    assert sorted(one.line for one in failed.value.mistakes) == [1, 1, 3, 8, 13, 18]


def test_a_day_twice_is_a_mistake() -> None:
    day = '[[day]]\ndate = 2026-12-16\nkind = "off"\nwhy = "a"\nsource = "b"\n'
    with pytest.raises(FileMistakes, match="twice"):
        read_calendar("dated = 2026-11-01\n" + day + day, "x.toml")


def test_every_shipped_day_has_a_source_and_agrees_with_what_the_table_says() -> None:
    calendar = shipped_calendar()
    assert calendar.dated >= date(2026, 11, 1)
    assert date(2025, 1, 5) in calendar.working
    assert not calendar.off & calendar.working


def test_moments_as_text() -> None:
    assert utc_text(0) == ""
    assert utc_text(moment("2026-11-30 12:00:00") + 999) == "2026-11-30T07:00:00Z"
