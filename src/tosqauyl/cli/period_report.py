"""`tosqauyl report`: one HTML file about a period, that needs nothing else to be read, printed or sent on."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tosqauyl.cli.office import SAID_EVERY, add_engine, engine_in, need_ledger, window_of
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl report` to the command line."""
    parser = subparsers.add_parser(
        "report",
        help=t("one HTML file about a period: figures, charts, carriers, alerts"),
        description=t(
            "Write one HTML file about a period, with every figure's definition, window, unit, source and query. It holds no "
            "numbers of people. Exit code: 0 written, 1 written, but the ledger has no calls of these days, 2 trouble."
        ),
    )
    parser.add_argument("--from", dest="first", metavar="DAY", help=t("first day, for example 2025-01-01"))
    parser.add_argument("--to", dest="last", metavar="DAY", help=t("last day, itself included"))
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help=t("the HTML file to write"))
    add_engine(parser, t)
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl report`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.cli.period_report_page import make_page
    from tosqauyl.ledger.page import render
    from tosqauyl.ledger.period_report import make_report

    window = window_of(options)
    with progress(t) as step:
        report = make_report(lambda wanted: engine_in(options, wanted), window, time.time(), step)
        written = render(make_page(report, t))
    write(options.out, written)
    print(t("Written: {file}", file=options.out))
    return 0 if report.known.days else 1


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises TosqauylError."""
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise TosqauylError(f"the report cannot be written: {error.strerror}", str(path)) from error


@contextmanager
def progress(t: Texts) -> Iterator[Callable[[int, int], None]]:
    """Shows on stderr how many of how many parts are done: a bar on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(t("Counting ..."), total=None)
            yield lambda done, parts: bar.update(task, completed=done, total=parts)
        return
    said = time.monotonic()

    def step(done: int, parts: int) -> None:
        nonlocal said
        if time.monotonic() - said >= SAID_EVERY:
            said = time.monotonic()
            print(t("{done} of {parts} parts counted", done=done, parts=parts), file=sys.stderr)

    yield step
