"""The sink of CAMARA subscriptions: 204 where all was taken, else a problem that names places and never numbers."""

import json

import pytest
from http_desk import TOKENS, make_http_desk

from tosqauyl.gate.feed_notices import NoticeDesk
from tosqauyl.gate.http.options import Http
from tosqauyl.networks.camara.events import BATCH_TYPE, EVENT_TYPE, read_batch

KCELL, OTHER, FOREIGN = "+77010000001", "+77010000002", "+77051234567"
TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0."


@pytest.fixture
def http(tmp_path):
    return make_http_desk(tmp_path, complete=False)


def event(number=KCELL, kind="roaming-on", minute=0, **more):
    return {
        "id": f"{number} {kind} {minute}", "source": "/hlr", "specversion": "1.0", "type": TYPE + kind,
        "time": f"2024-11-28T10:{minute:02d}:00+05:00", "data": {"device": {"phoneNumber": number}},
    } | more  # fmt: skip


def notify(http, said, query="", token=TOKENS["feed"], kind=None, **headers):
    kind = kind or (BATCH_TYPE if isinstance(said, list) else EVENT_TYPE)
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return http.send("POST", f"/v1/roaming:notify{query}", token, body=body, headers={"content-type": kind, **headers})


def state(http, number=KCELL):
    return http.desk.session.engine.known.subscribers.state(number)


@pytest.mark.parametrize(
    ("kind", "found"), [("roaming-on", "abroad"), ("roaming-off", "home"), ("roaming-change-country", "abroad")]
)
def test_one_event_changes_what_calls_are_judged_by_and_204_has_no_body(http, kind, found):
    answer = notify(http, event(kind=kind), kind=f"{EVENT_TYPE}; charset=utf-8")
    assert (answer.status, answer.body) == (204, b"")
    assert state(http) == found


def test_a_batch_is_taken_in_the_order_of_its_times(http):
    assert (
        notify(http, [event(minute=5), event(kind="roaming-off", minute=9), event(minute=7), event(OTHER)]).status
        == 204
    )
    assert (state(http), state(http, OTHER)) == ("home", "abroad")


def test_what_came_before_changes_nothing_when_it_comes_again(http):
    first = event(minute=1)
    for said in (first, event(kind="roaming-off", minute=5), first, event(kind="roaming-change-country", minute=3)):
        assert notify(http, said).status == 204
    assert state(http) == "home"
    assert http.feeds.counters["notices_overtaken"] == 2


def test_the_same_event_name_from_another_source_is_another_event(http):
    notify(http, event(id="1"))
    notify(http, event(kind="roaming-off", id="1", minute=1))
    assert state(http) == "abroad"
    notify(http, event(kind="roaming-off", id="1", minute=1, source="/other"))
    assert state(http) == "home"


def test_others_numbers_and_bad_events_are_named_by_place_and_the_rest_is_taken(http):
    bad = event(OTHER, time="soon")
    answer = notify(http, [event(kind="subscription-started"), bad, event(FOREIGN), event()])
    assert (answer.status, answer.problem, answer.json["refused_count"]) == (422, "not-taken", 2)
    assert answer.json["refused"] == [{"at": 2, "why": "time"}, {"at": 3, "why": "foreign"}]
    assert (state(http), state(http, OTHER), state(http, FOREIGN)) == ("abroad", "unknown", "unknown")
    assert not any(number[1:] in answer.body.decode() for number in (KCELL, OTHER, FOREIGN))


def test_an_event_of_the_subscription_says_that_the_operator_is_there_and_a_bad_one_does_not(http):
    assert notify(http, event(specversion="0.3")).problem == "not-taken"
    assert "kcell" not in http.feeds.state()["operators"]
    assert notify(http, event(kind="subscription-ended")).status == 204
    assert http.feeds.state()["operators"]["kcell"]["age_seconds"] >= 0
    assert http.feeds.counters["notices_subscription_ended"] == 1


def test_a_swing_is_held_and_can_be_confirmed(http):
    said = [event(f"+7701{place:07d}", "roaming-off") for place in range(300)]
    held = notify(http, said)
    assert (held.status, held.problem) == (409, "held")
    assert state(http) == "unknown"
    assert notify(http, said, f"?confirm={held.json['digest']}").status == 204
    assert state(http) == "home"


@pytest.mark.parametrize(
    ("said", "kind", "problem"),
    [(b"{", EVENT_TYPE, "malformed"), (b"[", BATCH_TYPE, "malformed"), (event(), BATCH_TYPE, "malformed"),
     ([event()], EVENT_TYPE, "not-taken"), (event(), "application/json", "wrong-type"), (event(), "text/plain", "wrong-type"),
     ([event(id=str(place)) for place in range(1001)], BATCH_TYPE, "feed-refused")],
)  # fmt: skip
def test_what_is_no_notification_changes_nothing(http, said, kind, problem):
    assert notify(http, said, kind=kind).problem == problem
    assert state(http) == "unknown"


def test_it_is_guarded_and_bounded_like_events(tmp_path):
    http = make_http_desk(tmp_path, complete=False, http=Http(body_bytes=10))
    assert notify(http, event()).problem == "too-large"
    assert notify(http, event(), token="").status == 401
    assert notify(http, event(), token=TOKENS["screen"]).problem == "scope-missing"
    assert notify(http, event(), "?operator=beeline").problem == "bad-query"
    assert notify(make_http_desk(tmp_path / "none", feeds=False), event()).problem == "not-served"


def test_what_is_remembered_is_bounded(http, monkeypatch):
    monkeypatch.setattr("tosqauyl.gate.feed_notices.MOST_REMEMBERED", 10)
    desk = NoticeDesk(http.feeds)
    said = [event(f"+7701{place:07d}", minute=place) for place in range(50)]
    for one in said:
        desk.take("kcell", read_batch(json.dumps([one]).encode()), 1.0, 1_800_000_000.0)
    kept = desk._remembered["kcell"]
    assert (len(kept.events), len(kept.newest)) == (10, 10)
    again = read_batch(json.dumps(said).encode())
    assert desk.take("kcell", again, 2.0, 1_800_000_000.0).overtaken == 10
