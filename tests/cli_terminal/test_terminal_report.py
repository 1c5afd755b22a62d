import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from tosqauyl.cli.report import Tally, make_report, render_report
from tosqauyl.facts import Reason
from tosqauyl.texts import LANGUAGES, Texts

MakeRow = Callable[..., dict]


@pytest.fixture
def rows(row: MakeRow) -> list[dict]:
    stop = {"verdict": "stop", "reason": "mobile-at-home", "rule": "kz-mobile", "would_verdict": "stop"}
    return [
        row(at=20.0, caller="+77010000001", called="t:a", trunk="border", caller_country="KZ", **stop),
        row(at=10.0, caller="+77010000001", called="t:b", trunk="border", caller_country="KZ", **stop),
        row(at=30.0, caller="+447700900123", called="t:b", trunk="border", caller_country="GB"),
        row(at=25.0, caller="", called="t:c", trunk="domestic", would_verdict="stop", faults="caller_missing"),
    ]


def test_attempts_callers_and_callees_are_three_counts(rows: list[dict]) -> None:
    report = make_report(rows, "here")
    assert report.total == Tally(4, 2, 3)
    assert report.stops == {"mobile-at-home": Tally(2, 1, 2)}
    assert report.verdict == {"pass": Tally(2, 1, 2), "stop": Tally(2, 1, 2)}
    assert report.country["KZ"] == Tally(2, 1, 2)
    assert report.trunk == {"border": Tally(3, 2, 2), "domestic": Tally(1, 0, 1)}
    assert report.rule == {"kz-mobile": Tally(2, 1, 2)}


def test_the_window_is_first_to_last_call_whatever_their_order(rows: list[dict]) -> None:
    report = make_report(rows, "here")
    assert (report.first, report.last, report.source) == (10.0, 30.0, "here")


def test_monitored_stops_and_faults_are_counted_apart(rows: list[dict]) -> None:
    report = make_report(rows, "here")
    assert (report.would_stop, report.faulty) == (1, 1)


def test_no_rows_make_an_empty_report_that_says_so() -> None:
    report = make_report([], "here")
    assert report.total == Tally(0, 0, 0)
    assert (report.first, report.last) == (0.0, 0.0)
    assert "here" in shown(report, "kk")


def test_json_names_the_unit_of_each_count(rows: list[dict]) -> None:
    content = json.loads(json.dumps(make_report(rows, "here").as_dict()))
    assert content["total"] == {"attempts": 4, "callers": 2, "callees": 3}
    assert content["unit"]["attempts"] == "call attempts"


def shown(report: object, language: str, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render_report(report, Texts(language)))  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_terminal_report_names_reasons_in_its_language(rows: list[dict], language: str) -> None:
    text = shown(make_report(rows, "here"), language)
    assert Texts(language).reason("mobile-at-home") in text
    assert "{" not in text


def test_long_tables_say_how_many_rows_they_leave_out(row: MakeRow) -> None:
    rows = [row(at=1.0, caller=f"+{place}", caller_country=f"{place:02}") for place in range(12)]
    assert "and 4 more" in shown(make_report(rows, "here"), "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_fit_80_columns_with_six_digit_counts(row: MakeRow, language: str) -> None:
    rows = [row(at=1.0, caller="+1", verdict="stop", reason=str(reason)) for reason in Reason]
    report = make_report(rows, "here")
    big = Tally(123_456, 123_456, 123_456)
    text = shown(
        replace(report, total=big, verdict={"stop": big}, stops=dict.fromkeys(report.stops, big)), language, 80
    )
    t = Texts(language)
    assert text.count(t.count(123_456)) >= 3 * 9
    assert t("called numbers") in text
