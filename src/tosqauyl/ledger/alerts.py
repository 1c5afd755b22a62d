"""Peaks, drops, and days without data: a count that is far from what that weekday had in the weeks before.

Blocked calls of Kazakhstan differed by a factor of nine from year to year, and a broken gate looks like peace: so a drop is as
much an alert as a peak. Expected is the median of the same weekday (or the same hour of it) of the 8 weeks before; how far is
the modified z-score, 0.6745 * (x - median) / MAD, and beyond 3.5 it is an outlier (B. Iglewicz, D. Hoaglin, How to Detect and
Handle Outliers, 1993). Median and MAD are not moved by an earlier attack, as mean and deviation are.

The judgement is pure: it takes counts, not a ledger.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from math import sqrt
from statistics import median

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS, Definition, missing_of
from tosqauyl.ledger.engine import Engine
from tosqauyl.ledger.statistics import day_text, days_of, hour_text
from tosqauyl.ledger.statistics_queries import coverage_sql, series_sql
from tosqauyl.ledger.window import Window, day_of, window_of_days, zone_of

GROUPS = ("total", "origin", "rule", "carrier", "country")
"""What is looked at: all together, and by each of these dimensions."""
STEPS = ("day", "hour")


class Alert(StrEnum):
    """What is wrong with a count."""

    PEAK = "peak"
    DROP = "drop"
    NO_DATA = "no-data"
    """Nothing was delivered at all: neither many calls nor few, but unknown."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a count is an alert.

    score: modified z-score. ratio: at least so many times more, or less, than expected. least: a count below it is no peak, an
    expectation below it gives no drop. weeks: how many before are looked at; least_weeks: with fewer of them nothing is said.
    """

    score: float = 3.5
    ratio: float = 1.5
    least: int = 50
    weeks: int = 8
    least_weeks: int = 4


@dataclass(frozen=True, slots=True)
class Found:
    """One alert. at: day `2025-01-31` or hour `2025-01-31 23`, local. group, value: for example carrier, carrier-7. expected: the
    median. score: how far from it, below 0 for less. weeks: how many weeks that rests on."""

    alert: Alert
    at: str
    group: str
    value: str
    count: int
    expected: float
    score: float
    weeks: int


@dataclass(frozen=True, slots=True)
class Watch:
    """All alerts of a window. judged: how many counts were looked at; too_early: how many could not be judged, because fewer
    than `least_weeks` weeks before have data. missing: columns of groups that were left out. incomplete: the last day or hour,
    not over when the last row came: it may peak, a drop is not said of it; '' for none."""

    definition: str
    step: str
    window: Window
    alerts: tuple[Found, ...]
    judged: int
    too_early: int
    sources: tuple[str, ...]
    revision: str
    missing: tuple[str, ...] = ()
    incomplete: str = ""


Series = Mapping[int, int]
"""Counts by day or hour (whole ones since 1970 local): 0 where there are rows but none of the group, none where there are none."""


def baseline(series: Series, at: int, week: int, limits: Limits) -> list[int]:
    """The counts of the same weekday (and hour) of the weeks before, as far as they have data. week: 7 days or 168 hours."""
    return [series[at - week * back] for back in range(1, limits.weeks + 1) if at - week * back in series]


def score(count: int, history: Iterable[int]) -> tuple[float, float]:
    """(median, modified z-score) of a count against a history that is not empty.

    The spread is never taken smaller than that of counts that happen by chance (square root of the median), so that a week of
    equal counts does not make every other count an outlier.
    """
    past = list(history)
    middle = float(median(past))
    spread = max(float(median(abs(one - middle) for one in past)), 0.6745 * sqrt(max(middle, 1.0)))
    return middle, 0.6745 * (count - middle) / spread


def judge(count: int, history: list[int], limits: Limits) -> tuple[Alert | None, float, float]:
    """(alert or None, median, score) of a count."""
    middle, far = score(count, history)
    if count >= limits.least and far >= limits.score and count >= middle * limits.ratio:
        return Alert.PEAK, middle, far
    if middle >= limits.least and far <= -limits.score and count * limits.ratio <= middle:
        return Alert.DROP, middle, far
    return None, middle, far


def judge_series(
    name: tuple[str, str, str], series: Series, places: Iterable[int], limits: Limits, incomplete: int | None = None
) -> tuple[list[Found], int, int]:
    """(alerts, judged, too early) of one group. name: step (day or hour), group, value. places: days or hours to be judged; those
    without data are passed over. incomplete: a place that is not over yet: nothing is said of a drop in it."""
    step, group, value = name
    week, text = (7, day_text) if step == "day" else (168, hour_text)
    found: list[Found] = []
    judged = too_early = 0
    for at in places:
        if at not in series:
            continue
        history = baseline(series, at, week, limits)
        if len(history) < limits.least_weeks:
            too_early += 1
            continue
        judged += 1
        alert, middle, far = judge(series[at], history, limits)
        if alert is not None and not (alert is Alert.DROP and at == incomplete):
            found.append(Found(alert, text(at), group, value, series[at], middle, far, len(history)))
    return found, judged, too_early


def without_data(name: tuple[str, str, str], series: Series, places: Iterable[int], limits: Limits) -> Iterator[Found]:
    """Days or hours for which a source delivered nothing, though it did on the same weekday of a week before.

    name: step, group, value. series: counts where the source has rows.
    """
    step, group, value = name
    week, text = (7, day_text) if step == "day" else (168, hour_text)
    for at in places:
        history = baseline(series, at, week, limits)
        middle = float(median(history)) if history else 0.0
        if at not in series and middle >= limits.least:
            yield Found(Alert.NO_DATA, text(at), group, value, 0, middle, 0.0, len(history))


def with_weeks(window: Window, limits: Limits = Limits()) -> Window:
    """The window that an engine needs for alerts: with the weeks before."""
    first = window.first_day - timedelta(weeks=limits.weeks)
    return Window(window_of_days(first, first, window.zone).first, window.end, window.zone)


def watch(
    engine: Engine,
    window: Window,
    now: float,
    definition: Definition = DEFINITIONS["stopped"],
    step: str = "day",
    limits: Limits = Limits(),
) -> Watch:
    """Judge every day or hour of the window, of all and by rule, carrier, country and source.

    engine: over `with_weeks(window)`. now: seconds since 1970; what is not over by then is not said to be missing. definition:
    one that counts attempts or calls. On a day without data of some source no drop is said: it would be the same news twice.
    Raises TosqauylError.
    """
    if not definition.is_total or definition.of:
        raise TosqauylError(f"{definition.slug} cannot be watched", "alerts", "take stopped, attempts or calls")
    whole = with_weeks(window, limits)
    delivered, last = _delivered(engine, whole, step)
    places = places_of(window, step)
    over = [at for at in places if end_of(at, step, window.zone) <= now]
    alerts = [
        found
        for origin, series in delivered.items()
        for found in without_data((step, "origin", origin), series, over, limits)
    ]
    silent = {found.at for found in alerts}
    unfinished = _unfinished(last, now, step, window.zone) if delivered else None
    judged = too_early = 0
    for name, series in _series(engine, whole, definition, step, delivered):
        found, looked, early = judge_series((step, *name), series, places, limits, unfinished)
        alerts += [one for one in found if not (one.alert is Alert.DROP and one.at in silent)]
        judged, too_early = judged + looked, too_early + early
    text = day_text if step == "day" else hour_text
    return Watch(
        definition=definition.slug,
        step=step,
        window=window,
        alerts=tuple(sorted(alerts, key=lambda one: (one.at, -abs(one.score), one.group, one.value))),
        judged=judged,
        too_early=too_early,
        sources=tuple(sorted(delivered)),
        revision=engine.revision,
        missing=missing_of(definition, engine.recorded) or tuple(_columns_left_out(engine, definition)),
        incomplete=text(unfinished) if unfinished in places else "",
    )


def all_queries(window: Window) -> list[tuple[str, str]]:
    """(name, query) of everything that is asked here, to be run on every engine."""
    found = [(f"alerts delivered by {step}", coverage_sql(window, (), step)) for step in STEPS]
    columns = [DIMENSIONS[group].column for group in GROUPS if group in DIMENSIONS]
    return found + [
        (f"alerts {one.slug} by {step} and {column or 'nothing'}", series_sql(one, window, step, column))
        for one in (DEFINITIONS["stopped"], DEFINITIONS["attempts"], DEFINITIONS["stopped-calls"])
        for step in STEPS
        for column in ("", *columns)
    ]


def places_of(window: Window, step: str) -> list[int]:
    """Days or hours of the window, whole ones since 1970-01-01 local; not the hours that a change of the clock leaves out."""
    if step == "day":
        return [(day - date(1970, 1, 1)).days for day in days_of(window)]
    zone = zone_of(window.zone)
    marks = range(int(window.first), int(window.end), 1800)
    offsets = (datetime.fromtimestamp(mark, zone).utcoffset() or timedelta() for mark in marks)
    return sorted({int(mark + offset.total_seconds()) // 3600 for mark, offset in zip(marks, offsets, strict=True)})


def end_of(at: int, step: str, zone: str) -> float:
    """When a day or hour ends, in seconds since 1970-01-01 UTC."""
    if step == "day":
        return window_of_days(day_of(at), day_of(at), zone).end
    begins = datetime.combine(day_of(at // 24), time(at % 24), zone_of(zone))
    return begins.replace(fold=1).timestamp() + 3600.0


def _delivered(engine: Engine, whole: Window, step: str) -> tuple[dict[str, dict[int, int]], float]:
    """(rows by source and by day or hour, when the last one was)."""
    found: dict[str, dict[int, int]] = {}
    last = 0.0
    for place, origin, rows, _, latest in engine.rows(coverage_sql(whole, (), step)):
        found.setdefault(str(origin), {})[int(place)] = int(rows)
        last = max(last, float(latest))
    return found, last


def _unfinished(last: float, now: float, step: str, zone: str) -> int | None:
    """The day or hour of the last row, unless rows came until shortly before its end."""
    local = last + (datetime.fromtimestamp(last, zone_of(zone)).utcoffset() or timedelta()).total_seconds()
    length = 86400 if step == "day" else 3600
    at = int(local // length)
    return at if end_of(at, step, zone) > min(now, last + length / 24) else None


def _columns_left_out(engine: Engine, definition: Definition) -> Iterator[str]:
    for group in GROUPS:
        if group in DIMENSIONS:
            yield from missing_of(definition, engine.recorded, DIMENSIONS[group])


def _series(
    engine: Engine, whole: Window, definition: Definition, step: str, delivered: dict[str, dict[int, int]]
) -> Iterator[tuple[tuple[str, str], Series]]:
    """((group, value), series) of every group whose columns are recorded; 0 where there are rows and none of the group."""
    have = {at: 0 for series in delivered.values() for at in series}
    for group in GROUPS:
        by = DIMENSIONS.get(group)
        alone = group == "origin" and len(delivered) == 1  # then it is the same as the total
        if alone or missing_of(definition, engine.recorded, by):
            continue
        column = by.column_for(definition) if by else ""
        counts: dict[str, dict[int, int]] = {}
        for place, value, count in engine.rows(series_sql(definition, whole, step, column)):
            counts.setdefault(str(value), {})[int(place)] = int(count)
        for value in sorted(counts):
            base = dict.fromkeys(delivered[value], 0) if group == "origin" else have
            yield (group, value), base | counts[value]
