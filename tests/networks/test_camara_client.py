"""The CAMARA client: what it sends, and what each answer means."""

import asyncio
import base64
import json
import logging
import ssl
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from camara_desk import (
    NOW,
    NUMBER,
    OTHER,
    Clock,
    Document,
    Peer,
    asking,
    listening,
    raw_server,
    run,
    simulating,
)
from certificates import make_authority, make_certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import FAILURES, AskFailed, Whereabouts
from tosqauyl.networks.camara.client import CamaraBackend
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.camara.simulator import SimulatorOptions
from tosqauyl.networks.simulated import Simulated
from tosqauyl.tls import TlsFiles, server_context

SEEN = "2026-09-21T14:13:20Z"
"""NOW, as a status time."""


def answered(peer: Peer, clock: Clock | None = None, **options: Any) -> Whereabouts | AskFailed:
    """What one question to this peer gives."""

    async def ask() -> Whereabouts | AskFailed:
        async with listening(peer), asking(peer.url, clock, **options) as backend:
            return await outcome(backend)

    return run(ask())


async def outcome(backend: CamaraBackend, number: str = NUMBER) -> Whereabouts | AskFailed:
    try:
        return await backend.whereabouts(number)
    except AskFailed as failed:
        return failed


def said(body: Any, status: int = 200, **headers: str) -> Whereabouts | AskFailed:
    peer = Peer()
    peer.says(body, status, **headers)
    return answered(peer)


def kind(found: Whereabouts | AskFailed) -> str:
    assert isinstance(found, AskFailed), found
    assert NUMBER[2:] not in f"{found} {found.detail}"
    return found.kind


def error(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "code": code, "message": f"{NUMBER} is not known"}


# What is sent


def test_the_request_is_as_the_api_says_and_names_the_number_in_its_body_only() -> None:
    document = Document("device-roaming-status")
    peer = Peer()
    peer.says({"roaming": False, "lastStatusTime": SEEN})
    assert answered(peer, token="abc") == Whereabouts("home", NOW)
    ((path, headers, body),) = peer.asked
    assert path == "/retrieve"
    document.judge("schemas/RoamingStatusRequest", json.loads(body))
    assert json.loads(body) == {"device": {"phoneNumber": NUMBER}}
    assert headers["authorization"] == "Bearer abc"
    assert headers["content-type"] == "application/json"
    document.judge("schemas/XCorrelator", headers["x-correlator"])
    assert NUMBER[1:] not in json.dumps([path, headers])
    assert "user-agent" not in headers


def test_every_request_has_a_correlator_of_its_own() -> None:
    async def ask() -> set[str]:
        peer = Peer()
        peer.says({"roaming": False, "lastStatusTime": SEEN})
        async with listening(peer), asking(peer.url) as backend:
            for _ in range(5):
                await backend.whereabouts(NUMBER)
        return {headers["x-correlator"] for _, headers, _ in peer.asked}

    assert len(run(ask())) == 5


# What answers mean


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"roaming": False}, Whereabouts("home", NOW)),
        ({"roaming": True}, Whereabouts("abroad", NOW)),
        ({"roaming": True, "countryCode": 286, "countryName": ["TR"]}, Whereabouts("abroad", NOW, "TR")),
        ({"roaming": True, "countryCode": 340, "countryName": ["BL", "GF"]}, Whereabouts("abroad", NOW)),
        ({"roaming": True, "countryCode": 901, "countryName": []}, Whereabouts("abroad", NOW)),
        ({"roaming": True, "countryName": ["Turkey"]}, Whereabouts("abroad", NOW)),
        ({"roaming": False, "device": {"phoneNumber": NUMBER}}, Whereabouts("home", NOW)),
        ({"roaming": False, "somethingNew": {"deep": [1]}}, Whereabouts("home", NOW)),
    ],
)
def test_an_answer_says_where_and_since_when(body: dict[str, Any], found: Whereabouts) -> None:
    told = {"lastStatusTime": SEEN, **body}
    Document("device-roaming-status").judge("schemas/RoamingStatusResponse", told)
    assert said(told) == found


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        ("2026-09-21T14:13:20.250Z", NOW + 0.25),
        ("2026-09-21T19:13:20+05:00", NOW),
        ("2026-09-21T14:14:20Z", NOW + 60),
        ("2020-01-01T00:00:00Z", 1_577_836_800.0),
    ],
)
def test_the_time_is_that_of_the_network_whatever_its_zone(seen: str, at: float) -> None:
    assert said({"roaming": False, "lastStatusTime": seen}) == Whereabouts("home", at)


