"""The back-test: what a policy would have done to recorded calls, compared with what was done, or with another policy.

Only calls that are recorded can be judged, by the facts that are recorded: where a fact was not recorded a rule sees its unknown
value, and the result says so.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.backtest_record import FOLDER, BacktestRecord, RuleEffect
from tosqauyl.ledger.backtesting.effect import GOOD
from tosqauyl.ledger.backtesting.judge import Judge
from tosqauyl.ledger.backtesting.parts import PART_ROWS, Job, files_in_parts, kept_part, run_part
from tosqauyl.ledger.backtesting.reads import facts_read, reads_of
from tosqauyl.ledger.backtesting.result import FactShare, Result
from tosqauyl.ledger.backtesting.summary import (
    Tally,
    amounts,
    count_numbers,
    dimensions,
    matrix,
    rule_results,
    truth_of,
)
from tosqauyl.ledger.backtesting.work import held_work
from tosqauyl.ledger.engine import Means, connect, revision_of
from tosqauyl.ledger.manifest import File, Manifest
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import HOME_ZONE, Window
from tosqauyl.policy.modes import rule_key

WORK = "work"
RECORDED = "recorded"
MEANS = Means("3GB")
"""What DuckDB may use; it works on disk beyond that."""
FORMAT = 1
"""Of kept parts; raised when they would come out differently."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be tried. judge: the policy and its modes. against: what it is compared with; None: with what was recorded.

    window: None for all calls. good: calling numbers known to be good. good_name: of their file. part_rows: calls of a part.
    """

    judge: Judge
    against: Judge | None = None
    window: Window | None = None
    zone: str = HOME_ZONE
    good: frozenset[str] = frozenset()
    good_name: str = ""
    part_rows: int = PART_ROWS

    def key(self, revision: str) -> str:
        """16 hex digits of everything that the parts depend on."""
        policies = (self.judge.digest, self.against.digest if self.against else RECORDED)
        text = repr((FORMAT, revision, policies, self.window, self.zone, sorted(self.good), self.part_rows))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_backtest(store: Store, task: Task, progress: Progress, means: Means = MEANS) -> Result:
    """Judge every call of the window. progress: called with calls done and all calls.

    Finished parts are kept in the ledger's folder until all is done; the same back-test of the same state goes on with them. Raises
    TosqauylError where there is no call, or where the work cannot be done.
    """
    state = store.manifest()
    files = list(state.of("calls", *((task.window.first, task.window.end) if task.window else ())))
    if not files:
        raise TosqauylError(
            "there are no calls to judge", str(store.folder), "another --from and --to, or another --calls"
        )
    job = _job(store, state, task, files)
    with held_work(job.work), closing(connect(means, store.folder)) as con:
        _put_good(con, task)
        parts = files_in_parts(files, task.part_rows)
        tally = _run(con, job, parts, progress)
        paths = [job.numbers_path(place) for place in range(len(parts))]
        result = _result(con, job, task, tally, (files, paths))
        shutil.rmtree(job.work, ignore_errors=True)
    return result


def _job(store: Store, state: Manifest, task: Task, files: list[File]) -> Job:
    first, last = state.span("calls") or (0.0, 0.0)
    window = task.window or Window(first, last + 1e-3, task.zone)
    judges = (task.judge,) if task.against is None else (task.judge, task.against)
    outcomes = any(True for _ in state.of("outcomes"))
    reads = reads_of(judges, bool(task.good), outcomes)
    work = store.folder / FOLDER / WORK / task.key(revision_of(state))
    return Job(store.folder, state, reads, window, task.window is not None, work, task.against is None)


def _put_good(con: duckdb.DuckDBPyConnection, task: Task) -> None:
    con.register("numbers", pa.table({"number": pa.array(sorted(task.good), pa.string())}))
    con.execute("CREATE TEMP TABLE good AS SELECT * FROM numbers")
    con.unregister("numbers")


def _run(con: duckdb.DuckDBPyConnection, job: Job, parts: list[list[File]], progress: Progress) -> Tally:
    tally, whole, done = Tally(), sum(one.rows for some in parts for one in some), 0
    progress(0, whole)
    for place, some in enumerate(parts):
        part = kept_part(job, place)
        if part is None:
            part = run_part(con, job, place, some)
        else:
            job.take(part)
        tally.add(part)
        done += sum(one.rows for one in some)
        progress(done, whole)
    return tally


def _result(
    con: duckdb.DuckDBPyConnection, job: Job, task: Task, tally: Tally, where: tuple[list[File], list[Path]]
) -> Result:
    files, paths = where
    judge, against = task.judge, task.against
    numbers = count_numbers(con, paths, tally)
    found = amounts(tally, numbers)
    facts = fact_shares(files, (judge,) if against is None else (judge, against))
    undecided = sum(one.rows for one in files if "verdict" not in one.recorded | one.derived)
    return Result(
        policy=judge.policy.name,
        policy_hash=judge.policy.hash,
        against=against.policy.name if against else RECORDED,
        against_hash=against.policy.hash if against else "",
        tried=judge.tried,
        modes=_modes(judge),
        against_modes=_modes(against) if against else RECORDED,
        window=job.window,
        sources=tuple(sorted({origin for table, origin, _ in job.state.taken if table == "calls"})),
        revision=revision_of(job.state),
        rows=tally.rows,
        undecided=undecided if against is None else 0,
        newly_stopped=found["newly_stopped"],
        newly_passed=found["newly_passed"],
        otherwise=found["otherwise"],
        matrix=matrix(tally),
        stopped_roamers=found["stopped_roamers"],
        newly_stopped_roamers=found["newly_stopped_roamers"],
        known_good=found["good"],
        good={name: found[f"good {name}"] for name in GOOD},
        good_sources=_good_sources(job, task, files),
        truth=truth_of(tally, found),
        rules=tuple(rule_results(judge, tally, numbers, _unknown(judge, facts))),
        by=dimensions(tally),
        top=numbers.top,
        examples=tuple(tally.examples),
        facts=facts,
    )


def _unknown(judge: Judge, facts: Sequence[FactShare]) -> dict[str, tuple[str, ...]]:
    """The facts that are not known of all calls, by the rule that reads them."""
    return {rule.id: tuple(one.name for one in facts if one.unknown and rule.id in one.rules) for rule in judge.rules}


def _modes(judge: Judge) -> str:
    return "enforced" if judge.enforced else "written"


def _good_sources(job: Job, task: Task, files: list[File]) -> tuple[str, ...]:
    """By what a number can be known to be good in these calls."""
    held = frozenset[str]().union(*(one.recorded | one.derived for one in files))
    there = {
        "file": bool(task.good),
        "answered": job.reads.outcomes,
        "confirmed": "originated" in held,
        "allow-listed": "listed" in held,
    }
    return tuple(name for name in GOOD if there[name])


def fact_shares(files: Sequence[File], judges: Iterable[Judge]) -> tuple[FactShare, ...]:
    """Of how many calls each fact that the policies read is known; the least known first."""
    rules: dict[str, list[str]] = {}
    for judge in judges:
        for rule, facts in facts_read(judge).items():
            for name in facts:
                rules.setdefault(name, []).append(rule)
    whole = sum(one.rows for one in files)
    shares = []
    for name, readers in rules.items():
        recorded = sum(one.rows for one in files if name in one.recorded)
        derived = sum(one.rows for one in files if name in one.derived - one.recorded)
        shares.append(FactShare(name, recorded, derived, whole - recorded - derived, tuple(dict.fromkeys(readers))))
    return tuple(sorted(shares, key=lambda one: (-one.unknown, one.name)))


def record_of_result(result: Result, task: Task, now: float) -> BacktestRecord:
    """A result as it is put on record; its id is made of its content. now: seconds since 1970."""
    rules = {
        rule.id: RuleEffect(
            key=rule_key(rule),
            verdict=rule.verdict.value,
            hits=found.hits,
            decides=found.would_decide,
            known_good=found.good.calls,
            known_good_numbers=found.good.numbers,
            roamers=found.roamers,
            honest=found.honest,
            fraud=found.fraud,
        )
        for rule, found in zip(task.judge.rules, result.rules, strict=True)
    }
    good = tuple(f"{name} ({task.good_name})" if name == "file" else name for name in result.good_sources)
    record = BacktestRecord(
        id="",
        made=now,
        policy=result.policy,
        policy_hash=result.policy_hash,
        against=f"{result.against} {result.against_hash}".strip(),
        revision=result.revision,
        first=result.window.first,
        end=result.window.end,
        rows=result.rows,
        newly_stopped=result.newly_stopped.calls,
        newly_passed=result.newly_passed.calls,
        good=good,
        unknown_facts=tuple(one.name for one in result.facts if one.unknown),
        rules=rules,
    )
    content = json.dumps(asdict(record), sort_keys=True)
    return replace(record, id="bt-" + hashlib.sha256(content.encode()).hexdigest()[:12])
