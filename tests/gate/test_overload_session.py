"""What an overloaded gate does with single calls, and every way in which a flood might have turned a stop into a pass."""

from desk import LISTENER, invite, make_desk, trunk_entry

from tosqauyl.gate.overload import REFUSED, SourceCaps
from tosqauyl.sip.message import Request, parse
from tosqauyl.state.provider import Line, ScriptedProvider
from tosqauyl.state.rates import Rates

FIXED, FOREIGN = "+77172123456", "+447700900123"


def spoofed(number: int) -> bytes:
    return invite(FIXED, asserted=FIXED, branch=f"z9hG4bK-{number}")


def capped_desk(rate=2, **options):
    desk = make_desk(**options)
    desk.session.caps = SourceCaps(rate)
    return desk


def test_what_exceeds_a_sources_share_gets_503_with_retry_after_and_leaves_no_trace():
    desk = capped_desk()
    statuses = [desk.status(spoofed(number)) for number in range(3)]
    assert statuses == [603, 603, 503]
    (answer,) = desk.send(spoofed(4))
    assert answer.fields["retry-after"] == ["1"]
    assert answer.fields["to"][0].count(";tag=") == 1
    assert len(desk.rows) == 2, "a call that was not judged is not in the journal"
    assert sum(desk.session.decided.values()) == 2
    assert len(desk.session.transactions) == 2
    assert desk.counters["source_capped"] == 2


def test_the_same_invite_gets_the_same_503():
    desk = capped_desk(rate=1)
    desk.send(spoofed(1))
    first, again = desk.send(spoofed(2)), desk.send(spoofed(2))
    assert [answer.fields for answer in first] == [answer.fields for answer in again]


def test_a_repeated_invite_gets_its_first_answer_whatever_the_load():
    desk = capped_desk()
    first = desk.send(spoofed(1))
    for number in range(2, 9):
        desk.send(spoofed(number))
    again = desk.send(spoofed(1))
    assert again[0].status == 603
    assert again[0].fields == first[0].fields


def test_far_beyond_its_share_a_source_is_not_read_and_that_is_counted():
    desk = capped_desk()
    answered = sum(bool(desk.send(spoofed(number))) for number in range(1000))
    assert answered == 2 + REFUSED * 100
    assert desk.counters["source_dropped"] == 1000 - answered
    assert desk.counters["source_capped"] == answered - 2


def test_another_source_is_not_touched_by_a_flood():
    desk = capped_desk()
    for number in range(500):
        desk.send(spoofed(number))
    assert desk.status(spoofed(501), source="198.51.100.8") == 603


def test_a_flood_never_turns_a_stop_into_a_pass():
    desk = capped_desk(rate=50)
    desk.session.engine.counting = False
    desk.session.engine.rates = Rates(64, 64, 8)
    statuses = set()
    for number in range(2000):
        statuses |= {answer.status for answer in desk.send(spoofed(number))}
    assert statuses == {603, 503}


def test_options_and_in_dialog_requests_are_answered_during_a_flood():
    desk = capped_desk()
    for number in range(1000):
        desk.send(spoofed(number))
    assert desk.status(invite(method="OPTIONS", branch="z9hG4bK-o")) == 200, "else the SBC would take the gate for dead"
    assert desk.status(invite(method="BYE", branch="z9hG4bK-b")) == 405


def test_a_malformed_invite_beyond_the_share_is_refused_as_ever():
    desk = capped_desk(rate=1)
    desk.send(spoofed(1))
    assert desk.status(invite(uri="sip:+7 701", branch="z9hG4bK-m")) == 400


def test_a_stream_is_told_503_and_never_dropped():
    listener = LISTENER.replace("udp", "tcp")
    entry = trunk_entry("abroad", "international", "198.51.100.0/24")
    entry = type(entry)(entry.trunk, listener, entry.networks, entry.profile, next_hop="sender")
    desk = capped_desk(entries=(entry,))
    source = ("198.51.100.7", 40000)
    assert desk.session.connected(listener, source)
    statuses = []
    for number in range(400):
        message = parse(spoofed(number).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
        assert isinstance(message, Request)
        desk.session.receive_message(message, source, listener, desk.now, desk.now)
        statuses += [answer.status for answer in desk.answers()]
    assert statuses == [603] * 2 + [503] * 398


def test_shed_analytics_leave_the_counts_unknown_and_are_counted():
    desk = make_desk()
    desk.session.engine.rates = rates = Rates(64, 64, 8)
    facts = []
    desk.session._make_row = lambda call, decided, elapsed, answer: facts.append(call) or ""
    desk.status(spoofed(1))
    desk.session.engine.counting = False
    desk.status(spoofed(2))
    desk.session.engine.counting = True
    desk.status(spoofed(3))
    assert [call.caller_calls_1m for call in facts] == [1, -1, 2]
    assert desk.counters["shed_analytics"] == 1
    assert len(rates) > 0


def test_deterministic_rules_hold_while_analytics_are_shed():
    desk = make_desk()
    desk.session.engine.counting = False
    assert desk.status(spoofed(1)) == 603
    assert desk.status(invite(FOREIGN, asserted=FOREIGN, branch="z9hG4bK-2")) == 302


def test_a_full_table_of_answers_judges_a_repeated_invite_again_and_alike():
    desk = make_desk(table=1)
    assert desk.status(spoofed(1)) == 603
    for number in range(2, 50):
        desk.send(spoofed(number))
    assert desk.status(spoofed(1)) == 603
    assert desk.counters["table_full"] > 0


def test_evicted_counters_change_no_deterministic_verdict():
    desk = make_desk()
    desk.session.engine.rates = rates = Rates(64, 64, 8)
    for number in range(3000):
        caller = f"+4477009{number:05d}"
        desk.send(invite(caller, asserted=caller, branch=f"z9hG4bK-e{number}"))
    assert rates.evictions > 0
    assert desk.status(spoofed(1)) == 603


def test_one_trunk_cannot_use_up_the_open_questions_of_all():
    silent = ScriptedProvider({}, Line("unknown", fault="timeout"))
    entries = (
        trunk_entry("flooded", "international", "198.51.100.0/24"),
        trunk_entry("quiet", "international", "203.0.113.0/24"),
    )
    desk = make_desk(provider=silent, complete=False, entries=entries)
    for number in range(10_500):
        caller = f"+7701{number:07d}"
        desk.send(invite(caller, asserted=caller, branch=f"z9hG4bK-q{number}"))
    assert desk.counters["not_asked_overload"] == 500
    caller = "+77015555555"
    assert desk.send(invite(caller, asserted=caller, branch="z9hG4bK-quiet"), source="203.0.113.7") == []
    assert desk.counters["not_asked_overload"] == 500, "the other trunk's call is asked about"
