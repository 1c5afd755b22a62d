"""Reading indicator lists from TOML or CSV, with every mistake of every file at once."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from difflib import get_close_matches
from importlib import resources
from typing import NamedTuple

from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.state.indicators import KINDS, Indicator
from tosqauyl.state.ranges import Pattern, parse_pattern
from tosqauyl.toml_text import Table, read_toml

FIELDS = ("id", "number", "kind", "expires", "source", "why")
"""Names of the fields, in TOML tables [[indicator]] and in the first line of a CSV file alike."""

KAZAKH_TIME = timezone(timedelta(hours=5))
"""Kazakhstan's one time zone since 1 March 2024: a date without a time ends with its day here."""

SHIPPED = "kz-protected.toml"
_REQUIRED = ("id", "number", "kind")
_UNCONFIRMED = "unconfirmed"


class _Entry(NamedTuple):
    """One entry as written: its fields, the line it begins at and the line of each field."""

    fields: Mapping[str, object]
    line: int
    lines: Mapping[str, int]
    confirmed: bool = True


def load_lists(files: Iterable[tuple[str, str]], *, unconfirmed: bool = False) -> list[Indicator]:
    """The indicators of lists given as (text, file name), in order; a name ending in .csv is read as CSV, else TOML.

    unconfirmed: also take the tables [[unconfirmed]], which are checked in any case.
    Raises FileMistakes with all mistakes of all files.
    """
    mistakes: list[Mistake] = []
    indicators: list[Indicator] = []
    seen: dict[str, str] = {}
    for text, file in files:
        read = _csv_entries if file.lower().endswith(".csv") else _toml_entries
        for entry in read(text, file, mistakes):
            found = _indicator(entry, file, seen, mistakes)
            if found and (entry.confirmed or unconfirmed):
                indicators.append(found)
    if mistakes:
        raise FileMistakes(mistakes)
    return indicators


def load_shipped(*, unconfirmed: bool = False) -> list[Indicator]:
    """The list of protected numbers that comes with Tosqauyl."""
    text = resources.files("tosqauyl.state").joinpath("data", SHIPPED).read_text("utf-8")
    return load_lists([(text, SHIPPED)], unconfirmed=unconfirmed)


def _toml_entries(text: str, file: str, mistakes: list[Mistake]) -> Iterator[_Entry]:
    """The tables [[indicator]] and [[unconfirmed]]. A syntax error is the only mistake that is seen of its file."""
    try:
        content, places = read_toml(text, file)
    except FileMistakes as error:
        mistakes.extend(error.mistakes)
        return
    for name, tables in content.items():
        mine = [table for table in places if table.name == name]
        line = mine[0].line if mine else places[0].line_of(name)
        if name not in ("indicator", _UNCONFIRMED):
            mistakes.append(Mistake(file, line, 0, f"{name!r} is not known here", "use [[indicator]]"))
        elif not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            mistakes.append(Mistake(file, line, 0, f"{name!r} is no list of tables", f"use [[{name}]]"))
        else:
            for place, table in enumerate(tables):
                where = mine[place] if place < len(mine) else Table(name, line)
                yield _Entry(
                    table, where.line, {key: found.line for key, found in where.keys.items()}, name != _UNCONFIRMED
                )


def _csv_entries(text: str, file: str, mistakes: list[Mistake]) -> Iterator[_Entry]:
    """The rows of a CSV file with a header line; comma or semicolon (as Excel writes it here)."""
    text = text.removeprefix("\ufeff")
    first = text.split("\n", 1)[0]
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",", strict=True
    )
    names: list[str] = []
    before = 0
    try:
        for row in rows:
            line, before = before + 1, rows.line_num
            if not any(cell.strip() for cell in row) or row[0].startswith("#"):
                continue
            if not names:
                names = [name.strip().lower() for name in row]
                if not _header_is_right(names, file, line, mistakes):
                    return
            elif len(row) != len(names):
                mistakes.append(
                    Mistake(file, line, 0, f"{len(row)} cells, the header has {len(names)}", "quote cells with commas")
                )
            else:
                cells = {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell.strip()}
                yield _Entry(cells, line, dict.fromkeys(names, line))
    except csv.Error as error:
        mistakes.append(Mistake(file, rows.line_num, 0, f"this is not CSV: {error}"))


