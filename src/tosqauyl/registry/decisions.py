"""Indicators: what is said of an observable, from a draft over a second person's approval to its end.

draft -> proposed -> active -> decayed        words.INDICATOR_MOVES; whatever is active and has a listing is published
proposed -> draft: sent back; decayed -> proposed: renewed, which needs a new approval; all but revoked -> revoked
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from tosqauyl.registry import observables, publish, webhooks
from tosqauyl.registry.decay import decays_at
from tosqauyl.registry.errors import Conflict, Forbidden, Invalid
from tosqauyl.registry.proposals import Proposal, checked, checked_end, reasons_text
from tosqauyl.registry.protection import check_may_be_blocked, check_no_numbers, is_storable
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Condition, Incident, IncidentObservable, Indicator, Listing, Report, Sighting
from tosqauyl.registry.tenancy import check_version, newest, of_tenant, visible
from tosqauyl.registry.words import INDICATOR_MOVES, may_move

__all__ = [
    "Evidence", "Filter", "Proposal", "approve", "draft", "evidence", "expire", "found", "propose", "revise", "revoke",
    "revoke_all", "search", "send_back", "submit",
]  # fmt: skip

MOST_WHY = 1_000
_EVENTS = {"approve": "indicator.approved", "revoke": "indicator.revoked"}
"""Of the steps after which gates may be told something else."""
AT_ONCE = 500
"""Indicators that one run of `expire` ends."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which indicators: all that is said must hold; '' and None say nothing."""

    state: str = ""
    verdict: str = ""
    scheme: str = ""
    source: str = ""
    observable: UUID | None = None
    incident: UUID | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands behind an indicator, as far as the actor's tenant knows: reports and organisations that name its observable, and
    incidents it belongs to. at_least: it is named so often that only its latest LOOKED_AT reports were looked at, so organisations,
    and for a tenant reports, are at least these."""

    reports: int
    organisations: int
    incidents: int
    at_least: bool = False


LOOKED_AT = 2_000
"""Reports of one observable whose senders are counted: a number that half the country reports would take seconds."""


def draft(work: Work, proposal: Proposal) -> Indicator:
    """Write a proposal down without proposing it. Raises Invalid, Absent."""
    return _new(work, proposal, "draft")


def propose(work: Work, proposal: Proposal) -> Indicator:
    """Propose it: it waits for a second person. Raises Invalid, Absent."""
    return _new(work, proposal, "proposed")


def revise(work: Work, indicator_id: UUID, version: int, proposal: Proposal) -> Indicator:
    """Write a draft anew; its observable stays. Raises Absent, Conflict, Invalid."""
    indicator = _seen(work, indicator_id, version)
    if indicator.state != "draft":
        raise Conflict(
            f"it is {indicator.state}, not a draft", hint="send it back first, or revoke it and propose another"
        )
    if proposal.observable_id != indicator.observable:
        raise Invalid("a draft stays with its observable", "observable_id", "write another one")
    for name, value in _columns(checked(work, proposal)).items():
        setattr(indicator, name, value)
    return _saved(work, indicator, "revise")


def submit(work: Work, indicator_id: UUID, version: int, valid_until: int = 0) -> Indicator:
    """Propose a draft, or propose again what has decayed. valid_until: a new end, 0 to keep that of a draft.

    Raises Absent, Conflict, Invalid.
    """
    indicator = _seen(work, indicator_id, version)
    end = valid_until or (indicator.valid_until if indicator.state == "draft" else 0)
    _check_move(indicator, "proposed")
    end = checked_end(work, indicator.listing, end)
    if indicator.listing == "block":
        check_may_be_blocked(work, observables.read(work, indicator.observable))
    indicator.state, indicator.valid_until = "proposed", end
    indicator.proposed_by, indicator.proposed = work.actor.name, work.now
    indicator.approved_by = indicator.ended_by = indicator.ended_why = ""
    indicator.approved = indicator.ended = 0
    return _saved(work, indicator, "propose")


def approve(work: Work, indicator_id: UUID, version: int) -> Indicator:
    """Approve what somebody else proposed; gates are told. From now on its confidence fades, and it ends when that is too low.

    Raises Absent, Conflict, Forbidden to whoever proposed it and to programs, Invalid where the number must not be blocked.
    """
    publish.lock(work)
    indicator = _seen(work, indicator_id, version)
    check_second_person(work, indicator.proposed_by, "proposed")
    if indicator.valid_until <= work.now:
        raise Conflict("the end that was proposed is over", hint="send it back")
    _check_move(indicator, "active")
    _check_against_the_others(work, indicator)
    indicator.state, indicator.valid_from = "active", work.now
    indicator.approved_by, indicator.approved = work.actor.name, work.now
    fades = decays_at(indicator)
    indicator.valid_until = min(indicator.valid_until, fades or indicator.valid_until)
    return _saved(work, indicator, "approve")


def send_back(work: Work, indicator_id: UUID, version: int, why: str) -> Indicator:
    """Make a proposal a draft again. why: for whoever proposed it, kept as `ended_why` until it is proposed again.

    Raises Absent, Conflict, Invalid.
    """
    indicator = _seen(work, indicator_id, version)
    _check_move(indicator, "draft")
    indicator.ended_by, indicator.ended_why = work.actor.name, _checked_why(why)
    indicator.state = "draft"
    return _saved(work, indicator, "send-back")


def revoke(work: Work, indicator_id: UUID, version: int, why: str) -> Indicator:
    """Take it back for good; gates are told at once. Raises Absent, Conflict, Invalid."""
    publish.lock(work)
    return _revoked(work, _seen(work, indicator_id, version), _checked_why(why))


def revoke_all(work: Work, observable_id: UUID, why: str) -> int:
    """Take back whatever is active and has gates stop or mark an observable; how many. For appeals: one decision, one effect."""
    publish.lock(work)
    active = select(Indicator.id).where(
        Indicator.observable == observable_id, Indicator.state == "active", Indicator.listing.in_(("block", "mark"))
    )
    which = list(work.db.scalars(of_tenant(work, active, Indicator.organisation)))
    for one in which:
        _revoked(work, found(work, one), _checked_why(why))
    return len(which)


def expire(work: Work, most: int = AT_ONCE) -> int:
    """End up to `most` indicators whose time is over or whose confidence has faded, and relist what has ended; how many.

    A job calls it each minute, and again while it gives `most`. Gates do not wait for it: they know the ends.
    """
    publish.lock(work)
    over = select(Indicator).where(Indicator.state == "active", Indicator.valid_until <= work.now)
    over = over.order_by(Indicator.valid_until).limit(most).execution_options(populate_existing=True)
    ended = list(work.db.scalars(over))
    for indicator in ended:
        indicator.state, indicator.ended, indicator.ended_by = "decayed", work.now, work.actor.name
        indicator.ended_why = "its time is over"
        work.note("decay", "indicator", indicator.id)
    work.db.flush()
    listed = select(Listing.observable).where(Listing.expires.between(1, work.now))
    stale = list(work.db.scalars(listed.order_by(Listing.expires).limit(most)))
    publish.relist_all(work, [*(indicator.observable for indicator in ended), *stale])
    return max(len(ended), len(stale))


def found(work: Work, indicator_id: UUID) -> Indicator:
    """An indicator as it is committed. Raises Absent, also for another tenant's."""
    return visible(work, work.db.get(Indicator, indicator_id, populate_existing=True), "indicator")


