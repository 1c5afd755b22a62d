"""Reports that were taken: found, read, looked at, closed. Everybody sees the reports of the own organisation, the centre sees
all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BinaryExpression, ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from tosqauyl.registry.errors import Conflict, Invalid
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.observables import AT_ONCE, chunks, find, masked
from tosqauyl.registry.protection import check_no_numbers
from tosqauyl.registry.store import Work
from tosqauyl.registry.submission import reporters_of
from tosqauyl.registry.tables import Incident, Observable, Report, Sighting
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.tenancy import check_version, of_tenant, visible
from tosqauyl.registry.words import REPORT_MOVES, REPORT_OUTCOMES, may_move

FEW = 2_000
"""Of an observable in at most so many reports all of them are looked at, whatever else is asked for."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which reports. since, until: of the moment they were received, until not included; 0 for no bound. observable: (kind,
    text); observable_id: the same by its id, as a report shows it."""

    state: str = ""
    scheme: str = ""
    reporter: str = ""
    region: str = ""
    since: int = 0
    until: int = 0
    incident: UUID | None = None
    observable: tuple[str, str] | None = None
    observable_id: UUID | None = None

    @property
    def names_one(self) -> bool:
        """Whether an observable is asked for."""
        return self.observable is not None or self.observable_id is not None


@dataclass(frozen=True, slots=True)
class Named:
    """An observable of a report. value: masked where it is personal; reports: how many reports of all organisations name it, 0 to
    whoever does not see them all; operator: of a phone."""

    id: UUID
    kind: str
    value: str
    operator: str
    reports: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What is sealed of a report, in clear."""

    text: str
    contact: str
    victim: str
    observables: tuple[tuple[UUID, str, str], ...]


def search(work: Work, wanted: Filter, cursor: UUID | None, limit: int) -> list[Report]:
    """Reports, the latest first: at most one more than `limit`, which then begins the next page. An observable that nobody
    named, or that cannot be, is in no report."""
    if wanted.reporter and wanted.reporter not in reporters_of(work.actor):
        return []  # an organisation has no such reports: they would be looked for among all of its own
    whose = "" if work.actor.sees_all else work.actor.organisation
    if not wanted.names_one:
        query = (
            select(Report).where(*_equal(wanted, whose), *_bounds(wanted, cursor, Report.id)).order_by(Report.id.desc())
        )
        return list(work.db.scalars(query.limit(limit + 1)))
    found = _observable(work, wanted)
    if found is None:
        return []
    conditions: list[ColumnElement[bool]] = [*_equal(wanted, whose)]
    if found.reports <= FEW:
        # An expression is in no index: so both databases walk the index of the observable, not all reports of a state or a tenant.
        conditions = [func.coalesce(one.left, "") == one.right for one in _equal(wanted, whose)]
    query = select(Report).join(Sighting, Sighting.report == Report.id).where(Sighting.observable == found.id)
    query = query.where(*conditions, *_bounds(wanted, cursor, Sighting.report)).order_by(Sighting.report.desc())
    return list(work.db.scalars(query.limit(limit + 1)))


def _observable(work: Work, wanted: Filter) -> Observable | None:
    """What is asked for; None where nobody named it yet, and where text and id are of two."""
    by_id = work.db.get(Observable, wanted.observable_id) if wanted.observable_id is not None else None
    if wanted.observable is None:
        return by_id
    found = find(work, *wanted.observable)
    return found if wanted.observable_id is None or found is by_id else None


def get(work: Work, report_id: UUID) -> Report:
    """A report. Raises Absent where there is none, and where it is another tenant's."""
    found = work.db.scalars(select(Report).where(Report.id == report_id)).first()
    return visible(work, found, "report")


def named_in(work: Work, reports: Iterable[UUID]) -> dict[UUID, list[Named]]:
    """Report -> its observables, masked."""
    wanted = list(reports)
    found: dict[UUID, list[Named]] = {key: [] for key in wanted}
    for some in chunks(wanted, AT_ONCE):
        query = select(Sighting.report, Observable).join(Observable, Observable.id == Sighting.observable)
        for key, one in work.db.execute(
            query.where(Sighting.report.in_(some)).order_by(Observable.kind, Observable.id)
        ):
            count = one.reports if work.actor.sees_all else 0
            found[key].append(Named(one.id, one.kind, masked(work, one), one.operator, count))
    return found


