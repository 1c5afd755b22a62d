"""A gate that asks a home network over real HTTP and real Diameter: both are processes of their own, started as a person would."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peer_gate import TOKEN, WAYS_IN

from tosqauyl.journal.naming import segment_files
from tosqauyl.journal.segment import read_segment

pytestmark = pytest.mark.peers()

ABROAD, AT_HOME = "+77012345678", "+77012345679"
INVITE = (
    "INVITE sip:+77272654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK{n};rport\r\n"
    "From: <sip:{caller}@h>;tag=1\r\nTo: <sip:+77272654321@gate>\r\nCall-ID: call-{n}\r\nCSeq: 1 INVITE\r\n\r\n"
)
SETTINGS = f"""
enforce = true
data = "data"
[home_network]
provider = "networks"
{{home}}
{WAYS_IN}"""
CAMARA = '[[home]]\noperator = "kcell"\nway = "camara"\nurl = "http://{camara}"\n'
SH = (
    '[[home]]\noperator = "kcell"\nway = "sh"\nurl = "aaa://{sh}"\norigin_host = "gate.example"\n'
    'origin_realm = "example"\ndestination_realm = "hss.example"\n'
)


def tosqauyl(*words: object, **options: object) -> list[str]:
    return [sys.executable, "-m", "tosqauyl", *map(str, words)]


@contextmanager
def started(*words: object) -> Iterator[dict[str, str]]:
    """A command that runs until it is stopped; the places of its ready line by their kind."""
    process = subprocess.Popen(tosqauyl(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("ready "), line + (process.stderr.read() if process.stderr else "")
        yield dict(word.split(":", 1) for word in line.split()[1:])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dict[str, str]]:
    listed = tmp_path / "abroad.txt"
    listed.write_text(f"{ABROAD}\n")
    words = (
        "roaming",
        "simulate",
        "--listen",
        "127.0.0.1:0",
        "--sh",
        "127.0.0.1:0",
        "--abroad",
        listed,
        "--delay-ms",
        5,
    )
    with started(*words) as places:
        yield {"camara": places["http"], "sh": places["sh"]}


def call(gate: dict[str, str], caller: str, number: int) -> bytes:
    host, _, port = gate["udp"].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(INVITE.format(n=number, caller=caller).encode(), (host, int(port)))
        while (answer := udp.recv(4096)).startswith(b"SIP/2.0 1"):
            pass
        return answer


def written(folder: Path, text: str) -> Path:
    file = folder / "gate.toml"
    file.write_text(SETTINGS.format(home=text))
    return file


@pytest.mark.parametrize(("way", "text"), [("camara", CAMARA), ("sh", SH)])
def test_the_home_network_is_asked_and_its_word_decides(
    tmp_path: Path, home: dict[str, str], way: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, text.format(**home))
    monkeypatch.setenv("TOSQAUYL_TOKEN", TOKEN)
    with started("serve", "--config", file) as gate:
        assert call(gate, ABROAD, 1).startswith(b"SIP/2.0 302")
        assert call(gate, AT_HOME, 2).startswith(b"SIP/2.0 603")
        words = tosqauyl("network", "status", "--to", f"http://{gate['http']}", "--json")
        told = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 0, told.stderr
    desk = json.loads(told.stdout)["operators"]["kcell"]["whereabouts"]
    assert (desk["way"], desk["counters"]["answered_abroad"], desk["counters"]["answered_home"]) == (way, 1, 1)
    rows = [row for one in segment_files(tmp_path / "data" / "journal") for row in read_segment(one.path)]
    assert [(row["reason"], row["home_network"], row["home_source"]) for row in rows] == [
        ("mobile-abroad", "answered", way),
        ("mobile-at-home", "answered", way),
    ]
    assert all(0 <= float(row["home_age"]) < 120 for row in rows)


@pytest.mark.parametrize("behaviour", ["down", "malformed", "wrong", "slow"])
def test_a_network_in_trouble_stops_nobody_and_the_status_says_what_is_wrong(
    tmp_path: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOSQAUYL_TOKEN", TOKEN)
    simulator = ("roaming", "simulate", "--listen", "127.0.0.1:0", "--behaviour", behaviour)
    with (
        started(*simulator) as home,
        started("serve", "--config", written(tmp_path, CAMARA.format(camara=home["http"]))) as gate,
    ):
        for number in range(8):
            assert call(gate, f"+7701555{number:04d}", number).startswith(b"SIP/2.0 302")
        words = tosqauyl("network", "status", "--to", f"http://{gate['http']}", "--lang", "en")
        told = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 1, told.stdout + told.stderr
    said = {"down": "nobody there", "malformed": "answers cannot be read", "wrong": "cannot be true", "slow": "in time"}
    assert said[behaviour] in " ".join(told.stdout.split())
    assert "+7701" not in told.stdout


def test_check_asks_for_real_and_says_who_said_what_and_how_old_it_is(tmp_path: Path, home: dict[str, str]) -> None:
    file = written(tmp_path, CAMARA.format(**home))
    words = tosqauyl(
        "check", "--config", file, "--trunk", "one", "--from", AT_HOME, "--to", "+77272654321", "--lang", "en"
    )
    told = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 1, told.stderr
    assert "home network says, 0 s ago: registered in Kazakhstan (asked by CAMARA)" in told.stdout
