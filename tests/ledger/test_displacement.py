"""Displacement: told apart from a fall, from a rise for another reason, and from nothing; incomplete weeks are said."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.displacement import GROUPS, Finding, around, displacement, went_live
from tosqauyl.ledger.engine import DuckEngine, Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days

Row = dict[str, Any]
DAY = date(2025, 3, 3)
ZONE = "Asia/Almaty"
KAZAKH = {"caller_country": "KZ", "caller_kind": "mobile", "carrier": "west"}
FOREIGN = {"caller_country": "GB", "caller_kind": "foreign", "carrier": "north"}


def engine_of(folder: Path, rows: Sequence[Row]) -> DuckEngine:
    store, con = Store(folder), connect(Means(threads=1))
    con.register("given", pa.Table.from_pylist(list(rows)))
    store.write(con, "SELECT * FROM given", Batch("calls", "gate:a", "1", frozenset(rows[0])))
    return DuckEngine(store, means=Means(threads=1))


def calls(day: date, count: int, verdict: str = "pass", **facts: Any) -> list[Row]:
    first = window_of_days(day, day, ZONE).first
    row = {"verdict": verdict, "rule": "kz-mobile" if verdict == "stop" else "", **facts}
    return [{"at": first + 60.0 * number, **row} for number in range(count)]


def weeks(kazakh: tuple[int, int], foreign: tuple[int, int], days: int = 7) -> list[Row]:
    """So many calls a day before and after; after the day all with Kazakh numbers are stopped."""
    rows: list[Row] = []
    for passed in range(days):
        before, after = DAY - timedelta(days=1 + passed), DAY + timedelta(days=passed)
        rows += calls(before, kazakh[0], **KAZAKH) + calls(before, foreign[0], **FOREIGN)
        rows += calls(after, kazakh[1], "stop", **KAZAKH) + calls(after, foreign[1], **FOREIGN)
    return rows


@pytest.mark.parametrize(
    ("kazakh", "foreign", "finding"),
    [
        ((26, 7), (6, 23), Finding.DISPLACED),
        ((26, 7), (6, 6), Finding.FELL),
        ((26, 26), (6, 23), Finding.FOREIGN_ROSE),
        ((26, 25), (20, 22), Finding.UNCHANGED),
        ((26, 40), (20, 6), Finding.UNCHANGED),
    ],
)
def test_the_finding_says_what_moved(
    tmp_path: Path, kazakh: tuple[int, int], foreign: tuple[int, int], finding: Finding
) -> None:
    found = displacement(engine_of(tmp_path, weeks(kazakh, foreign)), DAY, 1, ZONE)
    assert found.finding is finding
    assert tuple(one.group for one in found.groups) == GROUPS
    assert (found.of("kazakh").before, found.of("kazakh").after) == kazakh
    assert (found.of("foreign").before, found.of("foreign").after) == foreign
    assert (found.of("kazakh-stopped").before, found.of("kazakh-stopped").after) == (0, kazakh[1])
    assert (found.of("kazakh-passed").before, found.of("kazakh-passed").after) == (kazakh[0], 0)
    assert (found.gaps_before, found.gaps_after, found.missing) == (0, 0, ())


def test_countries_and_carriers_that_moved_most_come_first(tmp_path: Path) -> None:
    rows = weeks((10, 10), (20, 25))
    for passed in range(7):
        rows += calls(DAY + timedelta(days=passed), 40, caller_country="UA", caller_kind="foreign", carrier="east")
    rows += calls(DAY, 5, caller_country="FR", caller_kind="foreign", carrier="east")
    found = displacement(engine_of(tmp_path, rows), DAY, 1, ZONE)
    assert [(one.value, one.change) for one in found.countries] == [("UA", 40.0), ("GB", 5.0)]  # FR: too few to say
    assert [one.value for one in found.carriers] == ["east", "north"]
    assert found.countries[0].ratio is None
    assert displacement(engine_of(tmp_path, rows), DAY, 1, ZONE, limit=1).countries == found.countries[:1]


def test_days_without_data_are_left_out_of_the_means_and_told(tmp_path: Path) -> None:
    found = displacement(engine_of(tmp_path, weeks((26, 7), (6, 23), days=5)), DAY, 2, ZONE)
    assert (found.gaps_before, found.gaps_after) == (9, 9)
    assert (found.of("foreign").before, found.of("foreign").after) == (6, 23)


def test_without_any_data_before_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    found = displacement(engine_of(tmp_path, calls(DAY, 5, **FOREIGN)), DAY, 1, ZONE)
    assert (found.finding, found.groups, found.gaps_before) == (Finding.NOT_COMPUTABLE, (), 7)


def test_columns_that_were_not_recorded_are_named(tmp_path: Path) -> None:
    rows = [{"at": row["at"], "verdict": row["verdict"]} for row in weeks((1, 1), (1, 1))]
    found = displacement(engine_of(tmp_path, rows), DAY, 1, ZONE)
    assert (found.finding, found.missing) == (Finding.NOT_COMPUTABLE, ("caller_country", "caller_kind"))


def test_both_windows_are_whole_weeks_that_meet_at_the_day(tmp_path: Path) -> None:
    found = displacement(engine_of(tmp_path, weeks((1, 1), (1, 1))), DAY, 4, ZONE)
    assert (found.before.first_day, found.before.last_day) == (date(2025, 2, 3), date(2025, 3, 2))
    assert (found.after.first_day, found.after.last_day) == (DAY, date(2025, 3, 30))
    assert found.before.end == found.after.first


def test_a_rule_went_live_on_the_first_day_it_stopped_a_call(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, weeks((3, 3), (1, 1)))
    assert went_live(engine, "kz-mobile", around(DAY, 1, ZONE)) == DAY
    with pytest.raises(TosqauylError, match="stopped no call"):
        went_live(engine, "it's another", around(DAY, 1, ZONE))


def test_short_and_foreign_and_broken_numbers_are_three_groups(tmp_path: Path) -> None:
    numbers = [("", "short"), ("KZ", "unallocated"), ("RU", "foreign"), ("", "unknown"), ("", "reserve")]
    rows = [
        row
        for country, kind in numbers
        for day in (DAY, DAY - timedelta(days=1))
        for row in calls(day, 1, caller_country=country, caller_kind=kind)
    ]
    found = displacement(engine_of(tmp_path, rows), DAY, 1, ZONE)
    assert [found.of(group).after for group in ("all", "kazakh", "foreign", "other")] == [5, 2, 1, 2]
