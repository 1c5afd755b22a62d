"""A back-test on record: what a policy would have done to recorded calls, kept so that a rule can be promoted on it.

One JSON file a back-test, `backtests/<id>.json` in the ledger's folder. A record is about rules by their content: a rule whose
condition, verdict or tier was changed afterwards has no record any more (`rule_key`).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tosqauyl.durable import write_whole
from tosqauyl.errors import TosqauylError
from tosqauyl.policy.modes import rule_key
from tosqauyl.policy.rule import Rule

FOLDER = "backtests"


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one rule would have done, all in call attempts unless said otherwise.

    hits: calls its condition held for. decides: of those, where it alone gave the verdict, all rules of the policy taken as
    enforced. known_good: of `decides`, those of numbers known to be good (`BacktestRecord.good` says by what). roamers: of
    `decides`, those of subscribers known to be abroad. honest, fraud: of `decides`, by the recorded truth; -1 where there is none.
    known_good_numbers: different numbers behind known_good.
    """

    key: str
    verdict: str
    hits: int
    decides: int
    known_good: int
    known_good_numbers: int
    roamers: int
    honest: int = -1
    fraud: int = -1


@dataclass(frozen=True, slots=True)
class BacktestRecord:
    """id: `bt-` and 12 hex digits of the content. made: seconds since 1970. first, end: the window of the calls.

    revision: of the ledger. rows: calls judged. good: what "known to be good" rested on. unknown_facts: facts the policy reads
    that were not recorded or derived for all calls. rules: effect by rule id.
    """

    id: str
    made: float
    policy: str
    policy_hash: str
    against: str
    revision: str
    first: float
    end: float
    rows: int
    newly_stopped: int
    newly_passed: int
    good: tuple[str, ...]
    unknown_facts: tuple[str, ...]
    rules: dict[str, RuleEffect]


def write_record(ledger: Path, record: BacktestRecord) -> Path:
    """Keep a record, durable (0600). Raises TosqauylError."""
    folder = ledger / FOLDER
    path = folder / f"{record.id}.json"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, json.dumps(asdict(record), indent=1))
    except OSError as error:
        raise TosqauylError(f"the back-test cannot be recorded: {error.strerror}", str(path)) from error
    return path


def read_record(path: Path) -> BacktestRecord:
    """A record. Raises TosqauylError where the file is none."""
    try:
        content = json.loads(path.read_bytes())
        rules = {name: RuleEffect(**effect) for name, effect in content.pop("rules").items()}
        good, unknown = tuple(content.pop("good")), tuple(content.pop("unknown_facts"))
        return BacktestRecord(**content, rules=rules, good=good, unknown_facts=unknown)
    except OSError as error:
        raise TosqauylError(f"the back-test cannot be read: {error.strerror}", str(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TosqauylError(f"this is no record of a back-test: {error}", str(path)) from error


def records(ledger: Path) -> Iterator[BacktestRecord]:
    """Every record of a ledger, newest first; files that are none are passed over."""
    found = []
    for path in (ledger / FOLDER).glob("bt-*.json"):
        try:
            found.append(read_record(path))
        except TosqauylError:
            continue
    yield from sorted(found, key=lambda one: -one.made)


def record_of(ledger: Path, rule: Rule) -> BacktestRecord | None:
    """The newest record in which this rule, as it is now, was tried; None if there is none."""
    key = rule_key(rule)
    return next((one for one in records(ledger) if rule.id in one.rules and one.rules[rule.id].key == key), None)
