"""Where the sample plays: a registry whose clock is set back, who acts in it, a seeded die, and what happens when.

stage.on(6.5, lambda: ...)      six and a half days ago
stage.run()                     everything, in its order
"""

import random
import string
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.observables import observe
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Registry, Work
from tosqauyl.texts import LANGUAGES

STORY = "sample.toml"
IBAN_CHECK = "00999S"
"""Where a pattern has it, the check digits are worked out; no bank has the code 999."""


class Moments:
    """A clock that stands where it was set, milliseconds since 1970."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        """The moment."""
        return self.at


class Stage:
    """Everything that the parts of the sample share. now: the moment of today; seed: the same one, the same sample but for ids
    and secrets."""

    def __init__(self, registry: Registry, moments: Moments, seed: int) -> None:
        self.registry, self.moments, self.now = registry, moments, moments.at
        self.dice = random.Random(f"sample {seed}")  # noqa: S311 - it has to be repeatable, and keeps no secret
        self.actors: dict[str, Actor] = {"": CITIZEN}
        self.accounts: dict[str, UUID] = {}
        self.story: Mapping[str, Any] = shipped(STORY)
        self._due: list[tuple[int, int, Callable[[], object]]] = []

    def on(self, days_ago: float, do: Callable[[], object]) -> None:
        """Have something done at a moment of the past; of one moment in the order of the calls."""
        at = min(self.now - round(days_ago * DAY), self.now - 1)
        self._due.append((at, len(self._due), do))

    def run(self) -> None:
        """Do everything in its order. No two things happen in the same millisecond: ids sort by the moment."""
        last = 0
        for at, _, do in sorted(self._due, key=lambda one: one[:2]):
            last = self.moments.at = max(at, last + 1)
            do()
        self._due.clear()
        self.moments.at = max(self.now, last + 1)

    def work(self, login: str = "") -> AbstractContextManager[Work]:
        """A transaction of somebody. login: '' for a citizen."""
        return self.registry.work(self.actors[login], lasting=False)

    def see(self, named: str, login: str = "sample-analyst") -> UUID:
        """The observable of 'kind:text'."""
        kind, _, text = named.partition(":")
        with self.work(login) as work:
            return observe(work, kind, text).id

    def drawn(self, pattern: str) -> str:
        """A pattern with its digits drawn, and the check digits of an IBAN that has none."""
        text = "".join(self.dice.choice(string.digits) if sign == "#" else sign for sign in pattern)
        return _checked(text.replace(IBAN_CHECK, "00999")) if IBAN_CHECK in pattern else text

    def said(self, name: str, language: str = "") -> str:
        """Words of the story, marked as a sample. language: '' for all, a line each."""
        words, mark = self.story["words"][name], self.story["mark"]
        return "\n".join(f"{mark[one]}: {words[one]}" for one in ([language] if language else LANGUAGES))

    def marked(self, text: str, language: str) -> str:
        """A text with the mark before it."""
        return f"{self.story['mark'][language]}: {text}"


def _checked(named: str) -> str:
    """'kind:KZ00...' with the check digits that fit (ISO 7064, MOD 97-10)."""
    kind, _, iban = named.partition(":")
    digits = "".join(str(int(sign, 36)) for sign in iban[4:] + iban[:2] + "00")
    return f"{kind}:{iban[:2]}{98 - int(digits) % 97:02d}{iban[4:]}"
