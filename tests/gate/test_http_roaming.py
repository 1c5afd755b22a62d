"""The feed routes: the operator is the client's, queries are exact, and what the feeds refuse is told without any number."""

import asyncio

import pytest
from http_desk import CLIENTS, TOKENS, make_http_desk

from tosqauyl.gate.feeds import FeedResult
from tosqauyl.gate.http.access import Client, hashed
from tosqauyl.gate.http.options import Http, Limits

KCELL, FOREIGN = "+77010000001", "+77051234567"
TEXT = {"content-type": "text/plain"}


@pytest.fixture
def http(tmp_path):
    return make_http_desk(tmp_path, complete=False)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return make_http_desk(tmp_path_factory.mktemp("shared"), complete=False)


def report(http, *events, query="", token=TOKENS["feed"]):
    said = [dict(zip(("number", "state", "at"), event, strict=False)) for event in events]
    return http.send("POST", f"/v1/roaming{query}", token, json={"events": said})


def replace(http, body, query="", token=TOKENS["feed"], headers=TEXT):
    return http.send("PUT", f"/v1/roaming{query}", token, body=body, headers=headers)


def state(http, number):
    return http.desk.session.engine.known.subscribers.state(number)


def test_events_change_what_calls_are_judged_by(http):
    answer = report(http, (KCELL, "abroad"), ("+77010000002", "home", 1_700_000_000.5))
    assert answer.status == 200
    assert (answer.json["accepted"], answer.json["refused"], answer.json["durable"]) == (2, [], True)
    assert state(http, KCELL) == "abroad"


def test_another_operators_number_is_refused_by_its_place_and_not_repeated(http):
    answer = report(http, (KCELL, "abroad"), (FOREIGN, "home"))
    assert answer.json["accepted"] == 1
    assert [line["at"] for line in answer.json["refused"]] == [2]
    assert answer.json["refused_count"] == 1
    assert FOREIGN not in answer.body.decode()
    assert state(http, FOREIGN) == "unknown"


def test_a_list_comes_in_any_pieces_and_replaces_what_was_known(http):
    report(http, ("+77010000009", "abroad"))
    answer = replace(http, [KCELL[:5].encode(), KCELL[5:].encode() + b"\n"], "?complete=false&count=1")
    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert state(http, KCELL) == "abroad"


def test_a_swing_is_held_and_goes_through_when_it_is_confirmed(http):
    numbers = [f"+7701{n:07d}" for n in range(20_000)]
    first = "\n".join(numbers).encode()
    assert replace(http, first, "?complete=false").status == 200
    second = numbers[0].encode()
    held = replace(http, second, "?complete=false")
    assert (held.status, held.problem) == (409, "held")
    assert held.json["swing_percent"] > 20
    assert len(held.json["digest"]) == 64
    assert state(http, numbers[5]) == "abroad"
    assert replace(http, second, f"?complete=false&confirm={held.json['digest']}").status == 200
    assert state(http, numbers[5]) == "unknown"


@pytest.mark.parametrize(
    "query",
    ["?compleet=true", "?complete=yes", "?complete=true&complete=true", "?count=-1", "?count=1e3", "?as_of=now", "?confirm=abc",
     "?confirm=" + "G" * 64, "?complete", "?complete=true%0A", "?operator=beeline"],
)  # fmt: skip
def test_a_query_that_is_not_exact_is_refused(shared, query):
    answer = replace(shared, KCELL.encode(), query)
    assert (answer.status, answer.problem) == (400, "bad-query")
    assert state(shared, KCELL) == "unknown"


@pytest.mark.parametrize(
    ("body", "query", "why"),
    [(b"+77010000001\n", "?count=2", "count"), (b"no number\n", "", "unreadable"), (b"+77010000001\n", "?as_of=4000000000", "future")],
)  # fmt: skip
def test_a_list_that_cannot_be_believed_changes_nothing_and_says_why(shared, body, query, why):
    answer = replace(shared, body, query)
    assert (answer.status, answer.problem, answer.json["why"]) == (422, "feed-refused", why)
    assert state(shared, KCELL) == "unknown"