@pytest.mark.parametrize(
    "body",
    [
        {"roaming": False},
        {"roaming": False, "lastStatusTime": "2026-09-21T14:13:20"},
        {"roaming": False, "lastStatusTime": "2026-09-21T14:14:21Z"},
        {"roaming": False, "lastStatusTime": "9999-12-31T23:59:59Z"},
        {"roaming": False, "lastStatusTime": "0001-01-01T00:00:00+14:00"},
        {"roaming": False, "lastStatusTime": SEEN, "device": {"phoneNumber": OTHER}},
        {"roaming": False, "lastStatusTime": SEEN, "device": {"networkAccessIdentifier": "1@example.kz"}},
    ],
)
def test_an_answer_that_cannot_be_about_this_question_is_wrong(body: dict[str, Any]) -> None:
    assert kind(said(body)) == "wrong"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b"[]", b"null", b'"home"', b'{"lastStatusTime":"2026-09-21T14:13:20Z"}',
        b'{"roaming":"false","lastStatusTime":"2026-09-21T14:13:20Z"}', b'{"roaming":0,"lastStatusTime":"2026-09-21T14:13:20Z"}',
        b'{"roaming":null,"lastStatusTime":"2026-09-21T14:13:20Z"}', b'{"roaming":false,"lastStatusTime":1790000000}',
        b'{"roaming":false,"lastStatusTime":"yesterday"}', b'{"roaming":false,"lastStatusTime":null}',
        b'{"roaming":false,"lastStatusTime":"2026-09-21T14:13:20Z","device":{"phoneNumber":"87010000001"}}',
        b'{"roaming":false,"lastStatusTime":"2026-09-21T14:13:20Z","countryName":"KZ"}',
        b'{"roaming":false,"lastStatusTime":"2026-09-21T14:13:20Z"}{}',
        b'{"roaming":false,"lastStatusTime":"2026-09-21T14:13:20Z","x":' + b"[" * 16_000,
    ],
)  # fmt: skip
def test_what_is_not_as_the_api_says_is_malformed(body: bytes) -> None:
    assert kind(answered(Peer(body=body))) == "malformed"


def test_what_is_no_json_by_its_type_is_malformed_even_if_it_could_be_read() -> None:
    body = json.dumps({"roaming": False, "lastStatusTime": SEEN}).encode()
    assert kind(answered(Peer(body=body, headers={"Content-Type": "text/html"}))) == "malformed"
    encoded = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert isinstance(answered(Peer(body=body, headers={**encoded})), Whereabouts)  # nothing is unpacked


def test_a_larger_answer_than_sixteen_kibibytes_is_refused_with_and_without_a_length() -> None:
    fitting = json.dumps({"roaming": False, "lastStatusTime": SEEN}).encode()
    assert answered(Peer(body=fitting.ljust(16 * 1024))) == Whereabouts("home", NOW)
    assert kind(answered(Peer(body=fitting.ljust(16 * 1024 + 1)))) == "malformed"

    async def chunked() -> Whereabouts | AskFailed:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with raw_server(lambda: head + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 64) as url, asking(url) as backend:
            return await outcome(backend)

    assert kind(run(chunked())) == "malformed"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "IDENTIFIER_NOT_FOUND"), (404, "DEVICE_NOT_FOUND"), (422, "SERVICE_NOT_APPLICABLE"),
        (422, "UNSUPPORTED_IDENTIFIER"),
    ],
)  # fmt: skip
def test_a_network_that_does_not_know_the_number_says_unknown_as_of_now(status: int, code: str) -> None:
    assert said(error(status, code), status) == Whereabouts("unknown", NOW)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, "refused"), (403, "refused"), (429, "limited"), (500, "down"), (502, "down"), (503, "down"), (504, "down"),
        (400, "wrong"), (405, "wrong"), (410, "wrong"), (201, "wrong"), (204, "wrong"), (302, "wrong"), (308, "wrong"),
    ],
)  # fmt: skip
def test_every_other_status_is_a_failure_of_its_kind(status: int, failure: str) -> None:
    assert kind(said(error(status, "WHATEVER"), status)) == failure


