"""Calls over TCP and TLS as the session sees them: the same judgement, the answer on the connection, no repetitions."""

import pytest
from desk import AT_HOME, WALL, Desk, invite, trunk_entry
from desk import make_desk as new_desk

from tosqauyl.gate.answer import contact_uri
from tosqauyl.gate.trunks import Entry
from tosqauyl.sip.framing import Parser
from tosqauyl.sip.message import Response
from tosqauyl.state.provider import Line, ScriptedProvider

FIXED = "+77172123456"
EPHEMERAL = ("198.51.100.7", 43211)


def entry(listener: str, **rest: object) -> Entry:
    made = trunk_entry("stream", "international", "198.51.100.0/24", next_hop=rest.pop("next_hop", "sender"))
    return Entry(made.trunk, listener, made.networks, made.profile, next_hop=made.next_hop, **rest)  # type: ignore[arg-type]


class StreamDesk:
    """A desk behind one stream listener."""

    def __init__(self, listener: str = "tcp:192.0.2.1:5060", names: tuple[str, ...] = (), **options: object) -> None:
        entries = options.pop("entries", None) or (entry(listener),)
        self.desk: Desk = new_desk(entries=entries, **options)
        self.listener = listener
        self.sent_to: list[tuple[str, tuple[str, int]]] = []
        self.is_welcome = self.desk.session.connected(listener, EPHEMERAL, names)

    def send(self, data: bytes) -> list[Response]:
        session, now = self.desk.session, self.desk.now
        for message in Parser().feed(data):
            session.receive_message(message, EPHEMERAL, self.listener, now, WALL + now)
        return self.answers()

    def later(self, seconds: float) -> list[Response]:
        self.desk.now += seconds
        self.desk.session.tick(self.desk.now)
        return self.answers()

    def answers(self) -> list[Response]:
        outgoing = self.desk.session.outgoing
        self.sent_to += [(name, address) for name, messages in outgoing.items() for _, address in messages]
        return self.desk.answers()


def test_a_call_over_tcp_gets_the_verdict_of_udp_and_its_answer_on_its_own_connection():
    desk = StreamDesk()
    assert [answer.status for answer in desk.send(invite(FIXED))] == [603]
    assert [answer.status for answer in desk.send(invite(branch="z9hG4bK-2"))] == [302]
    assert desk.sent_to == [("tcp:192.0.2.1:5060", EPHEMERAL)] * 2
    assert len(desk.desk.rows) == 2


def test_the_answer_goes_to_the_connection_even_where_via_names_another_port_and_no_rport():
    desk = StreamDesk()
    desk.send(invite().replace(b";rport", b""))
    assert desk.sent_to == [("tcp:192.0.2.1:5060", EPHEMERAL)]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_the_transport_is_a_fact_of_the_call(transport):
    desk = StreamDesk(f"{transport}:192.0.2.1:5060")
    seen = []
    desk.desk.session._make_row = lambda call, *_: seen.append(call.transport) or ""
    desk.send(invite())
    assert seen == [transport]


def test_pipelined_calls_are_answered_in_their_order():
    desk = StreamDesk()
    answers = desk.send(b"".join(invite(branch=f"z9hG4bK-{n}") for n in range(100)))
    assert [answer.fields["call-id"][0] for answer in answers] == [f"z9hG4bK-{n}" for n in range(100)]


def test_a_message_without_content_length_gets_400_and_no_row():
    desk = StreamDesk()
    (answer,) = desk.send(invite().replace(b"Content-Length: 0\r\n", b""))
    assert answer.status == 400
    assert "Content-Length" in answer.fields["warning"][0]
    assert desk.desk.rows == []


def test_after_a_100_the_final_is_sent_once_over_a_stream_and_its_ack_is_absorbed():
    desk = StreamDesk(complete=False, provider=ScriptedProvider({}, Line("home", 0.25, "")))
    assert desk.send(invite(AT_HOME)) == []
    assert [answer.status for answer in desk.later(0.2)] == [100]
    assert [answer.status for answer in desk.later(0.06)] == [603]
    assert desk.later(20.0) == []
    assert desk.send(invite(AT_HOME, method="ACK", tag=";tag=x")) == []
    assert len(desk.desk.session.waiting) == 0
    assert desk.desk.counters.get("final_retransmitted", 0) == 0
    assert desk.desk.counters.get("never_acknowledged", 0) == 0


def test_a_final_over_a_stream_that_is_never_acknowledged_is_forgotten_after_32_seconds():
    desk = StreamDesk(complete=False, provider=ScriptedProvider({}, Line("home", 0.25, "")))
    desk.send(invite(AT_HOME))
    desk.later(0.2)
    desk.later(0.06)
    assert desk.later(31.9) == []
    assert len(desk.desk.session.waiting) == 1
    assert desk.later(0.2) == []
    assert len(desk.desk.session.waiting) == 0


