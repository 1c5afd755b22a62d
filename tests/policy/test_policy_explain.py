"""Rules read out in three languages."""

import re

import pytest
from hypothesis import given
from policy_calls import expressions

from tosqauyl.facts import FACTS, Verdict
from tosqauyl.policy.explain import condition_lines, explain_rule, value_group, words
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.rule import MODES
from tosqauyl.texts import LANGUAGES

KAZAKH, CYRILLIC = re.compile("[әғқңөұүһі]", re.IGNORECASE), re.compile("[а-я]", re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_and_value_has_words(language):
    assert set(words()["facts"]) == set(FACTS)
    for fact in FACTS.values():
        assert words()["facts"][fact.name][language].strip()
        if fact.about.choices:
            group = words()["values"][value_group(fact.name)]
            assert set(group) == set(fact.about.choices), fact.name
            assert all(entry[language].strip() for entry in group.values())
    assert set(words()["verdicts"]) == set(Verdict)
    assert set(words()["modes"]) == set(MODES)


def test_no_word_is_left_over():
    groups = {value_group(fact.name) for fact in FACTS.values() if fact.about.choices}
    assert set(words()["values"]) == groups
    assert set(words()) == {"facts", "values", "verdicts", "modes"}


@pytest.mark.parametrize("rule", load_shipped().rules, ids=lambda rule: rule.id)
def test_shipped_texts_are_in_their_languages(rule):
    for texts in (rule.texts, rule.law, rule.why_mode):
        assert KAZAKH.search(texts["kk"])
        assert CYRILLIC.search(texts["ru"])
        assert not KAZAKH.search(texts["ru"])
        assert not CYRILLIC.search(texts["en"])
        assert len(set(texts.values())) == 3
    for language in LANGUAGES:
        told = explain_rule(rule, language)
        assert rule.id in told
        assert rule.texts[language] in told
        assert rule.law[language] in told


def test_a_rule_reads_as_a_list():
    rule = next(rule for rule in load_shipped().rules if rule.id == "kz-mobile-home")
    assert explain_rule(rule, "en").splitlines()[1:9] == [
        "When:",
        "  all of these hold:",
        "  - the trunk's direction is from abroad",
        "  - at least one of these:",
        "    - all of these hold:",
        "      - the kind of the network number is Kazakh mobile",
        "      - the place of the network number's subscriber is in Kazakhstan",
        "    - all of these hold:",
    ]


@given(expressions())
def test_every_condition_can_be_read_out(text):
    condition, _ = read_condition(text)
    for language in LANGUAGES:
        lines = condition_lines(condition, language)
        assert lines
        assert all(line.strip() for line in lines)
