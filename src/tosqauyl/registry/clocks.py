"""The clocks of duties: business days of Kazakhstan, counted in days and never in hours.

A period of N business days begins with the day after the event and ends with the end of its last day, 24:00 in Kazakhstan (UTC+5;
one zone for the whole country since 1 March 2024). What comes at 23:59:59 counts for that day. Public holidays are those of the
library `holidays` (law on holidays, No 267 of 13 December 2001); moved days off are data (registry/data/calendar.toml), come first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import holidays

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.registry.moments import EPOCH, MILLISECOND, ZONE, instant, rfc3339
from tosqauyl.registry.shipped import shipped_text
from tosqauyl.toml_text import Table, read_toml

SATURDAY = 5
_DAY = timedelta(days=1)
_CALENDAR_FILE = "calendar.toml"
_KEYS = frozenset({"date", "kind", "why", "source"})


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days that are not what the library's calendar says. dated: when the file was last read against its sources."""

    dated: date
    off: frozenset[date] = frozenset()
    working: frozenset[date] = frozenset()


def business_days_after(at: int, days: int, calendar: Calendar | None = None) -> int:
    """The end (24:00 in Kazakhstan) of the last of `days` business days after the day of `at`. Both are milliseconds since 1970.

    calendar: the shipped one if None. Raises ValueError for less than one day.
    """
    if days < 1:
        raise ValueError("a period has at least one business day")
    exceptions = calendar or shipped_calendar()
    day = day_of(at)
    while days:
        day += _DAY
        days -= is_business_day(day, exceptions)
    return end_of(day)


def is_business_day(day: date, calendar: Calendar | None = None) -> bool:
    """Whether people work on a day. calendar: the shipped one if None."""
    exceptions = calendar or shipped_calendar()
    if day in exceptions.working or day in exceptions.off:
        return day in exceptions.working
    known = _year(day.year)
    return day in known.working or (day.weekday() < SATURDAY and day not in known.off)


def is_late(due: int, now: int) -> bool:
    """Whether the time of a duty is over: from its very end on. due: 0 where there is no clock."""
    return 0 < due <= now


def day_of(at: int) -> date:
    """The day in Kazakhstan of a moment."""
    return instant(at).astimezone(ZONE).date()


def end_of(day: date) -> int:
    """24:00 of a day in Kazakhstan."""
    return (datetime(day.year, day.month, day.day, tzinfo=ZONE) + _DAY - EPOCH) // MILLISECOND


def utc_text(at: int) -> str:
    """A moment as RFC 3339 text in UTC with whole seconds; '' for 0."""
    return rfc3339(at, "seconds") if at else ""


@cache
def shipped_calendar() -> Calendar:
    """What is shipped. Raises FileMistakes."""
    return read_calendar(shipped_text(_CALENDAR_FILE), _CALENDAR_FILE)


def read_calendar(text: str, file: str) -> Calendar:
    """The calendar of a file's text. Raises FileMistakes with every mistake and its line."""
    content, tables = read_toml(text, file)
    lines = [table for table in tables if table.name == "day"]
    mistakes: list[Mistake] = []
    days: dict[date, str] = {}
    given = content.get("day", [])
    for place, one in enumerate(given if isinstance(given, list) else [given]):
        table = lines[place] if place < len(lines) else Table("day", 0)
        what = _wrong(one) or ("this day is there twice" if one["date"] in days else "")
        if what:
            mistakes.append(Mistake(file, table.line, 0, what))
        else:
            days[one["date"]] = one["kind"]
    mistakes += [Mistake(file, 1, 0, f"{key} is not known here") for key in sorted(content.keys() - {"dated", "day"})]
    dated = content.get("dated")
    if not _is_date(dated):
        mistakes.append(Mistake(file, 1, 0, "dated is missing: the day on which it was read against its sources"))
    if mistakes:
        raise FileMistakes(mistakes)
    kinds = {kind: frozenset(day for day, one in days.items() if one == kind) for kind in ("off", "working")}
    return Calendar(dated=dated, off=kinds["off"], working=kinds["working"])  # type: ignore[arg-type]


def _wrong(one: object) -> str:
    if not isinstance(one, Mapping) or one.keys() != _KEYS:
        return f"a day has exactly {', '.join(sorted(_KEYS))}"
    if not _is_date(one["date"]):
        return "date is a day, such as 2026-01-05 without quotes"
    if one["kind"] not in ("off", "working"):
        return 'kind is "off" or "working"'
    return (
        ""
        if all(isinstance(one[key], str) and one[key].strip() for key in ("why", "source"))
        else "say why and by which source"
    )


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


@cache
def _year(year: int) -> Calendar:
    """Of the library. The same for all threads: its own objects grow while they are asked, so none is kept."""
    found = holidays.country_holidays("KZ", years=year)
    return Calendar(date.min, frozenset(found), frozenset(found.weekend_workdays))
