"""`tosqauyl policy promote`: a rule moves from monitor to canary to enforce only with a back-test on record.

Nothing here decides about calls: what is set is written to modes.toml, and the gate loads it.
"""

import argparse
import os
import pwd
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from tosqauyl.cli import promote_figures as figures
from tosqauyl.cli.build import policy_of, read_text
from tosqauyl.cli.modes_now import mode_words
from tosqauyl.cli.promote_checks import refusals
from tosqauyl.cli.promote_gate import Outcome, Waiting, add_gate_options, client_of, gate_pid, reloaded, running
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.load import Config, default_config, load_config, with_changes
from tosqauyl.config.modes_file import (
    Change,
    SetMode,
    merged,
    mode_line,
    promote_mode,
    read_modes,
)
from tosqauyl.config.office_modes import joined, read_office_modes
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.promotion import DAY, FIRST_SHARE, Asked, Case, recorded_reason
from tosqauyl.policy.load import Policy
from tosqauyl.policy.modes import rule_key, standing
from tosqauyl.policy.near import close
from tosqauyl.policy.rule import Rule
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.backtest_record import BacktestRecord

_DAYS, _HOURS = 31.0, 24.0


def add_verbs(verbs: Any, t: Texts = ENGLISH) -> None:
    """Add `promote` to `tosqauyl policy`."""
    about = t(
        "A rule moves from monitor to canary to enforce, with a back-test on record. Exit code: 0 done, 1 refused, 2 trouble."
    )
    promote = verbs.add_parser("promote", help=t("let a rule decide, with a back-test on record"), description=about)
    add_common(promote, t)
    _add_promotion(promote, t)
    promote.set_defaults(run=run_promote)


def add_common(parser: argparse.ArgumentParser, t: Texts) -> None:
    """What `promote` and `retract` share."""
    parser.add_argument("rule", metavar="RULE", help=t("id of the rule"))
    add_files(parser, t)
    parser.add_argument(
        "--ledger", metavar="DIR", type=Path, help=t("folder of the ledger (default: ledger in --data)")
    )
    parser.add_argument("--by", metavar="NAME", help=t("who decided it (default: the user)"))
    parser.add_argument("--reason", metavar="TEXT", default="", help=t("why, for the record"))
    add_gate_options(parser, t)
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))


def add_files(parser: argparse.ArgumentParser, t: Texts) -> None:
    """The flags that say which gate is meant: those that it was started with."""
    parser.add_argument("--config", metavar="FILE", help=t("configuration of the gate"))
    parser.add_argument("--policy", metavar="FILE", help=t("policy instead of the shipped kz-border"))
    parser.add_argument("--data", metavar="DIR", help=t("data folder of the gate (default var)"))


