"""Indicators: numbers that somebody put on a list (block, mark, allow) or that never call out (protected)."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from struct import pack as pack_struct
from typing import NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.number_table import NumberTable, packed
from tosqauyl.state.ranges import Pattern, RangeTable, parse_pattern

KINDS = ("protected", "block", "mark", "allow")
"""Kinds of indicators, strongest first. protected: a number that never calls out (a bank's hotline, 1414)."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One entry of a list. expires: seconds since 1970 from which it no longer holds, None = never; source and why:
    for people; file and line: where it was written."""

    id: str
    kind: str
    pattern: Pattern
    expires: float | None = None
    source: str = ""
    why: str = ""
    file: str = ""
    line: int = 0

    @property
    def numbers(self) -> str:
        """The numbers as they are written in a list."""
        low, high = self.pattern.low, self.pattern.high
        return {"exact": low, "prefix": f"{low}*"}.get(self.pattern.form, f"{low}-{high}")


class Hit(NamedTuple):
    """What the lists say of one number. listed: none, allow, mark or block, whichever is strongest; id: of the
    indicator that said so, else of the protecting one, '' if none."""

    protected: bool
    listed: str
    id: str

    def stronger(self, other: "Hit") -> "Hit":
        """The answer for a caller who showed two numbers: protected if one is, and the stronger listing of the two (of
        equal ones, this one)."""
        first = other if _STRENGTH[other.listed] > _STRENGTH[self.listed] else self
        name = first.id if first.listed != "none" else self.id or other.id
        return Hit(self.protected or other.protected, first.listed, name)


_STRENGTH = {"none": 0, "allow": 1, "mark": 2, "block": 3}

NO_HIT = Hit(False, "none", "")
"""The answer for a number on no list."""


MOST_PATTERNS = 20_000
"""Prefixes and ranges in all lists together; exact numbers have no such limit. Each piece of them is a Python object."""

_WORDS = 4
"""64-bit words of an exact entry: rank, kind and more; expiry; where its id begins; how many bytes the id has."""
_MORE = 1 << 40
"""The next entry is of the same number."""
_NEVER = float("inf")

_Holding = tuple[int, str, str, float | None]
"""Rank among all entries (the strongest and most specific first), kind, id, expires."""


class Packed(NamedTuple):
    """Indicators as memory, the form in which they are looked up and written to a file.

    table: number -> place of its first record. records: _WORDS native 64-bit words for each exact entry, in the order of
    numbers and ranks. ids: their ids, UTF-8. others: prefixes and ranges with their ranks, JSON. about: all entries in
    the order listed, JSON, for people. digest: 16 hex digits of the content that can change an answer. size: entries.
    """

    table: memoryview
    records: memoryview
    ids: memoryview
    others: memoryview
    about: memoryview
    digest: str
    size: int


class Indicators:
    """All indicators of a snapshot, ready for one look-up a number. Immutable; `hash` names the content.

    Of two of the same kind the more specific one is named, then the one that was listed first.
    """

    def __init__(self, entries: Iterable[Indicator] = ()) -> None:
        self._open(pack(tuple(entries)))

    @staticmethod
    def over(packed_form: Packed, like: "Indicators | None" = None) -> "Indicators":
        """Indicators over memory that `pack` gave, for example mapped from a file: no work for an exact entry.

        like: others with the same digest lend their prefixes and ranges, which are Python objects.

        Raises TosqauylError where a part is not what it should be. What records hold is bounded when it is used: a wrong
        one is passed over.
        """
        made = Indicators.__new__(Indicators)
        made._open(packed_form, like if like is not None and like.hash == packed_form.digest else None)
        return made

    def _open(self, parts: Packed, like: "Indicators | None" = None) -> None:
        self.packed, self.hash, self._size = parts, parts.digest, parts.size
        self._find = NumberTable(parts.table).find
        if len(parts.records) % (8 * _WORDS):
            raise TosqauylError("the records of exact numbers are cut off")
        self._words, self._dates = parts.records.cast("Q"), parts.records.cast("d")
        self._ids = parts.ids
        self._others: RangeTable[_Holding] = (
            RangeTable(read_others(bytes(parts.others))) if like is None else like._others
        )
        self._covering = self._others.covering

    def find(self, number: str, now: float) -> Hit:
        """What holds for the number at `now` (seconds since 1970; exact to the second of expiry). Never raises."""
        place = self._find(number)
        found = self._covering(number)
        if place >= 0:
            found = (*found, *self._exact(place))
        return _strongest(found, now) if found else NO_HIT

    def _exact(self, place: int) -> list[_Holding]:
        """The records from a place on, of one number."""
        found: list[_Holding] = []
        at, words = place * _WORDS, self._words
        while at + _WORDS <= len(words):
            said, until, begin, size = (
                int(words[at]),
                float(self._dates[at + 1]),
                int(words[at + 2]),
                int(words[at + 3]),
            )
            name = bytes(self._ids[begin : begin + size]).decode("utf-8", "replace")
            if not name.isprintable():  # it goes into the journal's rows as it is
                name = ""
            kind = KINDS[said >> 32 & 3]
            found.append((said & 0xFFFFFFFF, kind, name, None if until == _NEVER else until))
            if not said & _MORE:
                break
            at += _WORDS
        return found

    @property
    def entries(self) -> tuple[Indicator, ...]:
        """Every entry as it was listed, made when somebody asks."""
        return tuple(
            Indicator(name, kind, Pattern(form, low, high), expires, source, why, file, line)
            for name, kind, form, low, high, expires, source, why, file, line in json.loads(bytes(self.packed.about))
        )

    def expired(self, now: float) -> tuple[Indicator, ...]:
        """The entries that no longer hold."""
        return tuple(entry for entry in self.entries if entry.expires is not None and entry.expires <= now)

    def __len__(self) -> int:
        return self._size


def pack(entries: tuple[Indicator, ...]) -> Packed:
    """Entries as memory. Raises TosqauylError where there are more than MOST_PATTERNS prefixes and ranges."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    ranked = sorted(
        range(len(entries)), key=lambda place: (order[entries[place].kind], entries[place].pattern.width, place)
    )
    numbers: dict[str, list[tuple[int, Indicator]]] = {}
    others: list[tuple[object, ...]] = []
    for rank, place in enumerate(ranked):
        entry = entries[place]
        if entry.pattern.form == "exact":
            numbers.setdefault(entry.pattern.low, []).append((rank, entry))
        else:
            others.append((rank, entry.kind, entry.id, entry.expires, *entry.pattern))
    if len(others) > MOST_PATTERNS:
        what = f"the lists hold {len(others)} prefixes and ranges"
        raise TosqauylError(what, hint=f"at most {MOST_PATTERNS}; write exact numbers instead")
    places, records, ids = _pack_exact(numbers)
    about = [(e.id, e.kind, *e.pattern, e.expires, e.source, e.why, e.file, e.line) for e in entries]
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.id}\t{entry.kind}\t{entry.numbers}\t{entry.expires!r}\n".encode("utf-8", "replace"))
    return Packed(
        packed(places), records, ids, _json(others), _json(about), digest.hexdigest()[:16], len(entries)
    )  # fmt: skip


