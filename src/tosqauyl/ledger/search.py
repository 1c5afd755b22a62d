"""Calls of the ledger, looked for and read: newest first, page by page, and one by its id.

An id is made of what names a row once (origin, batch, line) and of its time: so it stays the same when files are merged, tells
nobody's number, and is found without looking through the ledger. The queries are plain SQL; what they read first is narrow, so
that a page costs the columns that are looked at and little more.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nextafter
from typing import Any
from uuid import UUID

from tosqauyl.ledger.columns import TIME, literal, names
from tosqauyl.ledger.engine import Engine
from tosqauyl.ledger.outcomes import COLUMNS as OUTCOME_COLUMNS
from tosqauyl.ledger.outcomes import folded_sql
from tosqauyl.ledger.window import Window

LISTED = (
    "verdict", "reason", "rule", "would_verdict", "would_reason", "would_rule", "trunk", "carrier", "caller", "caller_country",
    "called",
)  # fmt: skip
"""Columns of a list of calls, besides time and place."""
CALLING = ("caller", "network", "presented", "remote_party")
"""Columns in which a calling number may stand."""
CALLED = ("called", "redirecting")
"""Columns in which a called number may stand: the one that was called, and the one that forwarded."""
TOLD_WITHIN = 2 * 86_400.0
"""Seconds after a call within which its end is looked for: the longest call, and a day's delay of the records."""
FIRST_PART, LONGER = 1_800.0, 48.0
"""Seconds of a window's last part, and how much longer each part before it is: a day is two of them."""
_KEY = f"{TIME}, origin, batch, line"
_LATEST = f"{TIME} DESC, origin DESC, batch DESC, line DESC"
_VERSION, _VARIANT, _TAIL = 8, 0b10, (1 << 62) - 1
_MOST_MICROSECONDS = (1 << 60) - 1

Call = dict[str, Any]
"""One row by column name."""


