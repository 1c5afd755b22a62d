"""`tosqauyl feed`: tell a gate who is abroad, over HTTP, as an operator's system would; for trials and for scripts.

The token comes from a file or from TOSQAUYL_TOKEN and never from the command line, which other users can see.
"""

import argparse
import json
import os
import ssl
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tosqauyl.cli.feed_client import CHUNK, EVENTS_A_REQUEST, FeedClient, Reply
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

TOKEN_VARIABLE = "TOSQAUYL_TOKEN"  # noqa: S105 - the name of the variable
STATES = ("abroad", "home", "unknown")
MOST_MISTAKES = 20
EXIT_DONE, EXIT_REFUSED, EXIT_TROUBLE = 0, 1, 2

WHYS = {
    "foreign": N_("a number of another operator"),
    "number": N_("no Kazakh mobile number"),
    "state": N_("no such state"),
    "late": N_("older than a newer event"),
    "future": N_("a time in the future: look at the clocks"),
    "unreadable": N_("no E.164 number on the line"),
    "count": N_("not as many numbers as announced"),
    "old": N_("made before the last list, or too long ago"),
    "operator": N_("the client has no operator in the gate's configuration"),
    "too-many": N_("too many events at once"),
    "too-large": N_("the list is too large"),
    "busy": N_("another list is being taken"),
    "reloaded": N_("the number plan changed meanwhile: send it again"),
    "not-stored": N_("the gate could not write it: look at its disk"),
    "abandoned": N_("it took too long"),
}
"""Slugs of a gate, for people."""

PROMISES = {
    "none": N_("the others are unknown"),
    "waiting": N_("the others are unknown until a second list agrees or this one is confirmed"),
    "kept": N_("the others are at home"),
}
"""What it means not to be on the list."""


