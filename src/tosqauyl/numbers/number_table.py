"""A table number -> small integer that lives in plain memory: made once, then mapped from a file or used where it is.

Open addressing with linear probing over two arrays, at most half full. Nothing is done for an entry when a table of
millions is opened; a look-up costs 0.25 us, most of it Python's reading of the digits.
"""

from array import array
from collections.abc import Iterator, Mapping

from mypy_extensions import i64

from tosqauyl.errors import TosqauylError

HEAD = 32
"""Bytes in front of the arrays: slots, entries, longest probe and a word that is 0; each a native 64-bit integer."""

MOST_ENTRIES = 1 << 26
"""67 million numbers, 1.6 GB: more than the country has; what says it holds more is refused."""

_SHORT = 2_000_000_000_000_000
"""Keys of short numbers begin here, above every E.164 number (at most 15 digits, ITU-T E.164 section 6)."""


def key_of(number: str) -> i64:
    """The number as one integer: '+' and 7 to 15 digits, or a short number of 2 to 6. 0 for any other text."""
    size = len(number)
    if size < 2 or size > 16 or not number.isascii():
        return 0
    if number[0] == "+":
        digits = number[1:]
        return int(digits) if size > 7 and digits[0] != "0" and digits.isdigit() else 0
    return _SHORT + int("1" + number) if size < 7 and number.isdigit() else 0


def number_of(key: int) -> str:
    """The number whose key this is."""
    return str(key - _SHORT)[1:] if key > _SHORT else f"+{key}"


def _home(key: i64) -> i64:
    """Where the search for a key begins, before the table's mask. No product leaves 63 bits, so that compiled and
    interpreted code agree."""
    return ((key & 0x7FFFFFFF) * 0x5BD1E995 + (key >> 31) * 0x1B873593) >> 24


class NumberTable:
    """A table over memory that somebody else owns: `memory` is what `packed` gave, for example mapped from a file.

    Raises TosqauylError where its head does not fit its size. Entries are not looked at: whoever uses a value that
    was found must know its bounds. Immutable.
    """

    def __init__(self, memory: memoryview) -> None:
        self.memory = memory
        head = memory[:HEAD].cast("Q") if len(memory) >= HEAD else array("Q", (0, 0, 0, 1))
        slots, entries, longest, nothing = int(head[0]), int(head[1]), int(head[2]), int(head[3])
        size = 0 < slots <= 2 * MOST_ENTRIES and slots & (slots - 1) == 0 and len(memory) == HEAD + 12 * slots
        if not size or entries > slots // 2 or longest > slots or nothing:
            raise TosqauylError("this is no table of numbers, or not all of it")
        middle = HEAD + 8 * slots
        self._keys = memory[HEAD:middle].cast("Q")
        self._values = memory[middle:].cast("I")
        self._mask: i64 = slots - 1
        self._longest: i64 = longest
        self._entries = entries

    def find(self, number: str) -> int:
        """The number's value, -1 where it is not in the table. Takes any text and never raises."""
        key = key_of(number)
        if key == 0 or self._longest == 0:
            return -1
        place: i64 = _home(key) & self._mask
        for _ in range(self._longest):
            found: i64 = self._keys[place]
            if found == key:
                return int(self._values[place])
            if found == 0:
                return -1
            place = (place + 1) & self._mask
        return -1

    def __len__(self) -> int:
        return self._entries

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Every number with its value, in no order; for people and tests."""
        for place, key in enumerate(self._keys):
            if key:
                yield number_of(key), int(self._values[place])


def packed(values: Mapping[str, int]) -> memoryview:
    """The memory of a table. Values: 0 to 2^32 - 1. Raises TosqauylError for a text that is no number."""
    if len(values) > MOST_ENTRIES:
        raise TosqauylError(f"{len(values)} numbers are more than a table holds", hint=f"at most {MOST_ENTRIES}")
    slots = 2
    while slots < 2 * len(values):
        slots *= 2
    keys, found, longest = array("Q", bytes(8 * slots)), array("I", bytes(4 * slots)), 0
    mask: i64 = slots - 1
    for number, value in values.items():
        key = key_of(number)
        if key == 0:
            raise TosqauylError(f"{number!r} is no number")
        place: i64 = _home(key) & mask
        probes = 1
        while keys[place]:
            place = (place + 1) & mask
            probes += 1
        keys[place] = key
        found[place] = value
        longest = max(longest, probes)
    head = array("Q", (slots, len(values), longest, 0))
    return memoryview(head.tobytes() + keys.tobytes() + found.tobytes())
