"""Indicators: numbers that somebody put on a list (block, mark, allow) or that never call out (protected)."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tosqauyl.state.ranges import Pattern, RangeTable

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


class Indicators:
    """All indicators of a snapshot, ready for one look-up a number. Immutable; `hash` names the content.

    Of two of the same kind the more specific one is named, then the one that was listed first.
    """

    def __init__(self, entries: Iterable[Indicator] = ()) -> None:
        self.entries = tuple(entries)
        order = {kind: place for place, kind in enumerate(KINDS)}
        ranked = sorted(
            range(len(self.entries)),
            key=lambda place: (order[self.entries[place].kind], self.entries[place].pattern.width, place),
        )
        rank = {place: rank for rank, place in enumerate(ranked)}
        self._table = RangeTable(
            (entry.pattern, (rank[place], entry.kind, entry.id, entry.expires))
            for place, entry in enumerate(self.entries)
        )
        self._covering = self._table.covering

    def find(self, number: str, now: float) -> Hit:
        """What holds for the number at `now` (seconds since 1970; exact to the second of expiry). Never raises."""
        found = self._covering(number)
        return _strongest(found, now) if found else NO_HIT

    def expired(self, now: float) -> tuple[Indicator, ...]:
        """The entries that no longer hold."""
        return tuple(entry for entry in self.entries if entry.expires is not None and entry.expires <= now)

    @property
    def hash(self) -> str:
        """16 hex digits of the content that can change an answer."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(f"{entry.id}\t{entry.kind}\t{entry.numbers}\t{entry.expires!r}\n".encode("utf-8", "replace"))
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.entries)


def _strongest(found: tuple[tuple[int, str, str, float | None], ...], now: float) -> Hit:
    """The answer from the entries that hold the number, expired ones passed over."""
    holding = sorted(entry for entry in found if entry[3] is None or now < entry[3])
    if not holding:
        return NO_HIT
    protected = holding[0][1] == "protected"
    listed = next((entry for entry in holding if entry[1] != "protected"), None)
    if listed is None:
        return Hit(True, "none", holding[0][2])
    return Hit(protected, listed[1], listed[2])
