"""The health page: a few lines of JSON over HTTP on loopback. No framework and no TLS; the full HTTP side comes later."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import h11

TIMEOUT = 5.0
"""Seconds a client may take for its request."""
LIMIT = 8192
"""Bytes of a request's head; nginx's large_client_header_buffers default is 8 KB as well."""


class Health:
    """Serves GET /healthz and /readyz from `report()`, a JSON-able dict with "status"."""

    def __init__(self, report: Callable[[], dict[str, object]]) -> None:
        self._report = report
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port it got."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LIMIT)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, h11.ProtocolError):
            async with asyncio.timeout(TIMEOUT):
                connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
                request = await _request(connection, reader)
                if request is not None:
                    writer.write(self._respond(connection, request))
                    await writer.drain()
        writer.close()

    def _respond(self, connection: h11.Connection, request: h11.Request) -> bytes:
        known = request.target.partition(b"?")[0] in (b"/healthz", b"/readyz")
        status = 405 if request.method not in (b"GET", b"HEAD") else 200 if known else 404
        body = b""
        if status == 200:
            body = json.dumps(self._report(), ensure_ascii=False).encode() + b"\n"
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        out = connection.send(h11.Response(status_code=status, headers=headers)) or b""
        if body and request.method == b"GET":
            out += connection.send(h11.Data(data=body)) or b""
        return out


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(LIMIT))
