"""What the rules of the policy did in a window of days: by the ledger, and by appeals."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tosqauyl.ledger.policies import find_policy
from tosqauyl.policy.rule import Rule
from tosqauyl.registry import appeals
from tosqauyl.registry.periods import window_of
from tosqauyl.web.caller import Caller
from tosqauyl.web.ledger_desk import asking, check_ledger, folder_of, window_between
from tosqauyl.web.policy_bodies import RuleCountsOut, RuleFalseStopsOut
from tosqauyl.web.problems import Refused

if TYPE_CHECKING:
    from tosqauyl.ledger.rule_activity import RuleCounts

Missing = Literal["", "no-ledger", "not-recorded", "busy"]
WEEK = 7
"""Days that are counted where nobody names others."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of a window. missing: why calls are not counted; appeals: upheld and decided, by what the refused calls named."""

    first: date
    last: date
    missing: Missing = ""
    calls: "RuleCounts | None" = None
    appeals: dict[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, rule: Rule) -> RuleCountsOut | None:
        """A rule's calls."""
        if self.calls is None:
            return None
        hits = self.calls.hits[rule.id] if self.calls.hits is not None else None
        return RuleCountsOut(hits=hits, decided=self.calls.decided[rule.id], watched=self.calls.watched[rule.id])

    def false_stops(self, rule: Rule) -> RuleFalseStopsOut:
        """Appeals that name the rule or its reason: a caller is told the reason only."""
        found = [self.appeals.get(name, (0, 0)) for name in {rule.id, rule.reason.value}]
        return RuleFalseStopsOut(upheld=sum(one[0] for one in found), decided=sum(one[1] for one in found))


def counted(caller: Caller, first: date, last: date) -> Counted:
    """The counts of some days, both included. Raises Invalid, Refused for whoever is not of the centre."""
    days = window_of(first, last)
    with caller.read() as work:
        found = appeals.false_stops(work, days.since, days.until)
    by_name = {one.rule: (one.upheld, one.decided) for one in found if one.rule}
    missing, calls = _calls(caller, first, last)
    return Counted(first, last, missing, calls, by_name)


def _calls(caller: Caller, first: date, last: date) -> "tuple[Missing, RuleCounts | None]":
    """What cannot be counted is said, and keeps nobody from seeing the policy."""
    window = window_between(first, last)
    try:
        check_ledger(caller)
        folder = folder_of(caller.office)
        with asking(caller, window) as engine:
            from tosqauyl.ledger.rule_activity import counts_of

            calls = counts_of(engine, window, lambda digest: _names(folder, digest))
    except Refused as error:
        if error.slug == "forbidden":
            raise
        return ("no-ledger" if error.slug == "not-found" else "busy"), None
    return ("not-recorded", None) if calls.missing else ("", calls)


def _names(ledger: Path, digest: str) -> list[str] | None:
    policy = find_policy(ledger, digest)
    return [rule.id for rule in policy.rules] if policy is not None else None
