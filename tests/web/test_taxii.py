"""TAXII 2.1 over the application: paths, paging, filters, keys in HTTP Basic, errors in TAXII's own form."""

import base64
import json

import pytest
import stix2
from exchange_rows import ONE_OF_EACH, publish, revoke

from tosqauyl.registry.exchange import extensions
from tosqauyl.registry.exchange.objects import COLLECTIONS, MOST
from tosqauyl.registry.exchange.page import SETTLE_MS
from tosqauyl.web.app import build
from tosqauyl.web.problems import Refused

MEDIA = "application/taxii+json;version=2.1"
ROOT = "/taxii2/api/"
SHELF = ROOT + "collections/indicators/"
KEY = "tq_key-of-a-bank"


@pytest.fixture
def app(office):
    """These routes alone: the whole application takes longer to make than they take to answer."""
    return build(office, ("taxii",))


@pytest.fixture
def client(client_as):
    return client_as("bank", "halyk")


@pytest.fixture
def published(registry, clock):
    made = {kind: publish(registry, kind, value) for kind, value in ONE_OF_EACH.items()}
    clock[0] += SETTLE_MS + 1
    return made


def test_from_discovery_to_an_object(client, published):
    discovered = client.get("/taxii2/")
    assert discovered.headers["content-type"] == MEDIA
    (root,) = discovered.json()["api_roots"]
    assert root == "https://office.test/taxii2/api/" == discovered.json()["default"]
    assert client.get(root).json()["versions"] == [MEDIA]
    listed = client.get(root + "collections/").json()["collections"]
    assert [one["alias"] for one in listed] == [shelf.alias for shelf in COLLECTIONS]
    assert all(one["can_read"] and not one["can_write"] for one in listed)
    shelf = f"{root}collections/{listed[0]['id']}/"
    assert client.get(shelf).json() == listed[0]
    envelope = client.get(shelf + "objects/")
    assert envelope.headers["content-type"] == MEDIA
    assert "more" not in envelope.json()
    found = envelope.json()["objects"]
    assert len(found) == 7 + 3 * 6
    for one in found:
        assert client.get(f"{shelf}objects/{one['id']}/").json()["objects"] == [one]
        (version,) = client.get(f"{shelf}objects/{one['id']}/versions/").json()["versions"]
        assert version == one.get("modified", version)
        stix2.parse(one)


def test_pages_follow_next_until_there_is_no_more(client, published):
    whole = client.get(SHELF + "objects/").json()["objects"]
    got, query = [], {"limit": 4}
    while True:
        page = client.get(SHELF + "objects/", params=query)
        got += page.json()["objects"]
        if not page.json().get("more"):
            break
        query["next"] = page.json()["next"]
    assert got == whole


def test_dates_of_the_first_and_last_object_lead_to_what_comes_after(client, registry, clock, published):
    page = client.get(SHELF + "objects/")
    last = page.headers["x-taxii-date-added-last"]
    assert last == "2026-11-30T07:00:00.000000Z"
    assert page.headers["x-taxii-date-added-first"] <= last
    nothing = client.get(SHELF + "objects/", params={"added_after": last})
    assert nothing.json() == {}
    assert "x-taxii-date-added-last" not in nothing.headers
    revoke(registry, published["phone"])
    clock[0] += SETTLE_MS + 1
    (one,) = client.get(SHELF + "objects/", params={"added_after": last}).json()["objects"]
    assert (one["type"], one["revoked"]) == ("indicator", True)
    assert "77011234567" not in json.dumps(one)


def test_the_manifest_names_what_the_objects_are(client, published):
    records = client.get(SHELF + "manifest/").json()["objects"]
    found = client.get(SHELF + "objects/").json()["objects"]
    assert [one["id"] for one in records] == [one["id"] for one in found]
    assert {one["media_type"] for one in records} == {"application/stix+json;version=2.1"}
    versions = {one["id"]: one["modified"] for one in found if "modified" in one}
    assert {one["id"]: one["version"] for one in records if one["id"] in versions} == versions


