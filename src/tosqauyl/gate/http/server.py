"""The shell of the HTTP side: its socket, TLS, connections and their number. uvicorn speaks HTTP, in the gate's own loop.

uvicorn.Server is used for what connections share and for an orderly end; it neither opens sockets nor sees signals, and
it logs nothing: a log of requests would be a log of numbers.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import uvicorn

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.http.access import Client
from tosqauyl.gate.http.options import Http, Limits, check_exposure
from tosqauyl.gate.http.turnstile import Connection, Turnstile
from tosqauyl.tls import TlsServer

BACKLOG = 128
ACCEPTS = 2
"""Connections taken in one turn of the loop."""
RETRY = 1.0
"""Seconds without accepting after the system had no file descriptor left."""
HEAD_BYTES = 16 << 10
"""Bytes of a request's head."""


def listen(http: Http, clients: tuple[Client, ...]) -> socket.socket:
    """Open the socket. Raises TosqauylError where it may not be served as it is guarded, or cannot be opened."""
    check_exposure(http, clients)
    assert http.listen is not None  # noqa: S101 - nobody calls this without an address
    host, port = http.listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setblocking(False)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind((host, port))
        tcp.listen(BACKLOG)
    except OSError as error:
        tcp.close()
        taken = error.errno == errno.EADDRINUSE
        hint = "another program listens there: ss -ltnp shows which" if taken else "see 'ip address' for this host's"
        raise TosqauylError(f"cannot listen: {error.strerror}", f"http.listen {host}:{port}", hint) from error
    return tcp


class HttpServer:
    """Serves one application on one listening socket. counters: the session's."""

    def __init__(
        self, application: Any, tcp: socket.socket, tls: TlsServer | None, limits: Limits,
        counters: MutableMapping[str, int],
    ) -> None:  # fmt: skip
        self.socket, self.tls, self.limits = tcp, tls, limits
        self._counters = counters
        self._config = uvicorn.Config(
            application, http=Connection, ws="none", lifespan="off", log_config=None, log_level=logging.CRITICAL + 1,
            access_log=False, proxy_headers=False, server_header=False, timeout_keep_alive=int(limits.idle),
            timeout_graceful_shutdown=1, h11_max_incomplete_event_size=HEAD_BYTES,
        )  # fmt: skip
        self._config.load()
        self._uvicorn = uvicorn.Server(self._config)
        self._uvicorn.lifespan = self._config.lifespan_class(self._config)
        self._uvicorn.servers = []
        self._turnstile = Turnstile()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0

    def __len__(self) -> int:
        """Open connections, those in their TLS handshake included."""
        return self._open

    @property
    def bound(self) -> str:
        """'http:HOST:PORT' or 'https:HOST:PORT' as it really is."""
        host, port = self.socket.getsockname()[:2]
        return f"{'https' if self.tls else 'http'}:{host}:{port}"

    def start(self) -> None:
        """Serve in the running loop until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.socket.fileno(), self._accept)
        self._uvicorn.started = True
        self._keep(self._uvicorn.main_loop())

    async def stop(self) -> None:
        """Take no more requests, let answers finish for a second, close everything."""
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket.fileno())
            self.socket.close()
        self._uvicorn.should_exit = True
        await self._uvicorn.shutdown()
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(ACCEPTS):
            try:
                accepted, _ = self.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor left: the readable socket would keep the loop busy until there is one
                self._counters["http_accept_failed"] += 1
                self._loop.remove_reader(self.socket.fileno())
                self._loop.call_later(RETRY, self._listen_again)
                return
            if self._open >= self.limits.connections:
                self._counters["http_refused_full"] += 1
                accepted.close()
                continue
            self._open += 1
            self._keep(self._serve(accepted))

    def _listen_again(self) -> None:
        if self.socket.fileno() >= 0:
            self._loop.add_reader(self.socket.fileno(), self._accept)

    async def _serve(self, accepted: socket.socket) -> None:
        """Bring up one connection; from then on it looks after itself."""
        accepted.setblocking(False)
        with suppress(OSError):
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = self.tls.context if self.tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=self.limits.handshake if context else None,
            )
        except (OSError, TimeoutError):  # SSLError is an OSError
            self._counters["http_handshake_failed"] += 1
            self._open -= 1

    def _connection(self) -> Connection:
        made = Connection(self._config, self._uvicorn.server_state, self._turnstile, self.limits, self._counters)
        made.left = self._left
        return made

    def _left(self) -> None:
        self._open -= 1

    def _keep(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
