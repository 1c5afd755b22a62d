"""Figures of a ledger, counted by hand; what is not recorded is never a zero."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger import texts
from tosqauyl.ledger.columns import TABLES, names
from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS, SOURCES, definition_of
from tosqauyl.ledger.dialect import to_spark
from tosqauyl.ledger.engine import DuckEngine, Means, connect
from tosqauyl.ledger.figures import Figure, Unit
from tosqauyl.ledger.keep import Periods, keep
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.statistics import breakdown, coverage, figure
from tosqauyl.ledger.statistics_every import all_queries
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days

Row = dict[str, Any]
WINDOW = window_of_days(date(2025, 1, 1), date(2025, 1, 10))
DOCS = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"


def at(text: str, zone: str = "Asia/Almaty") -> float:
    """Local time as seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def call(when: str, verdict: str = "stop", caller: str = "+77010000001", called: str = "t:1", **more: Any) -> Row:
    return {"at": at(when), "verdict": verdict, "caller": caller, "called": called, **more}


def ledger(folder: Path, calls: Sequence[Row], outcomes: Sequence[Row] = (), origin: str = "gate:a") -> DuckEngine:
    """A ledger of these rows, whose columns are those of the first row."""
    store, con = Store(folder), connect(Means(threads=1))
    for table, rows in (("calls", calls), ("outcomes", outcomes)):
        if rows:
            con.register("given", pa.Table.from_pylist(list(rows)))
            name = f"{len(store.manifest().taken)}"
            store.write(con, "SELECT * FROM given", Batch(table, origin, name, frozenset(rows[0])))
    return DuckEngine(store, means=Means(threads=1))


