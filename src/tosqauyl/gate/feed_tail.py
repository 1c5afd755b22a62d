"""An operator's file of events that something else appends to: followed, and what comes is taken to the feeds.

A line is a CloudEvent (networks/camara/events.py), or a number, a state and a time: `+77011234567 abroad
2026-11-28T10:00:00+05:00`. How far the file was read is kept beside the feeds, so that a restart goes on where it was.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tosqauyl.gate.feed_notices import NoticeDesk
from tosqauyl.gate.feeds import Feeds
from tosqauyl.networks.camara.events import Move, Notices, read_all

LONGEST_LINE = 16 << 10
"""Bytes of a line; what is longer is passed over up to its end, and counted."""
READ_BYTES = 256 << 10
"""Read at once; some 600 CloudEvents."""
LINES_A_TURN = 250
"""Taken at once: 3 ms of work. With ten turns a second 2,500 lines a second, which is more than a country's roamers move."""
RETRY_SECONDS = 60.0
"""Between two attempts where a file cannot be read, or its events are held."""
FEWEST_LINES = 10
"""When events are held, fewer are tried the next time, but not fewer than these: as many go in as the swing limit lets
through, and the others wait until it lets more."""
_FINGERPRINT = 64
_PLAIN = re.compile(rb"(\+[1-9]\d{4,14})[ \t]+(abroad|home)[ \t]+(\d{4}-\d\d-\d\dT[0-9:.]{5,16}(?:Z|[+-]\d\d:?\d\d))")


