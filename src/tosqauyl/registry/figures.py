"""Statistics of the office: reports, incidents, victims, damage, checks, appeals, by scheme or region and by day, week or month.

    count(work, Asked("reports", window, by="scheme", step="month"))

The centre counts everybody's rows, an organisation its own. Small cells are hidden (registry/suppression.py). Reports are counted
from a rollup by day (`roll_up`, a nightly job) and, for the days after it, from the reports themselves: so the figures of a year
take milliseconds with 10 million reports, and the revision says when the older days were counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Executable, Select, case, delete, func, insert, literal_column, select

from tosqauyl.registry.clocks import day_of, utc_text
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.figure_definitions import ONE, ROLLED, Definition, Measure, definition_of, measure_of
from tosqauyl.registry.moments import DAY, OFFSET
from tosqauyl.registry.periods import STEPS, Period, Window, day_at, key_of, number_of, periods
from tosqauyl.registry.store import Work
from tosqauyl.registry.suppression import Hidden, hidden
from tosqauyl.registry.tables import FigureDay, Report
from tosqauyl.registry.tenancy import of_tenant

BY = ("scheme", "region")
MOST_CELLS = 2_500
"""Of one table."""
EVERY = "*"
"""In the rollup: a row of all organisations together, by scheme (of every region) or by region (of every scheme). What the centre
asks is answered from these, some dozens a day instead of one for each organisation, scheme and region."""
SETTLED_DAYS = 2
"""The rollup leaves today and yesterday out: a transaction that began yesterday may end today."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figure. by: '' or one of BY; step: '' or one of STEPS."""

    definition: str
    window: Window
    by: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number. value: 0 where it is hidden."""

    value: int
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one scheme or region, '' where it is not known; its total over the window."""

    key: str
    cells: tuple[Cell, ...]
    total: Cell


@dataclass(frozen=True, slots=True)
class Table:
    """A figure with what makes it one. columns: the parts of the window, the rows' cells are in their order; totals: of the
    columns; organisation: whose rows alone were counted, '' for everybody's; counted: when, milliseconds; revision: changes when
    figures of the same window may have changed for another reason than newly come rows."""

    definition: Definition
    asked: Asked
    columns: tuple[Period, ...]
    rows: tuple[Row, ...]
    totals: tuple[Cell, ...]
    total: Cell
    organisation: str
    counted: int
    revision: str


_Sums = dict[tuple[str, str], tuple[int, int]]
"""(key of the row, key of the column) -> value, people."""


def count(work: Work, asked: Asked) -> Table:
    """The table of a figure. Raises Absent for a figure that is not there, Invalid where it cannot be broken down so."""
    definition = definition_of(asked.definition)
    if asked.by and asked.by not in definition.by:
        raise Invalid(f"{asked.definition} is not known by {asked.by}", "query:by", f"{', '.join(definition.by)}")
    if (asked.step and asked.step not in STEPS) or asked.definition == "false-stops":
        raise Invalid("this figure is not broken down so", "query:step", f"one of {', '.join(STEPS)}")
    columns = periods(asked.window, asked.step)
    if len(columns) * (20 if asked.by else 1) > MOST_CELLS:
        raise Invalid("the table would be too large", "query:step", "take a shorter window or longer parts")
    sums, rolled = _sums(work, asked)
    rows = sorted({row for row, _ in sums}, key=lambda key: (not key, key))
    values = [[sums.get((row, column.key), (0, 0)) for column in columns] for row in rows]
    found = hidden([[people for _, people in of_row] for of_row in values])
    return Table(
        definition, asked, tuple(columns), tuple(_rows(rows, values, found)), tuple(_totals(values, len(columns), found)),
        _cell(sum(value for of_row in values for value, _ in of_row), found.grand),
        "" if work.actor.sees_all else work.actor.organisation, work.now, rolled,
    )  # fmt: skip


