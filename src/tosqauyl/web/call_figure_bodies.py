"""Answers of the routes of figures of calls: each with its definition, window, unit, source, revision and query."""

from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS, Definition, Dimension
from tosqauyl.ledger.texts import DISPLACED_IS_NOT, DISPLACEMENT_UNIT, GROUPS, SCORECARD, SCORECARD_UNIT, UNITS
from tosqauyl.ledger.window import Window
from tosqauyl.ledger.wording import figure_text, finding_text, window_text
from tosqauyl.texts import LANGUAGES, PAGES, Texts
from tosqauyl.web.bodies import TitlesOut

if TYPE_CHECKING:
    from tosqauyl.ledger.displacement import Displacement, Movement
    from tosqauyl.ledger.figures import Breakdown, Figure
    from tosqauyl.ledger.scorecard import Card, Scorecard

CallFigure = Literal[
    "attempts", "stopped", "would-stop", "marked", "withheld", "diverted", "passed", "failed-open", "calls", "stopped-calls",
    "calling-numbers", "calling-numbers-stopped", "protected-numbers", "stopped-share", "stopped-per-second", "stopped-per-day",
    "false-stops", "false-stop-share", "corrected-stops", "answered-share", "mean-duration",
]  # fmt: skip
"""As ledger/definitions.py has them; a test holds both together."""
CallDimension = Literal[
    "day", "hour", "reason", "rule", "trunk", "carrier", "country", "operator", "verdict", "kind", "origin", "class",
]  # fmt: skip
Party = Literal["carrier", "trunk"]


class CallDefinitionOut(BaseModel):
    """What a figure of calls counts. unit: for programs; is_not: what it must not be taken for."""

    slug: str
    unit: str
    unit_name: TitlesOut
    name: TitlesOut
    text: TitlesOut
    is_not: TitlesOut


class DimensionOut(BaseModel):
    """What figures can be broken down by."""

    slug: str
    name: TitlesOut


class LedgerOut(BaseModel):
    """What the ledger has. first, last: days of its calls, null where it has none."""

    first: date | None
    last: date | None
    definitions: list[CallDefinitionOut]
    dimensions: list[DimensionOut]


class CallWindowOut(BaseModel):
    """Days from the first to the last, both counted, of a time zone. text: the same for people."""

    first: date
    last: date
    zone: str
    text: TitlesOut


class GapOut(BaseModel):
    """Days that follow each other and of which the ledger has no call."""

    first: date
    last: date


class CallFigureOut(BaseModel):
    """A figure. value: null where it is not computable; said: how it is read out, or why it is not computable; of: how many
    attempts a share or mean is of, 0 for a count; sources: whose calls; revision: of the ledger; query: as it was run; missing:
    columns that the ledger does not have; removed: on how many days calls were removed, so that only their counts were added."""

    definition: CallDefinitionOut
    window: CallWindowOut
    value: int | float | None
    said: TitlesOut
    of: int
    sources: list[str]
    revision: str
    query: str
    missing: list[str]
    gaps: list[GapOut]
    removed: int


class PartOut(BaseModel):
    """key: a value of the dimension, '' none or unknown."""

    key: str
    value: int | float


class CallBreakdownOut(BaseModel):
    """A figure by the values of a dimension, the largest first; days and hours in their order. total: counted by itself, not added
    up; left_out: how many values a limit left out; rest: their sum, null where they cannot be added; query: of the parts."""

    by: DimensionOut
    total: CallFigureOut
    parts: list[PartOut]
    left_out: int
    rest: int | float | None
    query: str


class TermOut(BaseModel):
    """A word of a table, and what it counts."""

    slug: str
    name: TitlesOut
    text: TitlesOut


class SharesOut(BaseModel):
    """Parts of all attempts, 0 to 1 (short: of the answered ones); null where they are not computable."""

    stopped: float | None
    suspect: float | None
    marked: float | None
    no_number: float | None
    kazakh: float | None
    short: float | None


class CardOut(BaseModel):
    """One carrier or trunk. name: '' none or unknown; rank: 1 is the worst, 0 where nothing can be said; before: attempts in the
    window before, null where the ledger has none of it; trend: attempts by those before; the others: counts of attempts, null
    where they are not computable; callers, callees: different numbers; callers_per_callee: from how many one was called, on
    average; these and answered, short: null without `every_call`."""

    name: str
    rank: int
    attempts: int
    before: int | None
    trend: float | None
    stopped: int | None
    suspect: int | None
    marked: int | None
    no_number: int | None
    kazakh: int | None
    callers: int | None
    callees: int | None
    answered: int | None
    short: int | None
    callers_per_callee: float | None
    shares: SharesOut


class ScorecardOut(BaseModel):
    """Every carrier or trunk, the worst first. terms: what the columns count; previous: the window of the trend; missing: columns
    that were not recorded; gaps, previous_gaps: days without any call; every_call: whether every call was looked at."""

    party: Party
    unit: TitlesOut
    terms: list[TermOut]
    window: CallWindowOut
    previous: CallWindowOut
    cards: list[CardOut]
    sources: list[str]
    revision: str
    query: str
    missing: list[str]
    gaps: int
    previous_gaps: int
    every_call: bool


class MovementOut(BaseModel):
    """A group before and after, in attempts a day. name: null for a country or carrier, which is its key; ratio: after by before,
    null where there was nothing before; before_count, after_count: attempts altogether."""

    key: str
    name: TitlesOut | None
    before: float
    after: float
    change: float
    ratio: float | None
    before_count: int
    after_count: int


