"""Several words about the end of one call are folded into one, joined to the call by Call-ID, and counted where there are none."""

from pathlib import Path
from typing import Any

import pytest
import sqlglot

from tosqauyl.ledger.columns import OUTCOMES
from tosqauyl.ledger.engine import DuckEngine, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.outcomes import COLUMNS, OutcomeShare, folded_sql, joined_sql, outcome_share
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window

WINDOW = Window(1000.0, 2000.0)
UNKNOWN = {column.name: column.unknown for column in OUTCOMES}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "ledger")


def add(store: Store, table: str, rows: list[dict[str, Any]], origin: str = "gate:a") -> None:
    con = connect()
    names = sorted({name for row in rows for name in row})
    values = ", ".join(
        "(" + ", ".join(repr(row.get(name, UNKNOWN.get(name, ""))) for name in names) + ")" for row in rows
    )
    columns = ", ".join(f'"{name}"' for name in names)
    store.write(
        con,
        f"SELECT * FROM (VALUES {values}) AS v({columns})",
        Batch(table, origin, f"{table}-{origin}", frozenset(names)),
    )
    con.close()


def folded(store: Store) -> list[dict[str, Any]]:
    rows = DuckEngine(store).rows(f"SELECT call_id, {', '.join(COLUMNS)} FROM ({folded_sql()}) ORDER BY call_id")
    return [dict(zip(("call_id", *COLUMNS), row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            [{"answered": "no", "sip_code": 486}, {"answered": "yes", "sip_code": 200, "duration": 30.0}],
            ("yes", 30.0, -1.0, 200),
        ),
        ([{"answered": "yes", "sip_code": 200}, {"answered": "yes", "duration": 60.0}], ("yes", 60.0, -1.0, 200)),
        ([{"answered": "no"}, {"answered": "unknown"}], ("no", 0.0, -1.0, 0)),
        ([{"sip_code": 486}, {"sip_code": 503, "ringing": 3.0}], ("unknown", -1.0, 3.0, 503)),
        ([{"sip_code": 302}, {"sip_code": 202}], ("unknown", -1.0, -1.0, 202)),
    ],
)
def test_several_words_are_folded(store: Store, words: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    add(store, "outcomes", [{"at": 1500.0, "call_id": "c1", **word} for word in words])
    (found,) = folded(store)
    assert (found["answered"], found["duration"], found["ringing"], found["sip_code"]) == expected


def test_whoever_hung_up_by_any_word_and_the_cause(store: Store) -> None:
    add(
        store,
        "outcomes",
        [
            {"at": 1500.0, "call_id": "c1", "hung_up": who, "q850": cause}
            for who, cause in (("network", 0), ("callee", 16), ("unknown", 0))
        ],
    )
    (found,) = folded(store)
    assert (found["hung_up"], found["q850"]) == ("callee", 16)


def test_words_without_a_call_id_are_about_no_call(store: Store) -> None:
    add(store, "outcomes", [{"at": 1500.0, "call_id": "", "answered": "yes"}])
    assert folded(store) == []


def test_calls_keep_their_number_and_unknown_where_nothing_was_told(store: Store) -> None:
    add(store, "calls", [{"at": 1500.0, "call_id": name} for name in ("c1", "c2", "", "c1")])
    add(store, "outcomes", [{"at": 1501.0, "call_id": "c1", "answered": answered} for answered in ("yes", "no")])
    rows = DuckEngine(store).rows(
        f"SELECT call_id, answered, sip_code, told FROM ({joined_sql(('call_id',))}) ORDER BY 1, 2"
    )
    assert rows == [("", "unknown", 0, 0), ("c1", "yes", 0, 1), ("c1", "yes", 0, 1), ("c2", "unknown", 0, 0)]


def test_the_share_of_a_window_and_of_one_gate(store: Store) -> None:
    add(store, "calls", [{"at": at, "call_id": f"c{at:.0f}"} for at in (999.0, 1000.0, 1500.0, 2000.0)])
    add(store, "calls", [{"at": 1500.0, "call_id": "other"}], "gate:b")
    add(store, "outcomes", [{"at": 1501.0, "call_id": "c1500", "answered": "yes"}], "import:radius")
    engine = DuckEngine(store)
    assert outcome_share(engine, WINDOW) == OutcomeShare(3, 1)
    assert outcome_share(engine, WINDOW, "gate:a") == OutcomeShare(2, 1)
    assert outcome_share(engine, WINDOW, "gate:a").share == 0.5
    assert not outcome_share(engine, WINDOW, "gate:b").is_computable


def test_without_calls_nothing_is_computable(store: Store) -> None:
    found = outcome_share(DuckEngine(store), WINDOW)
    assert (found, found.share, found.is_computable) == (OutcomeShare(0, 0), 0.0, False)


@pytest.mark.parametrize("sql", [folded_sql(), joined_sql(("at", "call_id", "verdict"), WINDOW.condition())])
def test_the_queries_are_plain_enough_for_spark(sql: str) -> None:
    (text,) = sqlglot.transpile(sql, read="duckdb", write="spark")
    assert "FILTER" not in text
    assert "`at`" in text or '"at"' not in text
