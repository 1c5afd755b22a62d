"""A figure and what makes it one: value, unit, definition, window, source, revision, and the query it came from.

A number without these is not printed. Figures of different units or definitions are never added: 66.9 million attempts and
66.9 million people are not the same news.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

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


SUMMABLE = (Unit.ATTEMPTS, Unit.CALLS)
"""Units whose figures of different sources may be added; a number can be in two ledgers, an attempt cannot."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. definition: slug of DEFINITIONS. value: None where it is not computable, and `missing` then names the
    columns that the source does not have. sources: whose ledgers. revision: of the ledger. sql: the query, as it was run."""

    definition: str
    unit: Unit
    value: float | int | None
    window: Window
    sources: tuple[str, ...]
    revision: str
    sql: str = field(repr=False)
    missing: tuple[str, ...] = ()

    def __add__(self, other: "Figure") -> "Figure":
        """The sum of two sources' figures. Raises TosqauylError unless unit, definition and window are the same, the sources
        different, and both computable."""
        for what, ours, theirs in (
            ("units", self.unit, other.unit),
            ("definitions", self.definition, other.definition),
            ("windows", self.window, other.window),
        ):
            if ours != theirs:
                raise TosqauylError(f"figures of different {what} are not added: {ours} and {theirs}", "sum")
        if self.unit not in SUMMABLE:
            raise TosqauylError(f"figures of the unit {self.unit} are not added: their parts may overlap", "sum")
        if set(self.sources) & set(other.sources):
            both = ", ".join(sorted(set(self.sources) & set(other.sources)))
            raise TosqauylError(f"the figures count the same source twice: {both}", "sum")
        if self.value is None or other.value is None:
            raise TosqauylError("a figure that is not computable cannot be added", "sum")
        both_sources = (*self.sources, *other.sources)
        revision = f"{self.revision}+{other.revision}"
        return replace(self, value=self.value + other.value, sources=both_sources, revision=revision)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Figures of one definition by the values of a dimension (day, reason, carrier, ...), and over all of them.

    rows: (value of the dimension as text, figure), in the order they are to be shown; '' is "none or unknown". total is counted
    on its own, not added up: numbers may occur under several values.
    """

    dimension: str
    rows: tuple[tuple[str, float | int], ...]
    total: Figure
