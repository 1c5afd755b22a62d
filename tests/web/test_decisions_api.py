"""Indicators, conditions and findings over HTTP."""

import pytest

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.publish import head

UNTIL = "2027-01-15T00:00:00Z"
NUMBER = "+447700900666"
BLOCK = {
    "kind": "phone", "value": NUMBER, "verdict": "fraud", "listing": "block", "valid_until": UNTIL, "submit": True,
    "reasons": [{"slug": "reports", "text": "three people were called in the name of a bank"}],
}  # fmt: skip


@pytest.fixture
def analyst(client_as):
    return client_as("analyst")


@pytest.fixture
def supervisor(client_as):
    return client_as("supervisor")


def made(client, **more):
    answer = client.post("/v1/indicators", json=BLOCK | more)
    assert answer.status_code == 201, answer.text
    return answer.json()


def decide(client, indicator, act, **more):
    return client.post(f"/v1/indicators/{indicator['id']}:{act}", json={"version": indicator["version"]} | more)


def test_from_a_proposal_to_a_published_number_and_back(analyst, supervisor, client_as, registry):
    one = made(analyst)
    assert (one["state"], one["observable"]["value"], one["proposed_by"]) == (
        "proposed",
        "+4477****0666",
        "user:analyst",
    )
    assert decide(analyst, one, "approve").status_code == 403
    one = decide(supervisor, one, "approve").json()
    assert (one["state"], one["valid_until"]) == ("active", "2027-01-15T00:00:00.000Z")
    shown = analyst.get(f"/v1/indicators/{one['id']}").json()
    assert (shown["listed"], shown["evidence"]) == (
        "block",
        {"reports": 0, "organisations": 0, "incidents": 0, "at_least": False},
    )
    why = client_as("bank", "halyk").get(f"/v1/observables/{one['observable']['id']}/listing").json()
    assert (why["listing"], why["decided_by"], why["by"], why["id"]) == ("block", "Centre", "indicator", one["id"])
    assert (why["reasons"], why["until"]) == (one["reasons"], "2027-01-15T00:00:00.000Z")
    one = decide(supervisor, one, "revoke", why="a clinic's own number").json()
    assert (one["state"], one["ended_why"]) == ("revoked", "a clinic's own number")
    assert analyst.get(f"/v1/observables/{one['observable']['id']}/listing").status_code == 404
    with registry.read(SYSTEM) as work:
        assert head(work).seq == 2


def test_nobody_approves_his_own_proposal(supervisor):
    answer = decide(supervisor, made(supervisor), "approve")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:tosqauyl:problem:forbidden")


def test_two_who_decide_at_once_the_second_is_told(analyst, supervisor, client_as):
    one = made(analyst)
    assert decide(supervisor, one, "approve").status_code == 200
    answer = decide(client_as("supervisor", name="user:saule"), one, "send-back", why="not enough")
    assert answer.status_code == 409
    assert "active now" in answer.json()["detail"]


def test_a_draft_is_revised_and_proposed(analyst, supervisor):
    one = made(analyst, submit=False)
    assert one["state"] == "draft"
    answer = analyst.put(f"/v1/indicators/{one['id']}", json=BLOCK | {"version": one["version"], "confidence": 95})
    one = answer.json()
    assert (answer.status_code, one["state"], one["confidence_given"]) == (200, "proposed", 95)
    one = decide(supervisor, one, "send-back", why="one more report is needed").json()
    assert (one["state"], one["ended_why"]) == ("draft", "one more report is needed")
    assert decide(analyst, one, "propose").json()["state"] == "proposed"