CALLS = [
    call("2025-01-01T10:00:00", carrier="alpha", rule="r1", reason="short-caller", would_verdict="stop"),
    call("2025-01-01T10:09:00", carrier="alpha", rule="r1", reason="short-caller", would_verdict="stop"),
    call("2025-01-01T10:19:01", carrier="alpha", rule="r1", reason="short-caller", would_verdict="stop"),
    call(
        "2025-01-02T23:59:59",
        caller="+77020000002",
        called="t:2",
        carrier="beta",
        rule="r2",
        reason="burst",
        would_verdict="stop",
    ),
    call(
        "2025-01-03T00:00:00", caller="", called="t:3", carrier="beta", rule="r2", reason="burst", would_verdict="stop"
    ),
    call(
        "2025-01-03T00:00:01", caller="", called="t:3", carrier="beta", rule="r2", reason="burst", would_verdict="stop"
    ),
    call(
        "2025-01-03T12:00:00", "pass", "+79030000003", "t:1", carrier="", rule="", reason="none", would_verdict="stop"
    ),
    call(
        "2025-01-03T12:05:00",
        "pass",
        "+79030000003",
        "t:1",
        carrier="",
        rule="",
        reason="failed-open",
        would_verdict="pass",
    ),
    call(
        "2025-01-04T12:00:00",
        "mark",
        "+79030000003",
        "t:1",
        carrier="alpha",
        rule="r3",
        reason="burst",
        would_verdict="mark",
    ),
    call(
        "2025-01-04T13:00:00",
        "withhold",
        "+44",
        "t:4",
        carrier="alpha",
        rule="r3",
        reason="burst",
        would_verdict="withhold",
    ),
    call(
        "2025-01-04T14:00:00",
        "divert",
        "+44",
        "t:5",
        carrier="alpha",
        rule="r3",
        reason="burst",
        would_verdict="divert",
    ),
    call("2024-12-31T23:59:59", carrier="alpha", rule="r1", reason="short-caller", would_verdict="stop"),
    call("2025-01-11T00:00:00", carrier="alpha", rule="r1", reason="short-caller", would_verdict="stop"),
]
"""The last two lie outside the window, by a second."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> DuckEngine:
    return ledger(tmp_path_factory.mktemp("ledger"), CALLS)


@pytest.mark.parametrize(
    ("slug", "value", "unit"),
    [
        ("attempts", 11, "attempts"),
        ("stopped", 6, "attempts"),
        ("would-stop", 1, "attempts"),
        ("marked", 1, "attempts"),
        ("withheld", 1, "attempts"),
        ("diverted", 1, "attempts"),
        ("passed", 2, "attempts"),
        ("failed-open", 1, "attempts"),
        ("calls", 9, "calls"),
        ("stopped-calls", 5, "calls"),
        ("calling-numbers", 4, "calling-numbers"),
        ("calling-numbers-stopped", 2, "calling-numbers"),
        ("protected-numbers", 3, "called-numbers"),
        ("stopped-share", 6 / 11, "share"),
        ("stopped-per-day", 6 / 4, "per-day"),
        ("stopped-per-second", 6 / (4 * 86400), "per-second"),
    ],
)
def test_each_definition_counts_what_it_says(engine: DuckEngine, slug: str, value: float, unit: str) -> None:
    found = figure(engine, definition_of(slug), WINDOW)
    assert found.value == pytest.approx(value)
    assert (found.definition, str(found.unit), found.window) == (slug, unit, WINDOW)
    assert (found.sources, found.revision, found.missing) == (("gate:a",), engine.revision, ())
    assert "FROM" in found.sql


def test_days_of_which_nothing_was_recorded_are_named(engine: DuckEngine) -> None:
    assert figure(engine, definition_of("stopped"), WINDOW).gaps == ((date(2025, 1, 5), date(2025, 1, 10)),)


def test_a_figure_without_its_columns_is_not_computable_and_names_them(tmp_path: Path) -> None:
    engine = ledger(tmp_path, [{"at": at("2025-01-01T10:00:00")}])
    for definition in (one for one in DEFINITIONS.values() if one.columns):
        alone = figure(engine, definition, WINDOW)
        assert (alone.value, set(alone.missing)) == (None, set(definition.columns)), definition.slug
        by_trunk = breakdown(engine, definition, WINDOW, "trunk").total
        assert (by_trunk.value, set(by_trunk.missing)) == (None, {*definition.columns, "trunk"}), definition.slug
        if not definition.per:
            assert breakdown(engine, definition, WINDOW, "day").total.missing == alone.missing


def test_a_breakdown_by_a_column_that_is_missing_is_not_computable(tmp_path: Path) -> None:
    found = breakdown(ledger(tmp_path, [call("2025-01-01T10:00:00")]), definition_of("stopped"), WINDOW, "trunk")
    assert (found.rows, found.total.value, found.total.missing) == ((), None, ("trunk",))


def test_a_column_that_only_some_files_have_is_missing(tmp_path: Path) -> None:
    ledger(tmp_path, [call("2025-01-01T10:00:00")]).close()
    engine = ledger(tmp_path, [{"at": at("2025-01-02T10:00:00")}], origin="import:old")
    found = figure(engine, definition_of("stopped"), WINDOW)
    assert (found.value, found.missing, found.sources) == (None, ("verdict",), ("gate:a", "import:old"))


def test_a_window_without_any_row_gives_no_figure_at_all(tmp_path: Path) -> None:
    engine = ledger(tmp_path, [call("2025-02-01T10:00:00")])
    for definition in DEFINITIONS.values():
        found = figure(engine, definition, WINDOW)
        assert (found.value, found.sources) == (None, ()), definition.slug


def test_an_empty_ledger_gives_no_figure_at_all(tmp_path: Path) -> None:
    found = breakdown(ledger(tmp_path, []), definition_of("stopped"), WINDOW, "rule")
    assert (found.rows, found.total.value, found.total.missing) == ((), None, ())


def test_rows_without_any_that_counts_are_a_true_zero(tmp_path: Path) -> None:
    engine = ledger(tmp_path, [call("2025-01-01T10:00:00", "pass")])
    assert figure(engine, definition_of("stopped"), WINDOW).value == 0


def test_false_stops_are_counted_of_the_stops_whose_truth_is_known(tmp_path: Path) -> None:
    truths = ["honest", "fraud", "fraud", "unknown"]
    rows = [call(f"2025-01-01T10:0{place}:00", truth=truth) for place, truth in enumerate(truths)]
    engine = ledger(tmp_path, [*rows, call("2025-01-01T11:00:00", "pass", truth="honest")])
    found = figure(engine, definition_of("false-stops"), WINDOW)
    assert (found.value, found.of) == (1, 3)
    assert figure(engine, definition_of("false-stop-share"), WINDOW).value == pytest.approx(1 / 3)


def test_false_stops_are_not_zero_where_no_truth_is_known(tmp_path: Path) -> None:
    engine = ledger(tmp_path, [call("2025-01-01T10:00:00", truth="unknown")])
    assert figure(engine, definition_of("false-stops"), WINDOW).value is None


def test_a_stop_is_corrected_by_an_allow_list_that_came_after_it(tmp_path: Path) -> None:
    rows = [
        call("2025-01-01T10:00:00", "stop", "+1", listed="none"),
        call("2025-01-02T10:00:00", "pass", "+1", listed="allow"),
        call(
            "2025-01-03T10:00:00", "stop", "+1", listed="none"
        ),  # taken off the list again: that stop is not corrected
        call("2025-01-03T10:00:00", "stop", "+2", listed="none"),
        call("2025-01-20T10:00:00", "pass", "+2", listed="allow"),  # after the window
    ]
    assert figure(ledger(tmp_path, rows), definition_of("corrected-stops"), WINDOW).value == 1


def test_outcomes_are_told_of_calls_that_have_one(tmp_path: Path) -> None:
    rows = [call(f"2025-01-01T10:0{place}:00", "pass", call_id=f"c{place}") for place in range(4)]
    ends = [
        {"at": at("2025-01-01T11:00:00"), "call_id": "c0", "answered": "yes", "duration": 10.25},
        {"at": at("2025-01-01T11:00:00"), "call_id": "c0", "answered": "unknown", "duration": -1.0},
        {"at": at("2025-01-01T11:00:00"), "call_id": "c1", "answered": "yes", "duration": 20.0},
        {"at": at("2025-01-01T11:00:00"), "call_id": "c2", "answered": "no", "duration": 0.0},
        {"at": at("2025-01-01T11:00:00"), "call_id": "", "answered": "yes", "duration": 999.0},
    ]
    engine = ledger(tmp_path, rows, ends)
    answered = figure(engine, definition_of("answered-share"), WINDOW)
    assert (answered.value, answered.of) == (pytest.approx(2 / 3), 3)
    assert figure(engine, definition_of("mean-duration"), WINDOW).value == pytest.approx(15.125)


@pytest.mark.parametrize(("slug", "column"), [("answered-share", "answered"), ("mean-duration", "duration")])
def test_without_outcomes_what_rests_on_them_names_them(tmp_path: Path, slug: str, column: str) -> None:
    engine = ledger(tmp_path, [call("2025-01-01T10:00:00", "pass", call_id="c0")])
    found = figure(engine, definition_of(slug), WINDOW)
    assert (found.value, found.missing) == (None, (f"outcomes.{column}",))


def test_a_breakdown_shows_the_greatest_first_and_adds_up_what_it_leaves_out(engine: DuckEngine) -> None:
    found = breakdown(engine, definition_of("attempts"), WINDOW, "carrier", limit=1)
    assert (found.rows, found.left_out, found.rest) == ((("alpha", 6),), 2, 5)
    assert breakdown(engine, definition_of("attempts"), WINDOW, "carrier").rows == (("alpha", 6), ("beta", 3), ("", 2))


def test_numbers_that_a_limit_leaves_out_are_not_added_up(engine: DuckEngine) -> None:
    found = breakdown(engine, definition_of("protected-numbers"), WINDOW, "carrier", limit=1)
    assert (found.rows, found.left_out, found.rest) == ((("beta", 2),), 1, None)


def test_what_rules_in_monitor_would_have_done_is_shown_under_those_rules(tmp_path: Path) -> None:
    rows = [call("2025-01-01T10:00:00", "pass", rule="", would_rule="watched-1", would_verdict="stop")]
    assert breakdown(ledger(tmp_path, rows), definition_of("would-stop"), WINDOW, "rule").rows == (("watched-1", 1),)


def test_a_day_with_rows_and_no_stop_has_a_zero_and_a_day_without_rows_has_nothing(engine: DuckEngine) -> None:
    rows = breakdown(engine, definition_of("stopped"), WINDOW, "day").rows
    assert rows == (("2025-01-01", 3), ("2025-01-02", 1), ("2025-01-03", 2), ("2025-01-04", 0))


def test_hours_are_local_and_those_with_rows_only(engine: DuckEngine) -> None:
    rows = dict(breakdown(engine, definition_of("stopped"), WINDOW, "hour").rows)
    assert rows["2025-01-01 10"] == 3
    assert (rows["2025-01-02 23"], rows["2025-01-03 00"], rows["2025-01-03 12"]) == (1, 2, 0)
    assert "2025-01-01 11" not in rows


def test_a_rate_is_not_broken_down_by_day(engine: DuckEngine) -> None:
    with pytest.raises(TosqauylError, match="rate over the whole window"):
        breakdown(engine, definition_of("stopped-per-day"), WINDOW, "day")


@pytest.mark.parametrize(
    "look_up", [lambda: definition_of("saved-people"), lambda: breakdown(None, None, WINDOW, "mood")]
)  # type: ignore[arg-type]
def test_an_unknown_name_is_refused_with_those_there_are(look_up: Any) -> None:
    with pytest.raises(TosqauylError) as refused:
        look_up()
    assert "stopped" in str(refused.value) or "carrier" in str(refused.value)


def test_a_figure_can_be_of_one_source_alone(tmp_path: Path) -> None:
    ledger(tmp_path, [call("2025-01-01T10:00:00")], origin="gate:a").close()
    engine = ledger(tmp_path, [call("2025-01-01T10:00:00"), call("2025-01-01T10:01:00")], origin="gate:it's")
    both, one = coverage(engine, WINDOW), coverage(engine, WINDOW, ("gate:it's",))
    assert figure(engine, definition_of("stopped"), WINDOW, both).value == 3
    found = figure(engine, definition_of("stopped"), WINDOW, one)
    assert (found.value, found.sources) == (2, ("gate:it's",))
    assert breakdown(engine, definition_of("stopped"), WINDOW, "origin", 0, both).rows == (
        ("gate:it's", 2),
        ("gate:a", 1),
    )


def test_the_25_hours_of_almatys_last_february_day_in_2024_are_one_day(tmp_path: Path) -> None:
    window = window_of_days(date(2024, 2, 28), date(2024, 3, 2))
    rows = [{"at": window.first + 3600.0 * hour, "verdict": "stop"} for hour in range(int(window.seconds // 3600))]
    found = breakdown(ledger(tmp_path, rows), definition_of("stopped"), window, "day")
    assert found.rows == (("2024-02-28", 24), ("2024-02-29", 25), ("2024-03-01", 24), ("2024-03-02", 24))


@settings(max_examples=8)
@given(
    st.lists(st.floats(1709000000, 1712000000), min_size=1, max_size=40),
    st.sampled_from(["Asia/Almaty", "UTC", "Europe/Berlin", "America/St_Johns"]),
)
def test_days_are_those_of_the_zones_own_clocks(
    tmp_path_factory: pytest.TempPathFactory, times: list[float], zone: str
) -> None:
    local = [datetime.fromtimestamp(one, UTC).astimezone(ZoneInfo(zone)).date().isoformat() for one in times]
    window = window_of_days(date(2024, 2, 20), date(2024, 4, 15), zone)
    engine = ledger(tmp_path_factory.mktemp("ledger"), [{"at": one, "verdict": "stop"} for one in times])
    rows = breakdown(engine, definition_of("stopped"), window, "day").rows
    assert rows == tuple((day, local.count(day)) for day in sorted(set(local)))


def folded(rows: list[tuple[float, str, str]]) -> int:
    """Distinct calls, by the definition's own words."""
    latest: dict[tuple[str, str], float] = {}
    calls = 0
    for when, caller, called in sorted(rows):
        pair = (caller, called)
        together = caller and called and pair in latest and when - latest[pair] <= 600.0
        calls += not together
        latest[pair] = when
    return calls


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20).map(lambda step: WINDOW.first + step * 200.0),
            st.sampled_from(["", "a", "b"]),
            st.sampled_from(["", "x", "y"]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_redials_fold_as_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, str, str]]
) -> None:
    calls = [{"at": when, "caller": caller, "called": called, "verdict": "stop"} for when, caller, called in rows]
    engine = ledger(tmp_path_factory.mktemp("ledger"), calls)
    assert figure(engine, definition_of("calls"), WINDOW).value == folded(rows)
    parts = breakdown(engine, definition_of("stopped-calls"), WINDOW, "hour")
    assert sum(count for _, count in parts.rows) == parts.total.value == folded(rows)


