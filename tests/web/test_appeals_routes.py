"""Appeals over HTTP: from the ticket to the decision."""

import re

import pytest
from fastapi import FastAPI

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import conditions, decisions, observables
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.decisions import Proposal
from tosqauyl.web.app import build
from tosqauyl.web.office import Office

NUMBER = "+77011234567"
FILED = {"number": "8 701 123 45 67", "text": "It is my shop.\nPlease.", "contact": "me@example.kz", "language": "en"}


@pytest.fixture
def app(office: Office) -> FastAPI:
    return build(office, ("appeals",))


@pytest.fixture
def listed(office, analyst, supervisor) -> None:
    with office.registry.work(analyst) as work:
        seen = observables.observe(work, "phone", NUMBER)
        why = ({"slug": "reported", "text": "x"},)
        made = decisions.propose(work, Proposal(seen.id, "fraud", "block", reasons=why, valid_until=work.now + 10**9))
    with office.registry.work(supervisor) as work:
        decisions.approve(work, made.id, made.version)


def filed(client, **more) -> str:
    answer = client.post("/v1/public/appeals", json={**FILED, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["ticket"]


def proven(client, office) -> str:
    ticket = filed(client)
    assert client.post("/v1/public/appeals:send-code", json={"ticket": ticket}).status_code == 200
    number, text = office.sms.sent[-1]
    assert number == NUMBER
    code = re.search(r"\d{6}", text)[0]
    assert client.post("/v1/public/appeals:prove", json={"ticket": ticket, "code": code}).json() == {
        "proven": True,
        "tries_left": 0,
    }
    return ticket


def follow(client, ticket):
    return client.post("/v1/public/appeals:follow", json={"ticket": ticket}).json()


def test_from_the_ticket_to_the_decision(client, client_as, office, listed):
    ticket = proven(client, office)
    assert follow(client, ticket)["state"] == "proven"
    assert follow(client, ticket)["due"]
    analyst, supervisor = client_as("analyst", name="user:aida"), client_as("supervisor", name="user:daniyar")
    (waiting,) = analyst.get("/v1/appeals/waiting").json()
    assert (waiting["number"], waiting["late"], waiting["operator"]) == ("+7701***4567", False, "kcell")
    decide = f"/v1/appeals/{waiting['id']}:decide"
    said = {"version": waiting["version"], "upheld": True, "answer": "Looked at again."}
    assert supervisor.post(decide, json=said).status_code == 403
    assert analyst.post(decide, json={**said, "version": 99}).status_code == 409
    decided = analyst.post(decide, json=said)
    assert (decided.status_code, decided.json()["state"]) == (200, "upheld")
    assert analyst.post(decide, json={**said, "version": decided.json()["version"]}).status_code == 409
    shown = follow(client, ticket)
    assert (shown["state"], shown["answer"]) == ("upheld", "Looked at again.")
    assert set(shown["words"]) == {
        "kk",
        "ru",
        "en",
    }
    with office.registry.read(SYSTEM) as work:
        assert not conditions.search(work, None, True, None, 10)


def test_what_is_sealed_is_opened_with_a_purpose_by_who_may(client, client_as, office):
    filed(client)
    analyst = client_as("analyst")
    (one,) = analyst.get("/v1/appeals?state=filed").json()["items"]
    assert "shop" not in str(one)
    assert "1234567" not in str(one)
    assert analyst.get(f"/v1/appeals/{one['id']}").json() == one
    opened = analyst.post(f"/v1/appeals/{one['id']}:open", json={"purpose": "to decide"}).json()
    assert opened == {"number": NUMBER, "text": FILED["text"], "contact": "me@example.kz"}
    assert analyst.post(f"/v1/appeals/{one['id']}:open", json={"purpose": ""}).status_code == 422


def test_the_operator_of_the_number_confirms_it(client, client_as):
    ticket = filed(client)
    kcell, beeline = client_as("operator", "kcell"), client_as("operator", "beeline")
    (one,) = kcell.get("/v1/appeals/unproven").json()["items"]
    assert beeline.get("/v1/appeals/unproven").json()["items"] == []
    path, said = f"/v1/appeals/{one['id']}:confirm", {"version": one["version"]}
    assert beeline.post(path, json=said).status_code == client_as("analyst").post(path, json=said).status_code == 404
    assert kcell.post(path, json=said).json()["proof"] == "operator"
    assert follow(client, ticket)["proof"] == "operator"


def test_a_wrong_code_tells_what_is_left_and_a_wrong_ticket_nothing(client):
    ticket = filed(client)
    client.post("/v1/public/appeals:send-code", json={"ticket": ticket})
    assert client.post("/v1/public/appeals:prove", json={"ticket": ticket, "code": "no"}).json() == {
        "proven": False,
        "tries_left": 4,
    }
    for ticket in ("x", "00000-00000-00000-00000-000001"):
        for path in ("follow", "send-code", "withdraw"):
            assert client.post(f"/v1/public/appeals:{path}", json={"ticket": ticket}).status_code == 404
        assert client.post("/v1/public/appeals:prove", json={"ticket": ticket, "code": "1"}).status_code == 404


def test_a_text_that_cannot_be_sent_is_told_to_both_sides(client, office):
    def send(number, text):
        raise TosqauylError("the gateway is down")

    office.sms.send = send
    answer = client.post("/v1/public/appeals:send-code", json={"ticket": filed(client)})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "refused")
    assert "the gateway is down" in office.alarm.told[0]
    assert NUMBER not in str(office.alarm.told)


def test_an_appeal_is_withdrawn_and_its_limits_are_told(client):
    ticket = filed(client)
    assert client.post("/v1/public/appeals:withdraw", json={"ticket": ticket}).json()["state"] == "withdrawn"
    assert client.post("/v1/public/appeals:withdraw", json={"ticket": ticket}).status_code == 409
    answers = [
        client.post("/v1/public/appeals", json={**FILED, "number": f"+7702{one:07}"}).status_code for one in range(10)
    ]
    assert answers == [201] * 9 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {}, {**FILED, "number": "x"}, {**FILED, "text": "a\0b"}, {**FILED, "language": "de"}, {**FILED, "rule": "A rule"},
        {**FILED, "more": 1}, {**FILED, "text": "x" * 4001},
    ],
)  # fmt: skip
def test_bad_appeals_are_refused(client, body):
    assert client.post("/v1/public/appeals", json=body).status_code == 422
