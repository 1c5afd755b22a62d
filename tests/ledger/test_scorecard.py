"""Scorecards: counted by hand, few calls do not lead, and what was not recorded is not a zero."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.engine import DuckEngine, Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.scorecard import PARTIES, Card, previous_of, rule_figures, scorecard, wilson, with_previous
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days

Row = dict[str, Any]
WINDOW = window_of_days(date(2025, 3, 1), date(2025, 3, 2))
NOW, BEFORE = WINDOW.first + 5.0, previous_of(WINDOW).first + 5.0


def engine_of(folder: Path, rows: Sequence[Row], outcomes: Sequence[Row] = ()) -> DuckEngine:
    store, con = Store(folder), connect(Means(threads=1))
    for table, given_rows in (("calls", rows), ("outcomes", outcomes)):
        if given_rows:
            con.register("given", pa.Table.from_pylist(list(given_rows)))
            store.write(con, "SELECT * FROM given", Batch(table, "gate:a", "1", frozenset(given_rows[0])))
    return DuckEngine(store, with_previous(WINDOW), Means(threads=1))


def call(carrier: str, verdict: str = "pass", **more: Any) -> Row:
    usual = {
        "at": NOW, "trunk": "t1", "would_verdict": verdict, "caller_kind": "foreign", "caller_country": "GB", "caller": "+44",
        "called": "t:1", "call_id": "", "rule": "", "would_rule": "", "truth": "unknown", "listed": "none",
    }  # fmt: skip
    return {**usual, "carrier": carrier, "verdict": verdict, **more}


def cards(folder: Path, rows: Sequence[Row], outcomes: Sequence[Row] = ()) -> dict[str, Card]:
    return {card.name: card for card in scorecard(engine_of(folder, rows, outcomes), WINDOW).cards}


def test_every_metric_is_counted_by_carrier(tmp_path: Path) -> None:
    rows = [
        call("a", "stop", caller_kind="unallocated", caller_country="KZ", caller="+7703"),
        call("a", "mark", caller="+442", called="t:2"),
        call("a", "pass", would_verdict="stop", caller="", called="t:2"),
        call("a", "pass", caller="+443", called="t:2"),
        call("b"),
    ]
    now = cards(tmp_path, rows)["a"].now
    assert (now.attempts, now.stopped, now.suspect, now.marked, now.no_number, now.kazakh) == (4, 1, 2, 1, 1, 1)
    assert (now.callers, now.callees, now.pairs, now.callers_per_callee) == (3, 2, 3, 1.5)
    assert (now.share("suspect"), now.share("short"), now.answered) == (0.5, None, None)


def test_a_carrier_with_three_bad_calls_does_not_lead_one_with_hundreds(tmp_path: Path) -> None:
    rows = [call("few", "stop")] * 3 + [call("many", "stop")] * 300 + [call("many")] * 30 + [call("good")] * 50
    found = scorecard(engine_of(tmp_path, rows), WINDOW)
    assert [(card.name, card.rank) for card in found.cards] == [("many", 1), ("few", 2), ("good", 3)]
    assert scorecard(engine_of(tmp_path, rows), WINDOW, limit=1).cards == found.cards[:1]


def test_the_trend_is_against_as_many_days_before(tmp_path: Path) -> None:
    rows = [call("a")] * 6 + [call("a", at=BEFORE)] * 4 + [call("new")] + [call("a", at=BEFORE - 100.0)] * 9
    found = cards(tmp_path, rows)
    assert (found["a"].trend, found["new"].trend) == (1.5, None)
    assert (found["a"].before, found["new"].before) == (4, 0)


def test_without_a_period_before_there_is_no_trend(tmp_path: Path) -> None:
    card = cards(tmp_path, [call("a")])["a"]
    assert (card.before, card.trend) == (None, None)


def test_short_calls_are_counted_of_the_answered_ones(tmp_path: Path) -> None:
    rows = [call("a", call_id=f"c{number}") for number in range(4)]
    told = [("c0", "yes", 9.9), ("c1", "yes", 10.0), ("c2", "no", 0.0)]
    ends = [{"at": NOW, "call_id": one, "answered": answered, "duration": long} for one, answered, long in told]
    now = cards(tmp_path, rows, ends)["a"].now
    assert (now.answered, now.short, now.share("short")) == (2, 1, 0.5)


def test_without_a_look_at_every_call_the_other_metrics_are_the_same(tmp_path: Path) -> None:
    rows = [
        call("a", "stop", caller_kind="unallocated", call_id="c0"),
        call("a", "mark", caller="+442", at=WINDOW.first + 90_000.0),
        call("a", "pass", would_verdict="stop", caller_country="KZ", at=BEFORE),
        call("b", trunk="t2"),
    ]
    engine = engine_of(tmp_path, rows, [{"at": NOW, "call_id": "c0", "answered": "yes", "duration": 1.0}])
    for party in PARTIES:
        whole, quick = (scorecard(engine, WINDOW, party, every_call=one) for one in (True, False))
        nothing = dict.fromkeys(("callers", "callees", "pairs", "answered", "short"))
        bare = tuple(replace(card, now=replace(card.now, **nothing)) for card in whole.cards)
        assert quick.cards == bare
        assert (quick.missing, quick.gaps, quick.every_call) == ((), whole.gaps, False)


def test_what_was_not_recorded_is_none_and_named(tmp_path: Path) -> None:
    found = scorecard(engine_of(tmp_path, [{"at": NOW, "carrier": "a", "verdict": "stop"}]), WINDOW)
    now = found.cards[0].now
    assert (now.attempts, now.stopped) == (1, 1)
    assert (now.suspect, now.no_number, now.kazakh, now.callers, now.pairs, now.short) == (None,) * 6
    assert found.cards[0].rank == 0
    assert set(found.missing) == {
        "would_verdict", "caller_kind", "caller_country", "caller", "called", "outcomes.answered"
    }  # fmt: skip


def test_without_the_party_itself_there_is_no_scorecard(tmp_path: Path) -> None:
    found = scorecard(engine_of(tmp_path, [{"at": NOW, "verdict": "stop"}]), WINDOW, "trunk")
    assert found.cards == ()
    assert "trunk" in found.missing


def test_trunks_have_scorecards_and_nothing_else_has(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, [call("a"), call("b")])
    assert [card.name for card in scorecard(engine, WINDOW, "trunk").cards] == ["t1"]
    with pytest.raises(TosqauylError, match="no scorecard by"):
        scorecard(engine, WINDOW, "caller")


def test_days_without_data_are_counted_in_both_periods(tmp_path: Path) -> None:
    found = scorecard(engine_of(tmp_path, [call("a")]), WINDOW)
    assert (found.gaps, found.previous_gaps) == (1, 2)


def test_each_rule_has_its_false_stops_and_the_most_they_may_be(tmp_path: Path) -> None:
    rows = [call("a", "stop", rule="r1", truth="fraud")] * 98
    rows += [call("a", "stop", rule="r1", truth="honest")] * 2
    rows += [call("a", "stop", rule="r1", truth="unknown")] * 5
    rows += [call("a", "pass", would_verdict="stop", would_rule="r2", truth="honest")]
    first, watched = rule_figures(engine_of(tmp_path, rows), WINDOW).rules
    assert (first.rule, first.watched, first.stops, first.known, first.false) == ("r1", False, 105, 100, 2)
    assert (first.false_share, round(first.at_most or 0.0, 4)) == (0.02, 0.07)
    assert (watched.rule, watched.watched, watched.stops, watched.false) == ("r2", True, 1, 1)


def test_a_rules_corrected_stops_are_those_of_numbers_allowed_later(tmp_path: Path) -> None:
    rows = [
        call("a", "stop", rule="r1", caller="+1"),
        call("a", "stop", rule="r2", caller="+2"),
        call("a", "pass", listed="allow", caller="+1", at=NOW + 60.0),
    ]
    found = {one.rule: one.corrected for one in rule_figures(engine_of(tmp_path, rows), WINDOW).rules}
    assert found == {"r1": 1, "r2": 0}


def test_without_truth_a_rule_has_no_false_stop_figure_at_all(tmp_path: Path) -> None:
    found = rule_figures(engine_of(tmp_path, [{"at": NOW, "verdict": "stop", "rule": "r1"}]), WINDOW)
    (one,) = found.rules
    assert (one.stops, one.known, one.false, one.false_share, one.at_most, one.corrected) == (1, *(None,) * 5)
    assert {"truth", "listed", "would_rule"} <= set(found.missing)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 10**7).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_the_interval_holds_the_share_and_stays_between_nought_and_one(pair: tuple[int, int]) -> None:
    low, high = wilson(*pair)
    assert 0.0 <= low <= pair[0] / pair[1] + 1e-12
    assert pair[0] / pair[1] - 1e-12 <= high <= 1.0