def test_a_number_that_is_never_blocked_is_refused_with_the_reason(analyst):
    answer = analyst.post("/v1/indicators", json=BLOCK | {"value": "112"})
    assert answer.status_code == 422
    assert answer.json()["fields"] == [
        {"where": "/listing", "what": "this number is never blocked: it is an emergency number"}
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"valid_until": None}, {"valid_until": "2028-01-01T00:00:00Z"}, {"verdict": "suspect"}, {"value": ""}, {"value": "\u0000"},
        {"observable_id": "0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a01"}, {"reasons": []}, {"reasons": [{"slug": "a", "text": "\ud800"}]},
        {"reasons": [{"slug": "A", "text": ""}]}, {"confidence": 19}, {"confidence": "80"}, {"scheme": "Not A Slug"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_is_refused(analyst, change):
    import json

    answer = analyst.post(
        "/v1/indicators", content=json.dumps(BLOCK | change), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text


def test_what_is_not_there_or_foreign_is_not_found(analyst, supervisor, client_as):
    one = made(analyst)
    nothing = "0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a01"
    assert analyst.get(f"/v1/indicators/{nothing}").status_code == 404
    assert client_as("police", "police").get(f"/v1/indicators/{one['id']}").status_code == 404
    assert client_as("police", "police").get("/v1/indicators").json()["items"] == []
    assert supervisor.post(f"/v1/conditions/{nothing}:end", json={"version": 1}).status_code == 404
    body = {key: BLOCK[key] for key in BLOCK if key not in ("kind", "value")} | {"observable_id": nothing}
    assert analyst.post("/v1/indicators", json=body).status_code == 404


def test_the_list_of_indicators_is_filtered_and_paged(analyst, clock):
    ids = []
    for place in range(5):
        clock[0] += 1
        ids.insert(0, made(analyst, value=f"+44770090067{place}", scheme="safe-account" if place % 2 else "")["id"])
    page = analyst.get("/v1/indicators", params={"limit": 2, "state": "proposed"}).json()
    assert [one["id"] for one in page["items"]] == ids[:2]
    page = analyst.get("/v1/indicators", params={"limit": 3, "cursor": page["next"]}).json()
    assert ([one["id"] for one in page["items"]], page["next"]) == (ids[2:], None)
    assert len(analyst.get("/v1/indicators", params={"scheme": "safe-account"}).json()["items"]) == 2


def test_the_number_is_in_no_answer(analyst, supervisor):
    one = made(analyst)
    for answer in (
        decide(supervisor, one, "approve"),
        analyst.get("/v1/indicators"),
        analyst.get(f"/v1/indicators/{one['id']}"),
    ):
        assert NUMBER[1:] not in answer.text


def test_an_allowance_holds_at_once_and_a_block_after_a_second_person(analyst, supervisor, client_as, registry):
    said = {"kind": "phone", "value": NUMBER, "condition": "allow", "why": "its owner proved it"}
    assert analyst.post("/v1/conditions", json=said).status_code == 403
    one = supervisor.post("/v1/conditions", json=said).json()
    assert (one["state"], one["until"], one["observable"]["value"]) == ("active", None, "+4477****0666")
    block = said | {"condition": "block-always", "until": UNTIL, "why": "seen by the centre"}
    other = supervisor.post("/v1/conditions", json=block).json()
    assert other["state"] == "waiting"
    path = f"/v1/conditions/{other['id']}"
    assert supervisor.post(f"{path}:confirm", json={"version": other["version"]}).status_code == 403
    second = client_as("supervisor", name="user:saule")
    other = second.post(f"{path}:confirm", json={"version": other["version"]}).json()
    assert (other["state"], other["approved_by"]) == ("active", "user:saule")
    why = analyst.get(f"/v1/observables/{other['observable']['id']}/listing").json()
    assert (why["by"], why["listing"]) == ("condition", "block")
    assert client_as("bank", "halyk").get(f"/v1/observables/{other['observable']['id']}/listing").status_code == 404
    assert supervisor.post(f"{path}:end", json={"version": other["version"]}).json()["state"] == "ended"
    page = analyst.get("/v1/conditions", params={"observable": one["observable"]["id"], "only_open": True}).json()
    assert [found["id"] for found in page["items"]] == [one["id"]]
    assert analyst.get(path).json()["state"] == "ended"


def test_a_block_without_an_end_is_refused(supervisor):
    said = {"kind": "phone", "value": NUMBER, "condition": "block", "why": "seen by the centre"}
    assert supervisor.post("/v1/conditions", json=said).status_code == 422


def test_a_finding_is_proposed_once_and_a_person_decides(analyst, supervisor):
    said = {
        "number": NUMBER, "rule": "many-called-once", "summary": "one caller, many called persons",
        "counts": [{"name": "calls", "count": 1200}], "since": "2026-11-01T00:00:00Z", "until": "2026-11-30T00:00:00Z",
        "query": "many_called_once 3", "listing": "block",
    }  # fmt: skip
    first, again = (analyst.post("/v1/findings", json=said).json() for _ in range(2))
    assert (first["state"], first["known"], again) == ("proposed", False, first | {"known": True})
    one = analyst.get(f"/v1/indicators/{first['indicator']}").json()
    assert (one["source"], one["rule"], one["verdict"]) == ("ledger", "many-called-once", "fraud")
    assert decide(supervisor, one, "approve").json()["state"] == "active"
