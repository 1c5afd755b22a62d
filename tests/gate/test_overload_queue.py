"""The kernel's receive queue as the gate reads it: how full it is, and what it dropped."""

import socket
import sys
from contextlib import closing

import pytest

from tosqauyl.gate.server import Listener, listen

linux = pytest.mark.skipif(sys.platform != "linux", reason="SO_MEMINFO is Linux's")


@pytest.fixture
def listener():
    made = listen("udp:127.0.0.1:0", "127.0.0.1", 0)
    made.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    with closing(made.socket):
        yield made


def fill(listener: Listener, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(b"x" * 1000, listener.socket.getsockname())


@linux
def test_an_empty_queue_is_empty(listener):
    assert listener.queue() == (0, 0)


@linux
def test_a_full_queue_is_full_and_each_drop_is_told_once(listener):
    fill(listener, 1000)
    percent, drops = listener.queue()
    assert percent >= 90
    kept = 0
    while received := listener.datagrams.receive():
        kept += len(received)
    assert kept + drops == 1000
    assert listener.queue()[1] == 0
    fill(listener, 1000)
    assert listener.queue()[1] > 0


def test_where_the_system_cannot_tell_there_is_no_pressure(listener):
    class Silent:
        def getsockopt(self, *_):
            raise OSError("no such option")

    listener.socket.close()
    assert Listener("udp", Silent(), listener.datagrams).queue() == (0, 0)
