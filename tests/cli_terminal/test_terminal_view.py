import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tosqauyl.cli.view import Health, RuleText, Scene, Watch, bars, render
from tosqauyl.facts import Reason
from tosqauyl.texts import LANGUAGES, Texts

MakeRow = Callable[..., dict]
NOW = 1_000_000.5
RULES = {
    "r": RuleText(
        {"kk": "Қазақша мәтін. " * 9, "ru": "Русский текст. " * 9, "en": "An English text. " * 9},
        {"kk": "№ 119 бұйрық " * 20, "ru": "Приказ № 119 " * 20, "en": "Order No 119 " * 20},
    )
}


def picture(scene: Scene, language: str, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(render(scene, Texts(language), width, height))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.fixture
def watch(row: MakeRow) -> Watch:
    watch = Watch()
    for place, reason in enumerate(Reason):
        for verdict in ("stop", "pass"):
            values = {"verdict": verdict, "reason": str(reason), "rule": "r", "trunk": "a-trunk-with-a-very-long-name"}
            watch.add(row(at=NOW - place, caller="+77010000001", elapsed_us=33.0, **values))
    return watch


def scene(watch: Watch, alive: bool = True) -> Scene:
    return Scene(watch, Health(alive, 90.0), 12.0, 60.0, NOW, 1_234_567, 1_234_000, 567, 3, RULES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 40), (200, 60), (60, 20), (20, 8)])
def test_the_picture_fits_the_terminal(watch: Watch, language: str, width: int, height: int) -> None:
    lines = picture(scene(watch), language, width, height)
    assert len(lines) <= height + 1
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("language", LANGUAGES)
def test_stops_show_masked_number_reason_rule_and_law_at_80_by_24(watch: Watch, language: str) -> None:
    text = "\n".join(picture(scene(watch), language, 80, 24))
    assert "+7701***0001" in text
    assert "+77010000001" not in text
    assert RULES["r"].texts[language][:14] in text
    assert RULES["r"].law[language][:12] in text
    assert "…" in text


def test_an_empty_journal_and_a_dead_gate_are_drawn() -> None:
    text = "\n".join(picture(scene(Watch(), alive=False), "en", 80, 24))
    assert "gate ended" in text
    assert "None yet." in text


def test_rates_are_those_of_the_last_whole_minute(row: MakeRow) -> None:
    watch = Watch()
    for at in (NOW - 61, NOW - 60, NOW - 1, NOW - 1, NOW):
        watch.add(row(at=at))
    rates = watch.rates(NOW)
    assert (len(rates), rates[0], rates[-1], sum(rates)) == (60, 1, 2, 3)


def test_a_shown_stop_stays_long_enough_to_be_read_then_others_come_first(row: MakeRow) -> None:
    watch = Watch()
    for reason in ("a", "b", "c"):
        watch.add(row(verdict="stop", reason=reason, at=1.0))
    first = watch.stops(10.0)
    watch.add(row(verdict="stop", reason="a", at=2.0))
    assert watch.stops(13.9) == first
    assert [one["reason"] for one in watch.stops(14.0)] == ["c", "a", "b"]
    assert [one["at"] for one in watch.stops(14.0)] == [1.0, 2.0, 1.0]


@given(st.lists(st.integers(0, 10_000), max_size=80), st.integers(1, 8))
def test_bars_are_as_wide_as_the_values_and_as_high_as_asked(values: list[int], lines: int) -> None:
    drawn = bars(values, lines)
    assert [len(line) for line in drawn] == [len(values)] * lines
    if any(values):
        assert drawn[0][values.index(max(values))] == "█"
