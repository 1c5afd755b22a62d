"""`tosqauyl calls derive`: counts how often and how widely callers call, for calls that came without these facts."""

import argparse
import time
from pathlib import Path

from tosqauyl.cli.office import LEDGER, calls_done, ledger_in, need_ledger
from tosqauyl.cli.texts import choose_language
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl calls derive` to the actions of `tosqauyl calls`."""
    parser = subparsers.add_parser(
        "derive",
        help=t("count the rates of calls that came without them"),
        description=t(
            "Count how often and how widely callers, number ranges and trunks call, for calls that came without these facts, as "
            "a gate would have counted them. Exit code: 0 done, 1 no call lacks them, 2 trouble. A run that was stopped goes on "
            "when the command is given again."
        ),
    )
    parser.add_argument(
        "--calls", metavar="DIR", type=Path, default=LEDGER, help=t("folder of the ledger (default var/ledger)")
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl calls derive`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.derive import derive_rates
    from tosqauyl.ledger.merge import count_hours

    store = ledger_in(options.calls, "--calls")
    started = time.monotonic()
    with calls_done(t) as progress:
        done = derive_rates(store, progress, time.time())
        count_hours(store)
    seconds = time.monotonic() - started
    print(
        t(
            "{rows} calls got rates; {seconds} s, {speed} calls a second.",
            rows=t.count(done.rows),
            seconds=t.decimal(seconds),
            speed=t.count(int(done.counted / max(seconds, 1e-9))),
        )
    )
    if done.tokens:
        print(
            t(
                "Of {n} calls the called number is a token: sequential and neighbour stay unknown.",
                n=t.count(done.tokens),
            )
        )
    if done.left:
        print(t("{n} calls were left out: no calling number, or a broken clock.", n=t.count(done.left)))
    if done.evictions:
        print(
            t(
                "{n} callers were forgotten because too many called within an hour; some counts are too small.",
                n=t.count(done.evictions),
            )
        )
    return 0 if done.rows else 1
