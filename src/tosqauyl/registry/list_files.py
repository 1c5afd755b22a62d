"""The whole list as a file: opening a million sealed numbers takes a while, so the office keeps them as the text that gates read.

The file is sorted by number. The list of this moment is the file with the changes since then merged in while it is sent: each
changed number is found by bisection in the mapped file, and all between is copied in large pieces. The file is replaced by rename
(0600, in the office's folder); damaged, or of another list, it is made anew from the database.

For gates that may not reach the office the same goes to a folder: `calls.list`, and `calls.changes.<first seq>` for later changes.
"""

import hashlib
import mmap
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from tosqauyl.durable import sync
from tosqauyl.errors import TosqauylError
from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.list_text import (
    MOST_CHANGES,
    PART,
    ListHeader,
    change_line,
    changes_text,
    ended,
    entry_line,
    in_pieces,
    list_head,
    read_head,
)
from tosqauyl.registry.publish import NONE, Change, Head, changes, head, listed
from tosqauyl.registry.store import Work

NAME = "calls.list"
CHANGES_NAME = "calls.changes."
_END = len(b"end ") + 64 + 1
"""Bytes of the last line."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """When a file is written anew. changes: how many came since; age_ms: how old it is, if anything came since; parts: files of
    changes in a folder for gates."""

    changes: int = 5_000
    age_ms: int = 600_000
    parts: int = 500


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list file, mapped. start, stop: where its entries are; made: the moment it was written for, milliseconds."""

    header: ListHeader
    memory: mmap.mmap
    start: int
    stop: int
    made: int


class _Spot(NamedTuple):
    """Where a number's line is in a file, or belongs: begin == end where it is not there."""

    number: bytes
    begin: int
    end: int


Latest = Mapping[bytes, Change]
"""Number -> its last change, of several changes."""


def open_list(path: Path) -> ListFile:
    """A list file, its digest checked. Raises TosqauylError where it is not there, or not as it was written."""
    try:
        with path.open("rb") as file:
            made = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise TosqauylError(f"the list cannot be read: {error}", str(path)) from None
    start = memory.find(b"\n") + 1
    header, stop = read_head(memory[: max(start - 1, 0)]), len(memory) - _END
    if header is None or stop < start or memory[stop:] != f"end {_digest(memory, stop)}\n".encode("ascii"):
        raise TosqauylError("the list is damaged", str(path))
    return ListFile(header, memory, start, stop, made)


def _digest(memory: mmap.mmap, stop: int) -> str:
    digest = hashlib.sha256()
    for place in range(0, stop, PART):
        digest.update(memory[place : min(place + PART, stop)])
    return digest.hexdigest()


def merged(base: ListFile, latest: Latest, seq: int) -> Iterator[bytes]:
    """The text of a list: the file's with the latest changes up to a seq in it."""
    spots = [_spot(base, number) for number in sorted(latest)]
    gone = sum(spot.begin < spot.end for spot in spots)
    come = sum(latest[spot.number].listing != NONE for spot in spots)
    header = base.header._replace(seq=seq, entries=base.header.entries - gone + come)
    return in_pieces(ended(_merged(base, latest, spots, header)))


def _merged(base: ListFile, latest: Latest, spots: list[_Spot], header: ListHeader) -> Iterator[bytes]:
    yield list_head(header)
    place = base.start
    for number, begin, end in spots:
        yield from _pieces(base.memory, place, begin)
        if latest[number].listing != NONE:
            yield change_line(latest[number])
        place = end
    yield from _pieces(base.memory, place, base.stop)


def _pieces(memory: mmap.mmap, begin: int, end: int) -> Iterator[bytes]:
    for place in range(begin, end, PART):
        yield memory[place : min(place + PART, end)]


def _spot(base: ListFile, number: bytes) -> _Spot:
    """Bisection over the bytes of the entries: each step looks at the line that the middle falls into."""
    memory, low, high = base.memory, base.start, base.stop
    while low < high:
        middle = (low + high) // 2
        begin = max(memory.rfind(b"\n", low, middle) + 1, low)
        end = memory.find(b"\n", middle, base.stop) + 1
        found = memory[begin : memory.find(b"\t", begin, end)]
        if found == number:
            return _Spot(number, begin, end)
        low, high = (end, high) if found < number else (low, begin)
    return _Spot(number, low, low)


def whole(work: Work, folder: Path) -> tuple[ListHeader, Iterator[bytes]]:
    """The list of this moment as a text in pieces; nothing of the database is needed while they are sent.

    folder: where the office's list file is; without a sound one it is made there. Raises TosqauylError where it cannot be written.
    """
    base = _current(work, folder / NAME)
    latest, seq = _since(work, base.header.seq)
    pieces = merged(base, latest, seq)
    first = next(pieces)
    header = read_head(first[: first.index(b"\n")])
    assert header is not None  # noqa: S101 - `merged` begins with it
    return header, _after(first, pieces)


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def refresh(work: Work, folder: Path, renewal: Renewal | None = None) -> bool:
    """Write the office's list file anew if it is too far behind; whether it was. A job calls it each minute."""
    renewal = renewal or Renewal()
    base = _current(work, folder / NAME)
    behind = head(work).seq - base.header.seq
    if behind < renewal.changes and not (behind and work.now - base.made >= renewal.age_ms):
        return False
    latest, seq = _since(work, base.header.seq)
    _write(folder / NAME, merged(base, latest, seq), 0o600, work.now)
    return True


