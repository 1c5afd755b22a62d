"""`tosqauyl snapshot`: build the file a gate loads, look into one, accept a large change of subscriber states."""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tosqauyl.cli.build import built_of, read_text, sources_of, to_stderr
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.load import Config, default_config, load_config, with_changes
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.append import private_folder
from tosqauyl.snapshots.folder import ACCEPTED_SECONDS, accept
from tosqauyl.snapshots.load import SnapshotFile, open_snapshot
from tosqauyl.snapshots.write import write
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `snapshot`."""
    snapshot = subparsers.add_parser(
        "snapshot", help=t("build or show what a gate knows"), description=t("Work with snapshot files.")
    )
    verbs = snapshot.add_subparsers(title=t("verbs"), metavar="VERB", required=True)
    build = verbs.add_parser(
        "build", help=t("read all inputs and write a snapshot"), description=t("Prints the path as its last line.")
    )
    add_inputs(build, t)
    build.set_defaults(run=run_build)
    show = verbs.add_parser("show", help=t("verify a snapshot and say what is in it"))
    show.add_argument("file", metavar="FILE", help=t("a .tqs file"))
    show.add_argument("--json", action="store_true", help=t("print JSON"))
    show.add_argument("--lang", choices=LANGUAGES, help=t("language of the texts (default: the terminal's)"))
    show.set_defaults(run=run_show)
    accepting = verbs.add_parser(
        "accept", help=t("let the next reload change as many subscriber states as it will"),
        description=t("Holds for one reload within the hour."),
    )  # fmt: skip
    accepting.add_argument("--config", metavar="FILE", help=t("configuration of the gate"))
    accepting.add_argument("--data", metavar="DIR", help=t("folder of the journal and its key"))
    accepting.set_defaults(run=run_accept)


def add_inputs(parser: argparse.ArgumentParser, t: Texts) -> None:
    """The flags that say what a snapshot is made from; those of `serve` are the same."""
    parser.add_argument("--config", metavar="FILE", help=t("configuration (TOML); flags win over it"))
    parser.add_argument("--policy", metavar="FILE", help=t("policy instead of the shipped kz-border"))
    parser.add_argument("--roaming", metavar="FILE", help=t("subscribers who are abroad, one E.164 number a line"))
    parser.add_argument("--roaming-complete", action="store_true", default=None, help=t("who is not in it is at home"))
    parser.add_argument("--data", metavar="DIR", help=t("folder of the journal and its key"))


def input_flags(options: argparse.Namespace) -> list[str]:
    """The flags of `add_inputs` as they were given, for a builder in a process of its own."""
    words = []
    for name in ("config", "policy", "roaming", "data"):
        if getattr(options, name):
            words += [f"--{name}", getattr(options, name)]
    return [*words, "--roaming-complete"] if options.roaming_complete else words


def inputs_config(options: argparse.Namespace) -> Config:
    """The file's configuration (or the defaults) with the flags of `add_inputs` on top."""
    config = load_config(read_text(options.config), options.config) if options.config else default_config()
    return with_changes(
        config, data=options.data, policy=options.policy, roaming=options.roaming, complete=options.roaming_complete
    )


def snapshot_folder(config: Config) -> Path:
    """Where a gate's snapshots lie."""
    return Path(config.data) / "snapshots"


def run_build(options: argparse.Namespace) -> int:
    """Build and write; the path is the last line of standard output."""
    config = inputs_config(options)
    file = options.config or ""
    built = built_of(config, file, to_stderr)
    folder = snapshot_folder(config)
    private_folder(Path(config.data))
    private_folder(folder)
    try:
        path = write(built, sources_of(config, file), folder)
    except OSError as error:
        raise TosqauylError(f"the snapshot cannot be written: {error.strerror}", str(folder)) from None
    print(path, flush=True)
    return 0


def run_accept(options: argparse.Namespace) -> int:
    """Leave the mark that the gate looks for."""
    config = load_config(read_text(options.config), options.config) if options.config else default_config()
    folder = snapshot_folder(with_changes(config, data=options.data))
    try:
        path = accept(folder)
    except OSError as error:
        hint = "--data or --config must be those of the gate"
        raise TosqauylError(f"cannot be written: {error.strerror}", str(folder), hint) from None
    t = Texts(choose_language(None))
    minutes = int(ACCEPTED_SECONDS // 60)
    print(t("The next reload within {minutes} minutes may change any number of states ({path}).",
            minutes=minutes, path=path))  # fmt: skip
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Verify everything, then show what is in it."""
    path = Path(options.file)
    file = open_snapshot(path)
    try:
        file.verify()
        file.load()
    finally:
        file.close()
    if options.json:
        content = {"hash": file.head.hash, "built": file.built, "bytes": file.head.size, **file.head.content}
        print(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        _show(file, Texts(choose_language(options.lang)))
    return 0


def _show(file: SnapshotFile, t: Texts) -> None:
    content, console = file.head.content, Console(highlight=False)
    part = {name: content.get(name, {}) for name in ("policy", "plan", "ported", "indicators", "subscribers")}
    states = part["subscribers"]
    rows = [
        (t("snapshot"), file.head.hash),
        (t("built"), _when(file.built, t)),
        (t("size"), f"{t.decimal(file.head.size / 1e6)} MB"),
        (t("policy"), f"{part['policy']['name']} {part['policy']['hash']}, {t('rules')}: {part['policy']['rules']}"),
        (t("number plan"), f"{part['plan']['version']} {part['plan']['hash']}"),
        (t("ported numbers"), t.count(part["ported"]["numbers"])),
        (t("indicators"), t.count(part["indicators"]["entries"])),
        (t("subscribers abroad"), t.count(states["abroad"])),
        (t("subscribers at home"), t.count(states["home"])),
        (t("roaming number ranges"), t.count(len(content["msrn"]))),
        (t("roaming feeds"), ", ".join(f"{name} {place[1]}" for name, place in content["feeds"].items()) or "-"),
    ]
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in rows:
        table.add_row(name, escape(str(value)))
    console.print(table)
    inputs = Table(box=None, padding=(0, 2, 0, 0))
    for column in (t("input"), t("file"), t("modified"), t("bytes"), "SHA-256"):
        inputs.add_column(column, overflow="fold")
    for one in content["inputs"]:
        modified = _when(one["modified"], t) if one["modified"] else ""
        inputs.add_row(one["kind"], escape(Path(one["name"]).name), modified, t.count(one["size"]), one["digest"][:16])
    console.print(inputs)


def _when(moment: float, t: Texts) -> str:
    """A time and how long ago it was."""
    hours = max(time.time() - moment, 0.0) / 3600
    ago = t("{hours} h ago", hours=t.decimal(hours))
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC ({ago})"
