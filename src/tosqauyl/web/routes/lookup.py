"""Looking things up: anybody one number, link or account at a time, participants fifty; both by what was published alone."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.registry import buckets
from tosqauyl.registry.buckets import Left
from tosqauyl.registry.lookup import MOST_AT_ONCE, Found, Question, check
from tosqauyl.web.bodies import TitlesOut
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["lookup"])

_Anybody = Annotated[Caller, Depends(needs(PUBLIC))]
_Participant = Annotated[Caller, Depends(needs("lookup"))]
PublicKind = Literal["phone", "iban", "card_token", "wallet", "domain", "url", "telegram"]
Kind = Literal["phone", "iban", "card_token", "wallet", "domain", "url", "telegram", "imei"]
Verdict = Literal["fraud", "suspect", "clean", "protected"]
Value = Annotated[str, plain(2_048, min_length=1)]


class CheckIn(BaseModel):
    """What anybody asks about. value: as it was written or shown."""

    model_config = ConfigDict(extra="forbid")
    kind: PublicKind
    value: Value


class LookupItem(BaseModel):
    """What a participant asks about."""

    model_config = ConfigDict(extra="forbid")
    kind: Kind
    value: Value


class LookupIn(BaseModel):
    """Questions; they are answered in their order."""

    model_config = ConfigDict(extra="forbid")
    items: Annotated[list[LookupItem], Field(min_length=1, max_length=MOST_AT_ONCE)]


class ReasonOut(BaseModel):
    """Why something was published. slug: for programs, text: for people."""

    slug: str
    text: TitlesOut


class SaidOut(BaseModel):
    """One published entry. kind: of what it speaks: of a link it may be the domain; decided_by: the organisation that answers for
    it; until: it ends by itself."""

    kind: Kind
    verdict: Verdict
    scheme: str
    since: Moment
    until: Moment
    reasons: list[ReasonOut]
    decided_by: str


class CheckOut(BaseModel):
    """known: something was published, or it belongs to a protected body; said: the gravest first; owner: that body; text: what it
    comes to. Not known is no proof of honesty."""

    known: bool
    said: list[SaidOut]
    owner: TitlesOut | None
    text: TitlesOut


class LimitsOut(BaseModel):
    """The bucket of the caller's organisation. left: tokens; hit, miss: what a question costs by its answer; retry_after: seconds
    until something may be asked, 0 for now."""

    left: float
    capacity: float
    per_minute: float
    hit: float
    miss: float
    retry_after: int


class LookupOut(BaseModel):
    """Answers in the order of the questions, and what is left of the bucket."""

    items: list[CheckOut]
    limits: LimitsOut


@router.post("/v1/public/check", response_model=CheckOut, responses=problems("too-many"))
def check_value(said: CheckIn, caller: _Anybody) -> CheckOut:
    """Is this number, link or account known? Only what was published is told, never reports.

    Each question costs tokens of whoever asks from this address: 1 if something is known, 20 if not; 2 come back each minute.
    """
    with caller.passing() as work:
        (found,) = check(work, [Question(said.kind, said.value)])
        rule = buckets.rules()["check"]
        cost = rule.hit if found.known else rule.miss
        buckets.spend(work, buckets.visitor(work, caller.address), cost, rule.name)
    return _check_out(found)


@router.post("/v1/lookups", response_model=LookupOut, responses=problems("too-many"))
def look_up(said: LookupIn, caller: _Participant) -> LookupOut:
    """Up to 50 questions at once. The organisation's bucket pays 1 for what is known and 3 for what is not."""
    with caller.work() as work:
        found = check(work, [Question(one.kind, one.value) for one in said.items])
        rule, known = buckets.rules()["lookup"], sum(one.known for one in found)
        cost = known * rule.hit + (len(found) - known) * rule.miss
        left = buckets.spend(work, buckets.participant(work), cost, rule.name)
        work.note("look-up", "lookup", caller.actor.organisation, f"{len(found)} asked, {known} known")
    return LookupOut(items=[_check_out(one) for one in found], limits=_limits_out(left))


@router.get("/v1/lookups/limits", response_model=LimitsOut, responses=problems())
def read_lookup_limits(caller: _Participant) -> LimitsOut:
    """What is left of the bucket of the caller's organisation."""
    with caller.read() as work:
        return _limits_out(buckets.left(work, buckets.participant(work), "lookup"))


def _check_out(found: Found) -> CheckOut:
    said = [
        SaidOut(
            kind=one.kind, verdict=one.verdict, scheme=one.scheme, since=one.since, until=one.until,  # type: ignore[arg-type]
            reasons=[ReasonOut(slug=reason.slug, text=TitlesOut(**reason.text)) for reason in one.reasons],
            decided_by=one.decided_by,
        )
        for one in found.said
    ]  # fmt: skip
    owner = TitlesOut(**found.owner) if found.owner else None
    return CheckOut(known=found.known, said=said, owner=owner, text=TitlesOut(**found.text))


def _limits_out(left: Left) -> LimitsOut:
    rule = left.rule
    return LimitsOut(
        left=round(left.left, 3), capacity=rule.capacity, per_minute=rule.per_minute, hit=rule.hit, miss=rule.miss,
        retry_after=left.retry_after,
    )  # fmt: skip
