"""The figures shown before and after a rule's mode is changed: what the back-test said, what the ledger's rows say now."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from tosqauyl.cli.office import need_ledger
from tosqauyl.config.modes_file import Backtested
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.promotion import DAY, UNKNOWN, figures_of, known_good_of, roamers_of
from tosqauyl.texts import Texts

if TYPE_CHECKING:  # the ledger's libraries are imported where it is read
    from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect
    from tosqauyl.ledger.rule_activity import Activity


def last_day(ledger: Path, rule: str) -> "Activity | None":
    """What a rule did in the last day that the ledger has; None where there is no ledger or nothing in it."""
    return _activity(ledger, rule, -math.inf)


def since(ledger: Path, rule: str, moment: float) -> "Activity | None":
    """What it did since a moment, as far as the ledger goes; None as above."""
    return _activity(ledger, rule, moment)


def _activity(ledger: Path, rule: str, moment: float) -> "Activity | None":
    if not (ledger / "manifest.json").is_file():
        return None
    need_ledger()
    from tosqauyl.ledger.rule_activity import activity_of

    return activity_of(ledger, rule, moment)


def try_last_day(ledger: Path, rule: str) -> "tuple[Activity | None, str]":
    """The same where it is only for information: a ledger that cannot be read is said and keeps nobody from acting."""
    try:
        return last_day(ledger, rule), ""
    except TosqauylError as error:
        return None, str(error)


def tested_of(record: "BacktestRecord", rule: str) -> Backtested:
    """What is kept of a back-test beside the mode."""
    return Backtested(*figures_of(record, rule))


def figure_table(record: "BacktestRecord", rule: str, now: "Activity | None", t: Texts) -> Table:
    """What the back-test said beside what happens now."""
    effect, told = record.rules[rule], _Now(now, t)
    days = max((record.end - record.first) / DAY, 1 / DAY)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column(record.id, justify="right", overflow="fold")
    table.add_column(t("ledger, last day"), justify="right", overflow="fold")
    table.add_row(t("From (UTC)"), _moment(record.first), told.text(lambda one: _moment(one.first)))
    table.add_row(t("To (UTC)"), _moment(record.end), told.text(lambda one: _moment(one.end)))
    table.add_row(t("Attempts"), t.count(record.rows), told.count("attempts"))
    table.add_row(t("Its condition held"), t.count(effect.hits), "")
    table.add_row(t("It would have decided"), t.count(effect.decides), told.count("watched"))
    table.add_row(t("... a day"), t.decimal(effect.decides / days), told.count("watched"))
    table.add_row(t("It decided"), "", told.count("decided"))
    table.add_row(t("Calling numbers"), "", told.count("numbers"))
    good, roamers = known_good_of(record, effect), roamers_of(record, effect)
    numbers = f" ({t('{n} numbers', n=t.count(effect.known_good_numbers))})" * (effect.known_good > 0)
    table.add_row(t("Of numbers known to be good"), _said(good, t) + numbers, "", style=_alarm(good))
    table.add_row(t("Of roamers"), _said(roamers, t), "", style=_alarm(roamers))
    if effect.honest >= 0:
        table.add_row(t("Honest by the recorded truth"), t.count(effect.honest), "", style=_alarm(str(effect.honest)))
    return table


@dataclass(frozen=True, slots=True)
class _Now:
    """The cells of the ledger's column."""

    now: "Activity | None"
    t: Texts

    def text(self, told: "object") -> str:
        return str(told(self.now)) if self.now is not None and callable(told) else "-"

    def count(self, name: str) -> str:
        if self.now is None:
            return "-"
        return self.t("not computable") if self.now.missing else self.t.count(getattr(self.now, name))


def _said(number: str, t: Texts) -> str:
    return t("not known") if number == UNKNOWN else t.count(int(number))


def _alarm(number: str) -> str:
    return "" if number == "0" else "bold red"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def closing_lines(record: "BacktestRecord", effect: "RuleEffect", percent: int, t: Texts) -> list[str]:
    """What to expect a day after the change, and what the figure does not say."""
    days = max((record.end - record.first) / DAY, 1 / DAY)
    expected = effect.decides / days * percent / 100
    lines = [t("To be expected: {n} attempts a day.", n=t.decimal(expected, 1 if expected >= 1 else 2))]
    other = effect.hits - effect.decides
    if other > 0:
        lines.append(
            t("Its condition held for {n} more attempts that other rules decide: while those only watch, it decides them.",
              n=t.count(other))
        )  # fmt: skip
    if not effect.hits:
        lines.append(t("It hit nothing in the back-test: nothing is known of whom it would hit."))
    return lines
