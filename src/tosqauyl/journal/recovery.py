"""Repairing what a crash left: segments that were never closed, and the unfinished row at their end."""

import os
from dataclasses import dataclass
from pathlib import Path

from tosqauyl.journal.naming import CLOSED, OPEN, TORN, SegmentFile, segment_files


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found at the start: segments closed now, rows in them, and damaged pieces put aside as .torn files."""

    segments: int = 0
    rows: int = 0
    torn_pieces: int = 0
    torn_bytes: int = 0


def recover(folder: Path) -> Recovered:
    """Close every segment that is still open. Only whole rows stay in it; the rest goes to a .torn file beside it.

    After a power cut not only the end may be damaged (pages reach the disk in any order), so every line is looked at.
    Raises OSError where the folder cannot be read or written. Running it again after a crash in the middle is safe.
    """
    for draft in folder.glob("*" + _DRAFT):
        draft.unlink()
    total = Recovered()
    for segment in segment_files(folder):
        if segment.is_open:
            found = _recover_segment(segment)
            total = Recovered(
                total.segments + 1,
                total.rows + found.rows,
                total.torn_pieces + found.torn_pieces,
                total.torn_bytes + found.torn_bytes,
            )
    return total


_DRAFT = ".draft"


def _recover_segment(segment: SegmentFile) -> Recovered:
    """Sort the lines of one segment into whole and damaged, and give it its closed name."""
    stem = segment.path.name.removesuffix(OPEN)
    rows, torn = _damage(segment.path)
    if torn:
        torn_path = segment.path.with_name(stem + TORN)
        with open(torn_path, "wb", opener=_private) as file:
            file.writelines(torn)
        _rewrite(segment.path, segment.path.with_name(stem + _DRAFT))
    os.rename(segment.path, segment.path.with_name(stem + CLOSED))
    return Recovered(1, rows, len(torn), sum(map(len, torn)))


def _damage(path: Path) -> tuple[int, list[bytes]]:
    """How many whole rows a segment has, and its damaged lines."""
    rows, torn = 0, []
    with path.open("rb") as file:
        header = file.readline()
        tabs = header.count(b"\t")
        if not header.endswith(b"\n"):
            return 0, [header] if header else []
        for line in file:
            if _is_whole(line, tabs):
                rows += 1
            else:
                torn.append(line)
    return rows, torn


def _is_whole(line: bytes, tabs: int) -> bool:
    return line.endswith(b"\n") and line.count(b"\t") == tabs and b"\0" not in line


def _rewrite(path: Path, draft: Path) -> None:
    """The segment with its whole rows only, put in place in one step."""
    with path.open("rb") as old, open(draft, "wb", opener=_private) as new:
        header = old.readline()
        if header.endswith(b"\n"):
            tabs = header.count(b"\t")
            new.write(header)
            new.writelines(line for line in old if _is_whole(line, tabs))
        new.flush()
        os.fsync(new.fileno())
    os.rename(draft, path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
