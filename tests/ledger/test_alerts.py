"""Alerts: peaks, drops and days without data; quiet where only the weekday differs."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.alerts import (
    Alert,
    Limits,
    end_of,
    judge,
    judge_series,
    places_of,
    score,
    watch,
    with_weeks,
    without_data,
)
from tosqauyl.ledger.definitions import DEFINITIONS
from tosqauyl.ledger.engine import DuckEngine, Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window, window_of_days

LIMITS = Limits()
WEEKS = 10
FIRST = (date(2025, 1, 6) - date(1970, 1, 1)).days
"""A Monday."""
USUAL = [1000, 1040, 980, 1010, 990, 400, 300]
"""Attempts by weekday, few at the weekend."""


def usual_weeks(weeks: int = WEEKS) -> dict[int, int]:
    return {FIRST + day: USUAL[day % 7] + (day * 37 % 21) - 10 for day in range(7 * weeks)}


LAST_WEEK = range(FIRST + 7 * (WEEKS - 1), FIRST + 7 * WEEKS)
MONDAY = LAST_WEEK.start


def alerts_of(series: dict[int, int], incomplete: int | None = None) -> list[tuple[Alert, int]]:
    found, _, _ = judge_series(("day", "total", ""), series, LAST_WEEK, LIMITS, incomplete)
    return [(one.alert, one.count) for one in found]


def test_a_quiet_weekend_is_not_a_drop_and_a_usual_week_gives_no_alert() -> None:
    assert alerts_of(usual_weeks()) == []


@pytest.mark.parametrize(
    ("count", "alert"), [(9000, Alert.PEAK), (1600, Alert.PEAK), (600, Alert.DROP), (111, Alert.DROP), (0, Alert.DROP)]
)
def test_a_count_far_from_the_same_weekday_is_an_alert_both_ways(count: int, alert: Alert) -> None:
    assert alerts_of(usual_weeks() | {MONDAY: count}) == [(alert, count)]


def test_a_saturday_like_a_monday_is_a_peak() -> None:
    assert alerts_of(usual_weeks() | {MONDAY + 5: 1000}) == [(Alert.PEAK, 1000)]


def test_an_earlier_attack_does_not_hide_the_next_one() -> None:
    attacked = usual_weeks() | {MONDAY - 7: 20000, MONDAY - 14: 15000, MONDAY - 21: 9000}
    assert alerts_of(attacked | {MONDAY: 9000}) == [(Alert.PEAK, 9000)]


def test_an_earlier_attack_does_not_make_the_usual_a_drop() -> None:
    assert alerts_of(usual_weeks() | {MONDAY - 7: 20000, MONDAY - 14: 15000}) == []


@pytest.mark.parametrize(("usual", "now"), [(10, 49), (49, 0), (0, 49)])
def test_small_counts_are_no_alerts(usual: int, now: int) -> None:
    assert judge(now, [usual] * 8, LIMITS)[0] is None


def test_counts_that_never_differed_do_not_make_the_next_one_an_outlier() -> None:
    assert judge(1030, [1000] * 8, LIMITS)[0] is None
    assert judge(2000, [1000] * 8, LIMITS)[0] is Alert.PEAK


def test_fewer_than_four_weeks_before_give_no_alert_and_are_counted() -> None:
    series = {day: count for day, count in usual_weeks().items() if day >= MONDAY - 21} | {MONDAY: 0}
    assert judge_series(("day", "total", ""), series, LAST_WEEK, LIMITS) == ([], 0, 7)


def test_days_without_data_are_passed_over_in_the_weeks_before() -> None:
    series = usual_weeks() | {MONDAY: 9000}
    del series[MONDAY - 7], series[MONDAY - 14]
    (found,), _, _ = judge_series(("day", "total", ""), series, LAST_WEEK, LIMITS)
    assert (found.alert, found.weeks) == (Alert.PEAK, 6)


def test_no_drop_is_said_of_a_day_that_is_not_over() -> None:
    assert alerts_of(usual_weeks() | {MONDAY: 300}, incomplete=MONDAY) == []
    assert alerts_of(usual_weeks() | {MONDAY: 9000}, incomplete=MONDAY) == [(Alert.PEAK, 9000)]


def test_a_day_that_is_not_there_is_no_data_and_not_a_drop() -> None:
    series = usual_weeks()
    del series[MONDAY]
    assert alerts_of(series) == []
    (found,) = without_data(("day", "origin", "gate:a"), series, LAST_WEEK, LIMITS)
    assert (found.alert, found.at, found.value, found.count) == (Alert.NO_DATA, "2025-03-10", "gate:a", 0)
    assert found.expected == pytest.approx(1000, abs=20)


def test_a_source_that_never_delivered_is_not_missed() -> None:
    assert list(without_data(("day", "origin", "gate:new"), {MONDAY + 6: 900}, LAST_WEEK, LIMITS)) == []


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8), st.integers(0, 10**6))
def test_the_score_has_the_sign_of_the_difference_and_is_finite(history: list[int], count: int) -> None:
    middle, far = score(count, history)
    assert (far > 0) == (count > middle)
    assert (far < 0) == (count < middle)
    assert abs(far) < 1e9


@pytest.mark.parametrize(("count", "history", "far"), [(20, [10, 10, 12, 8, 30], 0.6745 * 10 / (0.6745 * 10**0.5))])
def test_the_score_is_that_of_median_and_mad_with_the_spread_of_chance_at_least(
    count: int, history: list[int], far: float
) -> None:
    assert score(count, history) == (10.0, pytest.approx(far))
    assert score(500, [100, 200, 300, 400, 500]) == (300.0, pytest.approx(0.6745 * 200 / 100))


def test_hours_of_a_day_with_a_change_of_the_clock_are_those_the_clocks_showed() -> None:
    berlin = window_of_days(date(2025, 3, 30), date(2025, 3, 30), "Europe/Berlin")  # 2 o'clock is left out
    assert [place % 24 for place in places_of(berlin, "hour")] == [0, 1, *range(3, 24)]
    almaty = window_of_days(date(2024, 2, 29), date(2024, 2, 29))  # 23 o'clock comes twice
    assert [place % 24 for place in places_of(almaty, "hour")] == list(range(24))
    assert end_of(places_of(almaty, "hour")[-1], "hour", almaty.zone) == almaty.end


WINDOW = window_of_days(date(2025, 3, 10), date(2025, 3, 16))


def engine_of(folder: Path, gates: dict[str, dict[int, int]], window: Window = WINDOW) -> DuckEngine:
    """A ledger with so many stopped calls a day, at noon, by gate."""
    store, con = Store(folder), connect(Means(threads=1))
    for origin, series in gates.items():
        days = ", ".join(f"({day}, {count})" for day, count in series.items())
        columns = "(day * 86400.0 + i * 79.0) AS \"at\", 'stop' AS verdict, 'r1' AS rule, 'west' AS carrier, 'KZ' AS caller_country"
        sql = f"SELECT {columns} FROM (VALUES {days}) AS days(day, count), range(1090) AS t(i) WHERE i < count"
        recorded = frozenset({"at", "verdict", "rule", "carrier", "caller_country"})
        store.write(con, sql, Batch("calls", origin, "1", recorded))
    return DuckEngine(store, with_weeks(window), Means(threads=1))


def watched(engine: DuckEngine, now: float = WINDOW.end + 86400.0) -> Sequence[tuple[str, str, str, str]]:
    utc = Window(WINDOW.first, WINDOW.end, "UTC")
    window = window_of_days(WINDOW.first_day, WINDOW.last_day, utc.zone)
    return [(one.at, str(one.alert), one.group, one.value) for one in watch(engine, window, now).alerts]


def test_a_gate_that_fell_silent_is_told_of_while_the_other_goes_on(tmp_path: Path) -> None:
    silent = usual_weeks()
    del silent[MONDAY + 1]
    found = watched(engine_of(tmp_path, {"gate:a": usual_weeks(), "gate:b": silent}))
    assert found == [("2025-03-11", "no-data", "origin", "gate:b")]


def test_a_drop_is_told_of_in_every_group_it_is_in(tmp_path: Path) -> None:
    found = watched(engine_of(tmp_path, {"gate:a": usual_weeks() | {MONDAY + 1: 60}}))
    groups = [("carrier", "west"), ("country", "KZ"), ("rule", "r1"), ("total", "")]
    assert found == [("2025-03-11", "drop", *group) for group in groups]


def test_a_rule_that_stopped_nothing_dropped_though_it_has_no_row_that_day(tmp_path: Path) -> None:
    one = usual_weeks()
    del one[MONDAY + 1]
    folder = tmp_path / "ledger"
    engine_of(folder, {"gate:a": one}).close()
    store, con = Store(folder), connect(Means(threads=1))
    at = (MONDAY + 1) * 86400.0 + 3600.0
    sql = f"SELECT {at} + i AS \"at\", 'pass' AS verdict, '' AS rule, 'west' AS carrier, 'KZ' AS caller_country FROM range(900) t(i)"
    store.write(
        con, sql, Batch("calls", "gate:a", "2", frozenset({"at", "verdict", "rule", "carrier", "caller_country"}))
    )
    found = watched(DuckEngine(store, with_weeks(WINDOW), Means(threads=1)))
    assert ("2025-03-11", "drop", "rule", "r1") in found


def test_days_to_come_are_not_missed(tmp_path: Path) -> None:
    series = {day: count for day, count in usual_weeks().items() if day < MONDAY + 2}
    now = (MONDAY + 2) * 86400.0 + 100.0
    assert watched(engine_of(tmp_path, {"gate:a": series}), now) == []


def test_the_day_that_is_not_over_is_named(tmp_path: Path) -> None:
    series = {day: count for day, count in usual_weeks().items() if day < MONDAY + 2} | {MONDAY + 1: 80}
    window = window_of_days(date(2025, 3, 10), date(2025, 3, 16), "UTC")
    found = watch(engine_of(tmp_path, {"gate:a": series}), window, (MONDAY + 1) * 86400.0 + 7000.0)
    assert (found.alerts, found.incomplete) == ((), "2025-03-11")


def test_columns_that_were_not_recorded_leave_out_their_group_only(tmp_path: Path) -> None:
    store, con = Store(tmp_path), connect(Means(threads=1))
    days = ", ".join(f"({day}, {count})" for day, count in (usual_weeks() | {MONDAY: 60}).items())
    sql = f"SELECT day * 86400.0 + i * 79.0 AS \"at\", 'stop' AS verdict FROM (VALUES {days}) AS d(day, n), range(1090) t(i) WHERE i < n"
    store.write(con, sql, Batch("calls", "gate:a", "1", frozenset({"at", "verdict"})))
    window = window_of_days(date(2025, 3, 10), date(2025, 3, 16), "UTC")
    found = watch(DuckEngine(store, with_weeks(window), Means(threads=1)), window, WINDOW.end + 86400.0)
    assert [(one.group, one.alert) for one in found.alerts] == [("total", Alert.DROP)]
    assert set(found.missing) == {"rule", "carrier", "caller_country"}


def test_shares_and_numbers_are_not_watched(tmp_path: Path) -> None:
    with pytest.raises(TosqauylError, match="cannot be watched"):
        watch(engine_of(tmp_path, {"gate:a": {MONDAY: 1}}), WINDOW, 0.0, DEFINITIONS["stopped-share"])


def test_an_empty_ledger_gives_nothing_to_judge(tmp_path: Path) -> None:
    found = watch(DuckEngine(Store(tmp_path), WINDOW), WINDOW, WINDOW.end)
    assert (found.alerts, found.judged, found.sources) == ((), 0, ())
