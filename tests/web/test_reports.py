"""Reports over HTTP."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI

from tosqauyl.web.app import build
from tosqauyl.web.office import Office


@pytest.fixture
def app(office: Office) -> FastAPI:
    return build(office, ("reports", "uploads"))


CALL = {"channel": "call", "observables": [{"kind": "phone", "value": "8 701 123 45 67"}]}


def test_anybody_reports_and_follows_the_report_by_its_ticket(client) -> None:
    answer = client.post("/v1/public/reports", json={**CALL, "text": "They said: move your money.\nI did not."})
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert set(receipt) == {"ticket", "state", "duplicate"}
    found = client.post("/v1/public/reports:follow", json={"ticket": receipt["ticket"].lower()})
    assert found.status_code == 200
    assert found.json()["state"] == "received"
    assert set(found.json()["words"]) == {"kk", "ru", "en"}
    again = client.post("/v1/public/reports", json={**CALL, "text": "They said: move your money.\nI did not."})
    assert again.json() == {**receipt, "duplicate": True}


def test_a_wrong_ticket_is_absent_however_it_is_wrong(client) -> None:
    answers = [
        client.post("/v1/public/reports:follow", json={"ticket": one})
        for one in ("x", "00000-00000-00000-00000-000001")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


def test_every_value_that_cannot_be_is_named_by_its_pointer_and_not_repeated(client) -> None:
    observables = [{"kind": "phone", "value": "+7 701 1"}, {"kind": "iban", "value": "KZ00SECRET"}]
    answer = client.post("/v1/public/reports", json={**CALL, "observables": observables, "scheme": "x"})
    assert answer.status_code == 422
    problem = answer.json()
    assert [one["where"] for one in problem["fields"]] == ["/observables/0/value", "/observables/1/value", "/scheme"]
    assert "SECRET" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {**CALL, "observables": []}, {**CALL, "text": "a\0b"}, {**CALL, "more": 1}, {**CALL, "channel": "smoke"},
        {**CALL, "loss": -1}, {**CALL, "loss": 10**30}, {**CALL, "observables": CALL["observables"] * 51}, {**CALL, "reporter": "bank"},
        {**CALL, "happened": 5}, {**CALL, "happened": "2199-01-01T00:00:00Z"}, {**CALL, "text": "x" * 10_001},
    ],
)  # fmt: skip
def test_bad_bodies_are_refused(client, body) -> None:
    assert client.post("/v1/public/reports", json=body).status_code == 422


def test_an_organisation_reports_reads_and_finds_its_own(client_as: Callable) -> None:
    kcell, beeline, analyst = client_as("operator", "kcell"), client_as("operator", "beeline"), client_as("analyst")
    receipt = kcell.post("/v1/reports", json={**CALL, "external_id": "17", "loss": 5}).json()
    assert kcell.post("/v1/reports", json={**CALL, "external_id": "17"}).json() == {**receipt, "duplicate": True}
    shown = kcell.get(f"/v1/reports/{receipt['id']}").json()
    assert (shown["reporter"], shown["organisation"], shown["loss"], shown["version"]) == ("operator", "kcell", 5, 1)
    assert shown["observables"][0]["value"] == "+7701***4567"
    assert "1234567" not in str(shown)
    assert beeline.get(f"/v1/reports/{receipt['id']}").status_code == 404
    for client, found in ((kcell, 1), (beeline, 0), (analyst, 1)):
        assert len(client.get("/v1/reports?state=received&limit=1").json()["items"]) == found
        search = {"observable": {"kind": "phone", "value": "+77011234567"}}
        assert len(client.post("/v1/reports:search", json=search).json()["items"]) == found


def test_pages_follow_each_other(client_as: Callable, clock: list[int]) -> None:
    kcell = client_as("operator", "kcell")
    for number in range(3):
        clock[0] += 1
        kcell.post("/v1/reports", json={**CALL, "external_id": str(number)})
    first = kcell.get("/v1/reports?limit=2").json()
    second = kcell.get(f"/v1/reports?limit=2&cursor={first['next']}").json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    assert first["items"][0]["received"] > second["items"][0]["received"]
    assert len(kcell.get("/v1/reports", params={"since": second["items"][0]["received"]}).json()["items"]) == 3
    assert len(kcell.get("/v1/reports", params={"until": first["items"][0]["received"]}).json()["items"]) == 2


@pytest.mark.parametrize("query", ["state=x", "cursor=x", "limit=0", "since=yesterday", "scheme=%00"])
def test_bad_queries_are_refused(client_as: Callable, query: str) -> None:
    assert client_as("analyst").get(f"/v1/reports?{query}").status_code == 422


def test_an_analyst_triages_and_closes_with_the_version_that_was_seen(client_as: Callable) -> None:
    kcell, analyst = client_as("operator", "kcell"), client_as("analyst")
    place = f"/v1/reports/{kcell.post('/v1/reports', json=CALL).json()['id']}"
    shown = analyst.post(f"{place}:triage", json={"version": 1, "scheme": "afc-phone", "region": "75"})
    assert (shown.status_code, shown.json()["state"], shown.json()["scheme"]) == (200, "triaged", "afc-phone")
    assert analyst.post(f"{place}:close", json={"version": 1, "outcome": "confirmed"}).status_code == 409
    assert analyst.post(f"{place}:close", json={"version": 2, "outcome": "confirmed"}).json()["outcome"] == "confirmed"
    assert (
        analyst.post(f"{place}:triage", json={"version": 3, "scheme": "nothing"}).json()["fields"][0]["where"]
        == "/scheme"
    )


def test_what_is_sealed_needs_a_purpose_and_the_scope(client_as: Callable) -> None:
    place = "/v1/reports/{}:open"
    receipt = client_as("bank", "halyk").post("/v1/reports", json={**CALL, "text": "the story"}).json()
    place = place.format(receipt["id"])
    assert client_as("bank", "halyk").post(place, json={"purpose": "a case"}).status_code == 403
    assert client_as("operator", "kcell").post(place, json={"purpose": "a case"}).status_code == 404
    assert client_as("analyst").post(place, json={}).status_code == 422
    opened = client_as("analyst").post(place, json={"purpose": "a case"}).json()
    assert (opened["text"], opened["observables"][0]["value"]) == ("the story", "+77011234567")


@pytest.mark.parametrize(
    ("role", "organisation", "method", "path", "status"),
    [
        ("", "", "GET", "/v1/reports", 401), ("", "", "POST", "/v1/reports", 401), ("auditor", "centre", "POST", "/v1/reports", 403),
        ("admin", "centre", "GET", "/v1/reports", 403), ("operator", "kcell", "POST", f"/v1/reports/{'0' * 32}:close", 403),
        ("auditor", "centre", "POST", f"/v1/reports/{'0' * 32}:open", 403),
    ],
)  # fmt: skip
def test_a_scope_is_needed(client_as: Callable, role, organisation, method, path, status) -> None:
    client = client_as(role, organisation) if role else client_as()
    assert client.request(method, path, json=CALL if method == "POST" else None).status_code == status


def test_the_code_lists_are_public(client) -> None:
    assert len(client.get("/v1/schemes").json()["schemes"]) == 12
    assert len(client.get("/v1/regions").json()) == 20


def test_a_sender_without_an_account_is_limited(client) -> None:
    statuses = [client.post("/v1/public/reports:follow", json={"ticket": "x"}).status_code for _ in range(80)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
