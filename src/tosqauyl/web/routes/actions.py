"""What organisations are asked to do, and what they answer."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from tosqauyl.registry import actions as desk
from tosqauyl.registry import incidents, purposes
from tosqauyl.registry.actions import Filter, Wanted
from tosqauyl.registry.clocks import is_late
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Action
from tosqauyl.web.bodies import NamedOut, ObservableKind, ObservableOf, Version, names_of, observable_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["actions"])

Kind = Literal["suspend", "notify", "hold", "unblock"]
State = Literal["requested", "acknowledged", "done", "partly", "refused", "expired"]
_Asked = Annotated[Caller, Depends(needs("actions:answer"))]
_Reader = Annotated[Caller, Depends(needs("cases:read"))]
_Writer = Annotated[Caller, Depends(needs("cases:write"))]


class ActionIn(ObservableOf):
    """to: the organisation that is asked; action: what it shall do; legal_basis: the act, shown."""

    to: Annotated[str, plain(32, min_length=1)]
    action: Kind
    incident: UUID | None = None
    legal_basis: Annotated[str, plain(desk.MOST_BASIS)] = ""


class AcknowledgedIn(BaseModel):
    """version: of the action as it was seen; another one is refused."""

    model_config = ConfigDict(extra="forbid")
    version: Version


class AnsweredIn(AcknowledgedIn):
    """text: sealed, for whoever asked; 'partly' and 'refused' need it."""

    state: Literal["done", "partly", "refused"]
    text: Annotated[str, plain(desk.MOST_ANSWER, multiline=True)] = ""


class ActionOut(BaseModel):
    """organisation: who asks; to: who is asked; due: when it should be answered, late: that is over; expires: when nobody waits any
    more; has_answer: there is a text."""

    id: UUID
    organisation: str
    to: str
    action: Kind
    observable: NamedOut | None
    incident: UUID | None
    legal_basis: str
    state: State
    requested_by: str
    answered_by: str
    has_answer: bool
    created: Moment
    due: Moment
    expires: Moment
    late: bool
    version: int


class ActionAnswerOut(ActionOut):
    """An action with what was answered. answer: '' where there is none, or where the caller may not read it (withheld)."""

    answer: str
    withheld: bool


class AskableOut(BaseModel):
    """An organisation that can be asked to do something."""

    id: str
    kind: Literal["centre", "operator", "bank", "police", "platform"]
    name: str


class TargetOut(BaseModel):
    """What shall be acted on, in clear."""

    id: UUID
    kind: ObservableKind
    value: str


def _filter(
    state: State | None = None, action: Kind | None = None, incident: UUID | None = None,
    only_open: Annotated[bool, Query(description="Only what waits for an answer.")] = False,
    late: Annotated[bool, Query(description="Only what waits and should have been answered.")] = False,
) -> Filter:  # fmt: skip
    return Filter(True, state or "", action or "", incident, only_open, late)


def _filter_asking(wanted: Annotated[Filter, Depends(_filter)]) -> Filter:
    return Filter(False, wanted.state, wanted.kind, wanted.incident, wanted.is_open, wanted.late)


@router.get("/v1/actions", response_model=Page[ActionOut], responses=problems())
def list_actions(
    caller: _Asked, wanted: Annotated[Filter, Depends(_filter)], cursor: Cursor = None, limit: Limit = 50
) -> Page[ActionOut]:
    """What the caller's organisation is asked to do, the latest first; the centre sees all."""
    return _page(caller, wanted, cursor, limit)


@router.get("/v1/requested-actions", response_model=Page[ActionOut], responses=problems())
def list_requested_actions(
    caller: _Reader, wanted: Annotated[Filter, Depends(_filter_asking)], cursor: Cursor = None, limit: Limit = 50
) -> Page[ActionOut]:
    """What the caller's organisation asks others to do, the latest first; the centre sees all."""
    return _page(caller, wanted, cursor, limit)


