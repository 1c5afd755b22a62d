"""Whom the gate may ask: the [[home]] networks (where is this subscriber?) and the [[ledger]]s (did you start this call?)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from tosqauyl.config.fields import Fields, printable, rows, section
from tosqauyl.config.read import Reader, Table
from tosqauyl.config.trunks import ranges_of
from tosqauyl.errors import TosqauylError
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.options import UNCACHED, CacheOptions, DeskOptions
from tosqauyl.networks.redis_options import RedisFiles, RedisOptions
from tosqauyl.networks.sh.options import PORT, TLS_PORT, ShOptions, ShTls
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.tls import TlsFiles

Path = Callable[[str], str]
MOST_CONNECTIONS = 128
"""To one network at the same time: at 20 ms a reply, 6,400 answers a second."""
WayOptions = CamaraOptions | ShOptions | RedisOptions
_SCHEMES = {
    "camara": ("https", "http"),
    "sh": ("aaa", "aaas"),
    "redis": ("redis", "rediss", "unix"),
}
_NEVER_TLS = {"aaa": "aaas://", "redis": "rediss://", "unix": "rediss://"}
"""Schemes under which certificates would be named in vain, and those under which they count."""
_ONLY = {
    "camara": ("token_file", "token_url", "client_id", "client_secret_file"),
    "sh": ("origin_host", "origin_realm", "destination_realm", "destination_host", "domain"),
    "redis": ("redis_key", "redis_updated", "redis_missing", "username_file", "password_file", "token_key_file"),
}


@dataclass(frozen=True, slots=True)
class Home:
    """One operator's network and how to ask it where its subscribers are."""

    operator: str
    way: str
    options: WayOptions
    desk: DeskOptions


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """One operator's origination ledger. urls: its nodes. roamers: it also knows the calls its roamers start abroad. fixed: its
    fixed and VoIP lines, of which the number plan knows no operator."""

    operator: str
    urls: tuple[str, ...]
    roamers: bool
    fixed: NumberRanges
    desk: DeskOptions = UNCACHED


@dataclass(frozen=True, slots=True)
class Membership:
    """Who we are to the ledgers: our operator's name, the folder of pair keys, the files that prove it (PEM)."""

    operator: str = ""
    keys: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class NetworksOptions:
    """All of them. Empty where nobody is asked."""

    homes: tuple[Home, ...] = ()
    ledgers: tuple[LedgerPlace, ...] = ()
    member: Membership = field(default_factory=Membership)


def networks_of(table: Table, reader: Reader, path: Path) -> NetworksOptions:
    """The tables [[home]], [[ledger]] and [member], checked together."""
    homes, ledgers = _homes(table, reader, path), _ledgers(table, reader)
    fields = Fields(section(table, reader, "member"))
    member = Membership(
        fields.text("operator"), *(path(fields.text(name)) for name in ("keys", "ca", "certificate", "key"))
    )
    if ledgers:
        for name in ("operator", "keys", "ca", "certificate", "key"):
            if not fields.text(name):
                reader.wrong(f"member.{name}", "is missing", "whoever asks a [[ledger]] must say and prove who it is")
    return NetworksOptions(homes, ledgers, member)


def _homes(table: Table, reader: Reader, path: Path) -> tuple[Home, ...]:
    homes: list[Home] = []
    written = table.get("home")
    for place, (at, values) in enumerate(rows(table, reader, "home")):
        fields = Fields(values)
        said = set(written[place]) if isinstance(written, list) else set()
        printable(values, reader, at)
        operator, way = fields.text("operator"), fields.text("way")
        if any(home.operator == operator for home in homes):
            reader.wrong(f"{at}.operator", f"'{operator}' is asked in two ways", "one [[home]] an operator")
        for other, names in _ONLY.items():
            for name in sorted(said.intersection(names)) if other != way else ():
                reader.wrong(f"{at}.{name}", f'belongs to way = "{other}"', "leave it out")
        scheme = _scheme(fields.text("url"))
        if scheme not in _SCHEMES.get(way, ()):
            what = "has another scheme than its way" if scheme else "is no address"
            reader.wrong(f"{at}.url", what, f"{', '.join(_SCHEMES.get(way, ()))}://...")
            continue
        for name in ("ca", "certificate", "key") if scheme in _NEVER_TLS else ():
            if fields.text(name):
                reader.wrong(f"{at}.{name}", "does nothing without TLS", f"write {_NEVER_TLS[scheme]}, or leave it out")
        homes.append(Home(operator, way, _WAYS[way](fields, reader, at, path), _desk(fields)))
    return tuple(homes)


