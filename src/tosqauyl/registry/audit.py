"""The chained audit trail: each entry's hash covers its columns and the hash of the entry before it.

A changed entry breaks its own hash, a removed or moved one the next entry's; the head tells how many there must be and
the last hash, so that the end cannot be cut off unseen either. Whoever can write to the database can make the whole chain anew:
so the head is printed by `verify` to be kept elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tosqauyl.registry.tables.trail import AuditEntry, AuditHead

GENESIS = "0" * 64
"""What the first entry is chained to."""
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be written down. detail: never personal data in clear."""

    verb: str
    what: str
    which: str
    purpose: str = ""
    detail: str = ""


def hash_of(entry: AuditEntry) -> str:
    """The hash an entry must have, from all its other columns."""
    parts = (
        entry.seq, entry.at, entry.actor, entry.organisation, entry.verb, entry.what, entry.which, entry.purpose,
        entry.detail, entry.before,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def append(db: Session, notes: Iterable[Note], actor: str, organisation: str, now: int) -> None:
    """Write notes as entries. The head's row is locked until the transaction ends: so call it last."""
    head = db.scalars(select(AuditHead).where(AuditHead.id == 1).with_for_update()).one()
    for note in notes:
        entry = AuditEntry(
            seq=head.seq + 1, at=now, actor=actor[:200], organisation=organisation, verb=note.verb, what=note.what,
            which=note.which[:200], purpose=note.purpose[:200], detail=note.detail, before=head.hash,
        )  # fmt: skip
        entry.hash = hash_of(entry)
        head.seq, head.hash = entry.seq, entry.hash
        db.add(entry)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the chain found. entries: read; broken: (seq, why) of the first faults; head: the last hash."""

    entries: int
    head: str
    broken: tuple[tuple[int, str], ...]


MOST_BROKEN = 20


def verify(db: Session) -> Verified:
    """Read the whole chain. Never raises for what it finds."""
    broken, last, found = _followed(_entries(db), GENESIS, 1)
    head = db.get(AuditHead, 1)
    return Verified(last, found, (*broken, *_head_faults(head, last, found))[:MOST_BROKEN])


def verify_newest(db: Session, count: int) -> Verified:
    """Read the last entries only, up to `count`; the entry before them is taken as it is. Never raises for what it finds."""
    head = db.get(AuditHead, 1)
    # No further than the head that was read: what is appended meanwhile has another one.
    last = head.seq if head is not None else 0
    query = select(AuditEntry).where(AuditEntry.seq <= last).order_by(AuditEntry.seq.desc()).limit(count + 1)
    found = list(reversed(db.scalars(query).all()))
    earlier = found.pop(0) if len(found) > count else None
    before, expected = (earlier.hash, earlier.seq + 1) if earlier is not None else (GENESIS, 1)
    broken, last, tail = _followed(found, before, expected)
    return Verified(len(found), tail, (*broken, *_head_faults(head, last, tail))[:MOST_BROKEN])


def _followed(entries: Iterable[AuditEntry], before: str, expected: int) -> tuple[list[tuple[int, str]], int, str]:
    """The first faults of entries that follow each other; number and hash of the last one."""
    broken: list[tuple[int, str]] = []
    for entry in entries:
        if len(broken) < MOST_BROKEN:
            broken += [(entry.seq, why) for why in _faults(entry, before, expected)]
        before, expected = entry.hash, entry.seq + 1
    return broken, expected - 1, before


def _head_faults(head: AuditHead | None, last: int, found: str) -> Iterator[tuple[int, str]]:
    if head is None or (head.seq, head.hash) != (last, found):
        yield last, "the head does not name this as the last entry: entries are missing at the end"


def _faults(entry: AuditEntry, before: str, expected: int) -> Iterator[str]:
    if entry.seq != expected:
        yield f"entries {expected} to {entry.seq - 1} are missing"
    if entry.before != before:
        yield "it is not chained to the entry before it: one was removed, moved or changed"
    if entry.hash != hash_of(entry):
        yield "it is not what was written"


def _entries(db: Session) -> Iterator[AuditEntry]:
    last = 0
    while True:
        found = db.scalars(select(AuditEntry).where(AuditEntry.seq > last).order_by(AuditEntry.seq).limit(BATCH)).all()
        if not found:
            return
        yield from found
        last = found[-1].seq
        db.expunge_all()
