"""The server on real sockets: what is bounded, what is never said, and who comes in by TLS."""

import asyncio
import json
import shutil
import socket
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from certificates import make_authority, make_certificate
from http_desk import CALL, TOKENS, make_http_desk

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.http.access import Client
from tosqauyl.gate.http.options import Http, Limits
from tosqauyl.gate.http.server import HEAD_BYTES, HttpServer, listen
from tosqauyl.gate.http.side import HttpSide
from tosqauyl.tls import TlsFiles, TlsServer

GET = b"GET /healthz HTTP/1.1\r\nHost: gate\r\n\r\n"
LOCAL = Http(("127.0.0.1", 0))
FAST = Limits(head=0.15, drain=0.2, handshake=0.3, body=0.15)


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    return make_http_desk(tmp_path_factory.mktemp("server"))


@asynccontextmanager
async def serving(http, limits=None, options=LOCAL, clients=()):
    """The desk's application on a free port of loopback."""
    tls = TlsServer(options.tls) if options.tls.certificate else None
    limits = limits or Limits()
    http.application.parts.limits = limits
    server = HttpServer(http.app, listen(options, clients), tls, limits, http.desk.session.counters)
    server.start()
    try:
        yield server
    finally:
        await server.stop()


def ask(http, *steps, **options):
    """Run the steps (coroutine functions of a Line) against a server, one connection each; what they return."""

    async def run():
        async with serving(http, **options) as server:
            return [await step(server) for step in steps]

    return asyncio.run(run())


class Line:
    """One connection as a client sees it."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, server, **tls):
        port = server.socket.getsockname()[1]
        return cls(*await asyncio.open_connection("127.0.0.1", port, **tls))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self):
        """Status, headers, body of one answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), 5)
        return int(head[0].split()[1]), headers, body

    async def closed_within(self, seconds):
        """Whether the server ended the connection, and what it said before."""
        try:
            return await asyncio.wait_for(self.reader.read(), seconds)
        except ConnectionError:
            return b""

    def close(self):
        self.writer.transport.abort()


def post(body, path="/v1/calls:screen", token=TOKENS["screen"], kind="application/json"):
    head = f"POST {path} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_call_is_screened_and_the_answer_says_nothing_of_the_server(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(post(json.dumps(CALL).encode()))
        return await line.answer()

    ((status, headers, body),) = ask(http, step)
    assert (status, json.loads(body)["verdict"]) == (200, "pass")
    assert "server" not in headers
    assert headers["cache-control"] == "no-store"
    assert "date" in headers


def test_the_bound_port_is_told_and_ipv6_works(http):
    async def step(server):
        return server.bound, server.socket.getsockname()[1]

    ((bound, port),) = ask(http, step)
    assert bound == f"http:127.0.0.1:{port}"
    if socket.has_ipv6:
        ((bound, _),) = ask(http, step, options=Http(("::1", 0)))
        assert bound.startswith("http:::1:")


def test_the_side_as_serve_opens_it_is_in_the_report_and_refuses_the_world(http):
    side = HttpSide(LOCAL, (), http.report, http.alarms.append)

    async def run():
        server = side.open()
        server.start()
        line = await Line.to(server)
        await line.send(GET)
        status, _, _ = await line.answer()
        said = http.report.status()["http"]
        await server.stop()
        return status, said

    status, said = asyncio.run(run())
    assert status == 200
    assert said == {"screenings": 0, "answers": {"read_health 200": 1}, "clients": {}, "connections": 1}
    with pytest.raises(TosqauylError, match="not loopback"):
        replace(side, http=Http(("0.0.0.0", 0))).open()
    with pytest.raises(TosqauylError, match="cannot be read"):
        replace(side, http=Http(("127.0.0.1", 0), TlsFiles("no.pem", "no.key"))).open()


def test_a_port_in_use_is_told_with_what_to_do():
    taken = listen(LOCAL, ())
    with pytest.raises(TosqauylError, match="Address already in use") as refused:
        listen(Http(("127.0.0.1", taken.getsockname()[1])), ())
    assert "ss -ltnp" in refused.value.hint
    taken.close()


