"""A follower of an office that a test plays: what it publishes, what goes wrong, what is left on disk."""

import asyncio
import os
from pathlib import Path

from office_desk import LIST, NOW, FakeOffice

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.publications import FollowOptions, Pauses, Publications
from tosqauyl.journal.append import System
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.office.list_text import ListReader, changes_in
from tosqauyl.networks.office.terms import ListChanged
from tosqauyl.snapshots.published import write_published

NUMBER, OTHER_NUMBER = "+447700900111", "+447700900222"
PAUSES = Pauses(first=0.0, longest=0.0, longest_wait=0.0, build=(0.0, 0.0))


class Played:
    """An Office over a FakeOffice, without a network. fail: raised by the next questions, oldest first."""

    def __init__(self, office: FakeOffice) -> None:
        self.office, self.fail = office, list[Exception]()
        self.heard = NOW
        self.questions = 0
        self.idle = asyncio.Event()
        self.closed = False

    async def fetch(self, sink):
        sink(self.office.spoil(self.office.whole()))

    async def changes(self, list_id, after, wait=25):
        self.questions += 1
        await asyncio.sleep(0)
        if self.fail:
            raise self.fail.pop(0)
        office = self.office
        if list_id != office.list_id or not office.kept <= after <= office.seq:
            raise ListChanged
        if after == office.seq and wait:
            self.idle.set()
            await office.news.wait()
            if list_id != office.list_id:
                raise ListChanged
        told = changes_in(office.since(after))
        return told._replace(heard=self.heard, said=self.heard + 2.0)

    async def close(self):
        self.closed = True


class InProcess:
    """A builder that does in the thread what the real one does in a process of its own."""

    def __init__(self, office: FakeOffice) -> None:
        self.office, self.runs, self.before = office, 0, lambda: None

    def run(self, command, folder, seconds):
        self.runs += 1
        text = self.office.spoil(self.office.whole())
        self.before()
        reader = ListReader()
        reader.take(text)
        listed = reader.finish()
        return write_published(folder, listed.list_id, listed.seq, listed.packed)

    def stop(self):
        pass


class Bench:
    """One gate's follower. `follow` runs it until the office has nothing more to say."""

    def __init__(self, folder: Path, office: FakeOffice | None = None, **options: object) -> None:
        self.folder = folder / "publications"
        self.office = office or FakeOffice(LIST)
        self.wall = NOW
        self.alarms: list[str] = []
        self.played = Played(self.office)
        system = options.pop("system", System())
        pauses = options.pop("pauses", PAUSES)
        follow = FollowOptions(("never", "run"), self.folder, pauses=pauses, **options)  # type: ignore[arg-type]
        senses = Senses(lambda: self.wall, lambda: 0.0)
        self.follower = Publications(self.played, follow, senses, self.alarms.append, system)  # type: ignore[arg-type]
        self.builder = self.follower._builder = InProcess(self.office)  # type: ignore[assignment]
        self.follower.load()

    @property
    def published(self):
        return self.follower.published

    @property
    def state(self):
        return self.follower.state()

    def listed(self, number: str = NUMBER, now: float = NOW) -> str:
        return self.published.find(number, now).listed

    async def caught_up(self) -> None:
        """Until the follower has all and waits for more."""
        async with asyncio.timeout(10):
            while True:
                self.played.idle.clear()
                self.nudge()
                await self.played.idle.wait()
                renewal = self.follower._renewal
                if renewal is not None:
                    await asyncio.wait((renewal,))
                elif (self.published.list_id, self.published.seq) == (self.office.list_id, self.office.seq):
                    return

    def nudge(self) -> None:
        """Have a waiting question answered, though nothing is new."""
        self.office.news.set()
        self.office.news = asyncio.Event()

    def follow(self, *steps) -> dict[str, object]:
        """Start, and after each step wait until the follower has caught up; stop; the state then."""

        async def test():
            self.follower.start()
            try:
                for step in (lambda: None, *steps):
                    result = step()
                    if asyncio.iscoroutine(result):
                        await result
                    await self.caught_up()
                return self.state
            finally:
                await self.follower.stop()

        return asyncio.run(test())

    def files(self) -> list[str]:
        return sorted(os.listdir(self.folder))


def down() -> AskFailed:
    return AskFailed("down", "no connection")


def refused() -> TosqauylError:
    return TosqauylError("refused")