class DisplacementOut(BaseModel):
    """What happened around a day. rule: that went live, '' where a day was given; said: the finding in a sentence; is_not: what it
    must not be taken for; countries, carriers: foreign numbers that moved most; gaps_before, gaps_after: days without any call."""

    rule: str
    day: date
    finding: Literal["displaced", "foreign-rose", "fell", "unchanged", "not-computable"]
    said: TitlesOut
    is_not: TitlesOut
    unit: TitlesOut
    before: CallWindowOut
    after: CallWindowOut
    groups: list[MovementOut]
    countries: list[MovementOut]
    carriers: list[MovementOut]
    sources: list[str]
    revision: str
    query: str
    missing: list[str]
    gaps_before: int
    gaps_after: int


def call_definition_out(one: Definition) -> CallDefinitionOut:
    """A definition with its words."""
    return CallDefinitionOut(
        slug=one.slug, unit=str(one.unit), unit_name=titles(UNITS[str(one.unit)]), name=titles(one.name), text=titles(one.text),
        is_not=titles(one.is_not),
    )  # fmt: skip


def dimension_out(one: Dimension) -> DimensionOut:
    """A dimension with its name."""
    return DimensionOut(slug=one.slug, name=titles(one.name))


def call_window_out(window: Window) -> CallWindowOut:
    """A window with its words."""
    text = in_languages(lambda t: window_text(window, t))
    return CallWindowOut(first=window.first_day, last=window.last_day, zone=window.zone, text=text)


def call_figure_out(one: "Figure") -> CallFigureOut:
    """A figure with everything that makes it one."""
    return CallFigureOut(
        definition=call_definition_out(DEFINITIONS[one.definition]), window=call_window_out(one.window), value=one.value,
        said=in_languages(lambda t: figure_text(one, t)), of=one.of, sources=list(one.sources), revision=one.revision,
        query=one.sql, missing=list(one.missing), gaps=[GapOut(first=first, last=last) for first, last in one.gaps],
        removed=one.removed,
    )  # fmt: skip


def call_breakdown_out(parts: "Breakdown", query: str) -> CallBreakdownOut:
    """A breakdown with its total."""
    return CallBreakdownOut(
        by=dimension_out(DIMENSIONS[parts.dimension]), total=call_figure_out(parts.total),
        parts=[PartOut(key=key, value=value) for key, value in parts.rows], left_out=parts.left_out, rest=parts.rest, query=query,
    )  # fmt: skip


def scorecard_out(found: "Scorecard", query: str) -> ScorecardOut:
    """A scorecard with what its columns count."""
    terms = [
        TermOut(slug=slug, name=titles(name), text=titles(text))
        for slug, (name, text) in SCORECARD.items()
        if found.every_call or slug != "short"
    ]
    return ScorecardOut(
        party=found.party, unit=titles(SCORECARD_UNIT), terms=terms, window=call_window_out(found.window),  # type: ignore[arg-type]
        previous=call_window_out(found.previous), cards=[_card_out(one) for one in found.cards], sources=list(found.sources),
        revision=found.revision, query=query, missing=list(found.missing), gaps=found.gaps, previous_gaps=found.previous_gaps,
        every_call=found.every_call,
    )  # fmt: skip


def displacement_out(found: "Displacement", query: str) -> DisplacementOut:
    """A displacement with its finding in words."""
    return DisplacementOut(
        rule=found.rule, day=found.day, finding=str(found.finding), said=in_languages(lambda t: finding_text(found, t)),  # type: ignore[arg-type]
        is_not=titles(DISPLACED_IS_NOT), unit=titles(DISPLACEMENT_UNIT), before=call_window_out(found.before),
        after=call_window_out(found.after), groups=_movements(found.groups, True), countries=_movements(found.countries),
        carriers=_movements(found.carriers), sources=list(found.sources), revision=found.revision, query=query,
        missing=list(found.missing), gaps_before=found.gaps_before, gaps_after=found.gaps_after,
    )  # fmt: skip


def titles(text: str) -> TitlesOut:
    """A marked text in all languages."""
    return in_languages(lambda t: t(text))


@cache
def _languages() -> tuple[Texts, ...]:
    return tuple(Texts(one, PAGES) for one in LANGUAGES)


def in_languages(say: Callable[[Texts], str]) -> TitlesOut:
    """What is said in each language."""
    return TitlesOut(**{t.language: say(t) for t in _languages()})


def _card_out(card: "Card") -> CardOut:
    now = card.now
    counts = {name: getattr(now, name) for name in _COUNTS}
    shares = {name: now.share(name) for name in SharesOut.model_fields}
    return CardOut(
        name=card.name, rank=card.rank, attempts=now.attempts, before=card.before, trend=card.trend,
        **counts, callers_per_callee=now.callers_per_callee, shares=SharesOut(**shares),
    )  # fmt: skip


_COUNTS = ("stopped", "suspect", "marked", "no_number", "kazakh", "callers", "callees", "answered", "short")


def _movements(found: "Iterable[Movement]", are_groups: bool = False) -> list[MovementOut]:
    return [
        MovementOut(
            key=one.group if are_groups else one.value, name=titles(GROUPS[one.group]) if are_groups else None,
            before=one.before, after=one.after, change=one.change, ratio=one.ratio, before_count=one.before_count,
            after_count=one.after_count,
        )
        for one in found
    ]  # fmt: skip
