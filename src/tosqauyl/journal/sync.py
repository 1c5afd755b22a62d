"""The journal's background: fsync at a fixed interval, and jobs that may take milliseconds (closing, removing).

The call path never waits for it: `append` only sets a flag, and the thread works on its own copy of the descriptor.
"""

import os
import threading
from collections import deque
from collections.abc import Callable

_SHORTEST = 0.01
"""Shortest interval, seconds: below it the thread would only spin."""

_STOP_SECONDS = 10.0
"""How long `stop` waits for a disk that does not answer."""


class Syncer:
    """One daemon thread. seconds: the interval between fsyncs while something was written; fsync: the system call.

    A failed fsync is counted (`failures`) and tried again at the next interval.
    """

    def __init__(self, seconds: float, fsync: Callable[[int], None] = os.fsync) -> None:
        self.dirty = False
        self.failures = 0
        self.last_error = ""
        self._seconds, self._fsync = max(seconds, _SHORTEST), fsync
        self._copy = -1
        self._watched = -1
        self._jobs: deque[Callable[[], object]] = deque()
        self._wake, self._idle = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._idle.set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def watch(self, descriptor: int) -> None:
        """Sync this file from now on instead of the one before."""
        copy = os.dup(descriptor)
        with self._guard:
            old, self._copy, self._watched = self._copy, copy, descriptor
        if old >= 0:
            self.submit(lambda: os.close(old))

    def forget(self, descriptor: int) -> None:
        """The file is going to be closed."""
        with self._guard:
            if self._watched != descriptor:
                return
            old, self._copy, self._watched = self._copy, -1, -1
        if old >= 0:
            os.close(old)

    def submit(self, job: Callable[[], object]) -> None:
        """Have a job done in the background, in the order of submission. Its OSErrors are counted as failures."""
        self._idle.clear()
        self._jobs.append(job)
        self._wake.set()

    def flush(self, descriptor: int) -> None:
        """One fsync now, in the calling thread; a failure is counted, not raised."""
        try:
            self._fsync(descriptor)
        except OSError as error:
            self.failures += 1
            self.last_error = f"fsync: {error}"

    def settle(self) -> None:
        """Wait until every job submitted so far is done."""
        self._idle.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """Do the jobs that are left and end the thread. The files stay open."""
        self._stopping = True
        self._wake.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(self._seconds)
            self._wake.clear()
            self._do_jobs()
            if not self._stopping:
                self._sync()
        self._do_jobs()

    def _do_jobs(self) -> None:
        while self._jobs:
            try:
                self._jobs.popleft()()
            except OSError as error:
                self.failures += 1
                self.last_error = str(error)
        self._idle.set()

    def _sync(self) -> None:
        """fsync if something was written since the last one. The flag goes down first: a row written meanwhile sets
        it again and is synced at the next interval at the latest."""
        if not self.dirty or self._copy < 0:
            return
        self.dirty = False
        failures = self.failures
        self.flush(self._copy)
        if self.failures != failures:
            self.dirty = True
