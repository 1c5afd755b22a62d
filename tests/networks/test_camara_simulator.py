"""The simulated home network speaks CAMARA: its answers, its subscriptions, its events, and the command that runs it."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from camara_desk import NUMBER, OTHER, Clock, Document, Peer, listening, plain_client, run, simulating
from certificates import make_authority, make_certificate

from tosqauyl.cli import roaming
from tosqauyl.errors import TosqauylError
from tosqauyl.networks.camara.simulator import SUBSCRIPTIONS_PATH, CamaraSimulator, SimulatorOptions
from tosqauyl.networks.camara.subscriptions import KINDS, MOBILE_COUNTRY_CODES, TYPE
from tosqauyl.networks.simulated import Simulated
from tosqauyl.tls import TlsFiles, server_context

ASK = {"device": {"phoneNumber": NUMBER}}


async def call(
    session: aiohttp.ClientSession, method: str, url: str, body: Any = None, **headers: str
) -> tuple[int, Any, Any]:
    """Status, headers, JSON (None for no body)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.request(method, url, json=body, headers=named) as answer:
        text = await answer.read()
        return answer.status, answer.headers, json.loads(text) if text else None


def retrieved(network: Simulated, body: Any = ASK, token: str = "", **headers: str) -> tuple[int, Any, Any]:
    async def ask() -> tuple[int, Any, Any]:
        async with simulating(network, options=SimulatorOptions(token)) as (_, url), plain_client() as session:
            return await call(session, "POST", url + "/retrieve", body, **headers)

    return run(ask())


# Retrieval


@pytest.mark.parametrize(
    ("states", "body"),
    [
        ({NUMBER: "abroad"}, {"roaming": True, "countryCode": 286, "countryName": ["TR"]}),
        ({NUMBER: "home"}, {"roaming": False}),
        ({}, {"roaming": False}),
    ],
)
def test_the_answer_says_where_a_subscriber_is_as_the_api_says_it(states: dict[str, str], body: dict[str, Any]) -> None:
    status, headers, told = retrieved(Simulated(states, delay=0), x_correlator="abc-1")
    assert status == 200
    Document("device-roaming-status").judge("schemas/RoamingStatusResponse", told)
    assert told == {"lastStatusTime": "2026-09-21T14:13:20Z", **ASK, **body}
    assert headers["x-correlator"] == "abc-1"
    assert headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("network", "body", "expected"),
    [
        (Simulated(default="unknown", delay=0), ASK, (404, "IDENTIFIER_NOT_FOUND")),
        (Simulated(delay=0), {}, (422, "MISSING_IDENTIFIER")),
        (Simulated(delay=0), {"device": {"networkAccessIdentifier": "1@x"}}, (422, "UNSUPPORTED_IDENTIFIER")),
        (Simulated(delay=0), {"device": {"phoneNumber": "8701"}}, (400, "INVALID_ARGUMENT")),
        (Simulated(delay=0), {"device": None}, (400, "INVALID_ARGUMENT")),
        (Simulated(delay=0), [], (400, "INVALID_ARGUMENT")),
        (Simulated(delay=0), {**ASK, "x": "y" * 17_000}, (400, "INVALID_ARGUMENT")),
    ],
)
def test_errors_are_as_the_api_says(network: Simulated, body: Any, expected: tuple[int, str]) -> None:
    status, _, told = retrieved(network, body)
    Document("device-roaming-status").judge_error(told, f"Generic{expected[0]}")
    assert (status, told["code"]) == expected


def test_a_request_without_the_right_token_is_refused_whatever_it_asks() -> None:
    document = Document("device-roaming-status")
    for shown in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "right"}):
        status, _, told = retrieved(Simulated(delay=0), token="right", **shown)
        document.judge_error(told, "Generic401")
        assert status == 401
    assert retrieved(Simulated(delay=0), token="right", Authorization="Bearer right")[0] == 200


def test_a_correlator_that_could_not_be_one_is_not_repeated() -> None:
    assert "x-correlator" not in retrieved(Simulated(delay=0), x_correlator="a b")[1]
    assert "x-correlator" not in retrieved(Simulated(delay=0), x_correlator="a" * 257)[1]


