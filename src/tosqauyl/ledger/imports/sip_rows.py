"""Calls of a capture as rows: facts by the gate's own code (screen.signalling, screen.enrich), without what only a gate knows.

Nobody was asked, no list was loaded and nothing was counted when the call was captured: those facts are not recorded.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import pyarrow as pa

from tosqauyl.facts import FACTS, Call
from tosqauyl.ledger.columns import OUTCOMES, PLACE
from tosqauyl.ledger.imports.capture import Capture
from tosqauyl.ledger.imports.lines import Block, Taken, file_digest
from tosqauyl.ledger.imports.rejects import Reject
from tosqauyl.ledger.imports.sip_calls import CallTracker, SipCall
from tosqauyl.numbers.plan import Plan
from tosqauyl.policy.load import load_policy, shipped_text
from tosqauyl.screen.enrich import enrich
from tosqauyl.screen.signalling import signalled
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.subscribers import Subscribers

BLOCK_CALLS = 50_000
"""Calls of a batch."""
_BY_PLAN = ("_form", "_kind", "_country", "_operator")
_OF_TRUNK = ("trunk", "direction", "carrier")
RECORDED = tuple(
    name
    for name, fact in FACTS.items()
    if name not in (*_OF_TRUNK, "trunk_ranges")
    and (fact.about.cost == "read" or name.endswith(_BY_PLAN) or name == "impersonates")
)
"""Facts that a capture tells."""
_TYPES = {
    "VARCHAR": pa.string(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
}
_PLACE = frozenset(column.name for column in PLACE)
_OUTCOMES = tuple(column for column in OUTCOMES if column.name not in _PLACE and column.name != "call_id")


@dataclass(slots=True)
class SipTables:
    """Some calls of a capture: tables of the columns recorded and `line`, the number of the INVITE's packet."""

    calls: pa.Table
    outcomes: pa.Table
    call_columns: frozenset[str]
    outcome_columns: frozenset[str]
    messages: int = 0
    rejects: list[Reject] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class SipReader:
    """A capture as blocks of calls. constants: trunk, direction, carrier, as far as they are known; trust: of the trunk."""

    def __init__(self, path: Path, kind: str, plan: Plan, constants: dict[str, str], trust: frozenset[str]) -> None:
        self.path, self.kind = path, kind
        self._digest = file_digest(path)
        given = {name: value for name, value in constants.items() if value}
        self._trunk = Trunk(given.get("trunk", ""), given.get("direction", "unknown"), given.get("carrier", ""), trust)
        self.columns = tuple(name for name in FACTS if name in RECORDED or name in given)
        policy = load_policy(shipped_text(), "kz-border.toml")  # a snapshot has one; it is not asked
        self._known = Snapshot(policy, plan, Indicators(), Subscribers(()), hash="import")

    def blocks(self, taken: Taken) -> Iterator[tuple[Block, SipTables]]:
        """Every block of calls, in the order in which they ended; named by the hash of the whole capture."""
        capture = Capture(self.path, self.kind)
        first, place, messages = 1, 0, 0
        for calls, heard in _grouped(capture):
            messages += heard
            known = (first + len(calls) - 1, self._digest) in taken.get(first, ())
            block = Block(first, first + len(calls) - 1, self._digest, [], max(0, capture.place - place), known)
            tables = self._tables([] if known else calls)
            tables.messages, messages, capture.passed = messages + capture.passed, 0, 0
            tables.rejects, capture.rejects = capture.rejects, []
            tables.counts.update(capture.counts)
            capture.counts.clear()
            first, place = first + len(calls), capture.place
            yield block, tables

    def _tables(self, calls: list[SipCall]) -> SipTables:
        facts = [self._facts(call) for call in calls]
        lines = pa.array([call.invite.number for call in calls], pa.int64())
        columns = zip(*facts, strict=True) if facts else repeat(())
        arrays = [
            _array(column, FACTS[name].sql_type)
            for name, column in zip(Call._fields, columns, strict=False)
            if name in self.columns
        ]
        outcomes = [call.outcome for call in calls]
        ids = _array([call.request.call_id for call in calls], "VARCHAR")
        ends = [
            pa.array([row[place] for row in outcomes], _TYPES[column.sql_type])
            for place, column in enumerate(_OUTCOMES)
        ]
        names = [column.name for column in _OUTCOMES]
        return SipTables(
            pa.Table.from_arrays([*arrays, lines], names=[*self.columns, "line"]),
            pa.Table.from_arrays([*ends, ids, lines], names=[*names, "call_id", "line"]),
            frozenset(self.columns),
            frozenset((*names, "call_id")),
        )

    def _facts(self, call: SipCall) -> Call:
        heard = call.invite
        said = signalled(call.request, heard.source, heard.at, heard.transport)
        return enrich(said, self._trunk, self._known, None, 0.0, None)


def _grouped(capture: Capture) -> Iterator[tuple[list[SipCall], int]]:
    """Calls in groups of BLOCK_CALLS, each with how many messages were read for it; one group at least."""
    tracker = CallTracker(capture.counts)
    calls: list[SipCall] = []
    messages = 0
    for heard in capture.messages():
        messages += 1
        calls += tracker.take(heard)
        while len(calls) >= BLOCK_CALLS:
            yield calls[:BLOCK_CALLS], messages
            calls, messages = calls[BLOCK_CALLS:], 0
    calls += tracker.rest()
    while len(calls) > BLOCK_CALLS:
        yield calls[:BLOCK_CALLS], messages
        calls, messages = calls[BLOCK_CALLS:], 0
    yield calls, messages


def _array(column: Sequence[object], sql_type: str) -> pa.Array:
    """A column; of text what UTF-8 can hold: bytes of a message that were none are kept as surrogates until here."""
    try:
        return pa.array(column, _TYPES[sql_type])
    except UnicodeEncodeError:
        return pa.array([str(value).encode("utf-8", "replace").decode() for value in column], _TYPES[sql_type])
