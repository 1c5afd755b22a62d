"""Why one call got its verdict: each rule of the policy that decided, each fact, out of the row that was written down.

Which rules held is read from the row (its bitmask), not computed again: a number that is kept as a token by now would give
another answer. In which mode each rule was, and whether a canary held for this caller, is what makes the policy give the
recorded decision; where nothing does, `is_same` is False and only what was recorded can be said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, Literal

from tosqauyl.facts import FACTS, Call, Reason
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.load import Policy
from tosqauyl.policy.rule import TIERS, Rule
from tosqauyl.policy.to_python import compile_conditions
from tosqauyl.policy.tree import AllOf, Condition, facts_of
from tosqauyl.record import DECISION_COLUMNS
from tosqauyl.screen.decision import Decision, chosen, decide, modes, settled

Part = Literal["decided", "outranked", "would-decide", "watched", "off", "no", "not-looked-at"]
"""What a rule had to do with the verdict. decided; outranked: it held and another one came first; would-decide: it only
watches, and would have decided; watched: it only watches, and another one would have come first; off: it held and is off; no:
it did not hold; not-looked-at: a fault kept every rule from being looked at."""
By = Literal["", "alone", "tier", "severity", "order"]
"""Why the rule that decided came first; '' where none decided."""
Group = Literal["call", "number", "called", "trunk", "network", "rates", "lists"]
State = Literal["known", "unknown", "not-recorded"]
FAULTY = (Reason.FAILED_OPEN, Reason.FAILED_CLOSED)
GROUPS: dict[Group, tuple[str, ...]] = {
    "number": (
        "caller", "caller_source", "caller_form", "caller_kind", "caller_country", "caller_operator", "network", "network_form",
        "network_kind", "network_country", "presented", "presented_form", "presented_kind", "presented_country", "remote_party",
        "identities", "privacy", "display_name",
    ),
    "called": (
        "called", "called_form", "called_kind", "called_country", "called_msrn", "redirecting", "redirecting_kind",
        "redirecting_country", "redirections",
    ),
    "trunk": ("trunk", "carrier", "direction", "trunk_ranges", "transport", "source"),
    "network": (
        "network_subscriber", "presented_subscriber", "redirecting_subscriber", "home_network", "home_source", "home_age",
        "originated", "origination",
    ),
    "lists": ("listed", "indicator", "protected", "impersonates"),
    "rates": (
        *(name for name in FACTS if name.partition("_")[2].startswith(("calls_", "callees_"))), "sequential", "redials",
        "neighbour",
    ),
    "call": ("at", "call_id", "transaction", "user_agent", "faults"),
}  # fmt: skip
"""Facts by what they are about; every fact stands in one group."""
_UNKNOWN = ("unknown", "", -1)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule and this call. mode: off, monitor or enforce, for this caller on that day; held: its condition; against: the
    parts of the condition that did not hold, () where that cannot be told."""

    rule: Rule
    mode: str
    held: bool
    part: Part
    against: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class FactSaid:
    """One fact of the call. state: not-recorded where the source of the row had no such fact."""

    name: str
    group: Group
    value: str | bool | int | float
    state: State


@dataclass(frozen=True, slots=True)
class Explained:
    """One call with everything about it. call: its facts; row: what was written down; judged: whether a gate judged it at all;
    policy: None where it is not known; is_same: whether the policy gives the recorded decision; held: how many rules held."""

    call: Call
    row: Mapping[str, Any]
    facts: tuple[FactSaid, ...]
    judged: bool
    held: int
    policy: Policy | None = None
    rules: tuple[RuleOutcome, ...] = ()
    by: By = ""
    is_same: bool = False

    @property
    def deciding(self) -> RuleOutcome | None:
        """The rule that decided, if it is known."""
        return next((one for one in self.rules if one.part == "decided"), None)

    @property
    def would_decide(self) -> RuleOutcome | None:
        """The watching rule that would have decided, if it is known."""
        return next((one for one in self.rules if one.part == "would-decide"), None)

    @property
    def is_faulty(self) -> bool:
        """Whether a fault gave the verdict."""
        return self.row["reason"] in FAULTY

    def of(self, group: Group) -> tuple[FactSaid, ...]:
        """The facts of a group, in its order."""
        return tuple(one for one in self.facts if one.group == group)


def explain(row: Mapping[str, Any], policy: Policy | None, recorded: frozenset[str] | None = None) -> Explained:
    """Explain a row of journal or ledger. policy: the one whose hash the row has, None where it is not known. recorded:
    columns that the row's source had, None for all."""
    call = Call(*(row[name] for name in FACTS))
    known = frozenset(row) if recorded is None else recorded
    mask, facts = int(row["rules"]), tuple(_facts(row, known))
    judged = "verdict" in known
    if policy is None or not judged or mask >> len(policy.rules):
        return Explained(call, row, facts, judged, mask.bit_count())
    modes_now, is_same = _modes_of(row, mask, policy)
    outcomes = tuple(_outcomes(row, mask, policy, modes_now))
    return Explained(
        call, row, facts, judged, mask.bit_count(), policy, _with_parts_against(outcomes, call, policy),
        _why_first(outcomes), is_same,
    )  # fmt: skip


