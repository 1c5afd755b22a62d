"""Calls judged over HTTP: as over SIP, once, on record before they are answered, and never refused for what a caller wrote."""

import asyncio
import time
from dataclasses import replace

import pytest
from desk import ABROAD, AT_HOME, invite, trunk_entry
from http_desk import CALL, TOKENS, make_http_desk
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FaultKind
from tosqauyl.facts import Verdict
from tosqauyl.gate.answer import Profile
from tosqauyl.gate.http.bodies import ScreenRequest
from tosqauyl.gate.http.options import Limits
from tosqauyl.gate.http.screening import choose_language, signalled
from tosqauyl.gate.overload import SourceCaps
from tosqauyl.gate.resume import resume
from tosqauyl.journal.columns import row_maker
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.state.provider import Line, ScriptedProvider

FIXED = "+77172123456"


@pytest.fixture
def http(tmp_path):
    return make_http_desk(tmp_path)


@pytest.fixture(scope="module", params=[True, False], ids=["enforcing", "monitoring"])
def two(request, tmp_path_factory):
    return make_http_desk(tmp_path_factory.mktemp("two"), enforce=request.param)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For what leaves nothing behind."""
    return make_http_desk(tmp_path_factory.mktemp("shared"))


def test_a_spoofed_fixed_line_is_stopped_with_everything_a_switch_needs(http):
    answer = http.screen(presented=FIXED)
    assert answer.status == 200
    said = answer.json
    assert (said["verdict"], said["reason"], said["rule"]) == ("stop", "fixed-from-abroad", "kz-fixed-abroad")
    assert (said["class"], said["sip_status"], said["changes"]) == ("deterministic", 603, {})
    assert said["decision"] == "http|abroad|c1@sbc"
    known = http.desk.session.engine.known
    assert (said["policy"], said["snapshot"]) == (known.policy.hash, known.hash)
    assert http.rows() == ["c1@sbc\tstop\tfixed-from-abroad\tkz-fixed-abroad\t603"]


@pytest.mark.parametrize(
    "numbers",
    [{"presented": "+447700900123"}, {"presented": FIXED}, {"presented": ABROAD}, {"presented": AT_HOME}, {"presented": "112"},
     {"presented": "+447700900123", "asserted": FIXED}, {"presented": ""}, {"presented": "anonymous"}, {"presented": "87172123456"}],
    ids=lambda numbers: "-".join(f"{value}" for value in numbers.values()),
)  # fmt: skip
@pytest.mark.parametrize("trunk", ["abroad", "home", "new"])
def test_the_verdict_is_the_one_sip_would_get(two, numbers, trunk):
    name = f"{numbers}-{trunk}"
    said = two.screen(trunk=trunk, call_id=name, **numbers).json
    parts = {"asserted": numbers["asserted"]} if "asserted" in numbers else {}
    source = {"abroad": "198.51.100.7", "home": "203.0.113.7", "new": "192.0.2.200"}[trunk]
    branch = f"z9hG4bK-{len(two.desk.rows)}"
    (over_sip,) = two.desk.send(invite(numbers["presented"], branch=branch, **parts), source)
    assert over_sip.status == said["sip_status"]
    row = two.desk.rows[-1].split("\t")
    assert row[1:4] == [said["verdict"], said["reason"], said["rule"]]


def test_in_monitor_mode_the_call_passes_and_would_tells_the_rest(tmp_path):
    said = make_http_desk(tmp_path, enforce=False).screen(presented=FIXED).json
    assert (said["verdict"], said["sip_status"], said["rule"], said["text"]) == ("pass", 302, "", "")
    assert (said["would"]["verdict"], said["would"]["rule"]) == ("stop", "kz-fixed-abroad")
    assert said["would"]["text"]


def test_a_marked_call_says_what_to_change(tmp_path):
    entry = trunk_entry("abroad", "international", "198.51.100.0/24", profile=Profile(label="?"))
    http = make_http_desk(tmp_path, failure=FailurePolicy({"caller_missing": Verdict.MARK}), entries=(entry,))
    said = http.screen(presented=None).json
    assert said["verdict"] == "mark"
    assert said["changes"] == {"label": "?", "verstat": "TN-Validation-Failed"}
    assert said["faults"] == ["caller_missing"]
    assert http.screen(presented=None).json == said


@pytest.mark.parametrize(
    ("accepted", "language"),
    [(None, "en"), ("kk", "kk"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en;q=0.1, kk;q=0.5", "kk"), ("de, fr", "en"),
     ("kk;q=0", "en"), ("kk;q=x,ru;q=0.2", "ru"), ("", "en"), (",;q=1,,", "en"), ("KK-kz ; q = 0.5", "kk")],
)  # fmt: skip
def test_the_text_is_in_the_language_that_was_asked_for(accepted, language):
    assert choose_language(accepted) == language


def test_the_text_is_the_rules(http):
    rule = next(rule for rule in http.desk.session.engine.known.policy.rules if rule.id == "kz-fixed-abroad")
    for number, language in enumerate(("kk", "ru", "en")):
        answer = http.send(
            "POST", "/v1/calls:screen", TOKENS["screen"], json=CALL | {"presented": FIXED, "call_id": f"c{number}"},
            headers={"accept-language": language},
        )  # fmt: skip
        assert answer.json["text"] == rule.texts[language]


def test_the_same_call_gets_the_same_answer_and_counts_once(http):
    first = http.screen(presented=FIXED)
    again = http.screen(presented="+447700900123")
    assert again.body == first.body
    assert len(http.rows()) == 1
    assert http.counters()["repeated_screening"] == 1
    assert http.screen(call_id="c2", presented=FIXED).json["decision"] != first.json["decision"]
    assert http.screen(trunk="home").body != first.body
    assert len(http.rows()) == 3


def test_the_same_call_is_judged_anew_after_32_seconds(http):
    http.screen()
    http.desk.session.transactions.expire(time.monotonic() + 33, 100)
    http.screen()
    assert len(http.rows()) == 2


def test_the_same_call_gets_the_same_verdict_after_a_restart(http, tmp_path):
    http.desk.session._make_row = row_maker(None, "p", "s")
    first = http.screen(presented=FIXED)
    table = http.desk.session.transactions
    table.expire(time.monotonic() + 33, 100)
    assert resume(table, tmp_path / "journal", time.monotonic(), time.time()) == 1
    again = http.screen(presented=FIXED)
    assert again.json == first.json
    assert len(http.rows()) == 1


def test_the_decision_is_with_the_kernel_before_the_answer_goes_out(http):
    written = []

    async def watched(scope, receive, send):
        async def sending(message):
            written.append((message["type"], len(http.rows())))
            await send(message)

        await app(scope, receive, sending)

    app, http.app = http.app, watched
    http.screen()
    assert written == [("http.response.start", 1), ("http.response.body", 1)]


def test_calls_of_one_turn_of_the_loop_share_one_write(http):
    async def burst():
        calls = (
            http.request("POST", "/v1/calls:screen", TOKENS["screen"], json=CALL | {"call_id": f"c{n}"})
            for n in range(20)
        )
        return await asyncio.gather(*calls)

    answers = asyncio.run(burst())
    assert {answer.status for answer in answers} == {200}
    assert sum(http.writes[1:]) == 20
    assert len(http.writes) <= 3


def test_a_call_is_answered_although_its_decision_cannot_be_written(http):
    http.gate.journal_down = True
    assert http.screen(presented=FIXED).json["verdict"] == "stop"
    assert http.counters()["fault_journal_failed"] == 1
    assert http.alarms


def asking(tmp_path, line, **options):
    return make_http_desk(tmp_path, complete=False, provider=ScriptedProvider({}, line), **options)


def test_the_home_network_is_asked_and_its_answer_counts(tmp_path):
    said = asking(tmp_path, Line("home")).screen(presented=AT_HOME).json
    assert (said["verdict"], said["home_network"]) == ("stop", "answered")


async def ticked(http, *requests):
    """Requests with the gate's housekeeping beside them."""
    going = asyncio.gather(*requests)
    while not going.done():
        http.gate._tick()
        await asyncio.sleep(0.005)
    return await going