def test_a_connection_is_kept_for_more_requests_and_pipelined_ones_come_in_order(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(GET + GET.replace(b"healthz", b"nothing") + GET)
        return [(await line.answer())[0] for _ in range(3)]

    assert ask(http, step) == [[200, 404, 200]]


def test_a_request_in_single_bytes_is_a_request(http):
    async def step(server):
        line = await Line.to(server)
        for place in range(len(GET)):
            await line.send(GET[place : place + 1])
            await asyncio.sleep(0)
        return await line.answer()

    assert ask(http, step)[0][0] == 200


@pytest.mark.parametrize(
    "began", [b"", b"GET /hea", GET[:-2], GET + b"GET /healthz HT"], ids=["nothing", "line", "head", "second"]
)
def test_who_is_slow_with_a_head_is_cut_off(http, began):
    async def step(server):
        before = http.counters().get("http_slow", 0)
        line = await Line.to(server)
        await line.send(began)
        began_at = time.monotonic()
        said = await line.closed_within(3)
        return said.count(b"HTTP/1.1 200"), time.monotonic() - began_at, http.counters()["http_slow"] - before

    ((answers, seconds, cut),) = ask(http, step, limits=FAST)
    assert answers == began.count(b"\r\n\r\n")
    assert cut == 1
    assert seconds < 2


def test_a_body_that_drips_is_answered_408_and_then_cut_off(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(post(b"{}" * 100)[:-150])
        status, _, _ = await line.answer()
        await line.closed_within(3)
        return status

    assert ask(http, step, limits=FAST) == [408]


def test_a_body_that_is_told_too_large_is_refused_before_it_comes(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(post(b"").replace(b"Content-Length: 0", b"Content-Length: 999999999"))
        return (await line.answer())[0]

    assert ask(http, step) == [413]


def test_the_rest_of_a_refused_body_is_passed_over_and_the_connection_goes_on(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(post(b"x" * 300_000, token="tq_wrong") + GET)
        return [(await line.answer())[0] for _ in range(2)]

    assert ask(http, step) == [[401, 200]]


def test_what_is_not_http_gets_400_and_the_connection_ends(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        status, headers, _ = await line.answer()
        return status, headers["content-type"], await line.closed_within(3)

    assert ask(http, step) == [(400, "application/problem+json", b"")]


def test_a_head_without_end_is_not_kept(http):
    async def step(server):
        line = await Line.to(server)
        await line.send(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 2 * HEAD_BYTES)
        return (await line.answer())[0]

    assert ask(http, step) == [400]


def test_one_connection_too_many_is_closed_and_room_is_made_when_one_leaves(http):
    async def step(server):
        lines = [await Line.to(server) for _ in range(3)]
        for line in lines[:2]:
            await line.send(GET)
            assert (await line.answer())[0] == 200
        refused = await lines[2].closed_within(3)
        lines[0].close()
        while len(server) == 2:
            await asyncio.sleep(0.005)
        again = await Line.to(server)
        await again.send(GET)
        return refused, (await again.answer())[0], len(server)

    assert ask(http, step, limits=replace(FAST, connections=2, head=5.0)) == [(b"", 200, 2)]
    assert http.counters()["http_refused_full"] == 1


def test_who_does_not_read_answers_is_cut_off(http):
    async def step(server):
        port = server.socket.getsockname()[1]
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(5):
                while True:
                    await loop.sock_sendall(client, GET.replace(b"/healthz", b"/openapi.json") * 50)
        except (ConnectionError, TimeoutError) as error:
            return isinstance(error, ConnectionError)
        finally:
            client.close()

    assert ask(http, step, limits=FAST) == [True]
    assert http.counters()["http_not_reading"] == 1


def test_a_flood_of_requests_gets_one_turn_at_a_time_and_others_their_own(http, monkeypatch):
    """Between two requests of however many connections everything else in the loop has its turn."""
    served, most, seen = 0, 0, 0
    app = http.app

    async def counted(scope, receive, send):
        nonlocal served
        served += 1
        await app(scope, receive, send)

    async def neighbour():
        nonlocal most, seen
        while True:
            most, seen = max(most, served - seen), served
            await asyncio.sleep(0)

    async def step(server):
        lines = [await Line.to(server) for _ in range(20)]
        beside = asyncio.ensure_future(neighbour())
        for line in lines:
            await line.send(GET * 20)
        for line in lines:
            for _ in range(20):
                assert (await line.answer())[0] == 200
        beside.cancel()

    monkeypatch.setattr(http, "app", counted)
    ask(http, step)
    assert (served, most) == (400, 1)


def test_stopping_ends_idle_connections_at_once(http):
    async def run():
        async with serving(http) as server:
            line = await Line.to(server)
            await line.send(GET)
            await line.answer()
            began = time.monotonic()
        return await line.closed_within(1), time.monotonic() - began

    said, seconds = asyncio.run(run())
    assert said == b""
    assert seconds < 2


def test_nothing_is_logged(http, capfd, caplog):
    async def step(server):
        line = await Line.to(server)
        await line.send(b"nonsense\r\n\r\n")
        await line.closed_within(3)
        line = await Line.to(server)
        await line.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"))
        return (await line.answer())[0]

    assert ask(http, step) == [200]
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("http-keys")
    authority = make_authority(folder)
    gate = make_certificate(folder, authority, "gate", "DNS:localhost", "IP:127.0.0.1")
    client = make_certificate(folder, authority, "client", "DNS:SBC.example.kz")
    other = make_certificate(folder, make_authority(folder, "other-authority"), "other", "DNS:sbc.example.kz")
    return authority, gate, client, other


def options(keys, mutual):
    authority, gate, _, _ = keys
    files = TlsFiles(str(gate.certificate), str(gate.key), str(authority.certificate) if mutual else "")
    return Http(("127.0.0.1", 0), files)


def trusting(keys, shown=None):
    context = ssl.create_default_context(cafile=str(keys[0].certificate))
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    return {"ssl": context, "server_hostname": "localhost"}


@pytest.mark.peers("openssl")
def test_over_tls_a_token_is_enough(http, keys):
    async def step(server):
        line = await Line.to(server, **trusting(keys))
        await line.send(post(json.dumps(CALL).encode()))
        return server.bound.split(":")[0], (await line.answer())[0]

    assert ask(http, step, options=options(keys, mutual=False)) == [("https", 200)]


@pytest.mark.peers("openssl")
def test_with_mutual_tls_a_certificate_is_enough_and_without_one_nobody_comes_in(http, keys):
    anonymous = post(json.dumps(CALL).encode()).replace(f"Authorization: Bearer {TOKENS['screen']}\r\n".encode(), b"")

    async def known(server):
        line = await Line.to(server, **trusting(keys, keys[2]))
        await line.send(anonymous)
        return (await line.answer())[0]

    async def refused(server, shown):
        try:
            line = await Line.to(server, **trusting(keys, shown))
            await line.send(GET)
            return await line.closed_within(3)
        except (ssl.SSLError, ConnectionError):
            return b""

    found = ask(
        http, known, lambda server: refused(server, None), lambda server: refused(server, keys[3]),
        options=options(keys, mutual=True), clients=(Client("x", certificate="sbc.example.kz"),),
    )  # fmt: skip
    assert found == [200, b"", b""]
    assert http.counters()["http_handshake_failed"] >= 2


@pytest.mark.peers("openssl")
def test_who_does_not_finish_the_handshake_is_cut_off(http, keys):
    async def step(server):
        before = http.counters().get("http_handshake_failed", 0)
        line = await Line.to(server)
        await line.closed_within(3)
        while len(server):
            await asyncio.sleep(0.005)
        return http.counters()["http_handshake_failed"] - before

    assert ask(http, step, limits=FAST, options=options(keys, mutual=False)) == [1]


@pytest.mark.peers("openssl")
def test_a_renewed_certificate_is_shown_to_those_who_come_later(http, keys, tmp_path):
    authority, gate, _, _ = keys
    place = TlsFiles(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    shutil.copy(gate.certificate, place.certificate)
    shutil.copy(gate.key, place.key)
    newer = make_certificate(tmp_path, authority, "newer", "DNS:localhost")

    async def step(server):
        shown = []
        for _ in range(2):
            line = await Line.to(server, **trusting(keys))
            shown.append(line.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            line.close()
            shutil.copy(newer.certificate, place.certificate)
            shutil.copy(newer.key, place.key)
            server.tls.reload()
        return [ssl.DER_cert_to_PEM_cert(one).split() for one in shown]

    ((first, second),) = ask(http, step, options=Http(("127.0.0.1", 0), place))
    assert first == gate.certificate.read_text().split()
    assert second == newer.certificate.read_text().split()
