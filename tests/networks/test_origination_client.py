"""A gate of beeline asks the nodes of kcell, and its own: what it makes of answers, silence, and nonsense."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from origination_node import CALLED, CALLER, HOSTS, Clock, Operators, url_of

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.origination import wire
from tosqauyl.networks.origination.client import (
    LedgerBackend,
    ReportClient,
    ReportClientOptions,
    checked_url,
)
from tosqauyl.networks.origination.node import Node
from tosqauyl.networks.origination.tokens import Keys, load_keys
from tosqauyl.numbers.plan import load_plan
from tosqauyl.tls import TlsFiles, server_context

WINDOW = 25.0


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Operators:
    return Operators(tmp_path_factory.mktemp("operators"))


def port_of(node: Node) -> int:
    return int(url_of(node).rpartition(":")[2])


@asynccontextmanager
async def asking(
    operators: Operators, own: str, asked: str, *urls: str, **changes: Any
) -> AsyncIterator[LedgerBackend]:
    backend = operators.backend(own, asked, urls, **({"roamers": True} | changes))
    try:
        yield backend
    finally:
        await backend.close()


async def synchronised(switch: ReportClient, clock: Clock) -> None:
    await switch.alive()
    clock.pass_(WINDOW)
    await switch.alive()


def ended(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main, 20))


def test_two_operators_each_answer_for_their_own_calls_only(operators: Operators) -> None:
    """The clocks of nodes go ahead of the gate's here, so the questions carry the node's time."""

    async def main() -> None:
        clocks = {name: Clock() for name in HOSTS}
        async with (
            operators.node("kcell", clocks["kcell"]) as kcell,
            operators.node("beeline", clocks["beeline"]) as beeline,
        ):
            nodes = {"kcell": kcell, "beeline": beeline}
            for name, node in nodes.items():
                async with operators.reporting(name, port_of(node)) as switch:
                    await synchronised(switch, clocks[name])
                    caller, called = (CALLER, CALLED) if name == "kcell" else (CALLED, CALLER)
                    switch.report("1", caller, called, clocks[name]()[1])
                    await switch.flush()
                    switch.report("2", "+77710000003", called, clocks[name]()[1])
                    switch.report("3", "+77010000009", called, clocks[name]()[1])
                    await switch.flush()
                    assert switch.counters["taken"] == 2
                    assert switch.counters["refused-foreign"] == 1
            for own, asked, caller, called, state in (
                ("beeline", "kcell", CALLER, CALLED, "yes"),
                ("kcell", "beeline", CALLED, CALLER, "yes"),
                ("kcell", "kcell", CALLER, CALLED, "yes"),
                ("beeline", "kcell", CALLED, CALLER, "no"),
                ("kcell", "beeline", CALLER, CALLED, "no"),
            ):
                clock = clocks[asked]
                backend = operators.backend(own, asked, (url_of(nodes[asked]),), roamers=True)
                backend._clock = lambda clock=clock: clock()[1]
                assert (await backend.originated(caller, called, clock()[1])).state == state, (own, asked)
                await backend.close()

    ended(main())


def test_a_no_of_a_ledger_that_does_not_see_roamers_is_not_here(operators: Operators) -> None:
    async def main() -> None:
        async with stub(operators, {"state": "no", "why": ""}) as url:
            for roamers, state in ((False, "not_here"), (True, "no")):
                async with asking(operators, "beeline", "kcell", url, roamers=roamers) as backend:
                    assert (await backend.originated(CALLER, CALLED, now())).state == state

    ended(main())


def test_a_node_that_was_started_again_says_unknown_and_not_no(operators: Operators) -> None:
    async def main() -> None:
        clock = Clock()
        for _ in range(2):
            async with operators.node("kcell", clock) as node:
                backend = operators.backend("beeline", "kcell", (url_of(node),))
                backend._clock = lambda: clock()[1]
                async with operators.reporting("kcell", port_of(node)) as switch:
                    await switch.alive()
                    said = await backend.originated(CALLER, CALLED, clock()[1])
                    assert (said.state, said.why) == ("unknown", "starting")
                    await synchronised(switch, clock)
                    assert (await backend.originated(CALLER, CALLED, clock()[1])).state == "not_here"
                await backend.close()

    ended(main())


def test_a_node_that_cannot_be_reached_is_down(operators: Operators) -> None:
    async def main() -> None:
        async with operators.node("kcell") as node:
            url = url_of(node)
        async with asking(operators, "beeline", "kcell", url) as backend:
            with pytest.raises(AskFailed) as failed:
                await backend.originated(CALLER, CALLED, now())
        assert failed.value.kind == "down"

    ended(main())


def test_the_second_node_is_asked_when_the_first_is_down_and_stays_first(operators: Operators) -> None:
    async def main() -> None:
        async with operators.node("kcell") as gone:
            dead = url_of(gone)
        async with operators.node("kcell") as node, operators.reporting("kcell", port_of(node)) as switch:
            switch.report("1", CALLER, CALLED, now())
            await switch.flush()
            async with asking(operators, "beeline", "kcell", dead, url_of(node)) as backend:
                assert (await backend.originated(CALLER, CALLED, now())).state == "yes"
                assert backend._connections.urls == [url_of(node), dead]

    ended(main())


def test_a_node_that_does_not_know_our_certificate_refuses(operators: Operators) -> None:
    async def main() -> None:
        async with operators.node("kcell") as node:
            identity = operators.identity("stranger.nowhere")
            async with asking(operators, "beeline", "kcell", url_of(node), identity=identity) as backend:
                with pytest.raises(AskFailed) as failed:
                    await backend.originated(CALLER, CALLED, now())
        assert failed.value.kind == "refused"

    ended(main())


def test_a_node_whose_certificate_is_not_trusted_is_not_asked(operators: Operators, tmp_path: Path) -> None:
    other = Operators(tmp_path)

    async def main() -> None:
        async with operators.node("kcell") as node:
            for url in (url_of(node), url_of(node).replace(HOSTS["kcell"], "localhost")):
                identity = other.gate("beeline") if "localhost" not in url else operators.gate("beeline")
                async with asking(operators, "beeline", "kcell", url, identity=identity) as backend:
                    with pytest.raises(AskFailed) as failed:
                        await backend.originated(CALLER, CALLED, now())
                assert failed.value.kind in ("refused", "down")

    ended(main())


Answer = dict[str, Any] | bytes | web.Response


@asynccontextmanager
async def stub(operators: Operators, answer: Answer | Callable[[], Answer]) -> AsyncIterator[str]:
    """A node of kcell's certificate that always answers the same."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        said = answer() if callable(answer) else answer
        if isinstance(said, web.Response):
            return said
        if isinstance(said, dict):
            said = json.dumps({"now": now()} | said).encode()
        return web.Response(body=said, content_type=wire.JSON)

    signed = operators.signed("node.kcell")
    context = server_context(TlsFiles(str(signed.certificate), str(signed.key), str(operators.authority.certificate)))
    http = web.Server(handle)
    server = await asyncio.get_running_loop().create_server(http, HOSTS["kcell"], 0, ssl=context)
    try:
        yield "https://{}:{}".format(*server.sockets[0].getsockname()[:2])
    finally:
        server.close()
        await http.shutdown(1)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"state": "perhaps", "why": ""}, "malformed"),
        ({"state": "yes"}, "malformed"),
        ({"state": "yes", "why": "", "extra": 1}, "malformed"),
        ({"state": "yes", "why": 7}, "malformed"),
        ({"state": "no", "why": "starting"}, "malformed"),
        ({"state": "unknown", "why": ""}, "malformed"),
        ({"state": "no", "why": "", "now": 1.0}, "wrong"),
        ({"state": "no", "why": "", "now": 4e9}, "wrong"),
        ({"state": "no", "why": "", "now": "1"}, "malformed"),
        (b"", "malformed"),
        (b"{" * 50_000, "malformed"),
        (b"\xff" * 200, "malformed"),
        (b" " * 100_000, "malformed"),
    ],
)
def test_an_answer_that_makes_no_sense_is_none(operators: Operators, answer: Answer, kind: str) -> None:
    async def main() -> None:
        async with stub(operators, answer) as url, asking(operators, "beeline", "kcell", url) as backend:
            with pytest.raises(AskFailed) as failed:
                await backend.originated(CALLER, CALLED, now())
        assert failed.value.kind == kind

    ended(main())


