"""Statistics: what is counted, of whom, in which window, and what is hidden."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry import figures, observables
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.clocks import day_of
from tosqauyl.registry.errors import Absent, Invalid
from tosqauyl.registry.figure_definitions import definitions, source_text, unit_text
from tosqauyl.registry.figures import Asked, Cell, as_csv_rows, count, roll_up, to_roll_up
from tosqauyl.registry.periods import STEPS, Window, key_of, periods, whole_months, window_of
from tosqauyl.registry.tables import Appeal, Incident, NumberCheck, Report

DAY = 86_400_000
HOUR = 3_600_000
YEAR = Window(date(2026, 1, 1), date(2026, 12, 31))
DATES = st.dates(date(2000, 1, 1), date(2100, 1, 1))


def report(work, received, organisation="kcell", scheme="safe-account", region="75", **more):
    key = work.new_id()
    work.db.add(Report(
        id=key, organisation=organisation, reporter="citizen", channel="call", scheme=scheme, region=region, received=received,
        digest=str(key), ticket=str(key), **more,
    ))  # fmt: skip


def incident(work, created, **more):
    work.db.add(
        Incident(id=work.new_id(), organisation="centre", created=created, due=created, scheme="safe-account", **more)
    )


def table(registry, actor, definition, window=YEAR, by="", step=""):
    with registry.read(actor) as work:
        return count(work, Asked(definition, window, by, step))


def values(found) -> dict[str, list[int | None]]:
    return {row.key: [None if cell.hidden else cell.value for cell in (*row.cells, row.total)] for row in found.rows}


def test_reports_are_counted_by_scheme_and_month_of_kazakhstan_with_totals(registry, analyst, clock):
    midnight = Window(date(2026, 10, 31), date(2026, 10, 31)).until  # 24:00 in Kazakhstan, 19:00 UTC
    with registry.work(SYSTEM) as work:
        for _ in range(6):
            report(work, midnight - 1)
            report(work, midnight)
            report(work, midnight, scheme="", organisation="halyk")
    found = table(registry, analyst, "reports", Window(date(2026, 10, 1), date(2026, 11, 30)), "scheme", "month")
    assert [one.key for one in found.columns] == ["2026-10", "2026-11"]
    assert values(found) == {"safe-account": [6, 6, 12], "": [0, 6, 6]}
    assert found.totals == (Cell(6), Cell(12))
    assert found.total == Cell(18)
    assert found.definition.unit == "reports"


def test_an_organisation_counts_its_own_and_the_source_says_so(registry, analyst, someone, clock):
    with registry.work(SYSTEM) as work:
        for _ in range(7):
            report(work, clock[0])
            report(work, clock[0], organisation="halyk")
    assert table(registry, analyst, "reports").total == Cell(14)
    found = table(registry, someone("operator", "kcell"), "reports")
    assert (found.total, found.organisation) == (Cell(7), "kcell")
    assert "kcell" in source_text("kcell")["en"]
    assert "all" in source_text("")["en"]


def test_reports_incidents_victims_and_damage_are_different_figures(registry, analyst, clock):
    with registry.work(SYSTEM) as work:
        for _ in range(6):
            report(work, clock[0], victims=2, loss=100)
        report(work, clock[0])
        for _ in range(5):
            incident(work, clock[0], victims=3, amount=1_000)
        incident(work, clock[0], victims=9, amount=9_000, state="closed", outcome="false_positive", closed=clock[0])
    expected = {
        "reports": 7,
        "reported-victims": 12,
        "reported-losses": 600,
        "incidents": 6,
        "victims": 15,
        "damage": 5_000,
    }
    for slug, value in expected.items():
        found = table(registry, analyst, slug)
        assert (found.total, found.definition.slug) == (Cell(value), slug)
    assert len({table(registry, analyst, slug).definition.unit for slug in expected}) == 4


def test_small_cells_are_hidden_and_cannot_be_subtracted(registry, analyst, clock):
    with registry.work(SYSTEM) as work:
        for region, count_ in (("75", 40), ("71", 9), ("79", 2)):
            for _ in range(count_):
                report(work, clock[0], region=region, loss=1)
    for definition in ("reports", "reported-losses"):
        found = table(registry, analyst, definition, by="region")
        assert values(found) == {"71": [None, None], "75": [40, 40], "79": [None, None]}
        assert found.total == Cell(51)
    assert table(registry, analyst, "victims").total == Cell(0)


def test_damage_of_few_cases_and_victims_who_are_few_are_hidden(registry, analyst, clock):
    with registry.work(SYSTEM) as work:
        for _ in range(4):
            incident(work, clock[0], amount=10**12, victims=1)
    assert table(registry, analyst, "damage").total == Cell(0, True)
    assert table(registry, analyst, "victims").total == Cell(0, True)


def test_checks_and_messages_are_late_from_the_end_of_their_clock_on(registry, analyst, someone, clock):
    now = clock[0]
    with registry.work(SYSTEM) as work:
        seen = observables.observe(work, "phone", "+77011234567").id
        for due, decided, tell_due, told in (
            (now + 1, 0, 0, 0), (now, 0, 0, 0), (now - DAY, now - DAY - 1, now, 0), (now - DAY, now - DAY, now + 1, now),
        ) * 5:  # fmt: skip
            work.db.add(NumberCheck(
                id=work.new_id(), organisation="kcell", observable=seen, source="complaint", opened=now - 2 * DAY, due=due,
                decided=decided, tell_due=tell_due, told=told,
            ))  # fmt: skip
    for actor in (analyst, someone("operator", "kcell")):
        assert [table(registry, actor, one).total.value for one in ("checks", "checks-late", "messages-late")] == [
            20,
            10,
            5,
        ]
    assert table(registry, someone("operator", "beeline"), "checks").total == Cell(0)
    assert values(table(registry, analyst, "checks", by="scheme")) == {"": [20, 20]}


def test_appeals_are_counted_when_they_are_filed_and_upheld_ones_when_they_are_decided(
    registry, analyst, someone, clock
):
    now = clock[0]
    with registry.work(SYSTEM) as work:
        seen = observables.observe(work, "phone", "+77011234567").id
        for state, due, decided in (("filed", 0, 0), ("proven", now, 0), ("upheld", now - DAY, now - DAY - 1)) * 5:
            key = work.new_id()
            work.db.add(Appeal(
                id=key, observable=seen, ticket=str(key), state=state, filed=now - 40 * DAY, due=due, decided=decided,
            ))  # fmt: skip
    last = Window(day_of(now - 10 * DAY), day_of(now))
    assert table(registry, analyst, "appeals").total == Cell(15)
    assert table(registry, analyst, "appeals", last).total == Cell(0)
    assert table(registry, analyst, "appeals-upheld", last).total == Cell(5)
    assert table(registry, analyst, "appeals-late").total == Cell(5)
    assert table(registry, someone("operator", "kcell"), "appeals").total == Cell(15)
    assert table(registry, someone("operator", "beeline"), "appeals").total == Cell(0)
    with pytest.raises(Invalid):
        table(registry, analyst, "appeals", by="region")


@pytest.mark.parametrize(("by", "step"), [("", ""), ("scheme", "week"), ("region", "month"), ("", "day")])
def test_the_rollup_gives_the_figures_that_counting_gives(registry, analyst, someone, clock, by, step):
    dice = random.Random(6)
    with registry.work(SYSTEM) as work:
        for _ in range(300):
            received = clock[0] - dice.randrange(90 * DAY)
            scheme, region = dice.choice(("", "safe-account", "afc-other")), dice.choice(("", "71", "75"))
            organisation = dice.choice(("kcell", "halyk"))
            report(
                work, received, organisation, scheme, region, victims=dice.randrange(3), loss=dice.randrange(2) * 500
            )
    slugs, actors = ("reports", "reported-victims", "reported-losses"), (analyst, someone("operator", "kcell"))
    window = Window(day_of(clock[0] - 80 * DAY), day_of(clock[0]))
    before = [table(registry, actor, slug, window, by, step) for slug in slugs for actor in actors]
    with registry.read(SYSTEM) as work:
        months = to_roll_up(work)
    assert months[-1].last == day_of(clock[0]) - timedelta(2)
    for month in months * 2:
        with registry.work(SYSTEM) as work:
            assert roll_up(work, month) > 0
    after = [table(registry, actor, slug, window, by, step) for slug in slugs for actor in actors]
    assert [(one.rows, one.totals, one.total) for one in after] == [(one.rows, one.totals, one.total) for one in before]
    assert after[0].revision == "2026-11-30T07:00:00Z"


def test_what_comes_after_the_rollup_is_counted_at_once_and_old_changes_with_the_next_one(registry, analyst, clock):
    with registry.work(SYSTEM) as work:
        for _ in range(5):
            report(work, clock[0] - 10 * DAY)
        (month,) = to_roll_up_after(work)
        roll_up(work, month)
    with registry.work(SYSTEM) as work:
        for _ in range(5):
            report(work, clock[0])
            report(work, clock[0] - DAY)
            report(work, clock[0] - 10 * DAY)
    assert table(registry, analyst, "reports").total == Cell(15)
    clock[0] += DAY
    with registry.work(SYSTEM) as work:
        roll_up(work, month)
    found = table(registry, analyst, "reports")
    assert (found.total, found.revision) == (Cell(20), "2026-12-01T07:00:00Z")


def to_roll_up_after(work):
    work.db.flush()
    return to_roll_up(work)


@given(DATES, st.integers(0, 400), st.sampled_from(("", *STEPS)))
def test_the_parts_of_a_window_are_its_days_once_each_in_their_order(first, days, step):
    window = Window(first, first + timedelta(days))
    parts = periods(window, step)
    covered = [one.first + timedelta(place) for one in parts for place in range((one.last - one.first).days + 1)]
    assert covered == [first + timedelta(place) for place in range(days + 1)]
    assert all(key_of(day, step) == one.key for one in parts for day in (one.first, one.last))
    assert len({one.key for one in parts}) == len(parts)


def test_whole_months_end_before_this_one():
    assert whole_months(1_796_022_000_000, 12) == Window(date(2025, 11, 1), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("first", "last"), [("2026-12-01", "2026-11-30"), ("1969-01-01", "1970-01-01"), ("2000-01-01", "2026-01-01")]
)
def test_a_window_that_cannot_be_is_refused(first, last):
    with pytest.raises(Invalid):
        window_of(date.fromisoformat(first), date.fromisoformat(last))


def test_a_figure_that_is_not_there_and_a_table_that_is_too_large_are_refused(registry, analyst):
    with pytest.raises(Absent):
        table(registry, analyst, "people")
    with pytest.raises(Invalid):
        table(registry, analyst, "reports", YEAR, "scheme", "day")
    with pytest.raises(Invalid):
        table(registry, analyst, "false-stops")
    assert len(table(registry, analyst, "reports", YEAR, "", "day").columns) == 365


def test_every_figure_says_what_it_counts_and_what_not_in_three_languages(registry, analyst):
    for slug, one in definitions().items():
        assert set(one.name) == set(one.text) == set(one.is_not) == set(unit_text(one.unit)) == {"kk", "ru", "en"}, slug
        if slug != "false-stops":
            assert table(registry, analyst, slug).total == Cell(0)
            for by in one.by:
                table(registry, analyst, slug, YEAR, by, "month")


def test_a_csv_file_says_of_every_number_what_it_counts(registry, analyst, clock):
    with registry.work(SYSTEM) as work:
        for scheme, count_ in (("safe-account", 6), ("afc-other", 6), ("", 6), ("afc-shop", 1)):
            for _ in range(count_):
                report(work, clock[0], scheme=scheme)
    rows = list(as_csv_rows(table(registry, analyst, "reports", YEAR, "scheme")))
    assert {(row["key"], row["value"], row["hidden"], row["total"]) for row in rows} >= {
        ("afc-shop", "", "yes", "no"), ("", 19, "no", "yes"), ("safe-account", 6, "no", "no"),
    }  # fmt: skip
    assert all(
        (row["definition"], row["unit"], row["source"], row["first_day"]) == ("reports", "reports", "all", "2026-01-01")
        for row in rows
    )
    monthly = list(as_csv_rows(table(registry, analyst, "reports", YEAR, "", "month")))
    assert Counter(row["total"] for row in monthly) == {"no": 1, "yes": 1}
    assert next(iter(as_csv_rows(table(registry, analyst, "victims"))))["value"] == 0


def test_hours_do_not_matter_days_do(registry, analyst, clock):
    day = Window(date(2026, 11, 29), date(2026, 11, 29))
    with registry.work(SYSTEM) as work:
        for hour in range(24):
            report(work, day.since + hour * HOUR)
        for _ in range(5):
            report(work, day.until)
    assert table(registry, analyst, "reports", day).total == Cell(24)
    assert figures.SETTLED_DAYS == 2
