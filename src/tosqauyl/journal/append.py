"""Writing the journal: one write(2) a batch, and nothing that fails here ever reaches the call path.

What holds: a batch for which `append` returned True survives the death of the process (the kernel has it) and, after
one fsync interval, the loss of power. A write that fails or falls short is counted, and what it left of a half row is
cut off before the next row is written.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tosqauyl.durable import sync
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.columns import HEADER
from tosqauyl.journal.naming import CLOSED, OPEN, segment_files, stem
from tosqauyl.journal.recovery import Recovered, recover
from tosqauyl.journal.retention import Limits, Retention
from tosqauyl.journal.sync import Syncer

_HEADER = HEADER.encode()


@dataclass(frozen=True, slots=True)
class Options:
    """When segments end and how long they are kept.

    A segment ends at rotate_bytes or rotate_seconds, whichever comes first; fsync_seconds: what a power cut may cost at
    most; keep_seconds and keep_bytes: of closed segments, 0 = no limit.
    """

    rotate_bytes: int = 256 << 20
    rotate_seconds: float = 3600.0
    fsync_seconds: float = 1.0
    keep_seconds: float = 90 * 86400.0
    keep_bytes: int = 64 << 30


@dataclass(frozen=True, slots=True)
class System:
    """The system calls the journal makes, as arguments so that tests can break each of them."""

    write: Callable[[int, bytes], int] = os.write
    truncate: Callable[[int, int], None] = os.ftruncate
    fsync: Callable[[int], None] = os.fsync
    statvfs: Callable[[int], os.statvfs_result] = os.statvfs


@dataclass(slots=True)
class _Segment:
    """The segment being written: where, since when, how long it is up to its last whole row."""

    sequence: int
    opened: float
    path: Path
    descriptor: int
    size: int = 0
    rows: int = 0
    torn: bool = False


@dataclass(slots=True)
class Counters:
    """What happened so far. last_error: the last failure in words, '' if there was none."""

    rows: int = 0
    lost_rows: int = 0
    failed_writes: int = 0
    failed_rotations: int = 0
    last_error: str = ""


class Journal:
    """The journal of one process in one folder.

    `append` is for the call path; `tick(now)` is called about once a second and rotates; `close()` ends. Opening makes
    the folder (0700), takes its lock, repairs what a crash left, and makes the file `id` if there is none. now: seconds
    since 1970, an argument everywhere. Raises TosqauylError where the folder cannot be used or another process holds it.
    """

    def __init__(self, folder: Path, now: float, options: Options = Options(), system: System = System()) -> None:
        self.folder, self.options = folder, options
        self.counters = Counters()
        self._system = system
        self._write = system.write
        self._lock = _lock(folder)
        try:
            self.recovered: Recovered = recover(folder)
            _identify(folder)
            found = segment_files(folder)
            self._segment = self._begin(found[-1].sequence + 1 if found else 1, now)
            sync(folder)
        except OSError as error:
            os.close(self._lock)
            raise TosqauylError(f"the journal cannot be opened: {error.strerror}", str(folder)) from error
        self.retention = Retention(folder, Limits(options.keep_seconds, options.keep_bytes), now)
        self._syncer = Syncer(options.fsync_seconds, system.fsync)
        self._syncer.watch(self._segment.descriptor)

    def append(self, rows: list[str]) -> bool:
        """Give whole rows to the kernel in one write; False if any of them is lost. Never raises.

        Undecodable bytes (lone surrogates) are written as '?'. 3 us and about 0.4 us a row.
        """
        segment = self._segment
        try:
            data = "".join(rows).encode("utf-8", "replace")
            if segment.torn:
                self._cut(segment)
            written = self._write(segment.descriptor, data)
        except (OSError, ValueError, TypeError) as error:
            self._failed(len(rows), error)
            return False
        if written == len(data):
            segment.size += written
            segment.rows += len(rows)
            self.counters.rows += len(rows)
            self._syncer.dirty = True
            return True
        self._fell_short(data[:written], len(rows))
        return False

    def tick(self, now: float) -> None:
        """End the segment if it is big or old enough or the clock went back; have old ones removed. Never raises."""
        segment = self._segment
        if segment.torn or segment.size >= self.options.rotate_bytes or self._is_of_another_time(now):
            self.rotate(now)
        limits = self.retention.due(now)
        if limits:
            self._syncer.submit(lambda: self.retention.apply(limits, now))

    def rotate(self, now: float) -> bool:
        """Close the segment and go on in a new one; False, counted, if there cannot be a new one now."""
        old = self._segment
        if old.rows == 0 and not old.torn:
            return self._restamp(now)
        try:
            self._segment = self._begin(old.sequence + 1, now)
        except OSError as error:
            self.counters.failed_rotations += 1
            self.counters.last_error = f"new segment: {error}"
            return False
        self._syncer.watch(self._segment.descriptor)
        self._syncer.submit(lambda: self._end(old))
        return True

    def free_bytes(self) -> int:
        """Bytes left for us on the journal's disk; -1 if the system does not say."""
        try:
            found = self._system.statvfs(self._segment.descriptor)
        except OSError:
            return -1
        return found.f_bavail * found.f_frsize

    @property
    def failed_syncs(self) -> int:
        """How many fsyncs failed: after one, the last interval's rows may not survive a power cut."""
        return self._syncer.failures

    @property
    def segment_path(self) -> Path:
        """Where the open segment lies."""
        return self._segment.path

    def settle(self) -> None:
        """Wait until all closing and removing that was handed to the background is done."""
        self._syncer.settle()

    def close(self) -> None:
        """A last fsync, the segment closed, the lock given back. A second close does nothing."""
        if self._lock < 0:
            return
        self._syncer.stop()
        self._end(self._segment)
        self._segment.descriptor = -1  # an append that comes too late fails instead of writing into another file
        os.close(self._lock)
        self._lock = -1

    def _is_of_another_time(self, now: float) -> bool:
        age = now - self._segment.opened
        return age >= self.options.rotate_seconds or age < -_JUMP_SECONDS

    def _begin(self, sequence: int, now: float) -> _Segment:
        """A new segment with its header written. Raises OSError and leaves nothing behind."""
        path = self.folder / (stem(sequence, now) + OPEN)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            if self._write(descriptor, _HEADER) != len(_HEADER):
                raise OSError(28, "no room for the header line of a segment")
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return _Segment(sequence, now, path, descriptor, len(_HEADER))

    def _restamp(self, now: float) -> bool:
        """An empty segment is not closed but called by the new time."""
        segment = self._segment
        path = self.folder / (stem(segment.sequence, now) + OPEN)
        try:
            os.rename(segment.path, path)
        except OSError as error:
            self.counters.failed_rotations += 1
            self.counters.last_error = f"rename: {error}"
            return False
        segment.path, segment.opened = path, now
        return True

    def _end(self, segment: _Segment) -> None:
        """Make the segment durable and final. With a half row that cannot be cut off it stays open for recovery."""
        try:
            if segment.torn:
                self._cut(segment)
            self._syncer.flush(segment.descriptor)
            os.rename(segment.path, segment.path.with_name(segment.path.name.removesuffix(OPEN) + CLOSED))
            sync(self.folder)
        except OSError as error:
            self.counters.last_error = f"close: {error}"
        finally:
            self._syncer.forget(segment.descriptor)
            os.close(segment.descriptor)

    def _cut(self, segment: _Segment) -> None:
        """Take off what a failed write left behind the last whole row."""
        self._system.truncate(segment.descriptor, segment.size)
        segment.torn = False

    def _failed(self, lost: int, error: Exception) -> None:
        self.counters.failed_writes += 1
        self.counters.lost_rows += lost
        self.counters.last_error = f"write: {error}"

    def _fell_short(self, written: bytes, rows: int) -> None:
        """Keep the whole rows that got through, cut off the rest."""
        segment = self._segment
        whole = written[: written.rfind(b"\n") + 1]
        kept = whole.count(b"\n")
        segment.size += len(whole)
        segment.rows += kept
        segment.torn = True
        self.counters.rows += kept
        self._syncer.dirty = True
        self._failed(rows - kept, OSError(28, f"short write, {rows - kept} of {rows} rows lost"))
        try:
            self._cut(segment)
        except OSError as error:
            self.counters.last_error = f"truncate: {error}"


_JUMP_SECONDS = 60.0
"""How far before its opening the clock may be before a segment is closed: names are to tell the time of their rows."""


def private_folder(folder: Path) -> None:
    """Make the folder if it is not there, and let only its owner in (0700). Raises TosqauylError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise TosqauylError(f"the folder cannot be used: {error.strerror}", str(folder)) from error


def _lock(folder: Path) -> int:
    """Take the folder for this process until the descriptor is closed, also by death."""
    private_folder(folder)
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TosqauylError(f"the journal cannot be locked: {error.strerror}", str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        hint = "stop it, or give each process its own data folder"
        raise TosqauylError(f"another process (pid {holder or '?'}) writes this journal", str(folder), hint) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _identify(folder: Path) -> None:
    """Give the journal an id of its own for life, whole or not at all: whoever collects segments knows them by it, whatever
    the path. Raises OSError."""
    path = folder / "id"
    if path.exists():
        return
    draft = folder / "id.draft"  # recovery removes drafts
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        text = f"{secrets.token_hex(8)}\n".encode()
        if os.write(descriptor, text) != len(text):
            raise OSError(errno.ENOSPC, "no room for the id of the journal")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(draft, path)
