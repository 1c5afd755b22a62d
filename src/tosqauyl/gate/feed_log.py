"""What the operators' feeds said, on disk: one log of events and one bulk for each operator. docs/feeds.md has the format.

    <operator>.bulk                  the standing of all its numbers when the generation began (from the first one on)
    <operator>.<generation>.events   what was said since, one line an event

A bulk begins a generation: it is renamed into place whole, and events of other generations no longer count. Both hold
numbers of people in clear: the files are 0600, their folder 0700. Everything here may block; a gate that answers calls
uses the steps (gate/feed_bulk.py) and the background thread.
"""

import hashlib
import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tosqauyl.durable import sync
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.append import System
from tosqauyl.state.operator_planes import PIECE, PIECES, Planes
from tosqauyl.state.subscribers import PLANE

MAGIC = "tosqauyl-feed-1"
EVENTS_NAME = re.compile(r"([a-z0-9-]{1,32})\.(\d{1,9})\.events")
BULK_NAME = re.compile(r"([a-z0-9-]{1,32})\.bulk")
OPERATOR = re.compile(r"[a-z0-9-]{1,32}")
"""Operators' slugs make file names: nothing that could lead out of the folder."""
_LINE = re.compile(
    rb"(\d{1,18})\t(\d{1,12}\.\d{3})\t(\+7\d{10}|-)\t(abroad|home|unknown|heard)(?:\t(\d{1,12}\.\d{3}))?\n"
)
_LONGEST_LINE = 256
_LONGEST_HEADER = 2048
_DIGEST = 65
"""Bytes of the last line of a bulk: 64 hex digits and a newline."""
HEARD = "heard"
"""The state on a line that says only that the operator was heard from; its number is '-'."""


class Event(NamedTuple):
    """One line of a log. sequence: counts the operator's lines for ever; wall: when it came; at: when it happened by the
    operator's clock, 0 where it did not say. Seconds since 1970."""

    sequence: int
    wall: float
    number: str
    state: str
    at: float = 0.0

    def line(self) -> str:
        """As it stands in the log."""
        at = f"\t{self.at:.3f}" if self.at else ""
        return f"{self.sequence}\t{self.wall:.3f}\t{self.number}\t{self.state}{at}\n"


class Position(NamedTuple):
    """How far somebody has read an operator's feed: everything up to this line of this generation."""

    generation: int
    sequence: int


NOWHERE = Position(-1, 0)
"""The position of who has read nothing."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a bulk. sequence: the last event that is part of it; heard, bulk_at: when anything, and when a
    bulk last came; as_of: when that was made, by its operator; since: from when on
    the log has every number's last event; newest: the latest time an event carried (seconds since
    1970, 0 where none is known); promise: whether who is not on the list is at home ('none', 'waiting' for a second
    list, 'kept'); abroad: subscribers abroad."""

    operator: str
    generation: int = 0
    sequence: int = 0
    heard: float = 0.0
    bulk_at: float = 0.0
    as_of: float = 0.0
    since: float = 0.0
    newest: float = 0.0
    promise: str = "none"
    abroad: int = 0
    codes: tuple[str, ...] = ()

    def line(self) -> bytes:
        """As it stands in the file."""
        values = {
            "operator": self.operator, "generation": self.generation, "sequence": self.sequence,
            "heard": f"{self.heard:.3f}", "bulk_at": f"{self.bulk_at:.3f}",
            "as_of": f"{self.as_of:.3f}", "since": f"{self.since:.3f}", "newest": f"{self.newest:.3f}", "promise": self.promise,
            "abroad": self.abroad, "codes": ",".join(self.codes),
        }  # fmt: skip
        return ("\t".join([MAGIC, *(f"{name}={value}" for name, value in values.items())]) + "\n").encode()


@dataclass(frozen=True, slots=True)
class StoredFeed:
    """One operator's feed as it lies on disk. bulk: its file, None before the first; damaged: lines of the log that are
    none, and 1 where the last one is torn; unusable: why the bulk cannot be read, '' where it can; then its home
    subscribers must be forgotten. position, heard, newest: after the last whole line."""

    operator: str
    folder: Path
    header: Header
    position: Position
    heard: float
    newest: float
    damaged: int = 0
    unusable: str = ""

    @property
    def bulk(self) -> Path | None:
        """The bulk's file, None before the first bulk."""
        return bulk_path(self.folder, self.operator) if self.header.generation else None

    def events(self, after: int = 0) -> Iterator[Event]:
        """The whole lines of the log, oldest first, with a sequence above `after`. OSError where it cannot be read."""
        return events_after(events_path(self.folder, self.operator, self.header.generation), after)