@pytest.mark.parametrize("code", ["MISSING_IDENTIFIER", "UNNECESSARY_IDENTIFIER", "IDENTIFIER_MISMATCH"])
def test_a_token_of_the_wrong_kind_is_a_failure_and_no_finding_about_anybody(code: str) -> None:
    assert kind(said(error(422, code), 422)) == "wrong"


def test_a_404_or_422_that_says_something_else_is_no_finding() -> None:
    assert kind(said(error(404, "NOT_FOUND"), 404)) == "wrong"  # a wrong URL
    assert kind(said(error(422, NUMBER), 422)) == "wrong"
    assert kind(said({"code": 7}, 404)) == "malformed"
    assert kind(answered(Peer(404, b"<html>", {"Content-Type": "text/html"}))) == "malformed"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0), ("0", 0.0), ("999999999999", 3600.0), ("soon", 0.0), ("-3", 0.0), ("", 0.0),
        (formatdate(NOW + 30, usegmt=True), 30.0), (formatdate(NOW - 30, usegmt=True), 0.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_told_in_seconds(header: str, seconds: float, status: int) -> None:
    failed = said(error(status, "X"), status, Retry_After=header)
    assert isinstance(failed, AskFailed)
    assert failed.retry_after == seconds


def test_an_answer_that_came_twice_is_not_taken_for_that_about_the_next_number() -> None:
    async def ask() -> list[Whereabouts | AskFailed]:
        body = json.dumps({"roaming": False, "lastStatusTime": SEEN}).encode()
        twice = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            (name,) = (line for line in head.split("\r\n") if line.lower().startswith("x-correlator"))
            answer = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{name}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(answer.encode() + body)
            await twice.wait()
            writer.write(answer.encode() + body)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, asking(f"http://127.0.0.1:{port}") as backend:
            first = await outcome(backend)
            twice.set()
            (idle,) = next(iter(backend._session.connector._conns.values()))  # type: ignore[union-attr]
            while not idle[0]._buffer:
                await asyncio.sleep(0)
            return [first, await outcome(backend, OTHER)]

    first, second = run(ask())
    assert first == Whereabouts("home", NOW)
    assert kind(second) == "wrong"


def test_a_redirect_is_not_followed() -> None:
    async def ask() -> tuple[str, int]:
        elsewhere = Peer()
        async with (
            listening(elsewhere),
            listening(Peer(307, b"", {"Location": elsewhere.url + "/"})) as peer,
            asking(peer.url, token="secret") as backend,
        ):
            return kind(await outcome(backend)), len(elsewhere.asked)

    assert run(ask()) == ("wrong", 0)


def test_nobody_there_is_down() -> None:
    async def ask() -> Whereabouts | AskFailed:
        async with listening(Peer()) as peer:
            url = peer.url
        async with asking(url) as backend:
            return await outcome(backend)

    assert kind(run(ask())) == "down"


# Whatever comes back

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
lines = st.sampled_from([b"\r\n", b"HTTP/1.1 ", b"200 OK", b"101 Switching Protocols", b"100 Continue", b"404 Not Found\r\n",
                         b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Type: application/json\r\n",
                         b"Set-Cookie: \xff=;;\r\n", b"Content-Encoding: gzip\r\n", b"Location: //\r\n", b"5\r\n", b"0\r\n\r\n"])  # fmt: skip
json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from([SEEN, NUMBER, "NOT_FOUND"]),
    lambda some: st.lists(some) | st.dictionaries(
        st.sampled_from(["roaming", "lastStatusTime", "device", "phoneNumber", "countryName", "code", "status", "message"]), some
    ),
    max_leaves=12,
)  # fmt: skip
bodies = st.binary() | json_like.map(lambda value: json.dumps(value).encode())
answers = st.one_of(
    st.binary(),
    st.lists(lines | st.binary(max_size=8)).map(b"".join),
    st.lists(lines | st.binary(max_size=8)).map(lambda some: b"HTTP/1.1 200 OK\r\n" + b"".join(some)),
    bodies.map(lambda body: HEAD + b"\r\n" + body),
    bodies.map(lambda body: HEAD.replace(b"200", b"404") + b"Content-Length: %d\r\n\r\n" % len(body) + body),
)