def test_filters(client, published):
    def ids(path="objects/", **query):
        return [one["id"] for one in client.get(SHELF + path, params=query).json().get("objects", [])]

    numbers = ids(**{"match[type]": "phone-number,domain-name"})
    assert sorted(one.partition("--")[0] for one in numbers) == ["domain-name", "phone-number"]
    assert ids(**{"match[id]": ",".join([*numbers, extensions.PROJECT])}) == [extensions.PROJECT, *numbers]
    assert ids("manifest/", **{"match[id]": numbers[0]}) == [numbers[0]]
    assert len(ids(**{"match[version]": "2026-11-30T07:00:00.000Z", "match[type]": "indicator"})) == 6
    assert ids(**{"match[version]": "2026-11-30T07:00:01Z", "match[type]": "indicator"}) == []
    assert ids(**{"match[spec_version]": "2.0"}) == []
    assert len(ids(**{"match[spec_version]": "2.1", "match[version]": "all"})) == 25


@pytest.mark.parametrize("query", [
    {"match[version]": "yesterday"}, {"added_after": "1796022000"}, {"added_after": "yesterday"}, {"next": "x"}, {"next": "MC4wLjA"},
    {"limit": "0"}, {"limit": "-1"}, {"limit": "many"}, {"match[id]": ",".join(["indicator--1"] * 101)}, {"match[type]": "a\0b"},
])  # fmt: skip
def test_what_a_query_cannot_be_is_told_in_taxiis_form(client, query):
    answer = client.get(SHELF + "objects/", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA)
    assert answer.json()["error_code"] == "invalid"
    assert answer.json()["http_status"] == "422"
    assert answer.json()["title"]


@pytest.mark.parametrize(("path", "status"), [
    (ROOT + "collections/nothing/", 404), (ROOT + "collections/nothing/objects/", 404), (SHELF + "objects/indicator--1/", 404),
    (SHELF + f"objects/indicator--{'0' * 8}-0000-4000-8000-{'0' * 12}/versions/", 404), (ROOT + "status/1/", 404),
    ("/taxii2/nothing/", 404),
])  # fmt: skip
def test_what_is_not_there_is_told_in_taxiis_form(client, path, status):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"], answer.json()["http_status"]) == (
        status,
        MEDIA,
        str(status),
    )


def test_it_is_read_only(client):
    answer = client.post(SHELF + "objects/", json={"objects": []})
    assert (answer.status_code, answer.headers["content-type"]) == (405, MEDIA)


@pytest.mark.parametrize(("accept", "status"), [
    ("*/*", 200), (MEDIA, 200), ("application/taxii+json", 200), ('application/taxii+json; version="2.1"', 200),
    ("text/html, application/*;q=0.5", 200), ("application/taxii+json;version=2.0", 406), ("application/vnd.oasis.taxii+json", 406),
    ("text/html", 406),
])  # fmt: skip
def test_a_client_of_another_version_is_told_so(client, accept, status):
    answer = client.get("/taxii2/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA)


class KeyDesk:
    """Knows one key, as Bearer only."""

    def __init__(self, actor):
        self.actor = actor

    def actor_of(self, request):
        shown = request.headers.get("authorization")
        if shown is None:
            return None
        if shown != f"Bearer {KEY}":
            raise Refused("no-caller", headers={"WWW-Authenticate": "Bearer"})
        return self.actor


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(("shown", "status"), [
    (f"Bearer {KEY}", 200), (basic("anything", KEY), 200), (basic("", KEY), 200), (basic("ә:x", KEY), 401), (basic("u", "wrong"), 401),
    (basic("u", KEY + "\r\nX: y"), 401), ("Basic !!!", 401), ("Basic", 401), ("Basic " + "A" * 5, 401), ("Digest x", 401), ("", 401),
])  # fmt: skip
def test_a_key_is_taken_as_bearer_or_as_the_password_of_basic(client_as, office, someone, shown, status):
    office.access = KeyDesk(someone("bank", "halyk"))
    answer = client_as().get("/taxii2/", headers={"authorization": shown} if shown else {})
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA)
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_who_lacks_the_scope_is_told_in_taxiis_form(client_as):
    answer = client_as("admin").get(SHELF + "objects/")
    assert (answer.status_code, answer.headers["content-type"], answer.json()["error_code"]) == (
        403,
        MEDIA,
        "forbidden",
    )


def test_a_page_is_never_longer_than_the_office_wants(client, registry, clock):
    for number in range(MOST // 3):
        publish(registry, "domain", f"d{number}.example.com")
    clock[0] += SETTLE_MS + 1
    answer = client.get(SHELF + "objects/", params={"limit": 10**6}).json()
    assert len(answer["objects"]) == MOST
    assert answer["more"] is True
