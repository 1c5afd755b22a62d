"""Calls out of the ledger: how many were stopped and by what, what each carrier brings, what traffic did when a rule went live."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, get_args

from starlette.responses import Response

from tosqauyl.ledger.wording import WHOLE_UNITS, number_text, source_lines, value_text
from tosqauyl.registry.errors import RegistryError
from tosqauyl.texts import Texts
from tosqauyl.web.call_figure_bodies import (
    CallBreakdownOut,
    CallDimension,
    CallFigure,
    DisplacementOut,
    LedgerOut,
    Party,
)
from tosqauyl.web.pages import charts
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.trouble import OTHER
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.carriers import (
    read_call_breakdown,
    read_call_figures,
    read_calls_ledger,
    read_carriers,
    read_displacement,
)

pages = Pages()
FIGURES = "/office/calls/figures"
CARRIERS = "/office/carriers"
DISPLACEMENT = "/office/displacement"
SCOPE = "calls:read"
WEEK, MONTH = 7, 28
"""Days that are shown where nobody asks for others; days whose rules are offered."""
MOST_WEEKS = 26
SHOWN = ("not-found", "invalid", "refused", "too-many")
"""Refusals that are told on the page, above the form. The others are nobody's choice."""
FINE = 10_000
"""Figures that are no whole numbers are drawn in so many parts of one."""
LONGEST_RULE = 100
"""Letters of a rule's id."""


@dataclass(frozen=True, slots=True)
class Days:
    """What the address says, as it was typed."""

    first: str
    last: str


@pages.get(FIGURES, SCOPE)
def call_figures_page(page: Page) -> Response:
    """The main figures of a window, and one of them broken down."""
    ledger = ledger_of(page)
    figure, by = (
        _one_of(page, "figure", get_args(CallFigure), "stopped"),
        _one_of(page, "by", get_args(CallDimension), "day"),
    )
    days, found, shown = _days(page, ledger), None, None
    try:
        if ledger is not None and ledger.first is not None:
            window = _window(days)
            found = page.ask(read_call_figures, **window)
            shown = page.ask(read_call_breakdown, figure=figure, by=by, **window)
    except (Refused, RegistryError) as error:
        page.tell(error, SHOWN)
    return _render(
        page, "office/call-figures.html", ledger=ledger, days=days, figure=figure, by=by, found=found, shown=shown,
        chart=chart_of(shown, page.t) if shown else None, beware=beware(shown.total.sources if shown else [], page.t),
    )  # fmt: skip


@pages.get(CARRIERS, SCOPE)
def carriers_page(page: Page) -> Response:
    """The scorecard of carriers or trunks, the worst first."""
    ledger = ledger_of(page)
    by, days, found = _one_of(page, "by", get_args(Party), "carrier"), _days(page, ledger), None
    every_call = page.query.get("every_call") == "yes"
    try:
        if ledger is not None and ledger.first is not None:
            found = page.ask(read_carriers, by=by, every_call=every_call, **_window(days))
    except (Refused, RegistryError) as error:
        page.tell(error, SHOWN)
    return _render(
        page, "office/carriers.html", ledger=ledger, days=days, by=by, every_call=every_call, found=found,
        beware=beware(found.sources if found else [], page.t),
    )  # fmt: skip


@pages.get(DISPLACEMENT, SCOPE)
def displacement_page(page: Page) -> Response:
    """Weeks before and after a rule went live, once a rule or a day is named."""
    ledger, query, found = ledger_of(page), page.query, None
    rule, day, weeks = query.get("rule", "").strip()[:LONGEST_RULE], query.get("day", ""), query.get("weeks", "") or "4"
    try:
        if ledger is not None and (rule or day):
            said = {"rule": rule, "day": _day(day, "day") if day else None, "weeks": _weeks(weeks)}
            found = page.ask(read_displacement, **said)
    except (Refused, RegistryError) as error:
        page.tell(error, SHOWN)
    return _render(
        page, "office/displacement.html", ledger=ledger, rule=rule, day=day, weeks=weeks, found=found,
        rules=_rules(page, ledger) if found is None else [], chart=moved(found, page.t) if found else None,
        beware=beware(found.sources if found else [], page.t),
    )  # fmt: skip


