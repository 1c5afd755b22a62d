"""Two policies compared: rule by rule, part by part."""

from dataclasses import replace

from tosqauyl.policy.difference import Part, compare
from tosqauyl.policy.load import load_policy, load_shipped, shipped_text
from tosqauyl.policy.modes import standing
from tosqauyl.policy.rule import ModeOverride

POLICY = load_shipped()
RULE = "kz-fixed-abroad"


def edited(*changes):
    text = shipped_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return load_policy(text, "draft")


def test_a_policy_does_not_differ_from_itself():
    found = compare(POLICY.rules, edited().rules)
    assert (found.changes, found.same, found.is_reordered) == ((), len(POLICY.rules), False)


def test_each_part_of_a_changed_rule_is_told():
    rule = next(rule for rule in POLICY.rules if rule.id == RULE)
    texts = dict(rule.texts) | {"ru": "Другой текст."}
    draft = tuple(
        replace(one, texts=texts, mode="canary", percent=5) if one.id == RULE else one for one in POLICY.rules
    )
    (change,) = compare(POLICY.rules, draft).changes
    assert (change.rule, change.kind, change.needs_backtest) == (RULE, "changed", False)
    assert change.parts == (Part("mode", "monitor", "canary:5"), Part("text.ru", rule.texts["ru"], "Другой текст."))


def test_a_law_is_compared_in_each_language():
    rule = next(rule for rule in POLICY.rules if rule.id == RULE)
    law = dict(rule.law) | {"kk": "Басқа бұйрық"}
    (change,) = compare(POLICY.rules, edited((rule.law["kk"], law["kk"])).rules).changes
    assert (change.parts, change.needs_backtest) == ((Part("law.kk", rule.law["kk"], law["kk"]),), False)


def test_what_a_rule_does_was_changed_and_needs_a_back_test():
    rule = next(rule for rule in POLICY.rules if rule.id == "kz-burst")
    draft = edited((rule.when, rule.when.replace("caller_calls_1s >= 5", "caller_calls_1s >= 6")))
    (change,) = compare(POLICY.rules, draft.rules).changes
    assert (change.rule, change.needs_backtest, [part.name for part in change.parts]) == ("kz-burst", True, ["when"])


def test_a_condition_that_is_written_in_another_way_is_no_change():
    rule = next(rule for rule in POLICY.rules if rule.id == RULE)
    draft = tuple(replace(one, when=f"( {one.when} )") if one.id == RULE else one for one in POLICY.rules)
    assert rule.when != next(one for one in draft if one.id == RULE).when
    assert compare(POLICY.rules, draft).changes == ()


def test_added_removed_and_reordered_rules_are_told():
    first, second, *others = POLICY.rules
    new = replace(first, id="own-rule", line=7)
    found = compare(POLICY.rules, (*reversed(others), new, second))
    assert [(one.rule, one.kind, one.line) for one in found.changes] == [
        ("own-rule", "added", 7),
        (first.id, "removed", 0),
    ]
    assert (found.same, found.is_reordered) == (len(POLICY.rules) - 1, True)
    assert all(part.before == "" for part in found.changes[0].parts)
    assert all(part.after == "" for part in found.changes[1].parts)


def test_modes_that_were_decided_are_seen():
    rule = next(rule for rule in POLICY.rules if rule.id == RULE)
    one = ModeOverride(
        RULE, "enforce", 0, "looked at by hand for a week", "aida", POLICY.dated, "bt-1", made_for=standing(rule)
    )
    (change,) = compare(POLICY.rules, POLICY.with_modes([one]).rules).changes
    assert {part.name: part.after for part in change.parts} == {"mode": "enforce", "evidence": one.reason}
