"""The session as an SBC meets it: RFC 3261 as a redirect server, and the verdicts on the wire."""

import pytest
from desk import ABROAD, AT_HOME, invite, trunk_entry
from desk import make_desk as new_desk
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.facts import Verdict
from tosqauyl.gate.answer import Profile
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.state.provider import Line, ScriptedProvider

FIXED = "+77172123456"


def test_an_honest_foreign_call_is_redirected_to_the_next_hop(desk):
    (answer,) = desk.send(invite("+447700900123"))
    assert answer.status == 302
    assert answer.fields["contact"] == ["<sip:+77017654321@198.51.100.7:5060;user=phone>"]
    assert "reason" not in answer.fields


def test_a_spoofed_fixed_line_is_declined_with_its_reason(desk):
    (answer,) = desk.send(invite(FIXED))
    assert answer.status == 603
    assert answer.fields["reason"] == ['Q.850;cause=21;text="fixed-from-abroad"']
    assert desk.rows == ["z9hG4bK-1\tstop\tfixed-from-abroad\tkz-fixed-abroad\t603"]


def test_in_monitor_mode_the_call_passes_and_reason_tells_what_would_have_happened(make_desk):
    (answer,) = make_desk(enforce=False).send(invite(FIXED))
    assert answer.status == 302
    assert answer.fields["reason"] == [
        'SIP;cause=603;text="monitor: would stop, fixed-from-abroad, rule kz-fixed-abroad"'
    ]


@pytest.mark.parametrize("source", ["203.0.113.5", "192.0.2.200"])
def test_a_kazakh_fixed_number_on_a_domestic_or_unknown_trunk_is_never_stopped(desk, source):
    assert desk.status(invite(FIXED), source) == 302


def test_a_stranger_gets_no_answer_and_is_counted(desk):
    assert desk.send(invite(), "10.9.9.9") == []
    assert desk.counters == {"stranger": 1}


def test_a_roamer_passes_and_a_subscriber_at_home_is_stopped(desk):
    assert desk.status(invite(ABROAD)) == 302
    assert desk.status(invite(AT_HOME, branch="z9hG4bK-2")) == 603


def test_an_unknown_subscriber_is_never_stopped(make_desk):
    assert make_desk(complete=False).status(invite(AT_HOME)) == 302


def test_a_call_to_an_emergency_number_always_passes(desk):
    assert desk.status(invite("102", uri="sip:112@192.0.2.1")) == 302


def test_the_asserted_number_counts_on_a_trusted_trunk_only(make_desk):
    entries = (trunk_entry("untrusted", "international", "198.51.100.0/24", trust=frozenset()),)
    message = invite("+447700900123", asserted=FIXED)
    assert make_desk().status(message) == 603
    assert make_desk(entries=entries).status(message) == 302


def test_a_preferred_identity_never_counts(desk):
    assert desk.status(invite("+447700900123", extra=f"P-Preferred-Identity: <sip:{FIXED}@x>\r\n")) == 302


def test_a_retransmitted_invite_gets_the_same_answer_and_counts_once(desk):
    first = desk.send(invite(FIXED))
    again = desk.send(invite(FIXED))
    assert first == again
    assert len(desk.rows) == 1
    assert desk.counters["retransmitted_invite"] == 1


def test_an_answered_call_is_forgotten_after_32_seconds(desk):
    desk.send(invite(FIXED))
    desk.later(31.9)
    desk.send(invite(FIXED))
    assert len(desk.rows) == 1
    desk.later(0.4)
    desk.send(invite(FIXED))
    assert len(desk.rows) == 2


def test_a_full_table_gives_up_the_oldest_call_and_counts_it(make_desk):
    desk = make_desk(table=2)
    for n in range(3):
        desk.send(invite(branch=f"z9hG4bK-{n}"))
        desk.later(0.2)  # "oldest" is told apart by tenths of a second
    assert desk.counters["table_full"] == 1
    assert desk.status(invite(branch="z9hG4bK-0")) == 302
    assert len(desk.rows) == 4


def test_acks_are_absorbed(desk):
    desk.send(invite(FIXED))
    assert desk.send(invite(FIXED, method="ACK", tag=";tag=x")) == []


def test_options_is_answered_200_and_an_unknown_method_405_with_allow(desk):
    assert desk.status(invite(method="OPTIONS")) == 200
    (answer,) = desk.send(invite(method="PUBLISH", branch="z9hG4bK-3"))
    assert (answer.status, answer.fields["allow"]) == (405, ["INVITE, ACK, CANCEL, OPTIONS"])


