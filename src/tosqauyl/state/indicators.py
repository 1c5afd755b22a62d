"""Indicators: numbers that somebody put on a list (block, mark, allow) or that never call out (protected)."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.number_table import NumberTable
from tosqauyl.state.indicator_list import (
    KINDS,
    MORE,
    NEVER,
    WORDS,
    Holding,
    Indicator,
    Packed,
    breathe,
    pack,
    read_others,
)
from tosqauyl.state.ranges import Pattern, RangeTable

__all__ = ["KINDS", "NO_HIT", "Hit", "Indicator", "Indicators", "Packed"]


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
        if len(parts.records) % (8 * WORDS):
            raise TosqauylError("the records of exact numbers are cut off")
        self._words, self._dates = parts.records.cast("Q"), parts.records.cast("d")
        self._ids = parts.ids
        self._others: RangeTable[Holding] = (
            RangeTable(read_others(bytes(parts.others)), breathe) if like is None else like._others
        )
        self._covering = self._others.covering
        self._any_exact, self._any_others = len(parts.records) > 0, len(parts.others) > 0

    def find(self, number: str, now: float) -> Hit:
        """What holds for the number at `now` (seconds since 1970; exact to the second of expiry). Never raises."""
        found: tuple[Holding, ...] = self._covering(number) if self._any_others else ()
        if self._any_exact:
            place = self._find(number)
            if place >= 0:
                found = (*found, *self._exact(place))
        return _strongest(found, now) if found else NO_HIT

    def _exact(self, place: int) -> list[Holding]:
        """The records from a place on, of one number."""
        found: list[Holding] = []
        at, words = place * WORDS, self._words
        while at + WORDS <= len(words):
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
            found.append((said & 0xFFFFFFFF, kind, name, None if until == NEVER else until))
            if not said & MORE:
                break
            at += WORDS
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


def _strongest(found: tuple[Holding, ...], now: float) -> Hit:
    """The answer from the entries that hold the number, expired ones passed over."""
    holding = sorted(entry for entry in found if entry[3] is None or now < entry[3])
    if not holding:
        return NO_HIT
    protected = holding[0][1] == "protected"
    listed = next((entry for entry in holding if entry[1] != "protected"), None)
    if listed is None:
        return Hit(True, "none", holding[0][2])
    return Hit(protected, listed[1], listed[2])
