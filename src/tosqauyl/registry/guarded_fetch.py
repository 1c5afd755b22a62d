"""POST to an address that somebody else chose, without letting him reach what only the office can reach.

The name is resolved once, every address it has is checked, and the connection goes to a checked address: so a name cannot change in
between (CWE-918, CWE-367). TLS is checked against the name. No redirect is followed, no proxy of the environment is used, and of
an answer only its status and its first bytes are read; everything together has one deadline.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpcore
import idna

from tosqauyl.registry.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], list[str]]
"""Name and port -> addresses as text. Raises OSError."""

MOST_URL = 2_000
MOST_ANSWER = 4_096
"""Bytes of an answer that are read; the rest is left where it is."""
TIMEOUT_S = 10.0
"""From the first question to a name server to the answer's status, seconds."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be reached besides the public internet over https. networks: private ones in which receivers are;
    http_loopback: plain http to this machine, for tests."""

    networks: tuple[Network, ...] = ()
    http_loopback: bool = False

    def is_allowed(self, address: Address) -> bool:
        """Whether a connection may go there."""
        plain = getattr(address, "ipv4_mapped", None) or address
        if self.http_loopback and plain.is_loopback:
            return True
        if any(plain.version == one.version and plain in one for one in self.networks):
            return True
        return is_public(plain)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet's, and of one host. Tunnels (6to4, Teredo, NAT64) are not: they carry
    another address in them."""
    if isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo or address.is_site_local):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. status: 0 where nothing did; what: why, or the answer's first characters, for whoever looks after the
    receiver."""

    status: int
    what: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300


class Fetch(Protocol):
    """Sends a body."""

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Never raises: what goes wrong is an answer with status 0."""


class _Stopped(Exception):
    """Why nothing was sent."""


def checked_url(url: str, guard: Guard) -> str:
    """The address of a receiver as it is kept, its name in ASCII. Raises Invalid (where="url")."""
    if len(url) > MOST_URL or not url.isprintable() or any(sign.isspace() or sign == "\\" for sign in url):
        raise Invalid("this is no address of a receiver", "url", f"https://..., at most {MOST_URL} characters")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        name = host if ":" in host else idna.encode(host, uts46=True).decode("ascii")
    except (ValueError, idna.IDNAError):
        raise Invalid("this address cannot be read", "url", "https://name/path") from None
    literal = _literal(name)
    if not (parts.path + parts.query).isascii():
        raise Invalid("path and query must be escaped", "url", "%D2%B1 instead of a letter")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise Invalid("no user, password or fragment belongs there", "url", "deliveries are signed instead")
    if parts.scheme != "https" and not (parts.scheme == "http" and guard.http_loopback and _is_here(name, literal)):
        raise Invalid("only https is delivered to", "url")
    if port == 0 or (literal is None and "." not in name and name != "localhost"):
        raise Invalid("this names no host", "url")
    if (literal is not None and not guard.is_allowed(literal)) or (name == "localhost" and not guard.http_loopback):
        raise Invalid("nothing is delivered to this address", "url", "a public one, or one that the office was allowed")
    place = (f"[{name}]" if ":" in name else name) + (f":{port}" if port else "")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{place}{parts.path or '/'}{query}"


def _is_here(name: str, literal: Address | None) -> bool:
    return name == "localhost" or (literal is not None and literal.is_loopback)


def _literal(name: str) -> Address | None:
    """The address that a host is written as; also in the spellings that only some resolvers take ('0x7f.1', '127.1')."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except (OSError, UnicodeError, ValueError):
        return None


def system_resolve(name: str, port: int) -> list[str]:
    """The addresses that the system's resolver gives. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class GuardedFetch:
    """Sends bodies with POST. guard: where to; resolve: names; timeout: of one delivery, seconds; context: of TLS, the system's
    authorities if None."""

    def __init__(
        self, guard: Guard, resolve: Resolve = system_resolve, timeout: float = TIMEOUT_S, context: ssl.SSLContext | None = None
    ) -> None:  # fmt: skip
        self._guard, self._resolve, self._timeout = guard, resolve, timeout
        self._context = context or ssl.create_default_context()

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it. Never raises: what goes wrong is an answer with status 0."""
        ends = time.monotonic() + self._timeout
        try:
            checked_url(url, self._guard)
            return self._sent(url, headers, body, ends)
        except Invalid as error:
            return Answer(0, error.what)
        except _Stopped as error:
            return Answer(0, str(error))
        except (httpcore.TimeoutException, TimeoutError):
            return Answer(0, f"no answer within {self._timeout:g} s")
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
            OSError,
            ValueError,
        ) as error:
            return Answer(0, f"{type(error).__name__}: {error}"[:200])

    def _sent(self, url: str, headers: Mapping[str, str], body: bytes, ends: float) -> Answer:
        backend = _Checked(self._guard, self._resolve, ends)
        sent = [("Host", urlsplit(url).netloc), ("Connection", "close"), *headers.items()]
        left = max(0.001, ends - time.monotonic())
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), left)
        pool = httpcore.ConnectionPool(self._context, max_connections=1, network_backend=backend)
        with pool, pool.stream("POST", url, headers=sent, content=body, extensions={"timeout": timeouts}) as answer:
            return Answer(answer.status, _first(answer.iter_stream()))


def _first(pieces: Iterable[bytes]) -> str:
    """The first characters of an answer, without what a terminal would obey. What goes wrong from here on changes nothing: the
    status has come."""
    taken = b""
    try:
        for piece in pieces:
            taken += piece
            if len(taken) >= MOST_ANSWER:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    text = taken[:400].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:160].strip()


class _Checked(httpcore.NetworkBackend):
    """Connects to checked addresses only, and ends whatever it does at one moment."""

    def __init__(self, guard: Guard, resolve: Resolve, ends: float) -> None:
        self._guard, self._resolve, self._ends = guard, resolve, ends
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None, socket_options: Any = None
    ) -> httpcore.NetworkStream:  # fmt: skip
        """Resolve, check every address, connect to the first one that takes the connection."""
        failed: Exception = _Stopped("the name has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._system.connect_tcp(str(address), port, _left(self._ends), local_address, socket_options)
                return _Ending(stream, self._ends)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def _addresses(self, host: str, port: int) -> list[Address]:
        literal = _literal(host)
        texts = [str(literal)] if literal is not None else _within(self._ends, lambda: self._resolve(host, port))
        found = [ipaddress.ip_address(one) for one in texts]
        if not all(self._guard.is_allowed(one) for one in found):
            raise _Stopped("the name leads to an address that nothing is delivered to")
        return found


class _Ending(httpcore.NetworkStream):
    """A connection that ends at one moment, however slowly bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, ends: float) -> None:
        self._stream, self._ends = stream, ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read."""
        return self._stream.read(max_bytes, _left(self._ends))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        self._stream.write(buffer, _left(self._ends))

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """TLS, checked against the name, whatever the address was."""
        return _Ending(self._stream.start_tls(ssl_context, server_hostname, _left(self._ends)), self._ends)

    def get_extra_info(self, info: str) -> Any:
        """What the library asks of its connection."""
        return self._stream.get_extra_info(info)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time of this delivery is over")
    return left


def _within(ends: float, ask: Callable[[], list[str]]) -> list[str]:
    """What a question gives, asked in a thread of its own: the system's resolver knows no deadline."""
    said: list[list[str] | Exception] = []

    def run() -> None:
        try:
            said.append(ask())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            said.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_left(ends))
    if not said:
        raise TimeoutError
    if isinstance(said[0], Exception):
        raise _Stopped("the name cannot be resolved") from said[0]
    return said[0]