def test_counts_that_stay_of_removed_calls_give_the_same_figures(tmp_path: Path) -> None:
    kinds = ("would_rule", "would_reason", "trunk", "caller_country", "caller_operator", "caller_kind")
    before = ledger(tmp_path, [{**row, **dict.fromkeys(kinds, "x")} for row in CALLS])
    outliving = [one for one in DEFINITIONS.values() if one.outlives_calls]
    found = {one.slug: figure(before, one, WINDOW) for one in outliving}
    by_day = breakdown(before, definition_of("stopped"), WINDOW, "day")
    by_carrier = breakdown(before, definition_of("stopped-share"), WINDOW, "carrier")
    before.close()
    assert keep(Store(tmp_path), Periods("calls", 0, 8), None, at("2025-01-12T12:00:00")).days >= 2
    after = DuckEngine(Store(tmp_path), WINDOW, Means(threads=1))
    assert 0 < after.rows(f"SELECT count(*) FROM calls WHERE {WINDOW.condition()}")[0][0] < 11
    for one in outliving:
        then, now = found[one.slug], figure(after, one, WINDOW)
        assert (now.value, now.of, now.gaps, now.missing) == (then.value, then.of, then.gaps, ()), one.slug
        assert now.removed >= 2
        assert "FROM daily" in now.sql
    assert breakdown(after, definition_of("stopped"), WINDOW, "day").rows == by_day.rows
    assert breakdown(after, definition_of("stopped-share"), WINDOW, "carrier").rows == by_carrier.rows
    assert len(outliving) >= 10


