"""All parts of a running gate, put together from its configuration and its first snapshot."""

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from secrets import SystemRandom, randbits, token_hex

from tosqauyl.cli.asking import office_of
from tosqauyl.cli.build import engine_of, session_of, to_stderr
from tosqauyl.cli.modes_now import ModesNow
from tosqauyl.cli.office_modes import follow_modes
from tosqauyl.cli.publications import publications_folder
from tosqauyl.cli.snapshot import snapshot_folder
from tosqauyl.config.addresses import parse_listen
from tosqauyl.config.load import Config
from tosqauyl.errors import FaultKind
from tosqauyl.gate.feed_freshness import recall
from tosqauyl.gate.feed_tail import FeedTail
from tosqauyl.gate.feeds import Feeds
from tosqauyl.gate.http.options import Http
from tosqauyl.gate.http.server import HttpServer
from tosqauyl.gate.http.side import HttpSide
from tosqauyl.gate.office_modes import ModesFollower
from tosqauyl.gate.publications import FollowOptions, Publications
from tosqauyl.gate.reload import Fresh, Reloader, ReloadOptions
from tosqauyl.gate.report import Report, reload_section
from tosqauyl.gate.resume import resume
from tosqauyl.gate.server import Gate, listen
from tosqauyl.gate.session import Session, SessionOptions
from tosqauyl.gate.streams import open_streams, streams_state
from tosqauyl.journal.append import Journal, private_folder
from tosqauyl.journal.columns import MakeRow, row_maker
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.provider import Networks
from tosqauyl.numbers.plan import Plan
from tosqauyl.screen.engine import Engine
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.sip.transaction import Transactions
from tosqauyl.snapshots.folder import prune
from tosqauyl.state.freshness import Freshness
from tosqauyl.state.rates import Rates
from tosqauyl.tls import TlsServer
from tosqauyl.tokens import Tokens, load_key

SEED_BITS = 59


@dataclass(frozen=True, slots=True)
class Parts:
    """What `serve` runs and stops. http: None where none is configured; tails: the files of events that are followed; networks:
    who is asked about callers, None where nobody is; publications: what the office publishes, None where none is followed; modes:
    its modes of rules, None where they are not followed."""

    gate: Gate
    feeds: Feeds
    reloader: Reloader
    http: HttpServer | None
    tails: tuple[FeedTail, ...] = ()
    networks: Networks | None = None
    publications: Publications | None = None
    modes: ModesFollower | None = None

    @staticmethod
    def clock() -> tuple[float, float]:
        """(monotonic, wall) seconds now."""
        return time.monotonic(), time.time()


class _Adopting:
    """Makes what a session needs to judge by a snapshot."""

    def __init__(self, config: Config, data: Path) -> None:
        self._config = config
        self._token = None if config.clear_called else Tokens(load_key(data / "token.key")).of
        self.freshness = Freshness()
        self.plan: Plan | None = None
        self.modes = ModesNow(data, config.enforce, to_stderr, time.time)
        if config.publications.modes:
            self.modes.recall_office()

    def row(self, known: Snapshot) -> MakeRow:
        """The row maker that names this snapshot."""
        return row_maker(self._token, known.policy.hash, known.hash)

    def __call__(self, known: Snapshot) -> tuple[Engine, MakeRow]:
        """The engine and the row maker; rules that were retracted while the snapshot was built do not decide."""
        self.note_list(known)
        self.plan = known.plan
        return self.again(self.modes.settled(known))

    def again(self, known: Snapshot) -> tuple[Engine, MakeRow]:
        """The same for a snapshot of which only modes are new."""
        self.modes.tell(known)
        return engine_of(self._config, known), self.row(known)

    def note_list(self, known: Snapshot, built: float = inf) -> None:
        """How old the roaming file is that this snapshot was made from, for those operators that have no feed. built: when it
        was made; a file that was written since is not in it."""
        if self._config.roaming:
            with suppress(OSError):
                written = min(Path(self._config.roaming).stat().st_mtime, built)
                for operator in known.plan.codes_of_operator:
                    self.freshness.set_operator(operator, written, "list")


@dataclass(frozen=True, slots=True)
class Builders:
    """Commands that run as processes of their own. snapshot: builds one; list: fetches and packs what the office publishes."""

    snapshot: tuple[str, ...]
    list: tuple[str, ...] = ()


