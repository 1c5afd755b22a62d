"""Where a delivery may go, against a real server on loopback with a resolver of our own."""

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.guarded_fetch import MOST_ANSWER, Guard, GuardedFetch, checked_url, is_public

HERE = Guard(http_loopback=True)
PRIVATE = [
    "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "203.0.113.9", "::", "::1", "fe80::1",
    "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "ff0e::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001:db8::1", "::127.0.0.1", "100::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "92.46.1.1", "2a02:6b8::2:242", "2606:4700::1111", "::ffff:8.8.8.8"]


class Server:
    """Answers each connection with bytes, and keeps what it was sent."""

    def __init__(self, answer, context=None):
        self.answer, self.got, self.context = answer, [], context
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            try:
                with connection:
                    connection.settimeout(5)
                    self._answer(self.context.wrap_socket(connection, server_side=True) if self.context else connection)
            except OSError:
                pass

    def _answer(self, connection):
        text = b""
        while b"\r\n\r\n" not in text:
            piece = connection.recv(65_536)
            if not piece:
                return
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        length = int(
            next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        )
        while len(body) < length:
            body += connection.recv(65_536)
        self.got.append((head, body))
        for piece in self.answer if isinstance(self.answer, list) else [self.answer]:
            piece() if callable(piece) else connection.sendall(piece)


@contextmanager
def serving(answer=b"HTTP/1.1 204 No Content\r\n\r\n", context=None):
    server = Server(answer, context)
    try:
        yield server
    finally:
        server.listening.close()


def resolved(*answers):
    """A resolver that gives one answer after another, and counts."""
    asked = []

    def resolve(name, port):
        asked.append(name)
        return answers[min(len(asked), len(answers)) - 1]

    resolve.asked = asked
    return resolve


def certificate(tmp_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    day, now = timedelta(days=1), datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "pem").write_bytes(secret + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "pem")
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize("text", PRIVATE)
def test_no_address_inside_is_public(text):
    assert not Guard().is_allowed(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_addresses_of_the_internet_are_public(text):
    assert Guard().is_allowed(ipaddress.ip_address(text))


@given(st.ip_addresses())
def test_whatever_is_public_is_global_and_one_hosts(address):
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_private, address.is_loopback, address.is_link_local))


def test_networks_that_the_office_was_allowed_are_reached_and_their_neighbours_are_not():
    guard = Guard(networks=(ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:1::/32")))
    assert [guard.is_allowed(ipaddress.ip_address(one)) for one in ("10.20.3.4", "::ffff:10.20.3.4", "fd00:1::5")] == [
        True
    ] * 3
    assert not any(guard.is_allowed(ipaddress.ip_address(one)) for one in ("10.21.0.1", "127.0.0.1", "fd00:2::5"))


@pytest.mark.parametrize(("given_url", "kept"), [
    ("https://hooks.example.kz", "https://hooks.example.kz/"),
    ("https://Hooks.Example.KZ:8443/a?b=c", "https://hooks.example.kz:8443/a?b=c"),
    ("https://пример.example.kz/x", "https://xn--e1afmkfd.example.kz/x"),
    ("https://8.8.8.8/x", "https://8.8.8.8/x"),
    ("https://[2606:4700::1111]:444/", "https://[2606:4700::1111]:444/"),
])  # fmt: skip
def test_an_address_is_kept_in_one_form(given_url, kept):
    assert checked_url(given_url, Guard()) == kept
    assert checked_url(kept, Guard()) == kept


@pytest.mark.parametrize("url", [
    "http://hooks.example.kz/", "ftp://hooks.example.kz/", "https://", "https:///x", "hooks.example.kz", "", "https://localhost/",
    "https://intern/", "https://127.0.0.1/", "https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://017700000001/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/",
    "https://user@hooks.example.kz/", "https://user:pw@hooks.example.kz/", "https://hooks.example.kz/#part",
    "https://hooks.example.kz\\@10.0.0.1/", "https://hooks.example.kz:0/", "https://hooks.example.kz:99999/", "https://hooks.example.kz/ү",
    "https://hooks.example.kz/a b", "https://hooks.example.kz/\r\nX: y", "https://a..example.kz/", "https://[::1", "javascript:alert(1)",
    "https://hooks.example.kz/" + "a" * 2_000,
])  # fmt: skip
def test_what_is_no_address_of_a_receiver_is_refused_plainly(url):
    with pytest.raises(Invalid) as refused:
        checked_url(url, Guard())
    assert refused.value.where == "url"


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://", "https://a.kz/"]))
def test_any_text_is_an_address_or_refused_plainly(text, before):
    try:
        kept = checked_url(before + text, HERE)
    except Invalid:
        return
    assert kept.isascii()
    assert kept.startswith(("https://", "http://"))
    assert checked_url(kept, HERE) == kept


def test_a_body_arrives_with_its_headers_at_the_checked_address_under_the_name():
    resolve = resolved(["127.0.0.1"])
    with serving() as server:
        answer = GuardedFetch(HERE, resolve)(f"http://localhost:{server.port}/in?a=b", {"X-One": "1"}, b'{"a":1}')
        assert (answer.status, answer.is_taken) == (204, True)
        ((head, body),) = server.got
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /in?a=b HTTP/1.1"
    assert {f"Host: localhost:{server.port}", "X-One: 1", "Content-Length: 7", "Connection: close"} <= set(lines)
    assert body == b'{"a":1}'
    assert resolve.asked == ["localhost"]


def test_tls_is_checked_against_the_name_not_against_the_address(tmp_path):
    server_side, client_side = certificate(tmp_path, "hooks.example.kz")
    guard = Guard(networks=(ipaddress.ip_network("127.0.0.0/8"),))
    fetch = GuardedFetch(guard, resolved(["127.0.0.1"]), context=client_side)
    with serving(context=server_side) as server:
        assert fetch(f"https://hooks.example.kz:{server.port}/", {}, b"x").status == 204
        other = fetch(f"https://other.example.kz:{server.port}/", {}, b"x")
        assert (other.status, "CERTIFICATE_VERIFY_FAILED" in other.what) == (0, True)
        untrusted = GuardedFetch(guard, resolved(["127.0.0.1"]))(f"https://hooks.example.kz:{server.port}/", {}, b"x")
        assert untrusted.status == 0
    assert len(server.got) == 1


@pytest.mark.parametrize(
    "inside", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]]
)
def test_a_name_that_leads_inside_is_not_connected_to(inside):
    with serving() as server:
        answer = GuardedFetch(Guard(), resolved(inside))(f"https://hooks.example.kz:{server.port}/", {}, b"x")
    assert (answer.status, answer.what) == (0, "the name leads to an address that nothing is delivered to")
    assert server.got == []