def test_numbers_of_removed_calls_cannot_be_counted_and_are_not_left_out_in_silence(tmp_path: Path) -> None:
    ledger(tmp_path, CALLS).close()
    keep(Store(tmp_path), Periods("calls", 0, 8), None, at("2025-01-12T12:00:00"))
    after = DuckEngine(Store(tmp_path), WINDOW, Means(threads=1))
    for slug, column in (("stopped-calls", "caller"), ("protected-numbers", "called"), ("corrected-stops", "caller")):
        found = figure(after, definition_of(slug), WINDOW)
        assert (found.value, column in found.missing) == (None, True), slug


EVERY = {
    column.name: column.unknown for column in TABLES["calls"] if column.name not in ("origin", "batch", "line", "rules")
}


def test_every_query_runs_and_can_be_told_to_spark(tmp_path: Path) -> None:
    engine = ledger(tmp_path, [{**EVERY, "at": WINDOW.first}])
    queries = all_queries(WINDOW)
    assert len({name for name, _ in queries}) == len(queries) > len(DEFINITIONS) * len(DIMENSIONS)
    for _, sql in queries:
        engine.rows(sql)
        assert to_spark(sql)


def test_every_breakdown_adds_up_to_its_total_where_that_means_something(engine: DuckEngine) -> None:
    for definition in DEFINITIONS.values():
        if definition.is_total and not set(definition.columns) - engine.recorded:
            for dimension in ("day", "hour", "carrier", "origin", "verdict"):
                found = breakdown(engine, definition, WINDOW, dimension)
                assert found.rows, (definition.slug, dimension)
                assert sum(count for _, count in found.rows) == found.total.value, (definition.slug, dimension)


