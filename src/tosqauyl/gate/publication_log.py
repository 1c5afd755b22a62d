"""What the office said since the last packed list, on disk: its answers one behind the other, each with its own digest.

    changes.<n>.log     n: number of the first change that can be in it

A new file is begun with every packed list; the others stay until the list holds all that is in them. Numbers are in clear: the
files are 0600, their folder 0700.
"""

import os
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.feed_log import EventLog, open_log
from tosqauyl.journal.append import System
from tosqauyl.journal.sync import Syncer
from tosqauyl.networks.office.list_text import changes_in
from tosqauyl.networks.office.terms import Changes
from tosqauyl.state.published import Published

MOST_LOG_BYTES = 256 << 20
"""A file that is longer is not read; the gate does not write one."""
HEARD_SECONDS = 30.0
"""At most so often a file is stamped with the time at which the office was heard."""
_NAME = re.compile(r"changes\.(\d{1,18})\.log")
_DOCUMENT = re.compile(rb"tosqauyl-changes 1 .*?\nend [0-9a-f]{64}\n", re.DOTALL)
_SYSTEM = System()


class PublicationLog:
    """The files of one folder. Called from the gate's loop; waits for no disk. damaged: files with an end that is torn or damaged,
    which was cut off; heard: when the newest was stamped, 0 where there is none."""

    def __init__(self, folder: Path, fsync_seconds: float = 1.0, system: System = _SYSTEM) -> None:
        self.damaged = 0
        self.heard = 0.0
        self._folder, self._system = folder, system
        self._syncer = Syncer(fsync_seconds, system.fsync)
        self._log: EventLog | None = None
        self._last: dict[Path, int] = {}

    @property
    def failures(self) -> int:
        """fsyncs that failed, and files that could not be removed."""
        return self._syncer.failures

    def read(self) -> list[Changes]:
        """All answers that are there, oldest first; the damaged end of a file is cut off. Raises OSError."""
        found: list[Changes] = []
        for path in log_files(self._folder):
            self.heard = max(self.heard, path.stat().st_mtime)
            told, whole, size = documents(path)
            if whole < size:
                self.damaged += 1
                os.truncate(path, whole)
            self._last[path] = told[-1].last if told else 0
            found += told
        return found

    def append(self, told: Changes) -> None:
        """Give an answer to the kernel. Raises OSError where it did not get there whole; then it counts for nothing."""
        if self._log is None:
            self.begin(told.after)
        log = self._log
        if log is not None:
            log.append(told.text)
            self._syncer.dirty = True
            self._last[log.path] = told.last

    def stamp(self, heard: float) -> None:
        """Note when the office was heard, for the time after a restart. Raises OSError."""
        if self._log is not None and abs(heard - self.heard) >= HEARD_SECONDS:
            os.utime(self._log.descriptor, (heard, heard))
            self.heard = heard

    def rotate(self, base_seq: int, seq: int) -> None:
        """A packed list up to base_seq is in use: go on in a new file, and remove those of which nothing is needed any more.
        seq: of the last change that came. Raises OSError."""
        self._end()
        for path in [path for path, last in self._last.items() if last <= base_seq and path != self._path(seq)]:
            del self._last[path]
            self._syncer.submit(partial(path.unlink, missing_ok=True))
        self.begin(seq)

    def clear(self, seq: int) -> None:
        """Forget everything: another list is in use. Raises OSError."""
        self._end()
        for path in list(self._last):
            del self._last[path]
            path.unlink(missing_ok=True)  # at once: the new file may have the same name
        self.begin(seq)

    def settle(self) -> None:
        """Wait until the background is done."""
        self._syncer.settle()

    def close(self) -> None:
        """A last fsync, and let go of the files."""
        self._end()
        self._syncer.stop()

    def begin(self, after: int) -> None:
        """Go on in the file for what comes behind number `after`. Raises OSError."""
        path = self._path(after)
        self._log = open_log(path, self._system)
        self._syncer.watch(self._log.descriptor)
        self._last.setdefault(path, 0)
        self.heard = 0.0  # the next stamp counts

    def _path(self, after: int) -> Path:
        return self._folder / f"changes.{after + 1}.log"

    def _end(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            self._syncer.forget(log.descriptor)
            self._syncer.submit(partial(self._syncer.flush, log.descriptor))
            self._syncer.submit(log.close)


def documents(path: Path) -> tuple[list[Changes], int, int]:
    """The answers in a file up to the first that is torn or damaged, how many bytes they take, and how many there are. Raises
    OSError."""
    with path.open("rb") as file:
        data = file.read(MOST_LOG_BYTES)
    found: list[Changes] = []
    at = 0
    while document := _DOCUMENT.match(data, at):
        try:
            found.append(changes_in(document[0]))
        except TosqauylError:
            break
        at = document.end()
    return found, at, len(data)


def log_files(folder: Path) -> list[Path]:
    """The files of a folder, oldest first. Raises OSError."""
    named = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    return [path for _, path in sorted((int(found[1]), path) for found, path in named if found)]


def follow(published: Published, answers: Iterable[Changes]) -> bool:
    """Let answers hold, as far as they follow the packed list without a gap; whether there is one."""
    for told in sorted((one for one in answers if one.list_id == published.list_id), key=lambda one: one.after):
        before = published.seq
        if told.after > before:
            return True
        published.apply(row for row in told.rows if row.seq > before)
    return False