def _pack_exact(numbers: dict[str, list[tuple[int, Indicator]]]) -> tuple[dict[str, int], memoryview, memoryview]:
    """Where each number's records begin, the records, the ids."""
    records, ids, places = bytearray(), bytearray(), dict[str, int]()
    for number, found in numbers.items():
        places[number] = len(records) // (8 * _WORDS)
        for left, (rank, entry) in zip(range(len(found) - 1, -1, -1), found, strict=True):
            name = entry.id.encode("utf-8", "replace")
            until = _NEVER if entry.expires is None else entry.expires
            said = rank | KINDS.index(entry.kind) << 32 | (_MORE if left else 0)
            records += pack_struct("=QdQQ", said, until, len(ids), len(name))
            ids += name
    return places, memoryview(records), memoryview(ids)


def _json(value: object) -> memoryview:
    return memoryview(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def read_others(text: bytes) -> list[tuple[Pattern, _Holding]]:
    """The prefixes and ranges of a packed form, checked. Raises TosqauylError."""
    try:
        rows = json.loads(text)
        return [_other(row) for row in rows]
    except (ValueError, TypeError, RecursionError):
        raise TosqauylError("the prefixes and ranges cannot be read") from None


def _other(row: list[object]) -> tuple[Pattern, _Holding]:
    rank, kind, name, expires, form, low, high = row
    if not (type(rank) is int and type(name) is str and type(low) is str and type(high) is str):
        raise TypeError(row)
    known = kind in KINDS and form in ("prefix", "range") and name.isprintable()
    if not known or type(expires) not in (float, int, type(None)):
        raise ValueError(row)
    pattern = parse_pattern(f"{low}*" if form == "prefix" else f"{low}-{high}")
    return pattern, (rank, str(kind), name, None if expires is None else float(str(expires)))


def _strongest(found: tuple[_Holding, ...], now: float) -> Hit:
    """The answer from the entries that hold the number, expired ones passed over."""
    holding = sorted(entry for entry in found if entry[3] is None or now < entry[3])
    if not holding:
        return NO_HIT
    protected = holding[0][1] == "protected"
    listed = next((entry for entry in holding if entry[1] != "protected"), None)
    if listed is None:
        return Hit(True, "none", holding[0][2])
    return Hit(protected, listed[1], listed[2])
