"""STIX objects one after another, as a TAXII collection has them: in the order in which they were added, filtered, paged.

Of an active indicator there are three (observable, indicator, relationship), of a revoked one the indicator alone. Of each
there is one version, the present one: what an older one said was taken back and is not told again.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from uuid import UUID, uuid5

from tosqauyl.registry.errors import Absent, Invalid
from tosqauyl.registry.exchange import stix
from tosqauyl.registry.exchange.page import KINDS, NAMESPACE, START, Entry, Place, Publisher, Wanted, open_values, page
from tosqauyl.registry.store import Work

MOST = 300
"""Objects of one page: of 100 indicators, which take a tenth of a second to make."""
ROWS = 100
"""Entries that are read at once."""
MOST_IDS = 100
"""Ids or moments of one filter."""
_OWN = ("indicator", "relationship")


@dataclass(frozen=True, slots=True)
class Collection:
    """A shelf. alias: its name in a path; kinds: observables whose indicators stand on it."""

    alias: str
    title: str
    about: str
    kinds: tuple[str, ...]

    def id(self, publisher: Publisher) -> UUID:
        """Its id, the same as long as the office is."""
        return uuid5(NAMESPACE, f"collection {publisher.id} {self.alias}")


COLLECTIONS = (
    Collection("indicators", "All published indicators", "Numbers, accounts, wallets, sites and messenger accounts.", KINDS),
    Collection("calls", "Telephone numbers", "Published indicators of telephone numbers.", ("phone",)),
    Collection("money", "Accounts and wallets", "Published indicators of bank accounts and wallets.", ("iban", "wallet")),
    Collection("sites", "Sites and messengers", "Published indicators of domains, pages and Telegram accounts.",
               ("domain", "url", "telegram")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """Which objects; nothing for all. after: added later than this, milliseconds; versions: 'first', 'last', 'all', or moments as
    milliseconds in digits."""

    after: int = 0
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Object:
    """One object. added: when, milliseconds; version: its `modified`, or for what has none the moment it was added; text: JSON, ''
    where it was not asked for."""

    id: str
    type: str
    added: int
    version: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page. next: opaque, '' after the last one."""

    objects: tuple[Object, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The last object of a page. part: which one of its entry; for what is shared: place is START."""

    place: Place
    part: int

    def text(self) -> str:
        raw = f"{self.place.added}.{self.place.indicator.hex}.{self.part}".encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


_BEGINNING = _Cursor(START, -1)


@dataclass(frozen=True, slots=True)
class _Seen:
    """An object where it was met. entry: None for what is shared."""

    cursor: _Cursor
    object: Object
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection of an office, to be read from."""

    publisher: Publisher
    collection: Collection

    def objects(self, work: Work, wanted: Filter, limit: int, cursor: str = "") -> Found:
        """A page of whole objects. Raises Invalid for a cursor or a version that cannot be."""
        seen, following = self._page(work, wanted, limit, cursor)
        entries = {one.entry.indicator: one.entry for one in seen if one.entry is not None}
        opened = {one.indicator: stix.objects(one, self.publisher) for one in open_values(work, entries.values())}
        shared = [text for *_, text in stix.shared(self.publisher)]
        texts = (shared if one.entry is None else opened[one.entry.indicator] for one in seen)
        found = (replace(one.object, text=text[one.cursor.part]) for one, text in zip(seen, texts, strict=True))
        return Found(tuple(found), following)

    def manifest(self, work: Work, wanted: Filter, limit: int, cursor: str = "") -> Found:
        """A page of what there is, without what it says: no value is opened. Raises Invalid."""
        seen, following = self._page(work, wanted, limit, cursor)
        return Found(tuple(one.object for one in seen), following)

    def _page(self, work: Work, wanted: Filter, limit: int, cursor: str) -> tuple[list[_Seen], str]:
        """So many objects, and the cursor to what follows."""
        most = min(limit, MOST)
        found = list(islice(self._seen(work, wanted, _cursor(cursor)), most + 1))
        return found[:most], found[most - 1].cursor.text() if len(found) > most else ""

    def _seen(self, work: Work, wanted: Filter, cursor: _Cursor) -> Iterator[_Seen]:
        """Objects behind a cursor, what is shared first."""
        if wanted.specs and stix.SPEC not in wanted.specs:
            return
        if cursor.place == START:
            yield from self._shared(wanted, cursor.part)
        rows = _rows_of(self.collection.kinds, wanted, cursor)
        while rows is not None:
            entries = page(work, rows, ROWS, opened=False)
            for entry in entries:
                first = cursor.part + 1 if entry.place == cursor.place else 0
                for part, one in list(enumerate(_parts(entry)))[first:]:
                    if _is_wanted(one, wanted):
                        yield _Seen(_Cursor(entry.place, part), one, entry)
            rows = replace(rows, behind=entries[-1].place) if len(entries) == ROWS else None

    def _shared(self, wanted: Filter, behind: int) -> Iterator[_Seen]:
        moments, created = _moments(wanted.versions), self.publisher.created
        for part, (name, kind, version, _) in enumerate(stix.shared(self.publisher)):
            one = Object(name, kind, created, version)
            is_new = part > behind and (not wanted.after or created > wanted.after)
            if is_new and _is_wanted(one, wanted) and (not moments or version in moments):
                yield _Seen(_Cursor(START, part), one)


def shelf(publisher: Publisher, named: str) -> Shelf:
    """The collection of an id or an alias. Raises Absent."""
    for one in COLLECTIONS:
        if named in (one.alias, str(one.id(publisher))):
            return Shelf(publisher, one)
    raise Absent("there is no such collection")


def _parts(entry: Entry) -> list[Object]:
    """The objects of an entry, in the order of their texts in stix.objects."""
    kinds = ["indicator"] if entry.revoked else [stix.TYPES[entry.kind], "indicator", "relationship"]
    ids = (entry.indicator if kind in _OWN else entry.observable for kind in kinds)
    return [
        Object(stix.stix_id(kind, own), kind, entry.added, entry.added) for kind, own in zip(kinds, ids, strict=True)
    ]


def _is_wanted(one: Object, wanted: Filter) -> bool:
    return (not wanted.types or one.type in wanted.types) and (not wanted.ids or one.id in wanted.ids)


def _rows_of(kinds: tuple[str, ...], wanted: Filter, cursor: _Cursor) -> Wanted | None:
    """The entries that can have a wanted object; None where none can."""
    revoked = True
    if wanted.types and not set(wanted.types) & set(_OWN):
        kinds = tuple(kind for kind in kinds if stix.TYPES[kind] in wanted.types)
    if wanted.types and "indicator" not in wanted.types:
        revoked = False
    own = [found for one in wanted.ids if (found := stix.own_of(one))]
    indicators = tuple(key for kind, key in own if kind in _OWN)
    observables = tuple(key for kind, key in own if kind in stix.TYPES.values())
    if not kinds or (wanted.ids and not (indicators or observables)):
        return None
    moments = _moments(wanted.versions)
    # An entry whose last part was not served yet is read again: the place before it is just before its own.
    behind = Place(cursor.place.added, UUID(int=max(0, cursor.place.indicator.int - 1)))
    return Wanted(kinds, behind, wanted.after, revoked, moments, indicators, observables)


def _moments(versions: tuple[str, ...]) -> tuple[int, ...]:
    """Milliseconds; none where every version is wanted: 'first', 'last' and 'all' are the same one."""
    if set(versions) & {"first", "last", "all"}:
        return ()
    if not all(one.isascii() and one.isdigit() and len(one) <= 15 for one in versions):
        raise Invalid("a version is first, last, all or a moment", "query:match[version]")
    return tuple(int(one) for one in versions)


def _cursor(text: str) -> _Cursor:
    if not text:
        return _BEGINNING
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
        added, indicator, part = raw.split(".")
        found = _Cursor(Place(int(added), UUID(hex=indicator)), int(part))
    except (ValueError, binascii.Error):
        raise Invalid("this is no `next` of a page", "query:next") from None
    if found.text() != text or not 0 <= found.place.added < 1 << 62 or not 0 <= found.part < 100:
        raise Invalid("this is no `next` of a page", "query:next")
    return found
