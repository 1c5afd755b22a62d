"""The words of the report of a period, and where each of its figures stands on the page."""

from typing import TYPE_CHECKING

from tosqauyl.cli.chart import chart_words
from tosqauyl.cli.stats_reports import UNKNOWN
from tosqauyl.ledger.texts import (
    ALERTS,
    DEFINITIONS,
    DIMENSIONS,
    DISPLACED_IS_NOT,
    DISPLACEMENT_UNIT,
    GROUPS,
    SCORECARD,
    UNITS,
)
from tosqauyl.ledger.wording import (
    NONE,
    figure_lines,
    figure_text,
    finding_text,
    gaps_text,
    number_text,
    source_lines,
    value_text,
    window_text,
)
from tosqauyl.texts import N_, Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.alerts import Found, Watch
    from tosqauyl.ledger.displacement import Displacement, Movement
    from tosqauyl.ledger.figures import Breakdown, Figure
    from tosqauyl.ledger.page import Card, Page, Section, Table
    from tosqauyl.ledger.period_report import PeriodReport
    from tosqauyl.ledger.scorecard import RuleFigures, Scorecard

TITLES: dict[str, str] = {
    "day": N_("By day"),
    "reason": N_("By reason"),
    "rule": N_("By rule"),
    "trunk": N_("By trunk"),
    "carrier": N_("By carrier"),
    "country": N_("By country of the calling number"),
    "operator": N_("By operator of the calling number"),
}
FOLDED_FROM = 32
"""Tables of so many rows are shown on demand: a month of days stands there, half a year does not."""


def make_page(report: "PeriodReport", t: Texts) -> "Page":
    """The page of a report in t's language."""
    from tosqauyl.ledger.page import Page, Words

    sections = [
        *(_breakdown(one, t) for one in report.breakdowns),
        _scorecard(report.carriers, t),
        _rules(report.rules, t),
        _displacement(report.moved, t),
        _alerts(report.alerts, t),
        _not_computable(report, t),
    ]
    words = Words(
        contents=t("Contents"),
        details=t("What it is not, and the query"),
        table=t("Table"),
        query=t("Query"),
        made=t("Made by Tosqauyl from the ledger, revision {revision}.", revision=report.revision),
    )
    return Page(
        language=t.language,
        title=t("Calls from abroad: what was stopped"),
        subtitle=f"{report.window.first_day} – {report.window.last_day}",
        lines=_head(report, t),
        warnings=_warnings(report, t),
        cards=tuple(_card(one, t) for one in report.figures),
        sections=tuple(sections),
        words=words,
    )


def _head(report: "PeriodReport", t: Texts) -> tuple[tuple[str, str], ...]:
    lines = [(t("Window"), window_text(report.window, t))]
    lines += [(t("Source"), ", ".join(report.known.sources) or t("none")), (t("Revision"), report.revision)]
    if report.known.gaps and report.known.sources:
        lines.append((t("No data"), t("no row of: {days}", days=gaps_text(report.known.gaps))))
    return tuple(lines)


def _warnings(report: "PeriodReport", t: Texts) -> tuple[str, ...]:
    said = [text for what, text in source_lines(report.known.sources, "", t) if what == t("Beware")]
    if not report.known.days:
        said.append(t("no data: the ledger has no row in this window"))
    if report.broken_down == "would-stop":
        said.append(t("Nothing was stopped: the rules only watched. What they would have stopped is broken down."))
    return tuple(said)


def _card(figure: "Figure", t: Texts) -> "Card":
    from tosqauyl.ledger.page import Card

    lines = figure_lines(figure, t)
    later, elsewhere = t("What it is not"), (t("Unit"), t("Beware"))
    return Card(
        name=t(DEFINITIONS[figure.definition][0]),
        value=figure_text(figure, t),
        unit=t(UNITS[str(figure.unit)]),
        known=figure.value is not None,
        lines=tuple(line for line in lines if line[0] != later and line[0] not in elsewhere),
        more=tuple(line for line in lines if line[0] == later),
        query=figure.sql,
    )


