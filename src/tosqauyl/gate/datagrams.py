"""Many datagrams a system call: recvmmsg(2) and sendmmsg(2) by ctypes, or one by one where the system has neither.

Python's own recvfrom and sendto cost a microsecond each beyond the kernel's work (a call takes two and one of them). Here a
batch is one call; a datagram is one slice of a buffer, and an address is one look-up, because a border link has few peers.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Sequence

Address = tuple[str, int]
Received = tuple[bytes, Address]

BATCH = 64
"""Datagrams a system call. A batch lasts about 1.5 ms at most, which bounds what the first call of it waits."""
ROOM = 65536
"""Bytes kept for each: the largest UDP payload is 65,507. Pages that no datagram ever reaches cost nothing."""
NAME = 28
"""Bytes of a sockaddr_in6; a sockaddr_in takes 16 of them."""
PEERS_KEPT = 65_536
"""Addresses remembered in either form; forged sources can fill it, then it starts anew."""


class _Vector(ctypes.Structure):
    """struct iovec"""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr"""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr"""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint32))


class _Batch:
    """BATCH messages with their buffers, and views by which Python reads and writes them without ctypes' own objects."""

    def __init__(self, name_length: int) -> None:
        self._buffers = (ctypes.c_char * (BATCH * ROOM))()
        self._names = (ctypes.c_char * (BATCH * NAME))()
        self._vectors = (_Vector * BATCH)()
        self.messages = (_Message * BATCH)()
        for place in range(BATCH):
            vector, message = self._vectors[place], self.messages[place].header
            vector.base = ctypes.addressof(self._buffers) + place * ROOM
            vector.length = ROOM
            message.name = ctypes.addressof(self._names) + place * NAME
            message.name_length = name_length
            message.vectors = ctypes.addressof(vector)
            message.vector_count = 1
        self.buffers = memoryview(self._buffers).cast("B")
        self.names = memoryview(self._names).cast("B")
        self.lengths = memoryview(self.messages).cast("B").cast("I")
        self.vector_lengths = (
            memoryview(self._vectors).cast("B").cast("L")
        )  # unsigned long is size_t where _system() says yes


_LENGTH_STEP = ctypes.sizeof(_Message) // 4
_LENGTH_AT = _Message.length.offset // 4
_DONTWAIT = 0x40  # MSG_DONTWAIT on Linux


def _system() -> ctypes.CDLL | None:
    """The C library where it has both calls and lays out sizes as above (Linux, 64 bit), else None."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or os.uname().sysname != "Linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    return library if hasattr(library, "recvmmsg") and hasattr(library, "sendmmsg") else None


class Datagrams:
    """One UDP socket, non-blocking, read and written in batches. Not thread-safe."""

    def __init__(self, udp: socket.socket, one_by_one: bool = False) -> None:
        self.socket = udp
        self._inet6 = udp.family == socket.AF_INET6
        self._library = None if one_by_one else _system()
        name_length = NAME if self._inet6 else 16
        if self._library is not None:
            self._in, self._out = _Batch(name_length), _Batch(name_length)
        self._descriptor = udp.fileno()
        self._name_length = name_length
        self._addresses: dict[bytes, Address] = {}
        self._raw_names: dict[Address, bytes] = {}

    def receive(self) -> list[Received]:
        """What is there now, at most BATCH datagrams; [] where nothing is. Raises OSError as recvfrom would."""
        if self._library is None:
            return self._receive_one_by_one()
        batch = self._in
        count: int = self._library.recvmmsg(self._descriptor, batch.messages, BATCH, _DONTWAIT, None)
        if count < 0:
            error = ctypes.get_errno()
            if error in (11, 4):  # EAGAIN, EINTR
                return []
            raise OSError(error, os.strerror(error))
        received: list[Received] = []
        buffers, names, lengths, known = batch.buffers, batch.names, batch.lengths, self._addresses
        begin, place, size = 0, 0, self._name_length
        at = _LENGTH_AT
        for _ in range(count):
            raw = bytes(names[place : place + size])
            received.append((bytes(buffers[begin : begin + lengths[at]]), known.get(raw) or self._learn(raw)))
            begin += ROOM
            place += NAME
            at += _LENGTH_STEP
        return received

    def send(self, messages: Sequence[tuple[bytes, Address]]) -> int:
        """Send all; how many could not be sent (no route, buffer full): SIP's own retransmission repairs those."""
        if self._library is None:
            return sum(not self._send_one(data, address) for data, address in messages)
        failed = 0
        for begin in range(0, len(messages), BATCH):
            failed += self._send_batch(messages[begin : begin + BATCH])
        return failed

    def _send_batch(self, messages: Sequence[tuple[bytes, Address]]) -> int:
        assert self._library is not None
        batch = self._out
        buffers, names, lengths, known = batch.buffers, batch.names, batch.vector_lengths, self._raw_names
        begin, place, at, size = 0, 0, 1, self._name_length
        for data, address in messages:
            length = len(data)
            buffers[begin : begin + length] = data
            lengths[at] = length
            names[place : place + size] = known.get(address) or self._raw_name(address)
            begin += ROOM
            place += NAME
            at += 2
        sent = failed = 0
        step, first = ctypes.sizeof(_Message), ctypes.addressof(batch.messages)
        while sent < len(messages):
            rest = ctypes.c_void_p(first + sent * step)
            count: int = self._library.sendmmsg(self._descriptor, rest, len(messages) - sent, _DONTWAIT)
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
