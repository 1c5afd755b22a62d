"""What a policy decides in a back-test: by the gate's own `decide`, with the modes that are tried."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from tosqauyl.errors import TosqauylError
from tosqauyl.policy.load import MAX_RULES, Policy, policy_of_rules
from tosqauyl.policy.near import close
from tosqauyl.policy.rule import Rule
from tosqauyl.screen.decision import Decision, decide, modes, settled


@dataclass(slots=True)
class Judge:
    """A policy with the mode of each rule. modes: as tried, in the order of the rules. tried: rules that were set to enforce.

    enforced: whether the modes are those of --enforce; else those written in the policy.
    """

    policy: Policy
    modes: tuple[str, ...]
    tried: tuple[str, ...] = ()
    enforced: bool = True
    _known: dict[tuple[int, int], Decision] = field(default_factory=dict, repr=False)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The policy's rules."""
        return self.policy.rules

    @property
    def canaries(self) -> tuple[int, ...]:
        """Places of the rules that hold for a share of callers."""
        return tuple(place for place, mode in enumerate(self.modes) if mode == "canary")

    @property
    def digest(self) -> str:
        """What decides its verdicts: the policy's hash and the modes."""
        return f"{self.policy.hash} {' '.join(self.modes)}"

    def decide(self, mask: int, hold: int) -> Decision:
        """The decision for the rules hit. hold: bits of the canary rules that hold for this caller."""
        key = (mask, hold)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = decide(mask, self.rules, settled(self.modes, hold))
        return found


def judge_of(policy: Policy, tried: Sequence[str], today: date) -> Judge:
    """The policy as --enforce would run it; with `tried`, as it is written and these rules enforced.

    Raises TosqauylError where there is no such rule.
    """
    names = [rule.id for rule in policy.rules]
    for name in tried:
        if name not in names:
            hint = close(name, tuple(names)) or "the ids are in: tosqauyl policy explain"
            raise TosqauylError(f"there is no rule {name[:60]!r} in the policy {policy.name}", "--rule", hint)
    taken = modes(policy.rules, not tried, today)
    chosen = tuple("enforce" if name in tried else mode for name, mode in zip(names, taken, strict=True))
    return Judge(policy, chosen, tuple(tried), not tried)


def with_rules(policy: Policy, added: Policy) -> Policy:
    """The policy with the rules of another one after its own. Raises TosqauylError for too many, or two of one id."""
    own = {rule.id for rule in policy.rules}
    twice = [rule.id for rule in added.rules if rule.id in own]
    if twice:
        hint = "give the added rule an id of its own"
        raise TosqauylError(f"the policy {policy.name} has a rule {twice[0]!r} already", added.file, hint)
    rules = (*policy.rules, *(replace(rule) for rule in added.rules))
    if len(rules) > MAX_RULES:
        raise TosqauylError(f"together they have {len(rules)} rules; {MAX_RULES} are allowed", added.file)
    return policy_of_rules(f"{policy.name}+{added.name}", max(policy.dated, added.dated), rules, policy.file)
