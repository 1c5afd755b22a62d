"""The work of a back-test, part by part: a few million calls at a time. A finished part is kept, so that a back-test that was
killed goes on where it stopped."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.backtesting.effect import Effect, Example, effect_of
from tosqauyl.ledger.backtesting.reads import ALWAYS, ANSWERED_SECONDS, SAID, SHOWN, Reads
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.engine import parquet_of, table_sql
from tosqauyl.ledger.manifest import File, Manifest
from tosqauyl.ledger.store import LATEST
from tosqauyl.ledger.window import Window
from tosqauyl.policy.tree import facts_of

PART_ROWS = 3_000_000
"""A part has at least so many calls, the last one excepted."""
EXAMPLES = 2
"""Calls kept of one kind."""
MOST_LABELS = 60
OUTCOME_SECONDS = 2 * 86400.0
"""How long after a call its outcome is looked for."""
DIMENSIONS = ("carrier", "trunk", "caller_country", "caller_operator", "day")
_TOLD = ("origin", "batch", "line", "at", "caller", "called", "trunk", "carrier", "truth", "kind")


@dataclass(frozen=True, slots=True)
class Part:
    """What one part came to. effects: with calls. hits: calls by place of the rule that was hit. by: dimension -> value ->
    calls newly stopped and newly passed."""

    rows: int
    effects: list[tuple[Effect, int]]
    hits: Counter[int]
    by: dict[str, dict[str, list[int]]]
    examples: list[Example]


@dataclass(slots=True)
class Job:
    """What every part needs. bounded: whether a window was asked for. work: the folder of parts. shown: examples by label."""

    ledger: Path
    state: Manifest
    reads: Reads
    window: Window
    bounded: bool
    work: Path
    against_recorded: bool
    shown: Counter[str] = field(default_factory=Counter)

    def numbers_path(self, place: int) -> Path:
        """The file with the numbers of a part: caller, effect (its place in the part's effects), calls."""
        return self.work / f"numbers-{place:05}.parquet"

    def part_path(self, place: int) -> Path:
        """The file with the rest of it, written last."""
        return self.work / f"part-{place:05}.json"

    def take(self, part: Part) -> None:
        """Count the examples of a part that was kept."""
        self.shown.update(one.label for one in part.examples)


def files_in_parts(files: Iterable[File], rows: int) -> list[list[File]]:
    """Files in the order of time, in parts of at least so many rows."""
    parts: list[list[File]] = [[]]
    held = 0
    for one in sorted(files, key=lambda one: (one.day, one.first, one.path)):
        if held >= rows:
            parts.append([])
            held = 0
        parts[-1].append(one)
        held += one.rows
    return parts if parts[0] else []


def run_part(con: duckdb.DuckDBPyConnection, job: Job, place: int, files: list[File]) -> Part:
    """Judge the calls of some files and keep what came of it. Raises TosqauylError."""
    try:
        _open(con, job, files)
        part = _judge(con, job, place, _condition(job, files))
    except duckdb.Error as error:
        raise TosqauylError(f"the calls cannot be judged: {error}", str(job.ledger)) from error
    _keep(job.part_path(place), part)
    return part


def kept_part(job: Job, place: int) -> Part | None:
    """A part that was done before; None where there is none, or it is damaged."""
    if not job.numbers_path(place).exists():
        return None
    try:
        content = json.loads(job.part_path(place).read_bytes())
        effects = [(Effect(*effect), calls) for effect, calls in content["effects"]]
        hits = Counter({int(rule): calls for rule, calls in content["hits"].items()})
        examples = [
            Example(label, (old[0], old[1], old[2]), (new[0], new[1], new[2]), call)
            for label, old, new, call in content["examples"]
        ]
        return Part(content["rows"], effects, hits, content["by"], examples)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path, part: Part) -> None:
    content = {
        "rows": part.rows,
        "effects": part.effects,
        "hits": part.hits,
        "by": part.by,
        "examples": part.examples,
    }
    draft = path.with_suffix(".draft")
    try:
        with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
            json.dump(content, out)
        draft.rename(path)
    except OSError as error:
        raise TosqauylError(f"the back-test cannot keep its work: {error.strerror}", str(path)) from error


