"""The texts in which the office publishes numbers, read strictly: docs/publications.md has their format.

    tosqauyl-list 1 <list> <seq> <entries>            tosqauyl-changes 1 <list> <after> <last>
    <number> <listing> <expires> <id>                 <seq> <number> <listing> <expires> <id>
    end <sha-256>                                     end <sha-256>

Fields of a row are parted by tabs. A text in which anything is wrong is refused whole, with the line and never the number in the
error: half a list is worse than yesterday's.
"""

import asyncio
import re
from collections.abc import Generator, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.office.terms import Changes
from tosqauyl.state.indicator_list import Packed
from tosqauyl.state.published import NEVER, Change
from tosqauyl.state.published_pack import Entry, ListPacker

LONGEST_LINE = 256
"""Bytes of a line with its end; the longest row has 116."""
MOST_ENTRIES = 4_000_000
MOST_BYTES = 512 << 20
"""Entries and bytes of a whole list."""
MOST_CHANGES = 10_000
MOST_CHANGES_BYTES = 2 << 20
"""Rows and bytes of one answer with changes."""
LINES_A_STEP = 250
"""Rows that are read without a pause: 0.4 ms."""

_NUMBER = rb"(\+[1-9]\d{6,14}|\d{2,6})"
_REST = rb"\t(-|0|[1-9]\d{0,10})\t([!-~]{1,64})"
_ENTRY = re.compile(_NUMBER + rb"\t(block|mark|allow)" + _REST)
_CHANGE = re.compile(rb"(0|[1-9]\d{0,17})\t" + _NUMBER + rb"\t(block|mark|allow|none)" + _REST)
_COUNT = rb" (0|[1-9]\d{0,17})"
_LIST = re.compile(rb"tosqauyl-list 1 ([0-9a-f]{32})" + _COUNT + _COUNT)
_CHANGES = re.compile(rb"tosqauyl-changes 1 ([0-9a-f]{32})" + _COUNT + _COUNT)
_END = b"end "
_NEVER = b"-"


class Listed(NamedTuple):
    """A whole list. seq: of the last change in it."""

    list_id: str
    seq: int
    packed: Packed


class ListReader:
    """Takes a whole list in pieces of any size, packs it as it comes and holds nothing else of it. Every method raises
    TosqauylError where it is none; then nothing of it counts."""

    def __init__(self) -> None:
        self._rest, self._digest, self._packer = b"", sha256(), ListPacker()
        self._head: tuple[str, int, int] | None = None
        self._size = 0
        self._end = b""

    def take(self, data: bytes) -> None:
        """The next piece."""
        self._size += len(data)
        if self._size > MOST_BYTES:
            raise TosqauylError(f"the list is longer than {MOST_BYTES >> 20} MiB")
        data = self._rest + data
        cut = data.rfind(b"\n") + 1
        self._rest = data[cut:]
        if len(self._rest) > LONGEST_LINE:
            raise self._wrong("has a line that is too long")
        if self._end and data:
            raise self._wrong("goes on behind its end")
        if cut:
            self._take_lines(data[:cut])

    def finish(self) -> Listed:
        """The list, once all of it was taken."""
        if not self._end or self._head is None:
            raise self._wrong("is cut off")
        list_id, seq, entries = self._head
        if self._rest:
            raise self._wrong("goes on behind its end")
        if self._end != self._digest.hexdigest().encode():
            raise self._wrong("does not have its digest: it was changed, or is torn")
        if entries != len(self._packer):
            raise self._wrong(f"has {len(self._packer)} entries where its first line says {entries}")
        return Listed(list_id, seq, self._packer.packed(self._digest.hexdigest()[:16]))

    def _take_lines(self, whole: bytes) -> None:
        lines = whole.split(b"\n")
        lines.pop()
        if lines[-1].startswith(_END):
            self._end = lines.pop()[len(_END) :] or b"-"
            whole = whole[: whole.rfind(b"\n", 0, -1) + 1]
        self._digest.update(whole)
        if self._head is None and lines:
            self._head = _head_of(lines.pop(0), _LIST, "list")
            if self._head[2] > MOST_ENTRIES:
                raise self._wrong(f"says that it has {self._head[2]} entries; at most {MOST_ENTRIES} are taken")
        self._packer.add(self._entries(lines))

    def _entries(self, lines: Sequence[bytes]) -> Iterator[Entry]:
        row = _ENTRY.fullmatch
        before = len(self._packer)
        most = self._head[2] if self._head else 0
        if before + len(lines) > most:
            raise self._wrong(f"has more than the {most} entries that its first line says")
        for place, line in enumerate(lines, before + 2):
            found = row(line)
            if found is None:
                raise TosqauylError(f"line {place} of the list is none of a list")
            number, listing, expires, name = found.groups()
            until = NEVER if expires == _NEVER else float(expires)
            yield number.decode(), listing.decode(), until, _name(name)

    def _wrong(self, what: str) -> TosqauylError:
        return TosqauylError(f"the list {what}")


