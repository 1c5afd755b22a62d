"""Delivers the simulator's events to those who subscribed, one after the other, in the order in which they happened."""

import asyncio
import contextlib
import secrets
import ssl

import aiohttp
import msgspec

from tosqauyl.networks.camara.outgoing import open_session
from tosqauyl.networks.camara.subscriptions import Notice

DELIVER_SECONDS = 5.0
"""Longest time for one delivery; the API knows no repetition, so an event that is not taken is lost."""
MOST_WAITING = 10_000
"""Events that wait; later ones are lost and counted."""
_write = msgspec.json.Encoder().encode


class Sinks:
    """delivered, failed, lost: events that were taken, that were not, and for which there was no room."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._waiting: asyncio.Queue[Notice] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None
        self.delivered = self.failed = self.lost = 0

    def send(self, notices: list[Notice]) -> None:
        """Put events into the queue. Within a running loop."""
        for notice in notices:
            try:
                self._waiting.put_nowait(notice)
            except asyncio.QueueFull:
                self.lost += 1
        if notices and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def settled(self) -> None:
        """Return when everything that waits has been tried."""
        await self._waiting.join()

    async def close(self) -> None:
        """Stop delivering; what waits is lost. Never raises."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        async with open_session(self._context, 4) as session:
            while True:
                notice = await self._waiting.get()
                try:
                    async with asyncio.timeout(DELIVER_SECONDS):
                        await self._deliver(session, notice)
                except (aiohttp.ClientError, OSError, ValueError):
                    self.failed += 1
                finally:
                    self._waiting.task_done()

    async def _deliver(self, session: aiohttp.ClientSession, notice: Notice) -> None:
        headers = {"Content-Type": "application/cloudevents+json", "x-correlator": secrets.token_hex(16)}
        if notice.token:
            headers["Authorization"] = f"Bearer {notice.token}"
        body = _write(notice.event)
        async with session.post(notice.sink, data=body, headers=headers, allow_redirects=False) as answer:
            taken = 200 <= answer.status < 300
        self.delivered += taken
        self.failed += not taken
