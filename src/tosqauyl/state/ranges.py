"""Sets of numbers as people write them: exact ('+77012345678', '1414'), prefix ('+4412345*'), range
('+77172000000-+77172009999')."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from tosqauyl.errors import TosqauylError

Item = TypeVar("Item")

MOST_SLOTS = 1_000_000
"""Entries in all pieces of one table: 10,000 sets that lie side by side have 10,000, as many that all overlap 10^8."""

_LONGEST = 15
_SHORTEST_PREFIX = 3


class Pattern(NamedTuple):
    """One set of numbers. form: exact, prefix or range; low and high: the number itself, the prefix, or both ends."""

    form: str
    low: str
    high: str

    @property
    def width(self) -> int:
        """How many numbers it can hold at most, for telling which of two is more specific."""
        if self.form == "prefix":
            return int(10 ** max(_LONGEST + 1 - len(self.low), 0))
        return int(self.high) - int(self.low) + 1

    @property
    def end(self) -> str:
        """The first text behind the set, in the order of texts."""
        if self.form == "prefix":
            return self.low[:-1] + chr(ord(self.low[-1]) + 1)
        return self.high + "\0"


def parse_pattern(text: str) -> Pattern:
    """What a person wrote, as a pattern. Raises TosqauylError with a hint. A prefix needs 3 digits: '+7*' would be
    two countries."""
    text = text.strip()
    if text.endswith("*"):
        return _prefix(text[:-1])
    if "-" in text:
        return _range(*(part.strip() for part in text.split("-", 1)))
    problem = _problem(text)
    if problem:
        raise TosqauylError(f"{text!r} is not a number: {problem}", hint=_HINT)
    return Pattern("exact", text, text)


_HINT = "write +77012345678, a short code of 2 to 6 digits, a prefix +4412345* or a range +77172000000-+77172009999"


def _prefix(prefix: str) -> Pattern:
    digits = prefix.removeprefix("+")
    if not _are_digits(digits) or prefix.startswith("+0") or len(digits) > _LONGEST:
        raise TosqauylError(f"'{prefix}*' is not a prefix", hint=_HINT)
    if len(digits) < _SHORTEST_PREFIX:
        raise TosqauylError(f"'{prefix}*' is too wide", hint=f"a prefix needs at least {_SHORTEST_PREFIX} digits")
    return Pattern("prefix", prefix, prefix)


def _range(low: str, high: str) -> Pattern:
    for end in (low, high):
        problem = _problem(end)
        if problem:
            raise TosqauylError(f"{end!r} is not a number: {problem}", hint=_HINT)
    if len(low) != len(high) or low.startswith("+") != high.startswith("+"):
        raise TosqauylError(f"the ends of {low}-{high} differ in length", hint=_HINT)
    if low > high:
        raise TosqauylError(f"the range {low}-{high} ends before it begins", hint=f"{high}-{low}?")
    return Pattern("range", low, high)


def _problem(number: str) -> str:
    """Why this is no whole number; '' if it is one: E.164 with + (7 to 15 digits) or a short code (2 to 6)."""
    digits = number.removeprefix("+")
    if not _are_digits(digits):
        return "only digits and one leading + can be in it"
    if number.startswith("+"):
        if digits.startswith("0"):
            return "no country code begins with 0"
        return "" if 7 <= len(digits) <= _LONGEST else f"an E.164 number has 7 to {_LONGEST} digits, not {len(digits)}"
    return "" if 2 <= len(digits) <= 6 else "a number longer than a short code needs + and its country code"


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


class RangeTable(Generic[Item]):
    """Which items' patterns hold a number: one dict look-up and one binary search, 0.25 us for a number on no list.

    The patterns of each length are cut into pieces inside which the answer is the same.
    """

    def __init__(self, items: Iterable[tuple[Pattern, Item]], breathe: Callable[[], None] | None = None) -> None:
        """breathe: a Python function called again and again, so that another thread gets its turn: compiled code does not
        let go of the interpreter by itself. Raises TosqauylError where too many sets overlap."""
        exact: defaultdict[str, list[Item]] = defaultdict(list)
        prefixes: list[tuple[Pattern, Item]] = []
        ranges: defaultdict[int, list[tuple[Pattern, Item]]] = defaultdict(list)
        for pattern, item in items:
            if pattern.form == "exact":
                exact[pattern.low].append(item)
            elif pattern.form == "prefix":
                prefixes.append((pattern, item))
            else:
                ranges[len(pattern.low)].append((pattern, item))
        self._exact = {number: tuple(found) for number, found in exact.items()}
        self._other = _pieces(prefixes, breathe)
        self._by_length = {length: _pieces(prefixes + found, breathe) for length, found in ranges.items()}

    def covering(self, number: str) -> tuple[Item, ...]:
        """The items whose patterns hold the number, in no particular order. Text that is no number is only found as
        an exact entry, so on no list at all. Never raises."""
        points, pieces = self._by_length.get(len(number), self._other)
        found = pieces[bisect_right(points, number)]
        if found and not _are_digits(number.removeprefix("+")):
            found = ()
        return self._exact.get(number, ()) + found


def _pieces(
    items: list[tuple[Pattern, Item]], breathe: Callable[[], None] | None
) -> tuple[list[str], list[tuple[Item, ...]]]:
    """Points where the answer changes, and the answer left of the first, between them, and right of the last."""
    begins: defaultdict[str, list[int]] = defaultdict(list)
    ends: defaultdict[str, list[int]] = defaultdict(list)
    for place, (pattern, _) in enumerate(items):
        begins[pattern.low].append(place)
        ends[pattern.end].append(place)
        if breathe is not None:
            breathe()
    points = sorted({*begins, *ends})
    pieces: list[tuple[Item, ...]] = [()]
    active: dict[int, None] = {}
    slots = 0
    for point in points:
        if breathe is not None:
            breathe()
        for place in ends.get(point, ()):
            active.pop(place, None)
        active.update(dict.fromkeys(begins.get(point, ())))
        pieces.append(tuple(items[place][1] for place in active))
        slots += len(active)
        if slots > MOST_SLOTS:
            raise TosqauylError("the prefixes and ranges overlap too much", hint="merge those that hold one another")
    return points, pieces


class NumberRanges:
    """A plain set of numbers: those allowed on a trunk, or the roaming numbers (MSRN) that inbound roamers are called on.

    texts: as people write them; raises TosqauylError naming the one that is wrong. Used by config, screen and gate.
    breathe: as for RangeTable.
    """

    def __init__(self, texts: Iterable[str] = (), breathe: Callable[[], None] | None = None) -> None:
        self.texts = tuple(texts)
        self._table = RangeTable(((parse_pattern(text), True) for text in self.texts), breathe)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def __contains__(self, number: str) -> bool:
        return bool(self._table.covering(number))

    def __repr__(self) -> str:
        return f"NumberRanges({sorted(self.texts)})"
