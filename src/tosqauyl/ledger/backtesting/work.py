"""The folder in which a back-test keeps its parts: held by one process, and not left lying about, for it has calling numbers."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tosqauyl.errors import TosqauylError

FORGOTTEN_SECONDS = 86400.0
"""A folder that nobody wrote to for so long is removed by the next back-test."""


@contextmanager
def held_work(folder: Path) -> Iterator[None]:
    """Make the folder (0700) and hold it; forgotten ones beside it are removed. It is the holder who removes it when all is done.

    Raises TosqauylError where it cannot be made, or another process works in it.
    """
    try:
        folder.parent.parent.mkdir(mode=0o700, exist_ok=True)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        _forget(folder.parent, folder.name, time.time())
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TosqauylError(f"the back-test cannot keep its work: {error.strerror}", str(folder)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise TosqauylError("the same back-test is running already", str(folder), "wait until it is done") from error
    finally:
        os.close(descriptor)


def _forget(works: Path, own: str, now: float) -> None:
    for one in works.iterdir():
        if one.name != own and now - one.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(one, ignore_errors=True)
