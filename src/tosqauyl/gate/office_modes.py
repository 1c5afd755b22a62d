"""Following the office's modes of rules: asked by a long poll, kept on disk, put to use like `policy promote` and `retract`.

A retraction holds in the same turn of the loop in which it came; a promotion when the new snapshot is built. Whatever goes wrong,
what the gate has stays. docs/publications.md.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.publications import Pauses
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.office.modes import OfficeModes, read_document
from tosqauyl.networks.office.terms import WAIT_SECONDS, ModesOffice, ModesTold

PAUSES = Pauses(first=0.5, longest=3.0)
"""A retraction must hold within five seconds of the moment at which the office can be reached again."""
REFUSED = "a document is refused, the old one stays"


class Use(NamedTuple):
    """What is done with a document that says something new, in this order. hear: takes its retractions out of force, now; keep:
    writes it down, durably, raises OSError; renew: has everything else of it put to use."""

    hear: Callable[[OfficeModes], None]
    keep: Callable[[bytes], None]
    renew: Callable[[], None]


class ModesFollower:
    """Keeps the gate's modes as the office says. begun: what it had when it was stopped; use: what is done with a new
    document.

    alarm: gets a line when something goes wrong that did not before, and when it is over. stale_seconds: an office that was not
    heard for longer is a trouble. `start` and `stop` within the loop.
    """

    def __init__(
        self,
        office: ModesOffice,
        begun: OfficeModes,
        use: Use,
        senses: Senses,
        alarm: Callable[[str], None],
        stale_seconds: float = 900.0,
    ) -> None:
        self.known, self.pauses = begun, PAUSES
        self.counters: Counter[str] = Counter()
        self._office, self._senses, self._alarm, self._stale_seconds = office, senses, alarm, stale_seconds
        self._use = use
        self._tag, self._error, self._failures = "", "", 0
        self._is_written, self._is_to_renew = True, False
        self._heard, self._began = 0.0, senses.wall()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; a question under way is given up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._office.close()

    def state(self) -> dict[str, Any]:
        """For metrics, health and /v1/status. age_seconds: since the office was heard, -1 for never since the start."""
        now = self._senses.wall()
        age = max(now - self._heard, 0.0) if self._heard else -1.0
        is_stale = now - (self._heard or self._began) > self._stale_seconds
        troubles = {"office-modes-stale": is_stale, "office-modes-refused": self._error.startswith(REFUSED)}
        return {
            "revision": self.known.revision,
            "rules": len(self.known.modes),
            "retracted": sum(one.mode == "monitor" for one in self.known.modes),
            "age_seconds": round(age, 1),
            "counters": dict(self.counters),
            "last_error": self._error,
            "troubles": [slug for slug, there in troubles.items() if there],
        }

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                told = await self._office.modes(self._tag, 0 if self._error else WAIT_SECONDS)
                self._heard = self._senses.wall()
                is_new = told is not None and await self._take(told)
                if not is_new and not self._error and loop.time() - began < self.pauses.first:
                    await asyncio.sleep(self.pauses.first)  # it should have waited; this one must not make us spin
                self._over()
                continue
            except AskFailed as failed:
                self.counters[f"failed_{failed.kind}"] += 1
                pause = self._pause(f"the office is not heard: {failed}", failed.retry_after)
            except OSError as error:
                self.counters["write_failed"] += 1
                pause = self._pause(f"they cannot be written, retractions hold all the same: {error.strerror}", 0.0)
            except TosqauylError as error:
                self.counters["refused"] += 1
                pause = self._pause(f"{REFUSED}: {error.what}", 0.0)
            except Exception as error:  # noqa: BLE001 - a bug here must not end following for ever
                pause = self._pause(f"a bug, please report it: {error!r}", 0.0)
            await asyncio.sleep(pause)

    async def _take(self, told: ModesTold) -> bool:
        """Write a document down and put it to use; whether it says anything new. Where one cannot be written its
        retractions hold all the same, and it is asked for again. Raises TosqauylError, OSError."""
        document = read_document(told.text)
        differs = document.modes != self.known.modes
        if differs:
            self._alarm(f"modes of the office, revision {document.revision}: {len(document.modes)} rules")
            self.counters["documents"] += 1
            self._use.hear(document)
            self._is_to_renew = True
        if document != self.known:
            self.known, self._is_written = document, False
        if not self._is_written:
            await asyncio.to_thread(self._use.keep, told.text)
            self._is_written = True
        if self._is_to_renew:
            self._is_to_renew = False
            self._use.renew()
        self._tag = told.tag
        return differs

    def _pause(self, what: str, retry_after: float) -> float:
        """Told once, and how long to wait."""
        if what != self._error:
            self._alarm(f"ALARM: modes of the office: {what}")
        self._error = what
        self._failures += 1
        pauses = self.pauses
        pause = min(pauses.first * 2.0 ** min(self._failures - 1, 16), pauses.longest)
        return max(pause * (1.0 - self._senses.dice() / 2), min(retry_after, pauses.longest_wait))

    def _over(self) -> None:
        self._failures = 0
        if self._error:
            self._alarm("modes of the office: heard again")
        self._error = ""