def test_cancel_is_481_for_a_stranger_and_200_for_an_answered_call(desk):
    assert desk.status(invite(method="CANCEL")) == 481
    desk.send(invite())
    assert desk.status(invite(method="CANCEL")) == 200


def test_an_invite_inside_a_dialog_is_481_and_one_out_of_hops_483(desk):
    assert desk.status(invite(tag=";tag=abc")) == 481
    assert desk.status(invite(hops="0")) == 483


def test_unknown_require_tags_are_ignored_on_invite(desk):
    assert desk.status(invite(extra="Require: nothing-known\r\n")) == 302


def test_what_is_malformed_but_answerable_gets_400(desk):
    (answer,) = desk.send(invite(extra="Content-Length: 999\r\n"))
    assert answer.status == 400
    assert answer.fields["warning"][0].startswith("399 tosqauyl")
    assert desk.rows == []


@pytest.mark.parametrize("uri", ["sip:a>b@h", 'sip:"a@h', "sip:a<b@h", "tel:+7701>x", 'sip:+7701@h;x="', "sip:\x07@h"])
def test_a_request_uri_that_could_break_out_of_the_contact_is_refused(desk, uri):
    assert desk.status(invite(uri=uri)) == 400


def test_without_a_next_hop_a_passing_call_is_404_never_its_own_request_uri(make_desk):
    entries = (trunk_entry("t", "international", "198.51.100.0/24", next_hop=""),)
    assert make_desk(entries=entries).status(invite()) == 404
    entries = (trunk_entry("t", "international", "198.51.100.0/24", next_hop="192.0.2.1:5060"),)
    assert make_desk(entries=entries).status(invite()) == 404


@pytest.mark.parametrize(("profile", "spoofed"), [
    (Profile(deterministic="607"), (607, "Unwanted")),
    (Profile(deterministic="608", jcard_url="https://x.kz/a"), (608, "Rejected")),
    (Profile(deterministic="608", redress_url="https://x.kz/a"), (603, "Decline")),
    (Profile(deterministic="603+"), (603, "Decline")),
    (Profile(deterministic="603+", redress_url="https://x.kz/a"), (603, "Network Blocked")),
])  # fmt: skip
def test_the_profile_chooses_the_answer_to_a_stopped_call(make_desk, profile, spoofed):
    desk = make_desk(entries=(trunk_entry("t", "international", "198.51.100.0/24", profile=profile),))
    (answer,) = desk.send(invite(FIXED))
    assert (answer.status, answer.reason) == spoofed


@pytest.mark.parametrize("code", [404, 503])
def test_the_profile_may_answer_a_passing_call_with_404_or_503(make_desk, code):
    desk = make_desk(entries=(trunk_entry("t", "international", "198.51.100.0/24", profile=Profile(pass_code=code)),))
    (answer,) = desk.send(invite())
    assert answer.status == code
    assert answer.fields["reason"] == ['SIP;cause=302;text="no-fraud-detected"']


def test_the_narrower_network_and_the_trunk_group_of_the_request_uri_choose_the_trunk(make_desk):
    entries = (
        trunk_entry("wide", "international", "198.51.100.0/24"),
        trunk_entry("narrow", "domestic", "198.51.100.7/32"),
        trunk_entry("group", "unknown", "198.51.100.0/24", tgrp="tg-9", trunk_context="example.kz"),
        trunk_entry("header", "domestic", "198.51.100.0/24", header="X-Trunk: 7"),
    )
    desk = make_desk(entries=entries)
    assert desk.status(invite(FIXED)) == 302
    assert desk.status(invite(FIXED, branch="z9hG4bK-2"), "198.51.100.8") == 603
    uri = "sip:+77017654321;tgrp=TG-9;trunk-context=example.kz@192.0.2.1"
    assert desk.status(invite(FIXED, branch="z9hG4bK-3", uri=uri), "198.51.100.8") == 302
    assert desk.status(invite(FIXED, branch="z9hG4bK-4", extra="X-Trunk: 7\r\n"), "198.51.100.8") == 302


def ask(answer: str = "unknown", delay: float = 0.0, fault: str = "") -> ScriptedProvider:
    return ScriptedProvider({}, Line(answer, delay, fault))


@pytest.mark.parametrize(
    ("provider", "status"),
    [(ask("abroad"), 302), (ask("home"), 603), (ask("unknown"), 302), (ask(fault="failed"), 302)],
)
def test_the_home_network_decides_where_the_gate_does_not_know(make_desk, provider, status):
    assert make_desk(complete=False, provider=provider).status(invite(AT_HOME)) == status


