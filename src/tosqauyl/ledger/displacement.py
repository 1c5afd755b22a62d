"""Displacement: what traffic with foreign numbers does after a rule goes live against faked national ones.

Italy's filter of 2025: calls a day with Italian mobile numbers fell from 26.8 to 7.4 million, those with foreign numbers rose from
6.6 to 23.8 million (AGCOM). Two windows of equal whole weeks, so that working days meet working days, are compared by group.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.definitions import FOREIGN, KAZAKH, STOPPED, attempts_if
from tosqauyl.ledger.engine import Engine
from tosqauyl.ledger.statistics import Coverage, coverage, days_of, table_for
from tosqauyl.ledger.statistics_queries import inside
from tosqauyl.ledger.window import Window, day_of, window_of_days

RISE = 1.2
FALL = 0.8
"""Attempts a day, after by before: from where on it counts as a rise or a fall. Weeks differ by some percent of themselves."""
LEAST = 100
"""Attempts that a group must have before and after together to be shown as a mover."""
COLUMNS = ("verdict", "caller_country", "caller_kind")
"""Columns without which nothing can be said."""


class Finding(StrEnum):
    """What the comparison says."""

    DISPLACED = "displaced"
    """Attempts with Kazakh numbers fell, and those with foreign numbers rose."""
    FOREIGN_ROSE = "foreign-rose"
    """Attempts with foreign numbers rose, but those with Kazakh numbers did not fall."""
    FELL = "fell"
    """Attempts with Kazakh numbers fell, and those with foreign numbers did not rise."""
    UNCHANGED = "unchanged"
    NOT_COMPUTABLE = "not-computable"


@dataclass(frozen=True, slots=True)
class Movement:
    """One group before and after, in attempts a day. before_count, after_count: attempts altogether."""

    group: str
    value: str
    before: float
    after: float
    before_count: int
    after_count: int

    @property
    def change(self) -> float:
        """Attempts a day more (or less)."""
        return self.after - self.before

    @property
    def ratio(self) -> float | None:
        """After by before; None where there was nothing before."""
        return self.after / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Displacement:
    """What happened around a day. groups: all, kazakh, kazakh-stopped, kazakh-passed, foreign, other, in this order.

    rule: '' where only a day was given. movers: countries and carriers, greatest change first. gaps_before, gaps_after: days
    without any row; they are left out of the means, and with them the weeks are not complete. missing: columns not recorded.
    """

    rule: str
    day: date
    before: Window
    after: Window
    finding: Finding
    groups: tuple[Movement, ...]
    countries: tuple[Movement, ...]
    carriers: tuple[Movement, ...]
    sources: tuple[str, ...]
    revision: str
    gaps_before: int = 0
    gaps_after: int = 0
    missing: tuple[str, ...] = ()

    def of(self, group: str) -> Movement:
        """The movement of a group; nothing at all where it was not computed."""
        return next((one for one in self.groups if one.group == group), Movement(group, "", 0.0, 0.0, 0, 0))


_GROUPS = {
    "all": "TRUE",
    "kazakh": KAZAKH,
    "kazakh-stopped": f"{KAZAKH} AND {STOPPED}",
    "kazakh-passed": f"{KAZAKH} AND NOT {STOPPED}",
    "foreign": FOREIGN,
    "other": f"NOT {KAZAKH} AND NOT {FOREIGN}",
}
GROUPS = tuple(_GROUPS)
"""all attempts; with Kazakh numbers; of those stopped and not stopped; with foreign numbers; with neither (none, malformed, of
several countries)."""


def went_live(engine: Engine, rule: str, window: Window) -> date:
    """The first local day of the window on which a rule stopped a call. Raises TosqauylError where it never did."""
    rows = engine.rows(went_live_sql(rule, window, table_for(engine, window)))
    if not rows or rows[0][0] is None:
        what = f"the rule {rule!r} stopped no call from {window.first_day} to {window.last_day}"
        raise TosqauylError(what, "--rule", "give a wider --from and --to, or the day as --day")
    return day_of(int(rows[0][0]))


def went_live_sql(rule: str, window: Window, table: str = "calls") -> str:
    """The query of `went_live`. table: hours for the same in less time."""
    return f"SELECT min({window.day()}) AS value FROM {table} WHERE {inside(window)} AND {STOPPED} AND rule = {literal(rule)}"


def around(day: date, weeks: int, zone: str) -> Window:
    """The window that a displacement around a day looks at: so many whole weeks before it, and as many from it on."""
    return window_of_days(day - timedelta(weeks=weeks), day + timedelta(weeks=weeks, days=-1), zone)


def displacement(engine: Engine, day: date, weeks: int, zone: str, rule: str = "", limit: int = 10) -> Displacement:
    """Compare the weeks before a day with those from it on. weeks: how many, at least 1; limit: of countries and of carriers.

    Raises TosqauylError where the query cannot be run.
    """
    whole = around(day, weeks, zone)
    known = coverage(engine, whole, counts=False)
    before, after = halves(whole, day)
    lengths = (_days(known, before), _days(known, after))
    missing = tuple(one for one in COLUMNS if one not in engine.recorded)
    computable = not missing and all(lengths)
    with_carriers = computable and "carrier" in engine.recorded
    groups = _groups(engine, whole, day, lengths) if computable else ()
    return Displacement(
        rule=rule,
        day=day,
        before=before,
        after=after,
        finding=_finding(groups),
        groups=groups,
        countries=_movers(engine, whole, day, lengths, "caller_country")[:limit] if computable else (),
        carriers=_movers(engine, whole, day, lengths, "carrier")[:limit] if with_carriers else (),
        sources=known.sources,
        revision=engine.revision,
        gaps_before=len(days_of(before)) - lengths[0],
        gaps_after=len(days_of(after)) - lengths[1],
        missing=missing,
    )


def halves(whole: Window, day: date) -> tuple[Window, Window]:
    """The part of a window before a day, and the part from it on."""
    cut = window_of_days(day, day, whole.zone).first
    return Window(whole.first, cut, whole.zone), Window(cut, whole.end, whole.zone)


def groups_sql(whole: Window, day: date, table: str = "calls") -> str:
    """One row a period (0 before, 1 after): attempts of each of GROUPS. table: hours for the same in less time."""
    conditions = enumerate(_GROUPS.values())
    counts = ", ".join(f"{attempts_if(condition, table)} AS g{place}" for place, condition in conditions)
    return (
        f"SELECT {_period(whole, day)} AS period, {counts}\nFROM {table}\nWHERE {inside(whole)}\nGROUP BY 1\nORDER BY 1"
    )


def movers_sql(whole: Window, day: date, column: str, table: str = "calls") -> str:
    """(value, attempts before, attempts after) for every value of a column; foreign numbers only. table: as above."""
    period = _period(whole, day)
    before, after = (attempts_if(f"{period} = {place}", table) for place in (0, 1))
    return (
        f"SELECT {column} AS value, {before} AS before_count, {after} AS after_count\n"
        f"FROM {table}\nWHERE {inside(whole)} AND {FOREIGN}\nGROUP BY 1\nORDER BY 1"
    )


def all_queries(whole: Window) -> list[tuple[str, str]]:
    """(name, query) of everything that is asked here, to be run on every engine."""
    day = whole.last_day
    return [
        ("displacement went live", went_live_sql("some-rule", whole)),
        ("displacement groups", groups_sql(whole, day)),
        ("displacement countries", movers_sql(whole, day, "caller_country")),
        ("displacement carriers", movers_sql(whole, day, "carrier")),
    ]


def _period(whole: Window, day: date) -> str:
    return f'CASE WHEN "at" < {halves(whole, day)[0].end!r} THEN 0 ELSE 1 END'


def _days(known: Coverage, part: Window) -> int:
    return sum(1 for day in days_of(part) if day in known.covered)


def _groups(engine: Engine, whole: Window, day: date, lengths: tuple[int, int]) -> tuple[Movement, ...]:
    counts = {
        int(row[0]): [int(count) for count in row[1:]]
        for row in engine.rows(groups_sql(whole, day, table_for(engine, whole)))
    }
    nothing = [0] * len(GROUPS)
    pairs = zip(GROUPS, counts.get(0, nothing), counts.get(1, nothing), strict=True)
    return tuple(_movement(group, "", (before, after), lengths) for group, before, after in pairs)


def _movers(engine: Engine, whole: Window, day: date, lengths: tuple[int, int], column: str) -> tuple[Movement, ...]:
    sql = movers_sql(whole, day, column, table_for(engine, whole))
    found = [
        _movement(column, str(value), (int(before), int(after)), lengths)
        for value, before, after in engine.rows(sql)
        if int(before) + int(after) >= LEAST
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.value)))


def _movement(group: str, value: str, counts: tuple[int, int], lengths: tuple[int, int]) -> Movement:
    return Movement(group, value, counts[0] / lengths[0], counts[1] / lengths[1], *counts)


def _finding(groups: tuple[Movement, ...]) -> Finding:
    """Foreign numbers rose, national ones fell, both or neither."""
    if not groups:
        return Finding.NOT_COMPUTABLE
    by_group = {one.group: one for one in groups}
    kazakh, foreign = by_group["kazakh"], by_group["foreign"]
    fell = kazakh.after < kazakh.before * FALL
    rose = foreign.after > foreign.before * RISE
    findings = {
        (True, True): Finding.DISPLACED,
        (False, True): Finding.FOREIGN_ROSE,
        (True, False): Finding.FELL,
        (False, False): Finding.UNCHANGED,
    }
    return findings[fell, rose]
