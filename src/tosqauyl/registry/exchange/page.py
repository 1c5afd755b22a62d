"""Pages of published indicators in the order in which they were published, for whoever exchanges them.

    page(work, Wanted(), limit) -> entries             the next page begins behind the last one's `place`

An indicator is active, or it was active and was revoked; it stands once, at the moment of the last of the two. One whose time
is over is gone: whoever has it knows its end. Opening personal values is noted once a page, with the ids of all indicators in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import BigInteger, Uuid, and_, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from tosqauyl.registry import purposes
from tosqauyl.registry.actor import CENTRE
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.proposals import reasons_of
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator, ListHead, Observable, Organisation
from tosqauyl.registry.words import PERSONAL

KINDS = ("phone", "iban", "wallet", "domain", "url", "telegram")
"""Observables that are exchanged. Tokens of cards and IINs say nothing to anybody else; IMEIs and trunks are the operators' own."""
SETTLE_MS = 10_000
"""What was published less than this ago is not shown yet: a transaction that began earlier may still commit behind one that
began later, and whoever asks for 'everything after' would never see it."""
REVOKED_MS = 30 * DAY
"""How long a format that cannot name a revoked indicator by its id alone says that it was revoked."""
NAMESPACE = UUID("aebe2b96-2548-45b6-bc50-5e195d942b30")
"""Of ids that are made of names (RFC 9562 section 5.5)."""
_FIRST = UUID(int=0)


class Place(NamedTuple):
    """Where an entry stands: the moment it was published or revoked, milliseconds, and the indicator."""

    added: int
    indicator: UUID


START = Place(0, _FIRST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries. behind: the last place of the page before; after: published later than this, milliseconds; revoked: whether
    revoked ones are wanted; moments: published at just these; indicators, observables: ids, any of both, none for all."""

    kinds: tuple[str, ...] = KINDS
    behind: Place = START
    after: int = 0
    revoked: bool = True
    moments: tuple[int, ...] = ()
    indicators: tuple[UUID, ...] = ()
    observables: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One indicator. value: '' where it is revoked or values were not asked for; reasons: slugs; public: whether anybody may
    be told; approved: when it was published; added: that, or when it was revoked; all moments are milliseconds."""

    indicator: UUID
    observable: UUID
    kind: str
    value: str
    verdict: str
    listing: str
    confidence: int
    scheme: str
    reasons: tuple[str, ...]
    public: bool
    created: int
    approved: int
    added: int
    valid_from: int
    valid_until: int
    half_life_days: int
    revoked: bool

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.added, self.indicator)

    @property
    def tlp(self) -> str:
        """'green' for what anybody may be told and is no personal data, else 'amber' (FIRST TLP)."""
        return "green" if self.public and self.kind not in PERSONAL else "amber"


@dataclass(frozen=True, slots=True)
class Publisher:
    """The office. id: the same as long as its list of numbers is; created: milliseconds."""

    id: UUID
    name: str
    created: int


def publisher(work: Work) -> Publisher:
    """Who publishes."""
    centre = work.db.get_one(Organisation, CENTRE)
    head = work.db.get_one(ListHead, 1)
    return Publisher(uuid5(NAMESPACE, f"office {head.list}"), centre.name, centre.created)


def page(work: Work, wanted: Wanted, limit: int, opened: bool = True) -> list[Entry]:
    """Up to `limit` entries behind a place. opened: with their values; that personal ones were read is noted."""
    rows = [*_rows(work, wanted, Indicator.approved, "active", limit)]
    if wanted.revoked:
        rows += _rows(work, wanted, Indicator.ended, "revoked", limit)
    rows.sort(key=lambda row: (row[2], row[0].id.int))
    entries = [_entry(indicator, observable, "") for indicator, observable, _ in rows[:limit]]
    return open_values(work, entries) if opened else entries


def open_values(work: Work, entries: Iterable[Entry]) -> list[Entry]:
    """The same entries, those that are active with their values; that personal ones were read is noted."""
    given = list(entries)
    wanted = {entry.observable for entry in given if not entry.revoked}
    rows = (
        {one.id: one for one in work.db.scalars(select(Observable).where(Observable.id.in_(wanted)))} if wanted else {}
    )
    found = [entry if entry.revoked else replace(entry, value=_value(work, rows[entry.observable])) for entry in given]
    _note_opened(work, (entry for entry in found if not entry.revoked))
    return found


