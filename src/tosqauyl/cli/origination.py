"""`tosqauyl origination`: a node that knows which calls our subscribers started, the keys of its pairs, and its self-test."""

import argparse
import asyncio
import contextlib
import gc
import os
import secrets
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tosqauyl.cli.build import read_text, to_stderr
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination.tokens import SECRET_BYTES, make_key
from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.numbers.portability import read_portability
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

if TYPE_CHECKING:  # imported when it is needed, as in cli/asking
    from tosqauyl.networks.origination.selftest import Found
    from tosqauyl.networks.origination.settings import NodeSettings

FOUND: dict[str, tuple[str, str]] = {
    "certificate-good": (N_("{file} is good for {days} days"), ""),
    "certificate-ends-soon": (N_("{file} is good for {days} days only"), N_("have a new one made now")),
    "certificate-over": (N_("{file} is over"), N_("have a new one made; nobody takes this one")),
    "certificate-unreadable": (N_("{file} cannot be read as a certificate"), N_("it must be a PEM file")),
    "keys-unreadable": ("{error}", N_("mend the folder of keys")),
    "keys-read": (
        N_("keys are shared with {count} operators"),
        N_("`tosqauyl origination key PEER` makes one; give it to the other operator on a safe way"),
    ),
    "node-reached": (N_("{url} is a node of {operator}, version {version}"), ""),
    "node-down": (N_("{url} does not answer: {detail}"), N_("does the node run, is the port open, is the address right?")),
    "node-refused": (
        N_("{url} of {operator} does not let us in: {detail}"),
        N_("is its authority in selftest.ca, is its name in its certificate, is our certificate known there as a member?"),
    ),
    "node-malformed": (N_("{url} answers something else: {detail}"), N_("is it a ledger node at all?")),
    "node-of-another": (N_("{url} is a node of {found}, not of {operator}"), N_("mend the address or the name")),
    "clock-right": (N_("the clock of {url} is off by {seconds} s"), ""),
    "clock-off": (N_("the clock of {url} is off by {seconds} s"), N_("both sides need NTP; see who is wrong")),
    "key-missing": (
        N_("no key is shared with {operator}"),
        N_("put the pair's key file into the folder of keys, on both sides"),
    ),
    "key-unknown-there": (N_("{operator} does not know our newest key"), N_("ask them to put its file into their folder")),
    "key-shared": (N_("{operator} knows our key"), ""),
    "question-failed": (N_("{operator} did not answer a question: {kind} {detail}"), N_("see its log and its limits")),
    "in-sync": (N_("our node is in sync"), ""),
    "not-in-sync": (
        N_("our node is not in sync: {why}"),
        N_("every switch must be heard; until then it answers `unknown` where it would say `no`"),
    ),
    "report-taken": (N_("our node took the report of the test call"), ""),
    "report-refused": (
        N_("our node refused the report of the test call: {why}"),
        N_("is the certificate that of a [[switch]], is selftest.caller a number of ours?"),
    ),
    "call-found": (N_("the test call is found: yes"), ""),
    "call-not-found": (
        N_("the test call is not found: {why}"),
        N_("do reports and questions reach the same node or store, and is the key the same on both sides?"),
    ),
    "no-call-denied": (N_("a call that nobody made is denied: no"), ""),
    "no-call-found": (N_("a call that nobody made is found"), N_("a bug: please report it")),
    "no-call-unknown": (
        N_("a call that nobody made is not denied: {why}"),
        N_("it is while the node is not in sync; see above"),
    ),
}  # fmt: skip
"""What the self-test finds, in words, and what to mend where it is not as it must be."""


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `origination` with serve, key and selftest."""
    about = t("Run a node of the origination ledger: it knows which calls the subscribers of one operator started.")
    parser = subparsers.add_parser(
        "origination", help=t("the ledger of calls our subscribers start"), description=about
    )
    kinds = parser.add_subparsers(title=t("commands"), metavar="COMMAND", required=True)
    serve = kinds.add_parser("serve", help=t("run the node"), description=t("Take reports and answer until stopped."))
    serve.add_argument("--config", metavar="FILE", required=True, help=t("configuration of the node"))
    serve.set_defaults(run=run)
    about_key = t("Make a key that two operators share: one file for our folder of keys, one for theirs.")
    key = kinds.add_parser("key", help=t("make the key of a pair"), description=about_key)
    key.add_argument("peer", metavar="PEER", help=t("the other operator: kcell, beeline, t2, ..."))
    key.add_argument("--operator", metavar="NAME", required=True, help=t("our own name"))
    key.add_argument("--id", metavar="ID", help=t("name of the key (default: the month)"))
    key.add_argument("--keys", metavar="DIR", default="keys", help=t("our folder of keys (default: keys)"))
    key.add_argument("--give", metavar="DIR", default=".", help=t("where the other's file is written (default: here)"))
    key.set_defaults(run=run_key, texts=t)
    what = t(
        "Try out what an operator that joins needs. Exit code 0: all is well, 1: something is not, 2: no configuration."
    )
    test = kinds.add_parser("selftest", help=t("try out what joining needs"), description=what)
    test.add_argument("--config", metavar="FILE", required=True, help=t("configuration of the node"))
    test.add_argument("--lang", choices=LANGUAGES, help=t("language of the texts (default: the terminal's)"))
    test.set_defaults(run=run_selftest)


def run(options: argparse.Namespace) -> int:
    """Serve; exit code 0 when stopped by SIGTERM or SIGINT."""
    settings = _settings(options.config)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload that is asked for too early must not end the process
    asyncio.run(_serve(settings))
    return 0


def _settings(file: str) -> "NodeSettings":
    from tosqauyl.config.origination import load_node

    return load_node(read_text(file), file)


def plan_of(settings: "NodeSettings") -> Plan:
    """The number plan, with the node's ported numbers."""
    plan = load_plan()
    if not settings.portability:
        return plan
    return load_plan(read_portability(read_text(settings.portability), settings.portability, plan))


