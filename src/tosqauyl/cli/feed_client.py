"""What `tosqauyl feed` says to a gate over HTTP, and what comes back; the standard library only.

The token goes to the named gate and nowhere else: redirects are not followed, proxies of the environment are not used,
and without TLS it goes to loopback only. http.client rather than urllib.request: it neither follows nor uses them, and
it can still read the answer of a gate that refuses a list before all of it was sent.
"""

import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from tosqauyl.errors import TosqauylError

PATH = "/v1/roaming"
STATUS_PATH = "/v1/status"
EVENTS_A_REQUEST = 1_000
"""What a gate takes at once."""
CHUNK = 1 << 18
LONGEST_ANSWER = 1 << 20
LONGEST_PAUSE = 60.0
"""Seconds to wait at most before sending again what the gate was too busy for."""

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Reply:
    """A gate's answer. status: HTTP; body: the JSON object; slug: of the problem, '' where it was done."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """The last part of the problem's type (RFC 9457)."""
        return "" if self.status == 200 else str(self.body.get("type", "")).rpartition(":")[2]


class FeedClient:
    """Sends events and lists to one gate.

    url: https://HOST[:PORT], or http:// on loopback. patience: seconds to keep trying while the gate says that it is
    busy. Raises TosqauylError where the gate cannot be reached or its certificate is not trusted.
    """

    def __init__(
        self,
        url: str,
        token: str,
        context: ssl.SSLContext,
        patience: float = 120.0,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._token, self._timeout = checked_url(url), token, timeout
        self._patience, self._sleep, self._context = patience, sleep, context

    def events(self, events: list[dict[str, Any]], confirm: str = "") -> Reply:
        """Send events, EVENTS_A_REQUEST at most."""
        body = json.dumps({"events": events}).encode()
        query = {"confirm": confirm} if confirm else {}
        return self._patiently(lambda: self._send("POST", query, "application/json", len(body), [body]))

    def bulk(self, file: BinaryIO, size: int, query: dict[str, str], progress: Progress = int) -> Reply:
        """Send a whole list. progress: called with the bytes sent so far."""

        def once() -> Reply:
            file.seek(0)
            return self._send("PUT", query, "text/plain", size, _pieces(file, size, progress))

        return self._patiently(once)

    def status(self) -> Reply:
        """What the gate tells of itself (scope metrics)."""
        return self._send("GET", {}, "", 0, (), STATUS_PATH)

    def _patiently(self, send: Callable[[], Reply]) -> Reply:
        left = self._patience
        while True:
            reply = send()
            if reply.slug != "busy" or left <= 0:
                return reply
            pause = min(max(float(reply.body.get("retry_after", 5.0)), 1.0), LONGEST_PAUSE, max(left, 1.0))
            self._sleep(pause)
            left -= pause

    def _send(
        self, method: str, query: dict[str, str], kind: str, size: int, body: Iterable[bytes], path: str = PATH
    ) -> Reply:
        headers = {"Authorization": f"Bearer {self._token}"}
        if kind:
            headers |= {"Content-Type": kind, "Content-Length": str(size)}
        connection = self._connection()
        try:
            connection.putrequest(method, path + (f"?{urlencode(query)}" if query else ""))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent: the answer says why
                for piece in body:
                    connection.send(piece)
            answer = connection.getresponse()
            found = _object(answer.read(LONGEST_ANSWER))
            pause = answer.getheader("Retry-After", "")
            return Reply(answer.status, found | ({"retry_after": int(pause)} if pause.isdigit() else {}))
        except ssl.SSLCertVerificationError as error:
            hint = "--ca FILE names the authority that signed it"
            raise TosqauylError(f"its certificate is not trusted: {error.verify_message}", self._url, hint) from None
        except (OSError, HTTPException) as error:
            hint = "does the gate's [http] listen there? What was sent may or may not count"
            raise TosqauylError(f"no answer: {error}", self._url, hint) from None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self._url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return HTTPSConnection(host, parts.port, timeout=self._timeout, context=self._context)
        return HTTPConnection(host, parts.port, timeout=self._timeout)


def checked_url(url: str) -> str:
    """The URL without a path. TosqauylError where the token would go over an open network."""
    parts = urlsplit(url)
    hint = "write https://HOST:PORT, or http://127.0.0.1:PORT on this machine"
    try:
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not parts.hostname or parts.path.strip("/") or parts.query:
        raise TosqauylError(f"'{url}' is no address of a gate", hint=hint)
    if "@" in parts.netloc:
        raise TosqauylError("a user name does not belong into the address", hint="the token comes from a file")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise TosqauylError(f"'{url}' would carry the token in clear over a network", hint=hint)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pieces(file: BinaryIO, size: int, progress: Progress) -> Iterator[bytes]:
    sent = 0
    while sent < size and (chunk := file.read(min(CHUNK, size - sent))):
        yield chunk
        sent += len(chunk)
        progress(sent)


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