@pytest.mark.parametrize(
    ("status", "headers", "kind", "retry_after"),
    [
        (429, {"Retry-After": "7"}, "limited", 7.0),
        (429, {"Retry-After": "soon"}, "limited", 0.0),
        (403, {}, "refused", 0.0),
        (422, {}, "refused", 0.0),
        (503, {"Retry-After": "2"}, "down", 2.0),
        (302, {"Location": "https://127.0.0.2:1/"}, "malformed", 0.0),
        (204, {}, "malformed", 0.0),
    ],
)
def test_other_statuses_are_failures_of_their_kind(
    operators: Operators, status: int, headers: dict[str, str], kind: str, retry_after: float
) -> None:
    async def main() -> None:
        answer = web.Response(status=status, headers=headers)
        async with stub(operators, answer) as url, asking(operators, "beeline", "kcell", url) as backend:
            with pytest.raises(AskFailed) as failed:
                await backend.originated(CALLER, CALLED, now())
        assert (failed.value.kind, failed.value.retry_after) == (kind, retry_after)

    ended(main())


def test_bytes_that_are_no_http_are_malformed(operators: Operators) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01 what do you want\r\n\r\n")
        await writer.drain()
        writer.close()

    async def main() -> None:
        signed = operators.signed("node.kcell")
        context = server_context(
            TlsFiles(str(signed.certificate), str(signed.key), str(operators.authority.certificate))
        )
        server = await asyncio.start_server(talk, HOSTS["kcell"], 0, ssl=context)
        url = "https://{}:{}".format(*server.sockets[0].getsockname()[:2])
        async with server, asking(operators, "beeline", "kcell", url) as backend:
            with pytest.raises(AskFailed) as failed:
                await backend.originated(CALLER, CALLED, now())
        assert failed.value.kind == "malformed"

    ended(main())


