"""What is told of requests whose values cannot be, and of bugs: where and why, never the value itself."""

from collections.abc import Iterable
from typing import Any

from fastapi.exceptions import RequestValidationError

from tosqauyl.web.office import Office
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.texts import is_plain

MOST_FIELDS = 50
"""Fields that are told of one request."""
_MOST_WORDS = 300


def refused_for_values(error: RequestValidationError) -> Refused:
    """The problem of values that cannot be; 'malformed' where the body is no JSON at all."""
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return Refused("malformed", "it is no JSON")
    return Refused("invalid", fields=[_field(one) for one in found[:MOST_FIELDS]])


def _field(told: dict[str, Any]) -> FieldProblem:
    source, *path = told["loc"] or ("body",)
    if told["type"] == "extra_forbidden":  # its name is the sender's text, and is not repeated
        return FieldProblem(where=_where(source, path[:-1]), what="There is a member that is not taken here.")
    return FieldProblem(where=_where(source, path), what=_what(told))


def _where(source: object, path: Iterable[object]) -> str:
    parts = [str(part) if is_plain(str(part)) and len(str(part)) <= 64 else "?" for part in path]
    if source == "body":
        return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts) or "/"
    return f"{source}:{'.'.join(parts)}"


def _what(told: dict[str, Any]) -> str:
    """The reason, unless it repeats what was sent."""
    said, given = str(told["msg"]), told.get("input")
    if told["type"] == "uuid_parsing":
        return "This is no UUID."
    if isinstance(given, str | int | float) and len(str(given)) > 3 and str(given) in said:
        return "This value cannot be."
    return said[:_MOST_WORDS]


def failed(office: Office, name: str, error: BaseException) -> None:
    """Count a bug and tell the operator where it is. name: of what failed."""
    office.counters["failed"] = office.counters.get("failed", 0) + 1
    office.alarm(f"ALARM: {name} failed: {where_of(error)}")


def where_of(error: BaseException) -> str:
    """Type and place of a bug. Not its text, which may hold a number or a name."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}"
