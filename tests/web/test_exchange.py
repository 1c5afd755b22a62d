"""Exports over the application: what they are, and that only what was published leaves, noted."""

import json

import pytest
import stix2
from exchange_rows import ONE_OF_EACH, publish
from pymisp import MISPEvent

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.exchange.page import KINDS, SETTLE_MS
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.web.app import build
from tosqauyl.web.routes import exchange


@pytest.fixture
def app(office):
    """These routes alone: the whole application takes longer to make than they take to answer."""
    return build(office, ("exchange",))


@pytest.fixture
def client(client_as):
    return client_as("police", "police")


@pytest.fixture
def published(registry, clock):
    made = {kind: publish(registry, kind, value) for kind, value in ONE_OF_EACH.items()}
    publish(registry, "phone", "+77017777777", state="proposed", approved=0)
    clock[0] += SETTLE_MS + 1
    return made


def test_the_bundle_is_read_by_the_library(client, published):
    answer = client.get("/v1/exchange/bundle")
    assert answer.headers["content-type"] == "application/stix+json;version=2.1"
    bundle = stix2.parse(answer.text)
    assert len(bundle.objects) == 7 + 3 * len(KINDS)
    assert "7777777" not in answer.text


def test_the_bundle_of_one_kind(client, published):
    found = client.get("/v1/exchange/bundle", params={"kind": "domain"}).json()["objects"]
    assert [one["type"] for one in found][-3:] == ["domain-name", "indicator", "relationship"]
    assert len(found) == 10
    assert client.get("/v1/exchange/bundle", params={"kind": "trunk"}).status_code == 422


def test_an_export_longer_than_a_page_is_whole(client, published, monkeypatch):
    whole = client.get("/v1/exchange/bundle").json()["objects"]
    for size in (1, 2, 3):
        monkeypatch.setattr(exchange, "PAGE", size)
        assert client.get("/v1/exchange/bundle").json()["objects"] == whole
        assert "# end: 6 indicators" in client.get("/v1/exchange/indicators.csv").text


def test_csv(client, published):
    answer = client.get("/v1/exchange/indicators.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert "tel:+77011234567" in answer.text
    assert "7777777" not in answer.text


def test_a_misp_feed(client, published):
    (event_id,) = client.get("/v1/exchange/misp/manifest.json").json()
    answer = client.get(f"/v1/exchange/misp/{event_id}.json")
    event = MISPEvent()
    event.load(answer.json())
    assert event.uuid == event_id
    assert (len(event.attributes), len(event.objects)) == (3, 3)
    missing = client.get("/v1/exchange/misp/00000000-0000-4000-8000-000000000000.json")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:tosqauyl:problem:not-found")


@pytest.mark.parametrize("path", ["bundle", "indicators.csv", "misp/manifest.json"])
def test_nothing_is_published_yet(client, path):
    assert client.get(f"/v1/exchange/{path}").status_code == 200


def test_who_read_what_is_in_the_audit_trail(client, registry, published):
    client.get("/v1/exchange/bundle")
    client.get("/v1/exchange/indicators.csv", params={"kind": "domain"})
    with registry.read(SYSTEM) as work:
        found = [
            (one.actor, one.organisation, one.purpose, set(one.detail.split()))
            for one in work.db.query(AuditEntry).filter(AuditEntry.verb == "read-personal")
        ]
    personal = {published[kind].hex for kind in ("phone", "iban", "telegram")}
    assert found == [("user:police", "police", "exchange", personal)]


def test_what_the_database_refuses_before_anything_was_sent_is_a_problem(client, registry, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def broken(*_):
        raise OperationalError("x", {}, Exception("gone"))

    monkeypatch.setattr(exchange, "page", broken)
    answer = client.get("/v1/exchange/indicators.csv")
    assert (answer.status_code, json.loads(answer.text)["type"]) == (503, "urn:tosqauyl:problem:unavailable")
