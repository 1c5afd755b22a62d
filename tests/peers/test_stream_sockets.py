"""What no SIP program does to a TCP listener, by hand: every case of it is bounded, counted, and hurts nobody else."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from peer_streams import StreamGate, answers, invite, is_closed
from server import journal_rows

pytestmark = pytest.mark.peers("sipp")  # no SIPp in it, but a gate process and seconds of time

BOUNDS = """
[streams]
connections = 60
per_source = 40
message_seconds = 1
idle_seconds = 3
"""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[StreamGate]:
    with StreamGate(tmp_path, "tcp", BOUNDS) as one:
        yield one


def test_messages_come_byte_by_byte_and_a_hundred_in_one_write(gate: StreamGate, tmp_path: Path) -> None:
    with gate.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in invite("bytes"):
            client.send(bytes([octet]))
        assert answers(client, 1) == [(302, "bytes")]
        client.sendall(b"".join(invite(f"p{n}", "77172301234" if n % 2 else "447911123456") for n in range(100)))
        assert answers(client, 100) == [(603 if n % 2 else 302, f"p{n}") for n in range(100)]
        client.sendall(b"\r\n\r\n")
        assert client.recv(10) == b"\r\n"
    counters = gate.counters()
    assert counters["stream_turns"] >= 1
    assert counters["stream_pings"] == 1
    assert gate.stop() == 0
    rows = journal_rows(tmp_path / "data")
    assert len(rows) == 101
    assert {row["transport"] for row in rows} == {"tcp"}


def test_a_message_without_content_length_gets_400_and_the_connection_is_closed(gate: StreamGate) -> None:
    with gate.connect() as client:
        client.sendall(invite("none").replace(b"Content-Length: 0\r\n", b"") + invite("after"))
        assert answers(client, 2) == [(400, "none")]
        assert is_closed(client)
    assert gate.counters()["stream_broken"] == 1


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n", b"\x16\x03\x01\x02\x00" + bytes(40_000)])
def test_what_is_no_sip_is_closed_without_an_answer(gate: StreamGate, junk: bytes) -> None:
    with gate.connect() as client:
        client.sendall(junk)
        assert answers(client, 1) == []
        assert is_closed(client)
    assert gate.counters()["stream_broken"] == 1


def test_a_stranger_is_closed_at_once(gate: StreamGate) -> None:
    with gate.connect("127.0.0.7") as client:
        assert is_closed(client, 1.0)
    counters = gate.counters()
    assert counters["stranger"] == 1
    assert "stream_opened" not in counters


def test_slow_loris_and_silent_connections_are_closed_in_their_time_while_others_are_served(gate: StreamGate) -> None:
    began = time.monotonic()
    slow, silent = [gate.connect() for _ in range(20)], [gate.connect() for _ in range(10)]
    data = invite("slow")
    for place in range(24):  # a byte every 100 ms: never idle, never complete
        for client in slow:
            with contextlib.suppress(OSError):
                client.send(data[place : place + 1])
        with gate.connect("127.0.0.4") as other:
            other.sendall(invite(f"other{place}"))
            assert answers(other, 1) == [(302, f"other{place}")]
        time.sleep(0.1)
    assert all(is_closed(client, 0.5) for client in slow)
    assert all(is_closed(client, 5.0) for client in silent)
    assert time.monotonic() - began < 8
    counters = gate.counters()
    assert counters["stream_slow_message"] == 20
    assert counters["stream_idle"] == 10
    for client in slow + silent:
        client.close()


def test_a_peer_that_takes_no_answers_is_slowed_down_and_then_cut_off(gate: StreamGate) -> None:
    before = gate.resident_kb()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.bind(("127.0.0.2", 0))
        client.connect(("127.0.0.1", gate.port))
        client.settimeout(1.0)
        sent = 0
        try:
            while sent < 100_000:
                client.sendall(b"".join(invite(f"n{sent}-{n}") for n in range(100)))
                sent += 100
        except OSError:
            pass
        assert sent < 100_000
        deadline = time.monotonic() + 10
        while not gate.counters().get("stream_not_reading") and time.monotonic() < deadline:
            time.sleep(0.1)
    assert gate.counters()["stream_not_reading"] == 1
    assert gate.resident_kb() - before < 60_000


def test_thirty_connections_that_send_without_end_do_not_hold_up_a_datagram(gate: StreamGate) -> None:
    clients = [gate.connect() for _ in range(30)]
    for client in clients:
        client.setblocking(False)
    slowest, sent = 0.0, 0
    for turn in range(15):
        for place, client in enumerate(clients):
            with contextlib.suppress(BlockingIOError):
                client.send(
                    b"".join(invite(f"f{turn}-{place}-{n}") for n in range(100))
                )  # cut where the socket is full
                sent += 1
        asked = time.monotonic()
        assert gate.ask_by_datagram(f"while{turn}").startswith(b"SIP/2.0 302")
        slowest = max(slowest, time.monotonic() - asked)
        for client in clients:
            with contextlib.suppress(BlockingIOError):
                client.recv(1 << 20)
    assert slowest < 0.6  # all that was sent would take longer; on a quiet machine it is a tenth of that
    assert gate.counters()["stream_turns"] > 20
    for client in clients:
        client.close()


def test_ten_thousand_connection_attempts_are_bounded_by_source_and_in_all_and_datagrams_go_on(
    gate: StreamGate,
) -> None:
    files = Path(f"/proc/{gate.process.pid}/fd")
    began, memory = len(os.listdir(files)), gate.resident_kb()
    kept: list[socket.socket] = []
    slowest, most = 0.0, 0
    for attempt in range(10_000):
        client = socket.socket()
        client.bind((f"127.0.0.{2 + attempt % 3}", 0))  # two trunks, and 127.0.0.4
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", gate.port))
        kept.append(client)
        if len(kept) > 400:
            kept.pop(0).close()
        if attempt % 500 == 0:
            asked = time.monotonic()
            assert gate.ask_by_datagram(f"d{attempt}").startswith(b"SIP/2.0 302")
            slowest, most = max(slowest, time.monotonic() - asked), max(most, len(os.listdir(files)) - began)
    for client in kept:
        client.close()
    counters = gate.counters()
    refused = counters.get("stream_refused_source", 0) + counters.get("stream_refused_full", 0)
    assert refused > 1000, counters
    assert most <= 62  # the bound on connections, and one that is being refused
    assert gate.resident_kb() - memory < 30_000
    assert slowest < 1.0
    with gate.connect() as client:
        client.sendall(invite("after"))
        assert answers(client, 1) == [(302, "after")]
