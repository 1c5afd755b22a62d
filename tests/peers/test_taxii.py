"""OASIS' own TAXII client and STIX library against a real server, with a real key as the password of HTTP Basic."""

from urllib.parse import urlsplit

import pytest
import requests
import stix2
from exchange_rows import ONE_OF_EACH, publish, revoke
from fixtures_of import fixtures_of
from peer_served import served
from taxii2client.exceptions import TAXIIServiceException
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from tosqauyl.registry import keys
from tosqauyl.registry.actor import ROLE_SCOPES, SYSTEM, Actor
from tosqauyl.registry.exchange.page import SETTLE_MS
from tosqauyl.registry.passwords import Passwords
from tosqauyl.web.access import Desk
from tosqauyl.web.app import build

pytestmark = pytest.mark.peers

PHONES = 40


globals().update(fixtures_of("web"))


@pytest.fixture
def key(registry):
    """A bank's key that may read what is exchanged."""
    admin = Actor("user:admin", "centre", role="admin", scopes=ROLE_SCOPES["admin"])
    with registry.work(admin) as work:
        return keys.add(work, keys.NewKey("halyk", "taxii", "bank", ("exchange:read",)))[1]


@pytest.fixture
def address(registry, office):
    """The address of a real server in a thread; ended at the end."""
    office.access = Desk(registry, Passwords())
    with served(build(office, ("taxii",))) as found:
        yield found


@pytest.fixture
def published(registry, clock):
    made = {kind: publish(registry, kind, value) for kind, value in ONE_OF_EACH.items()}
    for number in range(PHONES):
        clock[0] += 1
        publish(registry, "phone", f"+770112300{number:02}")
    clock[0] += SETTLE_MS + 1
    return made


def test_the_client_finds_its_way_and_reads_everything(address, key, registry, clock, published):
    server = Server(f"{address}/taxii2/", user="bank", password=key)
    assert server.title == "Centre"
    (root,) = server.api_roots
    assert isinstance(root, ApiRoot)
    assert root.versions == ["application/taxii+json;version=2.1"]
    assert root.collections[0].title == "All published indicators"
    shelf = root.collections[0]
    assert (shelf.can_read, shelf.can_write) == (True, False)
    pages = list(as_pages(shelf.get_objects, per_request=50))
    found = [one for page in pages for one in page["objects"]]
    assert len(pages) == 3
    assert len(found) == 7 + 3 * (PHONES + len(ONE_OF_EACH))
    bundle = stix2.parse({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": found})
    store = stix2.MemoryStore(bundle)
    numbers = store.query([stix2.Filter("type", "=", "phone-number")])
    assert {one.value for one in numbers} == {"+77011234567", *(f"+770112300{number:02}" for number in range(PHONES))}
    manifest = [one for page in as_pages(shelf.get_manifest, per_request=50) for one in page["objects"]]
    assert [one["id"] for one in manifest] == [one["id"] for one in found]


def test_the_client_asks_for_what_is_new_and_learns_what_was_taken_back(address, key, registry, clock, published):
    shelf = ApiRoot(f"{address}/taxii2/api/", user="bank", password=key).collections[0]
    last = max(one["date_added"] for one in shelf.get_manifest(limit=500)["objects"])
    assert shelf.get_objects(added_after=last) == {}
    revoke(registry, published["iban"])
    clock[0] += SETTLE_MS + 1
    (one,) = shelf.get_objects(added_after=last)["objects"]
    assert (one["revoked"], one["type"]) == (True, "indicator")
    assert shelf.get_object(one["id"])["objects"] == [one]
    assert shelf.object_versions(one["id"])["versions"] == [one["modified"]]
    assert shelf.get_objects(id=one["id"], version="all")["objects"] == [one]


def test_a_collection_by_its_alias_and_filters(address, key, published):
    shelf = Collection(f"{address}/taxii2/api/collections/sites/", user="", auth=requests.auth.HTTPBasicAuth("", key))
    found = shelf.get_objects(type=["url", "domain-name"])["objects"]
    assert sorted(one["type"] for one in found) == ["domain-name", "url"]


def test_nobody_and_a_wrong_or_revoked_key_get_nothing(address, key, registry):
    for password in ("wrong", key[:-1] + "x"):
        with pytest.raises(requests.HTTPError) as refused:
            Server(f"{address}/taxii2/", user="bank", password=password).refresh()
        assert refused.value.response.status_code == 401
        assert refused.value.response.json()["title"]
    with pytest.raises((requests.HTTPError, TAXIIServiceException)):
        Server(f"{address}/taxii2/").refresh()
    with registry.work(SYSTEM) as work:
        (row,) = keys.search(work, None, 1)
        keys.revoke(work, row.id)
    with pytest.raises(requests.HTTPError):
        Server(f"{address}/taxii2/", user="bank", password=key).refresh()


def test_an_older_client_is_told_which_version_this_is(address, key):
    answer = requests.get(
        f"{address}/taxii2/",
        auth=("bank", key),
        headers={"Accept": "application/vnd.oasis.taxii+json; version=2.0"},
        timeout=10,
    )
    assert (answer.status_code, urlsplit(answer.url).path) == (406, "/taxii2/")
    assert answer.headers["content-type"] == "application/taxii+json;version=2.1"
