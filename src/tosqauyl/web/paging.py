"""Cursor paging: ids sort by time, so a cursor is the last id of the page before."""

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

T = TypeVar("T")

MOST = 200

Cursor = Annotated[UUID | None, Query(description="The `next` of the page before; nothing for the first page.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Entries of a page.")]


class Page(BaseModel, Generic[T]):
    """Entries, the latest first. next: the cursor of the next page, null after the last one."""

    items: list[T]
    next: UUID | None = None
