"""The configuration as values: each room gets its own frozen options."""

from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from tosqauyl.config.read import Reader, Table, lines_of
from tosqauyl.errors import CALL_FAULTS, FaultKind, FileMistakes, Mistake, TosqauylError
from tosqauyl.facts import Verdict
from tosqauyl.gate.answer import Profile
from tosqauyl.gate.trunks import Entry
from tosqauyl.journal.append import Options
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.toml_text import read_toml


@dataclass(frozen=True, slots=True)
class Http:
    """listen: (host, port) of the health page, or None."""

    listen: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class HomeNetwork:
    """Who answers where a subscriber is; deadline in seconds."""

    provider: str = "none"
    script: str = ""
    deadline: float = 0.3


@dataclass(frozen=True, slots=True)
class SipOptions:
    """trying_after in seconds; table: answered transactions kept at most."""

    trying_after: float = 0.2
    table: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """Everything one gate needs to start. Paths are as in the file, relative ones resolved against its folder."""

    data: str = "var"
    enforce: bool = False
    policy: str = ""
    http: Http = Http()
    roaming: str = ""
    complete: bool | tuple[str, ...] = False
    indicator_files: tuple[str, ...] = ()
    shipped_indicators: bool = True
    unconfirmed_indicators: bool = False
    portability: str = ""
    msrn: NumberRanges = field(default_factory=NumberRanges)
    home_network: HomeNetwork = HomeNetwork()
    failure: FailurePolicy = field(default_factory=FailurePolicy)
    sip: SipOptions = SipOptions()
    journal: Options = field(default_factory=Options)
    clear_called: bool = False
    entries: tuple[Entry, ...] = ()


def default_config() -> Config:
    """The configuration of an empty file, without trunks."""
    return _config({}, Reader("defaults", {}), Path())


def load_config(text: str, file: str) -> Config:
    """Read a configuration; raise FileMistakes with every mistake that can be found in one reading."""
    table, places = read_toml(text, file)
    reader = Reader(file, lines_of(places))
    config = _config(table, reader, Path(file).parent)
    if not config.entries and not reader.mistakes:
        reader.mistakes.append(
            Mistake(file, 0, 0, "no [[trunk]] is configured", "a gate without a trunk answers nobody")
        )
    if reader.mistakes:
        raise FileMistakes(sorted(reader.mistakes, key=lambda mistake: mistake.line))
    return config


def _config(table: Table, reader: Reader, folder: Path) -> Config:
    top = _Fields(reader.section(table, "", ""))
    part = {name: _Fields(_section(table, reader, name)) for name in
            ("http", "subscribers", "indicators", "numbers", "home_network", "sip", "journal")}  # fmt: skip
    subscribers, indicators, numbers = part["subscribers"], part["indicators"], part["numbers"]

    def path(text: str) -> str:
        return str(folder / text) if text else ""

    return Config(
        data=path(top.text("data")),
        enforce=top.flag("enforce"),
        policy=path(top.text("policy")),
        http=Http(_http(part["http"].text("listen"), reader)),
        roaming=path(subscribers.text("roaming")),
        complete=subscribers.values["complete"],
        indicator_files=tuple(path(one) for one in indicators.texts("files")),
        shipped_indicators=indicators.flag("shipped"),
        unconfirmed_indicators=indicators.flag("unconfirmed"),
        portability=path(numbers.text("portability")),
        msrn=_ranges(numbers.texts("msrn"), reader, "numbers.msrn"),
        home_network=_home_network(part["home_network"], reader, path),
        failure=_failure(table, reader),
        sip=SipOptions(part["sip"].number("trying_after_ms") / 1000, part["sip"].number("table")),
        journal=_journal(part["journal"]),
        clear_called=part["journal"].flag("clear_called"),
        entries=_entries(table, reader),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """Checked values with their types told to the type checker."""

    values: dict[str, Any]

    def text(self, name: str) -> str:
        return str(self.values[name] or "")

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self.values[name] or ())

    def flag(self, name: str) -> bool:
        return bool(self.values[name])

    def number(self, name: str) -> int:
        return int(self.values[name])


def _section(table: Table, reader: Reader, name: str) -> Table:
    value = table.get(name, {})
    if not isinstance(value, dict):
        reader.wrong(name, "is not a table", f"write [{name}]")
        value = {}
    return reader.section(value, f"{name}.", f"{name}.")


def _home_network(fields: _Fields, reader: Reader, path: Any) -> HomeNetwork:
    chosen = HomeNetwork(fields.text("provider"), path(fields.text("script")), fields.number("deadline_ms") / 1000)
    if chosen.provider == "scripted" and not chosen.script:
        reader.wrong("home_network.script", "is missing", "the scripted provider needs its file of answers")
    return chosen


def _journal(fields: _Fields) -> Options:
    return Options(
        rotate_bytes=fields.number("rotate_mb") << 20,
        rotate_seconds=fields.number("rotate_minutes") * 60.0,
        fsync_seconds=float(fields.number("fsync_seconds")),
        keep_seconds=fields.number("keep_days") * 86400.0,
        keep_bytes=fields.number("keep_gb") << 30,
    )


def _failure(table: Table, reader: Reader) -> FailurePolicy:
    fields = _Fields(_section(table, reader, "failure"))
    section = table.get("failure")
    force = section.get("force", {}) if isinstance(section, dict) else {}
    forced = _Fields(
        reader.section(force if isinstance(force, dict) else {}, "failure.force.", "failure.force.")
    ).texts("kinds")
    for kind in forced:
        if kind not in {one.value for one in FaultKind}:
            reader.wrong(
                "failure.force.kinds", f"'{kind}' is no kind of fault", ", ".join(one.value for one in FaultKind)
            )
    return FailurePolicy({kind.value: Verdict(fields.text(kind.value)) for kind in CALL_FAULTS}, frozenset(forced))


