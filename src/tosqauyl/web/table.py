"""The routes as the rim of the application needs them before a body is read: what each takes, which scope it asks for, its name."""

from collections.abc import Iterable
from dataclasses import dataclass
from re import Pattern

from fastapi.routing import APIRoute

from tosqauyl.web.caller import scope_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
FILE_FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. name: its operation id; takes: content types of its body, none where it has no body; scope: '' where it asks
    for no caller at all; looks_first: it finds out itself who calls, before it reads a byte of a file."""

    method: str
    path: str
    pattern: Pattern[str]
    name: str
    scope: str
    takes: frozenset[str]
    looks_first: bool = False

    @property
    def is_upload(self) -> bool:
        """Whether it takes files."""
        return bool(self.takes - {JSON, FORM})


class Table:
    """All operations. more: those that are no routes of the API."""

    def __init__(self, routes: Iterable[APIRoute], more: Iterable[Row] = ()) -> None:
        found = [_row(route, method) for route in routes for method in sorted(route.methods or ())]
        self.rows = (*found, *more)

    def find(self, method: str, path: str) -> Row | None:
        """The operation that answers; None where there is none."""
        return next((row for row in self.rows if row.method == method and row.pattern.match(path)), None)

    def methods_of(self, path: str) -> tuple[str, ...]:
        """Every method that a path has, for the header Allow."""
        return tuple(dict.fromkeys(row.method for row in self.rows if row.pattern.match(path)))


def scope_of_route(route: APIRoute) -> str:
    """The scope that a route asks for; '' where it forgot to."""
    found = [scope for one in route.dependant.dependencies if (scope := scope_of(one.call))]
    return found[0] if found else ""


def _row(route: APIRoute, method: str) -> Row:
    return Row(method, route.path_format, route.path_regex, route.name, scope_of_route(route), _takes(route))


def _takes(route: APIRoute) -> frozenset[str]:
    told = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    field = route.body_field
    return frozenset(told) | ({str(getattr(field.field_info, "media_type", JSON))} if field is not None else set())