def shown_incidents(work: Work, reports: Sequence[Report]) -> dict[UUID, UUID | None]:
    """Report -> its case, None where the actor may not see that."""
    cases = {report.incident for report in reports if report.incident is not None}
    if not work.actor.sees_all and cases:
        own = select(Incident.id).where(Incident.id.in_(cases))
        cases = set(work.db.scalars(of_tenant(work, own, Incident.organisation)))
    return {report.id: report.incident if report.incident in cases else None for report in reports}


def open_report(work: Work, report_id: UUID, purpose: str) -> Opened:
    """What is sealed of a report, written into the audit trail with its purpose. Raises Absent, Invalid for a purpose that is
    empty or has a number of a person in it."""
    report = get(work, report_id)
    if not purpose.strip():
        raise Invalid("why it is read must be said", "purpose")
    check_no_numbers(purpose, "purpose")
    work.note("read-personal", "report", report.id, purpose=purpose)
    query = select(Observable).join(Sighting, Sighting.observable == Observable.id).where(Sighting.report == report.id)
    observables = tuple(
        (one.id, one.kind, one.value or work.vault.open(one.sealed, f"observable.{one.kind}"))
        for one in work.db.scalars(query.order_by(Observable.kind, Observable.id))
    )
    opened = work.vault.open
    return Opened(
        opened(report.text, "report.text"), opened(report.contact, "report.contact"), opened(report.victim, "report.victim"),
        observables,
    )  # fmt: skip


def triage(work: Work, report_id: UUID, version: int, scheme: str | None = None, region: str | None = None) -> Report:
    """Look at a report: it is of this scheme and region, None to leave them. A closed one is taken up again.

    Raises Absent, Conflict, Invalid.
    """
    if scheme and scheme not in schemes().by_slug:
        raise Invalid("no such scheme", "scheme")
    if region and region not in regions():
        raise Invalid("no such region", "region")
    report = _moved(work, report_id, version, "triaged")
    report.outcome = ""
    report.scheme = report.scheme if scheme is None else scheme
    report.region = report.region if region is None else region
    work.note("triaged", "report", report.id, f"scheme {report.scheme or '-'}, region {report.region or '-'}")
    work.db.flush()
    return report


def close(work: Work, report_id: UUID, version: int, outcome: str) -> Report:
    """Close a report as false, duplicate or confirmed. Raises Absent, Conflict, Invalid."""
    if outcome not in REPORT_OUTCOMES or not outcome:
        raise Invalid(f"one of {', '.join(filter(None, REPORT_OUTCOMES))}", "outcome")
    report = _moved(work, report_id, version, "closed")
    report.outcome = outcome
    work.note("closed", "report", report.id, outcome)
    work.db.flush()
    return report


def _moved(work: Work, report_id: UUID, version: int, state: str) -> Report:
    report = get(work, report_id)
    check_version(report, version, "somebody else changed this report in between")
    if report.state != state and not may_move(REPORT_MOVES, report.state, state):
        raise Conflict(f"a report that is {report.state} cannot become {state}")
    if report.state == state == "closed":
        raise Conflict("it is closed already", hint="take it up again first")
    report.state, report.changed = state, work.now
    return report


def _equal(wanted: Filter, organisation: str) -> list[BinaryExpression[bool]]:
    """Conditions that a column has one value. organisation: '' for all."""
    columns: tuple[tuple[Any, str], ...] = (
        (Report.state, wanted.state), (Report.scheme, wanted.scheme), (Report.reporter, wanted.reporter),
        (Report.region, wanted.region), (Report.organisation, organisation),
    )  # fmt: skip
    return [column == value for column, value in columns if value]


def _bounds(wanted: Filter, cursor: UUID | None, key: InstrumentedAttribute[UUID]) -> list[ColumnElement[bool]]:
    """Conditions of ids. key: the column of the reports' ids. They begin with the moment a report was received: so moments are
    bounds of the primary key."""
    found: list[ColumnElement[bool]] = [] if wanted.incident is None else [Report.incident == wanted.incident]
    if wanted.since:
        found.append(key >= new_id(wanted.since, bytes(10)))
    if wanted.until:
        found.append(key < new_id(wanted.until, bytes(10)))
    if cursor is not None:
        found.append(key < cursor)
    return found