def search(work: Work, wanted: Filter, cursor: UUID | None, limit: int) -> list[Indicator]:
    """Up to limit + 1 indicators of the actor's tenant, the latest first, older than the cursor."""
    chosen = of_tenant(work, select(Indicator), Indicator.organisation)
    for name, value in asdict(wanted).items():
        if value:
            chosen = chosen.where(getattr(Indicator, name) == value)
    return list(work.db.scalars(newest(chosen, Indicator.id, cursor, limit)))


def evidence(work: Work, observable_id: UUID) -> Evidence:
    """What is known of an observable besides what is said of it."""
    sightings = select(Sighting.report).where(Sighting.observable == observable_id)
    everyones = int(work.db.scalar(select(func.count()).select_from(sightings.subquery())) or 0)
    latest = sightings.order_by(Sighting.report.desc()).limit(LOOKED_AT).subquery()
    senders = select(func.count(), func.count(Report.organisation.distinct())).join(
        latest, latest.c.report == Report.id
    )
    own, organisations = work.db.execute(of_tenant(work, senders, Report.organisation)).one()
    reports = everyones if work.actor.sees_all else int(own)
    return Evidence(reports, int(organisations), _incidents(work, observable_id), everyones > LOOKED_AT)


def check_second_person(work: Work, first: str, what: str) -> None:
    """Raises Forbidden to whoever did the first step, and to programs: a person answers for what stops calls."""
    if not work.actor.name.startswith("user:"):
        raise Forbidden("a person must approve this, no program")
    if work.actor.name == first:
        raise Forbidden(f"whoever {what} it cannot approve it", hint="a second person must")


