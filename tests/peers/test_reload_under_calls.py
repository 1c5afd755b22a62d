"""Five reloads while calls come without a pause: each is answered, and rightly. bench/reload.py is the same at full size."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tosqauyl.journal.naming import segment_files
from tosqauyl.journal.segment import read_segment
from tosqauyl.policy.load import shipped_text

pytestmark = pytest.mark.peers("make")  # no program but the gate; half a minute, so not among the unit tests

RELOADS = 5
SETTINGS = """
policy = "policy.toml"
enforce = true
[subscribers]
roaming = "roaming.txt"
complete = true
[[trunk]]
id = "one"
listen = "udp:127.0.0.1:0"
from = ["127.0.0.0/8"]
direction = "international"
next_hop = "sender"
"""
INVITE = (
    "INVITE sip:+77017654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK{id};rport\r\n"
    "From: <sip:{number}@h>;tag=1\r\nTo: <sip:+77017654321@gate>\r\nCall-ID: call-{id}\r\nCSeq: 1 INVITE\r\n\r\n"
)
CALLERS = (("+77172123456", b"603"), ("+447700900123", b"302"), ("+77011234567", b"302"), ("+77011234568", b"603"))
"""Who calls, and what each gets: a fixed number from abroad, a foreigner, a roamer, a subscriber who is at home."""


class Calling(threading.Thread):
    """One call after the other until `ended`; counts those without an answer within 2 s, and the wrong ones."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.ended = port, threading.Event()
        self.asked = self.lost = self.wrong = 0

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2.0)
            client.connect(("127.0.0.1", self.port))
            while not self.ended.is_set():
                number, deserved = CALLERS[self.asked % len(CALLERS)]
                client.send(INVITE.format(id=self.asked, number=number).encode())
                self.asked += 1
                try:
                    self.wrong += client.recv(4096)[8:11] != deserved
                except TimeoutError:
                    self.lost += 1
                self.ended.wait(0.002)  # a builder that gives way to everybody must get its turn


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gate.toml").write_text(SETTINGS)
    (tmp_path / "policy.toml").write_text(shipped_text())
    (tmp_path / "roaming.txt").write_text("+77011234567\n")
    return tmp_path


def snapshots_used(folder):
    rows = [row for one in segment_files(folder / "data" / "journal") for row in read_segment(one.path)]
    return len(rows), list(dict.fromkeys(row["snapshot"] for row in rows))


def reload(process, folder, turn):
    """Other content, SIGHUP, and the gate's word that it is in use."""
    policy = shipped_text().replace('name = "kz-border"', f'name = "turn-{turn}"')
    (folder / "policy.toml").write_text(policy)
    (folder / "roaming.txt").write_text(f"+77011234567\n+7702000000{turn}\n")
    process.send_signal(signal.SIGHUP)
    for line in process.stderr:
        assert "ALARM" not in line
        if line.rstrip().endswith("is in use"):
            return
    raise AssertionError("the gate ended")


def test_no_call_is_lost_or_judged_wrongly_while_snapshots_are_replaced(folder):
    command = [sys.executable, "-m", "tosqauyl", "serve", "--config", str(folder / "gate.toml")]
    process = subprocess.Popen(
        [*command, "--data", str(folder / "data")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    try:
        port = int(process.stdout.readline().split()[1].rpartition(":")[2])
        calling = Calling(port)
        calling.start()
        for turn in range(RELOADS):
            reload(process, folder, turn)
            time.sleep(0.05)  # so that some calls are judged by each: they go on in a thread
        calling.ended.set()
        calling.join(10)
    finally:
        process.terminate()
        process.communicate(timeout=20)
        watchdog.cancel()
    assert (calling.lost, calling.wrong) == (0, 0)
    assert calling.asked > 100
    rows, used = snapshots_used(folder)
    assert rows == calling.asked
    assert len(used) == RELOADS + 1, "each call's row names the snapshot that judged it"
