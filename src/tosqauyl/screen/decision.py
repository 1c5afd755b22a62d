"""From the rules a call hit to its one verdict, by precedence (decision 0007)."""

from dataclasses import dataclass, field
from datetime import date

from tosqauyl.facts import Reason, Verdict
from tosqauyl.policy.rule import TIERS, Rule


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What happens to a call and why. `would_*` is what would happen if the monitored rules were enforced as well.

    Compared and hashed by identity: the engine keeps one Decision for each rule mask, and answers are looked up by it.

    mask: bit i is set when rule i of the policy was hit, whatever its mode. row: the same as the journal's columns.
    """

    verdict: Verdict
    reason: Reason
    rule: str
    klass: str
    mask: int
    would_verdict: Verdict
    would_reason: Reason
    would_rule: str
    divert_to: str = ""
    row: tuple[str, str, str, str, int, str, str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        row = (
            self.verdict.value, self.reason.value, self.rule, self.klass, self.mask,
            self.would_verdict.value, self.would_reason.value, self.would_rule,
        )  # fmt: skip
        object.__setattr__(self, "row", row)


def modes(rules: tuple[Rule, ...], enforce: bool, today: date) -> tuple[str, ...]:
    """Each rule's mode today: expired rules are off; with `enforce` the promotable ones leave monitor; canaries stay."""
    return tuple(rule.mode_at(enforce, today) for rule in rules)


def chosen(mask: int, bucket: int, rules: tuple[Rule, ...]) -> int:
    """The bits of `mask` whose rules hold for a caller of this bucket (policy/canary); mask: hits of canary rules only."""
    return sum(1 << bit for bit, rule in enumerate(rules) if mask >> bit & 1 and bucket < rule.percent)


def settled(modes_now: tuple[str, ...], hold: int) -> tuple[str, ...]:
    """The modes for one caller: a canary in `hold` is enforced, any other one is watched."""
    if "canary" not in modes_now:
        return modes_now
    return tuple(
        mode if mode != "canary" else "enforce" if hold >> bit & 1 else "monitor" for bit, mode in enumerate(modes_now)
    )


def decide(mask: int, rules: tuple[Rule, ...], modes_now: tuple[str, ...]) -> Decision:
    """The verdict for the rules in `mask`: the first tier with a hit wins, in it the most severe verdict, then file order.

    modes_now: of every rule; a canary must have been settled, else it is only watched.
    """
    hits = [(rule, mode) for bit, (rule, mode) in enumerate(zip(rules, modes_now, strict=True)) if mask >> bit & 1]
    does = _winner([rule for rule, mode in hits if mode == "enforce"])
    would = _winner([rule for rule, mode in hits if mode != "off"])
    return Decision(
        does.verdict if does else Verdict.PASS,
        does.reason if does else Reason.NONE,
        does.id if does else "",
        does.klass if does else "",
        mask,
        would.verdict if would else Verdict.PASS,
        would.reason if would else Reason.NONE,
        would.id if would else "",
        does.divert_to if does else "",
    )


def _winner(rules: list[Rule]) -> Rule | None:
    return min(rules, key=lambda rule: (TIERS.index(rule.tier), -rule.verdict.severity), default=None)
