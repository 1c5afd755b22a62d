"""From a configuration to the parts that run: snapshot, provider, engine."""

import hashlib
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tosqauyl.cli.asking import networks_of
from tosqauyl.config import office_modes
from tosqauyl.config.load import Config
from tosqauyl.config.modes_file import FILE, SetMode, left_out, merged, read_modes, say_left_out
from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.gate.feed_replay import apply_feeds
from tosqauyl.gate.session import Recording, Session
from tosqauyl.gate.trunks import TrunkTable
from tosqauyl.journal.columns import MakeRow
from tosqauyl.numbers.plan import Plan
from tosqauyl.policy.load import Policy, load_policy, load_shipped
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.sip.transaction import Transactions
from tosqauyl.snapshots.build import Built, Input, Positions, Say, Sources, build, silent
from tosqauyl.state.provider import NullProvider, Provider, load_script
from tosqauyl.state.subscribers import Subscribers

__all__ = ["silent"]


def to_stderr(text: str) -> None:
    """Say it on standard error, where it does not get between a script and its answer."""
    print(f"{text}\n", end="", file=sys.stderr, flush=True)  # in one write: threads of the office say something at once


def read_text(file: str) -> str:
    """The text of a file a person wrote; TosqauylError that names it where it cannot be read."""
    try:
        return Path(file).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise TosqauylError(f"byte {error.start} is not UTF-8", file, "save it as UTF-8") from None
    except OSError as error:
        raise TosqauylError(f"cannot be read: {error.strerror}", file) from None


def policy_of(file: str) -> Policy:
    """The policy of a file, or the shipped one."""
    return load_policy(read_text(file), file) if file else load_shipped()


def sources_of(config: Config, file: str = "") -> Sources:
    """What a configuration's snapshot is made from; file: of the configuration, for messages."""
    return Sources(
        config.policy, config.modes, config.portability, config.indicator_files, config.shipped_indicators,
        config.unconfirmed_indicators, config.roaming, config.complete, config.msrn, file,
    )  # fmt: skip


def built_of(config: Config, file: str = "", say: Say = silent) -> Built:
    """Read everything that a gate would know, its roaming feeds and the modes of `policy promote` included; long work says how
    far it is.

    Raises FileMistakes with every mistake of every file.
    """
    folder = Path(config.data) / "feeds"

    def feeds(subscribers: Subscribers, plan: Plan) -> Positions:
        try:
            return apply_feeds(folder, subscribers, plan, time.time(), config.feeds.stale_hours)
        except OSError as error:
            raise TosqauylError(f"the roaming feeds cannot be read: {error.strerror}", str(folder)) from None

    own, office, mistakes = _chosen_modes(config)
    chosen = office_modes.joined(own, office)
    sources = replace(sources_of(config, file), modes=merged(config.modes, chosen))
    try:
        built = build(sources, say, feeds)
    except FileMistakes as error:
        raise FileMistakes([*mistakes, *error.mistakes]) from None
    if mistakes:
        raise FileMistakes(mistakes)
    for name, some in ((FILE, own), (office_modes.FILE, office)):
        counted = [one for one in some if one in chosen]
        say_left_out(left_out(config.modes, counted, built.snapshot.policy.rules), Path(config.data) / name, say)
        if some or name == FILE:
            _note_modes(built, Path(config.data) / name)
    return built


def _chosen_modes(config: Config) -> tuple[tuple[SetMode, ...], tuple[SetMode, ...], list[Mistake]]:
    """The modes in the data folder, the gate's own and the office's; and every mistake in their files."""
    own: tuple[SetMode, ...] = ()
    office: tuple[SetMode, ...] = ()
    mistakes: list[Mistake] = []
    try:
        own = read_modes(Path(config.data))
    except FileMistakes as error:
        mistakes += error.mistakes
    try:
        office = office_modes.read_office_modes(Path(config.data), config.publications.modes)
    except FileMistakes as error:
        mistakes += error.mistakes
    return own, office, mistakes


def _note_modes(built: Built, path: Path) -> None:
    """The file of modes among the inputs, where there is one."""
    with suppress(OSError):
        data, modified = path.read_bytes(), int(path.stat().st_mtime)
        built.inputs.append(Input("modes", str(path), len(data), hashlib.sha256(data).hexdigest(), modified))


def policy_in_modes(config: Config, file: str = "") -> Policy:
    """The policy as a gate of this configuration has it. Raises FileMistakes."""
    data = Path(config.data)
    chosen = office_modes.joined(read_modes(data), office_modes.read_office_modes(data, config.publications.modes))
    return policy_of(config.policy).with_modes(merged(config.modes, chosen), file)


def snapshot_of(config: Config, say: Say = silent) -> Snapshot:
    """The snapshot in memory, for commands that judge a call themselves. Raises FileMistakes or TosqauylError."""
    return built_of(config, say=say).snapshot


def provider_of(config: Config, plan: Callable[[], Plan]) -> Provider:
    """Who is asked about callers. plan: the one in use at the moment of a question.

    Raises TosqauylError where one of them cannot be asked as configured.
    """
    if config.home_network.provider == "scripted":
        return load_script(read_text(config.home_network.script), config.home_network.script)
    return networks_of(config.networks, plan) if config.home_network.provider == "networks" else NullProvider()


def session_of(
    config: Config, known: Snapshot, table: Transactions, make_row: MakeRow, plan: Callable[[], Plan] | None = None
) -> Session:
    """The gate's session for a snapshot, without sockets and journal. plan: the one in use, where snapshots are replaced."""
    recording = Recording(make_row, time.perf_counter)
    return Session(
        engine_of(config, known),
        TrunkTable(config.entries),
        table,
        provider_of(config, plan or (lambda: known.plan)),
        recording,
    )


def engine_of(config: Config, known: Snapshot) -> Engine:
    """The engine for a snapshot."""
    asks, originations = asked_of(config)
    lines = tuple((place.fixed, place.operator) for place in config.networks.ledgers if place.fixed.texts)
    options = EngineOptions(config.enforce, asks, config.home_network.deadline, originations, lines)
    return Engine(known, config.failure, options)


def asked_of(config: Config) -> tuple[bool, bool]:
    """Whether anybody can be asked where a subscriber is, and whether his operator started a call."""
    if config.home_network.provider == "scripted":
        script = load_script(read_text(config.home_network.script), config.home_network.script)
        return True, script.knows_starts
    return bool(config.networks.homes), bool(config.networks.ledgers)
