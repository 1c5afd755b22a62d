"""Who may do what over HTTP: clients with hashed tokens or certificates, each with its scopes.

A token is 256 random bits, so its SHA-256 needs no salt and no slow hash: there is nothing to guess. The configuration
holds the hash only, and a token is compared with every client's in constant time.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

SCOPES = ("screen", "feed", "metrics", "reload")
"""screen: have calls judged. feed: report roaming of one operator. metrics: read counters. reload: load a new snapshot."""

TOKEN_BYTES = 32
"""Random bytes of a token: 256 bits."""
TOKEN_LONGEST = 256
"""Characters of a token that are looked at; ours have 46."""
HASHED = re.compile(r"sha256:[0-9a-f]{64}")
"""How a token is written in the configuration."""


@dataclass(frozen=True, slots=True)
class Client:
    """One configured client.

    token: 'sha256:<64 hex digits>' of its token, '' for none. certificate: a subject alternative name that its TLS
    certificate must carry, '' for none. Where both are given both are needed. operator: whose subscribers it may
    report (scope feed). trunks: the ids it may screen calls for; none for all.
    """

    id: str
    token: str = ""
    certificate: str = ""
    scopes: frozenset[str] = frozenset()
    operator: str = ""
    trunks: frozenset[str] = frozenset()


def new_token(random: bytes) -> str:
    """The token of 32 random bytes: 'tq_' and 43 letters of base64url. The prefix lets scanners for leaked secrets find it."""
    return "tq_" + base64.urlsafe_b64encode(random).decode().rstrip("=")


def hashed(token: str) -> str:
    """A token as the configuration holds it."""
    return "sha256:" + hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Access:
    """All clients. `client` says whose a request is; asking for the scope is the route's part."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self.clients = tuple(clients)

    def client(self, authorization: str | None, names: tuple[str, ...]) -> Client | None:
        """The client of a request; None for nobody's.

        authorization: the header's value, None where absent. names: of the verified client certificate, as
        tls.names_of gives them. A request that shows a token is judged by that token, whatever its certificate says.
        """
        if authorization is not None:
            return self._by_token(authorization, names)
        return next((one for one in self.clients if not one.token and _shows(one, names)), None)

    def _by_token(self, authorization: str, names: tuple[str, ...]) -> Client | None:
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LONGEST:
            return None
        shown = hashed(token)
        # Every client is compared, so that the time does not tell which one it was.
        matching = [one for one in self.clients if hmac.compare_digest(one.token.encode(), shown.encode())]
        return next((one for one in matching if not one.certificate or _shows(one, names)), None)


def _shows(client: Client, names: tuple[str, ...]) -> bool:
    return client.certificate.lower() in names if client.certificate else False