def _open(con: duckdb.DuckDBPyConnection, job: Job, files: list[File]) -> None:
    """The view `calls` over the files, `judged` over it, and the table `answered`."""
    source = parquet_of(job.ledger)
    con.execute(f"CREATE OR REPLACE TEMP VIEW calls AS {table_sql('calls', files, source)}")
    if job.reads.outcomes:
        first, last = min(one.first for one in files), max(one.last for one in files)
        outcomes = table_sql("outcomes", job.state.of("outcomes", first, last + OUTCOME_SECONDS), source)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE answered AS SELECT DISTINCT call_id FROM ({outcomes})"
            f" WHERE answered = 'yes' AND duration > {ANSWERED_SECONDS} AND call_id <> ''"
        )
    rows = job.reads.rows_sql(_condition(job, files), _day(job.window))
    con.execute(f"CREATE OR REPLACE TEMP VIEW judged AS {rows}")


def _condition(job: Job, files: list[File]) -> str:
    """SQL: whether a row is in the window; nothing to test where the files lie in it whole."""
    whole = all(job.window.first <= one.first and one.last < job.window.end for one in files)
    return job.window.condition() if job.bounded and not whole else "TRUE"


def _day(window: Window) -> str:
    """SQL: the local day of a row; of a broken clock's the day 0."""
    return f'CASE WHEN "at" >= 0 AND "at" < {LATEST} THEN {window.day()} ELSE 0 END'


def _judge(con: duckdb.DuckDBPyConnection, job: Job, place: int, condition: str) -> Part:
    con.execute(f"CREATE OR REPLACE TEMP TABLE groups AS {job.reads.groups_sql()}")
    effects: Counter[Effect] = Counter()
    masks: Counter[int] = Counter()
    picked: list[tuple[int, Effect]] = []
    for number, calls, mask, effect in judged_groups(con, job.reads, job.against_recorded):
        effects[effect] += calls
        masks[mask] += calls
        if effect.needs_numbers:
            picked.append((number, effect))
    places = {effect: at for at, effect in enumerate(effects)}
    by = _changed(con, job, place, [(number, places[effect], effect) for number, effect in picked])
    examples = _examples(con, job, condition, list(effects)) if picked else []
    job.shown.update(one.label for one in examples)
    hits = Counter({bit: calls for bit, calls in _hits(masks, len(job.reads.judges[0].rules)).items() if calls})
    return Part(sum(effects.values()), list(effects.items()), hits, by, examples)


def judged_groups(
    con: duckdb.DuckDBPyConnection, reads: Reads, against_recorded: bool
) -> Iterator[tuple[int, int, int, Effect]]:
    """(number, calls, mask of the rules hit, effect) of each row of the table `groups`, in the order of their numbers."""
    names = ("number", "calls", *SAID, *ALWAYS, "good_file", "good_answered")
    for row in con.execute(f"{reads.masks_sql()} ORDER BY number").fetchall():
        group = dict(zip(names, row, strict=False))
        judged = row[len(names) :]
        decisions = [one.decide(judged[2 * at], judged[2 * at + 1]) for at, one in enumerate(reads.judges)]
        recorded = (group["verdict"], group["reason"], group["rule"])
        old = recorded if against_recorded else decisions[1]
        yield group["number"], group["calls"], judged[0], effect_of(old, decisions[0], group)


def _hits(masks: Counter[int], rules: int) -> dict[int, int]:
    return {bit: sum(calls for mask, calls in masks.items() if mask >> bit & 1) for bit in range(rules)}


