"""Code lists as data: schemes of fraud, regions, when reports become one case, what the author of a report reads.

All of them are files of the package's `data` folder, read once a process and checked whole: a wrong file raises FileMistakes with
every mistake and its line.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.registry.shipped import Titles, shipped_text
from tosqauyl.registry.words import OBSERVABLES, REPORT_MOVES, REPORT_OUTCOMES
from tosqauyl.texts import LANGUAGES
from tosqauyl.toml_text import Table, read_toml

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,31}")
_TECHNIQUE = re.compile(r"[FT]\d{4}(\.\d{3})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme of fraud. source: who counts it so, with the date of the document; parent: the scheme that this class belongs to, ''
    for none; techniques: ids of MITRE F3."""

    slug: str
    source: str
    source_date: str
    parent: str
    techniques: tuple[str, ...]
    titles: Titles


@dataclass(frozen=True, slots=True)
class Schemes:
    """The code list. version: a date; framework: of the techniques."""

    version: str
    framework: str
    by_slug: Mapping[str, Scheme]


@dataclass(frozen=True, slots=True)
class Region:
    """A first-level region. code: of ISO 3166-2:KZ without 'KZ-'; kind: region or city."""

    code: str
    kind: str
    titles: Titles


@dataclass(frozen=True, slots=True)
class Linking:
    """When reports become one case. kinds: observables that join; reporters: how many different ones; window_days: how far back;
    look_back: latest reports of an observable that are looked at; due_business_days: of a proposed case."""

    kinds: frozenset[str]
    reporters: int
    window_days: int
    look_back: int
    due_business_days: int


class _Reading:
    """One file's values with the mistakes met."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.mistakes = file, list[Mistake]()
        self.values, found = read_toml(text, file)
        self._tables: dict[str, list[Table]] = {}
        for table in found:
            self._tables.setdefault(table.name, []).append(table)

    def rows(self, name: str) -> Iterable[tuple[int, dict[str, Any]]]:
        """(line, values) of every [[name]]."""
        found = self.values.get(name, [])
        if not isinstance(found, list) or not found:
            self.wrong(0, f"there is no [[{name}]]")
            return ()
        return [(table.line, row) for table, row in zip(self._tables[name], found, strict=True)]

    def text(self, line: int, row: Mapping[str, Any], key: str, form: re.Pattern[str] | None = None) -> str:
        """A text that must be there."""
        value = row.get(key)
        if not isinstance(value, str) or (form is not None and not form.fullmatch(value)):
            self.wrong(line, f"{key}: {value!r} is not what stands here")
            return ""
        return value

    def number(self, key: str) -> int:
        """A whole number above 0 that must be there."""
        value = self.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        self.wrong(0, f"{key}: a whole number above 0 stands here")
        return 1

    def texts(self, line: int, row: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """A list of texts that must be there, perhaps empty."""
        value = row.get(key)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self.wrong(line, f"{key}: a list of texts stands here")
        return ()

    def titles(self, line: int, row: Mapping[str, Any]) -> Titles:
        """All languages."""
        found = {language: self.text(line, row, language) for language in LANGUAGES}
        if not all(text.strip() for text in found.values()):
            self.wrong(line, f"a text is missing: one each for {', '.join(LANGUAGES)}")
        return MappingProxyType(found)

    def wrong(self, line: int, what: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self.file, line, 0, what))

    def done(self) -> None:
        """Raise FileMistakes if there was any."""
        if self.mistakes:
            raise FileMistakes(self.mistakes)


def read_schemes(text: str, file: str = "schemes.toml") -> Schemes:
    """The schemes of a file. Raises FileMistakes."""
    reading = _Reading(text, file)
    dates = {
        reading.text(line, row, "slug", _SLUG): reading.text(line, row, "date", _DAY)
        for line, row in reading.rows("source")
    }
    found: dict[str, Scheme] = {}
    for line, row in reading.rows("scheme"):
        slug, source = reading.text(line, row, "slug", _SLUG), reading.text(line, row, "source")
        if slug in found or source not in dates:
            reading.wrong(line, f"{slug}: it is there twice, or its source {source!r} is none of the file's")
        techniques = reading.texts(line, row, "f3")
        if not all(_TECHNIQUE.fullmatch(one) for one in techniques):
            reading.wrong(line, f"{slug}: f3 has what is no id of a technique")
        parent = reading.text(line, row, "parent")
        found[slug] = Scheme(slug, source, dates.get(source, ""), parent, techniques, reading.titles(line, row))
        if parent and (parent not in found or found[parent].parent):
            reading.wrong(line, f"{slug}: its parent {parent!r} must stand above it and have no parent")
    version = reading.text(0, reading.values, "version", _DAY)
    framework = reading.text(0, reading.values, "framework")
    reading.done()
    return Schemes(version, framework, MappingProxyType(found))


def read_regions(text: str, file: str = "regions.toml") -> Mapping[str, Region]:
    """Code -> region. Raises FileMistakes."""
    reading, found = _Reading(text, file), dict[str, Region]()
    for line, row in reading.rows("region"):
        code = reading.text(line, row, "code", re.compile(r"\d\d"))
        if code in found or row.get("kind") not in ("region", "city"):
            reading.wrong(line, f"{code}: it is there twice, or is neither region nor city")
        found[code] = Region(code, str(row.get("kind")), reading.titles(line, row))
    reading.done()
    return MappingProxyType(found)


def read_linking(text: str, file: str = "linking.toml") -> Linking:
    """When reports become one case. Raises FileMistakes."""
    reading = _Reading(text, file)
    kinds = reading.texts(0, reading.values, "kinds")
    if unknown := set(kinds) - set(OBSERVABLES):
        reading.wrong(0, f"kinds: {', '.join(sorted(unknown))} is no kind of observable")
    whole = [reading.number(key) for key in ("reporters", "window_days", "look_back", "due_business_days")]
    reading.done()
    return Linking(frozenset(kinds), *whole)


def read_progress(text: str, file: str = "progress.toml") -> Mapping[str, Titles]:
    """State, or 'closed-' and an outcome -> what the author of a report reads. Raises FileMistakes."""
    reading = _Reading(text, file)
    needed = (*REPORT_MOVES, *(f"closed-{outcome}" for outcome in REPORT_OUTCOMES if outcome))
    found = {name: reading.titles(0, reading.values.get(name, {})) for name in needed}
    reading.done()
    return MappingProxyType(found)


@cache
def schemes() -> Schemes:
    """The shipped schemes."""
    return read_schemes(shipped_text("schemes.toml"))


@cache
def regions() -> Mapping[str, Region]:
    """The shipped regions."""
    return read_regions(shipped_text("regions.toml"))


@cache
def linking() -> Linking:
    """The shipped rules of linking."""
    return read_linking(shipped_text("linking.toml"))


@cache
def progress() -> Mapping[str, Titles]:
    """The shipped words for authors of reports."""
    return read_progress(shipped_text("progress.toml"))
