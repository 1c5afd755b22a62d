"""What rules do by the ledger's rows: how many attempts each decided, and would have decided, in a window."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tosqauyl.ledger.columns import TIME, literal
from tosqauyl.ledger.engine import DuckEngine, Engine
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window

DAY = 86400.0
NEEDED = ("at", "caller", "rule", "would_rule")
"""Columns of calls that an Activity is made of."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a rule did in first <= at < end, in attempts. decided: its verdict was the call's; watched: it would have been, but the
    rule only watched; numbers: different calling numbers behind both. missing: columns that the ledger lacks there, and then
    nothing can be told."""

    first: float
    end: float
    attempts: int = 0
    decided: int = 0
    watched: int = 0
    numbers: int = 0
    missing: tuple[str, ...] = ()


def activity_sql(rule: str, window: Window) -> str:
    """The query, for every engine."""
    name = literal(rule)
    return (
        "SELECT count(*), "
        f"coalesce(sum(CASE WHEN rule = {name} THEN 1 ELSE 0 END), 0), "
        f"coalesce(sum(CASE WHEN would_rule = {name} AND rule <> {name} THEN 1 ELSE 0 END), 0), "
        f"count(DISTINCT CASE WHEN rule = {name} OR would_rule = {name} THEN caller END) "
        f"FROM calls WHERE {window.condition(TIME)}"
    )


def activity(engine: Engine, rule: str, window: Window) -> Activity:
    """What an engine finds. Raises TosqauylError."""
    missing = tuple(name for name in NEEDED if name not in engine.recorded)
    if missing:
        return Activity(window.first, window.end, missing=missing)
    attempts, decided, watched, numbers = map(int, engine.rows(activity_sql(rule, window))[0])
    return Activity(window.first, window.end, attempts, decided, watched, numbers)


def activity_of(folder: Path, rule: str, since: float = -math.inf) -> Activity | None:
    """The same of a ledger's last day, or since a moment (seconds since 1970) as far as its rows go; None where it has no row.

    Raises TosqauylError.
    """
    store = Store(folder)
    files = store.manifest().of("calls")
    if not files:
        return None
    end = math.nextafter(max(one.last for one in files), math.inf)
    window = Window(end - DAY if since == -math.inf else since, end)
    if window.first >= end:
        return Activity(window.first, end)
    engine = DuckEngine(store, window)
    try:
        return activity(engine, rule, window)
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """Attempts of a window by rule. hits: its condition held, None where the policy of some call is not known; decided: its verdict
    was the call's; watched: it would have been, but the rule only watched. missing: columns that the ledger lacks."""

    hits: Counter[str] | None
    decided: Counter[str]
    watched: Counter[str]
    missing: tuple[str, ...] = ()


def counts_sql(window: Window) -> str:
    """The query, for every engine. It groups by all rules hit: as many rows as there are sets of rules that calls hit together."""
    return (
        "SELECT policy, rules, rule, would_rule, count(*) "
        f"FROM calls WHERE {window.condition(TIME)} GROUP BY policy, rules, rule, would_rule"
    )


def counts_of(engine: Engine, window: Window, names_of: Callable[[str], Sequence[str] | None]) -> RuleCounts:
    """Every rule's counts. names_of: hash of a policy -> ids of its rules in their order, None where it is not known. Raises
    TosqauylError."""
    decided, watched, hits = Counter[str](), Counter[str](), Counter[str]()
    missing = tuple(name for name in ("rule", "would_rule") if name not in engine.recorded)
    if missing:
        return RuleCounts(None, decided, watched, missing)
    is_known = {"policy", "rules"} <= engine.recorded
    for policy, mask, rule, would_rule, count in engine.rows(counts_sql(window)):
        decided[rule] += count
        if would_rule != rule:
            watched[would_rule] += count
        names = names_of(policy) if mask and is_known else ()
        if not is_known or names is None or int(mask).bit_length() > len(names):
            is_known = False
            continue
        for place, name in enumerate(names):
            if int(mask) >> place & 1:
                hits[name] += count
    return RuleCounts(hits if is_known else None, decided, watched)
