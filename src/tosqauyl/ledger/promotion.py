"""What keeps a rule from being promoted: each refusal with its slug (docs/promote.md), all at once, from values alone.

The same for the command at a gate and for the office; each of them has its own words, because what to do next is another thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect
from tosqauyl.policy.modes import MIN_REASON
from tosqauyl.policy.rule import Rule
from tosqauyl.policy.tree import facts_of
from tosqauyl.texts import Texts

DAY = 86400.0
AHEAD = 3600.0
"""Seconds that the clock of whoever made a record may be ahead."""
FIRST_SHARE = 5
"""Per cent of callers of a canary if nobody says another share."""
UNKNOWN = "unknown"
SUBSCRIBER_FACTS = frozenset(("network_subscriber", "presented_subscriber"))
"""What tells a roamer."""
MOST_REASON = 300
"""Code points of what somebody adds to the figure."""
SLUGS = (
    "expired", "retracted-by-office", "set-in-configuration", "set-in-configuration.held", "reason", "reason.canary", "off",
    "already", "skips-canary",
    "canary-too-short", "canary-too-short.unknown", "canary-too-short.elsewhere", "no-record", "other-content",
    "from-the-future", "too-old", "no-calls", "facts-unknown", "known-good", "known-good.unknown", "roamers", "roamers.unknown",
)  # fmt: skip
"""Every refusal; behind a dot the case of it, which has words of its own."""


class Refusal(NamedTuple):
    """One thing that keeps a rule from being promoted."""

    slug: str
    text: str


@dataclass(frozen=True, slots=True)
class Teller:
    """Says refusals in a language. words: of SLUGS -> English text."""

    t: Texts
    words: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> Refusal:
        """The refusal of a key of SLUGS."""
        return Refusal(key.partition(".")[0], self.t(self.words[key], **values))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person asked for. mode and percent: the target. max_age: of the calls tested, seconds. canary: how long a canary
    must have run, seconds. skip_canary: not at all. accept_known_good, accept_roamers: the number as typed, '' for none."""

    mode: str
    percent: int = 0
    max_age: float = 31 * DAY
    canary: float = DAY
    skip_canary: bool = False
    reason: str = ""
    accept_known_good: str = ""
    accept_roamers: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of a rule that is to be promoted, at the moment `now` (seconds since 1970).

    rule: as the policy file has it. current: its mode (canary, ...) and percent, all files considered. since: when a canary
    began, seconds since 1970, None where that is not known. in_force: what a running gate says (`canary:5`), '' where none
    runs. configured: mode and percent of its [[mode]] table in the configuration, and where that stands. held: it was retracted;
    held_by_office: by the office that the gate follows. record: the back-test to go by. other_key: there is one of
    other content of the rule.
    """

    rule: Rule
    current: tuple[str, int]
    now: float
    record: BacktestRecord | None = None
    other_key: bool = False
    since: float | None = None
    in_force: str = ""
    configured: tuple[str, int, str] | None = None
    held: bool = False
    held_by_office: bool = False


def refusals(case: Case, asked: Asked, tell: Teller) -> list[Refusal]:
    """Everything that speaks against it."""
    found = [*_of_rule(case, asked, tell), *_of_steps(case, asked, tell)]
    record = case.record
    if record is None:
        return [*found, tell("other-content" if case.other_key else "no-record")]
    effect = record.rules[case.rule.id]
    return [*found, *_of_record(record, case, asked, tell), *_of_people(record, effect, asked, tell)]


def _of_rule(case: Case, asked: Asked, tell: Teller) -> list[Refusal]:
    found = []
    if case.rule.is_expired(datetime.fromtimestamp(case.now, UTC).date()):
        found.append(tell("expired", day=case.rule.expires))
    if case.configured is not None:
        mode, percent, where = case.configured
        if not case.held:
            found.append(tell("set-in-configuration", where=where))
        elif (mode, percent) != (asked.mode, asked.percent):
            found.append(tell("set-in-configuration.held", mode=mode, where=where))
    if case.held_by_office:
        found.append(tell("retracted-by-office"))
    if len(asked.reason) > MOST_REASON or not asked.reason.isprintable():
        found.append(tell("reason", most=MOST_REASON))
    return found


def _of_steps(case: Case, asked: Asked, tell: Teller) -> list[Refusal]:
    mode, percent = case.current
    if mode == "off":
        return [tell("off")]
    if mode == "enforce" or (mode, percent) == (asked.mode, asked.percent):
        return [tell("already", mode=mode)]
    if asked.mode != "enforce":
        return []
    if asked.skip_canary:
        short = len(asked.reason.strip()) < MIN_REASON
        return [tell("reason.canary", least=MIN_REASON)] if short else []
    if mode != "canary":
        return [tell("skips-canary")]
    return _of_canary(case, asked, tell)


def _of_canary(case: Case, asked: Asked, tell: Teller) -> list[Refusal]:
    words = f"canary:{case.current[1]}"
    if case.in_force and case.in_force != words:
        return [tell("canary-too-short.elsewhere", mode=case.in_force, words=words)]
    hours = tell.t.decimal(asked.canary / 3600)
    if case.since is None:
        return [tell("canary-too-short.unknown", hours=hours)]
    ran = max(case.now - case.since, 0.0)
    if ran < asked.canary:
        return [tell("canary-too-short", ran=tell.t.decimal(ran / 3600), hours=hours)]
    return []


def _of_record(record: BacktestRecord, case: Case, asked: Asked, tell: Teller) -> list[Refusal]:
    found, count = [], tell.t.count
    if record.made > case.now + AHEAD:
        found.append(tell("from-the-future"))
    age = case.now - record.end
    if age > asked.max_age:
        found.append(tell("too-old", days=count(int(age // DAY)), most=count(int(asked.max_age // DAY))))
    if not record.rows:
        found.append(tell("no-calls"))
    unknown = sorted(set(facts_of(case.rule.condition)) & set(record.unknown_facts))
    if unknown:
        found.append(tell("facts-unknown", facts=", ".join(unknown)))
    return found


def known_good_of(record: BacktestRecord, effect: RuleEffect) -> str:
    """Attempts of numbers known to be good that the rule would have decided; `unknown` where nothing tells such a number."""
    if not effect.decides:
        return "0"
    if not record.good and effect.honest < 0:
        return UNKNOWN
    return str(max(effect.known_good, effect.honest))


def roamers_of(record: BacktestRecord, effect: RuleEffect) -> str:
    """Attempts of subscribers known to be abroad; `unknown` where nobody knew who is abroad."""
    if effect.decides and not effect.roamers and SUBSCRIBER_FACTS & set(record.unknown_facts):
        return UNKNOWN
    return str(effect.roamers)


def figures_of(record: BacktestRecord, rule: str) -> tuple[int, int, int, int, int]:
    """What is kept of a back-test beside a mode: calls judged, length of the window in seconds, attempts that the rule would have
    decided, of these those of numbers known to be good and of roamers, -1 where that is not known."""
    effect = record.rules[rule]
    good, roamers = (
        -1 if number == UNKNOWN else int(number)
        for number in (known_good_of(record, effect), roamers_of(record, effect))
    )
    return record.rows, max(int(record.end - record.first), 0), effect.decides, good, roamers


def sentence(record: BacktestRecord, rule: str) -> str:
    """The figure in one line: it becomes the recorded reason, and so part of the policy's hash."""
    effect = record.rules[rule]
    days = max((record.end - record.first) / DAY, 0.0)
    good, roamers = known_good_of(record, effect), roamers_of(record, effect)
    return (
        f"back-test {record.id}: would have decided {effect.decides} of {record.rows} attempts in {days:.1f} days, "
        f"{good} of numbers known to be good, {roamers} of roamers"
    )


def recorded_reason(record: BacktestRecord, rule: str, asked: Asked) -> str:
    """The whole recorded reason of a promotion: the figure, and what somebody added."""
    parts = [sentence(record, rule), "canary skipped" * asked.skip_canary, asked.reason.strip()]
    return "; ".join(part for part in parts if part)


def _of_people(record: BacktestRecord, effect: RuleEffect, asked: Asked, tell: Teller) -> list[Refusal]:
    """A rule that would hit honest callers is promoted only by somebody who typed their number."""
    if effect.verdict == "pass":
        return []
    found = []
    good, roamers = known_good_of(record, effect), roamers_of(record, effect)
    if good != (asked.accept_known_good or "0"):
        found.append(tell("known-good.unknown") if good == UNKNOWN else tell("known-good", n=good))
    if roamers != (asked.accept_roamers or "0"):
        found.append(tell("roamers.unknown") if roamers == UNKNOWN else tell("roamers", n=roamers))
    return found
