"""The command line: the only place that sees all rooms, and puts them together.

Exit codes: 0 done (for `check`: the call passes), 1 the answer is "no" (a call that is stopped, a policy with warnings),
2 something is wrong with what was given: the message says what, where, and what to do.
"""

import argparse
import os
import platform
import sys

from tosqauyl import __version__
from tosqauyl.cli import (
    ask,
    audit,
    backtest,
    calls,
    demo,
    doctor,
    feed,
    ledger,
    network,
    office_admin,
    origination,
    period_report,
    publications,
    roaming,
    serve,
    snapshot,
    stats,
    token,
    traffic,
)
from tosqauyl.cli.texts import language_of, spoken_by_argparse
from tosqauyl.errors import TosqauylError
from tosqauyl.sip import message
from tosqauyl.texts import ENGLISH, Texts

COMMANDS = (
    serve,
    ask,
    snapshot,
    traffic,
    calls,
    feed,
    publications,
    network,
    origination,
    roaming,
    doctor,
    token,
    ledger,
    stats,
    period_report,
    backtest,
    office_admin,
    audit,
    demo,
)
"""Modules with `add_parser(subparsers, t)`, in the order of the help."""


def build_parser(t: Texts = ENGLISH) -> argparse.ArgumentParser:
    """The parser of every command, its help in t's language; the reference page is made from the English one."""
    parser = argparse.ArgumentParser(
        prog="tosqauyl", description=t("Screens calls from abroad and stops spoofed ones.")
    )
    parser.add_argument(
        "--version", action="version", version=_version(), help=t("show program's version number and exit")
    )
    subparsers = parser.add_subparsers(title=t("commands"), metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add_parser(subparsers, t)
    return parser


def _version() -> str:
    """Version, and whether the call path runs compiled (setup.py)."""
    kind = "plain Python" if str(message.__file__).endswith(".py") else "call path compiled"
    return f"tosqauyl {__version__} ({kind}, Python {platform.python_version()})"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code. Errors that a person can mend are one message, never a traceback."""
    language = language_of(sys.argv[1:] if arguments is None else arguments)
    with spoken_by_argparse(language):
        options = build_parser(Texts(language)).parse_args(arguments)
    try:
        return int(options.run(options))
    except TosqauylError as error:
        print(f"tosqauyl: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`): not worth a word, and Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
