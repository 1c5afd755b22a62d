"""The office heard from a folder: for a gate that may not reach it, and gets its files by whatever carries them.

    calls.list              the whole list, replaced by renaming
    calls.changes.<first>   an answer with changes that begins with number <first>, added or replaced by renaming

The office is known to have spoken when the newest of them was written: whoever writes the folder renews calls.list now and then.
"""

import asyncio
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.office.list_text import LONGEST_LINE, MOST_CHANGES_BYTES, cut_changes, head_of_list, parsed
from tosqauyl.networks.office.terms import WAIT_SECONDS, Changes, ListChanged, Sink

LIST = "calls.list"
LOOK_SECONDS = 0.5
"""Between two looks while nothing is new: 0.1 ms each."""
PIECE = 256 << 10
MOST_FILES = 1_000
"""Files of changes in a folder; with more of them somebody forgot to tidy up."""
_NAME = re.compile(r"calls\.changes\.([1-9]\d{0,17})")


class _File(NamedTuple):
    """A file of changes. first: number of its first change, by its name."""

    first: int
    path: str


_Version = tuple[str, int, int, int]
"""Path, inode, size and time of a file: the same again says that it holds the same."""


class OfficeFolder:
    """An Office over a folder on a local disk. wall: seconds since 1970."""

    def __init__(self, folder: str, wall: Callable[[], float]) -> None:
        self._folder, self._wall = Path(folder), wall
        self._read_last: tuple[_Version, Changes] | None = None

    async def fetch(self, sink: Sink) -> None:
        """The whole list, piece by piece. Raises AskFailed; what the sink raises goes on to the caller."""
        try:
            descriptor = _opened(str(self._folder / LIST))
        except OSError as error:
            raise _unreadable(error) from None
        with open(descriptor, "rb", buffering=0) as file:
            while piece := file.read(PIECE):
                sink(piece)
                await asyncio.sleep(0)

    async def changes(self, list_id: str, after: int, wait: float = WAIT_SECONDS) -> Changes:
        """The changes of this list after number `after`; where there are none, after `wait` seconds an answer without rows.
        Raises AskFailed, or ListChanged."""
        while True:
            told = await self._look(list_id, after)
            if told.rows or wait <= 0:
                return told
            await asyncio.sleep(min(wait, LOOK_SECONDS))
            wait -= LOOK_SECONDS

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _look(self, list_id: str, after: int) -> Changes:
        try:
            named, seq, heard = self._head()
            files = self._files()
            if files:
                heard = max(heard, os.stat(files[-1].path).st_mtime)
            if named != list_id:
                raise ListChanged
            # The list may be carried ahead of the changes before it, and the other way round: both say how far the office is.
            reaching = [file for file in files if file.first <= after + 1]
            if reaching:
                told = await self._read(reaching[-1], list_id)
                if told.last > after:
                    return cut_changes(told, after)._replace(heard=min(heard, self._wall()))
                seq = max(seq, told.last)
        except OSError as error:
            raise _unreadable(error) from None
        except TosqauylError as error:
            raise AskFailed("malformed", error.what) from None
        if seq != after or len(files) > len(reaching):
            raise ListChanged
        return Changes(list_id, after, after, (), heard=min(heard, self._wall()))

    def _head(self) -> tuple[str, int, float]:
        """List and seq of the whole list, and when it was written."""
        with open(_opened(str(self._folder / LIST)), "rb", buffering=0) as file:
            named, seq, _ = head_of_list(file.read(LONGEST_LINE))
            return named, seq, os.fstat(file.fileno()).st_mtime

    def _files(self) -> list[_File]:
        """The files of changes in their order."""
        found: list[_File] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                named = _NAME.fullmatch(entry.name)
                if named is not None:
                    found.append(_File(int(named[1]), entry.path))
                if len(found) > MOST_FILES:
                    raise TosqauylError(f"there are more than {MOST_FILES} files of changes")
        return sorted(found)

    async def _read(self, wanted: _File, list_id: str) -> Changes:
        """A file of changes; what did not change since the last look is not read again."""
        with open(_opened(wanted.path), "rb", buffering=0) as file:
            about = os.fstat(file.fileno())
            version = (wanted.path, about.st_ino, about.st_size, about.st_mtime_ns)
            if self._read_last is not None and self._read_last[0] == version:
                return self._read_last[1]
            told = await parsed(_all_of(file.fileno()))
        if told.list_id != list_id or told.after != wanted.first - 1:
            raise AskFailed("wrong", "a file of changes is of another list, or has another one's name")
        self._read_last = (version, told)
        return told


def _opened(path: str) -> int:
    """A regular file, open for reading. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(22, "it is no regular file")
    return descriptor


def _all_of(descriptor: int) -> bytes:
    """A file's bytes, and some more than are taken where it is too long."""
    found = bytearray()
    while len(found) <= MOST_CHANGES_BYTES:
        piece = os.read(descriptor, PIECE)
        if not piece:
            break
        found += piece
    return bytes(found)


def _unreadable(error: OSError) -> AskFailed:
    return AskFailed("down", f"the folder cannot be read: {error.strerror}")