def roll_up(work: Work, window: Window) -> int:
    """Count the reports of settled days anew; how many rows they make. A job calls it each night for every month there is, in their
    order (`to_roll_up`), a transaction each: 10 million reports take seconds a year."""
    last = min(window.last, day_of(work.now) - timedelta(SETTLED_DAYS))
    first, end = number_of(window.first), number_of(last) + 1
    work.db.execute(delete(FigureDay).where(FigureDay.day >= first, FigureDay.day < end))
    day = _day_of(Report.received)
    counted = select(
        day.label("day"), Report.organisation, Report.scheme, Report.region, func.count(), func.sum(Report.victims),
        func.sum(case((Report.loss > 0, ONE), else_=0)), func.sum(Report.loss), literal_column(str(int(work.now)), BigInteger),
    ).group_by(day, Report.organisation, Report.scheme, Report.region)  # fmt: skip
    counted = counted.where(Report.received >= first * DAY - OFFSET, Report.received < end * DAY - OFFSET)
    columns = ["day", "organisation", "scheme", "region", "reports", "victims", "losses", "loss", "at"]
    work.db.execute(insert(FigureDay).from_select(columns, counted))
    settled = FigureDay.day >= first, FigureDay.day < end, FigureDay.organisation != EVERY
    for by in BY:
        work.db.execute(insert(FigureDay).from_select(columns, _of_all(by).where(*settled)))
    work.note("roll-up", "figures", f"{window.first}/{last}")
    rows = select(func.count()).select_from(FigureDay).where(FigureDay.day >= first, FigureDay.day < end)
    return int(work.db.scalar(rows) or 0)


def _of_all(by: str) -> Select[*tuple[Any, ...]]:
    """Rows of all organisations together, by one of BY, out of those of each."""
    every: ColumnElement[str] = literal_column(f"'{EVERY}'")
    scheme, region = (FigureDay.scheme, every) if by == "scheme" else (every, FigureDay.region)
    sums = (func.sum(one) for one in (FigureDay.reports, FigureDay.victims, FigureDay.losses, FigureDay.loss))
    found = select(FigureDay.day, every, scheme, region, *sums, func.max(FigureDay.at))
    return found.group_by(FigureDay.day, getattr(FigureDay, by))


def to_roll_up(work: Work) -> list[Window]:
    """The months of all settled reports, in their order."""
    first = work.db.scalar(select(func.min(Report.received)))
    last = day_of(work.now) - timedelta(SETTLED_DAYS)
    if first is None or day_of(first) > last:
        return []
    return [Window(one.first, one.last) for one in periods(Window(day_of(first), last), "month")]


def _sums(work: Work, asked: Asked) -> tuple[_Sums, str]:
    """What is counted by row and column, and the revision."""
    since, revision, found = asked.window.since, "", _Sums()
    if asked.definition in ROLLED:
        latest = work.db.execute(select(FigureDay.day, FigureDay.at).order_by(FigureDay.day.desc()).limit(1)).first()
        if latest is not None:
            settled = int(latest[0]) + 1
            revision = utc_text(int(latest[1]))
            since = max(since, settled * DAY - OFFSET)
            _add(found, asked, work.db.execute(_rolled(work, asked, settled)))
    if since < asked.window.until:
        _add(found, asked, work.db.execute(_live(work, asked, since)))
    return found, revision or utc_text(work.now)


def _live(work: Work, asked: Asked, since: int) -> Executable:
    """The query of the days from a moment on: day or nothing, row, value, people."""
    measure = measure_of(asked.definition, work.now)
    day, row = _grouped(measure, asked)
    query = select(day, row, func.sum(measure.value), func.sum(measure.people)).select_from(measure.of)
    query = query.where(measure.at >= since, measure.at < asked.window.until)
    if measure.where is not None:
        query = query.where(measure.where)
    return of_tenant(work, query, measure.organisation).group_by(*_groups(asked, day, row))