@dataclass(slots=True)
class Outcome:
    """What came of all requests of a run. held: the answer of the one that was held, problem: of the one refused."""

    requests: int = 0
    accepted: int = 0
    changed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_count: int = 0
    swing_percent: float = 0.0
    sequence: int = 0
    promise: str = ""
    durable: bool = True
    digest: str = ""
    held: bool = False
    problem: str = ""

    def add(self, reply: Reply) -> bool:
        """Take an answer in; whether to go on."""
        body = reply.body
        self.requests += 1
        self.refused.update(one.get("why", "") for one in body.get("refused", ()) if isinstance(one, dict))
        self.refused_count += int(body.get("refused_count", 0))
        self.swing_percent = max(self.swing_percent, float(body.get("swing_percent", 0.0)))
        self.digest = str(body.get("digest", ""))
        if reply.status != 200:
            self.held = reply.slug == "held"
            self.problem = str(body.get("why") or body.get("detail") or body.get("title") or f"HTTP {reply.status}")
            return False
        self.accepted += int(body.get("accepted", 0))
        self.changed += int(body.get("changed", 0))
        self.sequence = int(body.get("sequence", 0))
        self.promise, self.durable = str(body.get("promise", "")), self.durable and bool(body.get("durable", True))
        return True

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {
            "requests": self.requests, "accepted": self.accepted, "changed": self.changed,
            "refused": dict(self.refused), "refused_count": self.refused_count, "swing_percent": self.swing_percent,
            "sequence": self.sequence, "promise": self.promise, "durable": self.durable, "held": self.held,
            "digest": self.digest, "problem": self.problem,
        }  # fmt: skip


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl feed` to the command line."""
    parser = subparsers.add_parser(
        "feed",
        help=t("tell a gate which subscribers are abroad"),
        description=t(
            "Send roaming events or a whole list to a gate over HTTP. "
            "Exit code: 0 all taken, 1 something refused or held, 2 trouble."
        ),
    )
    parser.add_argument("events", metavar="NUMBER=STATE", nargs="*", help=t("an event, such as +77011234567=abroad"))
    parser.add_argument("--to", metavar="URL", required=True, help=t("the gate, such as https://gate.example.kz:8060"))
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help=t("file with the token (default: variable TOSQAUYL_TOKEN)")
    )
    parser.add_argument(
        "--events",
        dest="file",
        metavar="FILE",
        help=t("events, one NUMBER,STATE[,SECONDS] a line; - reads standard input"),
    )
    parser.add_argument(
        "--list", metavar="FILE", help=t("everybody who is abroad, one number a line; - reads standard input")
    )
    parser.add_argument("--complete", action="store_true", help=t("who is not on the list is at home"))
    parser.add_argument("--as-of", metavar="SECONDS", type=float, help=t("when the list was made, seconds since 1970"))
    parser.add_argument("--count", metavar="N", type=int, help=t("how many numbers the list must have"))
    parser.add_argument("--confirm", metavar="DIGEST", help=t("send again what was held, after looking at it"))
    parser.add_argument("--ca", metavar="FILE", help=t("certificate authority of the gate (default: the system's)"))
    parser.add_argument("--certificate", metavar="FILE", help=t("client certificate with its key, PEM"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.add_argument("--json", action="store_true", help=t("print the result as JSON"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl feed`."""
    t = Texts(choose_language(options.lang))
    if bool(options.list) + bool(options.file) + bool(options.events) != 1:
        raise TosqauylError("nothing to send, or too much", hint="give NUMBER=STATE, --events FILE or --list FILE")
    if not options.list and (options.complete or options.as_of is not None or options.count is not None):
        raise TosqauylError("--complete, --as-of and --count go with --list")
    client = FeedClient(options.to, token_of(options.token_file), context_of(options))
    outcome = Outcome()
    with _progress(t, quiet=options.json) as progress:
        if options.list:
            _send_list(client, options, outcome, progress)
        else:
            _send_events(client, list(_events(options)), options.confirm or "", outcome, progress)
    if options.json:
        print(json.dumps(outcome.as_dict(), ensure_ascii=False, indent=1))
    else:
        console = Console(highlight=False)
        console.print(outcome_table(outcome, t))
        if outcome.digest:  # on a line of its own, to be copied
            console.print(t("If it is true, send it again with:"), f"--confirm {outcome.digest}", soft_wrap=True)
    return EXIT_REFUSED if outcome.problem or outcome.refused_count else EXIT_DONE


def token_of(file: Path | None) -> str:
    """The token from a file that others cannot read, or from the environment. TosqauylError where there is none."""
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise TosqauylError("there is no token", hint=f"--token-file FILE, or the variable {TOKEN_VARIABLE}")
    else:
        try:
            if file.stat().st_mode & 0o077:
                raise TosqauylError("others may read the token", str(file), "chmod 600")
            token = file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise TosqauylError(f"the token cannot be read: {what}", str(file)) from None
    if not token.isprintable() or " " in token or not token:
        raise TosqauylError("the token is empty or has blanks in it", str(file or TOKEN_VARIABLE))
    return token


def outcome_table(outcome: Outcome, t: Texts) -> Table:
    """The result, a line a fact; numbers of people are not in it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row(t("Taken"), t.count(outcome.accepted))
    table.add_row(t("Changed"), t.count(outcome.changed))
    table.add_row(t("Refused"), t.count(outcome.refused_count), style="bold red" if outcome.refused_count else "")
    for why, count in sorted(outcome.refused.items()):
        table.add_row(f"  {t.count(count)}", t(WHYS.get(why, why)))
    table.add_row(t("Swing"), f"{t.decimal(outcome.swing_percent)}%")
    if outcome.promise:
        table.add_row(t("Not listed"), t(PROMISES.get(outcome.promise, outcome.promise)))
    if not outcome.durable:
        table.add_row(t("Attention"), t("the gate could not write it to its disk"), style="bold red")
    if outcome.held:
        table.add_row(t("Held"), t("too much would change at once: nothing was applied"), style="bold red")
    elif outcome.problem:
        table.add_row(t("Problem"), t(WHYS.get(outcome.problem, outcome.problem)), style="bold red")
    return table


