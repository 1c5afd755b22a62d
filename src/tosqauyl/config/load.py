"""The configuration as values: each room gets its own frozen options."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tosqauyl.config.fields import Fields, section
from tosqauyl.config.networks import NetworksOptions, networks_of
from tosqauyl.config.publications import PublicationsOptions, publications_of
from tosqauyl.config.read import Reader, Table, lines_of
from tosqauyl.config.trunks import entries_of, ranges_of
from tosqauyl.config.ways_in import clients_of, feed_files_of, http_of, modes_of, streams_of, tls_of
from tosqauyl.errors import CALL_FAULTS, FaultKind, FileMistakes, Mistake
from tosqauyl.facts import Verdict
from tosqauyl.gate.feed_tail import FeedFile
from tosqauyl.gate.feeds import FeedOptions
from tosqauyl.gate.http.access import Client
from tosqauyl.gate.http.options import Http
from tosqauyl.gate.overload import OverloadOptions
from tosqauyl.gate.streams import StreamOptions
from tosqauyl.gate.trunks import Entry
from tosqauyl.journal.append import Options
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.rates import RatesOptions
from tosqauyl.tls import TlsFiles
from tosqauyl.toml_text import read_toml


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
    http: Http = field(default_factory=Http)
    roaming: str = ""
    complete: bool | tuple[str, ...] = False
    indicator_files: tuple[str, ...] = ()
    shipped_indicators: bool = True
    unconfirmed_indicators: bool = False
    portability: str = ""
    msrn: NumberRanges = field(default_factory=NumberRanges)
    home_network: HomeNetwork = HomeNetwork()
    networks: NetworksOptions = field(default_factory=NetworksOptions)
    failure: FailurePolicy = field(default_factory=FailurePolicy)
    sip: SipOptions = SipOptions()
    journal: Options = field(default_factory=Options)
    clear_called: bool = False
    clients: tuple[Client, ...] = ()
    feed_files: tuple[FeedFile, ...] = ()
    tls: TlsFiles = field(default_factory=TlsFiles)
    streams: StreamOptions = field(default_factory=StreamOptions)
    rates: RatesOptions = field(default_factory=RatesOptions)
    feeds: FeedOptions = field(default_factory=FeedOptions)
    publications: PublicationsOptions = field(default_factory=PublicationsOptions)
    overload: OverloadOptions = field(default_factory=OverloadOptions)
    modes: tuple[ModeOverride, ...] = ()
    entries: tuple[Entry, ...] = ()


def default_config() -> Config:
    """The configuration of an empty file, without trunks."""
    return _config({}, Reader("defaults", {}), Path())


def load_config(text: str, file: str) -> Config:
    """Read a configuration; raise FileMistakes with every mistake that can be found in one reading."""
    table, places = read_toml(text, file)
    reader = Reader(file, lines_of(places))
    config = _config(table, reader, Path(file).parent)
    _check_together(config, reader)
    if not config.entries and not reader.mistakes:
        reader.mistakes.append(
            Mistake(file, 0, 0, "no [[trunk]] is configured", "a gate without a trunk answers nobody")
        )
    if reader.mistakes:
        raise FileMistakes(sorted(reader.mistakes, key=lambda mistake: mistake.line))
    return config


def _config(table: Table, reader: Reader, folder: Path) -> Config:
    top = Fields(reader.section(table, "", ""))
    part = {name: Fields(section(table, reader, name)) for name in
            ("subscribers", "indicators", "numbers", "home_network", "sip", "journal", "rates", "feeds", "overload")}  # fmt: skip
    subscribers, indicators, numbers = part["subscribers"], part["indicators"], part["numbers"]

    def path(text: str) -> str:
        return str(folder / text) if text else ""

    return Config(
        data=path(top.text("data")),
        enforce=top.flag("enforce"),
        policy=path(top.text("policy")),
        http=http_of(table, reader, path),
        roaming=path(subscribers.text("roaming")),
        complete=subscribers.values["complete"],
        indicator_files=tuple(path(one) for one in indicators.texts("files")),
        shipped_indicators=indicators.flag("shipped"),
        unconfirmed_indicators=indicators.flag("unconfirmed"),
        portability=path(numbers.text("portability")),
        msrn=ranges_of(numbers.texts("msrn"), reader, "numbers.msrn"),
        home_network=_home_network(part["home_network"], reader, path),
        networks=networks_of(table, reader, path),
        failure=_failure(table, reader),
        sip=SipOptions(part["sip"].number("trying_after_ms") / 1000, part["sip"].number("table")),
        journal=_journal(part["journal"]),
        clear_called=part["journal"].flag("clear_called"),
        clients=clients_of(table, reader),
        feed_files=feed_files_of(table, reader, path),
        tls=tls_of(table, reader, path),
        streams=streams_of(table, reader),
        rates=_rates(part["rates"]),
        feeds=_feeds(part["feeds"]),
        publications=publications_of(table, reader, path),
        overload=_overload(part["overload"]),
        modes=modes_of(table, reader),
        entries=entries_of(table, reader),
    )


def _check_together(config: Config, reader: Reader) -> None:
    """What is right alone and wrong together."""
    trunks = {entry.trunk.id for entry in config.entries}
    for index, client in enumerate(config.clients):
        for name in sorted(client.trunks - trunks):
            reader.wrong(f"client[{index}].trunks", f"no [[trunk]] has the id '{name}'")
        if client.certificate and not config.http.tls.client_ca:
            reader.wrong(f"client[{index}].certificate", "is never seen", "http.client_ca makes clients show one")
    for index, entry in enumerate(config.entries):
        if entry.listener.startswith("tls:") and not config.tls.certificate:
            reader.wrong(f"trunk[{index}].listen", "needs a certificate", "set tls.certificate and tls.key")
        if entry.certificate and not config.tls.client_ca:
            reader.wrong(f"trunk[{index}].certificate", "is never seen", "tls.client_ca makes SBCs show one")

    if config.home_network.provider == "networks" and not (config.networks.homes or config.networks.ledgers):
        reader.wrong("home_network.provider", "has nobody to ask", "add a [[home]] or a [[ledger]]")
    if config.home_network.provider != "networks" and (config.networks.homes or config.networks.ledgers):
        reader.wrong("home_network.provider", "leaves the networks unasked", 'set provider = "networks"')


def _rates(fields: Fields) -> RatesOptions:
    return RatesOptions(fields.flag("on"), fields.number("callers"), fields.number("ranges"), fields.number("trunks"))


def _feeds(fields: Fields) -> FeedOptions:
    return FeedOptions(fields.number("swing_percent"), fields.number("swing_minutes"), fields.number("stale_hours"))


def _overload(fields: Fields) -> OverloadOptions:
    return OverloadOptions(fields.number("source_calls_per_second"), fields.number("queue_percent"))


def _home_network(fields: Fields, reader: Reader, path: Callable[[str], str]) -> HomeNetwork:
    chosen = HomeNetwork(fields.text("provider"), path(fields.text("script")), fields.number("deadline_ms") / 1000)
    if chosen.provider == "scripted" and not chosen.script:
        reader.wrong("home_network.script", "is missing", "the scripted provider needs its file of answers")
    return chosen


def _journal(fields: Fields) -> Options:
    return Options(
        rotate_bytes=fields.number("rotate_mb") << 20,
        rotate_seconds=fields.number("rotate_minutes") * 60.0,
        fsync_seconds=float(fields.number("fsync_seconds")),
        keep_seconds=fields.number("keep_days") * 86400.0,
        keep_bytes=fields.number("keep_gb") << 30,
    )


def _failure(table: Table, reader: Reader) -> FailurePolicy:
    fields = Fields(section(table, reader, "failure"))
    written = table.get("failure")
    force = written.get("force", {}) if isinstance(written, dict) else {}
    forced = Fields(reader.section(force if isinstance(force, dict) else {}, "failure.force.", "failure.force.")).texts(
        "kinds"
    )
    for kind in forced:
        if kind not in {one.value for one in FaultKind}:
            reader.wrong(
                "failure.force.kinds", f"'{kind}' is no kind of fault", ", ".join(one.value for one in FaultKind)
            )
    return FailurePolicy({kind.value: Verdict(fields.text(kind.value)) for kind in CALL_FAULTS}, frozenset(forced))


def with_changes(config: Config, **changes: Any) -> Config:
    """The configuration with what the command line said; flags win over the file."""
    return replace(config, **{name: value for name, value in changes.items() if value is not None})
