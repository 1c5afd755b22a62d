"""Keys of programs: 'tq_' and twelve digits that may be shown, '_', and 256 random bits, of which only a hash is kept.

A key has scopes of its own, some or all of its role's. What needs a person it never may: deciding as the second one, and accounts.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry.actor import ROLE_SCOPES, Actor
from tosqauyl.registry.errors import Absent, Conflict, Invalid
from tosqauyl.registry.ids import kept_of
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import ApiKey, Organisation
from tosqauyl.registry.tenancy import newest, of_tenant, visible

MOST_DAYS = 1_096
"""Three years."""
GATE = "gate"
"""The role of a gate's key: it may take the list and nothing else."""
PERSONS_ONLY = frozenset({"decisions:approve", "accounts:write", "policy:approve"})
"""Scopes that no key has: they are what a second person and an admin are for."""
KEY_SCOPES: dict[str, frozenset[str]] = {
    **{role: scopes - PERSONS_ONLY for role, scopes in ROLE_SCOPES.items() if role != "admin"},
    GATE: frozenset({"lists:read"}),
}
"""Role -> the scopes that a key of it may have."""
ROLES_OF_KIND: dict[str, tuple[str, ...]] = {
    "centre": ("analyst", "supervisor", "auditor", "admin"),
    "operator": ("operator", "auditor", "admin"),
    "bank": ("bank", "auditor", "admin"),
    "police": ("police", "auditor", "admin"),
    "platform": ("bank", "auditor", "admin"),
}
"""Kind of an organisation -> the roles of its people. A platform's do what a bank's may: report, look up, answer."""
_KEY = re.compile(r"(tq_[0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be. scopes: () for all that its role may have; days: until it ends."""

    organisation: str
    name: str
    role: str
    scopes: tuple[str, ...] = ()
    days: int = 365


def add(work: Work, wanted: NewKey) -> tuple[ApiKey, str]:
    """A new key, and what its program shows, which is kept nowhere. Raises Absent, Invalid."""
    organisation = owned(work, wanted.organisation)
    scopes = _scopes(wanted, organisation)
    if not 1 <= wanted.days <= MOST_DAYS:
        raise Invalid(f"1 to {MOST_DAYS} days", "days")
    prefix, secret = f"tq_{secrets.token_hex(6)}", secrets.token_hex(32)
    made = ApiKey(
        id=work.new_id(), organisation=organisation.id, name=wanted.name, prefix=prefix, secret=kept_of(secret), role=wanted.role,
        scopes=" ".join(scopes), created=work.now, expires=work.now + wanted.days * DAY,
    )  # fmt: skip
    work.db.add(made)
    work.note("added", "key", made.id, f"{prefix} of {organisation.id}: {' '.join(scopes)}")
    return made, f"{prefix}_{secret}"


def _scopes(wanted: NewKey, organisation: Organisation) -> list[str]:
    if wanted.role != GATE and wanted.role not in ROLES_OF_KIND[organisation.kind]:
        raise Invalid(f"nobody has the role {wanted.role} in an organisation of this kind", "role")
    allowed = KEY_SCOPES.get(wanted.role)
    if allowed is None:
        raise Invalid(f"a key cannot have the role {wanted.role}", "role")
    strange = sorted(set(wanted.scopes) - allowed)
    if strange:
        raise Invalid(f"a key of the role {wanted.role} may not have {', '.join(strange)}", "scopes")
    return sorted(set(wanted.scopes) or allowed)


def owned(work: Work, organisation: str) -> Organisation:
    """An organisation whose access the actor may arrange: its own, for the centre any. Raises Absent."""
    found = work.db.get(Organisation, organisation)
    if found is None or not (work.actor.sees_all or found.id == work.actor.organisation):
        raise Absent("there is no such organisation", "organisation")
    return found


def search(work: Work, cursor: UUID | None, limit: int) -> list[ApiKey]:
    """Keys of the organisations the actor sees, the latest first: at most one more than `limit`."""
    query = of_tenant(work, select(ApiKey), ApiKey.organisation)
    return list(work.db.scalars(newest(query, ApiKey.id, cursor, limit)))


def revoke(work: Work, key_id: UUID) -> ApiKey:
    """End a key at once. Raises Absent, Conflict where it was ended already."""
    found = visible(work, work.db.get(ApiKey, key_id, with_for_update=True), "key")
    if found.revoked:
        raise Conflict("the key was revoked already")
    found.revoked = work.now
    work.note("revoked", "key", found.id, found.prefix)
    return found


def actor_of(work: Work, shown: str) -> Actor | None:
    """Whose key this is; None for one that is forged, expired or revoked."""
    parts = _KEY.fullmatch(shown)
    if parts is None:
        return None
    query = select(ApiKey, Organisation.kind).join(Organisation, Organisation.id == ApiKey.organisation)
    row = work.db.execute(query.where(ApiKey.prefix == parts[1])).first()
    right = hmac.compare_digest(kept_of(parts[2]), row[0].secret if row is not None else "0" * 64)
    if row is None or not right:
        return None
    key, kind = row
    if key.revoked or 0 < key.expires <= work.now:
        return None
    scopes = frozenset(key.scopes.split()) & KEY_SCOPES.get(key.role, frozenset())
    return Actor(f"key:{key.prefix}", key.organisation, kind, key.role, scopes)