def test_the_question_holds_tokens_and_no_number(operators: Operators) -> None:
    asked = operators.backend("beeline", "kcell", ("https://127.0.0.2:1",)).question(CALLER, CALLED, 1_767_225_612.0)
    assert json.loads(asked)["at"] == 1_767_225_612.0
    assert len(json.loads(asked)["tokens"]) == 3
    assert CALLER.encode()[1:] not in asked
    assert CALLED.encode()[1:] not in asked


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.2:8443", "https://", "https://a:99999", "https://user@a", "https://a/path", "a", "https://a?b"],
)
def test_only_https_addresses_are_asked(url: str) -> None:
    with pytest.raises(TosqauylError):
        checked_url(url)


def test_a_backend_without_a_key_or_files_is_not_made(operators: Operators) -> None:
    options = operators.backend("beeline", "kcell", ("https://127.0.0.2:1",)).options
    for wrong in (
        replace(options, keys=Keys(())),
        replace(options, urls=()),
        replace(options, identity=replace(options.identity, key="nowhere")),
        replace(options, identity=replace(options.identity, ca=options.identity.key)),
    ):
        with pytest.raises(TosqauylError):
            LedgerBackend(wrong, load_plan)


@pytest.mark.parametrize(("caller", "at"), [("+7\ud800", 1.0), ("7" * 70_000, 1.0), (CALLER, float("nan"))])
def test_a_call_that_cannot_be_asked_about_is_a_failure(operators: Operators, caller: str, at: float) -> None:
    async def main() -> None:
        async with asking(operators, "beeline", "kcell", "https://127.0.0.2:1") as backend:
            with pytest.raises(AskFailed) as failed:
                await backend.originated(caller, CALLED, at)
        assert failed.value.kind == "malformed"

    ended(main())


def test_the_newest_key_is_asked_with(operators: Operators) -> None:
    keys = load_keys(operators.keys("beeline"))
    newer = Keys([*keys.of("kcell"), replace(keys.of("kcell")[0], id="2026-02")])
    options = operators.backend("beeline", "kcell", ("https://127.0.0.2:1",)).options
    assert (
        json.loads(LedgerBackend(replace(options, keys=newer), load_plan).question(CALLER, CALLED, 1.0))["key"]
        == "2026-02"
    )


def test_reports_wait_while_the_node_is_away_and_the_oldest_gives_way(
    operators: Operators, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tosqauyl.networks.origination.client.MOST_WAITING", 150)

    async def main() -> None:
        async with operators.node("kcell") as gone:
            port = port_of(gone)
        switch = operators.reporting("kcell", port)
        for index in range(160):
            switch.report(str(index), CALLER, CALLED, now())
        with pytest.raises(AskFailed):
            await switch.flush()
        assert switch.counters == {"lost": 10}
        settings = operators.settings("kcell")
        settings = replace(settings, server=replace(settings.server, port=port))
        node = Node(settings, load_plan, print)
        await node.start()
        await switch.flush()
        assert switch.counters == {"lost": 10, "taken": 150, "refused": 0}
        await switch.close()
        await node.stop()

    ended(main())


def test_what_was_lost_is_told_to_every_node_with_the_next_sign_of_life(operators: Operators) -> None:
    async def main() -> None:
        clock = Clock()
        async with operators.node("kcell", clock) as node, operators.node("kcell", clock) as other:
            switch = ReportClient(
                ReportClientOptions((url_of(node), url_of(other)), operators.identity("switch.kcell"))
            )
            await synchronised(switch, clock)
            assert [one.ledger.in_sync(clock()[0]) for one in (node, other)] == ["", ""]
            for wrong in ("", "7" * 65, "+7\ud800"):
                switch.report("1", wrong, CALLED, now())
            switch.report("2", CALLER, CALLED, float("nan"))
            switch.report("3", CALLER, CALLED, now())
            await switch.flush()
            assert switch.counters == {"lost": 4, "taken": 1, "refused": 0}
            await switch.alive()
            assert [one.ledger.in_sync(clock()[0]) for one in (node, other)] == ["not-in-sync"] * 2
            clock.pass_(WINDOW)
            await switch.alive()
            assert [one.ledger.in_sync(clock()[0]) for one in (node, other)] == ["", ""]
            await switch.close()

    ended(main())


def test_a_started_client_reports_and_says_alive_by_itself(operators: Operators) -> None:
    async def main() -> None:
        async with operators.node("kcell") as node, operators.reporting("kcell", port_of(node)) as switch:
            switch.report("1", CALLER, CALLED, now())
            while not switch.counters["taken"] or node.ledger.in_sync(node.server.clock()[0]) != "starting":
                await asyncio.sleep(0)

    ended(main())


def test_tls_of_another_authority_cannot_be_used_by_mistake(operators: Operators) -> None:
    context = operators.gate("beeline").context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def now() -> float:
    return Clock()()[1]
