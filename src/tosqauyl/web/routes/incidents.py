"""Cases: opened, worked on, put aside, closed; what they consist of and what was said of them."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.registry import incident_parts as parts
from tosqauyl.registry import incidents as desk
from tosqauyl.registry import purposes
from tosqauyl.registry.clocks import is_late
from tosqauyl.registry.incidents import Changes, Draft, Filter
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Incident
from tosqauyl.registry.timeline import entries
from tosqauyl.registry.words import INCIDENT_MOVES
from tosqauyl.web.bodies import NamedOut, ObservableOf, Version, names_of, observable_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment, RequiredMoment

router = APIRouter(tags=["incidents"])

State = Literal["proposed", "pending", "investigating", "snoozed", "closed"]
Outcome = Literal["", "confirmed_risk", "valuable_alert", "false_positive"]
Money = Annotated[int, Field(ge=0, le=desk.MOST_MONEY, strict=True)]
Victims = Annotated[int, Field(ge=0, le=desk.MOST_VICTIMS, strict=True)]
Title = Annotated[str, plain(desk.MOST_TITLE)]
Code = Annotated[str, plain(32)]
Text = Annotated[str, plain(desk.MOST_TEXT, multiline=True)]
_Ids = Annotated[list[UUID], Field(min_length=1, max_length=parts.MOST)]
_Reader = Annotated[Caller, Depends(needs("cases:read"))]
_Writer = Annotated[Caller, Depends(needs("cases:write"))]
_CHANGED = problems("not-found", "conflict")


class IncidentIn(BaseModel):
    """A new case. title: no numbers, no names; amount: lost money in tiyn; region: of ISO 3166-2:KZ without 'KZ-'."""

    model_config = ConfigDict(extra="forbid")
    title: Title = ""
    scheme: Code = ""
    region: Code = ""
    amount: Money = 0
    victims: Victims = 0


class SeenIn(BaseModel):
    """version: of the case as it was seen; another one is refused."""

    model_config = ConfigDict(extra="forbid")
    version: Version


class AmendIn(SeenIn):
    """What changes; null leaves what is there."""

    title: Title | None = None
    scheme: Code | None = None
    region: Code | None = None
    amount: Money | None = None
    victims: Victims | None = None


class AssignIn(SeenIn):
    """account: who shall work on it, null for nobody."""

    account: UUID | None = None


class MoveIn(SeenIn):
    """outcome: with 'closed', and only then. why: for the story, sealed."""

    state: Literal["pending", "investigating", "closed"]
    outcome: Outcome = ""
    why: Text = ""


class SnoozeIn(SeenIn):
    """until: at most 90 days ahead. why: for the story, sealed."""

    until: RequiredMoment
    why: Annotated[str, plain(desk.MOST_TEXT, min_length=1, multiline=True)]


class MergeIn(SeenIn):
    """other: the case that is taken in and closed, with the version that was seen of it."""

    other: UUID
    other_version: Version


class ReportsIn(SeenIn):
    """reports: ids."""

    reports: _Ids


class ObservablesIn(SeenIn):
    """observables: ids, or kinds and values."""

    observables: Annotated[list[ObservableOf], Field(min_length=1, max_length=100)]


class ObservableIdsIn(SeenIn):
    """observables: ids."""

    observables: _Ids


class CommentIn(BaseModel):
    """text: sealed."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, plain(desk.MOST_TEXT, min_length=1, multiline=True)]


class IncidentOut(BaseModel):
    """due: when its clock runs out; late: it has; assigned: account, assignee: its login, '' for nobody; amount: tiyn;
    merged_into: the case that took it in."""

    id: UUID
    organisation: str
    title: str
    scheme: str
    region: str
    state: State
    outcome: Outcome
    assigned: UUID | None
    assignee: str
    amount: int
    victims: int
    reports: int
    created: Moment
    due: Moment
    late: bool
    snoozed_until: Moment
    closed: Moment
    merged_into: UUID | None
    version: int


class IncidentDetailOut(IncidentOut):
    """moves: the states it may go to; observables: the first 500, masked."""

    moves: list[State]
    observables: list[NamedOut]


class WorkerOut(BaseModel):
    """Somebody to whom a case may be given. id: account."""

    id: UUID
    login: str