def test_wrong_answers_are_well_formed_and_about_another_number() -> None:
    network = Simulated({NUMBER: "abroad"}, default="unknown", delay=0, behaviour="wrong")
    status, _, told = retrieved(network)
    Document("device-roaming-status").judge("schemas/RoamingStatusResponse", told)
    assert status == 200
    assert told["device"]["phoneNumber"] == OTHER


def test_a_flapping_network_answers_a_quarter_of_the_time() -> None:
    async def ask() -> list[int]:
        network = Simulated(delay=0, behaviour="flapping")
        async with simulating(network) as (_, url), plain_client() as session:
            answers = [await call(session, "POST", url + "/retrieve", ASK) for _ in range(200)]
        for status, _, told in answers:
            if status != 200:
                Document("device-roaming-status").judge_error(told, "Generic503")
        return [status for status, _, _ in answers]

    statuses = run(ask())
    assert set(statuses) == {200, 503}
    assert 30 <= statuses.count(200) <= 70


def test_a_network_that_is_down_closes_without_an_answer() -> None:
    async def ask() -> None:
        async with simulating(Simulated(delay=0, behaviour="down")) as (_, url), plain_client() as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await call(session, "POST", url + "/retrieve", ASK)

    run(ask())


def test_malformed_answers_are_of_many_kinds_and_none_is_as_the_api_says() -> None:
    async def ask() -> list[bytes]:
        found: list[bytes] = []
        async with simulating(Simulated(delay=0, behaviour="malformed")) as (_, url), plain_client() as session:
            for _ in range(60):
                async with session.post(url + "/retrieve", json=ASK) as answer:
                    assert answer.status == 200
                    found.append(await answer.read())
        return found

    found = set(run(ask()))
    assert len(found) > 4
    document = Document("device-roaming-status")
    for body in found:
        with pytest.raises(Exception):  # noqa: B017, PT011 - of whichever reader
            document.judge("schemas/RoamingStatusResponse", json.loads(body))


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/retrieve"), ("POST", "/"), ("POST", "/retrieve/x"), ("PUT", "x")]
)
def test_other_paths_and_methods_are_not_found(method: str, path: str) -> None:
    async def ask() -> int:
        async with simulating(Simulated(delay=0)) as (_, url), plain_client() as session:
            return (await call(session, method, url + path))[0]

    assert run(ask()) == 404


def test_an_address_in_use_is_told() -> None:
    async def listen() -> None:
        async with simulating(Simulated()) as (_, url):
            port = int(url.split(":")[2].split("/")[0])
            second = CamaraSimulator(Simulated(), Clock())
            with pytest.raises(TosqauylError, match="cannot listen"):
                await second.start("127.0.0.1", port)

    run(listen())


# Subscriptions


def wanting(sink: str, kind: str = "roaming-status", number: str = NUMBER, **config: Any) -> dict[str, Any]:
    detail = {"subscriptionDetail": {"device": {"phoneNumber": number}}, **config}
    return {"sink": sink, "protocol": "HTTP", "types": [TYPE + kind], "config": detail}


class Subscriber:
    """Somebody who subscribes at a simulator on this machine and keeps what comes."""

    def __init__(self, simulator: CamaraSimulator, url: str, session: aiohttp.ClientSession, sink: Peer) -> None:
        self.simulator, self.session, self.sink = simulator, session, sink
        self.url = url.partition("/device-")[0] + SUBSCRIPTIONS_PATH

    async def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        status, _, told = await call(self.session, "POST", self.url, body)
        return status, told

    async def subscribed(self, *kinds: str, **config: Any) -> list[str]:
        answers = [await self.create(wanting(self.sink.url + "/sink", kind, **config)) for kind in kinds]
        assert [status for status, _ in answers] == [201] * len(kinds)
        return [told["id"] for _, told in answers]

    async def came(self) -> list[str]:
        """The kinds of the events that came since the last time, in order."""
        await self.simulator.settled()
        kinds = [body["type"].removeprefix(TYPE) for body in self.sink.bodies]
        self.sink.asked.clear()
        return kinds


