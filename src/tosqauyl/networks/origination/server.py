"""The HTTP side of a ledger node: mutual TLS, who may do what, questions and reports. What is answered is the ledger's to say.

aiohttp's low-level server, without its router, middlewares and access log: a log of requests would be a log of numbers.
Questions that wait for late reports share one timer, the ledger's next deadline.
"""

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import web

from tosqauyl import __version__
from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination import wire
from tosqauyl.networks.origination.ledger import Ledger
from tosqauyl.networks.origination.terms import AskedTokens, Pending, Report, Said
from tosqauyl.tls import TlsServer, names_of

Clock = Callable[[], tuple[float, float]]
"""(monotonic, wall) seconds now."""
Written = Callable[[], Awaitable[bool]]
"""Waits until all that the ledger was told is where every node finds it; False where that failed."""

BODY_BYTES = 64 << 10
BODY_SECONDS = 5.0
"""A body must be complete within this."""
HANDSHAKE_SECONDS = 5.0
FIRST_SECONDS = 10.0
"""A connection must bring its first request within this: aiohttp itself waits for it for ever."""
IDLE_SECONDS = 75.0
"""A silent connection is closed after this."""
TICK_SECONDS = 1.0
"""The ledger is looked after at least this often."""
END_SECONDS = 1.0
"""Answers may take this long after the node was told to stop."""
BACKLOG = 256

_SILENT = logging.getLogger("tosqauyl.networks.origination.silent")
_SILENT.disabled = True


class Member(NamedTuple):
    """An operator whose gates may ask. certificate: the subject alternative name they show. A name may stand here twice."""

    name: str
    certificate: str


class Switch(NamedTuple):
    """A switch of our own that reports over HTTP. certificate: the subject alternative name it shows."""

    id: str
    certificate: str


class Admin(NamedTuple):
    """Somebody of our own who may see the counters."""

    name: str
    certificate: str


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a node listens and for whom. connections: at once, one more is closed after its handshake."""

    operator: str
    host: str
    port: int
    members: tuple[Member, ...] = ()
    switches: tuple[Switch, ...] = ()
    admins: tuple[Admin, ...] = ()
    connections: int = 1_000


class Peer(NamedTuple):
    """Who is at the other end. role: member, switch, admin, or '' for a stranger."""

    role: str
    name: str


STRANGER = Peer("", "")
_Handler = Callable[[web.BaseRequest, Peer], Awaitable[web.StreamResponse]]


def system_clock() -> tuple[float, float]:
    """(monotonic, wall) seconds now."""
    return time.monotonic(), time.time()


async def at_once() -> bool:
    """What a store alone keeps is kept at once."""
    return True


def who(names: Iterable[str], options: ServerOptions) -> Peer:
    """Whose certificate it is that carries these names; STRANGER for nobody's."""
    shown = frozenset(names)
    for role, people in (("member", options.members), ("switch", options.switches), ("admin", options.admins)):
        for name, certificate in people:
            if certificate.lower() in shown:
                return Peer(role, name)
    return STRANGER


