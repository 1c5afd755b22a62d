"""`tosqauyl calls generate`: calls with known truth as a ledger, to try statistics, rules and back-tests on.

Templates carry the facts and decisions, made by the gate's own code (generation/templates); the schedule says how many calls of
which class come when (generation/schedule); who calls whom is drawn for each batch (generation/draw), and DuckDB joins and writes
it. A batch is a run of whole days; what was written stays, so a run that was killed goes on where it stopped.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import TRUTH, literal
from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.generation.draw import ClassDraw, Drawn, every_variant
from tosqauyl.ledger.generation.mix import Mix, load_mix
from tosqauyl.ledger.generation.schedule import Cells, Integers, Plan, build_cells, class_totals, day_of_slot
from tosqauyl.ledger.generation.templates import FIXED, NUMBERS, RATES, ROLES, VARIANTS, Templates, build_templates
from tosqauyl.ledger.generation.world import build_world
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window, day_of
from tosqauyl.record import COLUMNS, DECISION_COLUMNS

FRAUD_SHARE = 0.2
"""Fraud among all attempts, unless somebody says otherwise. A choice, no measurement: nobody published which part of Kazakhstan's
calls from abroad is fraud. It lies between the 0.25 to 1 % of all calls that Russia's check stops and what Italy's filter took
off the border (19 of 33 million calls a day), and gives every class rows enough in a small run."""
BATCH_ROWS = 150_000
"""A batch has at least so many rows, the last one excepted; the year of the ministry's figure has one a day."""
MEANS = Means("3GB")
"""What DuckDB may use; a run takes about a third of it."""
RECORDED = frozenset(column.name for column in (*COLUMNS, *TRUTH)) - frozenset(RATES)
"""Columns that generated calls have: all but the facts that are counted over calls."""
FORMAT = 1
"""Raised whenever the same options would give other rows than before."""
_CHUNK = 16_384

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What to generate. count: calls. fraud: their share. enforced_from: seconds since 1970 from which the gate enforces what
    --enforce does (0: always; inf: never). moved: when fraud moves to foreign numbers. only_stopped: nothing but stopped calls,
    like the ministry's counter; the share of fraud then follows from the classes."""

    count: int
    seed: int
    window: Window
    moved: float
    fraud: float = FRAUD_SHARE
    enforced_from: float = 0.0
    only_stopped: bool = False

    @property
    def digest(self) -> str:
        """8 hex digits of everything that decides which rows there are."""
        text = repr((FORMAT, self.count, self.seed, self.window, self.moved, self.fraud))
        text += repr((self.enforced_from, self.only_stopped, load_mix().text))
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Part:
    """One batch: its name, first and last day (UTC, since 1970), its cells, and how many calls come before it."""

    name: str
    first: int
    last: int
    cells: Cells
    before: int

    @property
    def rows(self) -> int:
        """Its calls."""
        return int(self.cells.count.sum())


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is decided before the first row. identity: policy and snapshot of the rows."""

    options: Options
    templates: Templates
    draws: tuple[ClassDraw, ...]
    parts: tuple[Part, ...]
    identity: tuple[str, str]


def plan_run(options: Options) -> Run:
    """What a run will write. Raises TosqauylError for options that make no sense together."""
    _check(options)
    mix, templates, identity = _shipped()
    wanted = _wanted(templates, options.only_stopped)
    keep = np.array([len(one) / VARIANTS for one in wanted])
    shares = (options.fraud, options.count)
    plan = Plan(
        options.window,
        options.seed,
        class_totals(mix, options.window, options.moved, keep, shares),
        options.moved,
    )
    draws = tuple(
        ClassDraw(one, made, variants, (options.seed, total, options.window.first))
        for one, made, variants, total in zip(mix.classes, templates.classes, wanted, plan.totals, strict=True)
    )
    parts = tuple(_parts(build_cells(mix, plan), options))
    return Run(options, templates, draws, parts, identity)


@cache
def _shipped() -> tuple[Mix, Templates, tuple[str, str]]:
    """The shipped mix, its templates, and the hashes of the policy and the snapshot they were made with."""
    mix = load_mix()
    world = build_world(mix)
    return mix, build_templates(mix, world), (world.known.policy.hash, world.known.hash)


def generate(options: Options, folder: Path, progress: Progress, means: Means = MEANS) -> int:
    """Write the calls into a ledger folder; how many are there now. progress: called with rows done and all rows.

    What is there of an earlier run with the same options stays. Raises TosqauylError where the folder holds other calls.
    """
    store = Store(folder)
    origin = f"generated:{options.seed}"
    _check_folder(store, origin, options)
    run = plan_run(options)
    con = connect(means, folder)
    try:
        _put_templates(con, run)
        taken = store.manifest().taken
        open_parts = [part for part in run.parts if ("calls", origin, part.name) not in taken]
        done = options.count - sum(part.rows for part in open_parts)
        progress(done, options.count)
        for part, table in _drawn_ahead(run, open_parts):
            con.register("drawn", table)
            batch = Batch("calls", origin, part.name, RECORDED)
            day = day_of(part.first) if part.first == part.last else None
            done += store.write(con, _select(run), batch, day)
            con.unregister("drawn")
            progress(done, options.count)
    finally:
        con.close()
    return store.manifest().rows("calls")


def _check(options: Options) -> None:
    window = options.window
    if not 1 <= options.count <= 2_000_000_000:
        raise TosqauylError(f"{options.count} calls cannot be generated", "--count", "1 to 2,000,000,000")
    if not 0 <= options.fraud <= 1:
        raise TosqauylError(f"{options.fraud} is no share", "--fraud", "0 to 1, for example 0.2")
    if options.only_stopped and options.enforced_from > window.first:
        raise TosqauylError(
            "a gate that only watches stops nothing", "--only-stopped", "leave out --monitor and --enforce-from"
        )
    if window.first < 86400 or window.seconds > 3660 * 86400:
        raise TosqauylError("calls are generated for at most ten years, from 1970-01-02 on", "--from")


def _check_folder(store: Store, origin: str, options: Options) -> None:
    """Raise TosqauylError where the ledger holds calls that these must not be mixed with."""
    digest = options.digest
    for _, other, name in store.manifest().taken:
        if not other.startswith("generated:"):
            raise TosqauylError(
                f"the ledger holds real calls ({other})", str(store.folder), "give an empty folder as --out"
            )
        if other == origin and not name.startswith(digest):
            what = f"the ledger holds calls of seed {options.seed} that were generated with other options"
            raise TosqauylError(what, str(store.folder), "give another folder, another seed, or the same options")


def _wanted(templates: Templates, only_stopped: bool) -> list[Integers]:
    """The variants of each class that may occur."""
    if not only_stopped:
        return [every_variant() for _ in templates.classes]
    stops = templates.stops()
    return [np.flatnonzero(stops[one.ids].all(axis=(0, 1, 2))).astype(np.int64) for one in templates.classes]


def _parts(cells: Cells, options: Options) -> Iterator[Part]:
    """Batches in the order of time. Cells are sorted by day."""
    days = day_of_slot(options.window, cells.slot)
    digest = options.digest
    edges = np.flatnonzero(np.diff(days)) + 1
    rows = np.concatenate(([0], np.cumsum(cells.count)))
    begin = 0
    for end in (*edges.tolist(), len(days)):
        if rows[end] - rows[begin] >= BATCH_ROWS or end == len(days):
            first, last = int(days[begin]), int(days[end - 1])
            name = f"{digest}-{day_of(first):%Y%m%d}-{day_of(last):%Y%m%d}"
            yield Part(name, first, last, cells.take(slice(begin, end)), int(rows[begin]))
            begin = end


def _drawn_ahead(run: Run, parts: list[Part]) -> Iterator[tuple[Part, pa.Table]]:
    """The calls of each batch; the next is drawn while one is being written."""
    with ThreadPoolExecutor(1, "draw") as pool:
        ahead: Future[pa.Table] | None = pool.submit(draw_part, run, parts[0]) if parts else None
        for place, part in enumerate(parts):
            assert ahead is not None  # noqa: S101 - for the type
            table = ahead.result()
            ahead = pool.submit(draw_part, run, parts[place + 1]) if place + 1 < len(parts) else None
            yield part, table


def draw_part(run: Run, part: Part) -> pa.Table:
    """The calls of a batch in the order of time: line, ordinal (of all calls), at, template, caller, called, other, u."""
    cells = part.cells
    order = np.argsort(cells.klass, kind="stable")
    sorted_cells = cells.take(order)
    klasses, begins = np.unique(sorted_cells.klass, return_index=True)
    ends = (*begins[1:].tolist(), len(sorted_cells.klass))
    pieces = [
        run.draws[klass].draw(sorted_cells.take(slice(begin, end)))
        for klass, begin, end in zip(klasses.tolist(), begins.tolist(), ends, strict=True)
    ]
    drawn = Drawn(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))
    enforcing = drawn.at >= run.options.enforced_from
    drawn = drawn._replace(template=drawn.template + enforcing * len(run.templates.rows))
    return _table(drawn, np.argsort(drawn.at, kind="stable"), part.before)


def _table(drawn: Drawn, order: npt.NDArray[np.int64], before: int) -> pa.Table:
    line = np.arange(1, len(order) + 1, dtype=np.int64)
    columns: dict[str, npt.NDArray[Any]] = {"line": line, "ordinal": line + before}
    columns |= {name: values[order] for name, values in zip(Drawn._fields, drawn, strict=True)}
    # In pieces, because DuckDB reads no piece with two threads.
    return pa.Table.from_batches(pa.table(columns).to_batches(max_chunksize=_CHUNK))


def _put_templates(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """The table `templates`: those of the watching gate, then those of the enforcing one."""
    size = len(run.templates.rows)
    for enforcing in (False, True):
        columns = run.templates.columns(enforcing)
        columns["rules"] = [str(mask) for mask in columns["rules"]]  # Arrow has no 128-bit integer
        con.register("made", pa.table(columns | {"template": list(range(size * enforcing, size * (1 + enforcing)))}))
        how = "INSERT INTO templates" if enforcing else "CREATE TEMP TABLE templates AS"
        con.execute(f"{how} SELECT * REPLACE (CAST(rules AS DECIMAL(38,0)) AS rules) FROM made")
        con.unregister("made")


def _select(run: Run) -> str:
    """The rows of the ledger from the tables `drawn` and `templates`."""
    policy, snapshot = run.identity
    token = hashlib.sha256(str(run.options.seed).encode()).hexdigest()[:6]
    columns = [
        "line",
        '"at"',
        # Hosts in them would cost seven bytes a call, a sixth of the whole, and say nothing that `source` does not.
        f"CAST(ordinal AS VARCHAR) || '-{token}' AS call_id",
        "'z9hG4bK' || CAST(ordinal AS VARCHAR) || '|border.example|INVITE' AS \"transaction\"",
        *(f"{_whose(run, place)} AS {name}" for place, name in enumerate(NUMBERS)),
        *(f'"{name}"' for name in (*FIXED, *(column.name for column in DECISION_COLUMNS), "truth", "kind", "answer")),
        f"{literal(policy)} AS policy",
        f"{literal(snapshot)} AS snapshot",
        "round(base_us * (0.7 + 0.5 * u + 2 * pow(u, 12)), 1) AS elapsed_us",
    ]
    texts = ", ".join(f"'+' || CAST(d.{name} AS VARCHAR) AS number_{name}" for name in ("caller", "called", "other"))
    source = f'SELECT d.line, d.ordinal, d."at", d.u, {texts}, t.* FROM drawn AS d JOIN templates AS t USING (template)'
    return f"SELECT {', '.join(columns)} FROM ({source})"


def _whose(run: Run, place: int) -> str:
    """SQL for one of NUMBERS: a drawn number by its role, else the template's text."""
    name = NUMBERS[place]
    roles = sorted({row[2][place] for row in run.templates.rows} - {0})
    cases = "".join(f" WHEN {role} THEN number_{ROLES[role]}" for role in roles)
    return f"CASE role_{name}{cases} ELSE text_{name} END" if cases else f"text_{name}"
