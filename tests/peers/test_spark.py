"""The same questions on DuckDB and on a real Spark cluster of two worker processes: the same answers, over one ledger.

The ledger has files of different columns (facts were added), and values that translations get wrong.
"""

import os
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_spark import Cluster
from policy_calls import expressions

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import FACTS, FactType
from tosqauyl.ledger.columns import DAILY, TABLES, TRUTH, literal
from tosqauyl.ledger.engine import DuckEngine, Rows, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.spark import SparkEngine, SparkMeans, spark_engine
from tosqauyl.ledger.statistics_every import all_queries
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window
from tosqauyl.policy.canary import bucket_sql
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.to_sql import mask_sql, mask_text
from tosqauyl.record import COLUMNS

pytestmark = pytest.mark.peers("java")

FIRST = datetime(2024, 2, 29, tzinfo=UTC).timestamp()
WINDOW = Window(FIRST + 3600.0, FIRST + 1.9 * 86400.0)
"""Days around 2024-03-01, when Almaty's clocks went back by an hour."""

AWKWARD = (
    "",
    " ",
    "''",
    'say "what"',
    "a\\b",
    "a\\",
    "%",
    "_",
    "${env:HOME}",
    "$1",
    "Қайрат Әліұлы",
    "ё\u0301",
    "\U0001f600",
    "t:x'; --",
)
NUMBERS = ("+77010000001", "+77010000002", "+77272000001", "+79031234567", "+443331234567", "1414", "", "anonymous")
VERDICTS = ("pass", "pass", "mark", "withhold", "divert", "stop")
MASKS = (0, 1, 5, 2**63 - 1, 2**63, 2**64 + 3, 2**126 - 1)
ROWS = 400
LONGEST = 540.0
"""Seconds after which what Spark still works on is cancelled, and so fails: a cluster without workers would wait for ever."""
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
"""Java compiles quickly instead of well: there are many small queries here."""


def value_of(name: str, kind: FactType, choices: tuple[str, ...], dice: random.Random) -> object:
    """A value that is likely in two of three cases and awkward in the third."""
    if choices:
        return dice.choice(choices)
    if kind is FactType.TEXT:
        return dice.choice(NUMBERS if dice.random() < 0.6 else AWKWARD)
    if kind is FactType.BOOLEAN:
        return dice.random() < 0.2
    if kind is FactType.INTEGER:
        return dice.choice((-1, 0, 1, 2, 7, 60, 900, 2**40))
    return dice.choice((-1.0, 0.0, 0.1, 2.5, 3.5, 1e-9, 123456789.123456))


def call_rows(dice: random.Random) -> pa.Table:
    """Calls with every fact and decision column."""
    made: dict[str, list[object]] = {
        name: [value_of(name, fact.type, fact.about.choices, dice) for _ in range(ROWS)] for name, fact in FACTS.items()
    }
    made["at"] = [FIRST + dice.random() * 1.99 * 86400.0 for _ in range(ROWS)]
    made["rules"] = [str(dice.choice(MASKS)) for _ in range(ROWS)]
    for name in ("verdict", "would_verdict"):
        made[name] = [dice.choice(VERDICTS) for _ in range(ROWS)]
    for name in ("reason", "would_reason"):
        made[name] = [dice.choice(("none", "mobile-at-home", "burst", "failed-open")) for _ in range(ROWS)]
    for name in ("rule", "would_rule", "class", "policy", "snapshot"):
        made[name] = [dice.choice(("", "kz.home", "kz.burst")) for _ in range(ROWS)]
    made["elapsed_us"] = [dice.random() * 900 for _ in range(ROWS)]
    made["answer"] = [dice.choice((0, 302, 404, 603)) for _ in range(ROWS)]
    made["truth"] = [dice.choice(("unknown", "fraud", "honest")) for _ in range(ROWS)]
    made["kind"] = [dice.choice(("", "spoofed-mobile", "roamer")) for _ in range(ROWS)]
    return pa.table(made)


def outcome_rows(calls: pa.Table, dice: random.Random) -> pa.Table:
    """Ends of some calls; some are told twice, some belong to no call."""
    ids = [dice.choice(calls.column("call_id").to_pylist()) for _ in range(ROWS)]
    return pa.table(
        {
            "at": [FIRST + dice.random() * 1.99 * 86400.0 for _ in ids], "call_id": ids,
            "answered": [dice.choice(("yes", "no", "unknown")) for _ in ids],
            "duration": [dice.choice((-1.0, 0.0, 2.5, 61.75)) for _ in ids],
            "sip_code": [dice.choice((0, 200, 486, 603)) for _ in ids],
        }
    )  # fmt: skip


def daily_rows(dice: random.Random) -> pa.Table:
    """Counts that stay of removed calls."""
    calls = call_rows(dice).to_pydict()
    made = {column.name: calls[column.name] for column in DAILY if column.name in calls}
    made["at"] = [FIRST + 3600.0 * dice.randrange(47) for _ in range(ROWS)]
    return pa.table(made | {"attempts": [dice.randrange(1, 2**20) for _ in range(ROWS)]})