async def _serve(settings: "NodeSettings") -> None:
    from tosqauyl.networks.origination.node import Node

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    node = Node(settings, partial(plan_of, settings), to_stderr)
    await node.start()
    gc.freeze()  # what is there now stays: the collector need not look at it between questions
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(node.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    print("ready", *node.places, flush=True)
    try:
        await stop.wait()
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        await node.stop()
        await asyncio.gather(*reloads)
        with contextlib.suppress(OSError):
            sys.stdout.flush()


def run_key(options: argparse.Namespace) -> int:
    """Write our file and the other operator's, readable by their owner only; print their names. A pair with ourselves has one."""
    t: Texts = options.texts
    name = options.id or datetime.now(UTC).strftime("%Y-%m")
    secret = secrets.token_bytes(SECRET_BYTES)
    ours = Path(options.keys) / f"{options.peer}-{name}.toml"
    texts = {ours: make_key(options.peer, name, secret)}
    theirs = Path(options.give) / f"{options.operator}-{name}.toml"
    if options.peer != options.operator:
        texts[theirs] = make_key(options.operator, name, secret)
    if len(texts) == 2 and theirs.parent.resolve() == ours.parent.resolve():
        raise TosqauylError("is the folder of our own keys", "--give", "the other's file must not lie among them")
    for path, text in texts.items():
        _write_secret(path, text)
        print(path)
    if len(texts) == 2:
        told = t(
            "Give {file} to {peer} on a safe way: who has it can ask as one of the pair.",
            file=theirs,
            peer=options.peer,
        )
        print(told, file=sys.stderr)
    return 0


def _write_secret(path: Path, text: str) -> None:
    """A new file with mode 0600; one that is there is never written over: it may be a key in use."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
    except FileExistsError:
        raise TosqauylError("is there already", str(path), "--id gives the new key another name") from None
    except OSError as error:
        raise TosqauylError(f"cannot be written: {error.strerror}", str(path)) from None


def run_selftest(options: argparse.Namespace) -> int:
    """Try, tell, and 0 or 1."""
    t = Texts(choose_language(options.lang))
    settings = _settings(options.config)
    return asyncio.run(_selftest(settings, t))


async def _selftest(settings: "NodeSettings", t: Texts) -> int:
    from tosqauyl.networks.origination.selftest import selftest

    wrong = 0
    async for found in selftest(settings, plan_of(settings)):
        wrong += not found.ok
        show(found, t)
    print(t("{wrong} wrong", wrong=wrong))
    return 1 if wrong else 0


def show(found: "Found", t: Texts) -> None:
    """One finding as a line, and below it what to mend."""
    what, mend = FOUND[found.slug]
    print(f"{t(N_('ok')) if found.ok else t(N_('wrong'))}: {t(what, **found.values)}", flush=True)
    if mend and not found.ok:
        print(f"    {t(mend, **found.values)}", flush=True)
