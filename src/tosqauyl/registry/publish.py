"""What the gates are told: of all that was decided of a number the one answer that holds now, as a list of changes without a gap.

    relist(work, observable_id)       after every decision on a number, in its transaction
    changes(work, after, most)        what a gate that knows everything up to `after` does not know yet

Strongest first: a condition 'block-always', an allowance, a block, a mark. The row of ListHead is locked from the first decision of
a transaction until its end: so seq follows the order of commits, and whoever reads up to n has read everything up to n.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import String, cast, delete, select

from tosqauyl.registry import observables, purposes, webhooks
from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.proposals import reasons_of
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Condition, Indicator, ListHead, Listing, Observable, Organisation, Publication

NUMBER = "publication.number"
"""Purpose under which numbers of publications and listings are sealed."""
NONE = "none"
"""The listing that takes one back."""
CALLERS = ("caller", "both")
"""Perspectives that matter to gates: they look up who calls."""


class Head(NamedTuple):
    """list: names this office's list, 32 hex digits; seq: of the last change, 0 before the first."""

    list: str
    seq: int


class Change(NamedTuple):
    """One change. listing: block, mark, allow or none; expires: milliseconds, 0 for never; indicator: id of the indicator or the
    condition that decides (of 'none': that decided before)."""

    seq: int
    number: str
    listing: str
    expires: int
    indicator: UUID | None


class Holding(NamedTuple):
    """Something that holds of a number now. rank: 0 is the strongest; until: 0 for no end."""

    rank: int
    listing: str
    until: int
    id: UUID


CONDITION_RANK = {"block-always": 0, "allow": 1, "block": 2}
LISTING_RANK = {"allow": 1, "block": 2, "mark": 3}


def effective(holdings: Iterable[Holding]) -> Holding | None:
    """The one that decides: the strongest, of equal ones the one that lasts longest. None: nothing is listed.

    Its end is the moment at which the answer changes if nobody decides anything until then: what is weaker shows only after it.
    """
    return min(holdings, key=_order, default=None)


def _order(holding: Holding) -> tuple[int, bool, int, UUID]:
    return holding.rank, bool(holding.until), -holding.until, holding.id


class Bell:
    """Rung after each commit that changed the list, in the thread that committed. For those of this process who wait."""

    def __init__(self) -> None:
        self._lock, self._heard = Lock(), list[Callable[[], None]]()

    def ring(self) -> None:
        """Call everybody who listens. Whoever raises is not called again."""
        with self._lock:
            listening = list(self._heard)
        for call in listening:
            try:
                call()
            except RuntimeError:  # its event loop is closed
                self.forget(call)

    def listen(self, call: Callable[[], None]) -> None:
        """Have it called, from any thread."""
        with self._lock:
            self._heard.append(call)

    def forget(self, call: Callable[[], None]) -> None:
        """Have it called no more."""
        with self._lock:
            self._heard = [one for one in self._heard if one != call]


BELL = Bell()
"""One a process: databases of other processes are polled."""


def lock(work: Work) -> ListHead:
    """The head, locked until the transaction ends. Called before rows of decisions are changed: so no two transactions wait for
    each other crosswise."""
    wanted = select(ListHead).where(ListHead.id == 1).with_for_update().execution_options(populate_existing=True)
    with work.db.no_autoflush:
        return work.db.scalars(wanted).one()


def head(work: Work) -> Head:
    """The list's name and its last change."""
    return Head(*work.db.execute(select(ListHead.list, ListHead.seq).where(ListHead.id == 1)).one())


def rename(work: Work, name: str) -> None:
    """Give the list another name, 32 hex digits: gates then fetch it whole, and go by nothing that they heard under the old one.
    For a database that was put back from a backup, and knows less than was told."""
    lock(work).list = name
    work.note("restored", "publication", name)


def relist(work: Work, observable_id: UUID) -> int | None:
    """Work out what holds of a phone number and publish it if that is not what gates know; the seq of the change, None for none."""
    return _relist(work, lock(work), observable_id)


