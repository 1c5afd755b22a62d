"""Work that takes seconds, done by a process of the lowest priority, so that calls do not wait for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tosqauyl.errors import TosqauylError
from tosqauyl.give_way import lowered

BUILD_SECONDS = 900.0
"""A builder that takes longer is ended: 25 million subscribers take 10 s, on a busy host a minute."""
OUTPUT_KEPT = 64 << 10
"""Characters kept of what a builder says: every mistake of every file, unless the files are junk altogether."""
SWITCH_SECONDS = 0.0005
"""How long the thread may keep the interpreter while a call waits for it; Python's own 5 ms would be added to its answer."""


class Builder:
    """Runs one builder at a time. `run` is called from a thread, `stop` from the loop."""

    def __init__(self) -> None:
        self._is_stopped = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: tuple[str, ...], folder: Path, seconds: float) -> Path:
        """Have a file built; the path that the command prints last, which must be in the folder. seconds: then it is ended.

        Raises TosqauylError with all that the builder says is wrong.
        """
        with TemporaryFile() as out, TemporaryFile() as said:
            try:
                process = self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    lowered(command),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=said,
                )
            except OSError as error:
                raise TosqauylError(f"the builder cannot be started: {error.strerror}") from None
            if self._is_stopped:  # while it was being started
                process.kill()
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise TosqauylError(f"the builder was not done after {seconds:.0f} s") from None
            finally:
                process.kill()
                process.wait()
                self._process = None
            if code:
                raise TosqauylError(_mistakes(_tail(said)) or f"the builder ended with code {code}")
            path = Path(_tail(out).strip().rpartition("\n")[2])
        if path.parent != folder:
            raise TosqauylError("the builder did not say where it wrote its file")
        return path

    def stop(self) -> None:
        """End the one that runs, and any later one."""
        self._is_stopped, process = True, self._process
        if process is not None:
            process.kill()


_quick: list[float] = []
"""The interval before, once for each of those who want it short now."""


@contextmanager
def quick_switches() -> Iterator[None]:
    """Threads take turns more often, so that a call hardly waits for the one that loads. Several may want it at once."""
    _quick.append(_quick[0] if _quick else sys.getswitchinterval())
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        before = _quick.pop()
        if not _quick:
            sys.setswitchinterval(before)


def _tail(file: IO[bytes]) -> str:
    """The last of what a process said."""
    file.seek(max(file.seek(0, os.SEEK_END) - OUTPUT_KEPT, 0))
    return file.read(OUTPUT_KEPT).decode("utf-8", "replace")


def _mistakes(said: str) -> str:
    """From the builder's message on: what stands before it tells how far the work was."""
    _, found, rest = ("\n" + said).rpartition("\ntosqauyl: ")
    return (rest if found else said).strip()
