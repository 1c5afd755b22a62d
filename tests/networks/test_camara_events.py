"""CAMARA notifications: what they say of whom, what is refused by its place, and that our own examples are as the API says."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.gate.http.openapi import _EXAMPLES
from tosqauyl.networks.camara.events import Notices, read_all, read_batch, read_event

ROOT = Path(__file__).resolve().parents[2]
API = ROOT.parent / "shared" / "vectors" / "camara" / "device-roaming-status-subscriptions.yaml"
TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0."
NUMBER = "+77010000001"
AT, TIME = 1_795_842_000.0, "2026-11-28T10:00:00+05:00"


def event(kind="roaming-on", number=NUMBER, **more):
    data = {"device": {"phoneNumber": number}, "subscriptionId": "s1"} | more.pop("data", {})
    return {
        "id": "1", "source": "https://notifications.example.kz", "specversion": "1.0", "type": TYPE + kind, "time": TIME,
        "datacontenttype": "application/json", "data": data,
    } | more  # fmt: skip


ABROAD_STATUS = event("roaming-status", data={"roaming": True, "countryCode": 286, "countryName": ["TR"]})
EVENTS = {
    "on": (event("roaming-on"), "abroad"),
    "off": (event("roaming-off"), "home"),
    "status, abroad": (ABROAD_STATUS, "abroad"),
    "status, home": (event("roaming-status", data={"roaming": False}), "home"),
    "another country": (event("roaming-change-country", data={"countryCode": 286, "countryName": ["TR"]}), "abroad"),
}
OTHERS = {
    "started": event("subscription-started", data={"initiationReason": "SUBSCRIPTION_CREATED"}),
    "updated": event("subscription-updated", data={"updateReason": "SUBSCRIPTION_ACTIVE"}),
}


def read(*events):
    return read_batch(json.dumps(list(events)).encode())


def without(said, name):
    return {key: value for key, value in said.items() if key != name}


@pytest.fixture(scope="module")
def api():
    if not API.exists() and os.environ.get("CI") != "true":
        pytest.skip("the API's own description is not there")
    return yaml.safe_load(API.read_text("utf-8"))


def schema_of(api, name):
    return {"$ref": f"#/components/schemas/{name}", "components": api["components"]}


@pytest.mark.parametrize(
    "said", [*(said for said, _ in EVENTS.values()), *OTHERS.values(), _EXAMPLES["notify_roaming"]]
)
def test_our_events_are_as_the_api_says(api, said):
    kinds = api["components"]["schemas"]["CloudEvent"]["discriminator"]["mapping"]
    name = kinds[said["type"]].rpartition("/")[2]
    validator = jsonschema.Draft202012Validator(schema_of(api, name), format_checker=jsonschema.FormatChecker())
    validator.validate(said)


def test_every_event_type_of_the_api_is_known_and_its_examples_are_read(api):
    for name in api["components"]["schemas"]["EventTypeNotification"]["enum"]:
        said = event(data={"roaming": True}) | {"type": name}
        assert read_event(json.dumps(said).encode()).refused == ()
    examples = [one["value"] for name, one in api["components"]["examples"].items() if "data" in one["value"]]
    told = read(*examples)
    assert (len(examples), told.events, told.refused, told.ended) == (7, 7, (), 1)
    assert [move.state for move in told.moves] == ["abroad", "home", "abroad", "abroad"]


@pytest.mark.parametrize(("said", "state"), EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_an_event_says_where_a_subscriber_is_and_since_when(said, state, version):
    told = read_event(json.dumps(said | {"type": said["type"].replace("v0", version)}).encode())
    assert [(move.place, move.number, move.state, move.at) for move in told.moves] == [(0, NUMBER, state, AT)]
    assert (told.refused, told.events, told.malformed) == ((), 1, False)


@pytest.mark.parametrize("said", OTHERS.values(), ids=OTHERS)
def test_an_event_of_the_subscription_moves_nobody(said):
    assert read_event(json.dumps(without(said, "data")).encode()) == Notices(events=1)
    assert read_event(json.dumps(said).encode()) == Notices(events=1)


@pytest.mark.parametrize("kind", ["subscription-ended", "subscription-ends"])
def test_the_end_of_a_subscription_is_counted(kind):
    assert read(event(kind), event()).ended == 1


def test_attributes_that_are_not_known_are_passed_over():
    said = event(data={"x": 1, "device": {"phoneNumber": NUMBER, "ipv4Address": {}}}, traceparent="00-1", subject="s")
    assert len(read(said).moves) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (event(specversion="0.3"), "version"), (without(event(), "specversion"), "event"), (event(specversion=1.0), "version"),
        (event("roaming"), "type"), (event() | {"type": "org.camaraproject.sim-swap.v0.swapped"}, "type"),
        (event() | {"type": TYPE.replace("v0", "v2") + "roaming-on"}, "type"),
        (event(time="2026-11-28T10:00:00"), "time"), (event(time="yesterday"), "time"), (event(time=1), "time"),
        (event(time="1969-07-20T20:17:40Z"), "time"), (without(event(), "time"), "event"),
        (event(number="77010000001"), "number"), (event(number="+7"), "number"), (event(number=7), "number"),
        (event(number=NUMBER + "\n"), "number"), (event(data={"device": {}}), "number"),
        (event(data={"device": {"networkAccessIdentifier": "a@b"}}), "number"), (event() | {"data": None}, "number"),
        (event("roaming-status"), "roaming"), (event("roaming-status", data={"roaming": "true"}), "roaming"),
        (event(id=""), "event"), (event(id=1), "event"), (without(event(), "source"), "event"), (event() | {"data": []}, "event"),
        ([], "event"), ("text", "event"), (None, "event"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_believed_is_refused_by_its_place_and_the_others_count(said, why):
    told = read(event(id="0"), said, event(id="2"))
    assert told.refused == ((1, why),)
    assert [move.place for move in told.moves] == [0, 2]


def test_the_same_event_again_counts_once_and_that_of_another_source_does_not():
    told = read(event(), event("roaming-off"), event(source="other"))
    assert [(move.place, move.state) for move in told.moves] == [(0, "abroad"), (2, "abroad")]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\xff"', b"[" * 100_000, b"[1,]"])
def test_what_is_no_json_is_malformed(body):
    assert read_batch(body).malformed
    assert read_event(body).malformed or read_event(body).refused == ((0, "event"),)


def test_a_single_event_is_no_batch_and_a_batch_no_single_event():
    assert read_batch(json.dumps(event()).encode()).malformed
    assert read_event(json.dumps([event()]).encode()).refused == ((0, "event"),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["device", "roaming", "phoneNumber", "a"]), inner),
    max_leaves=6,
)  # fmt: skip
CHANGED = st.builds(lambda name, value: event() | {name: value}, st.sampled_from([*event(), "more"]), JSON)


def check(told):
    places = [move.place for move in told.moves] + [place for place, _ in told.refused]
    assert len(places) == len(set(places)) <= told.events
    assert all(0 <= place < told.events for place in places)
    for move in told.moves:
        assert move.state in ("abroad", "home")
        assert move.at > 0.0
        assert move.number[1:].isdigit()


@given(st.lists(CHANGED | JSON, max_size=5))
def test_any_json_gives_moves_and_refusals_each_with_a_place(events):
    check(read(*events))
    check(read_all([json.dumps(one).encode() for one in events]))


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_bytes_are_read_without_raising(body):
    for told in (read_event(body), read_batch(body), read_all(body.split(b"\n"))):
        check(told)