def screening(http, **call):
    return http.request("POST", "/v1/calls:screen", TOKENS["screen"], json=CALL | call)


def test_a_late_answer_is_waited_for_and_a_missing_one_times_out(tmp_path):
    late = asking(tmp_path / "a", Line("home", 0.02))
    (answer,) = asyncio.run(ticked(late, screening(late, presented=AT_HOME)))
    assert answer.json["verdict"] == "stop"
    never = asking(tmp_path / "b", Line("home", 0, "timeout"))
    never.desk.session.engine.options = replace(never.desk.session.engine.options, deadline=0.03)
    (answer,) = asyncio.run(ticked(never, screening(never, presented=AT_HOME)))
    assert (answer.json["verdict"], answer.json["home_network"]) == ("pass", "timeout")
    assert answer.json["faults"] == ["provider_timeout"]
    assert len(never.desk.session.questions) == 0


def test_sip_and_http_calls_share_one_question_about_a_number(tmp_path):
    http = asking(tmp_path, Line("home", 0.02))
    http.desk.session.receive(
        invite(AT_HOME), ("198.51.100.7", 5060), "udp:192.0.2.1:5060", time.monotonic(), time.time()
    )
    http.gate._datagrams["udp:192.0.2.1:5060"] = type("Wire", (), {"send": lambda self, messages: 0})()
    (answer,) = asyncio.run(ticked(http, screening(http, presented=AT_HOME)))
    assert answer.json["verdict"] == "stop"
    assert http.counters()["asked"] == 1
    assert len(http.rows()) == 2


