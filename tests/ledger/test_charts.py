"""Pictures of breakdowns: the same bytes each time, everything in them, nothing that leads or reaches outside."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.ledger.charts import BARS, SVG, ChartWords, render, top
from tosqauyl.ledger.figures import Breakdown, Figure, Unit
from tosqauyl.ledger.window import window_of_days

WINDOW = window_of_days(date(2025, 1, 1), date(2025, 6, 30))
WORDS = ChartWords(
    title="Тоқтатылған қоңыраулар", unit="қоңырау шалу әрекеттері", window="2025-01-01 – 2025-06-30 (Asia/Almaty)",
    source="Дереккөз: gate:almaty-1; 17-3f0c8a2b9d1e", none="белгісіз", others="тағы {n}", more="және тағы {n}",
    empty="есептелмейді: duration жоқ", number=lambda number: f"{number:,.0f}", labels={"mobile-at-home": "ұялы нөмір елде"},
)  # fmt: skip
HOSTILE = "<script>alert('1')</script> & \"$\\frac{1}{0}$\" ]]> \x00\x1b\ud800"


def breakdown(dimension: str, rows: Sequence[tuple[str, float]], unit: Unit = Unit.ATTEMPTS) -> Breakdown:
    total = Figure("stopped", unit, 1, WINDOW, ("gate:almaty-1",), "17-3f0c8a2b9d1e", "SELECT 1")
    return Breakdown(dimension, tuple(rows), total)


def days(count: int) -> list[tuple[str, float]]:
    return [((date(2025, 1, 1) + timedelta(days=passed)).isoformat(), 100.0 + passed) for passed in range(count)]


def hours(count: int) -> list[tuple[str, float]]:
    return [(f"2025-01-{1 + passed // 24:02d} {passed % 24:02d}", float(passed)) for passed in range(count)]


CASES = {
    "few days": breakdown("day", days(3)),
    "many days": breakdown("day", days(181)),
    "hours": breakdown("hour", hours(50)),
    "names": breakdown("carrier", [("Kazakhtelecom", 5), ("", 3), (HOSTILE, 0)]),
    "many names": breakdown("carrier", [(f"carrier {number}", 100 - number) for number in range(40)]),
    "nothing": breakdown("reason", []),
    "no day": breakdown("day", []),
}


def texts(drawn: bytes) -> tuple[str, str]:
    root = Xml.fromstring(drawn)
    return root.findtext(f"{{{SVG}}}title", ""), root.findtext(f"{{{SVG}}}desc", "")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_breakdown_gives_the_same_bytes(case: str, form: str) -> None:
    drawn = render(CASES[case], WORDS, form)
    assert drawn == render(CASES[case], WORDS, form)
    assert drawn.startswith(b"\x89PNG\r\n" if form == "png" else b"<svg ")


@pytest.mark.parametrize("case", CASES)
def test_svg_leads_nowhere_and_styles_nothing(case: str) -> None:
    drawn = render(CASES[case], WORDS).decode()
    assert re.findall(r"https?://[^\"]*", drawn) == [SVG]
    assert not re.search(r"style|<script|<!|<\?|metadata|xlink|\bon\w+=", drawn.replace(texts(drawn.encode())[1], ""))
    assert all(target in drawn for target in re.findall(r'(?:href="|url\()(#[^")]+)', drawn))
    root = Xml.fromstring(drawn)
    ids = {node.get("id") for node in root.iter()}
    pointed = [one.strip("#") for one in re.findall(r'(?:href="|url\()(#[^")]+)', drawn)]
    assert set(pointed) <= ids
    assert set((root.get("aria-labelledby") or "").split()) <= ids


def test_ids_of_two_pictures_differ() -> None:
    first, second = (
        {node.get("id") for node in Xml.fromstring(render(CASES[case], WORDS)).iter()} for case in ("names", "nothing")
    )
    assert first & second == {None}


@pytest.mark.parametrize("case", CASES)
def test_picture_says_title_unit_window_and_source(case: str) -> None:
    title, description = texts(render(CASES[case], WORDS))
    assert title == WORDS.title
    assert all(text in description for text in (WORDS.unit, WORDS.window, WORDS.source))


def test_values_are_shown_by_their_words() -> None:
    _, description = texts(render(breakdown("reason", [("mobile-at-home", 7), ("", 2)]), WORDS))
    assert "ұялы нөмір елде: 7; белгісіз: 2." in description


def test_hostile_names_are_text() -> None:
    _, description = texts(render(breakdown("carrier", [(HOSTILE, 7)]), WORDS))
    assert "<script>alert('1')</script> & \"$\\frac{1}{0}$\" ]]>" in description


@settings(max_examples=15)
@given(names=st.lists(st.text(max_size=90), max_size=4), title=st.text(max_size=200))
def test_any_text_can_be_drawn(names: list[str], title: str) -> None:
    drawn = render(
        breakdown("carrier", [(name, place) for place, name in enumerate(names)]), replace(WORDS, title=title)
    )
    Xml.fromstring(drawn)


def test_what_is_left_over_is_added_up_where_that_is_allowed() -> None:
    rows, more = top(CASES["many names"], WORDS)
    assert len(rows) == BARS
    assert rows[-1] == ("тағы 26", sum(100 - number for number in range(14, 40)))
    assert more == ""


def test_what_is_left_over_is_never_added_up_for_numbers_of_people() -> None:
    case = CASES["many names"]
    rows, more = top(breakdown("carrier", case.rows, Unit.CALLED_NUMBERS), WORDS)
    assert rows == [(name, number) for name, number in case.rows[:BARS]]
    assert more == "және тағы 25"
    assert more in texts(render(breakdown("carrier", case.rows, Unit.CALLED_NUMBERS), WORDS))[1]


def test_what_a_limit_left_out_counts_as_left_over() -> None:
    rows, _ = top(replace(breakdown("carrier", [("a", 5), ("b", 4)]), left_out=3, rest=6), WORDS)
    assert rows == [("a", 5), ("b", 4), ("тағы 3", 6)]


def test_nothing_to_show_is_said() -> None:
    assert WORDS.empty in texts(render(CASES["nothing"], WORDS))[1]


def test_missing_days_interrupt_the_line() -> None:
    whole = breakdown("day", days(150))
    broken = breakdown("day", [row for place, row in enumerate(days(150)) if not 60 <= place < 70])
    lines = [
        re.findall(r'<path d="([^"]*)" [^>]*stroke="#0072b2"', render(one, WORDS).decode()) for one in (whole, broken)
    ]
    assert [line[0].count("M") for line in lines] == [1, 2]
