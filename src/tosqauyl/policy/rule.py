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

MODES = ("off", "monitor", "canary", "enforce")
"""off: not looked at. monitor: the hit is written down, the call goes on. canary: the verdict holds for a share of the
callers (policy/canary), for all others the rule is watched. enforce: the verdict holds."""

DECIDING_MODES = ("canary", "enforce")
"""Modes in which a rule's verdict reaches at least some calls."""

PASSING_TIERS = ("emergency", "allow", "exempt")
"""Tiers whose rules may only let calls through."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a rule that may err was let decide: what was looked at, by whom, on which day; report: a back-test's id or ''."""

    reason: str
    by: str
    on: date
    report: str = ""


@dataclass(frozen=True, slots=True)
class ModeOverride:
    """A rule's mode as the configuration or `policy promote` sets it: share of callers for canary, and why, by whom and when.

    percent: 0 unless the mode is canary. reason: '' where none is recorded; `by`, `on` and `report` (a back-test's id)
    belong to it. promote: False keeps --enforce off the rule. made_for: what the rule was when a command set this
    (`policy.modes.standing`), '' where a person wrote it.
    """

    rule: str
    mode: str
    percent: int
    reason: str
    by: str
    on: date
    report: str = ""
    promote: bool = True
    made_for: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. when: the expression as written; condition: the same as a tree.

    texts, law and why_mode: language -> sentence for people; law: what the rule rests on. expires: the last day on which
    it holds, None for no end. divert_to: SIP or tel URI, only with verdict divert. promote: whether --enforce may turn
    monitor into enforce. percent: share of callers for which a canary holds, 0 in any other mode. evidence: the recorded
    reason why it may decide. line: of its [[rule]] in the file, from 1.
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
    law: Mapping[str, str] = field(hash=False)
    why_mode: Mapping[str, str] = field(hash=False)
    expires: date | None = None
    divert_to: str = ""
    promote: bool = True
    line: int = field(default=0, compare=False)
    percent: int = 0
    evidence: Evidence | None = None

    def is_expired(self, today: date) -> bool:
        """Whether the rule's last day is over."""
        return self.expires is not None and today > self.expires

    def mode_at(self, promote: bool, today: date) -> str:
        """The mode that holds on a day.

        promote is the operator's --enforce: it moves deterministic rules out of monitor. A canary stays one, because
        somebody chose its share of callers on purpose.
        """
        if self.is_expired(today):
            return "off"
        if promote and self.promote and self.mode == "monitor" and self.klass == "deterministic":
            return "enforce"
        return self.mode