@dataclass(frozen=True, slots=True)
class Place:
    """What names a row once. at: seconds since 1970."""

    at: float
    origin: str
    batch: str
    line: int

    @property
    def id(self) -> UUID:
        """The row's id: a UUID of version 8 (RFC 9562) of its microsecond and 62 bits of a hash of the rest."""
        text = f"{self.origin}\t{self.batch}\t{self.line}"
        tail = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) & _TAIL
        moment = min(max(round(self.at * 1e6), 0), _MOST_MICROSECONDS)
        return UUID(
            int=(moment >> 12) << 80 | _VERSION << 76 | (moment & 0xFFF) << 64 | _VARIANT << 62 | tail,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: all that is said must hold, '' and () for any. reason, rule: of the verdict, or of what rules that watch
    would have given. calling, called: every spelling and token under which the number may be kept."""

    verdict: str = ""
    would_verdict: str = ""
    reason: str = ""
    rule: str = ""
    trunk: str = ""
    carrier: str = ""
    country: str = ""
    sip_call_id: str = ""
    calling: tuple[str, ...] = ()
    called: tuple[str, ...] = ()

    def condition(self) -> str:
        """SQL over `calls`."""
        equal = {
            "verdict": self.verdict, "would_verdict": self.would_verdict, "trunk": self.trunk, "carrier": self.carrier,
            "caller_country": self.country, "call_id": self.sip_call_id,
        }  # fmt: skip
        parts = [f"{name} = {literal(value)}" for name, value in equal.items() if value]
        parts += [
            f"({name} = {literal(value)} OR would_{name} = {literal(value)})"
            for name, value in (("reason", self.reason), ("rule", self.rule))
            if value
        ]
        parts += [
            _one_of(columns, values) for columns, values in ((CALLING, self.calling), (CALLED, self.called)) if values
        ]
        return " AND ".join(parts) or "TRUE"


def id_window(call_id: UUID) -> Window | None:
    """When a row of this id came, and how long its end may be told; None for an id that no row has."""
    moment = _microseconds(call_id)
    return None if moment is None else Window((moment - 1) / 1e6, (moment + 2) / 1e6 + TOLD_WITHIN)


def search(engine: Engine, window: Window, wanted: Wanted, after: Place | None, limit: int) -> list[tuple[Place, Call]]:
    """Calls of a window, the newest first. after: the last one of the page before. Raises TosqauylError.

    First only places are read, and what the condition asks for, from the end of the window backwards in longer and longer parts:
    where many calls are wanted, the last minutes have enough. Then the rows themselves, from the little time they are of.
    """
    places: list[Place] = []
    for part in _backwards(window, after):
        conditions = [part.condition(), wanted.condition()]
        if after is not None:
            conditions.append(f"({_KEY}) < ({_literals(after)})")
        missing = limit - len(places)
        sql = f"SELECT {_KEY} FROM calls WHERE {' AND '.join(conditions)} ORDER BY {_LATEST} LIMIT {missing}"
        places += [Place(*row) for row in engine.rows(sql)]
        if len(places) == limit:
            break
    found = _rows(engine, places, LISTED)
    return [(one, found[one]) for one in places if one in found]


def _backwards(window: Window, after: Place | None) -> Iterator[Window]:
    """The parts of a window up to a place, the last one first, each LONGER times as long as the one after it."""
    end = window.end if after is None else min(window.end, nextafter(after.at, inf))
    length = FIRST_PART
    while end > window.first:
        first = max(window.first, end - length)
        yield Window(first, end, window.zone)
        end, length = first, length * LONGER


def find(engine: Engine, call_id: UUID) -> Place | None:
    """Where the row of an id is; None where there is none. Raises TosqauylError."""
    moment = _microseconds(call_id)
    if moment is None:
        return None
    near = f"{TIME} >= {(moment - 1) / 1e6!r} AND {TIME} <= {(moment + 1) / 1e6!r}"
    places = (Place(*row) for row in engine.rows(f"SELECT {_KEY} FROM calls WHERE {near}"))
    return next((one for one in places if one.id == call_id), None)


def read(engine: Engine, place: Place) -> Call:
    """Every column of a row. Raises TosqauylError."""
    return _rows(engine, [place], names("calls"))[place]


def outcome(engine: Engine, sip_call_id: str) -> Mapping[str, Any] | None:
    """What became of a call, folded as statistics fold it; None where nothing was told. Raises TosqauylError."""
    if not sip_call_id:
        return None
    wanted = ", ".join(OUTCOME_COLUMNS)
    rows = engine.rows(f"SELECT {wanted} FROM ({folded_sql()}) AS ends WHERE call_id = {literal(sip_call_id)}")
    return dict(zip(OUTCOME_COLUMNS, rows[0], strict=True)) if rows else None


def has_tokens(engine: Engine, window: Window, columns: Iterable[str]) -> bool:
    """Whether numbers of a window are kept as tokens, so that without the key none can be found. Raises TosqauylError.

    Column by column: so the least and greatest value of each part of a file say that it has none, and nothing is read."""
    here = f"SELECT 1 FROM calls WHERE {window.condition()}"
    return any(engine.rows(f"{here} AND starts_with({name}, 't:') LIMIT 1") for name in columns)


def _rows(engine: Engine, places: Sequence[Place], columns: Sequence[str]) -> dict[Place, Call]:
    if not places:
        return {}
    first, last = min(one.at for one in places), max(one.at for one in places)
    wanted = ", ".join(f'"{name}"' for name in columns)
    some = ", ".join(f"({literal(one.origin)}, {literal(one.batch)}, {one.line})" for one in places)
    sql = (
        f"SELECT {_KEY}, {wanted} FROM calls"
        f" WHERE {TIME} >= {first!r} AND {TIME} <= {last!r} AND (origin, batch, line) IN ({some})"
    )
    return {Place(*row[:4]): dict(zip(columns, row[4:], strict=True)) for row in engine.rows(sql)}


def _one_of(columns: Sequence[str], values: Sequence[str]) -> str:
    some = ", ".join(literal(one) for one in values)
    return "(" + " OR ".join(f"{name} IN ({some})" for name in columns) + ")"


def _literals(place: Place) -> str:
    return f"{place.at!r}, {literal(place.origin)}, {literal(place.batch)}, {place.line}"


def _microseconds(call_id: UUID) -> int | None:
    if call_id.version != _VERSION:
        return None
    return (call_id.int >> 80) << 12 | call_id.int >> 64 & 0xFFF