def _header_is_right(names: list[str], file: str, line: int, mistakes: list[Mistake]) -> bool:
    wrong = [
        Mistake(file, line, 0, f"no column {name!r}", f"columns are {', '.join(FIELDS)}")
        for name in _REQUIRED
        if name not in names
    ]
    wrong += [
        Mistake(file, line, 0, f"column {name!r} is not known", _nearest(name, FIELDS))
        for name in names
        if name not in FIELDS
    ]
    mistakes.extend(wrong)
    return not wrong


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"one of {', '.join(names)}"


class _Check:
    """Checks one entry; `wrong` adds a mistake at the line of the field."""

    def __init__(self, entry: _Entry, file: str, mistakes: list[Mistake]) -> None:
        self.entry, self.file, self.mistakes = entry, file, mistakes
        self.fine = True

    def wrong(self, key: str, what: str, hint: str = "") -> None:
        self.fine = False
        self.mistakes.append(Mistake(self.file, self.entry.lines.get(key, self.entry.line), 0, what, hint))

    def text(self, key: str) -> str:
        """A text field, '' (with a mistake added) if it is wrong."""
        value = self.entry.fields.get(key, "")
        if not isinstance(value, str) or (key != "why" and not value.isprintable()):
            self.wrong(key, f"{key!r} is no plain text", "put it in quotes, on one line")
            return ""
        if key in _REQUIRED and not value.strip():
            self.wrong(key, f"{key!r} is missing")
        return value.strip()

    def kind(self) -> str:
        kind = self.text("kind")
        if kind and kind not in KINDS:
            self.wrong("kind", f"{kind!r} is no kind of indicator", _nearest(kind, KINDS))
        return kind

    def pattern(self) -> Pattern | None:
        text = self.text("number")
        try:
            return parse_pattern(text) if text else None
        except TosqauylError as error:
            self.wrong("number", error.what, error.hint)
            return None

    def expires(self) -> float | None:
        value = self.entry.fields.get("expires", "")
        try:
            return expiry(value)
        except (ValueError, OverflowError):
            self.wrong("expires", f"{value!r} is no date", "write 2026-12-31, or 2026-12-31T18:00:00+05:00")
            return None

    def id(self, seen: dict[str, str]) -> str:
        name = self.text("id")
        if name in seen:
            self.wrong("id", f"the id {name!r} is taken", f"by {seen[name]}")
        elif name:
            seen[name] = f"{self.file}:{self.entry.line}"
        return name


def _indicator(entry: _Entry, file: str, seen: dict[str, str], mistakes: list[Mistake]) -> Indicator | None:
    """One checked indicator; None, with the mistakes added, if anything is wrong with it."""
    check = _Check(entry, file, mistakes)
    for key in entry.fields:
        if key not in FIELDS:
            check.wrong(key, f"{key!r} is not known", _nearest(key, FIELDS))
    name, kind, pattern, expires = check.id(seen), check.kind(), check.pattern(), check.expires()
    source, why = check.text("source"), check.text("why")
    if not check.fine or pattern is None:
        return None
    return Indicator(name, kind, pattern, expires, source, why, file, entry.line)


def expiry(value: object) -> float | None:
    """Seconds since 1970 from which an entry no longer holds. '' is never; a date is the last day it holds, in
    Kazakhstan's time; a time without an offset is Kazakhstan's time. Raises ValueError."""
    if value == "":
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=KAZAKH_TIME)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value + timedelta(days=1), time.min, KAZAKH_TIME).timestamp()
    raise ValueError(value)
