"""What must be known of an HSS to ask it, and what is counted of a connection to it."""

from dataclasses import dataclass, field

PORT, TLS_PORT = 3868, 5658
"""Diameter over TCP, and over TLS (RFC 6733 section 2.1)."""
DOMAINS = ("cs", "ps")
"""Requested-Domain (TS 29.329 6.3.7): cs asks the MSC/VLR, ps the SGSN or MME. A question names one."""


@dataclass(frozen=True, slots=True)
class ShTls:
    """TLS before the first Diameter message (RFC 6733 section 2.2). Paths of PEM files, '' where there is none.

    ca: the authorities that may sign the peer's certificate. certificate, key: ours, where the peer wants one.
    name: the name the peer's certificate must carry, '' for the host of the connection.
    """

    ca: str
    certificate: str = ""
    key: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ShOptions:
    """One HSS, or the Diameter agent in front of it.

    host, port: where to connect. origin_host, origin_realm: who we are, as the HSS knows us. destination_realm,
    destination_host: whom we ask; without a host the realm's agents choose. identity: msisdn, or tel for a
    Public-Identity 'tel:+7...'. active: ask the HSS to page the phone rather than tell what it knows (Current-Location;
    seconds, and load in the visited network). in_flight: questions at a time. All seconds.
    """

    host: str
    origin_host: str
    origin_realm: str
    destination_realm: str
    port: int = PORT
    destination_host: str = ""
    tls: ShTls | None = None
    domain: str = "cs"
    identity: str = "msisdn"
    active: bool = False
    in_flight: int = 256
    connect_seconds: float = 5.0
    close_seconds: float = 1.0
    watchdog_seconds: float = 30.0
    backoff_least: float = 1.0
    backoff_most: float = 30.0


@dataclass(slots=True)
class Tally:
    """What happened on the connections to one HSS. connects: opened, with capabilities exchanged; lost: ended, whoever ended
    them; asked: questions sent; late: answers that nobody waited for any more; watchdogs: watchdog requests sent;
    refused_requests: requests of the peer that we do not serve."""

    connects: int = 0
    lost: int = 0
    asked: int = 0
    late: int = 0
    watchdogs: int = 0
    refused_requests: int = 0
    last_failure: str = field(default="")
