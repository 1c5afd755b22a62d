"""Expressions: what is understood, what is refused and where, and that nothing escapes."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_calls import expressions

from tosqauyl.facts import FACTS
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.to_sql import condition_text
from tosqauyl.policy.tokens import MAX_DEPTH, MAX_LENGTH
from tosqauyl.policy.tree import facts_of

CORPORA = Path(__file__).parents[1] / "corpora" / "policy"


def rows(name):
    lines = [line for line in (CORPORA / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter=";", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("row", rows("conditions.csv"), ids=lambda row: row["expression"])
def test_is_understood(row):
    condition, misreads = read_condition(row["expression"])
    assert misreads == []
    assert condition_text(condition) == row["canonical"]


@pytest.mark.parametrize("row", rows("mistakes.csv"), ids=lambda row: row["expression"])
def test_is_refused_at_its_place(row):
    expression, column, message, hint = row["expression"], row["column"], row["message"], row["hint"]
    condition, misreads = read_condition(expression)
    assert condition is None
    found = [(m.offset + 1, m.what, m.hint) for m in misreads]
    assert any(str(at) == column and message in what and hint in told for at, what, told in found), found


@pytest.mark.parametrize("text", ["protected; protected", "protected;", ";", ";;", "; protected"])
def test_a_semicolon_is_refused(text):
    condition, misreads = read_condition(text)
    assert condition is None
    assert misreads[0].offset == text.index(";")
    assert "semicolon" in misreads[0].hint


def test_the_parser_says_nothing_on_its_own(caplog, recwarn, capfd):
    for row in rows("mistakes.csv") + rows("conditions.csv"):
        read_condition(row["expression"])
    for text in (
        "CALL x",
        "SHOW tables",
        "PRAGMA x",
        "SET a = 1",
        "caller @@ 'a'",
        "{fn length(caller)}",
        "ATTACH 'x'",
    ):
        assert read_condition(text)[0] is None
    assert caplog.records == []
    assert list(recwarn) == []
    assert capfd.readouterr() == ("", "")


def test_all_mistakes_of_an_expression_are_told_at_once():
    _, misreads = read_condition("directon = 'x' AND callr = 'y' AND protectd")
    assert [m.offset for m in misreads] == [0, 19, 35]
    _, misreads = read_condition("direction = 'x' AND caller_kind IN ('y', 'fixed', 'z') AND redirections = 'w'")
    assert [m.offset for m in misreads] == [12, 36, 50, 74]


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_can_be_named(name):
    fact = FACTS[name]
    text = {"text": f"{name} = ''", "choice": f"{name} = 'unknown'", "boolean": name}.get(fact.type, f"{name} = 1")
    text = text.replace("'unknown'", repr(str(fact.about.unknown)))
    condition, misreads = read_condition(text)
    assert misreads == []
    assert facts_of(condition) == (name,)


@given(expressions())
def test_every_expression_of_the_grammar_is_understood_and_its_canonical_text_reads_back(text):
    condition, misreads = read_condition(text)
    assert misreads == []
    canonical = condition_text(condition)
    plain = canonical.replace('"', "").replace("CAST(", "").replace(" AS BIGINT)", "").replace(" AS DOUBLE)", "")
    if '"' not in text and "CAST" not in text:
        again, more = read_condition(plain)
        assert (again, more) == (condition, [])


@given(st.text(st.sampled_from("()='\"a, %_;-.1eNOTAND/*$\n\0\u202e{}[]:@?`~|<>!"), max_size=60))
def test_junk_gives_mistakes_and_never_raises(text):
    condition, misreads = read_condition(text)
    assert (condition is None) == bool(misreads)
    assert all(0 <= m.offset <= len(text) and m.what for m in misreads)


WORDS = [
    *"()=,-",
    "NOT",
    "AND",
    "OR",
    "IN",
    "LIKE",
    "BETWEEN",
    "ESCAPE",
    "TRUE",
    "'a'",
    "1",
    "1.5",
    "length",
    "protected",
    "caller",
]


@given(st.lists(st.sampled_from([*WORDS, "starts_with", "direction", "'international'", "IS", "NULL"]), max_size=25))
def test_words_of_the_language_in_any_order_never_raise(words):
    condition, misreads = read_condition(" ".join(words))
    assert (condition is None) == bool(misreads)


@pytest.mark.parametrize(
    "text",
    [
        "(" * MAX_LENGTH,
        "(" * 1900 + "protected" + ")" * 1900,
        "NOT " * 990 + "protected",
        "NOT (" * 600 + "protected" + ")" * 600,
        "length(" * 500,
        "caller IN (" * 300,
        "-" * 3000 + "1",
        "- " * 1900 + "1",
        "protected = " * 300 + "protected",
        "caller BETWEEN " * 200,
        "[" * 3000,
        "{" * 3000,
        "/*" * 1900,
        "'" * 3999,
        "a." * 1900,
        "CASE WHEN " * 300,
        "x" * (MAX_LENGTH + 1),
    ],
    ids=lambda text: text[:12],
)
def test_deep_and_long_expressions_are_refused(text):
    condition, misreads = read_condition(text)
    assert condition is None
    assert misreads


def test_depth_and_length_up_to_the_bounds_are_understood():
    deep = "protected"
    for _ in range(MAX_DEPTH):
        deep = f"(NOT {deep})"
    assert read_condition(deep)[1] == []
    wide = " AND ".join(["protected"] * (MAX_LENGTH // 14 - 1))
    condition, misreads = read_condition(wide)
    assert misreads == []
    assert len(condition.parts) == MAX_LENGTH // 14 - 1
