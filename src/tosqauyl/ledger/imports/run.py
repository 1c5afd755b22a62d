"""An import: files become batches of the ledger, a block at a time; killed anywhere, it goes on where it stopped."""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import duckdb

from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.ledger.engine import connect
from tosqauyl.ledger.imports.kinds import SIP_KINDS, guess, mapping_of_kind
from tosqauyl.ledger.imports.lines import Block, Taken, batch_name, taken_of
from tosqauyl.ledger.imports.mapped import Mapper
from tosqauyl.ledger.imports.mapping import Layout, Mapping, missing_columns, own_columns, shipped, with_constants
from tosqauyl.ledger.imports.plan_facts import PlanFacts
from tosqauyl.ledger.imports.readers import Reader, open_reader
from tosqauyl.ledger.imports.rejects import CELL, ROW, Reject, RejectFile
from tosqauyl.ledger.imports.sip_rows import SipReader, SipTables
from tosqauyl.ledger.imports.table import Rows
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.numbers.plan import Plan, load_plan

_Item = TypeVar("_Item")
Progress = Callable[["Done", float], None]
"""Called after every block with what was done so far and the share of the file that was read, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. kind: '' to tell it from the content. mapping: None for the shipped one. constants: facts that
    all rows have (direction, trunk, carrier). trust: headers of SIP that speak for the network. again: take what was taken before
    once more. outcomes_only: what became of calls, and no calls."""

    kind: str = ""
    mapping: Mapping | None = None
    origin: str = ""
    constants: dict[str, str] = field(default_factory=dict)
    zone: str = ""
    encoding: str = ""
    trust: frozenset[str] = frozenset()
    again: bool = False
    outcomes_only: bool = False


@dataclass(slots=True)
class Done:
    """What an import came to. rows: read. before: rows of blocks that were taken earlier. counts: what is doubtful, by slug
    (docs/import.md). recorded: columns of `calls` that are recorded."""

    file: str
    kind: str = ""
    mapping: str = ""
    rows: int = 0
    calls: int = 0
    outcomes: int = 0
    rejected: int = 0
    cells: int = 0
    before: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    recorded: frozenset[str] = frozenset()
    torn: str = ""


