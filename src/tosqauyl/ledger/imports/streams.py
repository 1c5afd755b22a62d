"""SIP messages out of captured TCP segments: in order, repetitions dropped, a gap given up after a while and counted."""

from collections import Counter
from dataclasses import dataclass, field

from tosqauyl.ledger.imports.packets import Segment
from tosqauyl.sip.framing import Parser
from tosqauyl.sip.message import Message

MOST_FLOWS = 50_000
"""Directions of connections that are followed at a time; beyond that the one longest idle is given up."""
MOST_AHEAD = 64
"""Segments that may wait for a missing one."""
_SYN, _RST, _FIN = 2, 4, 1
_WHOLE = 1 << 32
_HALF = 1 << 31


@dataclass(slots=True)
class _Flow:
    following: int
    parser: Parser = field(default_factory=Parser)
    ahead: dict[int, bytes] = field(default_factory=dict)


class Streams:
    """Every TCP direction of a capture. counts: `tcp_gaps`, `tcp_unreadable` go there."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self._flows: dict[tuple[tuple[str, int], tuple[str, int]], _Flow] = {}

    def take(self, segment: Segment) -> list[Message]:
        """The messages that a segment completes."""
        key = (segment.source, segment.target)
        flow = self._flows.pop(key, None)
        if segment.flags & _SYN:
            flow = _Flow((segment.seq + 1) % _WHOLE)
        elif flow is None:
            if not starts_sip(segment.payload):
                return []  # in the midst of something: the next message that begins a segment will do
            flow = _Flow(segment.seq)
        messages = self._feed(flow, segment.seq + bool(segment.flags & _SYN), segment.payload)
        if not segment.flags & (_RST | _FIN) and not flow.parser.broken:
            self._flows[key] = flow
            if len(self._flows) > MOST_FLOWS:
                del self._flows[next(iter(self._flows))]
        if flow.parser.broken:
            self.counts["tcp_unreadable"] += 1
        return messages

    def rest(self) -> list[Message]:
        """What still waits for a missing segment when the capture ends."""
        messages = []
        for flow in self._flows.values():
            while flow.ahead:
                messages += self._skip(flow)
        self._flows.clear()
        return messages

    def _feed(self, flow: _Flow, seq: int, data: bytes) -> list[Message]:
        distance = (seq - flow.following + _HALF) % _WHOLE - _HALF
        if distance < 0:
            data, distance = data[-distance:], 0
        if not data:
            return []
        if distance:
            flow.ahead[(flow.following + distance) % _WHOLE] = data
            return self._skip(flow) if len(flow.ahead) > MOST_AHEAD else []
        return self._in_order(flow, data)

    def _in_order(self, flow: _Flow, data: bytes) -> list[Message]:
        messages = flow.parser.feed(data)
        flow.following = (flow.following + len(data)) % _WHOLE
        while flow.following in flow.ahead:
            more = flow.ahead.pop(flow.following)
            flow.following = (flow.following + len(more)) % _WHOLE
            messages += flow.parser.feed(more)
        return messages

    def _skip(self, flow: _Flow) -> list[Message]:
        """Give up what is missing: go on at the first segment that waits and begins a message."""
        self.counts["tcp_gaps"] += 1
        order = sorted(flow.ahead, key=lambda seq: (seq - flow.following) % _WHOLE)
        start = next((seq for seq in order if starts_sip(flow.ahead[seq])), order[-1])
        flow.parser, flow.following = Parser(), start
        flow.ahead = {seq: flow.ahead[seq] for seq in order[order.index(start) :]}
        return self._in_order(flow, b"")


def starts_sip(data: bytes) -> bool:
    """Whether bytes begin as a SIP message does: `SIP/2.0 `, or a method in capitals and a URI."""
    if data[:8] == b"SIP/2.0 ":
        return True
    method, _, rest = data[:40].partition(b" ")
    return 2 < len(method) < 14 and method.isalpha() and method.isupper() and rest[:4] in (b"sip:", b"sips", b"tel:")
