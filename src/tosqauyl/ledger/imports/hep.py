"""HEP v3 (Homer encapsulation): captured packets with who sent them and when, as capture agents send them to a collector.

After "HEP3" and the length of the whole stand chunks of vendor, type, length, value; unknown ones are passed over. No package reads
it, so this does: a chunk that does not fit makes the packet unreadable, never more is read than is there.
"""

import socket
import struct
import zlib
from dataclasses import dataclass

MAGIC = b"HEP3"
SIP = 1
"""Protocol type of SIP."""
MOST_PAYLOAD = 65535
"""Bytes of a payload, unpacked."""
_HEAD, _CHUNK = struct.Struct(">4sH"), struct.Struct(">HHH")
_TRANSPORTS = {6: "tcp", 17: "udp"}
_PROTOCOL, _FROM4, _FROM6, _FROM_PORT = 2, 3, 5, 7
_SECONDS, _MICROSECONDS, _KIND, _PAYLOAD, _PACKED = 9, 10, 11, 15, 16


@dataclass(frozen=True, slots=True)
class Captured:
    """One captured packet. at: seconds since 1970 UTC. source: address:port. transport: udp or tcp. kind: protocol type."""

    at: float
    source: str
    transport: str
    kind: int
    payload: bytes


def unwrap(data: bytes) -> Captured | None:
    """One HEP packet; None where it is none, or does not hold what its lengths say."""
    if len(data) < _HEAD.size:
        return None
    magic, total = _HEAD.unpack_from(data)
    if magic != MAGIC or not _HEAD.size <= total <= len(data):
        return None
    chunks = _chunks(data[:total])
    if chunks is None:
        return None
    payload = chunks.get(_PAYLOAD)
    if payload is None and _PACKED in chunks:
        payload = _unpacked(chunks[_PACKED])
    if payload is None:
        return None
    at = _number(chunks, _SECONDS) + _number(chunks, _MICROSECONDS) / 1e6
    transport = _TRANSPORTS.get(_number(chunks, _PROTOCOL), "udp")
    return Captured(at, _source(chunks), transport, _number(chunks, _KIND), payload)


def split(data: bytes) -> tuple[list[bytes], bytes, int]:
    """Packets that stand one after another in a file or stream: (whole ones, what is not whole yet, bytes passed over)."""
    found: list[bytes] = []
    place = lost = 0
    while len(data) - place >= _HEAD.size:
        magic, total = _HEAD.unpack_from(data, place)
        if magic != MAGIC or total < _HEAD.size:
            following = data.find(MAGIC, place + 1)
            if following < 0:
                keep = len(MAGIC) - 1
                return found, data[-keep:], lost + max(0, len(data) - keep - place)
            lost, place = lost + following - place, following
            continue
        if place + total > len(data):
            break
        found.append(data[place : place + total])
        place += total
    return found, data[place:], lost


def _chunks(data: bytes) -> dict[int, bytes] | None:
    """Values by type, of the vendor 0 only; the first of each. None where a length does not fit."""
    found: dict[int, bytes] = {}
    place, end = _HEAD.size, len(data)
    while place < end:
        if place + _CHUNK.size > end:
            return None
        vendor, kind, length = _CHUNK.unpack_from(data, place)
        if length < _CHUNK.size or place + length > end:
            return None
        if vendor == 0 and kind not in found:
            found[kind] = data[place + _CHUNK.size : place + length]
        place += length
    return found


def _number(chunks: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(chunks.get(kind, b"")[:8], "big")


def _source(chunks: dict[int, bytes]) -> str:
    for kind, family, size in ((_FROM4, socket.AF_INET, 4), (_FROM6, socket.AF_INET6, 16)):
        raw = chunks.get(kind, b"")
        if len(raw) == size:
            return f"{socket.inet_ntop(family, raw)}:{_number(chunks, _FROM_PORT) & 0xFFFF}"
    return ""


def _unpacked(data: bytes) -> bytes | None:
    """A packed payload; None where it is none, or would be longer than a datagram."""
    try:
        reader = zlib.decompressobj(zlib.MAX_WBITS | 32)
        found = reader.decompress(data, MOST_PAYLOAD + 1)
    except zlib.error:
        return None
    return found if len(found) <= MOST_PAYLOAD else None
