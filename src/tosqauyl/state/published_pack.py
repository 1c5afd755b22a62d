"""A published list packed into the form in which indicators are looked up (state/indicator_list.py): a million in a few seconds.

Every entry is one exact number, each number is there once, and nothing about an entry is kept for people: the office has that.
"""

from collections.abc import Iterable
from struct import Struct

from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.number_table import packed
from tosqauyl.state.indicator_list import KINDS, WORDS, Packed

Entry = tuple[str, str, float, str]
"""Number, kind (block, mark or allow), expiry in seconds since 1970 (infinite for none), id."""

_RECORD = Struct("=QdQQ")
_SAID = {kind: place << 32 for place, kind in enumerate(KINDS)}
"""The first word of a record. The rank in it is 0: a number with one entry has nothing to rank."""


class ListPacker:
    """Takes entries as they come, then gives the memory."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._records, self._ids = bytearray(), bytearray()

    def add(self, entries: Iterable[Entry]) -> None:
        """Take some more entries. Raises TosqauylError for a number that was there before."""
        places, records, ids, record = self._places, self._records, self._ids, _RECORD.pack
        begin = place = len(places)
        for number, kind, expires, name in entries:
            places[number] = place
            at, called = len(ids), name.encode()
            records += record(_SAID[kind], expires, at, len(called))
            ids += called
            place += 1
        if len(places) != place:
            raise TosqauylError(f"a number stands twice among the entries {begin + 1} to {place}")

    def packed(self, digest: str) -> Packed:
        """All entries as memory. digest: names the content, 16 hex digits. Raises TosqauylError for a text that is no number."""
        records, ids, nothing = memoryview(self._records), memoryview(self._ids), memoryview(b"")
        size = len(records) // (8 * WORDS)
        return Packed(packed(self._places), records, ids, nothing, memoryview(b"[]"), digest, size)

    def __len__(self) -> int:
        return len(self._places)
