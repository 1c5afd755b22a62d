"""`tosqauyl roaming simulate`: a home network that can be asked who is abroad, before there is a real one to ask.

It runs until it is stopped. SIGHUP reads the file of those abroad again; who subscribed is told of the difference.
"""

import argparse
import asyncio
import contextlib
import math
import signal
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tosqauyl.config.addresses import parse_http
from tosqauyl.errors import TosqauylError
from tosqauyl.networks.simulated import BEHAVIOURS, Simulated
from tosqauyl.texts import ENGLISH, Texts
from tosqauyl.tls import TlsFiles, server_context

LISTEN = "127.0.0.1:8070"
DEFAULTS = ("home", "abroad", "unknown")
MOST_MISTAKES = 20
Move = Callable[[str, str], None]
"""How a simulator is told that a subscriber moved: number, state."""


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `roaming`."""
    about = t("Try out and rehearse asking home networks where their subscribers are.")
    parser = subparsers.add_parser("roaming", help=t("simulate a home network"), description=about)
    actions = parser.add_subparsers(title=t("commands"), metavar="COMMAND", required=True)
    simulate = actions.add_parser(
        "simulate",
        help=t("run a home network that speaks CAMARA, and Diameter Sh if asked to"),
        description=t("Run a simulated home network until stopped. Its subscribers are made up."),
    )
    _add_network(simulate, t)
    _add_camara(simulate, t)
    simulate.add_argument(
        "--sh", metavar="HOST:PORT", default="", help=t("speak Diameter Sh there too, as an HSS; port 0 picks one")
    )
    simulate.set_defaults(run=run)


def _add_network(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument(
        "--abroad", metavar="FILE", type=Path, help=t("who is abroad: one number a line; SIGHUP reads it again")
    )
    parser.add_argument("--default", choices=DEFAULTS, default="home", help=t("where all others are (default home)"))
    parser.add_argument(
        "--behaviour", choices=BEHAVIOURS, default="right", help=t("how the network behaves (default right)")
    )
    parser.add_argument(
        "--delay-ms", metavar="N", type=_amount, default=20.0, help=t("time of every answer, milliseconds (default 20)")
    )
    parser.add_argument(
        "--slow-seconds", metavar="N", type=_amount, default=5.0, help=t("time of an answer that is slow (default 5)")
    )


def _add_camara(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default=LISTEN,
        help=t("where CAMARA is spoken (default {place}); port 0 picks one", place=LISTEN),
    )  # fmt: skip
    parser.add_argument("--token-file", metavar="FILE", type=Path, help=t("the bearer token that requests must show"))
    parser.add_argument("--certificate", metavar="FILE", default="", help=t("serve TLS with this certificate (PEM)"))
    parser.add_argument("--key", metavar="FILE", default="", help=t("its private key (PEM)"))
    parser.add_argument(
        "--client-ca", metavar="FILE", default="", help=t("demand client certificates of these authorities (PEM)")
    )


def run(options: argparse.Namespace) -> int:
    """Simulate; exit code 0 when stopped by SIGTERM or SIGINT."""
    network = Simulated(
        states=dict.fromkeys(read_abroad(options.abroad), "abroad") if options.abroad else {},
        default=options.default,
        behaviour=options.behaviour,
        delay=options.delay_ms / 1000,
        slow_seconds=options.slow_seconds,
    )
    context = _context(options)
    token = _token(options.token_file) if options.token_file else ""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asyncio.run(_simulate(options, network, context, token))
    return 0


async def _simulate(
    options: argparse.Namespace, network: Simulated, context: ssl.SSLContext | None, token: str
) -> None:
    """Every way to ask is a simulator of its own over the same network: each is started, names its place, and gets to know
    of moves."""
    from tosqauyl.networks.camara.simulator import (  # no other command needs its libraries
        CamaraSimulator,
        SimulatorOptions,
    )
    from tosqauyl.networks.sh.simulator import serve_hss

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        places: list[str] = []
        movers: list[Move] = []
        camara = CamaraSimulator(network, time.time, SimulatorOptions(token))
        stack.push_async_callback(camara.stop)
        places.append(_ready(await camara.start(*parse_http(options.listen), context)))
        movers.append(camara.move)
        if options.sh:
            host, port = parse_http(options.sh)
            hss = await serve_hss(network, host, port)
            stack.push_async_callback(hss.close)
            places.append(f"sh:{host}:{hss.port}")
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopped.set)
        if options.abroad:
            loop.add_signal_handler(signal.SIGHUP, _read_again, options.abroad, network, movers)
        print("ready", *places, flush=True)
        await stopped.wait()
    with contextlib.suppress(OSError):
        sys.stdout.flush()


def _ready(url: str) -> str:
    """'http://HOST:PORT/path' as the word after 'ready': 'http:HOST:PORT/path'."""
    return url.replace("://", ":", 1)


def _read_again(path: Path, network: Simulated, movers: list[Move]) -> None:
    """Move whoever is on the list and was not, and the other way round. A file that cannot be read changes nothing."""
    try:
        listed = read_abroad(path)
    except TosqauylError as error:
        print(f"tosqauyl roaming: {error}", file=sys.stderr)
        return
    away = {number for number, state in network.states.items() if state == "abroad"}
    moves = [(number, "abroad") for number in listed - away] + [(number, network.default) for number in away - listed]
    for move in movers:
        for number, state in moves:
            move(number, state)


def read_abroad(path: Path) -> set[str]:
    """Numbers of a file as the gate's roaming file: E.164, one a line, '+' optional, '#' begins a comment.

    Raises TosqauylError that names the lines which are none; never quotes one.
    """
    numbers: set[str] = set()
    wrong: list[int] = []
    try:
        with path.open(encoding="utf-8") as file:
            for count, line in enumerate(file, 1):
                text = line.partition("#")[0].strip().removeprefix("+")
                if text.isascii() and text.isdigit() and 5 <= len(text) <= 15 and text[0] != "0":
                    numbers.add("+" + text)
                elif text:
                    wrong.append(count)
    except (OSError, ValueError) as error:
        raise TosqauylError(f"cannot be read: {getattr(error, 'strerror', None) or 'no text'}", str(path)) from None
    if wrong:
        lines = ", ".join(str(count) for count in wrong[:MOST_MISTAKES])
        raise TosqauylError(f"no E.164 number in line {lines}", str(path), "write +77010000001")
    return numbers


def _context(options: argparse.Namespace) -> ssl.SSLContext | None:
    files = TlsFiles(options.certificate, options.key, options.client_ca)
    return server_context(files) if files != TlsFiles() else None


def _token(path: Path) -> str:
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise TosqauylError(f"cannot be read: {getattr(error, 'strerror', None) or 'no text'}", str(path)) from None
    if not token or not token.isascii() or any(letter.isspace() for letter in token):
        raise TosqauylError("does not hold one token", str(path))
    return token


def _amount(text: str) -> float:
    """Read a number from 0 to an hour's worth of milliseconds, for argparse."""
    number = float(text)
    if not (math.isfinite(number) and 0 <= number <= 3.6e6):
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3,600,000")
    return number
