"""The file of an origination ledger's node: its keys, and how they become the node's settings; every mistake with its line."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from tosqauyl.config.addresses import parse_http
from tosqauyl.config.fields import Fields, printable, rows, section
from tosqauyl.config.keys import Key
from tosqauyl.config.read import Reader, Table, lines_of
from tosqauyl.config.trunks import ranges_of
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.networks.origination.client import Identity, checked_url
from tosqauyl.networks.origination.radius import RadiusOptions, RadiusSwitch
from tosqauyl.networks.origination.server import Admin, Member, ServerOptions, Switch
from tosqauyl.networks.origination.settings import NodeSettings, PeerNodes, RedisSettings, SelftestSettings
from tosqauyl.networks.origination.terms import LedgerOptions
from tosqauyl.networks.origination.tokens import secret_bytes
from tosqauyl.tls import TlsFiles
from tosqauyl.toml_text import read_toml

MILLION = 1_000_000
NODE_KEYS: tuple[Key, ...] = (
    Key("operator", "text", None, "Operator whose calls this node knows: kcell, beeline, t2, ..."),
    Key("listen", "text", None, "host:port of the HTTPS side; port 0 picks one."),
    Key("keys", "text", "keys", "Folder of the keys that pairs of operators share; `tosqauyl origination key` makes them."),
    Key("portability", "text", "", "File of ported numbers, number,operator a line; read again on SIGHUP."),
    Key("fixed", "texts", (), "Our fixed and VoIP lines as number ranges: the number plan knows no operator of those."),
    Key("tls.certificate", "text", None, "Certificate chain of the node (PEM)."),
    Key("tls.key", "text", None, "Its private key (PEM)."),
    Key("tls.client_ca", "text", None, "Authorities of the certificates of members and switches (PEM)."),
    Key("member[].name", "text", None, "An operator whose gates may ask, as the keys of pairs name it."),
    Key("member[].certificate", "text", None, "Subject alternative name of its gates' certificate."),
    Key("member[].receives", "texts", (), "Whose subscribers' calls come in at its gates; its own if none is named."),
    Key("member[].urls", "texts", (), "https://host:port of each of its own nodes, for the self-test."),
    Key("switch[].id", "text", None, "Name of a switch of ours that reports calls."),
    Key("switch[].certificate", "text", "", "Subject alternative name of its certificate, if it reports over HTTPS."),
    Key("switch[].radius", "text", "", "Its address, if it reports by RADIUS accounting."),
    Key("switch[].secret_file", "text", "", "File of the secret that it shares with this node (RADIUS), mode 0600."),
    Key("admin[].name", "text", None, "Somebody of our own who may see the counters."),
    Key("admin[].certificate", "text", None, "Subject alternative name of the certificate."),
    Key("radius.listen", "text", "", "host:port of RADIUS accounting (UDP, usually 1813); '' for none."),
    Key("radius.message_authenticator", "boolean", False, "Drop requests without a Message-Authenticator (RFC 2869)."),
    Key("redis.url", "text", "", "redis:// or rediss:// address that all nodes of this operator share; '' for a node alone."),
    Key("redis.node", "text", "", "Name of this node."),
    Key("redis.nodes", "texts", (), "Names of all nodes, this one among them."),
    Key("limits.records", "integer", 2 * MILLION, "Tokens kept at most: one a call and receiver.", (), 1_000, 100 * MILLION),
    Key("limits.questions_per_second", "integer", 2_000, "Questions a second one member may ask.", (), 1, MILLION),
    Key("limits.waiting", "integer", 20_000, "Questions that wait for a late report at once.", (), 1, MILLION),
    Key("limits.connections", "integer", 1_000, "Connections at once; one more is closed.", (), 1, 100_000),
    Key("times.ttl_seconds", "integer", 60, "How long a call is remembered.", (), 20, 3_600),
    Key("times.grace_ms", "integer", 150, "How long a question waits for a report that is late.", (), 0, 2_000),
    Key("times.skew_ms", "integer", 2_000, "How much clocks may differ.", (), 0, 30_000),
    Key("times.before_seconds", "integer", 15, "How long before its arrival a call may have begun.", (), 1, 15),
    Key("times.sync_seconds", "integer", 10, "A switch silent for longer is out of sync: no `no` is said then.", (), 1, 600),
    Key("selftest.url", "text", "", "https://host:port of this node as others reach it."),
    Key("selftest.ca", "text", "", "Authorities of the certificates of nodes, ours and others' (PEM)."),
    Key("selftest.certificate", "text", "", "Certificate that our gates show (PEM)."),
    Key("selftest.key", "text", "", "Its private key (PEM)."),
    Key("selftest.switch_certificate", "text", "", "Certificate that one of our switches shows (PEM)."),
    Key("selftest.switch_key", "text", "", "Its private key (PEM)."),
    Key("selftest.caller", "text", "", "A number of ours from which the test call goes."),
    Key("selftest.called", "text", "", "The number to which it goes: one whose calls come in at our own gates."),
)  # fmt: skip
"""Every key of the node's file. A default of None means that the key must be given."""

