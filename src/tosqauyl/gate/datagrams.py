"""Many datagrams a system call: recvmmsg(2) and sendmmsg(2) by ctypes, or one by one where the system has neither.

Python's own recvfrom and sendto cost a microsecond each beyond the kernel's work (a call takes two and one of them). Here a
batch is one call; a datagram is one slice of a buffer, and an address is one look-up, because a border link has few peers.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final

from tosqauyl.gate.mmsg import (
    BATCH,
    DONTWAIT,
    LENGTH_AT,
    LENGTH_STEP,
    MESSAGE_SIZE,
    NAME,
    ROOM,
    MessageBatch,
    system_calls,
)

Address = tuple[str, int]
Received = tuple[bytes, Address]

PEERS_KEPT = 65_536
"""Addresses remembered in either form; forged sources can fill it, then it starts anew."""


_NOBODY: Final[Address] = ("", 0)


class Datagrams:
    """One UDP socket, non-blocking, read and written in batches. Not thread-safe."""

    def __init__(self, udp: socket.socket, one_by_one: bool = False) -> None:
        self.socket = udp
        self._inet6 = udp.family == socket.AF_INET6
        self._library = None if one_by_one else system_calls()
        name_length = NAME if self._inet6 else 16
        if self._library is not None:
            self._in, self._out = MessageBatch(name_length), MessageBatch(name_length)
        self._addressed: list[Any] = [_NOBODY] * BATCH
        self._descriptor = udp.fileno()
        self._name_length = name_length
        self._addresses: dict[bytes, Address] = {}
        self._raw_names: dict[Address, bytes] = {}

    def receive(self) -> list[Received]:
        """What is there now, at most BATCH datagrams; [] where nothing is. Raises OSError as recvfrom would."""
        if self._library is None:
            return self._receive_one_by_one()
        batch = self._in
        count: int = self._library.recvmmsg(self._descriptor, batch.messages, BATCH, DONTWAIT, None)
        if count < 0:
            error = ctypes.get_errno()
            if error in (errno.EAGAIN, errno.EINTR):
                return []
            raise OSError(error, os.strerror(error))
        # What can be read for all datagrams at once is; a slice of the C array is bytes without a view in between.
        buffers, known, size = batch.buffers, self._addresses, self._name_length
        names = bytes(batch.names[: count * NAME])
        received: list[Received] = []
        begin = place = 0
        raw: bytes = b""
        address: Any = _NOBODY
        for length in batch.lengths[LENGTH_AT : LENGTH_AT + count * LENGTH_STEP : LENGTH_STEP].tolist():
            name = names[place : place + size]
            if name != raw:
                raw = name
                address = known.get(raw) or self._learn(raw)
            received.append((buffers[begin : begin + length], address))
            begin += ROOM
            place += NAME
        return received

    def send(self, messages: Sequence[tuple[bytes, Address]]) -> int:
        """Send all; how many could not be sent (no route, buffer full): SIP's own retransmission repairs those."""
        if self._library is None:
            return sum(not self._send_one(data, address) for data, address in messages)
        failed = 0
        for begin in range(0, len(messages), BATCH):
            failed += self._send_batch(messages[begin : begin + BATCH])
        return failed

    def _send_batch(self, messages: Sequence[Any]) -> int:  # Any: the compiler would make each address anew
        batch = self._out
        buffers, names, lengths, size = batch.room, batch.names, batch.vector_lengths, self._name_length
        addressed, begin, place = self._addressed, 0, 0
        for index, (data, address) in enumerate(messages):
            length = len(data)
            buffers[begin : begin + length] = data
            lengths[2 * index + 1] = length
            if addressed[index] != address:  # a border link has few peers: mostly the name is there already
                addressed[index] = address
                names[place : place + size] = self._raw_names.get(address) or self._raw_name(address)
            begin += ROOM
            place += NAME
        sent = failed = 0
        step, first = MESSAGE_SIZE, ctypes.addressof(batch.messages)
        while sent < len(messages):
            rest = ctypes.c_void_p(first + sent * step)
            count: int = self._library.sendmmsg(  # type: ignore[union-attr]
                self._descriptor, rest, len(messages) - sent, DONTWAIT
            )
            if count <= 0:  # the first of the rest cannot go: leave it and go on behind it
                count, failed = 1, failed + 1
            sent += count
        return failed

    def _learn(self, raw: bytes) -> Address:
        if len(self._addresses) >= PEERS_KEPT:
            self._addresses.clear()
        port = struct.unpack_from("!H", raw, 2)[0]
        host = (
            socket.inet_ntop(socket.AF_INET6, raw[8:24]) if self._inet6 else socket.inet_ntop(socket.AF_INET, raw[4:8])
        )
        address = self._addresses[raw] = (host, port)
        return address

    def _raw_name(self, address: Address) -> bytes:
        """sockaddr_in or sockaddr_in6: family in the machine's order, port and address in the network's."""
        if len(self._raw_names) >= PEERS_KEPT:
            self._raw_names.clear()
        host, port = address
        if self._inet6:
            scope = 0
            raw = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0)
            raw += socket.inet_pton(socket.AF_INET6, host) + struct.pack("=I", scope)
        else:
            raw = (
                struct.pack("=H", socket.AF_INET)
                + struct.pack("!H", port)
                + socket.inet_pton(socket.AF_INET, host)
                + bytes(8)
            )
        self._raw_names[address] = raw
        return raw

    def _receive_one_by_one(self) -> list[Received]:
        received: list[Received] = []
        while len(received) < BATCH:
            try:
                data, source = self.socket.recvfrom(ROOM)
            except (BlockingIOError, InterruptedError):
                break
            received.append((data, source[:2]))
        return received

    def _send_one(self, data: bytes, address: Address) -> bool:
        try:
            self.socket.sendto(data, address)
        except OSError:
            return False
        return True
