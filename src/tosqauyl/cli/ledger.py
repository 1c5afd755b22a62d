"""`tosqauyl ledger`: take what a gate decided into the ledger, look at how it stands, keep it no longer than wanted."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tosqauyl.cli.build import to_stderr
from tosqauyl.cli.calls import journal_folder, record_access
from tosqauyl.cli.office import LEDGER, SAID_EVERY, need_ledger
from tosqauyl.cli.policies_kept import keep_policies
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts
from tosqauyl.tokens import Tokens, load_key, mask

if TYPE_CHECKING:
    from tosqauyl.ledger.status import Status
    from tosqauyl.ledger.store import Store
    from tosqauyl.ledger.take import Taken, Taking

KEY = "token.key"
_COUNTED = (N_("rows"), N_("files"), N_("days"), N_("MB"), N_("from – to (UTC)"))
_ENDING = (signal.SIGINT, signal.SIGTERM)
"""A service is stopped by SIGTERM, and what a shell starts in the background ignores SIGINT unless told otherwise."""
_LOOK_SECONDS = 0.5
_COUNTED_AT_ONCE = 4
"""Small files that get their counts between two looks for closed segments: what was taken since the last, and a rest of earlier."""
_GIVES_WAY = 10
"""Niceness of merging, which can wait: a gate on the same machine, taking, and whoever asks for figures go first. Taking
itself must not give way: what is not taken is read row by row by whoever asks, who then takes the processor for longer."""
_SWEEP_SECONDS = 60.0
"""A sweep looks at every file of the ledger; what it removes has been there for an hour."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl ledger` to the command line."""
    about = t("Take decisions into the ledger, see how it stands, keep it no longer than wanted.")
    parser = subparsers.add_parser("ledger", help=t("take decisions into the ledger and keep it"), description=about)
    actions = parser.add_subparsers(title=t("commands"), metavar="COMMAND", required=True)
    _add_take(actions, t)
    _add_status(actions, t)
    _add_keep(actions, t)
    _add_erase(actions, t)


def _add_take(actions: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts) -> None:
    parser = actions.add_parser(
        "take",
        help=t("take a gate's closed segments, each once"),
        description=t(
            "Take every closed segment of a gate's journal that is not in the ledger, and merge small files. It may be"
            " stopped at any moment and given again. Exit code: 0 done, 2 trouble."
        ),
    )
    parser.add_argument(
        "--gate", metavar="NAME", default="gate", help=t("what the gate is called in the ledger (default gate)")
    )
    parser.add_argument("--follow", action="store_true", help=t("go on with new segments until Ctrl-C"))
    parser.add_argument(
        "--tokenise",
        metavar="COLUMNS",
        default="",
        help=t("numbers to be kept as tokens, for example caller,presented"),
    )
    _add_key(parser, t)
    _common(parser, take, t)


def _add_status(actions: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts) -> None:
    parser = actions.add_parser(
        "status",
        help=t("rows, files, days, and what is not taken yet"),
        description=t("How the ledger stands. Exit code: 0 done, 1 it is empty, 2 trouble."),
    )
    parser.add_argument("--json", action="store_true", help=t("print JSON"))
    _common(parser, status, t)


def _add_keep(actions: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts) -> None:
    parser = actions.add_parser(
        "keep",
        help=t("make tokens of old numbers, remove old rows"),
        description=t(
            "Make tokens of numbers and remove rows after so many days. The hourly counts of removed calls stay,"
            " without any number. Meant to be run once a day."
        ),
    )
    parser.add_argument(
        "--tokenise-after", metavar="DAYS", type=_days, default=0, help=t("numbers become tokens after so many days")
    )
    parser.add_argument(
        "--remove-after", metavar="DAYS", type=_days, default=0, help=t("rows are removed after so many days")
    )
    parser.add_argument(
        "--table", choices=("calls", "outcomes", "daily"), default="calls", help=t("which rows (default calls)")
    )
    _add_key(parser, t)
    _common(parser, keep, t)


def _add_erase(actions: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts) -> None:
    parser = actions.add_parser(
        "erase",
        help=t("forget a number"),
        description=t(
            "Empty what identifies a person in every row that has this number, in clear or as a token. It cannot be"
            " undone, and is recorded in access.log of the ledger. Exit code: 0 done, 1 no row had it, 2 trouble."
        ),
    )
    parser.add_argument("number", metavar="NUMBER", help=t("as the ledger has it, for example +77011234567"))
    parser.add_argument("--yes", action="store_true", help=t("really do it"))
    _add_key(parser, t)
    _common(parser, erase, t)