@dataclass(slots=True)
class EventLog:
    """The log that is written to: one write(2) for all events of a request. Made by `open_log`."""

    path: Path
    descriptor: int
    size: int
    system: System = field(default_factory=System)
    dirty: bool = False
    torn: bool = False

    def append(self, data: bytes) -> None:
        """Give whole lines to the kernel. OSError where not all of them got there: then none counts, and what was left
        of them is cut off (before the next write, if it cannot be done at once)."""
        if self.torn:
            self._cut()
        self.torn = True
        written = self.system.write(self.descriptor, data)
        if written != len(data):
            self._cut()
            raise OSError(28, f"short write, {written} of {len(data)} bytes")
        self.torn = False
        self.size += written
        self.dirty = True

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _cut(self) -> None:
        self.system.truncate(self.descriptor, self.size)
        self.torn = False


def events_path(folder: Path, operator: str, generation: int) -> Path:
    """Where the log of a generation lies."""
    return folder / f"{operator}.{generation}.events"


def bulk_path(folder: Path, operator: str) -> Path:
    """Where an operator's bulk lies."""
    return folder / f"{operator}.bulk"


def open_log(path: Path, system: System) -> EventLog:
    """Open a log for appending, made if it is not there; a torn last line is cut off. Raises OSError."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
        whole = size - len(tail) + tail.rfind(b"\n") + 1
        if b"\n" not in tail and size > len(tail):
            whole = size + system.write(descriptor, b"\n")  # no line is so long: junk, ended so that it spoils no more
        elif whole != size:
            system.truncate(descriptor, whole)
    except OSError:
        os.close(descriptor)
        raise
    return EventLog(path, descriptor, whole, system)


def read_feeds(folder: Path) -> dict[str, StoredFeed]:
    """Every operator's feed of a folder; a folder that is not there has none. Never fails for what a file holds.

    Raises OSError where a file cannot be read. Another process may go on writing meanwhile.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return {}
    found = [EVENTS_NAME.fullmatch(name) or BULK_NAME.fullmatch(name) for name in names]
    return {operator: read_feed(folder, operator) for operator in sorted({one[1] for one in found if one})}


def read_feed(folder: Path, operator: str) -> StoredFeed:
    """One operator's feed, its log read through for the position. Raises OSError where a file cannot be read."""
    header, unusable = Header(operator), ""
    try:
        with bulk_path(folder, operator).open("rb") as file:
            header = read_header(file, operator)
    except FileNotFoundError:
        pass
    except TosqauylError as error:
        unusable = error.what
        header = Header(operator, max(_generations(folder, operator), default=0))
    sequence, heard, newest, damaged = header.sequence, header.heard, header.newest, 0
    for event in read_events(events_path(folder, operator, header.generation)):
        if event is None:
            damaged += 1
            continue
        sequence, heard = max(sequence, event.sequence), max(heard, event.wall)
        newest = max(newest, event.at)
    position = Position(header.generation, sequence)
    return StoredFeed(operator, folder, header, position, heard, newest, damaged, unusable)


def read_events(path: Path) -> Iterator[Event | None]:
    """The lines of a log, None for one that is damaged or torn; nothing where there is no file. Raises OSError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        while line := file.readline(_LONGEST_LINE):
            yield parse_event(line)


def events_after(path: Path, sequence: int) -> Iterator[Event]:
    """The whole lines with a larger sequence, found by halving: 0.1 ms however long the log. Raises OSError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while high - low > _LONGEST_LINE * 16:
            middle = (low + high) // 2
            found = _first_after(file, middle)
            low, high = (middle, high) if found and found.sequence <= sequence else (low, middle)
        file.seek(low)
        while line := file.readline(_LONGEST_LINE):
            event = parse_event(line)
            if event and event.sequence > sequence:
                yield event


def _first_after(file: BinaryIO, place: int) -> Event | None:
    """The first whole line that begins behind a place; None where there is none near."""
    file.seek(place)
    file.readline(_LONGEST_LINE)
    for _ in range(64):
        event = parse_event(file.readline(_LONGEST_LINE))
        if event:
            return event
    return None


