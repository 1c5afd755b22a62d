"""`tosqauyl policy modes`: the mode of every rule, where it comes from, since when, and on which back-test."""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tosqauyl.cli.modes_now import words_of
from tosqauyl.cli.promote import Place, add_files, place_of
from tosqauyl.cli.promote_gate import gate_pid, running
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.modes_file import FILE, LeftOut, SetMode, gives_way, left_out
from tosqauyl.config.office_modes import FILE as OFFICE_FILE
from tosqauyl.config.office_modes import joined
from tosqauyl.policy.modes import applies
from tosqauyl.policy.rule import Rule
from tosqauyl.texts import ENGLISH, LANGUAGES, N_, Texts

SOURCES = {"policy": N_("policy")}
"""Words for where a mode comes from, where that is no name of a file or flag."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. mode: by the files (`canary:5`); in_force: as a running gate says, '' where none does. source: policy,
    configuration, modes.toml, office-modes.json or --enforce; where: file and line. since: ISO day or moment, '' where not known.
    report: the back-test. The last three: its figure, in attempts; -1 where it is not known, or there is no back-test."""

    rule: str
    mode: str
    in_force: str
    source: str
    where: str
    since: str = ""
    by: str = ""
    report: str = ""
    decides: int = -1
    known_good: int = -1
    roamers: int = -1


def add_verbs(verbs: Any, t: Texts = ENGLISH) -> None:
    """Add `modes` to `tosqauyl policy`."""
    about = t("Exit code: 0 what the files say is in force, 1 the gate has something else, 2 trouble.")
    parser = verbs.add_parser("modes", help=t("mode of every rule, and where it comes from"), description=about)
    add_files(parser, t)
    parser.add_argument("--json", action="store_true", help=t("print JSON"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the texts (default: the terminal's)"))
    parser.set_defaults(run=run_modes)


def run_modes(options: argparse.Namespace, clock: Callable[[], float] = time.time) -> int:
    """Show them all."""
    place = place_of(options, clock())
    found = rows_of(place)
    policy = place.in_modes()
    notes = left_out(place.config.modes, joined(place.seen, place.office), policy.rules)
    told = running(place.data, gate_pid(place.data))
    different = [row for row in found if row.in_force not in ("", row.mode)]
    if options.json:
        content = {
            "policy": policy.hash, "in_force": told.policy if told else "", "rules": [asdict(row) for row in found],
            "notes": [note._asdict() for note in notes],
        }  # fmt: skip
        print(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        _show(found, notes, bool(told), Texts(choose_language(options.lang)))
    return 1 if different else 0


def rows_of(place: Place) -> list[Row]:
    """Every rule, in the order of the policy."""
    told = running(place.data, gate_pid(place.data))
    in_force = told.modes if told else {}
    return [
        _row(place, rule, written, in_force.get(rule.id, ""))
        for rule, written in zip(place.in_modes().rules, place.policy.rules, strict=True)
    ]


def _row(place: Place, rule: Rule, written: Rule, in_force: str) -> Row:
    """rule: in its mode; written: as the policy file has it."""
    mode = words_of(rule, place.config.enforce, place.now)
    one, configured = place.counting(rule.id), place.configured(rule.id)
    own = next((each for each in place.config.modes if each.rule == rule.id), None)
    if one is not None and applies(one.override(), written) and not gives_way(one, own):
        name = FILE if one == place.set_mode(rule.id) else OFFICE_FILE
        return _set_row(one, mode, in_force, place.data / name)
    source, where = ("configuration", configured[2]) if configured else ("policy", f"{place.policy.file}:{rule.line}")
    if mode == "enforce" and rule.mode == "monitor":
        source, where = "--enforce", place.file
    why = rule.evidence
    if why is None:
        return Row(rule.id, mode, in_force, source, where)
    return Row(rule.id, mode, in_force, source, where, why.on.isoformat(), why.by, why.report)


def _set_row(one: SetMode, mode: str, in_force: str, where: Path) -> Row:
    since = f"{datetime.fromtimestamp(one.since, UTC):%Y-%m-%dT%H:%M:%SZ}"
    row = Row(one.rule, mode, in_force, where.name, str(where), since, one.by, one.report)
    if one.is_retraction:
        return row
    tested = one.tested
    return Row(
        row.rule, row.mode, row.in_force, row.source, row.where, row.since, row.by, row.report,
        tested.decides, tested.known_good, tested.roamers,
    )  # fmt: skip


def _show(found: list[Row], notes: list[LeftOut], has_gate: bool, t: Texts) -> None:
    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for head in (t("Rule"), t("Mode"), t("Set by"), t("Since (UTC)"), t("Back-test")):
        table.add_column(head, no_wrap=head == t("Rule"), overflow="fold")
    for row in found:
        differs = row.in_force not in ("", row.mode)
        mode = f"{row.mode} ({t('gate: {mode}', mode=row.in_force)})" if differs else row.mode
        where = Path(row.where).name if row.source == "configuration" else t(SOURCES.get(row.source, row.source))
        style = "bold red" if differs else "dim" if row.mode in ("monitor", "off") else ""
        table.add_row(*map(escape, (row.rule, mode, where, row.since[:16].replace("T", " "), row.report)), style=style)
    console.print(table)
    for row in found:
        if row.decides >= 0:
            told = t("{rule}: {report} said {decides} attempts, {good} of numbers known to be good, {roamers} of roamers.",
                     rule=row.rule, report=row.report, decides=t.count(row.decides), good=_count(row.known_good, t),
                     roamers=_count(row.roamers, t))  # fmt: skip
            console.print(escape(told), soft_wrap=True)
    if not has_gate:
        console.print(t("No gate was found on this data folder: these are the modes it would start with."))
    for rule, what in notes:
        console.print(f"{escape(rule)}: {escape(what)}", style="yellow", soft_wrap=True)


def _count(number: int, t: Texts) -> str:
    return t("not known") if number < 0 else t.count(number)
