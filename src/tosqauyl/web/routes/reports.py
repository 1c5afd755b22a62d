"""Reports: sent by organisations and by anybody, followed by their ticket, found, read, looked at, closed; the code lists they
use."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from tosqauyl.registry import reports as desk
from tosqauyl.registry.actor import CITIZEN
from tosqauyl.registry.intake import Receipt, submit
from tosqauyl.registry.reports import Filter, Named, Opened
from tosqauyl.registry.store import Work
from tosqauyl.registry.submission import (
    Submission,
    Unacceptable,
)
from tosqauyl.registry.tables import Report
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.tickets import follow
from tosqauyl.web.bodies import PurposeIn, TitlesOut
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import FieldProblem, Refused, problems
from tosqauyl.web.report_bodies import (
    ClearOut,
    CloseIn,
    Code,
    OpenedOut,
    ProgressOut,
    PublicReceiptOut,
    PublicReportIn,
    ReceiptOut,
    RegionOut,
    ReportedOut,
    Reporter,
    ReportIn,
    ReportOut,
    SchemeOut,
    SchemesOut,
    Sealed,
    SearchIn,
    Slug,
    State,
    TicketIn,
    TriageIn,
)
from tosqauyl.web.times import GivenMoment

router = APIRouter(tags=["reports"])

_Writer = Annotated[Caller, Depends(needs("reports:write"))]
_Reader = Annotated[Caller, Depends(needs("reports:read"))]
_Decider = Annotated[Caller, Depends(needs("cases:write"))]
_Opener = Annotated[Caller, Depends(needs("personal:read"))]
_Anybody = Annotated[Caller, Depends(needs(PUBLIC))]
_Sender = Annotated[Caller, Depends(needs(PUBLIC, own="reports:write"))]


def _filter(
    state: State | None = None, scheme: Annotated[Slug, Query()] = "", reporter: Reporter | None = None,
    region: Annotated[Code, Query()] = "", since: Annotated[GivenMoment, Query()] = 0,
    until: Annotated[GivenMoment, Query()] = 0,
) -> Filter:  # fmt: skip
    return Filter(state or "", scheme, reporter or "", region, since, until)


@router.post("/v1/reports", response_model=ReceiptOut, status_code=201, responses=problems("conflict"))
def send_report(said: ReportIn, caller: _Writer) -> ReceiptOut:
    """Send a report. The same report again changes nothing and gives the same receipt."""
    receipt = _submit(caller, said, said.reporter or caller.actor.kind, said.victim, said.victims)
    return ReceiptOut(
        id=receipt.report, ticket=receipt.ticket, state=receipt.state, duplicate=receipt.duplicate,  # type: ignore[arg-type]
        incident=receipt.incident,
    )  # fmt: skip


@router.post("/v1/public/reports", response_model=PublicReceiptOut, status_code=201, responses=problems("too-many"))
def send_public_report(said: PublicReportIn, caller: _Sender) -> PublicReceiptOut:
    """Report a call, a message, an account or a site, without an account of one's own."""
    receipt = _submit(caller, said, "citizen")
    return PublicReceiptOut(ticket=receipt.ticket, state=receipt.state, duplicate=receipt.duplicate)  # type: ignore[arg-type]


@router.post("/v1/public/reports:follow", response_model=ProgressOut, responses=problems("not-found", "too-many"))
def follow_report(said: TicketIn, caller: _Anybody) -> ProgressOut:
    """How a report stands, for whoever has its ticket. A wrong ticket gets the same answer as one that never was."""
    caller.charge("follow")
    with caller.read() as work:
        found = follow(work, said.ticket)
    words = TitlesOut(**found.words)
    return ProgressOut(state=found.state, received=found.received, changed=found.changed, words=words)  # type: ignore[arg-type]


@router.get("/v1/reports", response_model=Page[ReportOut], responses=problems())
def list_reports(
    caller: _Reader, wanted: Annotated[Filter, Depends(_filter)], cursor: Cursor = None, limit: Limit = 50
) -> Page[ReportOut]:
    """Reports of the caller's organisation, the latest first; the centre sees all."""
    with caller.read() as work:
        return _page(work, desk.search(work, wanted, cursor, limit), limit)


@router.post("/v1/reports:search", response_model=Page[ReportOut], responses=problems())
def search_reports(said: SearchIn, caller: _Reader) -> Page[ReportOut]:
    """Reports that name an observable, or are of a state, scheme and so on. A POST, because it may hold a number."""
    observable = (said.observable.kind, said.observable.value) if said.observable else None
    wanted = Filter(
        said.state or "",
        said.scheme,
        said.reporter or "",
        said.region,
        said.since,
        said.until,
        said.incident,
        observable,
        said.observable_id,
    )
    with caller.read() as work:
        return _page(work, desk.search(work, wanted, said.cursor, said.limit), said.limit)


