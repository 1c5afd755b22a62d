"""What somebody wants to have said of an observable: checked before it is written down."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tosqauyl.registry import observables
from tosqauyl.registry.decay import LEAST_CONFIDENCE, MOST_DAYS, MOST_HALF_LIFE, last_moment
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.protection import check_may_be_blocked, check_no_numbers, is_storable
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Incident, Observable
from tosqauyl.registry.tenancy import visible
from tosqauyl.registry.words import VERDICTS

LISTINGS_OF: Mapping[str, tuple[str, ...]] = {
    "fraud": ("", "block", "mark"), "suspect": ("", "mark"), "clean": ("", "allow"), "protected": ("", "allow"),
}  # fmt: skip
"""Verdict -> what gates may be told because of it. Only what is known to be fraud is stopped."""

SOURCES = ("report", "ledger", "operator", "centre")
MOST_REASONS = 20
MOST_REASON = 1_000
"""Characters of a reason's text."""
FROM_PROGRAMS = {
    "counts": re.compile(r"([a-z][a-z0-9_]*=[0-9]{1,16}(; )?)*"), "query": re.compile(r"[a-z][a-z0-9_.-]* [0-9a-f]{16,64}"),
}  # fmt: skip
"""Slugs of reasons that a program makes, each with its form: 'calls=120; answered=3', a query's name and revision. Long digits in
them are no numbers of people."""

_SLUG = re.compile(r"[a-z][a-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an indicator shall say. listing: of words.LISTINGS, '' for none; reasons: {slug, text} each, shown to people; rule: of
    the policy or a finding; valid_until: milliseconds, 0 for the longest that may be; public: whether anybody may be told."""

    observable_id: UUID
    verdict: str
    listing: str = ""
    confidence: int = 80
    scheme: str = ""
    reasons: Sequence[Mapping[str, str]] = ()
    source: str = "report"
    incident: UUID | None = None
    rule: str = ""
    valid_until: int = 0
    half_life_days: int = 0
    public: bool = True


def checked(work: Work, proposal: Proposal) -> Proposal:
    """The proposal with its end filled in. Raises Invalid with the field that cannot be, Absent for what is not there."""
    observable = observables.read(work, proposal.observable_id)
    _check_words(proposal)
    _check_figures(proposal)
    _check_reasons(proposal.reasons)
    _check_listing(work, proposal, observable)
    _check_incident(work, proposal.incident)
    return replace(proposal, valid_until=checked_end(work, proposal.listing, proposal.valid_until))


def checked_end(work: Work, listing: str, until: int) -> int:
    """When it shall end; 0 becomes the latest possible end, but a block must say its own. Raises Invalid."""
    last = last_moment(listing, work.now)
    if not until and listing != "block":
        return last
    if not work.now < until <= last:
        days = MOST_DAYS[listing]
        raise Invalid(
            "the end must lie ahead", "valid_until", f"at most {days} days; it can be renewed by a new approval"
        )
    return until


def reasons_text(reasons: Sequence[Mapping[str, str]]) -> str:
    """Reasons as they are stored."""
    return json.dumps([{"slug": one["slug"], "text": one["text"]} for one in reasons], ensure_ascii=False)


def reasons_of(text: str) -> list[dict[str, str]]:
    """Reasons as they were stored."""
    return [{"slug": str(one["slug"]), "text": str(one["text"])} for one in json.loads(text)]


def _check_words(proposal: Proposal) -> None:
    if proposal.verdict not in VERDICTS:
        raise Invalid("this verdict is not known", "verdict", f"one of {', '.join(VERDICTS)}")
    if proposal.listing not in LISTINGS_OF[proposal.verdict]:
        known = ", ".join(listing or "none" for listing in LISTINGS_OF[proposal.verdict])
        raise Invalid(
            f"gates are not told this because of the verdict {proposal.verdict}", "listing", f"one of {known}"
        )
    if proposal.source not in SOURCES:
        raise Invalid("this source is not known", "source", f"one of {', '.join(SOURCES)}")
    if proposal.scheme and not _SLUG.fullmatch(proposal.scheme):
        raise Invalid("this is no slug of a scheme", "scheme")
    if len(proposal.rule) > 200 or not is_storable(proposal.rule):
        raise Invalid("this is no id of a rule", "rule")
    check_no_numbers(proposal.rule, "rule")


def _check_figures(proposal: Proposal) -> None:
    if not LEAST_CONFIDENCE <= proposal.confidence <= 100:
        raise Invalid(
            "the confidence is too low to act on, or is no percentage", "confidence", f"{LEAST_CONFIDENCE} to 100"
        )
    if not 0 <= proposal.half_life_days <= MOST_HALF_LIFE:
        raise Invalid("no such half-life", "half_life_days", f"0 (it does not fade) to {MOST_HALF_LIFE} days")


def _check_reasons(reasons: Sequence[Mapping[str, str]]) -> None:
    if not 1 <= len(reasons) <= MOST_REASONS:
        raise Invalid("an indicator says why", "reasons", f"1 to {MOST_REASONS} reasons")
    for place, one in enumerate(reasons):
        slug, text = one.get("slug", ""), one.get("text", "")
        if not _SLUG.fullmatch(slug):
            raise Invalid("this is no slug", f"reasons/{place}/slug", "small letters, digits, . _ -; at most 32")
        if len(text) > MOST_REASON or not is_storable(text):
            raise Invalid("this text is too long, or has characters that are not printed", f"reasons/{place}/text")
        form = FROM_PROGRAMS.get(slug)
        if form is None or not form.fullmatch(text):
            check_no_numbers(text, f"reasons/{place}/text")


def _check_listing(work: Work, proposal: Proposal, observable: Observable) -> None:
    if proposal.listing and observable.kind != "phone":
        raise Invalid("gates are told of phone numbers only", "listing")
    if proposal.listing == "block":
        check_may_be_blocked(work, observable)


def _check_incident(work: Work, incident_id: UUID | None) -> None:
    if incident_id:
        visible(work, work.db.get(Incident, incident_id), "incident")
