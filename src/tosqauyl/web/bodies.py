"""What bodies and answers of several parts of the API share: observables and how they are shown, versions, texts."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select

from tosqauyl.registry import observables
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Observable
from tosqauyl.web.texts import plain

ObservableKind = Literal[
    "phone", "iban", "card_token", "wallet", "domain", "url", "telegram", "imei", "iin_token", "trunk",
]  # fmt: skip
"""As registry/words.py has them."""
Version = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
"""Of what somebody decides on, as it was seen."""


class TitlesOut(BaseModel):
    """One text in three languages."""

    kk: str
    ru: str
    en: str


class PurposeIn(BaseModel):
    """purpose: why it is read; it is written into the audit trail."""

    model_config = ConfigDict(extra="forbid")
    purpose: Annotated[str, plain(200, min_length=3)]


class ObservableOf(BaseModel):
    """Of what: the id of an observable, or a kind and a value."""

    model_config = ConfigDict(extra="forbid")
    observable_id: UUID | None = None
    kind: ObservableKind | None = None
    value: Annotated[str, plain(2_048)] = ""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.observable_id is None) == (self.kind is None) or (self.kind is None) == bool(self.value):
            raise ValueError("give either observable_id, or kind and value")
        return self


class NamedOut(BaseModel):
    """An observable. value: masked where it is personal."""

    id: UUID
    kind: ObservableKind
    value: str
    operator: str


def observable_of(work: Work, said: ObservableOf) -> UUID:
    """The observable that a body names, made if it is not there. Raises Invalid."""
    if said.observable_id is not None:
        return said.observable_id
    return observables.observe(work, str(said.kind), said.value).id


def names_of(work: Work, which: Iterable[UUID]) -> dict[UUID, NamedOut]:
    """Observables as people may see them, by id."""
    found = work.db.scalars(select(Observable).where(Observable.id.in_(set(which))))
    return {
        one.id: NamedOut(id=one.id, kind=one.kind, value=observables.masked(work, one), operator=one.operator)  # type: ignore[arg-type]
        for one in found
    }
