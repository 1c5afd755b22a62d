"""A policy that was stored comes back the same, and nothing but a policy comes back."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_calls import calls, expressions

from tosqauyl.errors import TosqauylError
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.load import load_policy, load_shipped
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.policy.stored import decode_policy, encode_policy
from tosqauyl.policy.stored_tree import Unstored, decode_condition, encode_condition
from tosqauyl.policy.to_python import compile_conditions

SHIPPED = load_shipped()
RULE = """
[[rule]]
id = "{id}"
when = "direction = 'international' AND caller LIKE '+7717%' ESCAPE '!'"
verdict = "divert"
divert_to = "sip:desk@192.0.2.7"
reason = "custom"
class = "analytic"
tier = "screen"
mode = "canary"
percent = 5
promote = false
expires = 2031-01-02
text = {{ kk = "қ", ru = "я", en = "e" }}
law = "none"
why_mode = "tried"
evidence = {{ reason = "looked at a month of calls", by = "desk", on = 2026-01-02, report = "r-1" }}
"""
FULL = load_policy(
    '[policy]\nname = "full"\ndated = 2026-02-03\n' + RULE.format(id="one") + RULE.format(id="two"), "full.toml"
)


def stored(policy):
    return json.loads(json.dumps(encode_policy(policy)))


@pytest.mark.parametrize("policy", [SHIPPED, FULL], ids=["shipped", "every key"])
def test_a_stored_policy_comes_back_equal_with_its_hash(policy):
    again = decode_policy(stored(policy))
    assert again == policy
    assert [rule.condition for rule in again.rules] == [rule.condition for rule in policy.rules]
    assert [rule.line for rule in again.rules] == [rule.line for rule in policy.rules]


def test_a_policy_that_was_stored_when_a_law_was_one_text_is_read():
    data = stored(FULL)
    for rule in data["rules"]:
        rule["rule"]["law"] = "none"
    assert decode_policy(data) == FULL
    assert FULL.rules[0].law == {"kk": "none", "ru": "none", "en": "none"}


def test_modes_that_the_configuration_set_are_stored_with_it():
    override = ModeOverride(SHIPPED.rules[-1].id, "canary", 7, "seen on a month of calls", "desk", date(2026, 1, 2))
    policy = SHIPPED.with_modes([override])
    assert decode_policy(stored(policy)) == policy != SHIPPED


@given(call=calls)
@settings(max_examples=100)
def test_a_stored_policy_hits_the_same_calls(call):
    assert decode_policy(stored(SHIPPED)).hits(call) == SHIPPED.hits(call)


@given(written=expressions(), call=calls)
@settings(max_examples=300)
def test_a_stored_condition_is_the_same_condition(written, call):
    condition = read_condition(written)[0]
    again = decode_condition(json.loads(json.dumps(encode_condition(condition))))
    assert again == condition
    assert compile_conditions([again])(call) == compile_conditions([condition])(call)


@pytest.mark.parametrize(
    "tree",
    [
        None, 7, [], {}, "caller", ["nothing"], ["true"], ["not"], [["true", "protected"]],
        ["true", "protected or __import__('os').system('id')"], ["true", "caller"], ["true", ["protected"]],
        ["like", "caller", 7, ""], ["like", "redirections", "x", ""], ["like", "caller", "x!", "!"],
        ["like", "caller", "x", "!!"], ["starts", "caller", ["x"]], ["is", 1], ["is", "TRUE"],
        ["=", ["fact", "caller"]], ["=", ["value", "a"], ["value", "a"]], ["=", ["fact", "caller"], ["value", 1]],
        ["=", ["fact", "direction"], ["value", "sideways"]], ["=", ["fact", "at"], ["value", 1]],
        ["=", ["fact", "redirections"], ["value", True]], ["=", ["fact", "redirections"], ["value", 2**63]],
        ["=", ["fact", "at"], ["value", float("inf")]], ["<", ["fact", "direction"], ["value", "domestic"]],
        ["==", ["fact", "caller"], ["value", "a"]], ["=", ["fact", "caller"], ["value", None]],
        ["=", ["fact", "caller"], ["fact", "redirections"]], ["in", ["fact", "caller"], []],
        ["in", ["value", "a"], ["a"]], ["in", ["fact", "caller"], ["a", 1]], ["in", ["fact", "caller"], "abc"],
        ["between", ["fact", "direction"], ["value", "domestic"], ["value", "domestic"]],
        ["between", ["fact", "caller"], ["value", "a"], ["value", 1]],
        ["=", ["length", "redirections"], ["value", 1]], ["=", ["length", "caller"], ["value", "1"]],
        ["and", ["is", True]], ["or"], ["and", ["and", ["is", True], ["is", True]], ["is", True]],
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(tree):
    with pytest.raises(Unstored):
        decode_condition(tree)


def test_conditions_without_end_are_refused():
    deep = ["is", True]
    for _ in range(100):
        deep = ["not", deep]
    with pytest.raises(Unstored, match="too large"):
        decode_condition(deep)
    with pytest.raises(Unstored, match="too large"):
        decode_condition(["or", *[["is", True]] * 5000])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["caller", "and", "="]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "rules", "tree"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_junk_is_refused_with_an_error_of_ours(data):
    with pytest.raises(Unstored):
        decode_condition({"no": "list"} if isinstance(data, list) and data[:1] == ["is"] else data)
    with pytest.raises(TosqauylError):
        decode_policy(data)


def broken(**changes):
    data = stored(FULL)
    data["rules"][0]["rule"] |= changes
    return data


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "a\r\nContact: <sip:evil>"}, "line break or control character"),
        ({"id": "A B"}, "name that can be used"),
        ({"id": "two"}, "one id"),
        ({"divert_to": "sip:a@b\r\nX: y"}, "control character"),
        ({"mode": "always"}, "no mode"),
        ({"evidence": None}, "not a table"),
        ({"percent": 500}, "whole number"),
        ({"text": {"en": "e"}}, "has no kk"),
        ({"verdict": "explode"}, "no verdict"),
        ({"extra": 1}, "no key"),
        ({"law": "another"}, "has the hash"),
        ({"law": {"kk": "none", "ru": "none", "en": "another"}}, "has the hash"),
        ({"law": {"en": "none"}}, "has no kk"),
        ({"law": 5}, "not a table of languages"),
    ],
)
def test_fields_that_no_policy_file_could_have_are_refused(changes, says):
    with pytest.raises(TosqauylError, match=says):
        decode_policy(broken(**changes))


def test_every_mistake_is_told_at_once():
    with pytest.raises(TosqauylError) as refused:
        decode_policy(broken(verdict="explode", mode="always", percent=500))
    assert len(str(refused.value).split("full.toml:")) == 4
