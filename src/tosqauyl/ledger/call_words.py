"""One call explained in words: for a terminal and for pages, to somebody who has never seen a rule."""

from datetime import datetime
from math import isfinite
from zoneinfo import ZoneInfo

from tosqauyl.facts import FACTS, Reason
from tosqauyl.ledger.explained import Explained, FactSaid, RuleOutcome
from tosqauyl.ledger.network_texts import age_text, network_lines
from tosqauyl.ledger.window import HOME_ZONE
from tosqauyl.policy.explain import condition_lines, value_group, words
from tosqauyl.policy.tree import AllOf, Condition
from tosqauyl.texts import N_, Texts

_BECAUSE = {
    "pass": N_("The call was let through: {reason}."),
    "mark": N_("The call went on with a warning to the called party: {reason}."),
    "withhold": N_("The call went on without showing its number: {reason}."),
    "divert": N_("The call was sent to somebody who answers in place of the called party: {reason}."),
    "stop": N_("The call was stopped: {reason}."),
}
_WOULD = {
    "pass": N_("Had the rules that only watch been in force, it would have been let through: {reason}."),
    "mark": N_("Had the rules that only watch been in force, it would have gone on with a warning: {reason}."),
    "withhold": N_(
        "Had the rules that only watch been in force, it would have gone on without showing its number: {reason}."
    ),
    "divert": N_("Had the rules that only watch been in force, it would have been sent elsewhere: {reason}."),
    "stop": N_("Had the rules that only watch been in force, it would have been stopped: {reason}."),
}
_BY = {
    "alone": N_("It was the only rule in force that held for this call."),
    "tier": N_("Other rules in force held as well; this one came first because its tier comes before theirs."),
    "severity": N_(
        "Other rules of the same tier held as well; this one came first because its verdict is the most severe."
    ),
    "order": N_(
        "Other rules of the same tier held as well; this one came first because it stands first in the policy."
    ),
}
PARTS = {
    "decided": N_("It held and decided."),
    "outranked": N_("It held; another rule came first."),
    "would-decide": N_("It held and only watches. In force it would have decided."),
    "watched": N_("It held and only watches. Another rule would have come first."),
    "off": N_("It held and is off."),
    "no": N_("It did not hold."),
    "not-looked-at": N_("It was not looked at: a fault came before."),
}
GROUP_NAMES = {
    "number": N_("The calling number"),
    "called": N_("The called number and forwarding"),
    "trunk": N_("The trunk"),
    "network": N_("What the networks said"),
    "lists": N_("Lists and names"),
    "rates": N_("How often who calls"),
    "call": N_("The call itself"),
}
TIERS = {
    "emergency": N_("help must be reachable"),
    "protected": N_("numbers that never call anybody"),
    "allow": N_("let through by hand"),
    "listed": N_("on a list"),
    "exempt": N_("good reason to let it through"),
    "screen": N_("looked at closely"),
}
HIDDEN = N_("hidden; shown for a purpose")
"""What stands for a fact that names a person."""
FAULTS = {
    "caller_missing": N_("there is no calling number"),
    "caller_unreadable": N_("the header with the calling number could not be read"),
    "called_unreadable": N_("the called number could not be read"),
    "header_unreadable": N_("a header could not be read and was left out"),
    "provider_timeout": N_("a network did not answer in time"),
    "provider_failed": N_("a network's answer made no sense"),
    "policy_raised": N_("the policy could not be evaluated"),
    "enrich_raised": N_("the facts of the call could not be read"),
}
"""A test holds them together with the faults of a call."""
_ENDED = {
    "yes": N_("The called party answered."),
    "no": N_("The called party did not answer."),
    "unknown": N_("Whether the called party answered was not told."),
}
_HUNG_UP = {
    "caller": N_("The caller ended it."),
    "callee": N_("The called party ended it."),
    "network": N_("A network ended it."),
}


def summary(found: Explained, t: Texts) -> str:
    """What was decided and why, in one sentence."""
    row = found.row
    if not found.judged:
        return t("No gate judged this call: its record came from another system.")
    reason = str(row["reason"])
    if reason == Reason.NONE:
        return t("The call was let through: no rule in force was against it.")
    if reason == Reason.FAILED_OPEN:
        return t("The call was let through because something failed while it was judged.")
    if reason == Reason.FAILED_CLOSED:
        return t("The call did not go on unchanged because something failed while it was judged.")
    return t(_BECAUSE.get(str(row["verdict"]), _BECAUSE["pass"]), reason=t.reason(reason))


def more(found: Explained, t: Texts) -> list[str]:
    """What else must be known of the decision: the rule, why it came first, what rules that watch would have given, faults."""
    row, lines = found.row, []
    if not found.judged:
        return []
    if row["rule"]:
        lines.append(_rule_line(found, t))
    if found.by:
        lines.append(t(_BY[found.by]))
    if _would_differ(found):
        lines.append(
            t(_WOULD.get(str(row["would_verdict"]), _WOULD["pass"]), reason=t.reason(str(row["would_reason"])))
        )
    faults = [t(FAULTS.get(one, one)) for one in str(row["faults"]).split(";") if one]
    if faults:
        lines.append(t("On the way: {faults}.", faults="; ".join(faults)))
    return lines


