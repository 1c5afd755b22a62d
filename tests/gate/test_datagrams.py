"""Batches of datagrams on real loopback sockets; both ways of moving them behave alike."""

import socket

import pytest

from tosqauyl.gate.datagrams import BATCH, Datagrams


@pytest.fixture(
    params=[("127.0.0.1", False), ("127.0.0.1", True), ("::1", False)], ids=["batched", "one-by-one", "ipv6"]
)
def pair(request):
    host, one_by_one = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ends = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
    try:
        for end in ends:
            end.bind((host, 0))
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    except OSError:
        pytest.skip(f"no {host} on this machine")
    yield Datagrams(ends[0], one_by_one), ends[1]
    for end in ends:
        end.close()


def test_nothing_there_is_an_empty_list(pair):
    assert pair[0].receive() == []


def test_a_batch_comes_whole_in_order_and_with_its_source(pair):
    gate, peer = pair
    sent = [bytes([n]) * (n * 7 + 1) for n in range(100)]
    for data in sent:
        peer.sendto(data, gate.socket.getsockname())
    first, second = gate.receive(), gate.receive()
    assert [len(first), len(second)] == [BATCH, 100 - BATCH]
    assert [data for data, _ in first + second] == sent
    assert {source for _, source in first + second} == {peer.getsockname()[:2]}


def test_the_largest_and_the_empty_datagram_arrive(pair):
    gate, peer = pair
    for data in (b"x" * 65_000, b""):
        peer.sendto(data, gate.socket.getsockname())
    assert [len(data) for data, _ in gate.receive()] == [65_000, 0]


def test_a_long_list_is_sent_in_order_and_what_cannot_go_is_counted(pair):
    gate, peer = pair
    here = peer.getsockname()[:2]
    messages = [(b"%d" % n, here) for n in range(150)]
    messages.insert(70, (b"nowhere", (here[0], 0)))
    assert gate.send(messages) == 1
    assert [peer.recv(100) for _ in range(150)] == [b"%d" % n for n in range(150)]
