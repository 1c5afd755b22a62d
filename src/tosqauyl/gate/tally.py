"""What was decided, by verdict, by rule and by trunk, across changes of the snapshot. Read when somebody asks, not on a call.

While a snapshot serves, a session counts its decisions, which carry the mask of the rules hit. When it is replaced, bits
and rules change their meaning, so the counts are folded into totals by name.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tosqauyl.facts import Verdict
from tosqauyl.policy.rule import Rule
from tosqauyl.screen.decision import Decision

RULES_KEPT = 1000
"""Rules counted by name, those of earlier snapshots included; what comes later is counted under OTHERS."""
OTHERS = ""

Decided = Mapping[Decision, int]
ByTrunk = Mapping[str, Decided]
"""Trunk -> its decisions."""
Outcome = tuple[str, str, str, str]
"""verdict, reason, would_verdict, would_reason"""


class RuleCount(NamedTuple):
    """Calls of one rule since the start. hits: its condition held. decided: its verdict was the call's. would_have: it would
    have given the call a harsher verdict than the call got, had it been enforced. would_stop: of these, a stop."""

    hits: int = 0
    decided: int = 0
    would_have: int = 0
    would_stop: int = 0

    def plus(self, more: "RuleCount") -> "RuleCount":
        """Both together."""
        return RuleCount(*(mine + theirs for mine, theirs in zip(self, more, strict=True)))


class Tally:
    """Totals of the snapshots that were replaced, and sums of those with what the present one has decided."""

    def __init__(self) -> None:
        self._outcomes: dict[Outcome, int] = {}
        self._rules: dict[str, RuleCount] = {}
        self._trunks: dict[tuple[str, str], int] = {}

    def fold(self, by_trunk: ByTrunk, rules: tuple[Rule, ...]) -> None:
        """Take in the decisions of a snapshot that goes; rules: of its policy."""
        self._trunks = self.trunks(by_trunk)
        decided = together(by_trunk)
        self._outcomes = self.outcomes(decided)
        self._rules = self.rules(decided, rules)

    def outcomes(self, decided: Decided) -> dict[Outcome, int]:
        """Calls by verdict and reason, and by what these would have been with the monitored rules enforced."""
        sums = dict(self._outcomes)
        for one, count in decided.items():
            key = (one.verdict.value, one.reason.value, one.would_verdict.value, one.would_reason.value)
            sums[key] = sums.get(key, 0) + count
        return sums

    def trunks(self, by_trunk: ByTrunk) -> dict[tuple[str, str], int]:
        """Calls by trunk and verdict."""
        sums = dict(self._trunks)
        for trunk, decided in by_trunk.items():
            for one, count in decided.items():
                key = (trunk, one.verdict.value)
                sums[key] = sums.get(key, 0) + count
        return sums

    def rules(self, decided: Decided, rules: tuple[Rule, ...]) -> dict[str, RuleCount]:
        """Calls by rule id: every rule of the present policy, and those of earlier ones that were hit."""
        sums = dict(self._rules)
        for rule in rules:
            if rule.id in sums or len(sums) < RULES_KEPT:
                sums.setdefault(rule.id, RuleCount())
        for one, count in decided.items():
            for bit, rule in enumerate(rules):
                if one.mask >> bit & 1:
                    name = rule.id if rule.id in sums else OTHERS
                    sums[name] = sums.get(name, RuleCount()).plus(_counted(one, rule, count))
        return sums


def together(by_trunk: ByTrunk) -> dict[Decision, int]:
    """The decisions of all trunks, added up."""
    sums: dict[Decision, int] = {}
    for decided in by_trunk.values():
        for one, count in decided.items():
            sums[one] = sums.get(one, 0) + count
    return sums


def _counted(decision: Decision, rule: Rule, count: int) -> RuleCount:
    """What `count` calls with this decision mean for one of the rules they hit."""
    would = decision.would_rule == rule.id and decision.would_verdict.severity > decision.verdict.severity
    stop = would and decision.would_verdict is Verdict.STOP
    return RuleCount(count, count * (decision.rule == rule.id), count * would, count * stop)