_Path = Callable[[str], str]
_Askers = dict[str, tuple[str, ...]]


def load_node(text: str, file: str) -> NodeSettings:
    """Read the file of a node; raise FileMistakes with every mistake that can be found in one reading."""
    table, places = read_toml(text, file)
    reader = Reader(file, lines_of(places, NODE_KEYS), NODE_KEYS)
    folder = Path(file).parent

    def path(name: str) -> str:
        return str(folder / name) if name else ""

    top = Fields(reader.section(table, "", ""))
    operator = top.text("operator")
    limits, times, radius = (Fields(section(table, reader, name)) for name in ("limits", "times", "radius"))
    lines = top.texts("fixed")
    ranges_of(lines, reader, "fixed")
    switches = _switches(table, reader, path, bool(radius.text("listen")))
    members = _members(table, reader)
    host, port = _place(top.text("listen"), reader, "listen")
    people = (members.members, switches.over_https, _admins(table, reader))
    settings = NodeSettings(
        ServerOptions(operator, host, port, *people, limits.number("connections")),
        replace(_ledger(operator, limits, times, switches.ids, members.askers, reader), fixed=lines),
        _tls(table, reader, path),
        path(top.text("keys")),
        path(top.text("portability")),
        _radius(radius, reader, switches.by_radius),
        _redis(table, reader),
        members.peers,
        _selftest(table, reader, path),
    )
    _check_certificates(settings.server, reader)
    if reader.mistakes:
        raise FileMistakes(sorted(reader.mistakes, key=lambda mistake: mistake.line))
    return settings


def _ledger(
    operator: str, limits: Fields, times: Fields, switches: tuple[str, ...], askers: _Askers, reader: Reader
) -> LedgerOptions:
    try:
        return LedgerOptions(
            operator=operator,
            ttl=float(times.number("ttl_seconds")),
            grace=times.number("grace_ms") / 1000,
            skew=times.number("skew_ms") / 1000,
            before=float(times.number("before_seconds")),
            sync_seconds=float(times.number("sync_seconds")),
            records=limits.number("records"),
            questions_per_second=limits.number("questions_per_second"),
            switches=switches,
            askers=askers,
            waiting=limits.number("waiting"),
        )
    except TosqauylError as error:
        reader.wrong("times.ttl_seconds", error.what, error.hint)
        return LedgerOptions(operator)


def _tls(table: Table, reader: Reader, path: _Path) -> TlsFiles:
    fields = Fields(section(table, reader, "tls"))
    return TlsFiles(*(path(fields.text(name)) for name in ("certificate", "key", "client_ca")))


def _place(text: str, reader: Reader, at: str) -> tuple[str, int]:
    """host and port; a mistake, and nowhere, where it is none. What is missing was told already."""
    if not text:
        return "", 0
    try:
        return parse_http(text)
    except TosqauylError as error:
        reader.wrong(at, error.what, error.hint)
        return "", 0


class _Members(NamedTuple):
    members: tuple[Member, ...]
    peers: tuple[PeerNodes, ...]
    askers: _Askers


def _members(table: Table, reader: Reader) -> _Members:
    members, peers = [], []
    receives: dict[str, frozenset[str]] = {}
    for at, values in rows(table, reader, "member"):
        fields = Fields(values)
        printable(values, reader, at)
        name = fields.text("name")
        members.append(Member(name, fields.text("certificate")))
        receives[name] = receives.get(name, frozenset()) | frozenset(fields.texts("receives"))
        urls = _urls(fields.texts("urls"), reader, f"{at}.urls")
        if urls:
            peers.append(PeerNodes(name, urls))
    receives = {name: named or frozenset((name,)) for name, named in receives.items()}
    called = sorted(frozenset[str]().union(*receives.values()))
    askers = {one: tuple(name for name, named in receives.items() if one in named) for one in called}
    return _Members(tuple(members), tuple(peers), askers)


def _urls(texts: tuple[str, ...], reader: Reader, at: str) -> tuple[str, ...]:
    urls = []
    for text in texts:
        try:
            urls.append(checked_url(text))
        except TosqauylError as error:
            reader.wrong(at, error.what, error.hint)
    return tuple(urls)


def _admins(table: Table, reader: Reader) -> tuple[Admin, ...]:
    found = [Fields(values) for _, values in rows(table, reader, "admin")]
    return tuple(Admin(fields.text("name"), fields.text("certificate")) for fields in found)