def _changed(
    con: duckdb.DuckDBPyConnection, job: Job, place: int, picked: list[tuple[int, int, Effect]]
) -> dict[str, dict[str, list[int]]]:
    """Write the numbers behind the groups that were picked (number of the group, place of the effect, effect); changes by
    dimension."""
    table = pa.table(
        {
            "number": pa.array([number for number, _, _ in picked], pa.int64()),
            "effect": pa.array([at for _, at, _ in picked], pa.int64()),
            "change": pa.array([effect.change for _, _, effect in picked], pa.string()),
            "label": pa.array([effect.label for _, _, effect in picked], pa.string()),
        }
    )
    con.register("picked", table)
    con.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT * FROM groups JOIN picked USING (number)")
    con.unregister("picked")
    rows = job.reads.hits_sql("wanted", ("effect", "change", "label"), (*SHOWN, "day", "at"))
    con.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {rows}")
    draft = job.numbers_path(place).with_suffix(".draft")
    con.execute(
        "COPY (SELECT caller, effect, count(*) AS calls FROM changed GROUP BY caller, effect)"
        f" TO {literal(str(draft))} (FORMAT parquet)"
    )
    draft.chmod(0o600)
    draft.rename(job.numbers_path(place))
    return {name: _by(con, name) for name in DIMENSIONS}


def _by(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, list[int]]:
    found = con.execute(
        f"SELECT CAST({name} AS VARCHAR), count(CASE WHEN change = 'stopped' THEN 1 END),"
        f" count(CASE WHEN change = 'passed' THEN 1 END) FROM changed WHERE change IN ('stopped', 'passed') GROUP BY 1"
    ).fetchall()
    return {value: [stopped, passed] for value, stopped, passed in found}


def _examples(con: duckdb.DuckDBPyConnection, job: Job, condition: str, effects: list[Effect]) -> list[Example]:
    """Calls of labels that have too few yet, the earliest first; the facts are read again for those few calls only."""
    earliest = con.execute(
        f"SELECT label, unnest(min(\"at\", {EXAMPLES})) FROM changed WHERE label <> '' GROUP BY label ORDER BY label"
    ).fetchall()
    open_labels = {label for label, _ in earliest if job.shown[label] < EXAMPLES}
    room = MOST_LABELS - len(job.shown)
    new = sorted(label for label in open_labels if label not in job.shown)[: max(0, room)]
    open_labels = {label for label in open_labels if label in job.shown} | set(new)
    times = sorted({at for label, at in earliest if label in open_labels})
    if not times:
        return []
    facts = _facts_shown(job)
    near = f'{condition} AND "at" IN ({", ".join(repr(at) for at in times)})'
    source = job.reads.rows_sql(near, "0", facts)
    con.execute(f"CREATE OR REPLACE TEMP VIEW judged AS {source}")
    wanted = [f"told_{name}" for name in facts]
    found = con.execute(
        f"{job.reads.hits_sql('wanted', ('effect', 'label'), wanted)} ORDER BY told_at, told_origin, told_batch, told_line"
    ).fetchall()
    rows = ((effects[row[0]], *row[1:]) for row in found if row[1] in open_labels)
    return list(_chosen(job, rows, facts))


def _facts_shown(job: Job) -> tuple[str, ...]:
    rules = [rule for judge in job.reads.judges for rule in judge.rules]
    names = dict.fromkeys(_TOLD) | dict.fromkeys(name for rule in rules for name in facts_of(rule.condition))
    return tuple(names)


def _chosen(job: Job, rows: Iterable[tuple[Any, ...]], facts: tuple[str, ...]) -> Iterator[Example]:
    """The first few of each label. rows: effect, label, then the facts."""
    judges = reversed(job.reads.judges)  # the policy that is tried comes last, and its rules win
    read = {rule.id: facts_of(rule.condition) for judge in judges for rule in judge.rules}
    taken = Counter(job.shown)
    for effect, label, *values in rows:
        if taken[label] < EXAMPLES:
            taken[label] += 1
            matter = {*_TOLD, *ALWAYS, *read.get(effect.new_rule, ()), *read.get(effect.old_rule, ())}
            call = {name: value for name, value in zip(facts, values, strict=True) if name in matter}
            yield Example(label, effect[:3], effect[3:6], call)
