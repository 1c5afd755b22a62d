"""Observables in the database: found or made by their keyed token, shown masked, opened for a purpose that is written down.

    observe(work, "phone", "8 701 123 45 67")     the row, made if it is not there; safe when two do it at once

What is personal (words.PERSONAL) is kept as a keyed token and sealed. Of an IIN and of a card's own number only the token is
kept: they are recognised again and never read again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, any_, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute

from tosqauyl.registry.errors import Absent, Invalid
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.observable_forms import is_card_number, normalise, operator_of
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Observable
from tosqauyl.registry.vault import Vault
from tosqauyl.registry.words import PERSONAL
from tosqauyl.tokens import mask

__all__ = [
    "Observed", "Seen", "among", "chunks", "find", "insert_missing", "masked", "normalise", "observe", "observe_all", "opened",
    "read", "seen",
]  # fmt: skip

T = TypeVar("T")

AT_ONCE = 500
"""Values in one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A normalised value with its token: what is needed to find or make its row."""

    kind: str
    value: str
    token: str

    @property
    def key(self) -> tuple[str, str]:
        """What is unique of an observable."""
        return self.kind, self.token


@dataclass(frozen=True, slots=True)
class Observed:
    """A row of an observable. is_new: it was made just now."""

    id: UUID
    operator: str
    is_new: bool = False


def seen(vault: Vault, kind: str, text: str) -> Seen:
    """A text as a value with its token. Raises Invalid (where="value")."""
    value = normalise(kind, text)
    return Seen(kind, value, vault.token(value, f"observable.{kind}"))


def observe(work: Work, kind: str, text: str) -> Observable:
    """The observable of a text, made if it is not there. Raises Invalid (where="value")."""
    one = seen(work.vault, kind, text)
    found = observe_all(work, [one])[one.key]
    if found.is_new:
        work.note("observed", "observable", found.id, kind)
    return read(work, found.id)


def observe_all(work: Work, values: Iterable[Seen]) -> dict[tuple[str, str], Observed]:
    """(kind, token) -> row of every value, made where it is not there. Writes no note: whoever calls it says what was done.

    Missing ones are inserted in the order of their keys, so that two transactions never wait for each other crosswise.
    """
    wanted = {one.key: one for one in values}
    found = _rows(work, wanted)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        rows = [_row(work, wanted[key]) for key in missing]
        inserted = insert_missing(work, Observable, rows, ("kind", "token"))
        ours = (row for row in rows if row["id"] in inserted)
        found |= {(row["kind"], row["token"]): Observed(row["id"], row["operator"], True) for row in ours}
        found |= _rows(work, {key: wanted[key] for key in missing if key not in found})
    return found


def find(work: Work, kind: str, text: str) -> Observable | None:
    """The observable of a text; None where nobody named it yet, or the text cannot be such a value."""
    try:
        one = seen(work.vault, kind, text)
    except Invalid:
        return None
    return work.db.scalars(select(Observable).where(Observable.kind == kind, Observable.token == one.token)).first()


def read(work: Work, observable_id: UUID) -> Observable:
    """The observable of an id. Raises Absent."""
    found = work.db.get(Observable, observable_id)
    if found is None:
        raise Absent("there is no such observable")
    return found


def masked(work: Work, observable: Observable) -> str:
    """The value for people to look at: personal ones masked, of those that are kept as a token only the token's first digits."""
    if observable.kind not in PERSONAL:
        return observable.value
    value = _open(work, observable)
    if not value:
        return f"t:{observable.token[:8]}"
    return mask(value) if observable.kind == "phone" else _covered(value)


def opened(work: Work, observable: Observable, purpose: str) -> str:
    """The value in clear, '' where only its token is kept. Reading a personal one is written into the audit trail."""
    if observable.kind not in PERSONAL:
        return observable.value
    work.note("read-personal", "observable", observable.id, observable.kind, purpose)
    return _open(work, observable)


def _open(work: Work, observable: Observable) -> str:
    return work.vault.open(observable.sealed, f"observable.{observable.kind}")


def _covered(value: str) -> str:
    keep = 2 if len(value) < 12 else 4
    return f"{value[:keep]}***{value[-keep:]}" if len(value) > 2 * keep else f"{value[:1]}***"


def _row(work: Work, one: Seen) -> dict[str, Any]:
    personal = one.kind in PERSONAL
    token_only = one.kind == "iin_token" or (one.kind == "card_token" and is_card_number(one.value))
    return {
        "id": new_id(work.now), "kind": one.kind, "token": one.token, "created": work.now, "reports": 0,
        "value": "" if personal else one.value,
        "sealed": work.vault.seal(one.value, f"observable.{one.kind}") if personal and not token_only else b"",
        "operator": operator_of(one.value) if one.kind == "phone" else "",
    }  # fmt: skip


def _rows(work: Work, wanted: Mapping[tuple[str, str], Seen]) -> dict[tuple[str, str], Observed]:
    found: dict[tuple[str, str], Observed] = {}
    by_kind: dict[str, list[str]] = {}
    for kind, token in wanted:
        by_kind.setdefault(kind, []).append(token)
    for kind, tokens in by_kind.items():
        for some in chunks(tokens, AT_ONCE):
            query = select(Observable.token, Observable.id, Observable.operator)
            rows = work.db.execute(query.where(Observable.kind == kind, among(work, Observable.token, some)))
            found |= {(kind, token): Observed(key, operator) for token, key, operator in rows}
    return found


def insert_missing(
    work: Work, entity: type[Any], rows: Sequence[Mapping[str, Any]], unique: Sequence[str]
) -> set[UUID]:
    """Insert rows and leave out those whose unique columns are there already, also by a transaction that commits just now; the
    ids (the first column of the key) of those that were inserted.

    Both databases know ON CONFLICT DO NOTHING, each in its own module of SQLAlchemy.
    """
    table: Table = entity.__table__
    on_postgresql = work.db.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(table) if on_postgresql else sqlite.insert(table)
    statement = insert.on_conflict_do_nothing(index_elements=list(unique)).returning(next(iter(table.primary_key)))
    inserted: set[UUID] = set()
    for some in chunks(rows, AT_ONCE):
        inserted.update(work.db.execute(statement, [dict(row) for row in some]).scalars())
    return inserted


def among(work: Work, column: InstrumentedAttribute[Any], values: Sequence[object]) -> ColumnElement[bool]:
    """Whether a column is one of many values: as one array on PostgreSQL, whose driver takes longer over a parameter for each than
    the query itself takes; as a list on SQLite."""
    if work.db.get_bind().dialect.name == "postgresql":
        return column == any_(bindparam(None, list(values), type_=postgresql.ARRAY(column.type)))
    return column.in_(values)


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
