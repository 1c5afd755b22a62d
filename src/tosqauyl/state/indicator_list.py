"""Indicators as they are listed, and packed: the form in which they are looked up and written to a file.

Apart from the look-up (state/indicators.py), which is compiled.
"""

import hashlib
import json
from dataclasses import dataclass
from struct import pack as pack_struct
from typing import NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.number_table import packed
from tosqauyl.state.ranges import Pattern, parse_pattern

KINDS = ("protected", "block", "mark", "allow")
"""Kinds of indicators, strongest first. protected: a number that never calls out (a bank's hotline, 1414)."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One entry of a list. expires: seconds since 1970 from which it no longer holds, None = never; source and why:
    for people; file and line: where it was written."""

    id: str
    kind: str
    pattern: Pattern
    expires: float | None = None
    source: str = ""
    why: str = ""
    file: str = ""
    line: int = 0

    @property
    def numbers(self) -> str:
        """The numbers as they are written in a list."""
        low, high = self.pattern.low, self.pattern.high
        return {"exact": low, "prefix": f"{low}*"}.get(self.pattern.form, f"{low}-{high}")


MOST_PATTERNS = 20_000
"""Prefixes and ranges in all lists together; exact numbers have no such limit. Each piece of them is a Python object."""

WORDS = 4
"""64-bit words of an exact entry: rank, kind and more; expiry; where its id begins; how many bytes the id has."""
MORE = 1 << 40
"""The next entry is of the same number."""
NEVER = float("inf")

Holding = tuple[int, str, str, float | None]
"""Rank among all entries (the strongest and most specific first), kind, id, expires."""


class Packed(NamedTuple):
    """Indicators as memory, the form in which they are looked up and written to a file.

    table: number -> place of its first record. records: WORDS native 64-bit words for each exact entry, in the order of
    numbers and ranks. ids: their ids, UTF-8. others: prefixes and ranges with their ranks, a line of JSON each.
    about: all entries in the order listed, JSON, for people. digest: 16 hex digits of the content that can change an
    answer. size: entries.
    """

    table: memoryview
    records: memoryview
    ids: memoryview
    others: memoryview
    about: memoryview
    digest: str
    size: int


def pack(entries: tuple[Indicator, ...]) -> Packed:
    """Entries as memory. Raises TosqauylError where there are more than MOST_PATTERNS prefixes and ranges."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    ranked = sorted(
        range(len(entries)), key=lambda place: (order[entries[place].kind], entries[place].pattern.width, place)
    )
    numbers: dict[str, list[tuple[int, Indicator]]] = {}
    others: list[tuple[object, ...]] = []
    for rank, place in enumerate(ranked):
        entry = entries[place]
        if entry.pattern.form == "exact":
            numbers.setdefault(entry.pattern.low, []).append((rank, entry))
        else:
            others.append((rank, entry.kind, entry.id, entry.expires, *entry.pattern))
    if len(others) > MOST_PATTERNS:
        what = f"the lists hold {len(others)} prefixes and ranges"
        raise TosqauylError(what, hint=f"at most {MOST_PATTERNS}; write exact numbers instead")
    places, records, ids = _pack_exact(numbers)
    about = [(e.id, e.kind, *e.pattern, e.expires, e.source, e.why, e.file, e.line) for e in entries]
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.id}\t{entry.kind}\t{entry.numbers}\t{entry.expires!r}\n".encode("utf-8", "replace"))
    return Packed(
        packed(places), records, ids, _lines(others), _json(about), digest.hexdigest()[:16], len(entries)
    )  # fmt: skip


def _pack_exact(numbers: dict[str, list[tuple[int, Indicator]]]) -> tuple[dict[str, int], memoryview, memoryview]:
    """Where each number's records begin, the records, the ids."""
    records, ids, places = bytearray(), bytearray(), dict[str, int]()
    for number, found in numbers.items():
        places[number] = len(records) // (8 * WORDS)
        for left, (rank, entry) in zip(range(len(found) - 1, -1, -1), found, strict=True):
            name = entry.id.encode("utf-8", "replace")
            until = NEVER if entry.expires is None else entry.expires
            said = rank | KINDS.index(entry.kind) << 32 | (MORE if left else 0)
            records += pack_struct("=QdQQ", said, until, len(ids), len(name))
            ids += name
    return places, memoryview(records), memoryview(ids)


def breathe() -> None:
    """Nothing. It is no compiled function, so the interpreter looks for other threads when it is called."""


def _json(value: object) -> memoryview:
    return memoryview(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _lines(rows: list[tuple[object, ...]]) -> memoryview:
    return memoryview(b"\n".join(bytes(_json(row)) for row in rows))


def read_others(text: bytes) -> list[tuple[Pattern, Holding]]:
    """The prefixes and ranges of a packed form, checked; one is read at a time. Raises TosqauylError."""
    lines = text.split(b"\n") if text else []
    if len(lines) > MOST_PATTERNS:
        raise TosqauylError(f"there are {len(lines)} prefixes and ranges")
    try:
        return [_other(json.loads(line)) for line in lines]
    except (ValueError, TypeError, RecursionError):
        raise TosqauylError("the prefixes and ranges cannot be read") from None


def _other(row: list[object]) -> tuple[Pattern, Holding]:
    rank, kind, name, expires, form, low, high = row
    if not (type(rank) is int and type(name) is str and type(low) is str and type(high) is str):
        raise TypeError(row)
    known = kind in KINDS and form in ("prefix", "range") and name.isprintable()
    if not known or type(expires) not in (float, int, type(None)):
        raise ValueError(row)
    pattern = parse_pattern(f"{low}*" if form == "prefix" else f"{low}-{high}")
    return pattern, (rank, str(kind), name, None if expires is None else float(str(expires)))
