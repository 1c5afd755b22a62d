"""A text file in blocks of whole lines, each known by its content: an import goes on where it stopped, and takes nothing twice.

A block is named by its lines and the hash of their bytes. A file that has grown since, was renamed or is imported again is
recognised block by block, and only what is new is taken.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tosqauyl.errors import TosqauylError

BLOCK_LINES = 250_000
"""Lines of a block: one batch of the ledger. Some 50 MB of CDRs."""
LONGEST_LINE = 1 << 20
"""Bytes; a longer line is cut, and its pieces are rejected as rows that they are not."""
_READ = 1 << 20
"""Bytes read at once."""
_NAME = re.compile(r"#(\d+)-(\d+)@([0-9a-f]{16})(?:~\d+)?$")

Taken = dict[int, list[tuple[int, str]]]
"""First line of a block that was taken -> (last line, hash)."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines first..last of a file, counted from 1, with their line ends. taken: they were imported before.

    size: bytes. digest: 16 hex digits.
    """

    first: int
    last: int
    digest: str
    lines: list[bytes]
    size: int
    taken: bool = False

    def text_of(self, line: int) -> str:
        """A line as text, for people."""
        place = line - self.first
        raw = self.lines[place] if 0 <= place < len(self.lines) else b""
        return raw.rstrip(b"\r\n").decode("utf-8", "replace")


def batch_name(file: str, block: Block, again: int = 0) -> str:
    """The name of a block's batch: `Master.csv#1-250000@0f3c...`; `~2` and so on where it is taken once more on purpose."""
    return f"{file}#{block.first}-{block.last}@{block.digest}" + (f"~{again}" if again else "")


def taken_of(names: Iterable[str]) -> Taken:
    """What batches of these names hold."""
    found: Taken = {}
    for name in names:
        match = _NAME.search(name)
        if match:
            found.setdefault(int(match[1]), []).append((int(match[2]), match[3]))
    return found


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip. Raises TosqauylError."""
    try:
        file = path.open("rb")
        magic = file.read(2)
        file.seek(0)
    except OSError as error:
        raise TosqauylError(f"the file cannot be read: {error.strerror}", str(path)) from error
    return io.BufferedReader(gzip.GzipFile(fileobj=file)) if magic == b"\x1f\x8b" else file


class TextFile:
    """The lines of a file. torn: why reading ended before the end ('' for a sound file): a packed file that is cut, say."""

    def __init__(self, path: Path) -> None:
        self.torn = ""
        self._file = open_bytes(path)
        self._rest: list[bytes] = []
        mark = self._file.peek(2)[:2] if isinstance(self._file, io.BufferedReader) else b""
        self._lines = self._recoded() if mark in (b"\xff\xfe", b"\xfe\xff") else self._read()

    def take(self, count: int) -> list[bytes]:
        """The next lines, at most so many; fewer only at the end."""
        found, self._rest = self._rest[:count], self._rest[count:]
        try:
            found += islice(self._lines, count - len(found))
        except (EOFError, OSError, zlib.error, UnicodeError) as error:
            self.torn = str(error) or type(error).__name__
            self._lines = iter(())
        return found

    def give_back(self, lines: list[bytes]) -> None:
        """Lines that were taken too many."""
        self._rest = lines + self._rest

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> Iterator[bytes]:
        """The lines as they stand, those that are too long in pieces. All that can be read is told before an error is raised."""
        rest = b""
        while data := self._file.read1(_READ):  # type: ignore[attr-defined]
            lines = io.BytesIO(rest + data).readlines()
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            yield from lines if max(map(len, lines), default=0) <= LONGEST_LINE else pieces(lines)
            *cut, rest = pieces([rest]) if len(rest) > LONGEST_LINE else (rest,)
            yield from cut
        if rest:
            yield rest

    def _recoded(self) -> Iterator[bytes]:
        """The lines of a UTF-16 file (as spreadsheets export it) as UTF-8."""
        for line in io.TextIOWrapper(self._file, "utf-16", newline="\n"):
            yield line.encode()


def pieces(lines: list[bytes]) -> Iterator[bytes]:
    """The lines, those that are too long cut."""
    for line in lines:
        yield from (line[place : place + LONGEST_LINE] for place in range(0, len(line), LONGEST_LINE))


def all_lines(lines: list[bytes]) -> int:
    """Where a block may end: after its last line that has an end."""
    return len(lines) if lines[-1].endswith(b"\n") or len(lines) == 1 else len(lines) - 1


def blocks(
    file: TextFile, taken: Taken, ends: Callable[[list[bytes]], int] = all_lines, times: int = 1
) -> Iterator[Block]:
    """Every block of a file, those that were taken before among them. ends: how many of some lines are whole records. times: how
    many blocks of lines make one, where a record has many lines."""
    first, most = 1, BLOCK_LINES * times
    while True:
        known = sorted(taken.get(first, ()), reverse=True)
        lines = file.take(max([most, *(min(last - first + 1, 4 * most) for last, _ in known)]))
        if not lines:
            return
        block = _known(first, lines, known) or _new(first, lines[:most], ends)
        file.give_back(lines[block.last - first + 1 :])
        yield block
        first = block.last + 1


def _known(first: int, lines: list[bytes], known: list[tuple[int, str]]) -> Block | None:
    for last, digest in known:
        count = last - first + 1
        if count <= len(lines) and digest_of([b"".join(lines[:count])]) == digest:
            return Block(first, last, digest, lines[:count], sum(map(len, lines[:count])), taken=True)
    return None


def _new(first: int, lines: list[bytes], ends: Callable[[list[bytes]], int]) -> Block:
    count = ends(lines) or len(lines)
    mine = lines[:count]
    return Block(first, first + count - 1, digest_of([b"".join(mine)]), mine, sum(map(len, mine)))


def digest_of(parts: Iterable[bytes]) -> str:
    """16 hex digits of bytes that come in parts."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """16 hex digits of a file's whole content. Raises OSError."""
    with path.open("rb") as file:
        return digest_of(iter(lambda: file.read(1 << 20), b""))
