"""A new key for the vault: every sealed value is sealed again under it, in batches; it may be stopped and begun again any time.

The old keys stay in the file: a value that was missed opens as before, and the first key also makes the tokens by which people
are found again. An office that runs meanwhile reads the file again when it meets a value of a key it does not have.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import LargeBinary, Table, func, select, update

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import Base
from tosqauyl.registry.vault import Vault, load_vault, read_keys

BATCH = 500
PURPOSES = {("publication", "number"): "publication.number", ("listing", "number"): "publication.number"}
"""(table, column) -> the purpose of its values, where that is not 'table.column'."""
BY_KIND = {("observable", "sealed"): "observable."}
"""Those whose purpose ends with the row's kind."""
Tell = Callable[[str, int, int], None]
"""Told of progress: table, rows done, rows in all."""


class FileVault(Vault):
    """The vault of a key file, which is read again when it changed: by `refresh`, and by itself for a value of an unknown key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read()

    def _read(self) -> None:
        load_vault(self._path)  # who may read the file, and whether it can be read
        self._changed = self._path.stat().st_mtime_ns
        super().__init__(read_keys(self._path.read_text("ascii"), str(self._path)))

    def refresh(self) -> bool:
        """Read the file again if it changed; whether it was. Raises TosqauylError: then the keys are as they were."""
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError as error:
            raise TosqauylError(f"the vault's keys cannot be read: {error.strerror}", str(self._path)) from None
        if changed == self._changed:
            return False
        self._read()
        return True

    def open(self, sealed: bytes, purpose: str) -> str:
        """As the vault does; with a key that came after the file was read."""
        if sealed and bytes(sealed[1:5]) not in self._ciphers:
            self.refresh()
        return super().open(sealed, purpose)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table with sealed columns, and which column makes the purpose of a row whole ('' for none)."""

    table: Table
    columns: tuple[str, ...]
    kind: str

    def purpose(self, column: str, kind: str) -> str:
        """The purpose of a column's value in a row of a kind."""
        which = (self.table.name, column)
        if which in BY_KIND:
            return BY_KIND[which] + kind
        return PURPOSES.get(which, f"{self.table.name}.{column}")


def sealed_tables() -> Iterator[Sealed]:
    """Every table that has something sealed."""
    for table in Base.metadata.sorted_tables:
        columns = tuple(column.name for column in table.columns if isinstance(column.type, LargeBinary))
        if columns:
            yield Sealed(table, columns, "kind" if any((table.name, one) in BY_KIND for one in columns) else "")


def rotate(registry: Registry, tell: Tell = lambda *_: None, batch: int = BATCH) -> int:
    """Seal everything again that is not under the newest key; how many values were. Each batch is a transaction of its own."""
    return sum(_table(registry, one, tell, batch) for one in sealed_tables())


def waiting(registry: Registry) -> dict[str, int]:
    """Table -> how many of its rows have a value under an older key; tables without any are left out."""
    found: dict[str, int] = {}
    with registry.read(SYSTEM) as work:
        for one in sealed_tables():
            count = work.db.execute(select(func.count()).select_from(one.table).where(_is_old(work, one))).scalar_one()
            found |= {one.table.name: count} if count else {}
    return found


def _is_old(work: Work, one: Sealed) -> Any:
    """The key's id stands behind the first byte (registry/vault.py)."""
    current = bytes.fromhex(work.vault.key_id)
    columns = [one.table.c[name] for name in one.columns]
    old = [(func.length(column) > 0) & (func.substr(column, 2, 4) != current) for column in columns]
    whole = old[0]
    for more in old[1:]:
        whole |= more
    return whole


def _table(registry: Registry, one: Sealed, tell: Tell, batch: int) -> int:
    (key,) = one.table.primary_key.columns
    with registry.read(SYSTEM) as work:
        count = work.db.execute(select(func.count()).select_from(one.table).where(_is_old(work, one))).scalar_one()
    last: Any = None
    done = values = 0
    while True:
        with registry.work(SYSTEM) as work:
            named = [one.table.c[name] for name in (key.name, *one.columns, *((one.kind,) if one.kind else ()))]
            query = select(*named).where(_is_old(work, one)).order_by(key).limit(batch)
            rows = work.db.execute(query if last is None else query.where(key > last)).all()
            values += sum(_row(work, one, row._mapping) for row in rows)
            if rows:
                work.note("sealed-again", one.table.name, "", f"{len(rows)} rows under key {work.vault.key_id}")
        if not rows:
            break
        last, done = rows[-1]._mapping[key.name], done + len(rows)
        tell(one.table.name, done, max(count, done))
    return values


def _row(work: Work, one: Sealed, row: Any) -> int:
    """Seal a row's values again; not those that somebody changed meanwhile: they are under the newest key."""
    (key,) = one.table.primary_key.columns
    done = 0
    for name in one.columns:
        before = bytes(row[name])
        if work.vault.is_current(before):
            continue
        purpose = one.purpose(name, row[one.kind] if one.kind else "")
        fresh = work.vault.seal(work.vault.open(before, purpose), purpose)
        change = update(one.table).where(key == row[key.name], one.table.c[name] == before).values({name: fresh})
        work.db.execute(change)
        done += 1
    return done
