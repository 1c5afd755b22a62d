"""What the commands of the office side share: days, windows, the ledger and who computes, progress.

Their libraries are installed only where they are wanted, and imported late.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tosqauyl.errors import TosqauylError
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.engine import Engine
    from tosqauyl.ledger.store import Store
    from tosqauyl.ledger.window import Window

LEDGER = Path("var/ledger")
"""Where the ledger lies if nobody says otherwise."""
ZONE = "Asia/Almaty"
"""Whose days are meant if nobody says otherwise."""
SAID_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


def need_ledger() -> None:
    """Raise TosqauylError where the ledger's libraries are not installed: a gate does without them."""
    missing = [name for name in ("duckdb", "pyarrow") if find_spec(name) is None]
    if missing:
        what = f"the ledger needs {' and '.join(missing)}, which is not installed"
        raise TosqauylError(what, hint='python -m pip install "tosqauyl[ledger]"')


def ledger_in(folder: Path, flag: str = "--ledger") -> "Store":
    """The ledger in a folder; flag: what names it. Raises TosqauylError where there is none: reading makes no new one."""
    from tosqauyl.ledger.store import Store

    if not (folder / "manifest.json").is_file():
        hint = f"{flag} names its folder; tosqauyl ledger take, calls import or calls generate fills one"
        raise TosqauylError("there is no ledger", str(folder), hint)
    return Store(folder)


def add_engine(parser: argparse.ArgumentParser, t: Texts) -> None:
    """Options that say which ledger, whose days, and who computes: what `engine_in` reads."""
    parser.add_argument(
        "--ledger", metavar="DIR", type=Path, default=LEDGER, help=t("folder of the ledger (default var/ledger)")
    )
    parser.add_argument("--zone", default=ZONE, help=t("time zone of the days (default Asia/Almaty)"))
    parser.add_argument(
        "--engine", choices=("duckdb", "spark"), default="duckdb", help=t("what computes (default duckdb)")
    )
    parser.add_argument(
        "--master", metavar="URL", default="local[2]", help=t("for --engine spark: its master (default local[2])")
    )


@contextmanager
def engine_in(options: argparse.Namespace, window: "Window", live: Path | None = None) -> "Iterator[Engine]":
    """The engine that was asked for, over a window. live: data folder of a gate whose open segments count, too (DuckDB only).

    Raises TosqauylError."""
    store = ledger_in(options.ledger)
    if live and options.engine == "spark":
        raise TosqauylError("Spark does not see what is not in the ledger yet", "--live", "leave out --engine spark")
    with ExitStack() as ended:
        engine: Engine
        if options.engine == "spark":
            from tosqauyl.ledger.spark import spark_engine

            engine = spark_engine(store, window, options.master)
        else:
            engine = _duck_engine(store, window, live, ended)
        ended.callback(engine.close)
        yield engine


def _duck_engine(store: "Store", window: "Window", live: Path | None, ended: ExitStack) -> "Engine":
    from tosqauyl.cli.calls import journal_folder
    from tosqauyl.ledger.engine import DuckEngine
    from tosqauyl.ledger.take import live_sql

    if not live:
        return DuckEngine(store, window)
    journal = journal_folder(live)
    if not journal.is_dir():
        raise TosqauylError("there is no journal", str(journal), "--live names the data folder of a gate")
    draft = ended.enter_context(store.draft())
    return DuckEngine(store, window, live=lambda state: live_sql(journal, state, draft))


def day_of_option(text: str, flag: str) -> date:
    """A day as YYYY-MM-DD. Raises TosqauylError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TosqauylError(f"{text!r} is no day", flag, f"{flag} 2025-01-31") from None


def window_of(options: argparse.Namespace) -> "Window":
    """The window of --from and --to. Raises TosqauylError where one is missing or makes no sense."""
    from tosqauyl.ledger.window import window_of_days

    if not options.first or not options.last:
        what = "a figure needs a window: from which day to which"
        raise TosqauylError(what, "stats", "--from 2025-01-01 --to 2025-06-30")
    first, last = day_of_option(options.first, "--from"), day_of_option(options.last, "--to")
    return window_of_days(first, last, options.zone)


def window_within(options: argparse.Namespace, store: "Store") -> "Window":
    """The window of --from and --to; an end that is not given is the ledger's own. Raises TosqauylError."""
    from tosqauyl.ledger.window import Window, window_of_days, zone_of

    zone_of(options.zone)
    span = store.manifest().span("calls")
    if span is None:
        raise TosqauylError("the ledger has no calls", str(store.folder))
    held = Window(span[0], span[1] + 1e-3, options.zone)
    first = day_of_option(options.first, "--from") if options.first else held.first_day
    last = day_of_option(options.last, "--to") if options.last else held.last_day
    return window_of_days(first, last, options.zone)


@contextmanager
def calls_done(t: Texts) -> Iterator[Callable[[int, int], None]]:
    """Told how many of how many calls are done: a bar on a terminal, else a line every ten seconds."""
    console = Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        told = time.monotonic()

        def tell(done: int, count: int) -> None:
            nonlocal told
            bar.update(task, completed=done, total=count)
            if not console.is_terminal and time.monotonic() - told >= SAID_EVERY:
                told = time.monotonic()
                said = t("{done} of {count} calls", done=t.count(done), count=t.count(count))
                print(said, file=sys.stderr, flush=True)

        yield tell
