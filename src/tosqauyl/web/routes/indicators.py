"""Indicators: proposed by one person, approved by another; and who has a number listed, why, until when."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from tosqauyl.registry import decisions as desk
from tosqauyl.registry import observables, publish
from tosqauyl.registry.decay import MOST_HALF_LIFE, confidence_at
from tosqauyl.registry.decisions import Filter, Proposal
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.proposals import MOST_REASON, MOST_REASONS, reasons_of
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator
from tosqauyl.web.bodies import NamedOut, ObservableOf, Version, names_of, observable_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import GivenMoment, Moment

router = APIRouter(tags=["indicators"])

State = Literal["draft", "proposed", "active", "decayed", "revoked"]
Verdict = Literal["fraud", "suspect", "clean", "protected"]
Listing = Literal["", "block", "mark", "allow"]
Source = Literal["report", "ledger", "operator", "centre"]
_Reader = Annotated[Caller, Depends(needs("cases:read"))]
_Proposer = Annotated[Caller, Depends(needs("decisions:propose"))]
_Approver = Annotated[Caller, Depends(needs("decisions:approve"))]
_Asker = Annotated[Caller, Depends(needs("lookup"))]


class ReasonIn(BaseModel):
    """slug: the kind of reason; text: for people, shown with the listing. No numbers, no names."""

    model_config = ConfigDict(extra="forbid")
    slug: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$", min_length=1, max_length=32)]
    text: Annotated[str, plain(MOST_REASON, multiline=True)] = ""


class IndicatorIn(ObservableOf):
    """What shall be said. listing: what gates do ('' nothing); only fraud is blocked. valid_until: a block must have it, at most
    180 days ahead; null otherwise for the longest that may be. public: whether anybody may be told. submit: propose it at once."""

    verdict: Verdict
    listing: Listing = ""
    confidence: Annotated[int, Field(ge=20, le=100, strict=True)] = 80
    scheme: Annotated[str, plain(32)] = ""
    reasons: Annotated[list[ReasonIn], Field(min_length=1, max_length=MOST_REASONS)]
    source: Source = "report"
    incident: UUID | None = None
    rule: Annotated[str, plain(200)] = ""
    valid_until: GivenMoment = 0
    half_life_days: Annotated[int, Field(ge=0, le=MOST_HALF_LIFE, strict=True)] = 0
    public: StrictBool = True
    submit: StrictBool = False


class RevisedIn(IndicatorIn):
    """version: of the draft as it was seen."""

    version: Version


class DecidedIn(BaseModel):
    """version: of the indicator as it was seen; another one is refused."""

    model_config = ConfigDict(extra="forbid")
    version: Version


class ProposedIn(DecidedIn):
    """valid_until: a new end; null keeps that of a draft."""

    valid_until: GivenMoment = 0


class TurnedDownIn(DecidedIn):
    """why: kept with the indicator. No numbers, no names."""

    why: Annotated[str, plain(desk.MOST_WHY, min_length=3)]


class ReasonOut(BaseModel):
    """A reason. slug: its kind."""

    slug: str
    text: str


class IndicatorOut(BaseModel):
    """confidence: now, 0 to 100; confidence_given: at valid_from. ended_why: also why a draft was sent back. version: to decide."""

    id: UUID
    organisation: str
    observable: NamedOut
    incident: UUID | None
    verdict: Verdict
    listing: Listing
    public: bool
    confidence: int
    confidence_given: int
    scheme: str
    reasons: list[ReasonOut]
    source: Source
    rule: str
    state: State
    valid_from: Moment
    valid_until: Moment
    half_life_days: int
    created: Moment
    proposed: Moment
    proposed_by: str
    approved: Moment
    approved_by: str
    ended: Moment
    ended_by: str
    ended_why: str
    version: int


class EvidenceOut(BaseModel):
    """What is known of the observable besides: reports and organisations that name it, incidents it belongs to. at_least: only its
    latest 2,000 reports were looked at, so organisations, and for all but the centre reports, are at least these."""

    reports: int
    organisations: int
    incidents: int
    at_least: bool


class IndicatorWithEvidenceOut(IndicatorOut):
    """An indicator with what stands behind it. listed: what gates are told of its observable now."""

    evidence: EvidenceOut
    listed: Literal["none", "block", "mark", "allow"]


class KnownOut(NamedOut):
    """An observable with what is known of it. listed: what gates are told of it now."""

    evidence: EvidenceOut
    listed: Literal["none", "block", "mark", "allow"]


class ListingReasonOut(BaseModel):
    """Why a number is listed. decided_by: the organisation; by: what decides, an indicator or a condition, and its id; until: null
    for no end. Nothing of those who reported."""

    listing: Literal["block", "mark", "allow"]
    decided_by: str
    by: Literal["indicator", "condition"]
    id: UUID
    scheme: str
    reasons: list[ReasonOut]
    since: Moment
    until: Moment


def _filter(
    state: State | None = None, verdict: Verdict | None = None, scheme: Annotated[str, plain(32), Query()] = "",
    source: Source | None = None, observable: UUID | None = None, incident: UUID | None = None,
) -> Filter:  # fmt: skip
    return Filter(state or "", verdict or "", scheme, source or "", observable, incident)


@router.get("/v1/indicators", response_model=Page[IndicatorOut], responses=problems())
def list_indicators(
    caller: _Reader, wanted: Annotated[Filter, Depends(_filter)], cursor: Cursor = None, limit: Limit = 50
) -> Page[IndicatorOut]:
    """Indicators, the latest first: all that is said must hold."""
    with caller.read() as work:
        found = desk.search(work, wanted, cursor, limit)
        shown = _shown(work, found[:limit])
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/v1/indicators/{indicator_id}", response_model=IndicatorWithEvidenceOut, responses=problems("not-found"))
def read_indicator(indicator_id: UUID, caller: _Reader) -> IndicatorWithEvidenceOut:
    """One indicator with what stands behind it."""
    with caller.read() as work:
        indicator = desk.found(work, indicator_id)
        shown, known = _shown(work, [indicator])[0], _known(work, indicator.observable)
    return IndicatorWithEvidenceOut(**dict(shown), evidence=known.evidence, listed=known.listed)


@router.post(
    "/v1/indicators", response_model=IndicatorOut, status_code=201, responses=problems("not-found", "conflict")
)
def draft_indicator(said: IndicatorIn, caller: _Proposer) -> IndicatorOut:
    """Write an indicator down as a draft, or propose it at once."""
    with caller.work() as work:
        write = desk.propose if said.submit else desk.draft
        return _shown(work, [write(work, _proposal(work, said))])[0]


@router.put("/v1/indicators/{indicator_id}", response_model=IndicatorOut, responses=problems("not-found", "conflict"))
def revise_indicator(indicator_id: UUID, said: RevisedIn, caller: _Proposer) -> IndicatorOut:
    """Write a draft anew, and propose it if that is said."""
    with caller.work() as work:
        desk.found(work, indicator_id)
        indicator = desk.revise(work, indicator_id, said.version, _proposal(work, said))
        if said.submit:
            indicator = desk.submit(work, indicator_id, indicator.version)
        return _shown(work, [indicator])[0]


@router.post(
    "/v1/indicators/{indicator_id}:propose", response_model=IndicatorOut, responses=problems("not-found", "conflict")
)
def propose_indicator(indicator_id: UUID, said: ProposedIn, caller: _Proposer) -> IndicatorOut:
    """Propose a draft, or propose again what has decayed."""
    with caller.work() as work:
        return _shown(work, [desk.submit(work, indicator_id, said.version, said.valid_until)])[0]


@router.post(
    "/v1/indicators/{indicator_id}:approve", response_model=IndicatorOut, responses=problems("not-found", "conflict")
)
def approve_indicator(indicator_id: UUID, said: DecidedIn, caller: _Approver) -> IndicatorOut:
    """Approve what another person proposed. Gates know it within seconds."""
    with caller.work() as work:
        return _shown(work, [desk.approve(work, indicator_id, said.version)])[0]


@router.post(
    "/v1/indicators/{indicator_id}:send-back", response_model=IndicatorOut, responses=problems("not-found", "conflict")
)
def send_indicator_back(indicator_id: UUID, said: TurnedDownIn, caller: _Approver) -> IndicatorOut:
    """Make a proposal a draft again, and say why."""
    with caller.work() as work:
        return _shown(work, [desk.send_back(work, indicator_id, said.version, said.why)])[0]


@router.post(
    "/v1/indicators/{indicator_id}:revoke", response_model=IndicatorOut, responses=problems("not-found", "conflict")
)
def revoke_indicator(indicator_id: UUID, said: TurnedDownIn, caller: _Approver) -> IndicatorOut:
    """Take an indicator back for good. Gates know it within seconds."""
    with caller.work() as work:
        return _shown(work, [desk.revoke(work, indicator_id, said.version, said.why)])[0]


@router.get("/v1/observables/{observable_id}", response_model=KnownOut, responses=problems("not-found"))
def read_observable(observable_id: UUID, caller: _Reader) -> KnownOut:
    """What was seen, masked where it is personal, with what is known of it: for whoever is about to decide on it."""
    with caller.read() as work:
        return _known(work, observables.read(work, observable_id).id)


@router.get("/v1/observables/{observable_id}/listing", response_model=ListingReasonOut, responses=problems("not-found"))
def read_listing(observable_id: UUID, caller: _Asker) -> ListingReasonOut:
    """Who has a number listed at the gates, why, and until when."""
    with caller.read() as work:
        found = publish.published_reason(work, observable_id)
        if found is None or not (found.public or caller.actor.may("cases:read")):
            raise Absent("this is not listed")
    reasons = [ReasonOut(**one) for one in found.reasons]
    return ListingReasonOut(
        listing=found.listing, decided_by=found.organisation, by=found.kind, id=found.id, scheme=found.scheme,  # type: ignore[arg-type]
        reasons=reasons, since=found.since, until=found.until,
    )  # fmt: skip


def _proposal(work: Work, said: IndicatorIn) -> Proposal:
    reasons = [{"slug": one.slug, "text": one.text} for one in said.reasons]
    return Proposal(
        observable_of(work, said), said.verdict, said.listing, said.confidence, said.scheme, reasons, said.source, said.incident,
        said.rule, said.valid_until, said.half_life_days, said.public,
    )  # fmt: skip


def _known(work: Work, which: UUID) -> KnownOut:
    known, listing = desk.evidence(work, which), publish.listing_of(work, which)
    evidence = EvidenceOut(**asdict(known))
    listed = listing.listing if listing else publish.NONE
    return KnownOut(**dict(names_of(work, [which])[which]), evidence=evidence, listed=listed)  # type: ignore[arg-type]


def _shown(work: Work, found: Sequence[Indicator]) -> list[IndicatorOut]:
    names = names_of(work, [one.observable for one in found])
    return [_out(one, names[one.observable], work.now) for one in found]


def _out(one: Indicator, name: NamedOut, now: int) -> IndicatorOut:
    same = (
        "id", "organisation", "incident", "verdict", "listing", "public", "scheme", "source", "rule", "state", "valid_from",
        "valid_until", "half_life_days", "created", "proposed", "proposed_by", "approved", "approved_by", "ended", "ended_by",
        "ended_why", "version",
    )  # fmt: skip
    return IndicatorOut(
        **{name: getattr(one, name) for name in same}, observable=name, confidence_given=one.confidence,
        confidence=confidence_at(one, now) if one.state == "active" else one.confidence,
        reasons=[ReasonOut(**reason) for reason in reasons_of(one.reasons)],
    )  # fmt: skip
