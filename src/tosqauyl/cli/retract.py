"""`tosqauyl policy retract`: a rule goes back to monitor at once, whatever let it decide. No back-test, no question.

It works where other commands would refuse: with a configuration or policy that has mistakes, with a damaged modes.toml, and
while the gate takes no new snapshot.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from tosqauyl.cli import promote_figures as figures
from tosqauyl.cli.build import policy_of, read_text
from tosqauyl.cli.modes_now import words_of
from tosqauyl.cli.promote import add_common, by_whom, config_of, ledger_of, tell, waiting_of
from tosqauyl.cli.promote_gate import client_of, gate_pid, reloaded, running
from tosqauyl.cli.texts import choose_language
from tosqauyl.config.load import Config
from tosqauyl.config.modes_file import FILE, LOG, Change, SetMode, merged, mode_line, read_modes, restored, retract_mode
from tosqauyl.config.office_modes import joined, read_office_modes
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.ledger.promotion import MOST_REASON
from tosqauyl.policy.load import Policy
from tosqauyl.policy.modes import standing
from tosqauyl.policy.near import close
from tosqauyl.policy.rule import DECIDING_MODES, Rule
from tosqauyl.texts import ENGLISH, Texts

PASSING = ("monitor", "off")
"""Modes in which a rule decides nothing."""
UNREAD = "unread"
"""What a retraction is made for where the policy could not be read: it holds for any rule of that name."""


def add_verbs(verbs: Any, t: Texts = ENGLISH) -> None:
    """Add `retract` to `tosqauyl policy`."""
    about = t(
        "A rule goes back to monitor at once. Exit code: 0 done, 1 it decides nothing, 2 not known to be in force."
    )
    retract = verbs.add_parser("retract", help=t("take a rule out of enforcement at once"), description=about)
    add_common(retract, t)
    retract.set_defaults(run=run_retract)


@dataclass(frozen=True, slots=True)
class Known:
    """What can be known of the rule. config, policy: None where they cannot be read, and trouble says why. seen: what modes.toml
    (or the log, where that is damaged) says of it; in_force: what a running gate says (`canary:5`), '' where none runs;
    office: what the office says of it."""

    rule: str
    data: Path
    config: Config | None
    policy: Policy | None
    seen: SetMode | None
    in_force: str
    trouble: str = ""
    office: tuple[SetMode, ...] = ()

    def found(self) -> Rule | None:
        """The rule as all files together have it; None where they cannot be read or have no such rule."""
        if self.policy is None or self.config is None:
            return None
        try:
            policy = self.policy.with_modes(
                merged(self.config.modes, joined((self.seen,) if self.seen else (), self.office))
            )
        except FileMistakes:
            policy = self.policy
        return next((rule for rule in policy.rules if rule.id == self.rule), None)

    def decides(self, now: float) -> bool:
        """Whether the rule decides, or might: what is not known counts as yes."""
        rule = self.found()
        if rule is None or self.config is None:
            return self.in_force not in PASSING
        by_files = words_of(rule, self.config.enforce, now) not in PASSING
        # A gate may have been started with --enforce, which no file tells.
        by_gate = (self.in_force or words_of(rule, enforce=True, now=now)) not in PASSING
        return by_files or by_gate


def run_retract(options: argparse.Namespace, clock: Callable[[], float] = time.time) -> int:
    """Write the retraction, have the gate take it, say how long that took and what the rule had done."""
    t, console, now = Texts(choose_language(options.lang)), Console(highlight=False), clock()
    known = _known(options)
    _check(options, known)
    if known.trouble:
        console.print(t("Not looked at, for it has mistakes: {what}", what=escape(known.trouble)), soft_wrap=True)
    if not known.decides(now):
        console.print(
            t("{rule} decides nothing: it is in {mode}.", rule=options.rule, mode=known.in_force or "monitor")
        )
        return 1
    change = _change(known, options, now)
    client, promoted = client_of(options), _promoted(known)
    done = retract_mode(known.data, change)
    if done.aside is not None:
        console.print(t("{file} was damaged. It lies at {aside} now, and was made again from {log}.",
                        file=FILE, aside=escape(str(done.aside)), log=LOG), soft_wrap=True)  # fmt: skip
    if not done.logged:
        console.print(t("{log} could not be written.", log=LOG), style="bold red")
    code = tell(
        reloaded(known.data, client, options.rule, PASSING, waiting_of(options)), known.data, "monitor", console, t
    )
    _tell_configured(known, options, console, t)
    _tell_figures(ledger_of(options, known.data), options.rule, promoted, console, t)
    return code


def _known(options: argparse.Namespace) -> Known:
    """Read what can be read. Raises TosqauylError where not even the data folder is known."""
    config, policy, trouble = None, None, ""
    try:
        config = config_of(options)
        policy = policy_of(config.policy)
    except TosqauylError as error:
        if config is None and not options.data:
            raise TosqauylError(str(error), hint="or name the gate's folder with --data, then it is not read") from None
        trouble = str(error)
    data = Path(options.data or (config.data if config else ""))
    try:
        seen = next((one for one in read_modes(data) if one.rule == options.rule), None)
    except FileMistakes:
        seen = restored(data).get(options.rule)
    told = running(data, gate_pid(data))
    in_force = told.modes.get(options.rule, "") if told else ""
    office: tuple[SetMode, ...] = ()
    with suppress(FileMistakes):  # a retraction holds whatever the office says
        follows = config is None or config.publications.modes
        office = tuple(one for one in read_office_modes(data, follows) if one.rule == options.rule)
    return Known(options.rule, data, config, policy, seen, in_force, trouble, office)


def _check(options: argparse.Namespace, known: Known) -> None:
    """Raises TosqauylError for a misspelt rule, where the rules are known, and for a reason that cannot be written down."""
    if known.policy is not None and not known.in_force and known.seen is None and known.found() is None:
        names = tuple(rule.id for rule in known.policy.rules)
        hint = close(options.rule, names) or "tosqauyl policy modes lists them"
        raise TosqauylError(f"no rule is called {options.rule[:60]!r}", known.policy.file, hint)
    if len(options.reason) > MOST_REASON or not options.reason.isprintable() or not options.rule.isprintable():
        raise TosqauylError("this cannot be written down", "--reason", f"one line, at most {MOST_REASON} characters")


def _change(known: Known, options: argparse.Namespace, now: float) -> Change:
    rule, by, at = known.found(), by_whom(options), datetime.fromtimestamp(now, UTC)
    reason = f"retracted at {at:%Y-%m-%d %H:%M:%S} UTC" + f": {options.reason.strip()}" * bool(options.reason.strip())
    made_for = standing(rule) if rule else UNREAD
    new = SetMode(options.rule, "monitor", 0, reason, by, at.date(), "", made_for, int(now))
    was = known.in_force or (f"{known.seen.mode}" if known.seen else rule.mode if rule else "unknown")
    return Change("retract", options.rule, was, "monitor", new, by, os.getuid(), now, reason)


def _tell_configured(known: Known, options: argparse.Namespace, console: Console, t: Texts) -> None:
    """Whether the configuration itself lets the rule decide: it should be changed, for it no longer tells the truth."""
    modes = known.config.modes if known.config else ()
    one = next((one for one in modes if one.rule == options.rule and one.mode in DECIDING_MODES), None)
    if one is not None:
        line = mode_line(read_text(options.config), options.config, options.rule)
        what = t("The configuration says {mode} ({where}). The retraction counts; change it there too.",
                 mode=one.mode, where=f"{options.config}:{line}")  # fmt: skip
        console.print(escape(what), style="yellow", soft_wrap=True)


def _promoted(known: Known) -> float:
    """When the rule left monitor, by the log: the first step up since it last was there. Seconds since 1970, 0 where it did not."""
    if known.seen is None or known.seen.is_retraction:
        return 0.0
    first = 0.0
    with suppress(OSError):
        for line in (known.data / LOG).read_text("utf-8", "replace").splitlines():
            with suppress(ValueError, TypeError, KeyError):
                told = json.loads(line)
                if told["rule"] == known.rule:
                    first = (first or float(told["at"])) if told["action"] == "promote" else 0.0
    return first or float(known.seen.since)


def _tell_figures(ledger: Path, rule: str, promoted: float, console: Console, t: Texts) -> None:
    """What the rule decided since it was promoted, by the ledger."""
    if not promoted:
        return
    try:
        found = figures.since(ledger, rule, promoted)
    except TosqauylError as error:
        console.print(escape(str(error)), style="dim", soft_wrap=True)
        return
    if found is None or found.missing:
        return
    since, until = (f"{datetime.fromtimestamp(one, UTC):%Y-%m-%d %H:%M:%S}" for one in (promoted, found.end))
    what = t("It decided {n} attempts since {since} UTC, by the ledger, which goes to {until} UTC.",
             n=t.count(found.decided), since=since, until=until)  # fmt: skip
    console.print(what, soft_wrap=True)
