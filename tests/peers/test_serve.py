"""`serve` as a process: real sockets, real files, real signals."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from peer_gate import WAYS_IN, ask

from tosqauyl.journal.naming import segment_files
from tosqauyl.journal.segment import read_segment

pytestmark = pytest.mark.peers()

INVITE = (
    b"INVITE sip:+77017654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK%d;rport\r\n"
    b"From: <sip:+77172123456@h>;tag=1\r\nTo: <sip:+77017654321@gate>\r\nCall-ID: call-%d\r\nCSeq: 1 INVITE\r\n\r\n"
)


SETTINGS = WAYS_IN


class Served:
    """A gate in a process of its own on a free port."""

    def __init__(self, data: Path, *words: str, settings: str = "") -> None:
        if not words:
            file = data.parent / "gate.toml"
            file.write_text(settings + SETTINGS)
            words = ("--config", str(file))
        command = [sys.executable, "-m", "tosqauyl", "serve", "--data", str(data), "--enforce", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.ready = self.process.stdout.readline().split()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)

    def call(self, number: int) -> bytes:
        port = int(self.ready[1].rpartition(":")[2])
        self.socket.sendto(INVITE % (number, number), ("127.0.0.1", port))
        return self.socket.recv(4096)

    def health(self) -> dict[str, object]:
        return self.ask("/v1/status")

    def ask(self, path: str, method: str = "GET") -> dict[str, object]:
        return ask(self.ready, path, method)

    def end(self) -> int:
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        return code


@pytest.fixture
def served(tmp_path):
    gate = Served(tmp_path / "data")
    yield gate
    if gate.process.poll() is None:
        gate.end()


def test_a_call_is_answered_journaled_and_counted_and_sigterm_ends_with_0(served, tmp_path):
    assert served.call(1).startswith(b"SIP/2.0 603")
    health = served.health()
    assert health["status"] == "ok"
    assert health["decided"] == {"stop:fixed-from-abroad": 1}
    assert served.end() == 0
    (segment,) = segment_files(tmp_path / "data" / "journal")
    (row,) = read_segment(segment.path)
    assert (row["call_id"], row["verdict"], row["reason"]) == ("call-1", "stop", "fixed-from-abroad")
    assert str(row["called"]).startswith("t:"), "called numbers are tokens"
    assert "7017654321" not in segment.path.read_text()


def test_journal_and_key_are_readable_by_their_owner_only(served, tmp_path):
    served.call(1)
    data = tmp_path / "data"
    for path in [data, *data.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_killed_gate_has_journaled_what_it_answered(served, tmp_path):
    for number in range(50):
        served.call(number)
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait(10)
    (segment,) = segment_files(tmp_path / "data" / "journal")
    assert [row["call_id"] for row in read_segment(segment.path)] == [f"call-{number}" for number in range(50)]


def test_a_restarted_gate_answers_a_retransmission_alike_and_journals_it_once(served, tmp_path):
    first = served.call(7)
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait(10)
    again = Served(tmp_path / "data")
    try:
        assert again.call(7)[:20] == first[:20]
        assert again.health()["counters"] == {"resumed": 1, "retransmitted_invite": 1}
    finally:
        again.end()
    rows = [row for segment in segment_files(tmp_path / "data" / "journal") for row in read_segment(segment.path)]
    assert [row["call_id"] for row in rows] == ["call-7"]


def test_a_port_in_use_and_a_journal_in_use_are_told_with_what_to_do(served, tmp_path):
    port = served.ready[1].removeprefix("udp:")
    words = [sys.executable, "-m", "tosqauyl", "serve", "--data"]
    taken = subprocess.run(
        [*words, str(tmp_path / "other"), "--listen", f"udp:{port}"], capture_output=True, text=True, timeout=20
    )
    assert taken.returncode == 2
    assert f"udp:{port}: cannot listen: Address already in use (another program listens there" in taken.stderr
    taken = subprocess.run(
        [*words, str(tmp_path / "data"), "--listen", "udp:127.0.0.1:0"], capture_output=True, text=True, timeout=20
    )
    assert taken.returncode == 2
    assert "another process" in taken.stderr


def test_a_journal_that_cannot_be_written_raises_an_alarm_and_calls_go_on(tmp_path):
    gate = Served(tmp_path / "data", settings='[failure.force]\nkinds = ["journal_failed"]\n')
    try:
        assert gate.call(1).startswith(b"SIP/2.0 603")
        health = gate.health()
        assert health["status"] == "degraded"
        assert health["counters"]["fault_journal_failed"] == 1
    finally:
        gate.process.send_signal(signal.SIGTERM)
        _, told = gate.process.communicate(timeout=10)
        gate.socket.close()
    assert "ALARM: 1 decisions could not be written" in told
