"""Sockets of stream listeners: opened, tuned, reset."""

import errno
import resource
import socket
import struct
from contextlib import suppress

from tosqauyl.errors import TosqauylError

BACKLOG = 256
_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}
"""A peer that is gone without a goodbye is found out within 2 minutes when idle (seconds, seconds, probes), within 30 s
(here in milliseconds) when it does not acknowledge what was sent to it (RFC 1122 4.2.3.6, RFC 5482)."""
_RESET = struct.pack("ii", 1, 0)
"""struct linger: close at once, with RST."""


def listen_stream(name: str, host: str, port: int) -> socket.socket:
    """Open a listening TCP socket; TosqauylError where the port is in use or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setblocking(False)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        tcp.bind((host, port))
        tcp.listen(BACKLOG)
    except OSError as error:
        tcp.close()
        hint = (
            "another program listens there: ss -ltnp shows which"
            if error.errno == errno.EADDRINUSE
            else "see 'ip address' for this host's"
        )
        raise TosqauylError(f"cannot listen: {error.strerror}", name, hint) from error
    return tcp


def allow_files(wanted: int) -> None:
    """Raise the process's soft bound on open files towards what the connections may need; the hard one stays."""
    with suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def reset(accepted: socket.socket) -> None:
    """Close with RST: nothing of the connection stays behind in the kernel."""
    with suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    accepted.close()


def keep_alive(accepted: socket.socket) -> None:
    """Answers go out at once; a peer that is gone is found out by the kernel."""
    with suppress(OSError):
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _ALIVE.items():
            if hasattr(socket, name):  # Linux has them all
                accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
