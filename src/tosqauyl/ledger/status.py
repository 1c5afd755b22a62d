"""How a ledger stands: what it holds, where that came from, and what of a gate's journal is not in it yet."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from tosqauyl.ledger.columns import TABLES
from tosqauyl.ledger.engine import revision_of
from tosqauyl.ledger.manifest import Manifest
from tosqauyl.ledger.segments import Segment, list_segments
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.take import lost_segments, segments_in, waiting


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One table: how much it holds. days: different days (UTC) that have rows; first_day, last_day: ISO dates, '' for none."""

    name: str
    rows: int
    files: int
    bytes: int
    days: int
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """What a journal has that the ledger has not: closed segments, their bytes, bytes of the open one; lost: segments that were
    removed before they were taken."""

    waiting: int
    waiting_bytes: int
    open_bytes: int
    lost: int


@dataclass(frozen=True, slots=True)
class Status:
    """folder: of the journal; journal: None where there is none. origins: (origin, batches, rows) of all that was ever taken."""

    revision: str
    folder: str
    tables: tuple[TableStatus, ...]
    origins: tuple[tuple[str, int, int], ...]
    journal: JournalStatus | None

    def as_dict(self) -> dict[str, object]:
        """As JSON."""
        origins = [{"origin": name, "batches": batches, "rows": rows} for name, batches, rows in self.origins]
        return {**asdict(self), "origins": origins}


def status_of(store: Store, journal: Path) -> Status:
    """How the ledger stands. Raises TosqauylError where it or the journal cannot be read."""
    state = store.manifest()
    return Status(
        revision_of(state),
        str(journal),
        tuple(_table(state, name) for name in TABLES),
        tuple(sorted(_origins(state))),
        _journal(store, journal, state) if (journal / "id").exists() else None,
    )


def _table(state: Manifest, name: str) -> TableStatus:
    files = list(state.of(name))
    days = sorted({one.day for one in files})
    return TableStatus(
        name,
        sum(one.rows for one in files),
        len(files),
        sum(one.size for one in files),
        len(days),
        *(_ends(days) if days else ("", "")),
    )


def _ends(days: list[date]) -> tuple[str, str]:
    return days[0].isoformat(), days[-1].isoformat()


def _origins(state: Manifest) -> Iterator[tuple[str, int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for (_, origin, name), rows in state.taken.items():
        batches, count = found.get(origin, (0, 0))
        found[origin] = (batches + segments_in(name), count + rows)
    return ((origin, *counts) for origin, counts in found.items())


def _journal(store: Store, journal: Path, state: Manifest) -> JournalStatus:
    closed = waiting(store, journal)
    still_open = [one for one in list_segments(journal) if one.is_open]
    return JournalStatus(len(closed), _bytes(closed), _bytes(still_open), lost_segments(state, journal))


def _bytes(segments: list[Segment]) -> int:
    total = 0
    for one in segments:
        with suppress(OSError):  # closed or removed just now
            total += one.path.stat().st_size
    return total