def _add_promotion(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument(
        "--to", dest="mode", metavar="MODE", type=_target,
        help=t("canary:PERCENT or enforce (default: the next step; of callers in a canary, 5 per cent)"),
    )  # fmt: skip
    parser.add_argument("--backtest", metavar="ID", help=t("the back-test to go by (default: the newest of this rule)"))
    parser.add_argument(
        "--max-age", metavar="DAYS", type=float, default=_DAYS, help=t("how old the tested calls may be (default 31)")
    )
    parser.add_argument(
        "--canary-hours",
        metavar="HOURS",
        type=float,
        default=_HOURS,
        help=t("how long a canary must have run (default 24)"),
    )
    parser.add_argument("--skip-canary", action="store_true", help=t("enforce without a canary; needs a --reason"))
    parser.add_argument(
        "--accept-known-good", metavar="N", default="", help=t("it may hit N attempts of numbers known to be good")
    )
    parser.add_argument("--accept-roamers", metavar="N", default="", help=t("it may hit N attempts of roamers"))
    parser.add_argument("--yes", action="store_true", help=t("do not ask"))


def _target(text: str) -> tuple[str, int]:
    name, _, share = text.partition(":")
    if name == "canary" and share.isascii() and share.isdigit() and 1 <= int(share) <= 99:
        return name, int(share)
    if text == "enforce":
        return "enforce", 0
    raise argparse.ArgumentTypeError("canary:PERCENT, with 1 to 99 per cent, or enforce")


@dataclass(frozen=True, slots=True)
class Place:
    """The gate that is meant. policy: as its file is; seen: what modes.toml says; now: seconds since 1970; office: what the office
    that it follows says."""

    config: Config
    file: str
    policy: Policy
    seen: tuple[SetMode, ...]
    now: float
    office: tuple[SetMode, ...] = ()

    @property
    def data(self) -> Path:
        """Its data folder."""
        return Path(self.config.data)

    def rule(self, name: str) -> Rule:
        """A rule as the policy file has it. Raises TosqauylError."""
        found = next((rule for rule in self.policy.rules if rule.id == name), None)
        if found is None:
            hint = close(name, tuple(rule.id for rule in self.policy.rules)) or "tosqauyl policy modes lists them"
            raise TosqauylError(f"no rule is called {name[:60]!r}", self.policy.file, hint)
        return found

    def set_mode(self, name: str) -> SetMode | None:
        """What modes.toml says of a rule."""
        return next((one for one in self.seen if one.rule == name), None)

    def counting(self, name: str) -> SetMode | None:
        """What counts of the two: modes.toml and the office."""
        return next((one for one in joined(self.seen, self.office) if one.rule == name), None)

    def in_modes(self) -> Policy:
        """The policy in the modes of all files. Raises FileMistakes."""
        return self.policy.with_modes(merged(self.config.modes, joined(self.seen, self.office)), self.file)

    def of_office(self, name: str) -> SetMode | None:
        """What the office says of a rule."""
        return next((one for one in self.office if one.rule == name), None)

    def configured(self, name: str) -> tuple[str, int, str] | None:
        """Mode and percent that the configuration sets, and where: FILE:LINE."""
        for one in self.config.modes:
            if one.rule == name:
                return one.mode, one.percent, f"{self.file}:{mode_line(read_text(self.file), self.file, name)}"
        return None


def place_of(options: argparse.Namespace, now: float) -> Place:
    """The gate that the flags name. Raises FileMistakes or TosqauylError."""
    config = config_of(options)
    data = Path(config.data)
    office = read_office_modes(data, config.publications.modes)
    return Place(config, options.config or "", policy_of(config.policy), read_modes(data), now, office)


def config_of(options: argparse.Namespace) -> Config:
    """The file's configuration, or the defaults, with the flags of `add_files` on top."""
    config = load_config(read_text(options.config), options.config) if options.config else default_config()
    return with_changes(config, data=options.data, policy=options.policy)


def ledger_of(options: argparse.Namespace, data: Path) -> Path:
    """The folder of the ledger."""
    return options.ledger or data / "ledger"


def run_promote(options: argparse.Namespace, clock: Callable[[], float] = time.time) -> int:
    """Show the figure, refuse or set the mode, and wait until it is in force."""
    t, console = Texts(choose_language(options.lang)), Console(highlight=False)
    place = place_of(options, clock())
    ledger = ledger_of(options, place.data)
    record, other_key = _record(options, place.rule(options.rule), ledger)
    case = _case(place, options.rule, record, other_key)
    asked = _asked(options, case)
    words = mode_words(asked.mode, asked.percent)
    console.print(f"[bold]{escape(options.rule)}[/]: {mode_words(*case.current)} -> {words}")
    client = client_of(options)
    if record is not None:
        _show_figure(console, record, case, asked, ledger, t)
    _show_counts(console, client.rule_counts(options.rule) if client else {}, t)
    found = refusals(case, asked, t)
    for one in found:
        console.print(f"[bold red]{t('Refused')}[/] ({one.slug}): {escape(one.text)}", soft_wrap=True)
    if found or record is None:
        return 1
    _confirm(options, words, t)
    promote_mode(place.data, _promotion(place, case, asked, record, options), place.set_mode(options.rule))
    outcome = reloaded(place.data, client, options.rule, (words,), waiting_of(options))
    return tell(outcome, place.data, words, console, t)


def _record(options: argparse.Namespace, rule: Rule, ledger: Path) -> "tuple[BacktestRecord | None, bool]":
    """The back-test to go by, and whether there is one of other content of the rule."""
    from tosqauyl.ledger.backtest_record import records

    known = [one for one in records(ledger) if options.backtest in (None, one.id)]
    if options.backtest and not known:
        raise TosqauylError(f"there is no back-test {options.backtest[:60]!r}", str(ledger), "its id begins with bt-")
    tried = [one for one in known if rule.id in one.rules]
    fitting = next((one for one in tried if one.rules[rule.id].key == rule_key(rule)), None)
    return fitting, fitting is None and bool(tried)


def _case(place: Place, name: str, record: "BacktestRecord | None", other_key: bool) -> Case:
    """All that is known of the rule. The gate's word counts where it lets a rule decide that the files only watch (--enforce)."""
    rule = next(rule for rule in place.in_modes().rules if rule.id == name)
    mode = rule.mode_at(place.config.enforce, datetime.fromtimestamp(place.now, UTC).date())
    current, seen, office = (mode, rule.percent if mode == "canary" else 0), place.set_mode(name), place.of_office(name)
    is_held = seen is not None and seen.is_retraction
    is_held_by_office = office is not None and office.is_retraction
    told = running(place.data, gate_pid(place.data))
    in_force = told.modes.get(name, "") if told else ""
    if in_force == "enforce" and mode == "monitor" and not (is_held or is_held_by_office):
        current = ("enforce", 0)
    return Case(
        place.rule(name), current, place.now, record, other_key, _since(rule, place.counting(name)), in_force,
        place.configured(name), is_held, is_held_by_office,
    )  # fmt: skip


def _since(rule: Rule, seen: SetMode | None) -> float | None:
    """Since when a canary runs: as was noted; of one that a person wrote, from the end of the day it says."""
    if rule.mode != "canary":
        return None
    if seen is not None and seen.mode == "canary":
        return float(seen.since)
    if rule.evidence is None:
        return None
    day = rule.evidence.on + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _asked(options: argparse.Namespace, case: Case) -> Asked:
    mode, percent = options.mode or (("enforce", 0) if case.current[0] == "canary" else ("canary", FIRST_SHARE))
    return Asked(
        mode, percent, options.max_age * DAY, options.canary_hours * 3600, options.skip_canary, options.reason,
        options.accept_known_good, options.accept_roamers,
    )  # fmt: skip


def _show_figure(console: Console, record: "BacktestRecord", case: Case, asked: Asked, ledger: Path, t: Texts) -> None:
    now, trouble = figures.try_last_day(ledger, case.rule.id)
    console.print(figures.figure_table(record, case.rule.id, now, t))
    share = asked.percent if asked.mode == "canary" else 100
    for line in figures.closing_lines(record, record.rules[case.rule.id], share, t):
        console.print(escape(line), soft_wrap=True)
    if trouble:
        console.print(escape(trouble), style="dim", soft_wrap=True)


def _show_counts(console: Console, counts: dict[str, int], t: Texts) -> None:
    """What the gate has counted of the rule since it started."""
    if counts:
        what = t("The gate counted since its start: {hits} hits, {decided} decided, {would} watched.",
                 hits=t.count(counts.get("hits", 0)), decided=t.count(counts.get("decided", 0)),
                 would=t.count(counts.get("would_have", 0)))  # fmt: skip
        console.print(what, soft_wrap=True)


def _promotion(place: Place, case: Case, asked: Asked, record: "BacktestRecord", options: argparse.Namespace) -> Change:
    """The change: a new mode, or, where the configuration sets the rule's mode, the retraction taken back."""
    rule, by = case.rule, by_whom(options)
    reason = recorded_reason(record, rule.id, asked)
    day = datetime.fromtimestamp(place.now, UTC).date()
    new = SetMode(
        rule.id, asked.mode, asked.percent, reason, by, day, record.id, standing(rule), int(place.now),
        figures.tested_of(record, rule.id),
    )  # fmt: skip
    action = "lift" if case.configured else "promote"
    words = mode_words(*case.current), mode_words(asked.mode, asked.percent)
    change = Change(action, rule.id, *words, new, by, os.getuid(), place.now, reason)
    return replace(change, new=None) if case.configured else change


def by_whom(options: argparse.Namespace) -> str:
    """Who decides: as said, else the user who is at the terminal. Raises TosqauylError for what cannot be written down."""
    name = options.by
    if name is None:
        with suppress(KeyError):
            name = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    name = (name or f"uid {os.getuid()}").strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise TosqauylError("this is no name", "--by", "one line, at most 100 characters")
    return name


def _confirm(options: argparse.Namespace, words: str, t: Texts) -> None:
    """Ask the person; raises TosqauylError where nobody can be asked or the answer is not yes."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise TosqauylError("nobody is there to be asked", "--yes", "give --yes where a script decides")
    answer = input(t("Set {rule} to {mode}? Type yes:", rule=options.rule, mode=words) + " ").strip().lower()
    if answer not in ("yes", "иә", "да"):
        raise TosqauylError("nothing was changed")


def waiting_of(options: argparse.Namespace) -> Waiting:
    """How long the gate is waited for."""
    return Waiting(options.wait, time.monotonic, time.sleep)


def tell(outcome: Outcome, data: Path, words: str, console: Console, t: Texts) -> int:
    """What came of the reload; 0 unless a gate runs and does not say that the mode is in force."""
    if outcome.way == "nobody":
        console.print(t("No gate was found on {data}: {mode} takes effect when one starts or reloads.", data=data, mode=words),
                      soft_wrap=True)  # fmt: skip
        return 0
    if outcome.way == "unreached":
        console.print(t("The gate could not be asked. The mode is written down and takes effect when it starts or reloads."),
                      style="bold red", soft_wrap=True)  # fmt: skip
        console.print(escape(outcome.refused), soft_wrap=True)
        return 2
    if outcome.is_done and outcome.in_force is not None:
        line = t("In force after {seconds} s: {mode}, policy {hash}.",
                 seconds=t.decimal(outcome.seconds, 2), mode=words, hash=outcome.in_force.policy)  # fmt: skip
        console.print(f"[green]{escape(line)}[/]", soft_wrap=True)
        return 0
    if outcome.refused:
        console.print(t("The gate took no new snapshot. The mode is written down and takes effect with the next one it takes."),
                      style="bold red", soft_wrap=True)  # fmt: skip
        console.print(escape(outcome.refused), soft_wrap=True)
        return 2
    console.print(t("The gate was asked to reload and has not said within {seconds} s that {mode} is in force.",
                    seconds=t.decimal(outcome.seconds, 0), mode=words), style="bold red", soft_wrap=True)  # fmt: skip
    console.print(t("Are --config, --policy and --data those of the gate?"), soft_wrap=True)
    return 2
