"""A registry over SQLite and over a real PostgreSQL, with a clock that the test sets."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peer_postgresql import running
from sqlalchemy import text

from tosqauyl.registry.actor import CENTRE, ROLE_SCOPES, Actor
from tosqauyl.registry.audit import GENESIS
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import AuditHead, Base, ListHead, Organisation
from tosqauyl.registry.vault import Vault

NOON = 1_796_022_000_000
"""Monday, 30 November 2026, 12:00 in Kazakhstan (07:00 UTC)."""

VAULT = Vault({"00000001": b"k" * 32})

ORGANISATIONS = (
    ("centre", "centre"), ("kcell", "operator"), ("beeline", "operator"), ("halyk", "bank"), ("police", "police"),
)  # fmt: skip


@pytest.fixture
def clock() -> list[int]:
    """One cell: the time that the registry has."""
    return [NOON]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own."""
    with running("fsync=off") as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peers)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    return f"sqlite:///{tmp_path / 'office.db'}" if request.param == "sqlite" else request.getfixturevalue("postgresql")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and rows of the beginning, to be copied: making 30 tables takes longer than most tests."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    made = Registry(f"sqlite:///{path}", VAULT, lambda: NOON)
    fill(made)
    made.close()
    return path


@pytest.fixture
def registry(request: pytest.FixtureRequest, database: str, clock: list[int]) -> Iterator[Registry]:
    """A registry with its tables and a few organisations."""
    if database.startswith("sqlite:"):
        shutil.copyfile(request.getfixturevalue("empty_sqlite"), database.removeprefix("sqlite:///"))
    made = Registry(database, VAULT, lambda: clock[0])
    if made.engine.dialect.name == "sqlite":
        made.syncs = (("PRAGMA synchronous=OFF", "BEGIN IMMEDIATE"),) * 2  # no test here survives a power cut
    else:
        fill(made)
    yield made
    if made.engine.dialect.name == "postgresql":
        with made.engine.begin() as connection:
            connection.execute(text(EMPTY))
    made.close()


def fill(registry: Registry) -> None:
    """Tables, the heads of trail and list, and organisations."""
    Base.metadata.create_all(registry.engine)
    with registry._sessions() as db:
        db.add(AuditHead(id=1, seq=0, hash=GENESIS))
        db.add(ListHead(id=1, list="0" * 32, seq=0))
        db.add_all(Organisation(id=name, kind=kind, name=name.title(), created=0) for name, kind in ORGANISATIONS)
        db.commit()


_DELETES = " ".join(f'DELETE FROM "{table.name}";' for table in Base.metadata.sorted_tables)
EMPTY = f"DO $$ BEGIN SET LOCAL session_replication_role = replica; {_DELETES} END $$"
"""Deletes every row on PostgreSQL, whatever refers to it: a tenth of the time that TRUNCATE takes for 30 tables."""


def actor(role: str, organisation: str = CENTRE, name: str = "") -> Actor:
    """Somebody with a role."""
    kind = dict(ORGANISATIONS)[organisation]
    return Actor(name or f"user:{role}", organisation, kind, role, ROLE_SCOPES[role])


@pytest.fixture
def analyst() -> Actor:
    """An analyst of the centre."""
    return actor("analyst", name="user:aida")


@pytest.fixture
def supervisor() -> Actor:
    """A supervisor of the centre."""
    return actor("supervisor", name="user:daniyar")


@pytest.fixture
def someone() -> Callable[..., Actor]:
    """Makes an actor: role, organisation, name."""
    return actor
