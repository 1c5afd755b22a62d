"""A backend that follows a script, and a desk over it in a loop with its own clock."""

import asyncio
from collections import deque

from tosqauyl.networks.backend import AskFailed, Origination, Whereabouts
from tosqauyl.networks.desk import Senses, origination_desk, whereabouts_desk
from tosqauyl.networks.options import DeskOptions
from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Question

WALL = 1_800_000_000.0
USUAL = DeskOptions()


def wall():
    """Seconds since 1970 in a virtual loop, which starts at 1000."""
    return WALL + asyncio.get_running_loop().time() - 1000.0


class ScriptedBackend:
    """Answers what `says` holds for a number, after `seconds`; an exception is raised. Notes whom it was asked about."""

    def __init__(self, state="home", seconds=0.02, age=0.0, **says):
        self.state, self.seconds, self.age, self.says = state, seconds, age, says
        self.asked, self.cancelled, self.is_closed = deque(maxlen=1000), 0, False

    async def whereabouts(self, number):
        return Whereabouts(await self._wait(number), wall() - self.age)

    async def originated(self, caller, called, at):
        return Origination(await self._wait(f"{caller}>{called}"))

    async def _wait(self, key):
        self.asked.append(key)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        said = self.says.get(key, self.state)
        if isinstance(said, BaseException):
            raise said
        return said

    async def close(self):
        self.is_closed = True


class Front:
    """A desk with its asker."""

    def __init__(self, backend=None, options=USUAL, kind=WHEREABOUTS):
        self.backend = backend or ScriptedBackend()
        senses = Senses(wall, lambda: 0.0)
        if kind == WHEREABOUTS:
            self.desk = whereabouts_desk("camara", self.backend, options, senses)
        else:
            self.desk = origination_desk(self.backend, senses)
        self.told = []
        self.desk.deliver = self._told

    def _told(self, until, answer):
        now = self.now
        assert now < until
        self.told.append((answer, now))

    @property
    def now(self):
        return asyncio.get_running_loop().time()

    def ask(self, number="+1", wait=0.3, called=""):
        kind = ORIGINATION if called else WHEREABOUTS
        return self.desk.ask(Question(kind, number, self.now + wait, "kcell", called, WALL), self.now)

    async def answer(self, number="+1", wait=0.3, called=""):
        """What an asker gets in the end: an answer, or None for a timeout."""
        told, before = self.ask(number, wait, called), len(self.told)
        if told is None:
            await asyncio.sleep(wait)
            told = next((answer for answer, _ in self.told[before:] if answer.key.startswith(number)), None)
        return told

    @property
    def counted(self):
        return {name: count for name, count in self.desk.tally.counters.items() if count}


def failure(kind, retry_after=0.0):
    return AskFailed(kind, "as told", retry_after)