def test_every_definition_names_columns_that_exist_and_says_what_it_is_not() -> None:
    for one in DEFINITIONS.values():
        assert set(one.columns) <= set(names("calls"))
        assert one.rows in SOURCES
        assert [text[-1] for text in (one.text, one.is_not)] == [".", "."]
        assert one.name
        assert isinstance(one.unit, Unit)
    assert {one.column for one in DIMENSIONS.values()} <= {"", *names("calls")}


def test_the_texts_for_people_are_those_of_the_tables() -> None:
    assert {one.slug: (one.name, one.text, one.is_not) for one in DEFINITIONS.values()} == texts.DEFINITIONS
    assert {one.slug: one.name for one in DIMENSIONS.values()} == texts.DIMENSIONS
    assert set(texts.UNITS) == {str(unit) for unit in Unit}


def test_the_page_has_every_definition_as_the_table_has_it() -> None:
    page = DOCS.read_text(encoding="utf-8")
    missing = [
        row
        for row in (f"| `{one.slug}` | {one.unit} | {one.text} |" for one in DEFINITIONS.values())
        if row not in page
    ]
    assert missing == []


def test_a_figure_is_a_value_that_can_be_compared_and_kept() -> None:
    one = Figure("stopped", Unit.ATTEMPTS, 1, WINDOW, (), "r", "")
    assert one == Figure("stopped", Unit.ATTEMPTS, 1, WINDOW, (), "r", "")
    assert hash(one)