def _ranges(texts: tuple[str, ...], reader: Reader, path: str) -> NumberRanges:
    try:
        return NumberRanges(texts)
    except TosqauylError as error:
        reader.wrong(path, error.what, error.hint)
        return NumberRanges()


def _rows(table: Table, reader: Reader, name: str) -> list[Table]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        reader.wrong(name, "is not a list of tables", f"write [[{name}]]")
        return []
    return value


def _profiles(table: Table, reader: Reader) -> dict[str, Profile]:
    profiles = {"default": Profile()}
    for index, row in enumerate(_rows(table, reader, "profile")):
        values = reader.section(row, "profile[].", f"profile[{index}].")
        values["pass_code"] = values.pop("pass")
        profile = Profile(**values)  # type: ignore[arg-type]
        _printable(values, reader, f"profile[{index}]")
        profiles[profile.name] = profile
    return profiles


def _printable(values: Table, reader: Reader, at: str) -> None:
    """Names, addresses and header texts go into SIP headers and journal columns, which hold no control characters."""
    for name, value in values.items():
        if isinstance(value, str) and not value.isprintable():
            reader.wrong(f"{at}.{name}", "has a line break or another control character in it")


def _entries(table: Table, reader: Reader) -> tuple[Entry, ...]:
    profiles = _profiles(table, reader)
    entries: list[Entry] = []
    for index, row in enumerate(_rows(table, reader, "trunk")):
        at = f"trunk[{index}]"
        fields = _Fields(reader.section(row, "trunk[].", f"{at}."))
        _printable(fields.values, reader, at)
        if fields.text("profile") not in profiles:
            reader.wrong(f"{at}.profile", f"no [[profile]] is named '{fields.text('profile')}'")
        if any(entry.trunk.id == fields.text("id") for entry in entries):
            reader.wrong(f"{at}.id", f"'{fields.text('id')}' is used twice")
        profile = profiles.get(fields.text("profile"), profiles["default"])
        entries.append(_entry(fields, reader, at, profile))
    return tuple(entries)


def _entry(fields: _Fields, reader: Reader, at: str, profile: Profile) -> Entry:
    trunk = Trunk(
        fields.text("id"),
        fields.text("direction"),
        fields.text("carrier"),
        trust=frozenset(fields.texts("trust")),
        primary=fields.texts("primary") or ("presented",),
        ranges=_ranges(fields.texts("ranges"), reader, f"{at}.ranges"),
    )
    listen = fields.text("listen")
    if listen:
        try:
            parse_listen(listen)
        except TosqauylError as error:
            reader.wrong(f"{at}.listen", error.what, error.hint)
    return Entry(
        trunk,
        listen,
        _networks(fields.texts("from"), reader, f"{at}.from"),
        profile,
        fields.text("tgrp"),
        fields.text("trunk_context"),
        fields.text("header"),
        fields.text("next_hop"),
    )


def _networks(texts: tuple[str, ...], reader: Reader, path: str) -> tuple[Any, ...]:
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            reader.wrong(path, f"'{text}' is no network: {error}", "write 203.0.113.0/24 or 203.0.113.7")
    return tuple(networks)


def parse_listen(text: str) -> tuple[str, int]:
    """'udp:HOST:PORT' as (host, port); TosqauylError where it is not."""
    transport, _, rest = text.partition(":")
    host, colon, port = rest.rpartition(":")
    if transport != "udp" or not colon or not host or not port.isdigit() or int(port) > 65535:
        raise TosqauylError(
            f"'{text}' is no listening address", hint="write udp:HOST:PORT, for example udp:127.0.0.1:5060"
        )
    return host.strip("[]"), int(port)


def _http(text: str, reader: Reader) -> tuple[str, int] | None:
    if not text:
        return None
    try:
        return parse_http(text)
    except TosqauylError as error:
        reader.wrong("http.listen", error.what, error.hint)
        return None


def parse_http(text: str) -> tuple[str, int]:
    """'HOST:PORT' on loopback; TosqauylError elsewhere: the health page has no authentication yet."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise TosqauylError(f"'{text}' is no address", hint="write HOST:PORT, for example 127.0.0.1:8060")
    if not (host in ("localhost", "::1") or host.startswith("127.")):
        raise TosqauylError(f"'{text}' is not on loopback", hint="put a reverse proxy with authentication before it")
    return host, int(port)


def command_line_entry(listen: str, sources: tuple[str, ...], number: int) -> Entry:
    """The trunk that `serve --listen` makes: international, P-Asserted-Identity trusted, its sender as next hop."""
    parse_listen(listen)
    try:
        networks = tuple(ip_network(text) for text in sources or ("127.0.0.0/8", "::1/128"))
    except ValueError as error:
        raise TosqauylError(f"--from: {error}", hint="write a network such as 203.0.113.0/24") from None
    trunk = Trunk(f"listen-{number}", "international", "", trust=frozenset(("asserted",)))
    return Entry(trunk, listen, networks, Profile(), next_hop="sender")


def with_changes(config: Config, **changes: Any) -> Config:
    """The configuration with what the command line said; flags win over the file."""
    return replace(config, **{name: value for name, value in changes.items() if value is not None})