class LedgerServer:
    """Serves one ledger. start, then `bound` says where; reload takes new certificate files; stop ends it.

    counters: requests by what became of them. last_bug: the class of the last error that nobody expected. clock: as the ledger's.
    written: waited for before reports are acknowledged.
    """

    def __init__(
        self, ledger: Ledger, options: ServerOptions, tls: TlsServer, clock: Clock = system_clock,
        written: Written = at_once,
    ) -> None:  # fmt: skip
        self.ledger, self.options, self.tls, self.clock = ledger, options, tls, clock
        self._written = written
        self.counters: Counter[str] = Counter()
        self.last_bug = ""
        self._peers: WeakKeyDictionary[asyncio.BaseTransport, Peer] = WeakKeyDictionary()
        self._routes: dict[tuple[str, str], tuple[frozenset[str], _Handler]] = {
            ("POST", wire.QUESTIONS): (frozenset(("member",)), self._question),
            ("POST", wire.REPORTS): (frozenset(("switch",)), self._reports),
            ("POST", wire.ALIVE): (frozenset(("switch",)), self._alive),
            ("GET", wire.STATUS): (frozenset(("member", "switch", "admin")), self._status),
            ("GET", wire.HEALTH): (frozenset(("member", "switch", "admin", "")), self._health),
        }
        self._paths = frozenset(path for _, path in self._routes)
        self._ask = msgspec.json.Decoder(wire.Question)
        self._report = msgspec.json.Decoder(wire.Reports)
        self._living = msgspec.json.Decoder(wire.Alive)
        self._encode = msgspec.json.Encoder().encode
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Server | None = None
        self._started, self._stopped = False, False
        self._more: dict[str, Callable[[], object]] = {}

    async def start(self) -> None:
        """Open the socket and serve. Raises TosqauylError where it cannot be opened."""
        self._loop = asyncio.get_running_loop()
        self._socket = _listen(self.options)
        self._http = web.Server(
            self._handle, request_factory=self._make_request, access_log=None, logger=_SILENT, auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS, lingering_time=0.0, max_headers=64,
        )  # fmt: skip
        self._started = True
        await self._serve()
        self._tick()

    @property
    def bound(self) -> str:
        """'https:HOST:PORT' as it really is."""
        host, port = self._socket.getsockname()[:2]
        return f"https:{f'[{host}]' if ':' in host else host}:{port}"

    async def reload(self) -> None:
        """Take the certificate files as they are now, for connections that come from here on. Never raises."""
        self.tls.reload()
        if not self._stopped:
            await self._serve()

    async def stop(self) -> None:
        """Take no more connections, let answers finish for a second, close everything."""
        self._stopped = True
        if not self._started:
            return
        if self._listener is not None:
            self._listener.close()
        self._socket.close()
        self._http.pre_shutdown()
        await self._http.shutdown(END_SECONDS)
        if self._timer is not None:
            self._timer.cancel()

    def add_state(self, name: str, state: Callable[[], object]) -> None:
        """Show something more to admins under this name."""
        self._more[name] = state

    def wake(self) -> None:
        """Somebody else (RADIUS) told the ledger something: its next deadline may have changed."""
        self._arm()

    async def _serve(self) -> None:
        """Serve with the certificate of now: a second descriptor of the same socket, so that no connection is lost."""
        before = self._listener
        self._listener = await self._loop.create_server(
            self._protocol, sock=self._socket.dup(), ssl=self.tls.context, ssl_handshake_timeout=HANDSHAKE_SECONDS,
            backlog=BACKLOG,
        )  # fmt: skip
        if before is not None:
            before.close()
        if self._stopped:  # while this waited
            self._listener.close()

    def _protocol(self) -> asyncio.Protocol:
        if len(self._http.connections) >= self.options.connections:
            self.counters["refused_full"] += 1
            return _Full()
        made = self._http()
        self._loop.call_later(FIRST_SECONDS, self._close_silent, made)
        return made

    def _close_silent(self, connection: Any) -> None:
        transport = connection.transport
        if transport is not None and transport not in self._peers:
            self.counters["silent"] += 1
            transport.abort()

    def _make_request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=BODY_BYTES)

    def _arm(self) -> None:
        """One timer for all questions that wait: it is set to the ledger's next deadline, or a tick from now."""
        now = self.clock()[0]
        deadline = self.ledger.deadline()
        wait = TICK_SECONDS if deadline is None else min(max(deadline - now, 0.0), TICK_SECONDS)
        due = self._loop.time() + wait
        if self._timer is not None:
            if not self._timer.cancelled() and self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.ledger.tick(*self.clock())
        finally:
            self._arm()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            peer = self._peer(request)
            route = self._routes.get((request.method, request.raw_path))
            if route is None:
                raise wire.Refused("method-not-allowed" if request.raw_path in self._paths else "not-found")
            if peer.role not in route[0]:
                raise wire.Refused("not-allowed")
            return await route[1](request, peer)
        except wire.Refused as refused:
            return self._problem(refused)
        except Exception as error:  # noqa: BLE001 - a bug: counted, and the connection lives on
            self.last_bug = type(error).__name__
            return self._problem(wire.Refused("failed"))

    def _problem(self, refused: wire.Refused) -> web.Response:
        self.counters[refused.slug] += 1
        problem = refused.problem
        return web.Response(
            body=self._encode(problem), status=problem.status, headers=refused.headers, content_type=wire.PROBLEM_JSON
        )

    def _json(self, body: object) -> web.Response:
        return web.Response(body=self._encode(body), content_type=wire.JSON)

    def _peer(self, request: web.BaseRequest) -> Peer:
        """Who asks, by the names of the certificate that the handshake verified; looked up once a connection."""
        transport = request.transport
        if transport is None:
            return STRANGER
        known = self._peers.get(transport)
        if known is None:
            known = who(names_of(transport.get_extra_info("peercert") or {}), self.options)
            self._peers[transport] = known
        return known

    async def _body(self, request: web.BaseRequest) -> bytes:
        if not request.headers.get("Content-Type", "").startswith(wire.JSON):
            raise wire.Refused("wrong-type", wire.JSON)
        try:
            if request.content.is_eof():  # all of it came with the head: no timer is needed
                return await request.read()
            async with asyncio.timeout(BODY_SECONDS):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise wire.Refused("too-large") from None
        except TimeoutError:
            raise wire.Refused("too-slow") from None
        except web.RequestPayloadError:
            raise wire.Refused("malformed") from None

    async def _question(self, request: web.BaseRequest, peer: Peer) -> web.StreamResponse:
        asked = _decoded(self._ask, await self._body(request))
        try:
            tokens = tuple(wire.token_bytes(one) for one in asked.tokens)
        except ValueError as error:
            raise wire.Refused("invalid", str(error)) from None
        now, wall = self.clock()
        said = self.ledger.ask(peer.name, AskedTokens(asked.key, tokens, asked.at, asked.to, asked.ported), now, wall)
        if isinstance(said, Pending):
            said = await self._wait(said)
        if said.why == "limited":
            raise wire.Refused("too-many", headers={"Retry-After": "1"})
        return self._json(wire.Answer(said.state, said.why, self.clock()[1]))  # type: ignore[arg-type]

    async def _wait(self, pending: Pending) -> Said:
        """What the ledger says in the end: as soon as a late report comes, else after the grace."""
        said: asyncio.Future[Said] = self._loop.create_future()

        def done(answer: Said) -> None:
            if not said.done():
                said.set_result(answer)

        pending.done = done
        self._arm()
        try:
            return await said
        except asyncio.CancelledError:
            self.ledger.forget(pending)
            raise

    async def _reports(self, request: web.BaseRequest, peer: Peer) -> web.StreamResponse:
        try:
            told = _decoded(self._report, await self._body(request))
        except wire.Refused:
            self.ledger.missed(*self.clock())  # calls that began, and nobody knows which
            raise
        now, wall = self.clock()
        refused = []
        for index, one in enumerate(told.reports):
            why = self.ledger.report(Report(peer.name, one.id, one.caller, one.called, one.at), now, wall)
            if why:
                refused.append(wire.RefusedReport(index, why))
        self._arm()
        if not await self._written():
            raise wire.Refused("not-kept")
        return self._json(wire.Taken(len(told.reports) - len(refused), tuple(refused)))

    async def _alive(self, request: web.BaseRequest, peer: Peer) -> web.StreamResponse:
        told = _decoded(self._living, await self._body(request)) if request.can_read_body else wire.Alive()
        if told.lost:
            self.ledger.missed(*self.clock())
        self.ledger.alive(peer.name, *self.clock())
        self._arm()
        return self._json(self._state(peer))

    async def _status(self, request: web.BaseRequest, peer: Peer) -> web.StreamResponse:
        return self._json(self._state(peer))

    def _state(self, peer: Peer) -> wire.Status:
        now, wall = self.clock()
        why = self.ledger.in_sync(now)
        counters: dict[str, object] = {}
        if peer.role == "admin":
            connections = len(self._http.connections)
            counters = {**self.ledger.state(), "http": dict(self.counters), "connections": connections}
            counters["last_bug"] = self.last_bug
            counters["tls"] = self.tls.state(wall)
            counters |= {name: state() for name, state in self._more.items()}
        return wire.Status(self.options.operator, not why, why, wall, __version__, counters)

    async def _health(self, request: web.BaseRequest, peer: Peer) -> web.StreamResponse:
        return web.Response(text="ok\n")


class _Full(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        # An unknown member is not repeated: it may hold anything, a number too.
        text = str(error)
        raise wire.Refused("invalid", "an unknown member" if "unknown field" in text else text) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise wire.Refused("malformed") from None


def _listen(options: ServerOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setblocking(False)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind((options.host, options.port))
        tcp.listen(BACKLOG)
    except OSError as error:
        tcp.close()
        place = f"{options.host}:{options.port}"
        raise TosqauylError(f"cannot listen: {error.strerror}", place, "see 'ss -ltnp' and 'ip address'") from None
    return tcp
