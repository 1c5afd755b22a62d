"""Waiting for the list's next change: one look at the database each half second for all who wait; where this process itself commits
they are woken at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

from tosqauyl.registry.errors import RegistryError
from tosqauyl.registry.list_text import MOST_CHANGES, changes_text
from tosqauyl.registry.publish import BELL, changes
from tosqauyl.registry.store import Work

EVERY = 0.5
"""Seconds between two looks for what another process committed."""
MOST_TEXTS = 16


class Watch:
    """Of one event loop. look: the seq of the last change, read in a thread; raises RegistryError where it cannot be read.

    Whoever waits holds no thread: one task looks as long as anybody waits. every: seconds between two looks.
    """

    def __init__(self, look: Callable[[], int], every: float = EVERY) -> None:
        self._look, self._every, self._loop = look, every, asyncio.get_running_loop()
        self._seen = 0
        self._closed = False
        self._rung, self._waiting = asyncio.Event(), 0
        self._next: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, known: int, seconds: float) -> None:
        """Return when there is a change after `known`, or the time is over."""
        self._waiting += 1
        try:
            if self._task is None or self._task.done():
                BELL.listen(self._ring)
                self._task = self._loop.create_task(self._watch(known))
            else:
                self._rung.set()  # it may have come between this caller's reading and its waiting
            with suppress(TimeoutError):
                await asyncio.wait_for(self._until(known), seconds)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._rung.set()

    def close(self) -> None:
        """Let everybody go who waits, and nobody wait any more: the office is being stopped."""
        self._closed = True
        self._next.set_result(None)
        self._next = self._loop.create_future()

    async def _until(self, known: int) -> None:
        while self._seen <= known and not self._closed:
            await asyncio.shield(self._next)

    def _ring(self) -> None:
        self._loop.call_soon_threadsafe(self._rung.set)

    async def _watch(self, known: int) -> None:
        """Look, tell, until nobody waits."""
        self._seen = known
        try:
            while self._waiting:
                self._rung.clear()
                with suppress(RegistryError):
                    self._tell(await run_in_threadpool(self._look))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._rung.wait(), self._every)
        finally:
            BELL.forget(self._ring)

    def _tell(self, seq: int) -> None:
        if seq != self._seen:
            self._seen = seq
            self._next.set_result(None)
            self._next = self._loop.create_future()


class Watches:
    """A watch for each event loop: an application is served by one, tests make several."""

    def __init__(self, look: Callable[[], int]) -> None:
        self._look = look
        self._of: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()

    def here(self) -> Watch:
        """The watch of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._of:
            self._of[loop] = Watch(self._look)
        return self._of[loop]


class ChangesTexts:
    """Texts of changes, the latest few: fifty gates that wait for the same change get the same bytes, opened and written once."""

    def __init__(self) -> None:
        self._lock, self._texts = Lock(), dict[tuple[str, int, int], bytes]()

    def text(self, work: Work, list_id: str, after: int, seq: int) -> bytes:
        """The text of the changes after `after` as it is while `seq` is the last one. Raises Conflict as `changes` does."""
        key = (list_id, after, seq)
        with self._lock:
            text = self._texts.get(key)
            if text is None:
                text = changes_text(list_id, after, changes(work, after, MOST_CHANGES))
                while len(self._texts) >= MOST_TEXTS:
                    del self._texts[next(iter(self._texts))]
                self._texts[key] = text
            return text