def _breakdown(parts: "Breakdown", t: Texts) -> "Section":
    from tosqauyl.ledger.charts import render
    from tosqauyl.ledger.definitions import definition_of, dimension_of
    from tosqauyl.ledger.page import Section, Table
    from tosqauyl.ledger.statistics_queries import whole_breakdown_sql

    total, unit = parts.total, str(parts.total.unit)
    asked = definition_of(total.definition), total.window, dimension_of(parts.dimension)
    rows = [(value_text(parts.dimension, value, t), number) for value, number in parts.rows]
    if parts.left_out and parts.rest is not None:
        rows.append((t("{n} more", n=t.count(parts.left_out)), parts.rest))
    table = Table(
        title=t(DEFINITIONS[total.definition][0]),
        columns=(t(DIMENSIONS[parts.dimension]), t(UNITS[unit]), t("share")),
        rows=tuple((name, number_text(number, unit, t), _share(number, total.value, t)) for name, number in rows),
    )
    lead = figure_text(total, t) if total.value is None else ""
    return Section(
        slug=parts.dimension,
        title=t(TITLES[parts.dimension]),
        lead=lead,
        svg=render(parts, chart_words(parts, t)) if rows else b"",
        tables=(table,) if rows else (),
        query=whole_breakdown_sql(*asked, bool(total.removed)),
        folded=len(rows) >= FOLDED_FROM,
    )


def _scorecard(found: "Scorecard", t: Texts) -> "Section":
    from tosqauyl.ledger.page import Section, Table

    shares = ("stopped", "suspect", "marked", "no_number", "kazakh", "short")
    columns = (
        *(t("carrier"), "#", t("attempts"), t("trend"), t("stopped %"), t("suspect %"), t("marked %")),
        *(t("no such number %"), t("Kazakh number %"), t("short %"), t("callers per called")),
    )
    rows = tuple(
        (
            card.name or t(NONE),
            str(card.rank) if card.rank else UNKNOWN,
            t.count(card.now.attempts),
            f"×{t.decimal(card.trend, 2)}" if card.trend is not None else UNKNOWN,
            *(_percent(card.now.share(metric), t) for metric in shares),
            t.decimal(many, 2) if (many := card.now.callers_per_callee) is not None else UNKNOWN,
        )
        for card in found.cards
    )
    explained = (
        *((t(name), t(text)) for name, text in SCORECARD.values()),
        (t("Trend"), t("against {window}", window=window_text(found.previous, t))),
        *_origin(found.sources, found.revision, found.missing, t),
    )
    return Section(
        slug="scorecard",
        title=t("Scorecard of carriers"),
        lead="" if rows else t("none"),
        tables=(Table(t("Carriers, the worst first"), columns, rows),) if rows else (),
        lines=explained,
    )


def _rules(found: "RuleFigures", t: Texts) -> "Section":
    from tosqauyl.ledger.page import Section, Table

    rows = tuple(
        (
            one.rule or t(NONE),
            t("watches") if one.watched else t("stops"),
            t.count(one.stops),
            UNKNOWN
            if one.false is None or one.known is None
            else t("{number} of {whole}", number=t.count(one.false), whole=t.count(one.known)),
            _percent(one.false_share, t),
            _percent(one.at_most, t),
            t.count(one.corrected) if one.corrected is not None else UNKNOWN,
        )
        for one in found.rules
    )
    columns = (t("rule"), t("mode"), t("stops"), t("false"), "%", t("at most %"), t("corrected"))
    lines = (
        (t("False"), t(DEFINITIONS["false-stops"][1])),
        (t("At most"), t("upper end of the 95 % interval of the share: what can be said after so many calls")),
        (t("Corrected"), t(DEFINITIONS["corrected-stops"][1])),
        *_origin(found.sources, found.revision, found.missing, t),
    )
    table = (Table(t("Rules, most stops first"), columns, rows),) if rows else ()
    return Section("rules", t("False stops by rule"), "" if rows else t("none"), tables=table, lines=lines)


def _displacement(found: "Displacement | None", t: Texts) -> "Section":
    from tosqauyl.ledger.page import Section

    title = t("Displacement: did callers move to other numbers?")
    if found is None:
        lead = t("No rule went live in this period with a whole week before and after, so there is nothing to compare.")
        return Section("displacement", title, lead)
    tables = (
        (t("attempts a day"), found.groups),
        (t("foreign numbers by country"), found.countries),
        (t("foreign numbers by carrier"), found.carriers),
    )
    lines = [
        (t("Rule"), found.rule),
        (t("Unit"), t(DISPLACEMENT_UNIT)),
        (t("Before"), window_text(found.before, t)),
        (t("After"), window_text(found.after, t)),
        *_origin(found.sources, found.revision, found.missing, t),
    ]
    if found.finding == "displaced":
        lines.append((t("What it is not"), t(DISPLACED_IS_NOT)))
    return Section(
        slug="displacement",
        title=title,
        lead=finding_text(found, t),
        tables=tuple(_movements(name, rows, t) for name, rows in tables if rows),
        lines=tuple(lines),
    )


