"""How segment files are called, and which of them lie in a folder.

`0000000042-20260301T101500Z.open.tsv` is being written, `0000000042-20260301T101500Z.tsv` is closed and will never
change, `....torn` holds what a crash left unfinished. The sequence number orders them even when the clock does not.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

OPEN, CLOSED, TORN = ".open.tsv", ".tsv", ".torn"
_NAME = re.compile(r"(\d{10})-(\d{8}T\d{6}Z)(\.open\.tsv|\.tsv)")
_STAMP = "%Y%m%dT%H%M%SZ"


class SegmentFile(NamedTuple):
    """A segment in a folder: its place in the order, when it was opened (seconds since 1970, 0 where the clock was
    broken), whether it is still written to, and where it lies."""

    sequence: int
    opened: float
    is_open: bool
    path: Path


def stem(sequence: int, now: float) -> str:
    """The name without its ending. A time that no calendar has (a broken clock) is written as 1970."""
    try:
        stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
    except (OverflowError, ValueError, OSError):
        stamp = "19700101T000000Z"
    return f"{sequence:010d}-{stamp.rjust(16, '0')}"


def open_segment(path: Path) -> BinaryIO:
    """Open a segment for reading, under its closed name if it was closed since its folder was listed. OSError."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        if not path.name.endswith(OPEN):
            raise
        return path.with_name(path.name.removesuffix(OPEN) + CLOSED).open("rb")


def segment_files(folder: Path) -> list[SegmentFile]:
    """All segments of a folder in order; other files are passed over. A folder that is not there has none."""
    try:
        names = [path for path in folder.iterdir() if path.name.endswith(CLOSED)]
    except FileNotFoundError:
        return []
    return sorted(filter(None, map(_segment_file, names)))


def _segment_file(path: Path) -> SegmentFile | None:
    found = _NAME.fullmatch(path.name)
    if not found:
        return None
    try:
        opened = datetime.strptime(found[2], _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        opened = 0.0
    return SegmentFile(int(found[1]), opened, found[3] == OPEN, path)