def test_cancel_over_a_stream_gives_200_and_487():
    desk = StreamDesk(complete=False, provider=ScriptedProvider({}, Line("home", 0.25, "")))
    desk.send(invite(AT_HOME))
    desk.later(0.2)
    assert [answer.status for answer in desk.send(invite(AT_HOME, method="CANCEL"))] == [200, 487]


def test_a_stranger_is_not_welcome_and_what_it_sends_all_the_same_is_counted_and_dropped():
    desk = StreamDesk()
    session = desk.desk.session
    assert not session.connected(desk.listener, ("10.9.9.9", 5))
    (message,) = Parser().feed(invite())
    session.receive_message(message, ("10.9.9.9", 5), desk.listener, 0.0, WALL)
    assert desk.answers() == []
    assert session.counters["stranger"] == 2


def test_after_its_connection_a_source_is_unknown_again():
    desk = StreamDesk()
    desk.desk.session.disconnected(desk.listener, EPHEMERAL)
    assert desk.send(invite()) == []
    assert desk.desk.session._streams == {}


TLS = "tls:192.0.2.1:5061"


@pytest.mark.parametrize(("names", "welcome"), [
    (("sbc.example",), True), (("other.example", "sbc.example"), True), (("other.example",), False), ((), False),
    (("xsbc.example",), False),
])  # fmt: skip
def test_a_trunk_with_a_certificate_takes_only_who_proves_that_name(names, welcome):
    assert StreamDesk(TLS, names, entries=(entry(TLS, certificate="SBC.example"),)).is_welcome is welcome


def test_the_certificate_chooses_among_trunks_of_one_address():
    abroad, domestic = (
        trunk_entry("a", "international", "198.51.100.0/24"),
        trunk_entry("d", "domestic", "198.51.100.0/24"),
    )
    entries = tuple(
        Entry(made.trunk, TLS, made.networks, made.profile, next_hop="sender", certificate=name)
        for made, name in ((abroad, "abroad.example"), (domestic, "home.example"))
    )
    assert [a.status for a in StreamDesk(TLS, ("abroad.example",), entries=entries).send(invite(FIXED))] == [603]
    assert [a.status for a in StreamDesk(TLS, ("home.example",), entries=entries).send(invite(FIXED))] == [302]


def contact(listener: str, data: bytes, **rest: object) -> str:
    (answer,) = StreamDesk(listener, entries=(entry(listener, **rest),)).send(data)
    return answer.fields["contact"][0]


def test_the_contact_for_a_sender_over_a_stream_is_where_it_takes_calls_not_where_it_called_from():
    assert contact("tcp:h:1", invite()) == "<sip:+77017654321@198.51.100.7:5060;transport=tcp;user=phone>"
    elsewhere = invite().replace(b"TCP", b"UDP").replace(b"198.51.100.7:5060;branch", b"sbc.example:5080;branch")
    assert contact("tls:h:1", elsewhere) == "<sip:+77017654321@198.51.100.7:5080;transport=tls;user=phone>"
    no_port = invite().replace(b"198.51.100.7:5060;branch", b"sbc.example;branch")
    assert contact("tcp:h:1", no_port) == "<sip:+77017654321@198.51.100.7:5060;transport=tcp;user=phone>"
    assert contact("tls:h:1", no_port) == "<sip:+77017654321@198.51.100.7:5061;transport=tls;user=phone>"


def test_the_transport_of_the_way_to_the_gate_is_not_copied_into_the_contact():
    data = invite(uri="sip:+77017654321@192.0.2.1;transport=TCP;user=phone")
    assert contact("tls:h:1", data) == "<sip:+77017654321@198.51.100.7:5060;transport=tls;user=phone>"


def test_a_next_hop_that_is_written_down_is_taken_as_it_is():
    assert contact("tcp:h:1", invite(), next_hop="10.0.0.9:5062") == "<sip:+77017654321@10.0.0.9:5062;user=phone>"
    with_transport = contact("tcp:h:1", invite(), next_hop="10.0.0.9:5062;transport=udp")
    assert with_transport == "<sip:+77017654321@10.0.0.9:5062;transport=udp;user=phone>"


@pytest.mark.parametrize(("uri", "target", "expected"), [
    ("sip:7701@h", "10.0.0.1:5060", "sip:7701@10.0.0.1:5060"),
    ("sip:7701@h;transport=udp", "10.0.0.1:5060", "sip:7701@10.0.0.1:5060;transport=udp"),
    ("sip:7701@h;transport=udp", "10.0.0.1:5060;transport=tcp", "sip:7701@10.0.0.1:5060;transport=tcp"),
    ("sips:7701@h", "10.0.0.1:5061;transport=tls", "sips:7701@10.0.0.1:5061"),
    ("tel:+7701;ext=1", "10.0.0.1:5060;transport=tcp", "sip:+7701@10.0.0.1:5060;transport=tcp;user=phone"),
    ("sip:7701@10.0.0.1;transport=tcp", "10.0.0.1:5060;transport=tcp", ""),
])  # fmt: skip
def test_the_contact_of_a_target(uri, target, expected):
    assert contact_uri(uri, target) == expected