def compose_gate(config: Config, builders: Builders, first: Fresh, stack: ExitStack) -> Parts:
    """Open the listeners, the journal, the feeds and the HTTP side; what must be closed is left on the stack.

    Raises TosqauylError where an address or a folder cannot be used.
    """
    names = {name: parse_listen(name) for name in dict.fromkeys(entry.listener for entry in config.entries)}
    udp = [listen(name, at.host, at.port) for name, at in names.items() if at.transport == "udp"]
    private_folder(data := Path(config.data))
    journal = Journal(data / "journal", time.time(), config.journal)
    stack.callback(journal.close)
    adopt = _Adopting(config, data)
    session = _session(config, adopt.modes.settled(first.known), data, adopt)
    gate = Gate(session, journal, udp, to_stderr, config.overload)
    tls = TlsServer(config.tls, to_stderr) if config.tls.certificate else None
    gate.streams = open_streams(
        [(name, at.host, at.port) for name, at in names.items() if at.transport in ("tcp", "tls")],
        session, config.streams, tls,
    )  # fmt: skip
    feeds = Feeds(lambda: session.engine.known, data / "feeds", config.feeds, to_stderr)
    stack.callback(feeds.close)
    feeds.freshness = adopt.freshness
    adopt.note_list(first.known, first.built)
    with suppress(OSError):  # then whoever moved before the start is as fresh as his operator
        recall(adopt.freshness, feeds.folder)
    session.engine.freshness = adopt.freshness
    tails = tuple(FeedTail(followed, feeds, to_stderr) for followed in config.feed_files)
    for tail in tails:
        stack.callback(tail.close)
    feeds.replay(first.known.subscribers, first.positions)
    options = ReloadOptions(builders.snapshot, snapshot_folder(config), config.feeds.swing_percent)
    prune(options.folder, first.name)
    reloader = Reloader(session, options, adopt, first, adopt.modes.hear)
    reloader.feeds = feeds
    report = Report(gate)
    report.add("feeds", feeds.state)
    report.add("reload", reload_section(reloader.state))
    report.add("streams", lambda: streams_state(gate.streams, tls))
    networks = _networks(session, report)
    publications = _publications(config, builders, session, report)
    modes = _modes(config, session, adopt, reloader, report)
    http = _http(config, report, feeds, reloader)
    reloader.on_reload += [lambda: _retract(session, adopt)]
    reloader.on_reload += [server.reload for server in (tls, http.tls if http else None) if server is not None]
    return Parts(gate, feeds, reloader, http, tails, networks, publications, modes)


def _networks(session: Session, report: Report) -> Networks | None:
    networks = session.questions.provider
    if not isinstance(networks, Networks):
        return None
    report.add("networks", lambda: networks.state(time.monotonic()))
    return networks


def _modes(
    config: Config, session: Session, adopt: _Adopting, reloader: Reloader, report: Report
) -> ModesFollower | None:
    """Who goes on to ask the office for modes of rules; None where they are not followed."""
    modes = follow_modes(config, adopt.modes, reloader, lambda: _retract(session, adopt))
    if modes is not None:
        report.add("office_modes", modes.state)
    return modes


def _publications(config: Config, builders: Builders, session: Session, report: Report) -> Publications | None:
    """What the office published before the start, and who goes on to ask it; None where none is configured."""
    office = config.publications.office
    if not office.source:
        return None
    options = FollowOptions(
        builders.list, publications_folder(config), office.source, config.publications.stale_minutes * 60.0
    )
    publications = Publications(office_of(office), options, Senses(time.time, SystemRandom().random), to_stderr)
    publications.load()
    session.engine.published = publications.published
    report.add("publications", publications.state)
    return publications


def _session(config: Config, known: Snapshot, data: Path, adopt: _Adopting) -> Session:
    """The session, with what was answered before a restart, and the counts of calls."""
    table = Transactions(1 if FaultKind.TABLE_FULL.value in config.failure.forced else config.sip.table)
    resumed = resume(table, data / "journal", time.monotonic(), time.time())
    session = session_of(config, known, table, adopt.row(known), lambda: adopt.plan or known.plan)
    session.counters["resumed"] = resumed
    session.options = SessionOptions(config.sip.trying_after, token_hex(4))
    if config.rates.on:
        limits = config.rates
        session.engine.rates = Rates(limits.callers, limits.ranges, limits.trunks, randbits(SEED_BITS))
    adopt.modes.tell(known)
    return session


def _retract(session: Session, adopt: _Adopting) -> None:
    """Take rules out of force that somebody retracted: now, not when the new snapshot is built."""
    known = session.engine.known
    settled = adopt.modes.settled(known)
    if settled is not known:
        session.replace(*adopt.again(settled))
        to_stderr(f"policy {settled.policy.hash} is in use: rules were retracted")


def _http(config: Config, report: Report, feeds: Feeds, reloader: Reloader) -> HttpServer | None:
    if not config.http.listen:
        return None
    http = Http(config.http.listen, config.http.tls, config.http.body_bytes, config.http.bulk_bytes)
    return HttpSide(http, config.clients, report, to_stderr, feeds, reloader.request).open()