def _incidents(work: Work, observable_id: UUID) -> int:
    wanted = (
        select(func.count()).select_from(IncidentObservable).join(Incident, Incident.id == IncidentObservable.incident)
    )
    wanted = wanted.where(IncidentObservable.observable == observable_id)
    return int(work.db.scalar(of_tenant(work, wanted, Incident.organisation)) or 0)


def _new(work: Work, proposal: Proposal, state: str) -> Indicator:
    made = checked(work, proposal)
    indicator = Indicator(
        id=work.new_id(), organisation=work.actor.organisation, observable=made.observable_id, state=state, created=work.now,
        valid_from=work.now, **_columns(made),
    )  # fmt: skip
    if state == "proposed":
        indicator.proposed_by, indicator.proposed = work.actor.name, work.now
    work.db.add(indicator)
    return _saved(work, indicator, "propose" if state == "proposed" else "draft")


def _columns(proposal: Proposal) -> dict[str, Any]:
    names = (
        "verdict", "listing", "confidence", "scheme", "source", "incident", "rule", "valid_until", "half_life_days", "public",
    )  # fmt: skip
    return {name: getattr(proposal, name) for name in names} | {"reasons": reasons_text(proposal.reasons)}


def _seen(work: Work, indicator_id: UUID, version: int) -> Indicator:
    """The indicator that somebody decides on. Raises Absent, Conflict where it is not as that person saw it."""
    indicator = found(work, indicator_id)
    check_version(indicator, version, f"it was changed in between: it is {indicator.state} now")
    return indicator


def _check_move(indicator: Indicator, state: str) -> None:
    if not may_move(INDICATOR_MOVES, indicator.state, state):
        raise Conflict(f"it is {indicator.state} and cannot become {state}")


def _saved(work: Work, indicator: Indicator, verb: str) -> Indicator:
    work.db.flush()
    work.note(verb, "indicator", indicator.id, f"{indicator.verdict} {indicator.listing or 'none'} {indicator.state}")
    if event := _EVENTS.get(verb):
        data = {"indicator": indicator.id, "observable": indicator.observable}
        webhooks.announce(work, event, data, indicator.organisation)
        publish.relist(work, indicator.observable)
    return indicator


def _revoked(work: Work, indicator: Indicator, why: str) -> Indicator:
    _check_move(indicator, "revoked")
    indicator.state, indicator.ended = "revoked", work.now
    indicator.ended_by, indicator.ended_why = work.actor.name, why
    return _saved(work, indicator, "revoke")


def _check_against_the_others(work: Work, indicator: Indicator) -> None:
    """A block of what is protected, or a protection of what is blocked: one of the two is wrong, and a person says which."""
    if indicator.listing == "block":
        check_may_be_blocked(work, observables.read(work, indicator.observable))
    if indicator.verdict == "protected" and is_blocked(work, indicator.observable):
        raise Conflict("it is blocked now", hint="revoke or end the block first")


def is_blocked(work: Work, observable_id: UUID) -> bool:
    """Whether a block of it holds, also one that an allowance lifts for now."""
    said = select(func.count()).select_from(Indicator).where(
        Indicator.observable == observable_id, Indicator.state == "active", Indicator.listing == "block",
        Indicator.valid_until > work.now,
    )  # fmt: skip
    held = (
        select(func.count())
        .select_from(Condition)
        .where(
            Condition.observable == observable_id,
            Condition.kind != "allow",
            Condition.ended == 0,
            Condition.approved_by != "",
            Condition.until > work.now,
        )
    )
    return any(_counts(work, (said, held)))


def _counts(work: Work, wanted: Iterable[Any]) -> list[int]:
    return [int(work.db.scalar(one) or 0) for one in wanted]


def _checked_why(why: str) -> str:
    if not why.strip() or len(why) > MOST_WHY or not is_storable(why):
        raise Invalid("say why", "why", f"at most {MOST_WHY} characters")
    check_no_numbers(why, "why")
    return why