class _Switches(NamedTuple):
    """All ids; those that report over HTTPS, and those that do by RADIUS: one switch may do both."""

    ids: tuple[str, ...]
    over_https: tuple[Switch, ...]
    by_radius: tuple[RadiusSwitch, ...]


def _switches(table: Table, reader: Reader, path: _Path, listens: bool) -> _Switches:
    over_https, by_radius = list[Switch](), list[RadiusSwitch]()
    ids: dict[str, None] = {}
    for at, values in rows(table, reader, "switch"):
        fields = Fields(values)
        printable(values, reader, at)
        name, certificate, address = (fields.text(key) for key in ("id", "certificate", "radius"))
        if name in ids:
            reader.wrong(f"{at}.id", f"'{name}' is used twice")
        ids[name] = None
        if not certificate and not address:
            reader.wrong(f"{at}.certificate", "is missing", "a switch is known by a certificate or a RADIUS address")
        if certificate:
            over_https.append(Switch(name, certificate))
        if address:
            switch = _radius_switch(fields, reader, at, path)
            if any(one.address == switch.address for one in by_radius):
                reader.wrong(f"{at}.radius", "is the address of another switch too")
            by_radius.append(switch)
        if address and not listens:
            reader.wrong(f"{at}.radius", "is never heard", "set radius.listen, for example 0.0.0.0:1813")
    if not ids:
        reader.wrong("", "no [[switch]] is configured", "a ledger that hears of no call can never say no")
    return _Switches(tuple(ids), tuple(over_https), tuple(by_radius))


def _radius_switch(fields: Fields, reader: Reader, at: str, path: _Path) -> RadiusSwitch:
    address = fields.text("radius")
    try:
        address = str(ip_address(address))
    except ValueError:
        reader.wrong(f"{at}.radius", "is no address", "an IP address, without a port")
        address = "0.0.0.0"  # noqa: S104 - nobody's; a mistake was told
    if not fields.text("secret_file"):
        reader.wrong(f"{at}.secret_file", "is missing", "RADIUS switches share a secret with the node")
        return RadiusSwitch(fields.text("id"), address, b"")
    line = reader.lines.get(f"{at}.secret_file", 0)
    secret = secret_bytes(Path(path(fields.text("secret_file"))), Path(reader.file), line, reader.mistakes)
    if secret is not None and len(secret.strip()) < 16:
        reader.wrong(f"{at}.secret_file", "is shorter than 16 bytes", "openssl rand -hex 16 makes one")
    return RadiusSwitch(fields.text("id"), address, (secret or b"").strip())


def _radius(fields: Fields, reader: Reader, switches: tuple[RadiusSwitch, ...]) -> RadiusOptions | None:
    if not fields.text("listen"):
        return None
    host, port = _place(fields.text("listen"), reader, "radius.listen")
    return RadiusOptions(host, port, switches, fields.flag("message_authenticator"))


def _redis(table: Table, reader: Reader) -> RedisSettings | None:
    fields = Fields(section(table, reader, "redis"))
    url, node, nodes = fields.text("url"), fields.text("node"), fields.texts("nodes")
    if not url:
        return None
    if not url.startswith(("redis://", "rediss://")):
        # The value is not repeated: it may hold a password.
        reader.wrong("redis.url", "is no redis:// or rediss:// address")
    if not node or node not in nodes:
        reader.wrong("redis.node", "is not one of redis.nodes", "every node has a name, and knows all names")
    return RedisSettings(url, node, nodes)


def _selftest(table: Table, reader: Reader, path: _Path) -> SelftestSettings | None:
    fields = Fields(section(table, reader, "selftest"))
    if "selftest" not in table:
        return None
    for name, value in fields.values.items():
        if not value:
            reader.wrong(f"selftest.{name}", "is missing", "the self-test needs every key of its table")
    urls = _urls((fields.text("url"),) if fields.text("url") else (), reader, "selftest.url")
    files = {name: path(fields.text(name)) for name in ("ca", "certificate", "key", "switch_certificate", "switch_key")}
    return SelftestSettings(
        urls[0] if urls else "",
        Identity(files["ca"], files["certificate"], files["key"]),
        Identity(files["ca"], files["switch_certificate"], files["switch_key"]),
        fields.text("caller"),
        fields.text("called"),
    )


def _check_certificates(server: ServerOptions, reader: Reader) -> None:
    """One certificate is one peer's: else a member could report calls, or a switch could ask."""
    seen: dict[str, str] = {}
    for kind, people in (("member", server.members), ("switch", server.switches), ("admin", server.admins)):
        for name, certificate in people:
            place = f"{kind} '{name}'"
            if certificate and seen.setdefault(certificate.lower(), place) != place:
                reader.wrong("", f"the certificate of {place} is also that of {seen[certificate.lower()]}")