@router.get("/v1/reports/{report_id}", response_model=ReportOut, responses=problems("not-found"))
def read_report(report_id: UUID, caller: _Reader) -> ReportOut:
    """One report, without what is sealed of it."""
    with caller.read() as work:
        return _shown(work, [desk.get(work, report_id)])[0]


@router.post("/v1/reports/{report_id}:open", response_model=OpenedOut, responses=problems("not-found"))
def open_report(report_id: UUID, said: PurposeIn, caller: _Opener) -> OpenedOut:
    """What is sealed of a report, in clear; it is written down who read it and why. Needs the scope reports:read as well."""
    if not caller.actor.may("reports:read"):
        raise Refused("forbidden", "the scope is reports:read")
    with caller.work() as work:
        found: Opened = desk.open_report(work, report_id, said.purpose)
    clear = [ClearOut(id=key, kind=kind, value=value) for key, kind, value in found.observables]  # type: ignore[arg-type]
    return OpenedOut(text=found.text, contact=found.contact, victim=found.victim, observables=clear)


@router.post("/v1/reports/{report_id}:triage", response_model=ReportOut, responses=problems("not-found", "conflict"))
def triage_report(report_id: UUID, said: TriageIn, caller: _Decider) -> ReportOut:
    """Say of which scheme and region a report is. A closed one is taken up again."""
    with caller.work() as work:
        return _shown(work, [desk.triage(work, report_id, said.version, said.scheme, said.region)])[0]


@router.post("/v1/reports/{report_id}:close", response_model=ReportOut, responses=problems("not-found", "conflict"))
def close_report(report_id: UUID, said: CloseIn, caller: _Decider) -> ReportOut:
    """Close a report as false, duplicate or confirmed."""
    with caller.work() as work:
        return _shown(work, [desk.close(work, report_id, said.version, said.outcome)])[0]


@router.get("/v1/schemes", response_model=SchemesOut, responses=problems())
def read_schemes(caller: _Anybody) -> SchemesOut:
    """The schemes of fraud, with their names and their techniques."""
    found = schemes()
    listed = [
        SchemeOut(
            slug=one.slug, source=one.source, source_date=one.source_date, parent=one.parent, techniques=list(one.techniques),
            titles=TitlesOut(**one.titles),
        )
        for one in found.by_slug.values()
    ]  # fmt: skip
    return SchemesOut(version=found.version, framework=found.framework, schemes=listed)


@router.get("/v1/regions", response_model=list[RegionOut], responses=problems())
def read_regions(caller: _Anybody) -> list[RegionOut]:
    """The regions of Kazakhstan."""
    return [
        RegionOut(code=one.code, kind=one.kind, titles=TitlesOut(**one.titles))  # type: ignore[arg-type]
        for one in regions().values()
    ]


def _submit(caller: Caller, said: PublicReportIn, reporter: str, victim: str = "", victims: int = 0) -> Receipt:
    """Take a report. Raises Refused with every field that cannot be, TooMany where somebody without an account sends too many."""
    citizen = caller.actor.role == CITIZEN.role
    submission = Submission(
        reporter, said.channel, tuple((one.kind, one.value) for one in said.observables), said.scheme, said.region, said.text,
        said.contact, victim, said.loss, victims, said.happened, said.consent, said.external_id, caller.address if citizen else "",
    )  # fmt: skip
    if citizen:
        caller.charge("report")
    with caller.work() as work:
        try:
            return submit(work, submission)
        except Unacceptable as error:
            fields = [FieldProblem(where=_pointer(fault.field), what=fault.what) for fault in error.faults]
            raise Refused("invalid", fields=fields) from None


def _pointer(field: str) -> str:
    return f"/{field}/value" if "/" in field else f"/{field}"


def _page(work: Work, found: Sequence[Report], limit: int) -> Page[ReportOut]:
    shown = _shown(work, found[:limit])
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


def _shown(work: Work, found: Sequence[Report]) -> list[ReportOut]:
    named, incidents = desk.named_in(work, [report.id for report in found]), desk.shown_incidents(work, found)
    return [_report_out(report, named[report.id], incidents[report.id]) for report in found]


def _report_out(report: Report, named: Sequence[Named], incident: UUID | None) -> ReportOut:
    kinds: tuple[Sealed, ...] = ("text", "contact", "victim")
    sealed: list[Sealed] = [name for name in kinds if getattr(report, name)]
    names = (
        "id", "organisation", "reporter", "channel", "scheme", "region", "loss", "victims", "consent", "happened", "received",
        "changed", "state", "outcome", "version",
    )  # fmt: skip
    observables = [
        ReportedOut(id=one.id, kind=one.kind, value=one.value, operator=one.operator, reports=one.reports)  # type: ignore[arg-type]
        for one in named
    ]
    values = {name: getattr(report, name) for name in names}
    return ReportOut(**values, incident=incident, observables=observables, sealed=sealed)
