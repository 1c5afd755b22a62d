"""Who may speak TLS to the gate: by Kamailio with each certificate, and by hand; and what a reload changes."""

import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Signed, make_certificate
from peer_kamailio import SAN, Hop, Keys, make_keys
from peer_streams import StreamGate, answers, invite, is_closed, secure

pytestmark = pytest.mark.peers("kamailio", "openssl")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("tls-keys"))


@pytest.fixture
def gate(tmp_path: Path, keys: Keys) -> Iterator[StreamGate]:
    """Mutual TLS, and every trunk wants the client's certificate to be for sbc.example."""
    own = make_certificate(tmp_path, keys.authority, "own", "DNS:gate.example")
    tables = (
        f'[tls]\ncertificate = "{own.certificate}"\nkey = "{own.key}"\nclient_ca = "{keys.authority.certificate}"\n'
    )
    with StreamGate(tmp_path / "gate", "tls", tables, certificate=SAN) as one:
        yield one


def status_through(gate: StreamGate, keys: Keys, folder: Path, shown: Signed | None) -> bytes:
    """The status line of the answer to an INVITE that a Kamailio with this certificate hands on; b'' for silence."""
    with Hop(gate.port, keys, folder, shown) as hop, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.2", 0))
        client.settimeout(3)
        client.sendto(invite("hop").replace(b"TCP 127.0.0.2:5060", b"UDP 127.0.0.2:%d" % client.getsockname()[1]),
                      ("127.0.0.1", hop.port))  # fmt: skip
        try:
            return client.recv(65_535)[:11]
        except TimeoutError:
            return b""


@pytest.mark.parametrize(("shown", "status", "counter"), [
    ("client", b"SIP/2.0 302", "stream_opened"),
    ("none", b"", "stream_tls_failed"),
    ("other", b"", "stream_tls_failed"),
    ("wrong", b"", "stream_wrong_certificate"),
])  # fmt: skip
def test_only_a_certificate_of_our_authority_with_the_name_of_the_trunk_gets_an_answer(
    gate: StreamGate, keys: Keys, tmp_path: Path, shown: str, status: bytes, counter: str
) -> None:
    certificate = None if shown == "none" else getattr(keys, shown)
    got = status_through(gate, keys, tmp_path / "hop", certificate)
    assert got == status
    assert gate.counters().get(counter, 0) >= 1, gate.counters()
    if shown == "wrong":
        assert gate.counters()["stranger"] >= 1


def test_a_stranger_is_closed_before_its_handshake(gate: StreamGate) -> None:
    with gate.connect("127.0.0.7") as client:
        assert is_closed(client, 1.0)
    assert "stream_opened" not in gate.counters()


def test_a_client_that_never_shakes_hands_is_cut_off(gate: StreamGate) -> None:
    with gate.connect() as client:
        began = time.monotonic()
        assert is_closed(client, 8.0)
        assert 4.5 < time.monotonic() - began < 7
    assert gate.counters()["stream_slow_handshake"] == 1


def test_a_hundred_handshakes_at_once_do_not_hold_up_datagrams(gate: StreamGate, keys: Keys) -> None:
    clients = [gate.connect() for _ in range(90)]
    contexts = []
    context = ssl.create_default_context(cafile=str(keys.authority.certificate))
    context.load_cert_chain(keys.client.certificate, keys.client.key)
    for client in clients:
        client.setblocking(False)
        contexts.append(context.wrap_socket(client, server_hostname="gate.example", do_handshake_on_connect=False))
    left, slowest, until = set(contexts), 0.0, time.monotonic() + 10
    while left and time.monotonic() < until:
        for one in list(left):
            try:
                one.do_handshake()
                left.discard(one)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        asked = time.monotonic()
        assert gate.ask_by_datagram(f"h{len(left)}-{asked}").startswith(b"SIP/2.0 302")
        slowest = max(slowest, time.monotonic() - asked)
    assert not left
    assert slowest < 0.2
    for one in contexts:
        one.close()


def test_after_a_reload_new_connections_see_the_new_certificate_and_an_old_one_lives_on(
    gate: StreamGate, keys: Keys, tmp_path: Path
) -> None:
    authority, shown = keys.authority.certificate, (keys.client.certificate, keys.client.key)
    old = secure(gate.connect(), authority, shown)
    old.sendall(invite("before"))
    assert answers(old, 1) == [(302, "before")]
    before = old.getpeercert(binary_form=True)
    make_certificate(tmp_path, keys.authority, "own", "DNS:gate.example")
    os.kill(gate.process.pid, signal.SIGHUP)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with secure(gate.connect(), authority, shown) as new:
            seen = new.getpeercert(binary_form=True)
            if seen != before:
                new.sendall(invite("new"))
                assert answers(new, 1) == [(302, "new")]
                break
        time.sleep(0.1)
    assert seen != before
    old.sendall(invite("after"))
    assert answers(old, 1) == [(302, "after")]
    old.close()