def test_a_name_that_changes_in_between_is_asked_for_once_only():
    resolve = resolved(["127.0.0.1"], ["10.0.0.1"])
    with serving() as server:
        assert GuardedFetch(HERE, resolve)(f"http://localhost:{server.port}/", {}, b"x").status == 204
    assert resolve.asked == ["localhost"]


def test_a_redirect_is_an_answer_and_nobody_follows_it():
    with serving() as inside:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(moved) as server:
            answer = GuardedFetch(HERE)(f"http://127.0.0.1:{server.port}/", {}, b"x")
    assert (answer.status, answer.is_taken) == (302, False)
    assert inside.got == []


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with serving() as server:
        assert GuardedFetch(HERE)(f"http://127.0.0.1:{server.port}/", {}, b"x").status == 204


def test_an_answer_without_end_is_left_where_it_is():
    sent = []

    def piece():
        sent.append(1)
        if len(sent) > 10_000:
            raise OSError

    endless = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"a" * MOST_ANSWER, piece] * 10_000]
    with serving(endless) as server:
        answer = GuardedFetch(HERE)(f"http://127.0.0.1:{server.port}/", {}, b"x")
    assert (answer.status, len(answer.what)) == (200, 160)
    assert len(sent) < 10_000


def test_what_an_answer_says_obeys_no_terminal():
    said = b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\n\x1b[2Joh\n\xff."
    with serving(said) as server:
        answer = GuardedFetch(HERE)(f"http://127.0.0.1:{server.port}/", {}, b"x")
    assert answer.status == 400
    assert answer.what.isprintable()
    assert "oh" in answer.what


@pytest.mark.parametrize("drip", [[], [b"HTTP/1.1 200 OK\r\n"], [b"H", lambda: time.sleep(0.05)] * 40])
def test_whatever_drips_ends_at_one_deadline(drip):
    hold = threading.Event()
    with serving([*drip, lambda: hold.wait(5)]) as server:
        began = time.monotonic()
        answer = GuardedFetch(HERE, timeout=0.3)(f"http://127.0.0.1:{server.port}/", {}, b"x")
        took = time.monotonic() - began
        hold.set()
    assert answer.status == 0
    assert took < 1.5


def test_a_name_server_that_is_silent_costs_the_deadline_and_no_more():
    hold = threading.Event()
    began = time.monotonic()
    answer = GuardedFetch(Guard(), lambda name, port: hold.wait(5) or [], timeout=0.2)(
        "https://hooks.example.kz/", {}, b"x"
    )
    hold.set()
    assert (answer.status, answer.what) == (0, "no answer within 0.2 s")
    assert time.monotonic() - began < 1.5


def test_whatever_else_goes_wrong_is_an_answer():
    def unknown(name, port):
        raise socket.gaierror(-2, "no")

    assert GuardedFetch(Guard(), unknown)("https://hooks.example.kz/", {}, b"x").what == "the name cannot be resolved"
    assert GuardedFetch(Guard(), resolved([]))("https://hooks.example.kz/", {}, b"x").what == "the name has no address"
    assert GuardedFetch(Guard())("file:///etc/passwd", {}, b"x").status == 0
    with serving(b"SSH-2.0-x\r\n\r\n") as server:
        assert GuardedFetch(HERE)(f"http://127.0.0.1:{server.port}/", {}, b"x").status == 0
        closed = server.port
    assert GuardedFetch(HERE)(f"http://127.0.0.1:{closed}/", {}, b"x").status == 0
