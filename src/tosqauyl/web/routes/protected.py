"""Protected identities: numbers, sites and senders that really belong to the bodies in whose name fraudsters speak."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from tosqauyl.registry import protected as desk
from tosqauyl.registry.protected import Identity
from tosqauyl.registry.tables import ProtectedIdentity
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["protected"])

Kind = Literal["phone", "domain", "sender"]
_Reader = Annotated[Caller, Depends(needs("cases:read"))]
_Decider = Annotated[Caller, Depends(needs("decisions:approve"))]


class IdentityIn(BaseModel):
    """body: whose it is; kind: a phone number, a domain, or the name that an SMS shows; source: who confirms it."""

    model_config = ConfigDict(extra="forbid")
    body: Annotated[str, plain(desk.MOST_BODY, min_length=1)]
    kind: Kind
    value: Annotated[str, plain(200, min_length=1)]
    source: Annotated[str, plain(desk.MOST_SOURCE, min_length=1)]


class IdentityOut(BaseModel):
    """value: in clear, it is public; names: of the body in kk, ru, en, where it is one that is shipped; ended: null while it
    holds."""

    id: UUID
    body: str
    names: dict[str, str]
    kind: Kind
    value: str
    source: str
    created: Moment
    created_by: str
    ended: Moment


@router.get("/v1/protected-identities", response_model=Page[IdentityOut], responses=problems())
def list_protected_identities(
    caller: _Reader,
    only_current: Annotated[bool, Query(description="Without those that were ended.")] = True,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[IdentityOut]:
    """What is protected, the latest first."""
    with caller.read() as work:
        found = desk.search(work, only_current, cursor, limit)
        shown = [_out(one) for one in found[:limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/v1/protected-identities", response_model=IdentityOut, status_code=201, responses=problems("conflict"))
def add_protected_identity(said: IdentityIn, caller: _Decider) -> IdentityOut:
    """Protect something: it is never blocked from now on."""
    with caller.work() as work:
        return _out(desk.add(work, Identity(**said.model_dump())))


@router.post(
    "/v1/protected-identities/{identity_id}:end",
    response_model=IdentityOut,
    responses=problems("not-found", "conflict"),
)
def end_protected_identity(identity_id: UUID, caller: _Decider) -> IdentityOut:
    """Protect it no longer."""
    with caller.work() as work:
        return _out(desk.end(work, identity_id))


def _out(one: ProtectedIdentity) -> IdentityOut:
    names = dict(desk.names().get((one.kind, one.value), {}))
    same = ("id", "body", "kind", "value", "source", "created", "created_by", "ended")
    return IdentityOut(**{name: getattr(one, name) for name in same}, names=names)