def export(work: Work, folder: Path, out: Path, mode: int = 0o640, renewal: Renewal | None = None) -> int:
    """Bring a folder for gates up to date; how many lines were written. One process at a time.

    folder: of the office's list file; mode: of the files, so that the gates' group may read them. Raises TosqauylError.
    """
    renewal = renewal or Renewal()
    parts = _parts(out)
    try:
        base = _opened(out / NAME, head(work))
        known = _last_of(parts[-1], base.header.seq) if parts else base.header.seq
        fresh = changes(work, known, MOST_CHANGES)
    except (TosqauylError, Conflict):
        return _export_whole(work, folder, out, mode)
    if fresh:
        text = changes_text(base.header.list, known, fresh)
        _write(out / f"{CHANGES_NAME}{known + 1}", [text], mode, work.now)
    if fresh and len(parts) >= renewal.parts:
        return _export_whole(work, folder, out, mode, keep_from=base.header.seq)
    return len(fresh)


def _export_whole(work: Work, folder: Path, out: Path, mode: int, keep_from: int | None = None) -> int:
    """The whole list, then away with changes that it holds: those since the list before it stay, for gates that are behind."""
    header, pieces = whole(work, folder)
    _write(out / NAME, pieces, mode, work.now)
    for path in _parts(out):
        if keep_from is None or _first_of(path) <= keep_from:
            path.unlink(missing_ok=True)
    return header.entries


def _parts(out: Path) -> list[Path]:
    """Files of changes, by their first seq."""
    found = [path for path in out.glob(f"{CHANGES_NAME}*") if path.name.removeprefix(CHANGES_NAME).isdecimal()]
    return sorted(found, key=_first_of)


def _first_of(path: Path) -> int:
    return int(path.name.removeprefix(CHANGES_NAME))


def _last_of(path: Path, listed_to: int) -> int:
    """The seq up to which a folder knows everything."""
    with path.open("rb") as file:
        return max(int(file.readline().split(b" ")[4]), listed_to)


def _current(work: Work, path: Path) -> ListFile:
    """The office's list file, made from the database where there is none that can be used."""
    wanted = head(work)
    with _MAKING:
        try:
            base = _opened(path, wanted)
            changes(work, base.header.seq, 1)
        except (TosqauylError, Conflict):
            _write(path, _from_database(work, wanted), 0o600, work.now)
            base = _opened(path, head(work))
    return base


_MAKING = Lock()
"""It takes a while and a lot of memory: one thread makes it, the others wait for it."""
_KNOWN: dict[Path, tuple[tuple[int, int, int], ListFile]] = {}
"""Path -> (inode, size, time) and the file as it was checked: so a digest is checked once a file."""


def _opened(path: Path, wanted: Head) -> ListFile:
    """The file, if it is of this list and not ahead of it. Raises TosqauylError."""
    try:
        found = path.stat()
    except OSError as error:
        raise TosqauylError(f"the list cannot be read: {error.strerror}", str(path)) from None
    which = (found.st_ino, found.st_size, found.st_mtime_ns)
    known = _KNOWN.get(path)
    base = known[1] if known is not None and known[0] == which else open_list(path)
    _KNOWN[path] = which, base
    if base.header.list != wanted.list or base.header.seq > wanted.seq:
        raise TosqauylError("the list is of another database", str(path))
    return base


def _from_database(work: Work, top: Head) -> Iterator[bytes]:
    """Everything from the database. Rows change while they are read, so the changes since the beginning are laid over them: each
    says all of its number."""
    found = {entry.number: entry_line(entry) for entry in listed(work)}
    latest, seq = _since(work, top.seq)
    for change in latest.values():
        found.pop(change.number, None)
        if change.listing != NONE:
            found[change.number] = change_line(change)
    lines = sorted(found.values())
    return in_pieces(ended([list_head(ListHeader(top.list, seq, len(lines))), *lines]))


def _since(work: Work, after: int) -> tuple[dict[bytes, Change], int]:
    """The last change of each number after a seq, and the last seq. Raises Conflict."""
    latest: dict[bytes, Change] = {}
    while fresh := changes(work, after, MOST_CHANGES):
        latest |= {change.number.encode("ascii"): change for change in fresh}
        after = fresh[-1].seq
    return latest, after


def _write(path: Path, parts: Iterable[bytes], mode: int, now: int) -> None:
    """Write a file whole or not at all. Its time is the work's, not the disk's. Raises TosqauylError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(now * 1_000_000, now * 1_000_000))
            os.fsync(descriptor)
        draft.replace(path)
        sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise TosqauylError(f"the list cannot be written: {error.strerror}", str(path)) from None
