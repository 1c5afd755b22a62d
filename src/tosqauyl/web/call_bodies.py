"""Bodies and answers of the routes that look for calls and explain one. Numbers are masked; tokens are shown as they are
kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.facts import FACTS
from tosqauyl.ledger import call_words
from tosqauyl.ledger.explained import By, Explained, FactSaid, Group, Part, RuleOutcome, State
from tosqauyl.policy.tree import facts_of
from tosqauyl.tokens import mask
from tosqauyl.web.bodies import TitlesOut
from tosqauyl.web.call_figure_bodies import in_languages, titles
from tosqauyl.web.paging import MOST
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment, RequiredMoment

if TYPE_CHECKING:
    from tosqauyl.ledger.search import Place

CallVerdict = Literal["pass", "mark", "withhold", "divert", "stop"]
RuleMode = Literal["off", "monitor", "enforce"]
MASKED = ("caller", "network", "presented", "remote_party", "redirecting", "called")
"""Facts that are numbers of persons."""
HIDDEN = ("display_name", "call_id", "transaction", "source")
"""Facts that name a person or lead to his call in other people's records: shown with the numbers only."""
_SAME = ("verdict", "reason", "rule", "would_verdict", "would_reason", "would_rule", "trunk", "carrier")
_Name = Annotated[str, plain(200)]
_Number = Annotated[str, plain(64)]


class CallSearchIn(BaseModel):
    """Which calls: all that is said must hold, '' and null for any. since, until: when they came, until not included. reason,
    rule: of the verdict, or of the one that rules which watch would have given; calling: a number that calls, in any of the
    headers; called: the number that is called, or that forwarded the call; both as people write them, or a token as answers
    show it; sip_call_id: the whole Call-ID; cursor: the `next` of the page before."""

    model_config = ConfigDict(extra="forbid")
    since: RequiredMoment
    until: RequiredMoment
    verdict: CallVerdict | None = None
    would_verdict: CallVerdict | None = None
    reason: _Name = ""
    rule: _Name = ""
    trunk: _Name = ""
    carrier: _Name = ""
    country: Annotated[str, plain(2)] = ""
    sip_call_id: Annotated[str, plain(512)] = ""
    calling: _Number = ""
    called: _Number = ""
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=MOST, strict=True)] = 50


class CallOut(BaseModel):
    """One call. at: when it reached the gate; reason, rule: of the verdict, 'none' and '' where no rule gave one; would_...:
    what rules that watch would have given as well; calling, called: masked, or a token; origin: the gate or source that it
    came from."""

    id: UUID
    at: Moment
    verdict: str
    reason: str
    rule: str
    would_verdict: str
    would_reason: str
    would_rule: str
    trunk: str
    carrier: str
    calling: str
    country: str
    called: str
    origin: str


class CallRuleOut(BaseModel):
    """One rule of the policy and this call. mode: for this caller on that day; held: its condition; part: what it had to do
    with the verdict, part_text: the same in words; against: what would have had to be so for it to hold, null where it held
    or that cannot be told; when: the condition as it is written, condition: in words; facts: that it asks for; law: what it
    rests on."""

    id: str
    text: TitlesOut
    verdict: CallVerdict
    verdict_text: TitlesOut
    reason: str
    kind: Literal["deterministic", "analytic", "identity"]
    tier: str
    tier_text: TitlesOut
    mode: RuleMode
    mode_text: TitlesOut
    held: bool
    part: Part
    part_text: TitlesOut
    when: str
    condition: TitlesOut
    against: TitlesOut | None
    facts: list[str]
    law: TitlesOut


class CallFactOut(BaseModel):
    """One fact. value: as it was written down, null where it is hidden or no number; text: in words; doc: what it means and
    its unit; state: unknown: the gate did not know it; not-recorded: the source has no such fact; hidden: personal, shown for
    a purpose only."""

    name: str
    group: Group
    title: TitlesOut
    value: str | bool | int | float | None
    text: TitlesOut
    doc: str
    state: Literal["known", "unknown", "not-recorded", "hidden"]


class CallPolicyOut(BaseModel):
    """The policy that decided. hash, snapshot: as the row has them, '' where it has none; name: '' where the policy is not
    kept, and then no rule is told; known: whether it is; same: whether it gives the recorded decision; held: how many of its
    rules held."""

    hash: str
    snapshot: str
    name: str
    known: bool
    same: bool
    held: int
    text: TitlesOut


class CallEndOut(BaseModel):
    """What became of a call. computable: whether the ledger knows of any end of calls in these days; told: whether of this
    one. duration, ringing: seconds, -1 not told; sip_code, q850: 0 not told."""

    computable: bool
    told: bool
    answered: Literal["yes", "no", "unknown"]
    duration: float
    ringing: float
    sip_code: int
    q850: int
    hung_up: str
    text: TitlesOut


