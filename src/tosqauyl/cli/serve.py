"""`tosqauyl serve`: run the gate until it is stopped."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tosqauyl.cli.begin import builder, first_snapshot, packer
from tosqauyl.cli.build import to_stderr
from tosqauyl.cli.compose import Builders, Parts, compose_gate
from tosqauyl.cli.snapshot import add_inputs, inputs_config
from tosqauyl.config.addresses import parse_http
from tosqauyl.config.load import Config, with_changes
from tosqauyl.config.trunks import command_line_entry
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, Texts

FEEDS_TICK = 0.1
"""Seconds between two turns of the feeds' housekeeping."""


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `serve`."""
    parser = subparsers.add_parser("serve", help=t("run the gate"), description=t("Answer SIP INVITEs until stopped."))
    add_inputs(parser, t)
    parser.add_argument(
        "--listen", metavar="udp:HOST:PORT", action="append", help=t("an international trunk; may be repeated")
    )
    parser.add_argument(
        "--from", dest="sources", metavar="CIDR", action="append", help=t("sources of --listen (default: loopback)")
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT",
        help=t("HTTP: health, and what clients may ask; port 0 picks one; beyond loopback it needs TLS"),
    )  # fmt: skip
    parser.add_argument("--enforce", action="store_true", default=None, help=t("let deterministic rules stop calls"))
    parser.set_defaults(run=run)


def configuration(options: argparse.Namespace) -> Config:
    """The file's configuration (or the defaults) with the flags on top."""
    config = inputs_config(options)
    entries = tuple(
        command_line_entry(text, tuple(options.sources or ()), number)
        for number, text in enumerate(options.listen or (), 1)
    )
    if not entries and not config.entries:
        raise TosqauylError(
            "nothing to listen on", hint="give --listen udp:127.0.0.1:5060 or a --config with a [[trunk]]"
        )
    config = with_changes(config, enforce=options.enforce, entries=entries or None)
    return replace(config, http=replace(config.http, listen=parse_http(options.http))) if options.http else config


def run(options: argparse.Namespace) -> int:
    """Serve; exit code 0 when stopped by SIGTERM or SIGINT."""
    config = configuration(options)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload that is asked for too early must not end the process
    first, fallback = first_snapshot(options, config)
    with contextlib.ExitStack() as stack:
        parts = compose_gate(config, Builders(builder(options), packer(options)), first, stack)
        del first  # else its memory would stay after the first reload
        parts.reloader.last_error = fallback
        asyncio.run(_serve(config, parts))
    return 0


async def _serve(config: Config, parts: Parts) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, parts.gate.stop)
    loop.add_signal_handler(signal.SIGHUP, parts.reloader.request)
    if parts.http is not None:
        parts.http.start()
    feeds = loop.create_task(_tick_feeds(parts))
    followers = [one for one in (parts.publications, parts.modes) if one is not None]
    for follower in followers:
        follower.start()
    print("ready", *_places(parts), flush=True)
    if not config.enforce:
        to_stderr(
            "monitor mode: stop rules let calls pass and say in Reason what they would do; --enforce makes them stop"
        )
    try:
        await parts.gate.run()
    finally:
        feeds.cancel()
        await parts.reloader.stop()
        for follower in followers:
            await follower.stop()
        if parts.http is not None:
            await parts.http.stop()
        if parts.networks is not None:
            await parts.networks.close()
        with contextlib.suppress(OSError):
            sys.stdout.flush()


def _places(parts: Parts) -> Iterable[str]:
    """Where the gate listens, as it really is."""
    yield from (listener.bound for listener in parts.gate.listeners)
    yield from (stream.bound for stream in parts.gate.streams)
    if parts.http is not None:
        yield parts.http.bound


async def _tick_feeds(parts: Parts) -> None:
    while True:
        now, wall = parts.clock()
        parts.feeds.tick(now, wall)
        for tail in parts.tails:
            tail.turn(now, wall)
        await asyncio.sleep(FEEDS_TICK)
