"""How scorecards, false-stop figures, displacement and alerts look: in a terminal and as CSV."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from tosqauyl.cli.stats_view import csv_text, make_table, print_wrapped, show_block
from tosqauyl.ledger.texts import (
    ALERTS,
    DEFINITIONS,
    DISPLACED_IS_NOT,
    DISPLACEMENT_UNIT,
    GROUPS,
    SCORECARD,
    SCORECARD_UNIT,
)
from tosqauyl.ledger.wording import NONE, finding_text, source_lines, value_text, window_text
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.alerts import Found, Watch
    from tosqauyl.ledger.displacement import Displacement, Movement
    from tosqauyl.ledger.scorecard import Card, RuleFigures, Scorecard

UNKNOWN = "?"
"""Shown where something is not computable; what is missing is told below the table."""


def show_scorecard(console: Console, found: "Scorecard", t: Texts) -> None:
    """A table of carriers or trunks, worst first."""
    party = t("carrier") if found.party == "carrier" else t("trunk")
    first = make_table((party, "#", t("attempts"), t("trend"), t("stopped %"), t("suspect %"), t("marked %")))
    second = make_table((party, t("no such number %"), t("Kazakh number %"), t("short %"), t("callers per called")))
    for card in found.cards:
        first.add_row(*_card_row(card, t))
        second.add_row(*_card_row_of_numbers(card, t))
    if found.cards:
        console.print(first)
        console.print()
        console.print(second)
        console.print()
    lines = [
        *((t(name), t(text)) for name, text in SCORECARD.values()),
        (t("Unit"), t(SCORECARD_UNIT)),
        (t("Window"), window_text(found.window, t)),
        (t("Trend"), t("against {window}", window=window_text(found.previous, t))),
        *source_lines(found.sources, found.revision, t),
        *_missing(found.missing, t),
    ]
    if found.gaps or found.previous_gaps:
        days = t("{now} days of the window, {before} of the one before", now=found.gaps, before=found.previous_gaps)
        lines.append((t("No data"), days))
    show_block(console, lines)


def _card_row(card: "Card", t: Texts) -> tuple[str, ...]:
    now, trend = card.now, card.trend
    return (
        card.name or t(NONE),
        str(card.rank) if card.rank else UNKNOWN,
        t.count(now.attempts),
        f"×{t.decimal(trend, 2)}" if trend is not None else UNKNOWN,
        *(_percent(now.share(metric), t) for metric in ("stopped", "suspect", "marked")),
    )


def _card_row_of_numbers(card: "Card", t: Texts) -> tuple[str, ...]:
    many = card.now.callers_per_callee
    return (
        card.name or t(NONE),
        *(_percent(card.now.share(metric), t) for metric in ("no_number", "kazakh", "short")),
        t.decimal(many, 2) if many is not None else UNKNOWN,
    )


def scorecard_csv(found: "Scorecard") -> str:
    """A row a carrier or trunk; an empty field is not computable."""
    metrics = (
        "stopped",
        "suspect",
        "marked",
        "no_number",
        "kazakh",
        "callers",
        "callees",
        "pairs",
        "answered",
        "short",
    )
    window = found.window
    rows = [
        (
            found.party,
            card.name,
            card.rank or "",
            card.now.attempts,
            *(_field(getattr(card.now, metric)) for metric in metrics),
            _field(card.before),
            *(window.first_day, window.last_day, window.zone, " ".join(found.sources), found.revision),
        )
        for card in found.cards
    ]
    return csv_text(("party", "name", "rank", "attempts", *metrics, "attempts_before", *_WHERE), rows)


_WHERE = ("from", "to", "zone", "sources", "revision")


def show_rules(console: Console, found: "RuleFigures", t: Texts) -> None:
    """The false-stop figure of every rule."""
    table = make_table((t("rule"), t("mode"), t("stops"), t("false"), "%", t("at most %"), t("corrected")))
    for one in found.rules:
        known = one.false is not None and one.known is not None
        table.add_row(
            one.rule or t(NONE),
            t("watches") if one.watched else t("stops"),
            t.count(one.stops),
            t("{number} of {whole}", number=t.count(one.false or 0), whole=t.count(one.known or 0))
            if known
            else UNKNOWN,
            _percent(one.false_share, t),
            _percent(one.at_most, t),
            t.count(one.corrected) if one.corrected is not None else UNKNOWN,
        )
    if found.rules:
        console.print(table)
        console.print()
    lines = [
        (t("False"), t(DEFINITIONS["false-stops"][1])),
        (t("At most"), t("upper end of the 95 % interval of the share: what can be said after so many calls")),
        (t("Corrected"), t(DEFINITIONS["corrected-stops"][1])),
        (t("Unit"), t(SCORECARD_UNIT)),
        (t("Window"), window_text(found.window, t)),
        *source_lines(found.sources, found.revision, t),
        *_missing(found.missing, t),
    ]
    show_block(console, lines)


def rules_csv(found: "RuleFigures") -> str:
    """A row a rule; an empty field is not computable."""
    window = found.window
    rows = [
        (
            one.rule,
            "watched" if one.watched else "stops",
            one.stops,
            *(_field(value) for value in (one.known, one.false, one.false_share, one.at_most, one.corrected)),
            *(window.first_day, window.last_day, window.zone, " ".join(found.sources), found.revision),
        )
        for one in found.rules
    ]
    return csv_text(("rule", "mode", "stops", "known", "false", "false_share", "at_most", "corrected", *_WHERE), rows)


def show_displacement(console: Console, found: "Displacement", t: Texts) -> None:
    """The finding in words, the groups, and the countries and carriers that moved most."""
    print_wrapped(console, Text(finding_text(found, t), style="bold"))
    console.print()
    tables = ((t("attempts a day"), found.groups), (t("foreign numbers by country"), found.countries))
    for title, movements in (*tables, (t("foreign numbers by carrier"), found.carriers)):
        if movements:
            _show_movements(console, title, movements, t)
    lines = [
        (t("Unit"), t(DISPLACEMENT_UNIT)),
        (t("Before"), window_text(found.before, t)),
        (t("After"), window_text(found.after, t)),
        *([(t("Rule"), found.rule)] if found.rule else []),
        *source_lines(found.sources, found.revision, t),
        *_missing(found.missing, t),
    ]
    if found.gaps_before or found.gaps_after:
        text = t(
            "{before} days before and {after} after have no row: the weeks are not complete, so weekdays may weigh differently",
            before=found.gaps_before,
            after=found.gaps_after,
        )
        lines.append((t("Incomplete"), text))
    if found.finding == "displaced":
        lines.append((t("What it is not"), t(DISPLACED_IS_NOT)))
    show_block(console, lines)


def _show_movements(console: Console, title: str, movements: "tuple[Movement, ...]", t: Texts) -> None:
    table = make_table((title, t("before"), t("after"), t("change"), t("ratio")))
    for one in movements:
        change = f"{'+' if one.change >= 0 else '-'}{t.decimal(abs(one.change), 1)}"
        ratio = f"×{t.decimal(one.ratio, 2)}" if one.ratio is not None else t("new")
        name = t(GROUPS[one.group]) if one.group in GROUPS and not one.value else one.value or t(NONE)
        table.add_row(name, t.decimal(one.before, 1), t.decimal(one.after, 1), change, ratio)
    console.print(table)
    console.print()


def displacement_csv(found: "Displacement") -> str:
    """A row a group, country and carrier, in attempts a day."""
    before, after = found.before, found.after
    days = (before.first_day, before.last_day, after.first_day, after.last_day, before.zone)
    rows = [
        (
            *(one.group, one.value, one.before, one.after, one.before_count, one.after_count, _field(one.ratio)),
            *(found.rule, found.day, found.finding, *days, " ".join(found.sources), found.revision),
        )
        for one in (*found.groups, *found.countries, *found.carriers)
    ]
    titles = ("group", "value", "before_per_day", "after_per_day", "before", "after", "ratio", "rule", "day", "finding")
    spans = ("before_from", "before_to", "after_from", "after_to", "zone", "sources", "revision")
    return csv_text((*titles, *spans), rows)


def show_alerts(console: Console, found: "Watch", t: Texts) -> None:
    """Every alert on a line; what was looked at below."""
    from tosqauyl.ledger.alerts import Limits

    for one in found.alerts:
        print_wrapped(console, _alert_line(one, t))
    if not found.alerts:
        text = (
            t("No alert: {n} counts were as expected.", n=t.count(found.judged))
            if found.judged
            else t("Nothing could be judged.")
        )
        print_wrapped(console, Text(text, style="bold"))
    console.print()
    limits = Limits()
    method = t(
        "Each {step} against the median of the same weekday of up to {weeks} weeks before; an alert from a modified z-score of "
        "{score} on (Iglewicz and Hoaglin 1993), if it differs by a factor of {ratio} and is of {least} or more.",
        step=t("day") if found.step == "day" else t("hour"),
        weeks=limits.weeks,
        score=t.decimal(limits.score),
        ratio=t.decimal(limits.ratio),
        least=limits.least,
    )
    lines = [
        (t("Definition"), t(DEFINITIONS[found.definition][1])),
        (t("Method"), method),
        (t("Window"), window_text(found.window, t)),
        *source_lines(found.sources, found.revision, t),
        *_missing(found.missing, t),
    ]
    if found.too_early:
        text = t(
            "{n} counts, because fewer than {weeks} weeks before have data",
            n=t.count(found.too_early),
            weeks=limits.least_weeks,
        )
        lines.append((t("Not judged"), text))
    if found.incomplete:
        lines.append((t("Not over yet"), t("{at}: no drop is said of it", at=found.incomplete)))
    show_block(console, lines)


def _alert_line(one: "Found", t: Texts) -> Text:
    value = value_text(one.group, one.value, t) if one.group != "total" else ""
    line = Text(f"{one.at}  ")
    line.append(f"{t(ALERTS[str(one.alert)])}", style="bold red" if one.alert == "peak" else "bold yellow")
    line.append(f"  {t(GROUPS[one.group])} {value}".rstrip())
    counts = t("{count}, expected {expected}", count=t.count(one.count), expected=t.count(round(one.expected)))
    if one.alert == "no-data":
        counts = t("nothing was delivered, expected {expected} rows", expected=t.count(round(one.expected)))
    line.append(f": {counts}")
    return line


def alerts_csv(found: "Watch") -> str:
    """A row an alert."""
    window = found.window
    rows = [
        (
            *(one.at, one.alert, one.group, one.value, one.count, one.expected, round(one.score, 3), one.weeks),
            *(
                found.definition,
                window.first_day,
                window.last_day,
                window.zone,
                " ".join(found.sources),
                found.revision,
            ),
        )
        for one in found.alerts
    ]
    return csv_text(
        ("at", "alert", "group", "value", "count", "expected", "score", "weeks", "definition", *_WHERE), rows
    )


def _missing(missing: tuple[str, ...], t: Texts) -> list[tuple[str, str]]:
    if not missing:
        return []
    text = t("the ledger does not have: {columns}. What rests on them is shown as ?", columns=", ".join(missing))
    return [(t("Not computable"), text)]


def _percent(share: float | None, t: Texts) -> str:
    return t.decimal(share * 100, 2) if share is not None else UNKNOWN


def _field(value: object) -> object:
    return "" if value is None else value