def _movements(title: str, movements: "tuple[Movement, ...]", t: Texts) -> "Table":
    from tosqauyl.ledger.page import Table

    rows = tuple(
        (
            t(GROUPS[one.group]) if one.group in GROUPS and not one.value else one.value or t(NONE),
            t.decimal(one.before, 1),
            t.decimal(one.after, 1),
            f"{'+' if one.change >= 0 else '−'}{t.decimal(abs(one.change), 1)}",
            f"×{t.decimal(one.ratio, 2)}" if one.ratio is not None else t("new"),
        )
        for one in movements
    )
    return Table(title, ("", t("before"), t("after"), t("change"), t("ratio")), rows)


def _alerts(found: "Watch", t: Texts) -> "Section":
    from tosqauyl.ledger.page import Section, Table

    method = t(
        "Each {step} against the median of the same weekday of up to 8 weeks before; an alert from a modified z-score of 3.5 on "
        "(Iglewicz and Hoaglin 1993), a ratio of 1.5 and a count of 50.",
        step=t("day") if found.step == "day" else t("hour"),
    )
    lines = [(t("Definition"), t(DEFINITIONS[found.definition][1])), (t("Method"), method)]
    lines += _origin(found.sources, found.revision, found.missing, t)
    if found.too_early:
        text = t("{n} counts, because fewer than 4 weeks before have data", n=t.count(found.too_early))
        lines.append((t("Not judged"), text))
    if found.incomplete:
        lines.append((t("Not over yet"), t("{at}: no drop is said of it", at=found.incomplete)))
    lead = t("No alert: {n} counts were as expected.", n=t.count(found.judged))
    if not found.judged:
        lead = t("Nothing could be judged.")
    columns = (t("Day"), t("alert"), t("where"), t("counted"), t("expected"))
    rows = tuple(_alert_row(one, t) for one in found.alerts)
    return Section(
        slug="alerts",
        title=t("Drops, peaks and days without data"),
        lead=t("{n} alerts; {judged} counts were looked at.", n=t.count(len(rows)), judged=t.count(found.judged))
        if rows
        else lead,
        tables=(Table(t("Alerts, in order of time"), columns, rows, texts=True),) if rows else (),
        lines=tuple(lines),
        folded=len(rows) >= FOLDED_FROM,
    )


def _alert_row(one: "Found", t: Texts) -> tuple[str, ...]:
    value = value_text(one.group, one.value, t) if one.group != "total" else ""
    return (
        one.at,
        t(ALERTS[str(one.alert)]),
        f"{t(GROUPS[one.group])} {value}".rstrip(),
        t.count(one.count),
        t.count(round(one.expected)),
    )


def _not_computable(report: "PeriodReport", t: Texts) -> "Section":
    """Every figure that could not be computed, and what for."""
    from tosqauyl.ledger.page import Section, Table

    found = [(t(DEFINITIONS[one.definition][0]), one) for one in report.figures if one.value is None]
    found += [
        (f"{t(DEFINITIONS[one.total.definition][0])} · {t(DIMENSIONS[one.dimension]).lower()}", one.total)
        for one in report.breakdowns
        if one.total.value is None
    ]
    rows = [(name, figure_text(one, t)) for name, one in found]
    others = (
        (t("Scorecard of carriers"), report.carriers.missing),
        (t("False stops by rule"), report.rules.missing),
        (t("Drops, peaks and days without data"), report.alerts.missing),
    )
    text = N_("not computable, the ledger does not have: {columns}")
    rows += [(name, t(text, columns=", ".join(missing))) for name, missing in others if missing]
    columns = (t("Figure"), t("Why"))
    table = (Table(t("Not computable"), columns, tuple(rows), texts=True),) if rows else ()
    return Section(
        "missing", t("What was not computable"), "" if rows else t("Everything was computable."), tables=table
    )


def _origin(sources: tuple[str, ...], revision: str, missing: tuple[str, ...], t: Texts) -> tuple[tuple[str, str], ...]:
    lines = [(t("Source"), ", ".join(sources) or t("none")), (t("Revision"), revision)]
    if missing:
        text = t("the ledger does not have: {columns}. What rests on them is shown as ?", columns=", ".join(missing))
        lines.append((t("Not computable"), text))
    return tuple(lines)


def _share(number: float, total: float | None, t: Texts) -> str:
    return f"{t.decimal(100 * number / total, 1)} %" if total else ""


def _percent(share: float | None, t: Texts) -> str:
    return t.decimal(share * 100, 2) if share is not None else UNKNOWN
