"""Who talks to ledger nodes: gates that ask whether a call was started, and switches that report that one was.

HTTPS with a client certificate, and nothing else: no redirects, no proxies of the environment. Several nodes of one operator
are tried in turn, the one that answered last first.
"""

import asyncio
import contextlib
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed, Origination
from tosqauyl.networks.body import read_body
from tosqauyl.networks.origination import wire
from tosqauyl.networks.origination.ledger import ask_about
from tosqauyl.networks.origination.tokens import Keys
from tosqauyl.numbers.plan import Plan
from tosqauyl.tls import client_context

BEFORE = 15.0
"""Seconds between the subscriber's call and its arrival here, at most: it may travel over many networks."""
SKEW = 2.0
"""Seconds that clocks of operators may differ."""
CLOCK_OFF = 10.0
"""Seconds by which a node's clock may be off; beyond that its `no` says nothing."""
ANSWER_BYTES = 64 << 10
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
REPORT_WAIT = 0.02
"""Seconds that a report waits for others to go with it."""
ALIVE_SECONDS = 3.0
RETRY_SECONDS = 0.5
"""Seconds until what could not be sent is tried again."""
MOST_WAITING = 10_000
"""Reports that wait to be sent; the oldest gives way."""

Wall = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Identity:
    """How one side of a connection proves itself (PEM files). ca: the authorities of the nodes' certificates."""

    ca: str
    certificate: str
    key: str

    def context(self) -> ssl.SSLContext:
        """For new connections. Raises TosqauylError, which names the file that cannot be used."""
        return client_context(self.ca, self.certificate, self.key)


@dataclass(frozen=True, slots=True)
class LedgerClientOptions:
    """urls: https://HOST:PORT of each node of `operator`. own: the name of the operator that asks, as both sides' keys know the
    pair. keys: of all pairs of `own`. before, skew: seconds the call may have begun before it came, and clocks may differ. roamers:
    the operator's ledger also knows the calls its roamers start abroad; where it does not, its `no` becomes `not_here`."""

    operator: str
    urls: tuple[str, ...]
    own: str
    keys: Keys
    identity: Identity
    before: float = BEFORE
    skew: float = SKEW
    roamers: bool = False


@dataclass(frozen=True, slots=True)
class ReportClientOptions:
    """urls: https://HOST:PORT of the operator's own nodes. identity: the switch's. wait, alive: seconds."""

    urls: tuple[str, ...]
    identity: Identity
    wait: float = REPORT_WAIT
    alive: float = ALIVE_SECONDS


class Reply:
    """A node's answer: HTTP status, body, and the seconds it asks to wait (0 where it does not)."""

    __slots__ = ("body", "retry_after", "status")

    def __init__(self, status: int, body: bytes, retry_after: float) -> None:
        self.status, self.body, self.retry_after = status, body, retry_after


