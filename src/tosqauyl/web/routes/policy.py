"""The policy: rules with their modes and counts; promotions by two people, on a back-test; retractions by one."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from tosqauyl.ledger.promotion import Asked, figures_of, recorded_reason
from tosqauyl.policy.explain import condition_lines
from tosqauyl.policy.load import Policy
from tosqauyl.policy.modes import standing
from tosqauyl.policy.rule import Rule
from tosqauyl.registry import modes
from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.modes import Backtested, Promotion
from tosqauyl.registry.moments import ZONE, instant
from tosqauyl.registry.periods import window_of
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import ModeDecision
from tosqauyl.texts import LANGUAGES
from tosqauyl.web.bodies import TitlesOut
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.figure_bodies import Day
from tosqauyl.web.ledger_desk import check_centre
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.policy_bodies import (
    DecisionState,
    ModeApprovedIn,
    ModeDecisionOut,
    ModeTurnedDownIn,
    PolicyOut,
    PromotionIn,
    PromotionOut,
    RetractionIn,
    RuleOut,
    RuleWholeOut,
    decision_out,
    effect_out,
    promotion_out,
)
from tosqauyl.web.policy_counts import WEEK, Counted, counted
from tosqauyl.web.policy_desk import Checked, check_promotion, in_modes, is_in_use, policy_of, record_of, rule_of
from tosqauyl.web.problems import FieldProblem, Refused, problems

router = APIRouter(tags=["policy"])

_Reader = Annotated[Caller, Depends(needs("calls:read"))]
_Proposer = Annotated[Caller, Depends(needs("policy:propose"))]
_Approver = Annotated[Caller, Depends(needs("policy:approve"))]
_Retractor = Annotated[Caller, Depends(needs("policy:retract"))]
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_Rule = Annotated[str, Path(pattern=SLUG, max_length=modes.MOST_RULE, description="Id of a rule.")]
_First = Annotated[
    Day | None, Query(description="First day that is counted, in Kazakhstan; a week ago where it is left out.")
]
_Last = Annotated[Day | None, Query(description="Last day that is counted; today where it is left out.")]
HISTORY = 50
"""Decisions on a rule that are told with it."""


@router.get("/v1/policy", response_model=PolicyOut, responses=problems("refused"))
def read_policy(caller: _Reader, first: _First = None, last: _Last = None) -> PolicyOut:
    """Every rule with its mode, what holds of it and what waits, and what it did in some days."""
    check_centre(caller)
    policy, figures = policy_of(caller.office), _counted(caller, first, last)
    with caller.read() as work:
        found = modes.standing(work)
        waiting = {one.rule: one for one in modes.search(work, "", "proposed", None, HISTORY * 4)}
    now = in_modes(policy, found.modes)
    held = {one.rule: one for one in found.modes}
    rules = [_rule_out(policy, now, rule, (held.get(rule.id), waiting.get(rule.id)), figures) for rule in policy.rules]
    return PolicyOut(
        name=policy.name, dated=policy.dated, hash=now.hash, revision=found.revision, first=figures.first, last=figures.last,
        missing=figures.missing, rules=rules,
    )  # fmt: skip


@router.get("/v1/policy/rules/{rule_id}", response_model=RuleWholeOut, responses=problems("not-found", "refused"))
def read_policy_rule(rule_id: _Rule, caller: _Reader, first: _First = None, last: _Last = None) -> RuleWholeOut:
    """One rule with its condition in words, its newest back-test and the history of its mode."""
    check_centre(caller)
    policy = policy_of(caller.office)
    rule, figures = rule_of(policy, rule_id), _counted(caller, first, last)
    with caller.read() as work:
        held, waiting = modes.holds(work, rule.id), modes.waiting(work, rule.id)
        history = modes.search(work, rule.id, "", None, HISTORY)[:HISTORY]
    now = in_modes(policy, [held] if held else [])
    lines = {language: "\n".join(condition_lines(rule.condition, language)) for language in LANGUAGES}
    return RuleWholeOut(
        **dict(_rule_out(policy, now, rule, (held, waiting), figures)), when=rule.when, condition=TitlesOut(**lines),
        why_mode=TitlesOut(**{one: rule.why_mode.get(one, "") for one in LANGUAGES}),
        effect=effect_out(record_of(caller.office, rule), rule.id), history=[decision_out(one) for one in history],
    )  # fmt: skip


@router.post(
    "/v1/policy/rules/{rule_id}:check", response_model=PromotionOut, responses=problems("not-found", "refused")
)
def check_rule_promotion(rule_id: _Rule, said: PromotionIn, caller: _Reader) -> PromotionOut:
    """Everything that speaks against a promotion, and what the back-test says. Nothing is written."""
    check_centre(caller)
    rule = rule_of(policy_of(caller.office), rule_id)
    with caller.read() as work:
        return promotion_out(check_promotion(work, caller.office, rule, _asked(said), said.backtest))


@router.post(
    "/v1/policy/rules/{rule_id}:propose", response_model=ModeDecisionOut, status_code=201,
    responses=problems("not-found", "conflict", "refused"),
)  # fmt: skip
def propose_promotion(rule_id: _Rule, said: PromotionIn, caller: _Proposer) -> ModeDecisionOut:
    """Propose a promotion. It waits for a second person. `refused`: each field names what speaks against it."""
    check_centre(caller)
    policy = policy_of(caller.office)
    rule = rule_of(policy, rule_id)
    with caller.read() as work:
        found = check_promotion(work, caller.office, rule, _asked(said), said.backtest)
    _check(found)
    with caller.work() as work:
        return decision_out(modes.propose(work, _promotion(policy, found)))


@router.post(
    "/v1/policy/rules/{rule_id}:retract", response_model=ModeDecisionOut, responses=problems("not-found", "conflict")
)
def retract_rule(rule_id: _Rule, said: RetractionIn, caller: _Retractor) -> ModeDecisionOut:
    """Take a rule out of enforcement at every gate that follows the office, within seconds. One person is enough. It also works
    while the policy file has mistakes."""
    check_centre(caller)
    made_for, digest = modes.UNREAD, ""
    try:
        policy = policy_of(caller.office)
        made_for, digest = standing(rule_of(policy, rule_id)), policy.hash
    except Refused:  # then any name is taken: nobody waits for a file to be mended
        pass
    with caller.work() as work:
        return decision_out(modes.retract(work, rule_id, said.why, made_for, digest))


@router.get("/v1/policy/decisions", response_model=Page[ModeDecisionOut], responses=problems())
def list_mode_decisions(
    caller: _Reader,
    rule: Annotated[str, Query(pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$", max_length=modes.MOST_RULE)] = "",
    state: DecisionState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ModeDecisionOut]:
    """Decisions on modes, the latest first."""
    check_centre(caller)
    with caller.read() as work:
        found = modes.search(work, rule, state or "", cursor, limit)
    shown = [decision_out(one) for one in found[:limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.post(
    "/v1/policy/decisions/{decision_id}:approve", response_model=ModeDecisionOut,
    responses=problems("not-found", "conflict", "refused"),
)  # fmt: skip
def approve_promotion(decision_id: UUID, said: ModeApprovedIn, caller: _Approver) -> ModeDecisionOut:
    """Approve a promotion that another person proposed. All that may speak against it is looked at once more."""
    check_centre(caller)
    with caller.read() as work:
        decision = modes.found(work, decision_id)
        if decision.state == "proposed":
            _check_again(caller, work, decision)
    with caller.work() as work:
        return decision_out(modes.approve(work, decision_id, said.version))


@router.post(
    "/v1/policy/decisions/{decision_id}:turn-down", response_model=ModeDecisionOut,
    responses=problems("not-found", "conflict"),
)  # fmt: skip
def turn_promotion_down(decision_id: UUID, said: ModeTurnedDownIn, caller: _Proposer) -> ModeDecisionOut:
    """Let a proposal go, one's own or another person's."""
    check_centre(caller)
    with caller.work() as work:
        return decision_out(modes.turn_down(work, decision_id, said.version, said.why))


def _check_again(caller: Caller, work: Work, decision: ModeDecision) -> None:
    """Raise where a proposal could not be made any more."""
    rule = rule_of(policy_of(caller.office), decision.rule)
    if decision.made_for != standing(rule):
        raise Conflict("the rule was changed since it was proposed", hint="turn it down and propose it anew")
    asked = Asked(
        decision.mode, decision.percent, skip_canary=decision.skip_canary, reason=decision.why,
        accept_known_good=decision.accept_known_good, accept_roamers=decision.accept_roamers,
    )  # fmt: skip
    _check(check_promotion(work, caller.office, rule, asked, decision.report))


def _asked(said: PromotionIn) -> Asked:
    if (said.mode == "canary") != bool(said.percent):
        what = "a share of callers goes with a canary"
        raise Refused("invalid", fields=[FieldProblem(where="/percent", what=what)])
    return Asked(
        said.mode, said.percent, skip_canary=said.skip_canary, reason=said.why.strip(),
        accept_known_good=said.accept_known_good, accept_roamers=said.accept_roamers,
    )  # fmt: skip


def _check(found: Checked) -> None:
    """Raise Refused with everything that speaks against a promotion."""
    against = [FieldProblem(where=f"check:{one['en'].slug}", what=one["en"].text) for one in found.against]
    if against:
        raise Refused("refused", "the promotion is refused", "docs/promote.md says what to do", fields=against)


def _promotion(policy: Policy, found: Checked) -> Promotion:
    case, asked, record = found.case, found.asked, found.case.record
    if record is None:
        raise Refused("refused", "the promotion is refused")
    rule = case.rule
    return Promotion(
        rule.id, asked.mode, asked.percent, standing(rule), policy.hash, record.id, recorded_reason(record, rule.id, asked),
        asked.reason, Backtested(*figures_of(record, rule.id)), asked.skip_canary, asked.accept_known_good, asked.accept_roamers,
    )  # fmt: skip


def _counted(caller: Caller, first: Day | None, last: Day | None) -> Counted:
    until = last or instant(caller.registry.clock()).astimezone(ZONE).date()
    window_of(until, until)
    return counted(caller, first or until - timedelta(WEEK - 1), until)


def _rule_out(
    policy: Policy, now: Policy, rule: Rule, decided: tuple[ModeDecision | None, ModeDecision | None], figures: Counted
) -> RuleOut:
    """rule: as the file has it; now: the policy in its modes; decided: what was decided last, and what waits."""
    held, waiting = decided
    current = rule_of(now, rule.id)
    return RuleOut(
        id=rule.id, text=TitlesOut(**dict(rule.texts)), law=TitlesOut(**dict(rule.law)),
        rule_class=rule.klass, verdict=rule.verdict.value,  # type: ignore[arg-type]
        tier=rule.tier, reason=rule.reason.value, mode=current.mode, percent=current.percent, file_mode=rule.mode,  # type: ignore[arg-type]
        file_percent=rule.percent, expires=rule.expires, held=decision_out(held) if held else None,
        in_use=held is not None and is_in_use(policy, held), waiting=decision_out(waiting) if waiting else None,
        counts=figures.of(rule), false_stops=figures.false_stops(rule),
    )  # fmt: skip