def _add_key(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument("--key", metavar="FILE", type=Path, help=t("key of the tokens (default: token.key of --data)"))


def _common(parser: argparse.ArgumentParser, run: object, t: Texts) -> None:
    parser.add_argument(
        "--data", metavar="DIR", type=Path, default=Path("var"), help=t("data folder of the gate (default var)")
    )
    parser.add_argument(
        "--ledger", metavar="DIR", type=Path, default=LEDGER, help=t("folder of the ledger (default var/ledger)")
    )
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.set_defaults(run=run)


def take(options: argparse.Namespace) -> int:
    """Run `tosqauyl ledger take`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.merge import count_hours, merge
    from tosqauyl.ledger.store import Store
    from tosqauyl.ledger.take import Taken

    taking = _taking(options)
    store = Store(options.ledger)
    store.sweep(time.time())
    if options.follow:
        return _follow(store, options, taking, t)
    keep_policies(options.data, options.ledger)
    started, total = time.monotonic(), Taken()
    for done in _told(store, options, taking, t):
        total += done
    for _ in merge(store, time.time()):
        pass
    count_hours(store)
    print(_line(total, t) + " " + t("{seconds} s.", seconds=t.decimal(time.monotonic() - started)))
    return 2 if total.unread else 0


def _told(store: "Store", options: argparse.Namespace, taking: "Taking", t: Texts) -> Iterator["Taken"]:
    """Take, telling what is damaged at once and how far it is now and then."""
    from tosqauyl.ledger.take import take, waiting

    journal = journal_folder(options.data)
    count, segments, told = len(waiting(store, journal)), 0, time.monotonic()
    for done in take(store, journal, taking):
        _tell_damage(done, set(), t)
        segments += done.segments
        if time.monotonic() - told >= SAID_EVERY:
            told = time.monotonic()
            to_stderr(t("{done} of {count} segments", done=t.count(segments), count=t.count(count)))
        yield done


def _follow(store: "Store", options: argparse.Namespace, taking: "Taking", t: Texts) -> int:
    """Take what is closed and count it, merge beside it, until Ctrl-C. What fails is told, once, and tried again."""
    from tosqauyl.ledger.merge import BIG_ROWS, count_hours
    from tosqauyl.ledger.take import take

    journal, said, damaged = journal_folder(options.data), "", set[str]()
    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)
    keep_policies(options.data, options.ledger)
    to_stderr(t("Following {folder}. Stop with Ctrl-C.", folder=journal))
    with ThreadPoolExecutor(1, "ledger-merge", _give_way) as pool:
        merging, swept = pool.submit(_merge_some, store), time.monotonic()
        with suppress(KeyboardInterrupt):
            while True:
                try:
                    for done in take(store, journal, taking):
                        _tell_damage(done, damaged, t)
                        if done.segments:
                            to_stderr(_line(done, t))
                            keep_policies(options.data, options.ledger)
                    count_hours(store, _COUNTED_AT_ONCE, below=BIG_ROWS / 2)
                    if merging.done():
                        is_due = time.monotonic() - swept >= _SWEEP_SECONDS
                        swept = time.monotonic() if is_due else swept
                        last, merging = merging, pool.submit(_merge_some, store, is_due)
                        last.result()
                    said = ""
                except TosqauylError as error:
                    if str(error) != said:
                        to_stderr(f"tosqauyl ledger: {error}")
                    said = str(error)
                time.sleep(_LOOK_SECONDS)
    return 0


def _give_way() -> None:
    """Lower the priority of this thread and of those it starts (Linux; elsewhere of the whole process, so not at all)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVES_WAY)


def _merge_some(store: "Store", sweep: bool = False) -> None:
    """One merge, if there is something to merge, and its counts; and now and then the removal of what was replaced long ago."""
    from tosqauyl.ledger.merge import count_hours, merge

    next(merge(store, time.time()), None)
    count_hours(store, 1)
    if sweep:
        store.sweep(time.time())


def _taking(options: argparse.Namespace) -> "Taking":
    from tosqauyl.ledger.keep import NUMBERS
    from tosqauyl.ledger.take import Taking

    columns = tuple(options.tokenise.split(",")) if options.tokenise else ()
    wrong = next((name for name in columns if name not in NUMBERS), "")
    if wrong:
        raise TosqauylError(f"no column {wrong!r} holds numbers", "--tokenise", "one of " + ", ".join(NUMBERS))
    return Taking(options.gate, _tokens(options) if columns else None, columns)


def _tokens(options: argparse.Namespace) -> Tokens:
    """Tokens under the key of the gate, or the one that is named; it must be there, no new one is made."""
    path: Path = options.key or options.data / KEY
    if not path.exists():
        raise TosqauylError(
            "there is no key for tokens", str(path), "--key names the file; a gate makes DATA/token.key"
        )
    return Tokens(load_key(path))