def _facts(row: Mapping[str, Any], recorded: frozenset[str]) -> Iterator[FactSaid]:
    for group, members in GROUPS.items():
        for name in members:
            value = row[name]
            has_none = value == FACTS[name].about.unknown and (value in _UNKNOWN or name == "at")
            state: State = "not-recorded" if name not in recorded else "unknown" if has_none else "known"
            yield FactSaid(name, group, value, state)


def _modes_of(row: Mapping[str, Any], mask: int, policy: Policy) -> tuple[tuple[str, ...], bool]:
    """The mode of every rule for this caller, and whether the policy gives the recorded decision with them.

    Neither --enforce nor the share of a canary that a token hides is written down; the decision tells them.
    """
    day = _day(float(row["at"]))
    first: tuple[str, ...] = ()
    for enforce in (False, True):
        now = modes(policy.rules, enforce, day)
        canary = mask & sum(1 << bit for bit, mode in enumerate(now) if mode == "canary")
        for hold in _holds(canary, str(row["caller"]), policy):
            found = settled(now, hold)
            first = first or found
            if _gives(decide(mask, policy.rules, found), row):
                return found, True
    return first, False


def _holds(canary: int, caller: str, policy: Policy) -> Iterator[int]:
    """Which canary rules may have held for a caller: as computed; where the caller is a token now, also none, all, each
    alone."""
    yield chosen(canary, bucket(caller), policy.rules)
    if canary and caller.startswith("t:"):
        yield from (0, canary, *(1 << bit for bit in range(len(policy.rules)) if canary >> bit & 1))


def _gives(decision: Decision, row: Mapping[str, Any]) -> bool:
    """Whether a decision is the recorded one, leaving aside what a fault made of it."""
    names = [column.name for column in DECISION_COLUMNS]
    if row["reason"] in FAULTY:
        names = [name for name in names if name.startswith("would_")]
        if row["would_reason"] in FAULTY:
            return True
    given = dict(zip((column.name for column in DECISION_COLUMNS), decision.row, strict=True))
    return all(given[name] == (int(row[name]) if name == "rules" else row[name]) for name in names)


def _outcomes(row: Mapping[str, Any], mask: int, policy: Policy, modes_now: tuple[str, ...]) -> Iterator[RuleOutcome]:
    none_looked_at = row["would_reason"] in FAULTY
    for bit, (rule, mode) in enumerate(zip(policy.rules, modes_now, strict=True)):
        held = bool(mask >> bit & 1)
        part: Part = "no"
        if none_looked_at:
            part = "not-looked-at"
        elif held and mode == "enforce":
            part = "decided" if rule.id == row["rule"] else "outranked"
        elif held and mode == "monitor":
            part = "would-decide" if rule.id == row["would_rule"] else "watched"
        elif held:
            part = "off"
        yield RuleOutcome(rule, mode, held, part)


def _why_first(outcomes: tuple[RuleOutcome, ...]) -> By:
    """Why the rule that decided came before the others in force that held."""
    first = next((one for one in outcomes if one.part == "decided"), None)
    if first is None:
        return ""
    others = [one.rule for one in outcomes if one.part == "outranked"]
    if not others:
        return "alone"
    if all(TIERS.index(one.tier) > TIERS.index(first.rule.tier) for one in others):
        return "tier"
    equal = [one for one in others if one.tier == first.rule.tier]
    if all(one.verdict.severity < first.rule.verdict.severity for one in equal):
        return "severity"
    return "order"


def _with_parts_against(outcomes: tuple[RuleOutcome, ...], call: Call, policy: Policy) -> tuple[RuleOutcome, ...]:
    """The outcomes with what spoke against each rule; nothing of a rule that holds for the facts as they are kept now."""
    now = policy.hits(call)
    return tuple(
        RuleOutcome(one.rule, one.mode, one.held, one.part, _against(one.rule.condition, call))
        if one.part == "no" and not now >> bit & 1
        else one
        for bit, one in enumerate(outcomes)
    )


def _against(condition: Condition, call: Call) -> tuple[Condition, ...]:
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    hits = compile_conditions(parts)(call)
    return tuple(part for bit, part in enumerate(parts) if not hits >> bit & 1 and not _is_hidden(part, call))


def _is_hidden(condition: Condition, call: Call) -> bool:
    """Whether a condition asks for a number that is a token now."""
    return any(str(getattr(call, name)).startswith("t:") for name in facts_of(condition))


def _day(at: float) -> date:
    try:
        return datetime.fromtimestamp(at if isfinite(at) else 0.0, UTC).date()
    except (ValueError, OverflowError, OSError):
        return date(1970, 1, 1)