def relist_all(work: Work, observable_ids: Iterable[UUID]) -> int:
    """The same for several, in their order, each once; how many changed."""
    top = lock(work)
    return sum(_relist(work, top, one) is not None for one in dict.fromkeys(observable_ids))


def _relist(work: Work, top: ListHead, observable_id: UUID) -> int | None:
    work.db.flush()
    observable = work.db.get(Observable, observable_id)
    if observable is None or observable.kind != "phone":
        return None
    before = work.db.get(Listing, observable_id, populate_existing=True)
    after = effective(_holdings(work, observable_id))
    if _is_known(before, after):
        return None
    return _publish(work, top, observable, before, after)


def _is_known(before: Listing | None, after: Holding | None) -> bool:
    if before is None or after is None:
        return before is None and after is None
    return (before.listing, before.expires, before.indicator) == (after.listing, after.until, after.id)


def _publish(work: Work, top: ListHead, observable: Observable, before: Listing | None, after: Holding | None) -> int:
    """Append the change and keep `Listing` what the changes add up to."""
    number = before.number if before is not None else _sealed(work, observable)
    top.seq += 1
    listing, until, which = (
        (after.listing, after.until, after.id) if after else (NONE, 0, before.indicator if before else None)
    )
    work.db.add(
        Publication(
            seq=top.seq,
            observable=observable.id,
            indicator=which,
            listing=listing,
            number=number,
            expires=until,
            at=work.now,
        )
    )
    if after is None:
        work.db.delete(before)
    elif before is None:
        work.db.add(
            Listing(
                observable=observable.id, indicator=which, listing=listing, number=number, expires=until, seq=top.seq
            )
        )
    else:
        before.indicator, before.listing, before.expires, before.seq = which, listing, until, top.seq
    work.db.flush()
    work.note("publish", "observable", observable.id, f"{listing} as change {top.seq} because of {which}")
    data = {"observable": observable.id, "listing": listing, "seq": top.seq}
    webhooks.announce(work, "listing.changed", data)
    if BELL.ring not in work.after:
        work.after.append(BELL.ring)
    return int(top.seq)


def _sealed(work: Work, observable: Observable) -> bytes:
    number = observables.opened(work, observable, purposes.PUBLISHING)
    if not number:
        raise Conflict("this number was erased: gates cannot be told of it")
    return work.vault.seal(number, NUMBER)


def _holdings(work: Work, observable_id: UUID) -> Iterator[Holding]:
    """What holds now, read from the database as it is committed: a row that the session knows may be older."""
    said = select(Indicator.listing, Indicator.valid_until, Indicator.id).where(
        Indicator.observable == observable_id, Indicator.state == "active", Indicator.valid_until > work.now,
        Indicator.listing != "",
    )  # fmt: skip
    for listing, until, which in work.db.execute(said):
        yield Holding(LISTING_RANK[listing], listing, until, which)
    held = select(Condition.kind, Condition.until, Condition.id).where(
        Condition.observable == observable_id, Condition.ended == 0, Condition.approved_by != "",
        (Condition.until == 0) | (Condition.until > work.now), Condition.perspective.in_(CALLERS),
    )  # fmt: skip
    for kind, until, which in work.db.execute(held):
        yield Holding(CONDITION_RANK[kind], "allow" if kind == "allow" else "block", until, which)


def listing_of(work: Work, observable_id: UUID) -> Listing | None:
    """What gates are told of an observable now; None for nothing, or where its time is over."""
    found = work.db.get(Listing, observable_id)
    return None if found is None or 0 < found.expires <= work.now else found


