"""Messages out of a byte stream by Content-Length (RFC 3261 18.3): the same messages however the bytes arrive.

What a stream must have and a datagram need not: a Content-Length (18.3, 20.14). A message without one, or whose end
cannot be known, is still returned, so that it gets its 400 or 513, and the stream is `broken`: nobody can read on.
"""

import re

from tosqauyl.errors import Fault
from tosqauyl.sip.limits import MAX_DATAGRAM, MAX_HEAD
from tosqauyl.sip.message import Message, Request, Unreadable, content_length, parse

MANY = 1 << 30
_PING = b"\r\n\r\n"
_HEAD_END = b"\r\n\r\n"
_LONGEST_HEAD = MAX_HEAD + len(_HEAD_END)
_USUAL_LENGTH = re.compile(rb"\r\nContent-Length: ?([0-9]{1,5})\r\n(?![ \t])")


class Parser:
    """An incremental reader of one stream. `feed` never raises; after a broken frame it is `broken` and reads no more.

    Holds at most one message (65,535 bytes) beyond what the last `feed` brought; every byte is looked at a bounded number
    of times, in whatever pieces it comes. A caller that gets a broken stream answers what it got and closes.
    pings: double CRLFs between messages so far, each to be answered by one CRLF (RFC 5626 3.5.1).
    """

    __slots__ = ("_buffer", "_ends", "_scanned", "_size", "broken", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ends = b""  # line ends seen between messages that may become a ping
        self._scanned = 0  # no end of a head begins before this place
        self._size = 0  # bytes of the message at the start of the buffer, 0 while its head is not complete
        self.broken = False
        self.pings = 0

    def __len__(self) -> int:
        """Bytes that wait for the rest of their message (or, after a `feed` that reached its limit, for their turn)."""
        return len(self._buffer)

    def feed(self, data: bytes, at_most: int = MANY) -> list[Message]:
        """Take bytes; return the messages that are complete now, in order, at most `at_most` of them.

        Where that many came there may be more: call again with b"".
        """
        messages: list[Message] = []
        if self.broken:
            return messages
        self._buffer += data
        while len(messages) < at_most and not self.broken:
            message = self._next()
            if message is None:
                break
            messages.append(message)
        if self.broken:
            self._buffer.clear()
        return messages

    def _next(self) -> Message | None:
        """The first message of the buffer, cut off it; None where it is not complete."""
        if not self._size:
            self._skip_line_ends()
            refused = self._measure()
            if refused is not None:
                self.broken = True
                return refused
        if not self._size or len(self._buffer) < self._size:
            return None
        data = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size = self._scanned = 0
        return self._checked(parse(data), data)

    def _checked(self, message: Message, data: bytes) -> Message:
        """The message; the stream is broken where it had no Content-Length or was no SIP at all."""
        if isinstance(message, Unreadable):
            self.broken = message.fault.kind == "not_sip" or not _lengths(data)
        elif "content-length" not in message.fields:
            self.broken = True
            _refuse(message, Fault("malformed", "content-length", "a message on a stream must have a Content-Length"))
        return message

    def _skip_line_ends(self) -> None:
        """Drop CRs and LFs before a start line (RFC 3261 7.5) and count the pings among them."""
        buffer = self._buffer
        if not buffer:
            return
        if buffer[0] not in b"\r\n":
            self._ends = b""
            return
        rest = len(buffer.lstrip(b"\r\n"))
        *pings, tail = (self._ends + buffer[: len(buffer) - rest]).split(_PING)
        self.pings += len(pings)
        del buffer[: len(buffer) - rest]
        self._ends = b"" if rest else next((_PING[:n] for n in (3, 2, 1) if tail.endswith(_PING[:n])), b"")

    def _measure(self) -> Message | None:
        """Learn the size of the message at the start of the buffer; what to refuse where it has no knowable end."""
        buffer = self._buffer
        end = buffer.find(_HEAD_END, self._scanned)
        if not 0 <= end <= MAX_HEAD:
            self._scanned = max(len(buffer) - len(_HEAD_END) + 1, 0)
            if end < 0 and len(buffer) < _LONGEST_HEAD:
                return None
            return _refused(
                bytes(buffer[:_LONGEST_HEAD]), Fault("too_long", "headers", "no end of the headers in sight")
            )
        head = bytes(buffer[: end + 4])
        length = _length(head)
        if length < 0:
            return _refused(head, Fault("malformed", "content-length", "none that tells where the message ends"))
        if len(head) + length > MAX_DATAGRAM:
            return _refused(head, Fault("too_long", "content-length", f"{len(head) + length} bytes"))
        self._size = len(head) + length
        return None


def _length(head: bytes) -> int:
    """Content-Length of a head with its empty line: 0 where it is missing, -1 where it cannot be told."""
    usual = _USUAL_LENGTH.search(head)
    if usual is not None and _lengths(head) == 1 and head.count(b"\n") == head.count(b"\r\n"):
        return int(usual[1])
    return content_length(head[:-4])


def _lengths(data: bytes) -> int:
    """How often something like Content-Length is there, in any spelling; what is none only costs the careful reading."""
    lower = data.lower()
    return lower.count(b"content-length") + lower.count(b"\nl")


def _refused(data: bytes, fault: Fault) -> Message:
    message = parse(data)
    _refuse(message, fault)
    return message


def _refuse(message: Message, fault: Fault) -> None:
    """Give a request the fault, unless it has a graver one (another version, for instance) already."""
    if isinstance(message, Request) and (message.fault is None or message.fault.kind == "malformed"):
        message.fault = fault
