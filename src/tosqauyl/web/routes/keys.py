"""Keys of programs, for admins."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.registry import keys as desk
from tosqauyl.registry.tables import ApiKey
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["access"])

KeyRole = Literal["gate", "operator", "analyst", "supervisor", "auditor", "bank", "police"]
_Admin = Annotated[Caller, Depends(needs("accounts:write"))]


class KeyIn(BaseModel):
    """A key. organisation: '' for one's own; scopes: none named: all that a key of the role may have; days: until it ends."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, plain(200, min_length=1)]
    role: KeyRole
    organisation: Annotated[str, plain(32)] = ""
    scopes: Annotated[list[Annotated[str, plain(32)]], Field(max_length=32)] = []
    days: Annotated[int, Field(ge=1, le=desk.MOST_DAYS, strict=True)] = 365


class KeyOut(BaseModel):
    """A key. prefix: its beginning, by which it is recognised; state: revoked by somebody, or over by itself."""

    id: UUID
    organisation: str
    name: str
    prefix: str
    role: str
    scopes: list[str]
    state: Literal["active", "revoked", "over"]
    created: Moment
    expires: Moment
    revoked: Moment


class NewKeyOut(BaseModel):
    """A new key. secret: what the program sends as `Authorization: Bearer ...`; it is shown this once."""

    key: KeyOut
    secret: str


@router.get("/v1/keys", response_model=Page[KeyOut], responses=problems())
def list_keys(caller: _Admin, cursor: Cursor = None, limit: Limit = 50) -> Page[KeyOut]:
    """Keys, the latest first."""
    with caller.read() as work:
        found = desk.search(work, cursor, limit)
        shown = [_shown(one, work.now) for one in found[:limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/v1/keys", response_model=NewKeyOut, status_code=201, responses=problems("not-found"))
def add_key(said: KeyIn, caller: _Admin) -> NewKeyOut:
    """Make a key."""
    organisation = said.organisation or caller.actor.organisation
    with caller.work() as work:
        made, secret = desk.add(work, desk.NewKey(organisation, said.name, said.role, tuple(said.scopes), said.days))
        work.db.flush()
        return NewKeyOut(key=_shown(made, work.now), secret=secret)


@router.post("/v1/keys/{key_id}:revoke", response_model=KeyOut, responses=problems("not-found", "conflict"))
def revoke_key(key_id: UUID, caller: _Admin) -> KeyOut:
    """End a key at once."""
    with caller.work() as work:
        return _shown(desk.revoke(work, key_id), work.now)


def _shown(one: ApiKey, now: int) -> KeyOut:
    return KeyOut(
        id=one.id, organisation=one.organisation, name=one.name, prefix=one.prefix, role=one.role, scopes=one.scopes.split(),
        state="revoked" if one.revoked else "over" if 0 < one.expires <= now else "active", created=one.created,
        expires=one.expires, revoked=one.revoked,
    )  # fmt: skip
