"""Certificate files, the context of new connections, the names a peer proved: what all that speaks TLS here shares.

Opens no socket. RFC 3261 26.3.1, RFC 5922, RFC 9325.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from tosqauyl.errors import TosqauylError

WARN_DAYS = 14
"""Days before its end at which a certificate is a trouble: SBCs refuse a link with one that is over."""
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_UTC_TIME = 0x17
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 4.2). TLS 1.3 has no other kind."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files, '' where there is none.

    certificate: the server's chain. key: its private key. client_ca: the authorities whose client certificates are
    taken; where it is set every client must show one (mutual TLS).
    """

    certificate: str = ""
    key: str = ""
    client_ca: str = ""


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context for new connections: TLS 1.2 or newer, client certificates demanded where client_ca is set.

    No session tickets: SIP connections live long, and a resumed session would go by a certificate that was checked
    against files of the past. Raises TosqauylError, which names the file, where one is missing or cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    _use(files.certificate, "certificate", lambda: None)
    _use(files.key, "key", lambda: None)
    # A key with a password would be asked for on the terminal: the empty answer makes it an error instead.
    _use(files.key, "key", lambda: context.load_cert_chain(files.certificate, files.key, password=""))
    if files.client_ca:
        _use(files.client_ca, "client_ca", lambda: context.load_verify_locations(files.client_ca))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(ca: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """A context for asking others: TLS 1.2 or newer, their certificate and name checked (RFC 9325).

    ca: the only authorities that are trusted (PEM); '' for those of the system. certificate, key: what is shown for mutual TLS,
    '' for nothing, or for a key that stands in the certificate's file. Raises TosqauylError, which names the file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca:
        _use(ca, "ca", lambda: context.load_verify_locations(ca))
    else:
        context.load_default_certs()
    if certificate:
        _use(certificate, "certificate", lambda: context.load_cert_chain(certificate, key or None, password=""))
    return context


def _use(path: str, name: str, load: Callable[[], None]) -> None:
    """Load a file, every failure told as a TosqauylError with its place."""
    if not path:
        raise TosqauylError("a tls listener needs a certificate and its key", f"tls.{name}", "name the PEM file")
    try:
        with open(path, "rb"):
            load()
    except ssl.SSLError as error:
        why = (error.reason or str(error)).lower().replace("_", " ")
        hint = "it must be PEM, unencrypted, and the key that of the first certificate"
        raise TosqauylError(f"cannot be used for TLS: {why}", path, hint) from None
    except (OSError, ValueError) as error:
        raise TosqauylError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path) from None


def expiry(certificate: str) -> float:
    """The end of the first certificate of a PEM file, seconds since 1970; 0.0 where it cannot be told."""
    try:
        with open(certificate, encoding="ascii", errors="replace") as file:
            text = file.read(1 << 20)
        first = text[text.index(_BEGIN) : text.index(_END) + len(_END)]
        return _not_after(ssl.PEM_cert_to_DER_cert(first))
    except (OSError, ValueError, IndexError):
        return 0.0


def _not_after(der: bytes) -> float:
    """notAfter of a certificate (RFC 5280 4.1): in Certificate, TBSCertificate; after [version], serial, algorithm, issuer."""
    _, at, _ = _element(der, 0)
    _, at, _ = _element(der, at)
    if der[at] == 0xA0:
        at = _element(der, at)[2]
    for _ in range(3):
        at = _element(der, at)[2]
    _, at, _ = _element(der, at)
    tag, begin, end = _element(der, _element(der, at)[2])
    text = der[begin:end].decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the content of the DER element at `at`."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + size]), begin + size
    return tag, begin, begin + length


class TlsServer:
    """The certificates in use. `reload` reads the files anew: connections that come later get the new ones.

    reloaded, failed: how often it did and could not; last_error: why not, '' after a reload that worked. expires: end of
    the certificate in use, seconds since 1970, 0.0 where it cannot be told.
    """

    def __init__(self, files: TlsFiles, alarm: Callable[[str], None] | None = None) -> None:
        self.files = files
        self.context = server_context(files)
        self.expires = expiry(files.certificate)
        self._alarm = alarm
        self.last_error = ""
        self.reloaded = 0
        self.failed = 0

    def reload(self) -> None:
        """Take the files as they are now. Where they cannot be used the old ones stay, and the alarm says why. Never raises."""
        try:
            self.context = server_context(self.files)
            self.expires = expiry(self.files.certificate)
        except TosqauylError as error:
            self.failed += 1
            self.last_error = str(error)
            if self._alarm is not None:
                self._alarm(f"ALARM: the TLS certificate was not loaded anew, the old one stays: {error}")
            return
        self.reloaded += 1
        self.last_error = ""

    def state(self, wall: float) -> dict[str, Any]:
        """What the gate's status says of it, with the troubles somebody should mend. wall: seconds since 1970."""
        troubles = ["certificate-not-reloaded"] if self.last_error else []
        if self.expires and self.expires - wall < WARN_DAYS * 86_400:
            troubles.append("certificate-expires")
        return {
            "reloaded": self.reloaded,
            "failed": self.failed,
            "last_error": self.last_error,
            "certificate_days": round((self.expires - wall) / 86_400, 1) if self.expires else None,
            "troubles": troubles,
        }


def names_of(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Subject alternative names in lower case: DNS names, URIs (a sip URI also as its host, RFC 5922 7.1), IP addresses.

    The subject's CN is not looked at, and '*.example.kz' is a name like any other (RFC 5922 7.2): no wildcard in it.
    """
    names: dict[str, None] = {}
    for kind, value in certificate.get("subjectAltName", ()):
        text = str(value).strip().lower()
        if kind == "IP Address":
            text = _ip(text)
        elif kind not in ("DNS", "URI"):
            continue
        names[text] = None
        scheme, _, rest = text.partition(":")
        if kind == "URI" and scheme in ("sip", "sips") and "@" not in rest:
            names[rest.partition(";")[0]] = None
    return tuple(names)


def _ip(text: str) -> str:
    """OpenSSL writes '2001:DB8:0:0:0:0:0:1' where people write '2001:db8::1'."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text
