"""Another snapshot while calls go on: built by another process, checked in a thread, put in use between two batches.

Whatever goes wrong on the way, the snapshot in use stays. Nothing here is on the path of a call.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.builder import BUILD_SECONDS, Builder, quick_switches
from tosqauyl.gate.feeds import Feeds
from tosqauyl.gate.session import Session
from tosqauyl.journal.columns import MakeRow
from tosqauyl.screen.engine import Engine
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.snapshots.folder import prune, take_acceptance
from tosqauyl.snapshots.load import SnapshotFile, open_snapshot
from tosqauyl.snapshots.swing import swings

Adopt = Callable[[Snapshot], tuple[Engine, MakeRow]]
"""Makes what a session needs to judge by a snapshot."""


@dataclass(frozen=True, slots=True)
class ReloadOptions:
    """command: builds a snapshot and prints its path as the last line. folder: where snapshots are kept. swing_percent: a
    snapshot that changes more of an operator's states is refused."""

    command: tuple[str, ...]
    folder: Path
    swing_percent: int = 20
    build_seconds: float = BUILD_SECONDS


@dataclass(frozen=True, slots=True)
class Fresh:
    """A snapshot that was checked and may be put in use. positions: how far its builder had read the feeds."""

    known: Snapshot
    name: str
    built: float
    positions: dict[str, tuple[int, int]]


class Reloader:
    """Reloads a session's snapshot on request. alarm: gets one line when a snapshot is refused, one when it is in use.

    first: the snapshot the session began with. on_reload: called with every request, whatever becomes of the snapshot
    (certificates). Call everything from the gate's loop.
    """

    def __init__(
        self, session: Session, options: ReloadOptions, adopt: Adopt, first: Fresh, alarm: Callable[[str], None]
    ) -> None:
        self.options = options
        self.feeds: Feeds | None = None
        self.on_reload: list[Callable[[], None]] = []
        self.loads = self.refusals = 0
        self.last_error = ""
        self._session, self._adopt, self._alarm = session, adopt, alarm
        self._name, self._built = first.name, first.built
        self._task: asyncio.Task[None] | None = None
        self._builder = Builder()
        self._again = False

    def request(self) -> None:
        """Build and load; a request that comes while that goes on is served right afterwards, and many as one."""
        for call in self.on_reload:
            call()
        if self._task is not None:
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    def state(self) -> dict[str, Any]:
        """For health and metrics. last_error: every mistake that kept the last snapshot out, '' after one that was loaded;
        age_seconds: since the one in use was built."""
        return {
            "hash": self._session.engine.known.hash,
            "file": self._name,
            "age_seconds": round(max(time.time() - self._built, 0.0), 1),
            "loads": self.loads,
            "refusals": self.refusals,
            "last_error": self.last_error,
            "loading": self._task is not None,
        }

    async def settled(self) -> None:
        """Wait until nothing is being built or loaded."""
        while self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Give up what goes on."""
        self._again = False
        self._builder.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                self._again = False
                await self._once()
                if not self._again:
                    return
        finally:
            self._task = None

    async def _once(self) -> None:
        try:
            await self._load(await asyncio.to_thread(self._build))
        except TosqauylError as error:
            self._refuse(str(error))
        except Exception as error:  # noqa: BLE001 - a bug here must not end reloading for ever
            self._refuse(f"a bug, please report it: {error!r}")

    def _refuse(self, why: str) -> None:
        self.refusals += 1
        self.last_error = why
        self._alarm(f"ALARM: the new snapshot is refused, the old one stays: {why}")

    def _build(self) -> Path:
        """Have the snapshot built; its path. In a thread. Raises TosqauylError with all that the builder says is wrong."""
        options = self.options
        return self._builder.run(options.command, options.folder, options.build_seconds)

    async def _load(self, path: Path) -> None:
        if path.name == self._name:  # nothing has changed, and nothing needs to
            self._built = await asyncio.to_thread(lambda: path.stat().st_mtime)
            self.loads, self.last_error = self.loads + 1, ""
            return
        with quick_switches():
            fresh = await asyncio.to_thread(self._prepare, path)
        feeds = self.feeds
        if feeds is not None:
            for _ in feeds.prepare(fresh.known.subscribers, fresh.positions, fresh.known.plan):
                await asyncio.sleep(0)
        engine, make_row = self._adopt(fresh.known)
        # From here on nothing is awaited: no call comes in between.
        if feeds is not None:
            feeds.replay(fresh.known.subscribers, fresh.positions, fresh.known.plan)
        self._session.replace(engine, make_row)
        self._name, self._built = fresh.name, fresh.built
        self.loads, self.last_error = self.loads + 1, ""
        self._alarm(f"snapshot {fresh.known.hash} is in use")
        await asyncio.to_thread(prune, self.options.folder, fresh.name)

    def _prepare(self, path: Path) -> Fresh:
        """Check, map, compare with what is in use; in a thread. Raises TosqauylError."""
        file = open_snapshot(path)
        try:
            file.verify()
            fresh = fresh_of(file, self._session.engine.known)
        finally:
            file.close()
        self._compare(fresh)
        return fresh

    def _compare(self, fresh: Fresh) -> None:
        """Refuse a snapshot that changes too much at once, unless somebody accepted that. Raises TosqauylError."""
        live, limit = self._session.engine.known, self.options.swing_percent
        found = swings(live.subscribers, fresh.known.subscribers, fresh.known.plan)
        much = [f"{operator} {percent:.0f}%" for operator, percent in found.items() if percent > limit]
        if not much:
            return
        if take_acceptance(self.options.folder):
            self._alarm(f"a swing was accepted for this once: {', '.join(much)}")
            return
        with suppress(OSError):
            (self.options.folder / fresh.name).unlink()
        what = f"too many subscribers changed state at once: {', '.join(much)}; allowed are {limit}%"
        raise TosqauylError(what, hint="if the list is right: tosqauyl snapshot accept, then reload again")


def fresh_of(file: SnapshotFile, like: Snapshot | None = None) -> Fresh:
    """The snapshot of a verified file. Raises TosqauylError."""
    return Fresh(file.load(like), file.path.name, file.built, _positions(file.head.content.get("feeds")))


def _positions(said: object) -> dict[str, tuple[int, int]]:
    """How far feeds were read, from a manifest; what makes no sense is left out, and so read from the beginning."""
    found: dict[str, tuple[int, int]] = {}
    for operator, place in said.items() if isinstance(said, dict) else ():
        if isinstance(place, list) and len(place) == 2 and all(type(one) is int for one in place):
            found[str(operator)] = (place[0], place[1])
    return found
