"""The database of the registry: one engine, units of work that end in one transaction with their audit entries.

    with registry.work(actor) as work:      a transaction; rolled back if anything raises
        work.db...                          an SQLAlchemy session
        work.note("proposed", "indicator", id)

SQLite and PostgreSQL. Time is an argument: `clock` gives milliseconds since 1970.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import audit
from tosqauyl.registry.actor import Actor
from tosqauyl.registry.errors import Conflict, Unavailable
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.vault import Vault

BUSY_MS = 10_000
"""How long a writer waits for another one on SQLite."""


@dataclass(slots=True)
class Work:
    """One transaction of one actor. now: its moment, milliseconds since 1970."""

    db: Session
    actor: Actor
    now: int
    vault: Vault
    notes: list[audit.Note] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)

    def note(self, verb: str, what: str, which: object, detail: str = "", purpose: str = "") -> None:
        """Have it written into the audit trail when the transaction ends."""
        self.notes.append(audit.Note(verb, what, str(which), purpose, detail))

    def new_id(self) -> UUID:
        """An id of this moment."""
        return new_id(self.now)


class Registry:
    """The registry over a database. url: SQLAlchemy's ('sqlite:////path', 'postgresql+pg8000://...').

    Raises TosqauylError where the URL is of another database.
    """

    def __init__(self, url: str, vault: Vault, clock: Callable[[], int]) -> None:
        self.engine, self.vault, self.clock = open_engine(url), vault, clock
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, autoflush=True)

    @contextmanager
    def work(self, actor: Actor) -> Iterator[Work]:
        """A transaction that may write. Raises Conflict where somebody else changed the same row meanwhile, Unavailable where
        the database cannot be reached; then nothing was written."""
        with told(), self._sessions() as db:
            if self.engine.dialect.name == "sqlite":
                db.execute(text("BEGIN IMMEDIATE"))
            work = Work(db, actor, self.clock(), self.vault)
            yield work
            db.flush()
            if work.notes:
                audit.append(db, work.notes, actor.name, actor.organisation, work.now)
            db.commit()
        for call in work.after:
            call()

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Work]:
        """A transaction that only reads; if it notes something (a read of personal data), that is written."""
        with told(), self._sessions() as db:
            work = Work(db, actor, self.clock(), self.vault)
            yield work
            notes = work.notes
            db.expunge_all()  # what was read may be used when the transaction is over
            db.rollback()
        if notes:
            with self.work(actor) as writing:
                writing.notes += notes

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()


@contextmanager
def told() -> Iterator[None]:
    """Database errors as the registry's own."""
    try:
        yield
    except StaleDataError:
        raise Conflict("somebody else changed this in between", hint="read it again and decide again") from None
    except IntegrityError as error:
        raise Conflict("the same is there already, or what it refers to is not", str(error.orig)[:200]) from None
    except (OperationalError, InterfaceError) as error:
        raise Unavailable("the database cannot be reached, nothing was accepted", str(error.orig)[:200]) from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the connection to the database was lost, nothing was accepted") from None
        if _code(error) in CROSSED:
            raise Conflict("it crossed another change", hint="send it again") from None
        raise


CROSSED = ("40001", "40P01")
"""PostgreSQL: serialization_failure and deadlock_detected; nothing was written."""


def _code(error: DBAPIError) -> str:
    """PostgreSQL's SQLSTATE; '' of another database."""
    said = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(said.get("C", "")) if isinstance(said, dict) else ""


def open_engine(url: str) -> Engine:
    """An engine with the settings that the registry relies on. Raises TosqauylError."""
    if url.startswith("sqlite:"):
        engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        return engine
    if url.startswith("postgresql+pg8000:"):
        engine = create_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
        # The driver sends a statement for each row of an executemany; so many rows go in one statement, RETURNING or not.
        engine.dialect.use_insertmanyvalues_wo_returning = True
        event.listen(engine, "connect", _set_up_postgresql)
        return engine
    kind = url.partition(":")[0]
    raise TosqauylError(
        f"{kind!r} is no database the office knows", "database", "sqlite:///FILE or postgresql+pg8000://"
    )


def _set_up_sqlite(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # BEGIN is ours
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _set_up_postgresql(connection: object, _record: object) -> None:
    """No Nagle's algorithm: the driver writes a long statement in pieces, and each would wait 40 ms for an acknowledgement."""
    found = getattr(connection, "_usock", None)
    if isinstance(found, socket.socket) and found.family in (socket.AF_INET, socket.AF_INET6):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
