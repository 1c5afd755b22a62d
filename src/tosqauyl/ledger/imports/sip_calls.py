"""SIP messages, as they were captured, to calls and what became of them: one call a Call-ID, its INVITE, final response and BYE.

The same INVITE on its next hop, repeated, or sent again after a challenge or a redirection is the same call; a B2BUA's other leg
has another Call-ID and is another call.
"""

import re
from collections import Counter
from dataclasses import dataclass

from tosqauyl.sip.address import name_addr
from tosqauyl.sip.message import Fields, Message, Request, Response, Unreadable
from tosqauyl.sip.text import parameter

LINGER = 32.0
"""Seconds that an ended call is kept, so that repetitions find it (64*T1 of RFC 3261)."""
LOOK_EVERY = 1.0
"""Seconds between two looks for calls that ended long enough ago."""
LONGEST = 86400.0
"""Seconds after which a call that never ended is told of as it stands."""
MOST_OPEN = 500_000
"""Calls that are followed at a time."""
_Q850 = re.compile(r"q\.850\s*;[^,]*?cause\s*=\s*([0-9]{1,3})", re.IGNORECASE)
_CHALLENGES = frozenset((401, 407))
_BY_CALLEE = frozenset((486, 600, 603, 607))
_CANCELLED = 487


@dataclass(frozen=True, slots=True)
class Heard:
    """One SIP message. number: of its packet. at: seconds since 1970. source: address:port of the sender."""

    number: int
    at: float
    source: str
    transport: str
    message: Message


@dataclass(slots=True)
class SipCall:
    """A call so far. code: the final status, 0 for none yet. *_at: seconds since 1970, 0 for not yet."""

    invite: Heard
    request: Request
    from_tag: str
    code: int = 0
    final_at: float = 0.0
    answered_at: float = 0.0
    bye_at: float = 0.0
    hung_up: str = "unknown"
    q850: int = 0

    @property
    def ended_at(self) -> float:
        """When it ended; 0 while it goes on."""
        return self.bye_at or (0.0 if self.answered_at else self.final_at)

    @property
    def outcome(self) -> tuple[float, str, float, float, int, int, str]:
        """at, answered, duration, ringing, sip_code, q850, hung_up: as the ledger has them."""
        start = self.invite.at
        answered = "yes" if self.answered_at else "no" if self.code >= 400 else "unknown"
        duration = 0.0 if answered == "no" else -1.0
        if self.answered_at and self.bye_at:
            duration = max(0.0, self.bye_at - self.answered_at)
        known = self.answered_at or self.final_at
        ringing = max(0.0, known - start) if known else -1.0
        at = self.bye_at or self.final_at or self.answered_at or start
        return at, answered, duration, ringing, self.code, self.q850, self.hung_up


class CallTracker:
    """Follows the calls of one capture. Time is that of the messages."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self._open: dict[str, SipCall] = {}
        self._ended: dict[str, float] = {}
        self._looked = 0.0

    def take(self, heard: Heard) -> list[SipCall]:
        """Take a message; the calls that are told of now, because they ended a while ago."""
        message = heard.message
        if isinstance(message, Response):
            self._response(heard, message)
        elif isinstance(message, Request):
            self._request(heard, message)
        return self._told(heard.at)

    def rest(self) -> list[SipCall]:
        """Every call that is still followed, at the end of the capture."""
        calls = list(self._open.values())
        self._open.clear()
        self._ended.clear()
        return calls

    def _request(self, heard: Heard, request: Request) -> None:
        call = self._open.get(request.call_id)
        if request.method == "INVITE" and not request.to_has_tag:
            if call is None:
                self._open[request.call_id] = SipCall(heard, request, tag_of(request.from_))
            else:
                self.counts["repeated_invites"] += 1
        elif request.method in ("BYE", "CANCEL"):
            if call is None:
                self.counts["ends_without_invite"] += 1
            elif request.method == "BYE" and not call.bye_at:
                call.bye_at = heard.at
                call.hung_up = "caller" if tag_of(request.from_) == call.from_tag else "callee"
                self._reason(call, request.fields)
                self._ended[request.call_id] = heard.at
            elif request.method == "CANCEL" and not call.code:
                call.hung_up = "caller"
                self._reason(call, request.fields)

    def _response(self, heard: Heard, response: Response) -> None:
        fields = response.fields
        call = self._open.get(fields.get("call-id", [""])[0])
        if call is None or response.status < 200 or fields["cseq"][0].split()[-1] != "INVITE" or call.answered_at:
            return
        if response.status < 300:
            call.code, call.answered_at, call.final_at, call.hung_up = response.status, heard.at, heard.at, "unknown"
            self._ended.pop(call.request.call_id, None)
        elif call.code < 300 or call.code in _CHALLENGES or 300 <= call.code < 400:
            call.code, call.final_at = response.status, heard.at
            call.hung_up = self._who(call, response.status)
            self._reason(call, fields)
            if response.status >= 400 and response.status not in _CHALLENGES:
                self._ended[call.request.call_id] = heard.at

    def _who(self, call: SipCall, code: int) -> str:
        if code == _CANCELLED or call.hung_up == "caller":
            return "caller"
        return "callee" if code in _BY_CALLEE else "network" if code >= 400 else "unknown"

    def _reason(self, call: SipCall, fields: Fields) -> None:
        for value in fields.get("reason", ()):
            found = _Q850.search(value)
            if found:
                call.q850 = int(found[1])

    def _told(self, now: float) -> list[SipCall]:
        """Calls that ended long enough ago, that never end, or that are too many."""
        if 0.0 <= now - self._looked < LOOK_EVERY and len(self._open) <= MOST_OPEN:
            return []
        self._looked = now
        told = []
        while self._ended:
            name, at = next(iter(self._ended.items()))
            if now - at < LINGER:
                break
            del self._ended[name]
            call = self._open.pop(name, None)
            if call is not None:
                told.append(call)
        while self._open:
            name, call = next(iter(self._open.items()))
            if now - call.invite.at < LONGEST and len(self._open) <= MOST_OPEN:
                break
            del self._open[name]
            self._ended.pop(name, None)
            told.append(call)
        return told


def tag_of(value: str) -> str:
    """The tag of a From or To; '' where it has none."""
    address = name_addr(value)
    return (parameter(address.params, "tag") or "") if address is not None else ""


def is_rejected(message: Message, data: bytes) -> str:
    """Why an INVITE cannot be taken; '' for one that can, and for every other message."""
    if isinstance(message, Unreadable):
        return f"not readable: {message.fault.kind}" if data[:7] == b"INVITE " else ""
    if isinstance(message, Request) and message.method == "INVITE" and message.fault is not None:
        return f"{message.fault.kind}: {message.fault.where}"
    return ""
