"""What a ledger node, the gates that ask it and its own switches say to each other over HTTP: paths, bodies, problems.

Bodies are JSON and read strictly: an unknown member, a wrong type or a value out of bounds is a mistake of the other side.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

QUESTIONS = "/v1/origination/questions"
REPORTS = "/v1/origination/reports"
ALIVE = "/v1/origination/alive"
STATUS = "/v1/origination/status"
HEALTH = "/healthz"

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
PROBLEM = "urn:tosqauyl:problem:"
"""What the slug of a problem is added to in `type` (RFC 9457), as on the gate's HTTP side."""
TOKEN_BYTES = 16
MOST_TOKENS = 32
"""Tokens of one question: buckets of ten seconds, so over five minutes of doubt about when the call began."""
MOST_REPORTS = 100
"""Reports of one request."""

Moment = Annotated[float, Meta(ge=0.0, le=1e11, description="Seconds since 1970.")]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Digits = Annotated[str, Meta(min_length=1, max_length=64, description="A telephone number as the switch has it.")]
Token = Annotated[str, Meta(min_length=22, max_length=32, description="16 bytes: 32 hexadecimal digits, or base64url.")]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Did one of your subscribers start this call? key: id of the pair's key; at: when the asker received the call; to: operator of
    the called number, 'fixed' for a fixed line; ported: the asker's hash of its number plan with the ported numbers (Plan.hash)."""

    key: Name
    tokens: Annotated[tuple[Token, ...], Meta(min_length=1, max_length=MOST_TOKENS)]
    at: Moment
    to: Annotated[str, Meta(max_length=64)]
    ported: Annotated[str, Meta(max_length=64)]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """state: yes, no or unknown. why: a slug that says why it is unknown. now: the node's clock."""

    state: Literal["yes", "no", "unknown"]
    why: Annotated[str, Meta(max_length=64)]
    now: Moment


class ReportedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call that a switch saw begin. id: the same when it is sent again."""

    id: Name
    caller: Digits
    called: Digits
    at: Moment


class Reports(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls that began."""

    reports: Annotated[tuple[ReportedCall, ...], Meta(max_length=MOST_REPORTS)]


class Alive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A switch is there. lost: calls that it could not report since it said so last."""

    lost: Annotated[int, Meta(ge=0)] = 0


class RefusedReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report that was not taken. index: its place in the request, from 0; why: a slug."""

    index: int
    why: str


class Taken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many reports were taken, and why each of the others was not."""

    taken: int
    refused: tuple[RefusedReport, ...]


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a node says of itself. why: why it is not in sync, '' if it is. now: its clock. counters: for its own people only."""

    operator: str
    in_sync: bool
    why: str
    now: Moment
    version: str
    counters: dict[str, object] = {}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = ""


KINDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "The body is not what its content type says."),
    "not-allowed": (403, "This certificate may not do this."),
    "not-found": (404, "There is nothing at this path."),
    "method-not-allowed": (405, "The path exists, the method does not."),
    "too-slow": (408, "The body did not come in time."),
    "too-large": (413, "The body is larger than the limit."),
    "wrong-type": (415, "The content type is not the one this path takes."),
    "invalid": (422, "The body was read, but a value in it cannot be."),
    "too-many": (429, "Too many questions of this member."),
    "not-kept": (503, "The store that the nodes share did not take it. Send it again."),
    "failed": (500, "A bug of the node. It was counted."),
}
"""Status and title of every problem by its slug."""


@dataclass
class Refused(Exception):
    """A request that gets a problem instead of its answer. detail: for people, never with a number in it."""

    slug: str
    detail: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """What the other side gets."""
        status, title = KINDS[self.slug]
        return Problem(PROBLEM + self.slug, title, status, self.detail)


def token_bytes(text: str) -> bytes:
    """The 16 bytes of a token written as hexadecimal digits or base64url. Raises ValueError."""
    try:
        token = bytes.fromhex(text) if len(text) == 2 * TOKEN_BYTES else _base64url(text)
    except (ValueError, binascii.Error):
        raise ValueError("a token is 16 bytes, as 32 hexadecimal digits or base64url") from None
    if len(token) != TOKEN_BYTES:
        raise ValueError("a token is 16 bytes, as 32 hexadecimal digits or base64url")
    return token


def _base64url(text: str) -> bytes:
    return base64.b64decode(text.rstrip("=") + "==", altchars=b"-_", validate=True)