@pytest.mark.parametrize(
    ("event", "problem"),
    [({"number": "77010000001", "state": "abroad"}, "invalid"), ({"number": KCELL, "state": "roaming"}, "invalid"),
     ({"number": KCELL, "state": "home", "operator": "beeline"}, "invalid"), ({"number": KCELL}, "invalid"),
     ({"number": KCELL, "state": "home", "at": -1}, "invalid")],
)  # fmt: skip
def test_an_event_that_is_not_as_documented_is_refused_as_a_whole(shared, event, problem):
    good = {"number": KCELL, "state": "abroad"}
    answer = shared.send("POST", "/v1/roaming", TOKENS["feed"], json={"events": [good, event]})
    assert answer.problem == problem
    assert KCELL not in answer.body.decode()
    assert state(shared, KCELL) == "unknown"


def test_more_events_than_fit_in_one_request_are_refused(shared):
    assert report(shared, *[(KCELL, "home")] * 1001).problem == "invalid"


def test_no_events_at_all_say_that_the_operator_is_there(shared):
    assert report(shared).json["accepted"] == 0


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/csv"}, {**TEXT, "content-encoding": "gzip"}])
def test_a_list_is_plain_text(shared, headers):
    assert replace(shared, b"", headers=headers).problem == "wrong-type"


def test_a_list_longer_than_the_limit_is_refused_whether_told_before_or_not(tmp_path):
    http = make_http_desk(tmp_path, complete=False, http=Http(bulk_bytes=30))
    line = f"{KCELL}\n".encode()
    assert replace(http, [line] * 3).problem == "too-large"
    assert replace(http, line, headers={**TEXT, "content-length": "31"}).problem == "too-large"
    assert state(http, KCELL) == "unknown"
    assert replace(http, [line] * 2).status == 200, "and the feed is not stuck"


def test_a_list_that_stops_coming_is_given_up_and_the_next_one_is_taken(tmp_path):
    http = make_http_desk(tmp_path, complete=False, limits=Limits(bulk=0.02))

    async def stuck(scope, receive, send):
        begun = False

        async def never():
            nonlocal begun
            if begun:
                await asyncio.sleep(60)
            begun = True
            return {"type": "http.request", "body": b"+7701", "more_body": True}

        await app(scope, never, send)

    app, http.app = http.app, stuck
    assert replace(http, b"").problem == "too-slow"
    http.app = app
    assert replace(http, f"{KCELL}\n".encode()).status == 200


@pytest.mark.parametrize(("why", "seconds"), [("busy", "5"), ("reloaded", "5"), ("not-stored", "60")])
def test_what_is_only_for_now_is_told_with_a_time(http, monkeypatch, why, seconds):
    monkeypatch.setattr(http.feeds, "events", lambda *given: FeedResult(why=why))
    answer = report(http)
    assert (answer.status, answer.problem, answer.json["why"]) == (503, "busy", why)
    assert answer.headers["retry-after"] == seconds


def test_an_operator_that_has_no_numbers_can_report_none(tmp_path):
    clients = (*CLIENTS, Client("odd", hashed("tq_odd"), "", frozenset(("feed",)), "nobody"))
    http = make_http_desk(tmp_path, clients=clients)
    answer = report(http, (KCELL, "home"), token="tq_odd")
    assert (answer.status, answer.json["why"]) == (422, "operator")


def test_a_gate_without_feeds_says_so(tmp_path):
    http = make_http_desk(tmp_path, feeds=False, reload=False)
    assert report(http).problem == "not-served"
    assert replace(http, b"").problem == "not-served"
    assert http.send("POST", "/v1/snapshot:reload", TOKENS["reload"]).problem == "not-served"