def test_a_call_asked_again_while_it_waits_is_judged_once(tmp_path):
    http = asking(tmp_path, Line("home", 0.03))
    first, second = asyncio.run(ticked(http, *(screening(http, presented=AT_HOME) for _ in range(2))))
    assert first.body == second.body
    assert len(http.rows()) == 1
    assert http.counters()["asked"] == 1


def test_as_many_calls_wait_as_may_and_one_more_is_told_so(tmp_path):
    http = asking(tmp_path, Line("home", 0.03), limits=Limits(screenings=2))
    calls = [screening(http, presented=AT_HOME, call_id=f"c{n}") for n in range(3)]
    answers = asyncio.run(ticked(http, *calls))
    assert sorted(answer.status for answer in answers) == [200, 200, 503]
    refused = next(answer for answer in answers if answer.status == 503)
    assert (refused.problem, refused.headers["retry-after"]) == ("busy", "1")
    assert http.counters()["http_shed"] == 1
    assert http.screen(call_id="c9").status == 200


def test_a_client_that_asks_for_more_than_its_share_is_told_so_and_repetitions_are_not(http):
    http.desk.session.caps = SourceCaps(calls_per_second=1)
    assert http.screen().status == 200
    assert http.screen(call_id="c2").problem == "busy"
    assert http.screen().status == 200
    assert http.counters()["source_capped"] == 1


def test_a_bug_in_the_policy_lets_the_call_pass(tmp_path):
    failure = FailurePolicy(forced=frozenset((FaultKind.POLICY_RAISED.value,)))
    said = make_http_desk(tmp_path, failure=failure).screen(presented=FIXED).json
    assert (said["verdict"], said["reason"]) == ("pass", "failed-open")


def test_facts_that_cannot_be_read_let_the_call_pass_and_are_on_record(tmp_path):
    failure = FailurePolicy(forced=frozenset((FaultKind.ENRICH_RAISED.value,)))
    http = make_http_desk(tmp_path, failure=failure)
    said = http.screen(presented=FIXED).json
    assert (said["verdict"], said["faults"], said["decision"]) == ("pass", ["enrich_raised"], "http|abroad|c1@sbc")
    assert len(http.rows()) == 1


