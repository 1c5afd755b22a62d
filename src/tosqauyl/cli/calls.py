"""`tosqauyl calls`: what the gate decided, from its journal; numbers masked, and whoever reveals them is recorded.

Its actions bring calls into a ledger: `generate` makes them up, `import` takes those of other systems.
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from rich.console import Console, OverflowMethod
from rich.text import Text

from tosqauyl.cli import call_explained, derive_calls, generate, import_calls
from tosqauyl.cli.build import to_stderr
from tosqauyl.cli.report import STYLES, Row, clock_time, make_report, render_report
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.facts import Reason
from tosqauyl.journal.naming import segment_files
from tosqauyl.journal.segment import read_segment
from tosqauyl.journal.tail import Tail
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts
from tosqauyl.tokens import mask

NUMBER_COLUMNS = ("caller", "network", "presented", "remote_party", "redirecting", "called")
PERSONAL_COLUMNS = (*NUMBER_COLUMNS, "display_name", "call_id")
"""Columns that can hold a person's number or name: masked unless --reveal."""
ACCESS_LOG = "access.log"
ACTIONS = (generate, import_calls, derive_calls)
"""Modules with `add_parser(subparsers, t)`: what can follow `tosqauyl calls`."""


def journal_folder(data: Path) -> Path:
    """The folder of the segments in a data folder: its `journal`, or itself if it is a journal folder."""
    return data / "journal" if (data / "journal").is_dir() or not segment_files(data) else data


def read_rows(folder: Path) -> Iterator[Row]:
    """Every row of a journal folder, oldest first."""
    return chain.from_iterable(read_segment(one.path) for one in segment_files(folder))


def masked(row: Row) -> dict[str, object]:
    """The row without what identifies a person: numbers masked, display name and Call-ID left out."""
    hidden = {name: mask(str(row[name])) for name in NUMBER_COLUMNS if name in row}
    hidden |= {name: "***" for name in ("display_name", "call_id") if row.get(name)}
    return {**row, **hidden}


