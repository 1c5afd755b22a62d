"""A draft of a policy: every mistake with its line, or what it changes of the policy in force, rule by rule."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from tosqauyl.policy.difference import RuleChange, compare
from tosqauyl.registry import modes
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.ledger_desk import check_centre
from tosqauyl.web.policy_desk import MOST_POLICY, draft_of, in_modes, policy_of
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain

router = APIRouter(tags=["policy"])

MOST_MISTAKES = 200


class DraftIn(BaseModel):
    """text: of a policy file, TOML."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, plain(MOST_POLICY, min_length=1, multiline=True)]


class MistakeOut(BaseModel):
    """line, column: from 1, 0 where it is in none; hint: what to do, '' for nothing."""

    line: int
    column: int
    what: str
    hint: str


class PartOut(BaseModel):
    """A part of a rule that was changed. name: the key of its table; before, after: '' for nothing."""

    name: str
    before: str
    after: str


class RuleChangeOut(BaseModel):
    """What became of a rule. needs_backtest: what it does was changed: promotions of before hold no longer. line: in the draft."""

    rule: str
    kind: Literal["added", "removed", "changed"]
    needs_backtest: bool
    line: int
    parts: list[PartOut]


class DraftOut(BaseModel):
    """mistakes: all of them, and then nothing is compared. mistakes_in_all: more than `mistakes` where there are many. hash: of
    the draft; against: of the policy in force, in its modes. same: rules that are as they were; reordered: rules of both come
    in another order."""

    mistakes: list[MistakeOut]
    mistakes_in_all: int
    name: str
    hash: str
    against: str
    rules: int
    same: int
    reordered: bool
    changes: list[RuleChangeOut]


@router.post("/v1/policy/draft:check", response_model=DraftOut, responses=problems("refused"))
def check_policy_draft(said: DraftIn, caller: Annotated[Caller, Depends(needs("calls:read"))]) -> DraftOut:
    """Look at a draft. It is kept nowhere: the policy of gates is changed in their own files."""
    check_centre(caller)
    draft, mistakes = draft_of(said.text)
    if draft is None:
        shown = [
            MistakeOut(line=one.line, column=one.column, what=one.what, hint=one.hint)
            for one in mistakes[:MOST_MISTAKES]
        ]
        return DraftOut(
            mistakes=shown, mistakes_in_all=len(mistakes), name="", hash="", against="", rules=0, same=0, reordered=False,
            changes=[],
        )  # fmt: skip
    with caller.read() as work:
        decided = modes.standing(work).modes
    now = in_modes(policy_of(caller.office), decided)
    found = compare(
        now.rules, in_modes(draft, decided).rules
    )  # what was decided holds for the draft, too, as far as it fits
    return DraftOut(
        mistakes=[], mistakes_in_all=0, name=draft.name, hash=draft.hash, against=now.hash, rules=len(draft.rules),
        same=found.same, reordered=found.is_reordered, changes=[_change_out(one) for one in found.changes],
    )  # fmt: skip


def _change_out(one: RuleChange) -> RuleChangeOut:
    parts = [PartOut(name=part.name, before=part.before, after=part.after) for part in one.parts]
    return RuleChangeOut(rule=one.rule, kind=one.kind, needs_backtest=one.needs_backtest, line=one.line, parts=parts)