class Connections:
    """Connections to the nodes of one operator, kept open between requests.

    Raises TosqauylError where an address is no https:// one or a certificate file cannot be used.
    """

    def __init__(self, urls: tuple[str, ...], identity: Identity, seconds: float = ANSWER_SECONDS) -> None:
        if not urls:
            raise TosqauylError("no node is named", "urls", "write https://HOST:PORT")
        self.urls = [checked_url(url) for url in urls]
        self._context = identity.context()
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """One request to the first node that can be reached. Raises AskFailed('down') where none can."""
        last = ""
        for url in tuple(self.urls):
            try:
                reply = await self.send_to(url, method, path, body)
            except AskFailed as failed:
                if failed.kind != "down":
                    raise
                last = failed.detail
                continue
            if url != self.urls[0]:
                self.urls.remove(url)
                self.urls.insert(0, url)
            return reply
        raise AskFailed("down", last)

    async def send_to(self, url: str, method: str, path: str, body: bytes | None = None) -> Reply:
        """One request to one node. Raises AskFailed, down or malformed."""
        headers = {"Content-Type": wire.JSON} if body is not None else {}
        try:
            async with self._opened().request(
                method, url + path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Reply(
                    answer.status,
                    await read_body(answer, ANSWER_BYTES),
                    _seconds(answer.headers.get("Retry-After", "")),
                )
        except TimeoutError:
            raise AskFailed("down", "no answer in time") from None
        except aiohttp.ClientConnectorCertificateError:
            raise AskFailed("refused", "its certificate is not trusted") from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError):
            raise AskFailed("malformed", "an answer that is no HTTP") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AskFailed("down", type(error).__name__) from None

    async def close(self) -> None:
        """Let go of connections. Never raises."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._context, limit=64, keepalive_timeout=60.0)
            timeout = aiohttp.ClientTimeout(total=self._seconds, sock_connect=CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        return self._session


class LedgerBackend:
    """Asks the ledger of one operator; an OriginationBackend. plan: the number plan that is in use now, with the ported numbers;
    clock: wall time, seconds since 1970."""

    def __init__(self, options: LedgerClientOptions, plan: Callable[[], Plan], clock: Wall = time.time) -> None:
        self.options, self._plan, self._clock = options, plan, clock
        self._connections = Connections(options.urls, options.identity)
        pair = options.keys.of(options.operator)
        if not pair:
            raise TosqauylError(
                f"no key is shared with {options.operator}", "keys", "tosqauyl origination key makes one"
            )
        self._key = pair[0]
        self._encode = msgspec.json.Encoder().encode
        self._answer = msgspec.json.Decoder(wire.Answer)

    async def originated(self, caller: str, called: str, at: float) -> Origination:
        """Ask whether `caller` started a call to `called` about `at` (seconds since 1970): yes, no, not_here (not in the
        operator's own network; a roamer of it may have started it abroad), or unknown. Raises AskFailed."""
        try:
            question = self.question(caller, called, at)
        except ValueError:
            raise AskFailed("malformed", "a call that cannot be asked about") from None
        said = self._read(await self._connections.send("POST", wire.QUESTIONS, question))
        elsewhere = said.state == "no" and not self.options.roamers and self._plan().read(caller).kind == "mobile"
        return Origination("not_here") if elsewhere else said

    def question(self, caller: str, called: str, at: float) -> bytes:
        """The body of that question: a token for every bucket in which the call may have begun. Raises ValueError for numbers or
        a time of which no token can be made."""
        asked = ask_about(self._key, (caller, called), at, (self.options.before, self.options.skew), self._plan())
        tokens = tuple(token.hex() for token in asked.tokens)
        return self._encode(wire.Question(asked.key, tokens, asked.at, asked.to, asked.ported))

    async def close(self) -> None:
        """Let go of connections. Never raises."""
        await self._connections.close()

    def _read(self, reply: Reply) -> Origination:
        if reply.status == 200:
            try:
                answer = self._answer.decode(reply.body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise AskFailed("malformed", "an answer that is none") from None
            if abs(answer.now - self._clock()) > CLOCK_OFF:
                raise AskFailed("wrong", "its clock is off")
            if (answer.state == "unknown") != bool(answer.why):
                raise AskFailed("malformed", "an answer without a reason, or a reason without need")
            return Origination(answer.state, answer.why)
        if reply.status == 429:
            raise AskFailed("limited", "too many questions", reply.retry_after)
        if reply.status in (401, 403, 404, 405, 413, 415, 422):
            raise AskFailed("refused", f"HTTP {reply.status}")
        if reply.status >= 500:
            raise AskFailed("down", f"HTTP {reply.status}", reply.retry_after)
        raise AskFailed("malformed", f"HTTP {reply.status}")


class ReportClient:
    """A switch's side: tells its operator's node which calls began, in batches, and that it is alive.

    `async with` starts and ends it. report never waits and never raises: what cannot be sent is tried again, in order; beyond
    MOST_WAITING the oldest is lost, and the nodes are told that something was. counters: taken, refused, refused-<why>, lost,
    failed (requests).
    """

    def __init__(self, options: ReportClientOptions) -> None:
        self.options = options
        self.counters: Counter[str] = Counter()
        self._connections = Connections(options.urls, options.identity)
        self._waiting: deque[wire.ReportedCall] = deque()
        self._untold = Counter[str]()
        self._some = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = asyncio.Lock()
        self._encode = msgspec.json.Encoder().encode
        self._taken = msgspec.json.Decoder(wire.Taken)
        self._call = msgspec.json.Decoder(wire.ReportedCall)

    async def __aenter__(self) -> "ReportClient":
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._send_reports()), loop.create_task(self._send_alive())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def report(self, id: str, caller: str, called: str, at: float) -> None:
        """A call began at `at` (seconds since 1970). id: the same when it is told again."""
        call = wire.ReportedCall(id, caller, called, at)
        try:
            self._call.decode(self._encode(call))  # one that no node takes would cost all that go with it
        except (msgspec.MsgspecError, UnicodeEncodeError):
            self._lose()
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._lose()
        self._waiting.append(call)
        self._some.set()

    def _lose(self) -> None:
        self.counters["lost"] += 1
        self._untold.update(self._connections.urls)

    async def flush(self) -> None:
        """Send all that waits, now. Raises AskFailed where it cannot be sent; it still waits then."""
        async with self._sending:
            while self._waiting:
                batch = tuple(islice(self._waiting, wire.MOST_REPORTS))
                reply = await self._connections.send("POST", wire.REPORTS, self._encode(wire.Reports(batch)))
                self._count(reply, len(batch))
                for one in batch:
                    if self._waiting and self._waiting[0] is one:  # else it gave way while the request was on its way
                        self._waiting.popleft()

    async def alive(self) -> None:
        """Say now to every node that this switch is alive: each must hear it before it denies a call. Raises AskFailed where none
        could be told."""
        told = await asyncio.gather(*map(self._alive_to, self._connections.urls), return_exceptions=True)
        if any(isinstance(one, Reply) and one.status == 200 for one in told):
            return
        for one in told:
            if isinstance(one, BaseException):
                raise one
            raise AskFailed("refused", f"HTTP {one.status}")

    async def _alive_to(self, url: str) -> Reply:
        lost = self._untold[url]
        reply = await self._connections.send_to(url, "POST", wire.ALIVE, self._encode(wire.Alive(lost)))
        if reply.status == 200:
            self._untold[url] -= lost
        return reply

    async def close(self) -> None:
        """End; what waits is lost. Never raises."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()

    def _count(self, reply: Reply, size: int) -> None:
        """A batch that the node did not take is not sent again: it would be refused again."""
        if reply.status >= 500:
            raise AskFailed("down", f"HTTP {reply.status}")
        try:
            taken = self._taken.decode(reply.body) if reply.status == 200 else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            taken = None
        if taken is None:
            self.counters["refused"] += size
            self.counters[f"refused-http-{reply.status}"] += size
            return
        self.counters["taken"] += taken.taken
        self.counters["refused"] += len(taken.refused)
        for one in taken.refused:
            self.counters[f"refused-{one.why}"] += 1

    async def _send_reports(self) -> None:
        while True:
            await self._some.wait()
            if len(self._waiting) < wire.MOST_REPORTS:
                await asyncio.sleep(self.options.wait)
            self._some.clear()
            try:
                await self.flush()
            except AskFailed:
                self.counters["failed"] += 1
                await asyncio.sleep(RETRY_SECONDS)
                self._some.set()

    async def _send_alive(self) -> None:
        while True:
            try:
                await self.alive()
            except AskFailed:
                self.counters["failed"] += 1
            await asyncio.sleep(self.options.alive)


async def status_of(connections: Connections, url: str) -> wire.Status:
    """What one node says of itself. Raises AskFailed."""
    reply = await connections.send_to(url, "GET", wire.STATUS)
    if reply.status != 200:
        raise AskFailed("refused", f"HTTP {reply.status}")
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(reply.body, type=wire.Status)
    raise AskFailed("malformed", "a status that is none")


def checked_url(url: str) -> str:
    """https://HOST[:PORT] without a slash at its end; TosqauylError where it is something else."""
    hint = "write https://HOST:PORT"
    try:
        parts = urlsplit(url)
        right = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise TosqauylError("this is no address of a ledger node", url if "@" not in url else "", hint)
    return f"https://{parts.netloc}"


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
