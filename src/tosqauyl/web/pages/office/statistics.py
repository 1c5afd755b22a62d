"""Statistics: a figure of a window as chart, table and file; false stops by rule; what others published beside, and taking it in.

A figure is never shown without what it counts, of which days, in which unit, from which source and of which revision.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from starlette.responses import Response

from tosqauyl.registry.errors import RegistryError
from tosqauyl.registry.official import COLUMNS, NEEDED, measures, never_added
from tosqauyl.registry.periods import whole_months
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.texts import N_, Texts
from tosqauyl.web.figure_bodies import CellOut, Figure, FigureOut, OfficialIn, PeriodOut
from tosqauyl.web.pages import chart_image, charts
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.templates import template
from tosqauyl.web.pages.trouble import OTHER
from tosqauyl.web.pages.words import TIYN, when
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.statistics import (
    import_official_figures,
    list_definitions,
    list_official_figures,
    read_false_stops,
    read_figure,
)

pages = Pages()
LIST = "/office/statistics"
FILE = "/office/statistics/chart"
OFFICIAL = "/office/statistics/official"
SCOPE = "statistics:read"
FIGURES = get_args(Figure)
WHOLE = "whole"
"""In place of a step: the window is not divided."""
BY = {"scheme": N_("by scheme"), "region": N_("by region")}
STEP = {"day": N_("by day"), "week": N_("by week"), "month": N_("by month"), WHOLE: N_("all days together")}
PRESETS = ((1, "day", N_("Last month")), (12, "month", N_("Last 12 months")))
"""Whole months, how they are divided, and what that is called."""
BESIDE = 20
"""Figures of others that stand beside our own."""
SHOWN = ("invalid", "not-found")
"""What the page itself says, with the form beside it."""
LINE = 100
"""Characters of a line in a picture."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which figure, as it stands in the address: days as text; by: '' for all together; step: of STEP."""

    figure: str
    first: str
    last: str
    by: str
    step: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A figure as a table. head: of the columns behind the first one; rows: name and cells; sums: of the last row."""

    head: tuple[str, ...]
    rows: list[tuple[str, list[CellOut]]]
    sums: list[CellOut]


@pages.get(LIST, SCOPE)
def statistics_page(page: Page) -> Response:
    """A figure, false stops of the same days, what others published. Where it cannot be counted so, the form comes back."""
    wanted = wanted_of(page.query, page.now)
    found = stops = None
    try:
        found = _counted(page, wanted)
        stops = page.ask(read_false_stops, first=found.window.first, last=found.window.last)
    except (Refused, RegistryError) as error:
        page.tell(error, SHOWN)
    grid, chart = (grid_of(found, page.t), chart_of(found, page.t)) if found else (None, None)
    return page.render(
        "office/statistics.html", wanted=wanted, found=found, grid=grid, chart=chart, stops=stops, figures=_figures(page), bys=BY,
        steps=STEP, presets=[(text, _preset(page.now, months, step)) for months, step, text in PRESETS],
        png=chart_image.can_draw(), beside=page.ask(list_official_figures, limit=BESIDE), never_added=page.t.pick(never_added()),
        region_names=_names("region", page.t),
    )  # fmt: skip


@pages.get(FILE, SCOPE)
def chart_file(page: Page) -> Response:
    """The chart as a picture, SVG or PNG, that says by itself what it counts."""
    found = _counted(page, wanted_of(page.query, page.now))
    chart = chart_of(found, page.t)
    form = page.query.get("form", "svg")
    if chart is None or form not in ("svg", "png") or (form == "png" and not chart_image.can_draw()):
        raise Refused("not-found")
    title, notes = page.t.pick(found.definition.name.model_dump()), _notes(found, page.t)
    content: str | bytes
    if form == "png":
        content = chart_image.png(chart, charts.WIDTH, chart_image.Words(title, notes, page.t("hidden")))
    else:
        values = {"t": page.t, "chart": chart, "wide": charts.WIDTH, "found": found, "notes": notes}
        content = template("office/statistics-chart.svg").render(**values)
    name = f"{found.definition.slug}-{found.window.first}-{found.window.last}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type="image/png" if form == "png" else "image/svg+xml")


@pages.get(OFFICIAL, SCOPE)
def official_page(page: Page) -> Response:
    """What others published, and for those who may the form by which a file is taken."""
    known = {slug: page.t.pick(text) for slug, text in measures().items()}
    measure = page.query.get("measure", "")
    measure = measure if measure in known else ""
    return page.render(
        "office/official.html", found=page.ask(list_official_figures, measure=measure, cursor=page.cursor()), measure=measure,
        measures=known, columns=COLUMNS, needed=NEEDED, never_added=page.t.pick(never_added()),
        region_names=_names("region", page.t),
    )  # fmt: skip


@pages.post(OFFICIAL, "statistics:write", again=official_page)
def official_imported(page: Page) -> Response:
    """A file is taken whole, or nothing of it and every mistake is told."""
    taken = page.ask(import_official_figures, said=body_of(OfficialIn, text=page.form["text"])).taken
    return page.go(OFFICIAL, "figures-imported" if taken else "figures-known")


def wanted_of(query: Mapping[str, str], now: int) -> Wanted:
    """What an address asks for; the reports of the last 12 months where it says nothing."""
    window = whole_months(now, 12)
    return Wanted(
        query.get("figure", "") or FIGURES[0], query.get("first", "") or window.first.isoformat(),
        query.get("last", "") or window.last.isoformat(), query.get("by", ""), query.get("step", "") or "month",
    )  # fmt: skip


def grid_of(found: FigureOut, t: Texts) -> Grid:
    """A figure as rows and columns: periods as rows where it is broken down by time alone."""
    unit, everything = unit_of(found, t), t("all together")
    if not found.by:
        columns, totals = (found.columns, found.totals) if found.step else ([], [])
        rows = [(period_name(one), [cell]) for one, cell in zip(columns, totals, strict=True)]
        return Grid((unit,), rows, [found.total])
    names = _names(found.by, t)
    if not found.step:
        rows = [(_name(names, one.key, t), [one.total]) for one in found.rows]
        return Grid((unit,), rows, [found.total])
    rows = [(_name(names, one.key, t), [*one.cells, one.total]) for one in found.rows]
    return Grid((*map(period_name, found.columns), everything), rows, [*found.totals, found.total])


def chart_of(found: FigureOut, t: Texts) -> charts.Chart | None:
    """A figure as a picture: over time where it is divided, else by scheme or region; None for a single number."""
    scale = TIYN if found.definition.unit == "tiyn" else 1
    if found.step:
        parts = [(one.key, cell) for one, cell in zip(found.columns, found.totals, strict=True)]
    else:
        names = _names(found.by, t) if found.by else {}
        parts = [(_name(names, one.key, t), one.total) for one in found.rows] if found.by else []
        parts.sort(key=lambda part: (part[1].hidden, -(part[1].value or 0)))
    points = [charts.Point(name, None if cell.value is None else cell.value // scale) for name, cell in parts]
    if not points:
        return None
    return charts.over_time(points, t.count) if found.step else charts.lying(points, t.count)


def unit_of(found: FigureOut, t: Texts) -> str:
    """What is counted, in one word; money is shown in tenge."""
    return t("tenge") if found.definition.unit == "tiyn" else t.pick(found.definition.unit_name.model_dump())


def period_name(one: PeriodOut) -> str:
    """A period, with its days where its name does not say them."""
    is_day, is_month = one.key == str(one.first), one.first.day == 1 and (one.last + timedelta(1)).day == 1
    said = is_day or (is_month and "W" not in one.key)
    return one.key if said else f"{one.key} ({one.first} – {one.last})"


def _counted(page: Page, wanted: Wanted) -> FigureOut:
    return page.ask(
        read_figure, definition=wanted.figure, first=_day(wanted.first, "first"), last=_day(wanted.last, "last"),
        by=wanted.by or None, step=None if wanted.step == WHOLE else wanted.step,
    )  # fmt: skip


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("invalid", fields=[FieldProblem(where=f"query:{where}", what=OTHER)]) from None


def _preset(now: int, months: int, step: str) -> dict[str, str]:
    window = whole_months(now, months)
    return {"first": window.first.isoformat(), "last": window.last.isoformat(), "step": step}


def _figures(page: Page) -> list[tuple[str, str]]:
    known = page.ask(list_definitions)
    return [(one.slug, page.t.pick(one.name.model_dump())) for one in known if one.slug in FIGURES]


def _names(by: str, t: Texts) -> dict[str, str]:
    if by == "scheme":
        return {slug: t.pick(one.titles) for slug, one in schemes().by_slug.items()}
    return {code: t.pick(one.titles) for code, one in regions().items()}


def _name(names: Mapping[str, str], key: str, t: Texts) -> str:
    return names.get(key, key) or t("not known")


def _notes(found: FigureOut, t: Texts) -> list[str]:
    """What goes with a picture wherever it goes, in lines."""
    window = f"{found.window.first} – {found.window.last}. {t.pick(found.window.days.model_dump())}"
    counted = f"{when(found.counted, t)}, {t('revision')} {found.revision}"
    said = (
        t.pick(found.definition.text.model_dump()), t("Window: {what}", what=window), t("Unit: {what}", what=unit_of(found, t)),
        t("Source: {what}", what=t.pick(found.source.model_dump())),
        t("Counted: {what}", what=counted),
        t.pick(found.suppression.model_dump()),
    )  # fmt: skip
    return [line for text in said for line in textwrap.wrap(text, LINE)]
