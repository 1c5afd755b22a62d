"""Everything that is told of a period: figures, breakdowns, scorecard, false stops, alerts, displacement where a rule went live.

Computed here, worded by the caller, laid out by `page`. Nothing in it is anybody's number.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

from tosqauyl.ledger.alerts import Watch, watch, with_weeks
from tosqauyl.ledger.definitions import DEFINITIONS, STOPPED
from tosqauyl.ledger.displacement import Displacement, displacement
from tosqauyl.ledger.engine import Engine
from tosqauyl.ledger.figures import Breakdown, Figure
from tosqauyl.ledger.scorecard import RuleFigures, Scorecard, rule_figures, scorecard, with_previous
from tosqauyl.ledger.statistics import Coverage, breakdown, coverage, figure
from tosqauyl.ledger.statistics_queries import inside
from tosqauyl.ledger.window import Window, day_of

HEADLINES = (
    "attempts",
    "stopped",
    "stopped-share",
    "stopped-per-day",
    "stopped-calls",
    "calling-numbers-stopped",
    "protected-numbers",
    "would-stop",
    "failed-open",
    "corrected-stops",
    "false-stop-share",
    "answered-share",
)
"""Definitions of the first page, in order."""
DIMENSIONS = ("day", "reason", "rule", "trunk", "carrier", "country", "operator")
"""What is broken down."""
MOST = 20
"""Most values of a breakdown, carriers of a scorecard, countries and carriers of a displacement."""
WEEKS = 4
"""Most weeks on each side that a displacement compares."""
BUSY = 0.8
"""A rule went live on the day of its first stop if from then on it stopped calls on so large a part of the days."""

Opened = Callable[[Window], AbstractContextManager[Engine]]
"""Gives an engine over a window."""


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """What is told of a window. known: what the ledger has of it. broken_down: the definition of `breakdowns`: `would-stop` where
    nothing was stopped, because the rules only watched. moved: None where no rule went live within the window."""

    window: Window
    known: Coverage
    revision: str
    figures: tuple[Figure, ...]
    broken_down: str
    breakdowns: tuple[Breakdown, ...]
    carriers: Scorecard
    rules: RuleFigures
    alerts: Watch
    moved: Displacement | None


def make_report(opened: Opened, window: Window, now: float, step: Callable[[int, int], None]) -> PeriodReport:
    """Compute a report. now: seconds since 1970. step: is told how many of how many parts are done.

    The window's own figures have an engine over that window alone: a column that older files lack must not make today's figure
    not computable. Raises TosqauylError.
    """
    parts = len(HEADLINES) + len(DIMENSIONS) + 4
    with opened(window) as engine:
        known = coverage(engine, window)
        figures = []
        for place, slug in enumerate(HEADLINES):
            step(place, parts)
            figures.append(figure(engine, DEFINITIONS[slug], window, known))
        broken_down = _broken_down(figures)
        breakdowns = []
        for place, dimension in enumerate(DIMENSIONS, len(HEADLINES)):
            step(place, parts)
            breakdowns.append(breakdown(engine, DEFINITIONS[broken_down], window, dimension, MOST, known))
        step(parts - 4, parts)
        rules = rule_figures(engine, window)
        step(parts - 3, parts)
        moved = _displacement(engine, known)
    step(parts - 2, parts)
    with opened(with_previous(window)) as engine:
        carriers = scorecard(engine, window, "carrier", MOST)
    step(parts - 1, parts)
    with opened(with_weeks(window)) as engine:
        alerts = watch(engine, window, now)
    step(parts, parts)
    return PeriodReport(
        window, known, rules.revision, tuple(figures), broken_down, tuple(breakdowns), carriers, rules, alerts, moved
    )


def live_sql(window: Window) -> str:
    """(rule, local day, stopped attempts) of the window."""
    return (
        f"SELECT rule, {window.day()} AS value, count(*) AS parts\nFROM calls\nWHERE {inside(window)} AND {STOPPED} AND rule <> ''"
        "\nGROUP BY 1, 2\nORDER BY 1, 2"
    )


def went_live(rows: list[tuple[str, date, int]], known: Coverage) -> tuple[str, date] | None:
    """(rule, first day) of the rule that went live within the window with a whole week on each side; the one with most stops.

    rows: (rule, day, stopped attempts). A rule that stops a call now and then did not go live on the day of its first stop.
    """
    stops: dict[str, dict[date, int]] = {}
    for rule, day, count in rows:
        stops.setdefault(rule, {})[day] = count
    found = []
    for rule, by_day in stops.items():
        first = min(by_day)
        after = [day for day in known.covered if day >= first]
        if _weeks(known.window, first) and len(by_day) >= BUSY * len(after) and min(known.covered) < first:
            found.append((-sum(by_day.values()), rule, first))
    return min(found)[1:] if found else None


def _weeks(window: Window, day: date) -> int:
    """Whole weeks of the window on each side of a day, at most WEEKS."""
    return min(WEEKS, (day - window.first_day).days // 7, ((window.last_day - day).days + 1) // 7)


def _displacement(engine: Engine, known: Coverage) -> Displacement | None:
    if not {"verdict", "rule"} <= engine.recorded or not known.days:
        return None
    rows = [(str(rule), day_of(int(day)), int(count)) for rule, day, count in engine.rows(live_sql(known.window))]
    live = went_live(rows, known)
    if live is None:
        return None
    rule, day = live
    return displacement(engine, day, _weeks(known.window, day), known.window.zone, rule, MOST)


def _broken_down(figures: list[Figure]) -> str:
    values = {one.definition: one.value for one in figures}
    return "would-stop" if not values["stopped"] and values["would-stop"] else "stopped"
