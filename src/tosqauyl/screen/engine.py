"""The engine: facts in, decision or question out. Total, replayable, and it never waits (decision 0008)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from tosqauyl.errors import FaultKind
from tosqauyl.facts import Call
from tosqauyl.screen.decision import Decision, decide, modes
from tosqauyl.screen.enrich import Signalled, enrich
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk

DECISIONS_KEPT = 4096
"""Distinct rule masks remembered; the shipped policy meets a few dozen."""


class Ask(NamedTuple):
    """A slow question as a value: where are these subscribers registered, and until when is the answer of use.

    numbers: E.164, distinct. until: on the monotonic clock the caller used, seconds.
    """

    numbers: tuple[str, ...]
    until: float


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """enforce: promote deterministic rules out of monitor. asks: a provider is there to be asked. deadline: seconds."""

    enforce: bool = False
    asks: bool = False
    deadline: float = 0.3


class Engine:
    """One snapshot's judgement. Decisions are kept by rule mask, so equal calls share one immutable value."""

    def __init__(self, known: Snapshot, failure: FailurePolicy, options: EngineOptions) -> None:
        self.known = known
        self.failure = failure
        self.options = options
        self._decisions: dict[int, Decision] = {}
        self._day = -1.0
        self._modes: tuple[str, ...] = ()
        self._hits = known.policy.hits

    def facts(self, said: Signalled, trunk: Trunk) -> Call | None:
        """The facts of a call; None where reading them raised, which is a bug that must not take the call down."""
        try:
            if self.failure.forced:
                self._force(FaultKind.ENRICH_RAISED)
                said = said._replace(faults=(*said.faults, *self.failure.forced_on_calls))
            return enrich(said, trunk, self.known)
        except Exception:  # noqa: BLE001 - the last line of defence of the call path: fail open and count
            return None

    def question(self, call: Call, now: float) -> Ask | None:
        """What to ask the home networks before deciding; None where nothing would be gained."""
        if not self.options.asks or call.direction != "international":
            return None
        asked = {
            number: None
            for number, kind, state in (
                (call.network, call.network_kind, call.network_subscriber),
                (call.presented, call.presented_kind, call.presented_subscriber),
                (call.redirecting, call.redirecting_kind, call.redirecting_subscriber),
            )
            if kind == "mobile" and state == "unknown"
        }
        return Ask(tuple(asked), now + self.options.deadline) if asked else None

    def decide(self, call: Call | None) -> Decision:
        """The decision for a call's facts (None: they could not be read)."""
        if call is None:
            return self.failure.last_resort(FaultKind.ENRICH_RAISED)
        try:
            if self.failure.forced:
                self._force(FaultKind.POLICY_RAISED)
            mask = self._hits(call)
        except Exception:  # noqa: BLE001 - as above
            return self.failure.last_resort(FaultKind.POLICY_RAISED)
        decision = self._decisions.get(mask)
        if decision is None or call.at // 86400 != self._day:
            decision = self._fresh(mask, call.at)
        return self.failure.apply(decision, call.faults.split(";")) if call.faults else decision

    def _fresh(self, mask: int, at: float) -> Decision:
        """Decide and remember; a new UTC day forgets everything, because rules expire by date."""
        day = at // 86400
        if day != self._day or len(self._decisions) >= DECISIONS_KEPT:
            self._day = day
            self._decisions = {}
            today = datetime.fromtimestamp(at, UTC).date()
            self._modes = modes(self.known.policy.rules, self.options.enforce, today)
        decision = self._decisions[mask] = decide(mask, self.known.policy.rules, self._modes)
        return decision

    def _force(self, kind: FaultKind) -> None:
        if kind.value in self.failure.forced:
            raise RuntimeError(f"{kind.value} is forced by configuration")


def answered(call: Call, answers: dict[str, str]) -> Call:
    """The facts after the home networks were asked.

    answers: number -> "abroad", "home", "unknown", "timeout" or "failed". Timeout and failure are answers like any other:
    the state stays unknown and the fault is on record.
    """
    states = {number: answer if answer in ("abroad", "home") else "unknown" for number, answer in answers.items()}
    ending = min(answers.values(), key=("timeout", "failed", "unknown", "abroad", "home").index, default="unknown")
    faults = {"timeout": FaultKind.PROVIDER_TIMEOUT.value, "failed": FaultKind.PROVIDER_FAILED.value}
    met = set(filter(None, call.faults.split(";"))) | {faults[a] for a in answers.values() if a in faults}
    return call._replace(
        network_subscriber=states.get(call.network, call.network_subscriber),
        presented_subscriber=states.get(call.presented, call.presented_subscriber),
        redirecting_subscriber=states.get(call.redirecting, call.redirecting_subscriber),
        home_network="answered" if ending in ("abroad", "home") else ending,
        faults=";".join(sorted(met)),
    )