class Importer:
    """Imports files into one ledger. clock: seconds, for the rate."""

    def __init__(
        self, store: Store, options: Options, rejects: RejectFile | None = None, plan: Plan | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.store, self.options = store, options
        self.rejects = rejects or RejectFile(None)
        self.plan = plan or load_plan()
        self._clock = clock
        self.con = connect(spill=store.folder)
        self.con.execute("SET preserve_insertion_order = true")
        self._facts = PlanFacts(self.con, self.plan)

    def close(self) -> None:
        """End the connection."""
        self.con.close()

    def take(self, path: Path, progress: Progress = lambda done, share: None) -> Done:
        """Import one file. Raises TosqauylError (no such file, columns missing, disk full); what was taken by then stays."""
        with uncollected():
            return self._take(path, progress)

    def _take(self, path: Path, progress: Progress) -> Done:
        began = self._clock()
        kind, mapping = self._kind(path)
        done = Done(path.name, kind, mapping.name if mapping else "")
        tables = ("outcomes",) if self.options.outcomes_only else ("calls", "outcomes")
        taken = self._taken(tables if mapping is None or mapping.outcomes else ("calls",))
        again = self._again(path) if self.options.again else 0
        size, read = max(path.stat().st_size, 1), 0
        for block, tell in self._blocks(path, kind, mapping, taken):
            read += block.size
            if block.taken:
                done.before += block.last - block.first + 1
            tell(done, batch_name(path.name, block, again))
            done.seconds = self._clock() - began
            progress(done, min(1.0, read / size))
        done.seconds = self._clock() - began
        return done

    def _kind(self, path: Path) -> tuple[str, Mapping | None]:
        """The kind of a file, and its mapping; None for kinds that hold SIP."""
        if not path.is_file():
            raise TosqauylError("there is no such file", str(path))
        options = self.options
        kind, name = (options.kind, "") if options.kind else guess(path)
        if kind in SIP_KINDS:
            return kind, None
        name = name or (mapping_of_kind(kind, path) if options.kind else "")
        mapping = options.mapping or (shipped(name) if name else self._own(path, kind))
        mapping = with_constants(mapping, options.constants, options.zone, options.encoding)
        return kind, _outcomes_of(mapping) if options.outcomes_only else mapping

    def _own(self, path: Path, kind: str) -> Mapping:
        """A file whose columns are named as ours need no mapping."""
        layout = Layout(format=kind, delimiter=_delimiter(path) if kind == "csv" else ",")
        reader = open_reader(path, Mapping("", layout))
        reader.close()
        mapping = own_columns(reader.columns, layout)
        if mapping is None:
            what = f"no mapping says what the columns are: {', '.join(reader.columns[:20])}"
            raise TosqauylError(what, str(path), "give one with --mapping FILE.toml; docs/import.md has an example")
        return mapping

    def _taken(self, tables: tuple[str, ...]) -> Taken:
        """Blocks that imports took before, in every table that is wanted."""
        manifest = self.store.manifest()
        if self.options.again:
            return {}
        found = [
            {name for table, origin, name in manifest.taken if table == wanted and origin.startswith("import:")}
            for wanted in tables
        ]
        return taken_of(frozenset.intersection(*map(frozenset, found)))

    def _again(self, path: Path) -> int:
        """The number of this further time: one more than any before."""
        names = [name for _, origin, name in self.store.manifest().taken if origin.startswith("import:")]
        mine = [name.rpartition("@")[2] for name in names if name.startswith(f"{path.name}#")]
        return max((int(name.rpartition("~")[2]) for name in mine if "~" in name), default=1) + 1

    def _blocks(
        self, path: Path, kind: str, mapping: Mapping | None, taken: Taken
    ) -> Iterator[tuple[Block, Callable[[Done, str], None]]]:
        """Every block with what takes it."""
        if mapping is None:
            sip = SipReader(path, kind, self.plan, self.options.constants, self.options.trust)
            for block, tables in ahead(sip.blocks(taken)):
                yield block, lambda done, name, block=block, tables=tables: self._take_sip(block, tables, done, name)  # type: ignore[misc]
            return
        reader = open_reader(path, mapping)
        try:
            mistakes = missing_columns(mapping, reader.columns, str(path)) if reader.columns else []
            if mistakes and path.stat().st_size:
                raise FileMistakes(mistakes)
            reader.wanted = mapping.wanted
            mapper = Mapper(self.con, mapping, reader.columns, self._facts)
            wanted = ((block, _rows(reader, block, mapping)) for block in reader.blocks(taken))
            for block, rows in ahead(wanted):
                yield block, lambda done, name, block=block, rows=rows: self._take_rows(mapper, block, rows, done, name)  # type: ignore[misc]
            if reader.torn():
                self.rejects.add(path.name, [Reject(0, ROW, "", f"the file ends too early: {reader.torn()}", "")])
        finally:
            reader.close()

    def _take_rows(self, mapper: Mapper, block: Block, rows: Rows | None, done: Done, name: str) -> None:
        if rows is None:
            return
        mapped = mapper.map(rows.table, f"{block.digest}-")
        if block.taken:
            return  # it was read for the calls that end in a later block only
        rejects = [*rows.rejects, *(_reject(line, column, reason, block) for line, column, reason in mapped.bad)]
        self._reject(done, rejects)
        done.rows += rows.table.num_rows + len(rows.rejects)
        done.counts.update(rows.counts)
        done.counts.update(mapped.counts)
        if mapped.calls and not self.options.outcomes_only:
            made = mapped.call_columns & self._made_up(mapper)
            done.recorded = mapped.call_columns - made
            done.calls += self._write(mapped.calls, Batch("calls", self._origin(done.kind), name, done.recorded, made))
        if mapped.outcomes:
            done.outcomes += self._write(
                mapped.outcomes, Batch("outcomes", self._origin(done.kind), name, mapped.outcome_columns)
            )

    def _take_sip(self, block: Block, tables: SipTables, done: Done, name: str) -> None:
        if block.taken:
            return
        self._reject(done, tables.rejects)
        done.rows += tables.messages
        done.counts.update(tables.counts)
        self.con.register("sip_calls", tables.calls)
        self.con.register("sip_outcomes", tables.outcomes)
        origin = self._origin(done.kind)
        try:
            if not self.options.outcomes_only:
                done.recorded = tables.call_columns
                done.calls += self._write("SELECT * FROM sip_calls", Batch("calls", origin, name, tables.call_columns))
            done.outcomes += self._write(
                "SELECT * FROM sip_outcomes", Batch("outcomes", origin, name, tables.outcome_columns)
            )
        finally:
            self.con.unregister("sip_calls")
            self.con.unregister("sip_outcomes")

    def _made_up(self, mapper: Mapper) -> frozenset[str]:
        """A Call-ID that the file does not have joins its own outcomes to its calls, and nothing else."""
        return frozenset() if mapper.has_call_id else frozenset(("call_id",))

    def _origin(self, kind: str) -> str:
        return f"import:{self.options.origin or kind}"

    def _write(self, select: str, batch: Batch) -> int:
        try:
            return self.store.write(self.con, select, batch)
        except duckdb.Error as error:
            raise TosqauylError(f"the rows cannot be written: {error}", batch.name) from error

    def _reject(self, done: Done, rejects: list[Reject]) -> None:
        done.rejected += sum(one.what == ROW for one in rejects)
        done.cells += sum(one.what == CELL for one in rejects)
        self.rejects.add(done.file, rejects)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's collector of cycles: millions of records have none, are held for a moment and go when nobody holds them; it
    would walk over all of them again and again (a quarter of the time of an import, measured)."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, the next one made in a thread of its own while one is used: reading is Python, writing is DuckDB, and each
    would wait for the other. One thread makes all of them, so a reader need not be safe for several."""
    with ThreadPoolExecutor(1, "import-read") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _rows(reader: Reader, block: Block, mapping: Mapping) -> Rows | None:
    """The rows of a block; None where it was taken before, unless it is read for the calls that end in a later block."""
    return None if block.taken and not mapping.end else reader.rows(block)


def _reject(line: int, column: str, reason: str, block: Block) -> Reject:
    what = ROW if column.endswith(".at") else CELL
    return Reject(line, what, column, reason, block.text_of(line))


def _outcomes_of(mapping: Mapping) -> Mapping:
    """The mapping without its calls: their time and Call-ID serve the outcomes where those have none of their own."""
    outcomes = {name: mapping.calls[name] for name in ("at", "call_id") if name in mapping.calls} | mapping.outcomes
    if not {"at", "call_id"} < set(outcomes):
        hint = "map at, call_id and, say, answered under [outcomes]"
        raise TosqauylError("the mapping tells no outcomes that could be joined to calls", mapping.name, hint)
    return replace(mapping, calls={}, constants={}, outcomes=outcomes)


def _delimiter(path: Path) -> str:
    """Comma, semicolon or tab: whichever the first line has most of."""
    with path.open("rb") as file:
        line = file.readline(1 << 16)
    return max(",;\t|", key=lambda one: line.count(one.encode()))
