"""Addresses as people write them: where calls arrive, and where HTTP is served."""

from typing import NamedTuple

from tosqauyl.errors import TosqauylError

TRANSPORTS = ("udp", "tcp", "tls", "http")


class Address(NamedTuple):
    """One place to listen. transport: udp, tcp, tls, or http (calls that are screened over HTTP only: no host, port 0)."""

    transport: str
    host: str
    port: int


def parse_listen(text: str) -> Address:
    """'udp:HOST:PORT', 'tcp:HOST:PORT', 'tls:HOST:PORT' or 'http'; TosqauylError where it is none of these."""
    if text == "http":
        return Address("http", "", 0)
    transport, _, rest = text.partition(":")
    host, colon, port = rest.rpartition(":")
    if transport not in ("udp", "tcp", "tls") or not colon or not host or not _is_port(port):
        hint = "write udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT, for example udp:127.0.0.1:5060; or http"
        raise TosqauylError(f"'{text}' is no listening address", hint=hint)
    return Address(transport, host.strip("[]"), int(port))


def parse_http(text: str) -> tuple[str, int]:
    """'HOST:PORT'; TosqauylError where it is not. Whether the host may be served is a question of access, asked at start."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not _is_port(port):
        raise TosqauylError(f"'{text}' is no address", hint="write HOST:PORT, for example 127.0.0.1:8060")
    return host.strip("[]"), int(port)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= 65535