@dataclass(frozen=True, slots=True)
class FeedFile:
    """What the configuration says: whose events are in which file."""

    operator: str
    file: str


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a file was read. mark: digest of the bytes before offset, by which a file that was written anew is known."""

    device: int = 0
    inode: int = 0
    offset: int = 0
    mark: str = "-"

    def line(self) -> str:
        """As it stands in the file of the position."""
        return f"{self.device} {self.inode} {self.offset} {self.mark}\n"


class FeedTail:
    """Follows one file. `turn` is called ten times a second from the gate's loop; 6 us where nothing came.

    The file should be on a local disk: the loop waits for what is read. alarm: gets a line where the file cannot be followed.
    """

    def __init__(self, followed: FeedFile, feeds: Feeds, alarm: Callable[[str], None]) -> None:
        self.operator, self.file = followed.operator, Path(followed.file)
        name = f"{self.operator}.{hashlib.sha256(followed.file.encode()).hexdigest()[:12]}"
        self._position = feeds.folder / f"{name}.position"
        self._feeds, self._desk, self._alarm = feeds, NoticeDesk(feeds), alarm
        self._descriptor = -1
        self._place = _Place()
        self._lines = LINES_A_TURN
        self._not_before = float("-inf")
        self._skipping = self._rotated = False
        self._resume()

    def turn(self, now: float, wall: float) -> None:
        """Take what came, at most LINES_A_TURN lines. Never raises. now: monotonic seconds; wall: seconds since 1970."""
        try:
            if now >= self._not_before:
                self._turn(now, wall)
        except FileNotFoundError:
            self._not_before = now + 1.0  # nobody wrote it yet, or it is just being rotated
        except OSError as error:
            self._wait(now, f"cannot be followed ({error.strerror})")

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _turn(self, now: float, wall: float) -> None:
        if self._descriptor < 0:
            self._open(self.file)
        self._check_same()
        data = os.pread(self._descriptor, READ_BYTES, self._place.offset)
        too_long = self._skipping or (len(data) > LONGEST_LINE and b"\n" not in data[: LONGEST_LINE + 1])
        if data and too_long:
            self._skip(data)
            return
        lines = data.split(b"\n", self._lines)
        rest = lines.pop()
        if not lines:
            lines = self._at_end(rest)
        if lines:
            self._take(lines, sum(map(len, lines)) + len(lines), now, wall)

    def _take(self, lines: Sequence[bytes], size: int, now: float, wall: float) -> None:
        """Some lines to the feeds; how far the file was read moves on only if that was taken."""
        notices = read_lines([line for line in lines if line.strip()])
        result = self._desk.take(self.operator, notices, now, wall).result
        if result.held and len(lines) > FEWEST_LINES:
            self._lines = max(FEWEST_LINES, len(lines) // 4)
            return
        if result.why:
            self._wait(
                now, "more is held than may change now" if result.held else f"its events are refused: {result.why}"
            )
            return
        self._lines = min(LINES_A_TURN, self._lines * 2)
        self._feeds.counters["file_lines"] += len(lines)
        self._move(size)

    def _at_end(self, rest: bytes) -> list[bytes]:
        """No whole line is left. If the name is another file's by now, and was so a turn ago, go on with that one; a last line
        without its end will never get one then, and counts as it is."""
        found = os.stat(self.file)
        if (found.st_dev, found.st_ino) == (self._place.device, self._place.inode):
            self._rotated = False
            return []
        if not self._rotated:
            self._rotated = True  # its writer may still be at it
            return []
        if rest:
            return [rest]
        self._open(self.file)
        return []

    def _skip(self, data: bytes) -> None:
        """Pass over a line that is too long."""
        end = data.find(b"\n")
        if not self._skipping:
            self._feeds.counters["file_long_lines"] += 1
        self._skipping = end < 0
        self._move(len(data) if end < 0 else end + 1)

    def _check_same(self) -> None:
        """Begin anew where the file was cut, or written anew in place."""
        size = os.fstat(self._descriptor).st_size
        if size < self._place.offset or self._mark(self._place.offset) != self._place.mark:
            self._feeds.counters["file_cut"] += 1
            self._skipping = False
            self._place = replace(self._place, offset=0, mark=self._mark(0))

    def _move(self, size: int) -> None:
        """So many bytes are done; written down before more are read. OSError where that fails: they are read again."""
        offset = min(self._place.offset + size, os.fstat(self._descriptor).st_size)
        self._place = replace(self._place, offset=offset, mark=self._mark(offset))
        draft = self._position.with_suffix(".draft")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(self._place.line())
        draft.replace(self._position)

    def _mark(self, offset: int) -> str:
        first = max(0, offset - _FINGERPRINT)
        return hashlib.sha256(os.pread(self._descriptor, offset - first, first)).hexdigest()[:16]

    def _open(self, path: Path) -> None:
        """Follow a file from where it was left, if it is still that one, else from its beginning. OSError."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise OSError(22, "it is no regular file")
        self.close()
        self._descriptor, self._rotated = descriptor, False
        if (found.st_dev, found.st_ino) != (self._place.device, self._place.inode):
            self._skipping = False
            self._place = _Place(found.st_dev, found.st_ino, 0, self._mark(0))
            self._move(0)  # so that it is found again under another name

    def _resume(self) -> None:
        """Where it was before a restart; in a file that got another name since (name.1) what is left is read first."""
        try:
            device, inode, offset, mark = self._position.read_text("ascii").split()
            self._place = _Place(int(device), int(inode), int(offset), mark)
            for path in self.file.parent.iterdir():
                if not path.name.startswith(self.file.name):
                    continue
                found = path.stat()
                if (found.st_dev, found.st_ino) == (self._place.device, self._place.inode):
                    self._open(path)
                    return
        except (OSError, ValueError):
            return  # never read, or not to be found: from the beginning of what is there

    def _wait(self, now: float, what: str) -> None:
        self._not_before = now + RETRY_SECONDS
        self._feeds.counters["file_waits"] += 1
        self._alarm(f"ALARM: file of events of {self.operator}: {what}")


def read_lines(lines: Sequence[bytes]) -> Notices:
    """Lines of both kinds, without their newlines. Never raises."""
    places = [place for place, line in enumerate(lines) if line.lstrip()[:1] == b"{"]
    told = read_all(lines[place] for place in places)
    moves = [move._replace(place=places[move.place]) for move in told.moves]
    refused = [(places[place], why) for place, why in told.refused]
    for place in sorted(set(range(len(lines))) - set(places)):
        move = _plain(place, lines[place])
        if move is None:
            refused.append((place, "line"))
        else:
            moves.append(move)
    return Notices(tuple(sorted(moves)), tuple(sorted(refused)), len(lines), told.ended)


def _plain(place: int, line: bytes) -> Move | None:
    """A line of number, state and time; None where it is none."""
    found = _PLAIN.fullmatch(line.strip())
    if found is None:
        return None
    number, state, time = (part.decode() for part in found.groups())
    try:
        at = datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None
    return Move(place, number, state, at, ("", f"{number} {state} {time}")) if at > 0.0 else None