def subscribing(test: Any, network: Simulated | None = None, clock: Clock | None = None, status: int = 204) -> Any:
    async def go() -> Any:
        sink = Peer(status)
        async with (
            simulating(network or Simulated({OTHER: "abroad"}, delay=0), clock) as (simulator, url),
            listening(sink),
            plain_client() as session,
        ):
            return await test(Subscriber(simulator, url, session, sink))

    return run(go())


DATA = {
    "roaming-status": "RoamingStatus", "roaming-on": "BasicDeviceEventData", "roaming-off": "BasicDeviceEventData",
    "roaming-change-country": "RoamingChangeCountry", "subscription-ended": "SubscriptionEnded",
}  # fmt: skip


def judge_event(document: Document, body: Any) -> None:
    document.judge("schemas/CloudEvent", body)
    document.judge(f"schemas/{DATA[body['type'].removeprefix(TYPE)]}", body["data"])


def test_a_subscription_over_https_is_as_the_api_says_and_its_events_are_too(tmp_path: Path) -> None:
    document = Document("device-roaming-status-subscriptions")
    authority = make_authority(tmp_path)
    signed = make_certificate(tmp_path, authority, "sink", "IP:127.0.0.1")
    sink = Peer(204)
    credential = {
        "credentialType": "ACCESSTOKEN", "accessToken": "event-token", "accessTokenType": "bearer",
        "accessTokenExpiresUtc": "2026-09-22T00:00:00Z",
    }  # fmt: skip

    async def go() -> list[Any]:
        context = server_context(TlsFiles(str(signed.certificate), str(signed.key)))
        options = SimulatorOptions(sink_ca=str(authority.certificate))
        async with (
            simulating(Simulated(delay=0), options=options) as (simulator, url),
            listening(sink, context),
            plain_client() as session,
        ):
            one = Subscriber(simulator, url, session, sink)
            shown = []
            for kind in KINDS:
                body = {**wanting(sink.url + "/sink", kind, subscriptionMaxEvents=9), "sinkCredential": credential}
                document.judge("schemas/SubscriptionRequest", body)
                status, told = await one.create(body)
                assert status == 201
                shown.append(told)
            simulator.move(NUMBER, "abroad", "DE")
            simulator.move(NUMBER, "abroad", "FR")
            simulator.move(NUMBER, "home")
            await call(session, "DELETE", f"{one.url}/{shown[0]['id']}")
            assert await simulator.settled() == (6, 0)
            return shown

    for told in run(go()):
        document.judge("schemas/Subscription", told)
        assert "event-token" not in json.dumps(told)
    for _, headers, body in sink.asked:
        judge_event(document, json.loads(body))
        assert headers["content-type"] == "application/cloudevents+json"
        assert headers["authorization"] == "Bearer event-token"
        document.judge("schemas/XCorrelator", headers["x-correlator"])
    assert len({body["id"] for body in sink.bodies}) == 6


def test_moves_give_the_events_of_the_apis_table() -> None:
    async def test(one: Subscriber) -> None:
        move = one.simulator.move
        await one.subscribed(*KINDS)
        move(NUMBER, "abroad", "DE")
        assert await one.came() == ["roaming-status", "roaming-on"]
        move(NUMBER, "abroad", "FR")
        assert await one.came() == ["roaming-change-country"]
        move(NUMBER, "abroad", "FR")
        assert await one.came() == []
        move(NUMBER, "home")
        assert await one.came() == ["roaming-status", "roaming-off"]
        move(NUMBER, "home")
        move(OTHER, "home")
        move(NUMBER, "unknown")
        move(NUMBER, "home")
        assert await one.came() == []

    subscribing(test)


def test_an_event_says_whom_and_where() -> None:
    async def test(one: Subscriber) -> None:
        status, change = await one.subscribed("roaming-status", "roaming-change-country")
        one.simulator.move(NUMBER, "abroad", "DE")
        one.simulator.move(NUMBER, "abroad", "FR")
        await one.simulator.settled()
        first, second = one.sink.bodies
        device = {"phoneNumber": NUMBER}
        assert first["data"] == {
            "subscriptionId": status, "device": device, "roaming": True, "countryCode": 262, "countryName": ["DE"],
        }  # fmt: skip
        assert second["data"] == {
            "subscriptionId": change, "device": device, "countryCode": 208, "countryName": ["FR"],
        }  # fmt: skip
        assert first["time"] == "2026-09-21T14:13:20Z"

    subscribing(test)


