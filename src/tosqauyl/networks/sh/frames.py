"""Diameter messages as bytes on a stream (RFC 6733 section 3): header, limits, and whether the AVPs fit their lengths.

The message library takes an AVP of length 0 for an empty one and never compares a message with its length, so both are
checked here before it sees the bytes.
"""

import asyncio
import struct
from typing import NamedTuple

from tosqauyl.networks.backend import AskFailed

HEADER = 20
"""Octets of a Diameter header."""
MAX_FRAME = 65_536
"""Octets of the longest message that is read. Location and state of one subscriber need less than a tenth."""
REQUEST, PROXIABLE, ERROR = 0x80, 0x40, 0x20
"""Command flags (RFC 6733 section 3)."""
_VENDOR = 0x80
_MAX_AVPS = 512


class Ids(NamedTuple):
    """What binds an answer to its request: hop-by-hop and end-to-end identifier, 32 bits each."""

    hop: int
    end: int


class Header(NamedTuple):
    """A header. flags: command flags. length: octets of the whole message."""

    length: int
    flags: int
    command: int
    application: int
    ids: Ids


def read_header(data: bytes) -> Header:
    """The header of a message. Raises AskFailed (malformed) for another version or an impossible length."""
    if len(data) < HEADER:
        raise AskFailed("malformed", "a Diameter header is cut short")
    first, second, application, hop, end = struct.unpack(">5I", data[:HEADER])
    length = first & 0xFFFFFF
    if first >> 24 != 1 or length % 4 or not HEADER <= length <= MAX_FRAME:
        raise AskFailed("malformed", "not a Diameter header")
    return Header(length, second >> 24, second & 0xFFFFFF, application, Ids(hop, end))


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next whole message of a stream. Raises AskFailed: malformed, or down where the stream ends or breaks."""
    try:
        head = await reader.readexactly(HEADER)
        length = read_header(head).length
        return head + await reader.readexactly(length - HEADER)
    except (asyncio.IncompleteReadError, OSError):
        raise AskFailed("down", "the connection ended") from None


def check_avps(data: bytes) -> None:
    """Whether the AVPs of a message (RFC 6733 section 4.1) fill it exactly. Raises AskFailed (malformed)."""
    at, count = HEADER, 0
    while at < len(data):
        count += 1
        if at + 8 > len(data) or count > _MAX_AVPS:
            raise AskFailed("malformed", "AVPs do not fit the message")
        flags = data[at + 4]
        length = int.from_bytes(data[at + 5 : at + 8])
        if length < (12 if flags & _VENDOR else 8) or at + length > len(data):
            raise AskFailed("malformed", "an AVP's length does not fit the message")
        at += (length + 3) & ~3
    if at != len(data):
        raise AskFailed("malformed", "the last AVP is not padded")
