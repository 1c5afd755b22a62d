"""Answers of the routes of statistics: every figure with its definition, window, unit, source and revision."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from tosqauyl.registry.figure_definitions import Definition, source_text, unit_text, words_of
from tosqauyl.registry.figures import Cell, Row, Table
from tosqauyl.registry.official import Shown
from tosqauyl.registry.suppression import THRESHOLD
from tosqauyl.web.bodies import TitlesOut
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

Figure = Literal[
    "reports", "reported-victims", "reported-losses", "incidents", "incidents-confirmed", "victims", "damage", "checks",
    "checks-late", "messages-late", "appeals", "appeals-upheld", "appeals-late",
]  # fmt: skip
"""What can be counted by scheme, region and period."""
By = Literal["scheme", "region"]
Step = Literal["day", "week", "month"]
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOST_CSV = 900_000
"""Characters of a file of official figures."""


def _day(value: Any) -> date:
    """A day as a text only: nobody has to guess whether a number is one."""
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("day", "is no day such as 2026-11-30")


Day = Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day of a query: RFC 3339 full-date."""


class DefinitionOut(BaseModel):
    """What a figure counts. unit: for programs; by: what it can be broken down by; is_not: what it must not be taken for."""

    slug: str
    unit: str
    unit_name: TitlesOut
    name: TitlesOut
    text: TitlesOut
    is_not: TitlesOut
    by: list[str]
    public: bool


class CellOut(BaseModel):
    """value: null where it is hidden, because it counts few or because others could be computed from it."""

    value: int | None
    hidden: bool


class PeriodOut(BaseModel):
    """A part of the window. key: 2026-11-30, 2026-W49 or 2026-11, '' for all of it."""

    key: str
    first: date
    last: date


class RowOut(BaseModel):
    """key: of a scheme or region, '' where it is not known; cells: in the order of the columns."""

    key: str
    cells: list[CellOut]
    total: CellOut


class WindowOut(BaseModel):
    """Days from the first to the last, both counted. days: whose days."""

    first: date
    last: date
    days: TitlesOut


class FigureOut(BaseModel):
    """A figure. organisation: whose rows alone were counted, '' for everybody's; counted: when; revision: of when the older days
    are; it changes when figures of the same window may change for other reasons than reports that came."""

    definition: DefinitionOut
    window: WindowOut
    by: str
    step: str
    columns: list[PeriodOut]
    rows: list[RowOut]
    totals: list[CellOut]
    total: CellOut
    source: TitlesOut
    organisation: str
    suppression: TitlesOut
    counted: Moment
    revision: str


class FalseStopsRowOut(BaseModel):
    """rule: '' where people decided without one; upheld, decided: appeals; published: entries. They are never added."""

    rule: str
    upheld: CellOut
    decided: CellOut
    published: int


class FalseStopsOut(BaseModel):
    """False stops by rule, the most upheld first."""

    definition: DefinitionOut
    window: WindowOut
    rows: list[FalseStopsRowOut]
    source: TitlesOut
    counted: Moment


class OfficialOut(BaseModel):
    """A figure that somebody else published. first_day, last_day: '' where nobody said; published: a day, a month or a year, the
    cut-off; source: who published it, as it was taken in; note: what its source says of it."""

    source: str
    source_name: TitlesOut
    measure: str
    measure_name: TitlesOut
    unit: str
    unit_name: TitlesOut
    region: str
    first_day: str
    last_day: str
    published: str
    value: int
    url: str
    note: TitlesOut


class PublicFiguresOut(BaseModel):
    """Our own figures of the last whole months, and beside them what others published; never added to each other."""

    own: list[FigureOut]
    official: list[OfficialOut]
    official_note: TitlesOut


class OfficialIn(BaseModel):
    """name: of the file, for mistakes; text: CSV with a row of columns' names."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, plain(100, min_length=1)] = "figures.csv"
    text: Annotated[str, plain(MOST_CSV, min_length=1, multiline=True)]


class OfficialImportedOut(BaseModel):
    """taken: new figures; known: those that were there."""

    taken: int
    known: int


def definition_out(one: Definition) -> DefinitionOut:
    """A definition with its words."""
    return DefinitionOut(
        slug=one.slug, unit=one.unit, unit_name=TitlesOut(**unit_text(one.unit)), name=TitlesOut(**one.name),
        text=TitlesOut(**one.text), is_not=TitlesOut(**one.is_not), by=list(one.by), public=one.public,
    )  # fmt: skip


def figure_out(table: Table) -> FigureOut:
    """A table with everything that makes it a figure."""
    return FigureOut(
        definition=definition_out(table.definition), window=window_out(table.asked.window.first, table.asked.window.last),
        by=table.asked.by, step=table.asked.step,
        columns=[PeriodOut(key=one.key, first=one.first, last=one.last) for one in table.columns],
        rows=[_row_out(row) for row in table.rows], totals=[_cell_out(cell) for cell in table.totals],
        total=_cell_out(table.total), source=TitlesOut(**source_text(table.organisation)), organisation=table.organisation,
        suppression=TitlesOut(**words_of("suppression")), counted=table.counted, revision=table.revision,
    )  # fmt: skip


def window_out(first: date, last: date) -> WindowOut:
    """A window with the words that say whose days they are."""
    return WindowOut(first=first, last=last, days=TitlesOut(**words_of("days")))


def official_out(shown: Shown) -> OfficialOut:
    """A figure of others with its words."""
    names = ("source", "measure", "unit", "region", "first_day", "last_day", "published", "value", "url")
    values = {name: getattr(shown.figure, name) for name in names}
    return OfficialOut(
        **values, source_name=TitlesOut(**shown.source), measure_name=TitlesOut(**shown.measure),
        unit_name=TitlesOut(**shown.unit), note=TitlesOut(**shown.note),
    )  # fmt: skip


def few(value: int, everything: bool) -> CellOut:
    """A number by itself, hidden where it counts few. everything: for those who may see the rows it counts."""
    hidden = not everything and 0 < value < THRESHOLD
    return CellOut(value=None if hidden else value, hidden=hidden)


def _row_out(row: Row) -> RowOut:
    return RowOut(key=row.key, cells=[_cell_out(cell) for cell in row.cells], total=_cell_out(row.total))


def _cell_out(cell: Cell) -> CellOut:
    return CellOut(value=None if cell.hidden else cell.value, hidden=cell.hidden)