def chart_of(parts: CallBreakdownOut, t: Texts) -> charts.Chart | None:
    """A breakdown as a picture; None where there is nothing to draw."""
    if not parts.parts:
        return None
    unit, by = parts.total.definition.unit, parts.by.slug
    scale = 1 if unit in WHOLE_UNITS else FINE
    points = [charts.Point(value_text(by, one.key, t), round(one.value * scale)) for one in parts.parts]

    def say(value: int) -> str:
        return number_text(value / scale, unit, t)

    return charts.over_time(points, say) if by in ("day", "hour") else charts.lying(points, say)


def moved(found: DisplacementOut, t: Texts) -> charts.Chart | None:
    """Attempts a day with Kazakh and with foreign numbers, before and after; None where nothing is computable."""
    points = []
    for one in found.groups:
        if one.key in ("kazakh", "foreign") and one.name is not None:
            name = t.pick(one.name.model_dump())
            points += [
                charts.Point(t("{name}, before", name=name), round(one.before)),
                charts.Point(t("{name}, after", name=name), round(one.after)),
            ]
    return charts.lying(points, t.count) if points else None


def beware(sources: list[str], t: Texts) -> list[str]:
    """What must be known of the sources before anything else."""
    return [text for what, text in source_lines(sources, "", t) if what == t("Beware")]


def percent(share: float | None, t: Texts) -> str:
    """A part of a whole in percent; '?' where it is not computable."""
    return f"{t.decimal(share * 100, 2)} %" if share is not None else "?"


def _render(page: Page, name: str, **values: Any) -> Response:
    words = {"percent": percent, "number_text": number_text, "value_text": value_text, "source_lines": source_lines}
    return page.render(name, whole_units=WHOLE_UNITS, **words, **values)


def ledger_of(page: Page) -> LedgerOut | None:
    """What the ledger has; None where there is none, which the page tells with what to set."""
    try:
        return page.ask(read_calls_ledger)
    except Refused as error:
        if error.slug != "not-found":
            raise
        return None


def _days(page: Page, ledger: LedgerOut | None) -> Days:
    """The days that were asked for; the last week of the ledger where none were."""
    last = ledger.last if ledger is not None and ledger.last is not None else None
    usual = ("", "") if last is None else ((last - timedelta(WEEK - 1)).isoformat(), last.isoformat())
    return Days(page.query.get("first", "") or usual[0], page.query.get("last", "") or usual[1])


def _window(days: Days) -> dict[str, date]:
    return {"first": _day(days.first, "first"), "last": _day(days.last, "last")}


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _wrong(where) from None


def _weeks(text: str) -> int:
    weeks = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
    if not 1 <= weeks <= MOST_WEEKS:
        raise _wrong("weeks")
    return weeks


def _wrong(where: str) -> Refused:
    return Refused("invalid", fields=[FieldProblem(where=f"query:{where}", what=OTHER)])


def _one_of(page: Page, name: str, known: tuple[str, ...], usual: str) -> str:
    said = page.query.get(name, "")
    return said if said in known else usual


def _rules(page: Page, ledger: LedgerOut | None) -> list[str]:
    """Rules that stopped calls in the last days of the ledger, to choose from; none where that cannot be counted now."""
    if ledger is None or ledger.last is None:
        return []
    try:
        found = page.ask(
            read_call_breakdown, figure="stopped", by="rule", first=ledger.last - timedelta(MONTH - 1), last=ledger.last
        )
    except (Refused, RegistryError):
        return []
    return [one.key for one in found.parts if one.key]
