"""Which mode a rule may have, and what the configuration's [[mode]] tables make of it.

Analytic rules follow from behaviour and err; what a call says of itself is no proof. So such a rule decides only with a
recorded reason: what was looked at before, by whom, when.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from tosqauyl.errors import Mistake
from tosqauyl.facts import Verdict
from tosqauyl.policy.near import close
from tosqauyl.policy.rule import DECIDING_MODES, MODES, Evidence, ModeOverride, Rule

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


def overridden(
    rules: tuple[Rule, ...], overrides: Iterable[ModeOverride], file: str
) -> tuple[tuple[Rule, ...], list[Mistake]]:
    """The rules with the modes of the overrides, and every mistake in those; file: where they were written."""
    places = {rule.id: place for place, rule in enumerate(rules)}
    changed = list(rules)
    mistakes: list[Mistake] = []
    seen: set[str] = set()
    for override in overrides:
        name = override.rule
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
    evidence = Evidence(override.reason, override.by, override.on) if override.reason else rule.evidence
    return replace(rule, mode=override.mode, percent=override.percent, evidence=evidence)
