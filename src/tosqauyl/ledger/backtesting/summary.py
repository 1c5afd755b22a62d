"""From the parts of a back-test to its result: calls are added up, numbers are counted over the files of numbers."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.backtesting.effect import GOOD, Effect, Example
from tosqauyl.ledger.backtesting.judge import Judge
from tosqauyl.ledger.backtesting.parts import DIMENSIONS, Part
from tosqauyl.ledger.backtesting.result import Amount, RuleResult, Truth
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.window import day_of

TOP = 20
"""Calling numbers shown."""

SETS: dict[str, Callable[[Effect], bool]] = {
    "newly_stopped": lambda one: one.is_newly_stopped,
    "newly_passed": lambda one: one.is_newly_passed,
    "otherwise": lambda one: one.change == "other",
    "stopped_roamers": lambda one: one.stops_roamer,
    "newly_stopped_roamers": lambda one: one.stops_roamer and one.is_newly_stopped,
    "honest_newly_stopped": lambda one: one.truth == "honest" and one.is_newly_stopped,
    "fraud_newly_stopped": lambda one: one.truth == "fraud" and one.is_newly_stopped,
    "honest_newly_passed": lambda one: one.truth == "honest" and one.is_newly_passed,
    "fraud_newly_passed": lambda one: one.truth == "fraud" and one.is_newly_passed,
    "good": lambda one: one.good > 0 and one.is_newly_stopped,
}
"""Calls that are told of together, with the numbers behind them."""


def _good(bit: int) -> Callable[[Effect], bool]:
    return lambda one: one.good & bit > 0 and one.is_newly_stopped


SETS |= {f"good {name}": _good(bit) for name, bit in GOOD.items()}


@dataclass(slots=True)
class Tally:
    """All parts together. parts: the effects of each, as its file of numbers names them by their place."""

    rows: int = 0
    effects: Counter[Effect] = field(default_factory=Counter)
    hits: Counter[int] = field(default_factory=Counter)
    by: dict[str, dict[str, list[int]]] = field(default_factory=lambda: {name: {} for name in DIMENSIONS})
    examples: list[Example] = field(default_factory=list)
    parts: list[list[Effect]] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """One part more."""
        self.rows += part.rows
        self.hits.update(part.hits)
        self.examples += part.examples
        self.parts.append([effect for effect, _ in part.effects])
        for effect, calls in part.effects:
            self.effects[effect] += calls
        for dimension, values in part.by.items():
            kept = self.by[dimension]
            for value, (stopped, passed) in values.items():
                before = kept.get(value, [0, 0])
                kept[value] = [before[0] + stopped, before[1] + passed]

    def calls(self, which: Callable[[Effect], bool]) -> int:
        """Calls whose effect is of a kind."""
        return sum(calls for effect, calls in self.effects.items() if which(effect))


@dataclass(frozen=True, slots=True)
class Numbers:
    """Different calling numbers. sets: by the name in SETS. newly_stopped: by the rule that would stop them. good: known to be
    good, by the rule that would decide. top: those with most calls newly stopped, and the calls."""

    sets: dict[str, int]
    newly_stopped: dict[str, int]
    good: dict[str, int]
    top: tuple[tuple[str, int], ...]


def count_numbers(con: duckdb.DuckDBPyConnection, paths: Iterable[Path], tally: Tally) -> Numbers:
    """Count the numbers in the files of the parts. Raises TosqauylError."""
    effects: list[Effect] = []
    selects = []
    for path, some in zip(paths, tally.parts, strict=True):
        place = len(effects)
        selects.append(f"SELECT caller, calls, effect + {place} AS effect FROM read_parquet({literal(str(path))})")
        effects += some
    con.register("effects", _effects_table(effects))
    source = f"(SELECT * FROM ({' UNION ALL '.join(selects)}) JOIN effects USING (effect) WHERE caller <> '')"
    bits = ", ".join(f"coalesce(sum((signs >> {bit}) & 1), 0)" for bit in range(len(SETS)))
    try:
        (row,) = con.execute(
            f"SELECT {bits} FROM (SELECT caller, bit_or(signs) AS signs FROM {source} GROUP BY caller)"
        ).fetchall()
        stopped, good = (
            con.execute(
                f"SELECT {rule}, count(*) FROM (SELECT DISTINCT {rule}, caller FROM {source} WHERE {which}) GROUP BY {rule}"
            ).fetchall()
            for rule, which in (("stops", "stops <> ''"), ("would", "is_good AND would <> ''"))
        )
        top = con.execute(
            f"SELECT caller, sum(calls) AS calls FROM {source} WHERE stops <> '' GROUP BY caller"
            f" ORDER BY calls DESC, caller LIMIT {TOP}"
        ).fetchall()
    except duckdb.Error as error:
        raise TosqauylError(f"the numbers cannot be counted: {error}", "back-test") from error
    finally:
        con.unregister("effects")
    sets = dict(zip(SETS, map(int, row), strict=True))
    return Numbers(sets, dict(stopped), dict(good), tuple((caller, int(calls)) for caller, calls in top))


def _effects_table(effects: list[Effect]) -> pa.Table:
    signs = [sum(1 << bit for bit, which in enumerate(SETS.values()) if which(effect)) for effect in effects]
    return pa.table(
        {
            "effect": pa.array(range(len(effects)), pa.int64()),
            "signs": pa.array(signs, pa.int64()),
            "stops": pa.array([one.new_rule if one.is_newly_stopped else "" for one in effects], pa.string()),
            "would": pa.array([one.would for one in effects], pa.string()),
            "is_good": pa.array([one.good > 0 for one in effects], pa.bool_()),
        }
    )


def amounts(tally: Tally, numbers: Numbers) -> dict[str, Amount]:
    """Calls and numbers of each of SETS."""
    return {name: Amount(tally.calls(which), numbers.sets[name]) for name, which in SETS.items()}


def truth_of(tally: Tally, found: dict[str, Amount]) -> Truth | None:
    """What the changes mean by what the calls were; None where that is not known of any call."""

    def called(truth: str) -> int:
        return tally.calls(lambda one: one.truth == truth)

    def stopped(truth: str, place: int) -> int:
        return tally.calls(lambda one: one.truth == truth and one[place] == "stop")

    if not called("honest") + called("fraud"):
        return None
    return Truth(
        called("honest"),
        called("fraud"),
        stopped("honest", 0),
        stopped("honest", 3),
        stopped("fraud", 0),
        stopped("fraud", 3),
        found["honest_newly_stopped"],
        found["fraud_newly_stopped"],
        found["honest_newly_passed"],
        found["fraud_newly_passed"],
    )


def rule_results(judge: Judge, tally: Tally, numbers: Numbers, unknown: dict[str, tuple[str, ...]]) -> list[RuleResult]:
    """What became of each rule, in the order of the policy. unknown: facts not known of all calls, by rule."""
    deciding: dict[str, Counter[str]] = {rule.id: Counter() for rule in judge.rules}
    freed: Counter[str] = Counter()
    has_truth = any(one.truth in ("honest", "fraud") for one in tally.effects)
    for effect, calls in tally.effects.items():
        if effect.new_rule:
            counts = deciding[effect.new_rule]
            counts["decides"] += calls
            counts["newly_stopped"] += calls * effect.is_newly_stopped
        if effect.is_newly_passed:
            freed.update({rule: calls for rule in {effect.old_rule, effect.new_rule}})
        if effect.would:
            counts = deciding[effect.would]
            counts["would"] += calls
            counts["good"] += calls * (effect.good > 0)
            counts["roamers"] += calls * effect.roamer
            counts[effect.truth] += calls
    return [
        RuleResult(
            rule.id,
            mode,
            rule.verdict.value,
            rule.reason.value,
            tally.hits[place],
            (own := deciding[rule.id])["decides"],
            Amount(own["newly_stopped"], numbers.newly_stopped.get(rule.id, 0)),
            freed[rule.id],
            own["would"],
            Amount(own["good"], numbers.good.get(rule.id, 0)),
            own["roamers"],
            own["honest"] if has_truth else -1,
            own["fraud"] if has_truth else -1,
            unknown.get(rule.id, ()),
        )
        for place, (rule, mode) in enumerate(zip(judge.rules, judge.modes, strict=True))
    ]


def matrix(tally: Tally) -> tuple[tuple[str, str, int], ...]:
    """(verdict before, verdict now, calls), most calls first."""
    cells: Counter[tuple[str, str]] = Counter()
    for effect, calls in tally.effects.items():
        cells[effect.old_verdict, effect.new_verdict] += calls
    return tuple((old, new, calls) for (old, new), calls in cells.most_common())


def dimensions(tally: Tally) -> dict[str, tuple[tuple[str, int, int], ...]]:
    """(value, newly stopped, newly passed) by rule, reason, carrier, trunk, country, operator, day; most changes first, days in
    order."""
    by = {"rule": _changes(tally, 2, 5), "reason": _changes(tally, 1, 4)}
    by |= {
        name.removeprefix("caller_"): [(value, stopped, passed) for value, (stopped, passed) in values.items()]
        for name, values in tally.by.items()
    }
    ordered = {name: tuple(sorted(rows, key=lambda row: (-(row[1] + row[2]), row[0]))) for name, rows in by.items()}
    days = sorted(by["day"], key=lambda row: int(row[0]))
    return ordered | {"day": tuple((day_of(int(day)).isoformat(), one, two) for day, one, two in days)}


def _changes(tally: Tally, old: int, new: int) -> list[tuple[str, int, int]]:
    """Newly stopped by what stops now, newly passed by what had stopped."""
    stopped: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for effect, calls in tally.effects.items():
        if effect.is_newly_stopped:
            stopped[str(effect[new])] += calls
        if effect.is_newly_passed:
            passed[str(effect[old])] += calls
    return [(name, stopped[name], passed[name]) for name in {**stopped, **passed}]
