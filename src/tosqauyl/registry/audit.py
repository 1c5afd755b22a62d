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
    broken: list[tuple[int, str]] = []
    before, expected = GENESIS, 1
    for entry in _entries(db):
        if len(broken) < MOST_BROKEN:
            broken += [(entry.seq, why) for why in _faults(entry, before, expected)]
        before, expected = entry.hash, entry.seq + 1
    head = db.get(AuditHead, 1)
    if head is None or (head.seq, head.hash) != (expected - 1, before):
        broken.append((expected - 1, "the head does not name this as the last entry: entries are missing at the end"))
    return Verified(expected - 1, before, tuple(broken[:MOST_BROKEN]))


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
