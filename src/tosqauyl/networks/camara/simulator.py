"""A home network that speaks CAMARA: Device Roaming Status, and its subscriptions. Ships with the product.

Its subscribers are made up, so it may listen without TLS; events go to this machine only, unless somebody allows more.
"""

import asyncio
import hmac
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.camara.bodies import UNREADABLE, Device, ErrorInfo, Retrieve, Roaming, Subscribe
from tosqauyl.networks.camara.options import MAX_BODY
from tosqauyl.networks.camara.sinks import Sinks
from tosqauyl.networks.camara.subscriptions import (
    MOBILE_COUNTRY_CODES,
    Notice,
    Place,
    Problem,
    Subscriptions,
    number_of,
)
from tosqauyl.networks.simulated import Simulated
from tosqauyl.tls import client_context

STATUS_PATH = "/device-roaming-status/v1"
SUBSCRIPTIONS_PATH = "/device-roaming-status-subscriptions/v0/subscriptions"
STOP_SECONDS = 1.0
"""How long stop() waits for answers that are under way."""
_RETRIEVE = STATUS_PATH + "/retrieve"
_CORRELATOR = re.compile(r"[a-zA-Z0-9\-_:;./<>{}]{0,256}")
_JSON = "application/json"
_NONSENSE = (
    (_JSON, b"\x00\xff{not json"),
    (_JSON, b'{"roaming": tru'),
    (_JSON, b""),
    (_JSON, b"[]"),
    (_JSON, b'{"roaming":"yes","lastStatusTime":"2024-02-20T10:41:38Z"}'),
    (_JSON, b'{"roaming":true,"lastStatusTime":1708425698}'),
    (_JSON, b'{"roaming":1,"lastStatusTime":"2024-02-20T10:41:38Z","countryName":"TR"}'),
    ("text/html", b"<html><body>Gateway</body></html>"),
)
"""Answers of a malformed network, all with status 200."""
_write = msgspec.json.Encoder().encode
Body = TypeVar("Body", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """token: what requests must show, '' for nothing. sinks_anywhere: events may leave this machine. sink_ca: PEM of the
    authorities of the sinks' certificates, '' for those of the system."""

    token: str = field(default="", repr=False)
    sinks_anywhere: bool = False
    sink_ca: str = ""


class CamaraSimulator:
    """The network. `network` may be changed while it runs (its behaviour, its delay); subscribers move by `move`."""

    def __init__(self, network: Simulated, wall: Callable[[], float], options: SimulatorOptions | None = None) -> None:
        """wall: seconds since 1970. Raises TosqauylError where sink_ca cannot be used."""
        self.network, self._wall = network, wall
        options = options or SimulatorOptions()
        self._expected = f"Bearer {options.token}".encode() if options.token else b""
        self._countries: dict[str, str] = {}
        self._subscriptions = Subscriptions(wall, "urn:tosqauyl:simulator", options.sinks_anywhere)
        self._sink_context = client_context(options.sink_ca)
        self._sinks: Sinks | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int, context: ssl.SSLContext | None = None) -> str:
        """Listen; the URL to ask under, with the port that was picked where `port` is 0. Raises TosqauylError."""
        self._sinks = Sinks(self._sink_context)
        # An answer that nobody waits for any more is given up; else slow ones would pile up, and stop() wait for them.
        server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, ssl_context=context, backlog=1024).start()
        except OSError as error:
            await self.stop()
            raise TosqauylError(f"cannot listen: {error.strerror or error}", f"{host}:{port}") from None
        bound = self._runner.addresses[0][1]
        place = f"[{host}]" if ":" in host else host
        return f"{'http' if context is None else 'https'}://{place}:{bound}{STATUS_PATH}"

    async def stop(self) -> None:
        """Close everything; events that wait are lost. Never raises."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._sinks is not None:
            await self._sinks.close()

    def place(self, number: str) -> Place:
        """Where a subscriber is."""
        state = self.network.state(number)
        return Place(state, self._countries.get(number, self.network.country) if state == "abroad" else "")

    def move(self, number: str, state: str, country: str = "") -> None:
        """A subscriber goes abroad, home, or is lost (unknown); subscribers to it are told, but not while the network is down.

        country: ISO code, '' for the network's. Raises TosqauylError for a country without a known mobile country code.
        """
        if country and country not in MOBILE_COUNTRY_CODES:
            raise TosqauylError(f"no mobile country code is known for {country!r}", "country")
        before = self.place(number)
        states = self.network.states
        if not isinstance(states, dict):
            states = self.network.states = dict(states)
        states[number] = state
        if country:
            self._countries[number] = country
        else:
            self._countries.pop(number, None)
        self._tell(self._subscriptions.moved(number, before, self.place(number)))

    def _tell(self, notices: list[Notice]) -> None:
        if self._sinks is not None and self.network.behaviour != "down":
            self._sinks.send(notices)

    async def settled(self) -> tuple[int, int]:
        """Return when every event so far has been tried: how many were taken, and how many were not."""
        if self._sinks is None:
            return 0, 0
        await self._sinks.settled()
        return self._sinks.delivered, self._sinks.failed + self._sinks.lost

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if self.network.behaviour == "down":
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        try:
            answer = await self._answer(request)
        except Problem as problem:
            answer = _json(ErrorInfo(problem.status, problem.code, problem.message), problem.status)
        correlator = request.headers.get("x-correlator", "")
        if correlator and _CORRELATOR.fullmatch(correlator):
            answer.headers["x-correlator"] = correlator
        return answer

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if self._expected:
            shown = request.headers.get("Authorization", "").encode(errors="replace")
            if not hmac.compare_digest(shown, self._expected):
                raise Problem(401, "UNAUTHENTICATED")
        path = request.path
        if path == _RETRIEVE and request.method == "POST":
            return await self._retrieve(request)
        if path == SUBSCRIPTIONS_PATH:
            if request.method == "POST":
                made, notices = self._subscriptions.create(await _body(request, Subscribe), self.place)
                self._tell(notices)
                return _json(made, 201)
            if request.method == "GET":
                return _json(self._subscriptions.all())
        if path.startswith(SUBSCRIPTIONS_PATH + "/"):
            identity = path[len(SUBSCRIPTIONS_PATH) + 1 :]
            if request.method == "GET":
                return _json(self._subscriptions.get(identity))
            if request.method == "DELETE":
                self._tell(self._subscriptions.delete(identity, self.place))
                return web.Response(status=204)
        raise Problem(404, "NOT_FOUND")

    async def _retrieve(self, request: web.BaseRequest) -> web.Response:
        network = self.network
        network.asked += 1
        number = number_of((await _body(request, Retrieve)).device)
        if network.seconds > 0:
            await asyncio.sleep(network.seconds)
        if network.refuses():
            raise Problem(503, "UNAVAILABLE")
        if network.behaviour == "malformed":
            kind, nonsense = network.dice.choice(_NONSENSE)
            return web.Response(body=nonsense, content_type=kind)
        if network.behaviour == "wrong":
            number = _neighbour(number)
        place = self.place(number)
        if place.state == "unknown":
            if network.behaviour != "wrong":
                raise Problem(404, "IDENTIFIER_NOT_FOUND")
            place = Place("home")
        return _json(
            Roaming(
                roaming=place.state == "abroad",
                lastStatusTime=datetime.fromtimestamp(self._wall(), UTC),
                device=Device(number),
                countryCode=place.mcc if place.country else UNSET,
                countryName=[place.country] if place.country else UNSET,
            )
        )


def _neighbour(number: str) -> str:
    """Another number, of the same length."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=_write(value), status=status, content_type=_JSON)


async def _body(request: web.BaseRequest, kind: type[Body]) -> Body:
    """Raises Problem (400) where the body is too large, no JSON, or not as the API says."""
    if request.content_type != _JSON or (request.content_length or 0) > MAX_BODY:
        raise Problem(400, "INVALID_ARGUMENT")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except UNREADABLE:
        raise Problem(400, "INVALID_ARGUMENT") from None
