"""Findings of the ledger: what its statistics saw of a number arrives as a proposal, once, and a person decides."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry import decisions, observables
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.proposals import Proposal
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator, Observable

VALID_DAYS = 30
"""How long a finding holds once it is approved."""
HALF_LIFE_DAYS = 30
QUIET_DAYS = 30
"""A finding that a person turned down, or took back, is not proposed again for this long."""
MOST_COUNTS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """number: as it calls; rule: of the policy, or the slug of the statistic; summary: for the person who decides; counts: name ->
    how many; since, until: the window, RFC 3339; query: name and revision of the query, so that it can be run again; listing: what
    the ledger would have gates do."""

    number: str
    rule: str
    summary: str
    since: str
    until: str
    query: str
    counts: dict[str, int] = field(default_factory=dict)
    listing: str = "mark"
    confidence: int = 50
    scheme: str = ""


def take(work: Work, finding: Finding) -> tuple[Indicator, bool]:
    """The proposal of a finding, and whether it is new. Raises Invalid.

    The same finding of a number gives the same proposal as long as that waits or holds, and QUIET_DAYS after it was turned down.
    """
    observable = observables.observe(work, "phone", finding.number)
    if not finding.rule:
        raise Invalid("a finding names its rule or statistic", "rule")
    work.db.execute(select(Observable.id).where(Observable.id == observable.id).with_for_update())
    known = _known(work, observable.id, finding.rule)
    if known is not None:
        return known, False
    return decisions.propose(work, _proposal(work, finding, observable.id)), True


def _known(work: Work, observable_id: UUID, rule: str) -> Indicator | None:
    same = select(Indicator).where(
        Indicator.observable == observable_id, Indicator.source == "ledger", Indicator.rule == rule,
        Indicator.state.in_(("draft", "proposed", "active"))
        | ((Indicator.state == "revoked") & (Indicator.ended > work.now - QUIET_DAYS * DAY)),
    )  # fmt: skip
    if not work.actor.sees_all:
        same = same.where(Indicator.organisation == work.actor.organisation)
    return work.db.scalars(same.order_by(Indicator.id.desc()).limit(1)).first()


def _proposal(work: Work, finding: Finding, observable_id: UUID) -> Proposal:
    if len(finding.counts) > MOST_COUNTS:
        raise Invalid("these are too many counts", "counts", f"at most {MOST_COUNTS}")
    counts = "; ".join(f"{name}={count}" for name, count in sorted(finding.counts.items()))
    reasons = (
        {"slug": "finding", "text": finding.summary},
        {"slug": "counts", "text": counts},
        {"slug": "window", "text": f"{finding.since}/{finding.until}"},
        {"slug": "query", "text": finding.query},
    )
    return Proposal(
        observable_id, "fraud" if finding.listing == "block" else "suspect", finding.listing, finding.confidence,
        finding.scheme, tuple(one for one in reasons if one["text"]), "ledger", None, finding.rule,
        work.now + VALID_DAYS * DAY, HALF_LIFE_DAYS,
    )  # fmt: skip
