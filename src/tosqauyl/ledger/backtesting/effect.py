"""What became of a call by one policy and by another: the values that a back-test counts."""

from typing import Any, NamedTuple

from tosqauyl.facts import Verdict
from tosqauyl.screen.decision import Decision

GOOD_FILE, GOOD_ANSWERED, GOOD_CONFIRMED, GOOD_LISTED = 1, 2, 4, 8
"""Why a calling number counts as known to be good; bits of `Effect.good`."""
GOOD = {"file": GOOD_FILE, "answered": GOOD_ANSWERED, "confirmed": GOOD_CONFIRMED, "allow-listed": GOOD_LISTED}
"""The same by name. file: in the file that was given. answered: the call was answered for over a minute. confirmed: the
operator said that it started the call. allow-listed: the number is on the operator's own list."""
_STOP = Verdict.STOP.value


class Effect(NamedTuple):
    """What one kind of call got before and gets now.

    old_*: as recorded, or of the policy compared with. new_*: of the policy tried. would: the rule that would decide with all
    rules enforced. roamer: whether its subscriber was known to be abroad. good: bits of GOOD. truth: fraud, honest or unknown.
    """

    old_verdict: str
    old_reason: str
    old_rule: str
    new_verdict: str
    new_reason: str
    new_rule: str
    would: str
    roamer: bool
    good: int
    truth: str

    @property
    def is_newly_stopped(self) -> bool:
        """It was let through, and would be stopped."""
        return self.new_verdict == _STOP != self.old_verdict

    @property
    def is_newly_passed(self) -> bool:
        """It was stopped, and would be let through."""
        return self.old_verdict == _STOP != self.new_verdict

    @property
    def change(self) -> str:
        """stopped, passed (both newly), other (another verdict) or same."""
        if self.is_newly_stopped:
            return "stopped"
        if self.is_newly_passed:
            return "passed"
        return "same" if self.old_verdict == self.new_verdict else "other"

    @property
    def stops_roamer(self) -> bool:
        """It is a call of a subscriber known to be abroad, and would be stopped."""
        return self.roamer and self.new_verdict == _STOP

    @property
    def needs_numbers(self) -> bool:
        """Whether the numbers behind it are counted: where something changes, and where honest callers are met."""
        return self.change != "same" or self.stops_roamer or bool(self.would and self.good)

    @property
    def label(self) -> str:
        """What examples are kept for; '' for none."""
        rule = self.old_rule if self.is_newly_passed else self.new_rule
        if self.change == "same" and not self.stops_roamer:
            return ""
        signs = (self.change, rule, "roamer" * self.stops_roamer, "good" * bool(self.good))
        return " ".join(sign or "-" for sign in signs)


class Example(NamedTuple):
    """One call. label: of its effect. old and new: (verdict, reason, rule). call: the facts that matter, by name."""

    label: str
    old: tuple[str, str, str]
    new: tuple[str, str, str]
    call: dict[str, Any]


def effect_of(old: Decision | tuple[str, str, str], new: Decision, group: dict[str, Any]) -> Effect:
    """The effect on one group of calls. old: a decision, or (verdict, reason, rule) as recorded. group: facts by name."""
    if isinstance(old, Decision):
        old = (old.verdict.value, old.reason.value, old.rule)
    good = (
        GOOD_FILE * bool(group["good_file"])
        | GOOD_ANSWERED * bool(group["good_answered"])
        | GOOD_CONFIRMED * (group["originated"] == "yes")
        | GOOD_LISTED * (group["listed"] == "allow")
    )
    roamer = "abroad" in (group["network_subscriber"], group["presented_subscriber"])
    return Effect(*old, new.verdict.value, new.reason.value, new.rule, new.would_rule, roamer, good, group["truth"])
