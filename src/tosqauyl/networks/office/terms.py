"""What both ways to hear the office have in common: what a gate asks, what it is told, and how large that may be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tosqauyl.state.published import Change

WAIT_SECONDS = 25
"""How long the office may hold an answer back until something changes."""


class Changes(NamedTuple):
    """An answer of the office. rows: the changes after number `after`, up to `last`, none where nothing is new; text: the answer
    itself, as it may be kept; heard: when the office is known to have spoken, and said: its own clock then (seconds since 1970; 0
    where it does not say)."""

    list_id: str
    after: int
    last: int
    rows: tuple[Change, ...]
    text: bytes = b""
    heard: float = 0.0
    said: float = 0.0


class ModesTold(NamedTuple):
    """The modes that the office has standing. text: the document itself; tag: names this state of it, for the next question."""

    tag: str
    text: bytes


class ListChanged(Exception):
    """The office has another list, one that went back, or no longer the changes that were asked for: take the whole list."""


Sink = Callable[[bytes], None]
"""Takes a piece of the whole list; raises TosqauylError where it is none."""


class ModesOffice(Protocol):
    """A way to hear of modes of rules."""

    async def modes(self, known: str, wait: float = WAIT_SECONDS) -> ModesTold | None:
        """What holds, where that is not the state `known` ('' for none); None where after `wait` seconds nothing is new. Raises
        AskFailed."""

    async def close(self) -> None:
        """Let go of connections. Never raises."""


class Office(Protocol):
    """One way to hear the office. Answers that cannot be trusted whole are refused whole."""

    async def fetch(self, sink: Sink) -> None:
        """The whole list, piece by piece. Raises AskFailed; what the sink raises goes on to the caller."""

    async def changes(self, list_id: str, after: int, wait: float = WAIT_SECONDS) -> Changes:
        """The changes of this list after number `after`; where there are none, after `wait` seconds an answer without rows.
        Raises AskFailed, or ListChanged."""

    async def close(self) -> None:
        """Let go of connections. Never raises."""


@dataclass(frozen=True, slots=True)
class OfficeOptions:
    """Where the office is heard. url: of its API (https://HOST, without /v1); token_file: of the bearer token; ca: authorities of
    its certificate (PEM), '' for the system's; certificate, key: shown for mutual TLS, '' for none. folder: instead of all that."""

    url: str = ""
    token_file: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    folder: str = ""

    @property
    def source(self) -> str:
        """'office', 'folder', or '' where no office is followed."""
        return "folder" if self.folder else "office" if self.url else ""
