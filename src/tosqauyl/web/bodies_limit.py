"""Bodies before anything reads them: of a type the route takes, within a limit of size and time, and with a hash as they come.

A body of JSON is small and is taken whole. A file is handed on piece by piece; who sends one must have the route's scope before its
first byte is read, so that nobody unknown makes the office read more than `Limits.body_bytes`. A page looks at that itself: its
form brings the session's token in the body (web/pages/routing.py).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tosqauyl.registry.errors import RegistryError
from tosqauyl.web.caller import allowed
from tosqauyl.web.office import Office
from tosqauyl.web.problems import Refused, answer_of, refused_by, refused_for
from tosqauyl.web.table import Row, Table

RECEIVED = "tosqauyl.received"
"""Where a request's scope holds its `Received`."""


@dataclass(slots=True)
class Received:
    """What has come of a body: the hash of its bytes, how many, and whether that is all."""

    sha256: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    complete: bool = False

    def take(self, message: Message) -> None:
        """Count one message of the body."""
        piece = message.get("body", b"")
        self.sha256.update(piece)
        self.size += len(piece)
        self.complete = not message.get("more_body", False)


class BodiesLimit:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, office: Office, table: Table) -> None:
        self._app, self._office, self._table = app, office, table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, refused here or handed on with a body that keeps to the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            limited = await self._limited(scope, receive)
        except (Refused, RegistryError, HTTPException) as error:
            await answer_of(_as_refused(error), scope["path"])(scope, receive, send)
            return
        await self._app(scope, limited, send)

    async def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """What reads the body from here on. Raises Refused, RegistryError."""
        received = scope[RECEIVED] = Received()
        row = self._table.find(scope["method"], scope["path"])
        headers = Headers(scope=scope)
        if row is None or not _has_body(headers):
            received.complete = True
            return receive
        if row.takes:
            _check_type(headers, row)
        limit = self._office.limits.upload_bytes if row.is_upload else self._office.limits.body_bytes
        told = headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told[:20]) > limit:
            raise Refused("too-large", f"at most {limit} bytes")
        if row.is_upload:
            if not row.looks_first:
                await run_in_threadpool(allowed, Request(scope), row.scope)
            return _Pieces(receive, received, limit, self._office.limits.body_seconds).next
        return await self._whole(receive, received, limit)

    async def _whole(self, receive: Receive, received: Received, limit: int) -> Receive:
        """Read it all, in one deadline."""
        pieces = _Pieces(receive, received, limit, self._office.limits.body_seconds)
        try:
            async with asyncio.timeout(self._office.limits.body_seconds):
                body = b"".join([piece async for piece in _all(pieces)])
        except TimeoutError:
            raise HTTPException(408) from None
        handed = False

        async def again() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again


def _as_refused(error: Refused | RegistryError | HTTPException) -> Refused:
    if isinstance(error, RegistryError):
        return refused_by(error)
    return refused_for(error) if isinstance(error, HTTPException) else error


class _Pieces:
    """A body as it comes. Raises HTTPException 413 where it is too large, 408 where the next piece is too slow: of all exceptions
    the framework lets only these through what reads a body."""

    def __init__(self, receive: Receive, received: Received, limit: int, within: float) -> None:
        self._receive, self.received, self._limit, self._within = receive, received, limit, within

    async def next(self) -> Message:
        """The next message."""
        if self.received.complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._within):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408) from None
        if message["type"] == "http.request":
            self.received.take(message)
            if self.received.size > self._limit:
                raise HTTPException(413)
        return message


async def _all(pieces: _Pieces) -> AsyncIterator[bytes]:
    while not pieces.received.complete:
        message = await pieces.next()
        if message["type"] != "http.request":
            raise HTTPException(400)
        yield message.get("body", b"")


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _check_type(headers: Headers, row: Row) -> None:
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoded = headers.get("content-encoding", "identity").strip().lower()
    if given not in row.takes or encoded != "identity":
        raise Refused("wrong-type", f"send {' or '.join(sorted(row.takes))}, not encoded")
