"""Sliding windows packed into words of 63 bits: how many calls, and to how many different numbers.

Time is counted in ticks of a fifth of a second. A ring is one word with the five fifths of a window, the newest in the
lowest bits; when time goes on it is shifted. A sketch is a few words of seven cells each; a cell holds how many quarter
minutes it still has to live. Words stay below 2**63, so plain Python and compiled code agree. docs/rates.md has pictures.
"""

from math import log
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

TICKS_A_SECOND: Final = 5
FIFTHS: Final = 5
SLOT_1M: Final = 60
SLOT_10M: Final = 600
SLOT_1H: Final = 3600
"""Ticks in a fifth of a window; a fifth of the second is one tick."""

RING_MOST: Final = 4095
"""A fifth of a ring counts no further than this (12 bits)."""
SECOND_MOST: Final = 63
"""A fifth of the second counts no further than this (6 bits)."""

_RING: Final = (1 << 60) - 1
_EVERY_SECOND_FIFTH: Final = 0xFFF000FFF000FFF
_TWO_FIFTHS: Final = (1 << 24) - 1
_SECOND: Final = (1 << 30) - 1

CELLS_A_WORD: Final = 7
LIFE: Final = 240
"""Quarter minutes that a cell lives: one hour."""
QUARTER_MINUTE: Final = 75
"""Ticks."""
_ONES: Final = 1 + (1 << 9) + (1 << 18) + (1 << 27) + (1 << 36) + (1 << 45) + (1 << 54)
_LAST_CELL: Final = 255 << 54
_LAST_LIFE: Final = LIFE << 54
"""Of the last of seven cells. Shifted right for the others: mypyc 2.4 shifts a small constant left as a C int of 32 bits."""
_WITHIN_1M: Final = (LIFE - 3) * _ONES
_WITHIN_10M: Final = (LIFE - 39) * _ONES


def moved(ring: i64, slots: i64) -> i64:
    """A ring after time went on by so many of its fifths."""
    if slots == 0:
        return ring
    if slots >= FIFTHS:
        return 0
    return (ring & (_RING >> (12 * slots))) << (12 * slots)


def one_more(ring: i64) -> i64:
    """A ring with one more call in its newest fifth."""
    return ring + 1 if ring & RING_MOST < RING_MOST else ring


def in_ring(ring: i64) -> i64:
    """All calls in a ring: neighbours are added in pairs, then the three sums."""
    pairs: i64 = (ring & _EVERY_SECOND_FIFTH) + ((ring >> 12) & _EVERY_SECOND_FIFTH)
    return (pairs & _TWO_FIFTHS) + ((pairs >> 24) & _TWO_FIFTHS) + (pairs >> 48)


def second_moved(ring: i64, ticks: i64) -> i64:
    """The ring of the second (five fields of 6 bits) after so many ticks, with one more call in the newest."""
    if ticks >= FIFTHS:
        return 1
    ring = (ring & (_SECOND >> (6 * ticks))) << (6 * ticks)
    return ring + 1 if ring & SECOND_MOST < SECOND_MOST else ring


def in_second(ring: i64) -> i64:
    """All calls in the ring of the second."""
    return (ring & 63) + ((ring >> 6) & 63) + ((ring >> 12) & 63) + ((ring >> 18) & 63) + (ring >> 24)


def aged(cells: i64, quarters: i64) -> i64:
    """Seven cells after so many quarter minutes: each lives that much less, none less than nothing.

    A guard bit above each cell stays set where the cell had more than is taken away; the others are cleared.
    """
    if quarters >= LIFE:
        return 0
    ones: i64 = _ONES
    guards: i64 = ones << 8
    left: i64 = (cells | guards) - quarters * ones
    kept: i64 = (left & guards) >> 8
    return left & ((kept << 8) - kept)


def revived(cells: i64, cell: i64) -> i64:
    """Seven cells with one of them at its full life."""
    back: i64 = 54 - 9 * cell
    return (cells & ~(_LAST_CELL >> back)) | (_LAST_LIFE >> back)


def occupied(words: vec[i64], start: i64, end: i64) -> tuple[i64, i64, i64]:
    """How many cells of a sketch were hit in the last minute, ten minutes, hour.

    A guard bit stays set where the cell has at least the life taken from all seven; the guards of all words are added up.
    """
    ones: i64 = _ONES
    guards: i64 = ones << 8  # not a constant: what passes 2**62 is no machine word to the compiler
    minute: i64 = 0
    ten: i64 = 0
    hour: i64 = 0
    for place in range(start, end):
        guarded: i64 = words[place] | guards
        minute += (guarded - _WITHIN_1M & guards) >> 8
        ten += (guarded - _WITHIN_10M & guards) >> 8
        hour += (guarded - ones & guards) >> 8
    # The sum of nine-bit fields is the remainder by 511, as a number's sum of digits is by 9.
    return minute % 511, ten % 511, hour % 511


def estimates(cells: int) -> vec[i64]:
    """By occupied cells, how many different numbers that means: linear counting (Whang, Vander-Zanden, Taylor 1990).

    Rounded down. A full sketch says no more than one with a single free cell: cells * ln(cells), "at least so many".
    """
    table = [int(cells * log(cells / max(1, cells - hit))) for hit in range(cells + 1)]
    return vec[i64](table)
