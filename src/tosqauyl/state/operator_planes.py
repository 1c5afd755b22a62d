"""One operator's numbers in the subscriber planes: which bits are its own, and replacing, forgetting, counting just those.

Whose a number is follows from number plan and portability: all numbers behind the operator's codes but those that left,
and those that came from other codes. Everything here works in pieces of well under a millisecond and hands them out as an
iterator, so that a gate can answer calls in between.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tosqauyl.numbers.plan import Plan
from tosqauyl.state.subscribers import PLANE, Subscribers
from tosqauyl.state.swing import Change

PIECE = 125_000
"""Bytes of a plane that are worked on at once: four large integers of them take 0.1 ms."""
PIECES = tuple(slice(at, at + PIECE) for at in range(0, PLANE, PIECE))
_LOWER = int.from_bytes(b"\x55" * PIECE, "little")
"""The lower of each number's two bits: `known`; the upper one is `abroad` (state/subscribers.py)."""
_BITS_OF = {"home": 1, "abroad": 3}
_PORTED_A_STEP = 1_000

Planes = dict[str, bytearray]
"""By national code ('701'), two bits a number as in the subscriber planes; 0 where a number is not the operator's."""
Live = Callable[[], Subscribers]
"""The subscribers that calls are judged by now; asked at every step, because a reload may replace them."""


class Comparison(NamedTuple):
    """A list against what is known. listed: numbers of the operator on it; foreign: numbers of others; came: listed and
    not abroad so far; left: abroad so far and not listed."""

    listed: int = 0
    foreign: int = 0
    came: int = 0
    left: int = 0

    def plus(self, other: "Comparison") -> "Comparison":
        """Two parts of a comparison together."""
        return Comparison(*(one + two for one, two in zip(self, other, strict=True)))

    def change(self, complete: bool) -> Change:
        """As a swing. Who left is at home only by a complete list."""
        return Change(self.came + self.left, self.left if complete else 0)


def ported_numbers(plan: Plan) -> Iterator[tuple[str, str]]:
    """Every ported number with the operator that serves it now."""
    operators = plan.ported.operators
    return ((number, operators[place]) for number, place in plan.ported._table)


class Holdings:
    """Which numbers are an operator's: `masks`, both bits of each own number set. Empty until `collect` is done.

    2.5 MB a code: its own, and every other that has numbers ported to it.
    """

    def __init__(self, operator: str, plan: Plan) -> None:
        self.operator, self.plan = operator, plan
        self.masks: Planes = {}

    def collect(self) -> Iterator[None]:
        """Fill the masks, a little at each step; 0.5 s of steps for a million ported numbers."""
        own = self.plan.codes_of_operator.get(self.operator, ())
        for code in own:
            self.masks[code] = bytearray(b"\xff") * PLANE
            yield
        for count, (number, operator) in enumerate(ported_numbers(self.plan), 1):
            if (operator == self.operator) is not (number[2:5] in own):
                mask = self.masks.get(number[2:5])
                if mask is None:
                    mask = self.masks[number[2:5]] = bytearray(PLANE)
                _put(mask, number, 3 if operator == self.operator else 0)
            if count % _PORTED_A_STEP == 0:
                yield


def put(planes: Planes, number: str, state: str) -> None:
    """Set one number's state in an operator's planes; numbers of codes that are not there are passed over."""
    plane = planes.get(number[2:5])
    if plane is not None:
        _put(plane, number, _BITS_OF.get(state, 0))


def _put(plane: bytearray, number: str, bits: int) -> None:
    place = int(number[5:])
    byte, shift = place >> 2, (place & 3) * 2
    plane[byte] = plane[byte] & ~(3 << shift) | bits << shift


def compare(live: Live, masks: Planes, listed: Planes) -> Iterator[Comparison]:
    """Compare listed numbers (both bits set; changed: others' numbers are taken off) with what is known.

    Each step gives what its piece adds; their sum is the comparison.
    """
    nothing = bytearray(PLANE)
    for code, plane in listed.items():
        mask = masks.get(code, nothing)
        for piece in PIECES:
            found, own = _bits(plane[piece]), _bits(mask[piece])
            new = found & own
            if new != found:
                plane[piece] = _bytes(new)
            was = _abroad(_bits(live().plane(code)[piece])) & own
            is_now = _abroad(new)
            size, both = is_now.bit_count(), (was & is_now).bit_count()
            yield Comparison(size, found.bit_count() // 2 - size, size - both, was.bit_count() - both)


def fill_home(masks: Planes, listed: Planes) -> Iterator[None]:
    """Make a list of who is abroad a complete one: every other number of the operator is at home."""
    for code, mask in masks.items():
        plane = listed.setdefault(code, bytearray(PLANE))
        for piece in PIECES:
            plane[piece] = _bytes(_bits(plane[piece]) | (_bits(mask[piece]) & _LOWER))
            yield


def copied(live: Live, masks: Planes, planes: Planes) -> Iterator[None]:
    """Put what is known now of every number of the operator into `planes`."""
    for code, mask in masks.items():
        plane = planes[code] = bytearray(PLANE)
        for piece in PIECES:
            plane[piece] = _bytes(_bits(live().plane(code)[piece]) & _bits(mask[piece]))
            yield


def replace(live: Live, masks: Planes, planes: Planes) -> Iterator[str]:
    """Put an operator's planes in place of what was known of its numbers; each step gives the code it worked on.

    A code that `planes` does not have becomes unknown: its numbers came to the operator after they were written.
    """
    nothing = bytearray(PLANE)
    for code, mask in masks.items():
        new = planes.get(code, nothing)
        for piece in PIECES:
            plane = live().plane(code)
            old = _bits(plane[piece])
            plane[piece] = _bytes(old ^ ((old ^ _bits(new[piece])) & _bits(mask[piece])))
            yield code


def forget_home(live: Live, masks: Planes) -> Iterator[None]:
    """Whoever of the operator's is at home becomes unknown; who is abroad stays abroad."""
    for code, mask in masks.items():
        for piece in PIECES:
            plane = live().plane(code)
            old = _bits(plane[piece])
            home = old & _LOWER & ~(old >> 1) & _bits(mask[piece])
            plane[piece] = _bytes(old ^ home)
            yield


def count_abroad(planes: Iterable[bytearray | memoryview]) -> Iterator[int]:
    """Subscribers abroad in some planes, a piece at each step; their sum is the count.

    Over the subscriber planes of an operator's codes it is an approximation: numbers that were ported away count, those
    that came do not. Over the operator's own planes it is exact.
    """
    for plane in planes:
        for piece in PIECES:
            yield _abroad(_bits(plane[piece])).bit_count()


def _abroad(bits: int) -> int:
    """One bit (the lower) for each number that is abroad."""
    return bits & (bits >> 1) & _LOWER


def _bits(piece: bytearray | memoryview) -> int:
    return int.from_bytes(piece, "little")


def _bytes(bits: int) -> bytes:
    return bits.to_bytes(PIECE, "little")
