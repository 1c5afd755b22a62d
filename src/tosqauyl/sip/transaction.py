"""Server transactions: the transition tables of RFC 3261 17.2, and the rare open call that needs a timer.

Decision: the final answer to an INVITE is retransmitted by us (timer G) only if a 100 Trying went out before it. Without a
100 the client retransmits its INVITE (timer A), and each one fetches the same answer from `Transactions`; a timer of
ours would only add traffic. A 100 stops the client's timer A, and then only timer G can repair a lost answer. Over TCP and
TLS nothing gets lost but the connection: no timer G, and timer I is zero (17.2.1).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from tosqauyl.sip.table import Transactions

__all__ = [
    "INVITE_TABLE", "OTHER_TABLE", "T1", "T2", "T4", "TIMEOUT", "TRYING_AFTER", "Event", "Open", "State", "Step",
    "Transactions", "event_of", "on_ack", "on_answer", "on_request", "on_time", "opened", "step", "wants_trying",
]  # fmt: skip

T1, T2, T4 = 0.5, 4.0, 5.0
"""Seconds: round-trip estimate, longest retransmission gap, longest life of a datagram (RFC 3261 17.1.1.1)."""

TIMEOUT = 64 * T1
"""Timers H and J: how long an answer is kept for retransmissions, 32 s."""

TRYING_AFTER = 0.2
"""Seconds without an answer after which a 100 goes out (RFC 3261 17.2.1)."""


class State(StrEnum):
    """States of figures 7 and 8."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Event(StrEnum):
    """What can happen to a transaction. Timers by their letter; G_QUIET is timer G where no 100 was sent."""

    REQUEST = "request"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FINAL = "300-699"
    ACK = "ack"
    TIMER_G = "timer G"
    TIMER_G_QUIET = "timer G, no 100 sent"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TRANSPORT_ERROR = "transport error"


class Step(NamedTuple):
    """One arrow: the state after it, and whether the last answer is sent now."""

    state: State
    send: bool


_S, _E = State, Event

INVITE_TABLE: dict[tuple[State, Event], Step] = {
    (_S.PROCEEDING, _E.REQUEST): Step(_S.PROCEEDING, True),
    (_S.PROCEEDING, _E.PROVISIONAL): Step(_S.PROCEEDING, True),
    (_S.PROCEEDING, _E.SUCCESS): Step(_S.TERMINATED, True),
    (_S.PROCEEDING, _E.FINAL): Step(_S.COMPLETED, True),
    (_S.PROCEEDING, _E.TRANSPORT_ERROR): Step(_S.TERMINATED, False),
    (_S.COMPLETED, _E.REQUEST): Step(_S.COMPLETED, True),
    (_S.COMPLETED, _E.ACK): Step(_S.CONFIRMED, False),
    (_S.COMPLETED, _E.TIMER_G): Step(_S.COMPLETED, True),
    (_S.COMPLETED, _E.TIMER_G_QUIET): Step(_S.COMPLETED, False),
    (_S.COMPLETED, _E.TIMER_H): Step(_S.TERMINATED, False),
    (_S.COMPLETED, _E.TRANSPORT_ERROR): Step(_S.TERMINATED, False),
    (_S.CONFIRMED, _E.TIMER_I): Step(_S.TERMINATED, False),
}
"""Figure 7. What is missing changes nothing: an ACK while proceeding, for instance, is absorbed."""

OTHER_TABLE: dict[tuple[State, Event], Step] = {
    (_S.TRYING, _E.PROVISIONAL): Step(_S.PROCEEDING, True),
    (_S.TRYING, _E.SUCCESS): Step(_S.COMPLETED, True),
    (_S.TRYING, _E.FINAL): Step(_S.COMPLETED, True),
    (_S.PROCEEDING, _E.REQUEST): Step(_S.PROCEEDING, True),
    (_S.PROCEEDING, _E.PROVISIONAL): Step(_S.PROCEEDING, True),
    (_S.PROCEEDING, _E.SUCCESS): Step(_S.COMPLETED, True),
    (_S.PROCEEDING, _E.FINAL): Step(_S.COMPLETED, True),
    (_S.PROCEEDING, _E.TRANSPORT_ERROR): Step(_S.TERMINATED, False),
    (_S.COMPLETED, _E.REQUEST): Step(_S.COMPLETED, True),
    (_S.COMPLETED, _E.TIMER_J): Step(_S.TERMINATED, False),
    (_S.COMPLETED, _E.TRANSPORT_ERROR): Step(_S.TERMINATED, False),
}
"""Figure 8 (OPTIONS, CANCEL and the rest)."""


