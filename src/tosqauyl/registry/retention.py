"""How long each class of records is kept. What is deleted is gone; what is emptied keeps what figures need (scheme, region, state,
sums, moments) and loses what is of people: texts, contacts, names, tickets, which numbers it spoke of. The audit trail is never
cut.

Each class goes in batches, each a transaction of its own, so that nobody waits for it and it may be stopped at any moment.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Table, and_, delete, exists, func, or_, select, update

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import (
    Action,
    Appeal,
    Base,
    Bucket,
    Delivery,
    IdempotentAnswer,
    Incident,
    IncidentEvent,
    IncidentObservable,
    LoginSession,
    NumberCheck,
    Observable,
    Publication,
    Report,
    Sighting,
    Upload,
)  # fmt: skip
from tosqauyl.registry.words import ACTION_MOVES, APPEAL_MOVES

BATCH = 500
MOST_BATCHES = 200


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Days. reports, incidents, checks, appeals, actions: after they were closed, then emptied; observables: after they were first
    seen, if nothing speaks of them any more; sessions: after they ended; answers, deliveries, buckets, uploads, publications:
    after they were made."""

    reports: int = 1_095
    incidents: int = 1_825
    checks: int = 1_095
    appeals: int = 1_095
    actions: int = 1_095
    observables: int = 90
    sessions: int = 7
    answers: int = 2
    deliveries: int = 30
    buckets: int = 3
    uploads: int = 1_095
    publications: int = 90


@dataclass(frozen=True, slots=True)
class Kept:
    """A class of records. which: the table's key; old: what is over, given the moment before which things are; let_go: does it to
    some keys; verb: what is done."""

    name: str
    which: Any
    old: Callable[[int], ColumnElement[bool]]
    let_go: Callable[[Work, Sequence[Any]], None]
    verb: str = "deleted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to a class, or with a dry run would be. more: whether there is more than one run does."""

    name: str
    days: int
    verb: str
    rows: int
    more: bool = False


def run(registry: Registry, rules: RetentionRules, dry: bool = False, batch: int = BATCH) -> list[Outcome]:
    """Let go of what is too old. dry: only count."""
    found = []
    for one in CLASSES:
        days = int(getattr(rules, one.name))
        found.append(_counted(registry, one, days) if dry else _let_go(registry, one, days, batch))
    return found


def _counted(registry: Registry, one: Kept, days: int) -> Outcome:
    with registry.read(SYSTEM) as work:
        query = select(func.count()).select_from(one.which.class_).where(one.old(work.now - days * DAY))
        return Outcome(one.name, days, one.verb, work.db.execute(query).scalar_one())


def _let_go(registry: Registry, one: Kept, days: int, batch: int) -> Outcome:
    rows = 0
    for _ in range(MOST_BATCHES):
        with registry.read(SYSTEM) as work:  # finding them may take long; on SQLite nobody could write meanwhile
            query = select(one.which).where(one.old(work.now - days * DAY)).order_by(one.which).limit(batch)
            found = work.db.scalars(query).all()
        if not found:
            return Outcome(one.name, days, one.verb, rows)
        with registry.work(SYSTEM) as work:
            keys = work.db.scalars(query.where(one.which.in_(found))).all()
            if keys:
                one.let_go(work, keys)
                work.note("retention", one.name, "", f"{len(keys)} {one.verb}, older than {days} days")
        rows += len(keys)
        if len(found) < batch:
            return Outcome(one.name, days, one.verb, rows)
    return Outcome(one.name, days, one.verb, rows, more=True)


def sealed_of(model: type[Base]) -> dict[str, bytes]:
    """The sealed columns of a model, each with what empties it."""
    return {column.name: b"" for column in model.__table__.columns if isinstance(column.type, LargeBinary)}


def _has_sealed(model: type[Base]) -> ColumnElement[bool]:
    return or_(*(getattr(model, name) != b"" for name in sealed_of(model)))


def _deleting(which: Any) -> Callable[[Work, Sequence[Any]], None]:
    def let_go(work: Work, keys: Sequence[Any]) -> None:
        work.db.execute(delete(which.class_).where(which.in_(keys)))

    return let_go


def _emptying(model: type[Base], **more: object) -> Callable[[Work, Sequence[Any]], None]:
    key = model.id  # type: ignore[attr-defined]

    def let_go(work: Work, keys: Sequence[Any]) -> None:
        work.db.execute(update(model).where(key.in_(keys)).values(**sealed_of(model), **more))

    return let_go


