"""Messages out of a byte stream by Content-Length (RFC 3261 18.3): the same messages however the bytes arrive."""

from tosqauyl.errors import Fault
from tosqauyl.sip.limits import MAX_DATAGRAM, MAX_HEAD
from tosqauyl.sip.message import Message, Unreadable, content_length, parse


class Parser:
    """An incremental reader of one stream. `feed` never raises; after a broken frame it is `broken` and reads no more.

    A stream cannot be read on past a message whose end is unknown: the caller closes the connection then.
    """

    __slots__ = ("_buffer", "broken")

    def __init__(self) -> None:
        self._buffer = b""
        self.broken = False

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes; return the messages that are complete now, in order. CRLFs between them are dropped."""
        messages: list[Message] = []
        if self.broken:
            return messages
        self._buffer += data
        while not self.broken:
            self._buffer = self._buffer.lstrip(b"\r\n")
            size = self._size()
            if size < 0 or len(self._buffer) < size:
                break
            messages.append(parse(self._buffer[:size]))
            self._buffer = self._buffer[size:]
        if self.broken:
            messages.append(Unreadable(Fault("too_long", "stream", "no end of a message in sight")))
            self._buffer = b""
        return messages

    def _size(self) -> int:
        """Bytes of the message at the start of the buffer; -1 where its header section is not complete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            self.broken = len(self._buffer) > MAX_HEAD
            return -1
        if end > MAX_HEAD:
            self.broken = True
            return -1
        length = content_length(self._buffer[:end])
        size = end + 4 + length
        self.broken = length < 0 or size > MAX_DATAGRAM
        return -1 if self.broken else size
