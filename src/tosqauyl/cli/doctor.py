"""`tosqauyl doctor`: looks a deployment over and says what to mend. It changes nothing; its two test calls are journaled."""

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from tosqauyl.cli import doctor_facts as facts
from tosqauyl.cli.asking import networks_of
from tosqauyl.cli.build import policy_of, read_text
from tosqauyl.cli.doctor_calls import call, check_answers
from tosqauyl.cli.doctor_checks import (
    OK,
    WARNING,
    WRONG,
    Finding,
    check_certificates,
    check_clock,
    check_disk,
    check_machine,
    check_ports,
    check_publications,
    check_snapshot,
    check_subscribers,
)
from tosqauyl.cli.doctor_trunks import check_http, check_trunks
from tosqauyl.cli.serve import configuration
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.load import Config
from tosqauyl.config.networks import shown_to_networks
from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.plan import load_plan
from tosqauyl.numbers.portability import read_portability
from tosqauyl.policy.check import lint
from tosqauyl.state.lists import load_lists
from tosqauyl.state.provider import load_script
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

CHECKS = {
    "configuration": N_("configuration"),
    "policy": N_("policy and lists"),
    "subscribers": N_("subscribers"),
    "networks": N_("networks that are asked"),
    "publications": N_("numbers the office publishes"),
    "trunks": N_("trunks"),
    "clock": N_("clock"),
    "disk": N_("disk"),
    "snapshot": N_("snapshot"),
    "system": N_("system"),
    "tls": N_("certificates"),
    "http": "HTTP",
    "ports": N_("ports"),
    "answers": N_("answers"),
}
"""Every group of checks and its title, in the order in which they are shown."""

LEVELS = {OK: N_("ok"), WARNING: N_("warning"), WRONG: N_("wrong")}
_STYLES = {OK: "green", WARNING: "yellow", WRONG: "bold red"}


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `doctor`."""
    what = t(
        "Look a deployment over and say what to mend. Exit code 0: all is well, 1: something is not, 2: no configuration."
    )
    parser = subparsers.add_parser("doctor", help=t("look a deployment over"), description=what)
    parser.add_argument("--config", metavar="FILE", help=t("configuration of the gate"))
    parser.add_argument("--listen", metavar="udp:HOST:PORT", action="append", help=t("as for `serve`"))
    parser.add_argument("--from", dest="sources", metavar="CIDR", action="append", help=t("as for `serve`"))
    for name, kind in (("http", "HOST:PORT"), ("policy", "FILE"), ("roaming", "FILE"), ("data", "DIR")):
        parser.add_argument(f"--{name}", metavar=kind, help=t("as for `serve`"))
    for name in ("roaming-complete", "enforce"):
        parser.add_argument(f"--{name}", action="store_true", default=None, help=t("as for `serve`"))
    parser.add_argument("--gate", metavar="udp:HOST:PORT", help=t("only call this gate, wherever it runs"))
    parser.add_argument(
        "--only", metavar="CHECK", action="append", choices=tuple(CHECKS), help=t("only this group; may be repeated")
    )
    parser.add_argument("--json", action="store_true", help=t("print JSON"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the texts (default: the terminal's)"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look, tell, and 0 or 1."""
    found = list(call_gate(options.gate) if options.gate else examine(configuration(options), options.only or CHECKS))
    t = Texts(choose_language(options.lang))
    if options.json:
        print(json.dumps(as_dict(found, t), ensure_ascii=False, indent=1))
    else:
        _show(found, t)
    return 0 if all(finding.level == OK for finding in found) else 1


def call_gate(listener: str) -> Iterator[Finding]:
    """Both test calls to a gate whose configuration is not at hand."""
    yield from check_answers(call(facts.place_of(listener), listener, None), None, shipped=False)


def examine(config: Config, only: Any) -> Iterator[Finding]:
    """Every finding of the wanted groups."""
    looks: dict[str, Callable[[], list[Finding]]] = {
        "configuration": lambda: [Finding("configuration", OK, N_("read without a mistake"))],
        "policy": lambda: look_at_policy(config),
        "subscribers": lambda: check_subscribers(config.roaming, facts.age_of(config.roaming), _feeds(config)),
        "networks": lambda: look_at_networks(config),
        "publications": lambda: check_publications(
            config.publications.office.source, facts.publications(config), config.publications.stale_minutes
        ),
        "trunks": lambda: check_trunks(config),
        "clock": lambda: check_clock(facts.clock()),
        "disk": lambda: check_disk(facts.disk(config.data), config.journal.keep_bytes, config.journal.keep_seconds),
        "snapshot": lambda: check_snapshot(facts.snapshot(config.data)),
        "system": lambda: check_machine(facts.machine(), _connections(config)),
        "tls": lambda: check_certificates(
            facts.certificate(one)
            for one in (config.tls, config.http.tls, *shown_to_networks(config.networks))
            if one.certificate
        ),
        "http": lambda: check_http(config.http, config.clients, facts.readiness(config.http)),
    }
    for name, look in looks.items():
        if name in only:
            yield from look()
    if "ports" in only or "answers" in only:
        yield from _calls(config, only)