def test_a_slow_answer_is_waited_for_and_a_call_without_100_needs_no_timer(make_desk):
    desk = make_desk(complete=False, provider=ask("home", 0.1))
    assert desk.send(invite(AT_HOME)) == []
    assert [answer.status for answer in desk.later(0.11)] == [603]
    assert desk.later(40.0) == []
    assert desk.counters.get("trying_sent", 0) == 0


def test_after_200_ms_a_100_goes_out_and_then_the_final_is_repeated_until_its_ack(make_desk):
    desk = make_desk(complete=False, provider=ask("home", 0.25))
    desk.send(invite(AT_HOME))
    assert [answer.status for answer in desk.later(0.2)] == [100]
    assert [answer.status for answer in desk.later(0.06)] == [603]
    assert [answer.status for answer in desk.later(0.5)] == [603]
    assert [answer.status for answer in desk.later(1.0)] == [603]
    assert desk.send(invite(AT_HOME, method="ACK", tag=";tag=x")) == []
    assert desk.later(10.0) == []
    assert len(desk.rows) == 1


def test_a_final_after_a_100_is_given_up_after_32_seconds(make_desk):
    desk = make_desk(complete=False, provider=ask("home", 0.25))
    desk.send(invite(AT_HOME))
    desk.later(0.2)
    sent = [*desk.later(0.06), *(answer for _ in range(400) for answer in desk.later(0.1))]
    assert [answer.status for answer in sent] == [603] * 11  # once, then at 0.5, 1.5, 3.5, 7.5, 11.5, ... 31.5 s
    assert len(desk.session.waiting) == 0


def test_a_home_network_that_does_not_answer_lets_the_call_through_at_its_deadline(make_desk):
    desk = make_desk(complete=False, provider=ask(fault="timeout"))
    desk.send(invite(AT_HOME))
    desk.later(0.2)
    assert [answer.status for answer in desk.later(0.1)] == [302]
    assert desk.counters["fault_provider_timeout"] == 1


def test_cancel_while_the_home_network_is_asked_gives_200_and_487(make_desk):
    desk = make_desk(complete=False, provider=ask("home", 0.25))
    desk.send(invite(AT_HOME))
    desk.later(0.2)
    assert [answer.status for answer in desk.send(invite(AT_HOME, method="CANCEL"))] == [200, 487]
    assert desk.later(0.1) == []
    assert desk.rows == []
    assert [answer.status for answer in desk.send(invite(AT_HOME))] == [487]
    desk.send(invite(AT_HOME, method="ACK", tag=";tag=x"))
    assert desk.later(5.0) == []


def test_a_call_that_waits_has_one_timer_however_often_its_invite_comes(make_desk):
    desk = make_desk(complete=False, provider=ask("home", 0.25))
    for _ in range(1000):
        desk.send(invite(AT_HOME))
    assert len(desk.session.waiting._timers) == 1
    assert [answer.status for answer in desk.send(invite(AT_HOME, method="CANCEL"))] == [200, 487]
    for _ in range(1000):
        desk.send(invite(AT_HOME))
    assert len(desk.session.waiting._timers) == 2
    desk.later(40.0)
    assert (len(desk.session.waiting), desk.session.waiting._timers) == (0, [])


def test_two_calls_of_one_number_ask_once(make_desk):
    desk = make_desk(complete=False, provider=ask("home", 0.1))
    desk.send(invite(AT_HOME))
    desk.send(invite(AT_HOME, branch="z9hG4bK-2"))
    assert [answer.status for answer in desk.later(0.11)] == [603, 603]
    assert desk.counters["asked"] == 1


@pytest.mark.parametrize("kind", ["policy_raised", "enrich_raised", "caller_unreadable", "provider_timeout"])
@pytest.mark.parametrize(("action", "status"), [(Verdict.PASS, 302), (Verdict.MARK, 302), (Verdict.STOP, 603)])
def test_every_fault_does_what_the_failure_policy_says_and_is_counted(make_desk, kind, action, status):
    desk = make_desk(failure=FailurePolicy({kind: action}, frozenset((kind,))))
    (answer,) = desk.send(invite())
    assert answer.status == status
    assert ("p-asserted-identity" in answer.fields) == (action is Verdict.MARK)
    assert desk.counters.get(f"fault_{kind}", 0) == 1


ANY = new_desk()


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda cut: invite(extra="X: ")[:-4] + cut + b"\r\n\r\n"))
def test_no_bytes_whatever_make_the_session_raise(data):
    ANY.send(data)
