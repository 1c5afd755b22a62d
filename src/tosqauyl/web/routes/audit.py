"""The audit trail, for auditors. Those of a tenant see its own entries; the chain is checked by the centre's."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, select

from tosqauyl.registry import audit
from tosqauyl.registry.errors import Forbidden
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import MOST, Limit
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import GivenMoment, Moment

router = APIRouter(tags=["audit"])

_Auditor = Annotated[Caller, Depends(needs("audit:read"))]
_Word = Annotated[str, plain(32)]
_Name = Annotated[str, plain(200)]
MOST_SEQ = (1 << 62) - 1
MOST_NEWEST = 5_000
"""Entries of the end of the chain that are checked in one request: 0.07 to 0.25 s on SQLite; 1,000 take 0.02 s."""


class AuditSearchIn(BaseModel):
    """Which entries; '' and null for any. actor: as entries name it ('user:aida', 'key:tq_...', 'citizen', 'system'); since, until:
    from a moment on and up to another one; before: entries before this one, the `next` of the page before."""

    model_config = ConfigDict(extra="forbid")
    verb: _Word = ""
    what: _Word = ""
    which: _Name = ""
    actor: _Name = ""
    since: GivenMoment = 0
    until: GivenMoment = 0
    before: Annotated[int, Field(ge=1, le=MOST_SEQ, strict=True)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST, strict=True)] = 50


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


class ChainOut(BaseModel):
    """sound: whether the end of the chain holds; checked: how many entries; head: the last hash; broken: the first faults."""

    sound: bool
    checked: int
    head: str
    broken: list[FaultOut]


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
    return _listed(caller, AuditSearchIn(verb=verb, what=what, which=which, before=before, limit=limit))


@router.post("/v1/audit:search", response_model=EntriesOut, responses=problems())
def search_audit(said: AuditSearchIn, caller: _Auditor) -> EntriesOut:
    """The same by who did it and when, too. Logins are names of people, so they are asked for in a body."""
    return _listed(caller, said)


@router.get("/v1/audit/chain", response_model=ChainOut, responses=problems())
def read_chain(
    caller: _Auditor,
    newest: Annotated[int, Query(ge=1, le=MOST_NEWEST, description="How many entries are checked.")] = 1_000,
) -> ChainOut:
    """Whether the newest entries hold together. The whole chain: POST /v1/audit:verify, or the command `audit verify`."""
    _check_centre(caller)
    with caller.read() as work:
        found = audit.verify_newest(work.db, newest)
    return ChainOut(sound=not found.broken, checked=found.entries, head=found.head, broken=_faults_of(found))


@router.post("/v1/audit:verify", response_model=VerifiedOut, responses=problems())
def verify_audit(caller: _Auditor) -> VerifiedOut:
    """Check the whole chain. A person keeps the head elsewhere and compares it with the next one's past."""
    _check_centre(caller)
    with caller.read() as work:
        found = audit.verify(work.db)
        work.note("verified", "audit", found.head[:16], f"{found.entries} entries, {len(found.broken)} faults")
    return VerifiedOut(sound=not found.broken, entries=found.entries, head=found.head, broken=_faults_of(found))


def _listed(caller: Caller, said: AuditSearchIn) -> EntriesOut:
    query = select(AuditEntry).where(*_wanted(said)).order_by(AuditEntry.seq.desc()).limit(said.limit + 1)
    if not caller.actor.sees_all:
        query = query.where(AuditEntry.organisation == caller.actor.organisation)
    with caller.read() as work:
        found = list(work.db.scalars(query))
        shown = [EntryOut.model_validate(one, from_attributes=True) for one in found[: said.limit]]
    return EntriesOut(items=shown, next=shown[-1].seq if len(found) > said.limit else None)


def _wanted(said: AuditSearchIn) -> Iterator[ColumnElement[bool]]:
    for name in ("verb", "what", "which", "actor"):
        if wanted := getattr(said, name):
            yield getattr(AuditEntry, name) == wanted
    if said.since:
        yield AuditEntry.at >= said.since
    if said.until:
        yield AuditEntry.at < said.until
    if said.before is not None:
        yield AuditEntry.seq < said.before


def _faults_of(found: audit.Verified) -> list[FaultOut]:
    return [FaultOut(seq=seq, why=why) for seq, why in found.broken]


def _check_centre(caller: Caller) -> None:
    if not caller.actor.sees_all:
        raise Forbidden("the chain is checked by the centre")
