"""Figures and breakdowns of a ledger: the queries of `definitions` run by an engine, with what makes a number a figure.

`figure` gives one Figure, `breakdown` a Breakdown; whoever wants several asks `coverage` once and passes it on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.definitions import DEFINITIONS, Definition, Dimension, dimension_of, missing_of
from tosqauyl.ledger.engine import Engine
from tosqauyl.ledger.figures import Breakdown, Figure
from tosqauyl.ledger.statistics_queries import breakdown_sql, coverage_sql, figure_sql, removed_sql
from tosqauyl.ledger.window import Window, day_of, window_of_days

Value = float | int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the ledger has of a window: rows by (local day, origin). only: the origins that were asked for, () for all.

    first, last: least and greatest `at`, 0 where there is no row. removed: days of which calls were removed, and only counts stay.
    """

    window: Window
    only: tuple[str, ...]
    days: dict[tuple[date, str], int]
    first: float = 0.0
    last: float = 0.0
    removed: frozenset[date] = frozenset()

    @property
    def sources(self) -> tuple[str, ...]:
        """The origins that have rows in the window."""
        return tuple(sorted({origin for _, origin in self.days}))

    @property
    def covered(self) -> frozenset[date]:
        """Days that have at least one row."""
        return frozenset(day for day, _ in self.days)

    @property
    def gaps(self) -> tuple[tuple[date, date], ...]:
        """(first, last) of each run of days without any row."""
        return runs([day for day in days_of(self.window) if day not in self.covered])

    @property
    def seconds(self) -> float:
        """How long the days with rows are together, as far as they lie in the window."""
        parts = [window_of_days(day, day, self.window.zone) for day in self.covered]
        return sum(min(part.end, self.window.end) - max(part.first, self.window.first) for part in parts)


def coverage(engine: Engine, window: Window, only: tuple[str, ...] = (), counts: bool = True) -> Coverage:
    """Count what there is. counts: whether the counts that stay of removed calls are taken for rows. Raises TosqauylError."""
    removed = engine.rows(coverage_sql(window, only, table="daily")) if counts else []
    rows = engine.rows(coverage_sql(window, only, table=table_for(engine, window))) + removed
    if not rows:
        return Coverage(window, only, {})
    days: dict[tuple[date, str], int] = {}
    for day, origin, count, _, _ in rows:
        place = (day_of(int(day)), str(origin))
        days[place] = days.get(place, 0) + int(count)
    first, last = min(float(row[3]) for row in rows), max(float(row[4]) for row in rows)
    return Coverage(window, only, days, first, last, frozenset(day_of(int(row[0])) for row in removed))


def figure(engine: Engine, definition: Definition, window: Window, covered: Coverage | None = None) -> Figure:
    """One figure; its value is None where columns are missing or there is nothing to count. Raises TosqauylError."""
    known = covered or coverage(engine, window)
    sql = figure_sql(definition, window, known.only)
    missing = _missing(engine, definition, known)
    if missing or not known.days:
        return _figure(engine, definition, known, sql, (None, missing, 0))
    parts, whole = engine.rows(_quick(engine, definition, None, known) or sql)[0]
    if known.removed:
        further = removed_sql(definition, window, None, known.only)
        (more,) = engine.rows(further)
        sql = f"{sql}\n-- added, of days whose calls were removed:\n{further}"
        parts, whole = _add((parts, whole), more, definition)
    return _figure(engine, definition, known, sql, _value(definition, parts, whole, known.seconds))


def breakdown(
    engine: Engine,
    definition: Definition,
    window: Window,
    dimension: str,
    limit: int = 0,
    covered: Coverage | None = None,
) -> Breakdown:
    """A figure by the values of a dimension, the greatest first; days and hours in their order and never cut by the limit.

    limit: how many values, 0 for all. Raises TosqauylError (no such dimension; a rate by day, which would be another definition).
    """
    by = dimension_of(dimension)
    if definition.per and by.is_time:
        what = f"{definition.slug} is a rate over the whole window and is not broken down by {by.slug}"
        raise TosqauylError(what, "--by", "take the definition stopped")
    known = covered or coverage(engine, window)
    total = figure(engine, definition, window, known)
    missing = _missing(engine, definition, known, by)
    if missing or total.value is None:
        sql = breakdown_sql(definition, window, by, known.only)
        return Breakdown(by.slug, (), _figure(engine, definition, known, sql, (None, missing or total.missing, 0)))
    valued = [
        (value, _value(definition, parts, whole, known.seconds)[0])
        for value, (parts, whole) in _parts(engine, definition, by, known).items()
    ]
    rows = [(value, count) for value, count in valued if count is not None]
    if by.is_time:
        return Breakdown(by.slug, _by_time(engine, definition, by, rows, known), total)
    texts = sorted(((str(value), count) for value, count in rows), key=lambda row: (-row[1], row[0]))
    kept = texts[:limit] if limit else texts
    others = texts[len(kept) :]
    rest = sum(count for _, count in others) if definition.is_total else None
    return Breakdown(by.slug, tuple(kept), total, len(others), rest)


