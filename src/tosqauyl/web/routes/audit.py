"""The audit trail, for auditors. Those of a tenant see its own entries; the chain is checked by the centre's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import select

from tosqauyl.registry import audit
from tosqauyl.registry.errors import Forbidden
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Limit
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["audit"])

_Auditor = Annotated[Caller, Depends(needs("audit:read"))]
_Word = Annotated[str, plain(32)]
_Name = Annotated[str, plain(200)]


class EntryOut(BaseModel):
    """One entry. verb: what was done; what, which: the kind of thing and its id; purpose: why personal data was read; hash: SHA-256
    over the entry and `before`, the hash of the entry before."""

    seq: int
    at: Moment
    actor: str
    organisation: str
    verb: str
    what: str
    which: str
    purpose: str
    detail: str
    before: str
    hash: str


class EntriesOut(BaseModel):
    """Entries, the latest first. next: the `before` of the next page, null after the last one."""

    items: list[EntryOut]
    next: int | None = None


class FaultOut(BaseModel):
    """Where the chain is broken."""

    seq: int
    why: str


class VerifiedOut(BaseModel):
    """sound: whether the chain holds; entries: how many; head: the last hash, to be kept elsewhere; broken: the first faults."""

    sound: bool
    entries: int
    head: str
    broken: list[FaultOut]


@router.get("/v1/audit", response_model=EntriesOut, responses=problems())
def list_audit(
    caller: _Auditor,
    before: Annotated[int | None, Query(ge=1, lt=1 << 62, description="Entries before this one.")] = None,
    limit: Limit = 50,
    verb: _Word = "",
    what: _Word = "",
    which: _Name = "",
) -> EntriesOut:
    """The audit trail, the latest entries first; verb, what, which: only entries that have them."""
    query = select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(limit + 1)
    for column, wanted in ((AuditEntry.verb, verb), (AuditEntry.what, what), (AuditEntry.which, which)):
        query = query.where(column == wanted) if wanted else query
    if before is not None:
        query = query.where(AuditEntry.seq < before)
    if not caller.actor.sees_all:
        query = query.where(AuditEntry.organisation == caller.actor.organisation)
    with caller.read() as work:
        found = list(work.db.scalars(query))
        shown = [EntryOut.model_validate(one, from_attributes=True) for one in found[:limit]]
    return EntriesOut(items=shown, next=shown[-1].seq if len(found) > limit else None)


@router.post("/v1/audit:verify", response_model=VerifiedOut, responses=problems())
def verify_audit(caller: _Auditor) -> VerifiedOut:
    """Check the whole chain. A person keeps the head elsewhere and compares it with the next one's past."""
    if not caller.actor.sees_all:
        raise Forbidden("the chain is checked by the centre")
    with caller.read() as work:
        found = audit.verify(work.db)
        work.note("verified", "audit", found.head[:16], f"{found.entries} entries, {len(found.broken)} faults")
    broken = [FaultOut(seq=seq, why=why) for seq, why in found.broken]
    return VerifiedOut(sound=not broken, entries=found.entries, head=found.head, broken=broken)
