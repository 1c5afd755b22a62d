"""A chunk of rows of text, mapped: the table `mapped`, the calls and outcomes in it, and what is doubtful about it.

All of it is SQL in one connection; only numbers that were not met before are looked at one by one (plan_facts).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.imports.calls_sql import CallColumns, raw_number
from tosqauyl.ledger.imports.clock import Changes, changes_between, doubt_sql, utc_sql
from tosqauyl.ledger.imports.mapping import NUMBERS, TARGETS, Mapping, Source
from tosqauyl.ledger.imports.plan_facts import PlanFacts
from tosqauyl.ledger.imports.values_sql import condition_of, first_of, number_of, quoted, text_of, times_of, value_of
from tosqauyl.ledger.window import zone_of

BACKWARDS = 5.0
"""Seconds by which a row may be earlier than the one before: switches write a call's row when it ends, some a little late."""
ANSWERED = "CREATE OR REPLACE TEMP TABLE answered (call_id VARCHAR, since DOUBLE)"


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a chunk came to. calls, outcomes: SELECTs, '' for none; *_columns: what they record. bad: (line, column, reason) of
    rows and cells left out; rows where column is '' or `at`. counts: what is doubtful, by slug."""

    calls: str
    outcomes: str
    call_columns: frozenset[str]
    outcome_columns: frozenset[str]
    bad: list[tuple[int, str, str]]
    counts: Counter[str]


class Mapper:
    """Maps the chunks of one file. have: the file's columns. prefix: what made-up Call-IDs begin with, where it has none."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, mapping: Mapping, have: tuple[str, ...], facts: PlanFacts
    ) -> None:
        self.con, self.mapping, self.facts = con, mapping, facts
        self.have = frozenset(have)
        self._last = 0.0
        zone_of(mapping.zone)
        con.execute(ANSWERED)
        self._calls = {name: one for name, one in mapping.calls.items() if self._is_there(one)}
        self._outcomes = {name: one for name, one in mapping.outcomes.items() if self._is_there(one)}
        self._times = self._time_sources()

    def map(self, table: pa.Table, prefix: str) -> Mapped:
        """Map a chunk. Raises TosqauylError where a pattern or format of the mapping cannot be run."""
        self.con.register("raw", table)
        try:
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE mapped AS {self._mapped_sql()}")
            changes = self._changes()
            at = {key: self._at(place, changes) for place, key in enumerate(self._times)}
            self._learn()
            self._pair(at)
            bad = self._bad(at)
            return Mapped(*self._selects(at, prefix), bad, self._doubts(at, changes))
        except duckdb.Error as error:
            raise TosqauylError(f"the mapping cannot be run: {error}", self.mapping.name) from error
        finally:
            self.con.unregister("raw")

    @property
    def has_call_id(self) -> bool:
        """Whether the file tells the calls' Call-IDs; else they are made up."""
        return "call_id" in self._calls

    def _is_there(self, source: Source) -> bool:
        if source.since:
            return source.since in self.have and any(name in self.have for name in source.until)
        return any(name in self.have for name in source.columns)

    def _time_sources(self) -> dict[str, str]:
        """SQL of the text of each time, by name: calls.at, outcomes.at, since and until of what is a difference."""
        found = {}
        for table, part in (("calls", self._calls), ("outcomes", self._outcomes)):
            for name, source in part.items():
                if name == "at":
                    found[f"{table}.at"] = text_of(source, self.have)
                elif source.since:
                    found[f"{table}.{name}.since"] = first_of((source.since,), self.have)
                    found[f"{table}.{name}.until"] = first_of(source.until, self.have)
        return found

    def _mapped_sql(self) -> str:
        columns = ["line"]
        for name, table, part in (("is_call", "calls", self._calls), ("is_outcome", "outcomes", self._outcomes)):
            condition = condition_of(self.mapping.only.get(table, ()), self.have) if part else "FALSE"
            columns.append(f"{condition} AS {name}")
        for name, one in (("begins", self.mapping.begin), ("ends", self.mapping.end)):
            columns.append(f"{condition_of(one, self.have) if one else 'FALSE'} AS {name}")
        bad = []
        for table, letter, part in (("calls", "c", self._calls), ("outcomes", "o", self._outcomes)):
            for name, source in part.items():
                if name == "at" or source.since:
                    continue
                value, is_bad = value_of(source, TARGETS[table][name], self.have)
                value = number_of(value, self.mapping) if name in NUMBERS else value
                columns.append(f"{value} AS {quoted(f'{letter}_{name}')}")
                if is_bad != "FALSE":
                    bad.append(f"CASE WHEN {is_bad} THEN '{name}' END")
        for place, text in enumerate(self._times.values()):
            utc, local = times_of(text, self.mapping.times)
            columns += [f"{utc} AS t{place}_utc", f"{local} AS t{place}_local"]
        columns.append(f"concat_ws(',', {', '.join(bad)}) AS bad" if bad else "'' AS bad")
        return f"SELECT {', '.join(columns)} FROM raw"

    def _changes(self) -> Changes:
        """The zone's offsets around all local times of the chunk."""
        if not self._times:
            return [(0.0, 0)]
        low_high = "SELECT min(t{0}_local) AS low, max(t{0}_local) AS high FROM mapped"
        parts = [low_high.format(place) for place in range(len(self._times))]
        row = self._one(f"SELECT min(low), max(high) FROM ({' UNION ALL '.join(parts)})")
        return [(0.0, 0)] if row[0] is None else changes_between(row[0], row[1], self.mapping.zone)

    def _at(self, place: int, changes: Changes) -> str:
        return f"coalesce(t{place}_utc, {utc_sql(f't{place}_local', changes)})"

    def _learn(self) -> None:
        numbers = [raw_number(name) for name in NUMBERS if name in self._calls]
        names = [quoted("c_display_name")] if "display_name" in self._calls else []
        self.facts.learn(numbers, names, "mapped WHERE is_call")

    def _pair(self, at: dict[str, str]) -> None:
        """Remember when calls were answered, so that the row that tells of their end can have a duration."""
        if self.mapping.begin and "answered" in self._outcomes:
            self.con.execute(
                f"INSERT INTO answered SELECT o_call_id, min({at['outcomes.at']}) FROM mapped"
                " WHERE begins AND is_outcome AND o_answered = 'yes' AND o_call_id IS NOT NULL GROUP BY o_call_id"
            )

    def _bad(self, at: dict[str, str]) -> list[tuple[int, str, str]]:
        parts = []
        for table, flag in (("calls", "is_call"), ("outcomes", "is_outcome")):
            if f"{table}.at" in at:
                wrong = f"({flag} AND NOT {sound_time(at[f'{table}.at'])})"
                parts.append(f"SELECT line, '{table}.at' AS name FROM mapped WHERE {wrong}")
        cells = "SELECT line, unnest(string_split(bad, ',')) AS name FROM mapped"
        parts.append(f"{cells} WHERE bad <> '' AND (is_call OR is_outcome)")
        rows = self.con.execute(f"SELECT line, name FROM ({' UNION ALL '.join(parts)}) ORDER BY line, name").fetchall()
        return [(line, name, _reason(name)) for line, name in rows]

    def _selects(self, at: dict[str, str], prefix: str) -> tuple[str, str, frozenset[str], frozenset[str]]:
        calls, outcomes = "", ""
        call_columns: frozenset[str] = frozenset()
        outcome_columns: frozenset[str] = frozenset()
        made_id = f"({literal(prefix)} || line)"
        if "calls.at" in at:
            made = CallColumns(self.mapping, frozenset(self._calls) - {"at"}, at["calls.at"])
            made.columns.setdefault("call_id", made_id)
            call_columns = frozenset(made.columns)
            calls = made.select(f"is_call AND {sound_time(at['calls.at'])}")
        if self._outcomes:
            columns = self._outcome_columns(at, made_id)
            outcome_columns = frozenset(columns) | ({"duration"} if self.mapping.end else frozenset())
            outcomes = self._outcome_select(columns)
        return calls, outcomes, call_columns, outcome_columns

    def _outcome_columns(self, at: dict[str, str], made_id: str) -> dict[str, str]:
        when = at.get("outcomes.at") or at["calls.at"]
        if "outcomes.at" in at and "calls.at" in at and not self.mapping.only:
            when = f"CASE WHEN {sound_time(when)} THEN {when} ELSE {at['calls.at']} END"
        columns = {"at": when}
        for name, source in self._outcomes.items():
            if source.since:
                difference = f"{at[f'outcomes.{name}.until']} - {at[f'outcomes.{name}.since']}"
                columns[name] = f"CASE WHEN {difference} >= 0 THEN {difference} END"
            elif name != "at":
                columns[name] = quoted(f"o_{name}")
        own = quoted("c_call_id") if "call_id" in self._calls else made_id
        columns.setdefault("call_id", own)
        return columns

    def _outcome_select(self, columns: dict[str, str]) -> str:
        where = f"is_outcome AND {sound_time(columns['at'])}"
        if not self.mapping.end:
            listed = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns.items())
            return f"SELECT line, {listed} FROM mapped WHERE {where}"
        since = f"CASE WHEN ends AND {columns['at']} >= answered.since THEN {columns['at']} - answered.since END"
        columns = {**columns, "duration": f"coalesce({since}, {columns.get('duration', 'NULL')})"}
        listed = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns.items())
        first = "(SELECT call_id, min(since) AS since FROM answered GROUP BY call_id) answered"
        joined = f"mapped LEFT JOIN {first} ON answered.call_id = {columns['call_id']}"
        return f"SELECT line, {listed} FROM {joined} WHERE {where}"

    def _doubts(self, at: dict[str, str], changes: Changes) -> Counter[str]:
        """How many rows have a time that was skipped or shown twice, and how often the clock went back."""
        counts: Counter[str] = Counter()
        key = "outcomes.at" if "outcomes.at" in at else "calls.at"
        place = list(self._times).index("calls.at" if "calls.at" in at else key)
        doubt = doubt_sql(f"t{place}_local", changes)
        if doubt != "''":
            rows = self.con.execute(
                f"SELECT {doubt} AS kind, count(*) FROM mapped WHERE t{place}_utc IS NULL GROUP BY 1"
            )
            counts.update({kind: rows for kind, rows in rows.fetchall() if kind})
        when = at[key]
        order = f"SELECT line, {when} AS moment FROM mapped WHERE (is_call OR is_outcome) AND {sound_time(when)}"
        earlier = f"lag(moment, 1, {self._last!r}) OVER (ORDER BY line) - {BACKWARDS} > moment"
        marked = f"SELECT *, {earlier} AS back FROM ({order})"
        backwards, last = self._one(f"SELECT count(*) FILTER (back), arg_max(moment, line) FROM ({marked})")
        self._last = last if last is not None else self._last
        counts.update({"clock_backwards": backwards} if backwards else {})
        passed = self._one("SELECT count(*) FROM mapped WHERE NOT is_call AND NOT is_outcome")[0]
        counts.update({"passed_over": passed} if passed else {})
        return counts

    def _one(self, sql: str) -> tuple[Any, ...]:
        return self.con.execute(sql).fetchall()[0]  # fetchone would leave the result open


def sound_time(at: str) -> str:
    """SQL: whether a time is there and between 1990 and 2100."""
    return f"coalesce({at} >= 631152000 AND {at} < 4102444800, FALSE)"


def _reason(name: str) -> str:
    return "no time that can be read" if name.endswith(".at") else "a value that cannot be read"
