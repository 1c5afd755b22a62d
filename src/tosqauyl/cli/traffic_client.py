"""A SIP caller for test traffic, sans-IO: makes INVITEs, repeats them, checks the answers, acknowledges them.

On purpose it shares no code with `tosqauyl.sip`: a mistake made twice the same way would not be seen. Client
transactions after RFC 3261 17.1.1: timer A 500 ms and doubling, timer B 32 s, timer D 32 s.
"""

import heapq
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from tosqauyl.cli.traffic_mix import PlannedCall

T1 = 0.5
TIMER_B = 64 * T1
TIMER_D = 32.0
AGENT = "tosqauyl-traffic"


class Outcome(NamedTuple):
    """How one call ended. verdict: pass, mark, withhold, divert, stop, lost, or broken (an answer no client could
    use, or a second answer that contradicts the first); detail says why. seconds: from the first INVITE to the final
    answer. would: what the gate says it would have done (monitor mode), else ''.
    """

    call: PlannedCall
    verdict: str
    seconds: float
    status: int = 0
    detail: str = ""
    would: str = ""


class Answer(NamedTuple):
    """A response, read with string methods only. fields: lower-case names to their values in order."""

    status: int
    fields: dict[str, list[str]]

    def first(self, name: str) -> str:
        """The first value of a field, '' if absent."""
        return self.fields.get(name, [""])[0]


@dataclass(slots=True)
class _Open:
    """A call that has no final answer yet."""

    call: PlannedCall
    call_id: str
    packet: bytes
    started: float
    wait: float = T1
    trying: bool = False


class Client:
    """All calls in flight. Every method takes the time; nothing here reads a clock or a socket."""

    def __init__(self, address: dict[str, tuple[str, int]], targets: dict[str, tuple[str, int]], nonce: str) -> None:
        """address and targets by trunk name ('international', 'domestic'); nonce makes branches of runs differ."""
        self._address, self._targets, self._nonce = address, targets, nonce
        self._open: dict[str, _Open] = {}
        self._closed: dict[str, tuple[int, bytes]] = {}
        self._expiries: deque[tuple[float, str]] = deque()
        self._timers: list[tuple[float, str]] = []
        self._serial = 0
        self.retransmitted = 0
        self.strays = 0

    @property
    def pending(self) -> int:
        """Calls that wait for their final answer."""
        return len(self._open)

    def start(self, call: PlannedCall, now: float) -> bytes:
        """The INVITE of a new call."""
        self._serial += 1
        branch = f"z9hG4bK-{self._nonce}-{self._serial:x}"
        call_id = f"{self._nonce}-{self._serial:x}@{self._address[call.trunk][0]}"
        packet = render_invite(call, branch, call_id, self._address[call.trunk], self._targets[call.trunk])
        self._open[branch] = _Open(call, call_id, packet, now)
        heapq.heappush(self._timers, (now + T1, branch))
        return packet

    def receive(self, data: bytes, now: float) -> tuple[Outcome | None, bytes]:
        """Take one datagram: (how a call ended or None, the ACK to send back or b'')."""
        answer = read_answer(data)
        branch = branch_of(answer) if answer else ""
        if answer is None or branch not in self._open:
            return self._late(answer, branch)
        one = self._open[branch]
        if answer.status < 200:
            one.trying = True
            return None, b""
        if detail := fault_in(answer, one):
            del self._open[branch]
            return Outcome(one.call, "broken", now - one.started, answer.status, detail), b""
        del self._open[branch]
        ack = render_ack(one.packet, answer)
        self._closed[branch] = (answer.status, ack)
        self._expiries.append((now + TIMER_D, branch))
        verdict, would = verdict_of(answer)
        return Outcome(one.call, verdict, now - one.started, answer.status, would=would), ack

    def _late(self, answer: Answer | None, branch: str) -> tuple[Outcome | None, bytes]:
        """An answer to a call that has ended: the same final again gets its ACK again, anything else is a stray."""
        status, ack = self._closed.get(branch, (0, b""))
        if answer is not None and answer.status == status:
            return None, ack
        self.strays += 1
        return None, b""

    def tick(self, now: float) -> tuple[list[tuple[str, bytes]], list[Outcome]]:
        """What is due: (trunk, INVITE) to repeat after timer A, and the calls lost after timer B."""
        again: list[tuple[str, bytes]] = []
        lost: list[Outcome] = []
        while self._timers and self._timers[0][0] <= now:
            _, branch = heapq.heappop(self._timers)
            one = self._open.get(branch)
            if one is None:
                continue
            if now - one.started >= TIMER_B:
                del self._open[branch]
                lost.append(Outcome(one.call, "lost", now - one.started))
                continue
            if not one.trying:  # after a 1xx the INVITE is not repeated (RFC 3261 17.1.1.2)
                again.append((one.call.trunk, one.packet))
                self.retransmitted += 1
            one.wait *= 2
            heapq.heappush(self._timers, (min(now + one.wait, one.started + TIMER_B), branch))
        while self._expiries and self._expiries[0][0] <= now:
            self._closed.pop(self._expiries.popleft()[1], None)
        return again, lost

    def give_up(self, now: float) -> list[Outcome]:
        """End every call that is still open as lost."""
        lost = [Outcome(one.call, "lost", now - one.started) for one in self._open.values()]
        self._open.clear()
        return lost


