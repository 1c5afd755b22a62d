"""Bodies and answers of the routes of the policy: rules with their modes, decisions on modes, what speaks against a promotion."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from tosqauyl.ledger.backtest_record import BacktestRecord
from tosqauyl.ledger.promotion import DAY, UNKNOWN, known_good_of, roamers_of
from tosqauyl.registry import modes
from tosqauyl.registry.tables import ModeDecision
from tosqauyl.web.bodies import TitlesOut, Version
from tosqauyl.web.policy_desk import Checked
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

Mode = Literal["off", "monitor", "canary", "enforce"]
Verdict = Literal["pass", "mark", "withhold", "divert", "stop"]
RuleClass = Literal["deterministic", "analytic", "identity"]
Tier = Literal["emergency", "protected", "allow", "listed", "exempt", "screen"]
DecisionState = Literal["proposed", "approved", "turned-down", "retracted"]
_REPORT = r"^(bt-[0-9a-f]{12})?$"
_ACCEPTED = r"^(unknown|[0-9]{1,18})?$"


class PromotionIn(BaseModel):
    """What a rule is to become. percent: of callers in a canary, 0 for enforce; backtest: id of the back-test to go by, '' for the
    newest of the rule as it is; why: goes into the recorded reason; no numbers, no names. skip_canary: enforce without one, with a
    reason; accept_known_good, accept_roamers: the attempts that the back-test says it would hit, or 'unknown'."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["canary", "enforce"]
    percent: Annotated[int, Field(ge=0, le=99, strict=True)] = 0
    backtest: Annotated[str, Field(pattern=_REPORT, max_length=15)] = ""
    why: Annotated[str, plain(modes.MOST_WHY)] = ""
    skip_canary: StrictBool = False
    accept_known_good: Annotated[str, Field(pattern=_ACCEPTED, max_length=18)] = ""
    accept_roamers: Annotated[str, Field(pattern=_ACCEPTED, max_length=18)] = ""


class RetractionIn(BaseModel):
    """why: kept with the decision. No numbers, no names."""

    model_config = ConfigDict(extra="forbid")
    why: Annotated[str, plain(modes.MOST_WHY, min_length=3)]


class ModeApprovedIn(BaseModel):
    """version: of the decision as it was seen; another one is refused."""

    model_config = ConfigDict(extra="forbid")
    version: Version


class ModeTurnedDownIn(ModeApprovedIn):
    """why: kept with the decision. No numbers, no names."""

    why: Annotated[str, plain(modes.MOST_WHY, min_length=3)]


class TestedOut(BaseModel):
    """What a back-test said of a rule, in attempts. known_good, roamers: of those it would have decided; -1 where that
    is not known."""

    calls: int
    seconds: int
    decides: int
    known_good: int
    roamers: int


class ModeDecisionOut(BaseModel):
    """A decision on a rule's mode. reason: as gates record it; why: what the person added; decided_by: who approved, turned down or
    retracted; revision: its place among what came to hold, 0 for what does not."""

    id: UUID
    rule: str
    mode: Literal["monitor", "canary", "enforce"]
    percent: int
    state: DecisionState
    backtest: str
    reason: str
    why: str
    tested: TestedOut
    skip_canary: bool
    accept_known_good: str
    accept_roamers: str
    proposed: Moment
    proposed_by: str
    decided: Moment
    decided_by: str
    decided_why: str
    revision: int
    version: int


class RefusalOut(BaseModel):
    """One thing that speaks against a promotion; see docs/promote.md."""

    slug: str
    text: TitlesOut


class EffectOut(BaseModel):
    """What a back-test said of a rule. hits: attempts for which its condition held; decides: that it would have decided, all rules
    enforced; known_good, roamers: of these, null where it could not tell; expected_a_day: attempts that it would decide a day."""

    backtest: str
    made: Moment
    first: Moment
    end: Moment
    calls: int
    hits: int
    decides: int
    known_good: int | None
    roamers: int | None
    expected_a_day: float


class PromotionOut(BaseModel):
    """What would become of a promotion. current: the rule's mode now; refusals: none where it may be proposed."""

    current: Mode
    current_percent: int
    refusals: list[RefusalOut]
    effect: EffectOut | None


