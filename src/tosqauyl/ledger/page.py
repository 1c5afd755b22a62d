"""One HTML file that needs nothing else: a page of headings, figures, tables and pictures, every word given by the caller.

The page may do nothing: no script, no address outside, and a content policy that names its one style sheet by hash. What comes
from outside (names of carriers, trunks, rules) is escaped by the template engine; pictures are our own SVG (charts.py).
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

Lines = tuple[tuple[str, str], ...]
"""(what, text) each: definition, window, unit, source ..."""


@dataclass(frozen=True, slots=True)
class Card:
    """A headline figure. known: whether it could be computed. lines: what makes it a figure; more: what is shown on demand."""

    name: str
    value: str
    unit: str
    known: bool
    lines: Lines
    more: Lines
    query: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table. The first column is text, the others are figures unless `texts` says that all are text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page. slug: its anchor. lead: its finding in a sentence. svg: a picture (charts.render), b'' for none.

    folded: whether the tables are shown on demand only, because they are long.
    """

    slug: str
    title: str
    lead: str = ""
    svg: bytes = b""
    tables: tuple[Table, ...] = ()
    lines: Lines = ()
    query: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the frame: of the list of parts, of what is folded away, and of the line at the end."""

    contents: str
    details: str
    table: str
    query: str
    made: str


@dataclass(frozen=True, slots=True)
class Page:
    """The whole. language: ISO 639-1. lines: what holds for all of it. warnings: what must not be overlooked."""

    language: str
    title: str
    subtitle: str
    lines: Lines
    warnings: tuple[str, ...]
    cards: tuple[Card, ...]
    sections: tuple[Section, ...]
    words: Words


def render(page: Page) -> str:
    """The HTML file. The same page gives the same text."""
    style = _text("report.css")
    policy = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    pictures = {one.slug: Markup(one.svg.decode()) for one in page.sections}  # noqa: S704 - made by charts.py, text escaped there
    return _template().render(page=page, style=Markup(style), policy=policy, pictures=pictures) + "\n"  # noqa: S704 - our own file


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("report.html"))


def _text(name: str) -> str:
    return (files("tosqauyl.ledger") / "templates" / name).read_text(encoding="utf-8")