@router.post("/v1/actions", response_model=ActionOut, status_code=201, responses=problems("not-found", "conflict"))
def request_action(said: ActionIn, caller: _Writer) -> ActionOut:
    """Ask an organisation to do something."""
    with caller.work() as work:
        wanted = Wanted(said.to, said.action, observable_of(work, said), said.incident, said.legal_basis)
        return _shown(work, [desk.request(work, wanted)])[0]


@router.get("/v1/askable-organisations", response_model=list[AskableOut], responses=problems())
def list_askable_organisations(caller: _Writer) -> list[AskableOut]:
    """The organisations that can be asked to do something, by id."""
    with caller.read() as work:
        return [AskableOut.model_validate(one, from_attributes=True) for one in desk.askable(work)]


@router.get("/v1/actions/{action_id}", response_model=ActionOut, responses=problems("not-found"))
def read_action(action_id: UUID, caller: _Asked) -> ActionOut:
    """One action, for who is asked."""
    with caller.read() as work:
        return _shown(work, [desk.found(work, action_id)])[0]


@router.get("/v1/requested-actions/{action_id}", response_model=ActionAnswerOut, responses=problems("not-found"))
def read_requested_action(action_id: UUID, caller: _Reader) -> ActionAnswerOut:
    """One action with its answer, for who asked. The text is shown to who may read personal data; that is noted."""
    may = caller.actor.may("personal:read")
    with caller.read() as work:
        action = desk.found(work, action_id)
        text = desk.answer_text(work, action, purposes.ANSWERED) if may else ""
        shown = _shown(work, [action])[0]
    return ActionAnswerOut(**dict(shown), answer=text, withheld=shown.has_answer and not may)


@router.post("/v1/actions/{action_id}:reveal", response_model=TargetOut, responses=problems("not-found", "conflict"))
def reveal_target(action_id: UUID, caller: _Asked) -> TargetOut:
    """What shall be acted on, in clear, for the asked organisation only: nobody can hold a transfer to a mask. It is noted."""
    with caller.read() as work:
        observable, value = desk.target(work, action_id)
        return TargetOut(id=observable.id, kind=observable.kind, value=value)  # type: ignore[arg-type]


@router.post(
    "/v1/actions/{action_id}:acknowledge", response_model=ActionOut, responses=problems("not-found", "conflict")
)
def acknowledge_action(action_id: UUID, said: AcknowledgedIn, caller: _Asked) -> ActionOut:
    """Say that it was read and will be done."""
    with caller.work() as work:
        return _shown(work, [desk.acknowledge(work, action_id, said.version)])[0]


@router.post("/v1/actions/{action_id}:answer", response_model=ActionOut, responses=problems("not-found", "conflict"))
def answer_action(action_id: UUID, said: AnsweredIn, caller: _Asked) -> ActionOut:
    """Say what was done. Only the asked organisation answers."""
    with caller.work() as work:
        return _shown(work, [desk.answer(work, action_id, said.version, said.state, said.text)])[0]


def _page(caller: Caller, wanted: Filter, cursor: UUID | None, limit: int) -> Page[ActionOut]:
    with caller.read() as work:
        found = desk.search(work, wanted, cursor, limit)
        shown = _shown(work, found[:limit])
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


def _shown(work: Work, found: Sequence[Action]) -> list[ActionOut]:
    names = names_of(work, [one.observable for one in found if one.observable is not None])
    cases = incidents.visible(work, {one.incident for one in found if one.incident is not None})
    same = (
        "id", "organisation", "to", "legal_basis", "state", "requested_by", "answered_by", "created", "due", "expires", "version",
    )  # fmt: skip
    return [
        ActionOut(
            **{name: getattr(one, name) for name in same}, action=one.kind,  # type: ignore[arg-type]
            observable=names[one.observable] if one.observable else None,
            incident=one.incident if one.incident in cases else None, has_answer=bool(one.answer),
            late=one.state in desk.OPEN and is_late(one.due, work.now),
        )
        for one in found
    ]  # fmt: skip
