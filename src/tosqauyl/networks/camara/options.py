"""How one home network is asked over CAMARA."""

from dataclasses import dataclass, field

from tosqauyl.errors import TosqauylError

MAX_BODY = 16 * 1024
"""Bytes of an answer. A real one has about 150."""
SCOPE = "device-roaming-status:read"
"""The scope the API's document asks for."""


@dataclass(frozen=True, slots=True)
class CamaraOptions:
    """url: of the API with its version, '/retrieve' not included.

    Who we are: token, or token_file (read again when it is refused), or OAuth2 client credentials: token_url, client_id,
    client_secret_file, scope; or none of them. ca: PEM of the authorities that sign the servers' certificates, '' for those
    of the system. certificate, key: PEM to show them (mutual TLS), '' for none. connections: most at once. body_limit: bytes.
    """

    url: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    token_url: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    scope: str = SCOPE
    ca: str = ""
    certificate: str = ""
    key: str = ""
    connections: int = 64
    body_limit: int = MAX_BODY

    def check(self) -> None:
        """Raises TosqauylError where keys contradict each other or lack their partner."""
        if sum(map(bool, (self.token, self.token_file, self.token_url))) > 1:
            raise TosqauylError("more than one way to get a token", "token", "one of token, token_file and token_url")
        if bool(self.token_url) != bool(self.client_id) or bool(self.token_url) != bool(self.client_secret_file):
            raise TosqauylError("go together", "token_url, client_id, client_secret_file", "give all three or none")
        if self.key and not self.certificate:
            raise TosqauylError("a key without its certificate", "key")
        if self.connections < 1 or self.body_limit < 1:
            raise TosqauylError("must be at least 1", "connections, body_limit")
