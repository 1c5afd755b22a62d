"""Rate facts of calls that came without them: what a gate would have told, in the order of time, whole and resumed."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.cli import main
from tosqauyl.ledger.derive import NEAR, RATES, Derived, derive_rates, missing_facts
from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.state.rates import Rates, RatesOptions

DAY = datetime(2025, 3, 10, tzinfo=UTC).timestamp()
NOW = DAY + 1e6
Row = tuple[float, str, str, str]
"""at, caller, called, trunk"""


def silent(done: int, count: int) -> None:
    assert 0 <= done <= count


def put(store: Store, rows: Iterable[Row], name: str = "1", **other: Any) -> None:
    """Take calls into a ledger. other: further columns, the same for all."""
    told = [
        {"at": at, "caller": caller, "called": called, "trunk": trunk, "caller_kind": "mobile" if caller else "unknown"}
        for at, caller, called, trunk in rows
    ]
    told = [{name: value for name, value in (row | other).items() if value is not None} for row in told]
    con = duckdb.connect()
    con.register("told", pa.Table.from_pylist(told))
    store.write(con, "SELECT * FROM told", Batch("calls", "import:test", name, frozenset(told[0])))
    con.close()


def facts(store: Store, names: Iterable[str] = RATES) -> list[tuple[Any, ...]]:
    engine = DuckEngine(store)
    wanted = ", ".join(names)
    rows = engine.rows(f'SELECT "at", caller, {wanted} FROM calls ORDER BY "at", batch, line')
    engine.close()
    return rows


def gate(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """What one gate that counts from midnight of the day before would have told."""
    rates = Rates(100_000, 10_000, 100)
    rates.count("", "", "", DAY - 86400.0)
    return [(at, caller, *rates.count(caller, called, trunk, at)) for at, caller, called, trunk in sorted(rows)]


def busy(count: int = 400, step: float = 1.7, first: float = DAY + 3600.0) -> list[Row]:
    return [
        (first + place * step, f"+7701000{place % 7:04}", f"+771720{place * 3 % 50:05}", f"t{place % 3}")
        for place in range(count)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "ledger")


def test_derived_facts_are_those_a_gate_would_have_told(store: Store) -> None:
    rows = busy()
    put(store, rows)
    assert derive_rates(store, silent, NOW) == Derived(rows=400, counted=400)
    assert facts(store) == gate(rows)
    assert max(row[2 + RATES.index("caller_callees_10m")] for row in facts(store)) > 5


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.floats(DAY, DAY + 3 * 86400 - 1).map(lambda at: round(at, 3)),
            st.sampled_from(["+77010000001", "+77010000002", "+905321234567", "102"]),
            st.sampled_from(["+77172000001", "+77172000004", "+77172000009"]),
            st.sampled_from(["a", "b"]),
        ),
        min_size=1,
        max_size=40,
        unique_by=lambda row: row[0],
    )
)
def test_days_one_after_the_other_count_as_one_run(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    store = Store(tmp_path_factory.mktemp("ledger"))
    put(store, rows)
    derive_rates(store, silent, NOW)
    assert facts(store) == gate(rows)


def test_rows_are_counted_in_the_order_of_time_across_files_and_clocks(store: Store) -> None:
    rows = busy()
    put(store, rows[::2][::-1], "even")
    put(store, rows[1::2], "odd")
    derive_rates(store, silent, NOW)
    assert facts(store) == gate(rows)


def test_nothing_but_the_facts_is_changed(store: Store) -> None:
    put(store, busy(), display_name="Ayan", protected=True)
    engine = DuckEngine(store)
    names = "origin, batch, line, at, caller, called, trunk, display_name, protected, rules, verdict".replace(
        "at,", '"at",'
    )
    before = engine.rows(f"SELECT {names} FROM calls ORDER BY line")
    engine.close()
    derive_rates(store, silent, NOW)
    engine = DuckEngine(store)
    assert engine.rows(f"SELECT {names} FROM calls ORDER BY line") == before
    assert engine.recorded >= {*RATES, "display_name"}
    engine.close()
    (file,) = store.manifest().files
    assert file.derived == frozenset(RATES)
    assert "display_name" in file.recorded


def coded(store: Store) -> set[str]:
    """Columns of the only file that are dictionary-coded: a back-test groups by them four times as quickly."""
    (file,) = store.manifest().files
    path = str(store.folder / file.path)
    found = duckdb.execute("SELECT path_in_schema, encodings FROM parquet_metadata(?)", [path]).fetchall()
    return {name for name, how in found if "DICTIONARY" in how}


def test_what_was_dictionary_coded_stays_so_and_so_are_the_facts(store: Store) -> None:
    put(store, busy())
    before = coded(store)
    assert before > {"trunk", "caller_kind"}
    derive_rates(store, silent, NOW)
    assert coded(store) >= before | {"caller_calls_1m", "redials"}


class Killed(BaseException):
    pass


def test_a_pass_that_was_stopped_goes_on_with_the_same_counts(store: Store) -> None:
    """Calls go on over midnight, so the counts of the second day rest on the first."""
    rows = busy(150, 80.0, DAY + 80_000.0) + busy(150, 80.0, DAY + 80_000.5)
    put(store, rows)

    def kill(done: int, count: int) -> None:
        if done:
            raise Killed

    with pytest.raises(Killed):
        derive_rates(store, kill, NOW)
    half = [one for one in store.manifest().files if one.derived]
    assert len(half) == 1
    done = derive_rates(store, silent, NOW)
    assert 0 < done.rows < len(rows)
    assert facts(store) == gate(rows)
    assert derive_rates(store, silent, NOW) == Derived()


def test_recorded_rates_stay_and_their_calls_count_for_others(store: Store) -> None:
    rows = busy(20)
    recorded = dict.fromkeys(RATES, 7)
    put(store, rows[:10], "gate", **recorded)
    put(store, rows[10:], "import")
    assert derive_rates(store, silent, NOW) == Derived(rows=10, counted=20)
    found = facts(store)
    assert [row[2:] for row in found[:10]] == [(7,) * 24] * 10
    assert found[10:] == gate(rows)[10:]


def test_tokens_count_as_names_and_leave_nearness_unknown(store: Store) -> None:
    rows = [(DAY + place, "+77010000001", f"t:{place % 4:016x}", "t1") for place in range(40)]
    put(store, rows)
    assert derive_rates(store, silent, NOW) == Derived(rows=40, counted=40, tokens=40)
    (file,) = store.manifest().files
    assert file.derived == frozenset(RATES) - {*NEAR}
    assert facts(store, NEAR) == [(at, caller, -1, -1) for at, caller, _, _ in rows]
    assert facts(store, ["caller_calls_1h", "redials"])[-1][2:] == (40, 0)
    assert 2 <= facts(store, ["caller_callees_1h"])[-1][-1] <= 4
    assert derive_rates(store, silent, NOW) == Derived()


def test_a_call_without_a_calling_number_is_not_counted_as_at_the_gate(store: Store) -> None:
    put(store, [*busy(5), (DAY + 3605.0, "", "+77172000001", "t0")])
    derive_rates(store, silent, NOW)
    assert [row[2:] for row in facts(store) if row[1] == ""] == [(-1,) * 24]


def test_what_the_source_did_not_have_is_not_derived(store: Store) -> None:
    put(store, busy(5), called=None, trunk=None)
    derive_rates(store, silent, NOW)
    (file,) = store.manifest().files
    assert file.derived == {
        f"{who}_calls_{window}" for who in ("caller", "range") for window in ("1s", "1m", "10m", "1h")
    }
    assert not missing_facts(file)


def test_rows_of_a_broken_clock_are_left_and_told(store: Store) -> None:
    put(store, [*busy(5), (float("inf"), "+77010000001", "+77172000001", "t0")])
    assert derive_rates(store, silent, NOW) == Derived(rows=5, counted=5, left=1)
    assert store.manifest().rows("calls") == 6


def test_callers_forgotten_too_early_are_counted(store: Store) -> None:
    put(store, [(DAY + place, f"+7701{place * 7919:07}", "+77172000001", "t1") for place in range(200)])
    limits = RatesOptions(callers=16, ranges=16, trunks=1)
    assert derive_rates(store, silent, NOW, limits).evictions > 100


def test_files_that_others_replace_meanwhile_are_taken_up_again(store: Store) -> None:
    put(store, busy(10))
    calls = []

    def meddle(done: int, count: int) -> None:
        if not calls and done == 0:
            calls.append(done)
            put(store, busy(10, first=DAY + 7200.0), "late")

    done = derive_rates(store, meddle, NOW)
    assert done.rows == 20
    assert all(one.derived for one in store.manifest().files)
    assert facts(store) == gate([*busy(10), *busy(10, first=DAY + 7200.0)])


def test_the_command_says_what_it_did(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    put(store, busy(30))
    command = ["calls", "derive", "--calls", str(store.folder)]
    assert main(command) == 0
    assert "30 calls got rates" in capsys.readouterr().out
    assert main(command) == 1
    assert main(["calls", "derive", "--calls", str(store.folder / "no")]) == 2