def _rolled(work: Work, asked: Asked, settled: int) -> Executable:
    """The same query of the rollup, of the days before `settled`."""
    value, people = ROLLED[asked.definition]
    nothing = literal_column("0", BigInteger)
    row: ColumnElement[str] = getattr(FigureDay, asked.by) if asked.by else literal_column("''")
    day = FigureDay.day if asked.step else nothing
    end = min(settled, number_of(asked.window.last) + 1)
    query = select(day, row, func.sum(value), func.sum(people))
    query = query.where(FigureDay.day >= number_of(asked.window.first), FigureDay.day < end)
    if work.actor.sees_all:
        together = FigureDay.scheme if asked.by == "region" else FigureDay.region
        query = query.where(FigureDay.organisation == EVERY, together == EVERY)
    return of_tenant(work, query, FigureDay.organisation).group_by(*_groups(asked, day, row))


def _grouped(measure: Measure, asked: Asked) -> tuple[ColumnElement[int], ColumnElement[str]]:
    row: ColumnElement[str] = getattr(measure, asked.by) if asked.by else literal_column("''")
    return (_day_of(measure.at) if asked.step else literal_column("0", BigInteger)), row


def _groups(asked: Asked, day: Any, row: Any) -> Iterator[Any]:
    if asked.step:
        yield day
    if asked.by:
        yield row


def _day_of(at: Any) -> ColumnElement[int]:
    """Days since 1970 in Kazakhstan. Constants stand in the text: a database compares what is selected with what is grouped by."""
    found: ColumnElement[int] = (at + literal_column(str(OFFSET), BigInteger)) // literal_column(str(DAY), BigInteger)
    return found


def _add(sums: _Sums, asked: Asked, rows: Iterable[Any]) -> None:
    for day, row, value, people in rows:
        if people:
            key = row, key_of(day_at(int(day)), asked.step)
            before = sums.get(key, (0, 0))
            sums[key] = before[0] + int(value), before[1] + int(people)


def _rows(keys: list[str], values: list[list[tuple[int, int]]], found: Hidden) -> Iterator[Row]:
    for place, (key, of_row) in enumerate(zip(keys, values, strict=True)):
        cells = tuple(_cell(value, (place, column) in found.cells) for column, (value, _) in enumerate(of_row))
        yield Row(key, cells, _cell(sum(value for value, _ in of_row), place in found.rows))


def _totals(values: list[list[tuple[int, int]]], columns: int, found: Hidden) -> Iterator[Cell]:
    for column in range(columns):
        yield _cell(sum(of_row[column][0] for of_row in values), column in found.columns)


def _cell(value: int, is_hidden: bool) -> Cell:
    return Cell(0 if is_hidden else value, is_hidden)


def as_csv_rows(table: Table) -> Iterator[Mapping[str, str | int]]:
    """A table as rows of a CSV file: one a cell that is not 0, then the totals; each says what it counts and of which days."""
    common = {
        "definition": table.definition.slug, "unit": table.definition.unit, "source": table.organisation or "all",
        "revision": table.revision, "counted": utc_text(table.counted), "by": table.asked.by,
    }  # fmt: skip

    def made(key: str, period: Period | Window, cell: Cell, total: bool) -> Mapping[str, str | int]:
        days = {"first_day": period.first.isoformat(), "last_day": period.last.isoformat()}
        value = {"value": "" if cell.hidden else cell.value, "hidden": "yes" if cell.hidden else "no"}
        return common | days | {"key": key, "total": "yes" if total else "no"} | value

    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell.value or cell.hidden:
                yield made(row.key, column, cell, False)
        if table.asked.step and table.asked.by:
            yield made(row.key, table.asked.window, row.total, True)
    if table.asked.step and table.asked.by:
        for column, cell in zip(table.columns, table.totals, strict=True):
            yield made("", column, cell, True)
    if table.asked.step or table.asked.by or not table.rows:
        yield made("", table.asked.window, table.total, True)
