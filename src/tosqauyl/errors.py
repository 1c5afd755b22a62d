"""The one exception family, and Fault: how the call path says that something went wrong without raising."""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What can go wrong on the call path. The failure policy says for each kind what happens to the call."""

    CALLER_MISSING = "caller_missing"
    CALLER_UNREADABLE = "caller_unreadable"
    CALLED_UNREADABLE = "called_unreadable"
    HEADER_UNREADABLE = "header_unreadable"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_FAILED = "provider_failed"
    POLICY_RAISED = "policy_raised"
    ENRICH_RAISED = "enrich_raised"
    TABLE_FULL = "table_full"
    CLOCK_JUMPED = "clock_jumped"
    JOURNAL_FAILED = "journal_failed"

    @property
    def doc(self) -> str:
        """One sentence for people: what happened."""
        return _FAULT_DOCS[self]


_FAULT_DOCS: dict[FaultKind, str] = {
    FaultKind.CALLER_MISSING: "No header names a calling number.",
    FaultKind.CALLER_UNREADABLE: "A calling-number header is there but cannot be parsed.",
    FaultKind.CALLED_UNREADABLE: "The Request-URI gives no number that can be read.",
    FaultKind.HEADER_UNREADABLE: "An optional header (Diversion, Privacy, ...) cannot be parsed; it is left out.",
    FaultKind.PROVIDER_TIMEOUT: "The home network did not answer before the deadline.",
    FaultKind.PROVIDER_FAILED: "The home network's answer was an error or made no sense.",
    FaultKind.POLICY_RAISED: "The compiled policy raised; a bug, and the call still gets its answer.",
    FaultKind.ENRICH_RAISED: "Reading the facts of the call raised; a bug, and the call still gets its answer.",
    FaultKind.TABLE_FULL: "The transaction table was full; the oldest entry was given up and would be evaluated again.",
    FaultKind.CLOCK_JUMPED: "The wall clock moved against the monotonic clock by more than a second.",
    FaultKind.JOURNAL_FAILED: "The decision could not be written to the journal.",
}


GATE_FAULTS = (FaultKind.TABLE_FULL, FaultKind.CLOCK_JUMPED, FaultKind.JOURNAL_FAILED)
"""Faults of the gate rather than of one call: they are counted and change no verdict."""

CALL_FAULTS = tuple(kind for kind in FaultKind if kind not in GATE_FAULTS)
"""Faults of one call: the failure policy says what each does to it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong: its kind, where (header name, file:line, field), and a detail for people."""

    kind: str
    where: str = ""
    detail: str = ""


class TosqauylError(Exception):
    """Root of every error that is raised off the call path. str() says what is wrong, where, and what to do."""

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(": ".join(part for part in (where, what) if part) + (f" ({hint})" if hint else ""))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file a person wrote: line and column count from 1, 0 where not known."""

    file: str
    line: int
    column: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.what}" + (f"\n    hint: {self.hint}" if self.hint else "")


class FileMistakes(TosqauylError):
    """Every mistake of a configuration, policy or data file at once, so that one round of mending is enough."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
