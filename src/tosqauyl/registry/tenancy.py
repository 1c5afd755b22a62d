"""What of the registry an actor sees, in one place: the centre everything, everybody else the rows of its own organisation; pages
of it, and whether a row is as it was seen. A row of another tenant is as absent as one that is not there.
"""

from typing import Any, Protocol, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

from tosqauyl.registry.errors import Absent, Conflict
from tosqauyl.registry.store import Work


class Owned(Protocol):
    """A row of an organisation."""

    @property
    def organisation(self) -> Any:
        """Its id."""


class Versioned(Protocol):
    """A row that is decided on as it was seen."""

    @property
    def version(self) -> Any:
        """Grows with each change."""


Row = TypeVar("Row", bound=Owned)
Columns = TypeVarTuple("Columns")
_Owner = InstrumentedAttribute[str] | ColumnElement[str]


def visible(work: Work, row: Row | None, what: str) -> Row:
    """The row, for who sees it. what: its name in the error. Raises Absent to everybody else, and where there is none."""
    if row is None or not (work.actor.sees_all or row.organisation == work.actor.organisation):
        raise Absent(f"there is no such {what}")
    return row


def of_tenant(work: Work, query: Select[*Columns], owner: _Owner) -> Select[*Columns]:
    """A query of the rows that the actor sees. owner: their column with an organisation."""
    return query if work.actor.sees_all else query.where(owner == work.actor.organisation)


def newest(
    query: Select[*Columns], key: InstrumentedAttribute[UUID], cursor: UUID | None, limit: int
) -> Select[*Columns]:
    """A page, the latest first and one row more than `limit`: that one tells that there is a next page. cursor: the last key of the
    page before."""
    query = query if cursor is None else query.where(key < cursor)
    return query.order_by(key.desc()).limit(limit + 1)


def check_version(row: Versioned, version: int, what: str = "somebody else changed this in between") -> None:
    """Raises Conflict where a row is not as somebody saw who decides on it. what: the error's text."""
    if row.version != version:
        raise Conflict(what, hint="read it again and decide again")
