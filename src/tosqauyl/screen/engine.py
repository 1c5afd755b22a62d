"""The engine: facts in, decision or question out. Total, replayable, and it never waits (decision 0008)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tosqauyl.errors import FaultKind
from tosqauyl.facts import Call
from tosqauyl.policy.canary import bucket
from tosqauyl.screen.decision import Decision, chosen, decide, modes, settled
from tosqauyl.screen.enrich import Signalled, add_published, enrich
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.freshness import Freshness
from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Answer, Question
from tosqauyl.state.published import Published
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.rates import Rates

DECISIONS_KEPT = 4096
"""Distinct rule masks remembered; the shipped policy meets a few dozen."""

_CHOSEN_AT = 128
"""Decisions are remembered by the mask of the rules hit and, from this bit on, the canary rules that hold."""


_ASKABLE: Final = frozenset(("mobile", "fixed", "voip"))
"""Kinds of numbers whose operator may know that it started the call."""
_ENDINGS: Final = ("timeout", "failed", "unavailable", "not_enrolled", "unknown")
"""How a question can end without having said anything, the most worrying first."""
_FAULTS: Final = {"timeout": FaultKind.PROVIDER_TIMEOUT.value, "failed": FaultKind.PROVIDER_FAILED.value}


class Ask(NamedTuple):
    """Slow questions as a value: what to ask before this call is decided, and until when answers are of use.

    questions: of distinct keys. until: on the monotonic clock the caller used, seconds.
    """

    questions: tuple[Question, ...]
    until: float


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """enforce: promote deterministic rules out of monitor. asks: somebody can be asked where a subscriber is; originations:
    somebody can be asked whether his network started a call. deadline: seconds. lines: number ranges of fixed and VoIP lines with
    the operator that is asked about their calls: the number plan knows none."""

    enforce: bool = False
    asks: bool = False
    deadline: float = 0.3
    originations: bool = False
    lines: tuple[tuple[NumberRanges, str], ...] = ()


class Engine:
    """One snapshot's judgement. Decisions are kept by rule mask, so equal calls share one immutable value.

    rates: where calls are counted, None where nothing is; counting: False while overload sheds that (gate/overload).
    freshness: since when it is known where subscribers are, None where nobody keeps that. published: what the office publishes of
    numbers, None where no office is followed.
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
        self.freshness: Freshness | None = None
        self.published: Published | None = None
        self.counting = True
        self.has_questions = options.asks or options.originations

    def facts(self, said: Signalled, trunk: Trunk, now: float = 0.0) -> Call | None:
        """The facts of a call; None where reading them raised, which is a bug that must not take the call down.

        now: monotonic seconds, for the counts.
        """
        try:
            if self.failure.forced:
                self._force(FaultKind.ENRICH_RAISED)
                said = said._replace(faults=(*said.faults, *self.failure.forced_on_calls))
            call = enrich(said, trunk, self.known, self.rates if self.counting else None, now, self.freshness)
            return call if self.published is None else add_published(call, self.published)
        except Exception:  # noqa: BLE001 - the last line of defence of the call path: fail open and count
            return None

    def question(self, call: Call, now: float) -> Ask | None:
        """What to ask before deciding; None where nothing would be gained."""
        if call.direction != "international":
            return None
        until = now + self.options.deadline
        questions: dict[str, Question] = {}
        if self.options.asks:
            for number, kind, state in (
                (call.network, call.network_kind, call.network_subscriber),
                (call.presented, call.presented_kind, call.presented_subscriber),
                (call.redirecting, call.redirecting_kind, call.redirecting_subscriber),
            ):
                if kind == "mobile" and state == "unknown" and number not in questions:
                    questions[number] = Question(WHEREABOUTS, number, until, self._operator(number, call))
        called = _called_first(call) if self.options.originations and call.caller_kind in _ASKABLE else ""
        if called:
            operator = call.caller_operator or next(
                (operator for ranges, operator in self.options.lines if call.caller in ranges), ""
            )
            started = Question(ORIGINATION, call.caller, until, operator, called, call.at)
            questions[started.key] = started
        return Ask(tuple(questions.values()), until) if questions else None

    def _operator(self, number: str, call: Call) -> str:
        """Whom a number belongs to now: portability, not the prefix."""
        return call.caller_operator if number == call.caller else self.known.plan.read(number).operator

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


def _called_first(call: Call) -> str:
    """Whom the caller called, as his own switch saw it: of a forwarded call the number that forwarded it. '' where nobody could
    tell: it was forwarded twice, or that number is none of an operator that asks."""
    if call.redirections:
        is_told = call.redirections == 1 and call.redirecting_kind in _ASKABLE
        return call.redirecting if is_told and call.redirecting[:1] == "+" else ""
    return call.called if call.called_kind in _ASKABLE and call.called[:1] == "+" else ""


def answered(call: Call, answers: Mapping[str, Answer]) -> Call:
    """The facts after somebody was asked. answers: by the key of the question; a timeout is an answer like any other: what
    was not said stays unknown, and the fault is on record."""
    places = {key: answer for key, answer in answers.items() if ">" not in key}
    started = answers.get(f"{call.caller}>{_called_first(call)}")
    said = [answer for answer in places.values() if answer.state not in _ENDINGS]
    # Of a caller whose place was known before, source and age are told already, and are not those of another number.
    told = places.get(call.caller, said[0] if said and call.home_source == "none" else None)
    heard = told is not None and told.state not in _ENDINGS
    met = {_FAULTS[answer.state] for answer in answers.values() if answer.state in _FAULTS}
    if call.faults:
        met.update(call.faults.split(";"))
    return call._replace(
        network_subscriber=_state(places, call.network, call.network_subscriber),
        presented_subscriber=_state(places, call.presented, call.presented_subscriber),
        redirecting_subscriber=_state(places, call.redirecting, call.redirecting_subscriber),
        home_network=_ending(places.values()),
        home_source=told.source if told is not None and heard else call.home_source,
        home_age=told.age if told is not None and heard else call.home_age,
        originated=started.state if started is not None and started.state not in _ENDINGS else "unknown",
        origination=_ending((started,) if started is not None else ()),
        faults=";".join(sorted(met)),
    )


def _state(places: Mapping[str, Answer], number: str, before: str) -> str:
    """Where a subscriber is, now that somebody was asked."""
    found = places.get(number)
    return before if found is None else found.state if found.state not in _ENDINGS else "unknown"


def _ending(answers: Collection[Answer]) -> str:
    """How one kind of question ended: the most worrying ending of all that were asked."""
    states = [answer.state for answer in answers]
    if not states:
        return "not_asked"
    return next((ending for ending in _ENDINGS if ending in states), "answered")
