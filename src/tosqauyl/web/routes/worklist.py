"""All that is due, what is latest first."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from tosqauyl.registry.worklist import worklist
from tosqauyl.web.bodies import NamedOut, names_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Limit
from tosqauyl.web.problems import problems
from tosqauyl.web.times import Moment

router = APIRouter(tags=["worklist"])

Kind = Literal["check", "tell", "incident", "action", "appeal", "proposal", "condition", "mode"]


class TaskOut(BaseModel):
    """One thing to do. id: of the check (check, tell), case, action, appeal, indicator (proposal), condition or decision on a mode;
    organisation: whose duty it is, '' the centre's; since: when it began; due: when it should be done; rule: of a mode, else ''."""

    kind: Kind
    id: UUID
    organisation: str
    state: str
    since: Moment
    due: Moment
    late: bool
    observable: NamedOut | None
    rule: str


class CountOut(BaseModel):
    """open: all of a kind; late: those whose clock has run out."""

    kind: Kind
    open: int
    late: int


class WorklistOut(BaseModel):
    """items: the earliest end first; counts: of every kind of work that the caller may do, whatever was asked for."""

    items: list[TaskOut]
    counts: list[CountOut]


@router.get("/v1/worklist", response_model=WorklistOut, responses=problems())
def read_worklist(
    caller: Annotated[Caller, Depends(needs("reports:read"))],
    kind: Kind | None = None,
    late: Annotated[bool, Query(description="Only those whose clock has run out.")] = False,
    limit: Limit = 50,
) -> WorklistOut:
    """What the caller has to do, what is latest first: of the own organisation, at the centre of all."""
    with caller.read() as work:
        found = worklist(work, kind or "", limit, late)
        names = names_of(work, [one.observable for one in found.tasks if one.observable is not None])
    items = [
        TaskOut(
            kind=one.kind, id=one.id, organisation=one.organisation, state=one.state, since=one.since, due=one.due,  # type: ignore[arg-type]
            late=one.is_late, observable=names[one.observable] if one.observable else None, rule=one.rule,
        )
        for one in found.tasks
    ]  # fmt: skip
    counts = [CountOut(kind=name, open=one.open, late=one.late) for name, one in found.counts.items()]  # type: ignore[arg-type]
    return WorklistOut(items=items, counts=counts)
