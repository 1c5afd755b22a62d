"""Token buckets: how much one person, number or organisation may look up, report, appeal, have sent. Rules are data/buckets.toml.

    spend(work, visitor(work, address), 1, "report")

Looking things up costs by what was found, as in the Pix DICT of Brazil's central bank: a hit 1, a miss 20 for a person and 3 for a
participant. Whether somebody may go on is decided by what was left before, never by what is found: a refusal tells nothing.

Spending is written into no audit trail: it says nothing but how often somebody asked, and the trail's one lock would make all
that ask wait for each other. Rows hold keyed tokens only, and are removed when their bucket is full again.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from tosqauyl.registry.actor import Actor
from tosqauyl.registry.errors import TooMany
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import Bucket

MINUTE = 60_000
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit. capacity: tokens of a full bucket; per_minute: how many come back; hit, miss: what looking up costs; who: whose
    bucket it is, for people."""

    name: str
    who: str
    capacity: float
    per_minute: float
    hit: float = 1
    miss: float = 1

    @property
    def longest(self) -> int:
        """After how many milliseconds every bucket is full again, however empty it was."""
        return math.ceil(2 * self.capacity / self.per_minute * MINUTE)


@dataclass(frozen=True, slots=True)
class Left:
    """What a bucket holds. left: tokens, below zero where more was spent than there was; at: of that moment, milliseconds."""

    rule: Rule
    left: float
    at: int

    @property
    def retry_after(self) -> int:
        """Seconds until a whole token is there; 0 where it is."""
        return max(0, math.ceil((1 - self.left) / self.rule.per_minute * 60))


@cache
def rules() -> Mapping[str, Rule]:
    """The shipped rules by name."""
    found = {}
    for name, row in shipped("buckets.toml").items():
        if isinstance(row, dict):
            per_minute = row["refill"] / row["minutes"]
            found[name] = Rule(name, row["who"], row["capacity"], per_minute, row.get("hit", 1), row.get("miss", 1))
    return found


def refilled(left: float, since: int, now: int, rule: Rule) -> float:
    """Tokens at `now` of a bucket that had `left` at `since`, milliseconds. Never more than its capacity; a clock that went back
    gives nothing."""
    return min(rule.capacity, left + max(0, now - since) / MINUTE * rule.per_minute)


def spent(left: float, cost: float, rule: Rule) -> float:
    """Tokens after a cost was taken: a debt is at most the capacity, so that nobody is shut out for longer than `longest`."""
    return max(-rule.capacity, left - cost)


def charge(registry: Registry, actor: Actor, address: str, rule: str) -> None:
    """Take a token from the bucket of an address, in a transaction of its own: what is refused afterwards costs as well. A power
    cut may give the last ones back. Raises TooMany."""
    with registry.work(actor, lasting=False) as work:
        spend(work, visitor(work, address), 1, rule)


def visitor(work: Work, address: str) -> str:
    """Whoever asks from an address, as a keyed token: of an IPv4 address, or of an IPv6 network of 64 bits, which is what one
    household has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return work.vault.token(address or "unknown", "visitor")
    if isinstance(found, IPv6Address):
        kept = found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64)
        return work.vault.token(str(kept), "visitor")
    return work.vault.token(str(found), "visitor")


def participant(work: Work) -> str:
    """The actor's organisation as a keyed token."""
    return work.vault.token(work.actor.organisation, "participant")


def spend(work: Work, who: str, cost: float, rule: str) -> Left:
    """Take `cost` from the bucket that somebody has under a rule. who: a keyed token (`visitor`, `participant`).

    The bucket's row is locked until the transaction ends: of two at once the second sees what the first one left. Raises TooMany,
    with the seconds until it may be tried again, where no whole token is left; nothing is taken then.
    """
    law = rules()[rule]
    key = _key(work, who, rule)
    row = _row(work, key, law)
    before = Left(law, refilled(row.left, row.at, work.now, law), work.now)
    if before.left < 1 - 1e-9:
        raise TooMany("too much was asked", hint="try again later", retry_after=max(1, before.retry_after))
    row.left, row.at = spent(before.left, cost, law), max(row.at, work.now)
    work.db.flush()
    return Left(law, row.left, work.now)


def left(work: Work, who: str, rule: str) -> Left:
    """What somebody's bucket holds now; a full one where nothing was spent yet."""
    law = rules()[rule]
    row = work.db.get(Bucket, _key(work, who, rule))
    return Left(law, law.capacity if row is None else refilled(row.left, row.at, work.now, law), work.now)


def prune(work: Work) -> int:
    """Remove the rows of buckets that are full again whatever their rule; how many. A job calls it each hour."""
    full = work.now - max(rule.longest for rule in rules().values())
    gone = work.db.execute(delete(Bucket).where(Bucket.at < full).returning(Bucket.who)).all()
    return len(gone)


def _key(work: Work, who: str, rule: str) -> str:
    return work.vault.token(f"{rule}\x00{who}", "bucket")


def _row(work: Work, key: str, rule: Rule) -> Bucket:
    """The bucket's row, locked; made full where it is not there."""
    wanted = select(Bucket).where(Bucket.who == key).with_for_update().execution_options(populate_existing=True)
    found = work.db.scalars(wanted).first()
    if found is None:
        with suppress(IntegrityError), work.db.begin_nested():  # somebody else may make it at this moment
            work.db.execute(insert(Bucket).values(who=key, left=rule.capacity, at=work.now))
        found = work.db.scalars(wanted).one()
    return found
