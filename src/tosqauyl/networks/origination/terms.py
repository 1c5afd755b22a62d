"""The words of the ledger: what it is told, what it is asked, what it says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination.tokens import BUCKET
from tosqauyl.numbers.number import Number

STATES = ("yes", "no", "unknown")
"""What a ledger says. yes: the call was reported; no: it was not, and it would have been; unknown: everything else."""
REFUSALS = ("switch", "malformed", "early", "late", "foreign", "replayed", "full")
"""Why a report was not taken. switch: of no switch of ours; malformed: numbers that are no E.164, or a time that is none; early,
late: its time is ahead of ours by more than the skew, or older than a record lives; foreign: the caller is another operator's
now; replayed: this id of this switch was taken before; full: there is no room."""
REASONS = (
    "not-in-sync", "starting", "clock", "unknown-key", "limited", "malformed", "too-many-tokens", "too-few-tokens",
    "doubtful", "store", "not-yours", "portability",
)  # fmt: skip
"""Why a ledger says unknown. not-in-sync: a switch is silent, or something was lost; starting: it has not collected for as long
as the question reaches back; clock: clocks differ, or ours jumped; unknown-key: no such key with this member; limited: asked too
often; malformed: no tokens, or none of 16 bytes; too-few-tokens: they do not cover the time in which the call may have begun;
doubtful: that very call was reported, and refused; store: the store the nodes share cannot be reached or is not complete;
not-yours: calls to that operator's subscribers are not kept for this member; portability: asker and node know different number
plans or ported numbers, so one of them may be wrong about whose call it is."""
FIXED = "fixed"
"""Stands for the operator of fixed lines, of which the number plan knows none."""


def receiver_of(called: Number) -> str:
    """Whose gate a call to this number comes in at: the number's operator, FIXED for a fixed line, '' where nobody's is known."""
    return called.operator or (FIXED if called.kind == "fixed" else "")


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """How a ledger works; every time in seconds.

    operator: our slug. ttl: a record lives so long after its arrival. grace: a question waits so long for a report that is late.
    skew: clocks of switches, nodes and askers differ at most so much. before: greatest time from a call's `at` in the report to
    its `at` in the question, by their clocks. sync_seconds: a switch silent for longer is out of sync; so long, at most, a switch
    that was cut off goes unnoticed. records: tokens kept at most. questions_per_second, burst: of one member (burst 0: one
    second's). switches: every switch that must be heard; with none nothing is ever denied. askers: the called number's operator
    (receiver_of) -> peers whose gates may get the call; that operator alone where it is not named. waiting: questions that wait
    at once. fixed: our fixed and VoIP lines, as number ranges (state/ranges): the number plan knows no operator of those.
    Raises TosqauylError for values that cannot work together.
    """

    operator: str
    ttl: float = 60.0
    grace: float = 0.15
    skew: float = 2.0
    before: float = 15.0
    sync_seconds: float = 10.0
    records: int = 2_000_000
    questions_per_second: int = 2_000
    burst: int = 0
    switches: tuple[str, ...] = ()
    askers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    waiting: int = 20_000
    fixed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.grace, self.skew) < 0 or min(self.before, self.sync_seconds) <= 0:
            raise TosqauylError("times of the ledger cannot be negative")
        if min(self.records, self.questions_per_second, self.waiting) < 1 or self.burst < 0:
            raise TosqauylError("limits of the ledger must be 1 at least")
        if self.ttl < self.window:
            what = f"a record must live for {self.window:g} seconds at least, or a question could come too late for it"
            raise TosqauylError(what, "ttl", "before + 2 * skew + grace")

    @property
    def window(self) -> float:
        """For how long a node must have heard everything before it may say no.

        A report that a question covers has an `at` of the asker's minus `before` or later; the asker's clock is behind ours by
        `skew` at most, and a report arrives at most `skew` before its own `at`.
        """
        return self.before + 2 * self.skew + self.grace

    @property
    def most_tokens(self) -> int:
        """Tokens of one question: twice what `before` and `skew` need, for members that look further back."""
        return 2 * (int((self.before + self.skew) / BUCKET) + 2)


class Report(NamedTuple):
    """A switch says that a call began. switch: its name; id: the switch's own for this call, the same when it is sent again;
    caller, called: as the switch has them; at: when the call began by the switch's clock, seconds since 1970."""

    switch: str
    id: str
    caller: str
    called: str
    at: float


class AskedTokens(NamedTuple):
    """A member asks. key: id of the pair's key; tokens: one for each bucket in which the call may have begun; at: when the call
    reached the asker by its clock, seconds since 1970; to: receiver_of the called number; ported: Plan.hash of the asker's
    number plan, ported numbers included."""

    key: str
    tokens: tuple[bytes, ...]
    at: float
    to: str = ""
    ported: str = ""


class Said(NamedTuple):
    """The answer. state: one of STATES; why: one of REASONS where the state is unknown, else ''."""

    state: str
    why: str = ""


def _nobody(said: Said) -> None:
    """Whoever asked does not listen yet."""


class Pending:
    """A question that waits for a report that may still come. due: when it ends, monotonic seconds. done: called exactly once with
    what is said, unless the question is forgotten; set it before anything else is told to the ledger."""

    __slots__ = ("done", "doubts", "due", "ended", "key", "peer", "shared", "short", "tokens")

    def __init__(self, peer: str, key: str, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...], due: float) -> None:
        self.peer, self.key, self.tokens, self.doubts, self.due = peer, key, tokens, doubts, due
        self.done: Callable[[Said], None] = _nobody
        self.ended = False
        self.short = False
        """Whether its tokens do not cover the time in which the call may have begun."""
        self.shared = ""
        """What the shared store found: none, doubtful or failed; '' while it has not said anything."""
