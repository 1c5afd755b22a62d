"""What could not be taken: one row each with file, line, column, reason and text, numbers masked; in a CSV file, and counted."""

import csv
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.tokens import mask

COLUMNS = ("file", "line", "what", "column", "reason", "text")
ROW, CELL = "row", "cell"
"""What was left out: the whole row, or one cell of a row that was taken."""
_NUMBER = re.compile(r"\+?[0-9]{7,}")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing left out. line: from 1, a packet's number in captures. what: row or cell. column: '' where it is none's fault.

    reason: a short sentence. text: as it stood there; masked when it is written.
    """

    line: int
    what: str
    column: str
    reason: str
    text: str


def masked_text(text: str) -> str:
    """The text with every run of seven digits or more masked, printable, at most 500 characters."""
    shown = _NUMBER.sub(lambda found: mask(found[0]), text[: 4 * _LONGEST])[:_LONGEST]
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in shown)


class RejectFile:
    """The CSV file of rejects, appended to (0600); without a path they are only counted, by what and reason."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.counts: Counter[tuple[str, str]] = Counter()
        if path is not None:
            self._append([] if path.exists() and path.stat().st_size else [COLUMNS])

    def add(self, file: str, rejects: list[Reject]) -> None:
        """Write them down at once, so that they are there before the batch is. Raises TosqauylError."""
        self.counts.update((one.what, one.reason) for one in rejects)
        if self.path is not None and rejects:
            self._append([(file, one.line, one.what, one.column, one.reason, masked_text(one.text)) for one in rejects])

    def _append(self, rows: Sequence[Sequence[object]]) -> None:
        path = self.path
        if path is None:
            return
        try:
            with open(path, "a", encoding="utf-8", newline="", opener=_private) as out:
                csv.writer(out).writerows(rows)
        except OSError as error:
            raise TosqauylError(f"the rejects cannot be written: {error.strerror}", str(path)) from error


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
