"""Looking up over HTTP: same shape, costs, limits."""

import json

import pytest
from fastapi import FastAPI

from tosqauyl.registry import buckets, observables
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Indicator
from tosqauyl.web.app import build
from tosqauyl.web.office import Office

NUMBER = "+77011234567"


@pytest.fixture
def app(office: Office) -> FastAPI:
    return build(office, ("lookup",))


@pytest.fixture
def published(office) -> None:
    with office.registry.work(SYSTEM) as work:
        seen = observables.observe(work, "phone", NUMBER)
        work.db.add(Indicator(
            id=work.new_id(), organisation="centre", observable=seen.id, verdict="fraud", confidence=90, source="report", state="active",
            valid_from=work.now, valid_until=work.now + 10**9, created=work.now, approved_by="user:daniyar",
            reasons=json.dumps([{"slug": "reported", "text": "x"}]),
        ))  # fmt: skip


def shape(value):
    return {key: shape(one) for key, one in value.items()} if isinstance(value, dict) else type(value).__name__


def test_anybody_is_told_what_was_published_and_by_whom(client, published):
    found = client.post("/v1/public/check", json={"kind": "phone", "value": "8 701 123 45 67"}).json()
    assert found["known"]
    assert found["said"][0]["verdict"] == "fraud"
    assert found["said"][0]["decided_by"] == "Centre"
    assert found["said"][0]["reasons"][0]["text"]["en"]
    assert "daniyar" not in str(found)
    assert NUMBER[3:] not in str(found)


def test_what_is_not_found_has_the_same_shape_and_says_that_it_is_no_proof(client, published):
    known = client.post("/v1/public/check", json={"kind": "phone", "value": NUMBER}).json()
    other = client.post("/v1/public/check", json={"kind": "phone", "value": "+77011234568"}).json()
    assert shape(known) == shape(other)
    assert not other["known"]
    assert "no proof of honesty" in other["text"]["en"]


def test_whoever_tries_numbers_out_runs_dry_and_whoever_asks_about_a_known_one_does_not(client, published, clock):
    misses = 0
    while (
        answer := client.post("/v1/public/check", json={"kind": "phone", "value": f"+7702{misses:07}"})
    ).status_code == 200:
        misses += 1
    rule = buckets.rules()["check"]
    assert misses == rule.capacity / rule.miss
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 30
    known = {"kind": "phone", "value": NUMBER}
    assert client.post("/v1/public/check", json=known).status_code == 429
    clock[0] += 60 * 60_000
    assert {client.post("/v1/public/check", json=known).status_code for _ in range(50)} == {200}


def test_participants_ask_many_at_once_and_see_their_bucket(client_as, published):
    halyk, kcell = client_as("bank", "halyk"), client_as("operator", "kcell")
    items = [
        {"kind": "phone", "value": "+77020000000"},
        {"kind": "phone", "value": NUMBER},
        {"kind": "domain", "value": "a.kz"},
    ]
    found = halyk.post("/v1/lookups", json={"items": items}).json()
    assert [one["known"] for one in found["items"]] == [False, True, False]
    capacity = buckets.rules()["lookup"].capacity
    assert found["limits"]["left"] == halyk.get("/v1/lookups/limits").json()["left"] == capacity - 7
    assert kcell.get("/v1/lookups/limits").json()["left"] == capacity
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buckets, "rules", lambda: {"lookup": buckets.Rule("lookup", "", 4, 1, 1, 3)})
        assert [halyk.post("/v1/lookups", json={"items": items[:1]}).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"kind": "iin_token", "value": "850101300123"}, {"kind": "phone", "value": "a\0"}, {"kind": "phone", "value": ""},
        {"kind": "phone", "value": "mother"}, {"kind": "url", "value": "x" * 3000}, {"kind": "phone", "value": NUMBER, "more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_not_repeated(client, body):
    answer = client.post("/v1/public/check", json=body)
    assert answer.status_code == 422
    assert "mother" not in answer.text
    assert "850101300123" not in answer.text


def test_a_wrong_one_of_many_is_named_by_its_place(client_as):
    halyk = client_as("bank", "halyk")
    items = [{"kind": "phone", "value": NUMBER}, {"kind": "iban", "value": "KZ00"}]
    answer = halyk.post("/v1/lookups", json={"items": items})
    assert [one["where"] for one in answer.json()["fields"]] == ["/items/1/value"]
    for bad in ([], items * 26):
        assert halyk.post("/v1/lookups", json={"items": bad}).status_code == 422