def _calls(config: Config, only: Any) -> Iterator[Finding]:
    ways = facts.ways(config.entries)
    if "ports" in only:
        yield from check_ports(port for port, _, _ in ways)
    if "answers" not in only:
        return
    reached = [(port, place, entry) for port, place, entry in ways if port.answered is not None]
    for port, place, entry in reached:
        yield from check_answers(call(place, port.listener, entry), config.enforce, shipped=not config.policy)
    if not reached:
        mend = N_("start the gate, and see that a trunk lets this machine ask it")
        yield Finding("answers", WARNING, N_("no test call was made: no gate answered here"), mend)


def _feeds(config: Config) -> bool:
    return any("feed" in client.scopes for client in config.clients)


def _connections(config: Config) -> int:
    return config.streams.connections if any(entry.transport in ("tcp", "tls") for entry in config.entries) else 0


def look_at_policy(config: Config) -> list[Finding]:
    """Policy, lists, ported numbers and scripts: read as the gate would, each mistake told."""
    found: list[Finding] = []
    mend = N_("mend the file; a running gate keeps what it has loaded until then")
    for read in (_policy, _lists, _portability, _script):
        try:
            found += read(config)
        except TosqauylError as error:
            found.append(Finding("policy", WRONG, "{error}", mend, {"error": str(error)}))
    return found


def _policy(config: Config) -> list[Finding]:
    policy = policy_of(config.policy)
    warnings = len(lint(policy, datetime.now(UTC).date()))
    values: dict[str, object] = {"name": policy.name, "rules": len(policy.rules), "dated": str(policy.dated)}
    found = [Finding("policy", OK, N_("policy {name} of {dated}: {rules} rules"), "", values)]
    if warnings:
        mend = N_("`tosqauyl policy check` tells them")
        found.append(Finding("policy", WARNING, N_("the policy has {count} warnings"), mend, {"count": warnings}))
    return found


def _lists(config: Config) -> list[Finding]:
    count = len(load_lists((read_text(file), file) for file in config.indicator_files))
    files = len(config.indicator_files)
    values: dict[str, object] = {"files": files, "count": count}
    return [Finding("policy", OK, N_("{files} lists with {count} entries"), "", values)] if files else []


def _portability(config: Config) -> list[Finding]:
    if config.portability:
        read_portability(read_text(config.portability), config.portability, load_plan())
    return []


def _script(config: Config) -> list[Finding]:
    if config.home_network.provider == "scripted":
        load_script(read_text(config.home_network.script), config.home_network.script)
        mend = N_('it answers for a home network in trials only: set home_network.provider = "none"')
        return [Finding("policy", WARNING, N_("home networks are answered for by a script"), mend)]
    return []


def look_at_networks(config: Config) -> list[Finding]:
    """Whether whoever the configuration names can be asked, as far as files and names tell; nobody is asked."""
    homes, ledgers = config.networks.homes, config.networks.ledgers
    if not homes and not ledgers:
        return []
    try:
        networks_of(config.networks, load_plan)
    except TosqauylError as error:
        return [Finding("networks", WRONG, "{error}", "", {"error": str(error)})]
    values: dict[str, object] = {"homes": len(homes), "ledgers": len(ledgers)}
    what = N_("{homes} home networks and {ledgers} ledgers are set up; `tosqauyl network status` says how they answer")
    return [Finding("networks", OK, what, "", values)]


def as_dict(found: list[Finding], t: Texts) -> dict[str, object]:
    """The findings for --json: texts in the chosen language, values as they are."""
    rows = [
        {
            "check": one.check,
            "level": one.level,
            "text": t(one.what, **one.values),
            "mend": t(one.mend, **one.values),
            "values": dict(one.values),
        }
        for one in found
    ]
    counts = {level: sum(one.level == level for one in found) for level in LEVELS}
    return {"ok": counts[OK] == len(found), "counts": counts, "findings": rows}


def _show(found: list[Finding], t: Texts) -> None:
    console = Console(highlight=False, soft_wrap=True)
    last = ""
    for one in found:
        if one.check != last:
            console.print(f"[bold]{t(CHECKS[one.check])}[/]")
            last = one.check
        console.print(f"  [{_STYLES[one.level]}]{t(LEVELS[one.level])}[/]: {escape(t(one.what, **one.values))}")
        if one.mend:
            console.print(f"      {escape(t(one.mend, **one.values))}", style="dim")
    counts = {level: sum(one.level == level for one in found) for level in LEVELS}
    console.print(t("{wrong} wrong, {warning} warnings, {ok} in order", **counts))
