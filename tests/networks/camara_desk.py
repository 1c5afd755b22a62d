"""What the tests of CAMARA share: the API's documents as judges, servers on free loopback ports, clients against them."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import jsonschema
import pytest
import yaml
from aiohttp import web

from tosqauyl.networks.camara.client import CamaraBackend
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.camara.simulator import CamaraSimulator, SimulatorOptions
from tosqauyl.networks.simulated import Simulated

NUMBER, OTHER = "+77010000001", "+77010000002"
NOW = 1_790_000_000.0
DOCUMENTS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "camara"
REQUIRED = os.environ.get("TOSQAUYL_REQUIRE_PEERS") == "1" or os.environ.get("CI") == "true"
T = TypeVar("T")


class Clock:
    """Seconds since 1970 that move when a test says so."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def run(test: Coroutine[Any, Any, T]) -> T:
    """Run it, and fail where it hangs."""
    return asyncio.run(asyncio.wait_for(test, 30))


_formats = jsonschema.FormatChecker(())


@_formats.checks("date-time", raises=ValueError)
def _is_rfc3339(value: object) -> bool:
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    return not isinstance(value, str) or (
        re.fullmatch(shape, value) is not None and datetime.fromisoformat(value).tzinfo is not None
    )


@cache
def _tree(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


class Document:
    """One OpenAPI document, as a judge of bodies."""

    def __init__(self, name: str) -> None:
        path = DOCUMENTS / f"{name}.yaml"
        if not path.exists():
            say = pytest.fail if REQUIRED else pytest.skip
            say(f"{path.name} is missing beside the repository")
        self.tree = _tree(path)

    def judge(self, place: str, body: Any) -> None:
        """Fail where a body is not as components/`place` says ('schemas/Device')."""
        schema = {**self.tree, "$ref": f"#/components/{place}"}
        jsonschema.Draft4Validator(schema, format_checker=_formats).validate(body)

    def judge_error(self, body: Any, *responses: str) -> None:
        """Fail where an error's body is not one of these responses ('Generic404')."""
        for name in responses:
            code = self.tree["components"]["responses"][name]["content"]
            assert "application/json" in code
        places = [f"#/components/responses/{name}/content/application~1json/schema" for name in responses]
        schema = {**self.tree, "anyOf": [{"$ref": place} for place in places]}
        jsonschema.Draft4Validator(schema, format_checker=_formats).validate(body)


@asynccontextmanager
async def simulating(
    network: Simulated,
    clock: Callable[[], float] | None = None,
    options: SimulatorOptions | None = None,
    context: Any = None,
) -> AsyncIterator[tuple[CamaraSimulator, str]]:
    """A simulator on a free port, and its URL. Answers take no time unless the network says so."""
    simulator = CamaraSimulator(network, clock or Clock(), options)
    url = await simulator.start("127.0.0.1", 0, context)
    try:
        yield simulator, url
    finally:
        await simulator.stop()


@asynccontextmanager
async def asking(url: str, clock: Callable[[], float] | None = None, **options: Any) -> AsyncIterator[CamaraBackend]:
    """A client of that URL."""
    backend = CamaraBackend(CamaraOptions(url, **options), clock or Clock())
    try:
        yield backend
    finally:
        await backend.close()


class Peer:
    """An HTTP server that answers as the test says and keeps what it was asked. answer: status, headers, body."""

    def __init__(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {"Content-Type": "application/json"}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.before: Callable[[], Awaitable[object]] | None = None
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.path_qs, headers, await request.read()))
        if self.before is not None:
            await self.before()
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def says(self, value: Any, status: int = 200, **headers: str) -> None:
        """Answer with this JSON from now on."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.status, self.body = status, json.dumps(value).encode()
        self.headers = {"Content-Type": "application/json", **named}

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.asked]


@asynccontextmanager
async def listening(peer: Peer, context: Any = None) -> AsyncIterator[Peer]:
    server = web.Server(peer.handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    peer.url = f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield peer
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(answer: Callable[[], bytes]) -> AsyncIterator[str]:
    """A TCP server that reads a request, sends whatever bytes, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def plain_client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that is not ours, to ask the simulator with."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session
