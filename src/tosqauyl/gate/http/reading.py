"""Reading a request's body: in time, within its limit, of the right kind; and JSON into a Struct."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from tosqauyl.gate.http.problems import Refused

Body = TypeVar("Body", bound=msgspec.Struct)


def check_type(request: Request, *wanted: str) -> str:
    """Which content type it has. Refuse others, and content that is encoded in some way."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoded = request.headers.get("content-encoding", "identity").strip().lower()
    if given not in wanted or encoded != "identity":
        raise Refused("wrong-type", f"send {' or '.join(wanted)}, not encoded")
    return given


async def pieces(request: Request, limit: int, within: float) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Refused where it is larger than `limit` bytes or takes longer than `within` seconds."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise Refused("too-large", f"at most {limit} bytes")
    size = 0
    stream = request.stream()
    until = asyncio.get_running_loop().time() + within
    while True:
        try:
            async with asyncio.timeout_at(until):
                piece = await anext(stream, None)
        except TimeoutError:
            raise Refused("too-slow", f"a body must come within {within:.0f} s") from None
        except ClientDisconnect:
            raise Refused("malformed", "the connection ended within the body") from None
        if piece is None:
            return
        size += len(piece)
        if size > limit:
            raise Refused("too-large", f"at most {limit} bytes")
        if piece:
            yield piece


async def read_body(request: Request, wanted: str, limit: int, within: float) -> bytes:
    """The whole body. Raises Refused."""
    check_type(request, wanted)
    return b"".join([piece async for piece in pieces(request, limit, within)])


def decoded(body: bytes, kind: type[Body]) -> Body:
    """The body as a Struct. Raises Refused: malformed where it is no JSON, invalid where a value in it cannot be."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Refused("invalid", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("malformed", f"no JSON: {error}") from None