def test_whatever_bytes_come_back_there_is_a_finding_or_a_failure() -> None:
    now: list[bytes] = [b""]
    with asyncio.Runner() as runner:
        server = raw_server(lambda: now[0])
        url = runner.run(server.__aenter__())
        backend = CamaraBackend(CamaraOptions(url), Clock())

        @settings(max_examples=300)
        @given(answers)
        def hold(answer: bytes) -> None:
            now[0] = answer
            found = runner.run(asyncio.wait_for(outcome(backend), 20))
            assert isinstance(found, Whereabouts) or found.kind in FAILURES
            assert isinstance(found, AskFailed) or found.state in ("abroad", "home", "unknown")

        hold()
        runner.run(backend.close())
        runner.run(server.__aexit__(None, None, None))


# Against the simulator


@pytest.mark.parametrize(
    ("behaviour", "outcomes"),
    [
        ("right", {"abroad"}), ("slow", {"abroad"}), ("wrong", {"wrong"}), ("flapping", {"abroad", "down"}), ("down", {"down"}),
        ("malformed", {"malformed"}),
    ],
)  # fmt: skip
def test_each_behaviour_of_the_simulator_is_told_for_what_it_is(behaviour: str, outcomes: set[str]) -> None:
    async def ask() -> set[str]:
        network = Simulated({NUMBER: "abroad"}, behaviour=behaviour, delay=0, slow_seconds=0)
        async with simulating(network) as (_, url), asking(url) as backend:
            found = [await outcome(backend) for _ in range(40)]
        return {one.state if isinstance(one, Whereabouts) else one.kind for one in found}

    assert run(ask()) == outcomes


def test_a_slow_network_is_given_up_by_its_asker_and_asked_again() -> None:
    async def ask() -> Whereabouts:
        network = Simulated({NUMBER: "abroad"}, behaviour="slow", delay=0, slow_seconds=3600)
        async with simulating(network) as (_, url), asking(url, connections=1) as backend:
            question = asyncio.create_task(backend.whereabouts(NUMBER))
            while network.asked == 0:
                await asyncio.sleep(0)
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question
            network.behaviour = "right"
            return await backend.whereabouts(NUMBER)

    assert run(ask()) == Whereabouts("abroad", NOW, "TR")


def test_many_questions_at_once_share_few_connections() -> None:
    async def ask() -> tuple[set[str], int]:
        network = Simulated({NUMBER: "abroad"}, delay=0)
        async with simulating(network) as (simulator, url), asking(url, connections=3) as backend:
            found = await asyncio.gather(*(backend.whereabouts(NUMBER) for _ in range(100)))
            assert simulator._runner is not None
            assert simulator._runner.server is not None
            return {one.state for one in found}, len(simulator._runner.server.connections)

    states, connections = run(ask())
    assert states == {"abroad"}
    assert connections <= 3


