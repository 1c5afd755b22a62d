"""TLS over two memory buffers: who is let in, what a certificate proves, what a reload changes. No socket, no pause."""

import contextlib
import shutil
import ssl
import subprocess
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certificates import Signed, make_authority, make_certificate
from desk import invite

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.connection import HANDSHAKE_SECONDS, Connection, StreamOptions
from tosqauyl.gate.tls_stream import TlsStream
from tosqauyl.tls import TlsFiles, TlsServer, expiry, names_of, server_context

pytestmark = pytest.mark.peers("openssl")


class Keys:
    """An authority, the gate's certificate, a client's, and a client's of another authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = make_authority(folder)
        self.gate = make_certificate(folder, self.authority, "gate", "DNS:gate.example")
        self.client = make_certificate(
            folder, self.authority, "client", "DNS:SBC.example", "URI:sip:carrier.example", "IP:2001:db8::1"
        )
        self.other = make_certificate(folder, make_authority(folder, "other-authority"), "other", "DNS:sbc.example")

    @property
    def files(self) -> TlsFiles:
        return TlsFiles(str(self.gate.certificate), str(self.gate.key), str(self.authority.certificate))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return Keys(tmp_path_factory.mktemp("keys"))


class Client:
    """The other end of a TlsStream, in memory."""

    def __init__(self, keys: Keys, certificate: Signed | None = None, most: ssl.TLSVersion | None = None) -> None:
        context = ssl.create_default_context(cafile=str(keys.authority.certificate))
        if most is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = most
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_hostname="gate.example")

    def step(self, data: bytes) -> bytes:
        """Take the gate's bytes, go on with the handshake, give ours. Raises ssl.SSLError as it comes."""
        self.into.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.out.read()

    def read(self, data: bytes) -> bytes:
        self.into.write(data)
        try:
            return self.tls.read(65536)
        except ssl.SSLWantReadError:
            return b""

    def seal(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self.out.read()


def shaken(connection: Connection, client: Client, now: float = 0.0) -> tuple[str, ...] | None:
    """Run the handshake; the names that the client proved, None where it failed."""
    names = None
    for _ in range(6):
        data = client.step(taken(connection, now))
        if data:
            connection.receive(data, now)
            names = names or connection.shake()
        if connection.ending or (names is not None and not data):
            break
    return names


def taken(connection: Connection, now: float = 0.0) -> bytes:
    data = bytes(connection.unsent)
    connection.sent(len(data), now)
    return data


def new_connection(context: ssl.SSLContext) -> Connection:
    return Connection(StreamOptions(), 0.0, TlsStream(context))


def test_a_client_of_our_authority_is_known_by_every_name_in_its_certificate(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    assert shaken(connection, client) == ("sbc.example", "sip:carrier.example", "carrier.example", "2001:db8::1")


def test_calls_come_through_tls_and_answers_go_back(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    shaken(connection, client)
    assert connection.open(0.0) == []
    (message,) = connection.receive(client.seal(invite()), 0.0)
    assert message.branch == "z9hG4bK-1"
    connection.send(b"SIP/2.0 302 Moved\r\n\r\n", 0.0)
    assert client.read(taken(connection)) == b"SIP/2.0 302 Moved\r\n\r\n"


def test_a_call_that_comes_with_the_last_step_of_the_handshake_is_not_lost(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    connection.receive(client.step(b""), 0.0)
    connection.shake()
    connection.receive(client.step(taken(connection)) + client.seal(invite()), 0.0)
    assert connection.shake() is not None
    assert [message.branch for message in connection.open(0.0)] == ["z9hG4bK-1"]


def test_tls_bytes_one_by_one_give_the_same_call(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    shaken(connection, client)
    connection.open(0.0)
    data = client.seal(invite())
    got = [message for n in range(len(data)) for message in connection.receive(data[n : n + 1], 0.0)]
    assert [message.branch for message in got] == ["z9hG4bK-1"]


@pytest.mark.parametrize("which", ["none", "other"])
def test_no_certificate_and_one_of_another_authority_are_refused_where_one_is_demanded(keys, which):
    connection = new_connection(server_context(keys.files))
    assert not shaken(connection, Client(keys, keys.other if which == "other" else None))
    assert connection.ending == "stream_tls_failed"
    assert connection.unsent or connection.is_over  # the alert that says why


def test_without_client_ca_nobody_needs_a_certificate_and_nobody_has_a_name(keys):
    files = TlsFiles(keys.files.certificate, keys.files.key)
    connection = new_connection(server_context(files))
    assert shaken(connection, Client(keys, keys.client)) == ()
    assert not connection.ending


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_before_1_2_is_refused(keys, version):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client, version)
    assert not shaken(connection, client)
    assert connection.ending == "stream_tls_failed"


def test_tls_1_2_is_taken(keys):
    connection = new_connection(server_context(keys.files))
    assert shaken(connection, Client(keys, keys.client, ssl.TLSVersion.TLSv1_2))


def test_a_handshake_that_does_not_end_is_cut_off(keys):
    connection = new_connection(server_context(keys.files))
    connection.receive(Client(keys).step(b"")[:50], 0.0)
    assert connection.shake() is None
    connection.expire(HANDSHAKE_SECONDS)
    assert not connection.ending
    connection.expire(HANDSHAKE_SECONDS + 0.1)
    assert (connection.ending, connection.is_over) == ("stream_slow_handshake", True)


def test_a_client_that_shook_hands_and_is_silent_is_idle_and_not_slow(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    shaken(connection, client)
    connection.open(1.0)
    connection.expire(500.0)
    assert not connection.ending
    connection.expire(902.0)
    assert connection.ending == "stream_idle"


def test_half_a_tls_record_is_a_slow_message(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    shaken(connection, client)
    connection.open(0.0)
    connection.receive(client.seal(invite())[:100], 1.0)
    connection.expire(11.0)
    assert not connection.ending
    connection.expire(11.1)
    assert connection.ending == "stream_slow_message"


def test_a_connection_that_we_end_says_goodbye_so_that_nothing_seems_cut_off(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    shaken(connection, client)
    connection.open(0.0)
    connection.end("stream_idle")
    connection.goodbye(0.0)
    client.into.write(taken(connection))
    assert client.tls.read(10) == b""  # the end, where a cut connection would raise "want read"


def test_garbage_in_a_tls_stream_ends_it(keys):
    connection, client = new_connection(server_context(keys.files)), Client(keys, keys.client)
    shaken(connection, client)
    connection.open(0.0)
    assert connection.receive(b"INVITE sip:a@b SIP/2.0\r\n" * 20, 0.0) == []
    assert connection.ending == "stream_tls_failed"


def serial(connection: Connection, client: Client) -> bytes:
    shaken(connection, client)
    certificate = client.tls.getpeercert(binary_form=True)
    assert certificate
    return certificate


def test_after_a_reload_new_connections_see_the_new_certificate_and_the_old_one_lives_on(keys, tmp_path):
    gate = make_certificate(tmp_path, keys.authority, "gate", "DNS:gate.example")
    server = TlsServer(TlsFiles(str(gate.certificate), str(gate.key), str(keys.authority.certificate)))
    old, client = new_connection(server.context), Client(keys, keys.client)
    before = serial(old, client)
    old.open(0.0)
    make_certificate(tmp_path, keys.authority, "gate", "DNS:gate.example")
    assert serial(new_connection(server.context), Client(keys, keys.client)) == before
    server.reload()
    assert serial(new_connection(server.context), Client(keys, keys.client)) != before
    assert len(old.receive(client.seal(invite()), 0.0)) == 1
    assert (server.reloaded, server.failed) == (1, 0)


def test_a_reload_of_a_file_that_is_torn_keeps_the_old_certificate_and_says_why(keys, tmp_path):
    gate = make_certificate(tmp_path, keys.authority, "gate", "DNS:gate.example")
    alarms: list[str] = []
    server = TlsServer(TlsFiles(str(gate.certificate), str(gate.key), str(keys.authority.certificate)), alarms.append)
    before = server.context
    gate.certificate.write_bytes(gate.certificate.read_bytes()[:200])
    server.reload()
    assert str(tmp_path) in server.last_error
    assert server.last_error in alarms[0]
    assert server.context is before
    assert server.failed == 1


@pytest.mark.parametrize(
    "broken", ["no-file", "no-key", "other-key", "encrypted-key", "no-authority", "empty-authority"]
)
def test_files_that_cannot_be_used_are_named(keys, tmp_path, broken):
    certificate, key, authority = str(keys.gate.certificate), str(keys.gate.key), str(keys.authority.certificate)
    if broken == "no-file":
        certificate = str(tmp_path / "absent.pem")
    elif broken == "no-key":
        key = ""
    elif broken == "other-key":
        key = str(keys.client.key)
    elif broken == "encrypted-key":
        locked = tmp_path / "locked.key"
        words = ["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", str(locked)]
        subprocess.run(words, check=True, capture_output=True)
        key = str(locked)
    elif broken == "no-authority":
        authority = str(tmp_path / "absent.pem")
    else:
        (tmp_path / "empty.pem").write_text("")
        authority = str(tmp_path / "empty.pem")
    with pytest.raises(TosqauylError) as caught:
        server_context(TlsFiles(certificate, key, authority))
    assert any(word in str(caught.value) for word in (str(tmp_path), "tls.key", str(keys.client.key)))


def test_names_of_a_certificate_are_its_alternative_names_only():
    certificate = {
        "subject": ((("commonName", "cn.example"),),),
        "subjectAltName": (("DNS", "*.Example"), ("email", "a@b"), ("URI", "sip:user@host.example"), ("IP Address", "10.0.0.1")),
    }  # fmt: skip
    assert names_of(certificate) == ("*.example", "sip:user@host.example", "10.0.0.1")
    assert names_of({}) == ()


def test_the_end_of_a_certificate_is_known_and_a_trouble_in_time(keys):
    server = TlsServer(keys.files)
    now = time.time()
    assert 1.9 * 86_400 < server.expires - now < 2.1 * 86_400
    assert server.state(now)["troubles"] == ["certificate-expires"]
    assert server.state(now - 20 * 86_400)["troubles"] == []
    words = ["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601", "-in", keys.files.certificate]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    assert told == datetime.fromtimestamp(server.expires, UTC).strftime("notAfter=%Y-%m-%d %H:%M:%SZ")


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "\xff"])
def test_the_end_of_what_is_no_certificate_is_not_known(tmp_path, text):
    (tmp_path / "x.pem").write_text(text, "latin-1")
    assert expiry(str(tmp_path / "x.pem")) == 0.0
    assert expiry(str(tmp_path / "absent.pem")) == 0.0


def test_a_reload_that_failed_is_a_trouble_until_one_works(keys, tmp_path):
    gate = make_certificate(tmp_path, keys.authority, "gate", "DNS:gate.example")
    server = TlsServer(TlsFiles(str(gate.certificate), str(gate.key)))
    whole = gate.key.read_bytes()
    gate.key.write_bytes(b"")
    server.reload()
    assert "certificate-not-reloaded" in server.state(0.0)["troubles"]
    gate.key.write_bytes(whole)
    server.reload()
    assert server.state(0.0)["troubles"] == []