def write(store: Store, table: str, number: int, rows: pa.Table) -> None:
    batch = Batch(table, "import:x", str(number), frozenset(rows.column_names))
    with connect() as con:
        con.register("given", rows.append_column("line", pa.array(range(1, len(rows) + 1))))
        store.write(con, "SELECT * FROM given", batch)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A ledger of three versions' calls: all columns, without the rates and outcomes' truth, and only the oldest few."""
    store, dice = Store(tmp_path_factory.mktemp("ledger") / "журнал [1]"), random.Random(5)
    every = [column.name for column in (*COLUMNS, *TRUTH)]
    old = [name for name in every if not name.startswith(("range_", "trunk_calls", "truth", "kind", "neighbour"))]
    oldest = ["at", "caller", "called", "call_id", "trunk", "carrier", "verdict", "reason", "rule", "rules"]
    for number, names in enumerate((every, old, oldest, every)):
        calls = call_rows(dice)
        write(store, "calls", number, calls.select(names))
        write(store, "outcomes", number, outcome_rows(calls, dice))
    write(store, "daily", 1, daily_rows(dice))
    return store


@pytest.fixture(scope="module", autouse=True)
def pyspark() -> None:
    """pyspark is half a gigabyte and in no other requirements: without it these tests are skipped, as without Java."""
    if find_spec("pyspark") is None and os.environ.get("TOSQAUYL_REQUIRE_PEERS") != "1":
        pytest.skip("pyspark is not installed; make test-peers installs it")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JDK_JAVA_OPTIONS", QUICK_JAVA)
        running = Cluster(tmp_path_factory.mktemp("spark"))
    with running:
        yield running


@pytest.fixture(scope="module")
def spark(store: Store, cluster: Cluster) -> Iterator[SparkEngine]:
    """Settings for many small queries: few parts, and no more compiling to machine code than is worth while."""
    quick = {"spark.sql.shuffle.partitions": "3"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JDK_JAVA_OPTIONS", QUICK_JAVA)
        means = SparkMeans(memory="600m", scratch=cluster.folder, settings=quick)
        engine = spark_engine(store, WINDOW, cluster.master, means)
    bound = threading.Timer(LONGEST, engine.session.sparkContext.cancelAllJobs)
    bound.start()
    yield engine
    bound.cancel()
    engine.close()


@pytest.fixture(scope="module")
def duck(store: Store) -> Iterator[DuckEngine]:
    engine = DuckEngine(store, WINDOW)
    yield engine
    engine.close()


def plain(value: object) -> object:
    """Sums of fractions are added in another order on every engine: the last digits are not compared."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def same(duck: DuckEngine, spark: SparkEngine, sql: str) -> Rows:
    """Both engines' rows, compared; in the query's order if it has one, else as a set."""
    ours, theirs = ([tuple(map(plain, row)) for row in engine.rows(sql)] for engine in (duck, spark))
    if "order by" not in sql.lower().rsplit(")", 1)[-1]:
        ours, theirs = sorted(ours, key=repr), sorted(theirs, key=repr)
    assert theirs == ours
    return ours


def test_both_workers_run_tasks(spark: SparkEngine, cluster: Cluster) -> None:
    assert spark.rows("SELECT count(*), count(DISTINCT caller) FROM calls")[0][0] > ROWS
    assert cluster.executors() == [1, 1]
    executors = spark.session.sparkContext._jsc.sc().statusStore().executorList(True)
    ran = {one.id(): one.completedTasks() for one in map(executors.apply, range(executors.size()))}
    assert ran.pop("driver") == 0
    assert len(ran) == 2
    assert all(ran.values()), ran


def test_ledger_state_is_the_same(duck: DuckEngine, spark: SparkEngine, store: Store) -> None:
    assert (spark.revision, spark.recorded, spark.counted) == (duck.revision, duck.recorded, duck.counted)
    assert len({one.recorded for one in store.manifest().of("calls")}) == 3


@pytest.mark.parametrize("table", TABLES)
def test_every_value_of_every_row_is_the_same(duck: DuckEngine, spark: SparkEngine, table: str) -> None:
    assert same(duck, spark, f"SELECT count(*) FROM {table}")[0][0] >= ROWS
    same(duck, spark, f'SELECT * FROM {table} ORDER BY origin, "batch", line')


def grouped(queries: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, str]]:
    """(queries alone, queries by one dimension after the other as one).

    A dozen small queries take Spark longer than one of a dozen parts.
    """
    alone, parts = {}, {}
    for name, sql in queries:
        group = name.rpartition(" by ")[0]
        if not group or group == "alerts delivered":
            alone[name] = sql
            continue
        columns = "place, parts" if group.startswith("alerts") else "parts, whole"
        one = f"SELECT {literal(name)} AS name, CAST(value AS VARCHAR) AS value, {columns} FROM ({sql}) AS counted"
        parts.setdefault(group, []).append(one)
    return alone, {group: " UNION ALL ".join(ones) for group, ones in parts.items()}


ALONE, BROKEN_DOWN = grouped(all_queries(WINDOW))


