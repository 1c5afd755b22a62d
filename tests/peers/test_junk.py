"""Datagrams no SIP client would send: no answer or a 400, no verdict, and the gate goes on."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Gate, journal_rows

HEAD = (
    b"INVITE sip:+77011234567@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK-%b;rport\r\nMax-Forwards: 70\r\n"
)
TAIL = b"To: <sip:+77011234567@127.0.0.1>\r\nCall-ID: %b@junk\r\nCSeq: 1 INVITE\r\n"
FROM = b"From: <sip:+447911123456@203.0.113.9>;tag=1\r\n"

JUNK = {
    "empty": b"",
    "keep-alive": b"\r\n\r\n",
    "stun": bytes.fromhex("000100002112a442") + bytes(12),
    "nul-bytes": bytes(500),
    "half-request-line": b"INVITE sip:+7701",
    "no-headers": b"INVITE sip:+77011234567@127.0.0.1 SIP/2.0\r\n\r\n",
    "no-via": b"INVITE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: no-via@junk\r\nCSeq: 1 INVITE\r\n\r\n",
    "cseq-other-method": HEAD % b"cseq" + FROM + (TAIL % b"cseq").replace(b"1 INVITE", b"1 OPTIONS") + b"\r\n",
    "64-kilobyte-header": HEAD % b"big" + FROM + TAIL % b"big" + b"Subject: " + b"x" * 64_000 + b"\r\n\r\n",
    "10000-headers": HEAD % b"many" + FROM + TAIL % b"many" + b"A: b\r\n" * 10_000 + b"\r\n",
    "version-3": (HEAD % b"v3").replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1) + FROM + TAIL % b"v3" + b"\r\n",
}


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.2", 0))
        one.settimeout(2)
        yield one


def answer(client: socket.socket, gate: Gate, data: bytes, *, wait: float = 2.0) -> bytes:
    client.settimeout(wait)
    client.sendto(data, ("127.0.0.1", gate.port))
    try:
        return client.recv(65_535)
    except TimeoutError:
        return b""


def test_junk_gets_a_refusal_or_silence_and_never_a_verdict(
    enforcing_gate: Gate, client: socket.socket, tmp_path: Path
) -> None:
    got = {name: answer(client, enforcing_gate, data, wait=0.3) for name, data in JUNK.items()}
    # 2xx (keep-alive) apart, only 4xx and 5xx refusals are allowed
    assert {
        name: text[:60] for name, text in got.items() if text and not text.startswith((b"SIP/2.0 4", b"SIP/2.0 5"))
    } == {}
    after = answer(client, enforcing_gate, HEAD % b"after" + FROM + TAIL % b"after" + b"Content-Length: 0\r\n\r\n")
    assert after.startswith(b"SIP/2.0 302"), after
    assert enforcing_gate.stop() == 0
    assert [row["call_id"] for row in journal_rows(tmp_path / "data")] == ["after@junk"]


def test_wrong_utf_8_in_a_name_loses_no_call(enforcing_gate: Gate, client: socket.socket, tmp_path: Path) -> None:
    named = b'From: "\xff\xfe\x80 \xd0" <sip:+77172301234@203.0.113.9>;tag=1\r\n'
    got = answer(client, enforcing_gate, HEAD % b"utf" + named + TAIL % b"utf" + b"Content-Length: 0\r\n\r\n")
    assert got.startswith(b"SIP/2.0 603"), got
    assert named.strip() in got  # From comes back byte for byte (RFC 3261 8.2.6.2)
    assert enforcing_gate.stop() == 0
    assert [row["reason"] for row in journal_rows(tmp_path / "data")] == ["fixed-from-abroad"]


def test_a_port_in_use_is_named_in_the_error(tmp_path: Path, enforcing_gate: Gate) -> None:
    import server

    settings = (tmp_path / "gate.toml").read_text().replace(str(tmp_path / "data"), str(tmp_path / "other"))
    (tmp_path / "second.toml").write_text(settings)
    with pytest.raises(server.NotReady, match=str(enforcing_gate.port)):
        Gate(["--config", str(tmp_path / "second.toml")], tmp_path / "other", wait=20)
