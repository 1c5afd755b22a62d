"""`tosqauyl network status`: how the home networks and ledgers do that a running gate asks, by operator."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tosqauyl.cli.feed import context_of, token_of
from tosqauyl.cli.feed_client import FeedClient
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.network_texts import age_text
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

KINDS = {"whereabouts": N_("Where is the subscriber?"), "origination": N_("Did you start this call?")}
BREAKERS = {"closed": N_("asked"), "open": N_("spared"), "half-open": N_("tried again")}
FAILURES = {
    "timeout": N_("no answer in time"),
    "down": N_("nobody there"),
    "refused": N_("does not let us ask"),
    "limited": N_("asked too often"),
    "malformed": N_("answers cannot be read"),
    "wrong": N_("answers that cannot be true"),
    "bug": N_("an error of this program"),
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl network` to the command line."""
    parser = subparsers.add_parser("network", help=t("how the networks do that a gate asks about callers"))
    actions = parser.add_subparsers(title=t("commands"), metavar="COMMAND", required=True)
    status = actions.add_parser(
        "status",
        help=t("by operator: what is asked, how it answers, what is wrong"),
        description=t("Exit code: 0 all networks are well, 1 one is in trouble, 2 the gate cannot be asked."),
    )
    status.add_argument("--to", metavar="URL", required=True, help=t("the gate, such as https://gate.example.kz:8060"))
    status.add_argument(
        "--token-file", metavar="FILE", type=Path, help=t("file with the token (default: variable TOSQAUYL_TOKEN)")
    )
    status.add_argument("--ca", metavar="FILE", help=t("certificate authority of the gate (default: the system's)"))
    status.add_argument("--certificate", metavar="FILE", help=t("client certificate with its key, PEM"))
    status.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))
    status.add_argument("--json", action="store_true", help=t("print JSON"))
    status.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl network status`."""
    t = Texts(choose_language(options.lang))
    reply = FeedClient(options.to, token_of(options.token_file), context_of(options)).status()
    if reply.status != 200:
        hint = "the token needs the scope metrics" if reply.status in (401, 403) else ""
        raise TosqauylError(f"the gate says {reply.status} {reply.slug}", options.to, hint)
    section = reply.body.get("networks")
    if not isinstance(section, dict):
        print(t("This gate asks nobody about callers: see home_network.provider."), file=sys.stderr)
        return 0
    if options.json:
        print(json.dumps(section, ensure_ascii=False, indent=1))
    else:
        for table in networks_tables(section, t):
            Console(highlight=False).print(table)
        for line in _closing(section, t):
            Console(highlight=False).print(escape(line), soft_wrap=True)
    return 1 if section.get("troubles") else 0


def networks_tables(section: Mapping[str, Any], t: Texts) -> list[Table]:
    """A table for each kind of question, a row for each operator that is asked it. section: networks of /v1/status."""
    tables = []
    for kind, title in KINDS.items():
        desks = {name: kinds[kind] for name, kinds in sorted(section.get("operators", {}).items()) if kind in kinds}
        if desks:
            tables.append(_table(t(title), desks, t))
    return tables


def _table(title: str, desks: Mapping[str, Mapping[str, Any]], t: Texts) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", padding=(0, 1, 0, 0))
    for head in (N_("Operator"), N_("Way"), N_("Now")):
        table.add_column(t(head), no_wrap=True)
    for head in (N_("Asked"), N_("Said"), N_("Cache"), N_("Unknown"), N_("Failed"), "p50 ms", "p99 ms"):
        table.add_column(t(head), justify="right", no_wrap=True)
    for operator, desk in desks.items():
        table.add_row(*_row(operator, desk, t), style="" if desk["breaker"]["state"] == "closed" else "red")
    return table


def _row(operator: str, desk: Mapping[str, Any], t: Texts) -> list[str]:
    counters, recent = desk["counters"], desk["recent"]
    said = sum(count for name, count in counters.items() if name.startswith("answered_"))
    failed = sum(counters[name] for name in FAILURES)
    counts = (
        counters["asked"],
        said,
        counters["cached"] + counters["coalesced"],
        counters["unknown"] + counters["stale"],
        failed,
    )
    times = ["·" if recent[name] is None else t.decimal(recent[name], 1) for name in ("p50_ms", "p99_ms")]
    breaker = desk["breaker"]["state"]
    way = "ledger" if desk["way"] == "none" else desk["way"]
    cells = [operator, way, t(BREAKERS.get(breaker, breaker)), *(_short(count, t) for count in counts), *times]
    return [escape(cell) for cell in cells]


def _short(count: int, t: Texts) -> str:
    """A count in at most seven characters: whole up to a million, in millions (M) above."""
    return t.count(count) if count < 1_000_000 else f"{t.decimal(count / 1e6, 1)} M"


def _closing(section: Mapping[str, Any], t: Texts) -> list[str]:
    missed = section.get("not_enrolled", {})
    lines = [
        t(
            "{operator} ({question}): last failure: {what}, {age} ago.",
            operator=operator,
            question=t(KINDS[kind]),
            what=t(FAILURES.get(failure["kind"], failure["kind"])),
            age=age_text(failure["seconds_ago"], t),
        )
        for operator, kinds in sorted(section.get("operators", {}).items())
        for kind, desk in kinds.items()
        if (failure := desk["last_failure"])
    ]
    for operator, kinds in sorted(section.get("operators", {}).items()):
        whys = kinds.get("origination", {}).get("unknown_why")
        if whys:
            lines.append(
                t("{operator} does not know, most often because: {why}", operator=operator, why=max(whys, key=whys.get))
            )
    if missed.get("whereabouts"):
        n = t.count(missed["whereabouts"])
        lines.append(t("{n} questions were about subscribers of operators without a [[home]]: they stay unknown.", n=n))
    if missed.get("origination"):
        n = t.count(missed["origination"])
        lines.append(t("{n} calls were of operators without a [[ledger]]: nobody was asked about them.", n=n))
    return lines
