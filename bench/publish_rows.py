"""What bench/publish.py puts into an office: a list of a million numbers, made in bulk, and tens of thousands of changes at once.

Numbers are Georgian mobiles that no corpus of bench/mixes.py has: those of the list, those that are published one by one, and
those that come all at once, each in a range of their own. All are invented.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from office_rows import DAY, Row, Rows, observable_id
from sqlalchemy import insert

from tosqauyl.registry import publish
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.observables import seen
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import Listing, Observable, Publication

ONE_BY_ONE, AT_ONCE = 60_000_000, 90_000_000
"""Where the ranges begin."""


def number(place: int) -> str:
    """A number by its place."""
    return f"+9955{place:08d}"


class ListedRows(Rows):
    """The rows of an office of which every indicator is active and on the list: two of three blocked, one marked."""

    def tables(self) -> Iterator[tuple[str, str, Iterator[Row]]]:
        """Table, its columns, its rows."""
        wanted = ("organisation", "indicator", "publication", "listing", "observable")
        for table, columns, rows in super().tables():
            if table in wanted:
                yield table, columns, self._active(columns.split(), rows) if table == "indicator" else rows

    def listed(self) -> Iterator[tuple[int, int]]:
        """seq and place of everything."""
        return enumerate(range(self.size.indicators), 1)

    def _active(self, names: list[str], rows: Iterable[Row]) -> Iterator[Row]:
        for place, row in enumerate(rows):
            said = dict(zip(names, row, strict=True))
            said |= {
                "verdict": "fraud", "listing": _listing_at(place), "state": "active", "valid_until": self._until(place),
                "approved_by": "user:daniyar", "approved": said["created"], "ended_by": "", "ended": 0, "ended_why": "",
            }  # fmt: skip
            yield tuple(said.values())

    def _until(self, place: int) -> int:
        return self.size.now + (place % 80 + 2) * DAY

    def _listing(self, seq: int, place: int) -> Row:
        sealed = self.vault.seal(number(place), publish.NUMBER)
        listed, indicator = (
            observable_id(self.size, place),
            new_id(self.size.at(place / self.size.indicators), _tail(place)).hex,
        )
        return listed, indicator, _listing_at(place), sealed, self._until(place), seq

    def _observables(self) -> Iterator[Row]:
        for place in range(self.size.indicators):
            one = seen(self.vault, "phone", number(place))
            sealed = self.vault.seal(one.value, "observable.phone")
            yield observable_id(self.size, place), "phone", one.token, "", sealed, "", self.size.at(0), 0


def _listing_at(place: int) -> str:
    return ("block", "block", "mark")[place % 3]


def _tail(place: int) -> bytes:
    return place.to_bytes(10, "big")


def publish_at_once(registry: Registry, places: range) -> None:
    """Blocks of so many numbers as one transaction of another process; the office looks for such twice a second."""
    vault, now = registry.vault, registry.clock()
    made = [(new_id(now), new_id(now), seen(vault, "phone", number(place))) for place in places]
    sealed = [vault.seal(one.value, publish.NUMBER) for _, _, one in made]
    observables = [
        {
            "id": key,
            "kind": "phone",
            "token": one.token,
            "sealed": vault.seal(one.value, "observable.phone"),
            "created": now,
        }
        for key, _, one in made
    ]
    with registry.work(SYSTEM) as work:
        top = publish.lock(work)
        rows: list[dict[str, Any]] = [
            {
                "seq": seq,
                "observable": key,
                "indicator": which,
                "listing": "block",
                "number": text,
                "expires": now + 30 * DAY,
            }
            for seq, ((key, which, _), text) in enumerate(zip(made, sealed, strict=True), top.seq + 1)
        ]
        for first in range(0, len(rows), 1_000):
            part = rows[first : first + 1_000]
            work.db.execute(insert(Observable), observables[first : first + 1_000])
            work.db.execute(insert(Publication), [row | {"at": now} for row in part])
            work.db.execute(insert(Listing), part)
        top.seq += len(rows)
