"""Frames of a capture to the UDP and TCP payloads in them: link layers, VLAN tags, IPv4, IPv6. What is none of these is counted.

Of a datagram in fragments the first one is read: it has the head of the SIP message. The others are counted.
"""

import socket
import struct
from collections import Counter
from dataclasses import dataclass

ETHERNET, RAW, LOOP, NULL, SLL, SLL2 = 1, 101, 108, 0, 113, 276
"""Link types of libpcap."""
_RAW = frozenset((RAW, 12, 14, 228, 229))
_VLAN = frozenset((0x8100, 0x88A8, 0x9100))
_IP = {0x0800: 4, 0x86DD: 6}
_TCP, _UDP = 6, 17
_EXTENSIONS = frozenset((0, 43, 60, 135))
_FRAGMENT, _AUTHENTICATION = 44, 51


@dataclass(frozen=True, slots=True)
class Segment:
    """A UDP datagram or TCP segment. source, target: (address, port). seq, flags: of TCP, 0 of UDP."""

    transport: str
    source: tuple[str, int]
    target: tuple[str, int]
    payload: bytes
    seq: int = 0
    flags: int = 0


def segment_of(link: int, frame: bytes, counts: Counter[str]) -> Segment | None:
    """What a frame carries; None (counted) where it is no UDP or TCP, is cut, or is a later fragment."""
    try:
        packet = _packet(link, frame)
        if not packet:
            counts["not_ip"] += 1
            return None
        found = _ipv4(packet, counts) if packet[0] >> 4 == 4 else _ipv6(packet, counts)
        return found if found is None else _transport(*found, counts)
    except (struct.error, IndexError, ValueError):
        counts["cut_packets"] += 1
        return None


def _packet(link: int, frame: bytes) -> bytes:
    """The IP packet of a frame; b"" where it holds none."""
    if link in _RAW:
        return frame
    if link in (LOOP, NULL):
        return frame[4:] if frame[4] >> 4 in (4, 6) else b""
    if link == SLL:
        return frame[16:] if int.from_bytes(frame[14:16], "big") in _IP else b""
    if link == SLL2:
        return frame[20:] if int.from_bytes(frame[0:2], "big") in _IP else b""
    place = 12
    while int.from_bytes(frame[place : place + 2], "big") in _VLAN:
        place += 4
    return frame[place + 2 :] if int.from_bytes(frame[place : place + 2], "big") in _IP else b""


Found = tuple[int, str, str, bytes]
"""Protocol, source, target, payload."""


def _ipv4(packet: bytes, counts: Counter[str]) -> Found | None:
    size, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    if size < 20 or len(packet) < 20:
        raise ValueError("no IPv4")
    fragment = int.from_bytes(packet[6:8], "big")
    if fragment & 0x3FFF:
        counts["fragments"] += 1
        if fragment & 0x1FFF:
            return None
    end = total if size <= total <= len(packet) else len(packet)  # 0 where the network card segments
    return packet[9], socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), packet[size:end]


def _ipv6(packet: bytes, counts: Counter[str]) -> Found | None:
    if packet[0] >> 4 != 6 or len(packet) < 40:
        raise ValueError("no IP")
    length, protocol, place = int.from_bytes(packet[4:6], "big"), packet[6], 40
    end = min(len(packet), 40 + length) if length else len(packet)
    while protocol in _EXTENSIONS or protocol in (_FRAGMENT, _AUTHENTICATION):
        following, size = packet[place], 8 + packet[place + 1] * 8
        if protocol == _AUTHENTICATION:
            size = 8 + packet[place + 1] * 4
        if protocol == _FRAGMENT:
            size = 8
            offset = int.from_bytes(packet[place + 2 : place + 4], "big")
            counts["fragments"] += bool(offset & 0xFFF9)
            if offset & 0xFFF8:
                return None
        protocol, place = following, place + size
    addresses = (socket.inet_ntop(socket.AF_INET6, packet[at : at + 16]) for at in (8, 24))
    source, target = addresses
    return protocol, source, target, packet[place:end]


def _transport(protocol: int, source: str, target: str, data: bytes, counts: Counter[str]) -> Segment | None:
    if protocol == _UDP:
        source_port, target_port = struct.unpack_from(">HH", data)
        return Segment("udp", (source, source_port), (target, target_port), data[8:])
    if protocol != _TCP:
        counts["not_udp_tcp"] += 1
        return None
    source_port, target_port, seq = struct.unpack_from(">HHI", data)
    size, flags = (data[12] >> 4) * 4, data[13]
    return Segment("tcp", (source, source_port), (target, target_port), data[size:], seq, flags)