@pytest.mark.parametrize("name", ALONE)
def test_statistic_is_the_same(duck: DuckEngine, spark: SparkEngine, name: str) -> None:
    assert same(duck, spark, ALONE[name])


@pytest.mark.parametrize("group", BROKEN_DOWN)
def test_statistic_by_every_dimension_is_the_same(duck: DuckEngine, spark: SparkEngine, group: str) -> None:
    found = {row[0] for row in same(duck, spark, BROKEN_DOWN[group])}
    assert found == {name for name, _ in all_queries(WINDOW) if name.rpartition(" by ")[0] == group}


def test_masks_of_the_shipped_policy_are_the_same(duck: DuckEngine, spark: SparkEngine) -> None:
    mask = mask_sql(load_shipped().rules)
    found = same(
        duck, spark, f"SELECT {mask} AS mask, count(*) AS n FROM calls WHERE {WINDOW.condition()} GROUP BY 1 ORDER BY 1"
    )
    assert len(found) > 20


def test_canary_holds_for_the_same_callers(duck: DuckEngine, spark: SparkEngine) -> None:
    found = same(duck, spark, f"SELECT caller, {bucket_sql()} AS bucket, count(*) FROM calls GROUP BY 1, 2 ORDER BY 1")
    assert {row[0] for row in found} >= {"", *NUMBERS}


def test_local_days_are_the_same_around_a_change_of_clocks(duck: DuckEngine, spark: SparkEngine) -> None:
    days = f"SELECT {WINDOW.day()} AS day, {WINDOW.hour()} AS hour, count(*) FROM calls GROUP BY 1, 2 ORDER BY 1, 2"
    assert len({row[0] for row in same(duck, spark, days)}) >= 3


AWKWARD_QUERIES = {
    "a bit of a large mask": 'SELECT sum(CASE WHEN (CAST(rules AS HUGEINT) & CAST(4 AS HUGEINT)) <> 0 THEN 1 ELSE 0 END) FROM calls',
    "fractions become integers": "SELECT CAST(duration AS BIGINT) AS whole, CAST(duration / 2 AS INTEGER) AS half, count(*) FROM outcomes GROUP BY 1, 2",
    "a named fraction becomes an integer": "WITH d AS (SELECT duration * 0.5 AS x FROM outcomes) SELECT CAST(x AS BIGINT) AS y, count(*) FROM d GROUP BY 1",
    "integers are divided as numbers": "SELECT verdict, count(*) / 7, count(*) // 7, count(*) % 7 FROM calls GROUP BY verdict",
    "what floor gives is no integer": "SELECT floor(duration) * 0.1 AS x, ceil(duration) / 4 AS y, count(*) FROM outcomes GROUP BY 1, 2",
    "awkward texts": "SELECT caller, display_name, count(*) FROM calls WHERE display_name IN ("
    + ", ".join("'" + text.replace("'", "''") + "'" for text in AWKWARD) + ") GROUP BY 1, 2",
    "prefixes and patterns": "SELECT caller, count(*) FROM calls WHERE starts_with(caller, '+77') OR caller LIKE '%\\_%' OR caller LIKE '%\\' GROUP BY 1",
    "order of texts": "SELECT display_name FROM calls GROUP BY 1 ORDER BY 1 DESC",
    "finite numbers": "SELECT sum(CASE WHEN isfinite(\"at\") THEN 1 ELSE 0 END) FROM calls",
    "the row before": 'SELECT caller, line, "batch", lag("at") OVER (PARTITION BY caller ORDER BY "at", origin, "batch", line) FROM calls',
    "only some rows": "SELECT trunk, count(*) FILTER (WHERE verdict = 'stop'), count(DISTINCT called) FROM calls GROUP BY trunk",
}  # fmt: skip


@pytest.mark.parametrize("what", AWKWARD_QUERIES)
def test_translated(duck: DuckEngine, spark: SparkEngine, what: str) -> None:
    assert same(duck, spark, AWKWARD_QUERIES[what])


@settings(max_examples=6)
@given(written=st.lists(expressions(), min_size=20, max_size=40))
def test_any_condition_holds_for_the_same_calls(duck: DuckEngine, spark: SparkEngine, written: list[str]) -> None:
    mask = mask_text([read_condition(text)[0] for text in written])
    same(duck, spark, f"SELECT {mask} AS mask, count(*) FROM calls GROUP BY 1")


def test_what_cannot_be_run_is_said(spark: SparkEngine) -> None:
    with pytest.raises(TosqauylError, match="nowhere"):
        spark.rows("SELECT nowhere FROM calls")
    with pytest.raises(TosqauylError, match="another engine"):
        spark.rows("SELECT approx_count_distinct(caller) FROM calls")
    with pytest.raises(TosqauylError, match="DIVIDE_BY_ZERO"):
        spark.rows("SELECT 1 // 0")


def test_second_session_in_one_process_is_refused(spark: SparkEngine, store: Store) -> None:
    with pytest.raises(TosqauylError, match="open in this process"):
        spark_engine(store)
