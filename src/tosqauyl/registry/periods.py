"""Windows and their parts: whole days of Kazakhstan (UTC+5, one zone since 1 March 2024; earlier days are counted in it too)."""

from dataclasses import dataclass
from datetime import date, timedelta

from tosqauyl.registry.clocks import day_of
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.moments import DAY, OFFSET

MOST_DAYS = 3_660
"""Of one window."""
STEPS = ("day", "week", "month")
_EPOCH = date(1970, 1, 1)
FIRST = date(2000, 1, 1)
LAST = date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Window:
    """Days from the first to the last one, both counted."""

    first: date
    last: date

    @property
    def since(self) -> int:
        """When it begins, milliseconds since 1970."""
        return number_of(self.first) * DAY - OFFSET

    @property
    def until(self) -> int:
        """When it has ended, milliseconds since 1970."""
        return (number_of(self.last) + 1) * DAY - OFFSET


@dataclass(frozen=True, slots=True)
class Period:
    """A part of a window. key: '2026-11-30', '2026-W49', '2026-11'; first, last: days, cut off where the window is."""

    key: str
    first: date
    last: date


def window_of(first: date, last: date) -> Window:
    """A window. Raises Invalid where its days are out of order, out of range or too many."""
    if not FIRST <= first <= last <= LAST:
        raise Invalid("the window must begin before it ends", "query:last")
    if (last - first).days >= MOST_DAYS:
        raise Invalid(f"the window has more than {MOST_DAYS} days", "query:last")
    return Window(first, last)


def number_of(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def day_at(number: int) -> date:
    """The day of a number of days since 1970."""
    return _EPOCH + timedelta(number)


def key_of(day: date, step: str) -> str:
    """The part of a window that a day is in. Weeks are those of ISO 8601, from Monday on."""
    if step == "day":
        return day.isoformat()
    if step == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return f"{day:%Y-%m}" if step == "month" else ""


def periods(window: Window, step: str) -> list[Period]:
    """The parts of a window in their order; the whole of it where there is no step."""
    found: list[Period] = []
    day = window.first
    while day <= window.last:
        end = min(_last_of(day, step, window.last), window.last)
        found.append(Period(key_of(day, step), day, end))
        day = end + timedelta(1)
    return found


def whole_months(now: int, count: int) -> Window:
    """The last whole months before a moment."""
    last = day_of(now).replace(day=1) - timedelta(1)
    months = last.year * 12 + last.month - count
    return Window(date(months // 12, months % 12 + 1, 1), last)


def _last_of(day: date, step: str, otherwise: date) -> date:
    if step == "day":
        return day
    if step == "week":
        return day + timedelta(6 - day.weekday())
    if step == "month":
        return (day.replace(day=1) + timedelta(31)).replace(day=1) - timedelta(1)
    return otherwise
