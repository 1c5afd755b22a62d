"""RADIUS accounting, datagram by datagram: what is a report, what says that a switch is alive, what is dropped."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad import packet

from tosqauyl.networks.origination.radius import Accounting, RadiusOptions, RadiusSwitch
from tosqauyl.networks.origination.terms import Report
from tosqauyl.numbers.plan import load_plan

SECRET = b"0123456789abcdef"
SWITCH = RadiusSwitch("msc-2", "192.0.2.21", SECRET)
SOURCE = ("192.0.2.21", 40_000)
NOW, WALL = 1_000.0, 1_767_225_600.0
CALLED, CALLING, STATUS, DELAY, SESSION, EVENT, PROXY = 30, 31, 40, 41, 44, 55, 33
START = {STATUS: 1, SESSION: b"a-1", CALLING: b"77010000001", CALLED: b"87050000002"}


class Heard:
    """A ledger's ears. why: what it says to a report."""

    def __init__(self, why: str = "") -> None:
        self.reports: list[Report] = []
        self.living: list[str] = []
        self.unread = 0
        self.why = why

    def report(self, report: Report, now: float, wall: float) -> str:
        self.reports.append(report)
        return self.why

    def alive(self, switch: str, now: float, wall: float) -> None:
        self.living.append(switch)

    def missed(self, now: float, wall: float) -> None:
        self.unread += 1


def accounting(heard: Heard, **options: Any) -> Accounting:
    return Accounting(heard, load_plan(), RadiusOptions("127.0.0.1", 0, (SWITCH,), **options))


def request(values: dict[int, Any], signed: bool = False, secret: bytes = SECRET, number: int = 7) -> bytes:
    made = packet.AcctPacket(id=number, secret=secret)
    for name, value in values.items():
        made[name] = [value.to_bytes(4) if isinstance(value, int) else value]
    if signed:
        made.add_message_authenticator()
    return made.RequestPacket()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Report("msc-2", "a-1", "+77010000001", "+77050000002", WALL)),
        ({DELAY: 3}, Report("msc-2", "a-1", "+77010000001", "+77050000002", WALL - 3)),
        ({EVENT: 1_767_225_590, DELAY: 3}, Report("msc-2", "a-1", "+77010000001", "+77050000002", WALL - 10)),
        (
            {CALLING: b"sip:+77010000001@ims.example;user=phone"},
            Report("msc-2", "a-1", "+77010000001", "+77050000002", WALL),
        ),
        ({CALLED: b"tel:+77050000002"}, Report("msc-2", "a-1", "+77010000001", "+77050000002", WALL)),
        ({CALLED: b"102"}, Report("msc-2", "a-1", "+77010000001", "102", WALL)),
    ],
)
def test_a_start_is_a_report(changes: dict[int, Any], expected: Report) -> None:
    heard = Heard()
    data = request(START | changes)
    answer = accounting(heard).received(data, SOURCE, NOW, WALL)
    assert heard.reports == [expected]
    assert answer is not None
    reply = packet.AcctPacket(secret=SECRET, packet=answer)
    assert (reply.code, reply.id) == (packet.AccountingResponse, 7)


@pytest.mark.parametrize("status", [2, 3, 7, 8])
def test_everything_else_says_that_the_switch_is_alive(status: int) -> None:
    heard = Heard()
    assert accounting(heard).received(request(START | {STATUS: status}), SOURCE, NOW, WALL)
    assert (heard.reports, heard.living) == ([], ["msc-2"])


def test_status_server_is_answered_and_says_alive() -> None:
    heard = Heard()
    asked = packet.AcctPacket(code=packet.StatusServer, id=9, secret=SECRET)
    assert accounting(heard).received(asked.RequestPacket(), SOURCE, NOW, WALL)
    assert heard.living == ["msc-2"]


def test_a_request_sent_again_is_answered_again_and_reported_once() -> None:
    heard = Heard()
    told = accounting(heard)
    data = request(START | {PROXY: b"way-back"})
    answers = [told.received(data, SOURCE, NOW + at, WALL + at) for at in range(3)]
    assert len(heard.reports) == 1
    assert answers[0] == answers[1] == answers[2]
    assert packet.AcctPacket(secret=SECRET, packet=answers[0])[PROXY] == [b"way-back"]
    assert told.counters == {"started": 1, "again": 2}


def test_a_refused_report_is_answered_and_counted() -> None:
    told = accounting(Heard("foreign"))
    assert told.received(request(START), SOURCE, NOW, WALL)
    assert told.counters == {"refused-foreign": 1}


