"""Following the journal while it is written."""

from pathlib import Path
from typing import BinaryIO

from tosqauyl.journal.naming import SegmentFile, open_segment, segment_files
from tosqauyl.journal.segment import Row, read_line


class Tail:
    """Follows a journal folder from segment to segment; each `read` gives the rows that came since the last one.

    Only whole lines are taken, so a batch that is being written, or one that is cut back after a failed write, is never
    seen in part. from_start: begin with the oldest segment instead of the end of the newest. Not thread-safe.
    """

    def __init__(self, folder: Path, *, from_start: bool = False) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._sequence = 0
        self._names: list[str] = []
        self.unreadable_rows = 0
        if not from_start:
            self._go_to_end()

    def read(self, limit: int = 10_000) -> list[Row]:
        """The next rows, at most `limit`; [] where nothing came. Raises nothing but OSError of the folder itself."""
        rows: list[Row] = []
        while len(rows) < limit:
            line = self._line()
            if not line:
                # Look for a newer segment first and for rows in this one again: a segment with a successor is complete.
                later = self._later()
                line = self._line()
                if not line:
                    if later is None or not self._open(later):
                        break
                    continue
            self._take(line, rows)
        return rows

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _take(self, line: bytes, rows: list[Row]) -> None:
        if not self._names:
            self._names = line[:-1].decode("utf-8", "replace").split("\t")
            return
        row = read_line(self._names, line)
        if row is None:
            self.unreadable_rows += 1
        else:
            rows.append(row)

    def _line(self) -> bytes:
        """The next whole line, b'' where there is none yet."""
        if not self._file:
            return b""
        place = self._file.tell()
        line = self._file.readline()
        if line.endswith(b"\n"):
            return line
        self._file.seek(place)
        return b""

    def _later(self) -> SegmentFile | None:
        """The segment after this one, if there is one."""
        return next((found for found in segment_files(self._folder) if found.sequence > self._sequence), None)

    def _open(self, segment: SegmentFile) -> bool:
        """Go to the start of a segment; False if it was removed in between."""
        try:
            file = open_segment(segment.path)
        except FileNotFoundError:
            return False
        self.close()
        self._file, self._sequence, self._names = file, segment.sequence, []
        return True

    def _go_to_end(self) -> None:
        found = segment_files(self._folder)
        if found and self._open(found[-1]) and self._file:
            header = self._line()
            if header:
                self._names = header[:-1].decode("utf-8", "replace").split("\t")
                self._skip_rows(self._file)

    @staticmethod
    def _skip_rows(file: BinaryIO) -> None:
        """Go behind the last whole row."""
        place = file.tell()
        for line in file:
            if line.endswith(b"\n"):
                place += len(line)
        file.seek(place)