def policy_line(found: Explained, t: Texts) -> str:
    """Which policy decided, and how far it is known; '' where no gate judged the call."""
    digest = str(found.row["policy"])
    if not found.judged:
        return ""
    if not digest:
        return t("Which policy decided was not written down, so its rules cannot be told one by one.")
    if found.policy is None:
        return t(
            "The policy that decided ({hash}) is not kept here: only what was written down can be told. {n} of its rules held.",
            hash=digest,
            n=t.count(found.held),
        )
    if not found.is_same:
        return t(
            "Policy {name} ({hash}). It does not give the recorded decision: a setting of the gate, or its mode file, changed it."
            " What was written down holds.",
            name=found.policy.name,
            hash=digest,
        )
    return t("Policy {name} ({hash}), with which the decision comes out the same.", name=found.policy.name, hash=digest)


def network_said(found: Explained, t: Texts) -> list[str]:
    """What home networks and the number's operator said, a line each."""
    return network_lines(found.call, t) or [t("no network was asked, and none had said anything before")]


def outcome_lines(ended: dict[str, object] | None, has_feed: bool, t: Texts) -> list[str]:
    """What became of the call. has_feed: whether the ledger has any word about ends of calls of these days."""
    if not has_feed:
        return [t("Not computable: the ledger has no word about how calls of these days ended.")]
    if ended is None:
        return [t("Nothing was told about how this call ended.")]
    lines = [t(_ENDED.get(str(ended["answered"]), _ENDED["unknown"]))]
    duration, ringing = float(str(ended["duration"])), float(str(ended["ringing"]))
    if ended["answered"] == "yes" and duration >= 0:
        lines.append(t("They spoke for {span}.", span=age_text(duration, t)))
    if ringing >= 0:
        lines.append(t("It rang for {span}.", span=age_text(ringing, t)))
    if ended["hung_up"] in _HUNG_UP:
        lines.append(t(_HUNG_UP[str(ended["hung_up"])]))
    codes = [f"SIP {ended['sip_code']}" if ended["sip_code"] else "", f"Q.850 {ended['q850']}" if ended["q850"] else ""]
    if any(codes):
        lines.append(t("Codes: {codes}.", codes=", ".join(one for one in codes if one)))
    return lines


def condition_text(condition: Condition, t: Texts) -> str:
    """A condition in words, one part a line, indented."""
    return "\n".join(condition_lines(condition, t.language))


def against_text(outcome: RuleOutcome, t: Texts) -> str:
    """What would have had to be so for the rule to hold, in words; '' where it cannot be told."""
    parts = outcome.against
    return condition_text(parts[0] if len(parts) == 1 else AllOf(parts), t) if parts else ""


def mode_text(outcome: RuleOutcome, t: Texts) -> str:
    """The mode that a rule was in for this caller."""
    said = str(words()["modes"][outcome.mode][t.language])
    if outcome.rule.mode == "canary" and outcome.mode != "off":
        inside = outcome.mode == "enforce"
        share = t("this caller belongs to them") if inside else t("this caller does not belong to them")
        return f"{words()['modes']['canary'][t.language]} ({outcome.rule.percent} %): {share}"
    return said


def verdict_text(outcome: RuleOutcome, t: Texts) -> str:
    """What a rule does to a call."""
    return str(words()["verdicts"][outcome.rule.verdict][t.language])


def fact_name(name: str, t: Texts) -> str:
    """What a fact is called."""
    return str(words()["facts"][name][t.language])


def fact_text(fact: FactSaid, t: Texts) -> str:
    """A fact's value in words; what is not known is told as that."""
    value = fact.value
    if fact.state == "not-recorded":
        return t("not recorded")
    if fact.state == "unknown" and not FACTS[fact.name].about.choices:
        return t("not known") if value == -1 or fact.name == "at" else t("none")
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if fact.name == "at":
        return moment_text(float(value), t)
    if fact.name == "home_age":
        return age_text(float(value), t)
    if fact.name == "faults":
        return "; ".join(t(FAULTS.get(one, one)) for one in str(value).split(";"))
    known = words()["values"].get(value_group(fact.name), {}).get(value)
    return str(known[t.language]) if known else t.count(value) if isinstance(value, int) else str(value)


def moment_text(at: float, t: Texts) -> str:
    """A time in Kazakhstan to the millisecond."""
    try:
        local = datetime.fromtimestamp(at if isfinite(at) else 0.0, ZoneInfo(HOME_ZONE))
    except (ValueError, OverflowError, OSError):
        return "?"
    day = f"{local:%Y-%m-%d}" if t.language == "en" else f"{local:%d.%m.%Y}"
    return f"{day} {local:%H:%M:%S}.{local.microsecond // 1000:03}"


def _rule_line(found: Explained, t: Texts) -> str:
    outcome = found.deciding
    if outcome is None:
        return t("Rule {rule} decided.", rule=found.row["rule"])
    return t("Rule {rule} decided: {what}", rule=outcome.rule.id, what=t.pick(outcome.rule.texts))


def _would_differ(found: Explained) -> bool:
    row = found.row
    return (row["would_verdict"], row["would_reason"]) != (row["verdict"], row["reason"]) and not found.is_faulty
