"""One stream connection, fed by hand: messages out of pieces, turns, keep-alives, and every bound in time and memory."""

import re
from pathlib import Path

import pytest
from desk import invite
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.gate.connection import (
    CLOSE_SECONDS,
    HANDSHAKE_SECONDS,
    PER_TURN,
    WRITE_BYTES,
    WRITE_HIGH,
    Connection,
    Places,
    StreamOptions,
)
from tosqauyl.gate.streams import COUNTERS
from tosqauyl.sip.limits import MAX_DATAGRAM, MAX_HEAD
from tosqauyl.sip.message import Request

OPTIONS = StreamOptions(connections=3, per_source=2, message_seconds=10.0, idle_seconds=900.0)
START = 100.0


def connected() -> Connection:
    return Connection(OPTIONS, START)


def calls(count: int) -> bytes:
    return b"".join(invite(branch=f"z9hG4bK-{n}") for n in range(count))


def test_a_message_byte_by_byte_is_one_message_at_its_last_byte():
    connection, data = connected(), invite()
    got = [connection.receive(data[n : n + 1], START) for n in range(len(data))]
    assert [len(messages) for messages in got] == [0] * (len(data) - 1) + [1]
    assert isinstance(got[-1][0], Request)
    assert not connection.ending


def test_a_hundred_messages_in_one_write_come_in_order_and_in_turns_that_leave_room_for_others():
    connection = connected()
    first = connection.receive(calls(100), START)
    assert len(first) == PER_TURN
    assert connection.pending
    assert not connection.wants_read
    rest = connection.more(START)
    assert not connection.pending
    assert connection.wants_read
    assert [message.branch for message in first + rest] == [f"z9hG4bK-{n}" for n in range(100)]


def test_exactly_one_turn_of_messages_asks_for_an_empty_turn_and_no_more():
    connection = connected()
    assert len(connection.receive(calls(PER_TURN), START)) == PER_TURN
    assert connection.pending
    assert connection.more(START) == []
    assert not connection.pending


@given(st.lists(st.integers(1, 2000), max_size=30))
def test_however_the_bytes_are_cut_the_messages_are_the_same(cuts):
    data = b"\r\n\r\n" + calls(5) + b"\r\n" + calls(2)
    connection, got, at = connected(), [], 0
    for cut in [*cuts, len(data)]:
        got += connection.receive(data[at : at + cut], START)
        at += cut
    assert [message.branch for message in got] == [f"z9hG4bK-{n}" for n in (0, 1, 2, 3, 4, 0, 1)]
    assert bytes(connection.unsent) == b"\r\n"
    assert not connection.ending


def test_a_slow_message_ends_the_connection_after_its_seconds_however_busily_it_drips():
    connection, data = connected(), invite()
    for second in range(11):
        connection.receive(data[second : second + 1], START + second)
        connection.expire(START + second)
        assert not connection.ending
    connection.expire(START + 10.1)
    assert connection.ending == "stream_slow_message"


def test_the_time_of_a_message_begins_with_its_own_first_byte():
    connection = connected()
    connection.receive(invite()[:20], START)
    connection.receive(invite()[20:] + invite()[:20], START + 9)
    connection.expire(START + 18)
    assert not connection.ending
    connection.expire(START + 19.1)
    assert connection.ending == "stream_slow_message"


def test_messages_that_wait_for_their_turn_are_not_slow():
    connection = connected()
    connection.receive(calls(2 * PER_TURN + 1), START)
    connection.expire(START + 60)
    assert not connection.ending


def test_a_silent_connection_ends_after_its_idle_seconds_and_a_keep_alive_keeps_it():
    connection = connected()
    connection.receive(b"\r\n\r\n", START + 800)
    connection.sent(2, START + 800)
    connection.expire(START + 1600)
    assert not connection.ending
    connection.expire(START + 1701)
    assert connection.ending == "stream_idle"


def test_single_line_ends_are_no_keep_alive():
    connection = connected()
    connection.receive(b"\r\n", START + 800)
    assert connection.unsent == b""
    connection.expire(START + 901)
    assert connection.ending == "stream_idle"


@pytest.mark.parametrize(
    "pieces", [[b"\r\n\r\n"], [b"\r\n", b"\r\n"], [b"\r", b"\n\r", b"\n"], [b"\r\n\r\n" + invite()]]
)
def test_a_double_line_end_is_answered_by_one(pieces):
    connection = connected()
    for piece in pieces:
        connection.receive(piece, START)
    assert bytes(connection.unsent) == b"\r\n"
    assert connection.pings == 1


