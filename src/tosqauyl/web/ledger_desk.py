"""The ledger of decisions as routes ask it: by the centre only, without writing, each question within a time, few at once.

with asking(caller, window) as engine:
    found = figure(engine, definition, window)

All questions share one database in memory: its means, and what it remembers of files, which never change. Opening one anew took a
third of a question's time. Its libraries (DuckDB) are imported only here and where an engine is at hand: an office without a ledger
does without them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import TYPE_CHECKING

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.manifest import NAME, Manifest, read_manifest
from tosqauyl.ledger.window import HOME_ZONE, Window, window_of_days
from tosqauyl.registry import periods
from tosqauyl.registry.errors import RegistryError
from tosqauyl.web.caller import Caller
from tosqauyl.web.failures import failed
from tosqauyl.web.office import Office
from tosqauyl.web.problems import Refused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tosqauyl.ledger.engine import DuckEngine

SECONDS = 20.0
"""For all queries of one question."""
AT_ONCE = 2
"""Questions of the whole process: they share the cores and `memory_mb`."""
WAIT_SECONDS = 10.0
"""How long a question waits for its turn."""
_AGAIN = 0.1
"""Seconds between two interruptions: one may fall between two queries."""
_turns = BoundedSemaphore(AT_ONCE)
_opening = Lock()


def check_centre(caller: Caller) -> None:
    """Raise Refused for whoever is not of the centre: calls belong to no tenant."""
    if not caller.actor.sees_all:
        raise Refused("forbidden", "only the centre sees calls")


def check_ledger(caller: Caller) -> None:
    """Raise Refused for whoever is not of the centre, and where there is no ledger."""
    check_centre(caller)
    _folder(caller.office)


def window_between(first: date, last: date) -> Window:
    """The days of a question. Raises Invalid where they are out of order, out of range or too many."""
    asked = periods.window_of(first, last)
    return window_of_days(asked.first, asked.last, HOME_ZONE)


def folder_of(office: Office) -> Path:
    """The ledger's folder. Raises Refused 'not-found' where there is none."""
    return _folder(office)


def state_of(office: Office) -> Manifest:
    """What the ledger has, without asking it. Raises Refused 'not-found' where there is none."""
    return read_manifest(_folder(office))


@contextmanager
def asking(caller: Caller, window: Window) -> "Iterator[DuckEngine]":
    """An engine over a window. Raises Refused: not of the centre, no ledger, no turn, too long, too large."""
    check_centre(caller)
    folder = _folder(caller.office)
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise Refused(
            "too-many", "others ask the ledger at this moment", "try again in a moment", {"Retry-After": "10"}
        )
    late = Event()
    try:
        with _opened(folder, window, caller.office.calls.memory_mb) as engine, _within(engine, late):
            yield engine
    except RegistryError:
        raise
    except TosqauylError as error:
        _database.cache_clear()  # what failed may have left it unusable; others end their questions in the old one
        raise _refused(caller.office, error, late.is_set()) from None
    finally:
        _turns.release()


def _folder(office: Office) -> Path:
    folder = office.calls.ledger
    if folder is None:
        raise Refused("not-found", "this office has no ledger of calls", "set ledger.folder in its configuration")
    if not (folder / NAME).is_file():
        raise Refused("not-found", "the ledger of calls is empty", "tosqauyl ledger take fills it")
    if find_spec("duckdb") is None:
        raise Refused("not-found", "the library that reads the ledger is missing", "install tosqauyl[ledger]")
    return folder


@contextmanager
def _opened(folder: Path, window: Window, memory_mb: int) -> "Iterator[DuckEngine]":
    from duckdb import Error

    from tosqauyl.ledger.engine import DuckEngine
    from tosqauyl.ledger.store import Store

    try:
        with _opening:
            con = _database(folder, memory_mb).cursor()
        engine = DuckEngine(Store(folder), window, con=con)
    except Error as error:
        raise TosqauylError("the ledger's files cannot be read", str(folder)) from error
    try:
        yield engine
    finally:
        engine.close()


@lru_cache(maxsize=1)
def _database(folder: Path, memory_mb: int) -> "DuckDBPyConnection":
    """What the questions share."""
    from tosqauyl.ledger.engine import Means, connect

    made = connect(Means(f"{memory_mb}MB"), folder)
    made.execute("SET parquet_metadata_cache = true")
    return made


@contextmanager
def _within(engine: "DuckEngine", late: Event) -> Iterator[None]:
    """Interrupt whatever the engine does after SECONDS. late: set when that was so."""
    done = Event()

    def watch() -> None:
        if not done.wait(SECONDS):
            late.set()
            while not done.wait(_AGAIN):
                engine.con.interrupt()

    watching = Thread(target=watch, name="ledger question", daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


def _refused(office: Office, error: TosqauylError, is_late: bool) -> Refused:
    """What is told of an engine's error. Its own words name files; they are for the operator."""
    from duckdb import OutOfMemoryException

    if is_late:
        return Refused("refused", "counting took too long", "ask for fewer days")
    if isinstance(error.__cause__, OutOfMemoryException):
        return Refused("refused", "counting needs more memory than the office may use for it", "ask for fewer days")
    failed(office, "ledger", error)
    office.alarm(f"ALARM: ledger: {error}")
    return Refused("failed")
