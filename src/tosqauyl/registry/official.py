"""Figures that others published, taken from CSV files and shown beside the registry's own, never added to them.

    source,measure,region,first_day,last_day,published,value,url,note_kk,note_ru,note_en

measure: of data/official.toml, which says the unit; first_day, last_day: of the window, '' where nobody said; published: a day, a
month or a year, the cut-off behind which nothing was known. A figure that was corrected is another one, with its own date of
publication. All mistakes of a file are told at once, and then nothing of it is taken; a file that is taken again changes nothing.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from uuid import UUID

from sqlalchemy import select

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.registry.csv_rows import BadRow, Form, Row, examine, rows
from tosqauyl.registry.protection import is_storable
from tosqauyl.registry.shipped import Titles, shipped, shipped_text, titles
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import OfficialFigure
from tosqauyl.registry.taxonomy import regions
from tosqauyl.registry.tenancy import newest
from tosqauyl.texts import LANGUAGES

SEED = "official.csv"
NEEDED = ("source", "measure", "published", "value")
COLUMNS = (
    "source",
    "measure",
    "region",
    "first_day",
    "last_day",
    "published",
    "value",
    "url",
    *(f"note_{one}" for one in LANGUAGES),
)
MOST_ROWS = 10_000
MOST_VALUE = 10**15
MOST_SOURCE, MOST_URL, MOST_NOTE = 200, 2_000, 1_000
"""Characters."""
MOST_MISTAKES = 500
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PUBLISHED = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)
_VALUE = re.compile(r"\d{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file. taken: figures that are new; known: those that were there."""

    taken: int
    known: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure with its words. source: who published it, as a file names it where data/official.toml has no other name; note:
    what its source says of it, by language; '' where it says nothing."""

    figure: OfficialFigure
    source: Titles
    measure: Titles
    unit: Titles
    note: Titles


def import_figures(work: Work, text: str, name: str = "figures.csv") -> Imported:
    """Take the figures of a CSV file's text. Raises FileMistakes with every mistake and its line, Invalid where it is no
    such file."""
    file = io.BytesIO(text.encode("utf-8", "surrogatepass"))
    form = examine(file)
    mistakes = [*_column_mistakes(form, name)]
    found: dict[tuple[str, ...], tuple[int, dict[str, str]]] = {}
    for row in rows(file, form) if not mistakes else ():
        mistakes += _take(row, form, name, found)
        if len(found) > MOST_ROWS or len(mistakes) > MOST_MISTAKES:
            mistakes.append(Mistake(name, row.line, 0, "there is too much; the rest was not read"))
            break
    known = _known(work)
    for key, (line, values) in found.items():
        if key in known and known[key] != int(values["value"]):
            hint = "a correction has its own date of publication"
            mistakes.append(Mistake(name, line, 0, "this figure is there with another value", hint))
    if mistakes:
        raise FileMistakes(mistakes)
    new = {key: values for key, (_, values) in found.items() if key not in known}
    work.db.add_all(_figure(work, values) for values in new.values())
    work.db.flush()
    if new:
        work.note("import", "official-figures", name, f"{len(new)} new, {len(found) - len(new)} known")
    return Imported(len(new), len(found) - len(new))


def seed(work: Work) -> Imported:
    """Take the shipped figures: what was published of stopped calls in Kazakhstan from 2023 to January 2026."""
    return import_figures(work, shipped_text(SEED), SEED)


def search(work: Work, measure: str, cursor: UUID | None, limit: int) -> list[Shown]:
    """Up to limit + 1 figures, the latest taken first. measure: '' for all. They belong to no tenant."""
    chosen = select(OfficialFigure)
    if measure:
        chosen = chosen.where(OfficialFigure.measure == measure)
    return [shown(one) for one in work.db.scalars(newest(chosen, OfficialFigure.id, cursor, limit))]


def shown(figure: OfficialFigure) -> Shown:
    """A figure with its words."""
    note = json.loads(figure.note) if figure.note else dict.fromkeys(LANGUAGES, "")
    source = _texts("sources").get(figure.source) or dict.fromkeys(LANGUAGES, figure.source)
    return Shown(figure, source, measures()[figure.measure], _texts("units")[figure.unit], note)


@cache
def measures() -> Mapping[str, Titles]:
    """The measures by slug."""
    return _texts("measures")


def never_added() -> Titles:
    """The sentence that goes with them."""
    return titles(shipped("official.toml")["never-added"], "official.toml")


@cache
def _texts(table: str) -> Mapping[str, Titles]:
    return {
        slug: titles(row, f"official.toml: {table}.{slug}") for slug, row in shipped("official.toml")[table].items()
    }


def _column_mistakes(form: Form, name: str) -> Iterator[Mistake]:
    for column in NEEDED:
        if column not in form.columns:
            yield Mistake(name, 1, 0, f"the column {column} is missing", f"columns: {', '.join(COLUMNS)}")
    for column in form.columns:
        if column not in COLUMNS:
            yield Mistake(name, 1, 0, "there is a column that is not known", f"columns: {', '.join(COLUMNS)}")


def _take(
    row: Row | BadRow, form: Form, name: str, found: dict[tuple[str, ...], tuple[int, dict[str, str]]]
) -> list[Mistake]:
    """The mistakes of a row; without any it is put to the others."""
    if isinstance(row, BadRow):
        return [Mistake(name, row.line, 0, row.what)]
    values = dict.fromkeys(COLUMNS, "") | dict(zip(form.columns, (one.strip() for one in row.fields), strict=True))
    mistakes = [Mistake(name, row.line, 0, what) for what in (*_wrong_words(values), *_wrong_days(values))]
    key = _key(values)
    if not mistakes and key in found:
        return [Mistake(name, row.line, 0, f"the same figure stands in line {found[key][0]}")]
    if not mistakes:
        found[key] = row.line, values
    return mistakes


def _wrong_words(values: Mapping[str, str]) -> Iterator[str]:
    if not values["source"]:
        yield "source: who published it"
    if values["measure"] not in measures():
        yield f"measure: one of {', '.join(measures())}"
    if values["region"] and values["region"] not in regions():
        yield "region: a code of ISO 3166-2:KZ without 'KZ-', or nothing"
    if not _VALUE.fullmatch(values["value"]) or int(values["value"]) > MOST_VALUE:
        yield f"value: digits, at most {MOST_VALUE}"
    if values["url"] and not values["url"].startswith(("https://", "http://")):
        yield "url: begins with https:// or http://, or nothing"
    notes = {f"note_{one}": MOST_NOTE for one in LANGUAGES}
    for column, most in ({"source": MOST_SOURCE, "url": MOST_URL} | notes).items():
        if len(values[column]) > most or not is_storable(values[column]):
            yield f"{column}: at most {most} characters, no control characters"
    if 0 < sum(bool(values[column]) for column in notes) < len(notes):
        yield f"notes: none, or one each for {', '.join(LANGUAGES)}"


def _wrong_days(values: Mapping[str, str]) -> Iterator[str]:
    first, last, published = values["first_day"], values["last_day"], values["published"]
    for column in ("first_day", "last_day"):
        if values[column] and not (_DAY.fullmatch(values[column]) and _is_day(values[column])):
            yield f"{column}: a day such as 2025-08-22, or nothing where nobody said"
    whole = published + {4: "-01-01", 7: "-01"}.get(len(published), "")
    if not _PUBLISHED.fullmatch(published) or not _is_day(whole):
        yield "published: a day, a month or a year, such as 2025-08-22, 2025-08 or 2025"
    if first and last and first > last:
        yield "first_day: it comes after last_day"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _key(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(values[one] for one in ("source", "measure", "region", "first_day", "last_day", "published"))


def _known(work: Work) -> dict[tuple[str, ...], int]:
    chosen = select(
        OfficialFigure.source, OfficialFigure.measure, OfficialFigure.region, OfficialFigure.first_day, OfficialFigure.last_day,
        OfficialFigure.published, OfficialFigure.value,
    )  # fmt: skip
    return {tuple(row[:-1]): row[-1] for row in work.db.execute(chosen)}


def _figure(work: Work, values: Mapping[str, str]) -> OfficialFigure:
    notes = {one: values[f"note_{one}"] for one in LANGUAGES}
    kept = {one: values[one] for one in ("source", "measure", "region", "first_day", "last_day", "published", "url")}
    return OfficialFigure(
        id=work.new_id(), **kept, unit=shipped("official.toml")["measures"][values["measure"]]["unit"],
        value=int(values["value"]), note=json.dumps(notes, ensure_ascii=False) if any(notes.values()) else "",
    )  # fmt: skip
