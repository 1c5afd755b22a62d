"""Captures as SIP messages, in the order of the packets: pcap and pcapng (read by dpkt), and files of HEP packets."""

import re
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import dpkt

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.imports import hep
from tosqauyl.ledger.imports.lines import open_bytes
from tosqauyl.ledger.imports.packets import segment_of
from tosqauyl.ledger.imports.rejects import ROW, Reject
from tosqauyl.ledger.imports.sip_calls import Heard, is_rejected
from tosqauyl.ledger.imports.streams import Streams, starts_sip
from tosqauyl.sip.message import Message, Request, Response, Unreadable, parse

_READ = 1 << 20
_LARGEST = 1 << 24
"""Bytes of one block of pcapng, at most."""
_LENGTH = re.compile(rb"(?im)^(content-length|l)([ \t]*:)[^\r\n]*")
_TORN = (dpkt.Error, struct.error, ValueError, EOFError, OSError, IndexError, AttributeError)
"""What dpkt's readers raise on a file that ends in the middle of a packet."""
_SAYS_NOTHING = (b"ACK sip", b"SIP/2.0 1")
"""Messages of which nothing is told: they are counted, not read."""


class _Bounded:
    """A file as dpkt reads it: no read is larger than a packet can be, and one that comes short is noticed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.is_short = file, False

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LARGEST:
            raise ValueError(f"a length of {size} bytes makes no sense")
        data = self._file.read(size)
        self.is_short = self.is_short or 0 < len(data) < size
        return data

    def seek(self, place: int) -> int:
        return self._file.seek(place)


class Capture:
    """One capture file. counts: what was met, by slug. passed: messages that tell nothing of a call, since somebody set it to 0.
    rejects: INVITEs that cannot be read; whoever takes them empties it."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self.counts: Counter[str] = Counter()
        self.rejects: list[Reject] = []
        self.place = self.passed = 0
        self._streams = Streams(self.counts)

    def messages(self) -> Iterator[Heard]:
        """Every SIP message that tells something. Raises TosqauylError where the file is no capture."""
        with open_bytes(self.path) as file:
            yield from self._hep(file) if self.kind == "hep" else self._pcap(file)

    def _pcap(self, file: BinaryIO) -> Iterator[Heard]:
        bounded = _Bounded(file)
        try:
            reader = dpkt.pcap.UniversalReader(bounded)
        except _TORN as error:
            raise TosqauylError(f"this is no capture: {error}", str(self.path), "pcap or pcapng is read") from error
        link, frames, number, last = reader.datalink(), iter(reader), 0, 0.0
        while True:
            try:
                at, frame = next(frames)
            except StopIteration:
                break
            except _TORN as error:
                self._torn(number + 1, str(error) or type(error).__name__)
                break
            number, last = number + 1, float(at)
            if number % 256 == 0:
                self.place = file.tell()
            if bounded.is_short:
                self._torn(number, "half a packet at its end")
            yield from self._frame(number, float(at), link, frame)
        for message in self._streams.rest():
            yield from self._heard(Heard(number, last, "", "tcp", message), b"")

    def _frame(self, number: int, at: float, link: int, frame: bytes) -> Iterator[Heard]:
        segment = segment_of(link, frame, self.counts)
        if segment is None:
            return
        source = "{}:{}".format(*segment.source)
        if segment.transport == "tcp":
            for message in self._streams.take(segment):
                yield from self._heard(Heard(number, at, source, "tcp", message), b"")
        elif segment.payload[:4] == hep.MAGIC:
            yield from self._unwrapped(number, segment.payload)
        else:
            yield from self._datagram(number, at, source, "udp", segment.payload)

    def _hep(self, file: BinaryIO) -> Iterator[Heard]:
        rest, number = b"", 0
        while True:
            try:
                data = file.read(_READ)
            except (EOFError, OSError) as error:
                self._torn(number + 1, str(error))
                return
            packets, rest, lost = hep.split(rest + data)
            if lost:
                self.rejects.append(Reject(number + 1, ROW, "", f"{lost} bytes that are no HEP", ""))
            for packet in packets:
                number += 1
                yield from self._unwrapped(number, packet)
            self.place += len(data)
            if not data:
                if rest:
                    self._torn(number + 1, "half a packet at its end")
                return

    def _unwrapped(self, number: int, packet: bytes) -> Iterator[Heard]:
        found = hep.unwrap(packet)
        if found is None:
            self.rejects.append(Reject(number, ROW, "", "a HEP packet that cannot be read", ""))
        elif found.kind == hep.SIP:
            yield from self._datagram(number, found.at, found.source, found.transport, found.payload)
        else:
            self.counts["not_sip"] += 1

    def _datagram(self, number: int, at: float, source: str, transport: str, data: bytes) -> Iterator[Heard]:
        if data.startswith(_SAYS_NOTHING):
            self.passed += 1
            return
        if not starts_sip(data):
            self.counts["not_sip"] += 1
            return
        message = parse(data)
        if _is_cut(message):
            self.counts["cut_messages"] += 1
            message = parse(_without_body(data))
        yield from self._heard(Heard(number, at, source, transport, message), data)

    def _heard(self, heard: Heard, data: bytes) -> Iterator[Heard]:
        reason = is_rejected(heard.message, data)
        if reason:
            start = data.partition(b"\n")[0].rstrip().decode("utf-8", "replace")
            self.rejects.append(Reject(heard.number, ROW, "", reason, start))
        elif isinstance(heard.message, Unreadable):
            self.counts["sip_unreadable"] += 1
        else:
            yield heard

    def _torn(self, number: int, why: str) -> None:
        self.rejects.append(Reject(number, ROW, "", f"the file ends too early: {why}", ""))


def _is_cut(message: Message) -> bool:
    """Whether only the end of the body is missing: a first fragment, or a short snapshot length."""
    if isinstance(message, Response):
        return False
    fault = message.fault
    return fault is not None and fault.where == "content-length"


def _without_body(data: bytes) -> bytes:
    head = data.partition(b"\r\n\r\n")[0]
    return _LENGTH.sub(rb"\1\2 0", head) + b"\r\n\r\n"


def is_invite(message: Message) -> bool:
    """Whether a message begins a call."""
    return isinstance(message, Request) and message.method == "INVITE" and not message.to_has_tag
