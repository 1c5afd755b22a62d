"""DuckDB's SQL as Spark's, as text; that both engines answer alike is shown on a real cluster (tests/peers/test_spark.py)."""

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_calls import expressions

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.dialect import to_spark
from tosqauyl.ledger.statistics_every import all_queries
from tosqauyl.ledger.window import Window
from tosqauyl.policy.canary import bucket_sql
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.to_sql import mask_text

CASES = [
    ('"at" + 1', "`at` + 1"),
    ("starts_with(caller, '+77')", "STARTSWITH(caller, '+77')"),
    ("CAST(5 AS HUGEINT)", "CAST(5 AS DECIMAL(38, 0))"),
    ("CAST(duration AS BIGINT)", "CAST(RINT(duration) AS BIGINT)"),
    ("CAST(sip_code AS BIGINT)", "CAST(sip_code AS BIGINT)"),
    ("CAST(floor(duration / 2) AS BIGINT)", "CAST(FLOOR(CAST(duration AS DOUBLE) / 2) AS BIGINT)"),
    ("floor(duration) * 2", "CAST(FLOOR(duration) AS DOUBLE) * 2"),
    ("count(*) / 7", "CAST(COUNT(*) AS DOUBLE) / 7"),
    ("count(*) // 7", "COUNT(*) DIV 7"),
    ("'a\\b'", "'a\\\\b'"),
    ("caller LIKE 'a%'", "caller LIKE 'a%'"),
    ("caller LIKE 'a\\%'", "caller LIKE 'a\\\\%' ESCAPE '!'"),
    ("caller LIKE '!a\\' ESCAPE '!'", "caller LIKE 'a\\\\' ESCAPE '#'"),
    ("caller LIKE 'a$%b%' ESCAPE '$'", "caller LIKE 'a!%b%' ESCAPE '!'"),
    ("isfinite(x)", "(ABS(CAST(x AS DOUBLE)) < CAST('inf' AS DOUBLE))"),
    (
        "rules & CAST(4 AS HUGEINT)",
        "(CAST((rules) AS DECIMAL(38, 0)) % CAST(8 AS DECIMAL(38, 0)) - CAST((rules) AS DECIMAL(38, 0)) % CAST(4 AS DECIMAL(38, 0)))",
    ),
    (bucket_sql(), "(CAST(CONV(SUBSTRING(SHA2(`caller`, 256), 1, 8), 16, 10) AS BIGINT) % 100)"),
]


@pytest.mark.parametrize(("duckdb", "spark"), CASES)
def test_translation(duckdb: str, spark: str) -> None:
    assert to_spark(f"SELECT {duckdb} AS x FROM calls") == f"SELECT {spark} AS x FROM calls"


def test_a_name_given_to_a_fraction_is_a_fraction() -> None:
    written = to_spark(
        "WITH a AS (SELECT duration * 2 AS x, line * 2 AS y FROM outcomes) SELECT CAST(x AS BIGINT), CAST(y AS BIGINT) FROM a"
    )
    assert written.endswith("SELECT CAST(RINT(x) AS BIGINT), CAST(y AS BIGINT) FROM a")


@pytest.mark.parametrize(
    "wanted",
    [
        "approx_count_distinct(caller)",
        "any_value(caller)",
        "hash(caller)",
        "random()",
        "list(caller)",
        "now()",
        "first(caller)",
    ],
)
def test_what_the_engines_answer_differently_is_refused(wanted: str) -> None:
    with pytest.raises(TosqauylError, match="another engine"):
        to_spark(f"SELECT {wanted} FROM calls")


def test_what_is_no_sql_is_refused() -> None:
    with pytest.raises(TosqauylError, match="cannot be read"):
        to_spark("SELECT FROM WHERE (")


@pytest.mark.parametrize(("name", "sql"), all_queries(Window(0.0, 86400.0)))
def test_every_statistic_can_be_translated(name: str, sql: str) -> None:
    assert sqlglot.parse_one(to_spark(sql), read="spark"), name


@settings(max_examples=50)
@given(written=st.lists(expressions(), min_size=1, max_size=3))
def test_every_condition_of_a_rule_can_be_translated(written: list[str]) -> None:
    mask = mask_text([read_condition(text)[0] for text in written])
    assert sqlglot.parse_one(to_spark(f"SELECT {mask} FROM calls"), read="spark")