def record_access(data: Path, what: dict[str, object], now: float) -> None:
    """Append to access.log (0600) who looked at numbers in clear, when, and what was asked; OSError if it cannot."""
    line = json.dumps({"at": round(now, 3), "uid": os.getuid(), "what": what}, ensure_ascii=False) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(data / ACCESS_LOG, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def call_line(row: Row, t: Texts) -> Text:
    """One decision on one line: time, verdict, caller, called, trunk, reason."""
    called = str(row["called"])
    line = Text(no_wrap=True)
    line.append(clock_time(float(row["at"])), style="dim")
    line.append(f"  {t.verdict(row['verdict']):<10}", style=STYLES.get(row["verdict"], ""))
    line.append(f" {row['caller'] or '-':<16} → {called[:10] if called.startswith('t:') else called:<14}")
    line.append(f" {row['trunk'][:12]:<12}", style="dim")
    line.append(f" {t.reason(row['reason'])}")
    if row["would_verdict"] != row["verdict"]:
        would = t(
            "monitor: {verdict}, {reason}",
            verdict=t.verdict(row["would_verdict"]),
            reason=t.reason(row["would_reason"]),
        )
        line.append(f"  ({would})", style="magenta")
    return line


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl calls` to the command line."""
    parser = subparsers.add_parser(
        "calls",
        help=t("list the decisions in the journal"),
        description=t("List decisions, numbers masked. Exit code: 0 found some, 1 none matched, 2 trouble."),
    )
    parser.add_argument(
        "--data", metavar="DIR", type=Path, default=Path("var"), help=t("data folder of the gate (default var)")
    )
    parser.add_argument(
        "--last", metavar="N", type=int, default=20, help=t("how many of the newest that match (default 20)")
    )
    parser.add_argument("--stopped", action="store_true", help=t("stopped calls only"))
    parser.add_argument(
        "--reason", metavar="SLUG", choices=[str(one) for one in Reason], help=t("calls with this reason only")
    )
    parser.add_argument(
        "--number", metavar="NUMBER", help=t("calls from or to this number only, as people write it or as a token")
    )
    parser.add_argument("--key", metavar="FILE", type=Path, help=t("key of the tokens (default: token.key of --data)"))
    parser.add_argument("--call-id", metavar="TEXT", help=t("the call with this Call-ID only"))
    parser.add_argument(
        "--explain", action="store_true", help=t("why the newest that matches got its verdict: each rule, each fact")
    )
    parser.add_argument("--report", action="store_true", help=t("count all calls that match instead of listing them"))
    parser.add_argument("--follow", action="store_true", help=t("go on with new decisions until Ctrl-C"))
    parser.add_argument("--reveal", action="store_true", help=t("show numbers in clear; recorded in DIR/access.log"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.add_argument("--json", action="store_true", help=t("one JSON object a line"))
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title=t("actions"), metavar="ACTION", required=False)
    for module in ACTIONS:
        module.add_parser(actions, t)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl calls`."""
    t = Texts(choose_language(options.lang))
    folder = journal_folder(options.data)
    try:
        if not folder.is_dir():
            raise TosqauylError("there is no journal", str(folder), "--data names the data folder of the gate")
        chosen = _chosen(options, t)
        if options.reveal:
            asked = {
                name: getattr(options, name) for name in ("last", "stopped", "reason", "report", "follow", "explain")
            }
            asked |= {"number": mask(options.number or ""), "call_id": bool(options.call_id)}
            record_access(options.data, {"command": "calls", **asked}, time.time())
        if options.explain:
            return _explain(folder, options, chosen, t)
        return _report(folder, options, chosen, t) if options.report else _list(folder, options, chosen, t)
    except OSError as error:
        print(f"tosqauyl calls: {error.filename or folder}: {error.strerror}", file=sys.stderr)
    except TosqauylError as error:
        print(f"tosqauyl calls: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    return 2


Chosen = Callable[[Row], bool]
"""Whether a row is one of those that are asked for."""


def _chosen(options: argparse.Namespace, t: Texts) -> Chosen:
    """Which rows are asked for. Raises TosqauylError for a key that cannot be used."""
    numbers: frozenset[str] = frozenset()
    if options.number:
        spelled, has_key = call_explained.spellings(options)
        numbers = frozenset(spelled)
        if not has_key:
            to_stderr(t("No key was given: tokens of this number were not looked for."))

    def chosen(row: Row) -> bool:
        return (
            (not options.stopped or row["verdict"] == "stop")
            and (not options.reason or options.reason in (row["reason"], row["would_reason"]))
            and (not options.call_id or row["call_id"] == options.call_id)
            and (not numbers or not numbers.isdisjoint(row[name] for name in NUMBER_COLUMNS))
        )

    return chosen


def _explain(folder: Path, options: argparse.Namespace, chosen: Chosen, t: Texts) -> int:
    """Explain the newest row that is asked for."""
    found = _newest(folder, 1, chosen)
    if not found:
        print(t("No call matches."), file=sys.stderr)
        return 1
    shown = found[0] if options.reveal else masked(found[0])
    explained = call_explained.explained(found[0], options.data)
    if options.json:
        print(json.dumps(call_explained.as_data(explained, shown, t), ensure_ascii=False))
        return 0
    console = Console(highlight=False)
    console.print(call_line(shown, t))
    for line in call_explained.lines(explained, shown, t):
        console.print(Text(line))
    return 0


def _report(folder: Path, options: argparse.Namespace, chosen: Chosen, t: Texts) -> int:
    report = make_report(filter(chosen, read_rows(folder)), str(folder))
    if options.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
    else:
        Console(highlight=False).print(render_report(report, t))
    return 0 if report.total.attempts else 1


def _newest(folder: Path, most: int, chosen: Chosen) -> list[Row]:
    """The last matches, oldest first; segments are read from the newest back, so an old journal costs nothing."""
    found: list[Row] = []
    for segment in reversed(segment_files(folder)):
        missing = max(0, most) - len(found)
        if not missing:
            break
        found = [*deque(filter(chosen, read_segment(segment.path)), maxlen=missing), *found]
    return found


def _list(folder: Path, options: argparse.Namespace, chosen: Chosen, t: Texts) -> int:
    show = _shower(options, t)
    # The tail is opened before the journal is read: a call decided in between is shown twice rather than never.
    tail = Tail(folder) if options.follow else None
    found = _newest(folder, options.last, chosen)
    for row in found:
        show(row)
    if not found and not tail:
        print(t("No call matches."), file=sys.stderr)
    while tail:
        for row in filter(chosen, tail.read()):
            show(row)
        sys.stdout.flush()
        time.sleep(0.2)
    return 0 if found else 1


def _shower(options: argparse.Namespace, t: Texts) -> Callable[[Row], None]:
    console = Console(highlight=False)
    overflow: OverflowMethod = "ellipsis" if console.is_terminal else "ignore"

    def show(row: Row) -> None:
        seen = row if options.reveal else masked(row)
        if options.json:
            print(json.dumps(seen, ensure_ascii=False))
        else:
            console.print(call_line(seen, t), crop=console.is_terminal, no_wrap=True, overflow=overflow)

    return show
