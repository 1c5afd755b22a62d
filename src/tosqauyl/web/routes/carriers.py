"""Figures of calls out of the ledger: how many, broken down, by carrier, and what traffic did after a rule went live."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS
from tosqauyl.ledger.window import HOME_ZONE, Window
from tosqauyl.registry.errors import Absent, Invalid
from tosqauyl.registry.periods import FIRST, LAST
from tosqauyl.web.call_figure_bodies import (
    CallBreakdownOut,
    CallDimension,
    CallFigure,
    CallFigureOut,
    DisplacementOut,
    LedgerOut,
    Party,
    ScorecardOut,
    call_breakdown_out,
    call_definition_out,
    call_figure_out,
    dimension_out,
    displacement_out,
    scorecard_out,
)
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.figure_bodies import Day
from tosqauyl.web.ledger_desk import asking, check_ledger, state_of, window_between
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain

router = APIRouter(tags=["calls"])

_Reader = Annotated[Caller, Depends(needs("calls:read"))]
_First = Annotated[Day, Query(description="First day, in Kazakhstan.")]
_Last = Annotated[Day, Query(description="Last day, in Kazakhstan; it is counted too.")]
_Most = Annotated[int, Query(ge=1, le=200, description="Most values that are told.")]
_EveryCall = Annotated[
    bool,
    Query(
        description="Look at every call, for different numbers and short calls. Takes the longer the more calls there are."
    ),
]
_Weeks = Annotated[int, Query(ge=1, le=26, description="Whole weeks on each side of the day.")]
_Rule = Annotated[
    Annotated[str, plain(100)], Query(description="Id of the rule that went live; '' where a day is given.")
]
USUAL: tuple[CallFigure, ...] = ("attempts", "stopped", "stopped-share", "would-stop", "failed-open")
"""Figures that are told where none are named."""
MOST_HOUR_DAYS = 31
"""Days of a window that is broken down by hour."""
ASKED = problems("not-found", "refused", "failed")


@router.get("/v1/calls/ledger", response_model=LedgerOut, responses=problems("not-found"))
def read_calls_ledger(caller: _Reader) -> LedgerOut:
    """Which days the ledger of calls has, and what can be counted in it."""
    check_ledger(caller)
    held = _held(caller)
    return LedgerOut(
        first=held.first_day if held else None, last=held.last_day if held else None,
        definitions=[call_definition_out(one) for one in DEFINITIONS.values()],
        dimensions=[dimension_out(one) for one in DIMENSIONS.values()],
    )  # fmt: skip


MOST_FIGURES = 40
"""Figures of one request; there are fewer."""


@router.get("/v1/calls/figures", response_model=list[CallFigureOut], responses=ASKED)
def read_call_figures(
    first: _First,
    last: _Last,
    caller: _Reader,
    figure: Annotated[list[CallFigure] | None, Query(max_length=MOST_FIGURES)] = None,
) -> list[CallFigureOut]:
    """Figures of a window, each with its definition, unit, source, revision and query. One that is not computable says why."""
    window = window_between(first, last)
    with asking(caller, window) as engine:
        from tosqauyl.ledger import statistics

        known = statistics.coverage(engine, window)
        wanted = dict.fromkeys(figure or USUAL)
        return [call_figure_out(statistics.figure(engine, DEFINITIONS[slug], window, known)) for slug in wanted]


@router.get("/v1/calls/breakdown", response_model=CallBreakdownOut, responses=ASKED)
def read_call_breakdown(
    figure: CallFigure, by: CallDimension, first: _First, last: _Last, caller: _Reader, limit: _Most = 20
) -> CallBreakdownOut:  # fmt: skip
    """A figure by day, hour, reason, rule, trunk, carrier, country and so on, the largest parts first."""
    window, definition, dimension = window_between(first, last), DEFINITIONS[figure], DIMENSIONS[by]
    if definition.per and dimension.is_time:
        raise Invalid("a rate over all days is not broken down by time", "query:by")
    if by == "hour" and (last - first).days >= MOST_HOUR_DAYS:
        raise Invalid("hours are told of a month at most", "query:last")
    with asking(caller, window) as engine:
        from tosqauyl.ledger.statistics import breakdown
        from tosqauyl.ledger.statistics_queries import whole_breakdown_sql

        parts = breakdown(engine, definition, window, by, limit)
        return call_breakdown_out(parts, whole_breakdown_sql(definition, window, dimension, bool(parts.total.removed)))


@router.get("/v1/carriers", response_model=ScorecardOut, responses=ASKED)
def read_carriers(
    first: _First, last: _Last, caller: _Reader, by: Party = "carrier", limit: _Most = 100, every_call: _EveryCall = False
) -> ScorecardOut:  # fmt: skip
    """What each carrier or trunk brings, against as many days before; the order is by the share of suspect attempts."""
    window = window_between(first, last)
    check_ledger(caller)
    from tosqauyl.ledger import scorecard

    with asking(caller, scorecard.with_previous(window)) as engine:
        found = scorecard.scorecard(engine, window, by, limit, every_call)
        return scorecard_out(found, scorecard.queries_text(window, by, engine.recorded, every_call))


@router.get("/v1/displacement", response_model=DisplacementOut, responses=ASKED)
def read_displacement(
    caller: _Reader, rule: _Rule = "", day: Day | None = None, weeks: _Weeks = 4, limit: _Most = 20
) -> DisplacementOut:
    """Attempts a day with Kazakh and foreign numbers, in whole weeks before and after a day, or the day a rule went live."""
    check_ledger(caller)
    from tosqauyl.ledger import displacement

    if bool(rule) == (day is not None):
        raise Invalid("give a rule or a day, and not both", "query:rule")
    since = day if day is not None else _went_live(caller, rule)
    if not FIRST < since < LAST:
        raise Invalid("there are no calls of such a day", "query:day")
    whole = displacement.around(since, weeks, HOME_ZONE)
    with asking(caller, whole) as engine:
        found = displacement.displacement(engine, since, weeks, HOME_ZONE, rule, limit)
        return displacement_out(found, displacement.groups_sql(whole, since))


def _went_live(caller: Caller, rule: str) -> date:
    """The first day on which a rule stopped a call. Raises Absent where it never did."""
    held = _held(caller)
    if held is None:
        raise Absent("the rule stopped no call")
    with asking(caller, held) as engine:
        from tosqauyl.ledger.displacement import went_live

        try:
            return went_live(engine, rule, held)
        except TosqauylError as error:
            if error.__cause__ is not None:
                raise
            raise Absent("the rule stopped no call") from None


def _held(caller: Caller) -> Window | None:
    """The days of which the ledger has calls; None for none."""
    span = state_of(caller.office).span("calls")
    return Window(span[0], span[1] + 1e-3, HOME_ZONE) if span else None
