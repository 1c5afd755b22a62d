"""From a configuration to the parts that run: snapshot, provider, engine."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tosqauyl.config.load import Config
from tosqauyl.errors import TosqauylError
from tosqauyl.gate.session import Recording, Session
from tosqauyl.gate.trunks import TrunkTable
from tosqauyl.journal.columns import MakeRow
from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.numbers.portability import read_portability
from tosqauyl.policy.load import Policy, load_policy, load_shipped
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.sip.transaction import Transactions
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.lists import load_lists
from tosqauyl.state.lists import load_shipped as load_shipped_lists
from tosqauyl.state.provider import NullProvider, Provider, load_script
from tosqauyl.state.subscribers import Subscribers

CHUNK = 1 << 20
Say = Callable[[str], None]


def silent(text: str) -> None:
    """Say nothing."""


def to_stderr(text: str) -> None:
    """Say it on standard error, where it does not get between a script and its answer."""
    print(text, file=sys.stderr, flush=True)


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


def snapshot_of(config: Config, say: Say = silent) -> Snapshot:
    """Load everything that is known; long work says how far it is. Raises TosqauylError or FileMistakes."""
    plan, ported = load_plan(), {}
    if config.portability:
        ported = read_portability(read_text(config.portability), config.portability, plan)
        plan = load_plan(ported)
    entries = load_shipped_lists(unconfirmed=config.unconfirmed_indicators) if config.shipped_indicators else []
    entries += load_lists((read_text(file), file) for file in config.indicator_files)
    subscribers = _subscribers(config, plan, ported, say)
    return Snapshot(policy_of(config.policy), plan, Indicators(entries), subscribers, config.msrn)


def _subscribers(config: Config, plan: Plan, ported: dict[str, str], say: Say) -> Subscribers:
    complete: bool | dict[str, tuple[str, ...]]
    if isinstance(config.complete, bool):
        complete = config.complete
    else:
        unknown = [name for name in config.complete if name not in plan.codes_of_operator]
        if unknown:
            names = ", ".join(sorted(plan.codes_of_operator))
            raise TosqauylError(f"no operator is called {unknown[0]}", "subscribers.complete", f"known are {names}")
        complete = {name: plan.codes_of_operator[name] for name in config.complete}
    subscribers = Subscribers(plan.mobile_codes, complete, ported)
    if not config.roaming:
        return subscribers
    loaded = subscribers.load(
        _chunks(config.roaming), config.roaming, lambda lines: say(f"subscribers abroad: {lines:,} lines")
    )
    say(f"subscribers abroad: {loaded.numbers:,} of {loaded.lines:,} lines taken from {config.roaming}")
    for mistake in loaded.mistakes:
        say(
            f"  {mistake.file}:{mistake.line}: not taken: no Kazakh mobile number (its text is not shown: it may be personal)"
        )
    if complete and not loaded.complete:
        say("  the file has unreadable lines, so nobody is taken for at home because of it")
    return subscribers


def _chunks(file: str) -> Iterator[bytes]:
    try:
        with open(file, "rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except OSError as error:
        raise TosqauylError(f"cannot be read: {error.strerror}", file) from None


def provider_of(config: Config) -> Provider:
    """Who answers where a subscriber is."""
    if config.home_network.provider == "scripted":
        return load_script(read_text(config.home_network.script), config.home_network.script)
    return NullProvider()


def session_of(config: Config, known: Snapshot, table: Transactions, make_row: MakeRow) -> Session:
    """The gate's session for a snapshot, without sockets and journal."""
    recording = Recording(make_row, time.perf_counter)
    return Session(engine_of(config, known), TrunkTable(config.entries), table, provider_of(config), recording)


def engine_of(config: Config, known: Snapshot) -> Engine:
    """The engine for a snapshot."""
    options = EngineOptions(config.enforce, config.home_network.provider != "none", config.home_network.deadline)
    return Engine(known, config.failure, options)
