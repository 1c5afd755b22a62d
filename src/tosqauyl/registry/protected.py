"""Protected identities: what really belongs to the bodies in whose name fraudsters speak. They are never blocked, they join no
reports into cases, and people may be told that 102 does not call.

What is shipped (registry/data/protected.toml) has its source; everything else a supervisor adds with one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry import decisions, publish
from tosqauyl.registry.errors import Absent, Conflict, Invalid
from tosqauyl.registry.observables import find, normalise
from tosqauyl.registry.protection import is_storable
from tosqauyl.registry.shipped import Titles, shipped, titles
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import ProtectedIdentity
from tosqauyl.registry.tenancy import newest

KINDS = ("phone", "domain", "sender")
MOST_BODY = 200
MOST_SOURCE = 1_000
MOST_VALUE = 200
MOST_SENDER = 11
"""Letters of a sender's name (3GPP TS 23.040, section 9.1.2.5)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """body: whose it is; kind: phone, domain, sender (the name an SMS shows); source: who confirms it."""

    body: str
    kind: str
    value: str
    source: str


def search(work: Work, only_current: bool, cursor: UUID | None, limit: int) -> list[ProtectedIdentity]:
    """Identities, the latest first: at most one more than `limit`. They are no tenant's."""
    wanted = select(ProtectedIdentity)
    if only_current:
        wanted = wanted.where(ProtectedIdentity.ended == 0)
    return list(work.db.scalars(newest(wanted, ProtectedIdentity.id, cursor, limit)))


def add(work: Work, identity: Identity) -> ProtectedIdentity:
    """Protect something; what was ended before is protected again. Raises Invalid, Conflict where it is protected already, and
    where it is blocked: one of the two is wrong, and a person says which."""
    made = _checked(identity)
    if made.kind == "phone":
        publish.lock(work)
        seen = find(work, "phone", made.value)
        if seen is not None and decisions.is_blocked(work, seen.id):
            raise Conflict("it is blocked now", hint="revoke or end the block first")
    known = work.db.scalars(
        select(ProtectedIdentity).where(ProtectedIdentity.kind == made.kind, ProtectedIdentity.value == made.value)
    ).first()
    if known is not None and not known.ended:
        raise Conflict(f"it is protected already, as a {made.kind} of {known.body}")
    if known is None:
        known = ProtectedIdentity(id=work.new_id(), kind=made.kind, value=made.value)
        work.db.add(known)
    known.body, known.source, known.created, known.created_by, known.ended = (
        made.body, made.source, work.now, work.actor.name, 0,
    )  # fmt: skip
    work.db.flush()
    work.note("protected", "identity", known.id, f"{made.kind} of {made.body}")
    return known


def end(work: Work, identity_id: UUID) -> ProtectedIdentity:
    """Protect it no longer. Raises Absent, Conflict where that was said already."""
    known = work.db.get(ProtectedIdentity, identity_id, populate_existing=True, with_for_update=True)
    if known is None:
        raise Absent("there is no such identity")
    if known.ended:
        raise Conflict("it was ended already")
    known.ended = work.now
    work.db.flush()
    work.note("ended", "identity", known.id, f"{known.kind} of {known.body}")
    return known


def seed(work: Work) -> int:
    """Add what is shipped and was never there; how many. What somebody ended stays ended."""
    there = select(ProtectedIdentity.kind, ProtectedIdentity.value)
    known = {(kind, value) for kind, value in work.db.execute(there)}
    missing = [one for one in shipped_identities() if (one.kind, one.value) not in known]
    for one in missing:
        add(work, one)
    return len(missing)


@cache
def shipped_identities() -> tuple[Identity, ...]:
    """What is shipped, bodies in English. Raises TosqauylError."""
    rows = shipped("protected.toml")["identity"]
    return tuple(_checked(Identity(str(one["body"]["en"]), one["kind"], one["value"], one["source"])) for one in rows)


@cache
def names() -> Mapping[tuple[str, str], Titles]:
    """(kind, value) of what is shipped -> the body's name in all languages."""
    rows = shipped("protected.toml")["identity"]
    return {(one["kind"], one["value"]): titles(one["body"], f"protected.toml, {one['value']}") for one in rows}


def _checked(identity: Identity) -> Identity:
    if identity.kind not in KINDS:
        raise Invalid("no such kind", "kind", f"one of {', '.join(KINDS)}")
    for name, most in (("body", MOST_BODY), ("source", MOST_SOURCE), ("value", MOST_VALUE)):
        text = getattr(identity, name)
        if not text.strip() or len(text) > most or not is_storable(text):
            raise Invalid("it is empty, too long, or has characters that are not printed", name, f"at most {most}")
    value = _sender(identity.value) if identity.kind == "sender" else normalise(identity.kind, identity.value)
    if len(value) > MOST_VALUE:  # a name in other letters is longer in ASCII
        raise Invalid("it is too long", "value", f"at most {MOST_VALUE}")
    return Identity(" ".join(identity.body.split()), identity.kind, value, identity.source.strip())


def _sender(text: str) -> str:
    value = " ".join(text.split())
    if len(value) > MOST_SENDER or not value.isprintable():
        raise Invalid("no name of a sender", "value", f"at most {MOST_SENDER} letters")
    return value
