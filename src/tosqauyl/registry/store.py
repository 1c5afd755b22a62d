"""The database of the registry: one engine, units of work that end in one transaction with their audit entries.

    with registry.work(actor) as work:      a transaction; rolled back if anything raises
        work.db...                          an SQLAlchemy session
        work.note("proposed", "indicator", id)

SQLite and PostgreSQL. Time is an argument: `clock` gives milliseconds since 1970.
"""

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from pg8000.exceptions import Error as DriverError
from sqlalchemy import Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import audit
from tosqauyl.registry.actor import Actor
from tosqauyl.registry.errors import Conflict, Unavailable
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.vault import Vault

logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
"""A connection that cannot be closed would be a traceback to the operator: a database that is away is told as Unavailable."""
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
        self.syncs = _SYNCS[self.engine.dialect.name]
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, autoflush=True)

    @contextmanager
    def work(self, actor: Actor, lasting: bool = True) -> Iterator[Work]:
        """A transaction that may write. lasting: whether its commit waits for the disk; where it does not, a power cut may undo
        the last moments of it, which the levels of limits can bear.

        Raises Conflict where somebody else changed the same row meanwhile, Unavailable where the database cannot be reached; then
        nothing was written, or it is said that this is not known.
        """
        with told(), self._sessions() as db:
            for statement in self.syncs[lasting]:
                db.execute(text(statement))
            work = Work(db, actor, self.clock(), self.vault)
            yield work
            db.flush()
            if work.notes:
                audit.append(db, work.notes, actor.name, actor.organisation, work.now)
            with told(UNSURE, AGAIN):
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


_SYNCS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sqlite": (
        ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE"), ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE"),
    ),
    "postgresql": (("SET LOCAL synchronous_commit TO off",), ()),
}  # fmt: skip
"""Database -> how a transaction begins whose commit does not wait for the disk, and one whose commit does."""
NOTHING = "the database cannot be reached, nothing was accepted"
UNSURE = "the database was lost at the very end: this was accepted whole, or not at all"
AGAIN = "send it again with the same Idempotency-Key"


@contextmanager
def told(away: str = NOTHING, hint: str = "") -> Iterator[None]:
    """Database errors as the registry's own. away: what is said where the database cannot be reached."""
    try:
        yield
    except StaleDataError:
        raise Conflict("somebody else changed this in between", hint="read it again and decide again") from None
    except DBAPIError as error:
        raise _own(error, away, hint) or error from None
    except (
        ConnectionError,
        DriverError,
        PoolTimeout,
    ):  # some pass by SQLAlchemy; every connection waits for the database
        raise Unavailable(away, hint=hint) from None


CROSSED = ("40001", "40P01")
"""PostgreSQL: serialization_failure and deadlock_detected; nothing was written."""
AWAY = ("08", "53", "57P", "58")
"""Beginnings of codes: no connection, no room, shutting down or starting, a failure below it (PostgreSQL manual, appendix A)."""
REFUSED = "23"
"""integrity_constraint_violation, of which the driver knows one kind."""


def _own(error: DBAPIError, away: str, hint: str) -> Conflict | Unavailable | None:
    code = _code(error.orig)
    if isinstance(error, IntegrityError) or code.startswith(REFUSED):
        return Conflict("the same is there already, or what it refers to is not", str(error.orig)[:200])
    if code in CROSSED:
        return Conflict("it crossed another change", hint="send it again")
    lost = error.connection_invalidated or code.startswith(AWAY)
    if lost or isinstance(error, OperationalError | InterfaceError):
        return Unavailable(away, str(error.orig)[:200], hint)
    return None


def _code(error: BaseException | None) -> str:
    """PostgreSQL's SQLSTATE; '' of another database."""
    said = error.args[0] if error is not None and error.args else None
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
        event.listen(engine, "handle_error", _tell_lost)
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


def _tell_lost(context: ExceptionContext) -> None:
    """A server that shuts down says so in its own way: then none of its connections is used again."""
    if _code(context.original_exception).startswith(("08", "57P")):
        context.is_disconnect = True
