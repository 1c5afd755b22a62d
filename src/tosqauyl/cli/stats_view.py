"""How figures and breakdowns look: in a terminal, to be read out, and as CSV whose every row says what it is."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tosqauyl.ledger.texts import DEFINITIONS, DIMENSIONS, UNITS
from tosqauyl.ledger.wording import Number, figure_lines, figure_text, number_text, value_text
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.figures import Breakdown, Figure


def show_figure(console: Console, figure: "Figure", t: Texts) -> None:
    """The figure, and below it everything that makes it one."""
    name = t(DEFINITIONS[figure.definition][0]) if figure.definition in DEFINITIONS else figure.definition
    headline = Text(f"{name}: ")
    headline.append(figure_text(figure, t), style="bold")
    if figure.value is not None:
        headline.append(f" ({t(UNITS[str(figure.unit)])})")
    print_wrapped(console, headline)
    console.print()
    show_block(console, figure_lines(figure, t))
    show_query(console, figure.sql, t)


def show_breakdown(console: Console, parts: "Breakdown", t: Texts) -> None:
    """The total, the parts as a table, and what makes them figures."""
    total = parts.total
    name = t(DEFINITIONS[total.definition][0])
    headline = Text(f"{name}: ")
    headline.append(figure_text(total, t), style="bold")
    print_wrapped(console, headline)
    console.print()
    if parts.rows:
        console.print(_parts_table(parts, t))
        console.print()
    show_block(console, figure_lines(total, t))
    show_query(console, total.sql, t)


def _parts_table(parts: "Breakdown", t: Texts) -> Table:
    total = parts.total
    unit = str(total.unit)
    summed = parts.rest is not None or unit in ("attempts", "calls")
    table = make_table((t(DIMENSIONS[parts.dimension]), t(UNITS[unit])) + ((t("share"),) if summed else ()))
    rows = [(value_text(parts.dimension, value, t), number) for value, number in parts.rows]
    if parts.left_out and parts.rest is not None:
        rows.append((t("{n} more", n=t.count(parts.left_out)), parts.rest))
    for value, number in rows:
        share = (f"{t.decimal(100 * number / total.value, 1)} %" if total.value else "",) if summed else ()
        table.add_row(value, number_text(number, unit, t), *share)
    if parts.left_out and parts.rest is None:
        table.add_row(t("{n} more, not shown", n=t.count(parts.left_out)), "")
    return table


def make_table(titles: Sequence[str]) -> Table:
    """A plain table: the first column text, the others numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for place, title in enumerate(titles):
        table.add_column(Text(title, style="bold"), justify="right" if place else "left", no_wrap=not place)
    return table


def show_block(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    """Lines of (what, text) as two columns."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for what, text in lines:
        table.add_row(Text(what), Text(text))
    console.print(table)


def show_query(console: Console, sql: str, t: Texts) -> None:
    """The query as it was run; never cut."""
    if sql:
        console.print(Text(t("Query"), style="dim"))
        console.print(Text("\n".join(f"  {line}" for line in sql.splitlines())), soft_wrap=True)


def print_wrapped(console: Console, text: Text) -> None:
    """One paragraph."""
    console.print(text, overflow="fold")


def show_definitions(console: Console, t: Texts) -> None:
    """Every definition with its text."""
    for slug, (name, text, _) in DEFINITIONS.items():
        headline = Text(slug, style="bold")
        headline.append(f"  {t(name)}", style="not bold")
        print_wrapped(console, headline)
        print_wrapped(console, Text(f"  {t(text)}"))
    console.print()
    print_wrapped(console, Text(t("Break down with --by: {dimensions}", dimensions=", ".join(DIMENSIONS))))


def definitions_csv(t: Texts) -> str:
    """Every definition as a row."""
    rows = [(slug, t(name), t(text), t(is_not)) for slug, (name, text, is_not) in DEFINITIONS.items()]
    return csv_text(("definition", "name", "text", "is_not"), rows)


def figure_csv(figure: "Figure") -> str:
    """A figure as one row."""
    return csv_text((*_FIGURE_COLUMNS, "missing"), [(*_figure_row(figure, figure.value), " ".join(figure.missing))])


def breakdown_csv(parts: "Breakdown") -> str:
    """Every part as a row; the sum of those left out as a row `(others)`."""
    rows: list[tuple[object, ...]] = [
        (parts.dimension, value, *_figure_row(parts.total, number)) for value, number in parts.rows
    ]
    if parts.left_out:
        rows.append((parts.dimension, "(others)", *_figure_row(parts.total, parts.rest)))
    return csv_text(("dimension", "part", *_FIGURE_COLUMNS), rows)


_FIGURE_COLUMNS = ("value", "unit", "definition", "from", "to", "zone", "sources", "revision")


def _figure_row(figure: "Figure", value: Number | None) -> tuple[object, ...]:
    window = figure.window
    days = (window.first_day, window.last_day, window.zone)
    return (
        "" if value is None else value,
        figure.unit,
        figure.definition,
        *days,
        " ".join(figure.sources),
        figure.revision,
    )


def csv_text(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(titles)
    for row in rows:
        writer.writerow([f"'{one}" if isinstance(one, str) and one[:1] in ("=", "+", "-", "@") else one for one in row])
    return out.getvalue()
