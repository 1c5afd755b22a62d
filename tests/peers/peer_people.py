"""An office behind a proxy as browsers reach it, and the people who work in it, made by its admin over the API in no time."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from peer_office import PASSWORD, OfficeProcess, Person, anybody

ADMIN = "root"
BEHIND_A_PROXY = 'proxies = ["127.0.0.1"]\npublic_url = "http://127.0.0.1:{port}"\n'
"""So that each browser may have an address of its own, and so a bucket of its own."""


@dataclass(slots=True)
class Staffed:
    """An office that serves, and its admin. tokens: of people who did not come yet."""

    office: OfficeProcess
    admin: Person
    tokens: dict[str, str] = field(default_factory=dict)

    def organisation(self, slug: str, kind: str, name: str) -> None:
        """Add an organisation."""
        self.admin.post("/v1/organisations", {"id": slug, "kind": kind, "name": name})

    def hire(self, login: str, role: str, organisation: str = "centre") -> str:
        """Add an account; the token by which its person sets a password."""
        said = {"login": login, "role": role, "organisation": organisation}
        self.tokens[login] = str(self.admin.post("/v1/accounts", said)["token"])
        return self.tokens[login]

    def settle(self, login: str, role: str, organisation: str = "centre") -> Person:
        """Add an account whose person has come: a password, and an authenticator where the role needs one. Signed in."""
        token = self.hire(login, role, organisation)
        anybody(self.office.url).post("/v1/set-up", {"token": token, "password": PASSWORD})
        return self.office.sign_in(login)


def behind_a_proxy(folder: Path, more: str = "") -> OfficeProcess:
    """An office, made and not yet serving. more: further tables of its file."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    office = OfficeProcess(folder, more=more, port=port)
    office.make()
    file = folder / "office.toml"
    file.write_text(BEHIND_A_PROXY.format(port=port) + file.read_text())
    return office


def staffed(office: OfficeProcess) -> Staffed:
    """Serve, with an admin who is signed in."""
    office.start()
    office.account(ADMIN, "admin")
    return Staffed(office, office.sign_in(ADMIN))