def test_closing_fails_the_questions_under_way_and_later_ones(tmp_path: Path) -> None:
    async def ask() -> list[str]:
        network = Simulated(behaviour="slow", slow_seconds=3600)
        never = asyncio.Event()
        async with listening(Peer()) as tokens, simulating(network) as (_, url):
            tokens.before = never.wait
            async with asking(url) as asking_one, asking(url, **client_credentials(tokens, tmp_path)) as without_token:
                backends = (asking_one, without_token)
                questions = [asyncio.create_task(outcome(backend)) for backend in backends]
                while network.asked == 0 or not tokens.asked:
                    await asyncio.sleep(0)
                for backend in backends:
                    await backend.close()
                kinds = [kind(await question) for question in questions]
                return kinds + [kind(await outcome(backend)) for backend in backends]

    assert run(ask()) == ["down"] * 4


# Tokens


def granting(peer: Peer, token: str = "t1", **more: Any) -> None:
    peer.says({"access_token": token, "token_type": "Bearer", "expires_in": 600, **more})


def secret_file(folder: Path, text: str = "s3 cr:et\n") -> str:
    (folder / "secret").write_text(text)
    return str(folder / "secret")


def client_credentials(tokens: Peer, folder: Path) -> dict[str, Any]:
    return {"token_url": tokens.url + "/token", "client_id": "gate", "client_secret_file": secret_file(folder)}


def home() -> Peer:
    peer = Peer()
    peer.says({"roaming": False, "lastStatusTime": "2026-09-01T00:00:00Z"})
    return peer


def shown(peer: Peer) -> list[str]:
    return [headers.get("authorization", "") for _, headers, _ in peer.asked]


def test_a_token_is_fetched_with_client_credentials_once_for_many_questions(tmp_path: Path) -> None:
    async def ask() -> tuple[Peer, Peer]:
        async with listening(Peer()) as tokens, listening(home()) as peer:
            granting(tokens)
            async with asking(peer.url, **client_credentials(tokens, tmp_path)) as backend:
                await asyncio.gather(*(backend.whereabouts(NUMBER) for _ in range(20)))
        return tokens, peer

    tokens, peer = run(ask())
    ((path, headers, body),) = tokens.asked
    assert path == "/token"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert body == b"grant_type=client_credentials&scope=device-roaming-status%3Aread"
    scheme, _, pair = headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"gate:s3+cr%3Aet")
    assert shown(peer) == ["Bearer t1"] * 20


def test_a_token_is_renewed_before_its_end_and_the_old_one_used_meanwhile(tmp_path: Path) -> None:
    async def ask() -> tuple[list[str], int]:
        clock, renewed = Clock(), asyncio.Event()
        async with listening(Peer()) as tokens, listening(home()) as peer:
            granting(tokens)
            async with asking(peer.url, clock, **client_credentials(tokens, tmp_path)) as backend:
                await backend.whereabouts(NUMBER)
                clock.now += 539
                await backend.whereabouts(NUMBER)
                granting(tokens, "t2")
                tokens.before = renewed.wait
                clock.now += 2  # 59 s before its end
                await asyncio.gather(*(backend.whereabouts(NUMBER) for _ in range(3)))
                renewed.set()
                task = backend._credentials._task
                assert task is not None
                await task
                await backend.whereabouts(NUMBER)
            return shown(peer), len(tokens.asked)

    assert run(ask()) == (["Bearer t1"] * 5 + ["Bearer t2"], 2)


def test_a_token_that_has_ended_is_waited_for(tmp_path: Path) -> None:
    async def ask() -> list[str]:
        clock = Clock()
        async with listening(Peer()) as tokens, listening(home()) as peer:
            granting(tokens)
            async with asking(peer.url, clock, **client_credentials(tokens, tmp_path)) as backend:
                await backend.whereabouts(NUMBER)
                granting(tokens, "t2")
                clock.now += 601
                await backend.whereabouts(NUMBER)
            return shown(peer)

    assert run(ask()) == ["Bearer t1", "Bearer t2"]