def test_a_message_without_content_length_is_returned_for_its_400_and_the_connection_ends():
    connection = connected()
    (message,) = connection.receive(invite().replace(b"Content-Length: 0\r\n", b"") + invite(), START)
    assert message.fault.kind == "malformed"
    assert connection.ending == "stream_broken"
    assert connection.send(b"SIP/2.0 400 Bad Request", START)
    assert not connection.is_over
    assert connection.receive(invite(), START) == []


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\nHost: gate\r\nContent-Length: 0\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_what_is_no_sip_ends_the_connection(junk):
    connection = connected()
    connection.receive(junk, START)
    assert connection.ending == "stream_broken"


@pytest.mark.parametrize("endless", [b"x" * MAX_HEAD * 2, b"INVITE sip:a@b SIP/2.0\r\n" + b"A: b\r\n" * 20_000])
def test_headers_without_an_end_are_cut_at_their_limit_and_nothing_is_kept(endless):
    connection = connected()
    for at in range(0, len(endless), 1000):
        connection.receive(endless[at : at + 1000], START)
        assert len(connection._parser) <= MAX_HEAD + 1004
    assert connection.ending == "stream_broken"
    assert len(connection._parser) == 0


def test_a_body_that_would_not_fit_a_message_gets_513_before_it_comes():
    connection = connected()
    (message,) = connection.receive(invite().replace(b"Length: 0", b"Length: %d" % MAX_DATAGRAM), START)
    assert message.fault.kind == "too_long"
    assert connection.ending == "stream_broken"


def test_a_peer_that_reads_slowly_is_not_read_until_it_took_its_answers():
    connection = connected()
    assert connection.send(b"x" * WRITE_HIGH, START)
    assert not connection.wants_read
    connection.sent(WRITE_HIGH, START + 1)
    assert connection.wants_read


def test_a_peer_that_takes_nothing_is_cut_off_after_its_seconds():
    connection = connected()
    connection.send(b"answer", START + 5)
    connection.expire(START + 15)
    assert not connection.ending
    connection.sent(1, START + 15)
    connection.expire(START + 24)
    assert not connection.ending
    connection.expire(START + 25.1)
    assert (connection.ending, connection.is_cut, bytes(connection.unsent)) == ("stream_not_reading", True, b"")


def test_a_message_whose_rest_we_do_not_read_is_not_slow():
    connection = connected()
    connection.receive(invite()[:50], START)
    for second in range(1, 30):
        connection.send(b"x" * WRITE_HIGH, START + second)
        connection.expire(START + second)
        assert not connection.ending
        connection.sent(WRITE_HIGH, START + second)
    connection.receive(invite()[50:60], START + 30)
    connection.expire(START + 39)
    assert not connection.ending
    connection.expire(START + 40)
    assert connection.ending == "stream_slow_message"


def test_a_peer_for_which_too_much_waits_is_cut_off_at_once_and_gets_no_more():
    connection = connected()
    assert connection.send(b"x" * WRITE_BYTES, START)
    assert not connection.send(b"x", START)
    assert (connection.ending, connection.is_over) == ("stream_not_reading", True)
    assert not connection.send(b"x", START)


def test_a_connection_that_ends_first_gives_its_answers_and_is_cut_off_when_nobody_takes_them():
    connection = connected()
    connection.receive(invite(), START)
    connection.send(b"answer", START)
    connection.hang_up(START)
    connection.goodbye(START)
    assert connection.ending == "stream_closed_by_peer"
    assert not connection.is_over
    connection.expire(START + CLOSE_SECONDS)
    assert not connection.is_over
    connection.expire(START + CLOSE_SECONDS + 0.1)
    assert connection.is_over


def test_places_are_bounded_in_all_and_by_source_and_come_back():
    places = Places(OPTIONS)
    assert [places.enter("a"), places.enter("a"), places.enter("a")] == ["", "", "stream_refused_source"]
    assert [places.enter("b"), places.enter("c")] == ["", "stream_refused_full"]
    places.leave("a")
    places.leave("a")
    assert places.by_source == {"b": 1}
    assert places.enter("c") == ""
    assert places.taken == 2


def test_the_bound_on_a_handshake_is_shorter_than_on_an_idle_connection():
    assert HANDSHAKE_SECONDS < OPTIONS.message_seconds < OPTIONS.idle_seconds


def test_every_counter_of_streams_is_in_its_table_and_on_the_page():
    root = Path(__file__).resolve().parents[2]
    code = "".join((root / "src/tosqauyl/gate" / name).read_text("utf-8") for name in ("connection.py", "streams.py"))
    used = set(re.findall(r'"(stream_[a-z_]+)"', code))
    page = (root / "docs/streams.md").read_text("utf-8")
    assert used == set(COUNTERS)
    assert [name for name in COUNTERS if f"`{name}`" not in page] == []
