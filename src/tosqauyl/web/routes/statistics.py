"""Statistics of the office with their definitions, figures of others beside them, and totals for everybody."""

import csv
import io
from typing import Annotated, Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from tosqauyl.errors import FileMistakes
from tosqauyl.registry import appeals, official
from tosqauyl.registry.actor import CITIZEN
from tosqauyl.registry.cells import exported
from tosqauyl.registry.figure_definitions import definition_of, definitions, source_text
from tosqauyl.registry.figures import Asked, Table, as_csv_rows, count
from tosqauyl.registry.periods import whole_months, window_of
from tosqauyl.registry.store import Registry
from tosqauyl.web.bodies import TitlesOut
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.figure_bodies import (
    By,
    Day,
    DefinitionOut,
    FalseStopsOut,
    FalseStopsRowOut,
    Figure,
    FigureOut,
    OfficialImportedOut,
    OfficialIn,
    OfficialOut,
    PublicFiguresOut,
    Step,
    definition_out,
    few,
    figure_out,
    official_out,
    window_out,
)
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import FieldProblem, Refused, problems
from tosqauyl.web.texts import plain

router = APIRouter(tags=["statistics"])

_Reader = Annotated[Caller, Depends(needs("statistics:read"))]
_Writer = Annotated[Caller, Depends(needs("statistics:write"))]
_Anybody = Annotated[Caller, Depends(needs(PUBLIC))]
_First = Annotated[Day, Query(description="First day, in Kazakhstan.")]
_Last = Annotated[Day, Query(description="Last day, in Kazakhstan; it is counted too.")]
PUBLIC_MONTHS = 12
"""Whole months that everybody sees. The window is fixed: the difference of two that one may choose would show small cells."""
KEPT_MS = 600_000
"""How long the public figures are given again."""
MOST_OFFICIAL = 200
_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A row for each number: what it counts, of which days, its value, '' where it is hidden.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}
_kept: WeakKeyDictionary[Registry, tuple[int, PublicFiguresOut]] = WeakKeyDictionary()


class CsvResponse(Response):
    """A CSV file."""

    media_type = "text/csv"


@router.get("/v1/statistics/definitions", response_model=list[DefinitionOut], responses=problems())
def list_definitions(caller: _Reader) -> list[DefinitionOut]:
    """What is counted, in which unit, and what it must not be taken for."""
    return [definition_out(one) for one in definitions().values()]


@router.get("/v1/statistics/figures/{definition}", response_model=FigureOut, responses=problems())
def read_figure(
    definition: Figure, first: _First, last: _Last, caller: _Reader, by: By | None = None, step: Step | None = None
) -> FigureOut:  # fmt: skip
    """A figure of a window, by scheme or region and by day, week or month. The centre counts all organisations, others their own.

    Cells that count fewer than 5 are hidden, and as many others as keep them from being computed.
    """
    return figure_out(_counted(caller, definition, first, last, (by, step)))


@router.get("/v1/statistics/figures/{definition}/csv", response_class=CsvResponse, responses=_CSV | problems())
def download_figure(
    definition: Figure, first: _First, last: _Last, caller: _Reader, by: By | None = None, step: Step | None = None
) -> Response:  # fmt: skip
    """The same as a CSV file; every row says what it counts and of which days."""
    rows = list(as_csv_rows(_counted(caller, definition, first, last, (by, step))))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: exported(str(value)) for name, value in row.items()} for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{definition}-{first}-{last}.csv"'}
    return CsvResponse("\ufeff" + text.getvalue(), headers=headers)


@router.get("/v1/statistics/false-stops", response_model=FalseStopsOut, responses=problems())
def read_false_stops(first: _First, last: _Last, caller: _Reader) -> FalseStopsOut:
    """Upheld appeals by the rule that stopped the number. Only the centre sees numbers below 5."""
    window = window_of(first, last)
    with caller.read() as work:
        found = appeals.false_stops(work, window.since, window.until)
        now = work.now
    everything = caller.actor.sees_all
    rows = [
        FalseStopsRowOut(
            rule=one.rule, upheld=few(one.upheld, everything), decided=few(one.decided, everything), published=one.published
        )
        for one in found
    ]  # fmt: skip
    return FalseStopsOut(
        definition=definition_out(definition_of("false-stops")), window=window_out(first, last), rows=rows,
        source=TitlesOut(**source_text("")), counted=now,
    )  # fmt: skip


@router.get("/v1/public/statistics", response_model=PublicFiguresOut, responses=problems())
def read_public_figures(caller: _Anybody) -> PublicFiguresOut:
    """Totals of the last 12 whole months, by month, and beside them what others published. Counted anew every 10 minutes."""
    with caller.registry.read(CITIZEN) as work:
        until, found = _kept.get(caller.registry, (0, None))
        if found is None or not 0 <= until - work.now < KEPT_MS:
            window = whole_months(work.now, PUBLIC_MONTHS)
            own = [one for one in definitions().values() if one.public]
            found = PublicFiguresOut(
                own=[figure_out(count(work, Asked(one.slug, window, "", "month"))) for one in own],
                official=[official_out(one) for one in official.search(work, "", None, MOST_OFFICIAL)],
                official_note=TitlesOut(**official.never_added()),
            )  # fmt: skip
            _kept[caller.registry] = work.now + KEPT_MS - 1, found
    return found


@router.get("/v1/official-figures", response_model=Page[OfficialOut], responses=problems())
def list_official_figures(
    caller: _Reader, measure: Annotated[Annotated[str, plain(32)], Query()] = "", cursor: Cursor = None, limit: Limit = 50
) -> Page[OfficialOut]:  # fmt: skip
    """Figures that others published, with source and cut-off, the latest taken first."""
    with caller.read() as work:
        found = official.search(work, measure, cursor, limit)
        last = found[limit - 1].figure.id if len(found) > limit else None
        return Page(items=[official_out(one) for one in found[:limit]], next=last)


@router.post("/v1/official-figures:import", response_model=OfficialImportedOut, responses=problems())
def import_official_figures(said: OfficialIn, caller: _Writer) -> OfficialImportedOut:
    """Take figures of others from a CSV file, all of them or none. Every mistake is told with its line, up to 500."""
    with caller.work() as work:
        try:
            found = official.import_figures(work, said.text, said.name)
        except FileMistakes as error:
            fields = [FieldProblem(where=f"line:{one.line}", what=one.what) for one in error.mistakes]
            raise Refused("invalid", "the file has mistakes", fields=fields) from None
    _kept.pop(caller.registry, None)
    return OfficialImportedOut(taken=found.taken, known=found.known)


def _counted(
    caller: Caller, definition: str, first: Day, last: Day, parts: tuple[By | None, Step | None]
) -> Table:  # fmt: skip
    by, step = parts
    with caller.read() as work:
        return count(work, Asked(definition, window_of(first, last), by or "", step or ""))