def step(invite: bool, state: State, event: Event) -> Step:
    """The arrow for this event; staying put and sending nothing where the figure has none."""
    return (INVITE_TABLE if invite else OTHER_TABLE).get((state, event)) or Step(state, False)


def event_of(status: int) -> Event:
    """The event that sending an answer with this status is."""
    return Event.PROVISIONAL if status < 200 else Event.SUCCESS if status < 300 else Event.FINAL


@dataclass(frozen=True, slots=True)
class Open:
    """An INVITE transaction that needs a timer: not answered yet, or answered after a 100 and not acknowledged yet.

    Times are seconds on the caller's monotonic clock. answer: last answer sent, b'' if none. trying: a 100 went out.
    due: when `on_time` wants to be called next. interval: present gap of timer G. ends: timer H or I. reliable: the INVITE
    came over TCP or TLS.
    """

    state: State
    due: float
    answer: bytes = b""
    trying: bool = False
    interval: float = T1
    ends: float = 0.0
    reliable: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it can be forgotten."""
        return self.state is State.TERMINATED


Stepped = tuple[Open, bytes]
"""The transaction after an event, and the bytes to send now (b'' for none)."""


def opened(now: float, trying_after: float = TRYING_AFTER, reliable: bool = False) -> Open:
    """A transaction whose INVITE has just come and whose answer must wait; trying_after: seconds until a 100."""
    return Open(State.PROCEEDING, now + trying_after, reliable=reliable)


def on_request(call: Open) -> Stepped:
    """The INVITE came again."""
    return _moved(call, Event.REQUEST)


def on_ack(call: Open, now: float) -> Stepped:
    """The ACK came: absorbed; timer I keeps the transaction for T4 so that further ACKs are absorbed too."""
    after, send = _moved(call, Event.ACK)
    if call.reliable:
        return _moved(after, Event.TIMER_I)
    return (replace(after, due=now + T4, ends=now + T4) if after.state is not call.state else after), send


def on_answer(call: Open, status: int, answer: bytes, now: float) -> Stepped:
    """We answer. Ignored once a final answer was given (a transaction has one)."""
    if call.state is not State.PROCEEDING:
        return call, b""
    if status < 200:
        return _moved(replace(call, answer=answer, trying=True, due=float("inf")), Event.PROVISIONAL)
    due = now + (T1 if call.trying and not call.reliable else TIMEOUT)
    return _moved(replace(call, answer=answer, due=due, ends=now + TIMEOUT), event_of(status))


def on_time(call: Open, now: float) -> Stepped:
    """The clock reached `due` (nothing happens before it). A 100 is the caller's to make: see `wants_trying`."""
    if now < call.due:
        return call, b""
    if call.state is State.CONFIRMED:
        return _moved(call, Event.TIMER_I)
    if call.state is not State.COMPLETED:
        return call, b""
    if now >= call.ends:
        return _moved(call, Event.TIMER_H)
    interval = min(2 * call.interval, T2)
    later = replace(call, interval=interval, due=min(now + interval, call.ends))
    return _moved(later, Event.TIMER_G if call.trying and not call.reliable else Event.TIMER_G_QUIET)


def wants_trying(call: Open, now: float) -> bool:
    """Whether 200 ms have passed without any answer, so that a 100 must go out (`on_answer` with status 100)."""
    return call.state is State.PROCEEDING and not call.trying and now >= call.due


def _moved(call: Open, event: Event) -> Stepped:
    state, send = step(True, call.state, event)
    return (call if state is call.state else replace(call, state=state)), call.answer if send else b""
