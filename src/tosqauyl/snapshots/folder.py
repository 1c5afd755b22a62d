"""The folder where a gate keeps its snapshots: which are there, which may go, and what somebody accepted."""

import time
from contextlib import suppress
from pathlib import Path

from tosqauyl.snapshots.format import SUFFIX

KEPT = 3
"""Snapshots that stay: the one in use, and two to look back at or to start from."""
ACCEPTANCE = "accept-swing"
ACCEPTED_SECONDS = 3600.0
"""So long an acceptance can be used: it is meant for the reload that comes now."""
DRAFT_SECONDS = 3600.0
"""A draft that is older was left by a builder that was killed."""


def newest(folder: Path) -> list[Path]:
    """The snapshots of a folder, newest first; a folder that is not there has none."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def prune(folder: Path, in_use: str) -> None:
    """Remove all but the newest KEPT snapshots and the one in use, and what killed builders left. Never raises.

    A process that has a removed snapshot mapped keeps it.
    """
    for path in newest(folder)[KEPT:]:
        if path.name != in_use:
            with suppress(OSError):
                path.unlink()
    for path in folder.glob(".*.draft"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > DRAFT_SECONDS:
                path.unlink()


def accept(folder: Path) -> Path:
    """Let the next reload swing as far as it will. Raises OSError."""
    path = folder / ACCEPTANCE
    path.touch(mode=0o600)
    return path


def take_acceptance(folder: Path) -> bool:
    """Whether somebody accepted a swing lately; it holds once."""
    path = folder / ACCEPTANCE
    try:
        age = time.time() - path.stat().st_mtime
        path.unlink()
    except OSError:
        return False
    return age < ACCEPTED_SECONDS
