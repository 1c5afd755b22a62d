"""Figures of others: taken whole or not at all, shown with what they count."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes
from tosqauyl.registry import official
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.official import COLUMNS, Imported, import_figures, measures, search, seed

HEAD = "source,measure,first_day,last_day,published,value"
GOOD = "Police,calls-stopped,2025-01-01,2025-06-30,2025-07-01,5"


def take(registry, *lines, head=HEAD):
    with registry.work(SYSTEM) as work:
        return import_figures(work, "\n".join([head, *lines]))


def listed(registry, measure="", limit=100):
    with registry.read(SYSTEM) as work:
        found = search(work, measure, None, limit)
        work.db.expunge_all()
        return found


def test_the_shipped_figures_are_taken_once_each_with_window_unit_source_and_words(registry):
    with registry.work(SYSTEM) as work:
        first = seed(work)
        assert first.taken >= 19
        assert seed(work) == Imported(0, first.taken)
    found = {(one.figure.value, one.figure.published): one for one in listed(registry)}
    counter = found[66_900_000, "2025-08-22"]
    assert (counter.figure.first_day, counter.figure.last_day, counter.figure.unit) == ("", "2025-08-22", "calls")
    assert "whole time" in counter.note["en"]
    assert counter.measure["en"] == "Calls stopped as fraud"
    assert {value for value, _ in found} >= {
        19_000_000,
        15_000_000,
        37_000_000,
        43_000_000,
        67_000_000,
        30_000_000,
        85_000_000,
    }
    assert all(one.figure.source and set(one.note) == {"kk", "ru", "en"} for one in found.values())
    assert counter.source == {
        "kk": "Ішкі істер министрлігі", "ru": "Министерство внутренних дел", "en": "Ministry of Internal Affairs"
    }  # fmt: skip


def test_who_published_a_shipped_figure_is_said_in_three_languages_and_anybody_else_as_the_file_names_them(registry):
    with registry.work(SYSTEM) as work:
        seed(work)
    known = {one.figure.source for one in listed(registry)}
    assert known == set(official._texts("sources"))
    take(registry, GOOD)
    other = next(one for one in listed(registry) if one.figure.source == "Police")
    assert other.source == dict.fromkeys(("kk", "ru", "en"), "Police")


def test_every_mistake_of_a_file_is_told_with_its_line_and_nothing_is_taken(registry):
    bad = [
        GOOD, "Police,nonsense,,,2025,5", ",calls-stopped,,,2025,5", "Police,calls-stopped,2025-02-30,,2025,5",
        "Police,calls-stopped,2025-06-30,2025-01-01,2025,5", "Police,calls-stopped,,,lately,5", "Police,calls-stopped,,,2025-13,5",
        "Police,calls-stopped,,,2025,-5", "Police,calls-stopped,,,2025,٥", "Police,calls-stopped,,,2025,9999999999999999", GOOD,
        "a,b,c,d,e,f,g,h", 'Police,"calls',
    ]  # fmt: skip
    with pytest.raises(FileMistakes) as refused:
        take(registry, *bad)
    assert [one.line for one in refused.value.mistakes] == list(range(3, 15))
    assert listed(registry) == []


@pytest.mark.parametrize("head", ["source,measure,value", HEAD + ",extra", "x"])
def test_a_file_with_other_columns_is_refused_at_once(registry, head):
    with pytest.raises(FileMistakes) as refused:
        take(registry, GOOD, head=head)
    assert {one.line for one in refused.value.mistakes} == {1}


@pytest.mark.parametrize("text", ["", "\n", "source,source\n"])
def test_what_is_no_csv_file_is_refused(registry, text):
    with pytest.raises(Invalid), registry.work(SYSTEM) as work:
        import_figures(work, text)


def test_a_correction_is_another_figure_and_another_value_for_the_same_one_is_a_mistake(registry, clock):
    assert take(registry, GOOD) == Imported(1, 0)
    assert take(registry, GOOD) == Imported(0, 1)
    with pytest.raises(FileMistakes):
        take(registry, GOOD[:-1] + "6")
    clock[0] += 1
    assert take(registry, "Police,calls-stopped,2025-01-01,2025-06-30,2025-08-01,6") == Imported(1, 0)
    assert [one.figure.value for one in listed(registry, "calls-stopped")] == [6, 5]
    assert listed(registry, "damage") == []


@pytest.mark.parametrize("note", ["a,,", "a,b,\x01", "a" * 1001 + ",b,c"])
def test_notes_are_in_all_languages_or_there_are_none(registry, note):
    with pytest.raises(FileMistakes):
        take(registry, f"{GOOD},{note}", head=HEAD + ",note_kk,note_ru,note_en")


def test_a_thing_that_a_spreadsheet_would_compute_stays_a_text_and_a_url_is_a_url(registry):
    take(registry, "=HYPERLINK(1),calls-stopped,,,2025,5")
    assert listed(registry)[0].figure.source == "=HYPERLINK(1)"
    with pytest.raises(FileMistakes):
        take(registry, f"{GOOD},javascript:alert(1)", head=HEAD + ",url")


def test_every_measure_has_a_unit_with_words(registry):
    lines = [f"x,{slug},,,2025,1" for slug in measures()]
    assert take(registry, *lines).taken == len(lines)
    assert all(set(one.unit) == {"kk", "ru", "en"} for one in listed(registry))
    assert set(official.never_added()) == {"kk", "ru", "en"}
    assert set(HEAD.split(",")) < set(COLUMNS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200), st.booleans())
def test_whatever_text_comes_is_taken_or_refused(registry, text, with_head):
    try:
        with registry.work(SYSTEM) as work:
            import_figures(work, f"{HEAD}\n{GOOD}\n{text}" if with_head else text)
            work.db.rollback()
    except (FileMistakes, Invalid):
        pass
