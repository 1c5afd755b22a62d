"""What the application serves from: made by the command line, kept in `app.state.office`."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fastapi import Request

from tosqauyl.registry.actor import Actor
from tosqauyl.registry.guarded_fetch import Guard
from tosqauyl.registry.store import Registry
from tosqauyl.tokens import Tokens

if TYPE_CHECKING:
    from tosqauyl.web.backtest_desk import BacktestDesk
    from tosqauyl.web.live.watch import Live

JOBS_AT = "jobs_at"
"""Name in `Office.counters`: since when no frequent job is late, milliseconds since 1970."""


class AccessDesk(Protocol):
    """Knows whose request it is."""

    def actor_of(self, request: Request) -> Actor | None:
        """The actor of the session cookie or of the key in the Authorization header; None where neither is shown.

        Raises Refused 'no-caller' where what is shown is not valid, 'second-factor' where the session still needs its code.
        """


class SmsSender(Protocol):
    """Sends one text to one number; the stand-in writes it to a file."""

    def send(self, number: str, text: str) -> None:
        """Raises TosqauylError where it cannot be sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """body_bytes: of JSON or a form; upload_bytes: of a CSV file, also in a form; body_seconds: for all of JSON, or for the
    next piece of a file; idempotency_hours: how long an answer can be asked for again."""

    body_bytes: int = 1 << 20
    upload_bytes: int = 64 << 20
    body_seconds: float = 30
    idempotency_hours: int = 24


@dataclass(frozen=True, slots=True)
class GateAt:
    """A gate whose state is shown. url: of its HTTP; token: of the scope metrics, '' for none; ca: file (PEM), '' the
    system's."""

    name: str
    url: str
    token: str = field(default="", repr=False)
    ca: str = ""


@dataclass(frozen=True, slots=True)
class CallSources:
    """Where the office sees calls. ledger: folder of the ledger of decisions, None for none; memory_mb: of all queries over it;
    tokens: under each key with which gates write numbers as tokens, none where the office has no key."""

    ledger: Path | None = None
    memory_mb: int = 2_048
    gates: tuple[GateAt, ...] = ()
    tokens: tuple[Tokens, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The policy that the gates have. file: '' for the shipped one; good: file of calling numbers known to be good, '' for
    none."""

    file: str = ""
    good: str = ""


@dataclass(slots=True)
class Office:
    """registry: the database; access: who calls; sms: proves numbers; data: the office's folder (0700); public_url: where
    people reach it, for links; alarm: gets a line for the operator; receivers: where webhooks may lead; calls: where
    decisions of gates are seen; policy: which one they have; live: gates as they stand now, None where none is configured;
    backtests: those that run here, made with the first; is_demo: its records are a sample, and every page says so; stopping: called
    in the server's loop when it is to end, so that nobody holds it up who waits for something."""

    registry: Registry
    access: AccessDesk
    sms: SmsSender
    data: Path
    alarm: Callable[[str], None]
    public_url: str = ""
    limits: Limits = field(default_factory=Limits)
    counters: dict[str, int] = field(default_factory=dict)
    receivers: Guard = field(default_factory=Guard)
    calls: CallSources = field(default_factory=CallSources)
    policy: PolicySource = PolicySource()
    live: "Live | None" = None
    backtests: "BacktestDesk | None" = None
    is_demo: bool = False
    stopping: list[Callable[[], None]] = field(default_factory=list)

    def unnamed_file(self) -> BinaryIO:
        """A new file without a name in the office's folder, gone when it is closed: what is uploaded may hold personal data."""
        return tempfile.TemporaryFile(dir=self.data)
