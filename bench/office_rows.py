"""Seeded rows of an office that has worked for two years: reports, cases, indicators, the list, checks, actions, appeals.

Observables are made by the product's own functions (normalised, their real tokens, sealed each by itself), and so are ids and the
numbers of the list: searches find them. What nobody searches for is cheaper: sealed texts are shared between reports, and digests,
authors and tickets are random hex digits. All numbers are invented.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tosqauyl.registry.ids import new_id
from tosqauyl.registry.observable_forms import operator_of
from tosqauyl.registry.observables import seen
from tosqauyl.registry.tables import Base
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.vault import Vault
from tosqauyl.registry.words import PERSONAL

DAY = 86_400_000
SPAN = 730 * DAY
"""How long the office has worked."""
CHUNK = 10_000
ORGANISATIONS = (
    ("kcell", "operator"), ("beeline", "operator"), ("tele2", "operator"), ("halyk", "bank"), ("kaspi", "bank"), ("forte", "bank"),
    ("police", "police"), ("market", "platform"),
)  # fmt: skip
SENDERS = (
    ("centre", "citizen", 52), ("kcell", "citizen", 5), ("halyk", "citizen", 8), ("kaspi", "citizen", 8), ("kcell", "operator", 5),
    ("beeline", "operator", 4), ("tele2", "operator", 3), ("halyk", "bank", 4), ("kaspi", "bank", 4), ("forte", "bank", 1),
    ("police", "police", 4), ("market", "platform", 2),
)  # fmt: skip
CHANNELS = (("call", 60), ("messenger", 18), ("sms", 8), ("site", 6), ("advert", 4), ("transfer", 3), ("other", 1))
SCHEMES = tuple(zip([*schemes().by_slug, ""], (14, 9, 22, 12, 8, 5, 3, 3, 2, 2, 1, 1, 18), strict=False))
REGIONS = tuple(zip([*regions(), ""], [3] * 8 + [7] * 4 + [2] * 6 + [16, 9, 10, 4, 4], strict=False))
CODES = ("700", "701", "702", "705", "707", "708", "747", "771", "775", "776", "777", "778")
KINDS = ("phone",) * 14 + ("domain", "domain", "iban", "iban", "telegram", "url")
"""Of twenty observables."""
NEVER = tuple((scheme, region) for (scheme, _), (region, _) in zip(SCHEMES, REGIONS, strict=False) if scheme and region)
"""Schemes and regions that no report has together, though many have each."""
REASONS = '[{"slug": "reported", "text": "named by several people"}]'
Row = tuple[Any, ...]


def value_of(place: int) -> tuple[str, str]:
    """Kind and text of an observable by its place; always the same."""
    kind, spread = KINDS[place % 20], place * 48_271 % 120_000_000
    if kind == "phone":
        return kind, f"+7{CODES[spread // 10**7]}{spread % 10**7:07d}"
    if kind == "iban":
        account = f"{100 + place % 900}{spread:013d}"
        return kind, f"KZ{98 - int(account + '203500') % 97:02d}{account}"
    if kind == "telegram":
        return kind, f"@agent_{place}"
    return kind, f"pay-{place}.example.com" if kind == "domain" else f"https://site-{place}.example.com/pay?id={place}"


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows. now: milliseconds."""

    reports: int
    indicators: int
    now: int

    @property
    def observables(self) -> int:
        """Those with an indicator come first; the first ones are in thousands of reports, the last ones in few."""
        return self.indicators + self.reports // 10

    @property
    def incidents(self) -> int:
        """A fifth of the reports are in cases, ten in each."""
        return max(self.reports // 50, 1)

    def at(self, part: float) -> int:
        """A moment of the two years, 0 the first, 1 the last."""
        return self.now - SPAN + int(SPAN * part)


def popular(dice: random.Random, size: Size) -> int:
    """The place of an observable as reports name them: few are in many reports."""
    return int(size.observables * dice.random() ** 3)


def observable_id(size: Size, place: int) -> str:
    """Its id, which needs no list."""
    return new_id(size.now - SPAN + place % SPAN, place.to_bytes(10, "big")).hex


def incident_id(size: Size, place: int) -> str:
    """Its id, in the order of time."""
    return new_id(size.at(place / size.incidents), place.to_bytes(10, "big")).hex


def indicator_id(size: Size, place: int) -> str:
    """Its id, in the order of time."""
    return new_id(size.at(place / size.indicators), place.to_bytes(10, "big")).hex


class Rows:
    """Makes rows. Bytes, texts, whole numbers, None. `observables` last: it knows how often each was named."""

    def __init__(self, vault: Vault, size: Size, seed: int) -> None:
        self.vault, self.size, self.dice = vault, size, random.Random(seed)
        self.named = [0] * size.observables
        texts = (f"They said they were the bank and asked for code {n}, then for a transfer." for n in range(50))
        self.texts = [vault.seal(text, "report.text") for text in texts]
        self.contacts = [vault.seal(f"+7701000{n:04d}", "report.contact") for n in range(50)]

    def tables(self) -> Iterator[tuple[str, str, Iterator[Row]]]:
        """Table, its columns, its rows, in an order in which they can be written."""
        yield "organisation", "id kind name created", self._organisations()
        yield "incident", _INCIDENT, self._incidents()
        yield "incident_event", "id incident at actor verb text", self._events()
        yield "incident_observable", "incident observable", self._in_incidents()
        yield "report", _REPORT, self._reports()
        yield "sighting", "report observable", self._sightings()
        yield "indicator", _INDICATOR, self._indicators()
        yield "publication", "seq observable indicator listing number expires at", self._publications()
        yield "listing", "observable indicator listing number expires seq", self._listings()
        yield "number_check", _CHECK, self._checks()
        yield "action", _ACTION, self._actions()
        yield "appeal", _APPEAL, self._appeals()
        yield "observable", "id kind token value sealed operator created reports", self._observables()

    def _organisations(self) -> Iterator[Row]:
        for slug, kind in ORGANISATIONS:
            yield slug, kind, slug.title(), 0

    def _observables(self) -> Iterator[Row]:
        for place in range(self.size.observables):
            one = seen(self.vault, *value_of(place))
            personal = one.kind in PERSONAL
            sealed = self.vault.seal(one.value, f"observable.{one.kind}") if personal else b""
            yield (
                observable_id(self.size, place), one.kind, one.token, "" if personal else one.value, sealed,
                operator_of(one.value) if one.kind == "phone" else "", self.size.at(0) if self.named[place] else self.size.now,
                self.named[place],
            )  # fmt: skip

    def _reports(self) -> Iterator[Row]:
        dice, size = self.dice, self.size
        for first in range(0, size.reports, CHUNK):
            count = min(CHUNK, size.reports - first)
            chosen = zip(
                dice.choices(SENDERS, [one[2] for one in SENDERS], k=count), _choices(dice, CHANNELS, count),
                _choices(dice, SCHEMES, count), _choices(dice, REGIONS, count), strict=True,
            )  # fmt: skip
            for place, ((organisation, reporter, _), channel, scheme, region) in enumerate(chosen, first):
                region = "" if (scheme, region) in _NEVER else region
                yield self._report(place, organisation, (reporter, channel, scheme, region))

    def _report(self, place: int, organisation: str, words: tuple[str, ...]) -> Row:
        size, luck = self.size, self.dice.random()
        part = place / size.reports
        at, hexes = size.at(part), self.dice.randbytes(96).hex()
        incident = int(part * size.incidents) if luck < 0.2 else None
        state, outcome = _state(part, luck, incident is not None)
        loss = int(luck * 10**9) * 10 if place % 3 == 0 else 0
        return (
            self.report_id(place), organisation, *words, self.texts[place % 50], self.contacts[place % 50], b"", loss,
            place % 2, at - 3_600_000, at, state, outcome, at + DAY if state != "received" else 0,
            None if incident is None else incident_id(size, incident), hexes[:64], hexes[64:128], hexes[128:], place % 2, 1,
        )  # fmt: skip

    def report_id(self, place: int) -> str:
        """Its id, in the order of time."""
        return new_id(self.size.at(place / self.size.reports), place.to_bytes(10, "big")).hex

    def _sightings(self) -> Iterator[Row]:
        for place in range(self.size.reports):
            key = self.report_id(place)
            for one in {popular(self.dice, self.size) for _ in range(1 + place % 2)}:
                self.named[one] += 1
                yield key, observable_id(self.size, one)

    def _incidents(self) -> Iterator[Row]:
        dice, size = self.dice, self.size
        for place in range(size.incidents):
            part = place / size.incidents
            at, is_open = size.at(part), part > 0.98
            state = dice.choice(("proposed", "pending", "investigating", "snoozed")) if is_open else "closed"
            outcome = "" if is_open else dice.choice(("confirmed_risk", "valuable_alert", "false_positive"))
            (scheme,), (region,) = _choices(dice, SCHEMES, 1), _choices(dice, REGIONS, 1)
            yield (
                incident_id(size, place), "centre" if place % 10 else "halyk", "Calls in the name of a bank", scheme, region, state,
                outcome, None, place * 100, place % 9, 10, at, at + 3 * DAY, size.now + DAY if state == "snoozed" else 0,
                0 if is_open else at + 2 * DAY, None, 1,
            )  # fmt: skip

    def _events(self) -> Iterator[Row]:
        for place in range(self.size.incidents):
            at = self.size.at(place / self.size.incidents)
            yield (
                new_id(at, place.to_bytes(10, "big")).hex,
                incident_id(self.size, place),
                at,
                "system",
                "proposed",
                b"",
            )

    def _in_incidents(self) -> Iterator[Row]:
        for place in range(self.size.incidents):
            for one in {popular(self.dice, self.size) for _ in range(3)}:
                yield incident_id(self.size, place), observable_id(self.size, one)

    def _indicators(self) -> Iterator[Row]:
        size = self.size
        for place in range(size.indicators):
            at, state, listing = size.at(place / size.indicators), state_of(place), listing_of(place)
            verdict = "fraud" if listing == "block" or place % 3 == 0 else "suspect"
            is_up, is_over = state in ("active", "decayed", "revoked"), state in ("decayed", "revoked")
            yield (
                indicator_id(size, place), "centre" if place % 20 else "kcell", observable_id(size, place), None, verdict, listing,
                1, 60 + place % 40, SCHEMES[place % 12][0], REASONS, ("report", "operator", "centre", "ledger")[place % 4], "",
                state, at, size.now + (place % 80 + 2) * DAY if state == "active" else at + 90 * DAY, 0, at, "user:aida", at,
                "user:daniyar" if is_up else "", at if is_up else 0, "system" if is_over else "", at + 90 * DAY if is_over else 0,
                "its time is over" if is_over else "", 1,
            )  # fmt: skip

    def listed(self) -> Iterator[tuple[int, int]]:
        """seq and place of what is on the list."""
        up = (place for place in range(self.size.indicators) if state_of(place) == "active" and listing_of(place))
        return enumerate(up, 1)

    def _publications(self) -> Iterator[Row]:
        """Those of the last eighty days: older ones are let go of."""
        for seq, place in self.listed():
            at = self.size.at(place / self.size.indicators)
            if at > self.size.now - 80 * DAY:
                yield seq, *self._listing(seq, place)[:-1], at

    def _listings(self) -> Iterator[Row]:
        for seq, place in self.listed():
            yield self._listing(seq, place)

    def _listing(self, seq: int, place: int) -> Row:
        number, until = (
            self.vault.seal(value_of(place)[1], "publication.number"),
            self.size.now + (place % 80 + 2) * DAY,
        )
        return observable_id(self.size, place), indicator_id(self.size, place), listing_of(place), number, until, seq

    def _checks(self) -> Iterator[Row]:
        size, count = self.size, self.size.reports // 50
        for place in range(count):
            at, is_open, is_told = size.at(place / count), place > count * 0.998, place < count * 0.997
            decided = 0 if is_open else at + DAY
            yield (
                new_id(at, place.to_bytes(10, "big")).hex, ("kcell", "beeline", "tele2")[place % 3],
                observable_id(size, place * 20 % size.observables),
                None, "complaint", at, at + 2 * DAY, at if decided else 0, "not_confirmed" if decided else "", decided,
                "user:asel" if decided else "", decided and decided + 2 * DAY, decided + DAY if is_told and decided else 0, b"", "",
                0, 1,
            )  # fmt: skip

    def _actions(self) -> Iterator[Row]:
        size, count = self.size, self.size.reports // 100
        for place in range(count):
            at, is_open = size.at(place / count), place > count * 0.99
            yield (
                new_id(at, place.to_bytes(10, "big")).hex, "centre", ORGANISATIONS[place % 6][0], "suspend",
                observable_id(size, place * 20 % size.observables), None, "", "requested" if is_open else "done", b"", "user:aida",
                "" if is_open else "user:asel", at, at + DAY, at + 30 * DAY, 1,
            )  # fmt: skip

    def _appeals(self) -> Iterator[Row]:
        size, count = self.size, self.size.reports // 500
        for place in range(count):
            at, is_open = size.at(place / count), place > count * 0.98
            yield (
                new_id(at, place.to_bytes(10, "big")).hex, observable_id(size, place * 20 % size.observables), None,
                f"{place:064x}", b"", b"", "ru", "proven" if is_open else ("upheld", "rejected")[place % 2], "sms", "", 0, 1,
                "", at, at + DAY, 0 if is_open else at + DAY // 2, "" if is_open else "user:daniyar", "", 1,
            )  # fmt: skip


def state_of(place: int) -> str:
    """The state of an indicator: six of ten are active, one of two hundred waits for a second person."""
    if place % 200 == 199:
        return "proposed"
    return ("active", "active", "active", "active", "active", "active", "decayed", "decayed", "decayed", "revoked")[
        place // 20 % 10
    ]


def listing_of(place: int) -> str:
    """What gates are told because of an indicator."""
    return "" if KINDS[place % 20] != "phone" else "mark" if place % 7 == 0 else "block"


def _state(part: float, luck: float, linked: bool) -> tuple[str, str]:
    """State and outcome of a report: the old ones are closed, but for a few that were forgotten."""
    if part < 0.98 and luck <= 0.997:
        return "closed", ("confirmed", "confirmed", "false", "duplicate")[int(luck * 10_000) % 4]
    if linked:
        return "linked", ""
    return ("triaged" if int(luck * 10_000) % 3 else "received"), ""


def _choices(dice: random.Random, weighted: tuple[tuple[str, int], ...], count: int) -> list[str]:
    return dice.choices([one[0] for one in weighted], [one[1] for one in weighted], k=count)


def check_columns(table: str, columns: str) -> None:
    """Raise LookupError where the rows made here are not those of the table: it was changed since."""
    there = {column.name for column in Base.metadata.tables[table].columns}
    if there != set(columns.split()):
        raise LookupError(f"bench/office_rows.py and the table {table} differ: {sorted(there ^ set(columns.split()))}")


_NEVER = frozenset(NEVER)
_REPORT = (
    "id organisation reporter channel scheme region text contact victim loss victims happened received state "
    "outcome changed incident author digest ticket consent version"
)
_INCIDENT = (
    "id organisation title scheme region state outcome assigned amount victims reports created due snoozed_until "
    "closed merged_into version"
)
_INDICATOR = (
    "id organisation observable incident verdict listing public confidence scheme reasons source rule state "
    "valid_from valid_until half_life_days created proposed_by proposed approved_by approved ended_by ended "
    "ended_why version"
)
_CHECK = (
    "id organisation observable report source opened due reminded outcome decided decided_by tell_due told person "
    "iin numbers version"
)
_ACTION = (
    "id organisation to kind observable incident legal_basis state answer requested_by answered_by created due "
    "expires version"
)
_APPEAL = (
    "id observable indicator ticket text contact language state proof code code_until tries rule filed due decided "
    "decided_by answer version"
)