def parse_event(line: bytes) -> Event | None:
    """One line with its newline; None where it is not whole."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    sequence, wall, number, state, at = found.groups()
    return Event(int(sequence), float(wall), number.decode(), state.decode(), float(at) if at else 0.0)


def read_header(file: BinaryIO, operator: str) -> Header:
    """The first line of an open bulk. Raises TosqauylError where it is none of this operator's or the file is cut."""
    line = file.readline(_LONGEST_HEADER)
    try:
        magic, *pairs = line.decode("ascii").removesuffix("\n").split("\t")
        values = dict(pair.split("=", 1) for pair in pairs)
        codes = tuple(code for code in values["codes"].split(",") if code)
        header = Header(
            values["operator"], int(values["generation"]), int(values["sequence"]), float(values["heard"]),
            float(values["bulk_at"]), float(values["as_of"]), float(values["since"]), float(values["newest"]), values["promise"],
            int(values["abroad"]), codes,
        )  # fmt: skip
    except (ValueError, KeyError):
        raise TosqauylError("the first line of the bulk is damaged") from None
    size = os.fstat(file.fileno()).st_size
    if magic != MAGIC or header.operator != operator or header.line() != line:
        raise TosqauylError("the first line of the bulk is damaged")
    if size != len(line) + PLANE * len(codes) + _DIGEST:
        raise TosqauylError(f"the bulk has {size} bytes, which is not what its first line says")
    return header


def load_bulk(folder: Path, operator: str) -> Generator[None, None, tuple[Header, Planes]]:
    """A bulk with its planes, its digest checked; a piece at each step, 10 ms a code.

    Raises TosqauylError where it is damaged, OSError where it cannot be read.
    """
    path = bulk_path(folder, operator)
    with path.open("rb") as file:
        header = read_header(file, operator)
        digest, planes = hashlib.sha256(header.line()), dict[str, bytearray]()
        for code in header.codes:
            plane = planes[code] = bytearray(PLANE)
            for piece in PIECES:
                data = file.read(PIECE)
                digest.update(data)
                plane[piece] = data.ljust(PIECE, b"\0")
                yield
        if file.read() != digest.hexdigest().encode() + b"\n":
            raise TosqauylError("the bulk is damaged: its digest is wrong", str(path))
    return header, planes


class BulkDraft:
    """A bulk that is being written beside the old one. Raises OSError from every method."""

    def __init__(self, folder: Path, header: Header, system: System) -> None:
        self.header, self._system = header, system
        self._final = bulk_path(folder, header.operator)
        self.path = self._final.with_suffix(".draft")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o600)

    def write(self, planes: Planes) -> Iterator[None]:
        """Header, planes in the order of the header's codes, digest: a piece at each step."""
        digest = hashlib.sha256()
        self._piece(self.header.line(), digest)
        for code in self.header.codes:
            for piece in PIECES:
                self._piece(planes[code][piece], digest)
                yield
        self._piece(digest.hexdigest().encode() + b"\n", digest)

    def sync(self) -> None:
        """Wait for the disk."""
        self._system.fsync(self._descriptor)

    def put_in_place(self) -> None:
        """Let it take the old bulk's place, in one step."""
        os.rename(self.path, self._final)
        self.close()

    def discard(self) -> None:
        """Take it away again; does nothing once it is in place."""
        if self._descriptor >= 0:
            self.close()
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _piece(self, data: bytes | bytearray, digest: "hashlib._Hash") -> None:
        digest.update(data)
        if self._system.write(self._descriptor, bytes(data)) != len(data):
            raise OSError(28, "no room for the bulk")


def retire(log: Path) -> None:
    """Remove the log of an ended generation, once the bulk that ended it is certain to be found. Raises OSError."""
    sync(log.parent)
    log.unlink(missing_ok=True)


def clean(folder: Path, operator: str, generation: int) -> None:
    """Remove logs of other generations and a draft that a crash left; before anything is written. Raises OSError."""
    for other in _generations(folder, operator):
        if other != generation:
            events_path(folder, operator, other).unlink(missing_ok=True)
    bulk_path(folder, operator).with_suffix(".draft").unlink(missing_ok=True)


def _generations(folder: Path, operator: str) -> list[int]:
    names = [EVENTS_NAME.fullmatch(path.name) for path in folder.glob(f"{operator}.*.events")]
    return [int(found[2]) for found in names if found and found[1] == operator]
