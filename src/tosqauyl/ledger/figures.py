"""A figure and what makes it one: value, unit, definition, window, source, revision, and the query it came from.

A number without these is not printed. Figures of different units or definitions are never added: 66.9 million attempts and
66.9 million people are not the same news.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from enum import StrEnum
from functools import reduce
from operator import add
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.window import Window


class Unit(StrEnum):
    """What is counted."""

    ATTEMPTS = "attempts"
    """Call attempts: every INVITE that was judged, repetitions of one INVITE not counted."""
    CALLS = "calls"
    """Distinct calls: attempts of one number to another, each within ten minutes of the one before, are one call."""
    CALLING_NUMBERS = "calling-numbers"
    CALLED_NUMBERS = "called-numbers"
    CARRIERS = "carriers"
    SHARE = "share"
    """A part of a whole, 0 to 1."""
    SECONDS = "seconds"
    PER_SECOND = "per-second"
    """Attempts per second."""
    PER_DAY = "per-day"
    """Attempts per 24 hours."""


SUMMABLE = (Unit.ATTEMPTS, Unit.CALLS)
"""Units whose figures of different sources may be added; a number can be in two ledgers, an attempt cannot."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. definition: slug of DEFINITIONS. value: None where it is not computable, and `missing` then names the
    columns that the source does not have; None with nothing missing: there was nothing to count (no row in the window, or
    nothing to divide by). sources: whose ledgers. revision: of the ledger. sql: the query, as it was run. of: how many attempts a
    share or a mean is of; 0 for a count. gaps: (first, last) local days of which the ledger has no row at all. removed: on how
    many days calls were removed, so that only their counts were there to be added."""

    definition: str
    unit: Unit
    value: float | int | None
    window: Window
    sources: tuple[str, ...]
    revision: str
    sql: str = field(repr=False)
    missing: tuple[str, ...] = ()
    of: int = 0
    gaps: tuple[tuple[date, date], ...] = ()
    removed: int = 0

    def __add__(self, other: "Figure") -> "Figure":
        """The sum of two sources' figures. Raises TosqauylError unless unit, definition and window are the same, the sources
        different, and both computable."""
        for what, ours, theirs in (
            ("units", self.unit, other.unit),
            ("definitions", self.definition, other.definition),
            ("windows", self.window, other.window),
        ):
            if ours != theirs:
                given = " and ".join(_words(one) for one in (ours, theirs))
                raise TosqauylError(f"figures of different {what} are not added: {given}", "sum")
        if self.unit not in SUMMABLE:
            raise TosqauylError(f"figures of the unit {self.unit} are not added: their parts may overlap", "sum")
        if set(self.sources) & set(other.sources):
            both = ", ".join(sorted(set(self.sources) & set(other.sources)))
            raise TosqauylError(f"the figures count the same source twice: {both}", "sum")
        if self.value is None or other.value is None:
            raise TosqauylError("a figure that is not computable cannot be added", "sum")
        return replace(
            self,
            value=self.value + other.value,
            sources=(*self.sources, *other.sources),
            revision=f"{self.revision}+{other.revision}",
            gaps=tuple(sorted({*self.gaps, *other.gaps})),
            removed=max(self.removed, other.removed),
        )


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Figures of one definition by the values of a dimension (day, reason, carrier, ...), and over all of them.

    rows: (value of the dimension as text, figure), in the order they are to be shown; '' is "none or unknown". total is counted
    on its own, not added up: numbers may occur under several values. A day (`2025-01-31`) or an hour (`2025-01-31 23`) without any
    row at all has no entry; one with rows of which none counts has 0. left_out: how many values a limit left out; rest: their
    sum, None where the unit is not one to be added.
    """

    dimension: str
    rows: tuple[tuple[str, float | int], ...]
    total: Figure
    left_out: int = 0
    rest: float | int | None = None


FORMAT = 1
"""Of figures as JSON."""


def plain(value: Any) -> Any:
    """Figures, breakdowns, windows and the like as what JSON can hold; days as text, a window with its days besides its seconds."""
    if isinstance(value, Window):
        days = {"from": value.first_day.isoformat(), "to": value.last_day.isoformat()}
        return {**days, "zone": value.zone, "first": value.first, "end": value.end}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, StrEnum) else value


def figure_from(content: Any, where: str) -> Figure:
    """A figure that was exported as JSON, alone or as the total of a breakdown. where: its file, for the message.

    Raises TosqauylError where it is none.
    """
    try:
        taken = content.get("total", content)
        if content["format"] != FORMAT:
            raise TosqauylError(f"figures of format {content['format']} cannot be read, only {FORMAT}", where)
        window = taken["window"]
        return Figure(
            definition=str(taken["definition"]),
            unit=Unit(taken["unit"]),
            value=_number(taken["value"]),
            window=Window(float(window["first"]), float(window["end"]), str(window["zone"])),
            sources=tuple(map(str, taken["sources"])),
            revision=str(taken["revision"]),
            sql=str(taken["sql"]),
            missing=tuple(map(str, taken["missing"])),
            of=int(taken["of"]),
            gaps=tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in taken["gaps"]),
            removed=int(taken["removed"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"this is no figure of tosqauyl stats --json: {error!r}"
        raise TosqauylError(what, where, "tosqauyl stats NAME --json --out FILE writes one") from error


def sum_of(figures: Sequence[Figure]) -> Figure:
    """The sum of several sources' figures. Raises TosqauylError as `+` does, and for no figure at all."""
    if not figures:
        raise TosqauylError("there is no figure to add", "sum", "tosqauyl stats sum FILE FILE ...")
    return reduce(add, figures)


def _words(value: object) -> str:
    if isinstance(value, Window):
        return f"{value.first_day} to {value.last_day} ({value.zone})"
    return str(value)


def _number(value: object) -> float | int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{value!r} is no number")
    return value
