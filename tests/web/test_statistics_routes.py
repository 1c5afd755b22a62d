"""Statistics over HTTP: figures with everything that makes them figures, CSV, totals for everybody, figures of others."""

import csv
import io
from typing import get_args

import pytest
from fastapi import FastAPI

from tosqauyl.registry import official
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.figure_definitions import definitions
from tosqauyl.registry.tables import Report
from tosqauyl.web.app import build
from tosqauyl.web.figure_bodies import Figure
from tosqauyl.web.office import Office

DAY = 86_400_000
NOVEMBER = {"first": "2026-11-01", "last": "2026-11-30"}


@pytest.fixture
def app(office: Office) -> FastAPI:
    return build(office, ("statistics",))


@pytest.fixture
def reports(office, clock) -> None:
    with office.registry.work(SYSTEM) as work:
        for organisation, scheme, days, count in (
            ("kcell", "safe-account", 0, 6), ("halyk", "safe-account", 0, 6), ("kcell", "afc-shop", 0, 2), ("kcell", "", 40, 7),
        ):  # fmt: skip
            for _ in range(count):
                key = work.new_id()
                work.db.add(Report(
                    id=key, organisation=organisation, reporter="citizen", channel="call", scheme=scheme, region="75",
                    received=work.now - days * DAY, digest=str(key), ticket=str(key),
                ))  # fmt: skip


def test_a_figure_says_what_it_counts_in_which_unit_of_which_days_and_where_from(client_as, reports):
    found = (
        client_as("analyst")
        .get("/v1/statistics/figures/reports", params={**NOVEMBER, "by": "scheme", "step": "month"})
        .json()
    )
    assert found["definition"]["unit"] == "reports"
    assert found["definition"]["text"]["kk"]
    assert (found["window"]["first"], found["window"]["last"]) == ("2026-11-01", "2026-11-30")
    assert found["total"] == {"value": 14, "hidden": False}
    assert {row["key"]: row["total"]["value"] for row in found["rows"]} == {"afc-shop": None, "safe-account": None}
    assert found["source"]["en"].endswith("all organisations")
    assert found["suppression"]["ru"]
    assert found["revision"]


def test_an_organisation_sees_its_own(client_as, reports):
    found = client_as("operator", "kcell").get("/v1/statistics/figures/reports", params=NOVEMBER).json()
    assert (found["total"]["value"], found["organisation"]) == (8, "kcell")


def test_the_csv_has_every_number_with_its_definition_and_days(client_as, reports):
    answer = client_as("analyst").get("/v1/statistics/figures/reports/csv", params={**NOVEMBER, "by": "scheme"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {(row["key"], row["value"], row["hidden"], row["total"]) for row in rows} == {
        ("afc-shop", "", "yes", "no"), ("safe-account", "", "yes", "no"), ("", "14", "no", "yes"),
    }  # fmt: skip
    assert {(row["definition"], row["unit"], row["first_day"]) for row in rows} == {
        ("reports", "reports", "2026-11-01")
    }


def test_everybody_sees_totals_of_whole_months_and_what_others_published_beside_them(
    client, client_as, office, reports
):
    with office.registry.work(SYSTEM) as work:
        official.seed(work)
    for one in (client_as("operator", "kcell"), client):
        found = one.get("/v1/public/statistics").json()
        own = {figure["definition"]["slug"]: figure for figure in found["own"]}
        assert set(own) == {slug for slug, one in definitions().items() if one.public}
        assert own["reports"]["window"]["last"] == "2026-10-31"
        assert own["reports"]["total"]["value"] == 7
        assert own["reports"]["organisation"] == ""
        assert any(one["value"] == 66_900_000 and one["published"] == "2025-08-22" for one in found["official"])
        assert found["official_note"]["en"]


def test_figures_of_others_are_imported_whole_or_every_mistake_is_told(client_as):
    analyst = client_as("analyst")
    head = "source,measure,published,value\n"
    bad = analyst.post(
        "/v1/official-figures:import", json={"text": head + "x,calls-stopped,2025,1\nx,y,2025,1\nx,damage,z,1\n"}
    )
    assert bad.status_code == 422
    assert [one["where"] for one in bad.json()["fields"]] == ["line:3", "line:4"]
    assert analyst.get("/v1/official-figures").json()["items"] == []
    good = {"text": head + "x,calls-stopped,2025,1\ny,damage,2025,2\n"}
    assert analyst.post("/v1/official-figures:import", json=good).json() == {"taken": 2, "known": 0}
    assert analyst.post("/v1/official-figures:import", json=good).json() == {"taken": 0, "known": 2}
    first = analyst.get("/v1/official-figures?limit=1").json()
    second = analyst.get("/v1/official-figures", params={"limit": 1, "cursor": first["next"]}).json()
    assert {first["items"][0]["source"], second["items"][0]["source"]} == {"x", "y"}
    assert second["next"] is None
    assert client_as("auditor").post("/v1/official-figures:import", json=good).status_code == 403


@pytest.mark.parametrize(
    ("figure", "more"),
    [
        ("reports", {"first": "2026-11-31"}), ("reports", {"first": "1700000000"}), ("reports", {"last": "2026-10-01"}), ("people", {}),
        ("appeals", {"by": "region"}), ("reports", {"by": "x"}), ("reports", {"first": "2020-01-01", "by": "scheme", "step": "day"}),
        ("reports", {"first": "9999-01-01", "last": "9999-12-31"}),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused(client_as, figure, more):
    for path in (f"/v1/statistics/figures/{figure}", f"/v1/statistics/figures/{figure}/csv"):
        assert client_as("analyst").get(path, params={**NOVEMBER, **more}).status_code == 422


def test_false_stops_are_told_with_their_definition(client_as):
    found = client_as("analyst").get("/v1/statistics/false-stops", params=NOVEMBER).json()
    assert found["rows"] == []
    assert found["definition"]["slug"] == "false-stops"
    assert found["window"]["days"]["en"]


def test_the_api_names_every_figure_that_can_be_counted(client_as):
    assert [*get_args(Figure), "false-stops"] == list(definitions())
    assert len(client_as("auditor").get("/v1/statistics/definitions").json()) == len(definitions())
