"""From when to when: days of a time zone as seconds since 1970, and the local day of a row as plain arithmetic.

The local day is computed from a list of offsets, not by the database's own time zones: so every engine gives the same day,
also around a change of the clock (Kazakhstan's in March 2024, when most of it went from UTC+6 to UTC+5).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import TIME

HOME_ZONE = "Asia/Almaty"


@dataclass(frozen=True, slots=True)
class Window:
    """first <= at < end, in seconds since 1970-01-01 UTC; zone: IANA name of the zone whose days are meant."""

    first: float
    end: float
    zone: str = HOME_ZONE

    @property
    def first_day(self) -> date:
        """Its first day, as the zone has it."""
        return datetime.fromtimestamp(self.first, ZoneInfo(self.zone)).date()

    @property
    def last_day(self) -> date:
        """Its last day, as the zone has it."""
        return (datetime.fromtimestamp(self.end, ZoneInfo(self.zone)) - timedelta(microseconds=1)).date()

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.first

    @property
    def is_of_whole_hours(self) -> bool:
        """Whether it begins, ends and has its midnights with an hour of UTC: not so in India, say."""
        return not any(one % 3600 for one in (self.first, self.end, *(offset for _, offset in offsets(self))))

    def condition(self, column: str = TIME) -> str:
        """SQL: whether a row lies in it."""
        return f"({column} >= {self.first!r} AND {column} < {self.end!r})"

    def local_seconds(self, column: str = TIME) -> str:
        """SQL: the time on the zone's clocks as seconds since 1970-01-01 local."""
        changes = offsets(self)
        cases = "".join(f" WHEN {column} < {until!r} THEN {offset}" for until, offset in changes[:-1])
        last = str(changes[-1][1])
        return f"({column} + {f'CASE{cases} ELSE {last} END' if cases else last})"

    def day(self, column: str = TIME) -> str:
        """SQL: the local day as whole days since 1970-01-01 (`day_of` gives the date)."""
        return f"CAST(floor({self.local_seconds(column)} / 86400.0) AS BIGINT)"

    def hour(self, column: str = TIME) -> str:
        """SQL: the local hour as whole hours since 1970-01-01 local."""
        return f"CAST(floor({self.local_seconds(column)} / 3600.0) AS BIGINT)"


def day_of(days: int) -> date:
    """The date of a number of days since 1970-01-01."""
    return date(1970, 1, 1) + timedelta(days=days)


def window_of_days(first: date, last: date, zone: str = HOME_ZONE) -> Window:
    """The window from the start of a day to the end of another, both included. Raises TosqauylError for a wrong zone or order."""
    if last < first:
        raise TosqauylError(
            f"the window ends ({last}) before it begins ({first})", "--to", "give the later day as --to"
        )
    where = zone_of(zone)
    begins, ends = (datetime(day.year, day.month, day.day, tzinfo=where) for day in (first, last + timedelta(days=1)))
    return Window(begins.timestamp(), ends.timestamp(), zone)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises TosqauylError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TosqauylError(f"there is no time zone {name!r}", "--zone", f"for example {HOME_ZONE}") from error


def offsets(window: Window) -> list[tuple[float, int]]:
    """(until, offset in seconds) in order: the offsets of the zone's clocks within the window; the last holds to its end."""
    zone = zone_of(window.zone)
    changes: list[tuple[float, int]] = []
    at, offset = window.first, _offset(zone, window.first)
    while at < window.end:
        step = min(at + 86400.0, window.end)
        following = _offset(zone, step)
        if following != offset:
            changes.append((_change(zone, at, step, offset), offset))
            offset = following
        at = step
    return [*changes, (window.end, offset)]


def _change(zone: ZoneInfo, low: float, high: float, before: int) -> float:
    """The second in which the offset stops being `before`, between low and high."""
    while high - low > 1.0:
        middle = float(int((low + high) / 2))
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return float(int(high))


def _offset(zone: ZoneInfo, at: float) -> int:
    found = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    return int(found.total_seconds()) if found else 0
