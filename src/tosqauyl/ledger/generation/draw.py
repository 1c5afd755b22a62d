"""Who calls whom: the numbers of the calls of a batch, drawn by hashes of seed, class and the call's own number.

Nothing is remembered between calls: whatever batch a call is drawn in, alone or with others, it comes out the same. The hash is
written out here (splitmix64, Steele, Lea and Flood 2014), so no version of a library can change the calls.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tosqauyl.ledger.generation.mix import LOOKALIKE, CallClass, near_digits
from tosqauyl.ledger.generation.schedule import SLOT, Cells, Integers, Numbers
from tosqauyl.ledger.generation.templates import VARIANTS, ClassTemplates, Side
from tosqauyl.ledger.generation.world import PLACES, RESIDUES

Words = npt.NDArray[np.uint64]

_GAMMA, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_UNIT = 1.0 / (1 << 53)
_CHAINS = np.array([[0, 0, 0, 0], [0, 0, 2, 2], [0, 0, 0, 3], [0, 1, 1, 3], [0, 1, 2, 2]], dtype=np.int64)
"""Of four calls in a row, which one each repeats (itself: it is new)."""
_REPEATS = 1.8
"""Repeated calls of four, on average over the rows of _CHAINS."""


class Drawn(NamedTuple):
    """Columns of calls: at (seconds since 1970), template, caller, called and other number (without +), u (0 to 1, for the time
    that the decision took)."""

    at: Numbers
    template: Integers
    caller: Integers
    called: Integers
    other: Integers
    u: Numbers


def mixed(words: Words) -> Words:
    """splitmix64 of each word: its bits are as good as random."""
    words = words + _GAMMA
    words ^= words >> np.uint64(30)
    words *= _FIRST
    words ^= words >> np.uint64(27)
    words *= _SECOND
    words ^= words >> np.uint64(31)
    return words


def unit(words: Words) -> Numbers:
    """Words as numbers from 0 up to but not 1."""
    found: Numbers = (words >> np.uint64(11)).astype(np.float64) * _UNIT
    return found


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of one class in one batch: their number within the class, the number of the call they repeat, their campaign, their
    number within it (of the call repeated), slot, place within the cell and size of the cell."""

    number: Integers
    leader: Integers
    campaign: Integers
    turn: Integers
    slot: Integers
    place: Integers
    size: Integers