def changes(work: Work, after: int, most: int) -> list[Change]:
    """Up to `most` changes after a seq, in their order and without a gap.

    Raises Conflict where `after` is ahead of the list, or so old that what followed is not kept any more: take the whole list.
    """
    known = head(work).seq
    wanted = select(
        Publication.seq, Publication.number, Publication.listing, Publication.expires, Publication.indicator
    ).where(Publication.seq > after).order_by(Publication.seq).limit(most)  # fmt: skip
    rows = work.db.execute(wanted).all() if known > after else []
    if after > known or (known > after and (not rows or rows[0].seq != after + 1 or rows[-1].seq != after + len(rows))):
        raise Conflict("the changes after this one are not known here", hint="take the whole list")
    return [
        Change(row.seq, work.vault.open(row.number, NUMBER), row.listing, row.expires, row.indicator) for row in rows
    ]


class Listed(NamedTuple):
    """What is listed of a number. expires: milliseconds, 0 for never; id: of the indicator or condition, '' for none."""

    number: str
    listing: str
    expires: int
    id: str


def listed(work: Work, batch: int = 5_000) -> Iterator[Listed]:
    """Everything that is listed, in no order; rows that change meanwhile may be in it as they were or as they are.

    Ids stay texts: making a million of UUID objects takes longer than opening the numbers.
    """
    key, which = (cast(column, String) for column in (Listing.observable, Listing.indicator))
    last, opened = "", work.vault.open
    while True:
        wanted = (
            select(key, Listing.number, Listing.listing, Listing.expires, which)
            .order_by(Listing.observable)
            .limit(batch)
        )
        rows = work.db.execute(wanted.where(Listing.observable > UUID(last)) if last else wanted).all()
        for _, number, listing, expires, name in rows:
            yield Listed(opened(number, NUMBER), listing, expires, _with_dashes(name or ""))
        if len(rows) < batch:
            return
        last = rows[-1][0]


def _with_dashes(name: str) -> str:
    """An id as PostgreSQL writes it; SQLite keeps the 32 hex digits alone."""
    return f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}" if len(name) == 32 else name


def trim(work: Work, before: int, most: int = 10_000) -> int:
    """Delete up to `most` of the first changes, from before a moment; how many. The last one stays; what holds is in `Listing`."""
    last = head(work).seq
    first = work.db.execute(select(Publication.seq, Publication.at).order_by(Publication.seq).limit(most)).all()
    old = [row.seq for row in takewhile(lambda row: row.at < before and row.seq < last, first)]
    if old:
        work.db.execute(delete(Publication).where(Publication.seq.between(old[0], old[-1])))
        work.note("trim", "publication", old[-1], f"changes {old[0]} to {old[-1]}")
    return len(old)


@dataclass(frozen=True, slots=True)
class PublishedReason:
    """Why a number is listed, for people. kind: indicator or condition; organisation: the name of who decided; scheme: '' if none;
    reasons: {slug, text}; until: milliseconds, 0 for no end; public: whether anybody may be told. Nothing of those who reported."""

    kind: str
    id: UUID
    listing: str
    organisation: str
    scheme: str
    reasons: tuple[dict[str, str], ...]
    since: int
    until: int
    public: bool


def published_reason(work: Work, observable_id: UUID) -> PublishedReason | None:
    """Who has a number listed, why and until when; None where nothing is listed. Whoever may look a number up may know it."""
    listing = listing_of(work, observable_id)
    if listing is None or listing.indicator is None:
        return None
    said = work.db.get(Indicator, listing.indicator)
    if said is not None:
        reasons = tuple(reasons_of(said.reasons))
        return PublishedReason(
            "indicator", said.id, listing.listing, _name(work, said.organisation), said.scheme, reasons, said.valid_from,
            listing.expires, said.public,
        )  # fmt: skip
    held = work.db.get(Condition, listing.indicator)
    if held is None:
        return None
    return PublishedReason(
        "condition", held.id, listing.listing, _name(work, held.organisation), "", ({"slug": held.kind, "text": held.why},),
        held.since, listing.expires, False,
    )  # fmt: skip


def _name(work: Work, organisation: str) -> str:
    found = work.db.get(Organisation, organisation)
    return found.name if found is not None else organisation
