"""Which mode a rule may have, and what the configuration's [[mode]] tables make of it.

Analytic rules follow from behaviour and err; what a call says of itself is no proof. So such a rule decides only with a
recorded reason: what was looked at before, by whom, when.

What a person wrote must be right, or the policy is not used. What a command set on the strength of a back-test holds as long as
the rule is what was tested (`applies`); afterwards it is left out, so the rule is as the policy file says.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from tosqauyl.errors import Mistake
from tosqauyl.facts import Verdict
from tosqauyl.policy.near import close
from tosqauyl.policy.rule import DECIDING_MODES, MODES, Evidence, ModeOverride, Rule
from tosqauyl.policy.to_sql import condition_sql

MIN_REASON = 20
"""Code points of a recorded reason: long enough that "ok" and "tested" are none."""

_STOPPING = (Verdict.STOP, Verdict.DIVERT)


class ModeFault(NamedTuple):
    """What is wrong with a rule's mode: the key it is about, what it is, what to do."""

    key: str
    what: str
    hint: str


def needs_evidence(rule: Rule) -> bool:
    """Whether the rule's mode asks for a recorded reason: analytic rules that decide, and identity rules that stop."""
    errs = rule.klass == "analytic" or (rule.klass == "identity" and rule.verdict in _STOPPING)
    return errs and rule.mode in DECIDING_MODES


def mode_faults(rule: Rule, place: str = "[rule.evidence]") -> Iterator[ModeFault]:
    """Everything wrong with mode, percent and recorded reason together. place: where the reason is to be written."""
    if rule.mode == "canary" and not 1 <= rule.percent <= 99:
        yield ModeFault(
            "mode", "the mode is canary and 'percent' is missing", "the share of callers, 1 to 99: percent = 5"
        )
    elif rule.mode != "canary" and rule.percent:
        yield ModeFault("percent", f"'percent' goes with the mode canary, not {rule.mode}", "leave it out")
    if needs_evidence(rule) and rule.evidence is None:
        share = " for a share of callers" * (rule.mode == "canary")
        what = f"an {rule.klass} rule cannot be enforced{share} without a recorded reason"
        yield ModeFault("mode", what, f'{place} with reason, by and on; or mode = "monitor"')
    elif rule.evidence is not None:
        yield from _evidence_faults(rule.evidence)


def _evidence_faults(evidence: Evidence) -> Iterator[ModeFault]:
    if len(evidence.reason.strip()) < MIN_REASON:
        what = f"the recorded reason has fewer than {MIN_REASON} characters"
        yield ModeFault("evidence.reason", what, "say what was looked at: calls, period, errors found")
    if not evidence.by.strip():
        yield ModeFault("evidence.by", "the recorded reason does not say by whom", 'by = "fraud desk"')


def rule_key(rule: Rule) -> str:
    """12 hex digits for what a rule does: its condition, verdict and tier. Its texts, mode and expiry are not part of it."""
    text = "\n".join((condition_sql(rule), rule.verdict.value, rule.tier, rule.divert_to))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def standing(rule: Rule) -> str:
    """What a mode set by a command is made for: what the rule does, and the mode it has without that."""
    return f"{rule_key(rule)} {rule.mode}"


def applies(override: ModeOverride, rule: Rule | None) -> bool:
    """Whether a mode holds for the policy's rule of that name, as the rule is without it; None: there is none.

    One that a person wrote always does: where it cannot, that is his mistake. One that a command set does not turn on what
    was turned off, nor let a rule decide that is no longer what was tested.
    """
    if not override.made_for:
        return True
    if rule is None or rule.mode == "off":
        return False
    return override.mode not in DECIDING_MODES or override.made_for == standing(rule)


def overridden(
    rules: tuple[Rule, ...], overrides: Iterable[ModeOverride], file: str
) -> tuple[tuple[Rule, ...], list[Mistake]]:
    """The rules with the modes of the overrides that apply, and every mistake in those; file: where they were written."""
    places = {rule.id: place for place, rule in enumerate(rules)}
    changed = list(rules)
    mistakes: list[Mistake] = []
    seen: set[str] = set()
    for override in overrides:
        name = override.rule
        if not applies(override, rules[places[name]] if name in places else None):
            continue
        faults = [ModeFault("rule", "the rule's mode is set twice", "leave one out")] if name in seen else []
        seen.add(name)
        if name not in places:
            hint = close(name, tuple(places)) or "the ids are in: tosqauyl policy explain"
            faults.append(ModeFault("rule", f"there is no rule {name[:60]!r} in the policy", hint))
        elif override.mode not in MODES:
            hint = close(override.mode, MODES) or "one of: " + ", ".join(MODES)
            faults.append(ModeFault("mode", f"there is no mode {override.mode[:60]!r}", hint))
        else:
            rule = changed[places[name]] = _with_mode(rules[places[name]], override)
            faults += mode_faults(rule, "the [[mode]] table")
        mistakes += [Mistake(file, 0, 0, f"mode of rule {name[:60]}: {what}", hint) for _, what, hint in faults]
    return tuple(changed), mistakes


def _with_mode(rule: Rule, override: ModeOverride) -> Rule:
    """An override's reason replaces that of the file; without one the file's stays."""
    evidence = rule.evidence
    if override.reason:
        evidence = Evidence(override.reason, override.by, override.on, override.report)
    promote = rule.promote and override.promote
    return replace(rule, mode=override.mode, percent=override.percent, evidence=evidence, promote=promote)
