"""The engine: facts in, decision or question out. Total, replayable, and it never waits (decision 0008)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from tosqauyl.errors import FaultKind
from tosqauyl.facts import Call
from tosqauyl.policy.canary import bucket
from tosqauyl.screen.decision import Decision, chosen, decide, modes, settled
from tosqauyl.screen.enrich import Signalled, enrich
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.rates import Rates

DECISIONS_KEPT = 4096
"""Distinct rule masks remembered; the shipped policy meets a few dozen."""

_CHOSEN_AT = 128
"""Decisions are remembered by the mask of the rules hit and, from this bit on, the canary rules that hold."""


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
    """One snapshot's judgement. Decisions are kept by rule mask, so equal calls share one immutable value.

    rates: where calls are counted, None where nothing is; counting: False while overload sheds that (gate/overload).
    """

    def __init__(self, known: Snapshot, failure: FailurePolicy, options: EngineOptions) -> None:
        self.known = known
        self.failure = failure
        self.options = options
        self._decisions: dict[int, Decision] = {}
        self._day = -1.0
        self._modes: tuple[str, ...] = ()
        self._canary = 0  # bits of the rules that hold for a share of callers today
        self._hits = known.policy.hits
        self.rates: Rates | None = None
        self.counting = True

    def facts(self, said: Signalled, trunk: Trunk, now: float = 0.0) -> Call | None:
        """The facts of a call; None where reading them raised, which is a bug that must not take the call down.

        now: monotonic seconds, for the counts.
        """
        try:
            if self.failure.forced:
                self._force(FaultKind.ENRICH_RAISED)
                said = said._replace(faults=(*said.faults, *self.failure.forced_on_calls))
            return enrich(said, trunk, self.known, self.rates if self.counting else None, now)
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
        if call.at // 86400 != self._day:
            self._begin_day(call.at)
        hold = chosen(mask & self._canary, bucket(call.caller), self.known.policy.rules) if mask & self._canary else 0
        decision = self._decisions.get(mask | hold << _CHOSEN_AT if hold else mask)
        if decision is None:
            decision = self._fresh(mask, hold)
        return self.failure.apply(decision, call.faults.split(";")) if call.faults else decision

    def _begin_day(self, at: float) -> None:
        """A new UTC day forgets everything, because rules expire by date."""
        self._day = at // 86400
        self._decisions = {}
        today = datetime.fromtimestamp(at, UTC).date()
        self._modes = modes(self.known.policy.rules, self.options.enforce, today)
        self._canary = sum(1 << bit for bit, mode in enumerate(self._modes) if mode == "canary")

    def _fresh(self, mask: int, hold: int) -> Decision:
        """Decide and remember. hold: bits of the canary rules whose verdict holds for this caller."""
        if len(self._decisions) >= DECISIONS_KEPT:
            self._decisions = {}
        decision = decide(mask, self.known.policy.rules, settled(self._modes, hold))
        self._decisions[mask | hold << _CHOSEN_AT] = decision
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