def test_a_bug_in_an_answer_stops_neither_the_timers_nor_the_next_call(tmp_path, monkeypatch):
    http = asking(tmp_path, Line("home", 0.01))
    desk = http.application.parts.desk
    monkeypatch.setattr(desk, "_answer", lambda *given: 1 // 0)
    (answer,) = asyncio.run(ticked(http, screening(http, presented=AT_HOME)))
    assert (answer.status, answer.problem) == (500, "failed")
    monkeypatch.undo()
    assert http.screen(call_id="c2").status == 200
    assert len(desk) == 0
    monkeypatch.setattr(desk, "session", None)
    assert http.screen(call_id="c3").status == 500
    assert len(desk) == 0


def test_a_bug_in_a_handler_is_a_problem_a_counter_and_an_alarm_without_any_number(http):
    http.application.parts.desk.screen = None
    answer = http.screen(presented=FIXED)
    assert (answer.status, answer.problem) == (500, "failed")
    assert http.counters()["http_failed"] == 1
    assert len(http.alarms) == 1
    assert FIXED not in http.alarms[0]
    assert "TypeError" in http.alarms[0]


@pytest.mark.parametrize(
    ("call", "status", "problem"),
    [
        ({"trunk": "nowhere"}, 422, "unknown-trunk"),
        ({"call_id": ""}, 422, "invalid"),
        ({"call_id": "x" * 513}, 422, "invalid"),
        ({"called": None}, 422, "invalid"),
        ({"calling": "+7"}, 422, "invalid"),
        ({"redirections": -1}, 422, "invalid"),
        ({"redirections": 1.5}, 422, "invalid"),
        ({"at": 5.0}, 422, "invalid"),
        ({"at": "now"}, 422, "invalid"),
        ({"display_name": 7}, 422, "invalid"),
    ],
)
def test_what_the_switch_got_wrong_is_told_and_not_recorded(shared, call, status, problem):
    answer = shared.screen(**call)
    assert (answer.status, answer.problem) == (status, problem)
    assert shared.rows() == []


def test_a_time_of_its_own_is_taken_within_five_minutes(http):
    assert http.screen(at=time.time() - 290).status == 200
    assert http.screen(at=time.time() + 310, call_id="c2").status == 422


ANY = st.text(max_size=200)
_ANYTHING = {}


@given(ANY, ANY, ANY, ANY, st.none() | ANY)
def test_whatever_a_caller_can_write_is_judged_and_never_refused(
    tmp_path_factory, called, presented, name, privacy, other
):
    http = _ANYTHING.get("desk") or make_http_desk(tmp_path_factory.mktemp("any"), feeds=False)
    _ANYTHING["desk"] = http
    http.desk.session._make_row = row_maker(None, "p", "s")
    before = http.gate.journal.counters.rows
    answer = http.screen(
        called=called, presented=presented, asserted=other, redirecting=other, remote_party=other,
        display_name=name, privacy=privacy, user_agent=name, call_id=f"c{before}",
    )  # fmt: skip
    assert answer.status == 200
    assert http.gate.journal.counters.rows == before + 1


def test_long_texts_are_cut_as_over_sip():
    long = "7" * 10_000
    said = signalled(
        ScreenRequest("t", "c", long, presented=long, display_name=long, user_agent=long, privacy="B, a"), "k", "s", 1.0
    )
    assert (len(said.called), len(said.presented), len(said.display_name), len(said.user_agent)) == (128, 128, 128, 64)
    assert (said.privacy, said.transport, said.transaction) == ("a;b", "http", "k")


def test_a_redirecting_number_counts_as_one_redirection_at_least():
    assert signalled(ScreenRequest("t", "c", "1", redirecting="+7"), "k", "s", 1.0).redirections == 1
    assert signalled(ScreenRequest("t", "c", "1", redirecting="+7", redirections=3), "k", "s", 1.0).redirections == 3
    assert signalled(ScreenRequest("t", "c", "1"), "k", "s", 1.0).redirections == 0


def test_a_call_without_a_called_number_has_the_fault():
    assert signalled(ScreenRequest("t", "c", ""), "k", "s", 1.0).faults == ("called_unreadable",)


@pytest.mark.parametrize(
    ("body", "headers", "status", "problem"),
    [
        (b"{", {}, 400, "malformed"),
        (b"\xff", {}, 400, "malformed"),
        (b'{"trunk": "\\ud800"}', {}, 400, "malformed"),
        (b"[]", {}, 422, "invalid"),
        (b"{}", {}, 422, "invalid"),
        (b"{}", {"content-type": "text/json"}, 415, "wrong-type"),
        (b"{}", {"content-encoding": "gzip"}, 415, "wrong-type"),
        (b" " * (64 << 10) + b"{}", {}, 413, "too-large"),
        (b"{}", {"content-length": "70000"}, 413, "too-large"),
        ([b" " * 60_000, b" " * 60_000], {}, 413, "too-large"),
    ],
)
def test_a_body_that_cannot_be_taken_is_told_why(shared, body, headers, status, problem):
    headers = {"content-type": "application/json"} | headers
    answer = shared.send("POST", "/v1/calls:screen", TOKENS["screen"], body=body, headers=headers)
    assert (answer.status, answer.problem) == (status, problem)


def test_a_body_that_ends_early_is_told(http):
    async def ends(scope, receive, send):
        messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

        async def short():
            return messages.pop(0)

        await app(scope, short, send)

    app, http.app = http.app, ends
    assert http.screen().problem == "malformed"


def test_a_body_that_comes_too_slowly_is_told(tmp_path):
    http = make_http_desk(tmp_path, limits=Limits(body=0.01))

    async def slow(scope, receive, send):
        async def never():
            await asyncio.sleep(60)

        await app(scope, never, send)

    app, http.app = http.app, slow
    answer = http.screen()
    assert (answer.status, answer.problem) == (408, "too-slow")
