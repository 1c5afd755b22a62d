"""`tosqauyl calls import`: calls and outcomes of other systems become rows of the ledger."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tosqauyl.cli.office import LEDGER, need_ledger
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.imports.run import Done, Options

KINDS = ("csv", "parquet", "asterisk", "freeswitch", "kamailio", "hep", "pcap", "radius")
DIRECTIONS = ("international", "domestic")
TRUSTED = ("asserted", "remote_party")
SAID_EVERY = 5.0
"""Seconds between lines of progress where there is no terminal."""

NOTES = {
    "recoded_lines": N_("{n} lines were not UTF-8 and were read as {encoding}"),
    "nul_removed": N_("{n} lines had NUL characters, which were removed"),
    "time_skipped": N_("{n} rows have a local time that the clocks skipped; taken with the offset before the change"),
    "time_repeated": N_(
        "{n} rows have a local time that the clocks showed twice; taken with the offset before the change"
    ),
    "clock_backwards": N_("{n} times a row is earlier than the one before: a clock set back, or a file not in order"),
    "passed_over": N_("{n} rows are neither calls nor ends of calls and were passed over"),
    "other_lines": N_("{n} lines of the log are of others and were passed over"),
    "repeated_rows": N_("{n} rows tell of the same transaction again"),
    "fragments": N_("{n} packets are fragments; of a datagram in fragments the first was read"),
    "not_ip": N_("{n} packets are not IP"),
    "not_udp_tcp": N_("{n} packets are neither UDP nor TCP"),
    "not_sip": N_("{n} packets are not SIP"),
    "cut_packets": N_("{n} packets are cut off or malformed"),
    "cut_messages": N_("{n} SIP messages were cut off in their body; the head was read"),
    "sip_unreadable": N_("{n} SIP messages cannot be read"),
    "tcp_gaps": N_("{n} times a TCP segment is missing"),
    "tcp_unreadable": N_("{n} TCP connections carry what is no SIP"),
    "repeated_invites": N_("{n} INVITEs repeat a call: resent, challenged, or seen on the next hop"),
    "ends_without_invite": N_("{n} BYEs or CANCELs belong to calls that began before the capture"),
}
"""What is said of each thing that was counted."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl calls import` to the command line."""
    parser = subparsers.add_parser(
        "import",
        help=t("take calls of other systems into the ledger"),
        description=t(
            "Take calls and their outcomes from CDRs, accounting, HEP or captures into the ledger. Exit code: 0 took some, "
            "1 nothing new, 2 trouble."
        ),
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help=t("files, packed with gzip or not"))
    parser.add_argument(
        "--ledger", metavar="DIR", type=Path, default=LEDGER, help=t("folder of the ledger (default var/ledger)")
    )
    parser.add_argument("--kind", choices=KINDS, help=t("kind of the files (told from the content if not given)"))
    parser.add_argument(
        "--mapping",
        metavar="FILE",
        help=t("what the columns mean: a TOML file, or the name of a mapping that comes along"),
    )
    parser.add_argument(
        "--origin", metavar="NAME", default="", help=t("name of the source in the ledger (default: the kind)")
    )
    parser.add_argument(
        "--rejects", metavar="FILE", type=Path, help=t("append rows that cannot be taken to this CSV file")
    )
    _add_facts(parser, t)
    parser.add_argument("--outcomes-only", action="store_true", help=t("take what became of calls, and no calls"))
    parser.add_argument("--again", action="store_true", help=t("take what was taken before once more"))
    parser.add_argument("--json", action="store_true", help=t("one JSON object a file"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    parser.set_defaults(run=run)


def _add_facts(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument("--direction", choices=DIRECTIONS, default="", help=t("where all the calls come from"))
    parser.add_argument("--trunk", metavar="ID", default="", help=t("trunk of all the calls"))
    parser.add_argument("--carrier", metavar="NAME", default="", help=t("carrier of all the calls"))
    parser.add_argument("--zone", default="", help=t("time zone of local times (default Asia/Almaty)"))
    parser.add_argument("--encoding", default="", help=t("encoding of lines that are not UTF-8 (default cp1251)"))
    parser.add_argument(
        "--trust",
        choices=TRUSTED,
        action="append",
        default=[],
        help=t("for HEP and pcap: header that speaks for the network"),
    )


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl calls import`."""
    t = Texts(choose_language(options.lang))
    need_ledger()
    from tosqauyl.ledger.imports.rejects import RejectFile
    from tosqauyl.ledger.imports.run import Importer
    from tosqauyl.ledger.merge import count_hours
    from tosqauyl.ledger.store import Store

    store, rejects = Store(options.ledger), RejectFile(options.rejects)
    importer = Importer(store, _options(options), rejects)
    taken = 0
    try:
        for path in options.files:
            with _progress(path.name, t) as progress:
                done = importer.take(path, progress)
            taken += done.calls + done.outcomes
            _tell(done, options, t)
    finally:
        importer.close()
    _tell_rejects(rejects, options, t)
    count_hours(store)
    return 0 if taken else 1


def _options(options: argparse.Namespace) -> "Options":
    from tosqauyl.ledger.imports.mapping import load_mapping, shipped
    from tosqauyl.ledger.imports.run import Options

    mapping = None
    if options.mapping:
        path = Path(options.mapping)
        try:
            text = path.read_text("utf-8") if path.suffix == ".toml" or path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise TosqauylError(f"the mapping cannot be read: {error}", str(path)) from error
        mapping = load_mapping(text, str(path)) if text or path.suffix == ".toml" else shipped(options.mapping)
    return Options(
        options.kind or "",
        mapping,
        options.origin,
        {"direction": options.direction, "trunk": options.trunk, "carrier": options.carrier},
        options.zone,
        options.encoding,
        frozenset(options.trust),
        options.again,
        options.outcomes_only,
    )


@contextmanager
def _progress(name: str, t: Texts) -> Iterator[Callable[["Done", float | None], None]]:
    """Shows how far a file is and how many rows a second are read: a bar on a terminal, else a line now and then."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[said]}"),
        )
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            task = bar.add_task(name, total=1.0, said="")
            yield lambda done, share: bar.update(task, completed=share or 0.0, said=_rate(done, t))
        return
    last = time.monotonic()

    def say(done: "Done", share: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= SAID_EVERY:
            last = time.monotonic()
            console.print(f"{name}: {(share or 0.0) * 100:.0f} %, {_rate(done, t)}", soft_wrap=True)

    yield say


def _rate(done: "Done", t: Texts) -> str:
    rows = done.rows + done.before
    return t("{rows} rows, {rate} rows/s", rows=t.count(rows), rate=t.count(round(rows / max(done.seconds, 0.001))))


def _tell(done: "Done", options: argparse.Namespace, t: Texts) -> None:
    if options.json:
        print(json.dumps(_as_dict(done), ensure_ascii=False))
        return
    summary = t(
        "{file}: {rows} rows read, {calls} calls and {outcomes} outcomes taken, {rejected} rows rejected",
        file=done.file,
        rows=t.count(done.rows),
        calls=t.count(done.calls),
        outcomes=t.count(done.outcomes),
        rejected=t.count(done.rejected),
    )
    print(f"{summary} ({done.kind}{f', {done.mapping}' if done.mapping else ''}; {_rate(done, t)})")
    for line in _notes(done, options, t):
        print(f"  {line}")


def _notes(done: "Done", options: argparse.Namespace, t: Texts) -> Iterator[str]:
    if done.before:
        yield t("{n} rows were taken before; --again takes them once more", n=t.count(done.before))
    if done.cells:
        yield t("{n} cells cannot be read; their rows were taken without them", n=t.count(done.cells))
    for slug, count in sorted(done.counts.items()):
        text = NOTES.get(slug, "{n} " + slug)
        encoding = options.encoding or "cp1251"
        yield t(text, n=t.count(count), encoding=encoding) if slug == "recoded_lines" else t(text, n=t.count(count))
    if done.calls and "direction" not in done.recorded:
        yield t("No direction is known: rules about calls from abroad hold for none of these; --direction gives one")
    if done.calls and "call_id" not in done.recorded:
        yield t("The file has no Call-ID: outcomes of other files cannot be joined to these calls")


def _as_dict(done: "Done") -> dict[str, Any]:
    names = ("file", "kind", "mapping", "rows", "calls", "outcomes", "rejected", "cells", "before")
    return {
        **{name: getattr(done, name) for name in names},
        "seconds": round(done.seconds, 3),
        "counts": dict(sorted(done.counts.items())),
        "recorded": sorted(done.recorded),
    }


def _tell_rejects(rejects: Any, options: argparse.Namespace, t: Texts) -> None:
    """Reasons and how often, on stderr; where the rows are to be found."""
    if not rejects.counts:
        return
    for (what, reason), count in rejects.counts.most_common(10):
        shown = t("rows") if what == "row" else t("cells")
        print(f"  {t.count(count)} {shown}: {reason}", file=sys.stderr)
    if options.rejects:
        print(t("Each is listed in {path}.", path=options.rejects), file=sys.stderr)
    else:
        print(t("--rejects FILE.csv lists each with its line and text."), file=sys.stderr)