class ReportInCaseOut(BaseModel):
    """A report of a case."""

    id: UUID
    organisation: str
    reporter: str
    channel: str
    scheme: str
    region: str
    state: str
    outcome: str
    loss: int
    victims: int
    received: Moment


class EntryOut(BaseModel):
    """A line of a case's story. text: '' where there is none, or where the caller may not read it (withheld)."""

    id: UUID
    at: Moment
    actor: str
    verb: str
    text: str
    withheld: bool


class CommentedOut(BaseModel):
    """The case that something was said of."""

    incident: UUID


def _filter(
    state: State | None = None, scheme: Annotated[Code, Query()] = "", region: Annotated[Code, Query()] = "",
    assigned: UUID | None = None, late: Annotated[bool, Query(description="Only those whose clock has run out.")] = False,
) -> Filter:  # fmt: skip
    return Filter(state or "", scheme, region, assigned, late)


@router.get("/v1/incidents", response_model=Page[IncidentOut], responses=problems())
def list_incidents(
    caller: _Reader, wanted: Annotated[Filter, Depends(_filter)], cursor: Cursor = None, limit: Limit = 50
) -> Page[IncidentOut]:
    """Cases, the latest first: all that is said must hold."""
    with caller.read() as work:
        found = desk.search(work, wanted, cursor, limit)
        shown = _shown(work, found[:limit])
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/v1/case-workers", response_model=list[WorkerOut], responses=problems())
def list_case_workers(caller: _Writer) -> list[WorkerOut]:
    """The people of the caller's organisation to whom a case may be given, by login."""
    with caller.read() as work:
        return [WorkerOut(id=one.id, login=one.login) for one in desk.workers(work)]


@router.post("/v1/incidents", response_model=IncidentDetailOut, status_code=201, responses=problems())
def open_incident(said: IncidentIn, caller: _Writer) -> IncidentDetailOut:
    """Open a case."""
    with caller.work() as work:
        return _detail(work, desk.create(work, Draft(**said.model_dump())))


@router.get("/v1/incidents/{incident_id}", response_model=IncidentDetailOut, responses=problems("not-found"))
def read_incident(incident_id: UUID, caller: _Reader) -> IncidentDetailOut:
    """One case with its observables."""
    with caller.read() as work:
        return _detail(work, desk.found(work, incident_id))


