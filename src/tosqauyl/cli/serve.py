"""`tosqauyl serve`: run the gate until it is stopped."""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from tosqauyl.cli.build import read_text, session_of, snapshot_of, to_stderr
from tosqauyl.cli.texts import ENGLISH, Texts
from tosqauyl.config.addresses import parse_http, parse_listen
from tosqauyl.config.load import Config, default_config, load_config, with_changes
from tosqauyl.config.trunks import command_line_entry
from tosqauyl.errors import FaultKind, TosqauylError
from tosqauyl.gate.health import Health
from tosqauyl.gate.resume import resume
from tosqauyl.gate.server import Gate, Listener, listen
from tosqauyl.gate.session import SessionOptions
from tosqauyl.journal.append import Journal, private_folder
from tosqauyl.journal.columns import row_maker
from tosqauyl.journal.tokens import Tokens, load_key
from tosqauyl.sip.transaction import Transactions


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `serve`."""
    parser = subparsers.add_parser("serve", help=t("run the gate"), description=t("Answer SIP INVITEs until stopped."))
    parser.add_argument("--config", metavar="FILE", help=t("configuration (TOML); flags win over it"))
    parser.add_argument(
        "--listen", metavar="udp:HOST:PORT", action="append", help=t("an international trunk; may be repeated")
    )
    parser.add_argument(
        "--from", dest="sources", metavar="CIDR", action="append", help=t("sources of --listen (default: loopback)")
    )
    parser.add_argument("--http", metavar="HOST:PORT", help=t("health page, on loopback only; port 0 picks one"))
    parser.add_argument("--policy", metavar="FILE", help=t("policy instead of the shipped kz-border"))
    parser.add_argument("--roaming", metavar="FILE", help=t("subscribers who are abroad, one E.164 number a line"))
    parser.add_argument("--roaming-complete", action="store_true", default=None, help=t("who is not in it is at home"))
    parser.add_argument("--data", metavar="DIR", help=t("folder of the journal and its key"))
    parser.add_argument("--enforce", action="store_true", default=None, help=t("let deterministic rules stop calls"))
    parser.set_defaults(run=run)


def configuration(options: argparse.Namespace) -> Config:
    """The file's configuration (or the defaults) with the flags on top."""
    config = load_config(read_text(options.config), options.config) if options.config else default_config()
    entries = tuple(
        command_line_entry(text, tuple(options.sources or ()), number)
        for number, text in enumerate(options.listen or (), 1)
    )
    if not entries and not config.entries:
        raise TosqauylError(
            "nothing to listen on", hint="give --listen udp:127.0.0.1:5060 or a --config with a [[trunk]]"
        )
    config = with_changes(
        config, data=options.data, policy=options.policy, roaming=options.roaming, complete=options.roaming_complete,
        enforce=options.enforce, entries=entries or None,
    )  # fmt: skip
    return replace(config, http=replace(config.http, listen=parse_http(options.http))) if options.http else config


def run(options: argparse.Namespace) -> int:
    """Serve; exit code 0 when stopped by SIGTERM or SIGINT."""
    config = configuration(options)
    known = snapshot_of(config, to_stderr)
    names = dict.fromkeys(entry.listener for entry in config.entries)
    listeners = [listen(name, *parse_listen(name)[1:]) for name in names]
    data = Path(config.data)
    private_folder(data)
    journal = Journal(data / "journal", time.time(), config.journal)
    try:
        tokens = None if config.clear_called else Tokens(load_key(data / "token.key")).of
        table = Transactions(1 if FaultKind.TABLE_FULL.value in config.failure.forced else config.sip.table)
        resumed = resume(table, data / "journal", time.monotonic(), time.time())
        make_row = row_maker(tokens, known.policy.hash, known.hash)
        session = session_of(config, known, table, make_row)
        session.counters["resumed"] = resumed
        session.options = SessionOptions(config.sip.trying_after, token_hex(4))
        asyncio.run(_serve(config, Gate(session, journal, listeners, to_stderr), listeners))
    finally:
        journal.close()
    return 0


async def _serve(config: Config, gate: Gate, listeners: list[Listener]) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, gate.stop)
    health = Health(gate.report)
    ready = [listener.bound for listener in listeners]
    if config.http.listen:
        host, port = config.http.listen
        try:
            ready.append(f"http:{host}:{await health.start(host, port)}")
        except OSError as error:
            raise TosqauylError(f"cannot listen: {error.strerror}", f"http {host}:{port}") from error
    print("ready", *ready, flush=True)
    if not config.enforce:
        to_stderr(
            "monitor mode: stop rules let calls pass and say in Reason what they would do; --enforce makes them stop"
        )
    try:
        await gate.run()
    finally:
        await health.stop()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
