"""The published list as texts: what gates read over HTTP or in a folder. Strict: one spelling, and a digest at the end.

    tosqauyl-list 1 <list> <seq> <entries>            tosqauyl-changes 1 <list> <after> <last seq>
    <number> TAB <listing> TAB <expires> TAB <id>     <seq> TAB <number> TAB <listing> TAB <expires> TAB <id>
    end <SHA-256 of all bytes before this line>       end <SHA-256 of all bytes before this line>

expires: seconds since 1970, rounded down, '-' for never; id: of the indicator or the condition, '-' for none.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tosqauyl.registry.publish import Change, Listed

VERSION = "1"
LIST, CHANGES = "tosqauyl-list", "tosqauyl-changes"
MOST_CHANGES = 10_000
"""Lines of one text of changes."""
PART = 1 << 18
"""Bytes of a piece of an answer."""


class ListHeader(NamedTuple):
    """The first line of a whole list."""

    list: str
    seq: int
    entries: int


def entry_line(entry: Listed) -> bytes:
    """The line of a whole list."""
    number, listing, expires, which = entry
    return f"{number}\t{listing}\t{expires // 1000 if expires else '-'}\t{which or '-'}\n".encode("ascii")


def change_line(change: Change) -> bytes:
    """What a change says of its number, as the line of a whole list; for 'none' there is none, but in a text of changes."""
    return entry_line(Listed(change.number, change.listing, change.expires, str(change.indicator or "")))


def list_head(header: ListHeader) -> bytes:
    """The first line of a whole list."""
    return f"{LIST} {VERSION} {header.list} {header.seq} {header.entries}\n".encode("ascii")


def read_head(line: bytes) -> ListHeader | None:
    """The first line of a whole list, without its end, as it was written; None for any other line."""
    words = line.decode("ascii", "replace").split(" ")
    if words[:2] != [LIST, VERSION] or len(words) != 5 or not (words[3] + words[4]).isdecimal():
        return None
    return ListHeader(words[2], int(words[3]), int(words[4]))


def changes_text(list_id: str, after: int, changes: Sequence[Change]) -> bytes:
    """The changes after a seq as a text."""
    last = changes[-1].seq if changes else after
    lines = [f"{CHANGES} {VERSION} {list_id} {after} {last}\n".encode("ascii")]
    lines += [f"{change.seq}\t".encode("ascii") + change_line(change) for change in changes]
    return b"".join(ended(lines))


def ended(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts, and behind them the line with their digest."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        yield part
    yield f"end {digest.hexdigest()}\n".encode("ascii")


def in_pieces(parts: Iterable[bytes], size: int = PART) -> Iterator[bytes]:
    """The same bytes in pieces of about `size`: small ones are joined."""
    waiting: list[bytes] = []
    length = 0
    for part in parts:
        waiting.append(part)
        length += len(part)
        if length >= size:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)


def gzipped(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes as a gzip stream (RFC 1952), quickly rather than small."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