@router.get(
    "/v1/incidents/{incident_id}/reports", response_model=Page[ReportInCaseOut], responses=problems("not-found")
)
def list_reports_of_incident(
    incident_id: UUID, caller: _Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[ReportInCaseOut]:
    """Reports of a case, the latest first."""
    with caller.read() as work:
        found = parts.reports_in(work, incident_id, cursor, limit)
        shown = [ReportInCaseOut.model_validate(one, from_attributes=True) for one in found[:limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/v1/incidents/{incident_id}/timeline", response_model=Page[EntryOut], responses=problems("not-found"))
def read_timeline(incident_id: UUID, caller: _Reader, cursor: Cursor = None, limit: Limit = 50) -> Page[EntryOut]:
    """The story of a case, the latest line first. Its texts are shown to who may read personal data; that is noted."""
    purpose = purposes.STORY if caller.actor.may("personal:read") else ""
    with caller.read() as work:
        found = entries(work, desk.found(work, incident_id).id, cursor, limit, purpose)
    shown = [
        EntryOut(
            id=one.id, at=one.at, actor=one.actor, verb=one.verb, text=one.text, withheld=one.has_text and not purpose
        )
        for one in found[:limit]
    ]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/v1/incidents/{incident_id}:amend", response_model=IncidentDetailOut, responses=_CHANGED)
def amend_incident(incident_id: UUID, said: AmendIn, caller: _Writer) -> IncidentDetailOut:
    """Say something else of a case: title, scheme, region, money, victims."""
    with caller.work() as work:
        changes = Changes(**said.model_dump(exclude={"version"}))
        return _detail(work, desk.amend(work, incident_id, said.version, changes))


@router.post("/v1/incidents/{incident_id}:assign", response_model=IncidentDetailOut, responses=_CHANGED)
def assign_incident(incident_id: UUID, said: AssignIn, caller: _Writer) -> IncidentDetailOut:
    """Give a case to somebody."""
    with caller.work() as work:
        return _detail(work, desk.assign(work, incident_id, said.version, said.account))


@router.post("/v1/incidents/{incident_id}:move", response_model=IncidentDetailOut, responses=_CHANGED)
def move_incident(incident_id: UUID, said: MoveIn, caller: _Writer) -> IncidentDetailOut:
    """Move a case on, close it with an outcome, or take it up again. Closing it closes its reports."""
    with caller.work() as work:
        return _detail(work, desk.move(work, incident_id, said.version, said.state, said.outcome, said.why))


@router.post("/v1/incidents/{incident_id}:snooze", response_model=IncidentDetailOut, responses=_CHANGED)
def snooze_incident(incident_id: UUID, said: SnoozeIn, caller: _Writer) -> IncidentDetailOut:
    """Put a case aside until a moment."""
    with caller.work() as work:
        return _detail(work, desk.snooze(work, incident_id, said.version, said.until, said.why))


@router.post("/v1/incidents/{incident_id}:merge", response_model=IncidentDetailOut, responses=_CHANGED)
def merge_incidents(incident_id: UUID, said: MergeIn, caller: _Writer) -> IncidentDetailOut:
    """Take another case in: its reports, observables, indicators and actions. Amounts and victims add up."""
    with caller.work() as work:
        return _detail(work, parts.merge(work, incident_id, said.version, said.other, said.other_version))


@router.post("/v1/incidents/{incident_id}:add-reports", response_model=IncidentDetailOut, responses=_CHANGED)
def add_reports_to_incident(incident_id: UUID, said: ReportsIn, caller: _Writer) -> IncidentDetailOut:
    """Put reports into a case, with what they name."""
    with caller.work() as work:
        return _detail(work, parts.add_reports(work, incident_id, said.version, said.reports))


@router.post("/v1/incidents/{incident_id}:remove-reports", response_model=IncidentDetailOut, responses=_CHANGED)
def remove_reports_from_incident(incident_id: UUID, said: ReportsIn, caller: _Writer) -> IncidentDetailOut:
    """Take reports out of a case. Its observables stay."""
    with caller.work() as work:
        return _detail(work, parts.remove_reports(work, incident_id, said.version, said.reports))


@router.post("/v1/incidents/{incident_id}:add-observables", response_model=IncidentDetailOut, responses=_CHANGED)
def add_observables_to_incident(incident_id: UUID, said: ObservablesIn, caller: _Writer) -> IncidentDetailOut:
    """Put observables into a case."""
    with caller.work() as work:
        desk.seen_open(work, incident_id, said.version)
        which = [observable_of(work, one) for one in said.observables]
        return _detail(work, parts.add_observables(work, incident_id, said.version, which))


@router.post("/v1/incidents/{incident_id}:remove-observables", response_model=IncidentDetailOut, responses=_CHANGED)
def remove_observables_from_incident(incident_id: UUID, said: ObservableIdsIn, caller: _Writer) -> IncidentDetailOut:
    """Take observables out of a case."""
    with caller.work() as work:
        return _detail(work, parts.remove_observables(work, incident_id, said.version, said.observables))


@router.post(
    "/v1/incidents/{incident_id}:comment",
    response_model=CommentedOut,
    status_code=201,
    responses=problems("not-found", "conflict"),
)
def comment_incident(incident_id: UUID, said: CommentIn, caller: _Writer) -> CommentedOut:
    """Say something in the story of a case."""
    with caller.work() as work:
        desk.comment(work, incident_id, said.text)
    return CommentedOut(incident=incident_id)


_SAME: Sequence[str] = tuple(name for name in IncidentOut.model_fields if name not in ("late", "assignee"))


def _shown(work: Work, found: Sequence[Incident]) -> list[IncidentOut]:
    logins = desk.assignees(work, found)
    return [
        IncidentOut(
            **{name: getattr(one, name) for name in _SAME}, late=one.state != "closed" and is_late(one.due, work.now),
            assignee=logins.get(one.assigned, "") if one.assigned else "",
        )
        for one in found
    ]  # fmt: skip


def _detail(work: Work, one: Incident) -> IncidentDetailOut:
    which = parts.observables_in(work, one.id)
    names = names_of(work, which)
    moves = () if one.merged_into else INCIDENT_MOVES[one.state]
    shown = [names[key] for key in which]
    return IncidentDetailOut(**dict(_shown(work, [one])[0]), moves=list(moves), observables=shown)  # type: ignore[arg-type]
