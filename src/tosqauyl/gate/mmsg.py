"""The C structures of recvmmsg(2) and sendmmsg(2) and their memory. Apart from gate/datagrams because mypyc cannot compile
ctypes structures."""

import ctypes
import os
import socket
from typing import Any

BATCH = 64
"""Datagrams a system call. A batch lasts about 1.5 ms at most, which bounds what the first call of it waits."""
ROOM = 65536
"""Bytes kept for each: the largest UDP payload is 65,507. Pages that no datagram ever reaches cost nothing."""
NAME = 28
"""Bytes of a sockaddr_in6; a sockaddr_in takes 16 of them."""


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


class MessageBatch:
    """BATCH messages with their buffers, and views by which Python reads and writes them without ctypes' own objects."""

    def __init__(self, name_length: int) -> None:
        self.buffers: Any = (ctypes.c_char * (BATCH * ROOM))()  # a slice of it is bytes
        self._names = (ctypes.c_char * (BATCH * NAME))()
        self._vectors = (_Vector * BATCH)()
        self.messages = (_Message * BATCH)()
        for place in range(BATCH):
            vector, message = self._vectors[place], self.messages[place].header
            vector.base = ctypes.addressof(self.buffers) + place * ROOM
            vector.length = ROOM
            message.name = ctypes.addressof(self._names) + place * NAME
            message.name_length = name_length
            message.vectors = ctypes.addressof(vector)
            message.vector_count = 1
        self.room = memoryview(self.buffers).cast("B")
        self.names = memoryview(self._names).cast("B")
        self.lengths = memoryview(self.messages).cast("B").cast("I")
        # unsigned long is size_t where system_calls() says yes
        self.vector_lengths = memoryview(self._vectors).cast("B").cast("L")


MESSAGE_SIZE = ctypes.sizeof(_Message)
LENGTH_STEP = MESSAGE_SIZE // 4
LENGTH_AT = _Message.length.offset // 4
DONTWAIT = socket.MSG_DONTWAIT


def system_calls() -> ctypes.CDLL | None:
    """The C library where it has both calls and lays out sizes as above (Linux, 64 bit), else None."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or os.uname().sysname != "Linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    return library if hasattr(library, "recvmmsg") and hasattr(library, "sendmmsg") else None