@pytest.mark.parametrize(
    ("number", "kind", "begins"),
    [
        (OTHER, "roaming-status", True), (NUMBER, "roaming-status", True), (OTHER, "roaming-on", True),
        (NUMBER, "roaming-on", False), (OTHER, "roaming-off", False), (NUMBER, "roaming-off", True),
        (OTHER, "roaming-change-country", False), (NUMBER, "roaming-change-country", False),
    ],
)  # fmt: skip
def test_an_initial_event_comes_where_the_state_is_already_so(number: str, kind: str, begins: bool) -> None:
    async def test(one: Subscriber) -> list[str]:
        await one.create(wanting(one.sink.url, kind, number, initialEvent=True))
        return await one.came()

    assert subscribing(test) == ([kind] if begins else [])


def test_a_subscription_ends_with_its_last_event() -> None:
    document = Document("device-roaming-status-subscriptions")

    async def test(one: Subscriber) -> None:
        (identity,) = await one.subscribed("roaming-status", subscriptionMaxEvents=2)
        one.simulator.move(NUMBER, "abroad")
        assert (await call(one.session, "GET", f"{one.url}/{identity}"))[0] == 200
        one.simulator.move(NUMBER, "home")
        one.simulator.move(NUMBER, "abroad")
        await one.simulator.settled()
        for body in one.sink.bodies:
            judge_event(document, body)
        assert one.sink.bodies[-1]["data"]["terminationReason"] == "MAX_EVENTS_REACHED"
        assert await one.came() == ["roaming-status", "roaming-status", "subscription-ended"]
        assert (await call(one.session, "GET", f"{one.url}/{identity}"))[0] == 404

    subscribing(test)


def test_a_subscription_ends_at_its_time() -> None:
    clock = Clock()

    async def test(one: Subscriber) -> None:
        (identity,) = await one.subscribed("roaming-status", subscriptionExpireTime="2026-09-21T14:14:20Z")
        shown = (await call(one.session, "GET", f"{one.url}/{identity}"))[2]
        assert shown["expiresAt"] == "2026-09-21T14:14:20Z"
        clock.now += 60
        assert (await call(one.session, "GET", f"{one.url}/{identity}"))[0] == 404
        assert (await call(one.session, "GET", one.url))[2] == []
        one.simulator.move(NUMBER, "abroad")
        one.simulator.move(NUMBER, "home")
        await one.simulator.settled()
        assert one.sink.bodies[0]["data"]["terminationReason"] == "SUBSCRIPTION_EXPIRED"
        assert await one.came() == ["subscription-ended"]

    subscribing(test, clock=clock)


def test_subscriptions_are_listed_shown_and_deleted() -> None:
    document = Document("device-roaming-status-subscriptions")

    async def test(one: Subscriber) -> None:
        first, second = await one.subscribed("roaming-on", "roaming-off")
        status, _, listed = await call(one.session, "GET", one.url)
        assert (status, [told["id"] for told in listed]) == (200, [first, second])
        assert (await call(one.session, "GET", f"{one.url}/{second}"))[2] == listed[1]
        assert (await call(one.session, "DELETE", f"{one.url}/{first}"))[::2] == (204, None)
        assert await one.came() == ["subscription-ended"]
        for method in ("GET", "DELETE"):
            status, _, told = await call(one.session, method, f"{one.url}/{first}")
            document.judge_error(told, "Generic404")
            assert status == 404
        one.simulator.move(NUMBER, "abroad")
        assert await one.came() == []

    subscribing(test)


