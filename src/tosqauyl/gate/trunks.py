"""Which trunk did this call come over? Listener, source address, and where needed what the message itself says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from tosqauyl.gate.answer import Profile
from tosqauyl.screen.trunk import Trunk
from tosqauyl.sip.message import Request
from tosqauyl.sip.uri import parse_uri

Network = IPv4Network | IPv6Network
SOURCES_KEPT = 65_536
"""Source addresses whose candidates are remembered. Spoofed sources can fill it; then it starts anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One configured trunk: how it is recognised, and what the gate needs to answer on it.

    listener: as written, 'udp:127.0.0.1:5060'. tgrp and trunk_context: RFC 4904 parameters of the Request-URI that must
    be there ('' for any). header: 'Name: value' that the INVITE must carry ('' for none). next_hop: host[:port] for a
    passing 302, 'sender' for where the INVITE came from, '' for none (a passing call then gets 404). certificate: a
    subject alternative name that the peer's TLS certificate must have ('' for any). transport: udp, tcp or tls, as the
    listener says.
    """

    trunk: Trunk
    listener: str
    networks: tuple[Network, ...]
    profile: Profile = field(default_factory=Profile)
    tgrp: str = ""
    trunk_context: str = ""
    header: str = ""
    next_hop: str = ""
    certificate: str = ""
    transport: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "transport", self.listener.partition(":")[0])

    @property
    def is_plain(self) -> bool:
        """Whether listener and source alone decide."""
        return not (self.tgrp or self.trunk_context or self.header)


class TrunkTable:
    """All trunks; look-ups by listener and source are remembered, so the usual call costs one dict access."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        # The narrower network and the more specific entry come first, so the first match is the best.
        self.entries = tuple(sorted(entries, key=lambda entry: entry.is_plain))
        self._seen: dict[tuple[str, str], tuple[Entry, ...]] = {}

    def candidates(self, listener: str, source: str) -> tuple[Entry, ...]:
        """The entries a datagram from `source` (IP) to `listener` may belong to, best first; () for a stranger."""
        key = (listener, source)
        found = self._seen.get(key)
        if found is None:
            if len(self._seen) >= SOURCES_KEPT:
                self._seen.clear()
            found = self._seen[key] = self._search(listener, source)
        return found

    def _search(self, listener: str, source: str) -> tuple[Entry, ...]:
        address = ip_address(source)
        ranked = [
            (max(network.prefixlen for network in matching), entry)
            for entry in self.entries
            if entry.listener == listener and (matching := [n for n in entry.networks if address in n])
        ]
        return tuple(entry for _, entry in sorted(ranked, key=lambda pair: (pair[1].is_plain, -pair[0])))


def choose(candidates: tuple[Entry, ...], request: Request) -> Entry | None:
    """The trunk of a request among its candidates: the first whose Request-URI and header conditions hold."""
    first = candidates[0]
    if first.is_plain:
        return first
    return next((entry for entry in candidates if entry.is_plain or _fits(entry, request)), None)


def _fits(entry: Entry, request: Request) -> bool:
    if entry.header:
        name, _, value = entry.header.partition(":")
        if value.strip() not in request.fields.get(name.strip().lower(), ()):
            return False
    if not (entry.tgrp or entry.trunk_context):
        return True
    uri = parse_uri(request.uri)
    if uri is None:
        return False
    # RFC 4904 section 4: the parameters belong to the userinfo of a sip: URI, or to a tel: URI itself.
    params = dict(_params(uri.user.partition(";")[2])) | uri.params
    return all(
        params.get(name, "").lower() == wanted.lower()
        for name, wanted in (("tgrp", entry.tgrp), ("trunk-context", entry.trunk_context))
        if wanted
    )


def _params(text: str) -> Iterable[tuple[str, str]]:
    for part in text.split(";"):
        name, _, value = part.partition("=")
        yield name.strip().lower(), value.strip()
