"""One policy, two executions: the generated Python function and the SQL on DuckDB give one mask."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_calls import calls, expressions, texts

from tosqauyl.facts import FACTS, UNKNOWN_CALL
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.like import matcher
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.to_python import compile_conditions
from tosqauyl.policy.to_sql import condition_sql, mask_sql, mask_text

COLUMNS = ", ".join(f'"{name}" {fact.sql_type}' for name, fact in FACTS.items())
SLOTS = ", ".join("?" for _ in FACTS)


@pytest.fixture(scope="module")
def database():
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE calls ({COLUMNS})")
    yield connection
    connection.close()


def masks_of(database, sql, some):
    database.execute("DELETE FROM calls")
    database.executemany(f"INSERT INTO calls VALUES ({SLOTS})", [list(call) for call in some])
    return [row[0] for row in database.execute(f"SELECT {sql} FROM calls ORDER BY rowid").fetchall()]


def check_same(database, written, some):
    conditions = [read_condition(text)[0] for text in written]
    hits = compile_conditions(conditions)
    assert masks_of(database, mask_text(conditions), some) == [hits(call) for call in some]


@settings(max_examples=60)
@given(written=st.lists(expressions(), min_size=1, max_size=10), some=st.lists(calls, min_size=1, max_size=3))
def test_python_and_sql_agree(database, written, some):
    check_same(database, written, some)


@pytest.mark.nightly
@settings(max_examples=3000)
@given(written=st.lists(expressions(), min_size=1, max_size=10), some=st.lists(calls, min_size=1, max_size=3))
def test_python_and_sql_agree_at_length(database, written, some):
    check_same(database, written, some)


@settings(max_examples=300)
@given(text=texts, pattern=texts, escape=st.sampled_from(["", "!", "\\", "%", "_", "a"]))
def test_like_is_duckdbs_like(database, text, pattern, escape):
    clause = "SELECT $text LIKE $pattern" + (" ESCAPE $escape" if escape else "")
    values = {"text": text, "pattern": pattern} | ({"escape": escape} if escape else {})
    try:
        expected = database.execute(clause, values).fetchone()[0]
    except duckdb.Error:
        return  # the pattern ends in its escape; the loader refuses those
    assert matcher(pattern, escape)(text) is expected


def test_like_takes_no_more_steps_than_text_times_pattern():
    assert not matcher("%a" * 200 + "%b", "")("a" * 5000)


def test_120_rules_fit_the_mask(database):
    conditions = [read_condition("TRUE" if bit % 7 == 0 or bit == 119 else "protected")[0] for bit in range(120)]
    expected = compile_conditions(conditions)(UNKNOWN_CALL)
    assert masks_of(database, mask_text(conditions), [UNKNOWN_CALL]) == [expected]
    assert expected >> 119 == 1


SHIPPED = load_shipped()


@settings(max_examples=20)
@given(some=st.lists(calls, min_size=1, max_size=5))
def test_the_shipped_policy_agrees_too(database, some):
    masks = masks_of(database, mask_sql(SHIPPED.rules), some)
    assert masks == [SHIPPED.hits(call) for call in some]


def test_each_shipped_condition_runs_alone(database):
    for rule in SHIPPED.rules:
        assert masks_of(database, condition_sql(rule), [UNKNOWN_CALL]) == [False]


def test_quotes_and_code_in_a_value_stay_a_value():
    evil = "'); DROP TABLE calls; --\" + __import__('os').name + \"{}\\"
    quoted = "'" + evil.replace("'", "''") + "'"
    hits = compile_conditions([read_condition(f"display_name = {quoted}")[0]])
    assert hits(UNKNOWN_CALL._replace(display_name=evil)) == 1
    assert hits(UNKNOWN_CALL) == 0