BAD_CREDENTIALS = {
    "INVALID_CREDENTIAL": {"credentialType": "PLAIN", "identifier": "x", "secret": "y"},
    "INVALID_TOKEN": {"credentialType": "ACCESSTOKEN", "accessToken": "a\nb", "accessTokenType": "bearer",
                      "accessTokenExpiresUtc": "2026-09-22T00:00:00Z"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"protocol": "KAFKA"}, (400, "INVALID_PROTOCOL")),
        ({"protocol": "FAX"}, (400, "INVALID_ARGUMENT")),
        ({"types": []}, (400, "INVALID_ARGUMENT")),
        ({"types": ["roaming-on"]}, (400, "INVALID_ARGUMENT")),
        ({"types": [TYPE + "subscription-ended"]}, (400, "INVALID_ARGUMENT")),
        ({"types": [TYPE + "roaming-on", TYPE + "roaming-off"]}, (422, "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED")),
        ({"config": {"subscriptionDetail": {}}}, (422, "MISSING_IDENTIFIER")),
        ({"config": {"subscriptionDetail": {"device": {"ipv6Address": "::1"}}}}, (422, "UNSUPPORTED_IDENTIFIER")),
        ({"config": {"subscriptionDetail": ASK, "subscriptionMaxEvents": 0}}, (400, "INVALID_ARGUMENT")),
        ({"config": {"subscriptionDetail": ASK, "subscriptionExpireTime": "2026-09-21T14:13:20Z"}}, (400, "INVALID_ARGUMENT")),
        ({"config": {"subscriptionDetail": ASK, "subscriptionExpireTime": "2030-09-21T14:13:20"}}, (400, "INVALID_ARGUMENT")),
        *(({"sinkCredential": value}, (400, code)) for code, value in BAD_CREDENTIALS.items()),
        *(({"sink": sink}, (400, "INVALID_SINK")) for sink in (
            "http://10.0.0.1/", "https://example.kz/sink", "https://127.0.0.1.example.kz/", "http://127.0.0.1@example.kz/", "file:///x",
            "https://[::ffff:10.0.0.1]/", "http://0.0.0.0/", "http://169.254.169.254/latest", "", "http://127.0.0.1\\.example.kz/",
        )),
    ],
)  # fmt: skip
def test_a_subscription_that_cannot_be_is_refused_as_the_api_says(
    change: dict[str, Any], expected: tuple[int, str]
) -> None:
    document = Document("device-roaming-status-subscriptions")

    async def test(one: Subscriber) -> None:
        status, told = await one.create({**wanting(one.sink.url), **change})
        document.judge_error(told, "CreateSubscriptionBadRequest400", "CreateSubscriptionUnprocessableEntity422")
        assert (status, told["code"]) == expected
        assert (await call(one.session, "GET", one.url))[2] == []

    subscribing(test)


def test_sinks_elsewhere_are_taken_where_that_is_allowed_and_over_https_only() -> None:
    async def go() -> list[int]:
        options = SimulatorOptions(sinks_anywhere=True)
        async with simulating(Simulated(), options=options) as (simulator, url), plain_client() as session:
            one = Subscriber(simulator, url, session, Peer())
            sinks = ("https://example.kz/sink", "http://example.kz/sink")
            return [(await one.create(wanting(sink)))[0] for sink in sinks]

    assert run(go()) == [201, 400]


def test_a_number_the_network_does_not_know_cannot_be_subscribed_to() -> None:
    async def test(one: Subscriber) -> Any:
        return await one.create(wanting(one.sink.url))

    status, told = subscribing(test, Simulated(default="unknown"))
    assert (status, told["code"]) == (422, "SERVICE_NOT_APPLICABLE")


def test_a_sink_that_refuses_or_is_gone_holds_nothing_up() -> None:
    async def test(one: Subscriber) -> tuple[int, int]:
        async with listening(Peer(204)) as gone:
            nowhere = gone.url
        await one.subscribed("roaming-on")
        await one.create(wanting(nowhere))
        one.simulator.move(NUMBER, "abroad")
        return await one.simulator.settled()

    assert subscribing(test, status=500) == (0, 2)
    assert subscribing(test, status=307) == (0, 2)


