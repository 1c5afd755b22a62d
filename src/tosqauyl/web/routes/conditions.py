"""Manual allowances and blocks."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from tosqauyl.registry import conditions as desk
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Condition
from tosqauyl.web.bodies import NamedOut, ObservableOf, Version, names_of, observable_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import GivenMoment, Moment

router = APIRouter(tags=["conditions"])

Kind = Literal["allow", "block", "block-always"]
Perspective = Literal["caller", "callee", "payer", "payee", "both"]
_Reader = Annotated[Caller, Depends(needs("cases:read"))]
_Decider = Annotated[Caller, Depends(needs("decisions:approve"))]


class ConditionIn(ObservableOf):
    """condition: an allowance holds at once; a block waits for a second person and must have an end; 'block-always' is lifted by no
    allowance. until: null for an allowance without an end."""

    condition: Kind
    perspective: Perspective = "caller"
    why: Annotated[str, plain(desk.MOST_WHY, min_length=3)]
    until: GivenMoment = 0


class VersionIn(BaseModel):
    """version: of what was seen; another one is refused."""

    model_config = ConfigDict(extra="forbid")
    version: Version


class ConditionOut(BaseModel):
    """state: waiting for a second person, active, ended by somebody, over by itself. approved_by: of a block the second person."""

    id: UUID
    organisation: str
    observable: NamedOut
    condition: Kind
    perspective: Perspective
    state: Literal["waiting", "active", "ended", "over"]
    why: str
    who: str
    approved_by: str
    since: Moment
    until: Moment
    ended: Moment
    version: int


@router.get("/v1/conditions", response_model=Page[ConditionOut], responses=problems())
def list_conditions(
    caller: _Reader,
    observable: UUID | None = None,
    only_open: Annotated[bool, Query(description="Only what is neither ended nor over.")] = False,
    waiting: Annotated[bool, Query(description="Only blocks that wait for a second person.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ConditionOut]:
    """Conditions, the latest first."""
    with caller.read() as work:
        found = desk.search(work, observable, only_open, cursor, limit, waiting)
        shown = _shown(work, found[:limit])
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/v1/conditions/{condition_id}", response_model=ConditionOut, responses=problems("not-found"))
def read_condition(condition_id: UUID, caller: _Reader) -> ConditionOut:
    """One condition."""
    with caller.read() as work:
        return _shown(work, [desk.found(work, condition_id)])[0]


@router.post(
    "/v1/conditions", response_model=ConditionOut, status_code=201, responses=problems("not-found", "conflict")
)
def set_condition(said: ConditionIn, caller: _Decider) -> ConditionOut:
    """Allow something from now on, or ask for it to be blocked."""
    with caller.work() as work:
        which = observable_of(work, said)
        if said.condition == "allow":
            made = desk.allow(work, which, said.why, said.until, said.perspective)
        else:
            made = desk.block(work, which, said.why, said.until, said.perspective, said.condition == "block-always")
        return _shown(work, [made])[0]


@router.post(
    "/v1/conditions/{condition_id}:confirm", response_model=ConditionOut, responses=problems("not-found", "conflict")
)
def confirm_condition(condition_id: UUID, said: VersionIn, caller: _Decider) -> ConditionOut:
    """Confirm the block that somebody else asked for. It holds from now on."""
    with caller.work() as work:
        return _shown(work, [desk.confirm(work, condition_id, said.version)])[0]


@router.post(
    "/v1/conditions/{condition_id}:end", response_model=ConditionOut, responses=problems("not-found", "conflict")
)
def end_condition(condition_id: UUID, said: VersionIn, caller: _Decider) -> ConditionOut:
    """End a condition now, or turn down a block that waits."""
    with caller.work() as work:
        return _shown(work, [desk.end(work, condition_id, said.version)])[0]


def _shown(work: Work, found: Sequence[Condition]) -> list[ConditionOut]:
    names = names_of(work, [one.observable for one in found])
    return [
        ConditionOut(
            id=one.id, organisation=one.organisation, observable=names[one.observable], condition=one.kind,  # type: ignore[arg-type]
            perspective=one.perspective, state=desk.state_of(one, work.now), why=one.why, who=one.who,  # type: ignore[arg-type]
            approved_by=one.approved_by, since=one.since, until=one.until, ended=one.ended, version=one.version,
        )
        for one in found
    ]  # fmt: skip