def spell(number: str, written: str) -> str:
    """The number as trunks write it: +E.164, 00 prefix, bare country code, or the Kazakh national 8."""
    if not number.startswith("+"):
        return number
    digits = number[1:]
    return {"prefixed": f"00{digits}", "bare": digits, "national": f"8{digits[1:]}"}.get(written, number)


def render_invite(
    call: PlannedCall, branch: str, call_id: str, local: tuple[str, int], target: tuple[str, int]
) -> bytes:
    """The INVITE of a call as a border SBC would send it, with an SDP offer."""
    place, host = f"{local[0]}:{local[1]}", f"{target[0]}:{target[1]}"
    number = spell(call.caller, call.written)
    uri = f"tel:{number}" if call.tel and number.startswith("+") else f"sip:{number}@{place};user=phone"
    display = f'"{call.display}" ' if call.display else ""
    from_ = '"Anonymous" <sip:anonymous@anonymous.invalid>' if call.privacy else f"{display}<{uri}>"
    lines = [
        f"INVITE sip:{call.callee}@{host};user=phone SIP/2.0",
        f"Via: SIP/2.0/UDP {place};branch={branch};rport",
        "Max-Forwards: 67",
        f"From: {from_};tag={branch[8:]}",
        f"To: <sip:{call.callee}@{host};user=phone>",
        f"Call-ID: {call_id}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:{place}>",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS",
        f"User-Agent: {AGENT}",
        "Content-Type: application/sdp",
    ]
    if call.asserted:
        lines.append(f"P-Asserted-Identity: <{uri}>")
    if call.privacy:
        lines.append("Privacy: id")
    if call.diversion:
        lines.append(f"Diversion: <sip:{call.diversion}@{place};user=phone>;reason=no-answer")
    body = _SDP.format(host=local[0])
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
)


def render_ack(invite: bytes, answer: Answer) -> bytes:
    """The ACK of a final answer of 300 or more: the INVITE's Request-URI, Via, From, Call-ID; the answer's To
    (RFC 3261 17.1.1.3)."""
    lines = invite.decode().split("\r\n")
    kept = [line for line in lines if line.startswith(("Via:", "From:", "Call-ID:", "Max-Forwards:"))]
    start = lines[0].replace("INVITE", "ACK", 1)
    return "\r\n".join([start, *kept, f"To: {answer.first('to')}", "CSeq: 1 ACK", "Content-Length: 0", "", ""]).encode()


_LONG = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}


def read_answer(data: bytes) -> Answer | None:
    """Read a response; None if it is none."""
    try:
        head = data.decode().partition("\r\n\r\n")[0].split("\r\n")
    except UnicodeDecodeError:
        return None
    start = head[0].split(" ", 2)
    if len(start) < 2 or start[0] != "SIP/2.0" or not start[1].isdecimal():
        return None
    fields: dict[str, list[str]] = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        fields.setdefault(_LONG.get(name, name), []).append(value.strip())
    return Answer(int(start[1]), fields)


def branch_of(answer: Answer) -> str:
    """The branch of the top Via."""
    for part in answer.first("via").split(",")[0].split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "branch":
            return value.strip()
    return ""


def fault_in(answer: Answer, one: _Open) -> str:
    """What makes a final answer unusable for a client; '' if nothing does."""
    sent = one.packet.decode().split("\r\n")
    wanted_from = next(line[6:] for line in sent if line.startswith("From: "))
    target = sent[0].split(" ")[1]
    checks = (
        ("no such final status is expected", answer.status in (302, 404, 503, 603, 607, 608)),
        ("Call-ID is not the INVITE's", answer.first("call-id") == one.call_id),
        ("CSeq is not the INVITE's", answer.first("cseq").split() == ["1", "INVITE"]),
        ("From is not the INVITE's", answer.first("from") == wanted_from),
        ("To has no tag", ";tag=" in answer.first("to")),
        ("302 without Contact", answer.status != 302 or bool(answer.first("contact"))),
        ("302 back to the Request-URI", answer.status != 302 or f"<{target}>" not in answer.first("contact")),
    )
    return next((what for what, good in checks if not good), "")


def verdict_of(answer: Answer) -> tuple[str, str]:
    """(verdict, what monitor mode would have done or '') of a usable final answer, after docs/answers.md."""
    reason = answer.first("reason")
    if answer.status >= 600:
        return "stop", ""
    would = reason.partition("monitor: would ")[2].split(",")[0]
    asserted = answer.first("p-asserted-identity")
    if asserted:
        return ("withhold" if "anonymous@anonymous" in asserted else "mark"), would
    if answer.status == 302 and reason and not would and "no-fraud" not in reason:
        return "divert", ""
    return "pass", would
