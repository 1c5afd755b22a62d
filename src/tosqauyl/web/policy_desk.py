"""The policy as the office knows it: the gates' file, in the modes that were decided here; and what speaks against a promotion."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.ledger.backtest_record import BacktestRecord, records
from tosqauyl.ledger.promotion import Asked, Case, Refusal, Teller, refusals
from tosqauyl.policy.load import Policy, load_policy, load_shipped
from tosqauyl.policy.modes import applies, rule_key
from tosqauyl.policy.rule import ModeOverride, Rule
from tosqauyl.registry import modes
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import ModeDecision
from tosqauyl.texts import LANGUAGES, PAGES, Texts
from tosqauyl.web.office import Office
from tosqauyl.web.policy_words import AGAINST
from tosqauyl.web.problems import Refused

MOST_POLICY = 262_144
"""Characters of a policy that is read; the shipped one has a tenth of that."""
_lock = Lock()
_read: dict[str, tuple[tuple[int, int], Policy]] = {}
"""By file: what it was when it was read (time and size), and the policy."""


def policy_of(office: Office) -> Policy:
    """The policy as its file is; read anew when the file changes. Raises Refused where it cannot be read or has mistakes."""
    name = office.policy.file
    try:
        found = Path(name).stat() if name else None
        state = (found.st_mtime_ns, found.st_size) if found is not None else (0, 0)
        with _lock:
            if name not in _read or _read[name][0] != state:
                _read[name] = (
                    state,
                    load_policy(Path(name).read_text("utf-8"), Path(name).name) if name else load_shipped(),
                )
            return _read[name][1]
    except FileMistakes as error:
        office.alarm(f"ALARM: the policy has mistakes: {error}")
        raise Refused("refused", "the policy file of the office has mistakes", "its operator was told them") from None
    except (OSError, UnicodeDecodeError):
        office.alarm(f"ALARM: the policy cannot be read: {name}")
        raise Refused("refused", "the policy file of the office cannot be read", "its operator was told") from None


def draft_of(text: str) -> tuple[Policy | None, list[Mistake]]:
    """A draft as a policy; or every mistake in it."""
    try:
        return load_policy(text, "draft"), []
    except FileMistakes as error:
        return None, error.mistakes


def rule_of(policy: Policy, name: str) -> Rule:
    """A rule of a policy. Raises Absent."""
    found = next((rule for rule in policy.rules if rule.id == name), None)
    if found is None:
        raise Absent("the policy has no such rule")
    return found


def override_of(one: ModeDecision) -> ModeOverride:
    """What a decision makes of the policy; the same as at a gate."""
    on = datetime.fromtimestamp(one.decided / 1000, UTC).date()
    stays = one.state != "retracted"
    return ModeOverride(
        one.rule, one.mode, one.percent, one.reason, modes.by_of(one), on, one.report, stays, one.made_for
    )


def in_modes(policy: Policy, standing: Iterable[ModeDecision]) -> Policy:
    """The policy in the modes that were decided, as far as they hold for it. Raises FileMistakes."""
    return policy.with_modes(
        [override_of(one) for one in standing if is_in_use(policy, one)], "decisions of the office"
    )


def is_in_use(policy: Policy, one: ModeDecision) -> bool:
    """Whether a decision holds for the policy as it is: a rule that was changed since is as the file says."""
    rule = next((rule for rule in policy.rules if rule.id == one.rule), None)
    return rule is not None and applies(override_of(one), rule)


@dataclass(frozen=True, slots=True)
class Checked:
    """A promotion that was looked at. case: all that is known; asked: what is wanted; against: each refusal in all languages."""

    case: Case
    asked: Asked
    against: list[dict[str, Refusal]]


def check_promotion(work: Work, office: Office, rule: Rule, asked: Asked, report: str = "") -> Checked:
    """What speaks against promoting a rule. report: id of the back-test to go by, '' for the newest that fits. Raises Refused."""
    record, other = _record(office, rule, report)
    case = _case(work, policy_of(office), rule, (record, other))
    told = [refusals(case, asked, Teller(Texts(language, PAGES), AGAINST)) for language in LANGUAGES]
    against = [dict(zip(LANGUAGES, one, strict=True)) for one in zip(*told, strict=True)]
    return Checked(case, asked, against)


def record_of(office: Office, rule: Rule) -> BacktestRecord | None:
    """The newest back-test of the rule as it is now."""
    return _record(office, rule, "")[0]


def _record(office: Office, rule: Rule, report: str) -> tuple[BacktestRecord | None, bool]:
    """The back-test to go by, and whether there is one of other content of the rule."""
    ledger = office.calls.ledger
    tried = [one for one in records(ledger) if rule.id in one.rules and report in ("", one.id)] if ledger else []
    fitting = next((one for one in tried if one.rules[rule.id].key == rule_key(rule)), None)
    return fitting, fitting is None and bool(tried)


def _case(work: Work, policy: Policy, rule: Rule, tried: tuple[BacktestRecord | None, bool]) -> Case:
    held, now = modes.holds(work, rule.id), work.now / 1000
    one = rule_of(in_modes(policy, [held] if held else []), rule.id)
    mode = one.mode_at(False, datetime.fromtimestamp(now, UTC).date())
    current = mode, one.percent if mode == "canary" else 0
    return Case(rule, current, now, *tried, _since(one, held if held and is_in_use(policy, held) else None))


def _since(rule: Rule, held: ModeDecision | None) -> float | None:
    """Since when a canary runs, as it was decided here; of one of the file, from the end of the day it says."""
    if rule.mode != "canary":
        return None
    if held is not None and held.mode == "canary":
        return held.decided / 1000
    if rule.evidence is None:
        return None
    day = rule.evidence.on + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
