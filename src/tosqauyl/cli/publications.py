"""`tosqauyl publications`: what the office publishes, fetched and packed for a gate; and what a gate has of it."""

import argparse
import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tosqauyl.cli.asking import office_of
from tosqauyl.cli.build import read_text
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.load import Config, default_config, load_config, with_changes
from tosqauyl.errors import TosqauylError
from tosqauyl.gate.publication_log import documents, follow, log_files
from tosqauyl.journal.append import private_folder
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.office.list_text import Listed, ListReader
from tosqauyl.networks.office.terms import Office
from tosqauyl.snapshots.folder import newest
from tosqauyl.snapshots.published import map_published, write_published
from tosqauyl.state.published import Published
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `publications`."""
    parser = subparsers.add_parser(
        "publications",
        help=t("numbers the office publishes"),
        description=t("Work with the list that the office publishes."),
    )
    verbs = parser.add_subparsers(title=t("verbs"), metavar="VERB", required=True)
    build = verbs.add_parser(
        "build", help=t("fetch the whole list and pack it"), description=t("Prints the path as its last line.")
    )
    show = verbs.add_parser("show", help=t("say what list a gate has, or what it says of a number"))
    show.add_argument("--number", metavar="NUMBER", help=t("a number: +77011234567, or a short one"))
    show.add_argument("--json", action="store_true", help=t("print JSON"))
    show.add_argument("--lang", choices=LANGUAGES, help=t("language of the texts (default: the terminal's)"))
    for verb, run in ((build, run_build), (show, run_show)):
        verb.add_argument("--config", metavar="FILE", help=t("configuration of the gate"))
        verb.add_argument("--data", metavar="DIR", help=t("folder of the journal and its key"))
        verb.set_defaults(run=run)


def publications_folder(config: Config) -> Path:
    """Where a gate keeps what the office published."""
    return Path(config.data) / "publications"


def run_build(options: argparse.Namespace) -> int:
    """Fetch, check, pack, write; the path is the last line of standard output."""
    config = _config(options)
    if not config.publications.office.source:
        raise TosqauylError("no office is configured", options.config or "", "set url or folder in [publications]")
    listed = asyncio.run(_fetch(office_of(config.publications.office)))
    folder = publications_folder(config)
    private_folder(Path(config.data))
    private_folder(folder)
    try:
        path = write_published(folder, listed.list_id, listed.seq, listed.packed)
    except OSError as error:
        raise TosqauylError(f"the list cannot be written: {error.strerror}", str(folder)) from None
    print(path, flush=True)
    return 0


async def _fetch(office: Office) -> Listed:
    reader = ListReader()
    try:
        await office.fetch(reader.take)
    except AskFailed as failed:
        raise TosqauylError(f"the office did not give its list: {failed}") from None
    finally:
        await office.close()
    return reader.finish()


def run_show(options: argparse.Namespace) -> int:
    """What the gate of this data folder has, from its files: nobody is asked. 1 where there is none, or not that number."""
    published, heard = recall(publications_folder(_config(options)))
    now = time.time()
    t = Texts(choose_language(options.lang))
    found: dict[str, object] = {
        "list": published.list_id, "seq": published.seq, "entries": len(published), "changes": published.changes,
        "age_seconds": round(max(now - heard, 0.0), 1) if heard else -1.0,
    }  # fmt: skip
    lines = [t("no list is here yet")] if not published.list_id else [
        t("list {list} up to change {seq}: {entries} entries; the office was heard {minutes} min ago", list=published.list_id[:8],
          seq=published.seq, entries=t.count(len(published)), minutes=t.decimal(max(now - heard, 0.0) / 60)),
    ]  # fmt: skip
    fine = bool(published.list_id)
    if options.number:
        hit = published.find(options.number, now)
        found |= {"listed": hit.listed, "id": hit.id}
        lines.append(f"{hit.listed} {hit.id}".strip())
        fine = hit.listed != "none"
    print(json.dumps(found) if options.json else "\n".join(lines))
    return 0 if fine else 1


def recall(folder: Path) -> tuple[Published, float]:
    """What a gate would begin with, and when the office was heard last (seconds since 1970, 0 for never); changes no file."""
    published, heard = Published(), 0.0
    for path in newest(folder):
        with suppress(TosqauylError):
            found = map_published(path)
            published.replace(found.indicators, found.list_id, found.seq, keep=False)
            heard = found.built
            break
    with suppress(OSError):
        files = log_files(folder) if published.list_id else []
        heard = max((path.stat().st_mtime for path in files), default=heard)
        follow(published, [told for path in files for told in documents(path)[0]])
    return published, heard


def _config(options: argparse.Namespace) -> Config:
    config = load_config(read_text(options.config), options.config) if options.config else default_config()
    return with_changes(config, data=options.data)
