"""Following the office: what it publishes holds in this gate within seconds, and goes on to hold where it cannot be reached.

The whole list is fetched and packed by a process of its own, checked in a thread and put in place between two calls. Changes
come by a long poll (networks/office/), are written to a log and applied a few at a time. Whatever goes wrong, the last list
stays, and says how old it is; its entries expire by themselves. docs/publications.md.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.builder import BUILD_SECONDS, Builder, quick_switches
from tosqauyl.gate.publication_log import PublicationLog, follow
from tosqauyl.journal.append import System, private_folder
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.office.terms import WAIT_SECONDS, Changes, ListChanged, Office
from tosqauyl.snapshots.folder import newest, prune
from tosqauyl.snapshots.published import PublishedFile, map_published
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.published import Published

MOST_CHANGES = 50_000
"""Changed numbers beside the packed list; with more of them it is made anew."""
MOST_KEPT = 500_000
"""Changed numbers at most: where the list cannot be made anew for so long, no more changes are taken, and the gate's age tells."""
ROWS_A_STEP = 500
"""Changes applied without a pause: 1 ms."""
NO_LIST = "0" * 32
"""Names no list: the office answers that it has another one, which tells that it is there."""
_REFUSED = "an answer is refused"
_SYSTEM = System()


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between attempts that fail: `first`, then twice as long each time, at most `longest`, of which dice take up to half
    away. longest_wait: the most that the office may ask us to stay away; build: the first and longest where the whole list cannot
    be had."""

    first: float = 0.5
    longest: float = 5.0
    longest_wait: float = 60.0
    build: tuple[float, float] = (2.0, 60.0)


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """command: fetches and packs the whole list into `folder` and prints the file's path as its last line. source: office or
    folder, for people. stale_seconds: a list of which nothing was heard for longer is a trouble."""

    command: tuple[str, ...]
    folder: Path
    source: str = "office"
    stale_seconds: float = 900.0
    most_changes: int = MOST_CHANGES
    build_seconds: float = BUILD_SECONDS
    pauses: Pauses = Pauses()


class Publications:
    """Keeps a Published as the office says. `load` before the loop runs, `start` and `stop` within it.

    alarm: gets a line when something goes wrong that did not before, and when it is over; never with a number in it. Raises
    TosqauylError where the folder cannot be used.
    """

    def __init__(
        self,
        office: Office,
        options: FollowOptions,
        senses: Senses,
        alarm: Callable[[str], None],
        system: System = _SYSTEM,
    ) -> None:
        self.published = Published()
        self.options = options
        self.counters: Counter[str] = Counter()
        self._error = self._list_error = ""  # of what was asked last; of the whole list, until one is in place
        private_folder(options.folder)
        self._office, self._senses, self._alarm = office, senses, alarm
        self._log = PublicationLog(options.folder, system=system)
        self._builder, self._building, self._changing = Builder(), asyncio.Lock(), asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._path: Path | None = None
        self._heard = self._office_clock = 0.0
        self._failures = self._failed_builds = 0
        self._not_before = 0.0  # no renewal before; on the loop's clock
        self._asked = ("", 0)
        self._is_other = False  # the office said that it has another list, or one that went back
        self._missing = 0  # the last change that could not be written to the log
        self._write_error = ""

    def load(self) -> None:
        """What the gate knew before it was stopped: the last packed list that is sound, and the changes since. Never raises."""
        published = self.published
        for path in newest(self.options.folder):
            try:
                found = map_published(path)
            except TosqauylError as error:
                self._refuse(f"one of an earlier run: {error}")
                continue
            published.replace(found.indicators, found.list_id, found.seq, keep=False)
            self._path, self._heard = path, found.built
            break
        self._written(self._replay)
        if published.list_id:
            self._heard = self._log.heard or self._heard
            self._written(partial(self._log.begin, published.seq))
            self._written(partial(self._log.stamp, self._heard))

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End: what is under way is given up, what came is on disk."""
        self._builder.stop()
        tasks = [task for task in (self._task, self._renewal) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._office.close()
        await asyncio.to_thread(self._log.close)

    def state(self) -> dict[str, Any]:
        """For metrics, health and /v1/status. age_seconds: since the office was heard, -1: never; seq: of the last change;
        clock_off_seconds: how far its clock was ahead of ours, 0 where it does not say; troubles: slugs of what to mend."""
        wall, published = self._senses.wall(), self.published
        age = max(wall - self._heard, 0.0) if self._heard else -1.0
        troubles = {
            "publications-missing": not published.list_id,
            "publications-stale": bool(published.list_id) and not 0 <= age <= self.options.stale_seconds,
            "publications-refused": bool(self._list_error) or self._error.startswith(_REFUSED),
            "publications-not-written": self._has_gap or bool(self._write_error) or self._log.failures > 0,
        }
        return {
            "source": self.options.source,
            "list": published.list_id,
            "seq": published.seq,
            "base_seq": published.base_seq,
            "entries": len(published),
            "changes": published.changes,
            "age_seconds": round(age, 1),
            "clock_off_seconds": round(self._office_clock, 1),
            "building": self._building.locked(),
            "counters": dict(self.counters),
            "last_error": "; ".join(one for one in (self._list_error, self._error) if one),
            "troubles": [slug for slug, there in troubles.items() if there],
        }

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
                self._over()
                continue
            except ListChanged:
                self.counters["list_changed"] += 1
                self._is_other = self._asked == (self.published.list_id, self.published.seq)
                continue
            except AskFailed as failed:
                self.counters[f"failed_{failed.kind}"] += 1
                what = _REFUSED if failed.kind in ("malformed", "wrong") else "the office is not heard"
                pause = self._pause(f"{what}: {failed}", failed.retry_after)
            except TosqauylError as error:
                pause = self._pause_build(str(error))
            except Exception as error:  # noqa: BLE001 - a bug here must not end following for ever
                pause = self._pause(f"a bug, please report it: {error!r}", 0.0)
            await asyncio.sleep(pause)

    async def _turn(self) -> None:
        """One question, or a whole list where there is nothing to ask about."""
        published = self.published
        if not published.list_id and not self._is_other:
            self._asked = ("", 0)
            await self._office.changes(NO_LIST, 0, 0)  # ListChanged where the office is there
            raise AskFailed("wrong", "the office has no list")
        if self._is_other:
            await self._renew()
            return
        self._renew_if_due()
        if published.changes >= MOST_KEPT:
            raise AskFailed("limited", "no more changes are taken until the list is made anew", 60.0)
        self._asked = (published.list_id, published.seq)
        began = asyncio.get_running_loop().time()
        wait = 0 if self._error else WAIT_SECONDS  # after a failure, to know soon that it is over
        told = await self._office.changes(*self._asked, wait)
        await self._take(told)
        if wait and not told.rows and asyncio.get_running_loop().time() - began < self.options.pauses.first:
            await asyncio.sleep(self.options.pauses.first)  # it should have waited; this one must not make us spin

    async def _take(self, told: Changes) -> None:
        """Write changes down and let them hold, a few at a time."""
        async with self._changing:
            published = self.published
            if (told.list_id, told.after) != (published.list_id, published.seq):
                return  # a packed list came in between, which has them or another history
            self._heard = told.heard
            self._office_clock = told.said - told.heard if told.said else 0.0
            self._write_down(told)
            for place in range(0, len(told.rows), ROWS_A_STEP):
                published.apply(told.rows[place : place + ROWS_A_STEP])
                await asyncio.sleep(0)
            self.counters["changes"] += len(told.rows)

    def _renew_if_due(self) -> None:
        """Have the list packed anew beside everything else where too much changed since, or the log does not have it all."""
        loop = asyncio.get_running_loop()
        wanted = self.published.changes > self.options.most_changes or self._has_gap
        if wanted and self._renewal is None and loop.time() >= self._not_before:
            self._renewal = loop.create_task(self._renew_beside())

    async def _renew_beside(self) -> None:
        try:
            await self._renew()
        except TosqauylError as error:
            pause = self._pause_build(str(error))
            self._not_before = asyncio.get_running_loop().time() + pause
        except Exception as error:  # noqa: BLE001 - as in _run
            self._refuse(f"a bug, please report it: {error!r}")
        finally:
            self._renewal = None

    async def _renew(self) -> None:
        """Fetch, pack, check and put in place a whole list. Raises TosqauylError; then the old one stays."""
        options = self.options
        async with self._building:
            path = await asyncio.to_thread(self._builder.run, options.command, options.folder, options.build_seconds)
            with quick_switches():
                made = await asyncio.to_thread(map_published, path)
            old: list[Indicators] = []
            try:
                async with self._changing:
                    old.append(self._put(made))
            finally:
                await asyncio.to_thread(self._tidy, old)

    def _put(self, made: PublishedFile) -> Indicators:
        """Let a packed list hold; the one that did. Raises TosqauylError where it is not what was waited for."""
        published = self.published
        is_same = made.list_id == published.list_id
        is_further = not is_same or made.seq > published.base_seq
        if not is_further and (not self._is_other or made.seq == published.seq):
            self._is_other = False  # so that it is asked again
            raise TosqauylError(f"the office has no newer list than that of change {published.base_seq}")
        keep = is_same and not self._is_other
        old = published.replace(made.indicators, made.list_id, made.seq, keep)
        self._path, self._is_other, self._missing = made.path, False, self._missing if keep else 0
        self._failed_builds, self._list_error = 0, ""
        self._heard = self._heard or made.built
        self.counters["lists"] += 1
        self._written(
            partial(self._log.rotate, published.base_seq, published.seq)
            if keep
            else partial(self._log.clear, published.seq)
        )
        self._written(partial(self._log.stamp, self._heard))
        self._alarm(
            f"list {made.list_id[:8]} of the office up to change {made.seq} is in use, {len(published)} entries"
        )
        return old

    def _tidy(self, old: list[Indicators]) -> None:
        """Let go of the list before and remove its file: milliseconds for a million entries, so in a thread."""
        old.clear()
        prune(self.options.folder, self._path.name if self._path else "")  # what killed builders left
        for path in newest(self.options.folder):
            if path != self._path:
                with suppress(OSError):
                    path.unlink()

    def _replay(self) -> None:
        """Let what is in the log hold. Raises OSError."""
        self.counters["log_gaps"] += follow(self.published, self._log.read())
        self.counters["log_damaged"] += self._log.damaged

    def _pause(self, what: str, retry_after: float) -> float:
        """The office was not heard: told once, and how long to wait."""
        if what != self._error:
            self._alarm(f"ALARM: publications: {what}")
        self._error = what
        pauses = self.options.pauses
        self._failures += 1
        pause = min(pauses.first * 2.0 ** min(self._failures - 1, 16), pauses.longest)
        return max(pause * (1.0 - self._senses.dice() / 2), min(retry_after, pauses.longest_wait))

    def _pause_build(self, what: str) -> float:
        """The whole list was refused: counted, told, the old one stays; how long to wait."""
        self._refuse(what)
        first, longest = self.options.pauses.build
        self._failed_builds += 1
        return min(first * 2.0 ** min(self._failed_builds - 1, 16), longest) * (1.0 - self._senses.dice() / 2)

    def _refuse(self, what: str) -> None:
        self.counters["lists_refused"] += 1
        if what != self._list_error:
            self._alarm(f"ALARM: publications: the whole list is refused, the old one stays: {what}")
        self._list_error = what

    def _over(self) -> None:
        """The office was heard."""
        self._failures = 0
        if self._error:
            self._alarm("publications: the office is heard again")
        self._error = ""

    def _write_down(self, told: Changes) -> None:
        """To the log; what cannot be written holds all the same, and the list is made anew."""
        if told.rows and not self._written(partial(self._log.append, told)):
            self._missing = told.last
        self._written(partial(self._log.stamp, told.heard))

    def _written(self, write: Callable[[], None]) -> bool:
        """Whether something could be written; if not it is counted, and told once."""
        try:
            write()
        except OSError as error:
            self.counters["write_failed"] += 1
            if not self._write_error:
                self._alarm(
                    f"ALARM: publications cannot be written ({error.strerror}); they hold until the gate is stopped"
                )
            self._write_error = str(error.strerror)
            return False
        self._write_error = ""
        return True

    @property
    def _has_gap(self) -> bool:
        """Whether the log lacks something that is not in the packed list either."""
        return self._missing > self.published.base_seq
