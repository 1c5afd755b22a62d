"""Webhooks over the application."""

from typing import get_args
from uuid import UUID

import pytest

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.deliveries import deliver_due
from tosqauyl.registry.guarded_fetch import Answer, Guard
from tosqauyl.registry.webhooks import EVENTS, announce
from tosqauyl.web.app import build
from tosqauyl.web.routes.webhooks import EventName

WANTED = {"url": "https://hooks.example.kz/in", "events": ["report.received"]}


@pytest.fixture
def app(office):
    """These routes alone: the whole application takes longer to make than they take to answer."""
    return build(office, ("webhooks",))


@pytest.fixture
def client(client_as):
    return client_as("operator", "kcell")


def test_the_names_of_the_api_are_those_of_the_table():
    assert get_args(EventName) == tuple(EVENTS)


def test_a_webhook_from_its_secret_to_its_end(client, registry):
    made = client.post("/v1/webhooks", json=WANTED)
    assert made.status_code == 201
    secret = made.json().pop("secret")
    assert secret.startswith("whsec_")
    path = f"/v1/webhooks/{made.json()['id']}"
    shown = client.get(path).json()
    assert shown == {name: value for name, value in made.json().items() if name != "secret"}
    assert (shown["organisation"], shown["url"], shown["events"]) == ("kcell", WANTED["url"], WANTED["events"])
    assert client.get("/v1/webhooks").json()["items"] == [shown]
    with registry.work(SYSTEM) as work:
        announce(work, "report.received", {"report": UUID(int=7)}, "kcell")
    (waiting,) = client.get(f"{path}/deliveries").json()["items"]
    assert (waiting["state"], waiting["tries"], waiting["announced"]) == ("waiting", 0, "2026-11-30T07:00:00.000Z")
    deliver_due(registry, lambda *_: Answer(500, "oops"), registry.clock())
    deliver_due(registry, lambda *_: Answer(200), registry.clock() + 10_000)
    (done,) = client.get(f"{path}/deliveries").json()["items"]
    assert (done["state"], done["tries"], done["next"], done["answer"]) == ("done", 2, None, "200")
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["ended"] == "2026-11-30T07:00:00.000Z"


@pytest.mark.parametrize("changed", [
    {"url": "http://hooks.example.kz/"}, {"url": "https://10.0.0.1/x"}, {"url": "https://localhost/x"}, {"url": "https://a\0.kz/"},
    {"url": "https://hooks.example.kz/" + "a" * 3_000}, {"events": []}, {"events": ["report.lost"]}, {"events": "report.received"},
    {"secret": "mine"},
])  # fmt: skip
def test_what_cannot_be_is_refused_plainly(client, changed):
    answer = client.post("/v1/webhooks", json=WANTED | changed)
    assert answer.status_code == 422
    assert answer.json()["fields"]


def test_http_to_this_machine_only_where_the_office_says_so(client, office):
    here = WANTED | {"url": "http://127.0.0.1:8080/in"}
    assert client.post("/v1/webhooks", json=here).status_code == 422
    office.receivers = Guard(http_loopback=True)
    assert client.post("/v1/webhooks", json=here).status_code == 201


def test_an_idempotency_key_gives_the_secret_again_and_makes_no_second_webhook(client):
    headers = {"Idempotency-Key": "0123456789abcdef"}
    first, second = [client.post("/v1/webhooks", json=WANTED, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    assert len(client.get("/v1/webhooks").json()["items"]) == 1


def test_pages(client):
    made = [client.post("/v1/webhooks", json=WANTED).json()["id"] for _ in range(3)]
    page = client.get("/v1/webhooks", params={"limit": 2}).json()
    rest = client.get("/v1/webhooks", params={"limit": 2, "cursor": page["next"]}).json()
    assert sorted(one["id"] for one in page["items"] + rest["items"]) == sorted(made)
    assert rest["next"] is None


def test_events_are_told_in_all_languages(client):
    listed = client.get("/v1/webhook-events").json()
    assert [one["name"] for one in listed] == list(EVENTS)
    assert listed[0] == {"name": "report.received", "type": "tosqauyl.report.received", **EVENTS["report.received"]}


def test_another_tenant_sees_nothing_of_it(client, client_as):
    path = f"/v1/webhooks/{client.post('/v1/webhooks', json=WANTED).json()['id']}"
    other = client_as("operator", "beeline")
    assert [
        other.get(path).status_code,
        other.delete(path).status_code,
        other.get(f"{path}/deliveries").status_code,
    ] == [404] * 3
    assert other.get("/v1/webhooks").json()["items"] == []
    assert client_as("auditor").get(path).status_code == 403
