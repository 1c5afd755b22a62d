"""What keeps a rule from being promoted: each refusal with its slug (docs/promote.md), all at once, from values alone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tosqauyl.policy.modes import MIN_REASON
from tosqauyl.policy.rule import Rule
from tosqauyl.policy.tree import facts_of
from tosqauyl.texts import Texts

if TYPE_CHECKING:  # the ledger is not imported where nobody promotes
    from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect

DAY = 86400.0
AHEAD = 3600.0
"""Seconds that the clock of whoever made a record may be ahead."""
UNKNOWN = "unknown"
SUBSCRIBER_FACTS = frozenset(("network_subscriber", "presented_subscriber"))
"""What tells a roamer."""
MOST_REASON = 300
"""Code points of what somebody adds to the figure."""


class Refusal(NamedTuple):
    """One thing that keeps a rule from being promoted."""

    slug: str
    text: str


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
    runs. configured: mode and percent of its [[mode]] table in the configuration, and where that stands. held: it was retracted.
    record: the back-test to go by. other_key: there is one of other content of the rule.
    """

    rule: Rule
    current: tuple[str, int]
    now: float
    record: "BacktestRecord | None" = None
    other_key: bool = False
    since: float | None = None
    in_force: str = ""
    configured: tuple[str, int, str] | None = None
    held: bool = False


def refusals(case: Case, asked: Asked, t: Texts) -> list[Refusal]:
    """Everything that speaks against it."""
    found = [*_of_rule(case, asked, t), *_of_steps(case, asked, t)]
    record = case.record
    if record is None:
        return [*found, _no_record(case, t)]
    effect = record.rules[case.rule.id]
    return [*found, *_of_record(record, case, asked, t), *_of_people(record, effect, asked, t)]


def _of_rule(case: Case, asked: Asked, t: Texts) -> list[Refusal]:
    found = []
    if case.rule.is_expired(datetime.fromtimestamp(case.now, UTC).date()):
        found.append(Refusal("expired", t("The rule has expired: its last day was {day}.", day=case.rule.expires)))
    if case.configured is not None:
        mode, percent, where = case.configured
        if not case.held:
            what = t("The configuration sets this rule's mode: change it there ({where}).", where=where)
            found.append(Refusal("set-in-configuration", what))
        elif (mode, percent) != (asked.mode, asked.percent):
            what = t("The rule was retracted, and the configuration says {mode}: only that can be given back ({where}).",
                     mode=mode, where=where)  # fmt: skip
            found.append(Refusal("set-in-configuration", what))
    if len(asked.reason) > MOST_REASON or not asked.reason.isprintable():
        what = t("The reason must be one line of at most {most} characters.", most=MOST_REASON)
        found.append(Refusal("reason", what))
    return found


def _of_steps(case: Case, asked: Asked, t: Texts) -> list[Refusal]:
    mode, percent = case.current
    if mode == "off":
        return [Refusal("off", t("The rule is off: nobody has watched it. Set it to monitor first."))]
    if mode == "enforce" or (mode, percent) == (asked.mode, asked.percent):
        return [Refusal("already", t("The rule is in {mode} already.", mode=mode))]
    if asked.mode != "enforce":
        return []
    if asked.skip_canary:
        short = len(asked.reason.strip()) < MIN_REASON
        what = t("--skip-canary needs a --reason of at least {least} characters.", least=MIN_REASON)
        return [Refusal("reason", what)] if short else []
    if mode != "canary":
        what = t("A step is left out: first --to canary:PERCENT. Or --skip-canary, with a reason.")
        return [Refusal("skips-canary", what)]
    return _of_canary(case, asked, t)


def _of_canary(case: Case, asked: Asked, t: Texts) -> list[Refusal]:
    words = f"canary:{case.current[1]}"
    if case.in_force and case.in_force != words:
        what = t("The gate has {mode} in force, not {words}: the canary has not run.", mode=case.in_force, words=words)
        return [Refusal("canary-too-short", what)]
    hours = t.decimal(asked.canary / 3600)
    if case.since is None:
        what = t("Since when the canary runs is not known; it must be {hours} h.", hours=hours)
        return [Refusal("canary-too-short", what)]
    ran = max(case.now - case.since, 0.0)
    if ran < asked.canary:
        what = t("The canary has run for {ran} h; it must be {hours} h.", ran=t.decimal(ran / 3600), hours=hours)
        return [Refusal("canary-too-short", what)]
    return []


def _no_record(case: Case, t: Texts) -> Refusal:
    if case.other_key:
        what = t("The rule was changed since it was back-tested: test it as it is now (tosqauyl backtest --record).")
        return Refusal("other-content", what)
    return Refusal("no-record", t("No back-test of this rule is on record (tosqauyl backtest --record)."))


def _of_record(record: "BacktestRecord", case: Case, asked: Asked, t: Texts) -> list[Refusal]:
    found = []
    if record.made > case.now + AHEAD:
        found.append(Refusal("from-the-future", t("The back-test is from the future: look at the clocks.")))
    age = case.now - record.end
    if age > asked.max_age:
        what = t("The calls of the back-test are {days} days old; {most} are allowed.",
                 days=t.count(int(age // DAY)), most=t.count(int(asked.max_age // DAY)))  # fmt: skip
        found.append(Refusal("too-old", what))
    if not record.rows:
        found.append(Refusal("no-calls", t("The back-test judged no call.")))
    unknown = sorted(set(facts_of(case.rule.condition)) & set(record.unknown_facts))
    if unknown:
        what = t(
            "The rule rests on facts that the back-test did not know for all calls: {facts}.", facts=", ".join(unknown)
        )
        found.append(Refusal("facts-unknown", what))
    return found


def known_good_of(record: "BacktestRecord", effect: "RuleEffect") -> str:
    """Attempts of numbers known to be good that the rule would have decided; `unknown` where nothing tells such a number."""
    if not effect.decides:
        return "0"
    if not record.good and effect.honest < 0:
        return UNKNOWN
    return str(max(effect.known_good, effect.honest))


def roamers_of(record: "BacktestRecord", effect: "RuleEffect") -> str:
    """Attempts of subscribers known to be abroad; `unknown` where nobody knew who is abroad."""
    if effect.decides and not effect.roamers and SUBSCRIBER_FACTS & set(record.unknown_facts):
        return UNKNOWN
    return str(effect.roamers)


def _of_people(record: "BacktestRecord", effect: "RuleEffect", asked: Asked, t: Texts) -> list[Refusal]:
    """A rule that would hit honest callers is promoted only by somebody who typed their number."""
    if effect.verdict == "pass":
        return []
    found = []
    good, roamers = known_good_of(record, effect), roamers_of(record, effect)
    if good != (asked.accept_known_good or "0"):
        text = t(
            "It would have hit {n} attempts of callers known to be good. If that is right: --accept-known-good {n}",
            n=good,
        )
        if good == UNKNOWN:
            text = t("The back-test could not tell numbers known to be good. To go on: --accept-known-good unknown")
        found.append(Refusal("known-good", text))
    if roamers != (asked.accept_roamers or "0"):
        text = t("It would have hit {n} attempts of roamers. If that is right: --accept-roamers {n}", n=roamers)
        if roamers == UNKNOWN:
            text = t("The back-test did not know who was abroad. To go on: --accept-roamers unknown")
        found.append(Refusal("roamers", text))
    return found