class ClassDraw:
    """Draws the calls of one class. total: calls of the class in the whole run; first: begin of the window.

    variants: those of the templates that are wanted.
    """

    def __init__(self, one: CallClass, made: ClassTemplates, variants: Integers, run: tuple[int, int, float]) -> None:
        seed, self._total, self._first = run
        self._one, self._made, self._variants = one, made, variants
        self._key = int.from_bytes(hashlib.sha256(f"{seed}/{one.id}".encode()).digest()[:8], "big")

    def draw(self, cells: Cells) -> Drawn:
        """The calls of some cells of this class."""
        one, made, calls = self._one, self._made, self._calls(cells)
        person = self._person(calls)
        whose = self._hash("who", person)
        callee = self._callee(calls, person)
        d, called = _number(made.called, callee, "")
        if one.step:
            d, called = self._stepped(calls)
        if made.paired:
            c, caller = d, self._alike(called, whose)
        else:
            c, caller = self._caller(calls, whose)
        o, other = _number(made.others, self._hash("other", person), one.forwarder if one.forwarded else one.state)
        v = self._variants[self._variant(calls) % np.uint64(len(self._variants))]
        groups = (
            np.array(side.groups)[which] for side, which in ((made.callers, c), (made.called, d), (made.others, o))
        )
        template = made.ids[(*groups, v)].astype(np.int64)
        return Drawn(self._at(calls), template, caller, called, other, unit(self._hash("elapsed", calls.number)))

    def _hash(self, what: str, values: "Integers | Words") -> Words:
        """A word for each value, another one for each use."""
        salt = int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big") ^ self._key
        return mixed(mixed(values.astype(np.uint64) ^ np.uint64(salt)))

    def _calls(self, cells: Cells) -> _Calls:
        which = np.repeat(np.arange(len(cells.count)), cells.count)
        place = np.arange(len(which), dtype=np.int64) - np.repeat(np.cumsum(cells.count) - cells.count, cells.count)
        number, origin = cells.first[which] + place, cells.origin[which]
        leader = np.maximum(self._leader(number), origin)
        return _Calls(
            number, leader, cells.campaign[which], leader - origin, cells.slot[which], place, cells.count[which]
        )

    def _leader(self, number: Integers) -> Integers:
        """The call that a call repeats: itself, or one of the three before it."""
        if not self._one.redials:
            return number
        block = number >> 2
        word = self._hash("redial", block)
        chance = min(1.0, self._one.redials * 4 / _REPEATS)
        chain = (word & np.uint64(0xFFFF)).astype(np.int64) % len(_CHAINS)
        again = _CHAINS[chain, number & 3]
        return np.where(unit(word) < chance, (block << 2) + again, number)

    def _person(self, calls: _Calls) -> Words:
        """Who calls, as a number of the class: of its pool, or the one whose turn it is in the campaign."""
        one = self._one
        if one.campaign:
            held = calls.turn // (one.lines * one.hold) if one.hold else np.zeros_like(calls.turn)
            line = calls.turn % one.lines
            shown = (calls.campaign.astype(np.uint64) << np.uint64(40)) + (held * one.lines + line).astype(np.uint64)
            return self._hash("line", shown) % np.uint64(one.numbers) if one.numbers else shown
        pool = one.numbers or max(1, round(self._total / one.calls))
        u = unit(self._hash("person", calls.leader))
        # the straight part keeps the busiest at 25 times the average, however large the pool is
        return ((0.04 * u + 0.96 * u**one.skew) * pool).astype(np.uint64)

    def _callee(self, calls: _Calls, person: Words) -> Words:
        """Who is called, as a word: one of the caller's friends, or anybody."""
        most = np.uint64(2 * self._one.friends - 1) if self._one.friends else np.uint64(0)
        if not most:
            return self._hash("callee", calls.leader)
        friends = np.uint64(1) + self._hash("friends", person) % most
        friend = (unit(self._hash("friend", calls.leader)) ** 1.5 * friends.astype(np.float64)).astype(np.uint64)
        return self._hash("callee", person * np.uint64(4096) + friend)

    def _stepped(self, calls: _Calls) -> tuple[Integers, Integers]:
        """Numbers in a row, and their patterns: each line of a campaign begins somewhere and goes on from there."""
        line = calls.campaign * self._one.lines + calls.turn % self._one.lines
        start = self._hash("start", line)
        which = _choice(self._made.called, start)
        base, room = _bases(self._made.called)
        step = (calls.turn // self._one.lines * self._one.step).astype(np.uint64)
        return which, base[which] + (((start >> np.uint64(10)) + step) % room[which]).astype(np.int64)

    def _alike(self, called: Integers, whose: Words) -> Integers:
        """A caller made from the called number."""
        if self._one.callers[0] == LOOKALIKE:
            return called + 2_000_000_000
        room = 10 ** near_digits(self._one.callers[0])
        least, _ = RESIDUES["home"]
        tail = (whose % np.uint64(room - 2 * PLACES)).astype(np.int64)
        found = called - called % room + tail
        found += np.where(found % PLACES < least, least, 0)  # its subscriber is at home
        return np.asarray(np.where(found == called, found + PLACES, found), dtype=np.int64)

    def _caller(self, calls: _Calls, whose: Words) -> tuple[Integers, Integers]:
        side, block = self._made.callers, self._one.block
        if not block:
            return _number(side, whose, self._one.state)
        c, base = _number(side, self._hash("block", calls.campaign), "")
        return c, base - base % 10**block + (whose % np.uint64(10**block)).astype(np.int64)

    def _variant(self, calls: _Calls) -> Words:
        """A campaign comes one way; other calls each take their own."""
        return self._hash("way", calls.campaign if self._one.campaign else calls.number)

    def _at(self, calls: _Calls) -> Numbers:
        """When, in milliseconds. Campaigns dial evenly, in the order of their calls; a repeated call follows its first."""
        if self._one.campaign:
            within = (calls.place + unit(self._hash("at", calls.number))) / calls.size * SLOT
        else:
            wait = (calls.number - calls.leader) * (20.0 + 50.0 * unit(self._hash("wait", calls.number)))
            within = (unit(self._hash("at", calls.leader)) * SLOT + wait) % SLOT
        within = np.minimum(np.floor(within * 1000) / 1000, SLOT - 0.001)
        return np.asarray(self._first + calls.slot * SLOT + within, dtype=np.float64)


def _choice(side: Side, words: Words) -> Integers:
    """Which pattern, by the lower ten bits."""
    return ((words & np.uint64(1023)) * np.uint64(len(side.patterns)) >> np.uint64(10)).astype(np.int64)


def _bases(side: Side) -> tuple[Integers, Words]:
    """Least number and how many there are, of each pattern."""
    return (
        np.array([one.base for one in side.patterns], dtype=np.int64),
        np.array([10**one.digits for one in side.patterns], dtype=np.uint64),
    )


def _number(side: Side, words: Words, state: str) -> tuple[Integers, Integers]:
    """Pattern and number for each word; -1 where the pattern is a text. state: of the subscriber, if it is a Kazakh mobile."""
    which = _choice(side, words)
    base, room = _bases(side)
    number = base[which] + ((words >> np.uint64(10)) % room[which]).astype(np.int64)
    if state and any(side.mobile):
        least, end = RESIDUES[state]
        residue = least + ((words >> np.uint64(40)) % np.uint64(end - least)).astype(np.int64)
        placed = number - number % PLACES + residue
        number = np.where(np.array(side.mobile)[which], placed, number)
    return which, number


def every_variant() -> Integers:
    """All variants, where none is left out."""
    return np.arange(VARIANTS, dtype=np.int64)
