"""What a person may ask of the data that is held of him: to see them, and to have them erased."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from tosqauyl.registry import erasure
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["personal data"])

_Anybody = Annotated[Caller, Depends(needs(PUBLIC))]
_Supervisor = Annotated[Caller, Depends(needs("decisions:approve"))]


class TicketIn(BaseModel):
    """ticket: as it was shown when the report was taken."""

    model_config = ConfigDict(extra="forbid")
    ticket: Annotated[str, plain(64, min_length=1)]


class EraseIn(TicketIn):
    """erase: true, so that nobody does it by mistake; it cannot be undone."""

    erase: Literal[True]


class ValueOut(BaseModel):
    """Something the report names."""

    kind: str
    value: str


class HeldOut(BaseModel):
    """All that a report says. loss: tiyn."""

    channel: str
    scheme: str
    region: str
    text: str
    contact: str
    victim: str
    loss: int
    happened: Moment
    received: Moment
    state: str
    outcome: str
    observables: list[ValueOut]


@router.post("/v1/public/personal:export", response_model=HeldOut, responses=problems("not-found"))
def export_personal(said: TicketIn, caller: _Anybody) -> HeldOut:
    """See what is held of a report, with its ticket."""
    caller.charge("follow")
    with caller.work() as work:
        held = erasure.held(work, said.ticket)
        named = [ValueOut(kind=kind, value=value) for kind, value in held.observables]
        told = {name: getattr(held, name) for name in HeldOut.model_fields if name != "observables"}
        return HeldOut(**told, observables=named)


@router.post("/v1/public/personal:erase", status_code=204, responses=problems("not-found"))
def erase_personal(said: EraseIn, caller: _Anybody) -> None:
    """Erase what a report says of its author: texts, contact, name, the ticket itself. What it says of others stays as evidence."""
    caller.charge("follow")
    with caller.work() as work:
        erasure.erase_report(work, said.ticket)


@router.post("/v1/observables/{observable_id}:erase", status_code=204, responses=problems("not-found", "conflict"))
def erase_observable(observable_id: UUID, caller: _Supervisor) -> None:
    """Forget a number or another value that nothing is held against any more. It is not recognised again."""
    with caller.work() as work:
        erasure.erase_observable(work, observable_id)