def test_an_asker_who_leaves_does_not_end_the_fetch_of_the_others(tmp_path: Path) -> None:
    async def ask() -> tuple[Whereabouts, int]:
        gate = asyncio.Event()
        async with listening(Peer()) as tokens, listening(home()) as peer:
            granting(tokens)
            tokens.before = gate.wait
            async with asking(peer.url, **client_credentials(tokens, tmp_path)) as backend:
                first, second = (asyncio.create_task(backend.whereabouts(NUMBER)) for _ in range(2))
                while not tokens.asked:
                    await asyncio.sleep(0)
                first.cancel()
                gate.set()
                return await second, len(tokens.asked)

    found, fetches = run(ask())
    assert (found.state, fetches) == ("home", 1)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, {"error": "invalid_client"}, "refused"), (401, {}, "refused"), (403, {}, "refused"), (429, {}, "limited"),
        (503, {}, "down"), (302, {}, "wrong"), (200, {"access_token": "t"}, "malformed"),
        (200, {"access_token": "t", "token_type": "mac"}, "wrong"),
        (200, {"access_token": "a\r\nb", "token_type": "bearer"}, "malformed"),
        (200, {"access_token": "t", "token_type": "bearer", "expires_in": -1}, "malformed"),
    ],
)  # fmt: skip
def test_without_a_token_nothing_is_asked_and_the_endpoint_is_left_alone_for_a_while(
    tmp_path: Path, status: int, body: dict[str, Any], failure: str
) -> None:
    async def ask() -> tuple[list[str], int, int]:
        clock = Clock()
        async with listening(Peer()) as tokens, listening(home()) as peer:
            tokens.says(body, status)
            async with asking(peer.url, clock, **client_credentials(tokens, tmp_path)) as backend:
                kinds = [kind(await outcome(backend)) for _ in range(5)]
                fetches = len(tokens.asked)
                granting(tokens)
                clock.now += 6
                assert isinstance(await outcome(backend), Whereabouts)
            return kinds, fetches, len(peer.asked)

    assert run(ask()) == ([failure] * 5, 1, 1)


def test_a_token_the_network_refuses_is_fetched_anew_but_not_for_every_question(tmp_path: Path) -> None:
    async def ask() -> tuple[int, int, list[str]]:
        clock = Clock()
        async with listening(Peer()) as tokens, listening(Peer()) as peer:
            granting(tokens)
            peer.says(error(401, "UNAUTHENTICATED"), 401)
            async with asking(peer.url, clock, **client_credentials(tokens, tmp_path)) as backend:
                for _ in range(5):
                    assert kind(await outcome(backend)) == "refused"
                at_once = len(tokens.asked)
                clock.now += 6
                assert kind(await outcome(backend)) == "refused"
                granting(tokens, "t2")
                assert kind(await outcome(backend)) == "refused"
                return at_once, len(tokens.asked), shown(peer)[-2:]

    assert run(ask()) == (1, 2, ["Bearer t1", "Bearer t2"])


def test_a_token_that_is_over_at_once_is_not_fetched_for_every_question(tmp_path: Path) -> None:
    async def ask() -> int:
        async with listening(Peer()) as tokens, listening(home()) as peer:
            granting(tokens, expires_in=0)
            async with asking(peer.url, **client_credentials(tokens, tmp_path)) as backend:
                for _ in range(5):
                    assert isinstance(await outcome(backend), Whereabouts)
            return len(tokens.asked)

    assert run(ask()) == 1


def test_a_token_file_is_read_again_when_its_token_is_refused(tmp_path: Path) -> None:
    async def ask() -> Whereabouts | AskFailed:
        clock, file = Clock(), tmp_path / "token"
        file.write_text("old\n")
        options = SimulatorOptions(token="new")
        async with (
            simulating(Simulated(delay=0), clock, options) as (_, url),
            asking(url, clock, token_file=str(file)) as backend,
        ):
            assert kind(await outcome(backend)) == "refused"
            file.write_text("new\n")
            clock.now += 6
            assert kind(await outcome(backend)) == "refused"
            return await outcome(backend)

    assert isinstance(run(ask()), Whereabouts)