def _scheme(url: str) -> str:
    """'https' and so on; '' for what is no URL."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _desk(fields: Fields) -> DeskOptions:
    usual = CacheOptions()
    cache = replace(
        usual,
        home=float(fields.number("home_keep_seconds")),
        abroad=float(fields.number("abroad_keep_seconds")),
        home_fresh=float(fields.number("home_fresh_seconds")),
    )
    return DeskOptions(in_flight=fields.number("in_flight"), cache=cache)


def _camara(fields: Fields, reader: Reader, at: str, path: Path) -> CamaraOptions:
    options = CamaraOptions(
        fields.text("url"), token_file=path(fields.text("token_file")), token_url=fields.text("token_url"),
        client_id=fields.text("client_id"), client_secret_file=path(fields.text("client_secret_file")),
        ca=path(fields.text("ca")), certificate=path(fields.text("certificate")), key=path(fields.text("key")),
        connections=min(fields.number("in_flight"), MOST_CONNECTIONS),
    )  # fmt: skip
    try:
        options.check()
    except TosqauylError as error:
        reader.wrong(f"{at}.{error.where.partition(',')[0]}", error.what, error.hint)
    return options


def _sh(fields: Fields, reader: Reader, at: str, path: Path) -> ShOptions:
    for name in ("origin_host", "origin_realm", "destination_realm"):
        if not fields.text(name):
            reader.wrong(f"{at}.{name}", "is missing", "the HSS must know who asks, and whom to route to")
    url = urlsplit(fields.text("url"))
    tls = None
    if url.scheme == "aaas":
        if not fields.text("ca"):
            reader.wrong(f"{at}.ca", "is missing", "the authorities that sign the certificate of the HSS (PEM)")
        tls = ShTls(path(fields.text("ca")), path(fields.text("certificate")), path(fields.text("key")))
    if not url.hostname:
        reader.wrong(f"{at}.url", "names no host", "aaa://HOST:PORT or aaas://HOST:PORT")
    return ShOptions(
        url.hostname or "", fields.text("origin_host"), fields.text("origin_realm"), fields.text("destination_realm"),
        _port(url, reader, at), fields.text("destination_host"), tls, fields.text("domain"),
        in_flight=fields.number("in_flight"),
    )  # fmt: skip


def _port(url: SplitResult, reader: Reader, at: str) -> int:
    try:
        return url.port or (TLS_PORT if url.scheme == "aaas" else PORT)
    except ValueError:
        reader.wrong(f"{at}.url", "has a port that is none", "1 to 65535")
        return PORT


def _redis(fields: Fields, reader: Reader, at: str, path: Path) -> RedisOptions:
    files = ("username_file", "password_file", "ca", "certificate", "key", "token_key_file")
    return RedisOptions(
        fields.text("url"), fields.text("redis_key"), fields.text("redis_updated"), missing=fields.text("redis_missing"),
        files=RedisFiles(*(path(fields.text(name)) for name in files)),
    )  # fmt: skip


_WAYS: dict[str, Callable[[Fields, Reader, str, Path], WayOptions]] = {"camara": _camara, "sh": _sh, "redis": _redis}


def _ledgers(table: Table, reader: Reader) -> tuple[LedgerPlace, ...]:
    ledgers: list[LedgerPlace] = []
    for at, values in rows(table, reader, "ledger"):
        fields = Fields(values)
        printable(values, reader, at)
        if any(ledger.operator == fields.text("operator") for ledger in ledgers):
            reader.wrong(f"{at}.operator", f"'{fields.text('operator')}' is there twice", "name all its nodes in urls")
        if not fields.texts("urls") or any(_scheme(url) != "https" for url in fields.texts("urls")):
            reader.wrong(f"{at}.urls", "is no list of https:// addresses", "write https://HOST:PORT for each node")
        lines = ranges_of(fields.texts("fixed"), reader, f"{at}.fixed")
        ledgers.append(LedgerPlace(fields.text("operator"), fields.texts("urls"), fields.flag("roamers"), lines))
    return tuple(ledgers)


def shown_to_networks(options: NetworksOptions) -> tuple[TlsFiles, ...]:
    """The certificates that the gate shows to those it asks; each once."""
    files = [TlsFiles(options.member.certificate, options.member.key)]
    for home in options.homes:
        way = home.options
        told = way.tls if isinstance(way, ShOptions) else way.files if isinstance(way, RedisOptions) else way
        if told is not None:
            files.append(TlsFiles(told.certificate, told.key))
    return tuple(dict.fromkeys(one for one in files if one.certificate))
