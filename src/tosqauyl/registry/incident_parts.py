"""What a case consists of: reports and observables put in and taken out, and two cases made one.

The case itself is Absent where it is missing or another tenant's. What shall be put in or taken out and is not there, or not the
actor's, is a Conflict: so nobody takes it for the case.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from tosqauyl.registry.errors import Conflict, Invalid
from tosqauyl.registry.incidents import MOST_MONEY, MOST_VICTIMS, found, seen, seen_open, visible
from tosqauyl.registry.observables import AT_ONCE, chunks
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import (
    Action,
    Incident,
    IncidentObservable,
    Indicator,
    Observable,
    Report,
    Sighting,
)
from tosqauyl.registry.taxonomy import linking
from tosqauyl.registry.tenancy import newest, of_tenant
from tosqauyl.registry.timeline import tell
from tosqauyl.registry.words import REPORT_MOVES, may_move

MOST = 500
"""Reports or observables of one request."""


def reports_in(work: Work, incident_id: UUID, cursor: UUID | None, limit: int) -> list[Report]:
    """Reports of a case, the latest first: at most one more than `limit`. Raises Absent."""
    incident = found(work, incident_id)
    wanted = of_tenant(work, select(Report).where(Report.incident == incident.id), Report.organisation)
    return list(work.db.scalars(newest(wanted, Report.id, cursor, limit)))


def observables_in(work: Work, incident_id: UUID, limit: int = MOST) -> list[UUID]:
    """Observables of a case that the actor may see, the first ones put in first."""
    wanted = select(IncidentObservable.observable).where(IncidentObservable.incident == incident_id)
    return list(work.db.scalars(wanted.order_by(IncidentObservable.observable).limit(limit)))


def add_reports(work: Work, incident_id: UUID, version: int, report_ids: Sequence[UUID]) -> Incident:
    """Put reports into a case, with what they name. Raises Absent, Conflict where one is not there, closed, or in another case."""
    incident = seen_open(work, incident_id, version)
    fresh = [report for report in _reports(work, report_ids) if report.incident != incident.id]
    for report in fresh:
        if report.incident is not None:
            raise Conflict(f"the report {report.id} is in another case", hint="take it out there, or merge the cases")
        if not may_move(REPORT_MOVES, report.state, "linked"):
            raise Conflict(f"the report {report.id} is {report.state}", hint="take it up again first")
        report.incident, report.state, report.changed = incident.id, "linked", work.now
    if not fresh:
        return incident
    incident.reports += len(fresh)
    work.db.flush()
    added = _put_in(work, incident.id, _named(work, [report.id for report in fresh]))
    return _told(work, incident, "linked", f"{len(fresh)} reports, {added} observables")


def remove_reports(work: Work, incident_id: UUID, version: int, report_ids: Sequence[UUID]) -> Incident:
    """Take reports out of a case; its observables stay. Raises Absent, Conflict where one is not in it."""
    incident = seen_open(work, incident_id, version)
    taken = _reports(work, report_ids)
    if any(report.incident != incident.id for report in taken):
        raise Conflict("one of these reports is not in the case")
    for report in taken:
        report.incident, report.changed = None, work.now
        report.state = "triaged" if report.state == "linked" else report.state
    incident.reports = max(0, incident.reports - len(taken))
    return _told(work, incident, "unlinked", f"{len(taken)} reports")


def add_observables(work: Work, incident_id: UUID, version: int, observable_ids: Sequence[UUID]) -> Incident:
    """Put observables into a case. Raises Absent, Conflict."""
    incident = seen_open(work, incident_id, version)
    wanted = _checked(observable_ids)
    there = set(work.db.scalars(select(Observable.id).where(Observable.id.in_(wanted))))
    if len(there) != len(wanted):
        raise Conflict("one of these observables is not there")
    added = _put_in(work, incident.id, wanted)
    return _touched(work, incident, "added", f"{added} observables") if added else incident


def remove_observables(work: Work, incident_id: UUID, version: int, observable_ids: Sequence[UUID]) -> Incident:
    """Take observables out of a case. Raises Absent, Conflict where one is not in it."""
    incident = seen_open(work, incident_id, version)
    wanted = _checked(observable_ids)
    mine = IncidentObservable.incident == incident.id, IncidentObservable.observable.in_(wanted)
    if len(work.db.scalars(select(IncidentObservable.observable).where(*mine)).all()) != len(wanted):
        raise Conflict("one of these observables is not in the case")
    work.db.execute(delete(IncidentObservable).where(*mine).execution_options(synchronize_session=False))
    return _touched(work, incident, "removed", f"{len(wanted)} observables")


def merge(work: Work, incident_id: UUID, version: int, other_id: UUID, other_version: int) -> Incident:
    """Put all of another case into this one and close the other without an outcome of its own. Amounts and victims add up: whoever
    merges looks whether that is right.

    Raises Absent, Conflict also where the other is not there, Invalid where both are the same or of two organisations.
    """
    first, second = sorted(((incident_id, version), (other_id, other_version)))
    found(work, incident_id)  # before any version: what is not the actor's is not there
    if incident_id == other_id:
        raise Invalid("a case is not merged with itself", "other")
    if not visible(work, {other_id}):
        raise Conflict("the other case is not there")
    for one in (first, second):  # locked in one order, so that two merges never wait for each other crosswise
        seen_open(work, *one)
    incident, other = seen(work, incident_id, version), seen(work, other_id, other_version)
    if incident.organisation != other.organisation:
        raise Invalid("the cases are of two organisations", "other")
    amount, victims = incident.amount + other.amount, incident.victims + other.victims
    if amount > MOST_MONEY or victims > MOST_VICTIMS:
        raise Invalid("together they are more than a case can have", "other", "amend one of the two first")
    reports = _take_over(work, incident, other)
    incident.amount, incident.victims = amount, victims
    incident.reports += reports
    other.state, other.closed, other.merged_into, other.reports = "closed", work.now, incident.id, 0
    other.amount = other.victims = other.snoozed_until = 0
    _told(work, other, "merged", f"into {incident.id}")
    return _told(work, incident, "merged", f"took in {other.id}, {reports} reports")


def _take_over(work: Work, incident: Incident, other: Incident) -> int:
    moving = (
        update(Report).where(Report.incident == other.id)
        .values(incident=incident.id, changed=work.now, version=Report.version + 1).returning(Report.id)
    )  # fmt: skip
    reports = len(work.db.execute(moving.execution_options(synchronize_session=False)).all())
    for table in (Indicator, Action):  # whoever decides on them does not stumble over this: their version stays
        following = update(table).where(table.incident == other.id).values(incident=incident.id, version=table.version)
        work.db.execute(following.execution_options(synchronize_session=False))
    theirs = select(IncidentObservable.observable).where(IncidentObservable.incident == other.id)
    _put_in(work, incident.id, list(work.db.scalars(theirs)))
    return reports


def _reports(work: Work, report_ids: Sequence[UUID]) -> list[Report]:
    wanted = _checked(report_ids)
    query = select(Report).where(Report.id.in_(wanted)).order_by(Report.id).with_for_update()
    query = of_tenant(work, query, Report.organisation)
    reports = list(work.db.scalars(query.execution_options(populate_existing=True)))
    if len(reports) != len(wanted):
        raise Conflict("one of these reports is not there")
    return reports


def _named(work: Work, report_ids: Iterable[UUID]) -> list[UUID]:
    """What reports name, of the kinds that join reports."""
    query = select(Sighting.observable).join(Observable, Observable.id == Sighting.observable).distinct()
    query = query.where(Sighting.report.in_(list(report_ids)), Observable.kind.in_(linking().kinds))
    return list(work.db.scalars(query))


def _put_in(work: Work, incident_id: UUID, observable_ids: Iterable[UUID]) -> int:
    added = 0
    for some in chunks(sorted(set(observable_ids)), AT_ONCE):
        there = select(IncidentObservable.observable).where(
            IncidentObservable.incident == incident_id, IncidentObservable.observable.in_(some)
        )
        known = set(work.db.scalars(there))
        rows = [{"incident": incident_id, "observable": one} for one in some if one not in known]
        if rows:
            work.db.execute(insert(IncidentObservable), rows)
        added += len(rows)
    return added


def _checked(ids: Sequence[UUID]) -> list[UUID]:
    wanted = sorted(set(ids))
    if not 1 <= len(wanted) <= MOST:
        raise Invalid("too many at once, or none", "ids", f"1 to {MOST}")
    return wanted


def _touched(work: Work, incident: Incident, verb: str, detail: str) -> Incident:
    """As `_told`, for a change in another table: the version goes up all the same, so that others see it."""
    rising = update(Incident).where(Incident.id == incident.id).values(version=Incident.version + 1)
    work.db.execute(rising.execution_options(synchronize_session=False))
    work.db.refresh(incident)
    return _told(work, incident, verb, detail)


def _told(work: Work, incident: Incident, verb: str, detail: str) -> Incident:
    work.db.flush()
    work.note(verb, "incident", incident.id, detail)
    tell(work, incident.id, verb, detail)
    return incident