class RuleCountsOut(BaseModel):
    """Attempts of the window. hits: its condition held, null where the policy of some call is not kept; decided: its verdict was
    the call's; watched: it would have been, and the rule only watched."""

    hits: int | None
    decided: int
    watched: int


class RuleFalseStopsOut(BaseModel):
    """Appeals of the window that name the rule or its reason."""

    upheld: int
    decided: int


class RuleOut(BaseModel):
    """A rule. mode: with the decisions of the office, in force at gates that follow it; file_mode: of the policy file alone. held:
    the decision that was made last; in_use: whether it holds for the rule as it is. waiting: for a second person. counts: null
    where the ledger has none of the window."""

    id: str
    text: TitlesOut
    law: TitlesOut
    rule_class: RuleClass
    verdict: Verdict
    tier: Tier
    reason: str
    mode: Mode
    percent: int
    file_mode: Mode
    file_percent: int
    expires: date | None
    held: ModeDecisionOut | None
    in_use: bool
    waiting: ModeDecisionOut | None
    counts: RuleCountsOut | None
    false_stops: RuleFalseStopsOut


class PolicyOut(BaseModel):
    """The policy in its modes. hash: with them, as journals of gates that follow have it. revision: of the decisions. missing: why
    calls are not counted, '' where they are. first, last: days of the window."""

    name: str
    dated: date
    hash: str
    revision: int
    first: date
    last: date
    missing: Literal["", "no-ledger", "not-recorded", "busy"]
    rules: list[RuleOut]


class RuleWholeOut(RuleOut):
    """A rule with all that is known of it. when: the condition as it is written; condition: in words; why_mode: of the policy file;
    effect: what the newest back-test of the rule as it is says; history: decisions, the latest first."""

    when: str
    condition: TitlesOut
    why_mode: TitlesOut
    effect: EffectOut | None
    history: list[ModeDecisionOut]


def decision_out(one: ModeDecision) -> ModeDecisionOut:
    """A decision as the API shows it."""
    same = (
        "id", "rule", "mode", "percent", "state", "reason", "why", "skip_canary", "accept_known_good", "accept_roamers",
        "proposed", "proposed_by", "decided", "decided_by",
        "decided_why", "version",
    )  # fmt: skip
    tested = TestedOut(**modes.tested_of(one)._asdict())
    said = {name: getattr(one, name) for name in same}
    return ModeDecisionOut(**said, backtest=one.report, tested=tested, revision=one.seq)


def effect_out(record: BacktestRecord | None, rule: str) -> EffectOut | None:
    """What a record says of a rule."""
    if record is None:
        return None
    effect = record.rules[rule]
    days = max((record.end - record.first) / DAY, 1 / DAY)
    good, roamers = known_good_of(record, effect), roamers_of(record, effect)
    return EffectOut(
        backtest=record.id, made=_ms(record.made), first=_ms(record.first), end=_ms(record.end), calls=record.rows,
        hits=effect.hits, decides=effect.decides, known_good=None if good == UNKNOWN else int(good),
        roamers=None if roamers == UNKNOWN else int(roamers), expected_a_day=round(effect.decides / days, 3),
    )  # fmt: skip


def promotion_out(found: Checked) -> PromotionOut:
    """A promotion that was looked at."""
    against = [
        RefusalOut(slug=one["en"].slug, text=_titles({key: each.text for key, each in one.items()}))
        for one in found.against
    ]
    share = found.asked.percent if found.asked.mode == "canary" else 100
    effect = effect_out(found.case.record, found.case.rule.id)
    if effect is not None:
        effect.expected_a_day = round(effect.expected_a_day * share / 100, 3)
    mode, percent = found.case.current
    return PromotionOut(current=mode, current_percent=percent, refusals=against, effect=effect)  # type: ignore[arg-type]


def _titles(texts: Mapping[str, str]) -> TitlesOut:
    return TitlesOut(kk=texts["kk"], ru=texts["ru"], en=texts["en"])


def _ms(seconds: float) -> int:
    return max(int(seconds * 1000), 0)
