"""Moments: whole milliseconds since 1970 inside, RFC 3339 in UTC outside ('2026-11-30T07:00:00.000Z'); 0 inside is null outside.

class Out(BaseModel):
    created: Moment                 made with the milliseconds of a row; null in JSON where they are 0

class In(BaseModel):
    happened: GivenMoment = 0       a text or null, never a number: nobody has to guess whether seconds were meant
    until: RequiredMoment           a text
"""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from tosqauyl.registry.moments import EPOCH, MILLISECOND, rfc3339

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LAST = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def text_of(at: int) -> str:
    """A moment as RFC 3339 text in UTC; '' for 0."""
    return rfc3339(at) if at else ""


def moment_of(text: str) -> int:
    """The milliseconds of an RFC 3339 text, with what is smaller cut off. Raises ValueError for any other text, and for
    moments before 1970 or after 9999."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("no RFC 3339 moment")
    whole = text.upper()
    if found := re.search(r"\.(\d+)", whole):
        whole = whole.replace(found[0], "." + found[1][:6].ljust(6, "0"))
    try:
        at = (datetime.fromisoformat(whole) - EPOCH) // MILLISECOND
    except OverflowError as error:
        raise ValueError("out of range") from error
    if not 0 < at <= LAST:
        raise ValueError("before 1970 or after 9999")
    return at


def _made(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST:
        return value
    return _given(value)


def _given(value: Any) -> int:
    return 0 if value is None else _required(value)


def _required(value: Any) -> int:
    try:
        if isinstance(value, str):
            return moment_of(value)
    except ValueError:
        pass
    raise PydanticCustomError("moment", "is no moment from 1970 on by RFC 3339, such as 2026-11-30T07:00:00Z")


def _shown(at: int) -> str | None:
    return text_of(at) or None


_TEXT = {"type": "string", "format": "date-time", "examples": ["2026-11-30T07:00:00.000Z"]}
_OR_NULL = {"anyOf": [_TEXT, {"type": "null"}]}
_SERIALIZED = PlainSerializer(_shown, return_type=str | None)

Moment = Annotated[int, PlainValidator(_made), _SERIALIZED, WithJsonSchema(_OR_NULL)]
"""In answers: made with milliseconds, shown as text, null for 0."""
GivenMoment = Annotated[int, PlainValidator(_given), _SERIALIZED, WithJsonSchema(_OR_NULL)]
"""In bodies and queries: a text; null, or left out with a default of 0, for 'not known'."""
RequiredMoment = Annotated[int, PlainValidator(_required), _SERIALIZED, WithJsonSchema(_TEXT)]
"""In bodies: a text that must be there."""
