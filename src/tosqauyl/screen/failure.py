"""What happens to a call when something goes wrong: by kind of fault, let through by default, always counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tosqauyl.errors import CALL_FAULTS, FaultKind
from tosqauyl.facts import Reason, Verdict
from tosqauyl.screen.decision import Decision

ACTIONS = (Verdict.PASS, Verdict.MARK, Verdict.STOP)
"""What an operator may choose for a kind of fault."""


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """The action for each kind of fault, and the kinds that tests force on every call.

    A fault never makes a verdict milder: a call that a rule stops stays stopped, because no fault takes away what the
    rule knew. "pass" therefore means: go on as if the fact were simply unknown.
    """

    actions: Mapping[str, Verdict] = field(default_factory=dict)
    forced: frozenset[str] = frozenset()

    @property
    def forced_on_calls(self) -> tuple[str, ...]:
        """The forced kinds that are faults of a call (the others are forced where they happen)."""
        return tuple(kind.value for kind in CALL_FAULTS if kind.value in self.forced)

    def apply(self, decision: Decision, faults: Iterable[str]) -> Decision:
        """The decision after the faults of the call had their say."""
        action = max((self.actions.get(kind, Verdict.PASS) for kind in faults), key=lambda verdict: verdict.severity)
        if action.severity <= decision.verdict.severity:
            return decision
        return replace(decision, verdict=action, reason=Reason.FAILED_CLOSED, rule="", klass="deterministic")

    def last_resort(self, kind: FaultKind) -> Decision:
        """The decision where no rule could be evaluated at all."""
        verdict = self.actions.get(kind, Verdict.PASS)
        reason = Reason.FAILED_OPEN if verdict is Verdict.PASS else Reason.FAILED_CLOSED
        return Decision(verdict, reason, "", "deterministic", 0, verdict, reason, "")
