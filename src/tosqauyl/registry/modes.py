"""Modes of the policy's rules: a promotion is proposed on a back-test by one person and approved by another; a retraction takes one
person and holds at once. Gates that follow the office take what holds as one document.

Whether a promotion may be proposed (a back-test, steps, canary) is not looked at here: the registry knows no ledger.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from tosqauyl.policy.modes import MIN_REASON
from tosqauyl.policy.rule import DECIDING_MODES
from tosqauyl.registry import publish
from tosqauyl.registry.decisions import check_second_person
from tosqauyl.registry.errors import Conflict, Forbidden, Invalid
from tosqauyl.registry.moments import rfc3339
from tosqauyl.registry.protection import check_no_numbers, is_storable
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import ModeDecision
from tosqauyl.registry.tenancy import check_version, newest, visible

MOST_WHY = 300
"""Code points of what somebody adds: with the figure it must be a recorded reason."""
MOST_RECORDED = 500
MOST_RULE = 40
_RULE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
UNREAD = "unread"
"""What a retraction is made for where the policy cannot be read: it holds for any rule of that name."""


class Backtested(NamedTuple):
    """What the back-test said, in attempts and seconds; known_good and roamers are -1 where it could not tell."""

    calls: int = 0
    seconds: int = 0
    decides: int = 0
    known_good: int = 0
    roamers: int = 0


@dataclass(frozen=True, slots=True)
class Promotion:
    """What is proposed. The words are those of tables.ModeDecision."""

    rule: str
    mode: str
    percent: int
    made_for: str
    policy: str
    report: str
    reason: str
    why: str
    tested: Backtested
    skip_canary: bool = False
    accept_known_good: str = ""
    accept_roamers: str = ""


class Standing(NamedTuple):
    """What holds. revision: grows with each change; modes: the last decision of each rule, by its id."""

    revision: int
    modes: tuple[ModeDecision, ...]


def propose(work: Work, wanted: Promotion) -> ModeDecision:
    """Write a promotion down: it waits for a second person. Raises Conflict where one of the rule waits already, Invalid."""
    _check_centre(work)
    publish.lock(work)
    _check_why(wanted.why, least=0)
    if wanted.mode not in DECIDING_MODES or (wanted.mode == "canary") != (1 <= wanted.percent <= 99):
        raise Invalid("no rule is promoted to this", "mode", "canary with 1 to 99 percent, or enforce")
    if not MIN_REASON <= len(wanted.reason) <= MOST_RECORDED:
        raise Invalid("this is no recorded reason", "reason")
    if waiting(work, wanted.rule) is not None:
        raise Conflict("a promotion of this rule waits already", hint="decide on that one first")
    held = holds(work, wanted.rule)
    return _added(work, "propose", ModeDecision(
        state="proposed", after=held.seq if held else 0, **_columns(wanted), **_made(work),
    ))  # fmt: skip


def approve(work: Work, decision_id: UUID, version: int) -> ModeDecision:
    """Approve what somebody else proposed; gates take it at their next question.

    Raises Absent, Conflict where it does not wait any more or another decision on the rule came in between, Forbidden to whoever
    proposed it and to programs.
    """
    _check_centre(work)
    publish.lock(work)
    decision = _seen(work, decision_id, version)
    check_second_person(work, decision.proposed_by, "proposed")
    held = holds(work, decision.rule)
    if (held.seq if held else 0) != decision.after:
        raise Conflict(
            "the mode of this rule was changed since it was proposed", hint="turn it down and propose it anew"
        )
    decision.state = "approved"
    return _now_holds(work, decision, "approve")


def turn_down(work: Work, decision_id: UUID, version: int, why: str) -> ModeDecision:
    """Let a proposal go; whoever may propose may do it, the author too. Raises Absent, Conflict, Invalid."""
    _check_centre(work)
    decision = _seen(work, decision_id, version)
    _check_why(why)
    decision.state, decision.decided_by, decision.decided, decision.decided_why = (
        "turned-down", work.actor.name, work.now, why,
    )  # fmt: skip
    work.db.flush()
    work.note("turn-down", "mode", decision.id, _told(decision))
    return decision


def retract(work: Work, rule: str, why: str, made_for: str = UNREAD, policy: str = "") -> ModeDecision:
    """Take a rule out of enforcement at once, whatever lets it decide at the gates. Raises Conflict where it is retracted already,
    Invalid."""
    _check_centre(work)
    publish.lock(work)
    _check_why(why)
    if not _RULE.fullmatch(rule) or len(rule) > MOST_RULE:
        raise Invalid("this is no id of a rule", "rule")
    held = holds(work, rule)
    if held is not None and held.state == "retracted":
        raise Conflict("this rule is retracted already")
    made = ModeDecision(
        state="retracted", rule=rule, mode="monitor", made_for=made_for, policy=policy, why=why,
        reason=f"retracted at {rfc3339(work.now)}: {why.strip()}", after=held.seq if held else 0, **_made(work),
    )  # fmt: skip
    work.db.add(made)
    return _now_holds(work, made, "retract")


def standing(work: Work) -> Standing:
    """Everything that holds."""
    last = select(func.max(ModeDecision.seq)).where(ModeDecision.seq > 0).group_by(ModeDecision.rule)
    found = work.db.scalars(select(ModeDecision).where(ModeDecision.seq.in_(last)).order_by(ModeDecision.rule))
    return Standing(revision(work), tuple(found))


def revision(work: Work) -> int:
    """Of what holds; 0 before the first decision."""
    return int(work.db.scalar(select(func.max(ModeDecision.seq))) or 0)


def holds(work: Work, rule: str) -> ModeDecision | None:
    """The decision that holds of a rule; None where there was none."""
    wanted = select(ModeDecision).where(ModeDecision.rule == rule, ModeDecision.seq > 0)
    return work.db.scalars(wanted.order_by(ModeDecision.seq.desc()).limit(1)).first()


def waiting(work: Work, rule: str) -> ModeDecision | None:
    """The proposal of a rule that waits for a second person."""
    wanted = select(ModeDecision).where(ModeDecision.rule == rule, ModeDecision.state == "proposed")
    return work.db.scalars(wanted.limit(1)).first()


def found(work: Work, decision_id: UUID) -> ModeDecision:
    """A decision as it is committed. Raises Absent."""
    return visible(work, work.db.get(ModeDecision, decision_id, populate_existing=True), "decision")


def search(work: Work, rule: str, state: str, cursor: UUID | None, limit: int) -> Sequence[ModeDecision]:
    """Up to limit + 1 decisions, the latest first. rule, state: '' for any."""
    _check_centre(work)
    chosen = select(ModeDecision)
    if rule:
        chosen = chosen.where(ModeDecision.rule == rule)
    if state:
        chosen = chosen.where(ModeDecision.state == state)
    return list(work.db.scalars(newest(chosen, ModeDecision.id, cursor, limit)))


def tested_of(decision: ModeDecision) -> Backtested:
    """What its back-test said."""
    return Backtested(*(int(getattr(decision, f"tested_{name}")) for name in Backtested._fields))


def by_of(decision: ModeDecision) -> str:
    """Who decided, as a gate records it."""
    if decision.state == "retracted":
        return decision.decided_by
    return f"{decision.proposed_by}, approved by {decision.decided_by}"


def _columns(wanted: Promotion) -> dict[str, Any]:
    same = (
        "rule", "mode", "percent", "made_for", "policy", "report", "reason", "why", "skip_canary", "accept_known_good",
        "accept_roamers",
    )  # fmt: skip
    tested = {f"tested_{name}": count for name, count in wanted.tested._asdict().items()}
    return {name: getattr(wanted, name) for name in same} | tested


def _made(work: Work) -> dict[str, Any]:
    return {
        "id": work.new_id(), "organisation": work.actor.organisation, "proposed_by": work.actor.name, "proposed": work.now,
    }  # fmt: skip


def _added(work: Work, verb: str, decision: ModeDecision) -> ModeDecision:
    work.db.add(decision)
    work.db.flush()
    work.note(verb, "mode", decision.id, _told(decision))
    return decision


def _now_holds(work: Work, decision: ModeDecision, verb: str) -> ModeDecision:
    """The list's head is locked: so the numbers follow the order of commits."""
    decision.decided_by, decision.decided = work.actor.name, work.now
    with work.db.no_autoflush:
        decision.seq = revision(work) + 1
    work.db.flush()
    work.note(verb, "mode", decision.id, _told(decision))
    work.after.append(publish.BELL.ring)
    return decision


def _told(decision: ModeDecision) -> str:
    share = f":{decision.percent}" * (decision.mode == "canary")
    return f"{decision.rule} {decision.mode}{share} {decision.report}".rstrip()


def _seen(work: Work, decision_id: UUID, version: int) -> ModeDecision:
    decision = found(work, decision_id)
    check_version(decision, version)
    if decision.state != "proposed":
        raise Conflict("it does not wait for a decision any more")
    return decision


def _check_centre(work: Work) -> None:
    if not work.actor.sees_all:
        raise Forbidden("only the centre decides on the policy")


def _check_why(why: str, least: int = 3) -> None:
    if not least <= len(why.strip()) <= MOST_WHY or not is_storable(why) or not why.isprintable():
        raise Invalid("say why", "why", f"one line, at most {MOST_WHY} characters")
    check_no_numbers(why, "why")
