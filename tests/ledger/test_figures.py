"""Figures: added only where a sum means something, and the same after a way through JSON."""

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.figures import FORMAT, Breakdown, Figure, Unit, figure_from, plain, sum_of
from tosqauyl.ledger.window import window_of_days

WINDOW = window_of_days(date(2025, 1, 1), date(2025, 6, 30))
ALMATY = Figure("stopped", Unit.ATTEMPTS, 40, WINDOW, ("gate:almaty",), "3-aaa", "SELECT 1")
ASTANA = replace(ALMATY, value=2, sources=("gate:astana",), revision="9-bbb")


def exported(figure: Figure) -> object:
    return json.loads(json.dumps({"format": FORMAT, **plain(figure)}))


def test_attempts_of_two_sources_are_added_with_both_sources_and_both_revisions() -> None:
    total = ALMATY + ASTANA
    assert (total.value, total.sources, total.revision) == (42, ("gate:almaty", "gate:astana"), "3-aaa+9-bbb")
    assert (total.definition, total.unit, total.window) == ("stopped", Unit.ATTEMPTS, WINDOW)


def test_days_without_data_of_either_source_stay_named_in_the_sum() -> None:
    holes = replace(ALMATY, gaps=((date(2025, 2, 1), date(2025, 2, 3)),))
    assert (holes + ASTANA).gaps == holes.gaps == (ASTANA + holes).gaps


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(ASTANA, unit=Unit.CALLS), "different units are not added: attempts and calls"),
        (replace(ASTANA, definition="attempts"), "different definitions are not added: stopped and attempts"),
        (
            replace(ASTANA, window=window_of_days(date(2025, 1, 1), date(2025, 9, 30))),
            "different windows are not added: 2025-01-01 to 2025-06-30 (Asia/Almaty) and 2025-01-01 to 2025-09-30 (Asia/Almaty)",
        ),
        (replace(ASTANA, window=window_of_days(date(2025, 1, 1), date(2025, 6, 30), "UTC")), "different windows"),
        (replace(ASTANA, sources=("gate:x", "gate:almaty")), "the same source twice: gate:almaty"),
        (replace(ASTANA, value=None, missing=("verdict",)), "not computable cannot be added"),
    ],
)
def test_what_does_not_add_up_is_refused_with_the_reason(other: Figure, why: str) -> None:
    with pytest.raises(TosqauylError) as refused:
        _ = ALMATY + other
    assert why in str(refused.value)


@pytest.mark.parametrize("unit", [unit for unit in Unit if unit not in (Unit.ATTEMPTS, Unit.CALLS)])
def test_numbers_shares_and_rates_are_never_added(unit: Unit) -> None:
    with pytest.raises(TosqauylError, match="may overlap"):
        _ = replace(ALMATY, unit=unit) + replace(ASTANA, unit=unit)


def test_a_sum_of_many_is_the_sum_of_all_and_a_sum_of_none_is_refused() -> None:
    many = [replace(ALMATY, value=count, sources=(f"gate:{count}",)) for count in range(1, 6)]
    assert sum_of(many).value == 15
    assert sum_of(many[:1]) == many[0]
    with pytest.raises(TosqauylError, match="no figure"):
        sum_of([])


FIGURES = st.builds(
    Figure,
    definition=st.sampled_from(["stopped", "stopped-share"]),
    unit=st.sampled_from(Unit),
    value=st.none() | st.integers(0, 10**12) | st.floats(0, 1e9),
    window=st.just(WINDOW),
    sources=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    revision=st.text(max_size=9),
    sql=st.text(max_size=20),
    missing=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    of=st.integers(0, 10**12),
    gaps=st.lists(st.tuples(st.dates(), st.dates()), max_size=3).map(tuple),
    removed=st.integers(0, 400),
)


@given(FIGURES)
def test_a_figure_survives_its_way_through_json(figure: Figure) -> None:
    assert figure_from(exported(figure), "x.json") == figure


def test_the_total_of_an_exported_breakdown_is_a_figure() -> None:
    content = json.loads(json.dumps({"format": FORMAT, **plain(Breakdown("day", (("2025-01-01", 40),), ALMATY))}))
    assert figure_from(content, "x.json") == ALMATY


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"format": 1},
        {"format": 99, **plain(ALMATY)},
        {"format": FORMAT, **plain(ALMATY), "unit": "apples"},
        {"format": FORMAT, **plain(ALMATY), "value": "40"},
        {"format": FORMAT, **plain(ALMATY), "value": True},
        {"format": FORMAT, **plain(ALMATY), "window": {"from": "2025-01-01"}},
        {"format": FORMAT, **plain(ALMATY), "gaps": [["yesterday", "today"]]},
    ],
)
def test_a_file_that_is_no_figure_is_named(content: object) -> None:
    with pytest.raises(TosqauylError) as refused:
        figure_from(content, "other.json")
    assert "other.json" in str(refused.value)
