"""`tosqauyl calls generate`: calls with known truth as a ledger, to try rules, statistics and reports on."""

import argparse
import math
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tosqauyl.cli.office import calls_done, need_ledger
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.generate import Options

FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
"""The window if nobody names one: fixed, so that the same command gives the same calls in any year."""
MOVED = 0.6
"""Where in the window fraud moves to foreign numbers if no day is given."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl calls generate` to the actions of `tosqauyl calls`."""
    parser = subparsers.add_parser(
        "generate",
        help=t("make up calls with known truth"),
        description=t(
            "Make up calls with known truth, as Parquet files in the folder of a ledger. The same count, seed and options"
            " give the same calls. A run that was stopped goes on when the command is given again."
        ),
    )
    parser.add_argument(
        "--count", metavar="N", type=_whole, required=True, help=t("how many calls, for example 1_000_000")
    )
    parser.add_argument(
        "--seed", metavar="S", type=int, default=1, help=t("other calls for another number (default 1)")
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help=t("folder of the ledger they go to"))
    _add_when(parser, t)
    parser.add_argument("--fraud", metavar="SHARE", type=float, help=t("share of fraud, 0 to 1 (default 0.2)"))
    parser.add_argument(
        "--only-stopped", action="store_true", help=t("stopped calls only, like the ministry's counter")
    )
    parser.add_argument("--monitor", action="store_true", help=t("the gate only watches: no call is stopped"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.set_defaults(run=run)


def _add_when(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument(
        "--from", dest="first", metavar="DAY", type=_day, default=FIRST, help=t("first day (default 2025-01-01)")
    )
    parser.add_argument(
        "--to", dest="last", metavar="DAY", type=_day, default=LAST, help=t("last day (default 2025-12-31)")
    )
    parser.add_argument(
        "--enforce-from", metavar="DAY", type=_day, help=t("the gate watches until this day and stops calls from it on")
    )
    parser.add_argument(
        "--moved",
        metavar="DAY",
        type=_day,
        help=t(
            "from this day on fraud moves to foreign numbers (default: --enforce-from, else after three fifths of the time)"
        ),
    )


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl calls generate`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.generate import generate
    from tosqauyl.ledger.merge import count_hours
    from tosqauyl.ledger.store import Store

    wanted = _options(options)
    started = time.monotonic()
    with calls_done(t) as progress:
        rows = generate(wanted, options.out, progress)
        count_hours(Store(options.out))
    seconds = t.decimal(time.monotonic() - started)
    print(t("{rows} calls are in {folder}; {seconds} s.", rows=t.count(rows), folder=options.out, seconds=seconds))
    return 0


def _options(options: argparse.Namespace) -> "Options":
    from tosqauyl.ledger.generate import FRAUD_SHARE, Options
    from tosqauyl.ledger.window import window_of_days

    if options.monitor and options.enforce_from:
        raise TosqauylError("a gate that only watches enforces nothing", "--monitor", "leave out --enforce-from")
    window = window_of_days(options.first, options.last)
    enforced = window_of_days(options.enforce_from, options.enforce_from).first if options.enforce_from else 0.0
    day = options.moved or options.enforce_from
    return Options(
        options.count,
        options.seed,
        window,
        window_of_days(day, day).first if day else window.first + MOVED * window.seconds,
        FRAUD_SHARE if options.fraud is None else options.fraud,
        math.inf if options.monitor else enforced,
        options.only_stopped,
    )


def _whole(text: str) -> int:
    """A whole number; _ and , may part its thousands."""
    return int(text.replace(",", ""))


def _day(text: str) -> date:
    return date.fromisoformat(text)


_whole.__name__, _day.__name__ = "number", "day"  # what argparse calls them in its messages
