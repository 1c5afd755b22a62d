"""What the configuration says of the HTTP side, and when it may not start."""

from dataclasses import dataclass, field
from ipaddress import ip_address

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.http.access import Client
from tosqauyl.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class Http:
    """listen: (host, port), None for no HTTP at all. tls: files of the server; with a client_ca every client must show a
    certificate. body_bytes: of a request's JSON, at most (roaming events: EVENTS_FACTOR times as much). bulk_bytes: of one
    list of roamers."""

    listen: tuple[str, int] | None = None
    tls: TlsFiles = field(default_factory=TlsFiles)
    body_bytes: int = 64 << 10
    bulk_bytes: int = 512 << 20


EVENTS_FACTOR = 16
"""How much more than other JSON bodies a list of roaming events may hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one server, in connections, requests and seconds.

    connections: at once, TLS handshakes included. screenings: calls being judged at once. handshake, head, body, bulk: until
    a TLS handshake, a request's head, its JSON body and a bulk body are complete. drain: an answer nobody reads. idle:
    between two requests of a connection.
    """

    connections: int = 256
    screenings: int = 512
    handshake: float = 5.0
    head: float = 5.0
    body: float = 10.0
    bulk: float = 300.0
    drain: float = 10.0
    idle: float = 75.0


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(http: Http, clients: tuple[Client, ...]) -> None:
    """Refuse a server that strangers could reach unguarded, and clients that could never come in. Raises TosqauylError."""
    if http.listen is None:
        return
    host, port = http.listen
    where = f"http.listen {host}:{port}"
    files = http.tls
    if bool(files.certificate) != bool(files.key):
        raise TosqauylError("http.certificate and http.key go together", where, "give both, or none")
    if files.client_ca and not files.certificate:
        raise TosqauylError("http.client_ca without http.certificate", where, "client certificates need TLS")
    for client in clients:
        if client.certificate and not files.client_ca:
            hint = "name the authority that signs client certificates"
            raise TosqauylError(f"client {client.id!r} has a certificate, but http.client_ca is not set", where, hint)
    if is_loopback(host):
        return
    if not files.certificate:
        what = "this address is not loopback, and HTTP without TLS shows numbers and tokens to the network"
        raise TosqauylError(what, where, "set http.certificate and http.key, or listen on 127.0.0.1")
    if not files.client_ca and not clients:
        hint = "set http.client_ca for mutual TLS, or add a [[client]] with a token: tosqauyl token"
        raise TosqauylError("this address is not loopback and no client is configured", where, hint)
