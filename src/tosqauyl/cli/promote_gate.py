"""The gate of a data folder: which process it is, how it is asked to reload, and when it says that a mode is in force."""

import argparse
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tosqauyl.cli.feed import context_of, token_of
from tosqauyl.cli.feed_client import FeedClient, Reply
from tosqauyl.cli.modes_now import InForce, read_in_force
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import Texts

RELOAD_PATH = "/v1/snapshot:reload"
POLL = 0.02
"""Seconds between two looks at what the gate says."""


class GateClient(FeedClient):
    """What is said to a gate over HTTP here."""

    def reload(self) -> Reply:
        """Ask it to reload (scope reload)."""
        return self._send("POST", {}, "application/json", 0, (), RELOAD_PATH)

    def rule_counts(self, rule: str) -> dict[str, int]:
        """The gate's counters of a rule since its start (scope metrics); none where it does not tell."""
        try:
            reply = self.status()
        except TosqauylError:  # it is told when the gate is asked to reload
            return {}
        rules = reply.body.get("rules") if reply.status == 200 else None
        found = rules.get(rule) if isinstance(rules, dict) else None
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long to wait, and by which clock (seconds, any start)."""

    seconds: float
    clock: Callable[[], float]
    sleep: Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking. way: signal, http, nobody or unreached; in_force: what the gate says now, None where it does not;
    is_done: the mode is in force; refused: why it could not be asked or took no new snapshot; seconds: from the asking to that."""

    way: str
    in_force: InForce | None = None
    is_done: bool = False
    refused: str = ""
    seconds: float = 0.0


def add_gate_options(parser: argparse.ArgumentParser, t: Texts) -> None:
    """How the gate is reached."""
    parser.add_argument("--gate", metavar="URL", help=t("ask the gate over HTTP instead of by signal"))
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help=t("file with the token (default: variable TOSQAUYL_TOKEN)")
    )
    parser.add_argument("--ca", metavar="FILE", help=t("certificate authority of the gate (default: the system's)"))
    parser.add_argument("--certificate", metavar="FILE", help=t("client certificate with its key, PEM"))
    parser.add_argument(
        "--wait", metavar="SECONDS", type=float, default=300.0,
        help=t("how long to wait until the gate says that the mode is in force (default 300)"),
    )  # fmt: skip


def client_of(options: Any) -> GateClient | None:
    """The client of --gate; None without it. Raises TosqauylError where the token or a certificate cannot be used."""
    return GateClient(options.gate, token_of(options.token_file), context_of(options)) if options.gate else None


def gate_pid(data: Path) -> int:
    """The process that holds the journal of a data folder; 0 where none does that we may signal.

    Nothing is believed that is written down: SIGHUP would end any other program. The process is the one that has the lock open.
    """
    try:
        lock = (data / "journal" / "lock").stat()
    except OSError:
        return 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(_is_file(place, lock) for place in (process / "fd").iterdir()):
                return int(process.name)
    return 0


def _is_file(place: Path, wanted: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(place.stat(), wanted)
    return False


def running(data: Path, pid: int) -> InForce | None:
    """What the running gate says; None where none runs or it says nothing."""
    told = read_in_force(data)
    return told if told is not None and pid else None


def reloaded(data: Path, client: GateClient | None, rule: str, wanted: tuple[str, ...], waiting: Waiting) -> Outcome:
    """Ask the gate to reload and wait until it says that the rule is in one of the wanted modes."""
    began, before = waiting.clock(), read_in_force(data)
    try:
        way, pid = _ask(data, client)
    except TosqauylError as error:
        return Outcome("unreached", refused=str(error))
    if way == "nobody":
        return Outcome(way)
    refusals = before.refusals if before else 0
    while True:
        told = read_in_force(data)
        passed = waiting.clock() - began
        if told is not None and (not pid or told.pid == pid):
            if told.modes.get(rule) in wanted:
                return Outcome(way, told, is_done=True, seconds=passed)
            if before is not None and told.pid == before.pid and told.refusals > refusals:
                return Outcome(way, told, refused=told.refused, seconds=passed)
        if passed >= waiting.seconds or (pid and not Path(f"/proc/{pid}").exists()):
            return Outcome(way, told, seconds=passed)
        waiting.sleep(POLL)


def _ask(data: Path, client: GateClient | None) -> tuple[str, int]:
    if client is not None:
        reply = client.reload()
        if reply.status not in (200, 202):
            hint = "the token needs the scope reload" if reply.status in (401, 403) else ""
            raise TosqauylError(f"the gate says {reply.status} {reply.slug}", RELOAD_PATH, hint)
        return "http", 0
    pid = gate_pid(data)
    if not pid:
        return "nobody", 0
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return "nobody", 0
    except PermissionError:
        hint = "run this as the gate's user, or give --gate and a token"
        raise TosqauylError(f"process {pid} may not be asked to reload", str(data), hint) from None
    return "signal", pid
