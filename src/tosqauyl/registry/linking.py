"""Reports become cases: a report joins the open case of one of its observables, and where enough different reporters named the
same thing a case is proposed. When that is so is data (registry/data/linking.toml); that it is a case a person decides.

Called by registry/intake.py with its observables locked: so two reports that come at once never propose two cases of one thing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import or_, select, update

from tosqauyl.registry.actor import CENTRE, SYSTEM
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.observables import AT_ONCE, Seen, among, chunks, insert_missing
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Incident, IncidentEvent, IncidentObservable, ProtectedIdentity, Report, Sighting
from tosqauyl.registry.taxonomy import linking
from tosqauyl.registry.webhooks import announce


@dataclass(frozen=True, slots=True)
class Joining:
    """A report that was just stored. observables: id -> value; scheme, region: for the case that may be proposed."""

    report: UUID
    scheme: str
    region: str
    observables: Mapping[UUID, Seen]


@dataclass(slots=True)
class _Desk:
    """What is known while some reports are joined. cases: observable -> its open cases; named: observable -> reports of it (by
    the counter, these included); batch: the reports themselves; shared: observable -> whether enough reporters named it, and
    its reports that have no case yet."""

    work: Work
    named: Mapping[UUID, int]
    batch: frozenset[UUID]
    cases: dict[UUID, set[UUID]] = field(default_factory=dict)
    shared: dict[UUID, tuple[bool, list[UUID]]] = field(default_factory=dict)


def join(work: Work, reports: Sequence[Joining], named: Mapping[UUID, int]) -> dict[UUID, UUID]:
    """Report -> case, of those that have one now."""
    rules, own = linking(), _protected(work)
    joining = {
        one.report: [
            key for key, value in one.observables.items() if value.kind in rules.kinds and not _is_exempt(value, own)
        ]
        for one in reports
    }
    desk = _Desk(work, named, frozenset(joining))
    desk.cases = _open_cases(work, {key for keys in joining.values() for key in keys})
    joined: dict[UUID, UUID] = {}
    for one in reports:
        shared = [key for key in joining[one.report] if _is_shared(desk, key)]
        case = _fitting_case(desk, joining[one.report])
        if case is None and shared:
            case = _propose(desk, one, shared)
        if case is not None:
            joined[one.report] = case
            _add_observables(desk, case, [key for key in shared if case not in desk.cases.get(key, ())])
    _link(desk, joined)
    return joined


def _is_exempt(value: Seen, own: frozenset[tuple[str, str]]) -> bool:
    """What joins nothing: short numbers, and what really belongs to a body that fraudsters speak in the name of."""
    if value.kind == "phone" and not value.value.startswith("+"):
        return True
    if value.kind == "url":
        host = urlsplit(value.value).hostname or ""
        return any(kind == "domain" and (host == name or host.endswith("." + name)) for kind, name in own)
    return (value.kind, value.value) in own


def _protected(work: Work) -> frozenset[tuple[str, str]]:
    query = select(ProtectedIdentity.kind, ProtectedIdentity.value).where(ProtectedIdentity.ended == 0)
    return frozenset((kind, value) for kind, value in work.db.execute(query))


def _open_cases(work: Work, observables: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    """Cases of the reports' organisation and of the centre."""
    found: dict[UUID, set[UUID]] = {}
    whose = or_(Incident.organisation == CENTRE, Incident.organisation == work.actor.organisation)
    for some in chunks(sorted(observables), AT_ONCE):
        query = select(IncidentObservable.observable, Incident.id).join(
            Incident, Incident.id == IncidentObservable.incident
        )
        for key, case in work.db.execute(
            query.where(among(work, IncidentObservable.observable, some), Incident.state != "closed", whose)
        ):
            found.setdefault(key, set()).add(case)
    return found


def _fitting_case(desk: _Desk, observables: Iterable[UUID]) -> UUID | None:
    """The open case that shares most with the report, the oldest of several."""
    hits = Counter(case for key in observables for case in desk.cases.get(key, ()))
    return min(hits, key=lambda case: (-hits[case], case)) if hits else None


def _is_shared(desk: _Desk, observable: UUID) -> bool:
    """Whether enough different reporters named it in time. Only the latest reports of it are looked at."""
    rules = linking()
    if desk.named.get(observable, 0) < rules.reporters:
        return False
    if observable not in desk.shared:
        latest = (
            select(Sighting.report).where(Sighting.observable == observable)
            .order_by(Sighting.report.desc()).limit(rules.look_back).subquery()
        )  # fmt: skip
        query = select(Report.id, Report.author, Report.incident).join(latest, latest.c.report == Report.id)
        found = desk.work.db.execute(
            query.where(
                Report.received >= desk.work.now - rules.window_days * DAY,
                Report.outcome.not_in(("false", "duplicate")),
            )
        ).all()
        enough = len({author for _, author, _ in found}) >= rules.reporters
        desk.shared[observable] = enough, [report for report, _, case in found if case is None]
    return desk.shared[observable][0]


def _propose(desk: _Desk, report: Joining, shared: Sequence[UUID]) -> UUID:
    """A proposed case of the centre, which alone sees all the reporters."""
    work = desk.work
    case = work.new_id()
    due = business_days_after(work.now, linking().due_business_days)
    work.db.add(
        Incident(
            id=case,
            organisation=CENTRE,
            scheme=report.scheme,
            region=report.region,
            state="proposed",
            created=work.now,
            due=due,
        )
    )
    work.db.flush()
    _add_observables(desk, case, shared)
    work.note("proposed", "incident", case, f"{len(shared)} observables named by several reporters")
    announce(work, "incident.proposed", {"incident": case}, CENTRE)
    work.db.add(IncidentEvent(id=work.new_id(), incident=case, at=work.now, actor=SYSTEM.name, verb="proposed"))
    _link(desk, {key: case for one in shared for key in desk.shared[one][1] if key not in desk.batch})
    return case


def _add_observables(desk: _Desk, case: UUID, observables: Sequence[UUID]) -> None:
    rows = [{"incident": case, "observable": key} for key in sorted(observables)]
    insert_missing(desk.work, IncidentObservable, rows, ("incident", "observable"))  # an analyst may add them just now
    for key in observables:
        desk.cases.setdefault(key, set()).add(case)


def _link(desk: _Desk, joined: Mapping[UUID, UUID]) -> None:
    """Put reports into their cases. A case's own version stays: whoever decides on it does not stumble over each new report."""
    reports_of: dict[UUID, list[UUID]] = {}
    for report, case in joined.items():
        reports_of.setdefault(case, []).append(report)
    for case in sorted(reports_of):
        count = sum(_link_some(desk.work, case, some) for some in chunks(sorted(reports_of[case]), AT_ONCE))
        if count:
            adding = (
                update(Incident)
                .where(Incident.id == case)
                .values(reports=Incident.reports + count, version=Incident.version)
            )
            desk.work.db.execute(adding.execution_options(synchronize_session=False))


def _link_some(work: Work, case: UUID, reports: Sequence[UUID]) -> int:
    linking_them = (
        update(Report).where(among(work, Report.id, reports), Report.incident.is_(None), Report.state.in_(("received", "triaged")))
        .values(incident=case, state="linked", changed=work.now, version=Report.version + 1)
        .returning(Report.id).execution_options(synchronize_session=False)
    )  # fmt: skip
    return len(work.db.execute(linking_them).all())