def empty_reports(work: Work, keys: Sequence[Any]) -> None:
    """Take from reports what is of people. A report that is emptied is known again neither by its ticket nor by its content."""
    work.db.execute(delete(Sighting).where(Sighting.report.in_(keys)))
    for key in keys:
        gone: dict[str, Any] = {**sealed_of(Report), "ticket": "", "author": "", "digest": secrets.token_hex(32)}
        work.db.execute(update(Report).where(Report.id == key).values(**gone))


def _empty_incidents(work: Work, keys: Sequence[Any]) -> None:
    work.db.execute(update(Incident).where(Incident.id.in_(keys)).values(title=""))
    work.db.execute(update(IncidentEvent).where(IncidentEvent.incident.in_(keys)).values(text=b""))
    work.db.execute(delete(IncidentObservable).where(IncidentObservable.incident.in_(keys)))


def _is_full(incident: Any) -> ColumnElement[bool]:
    texts = exists().where(IncidentEvent.incident == incident, IncidentEvent.text != b"")
    things = exists().where(IncidentObservable.incident == incident)
    return or_(Incident.title != "", texts, things)


def references(table: Table) -> Iterator[Any]:
    """Every column that refers to a table."""
    for other in Base.metadata.sorted_tables:
        yield from (column for column in other.columns for key in column.foreign_keys if key.column.table is table)


def unreferenced(columns: Iterable[Any]) -> ColumnElement[bool]:
    """That nothing speaks of an observable."""
    # Of "not any" PostgreSQL makes no anti-joins.
    return and_(*(~exists().where(column == Observable.id) for column in columns))


def _trim(work: Work, keys: Sequence[Any]) -> None:
    """Only from the beginning, without a gap, and never the last one: see publish.trim."""
    work.db.execute(delete(Publication).where(Publication.seq.in_(keys)))


def _old_publication(before: int) -> ColumnElement[bool]:
    top = select(func.max(Publication.seq)).scalar_subquery()
    younger = select(func.min(Publication.seq)).where(Publication.at >= before).scalar_subquery()
    return (Publication.seq < top) & (Publication.seq < func.coalesce(younger, top))


_ENDED_ACTIONS = tuple(state for state, after in ACTION_MOVES.items() if not after)
_ENDED_APPEALS = tuple(state for state, after in APPEAL_MOVES.items() if not after)

CLASSES: tuple[Kept, ...] = (
    Kept("reports", Report.id, lambda at: (Report.state == "closed") & (Report.received < at) & (Report.changed < at)
         & ((Report.ticket != "") | exists().where(Sighting.report == Report.id)), empty_reports, "emptied"),
    Kept("incidents", Incident.id, lambda at: (Incident.state == "closed") & (Incident.closed < at) & _is_full(Incident.id),
         _empty_incidents, "emptied"),
    Kept("checks", NumberCheck.id, lambda at: (NumberCheck.decided > 0) & (NumberCheck.decided < at) & (
        _has_sealed(NumberCheck) | (NumberCheck.iin != "")), _emptying(NumberCheck, iin=""), "emptied"),
    Kept("appeals", Appeal.id, lambda at: Appeal.state.in_(_ENDED_APPEALS) & (Appeal.filed < at) & (Appeal.decided < at)
         & _has_sealed(Appeal), _emptying(Appeal), "emptied"),
    Kept("actions", Action.id, lambda at: Action.state.in_(_ENDED_ACTIONS) & (Action.expires < at) & _has_sealed(Action),
         _emptying(Action), "emptied"),
    Kept("sessions", LoginSession.id, lambda at: LoginSession.expires < at, _deleting(LoginSession.id)),
    Kept("answers", IdempotentAnswer.key, lambda at: IdempotentAnswer.at < at, _deleting(IdempotentAnswer.key)),
    Kept("deliveries", Delivery.id, lambda at: (Delivery.state != "waiting") & (Delivery.next < at), _deleting(Delivery.id)),
    Kept("buckets", Bucket.who, lambda at: Bucket.at < at, _deleting(Bucket.who)),
    Kept("uploads", Upload.id, lambda at: Upload.at < at, _deleting(Upload.id)),
    Kept("publications", Publication.seq, _old_publication, _trim),
    Kept("observables", Observable.id, lambda at: (Observable.created < at) & unreferenced(
        references(Observable.__table__)), _deleting(Observable.id)),  # type: ignore[arg-type]
)  # fmt: skip
"""Every class, in the order in which they go: what speaks of observables before them."""
assert {one.name for one in CLASSES} == {one.name for one in fields(RetentionRules)}  # noqa: S101 - a class without its days