def changes_in(text: bytes) -> Changes:
    """An answer with changes, read at once. Raises TosqauylError where it is none."""
    steps = _reading(text)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return _told(end)


async def parsed(text: bytes) -> Changes:
    """The same a little at a time, so that calls have their turns between."""
    steps = _reading(text)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return _told(end)
        await asyncio.sleep(0)


def _told(end: StopIteration) -> Changes:
    told: Changes = end.value
    return told


def cut_changes(told: Changes, after: int) -> Changes:
    """The same answer without its first changes. after: a number in it."""
    if after == told.after:
        return told
    lines = told.text.split(b"\n")[1 + after - told.after : -2]
    head = f"tosqauyl-changes 1 {told.list_id} {after} {told.last}\n".encode()
    text = sealed(head + b"".join(line + b"\n" for line in lines))
    return told._replace(after=after, rows=told.rows[after - told.after :], text=text)


def sealed(body: bytes) -> bytes:
    """A text with its last line, which says what came before it."""
    return body + _END + sha256(body).hexdigest().encode() + b"\n"


def _reading(text: bytes) -> Generator[None, None, Changes]:
    """An answer with changes, a little at each step. Raises TosqauylError where it is none."""
    if len(text) > MOST_CHANGES_BYTES:
        raise TosqauylError(f"an answer with changes is longer than {MOST_CHANGES_BYTES >> 20} MiB")
    end = text.rfind(b"\n", 0, -1) + 1
    if text[end:] != _END + sha256(text[:end]).hexdigest().encode() + b"\n":
        raise TosqauylError("an answer with changes does not have its digest: it was changed, or is cut off")
    lines = text[:end].split(b"\n")
    lines.pop()
    list_id, after, last = _head_of(lines[0] if lines else b"", _CHANGES, "answer with changes")
    if last - after != len(lines) - 1 or len(lines) > MOST_CHANGES + 1:
        raise TosqauylError(f"an answer with changes {after} to {last} has {len(lines) - 1} of them")
    rows: list[Change] = []
    for place in range(1, len(lines), LINES_A_STEP):
        rows += [_change(line, after + at, at) for at, line in enumerate(lines[place : place + LINES_A_STEP], place)]
        yield
    return Changes(list_id, after, last, tuple(rows), text)


def head_of_list(text: bytes) -> tuple[str, int, int]:
    """List, seq and entries, from the first bytes of a whole list. Raises TosqauylError."""
    return _head_of(text.partition(b"\n")[0], _LIST, "list")


def _head_of(line: bytes, form: re.Pattern[bytes], what: str) -> tuple[str, int, int]:
    found = form.fullmatch(line)
    if found is None:
        raise TosqauylError(f"the first line is none of a {what} of version 1")
    return found[1].decode(), int(found[2]), int(found[3])


def _change(line: bytes, seq: int, place: int) -> Change:
    found = _CHANGE.fullmatch(line)
    if found is None:
        raise TosqauylError(f"line {place + 1} of an answer with changes is none")
    said, number, listing, expires, name = found.groups()
    if int(said) != seq:
        raise TosqauylError(f"line {place + 1} of an answer with changes is number {int(said)} where {seq} comes")
    until = NEVER if expires == _NEVER else float(expires)
    return Change(seq, number.decode(), listing.decode(), until, _name(name))


def _name(text: bytes) -> str:
    return "" if text == b"-" else text.decode()
