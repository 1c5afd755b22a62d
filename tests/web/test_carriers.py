"""Figures of calls over the API: counted in a real ledger, told with all that makes them figures, within a time, few at once."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from importlib import util
from pathlib import Path
from typing import Any, get_args

import pytest
from call_ledger import DAY, FIRST, LAST, RULE, write_ledger

from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS
from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.statistics_queries import breakdown_sql
from tosqauyl.ledger.window import window_of_days
from tosqauyl.texts import LANGUAGES
from tosqauyl.web import ledger_desk
from tosqauyl.web.call_figure_bodies import CallDimension, CallFigure

ALL = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
ROUTES = [
    ("/v1/calls/ledger", {}), ("/v1/calls/figures", ALL), ("/v1/calls/breakdown", ALL | {"figure": "stopped", "by": "rule"}),
    ("/v1/carriers", ALL), ("/v1/displacement", {"rule": RULE, "weeks": 1}),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_ledger(tmp_path_factory.mktemp("calls") / "ledger")


@pytest.fixture
def analyst(office, folder, client_as):
    """Asks and expects an answer, of the status that is said."""
    office.calls = replace(office.calls, ledger=folder, memory_mb=256)
    client = client_as("analyst")

    def ask(path: str, status: int = 200, **query: Any) -> Any:
        answer = client.get(path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


def test_the_names_of_the_api_are_those_of_the_ledger():
    assert get_args(CallFigure) == tuple(DEFINITIONS)
    assert get_args(CallDimension) == tuple(DIMENSIONS)


def test_the_ledger_tells_its_days_and_what_can_be_counted(analyst):
    said = analyst("/v1/calls/ledger")
    assert (said["first"], said["last"]) == (FIRST.isoformat(), LAST.isoformat())
    assert [one["slug"] for one in said["definitions"]] == list(DEFINITIONS)
    assert set(said["dimensions"][0]["name"]) == set(LANGUAGES)


def test_a_figure_is_told_with_all_that_makes_it_one(analyst):
    found = {one["definition"]["slug"]: one for one in analyst("/v1/calls/figures", **ALL)}
    assert {slug: one["value"] for slug, one in found.items()} == {
        "attempts": 7 * 25 + 7 * 23, "stopped": 56, "stopped-share": pytest.approx(56 / 336), "would-stop": 140, "failed-open": 0,
    }  # fmt: skip
    one = found["stopped"]
    assert one["definition"]["text"]["en"] == DEFINITIONS["stopped"].text
    assert one["definition"]["is_not"]["en"]
    assert (one["window"]["first"], one["window"]["last"], one["window"]["zone"]) == (*ALL.values(), "Asia/Almaty")
    assert (one["definition"]["unit"], one["sources"], one["missing"], one["gaps"]) == (
        "attempts",
        ["gate:almaty"],
        [],
        [],
    )
    assert one["revision"].startswith("1-")
    assert one["query"].startswith("SELECT count(*)")
    assert one["said"] == {"kk": "56", "ru": "56", "en": "56"}


def test_only_the_figures_that_are_asked_for_are_told_and_each_once(analyst):
    found = analyst("/v1/calls/figures", **ALL, figure=["calls", "attempts", "calls"])
    assert [one["definition"]["slug"] for one in found] == ["calls", "attempts"]


def test_what_was_not_recorded_and_days_without_calls_are_said(analyst):
    (one,) = analyst("/v1/calls/figures", **ALL, figure="false-stops")
    assert (one["value"], one["missing"]) == (None, ["truth"])
    assert "truth" in one["said"]["en"]
    before = (FIRST - timedelta(2)).isoformat()
    (one,) = analyst("/v1/calls/figures", first=before, last=ALL["last"], figure="stopped")
    assert one["gaps"] == [{"first": before, "last": (FIRST - timedelta(1)).isoformat()}]


def test_every_definition_and_dimension_can_be_asked_for(analyst):
    assert len(analyst("/v1/calls/figures", **ALL, figure=list(DEFINITIONS))) == len(DEFINITIONS)
    for by in DIMENSIONS:
        assert analyst("/v1/calls/breakdown", **ALL, figure="attempts", by=by)["by"]["slug"] == by


def test_a_breakdown_adds_up_and_its_query_is_the_one_that_was_run(analyst):
    said = analyst("/v1/calls/breakdown", **ALL, figure="stopped", by="day")
    assert [one["value"] for one in said["parts"]] == [0] * 7 + [8] * 7
    assert said["total"]["value"] == 56
    window = window_of_days(FIRST, LAST)
    assert said["query"] == breakdown_sql(DEFINITIONS["stopped"], window, DIMENSIONS["day"])
    said = analyst("/v1/calls/breakdown", **ALL, figure="attempts", by="carrier", limit=1)
    assert (said["parts"], said["left_out"], said["rest"]) == ([{"key": "west", "value": 196}], 1, 140)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"figure": "stopped-per-day", "by": "day"} | ALL, "query:by"),
        ({"figure": "stopped", "by": "hour", "first": "2026-01-01", "last": "2026-12-31"}, "query:last"),
        ({"figure": "stopped", "by": "day", "first": "2026-12-31", "last": "2026-12-01"}, "query:last"),
        ({"figure": "stopped", "by": "caller"} | ALL, "query:by"),
        ({"figure": "none", "by": "day"} | ALL, "query:figure"),
    ],
)
def test_what_cannot_be_broken_down_is_refused_with_its_place(analyst, query, where):
    assert [one["where"] for one in analyst("/v1/calls/breakdown", 422, **query)["fields"]] == [where]


def test_carriers_come_worst_first_with_what_their_columns_count(analyst):
    said = analyst("/v1/carriers", first=DAY.isoformat(), last=ALL["last"])
    worst, other = said["cards"]
    assert (worst["name"], worst["rank"], worst["attempts"], worst["stopped"], worst["before"]) == (
        "west",
        1,
        56,
        56,
        140,
    )
    assert (worst["shares"]["suspect"], worst["shares"]["kazakh"], worst["trend"]) == (1, 1, pytest.approx(56 / 140))
    assert (other["name"], other["shares"]["suspect"]) == ("north<b>", 0)
    assert [one["slug"] for one in said["terms"]] == ["suspect", "no-number"]
    assert (said["every_call"], worst["callers"], worst["callers_per_callee"]) == (False, None, None)
    assert (said["previous"]["last"], said["gaps"], said["previous_gaps"]) == ((DAY - timedelta(1)).isoformat(), 0, 0)
    assert "GROUP BY" in said["query"]
    assert analyst("/v1/carriers", **ALL, by="trunk")["cards"][0]["name"] == "t-west"


def test_a_look_at_every_call_adds_different_numbers_and_short_calls(analyst):
    quick, whole = (analyst("/v1/carriers", **ALL, every_call=one) for one in ("false", "true"))
    assert [one["slug"] for one in whole["terms"]] == ["suspect", "no-number", "short"]
    assert [one["attempts"] for one in whole["cards"]] == [one["attempts"] for one in quick["cards"]]
    assert all(one["callers"] and one["callers_per_callee"] >= 1 for one in whole["cards"])
    assert "count(DISTINCT" in whole["query"]
    assert "DISTINCT" not in quick["query"]


def test_displacement_is_told_for_a_rule_and_for_a_day(analyst):
    by_rule = analyst("/v1/displacement", rule=RULE, weeks=1)
    assert (by_rule["day"], by_rule["finding"]) == (DAY.isoformat(), "displaced")
    groups = {one["key"]: (one["before"], one["after"]) for one in by_rule["groups"]}
    assert (groups["kazakh"], groups["foreign"]) == ((20, 8), (5, 15))
    assert "15" in by_rule["said"]["en"]
    assert by_rule["countries"][0]["key"] == "GB"
    assert by_rule["before"]["last"] == (DAY - timedelta(1)).isoformat()
    by_day = analyst("/v1/displacement", day=DAY.isoformat(), weeks=1)
    assert by_day["groups"] == by_rule["groups"]


def test_a_rule_that_stopped_nothing_and_two_questions_at_once_are_refused(analyst):
    analyst("/v1/displacement", 404, rule="no-such-rule'; DROP TABLE calls")
    analyst("/v1/displacement", 422)
    analyst("/v1/displacement", 422, rule=RULE, day=DAY.isoformat())
    analyst("/v1/displacement", 422, rule=RULE, weeks=27)


@pytest.mark.parametrize(("path", "query"), ROUTES)
def test_only_the_centre_sees_calls(office, folder, client_as, path, query):
    office.calls = replace(office.calls, ledger=folder)
    assert client_as("analyst", "kcell").get(path, params=query).status_code == 403
    assert client_as("operator", "kcell").get(path, params=query).status_code == 403
    assert client_as("auditor").get(path, params=query).status_code == 200


@pytest.mark.parametrize(("path", "query"), ROUTES)
def test_without_a_ledger_there_is_nothing_and_it_is_said_what_to_set(
    client_as, office, tmp_path, path, query, monkeypatch
):
    client = client_as("analyst")
    answer = client.get(path, params=query)
    assert (answer.status_code, answer.json()["hint"]) == (404, "set ledger.folder in its configuration")
    office.calls = replace(office.calls, ledger=tmp_path / "none")
    assert client.get(path, params=query).status_code == 404
    assert not (tmp_path / "none").exists(), "reading makes no ledger"


def test_without_its_library_the_ledger_is_not_there(analyst, monkeypatch):
    find = util.find_spec
    monkeypatch.setattr(ledger_desk, "find_spec", lambda name: None if name == "duckdb" else find(name))
    for path, query in ROUTES:
        assert "tosqauyl[ledger]" in analyst(path, 404, **query)["hint"]


SLOW = "SELECT count(*) FROM range(10000000000) AS a(x), range(1000) AS b(y) WHERE x % 7 = y % 3"


def test_a_question_that_takes_too_long_is_interrupted(analyst, monkeypatch):
    rows = DuckEngine.rows
    monkeypatch.setattr(ledger_desk, "SECONDS", 0.2)
    monkeypatch.setattr(DuckEngine, "rows", lambda self, sql: rows(self, SLOW))
    began = time.monotonic()
    said = analyst("/v1/calls/figures", 422, **ALL)
    assert (said["type"].rpartition(":")[2], said["hint"]) == ("refused", "ask for fewer days")
    assert time.monotonic() - began < 10


def test_more_questions_than_turns_wait_and_then_are_told_to_come_again(analyst, monkeypatch):
    monkeypatch.setattr(ledger_desk, "WAIT_SECONDS", 0.1)
    held, rows = threading.Event(), DuckEngine.rows
    monkeypatch.setattr(DuckEngine, "rows", lambda self, sql: held.wait(20) and rows(self, sql))
    found: list[int] = []

    def ask() -> None:
        found.append(len(analyst("/v1/calls/figures", **ALL)))

    threads = [threading.Thread(target=ask) for _ in range(ledger_desk.AT_ONCE)]
    for one in threads:
        one.start()
    deadline = time.monotonic() + 10
    while ledger_desk._turns._value and time.monotonic() < deadline:
        time.sleep(0.01)
    said = analyst("/v1/calls/figures", 429, **ALL)
    assert said["type"].endswith("too-many")
    held.set()
    for one in threads:
        one.join(20)
    assert found == [5, 5]
    analyst("/v1/calls/figures", **ALL)


def test_a_damaged_ledger_is_told_to_the_operator_and_not_to_the_caller(office, folder, tmp_path, client_as):
    broken = write_ledger(tmp_path / "broken")
    for path in broken.rglob("*.parquet"):
        path.write_bytes(b"no parquet")
    office.calls = replace(office.calls, ledger=broken)
    answer = client_as("analyst").get("/v1/calls/figures", params=ALL)
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert any("ledger" in line for line in office.alarm.told)