def _tell_damage(done: "Taken", told: set[str], t: Texts) -> None:
    """Name what could not be read: damaged lines always, segments once."""
    for line in done.damage:
        to_stderr(t("passed over: {what}", what=line))
    if done.skipped > len(done.damage):
        to_stderr(t("passed over: {count} lines in all", count=t.count(done.skipped)))
    for line in done.unread:
        if line not in told:
            to_stderr(t("not read: {what}", what=line))
    told.update(done.unread)


def _line(done: "Taken", t: Texts) -> str:
    rows, segments, skipped = t.count(done.rows), t.count(done.segments), t.count(done.skipped)
    return t(
        "{rows} decisions taken from {segments} segments, {skipped} lines passed over.",
        rows=rows,
        segments=segments,
        skipped=skipped,
    )


def status(options: argparse.Namespace) -> int:
    """Run `tosqauyl ledger status`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.status import status_of

    found = status_of(_existing(options.ledger), journal_folder(options.data))
    if options.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=1))
    else:
        console = Console(highlight=False)
        console.print(_tables(found, t))
        console.print(_origins(found, t))
        for line in _standing(found, t):
            console.print(line)
    return 0 if any(one.rows for one in found.tables) else 1


def _tables(found: "Status", t: Texts) -> Table:
    table = Table(t("rows of"), *(t(name) for name in _COUNTED), title=t("Ledger, revision {n}", n=found.revision))
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found.tables:
        days = f"{one.first_day} – {one.last_day}" if one.files else "-"
        numbers = t.count(one.rows), t.count(one.files), t.count(one.days), t.decimal(one.bytes / 1e6)
        table.add_row(one.name, *numbers, days)
    return table


def _origins(found: "Status", t: Texts) -> Table:
    table = Table(t("origin"), t("batches"), t("rows"))
    for name, batches, rows in found.origins:
        table.add_row(name, t.count(batches), t.count(rows))
    return table


def _standing(found: "Status", t: Texts) -> Iterator[str]:
    """What is not taken yet, in words."""
    journal = found.journal
    if journal is None:
        yield t("There is no journal in {folder}.", folder=found.folder)
        return
    yield t(
        "Not taken yet: {count} closed segments, {size} MB; the open one has {open} MB.",
        count=t.count(journal.waiting),
        size=t.decimal(journal.waiting_bytes / 1e6),
        open=t.decimal(journal.open_bytes / 1e6),
    )
    if journal.lost:
        yield t("{count} segments were removed before they were taken.", count=t.count(journal.lost))


def keep(options: argparse.Namespace) -> int:
    """Run `tosqauyl ledger keep`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.keep import Periods, keep

    if not options.tokenise_after and not options.remove_after:
        raise TosqauylError("no period is given", "ledger keep", "give --tokenise-after or --remove-after")
    tokens = _tokens(options) if options.tokenise_after else None
    periods = Periods(options.table, options.tokenise_after, options.remove_after)
    store = _existing(options.ledger)
    done = keep(store, periods, tokens, time.time())
    store.sweep(time.time())
    print(
        t(
            "{tokenised} rows got tokens; {removed} rows of {days} days removed, {counts} counts stay of them.",
            tokenised=t.count(done.tokenised),
            removed=t.count(done.removed),
            days=t.count(done.days),
            counts=t.count(done.counts),
        )
    )
    return 0


def erase(options: argparse.Namespace) -> int:
    """Run `tosqauyl ledger erase`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.keep import erase

    if not options.yes:
        raise TosqauylError("an erasure cannot be undone", "ledger erase", "give --yes to do it")
    number = options.number.strip()
    if not number:
        raise TosqauylError("there is no number to erase", "NUMBER", "for example +77011234567")
    store = _existing(options.ledger)
    has_key = options.key is not None or (options.data / KEY).exists()
    # The number itself is not written down: the log must not keep what is to be forgotten.
    record_access(options.ledger, {"command": "ledger erase", "number": mask(number), "tokens": has_key}, time.time())
    done = erase(store, number, (_tokens(options),) if has_key else ())
    print(
        t(
            "Erased in {calls} rows of calls and {outcomes} of outcomes; {files} files were written anew.",
            calls=t.count(done.calls),
            outcomes=t.count(done.outcomes),
            files=t.count(done.files),
        )
    )
    if not has_key:
        to_stderr(t("No key was given: tokens of this number were not looked for."))
    return 0 if done.calls else 1


def _existing(folder: Path) -> "Store":
    from tosqauyl.ledger.store import Store

    if not folder.is_dir():
        raise TosqauylError(
            "there is no ledger", str(folder), "--ledger names its folder; `tosqauyl ledger take` makes it"
        )
    return Store(folder)


def _days(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
