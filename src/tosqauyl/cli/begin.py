"""How `serve` comes to its first snapshot: built by another process, or an earlier one where that fails."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tosqauyl.cli.build import sources_of, to_stderr
from tosqauyl.cli.snapshot import input_flags, snapshot_folder
from tosqauyl.config.load import Config
from tosqauyl.errors import TosqauylError
from tosqauyl.gate.reload import Fresh, fresh_of
from tosqauyl.snapshots.folder import newest
from tosqauyl.snapshots.load import open_snapshot

FALLBACK_HOURS = 24.0
"""An earlier snapshot is used at the start up to this age: an older list of roamers would stop too many of them."""


def builder(options: argparse.Namespace) -> tuple[str, ...]:
    """The command that builds a snapshot from the same inputs."""
    return (sys.executable, "-m", "tosqauyl", "snapshot", "build", *input_flags(options))


def packer(options: argparse.Namespace) -> tuple[str, ...]:
    """The command that fetches and packs what the office publishes."""
    words = [
        word for name in ("config", "data") if getattr(options, name) for word in (f"--{name}", getattr(options, name))
    ]
    return (sys.executable, "-m", "tosqauyl", "publications", "build", *words)


def first_snapshot(options: argparse.Namespace, config: Config) -> tuple[Fresh, str]:
    """The snapshot to begin with, and why it is an earlier one ('' where it is not).

    The builder's lines pass through. Where it fails, the newest sound snapshot of the same inputs that is no older than
    FALLBACK_HOURS is used, and said so: a gate that screens by the lists of this morning is better than none (decision 0014).
    Raises TosqauylError where there is none.
    """
    done = subprocess.run(builder(options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own interpreter and module
    why = "the snapshot could not be built; what is wrong stands above"
    if done.returncode == 0:
        try:
            return _opened(Path(done.stdout.strip().rpartition("\n")[2])), ""
        except TosqauylError as error:
            why = str(error)
    fresh = _earlier(config, options.config or "")
    if fresh is None:
        raise TosqauylError(
            why, hint=f"and there is no earlier one of these inputs from the last {FALLBACK_HOURS:.0f} hours"
        )
    hours = (time.time() - fresh.built) / 3600
    to_stderr(
        f"ALARM: {why}\nALARM: the gate starts with the snapshot of {hours:.1f} hours ago ({fresh.known.hash}); "
        "mend the inputs and reload (SIGHUP)"
    )
    return fresh, why


def _opened(path: Path) -> Fresh:
    file = open_snapshot(path)
    try:
        file.verify()
        return fresh_of(file)
    finally:
        file.close()


def _earlier(config: Config, name: str) -> Fresh | None:
    """The newest snapshot that can be used instead."""
    wanted = sources_of(config, name).names()
    for path in newest(snapshot_folder(config)):
        try:
            file = open_snapshot(path)
            fits = file.head.content.get("sources") == wanted
            file.close()
            if fits and 0 <= time.time() - file.built < FALLBACK_HOURS * 3600:
                return _opened(path)
        except TosqauylError as error:
            to_stderr(f"  {error}")
    return None
