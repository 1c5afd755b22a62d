"""All that one ledger node needs to start, as values; config/origination.py reads them out of a file."""

from dataclasses import dataclass, field

from tosqauyl.networks.origination.client import Identity
from tosqauyl.networks.origination.radius import RadiusOptions
from tosqauyl.networks.origination.server import ServerOptions
from tosqauyl.networks.origination.terms import LedgerOptions
from tosqauyl.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """The store that several nodes of one operator share. node: this one's name; nodes: all of them, this one too."""

    url: str = field(repr=False)
    node: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerNodes:
    """Where the nodes of another operator are: https://HOST:PORT of each."""

    operator: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SelftestSettings:
    """What the self-test needs beside the node's own settings.

    url: of our own node. ask: what our gates show to nodes, ours included. switch: what one of our switches shows. caller:
    a number of ours, called: any number; the test call goes from one to the other.
    """

    url: str
    ask: Identity
    switch: Identity
    caller: str
    called: str


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One node. keys: folder of the keys of pairs. portability: file of ported numbers, '' for none. selftest: None where the
    file has nothing for it."""

    server: ServerOptions
    ledger: LedgerOptions
    tls: TlsFiles
    keys: str
    portability: str = ""
    radius: RadiusOptions | None = None
    redis: RedisSettings | None = None
    peers: tuple[PeerNodes, ...] = ()
    selftest: SelftestSettings | None = None
