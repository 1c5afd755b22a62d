"""Requests that leave this machine: where they may go, what TLS they speak, how much of an answer is read.

https only, except to this machine itself; no redirect is followed, no proxy of the environment used, no cookie kept, nothing
unpacked. So a request goes where the operator said, or nowhere.
"""

import ssl
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed

CONNECT_SECONDS = 5.0
"""Seconds for TCP and TLS of a new connection. How long an answer may take is the asker's matter."""
IDLE_SECONDS = 15.0
"""Seconds an unused connection is kept: shorter than servers keep theirs, so that none is used that has just been closed."""
MOST_WAIT = 3600.0
"""The longest Retry-After that is believed, seconds."""


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine: 'localhost', 127.0.0.0/8 or ::1. A name that merely resolves there is not."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def outgoing_url(url: str, where: str) -> str:
    """The URL, put together anew from the parts that were checked, so that no other reader sees another host in it.

    Raises TosqauylError, `where` its place: no https (but to loopback), a password in it, a fragment, no host.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise TosqauylError("is no URL", where) from None
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or "%" in parts.netloc:
        raise TosqauylError("is no URL that can be asked", where, "write https://HOST[:PORT]/PATH")
    if parts.scheme == "http" and not is_loopback(host):
        raise TosqauylError("must be https: what is asked names a person's number", where)
    if "@" in parts.netloc or parts.fragment:
        raise TosqauylError("has a user, a password or a fragment in it", where, "credentials have keys of their own")
    place = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, place if port is None else f"{place}:{port}", parts.path, parts.query, ""))


def open_session(context: ssl.SSLContext, connections: int) -> aiohttp.ClientSession:
    """A session within the running loop. connections: most to one place at once; whoever needs one more waits."""
    connector = aiohttp.TCPConnector(
        ssl=context, limit=0, limit_per_host=connections, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=60
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        skip_auto_headers=("User-Agent",),
        auto_decompress=False,
        trust_env=False,
    )


async def read_json(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body of a JSON answer. Raises AskFailed (malformed) where it is something else or has more than `limit` bytes."""
    kind = answer.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        raise AskFailed("malformed", "the answer is no JSON")
    if (answer.content_length or 0) > limit:
        raise AskFailed("malformed", "the answer is too large")
    body = b""
    while piece := await answer.content.read(limit + 1):
        body += piece
        if len(body) > limit:
            raise AskFailed("malformed", "the answer is too large")
    return body


def broken(error: Exception) -> AskFailed:
    """What a connection's mishap means. The detail is of a fixed set: an error's own text may quote what was sent."""
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.InvalidURL):
        return AskFailed("malformed", "the answer is no HTTP")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return AskFailed("down", "no TLS connection: see certificates")
    if isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
        return AskFailed("down", "no connection")
    if isinstance(error, aiohttp.ClientError | OSError):
        return AskFailed("down", "the connection broke")
    return AskFailed("malformed", "the answer cannot be read")


def refusal(status: int, retry_after: str, now: float) -> AskFailed:
    """What an HTTP status that is no answer means. retry_after: the header of that name, '' if there is none."""
    if status in (401, 403):
        return AskFailed("refused", f"status {status}")
    if status == 429:
        return AskFailed("limited", "status 429", _seconds(retry_after, now))
    if status >= 500:
        return AskFailed("down", f"status {status}", _seconds(retry_after, now))
    return AskFailed("wrong", f"status {status}")


def _seconds(text: str, now: float) -> float:
    """Retry-After (RFC 9110 10.2.3): seconds, or a date. 0 for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), MOST_WAIT))
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), MOST_WAIT)
    except (ValueError, OverflowError, IndexError, TypeError):
        return 0.0
