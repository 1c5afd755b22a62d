"""Lint: what a policy may say but hardly means. Warnings, apart from the mistakes that keep a policy from loading."""

from datetime import date

from tosqauyl.errors import Mistake
from tosqauyl.facts import Verdict
from tosqauyl.policy.load import Policy
from tosqauyl.policy.rule import TIERS, Rule
from tosqauyl.policy.tree import AllOf, AnyOf, Comparison, Condition, FactRef, Literal, facts_of
from tosqauyl.policy.truth import implies, is_impossible

_FROM_ABROAD = Comparison("=", FactRef("direction"), Literal("international"))
_OUTSIDE = Comparison("=", FactRef("trunk_ranges"), Literal("outside"))
_GUARD = AnyOf((_FROM_ABROAD, _OUTSIDE))
_RANK = {tier: place for place, tier in enumerate(TIERS)}


def lint(policy: Policy, today: date) -> list[Mistake]:
    """Warnings in the order of lines: contradictory, unreachable, expired, and stop rules that forget the border."""
    found: list[Mistake] = []
    dead: set[str] = set()
    for rule in policy.rules:
        if is_impossible(rule.condition):
            dead.add(rule.id)
            what = f"rule {rule.id}: the condition never holds, whatever the call"
            found.append(Mistake(policy.file, rule.line, 0, what, "two parts of it contradict each other"))
        if rule.is_expired(today):
            dead.add(rule.id)
            what = f"rule {rule.id} expired on {rule.expires}; it is off"
            found.append(Mistake(policy.file, rule.line, 0, what, "remove it or set a later date"))
        found += _border(policy.file, rule)
        found += _identity(policy.file, rule)
    living = [rule for rule in policy.rules if rule.id not in dead and rule.mode != "off"]
    for rule in living:
        shadow = next((other for other in living if _shadows(other, rule)), None)
        if shadow:
            what = f"rule {rule.id} never decides: rule {shadow.id} (line {shadow.line}) always comes first"
            found.append(Mistake(policy.file, rule.line, 0, what, "narrow the earlier rule, or remove this one"))
    return sorted(found, key=lambda mistake: mistake.line)


def _border(file: str, rule: Rule) -> list[Mistake]:
    if rule.verdict is not Verdict.STOP or rule.tier != "screen" or rule.mode == "off":
        return []
    if _has_guard(rule.condition) or implies(rule.condition, _GUARD):
        return []
    what = f"rule {rule.id} stops calls and does not require direction = 'international'"
    return [Mistake(file, rule.line, 0, what, "calls on domestic and unknown trunks would be stopped too")]


def _identity(file: str, rule: Rule) -> list[Mistake]:
    if rule.klass != "identity" or rule.verdict is not Verdict.STOP:
        return []
    what = f"rule {rule.id} is of class identity and stops calls"
    return [Mistake(file, rule.line, 0, what, "what a call says of itself is no proof: mark it")]


def _has_guard(condition: Condition) -> bool:
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    return _FROM_ABROAD in parts or _OUTSIDE in parts


def _shadows(first: Rule, rule: Rule) -> bool:
    """Whether first decides every call that rule hits, on every day and with or without --enforce."""
    if first is rule or not _comes_first(first, rule) or not _outlasts(first, rule):
        return False
    if not set(facts_of(first.condition)) <= set(facts_of(rule.condition)):
        return False  # may miss a far-fetched case; spares thousands of searches
    return implies(rule.condition, first.condition)


def _comes_first(first: Rule, rule: Rule) -> bool:
    if _RANK[first.tier] != _RANK[rule.tier]:
        return _RANK[first.tier] < _RANK[rule.tier]
    if first.verdict.severity != rule.verdict.severity:
        return first.verdict.severity > rule.verdict.severity
    return first.line < rule.line


def _outlasts(first: Rule, rule: Rule) -> bool:
    if first.expires is not None and (rule.expires is None or first.expires < rule.expires):
        return False
    if first.mode == "enforce":
        return True
    if first.mode == "canary" and rule.mode == "canary":
        return rule.percent <= first.percent  # both go by the same hash of the caller
    promotable = first.mode == "monitor" and first.promote and first.klass == "deterministic"
    return rule.mode == "monitor" and (promotable or rule.klass != "deterministic" or not rule.promote)