def test_tokens_secrets_and_numbers_are_in_no_log_and_no_repr(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def ask() -> str:
        async with listening(Peer()) as tokens, listening(home()) as peer:
            granting(tokens, "very-secret-token")
            async with asking(peer.url, **client_credentials(tokens, tmp_path)) as backend:
                await backend.whereabouts(NUMBER)
                return repr(backend._credentials._grant) + repr(vars(backend))

    seen = run(ask()) + caplog.text + repr(CamaraOptions("https://x", token="very-secret-token"))
    assert "very-secret" not in seen
    assert "s3" not in seen
    assert NUMBER[1:] not in seen


# Where it may go, and with whose certificates


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.kz/v1", "http://127.0.0.1.example.kz/", "http://127.0.0.1@example.kz/", "ftp://127.0.0.1/", "https:///x",
        "http://2130706433/", "https://u:p@api.example.kz/", "https://api.example.kz:99999/", "https://api.example.kz/#x", "x",
        "http://[::ffff:10.0.0.1]/", "https://ex%61mple.kz/", "http://127.0.0.1\\@example.kz/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["url", "token_url"])
def test_only_https_may_leave_this_machine(url: str, key: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"url": "https://api.example.kz"}
    if key == "token_url":
        options |= {"client_id": "x", "client_secret_file": secret_file(tmp_path)}
    with pytest.raises(TosqauylError, match=key):
        CamaraBackend(CamaraOptions(**{**options, key: url}), Clock())


@pytest.mark.parametrize(
    "url", ["https://api.example.kz/v1", "http://localhost:1/", "http://127.0.0.2/", "http://[::1]:80"]
)
def test_https_anywhere_and_http_to_this_machine_are_allowed(url: str) -> None:
    CamaraBackend(CamaraOptions(url), Clock())


@pytest.mark.parametrize(
    "options",
    [
        {"token": "a", "token_file": "b"}, {"token_url": "https://x"}, {"client_id": "x"}, {"token": "a b"}, {"key": "x"},
        {"token_file": "no-such-file"}, {"ca": "no-such-file"}, {"certificate": "no-such-file"}, {"connections": 0},
    ],
)  # fmt: skip
def test_options_that_cannot_be_used_are_told_at_the_start(options: dict[str, Any]) -> None:
    with pytest.raises(TosqauylError) as told:
        CamaraBackend(CamaraOptions("https://api.example.kz", **options), Clock())
    assert "a b" not in str(told.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority(folder)
    make_certificate(folder, authority, "network", "IP:127.0.0.1")
    make_certificate(folder, authority, "elsewhere", "DNS:elsewhere.example.kz")
    make_certificate(folder, authority, "gate", "DNS:gate.example.kz")
    make_authority(folder, "stranger")
    return folder


def server_of(folder: Path, name: str = "network") -> ssl.SSLContext:
    return server_context(TlsFiles(f"{folder}/{name}.pem", f"{folder}/{name}.key", f"{folder}/authority.pem"))


def over_tls(folder: Path, server: str = "network", **options: str) -> Whereabouts | AskFailed:
    async def ask() -> Whereabouts | AskFailed:
        files = {name: f"{folder}/{file}" for name, file in options.items()}
        network = Simulated({NUMBER: "abroad"}, delay=0)
        async with (
            simulating(network, context=server_of(folder, server)) as (_, url),
            asking(url, **files) as backend,
        ):
            return await outcome(backend)

    return run(ask())


def test_both_sides_show_certificates(folder: Path) -> None:
    found = over_tls(folder, ca="authority.pem", certificate="gate.pem", key="gate.key")
    assert found == Whereabouts("abroad", NOW, "TR")


def test_without_our_certificate_there_is_no_connection(folder: Path) -> None:
    assert kind(over_tls(folder, ca="authority.pem")) == "down"


def test_a_network_whose_certificate_is_not_right_is_told_nothing(folder: Path) -> None:
    ours = {"certificate": "gate.pem", "key": "gate.key"}
    assert kind(over_tls(folder, ca="stranger.pem", **ours)) == "down"
    assert kind(over_tls(folder, "elsewhere", ca="authority.pem", **ours)) == "down"
    assert kind(over_tls(folder, **ours)) == "down"