def test_a_report_for_which_there_is_no_room_is_not_answered_so_that_it_comes_again() -> None:
    heard = Heard("full")
    told = accounting(heard)
    data = request(START)
    assert told.received(data, SOURCE, NOW, WALL) is None
    heard.why = ""
    assert told.received(data, SOURCE, NOW + 1, WALL + 1)
    assert told.counters == {"refused-full": 1, "started": 1}


@pytest.mark.parametrize(
    ("data", "source", "counted"),
    [
        (request(START), ("192.0.2.99", 40_000), "stranger"),
        (request(START, secret=b"another secret!!"), SOURCE, "forged"),
        (request(START, signed=True)[:-1] + b"x", SOURCE, "forged"),
        (request(START)[:-1], SOURCE, "malformed"),
        (b"", SOURCE, "malformed"),
        (request({STATUS: 1, SESSION: b"a-1"}), SOURCE, "malformed"),
        (request({}), SOURCE, "malformed"),
        (request(START | {STATUS: 6}), SOURCE, "malformed"),
        (request(START | {STATUS: b"\1"}), SOURCE, "malformed"),
        (packet.AuthPacket(id=1, secret=SECRET, authenticator=bytes(16)).RequestPacket(), SOURCE, "other-code"),
    ],
)
def test_what_is_not_a_switchs_request_is_dropped_and_counted(
    data: bytes, source: tuple[str, int], counted: str
) -> None:
    heard = Heard()
    told = accounting(heard)
    assert told.received(data, source, NOW, WALL) is None
    assert told.counters == {counted: 1}
    assert (heard.reports, heard.living) == ([], [])


@pytest.mark.parametrize(
    ("data", "unread"),
    [
        (request({STATUS: 1, SESSION: b"a-1", CALLED: b"87050000002"}), 1),
        (request({STATUS: 1, CALLING: b"77010000001", CALLED: b"87050000002"}), 1),
        (request({SESSION: b"a-1", CALLING: b"77010000001", CALLED: b"87050000002"}), 1),
        (request(START | {STATUS: 9}), 0),
        (request(START, secret=b"another secret!!"), 0),
        (request(START)[:-1], 0),
    ],
)
def test_a_switchs_own_request_that_may_be_a_call_and_cannot_be_read_is_told_to_the_ledger(
    data: bytes, unread: int
) -> None:
    heard = Heard()
    assert accounting(heard).received(data, SOURCE, NOW, WALL) is None
    assert heard.unread == unread


def test_a_message_authenticator_that_is_wrong_is_forged_even_if_the_request_authenticator_is_right() -> None:
    made = packet.AcctPacket(id=7, secret=SECRET)
    made[80] = [bytes(16)]
    made[STATUS] = [(2).to_bytes(4)]
    told = accounting(Heard())
    assert told.received(made.RequestPacket(), SOURCE, NOW, WALL) is None
    assert told.counters == {"forged": 1}


def test_a_message_authenticator_can_be_demanded_and_is_answered_with_one() -> None:
    heard = Heard()
    told = accounting(heard, demand_authenticator=True)
    assert told.received(request(START), SOURCE, NOW, WALL) is None
    assert told.counters == {"unauthenticated": 1}
    answer = told.received(request(START, signed=True), SOURCE, NOW, WALL)
    assert answer is not None
    assert answer[20] == 80
    assert len(heard.reports) == 1


def test_an_ipv4_switch_is_known_on_an_ipv6_socket() -> None:
    heard = Heard()
    assert accounting(heard).received(request(START), ("::ffff:192.0.2.21", 1), NOW, WALL)
    assert len(heard.reports) == 1


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: request(START)[:20] + rest))
def test_any_bytes_are_taken_without_an_error(data: bytes) -> None:
    accounting(Heard()).received(data, SOURCE, NOW, WALL)


@given(st.lists(st.tuples(st.sampled_from((26, 30, 31, 33, 40, 41, 44, 55, 80)), st.binary(max_size=253)), max_size=8))
def test_any_attributes_of_a_genuine_switch_are_taken_without_an_error(attributes: list[tuple[int, bytes]]) -> None:
    body = b"".join(bytes((name, len(value) + 2)) + value for name, value in attributes)
    head = bytes((packet.AccountingRequest, 7)) + (20 + len(body)).to_bytes(2)
    authenticator = hashlib.md5(head + bytes(16) + body + SECRET).digest()
    accounting(Heard()).received(head + authenticator + body, SOURCE, NOW, WALL)