def test_a_sinks_redirect_is_not_followed() -> None:
    async def test(one: Subscriber) -> tuple[tuple[int, int], int]:
        async with listening(Peer(204)) as elsewhere:
            one.sink.status, one.sink.headers = 307, {"Location": elsewhere.url + "/"}
            await one.subscribed("roaming-on")
            one.simulator.move(NUMBER, "abroad")
            return await one.simulator.settled(), len(elsewhere.asked)

    assert subscribing(test) == ((0, 1), 0)


def test_a_network_that_is_down_tells_nobody() -> None:
    async def test(one: Subscriber) -> list[str]:
        await one.subscribed("roaming-on")
        one.simulator.network.behaviour = "down"
        one.simulator.move(NUMBER, "abroad")
        return await one.came()

    assert subscribing(test) == []


def test_a_move_to_a_country_without_a_code_is_refused() -> None:
    simulator = CamaraSimulator(Simulated(), Clock())
    with pytest.raises(TosqauylError):
        simulator.move(NUMBER, "abroad", "XX")
    assert all(len(name) == 2 and 200 <= code < 800 for name, code in MOBILE_COUNTRY_CODES.items())


# The command


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    roaming.add_parser(parser.add_subparsers())
    return parser.parse_args(["roaming", "simulate", *arguments])


def test_a_list_of_those_abroad_is_read_as_the_gate_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "abroad.txt"
    file.write_text(f"# on holiday\n{NUMBER}\n77010000002  # no plus\r\n\n", "utf-8")
    assert roaming.read_abroad(file) == {NUMBER, OTHER}
    file.write_text(f"{NUMBER}\n8-701-000\n\n0123456\n", "utf-8")
    with pytest.raises(TosqauylError, match="line 2, 4") as told:
        roaming.read_abroad(file)
    assert "8-701" not in str(told.value)
    with pytest.raises(TosqauylError, match="cannot be read"):
        roaming.read_abroad(tmp_path / "none")


@pytest.mark.parametrize("arguments", [("--delay-ms", "-1"), ("--delay-ms", "nan"), ("--behaviour", "odd")])
def test_flags_that_make_no_sense_are_refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(*arguments)
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [("--certificate", "no-such"), ("--key", "no-such"), ("--token-file", "no-such"), ("--abroad", "no-such")],
)
def test_files_that_cannot_be_used_are_told(arguments: tuple[str, ...]) -> None:
    with pytest.raises(TosqauylError):
        roaming.run(parsed("--listen", "127.0.0.1:0", *arguments))


PROGRAM = """
import argparse, sys
from tosqauyl.cli import roaming
parser = argparse.ArgumentParser()
roaming.add_parser(parser.add_subparsers())
options = parser.parse_args(sys.argv[1:])
sys.exit(options.run(options))
"""


def test_the_command_runs_until_stopped_and_reads_its_list_again(tmp_path: Path) -> None:
    abroad, token = tmp_path / "abroad.txt", tmp_path / "token"
    abroad.write_text(NUMBER + "\n")
    token.write_text("t0ken\n")

    async def go() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, "roaming", "simulate", "--listen", "127.0.0.1:0", "--abroad", str(abroad),
            "--delay-ms", "0", "--token-file", str(token),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            ready = (await process.stdout.readline()).decode().split()
            assert ready[0] == "ready"
            assert ready[1].startswith("http:127.0.0.1:")
            assert ready[1].endswith("/device-roaming-status/v1")
            url = ready[1].replace("http:", "http://", 1)
            async with plain_client() as session, listening(Peer(204)) as sink:
                came = asyncio.Event()

                async def note() -> None:
                    came.set()

                sink.before = note
                right = {"Authorization": "Bearer t0ken"}
                assert (await call(session, "POST", url + "/retrieve", ASK))[0] == 401
                assert (await call(session, "POST", url + "/retrieve", ASK, **right))[2]["roaming"] is True
                place = url.partition("/device-")[0] + SUBSCRIPTIONS_PATH
                assert (await call(session, "POST", place, wanting(sink.url, "roaming-off"), **right))[0] == 201
                abroad.write_text(OTHER + "\n")
                process.send_signal(signal.SIGHUP)
                await came.wait()
                assert (await call(session, "POST", url + "/retrieve", ASK, **right))[2]["roaming"] is False
            process.terminate()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    run(go())