def read_events(lines: Iterable[str], file: str) -> Iterator[dict[str, Any]]:
    """Events from 'NUMBER,STATE[,SECONDS]' lines; '#' begins a comment. FileMistakes tells the lines, not the numbers."""
    mistakes: list[Mistake] = []
    for place, line in enumerate(lines, 1):
        parts = [part.strip() for part in line.partition("#")[0].split(",")]
        if parts == [""]:
            continue
        event = _event(parts)
        if event is not None:
            yield event
        elif len(mistakes) < MOST_MISTAKES:
            mistakes.append(Mistake(file, place, 0, "is no event", "NUMBER,STATE or NUMBER,STATE,SECONDS"))
    if mistakes:
        raise FileMistakes(mistakes)


def _event(parts: list[str]) -> dict[str, Any] | None:
    digits = parts[0].removeprefix("+")
    if len(parts) not in (2, 3) or not (digits.isascii() and digits.isdigit()) or parts[1] not in STATES:
        return None
    event: dict[str, Any] = {"number": "+" + digits, "state": parts[1]}
    if len(parts) == 3:
        try:
            event["at"] = float(parts[2])
        except ValueError:
            return None
    return event


def _events(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if options.events:
        yield from read_events((text.replace("=", ",", 1) for text in options.events), "NUMBER=STATE")
    elif options.file == "-":
        yield from read_events(sys.stdin, "-")
    else:
        try:
            with open(options.file, encoding="utf-8-sig") as lines:
                yield from read_events(lines, options.file)
        except (OSError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise TosqauylError(f"cannot be read: {what}", options.file) from None


def _send_events(
    client: FeedClient, events: list[dict[str, Any]], confirm: str, outcome: Outcome, progress: Progress
) -> None:
    """In order, and no further than to the first request that is held or refused."""
    bar = progress.add_task("", total=len(events))
    for at in range(0, len(events), EVENTS_A_REQUEST):
        part = events[at : at + EVENTS_A_REQUEST]
        if not outcome.add(client.events(part, confirm)):
            return
        progress.advance(bar, len(part))


def _send_list(client: FeedClient, options: argparse.Namespace, outcome: Outcome, progress: Progress) -> None:
    query = {"complete": "true" if options.complete else "false"}
    query |= {"as_of": f"{options.as_of:.3f}"} if options.as_of is not None else {}
    query |= {"count": str(options.count)} if options.count is not None else {}
    query |= {"confirm": options.confirm} if options.confirm else {}
    with _opened(options.list) as file:
        size = file.seek(0, os.SEEK_END)
        bar = progress.add_task("", total=size)
        outcome.add(client.bulk(file, size, query, lambda sent: progress.update(bar, completed=sent)))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The list; standard input is put into a temporary file first (0600), because its length must be known."""
    try:
        if name != "-":
            with open(name, "rb") as file:
                yield file
            return
        with tempfile.TemporaryFile() as copy:
            while chunk := sys.stdin.buffer.read(CHUNK):
                copy.write(chunk)
            yield copy
    except OSError as error:
        raise TosqauylError(f"cannot be read: {error.strerror}", name) from None


def _progress(t: Texts, quiet: bool) -> Progress:
    console = Console(stderr=True)
    columns = TextColumn(t("sending")), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn()
    return Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True)


def context_of(options: argparse.Namespace) -> ssl.SSLContext:
    """TLS 1.2 or newer, the gate's certificate and name checked."""
    try:
        context = ssl.create_default_context(cafile=options.ca)
        if options.certificate:
            context.load_cert_chain(options.certificate)
    except (OSError, ssl.SSLError) as error:
        raise TosqauylError(
            f"cannot be used: {error}", options.ca or options.certificate, "a PEM file is needed"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