def days_of(window: Window) -> list[date]:
    """Every local day of the window, in order."""
    first, last = window.first_day, window.last_day
    return [first + timedelta(days=passed) for passed in range((last - first).days + 1)]


def runs(days: list[date]) -> tuple[tuple[date, date], ...]:
    """Days in order as (first, last) of each run of days that follow each other."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and found[-1][1] + timedelta(days=1) == day:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return tuple(found)


def _by_time(
    engine: Engine, definition: Definition, by: Dimension, rows: list[tuple[Any, Value]], known: Coverage
) -> tuple[tuple[str, Value], ...]:
    """Days as 2025-01-31, hours as 2025-01-31 23; a count is 0 where there are rows but none of them counts."""
    counts = {int(value): count for value, count in rows}
    if not definition.of:
        counts = {int(one): 0 for one in _parts(engine, DEFINITIONS["attempts"], by, known)} | counts
    text = hour_text if by.slug == "hour" else day_text
    return tuple((text(one), counts[one]) for one in sorted(counts))


def day_text(day: int) -> str:
    """A day since 1970-01-01 as `2025-01-31`."""
    return day_of(day).isoformat()


def hour_text(hour: int) -> str:
    """An hour since 1970-01-01 local as `2025-01-31 23`."""
    return f"{day_of(hour // 24).isoformat()} {hour % 24:02d}"


def _missing(engine: Engine, definition: Definition, known: Coverage, by: Dimension | None = None) -> tuple[str, ...]:
    """Columns that the ledger does not have: of the calls, and of the counts where calls were removed."""
    if not known.days:
        return ()
    return missing_of(definition, engine.recorded & engine.counted if known.removed else engine.recorded, by)


def _parts(engine: Engine, definition: Definition, by: Dimension, known: Coverage) -> dict[Any, tuple[Any, Any]]:
    """(count, what it is of) by value, counts of removed calls added."""
    rows = engine.rows(_quick(engine, definition, by, known) or breakdown_sql(definition, known.window, by, known.only))
    found = {row[0]: (row[1], row[2]) for row in rows}
    if known.removed:
        for value, *more in engine.rows(removed_sql(definition, known.window, by, known.only)):
            found[value] = _add(found.get(value, (0, 0)), more, definition)
    return found


def _quick(engine: Engine, definition: Definition, by: Dimension | None, known: Coverage) -> str:
    """The query over counts by hour that gives what the one over calls gives; '' where there is none."""
    outlives = definition.outlives_calls and (by is None or by.outlives_calls)
    if not outlives or table_for(engine, known.window) == "calls":
        return ""
    return removed_sql(definition, known.window, by, known.only, "hours")


def table_for(engine: Engine, window: Window) -> str:
    """What attempts are counted in: hours where the window, and each of its days, is made of whole hours of UTC; else calls."""
    return "hours" if engine.has_hours and window.is_of_whole_hours else "calls"


def _add(parts: Sequence[Any], more: Sequence[Any], definition: Definition) -> tuple[Any, Any]:
    return int(parts[0]) + int(more[0]), int(parts[1]) + int(more[1]) if definition.of else 1


def _value(definition: Definition, parts: Any, whole: Any, seconds: float) -> tuple[Value | None, tuple[str, ...], int]:
    """(value, what is missing, what it is a part of) from what a query gave."""
    count = int(parts or 0)
    if definition.per:
        return count / (seconds / definition.per), (), 0
    if not definition.of:
        return count, (), 0
    if not whole:
        return None, (f"outcomes.{definition.outcomes}",) if definition.outcomes else (), 0
    if definition.is_total:
        return count, (), int(whole)
    return count / int(whole) * definition.scale, (), int(whole)


def _figure(
    engine: Engine, definition: Definition, known: Coverage, sql: str, found: tuple[Value | None, tuple[str, ...], int]
) -> Figure:
    value, missing, of = found
    return Figure(
        definition=definition.slug,
        unit=definition.unit,
        value=value,
        window=known.window,
        sources=known.sources,
        revision=engine.revision,
        sql=sql,
        missing=missing,
        of=of,
        gaps=known.gaps,
        removed=len(known.removed),
    )
