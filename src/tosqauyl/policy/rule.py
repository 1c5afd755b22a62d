"""Rule: one rule of a policy, read and checked. Pure data; what it does with a call is compiled elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from tosqauyl.facts import Reason, Verdict
from tosqauyl.policy.tree import Condition

CLASSES = ("deterministic", "analytic", "identity")
"""deterministic: follows from the numbering plan, a list or a look-up. analytic: follows from behaviour, may err.
identity: what the call says of itself looks wrong; never a ground to stop it alone."""

TIERS = ("emergency", "protected", "allow", "listed", "exempt", "screen")
"""In order of precedence: of the rules hit the first tier decides, in it the most severe verdict, then file order."""

MODES = ("off", "monitor", "enforce")
"""off: not looked at. monitor: the hit is written down, the call goes on. enforce: the verdict holds."""

LANGUAGES = ("kk", "ru", "en")

PASSING_TIERS = ("emergency", "allow", "exempt")
"""Tiers whose rules may only let calls through."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. when: the expression as written; condition: the same as a tree.

    texts and why_mode: language -> sentence for people. law: what the rule rests on. expires: the last day on which it
    holds, None for no end. divert_to: SIP or tel URI, only with verdict divert. promote: whether --enforce may turn
    monitor into enforce. line: of its [[rule]] in the file, from 1.
    """

    id: str
    when: str
    condition: Condition = field(compare=False, repr=False)
    verdict: Verdict
    reason: Reason
    klass: str
    tier: str
    mode: str
    texts: Mapping[str, str] = field(hash=False)
    law: str
    why_mode: Mapping[str, str] = field(hash=False)
    expires: date | None = None
    divert_to: str = ""
    promote: bool = True
    line: int = field(default=0, compare=False)

    def is_expired(self, today: date) -> bool:
        """Whether the rule's last day is over."""
        return self.expires is not None and today > self.expires

    def mode_at(self, promote: bool, today: date) -> str:
        """The mode that holds on a day; promote is the operator's --enforce, which moves only deterministic rules."""
        if self.is_expired(today):
            return "off"
        if promote and self.promote and self.mode == "monitor" and self.klass == "deterministic":
            return "enforce"
        return self.mode
