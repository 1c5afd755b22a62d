"""The gate that the generated calls come to: its trunks, lists and plan, and where subscribers are as it knows it.

A subscriber's place is a function of his number (`state_of`), so that one number has one place in all calls.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import Call
from tosqauyl.ledger.generation.mix import FILE, Mix, Pattern
from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.policy.load import Policy, load_shipped
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.freshness import Freshness
from tosqauyl.state.indicators import Indicator, Indicators
from tosqauyl.state.lists import load_shipped as load_protected
from tosqauyl.state.ranges import NumberRanges, parse_pattern
from tosqauyl.state.ranges import Pattern as Numbers
from tosqauyl.state.subscribers import Subscribers

PLACES = 64
"""A mobile's place is read off its last seven digits modulo this; it divides 10^6 and 10^7."""
RESIDUES = {"abroad": (0, 4), "unknown": (4, 7), "home": (7, PLACES)}
"""First residue and the one after the last, for each place: 6 of 100 numbers are abroad, 5 unknown."""
EXAMPLE_AT = 1_750_000_000.0
"""When the example calls come that the facts are taken from, seconds since 1970: no fact of theirs depends on it."""


def state_of(number: str) -> str:
    """Where the gate knows the subscriber of a Kazakh mobile number to be, in generated calls: abroad, unknown or home."""
    residue = int(number[-7:]) % PLACES
    return next(state for state, (first, end) in RESIDUES.items() if first <= residue < end)


@dataclass(frozen=True, slots=True)
class World:
    """known: what both gates know. watching: the gate that enforces nothing; enforcing: the one after --enforce."""

    known: Snapshot
    trunks: dict[str, Trunk]
    watching: Engine
    enforcing: Engine

    @property
    def plan(self) -> Plan:
        """The number plan."""
        return self.known.plan

    def place(self, call_numbers: Iterable[tuple[str, str]]) -> None:
        """Put subscribers to their places: (number, state)."""
        for number, state in call_numbers:
            self.known.subscribers.update(number, state)

    def sets(self) -> tuple[Numbers, ...]:
        """Every set of numbers that facts are looked up in: lists, ranges of trunks, roaming numbers."""
        texts = [text for trunk in self.trunks.values() for text in trunk.ranges.texts] + list(self.known.msrn.texts)
        return (*(entry.pattern for entry in self.known.indicators.entries), *map(parse_pattern, texts))


def build_world(mix: Mix, policy: Policy | None = None) -> World:
    """The gate of a mix, with the shipped number plan and, if none is given, the shipped policy.

    Raises TosqauylError for a policy whose verdicts depend on the day or on the single caller: they are decided once
    for each kind of call.
    """
    policy = policy or load_shipped()
    for rule in policy.rules:
        if rule.expires is not None or rule.mode == "canary":
            raise TosqauylError("calls are generated for rules without an end and a share of callers", rule.id)
    plan = load_plan()
    known = Snapshot(
        policy,
        plan,
        Indicators((*load_protected(), *(Indicator(o.id, o.kind, parse_pattern(o.number)) for o in mix.lists))),
        Subscribers(plan.mobile_codes),
        NumberRanges(mix.visitors),
    )
    trunks = {
        one.id: Trunk(one.id, one.direction, one.carrier, frozenset(one.trust), ranges=NumberRanges(one.ranges))
        for one in mix.trunks
    }
    fresh = Freshness(8)
    for one in mix.operators:
        fresh.set_operator(one.id, EXAMPLE_AT - one.age, one.told)
    engines = [
        Engine(known, FailurePolicy(), EngineOptions(enforce=enforce, asks=True, originations=True))
        for enforce in (False, True)
    ]
    for engine in engines:
        engine.freshness = fresh
    return World(known, trunks, *engines)


def facts_of(world: World, example: str) -> tuple[object, ...]:
    """All that is looked up of a calling or called number besides its subscriber: equal for numbers of one kind."""
    read = world.plan.read(example)
    within = tuple(name for name, trunk in world.trunks.items() if example in trunk.ranges)
    hit = world.known.indicators.find(example, EXAMPLE_AT)
    return (*read[1:], within, example in world.known.msrn, hit, "" if read.text[:1] == "+" else read.text)


def check_pattern(world: World, one: Pattern) -> None:
    """Raise TosqauylError where the plan or a list tells numbers of one pattern apart: their facts would differ."""
    if one.base < 0 or not one.digits:
        return
    fixed = one.low[1 : len(one.low) - one.digits]
    tables = world.plan.tables
    longer = [key for key in ("7" + code for code in tables.uses) if key.startswith(fixed) and len(key) > len(fixed)]
    longer += [key for key in tables.regions if key.startswith(fixed) and len(key) > len(fixed)]
    if longer:
        raise TosqauylError(f"the plan looks deeper into {one.text}, at {longer[0]}", FILE, "write more digits")
    for numbers in world.sets():
        low, high = _reach(numbers, len(one.low))
        if low <= one.high and one.low <= high and not (low <= one.low and one.high <= high):
            raise TosqauylError(f"{one.text} holds only some of the numbers {numbers.low} to {numbers.high}", FILE)


def _reach(numbers: Numbers, size: int) -> tuple[str, str]:
    """The least and the greatest text of so many characters in a set; an empty reach where it has none."""
    if numbers.form == "prefix" and len(numbers.low) <= size:
        return numbers.low.ljust(size, "0"), numbers.low.ljust(size, "9")
    return (numbers.low, numbers.high) if numbers.form != "prefix" and len(numbers.low) == size else ("~", "")


def written(number: str, how: str) -> str:
    """A number as a trunk writes it: plus, prefixed (00), bare (no plus) or national (8 and ten digits, +7 only)."""
    if not number.startswith("+"):
        return number
    if how == "prefixed":
        return "00" + number[1:]
    if how in ("bare", "national") and number.startswith("+7") and len(number) == 12:
        return number[1:] if how == "bare" else "8" + number[2:]
    return number


def rate_free(call: Call) -> bool:
    """Whether nothing was counted for the call, as is right for generated ones."""
    return call.caller_calls_1s == call.sequential == call.redials == call.neighbour == -1
