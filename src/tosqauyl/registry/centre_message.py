"""The operator's message to the Anti-Fraud Centre, as JSON and as CSV for a spreadsheet.

The Centre's own form is not published as a schema; this one holds what the order of 3 November 2025 names (full name, IIN, the
number, all numbers of the person) and what makes it checkable (what was found, when, by which check). It is versioned and described
by registry/data/centre-message-1.schema.json. See docs/clocks.md.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tosqauyl.registry.cells import is_formula
from tosqauyl.registry.clocks import is_late, utc_text
from tosqauyl.registry.person import Person
from tosqauyl.registry.tables import NumberCheck

SCHEMA = "tosqauyl-centre-message"
VERSION = 1
COLUMNS = (
    "check", "operator", "number", "source", "outcome", "opened", "decided", "told", "late", "registered", "name", "iin",
    "numbers_count", "over_limit", "justification", "numbers",
)  # fmt: skip
"""Of the CSV; numbers are separated by spaces."""
_MANGLED = re.compile(r"^0\d+$|^\d{12,}$")
"""What a spreadsheet turns into another number: it drops leading zeros and rounds long ones."""


@dataclass(frozen=True, slots=True)
class Message:
    """One checked number. All times are milliseconds since 1970; person: empty where nothing is known of it."""

    check: str
    operator: str
    number: str
    source: str
    outcome: str
    opened: int
    decided: int
    told: int
    tell_due: int
    person: Person

    @property
    def is_late(self) -> bool:
        """Whether it was told after its clock had run out."""
        return is_late(self.tell_due, self.told)


def message_of(check: NumberCheck, number: str, person: Person) -> Message:
    """The message of a check that was told. number, person: in clear."""
    return Message(
        str(check.id), check.organisation, number, check.source, check.outcome, check.opened, check.decided, check.told,
        check.tell_due, person,
    )  # fmt: skip


def document(messages: Sequence[Message], made: int) -> dict[str, Any]:
    """The messages as one JSON value. made: now."""
    return {
        "schema": SCHEMA, "version": VERSION, "made": utc_text(made), "messages": [_json(one) for one in messages],
    }  # fmt: skip


def to_json(messages: Sequence[Message], made: int) -> str:
    """The messages as JSON text, with letters as they are."""
    return json.dumps(document(messages, made), ensure_ascii=False, indent=1) + "\n"


def to_csv(messages: Sequence[Message]) -> str:
    """The messages as CSV for a spreadsheet of this country: a byte order mark, semicolons, CRLF; a cell that it would compute or
    change has an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in messages:
        told = _json(one)
        row = {**told, **told["person"], "numbers": " ".join(told["person"]["numbers"])}
        row["numbers_count"] = len(told["person"]["numbers"])
        writer.writerow([safe_cell(_text(row[name])) for name in COLUMNS])
    return "\ufeff" + out.getvalue()


def safe_cell(text: str) -> str:
    """A text that a spreadsheet shows as it is: neither computed nor taken for another number."""
    return f"'{text}" if is_formula(text) or _MANGLED.search(text) else text


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _json(one: Message) -> dict[str, Any]:
    return {
        "check": one.check, "operator": one.operator, "number": one.number, "source": one.source, "outcome": one.outcome,
        "opened": utc_text(one.opened), "decided": utc_text(one.decided), "told": utc_text(one.told), "late": one.is_late,
        "person": {
            "registered": one.person.registered, "name": one.person.name, "iin": one.person.iin,
            "numbers": list(one.person.numbers), "over_limit": one.person.has_too_many,
            "justification": one.person.justification,
        },
    }  # fmt: skip
