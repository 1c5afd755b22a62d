"""Two policies compared rule by rule: what was added, removed, moved, and what of each rule was changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tosqauyl.policy.modes import rule_key
from tosqauyl.policy.rule import Rule
from tosqauyl.policy.to_sql import condition_sql
from tosqauyl.texts import LANGUAGES

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule that was changed. name: condition, verdict, tier, mode, text.kk and so on; before, after: '' for nothing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What became of a rule. needs_backtest: what it does was changed, so a promotion made before does not hold any more and needs
    a new back-test. line: in the new policy, 0 where it is gone."""

    rule: str
    kind: Kind
    parts: tuple[Part, ...] = ()
    needs_backtest: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """changes: in the order of the new policy, removed rules last; same: rules that are as they were; is_reordered: whether rules
    that are in both come in another order, which decides between equally severe rules of a tier."""

    changes: tuple[RuleChange, ...]
    same: int
    is_reordered: bool


def compare(old: tuple[Rule, ...], new: tuple[Rule, ...]) -> Difference:
    """What became of the old rules."""
    before, after = {rule.id: rule for rule in old}, {rule.id: rule for rule in new}
    changes = []
    for rule in new:
        was = before.get(rule.id)
        if was is None:
            changes.append(RuleChange(rule.id, "added", tuple(_parts(None, rule)), True, rule.line))
        elif parts := tuple(_parts(was, rule)):
            changes.append(RuleChange(rule.id, "changed", parts, rule_key(was) != rule_key(rule), rule.line))
    changes += [RuleChange(rule.id, "removed", tuple(_parts(rule, None))) for rule in old if rule.id not in after]
    both = [rule.id for rule in old if rule.id in after], [rule.id for rule in new if rule.id in before]
    unchanged = len(both[0]) - sum(one.kind == "changed" for one in changes)
    return Difference(tuple(changes), unchanged, both[0] != both[1])


def _parts(old: Rule | None, new: Rule | None) -> Iterator[Part]:
    before, after = _said(old), _said(new)
    if old is not None and new is not None and condition_sql(old) == condition_sql(new):
        before["when"] = after["when"]  # written in another way
    for name in before | after:
        if before.get(name, "") != after.get(name, ""):
            yield Part(name, before.get(name, ""), after.get(name, ""))


def _said(rule: Rule | None) -> dict[str, str]:
    """What a rule says, by the names of the keys of its table."""
    if rule is None:
        return {}
    spoken = {"law": rule.law, "text": rule.texts, "why_mode": rule.why_mode}
    sentences = {f"{key}.{one}": texts.get(one, "") for key, texts in spoken.items() for one in LANGUAGES}
    return {
        "when": " ".join(rule.when.split()), "verdict": rule.verdict.value, "tier": rule.tier,
        "mode": f"{rule.mode}:{rule.percent}" if rule.mode == "canary" else rule.mode, "class": rule.klass,
        "reason": rule.reason.value, **sentences,
        "expires": rule.expires.isoformat() if rule.expires else "", "divert_to": rule.divert_to,
        "promote": "" if rule.promote else "false", "evidence": rule.evidence.reason if rule.evidence else "",
    }  # fmt: skip
