"""What every way to ask looks like: one question in, one finding out, or a failure that says of which kind.

A backend knows how to speak to one operator and nothing else. Caching, coalescing, deadlines, circuit breaking and counting
are the desk's (networks/desk.py), once for all of them.
"""

from typing import NamedTuple, Protocol

WAYS = ("camara", "sh", "redis")
"""Ways to ask where a subscriber is, as the configuration and the fact `home_source` name them."""
FAILURES = ("down", "refused", "limited", "malformed", "wrong")
"""Why a question was not answered. down: nobody there, or the connection broke; refused: it does not let us ask; limited: asked
too often; malformed: an answer that cannot be read; wrong: one that answers another question or cannot be true."""


class AskFailed(Exception):
    """The question was not answered. kind: one of FAILURES. retry_after: seconds the other side asks us to wait, 0 if it does
    not say. detail: for the status page; never holds a number."""

    def __init__(self, kind: str, detail: str = "", retry_after: float = 0.0) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail, self.retry_after = kind, detail, retry_after


class Whereabouts(NamedTuple):
    """Where a subscriber is. state: abroad, home or unknown (the network does not know the number, or not where it is);
    at: when the home network knew it, seconds since 1970; country: ISO 3166-1 alpha-2 of the visited country, '' if not told."""

    state: str
    at: float
    country: str = ""


class Origination(NamedTuple):
    """Whether an operator's ledger holds that call. state: yes, no, not_here (not in its own network, and it would not know of
    roamers' calls) or unknown; why: a slug that says why it is unknown."""

    state: str
    why: str = ""


class WhereaboutsBackend(Protocol):
    """One operator's way to tell where its subscribers are."""

    async def whereabouts(self, number: str) -> Whereabouts:
        """Ask about a number ('+7...'). Raises AskFailed. Cancelled by the asker when nobody waits any more."""

    async def close(self) -> None:
        """Let go of connections. Never raises."""


class OriginationBackend(Protocol):
    """One operator's origination ledger."""

    async def originated(self, caller: str, called: str, at: float) -> Origination:
        """Ask whether `caller` started a call to `called` about `at` (seconds since 1970). Raises AskFailed."""

    async def close(self) -> None:
        """Let go of connections. Never raises."""