class CallExplainedOut(BaseModel):
    """One call and why it got its verdict. said: in one sentence; more: what else must be known of it; first_because: why the
    rule that decided came first; networks: what home networks and the number's operator said; rules: in the order of the
    policy, none where it is not kept; revision: of the ledger; elapsed_us: from the message to the decision; answer: SIP
    status, 0 where none was sent."""

    call: CallOut
    said: TitlesOut
    more: TitlesOut
    first_because: By
    policy: CallPolicyOut
    rules: list[CallRuleOut]
    facts: list[CallFactOut]
    networks: TitlesOut
    end: CallEndOut
    would: bool
    elapsed_us: float
    answer: int
    revision: str


class CallOpenedOut(BaseModel):
    """What is hidden of a call, in clear where the ledger has it in clear: column by column."""

    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """What the ledger knows of a call's end. has_feed: whether it knows of any in these days; what: None where of this one
    nothing."""

    has_feed: bool
    what: Mapping[str, Any] | None


def call_out(place: "Place", row: Mapping[str, Any]) -> CallOut:
    """A call as lists show it."""
    return CallOut(
        id=place.id, at=round(place.at * 1000), calling=mask(row["caller"]), called=mask(row["called"]),
        country=row["caller_country"], origin=place.origin, **{name: row[name] for name in _SAME},
    )  # fmt: skip


def explained_out(place: "Place", found: Explained, ended: Ended, revision: str) -> CallExplainedOut:
    """A call with its whole explanation."""
    row = found.row
    would = found.judged and (row["would_verdict"], row["would_reason"]) != (row["verdict"], row["reason"])
    return CallExplainedOut(
        call=call_out(place, row), said=in_languages(lambda t: call_words.summary(found, t)),
        more=in_languages(lambda t: "\n".join(call_words.more(found, t))), first_because=found.by, policy=_policy_out(found),
        rules=[_rule_out(one) for one in found.rules], facts=[_fact_out(one) for one in found.facts],
        networks=in_languages(lambda t: "\n".join(call_words.network_said(found, t))), end=_end_out(ended), would=would,
        elapsed_us=_finite(row["elapsed_us"]) or 0.0, answer=row["answer"], revision=revision,
    )  # fmt: skip


def opened_out(row: Mapping[str, Any]) -> CallOpenedOut:
    """What is hidden of a call."""
    return CallOpenedOut(values={name: str(row[name]) for name in (*MASKED, *HIDDEN) if row[name]})


def _policy_out(found: Explained) -> CallPolicyOut:
    row, policy = found.row, found.policy
    return CallPolicyOut(
        hash=row["policy"], snapshot=row["snapshot"], name=policy.name if policy else "", known=policy is not None,
        same=found.is_same, held=found.held, text=in_languages(lambda t: call_words.policy_line(found, t)),
    )  # fmt: skip


def _rule_out(one: RuleOutcome) -> CallRuleOut:
    rule = one.rule
    return CallRuleOut(
        id=rule.id, text=TitlesOut(**rule.texts), verdict=rule.verdict.value, reason=rule.reason.value,
        kind=rule.klass, verdict_text=in_languages(lambda t: call_words.verdict_text(one, t)), tier=rule.tier,  # type: ignore[arg-type]
        tier_text=titles(call_words.TIERS[rule.tier]), mode=one.mode, held=one.held, part=one.part,  # type: ignore[arg-type]
        mode_text=in_languages(lambda t: call_words.mode_text(one, t)), part_text=titles(call_words.PARTS[one.part]),
        when=rule.when.strip(), condition=in_languages(lambda t: call_words.condition_text(rule.condition, t)),
        against=in_languages(lambda t: call_words.against_text(one, t)) if one.against else None,
        facts=list(facts_of(rule.condition)), law=TitlesOut(**rule.law),
    )  # fmt: skip


def _fact_out(one: FactSaid) -> CallFactOut:
    state: State | Literal["hidden"] = one.state
    value: str | bool | int | float | None = one.value
    text = in_languages(lambda t: call_words.fact_text(one, t))
    if one.state == "known" and one.name in HIDDEN:
        state, value, text = "hidden", None, titles(call_words.HIDDEN)
    elif one.state == "known" and one.name in MASKED:
        value = mask(str(value))
        text = TitlesOut(kk=value, ru=value, en=value)
    elif isinstance(value, float):
        value = _finite(value)
    return CallFactOut(
        name=one.name, group=one.group, title=in_languages(lambda t: call_words.fact_name(one.name, t)), value=value, text=text,
        doc=FACTS[one.name].about.doc, state=state,
    )  # fmt: skip


def _end_out(ended: Ended) -> CallEndOut:
    what = dict(ended.what) if ended.what is not None else None
    said = what or {
        "answered": "unknown",
        "duration": -1.0,
        "ringing": -1.0,
        "sip_code": 0,
        "q850": 0,
        "hung_up": "unknown",
    }
    text = in_languages(lambda t: "\n".join(call_words.outcome_lines(what, ended.has_feed, t)))
    values = {name: said[name] for name in ("answered", "duration", "ringing", "sip_code", "q850", "hung_up")}
    return CallEndOut(computable=ended.has_feed, told=what is not None, text=text, **values)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