def approved_between(work: Work, first: int, end: int, wanted: Wanted, limit: int) -> list[Entry]:
    """Up to `limit` entries that were approved in [first, end), in that order, behind `wanted.behind`; revoked ones, with
    their values, as long as the correction is owed to whoever was told (REVOKED_MS). Opened ones are noted."""
    behind = max(wanted.behind, Place(first, _FIRST))
    chosen = select(Indicator, Observable).join(Observable, Observable.id == Indicator.observable)
    chosen = chosen.where(
        is_owed(work), Indicator.approved < min(end, settled(work) + 1), Observable.kind.in_(wanted.kinds)
    )
    chosen = (
        chosen.where(_is_behind(Indicator.approved, behind)).order_by(Indicator.approved, Indicator.id).limit(limit)
    )
    rows = work.db.execute(chosen)
    found = [_entry(indicator, observable, _value(work, observable)) for indicator, observable in rows]
    _note_opened(work, found)
    return found


def is_owed(work: Work) -> Any:
    """The condition for indicators that are active, or were revoked so lately that whoever was told must be told this, too."""
    lately = and_(Indicator.state == "revoked", Indicator.ended > work.now - REVOKED_MS)
    return and_(Indicator.approved > 0, or_(Indicator.state == "active", lately))


def settled(work: Work) -> int:
    """The last moment that is shown."""
    return work.now - SETTLE_MS


_Row = tuple[Indicator, Observable, int]


def _rows(work: Work, wanted: Wanted, key: InstrumentedAttribute[int], state: str, limit: int) -> list[_Row]:
    """Indicators of one state in the order of the moment at which they came into it: each half has an index of its own."""
    behind = max(wanted.behind, Place(wanted.after + 1, _FIRST)) if wanted.after else wanted.behind
    chosen: Any = select(Indicator, Observable, key).join(Observable, Observable.id == Indicator.observable)
    chosen = chosen.where(Indicator.state == state, Indicator.approved > 0, key <= settled(work))
    chosen = chosen.where(_is_behind(key, behind), Observable.kind.in_(wanted.kinds))
    if wanted.moments:
        chosen = chosen.where(key.in_(wanted.moments))
    chosen = _of_ids(chosen, wanted).order_by(key, Indicator.id).limit(limit)
    return [(indicator, observable, at) for indicator, observable, at in work.db.execute(chosen)]


def _is_behind(key: InstrumentedAttribute[int], place: Place) -> Any:
    return tuple_(key, Indicator.id) > tuple_(literal(place.added, BigInteger), literal(place.indicator, Uuid))


def _of_ids(chosen: Any, wanted: Wanted) -> Any:
    if not (wanted.indicators or wanted.observables):
        return chosen
    named = Indicator.id.in_(wanted.indicators), Indicator.observable.in_(wanted.observables)
    return chosen.where(or_(*named))


def _note_opened(work: Work, entries: Iterable[Entry]) -> None:
    read = [entry.indicator.hex for entry in entries if entry.kind in PERSONAL]
    if read:
        work.note("read-personal", "exchange", f"{len(read)} indicators", " ".join(read), purposes.EXCHANGING)


def _entry(indicator: Indicator, observable: Observable, value: str) -> Entry:
    revoked = indicator.state == "revoked"
    return Entry(
        indicator=indicator.id, observable=observable.id, kind=observable.kind, value=value, verdict=indicator.verdict,
        listing=indicator.listing, confidence=indicator.confidence, scheme=indicator.scheme,
        reasons=_slugs(reasons_of(indicator.reasons)), public=indicator.public, created=indicator.created,
        approved=indicator.approved, added=indicator.ended if revoked else indicator.approved,
        valid_from=indicator.valid_from, valid_until=indicator.valid_until, half_life_days=indicator.half_life_days,
        revoked=revoked,
    )  # fmt: skip


def _value(work: Work, observable: Observable) -> str:
    """The value in clear; that it is read was noted."""
    if observable.kind not in PERSONAL:
        return observable.value
    return work.vault.open(observable.sealed, f"observable.{observable.kind}")


def _slugs(reasons: Iterable[dict[str, str]]) -> tuple[str, ...]:
    """What stands for the reasons: their texts are for people, who may have written names into them."""
    return tuple(dict.fromkeys(one["slug"] for one in reasons))
