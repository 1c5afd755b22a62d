"""The node over real TLS on loopback: who may do what, what bodies are taken, what becomes of questions that wait."""

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from origination_node import CALLED, CALLER, Clock, Operators, url_of

from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.origination import wire
from tosqauyl.networks.origination.client import Connections, Identity
from tosqauyl.networks.origination.node import Node, agreement_of
from tosqauyl.networks.origination.tokens import Keys, load_keys, make_key, token
from tosqauyl.numbers.plan import load_plan


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Operators:
    return Operators(tmp_path_factory.mktemp("operators"))


WINDOW = 25.0
"""Longer than a ledger must have listened before it may say no."""


async def send(node: Node, identity: Identity, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connections = Connections((url_of(node),), identity)
    try:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        reply = await connections.send(method, path, raw)
        return reply.status, json.loads(reply.body) if reply.body[:1] == b"{" else reply.body
    finally:
        await connections.close()


def run(operators: Operators, steps: Callable[[Node, Clock], Awaitable[None]], **ledger: Any) -> None:
    async def main() -> None:
        clock = Clock()
        async with operators.node("kcell", clock, **ledger) as node:
            await asyncio.wait_for(steps(node, clock), 20)

    asyncio.run(main())


async def in_sync(operators: Operators, node: Node, clock: Clock) -> None:
    switch = operators.identity("switch.kcell")
    assert (await send(node, switch, "POST", wire.ALIVE, {}))[0] == 200
    clock.pass_(WINDOW)
    status, state = await send(node, switch, "POST", wire.ALIVE, {})
    assert (status, state["in_sync"], state["why"]) == (200, True, "")


def report(
    clock: Clock, id: str = "call-1", caller: str = CALLER, called: str = CALLED, ago: float = 0.0
) -> dict[str, Any]:
    return {"reports": [{"id": id, "caller": caller, "called": called, "at": clock()[1] - ago}]}


def question(operators: Operators, clock: Clock, caller: str = CALLER, called: str = CALLED) -> dict[str, Any]:
    backend = operators.backend("beeline", "kcell", ("https://127.0.0.2:1",))
    return json.loads(backend.question(caller, called, clock()[1]))


def test_a_reported_call_is_yes_and_another_one_no(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await in_sync(operators, node, clock)
        switch, gate = operators.identity("switch.kcell"), operators.gate("beeline")
        assert await send(node, switch, "POST", wire.REPORTS, report(clock)) == (200, {"taken": 1, "refused": []})
        status, said = await send(node, gate, "POST", wire.QUESTIONS, question(operators, clock))
        assert (status, said["state"], said["why"]) == (200, "yes", "")
        assert abs(said["now"] - clock()[1]) < 5
        status, said = await send(node, gate, "POST", wire.QUESTIONS, question(operators, clock, called=CALLER))
        assert (status, said["state"]) == (200, "no")

    run(operators, steps)


def test_a_report_within_the_grace_makes_a_waiting_question_yes(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await in_sync(operators, node, clock)
        asked = asyncio.ensure_future(
            send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, question(operators, clock))
        )
        while not node.ledger.state()["waiting"]:
            await asyncio.sleep(0)
        await send(node, operators.identity("switch.kcell"), "POST", wire.REPORTS, report(clock))
        assert (await asked)[1]["state"] == "yes"

    run(operators, steps, grace=2.0)


def test_a_node_that_just_started_says_unknown(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        asked = question(operators, clock)
        status, said = await send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, asked)
        assert (status, said["state"], said["why"]) == (200, "unknown", "starting")

    run(operators, steps)


def test_tokens_may_be_base64url(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await send(node, operators.identity("switch.kcell"), "POST", wire.REPORTS, report(clock))
        asked = question(operators, clock)
        asked["tokens"] = [base64.urlsafe_b64encode(bytes.fromhex(one)).decode().rstrip("=") for one in asked["tokens"]]
        assert (await send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, asked))[1]["state"] == "yes"

    run(operators, steps)


def test_reports_that_are_replayed_foreign_late_or_early_are_refused_each_with_its_reason(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        one = report(clock)["reports"][0]
        told = [one, one, {**one, "id": "2", "caller": CALLED}, {**one, "id": "3", "at": one["at"] - 3600}]
        told += [{**one, "id": "4", "at": one["at"] + 3600}, {**one, "id": "5", "caller": "anonymous"}]
        status, answer = await send(node, operators.identity("switch.kcell"), "POST", wire.REPORTS, {"reports": told})
        whys = ["replayed", "foreign", "late", "early", "malformed"]
        refused = [{"index": index, "why": why} for index, why in enumerate(whys, 1)]
        assert (status, answer) == (200, {"taken": 1, "refused": refused})

    run(operators, steps)


@pytest.mark.parametrize(
    "body", [b"{", b'{"reports": [{"id": "1", "caller": "", "called": "1", "at": 1}]}', b" " * 70_000]
)
def test_reports_that_cannot_be_read_make_it_deny_nothing(operators: Operators, body: bytes) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await in_sync(operators, node, clock)
        switch = operators.identity("switch.kcell")
        assert (await send(node, switch, "POST", wire.REPORTS, body))[0] in (400, 413, 422)
        asked = question(operators, clock)
        status, said = await send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, asked)
        assert (status, said["state"], said["why"]) == (200, "unknown", "not-in-sync")

    run(operators, steps)


def test_nobody_but_a_switch_can_make_it_doubt_what_it_was_told(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await in_sync(operators, node, clock)
        for name in ("gate.beeline", "stranger.nowhere", "admin.kcell"):
            for path in (wire.REPORTS, wire.ALIVE):
                assert (await send(node, operators.identity(name), "POST", path, {"lost": 1}))[0] == 403
        assert node.ledger.in_sync(clock()[0]) == ""

    run(operators, steps)


def test_a_switch_that_says_it_lost_calls_is_believed(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await in_sync(operators, node, clock)
        switch = operators.identity("switch.kcell")
        assert (await send(node, switch, "POST", wire.ALIVE))[1]["in_sync"]
        assert (await send(node, switch, "POST", wire.ALIVE, {"lost": -1}))[0] == 422
        assert (await send(node, switch, "POST", wire.ALIVE, {"lost": 3}))[1]["why"] == "not-in-sync"

    run(operators, steps)


def test_a_token_under_another_pairs_key_is_nobodys_call(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        await in_sync(operators, node, clock)
        await send(node, operators.identity("switch.kcell"), "POST", wire.REPORTS, report(clock))
        asked = question(operators, clock)
        asked["tokens"] = [token(b"x" * 32, CALLER, CALLED, index).hex() for index in range(len(asked["tokens"]))]
        assert (await send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, asked))[1]["state"] == "no"
        asked["key"] = "2020-01"
        assert (await send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, asked))[1]["why"] == "unknown-key"

    run(operators, steps)


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("stranger.nowhere", "POST", wire.QUESTIONS),
        ("stranger.nowhere", "POST", wire.REPORTS),
        ("stranger.nowhere", "GET", wire.STATUS),
        ("gate.beeline", "POST", wire.REPORTS),
        ("gate.beeline", "POST", wire.ALIVE),
        ("switch.beeline", "POST", wire.REPORTS),
        ("switch.kcell", "POST", wire.QUESTIONS),
        ("admin.kcell", "POST", wire.QUESTIONS),
    ],
)
def test_a_certificate_that_may_not_gets_403_without_a_word_why(
    operators: Operators, name: str, method: str, path: str
) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        status, problem = await send(node, operators.identity(name), method, path, {} if method == "POST" else None)
        assert status == 403
        assert "detail" not in problem
        assert problem["type"] == "urn:tosqauyl:problem:not-allowed"

    run(operators, steps)


def test_without_a_certificate_of_the_authority_there_is_no_answer(operators: Operators, tmp_path: Path) -> None:
    other = Operators(tmp_path)
    forged = replace(other.gate("beeline"), ca=operators.gate("beeline").ca)

    async def steps(node: Node, clock: Clock) -> None:
        with pytest.raises(AskFailed) as failed:
            await send(node, forged, "GET", wire.HEALTH)
        assert failed.value.kind == "down"
        context = ssl.create_default_context(cafile=forged.ca)
        host, port = url_of(node).removeprefix("https://").split(":")
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await _first_byte(host, int(port), context)

    run(operators, steps)


async def _first_byte(host: str, port: int, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    return await reader.readexactly(1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"key":' + b"[" * 30_000, 422),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"key": "a", "tokens": [], "at": 1}', 422),
        (b'{"key": "a", "tokens": ["zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"], "at": 1}', 422),
        (b'{"key": "a", "tokens": ["00000000000000000000000000000000"], "at": "1"}', 422),
        (b'{"key": "a", "tokens": ["00000000000000000000000000000000"], "at": 1, "+77010000001": 1}', 422),
        (b'{"key": "a", "tokens": ["00000000000000000000000000000000"], "at": 1e300}', 422),
        (b" " * 70_000, 413),
    ],
)
def test_a_body_that_is_none_is_refused_and_nothing_of_it_repeated(
    operators: Operators, body: bytes, expected: int
) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        status, problem = await send(node, operators.gate("beeline"), "POST", wire.QUESTIONS, body)
        assert (status, problem["status"]) == (expected, expected)
        assert "7701" not in str(problem)
        assert node.server.counters.total() == 1

    run(operators, steps)


def test_paths_and_methods_that_are_none_are_told(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        gate = operators.gate("beeline")
        assert (await send(node, gate, "GET", "/v1/origination"))[0] == 404
        assert (await send(node, gate, "GET", wire.QUESTIONS))[0] == 405
        assert await send(node, gate, "GET", wire.HEALTH) == (200, b"ok\n")
        assert (await send(node, operators.identity("stranger.nowhere"), "GET", wire.HEALTH))[0] == 200

    run(operators, steps)


def test_a_member_that_asks_too_often_is_told_to_wait(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        backend = operators.backend("beeline", "kcell", (url_of(node),))
        first, second = await asyncio.gather(
            *(backend.originated(CALLER, CALLED, clock()[1]) for _ in range(2)), return_exceptions=True
        )
        await backend.close()
        failed = next(one for one in (first, second) if isinstance(one, AskFailed))
        assert (failed.kind, failed.retry_after) == ("limited", 1.0)

    run(operators, steps, questions_per_second=1)


def test_members_see_whether_it_is_in_sync_and_admins_the_counters(operators: Operators) -> None:
    async def steps(node: Node, clock: Clock) -> None:
        status, state = await send(node, operators.gate("beeline"), "GET", wire.STATUS)
        assert (status, state["operator"], state["in_sync"], state["why"]) == (200, "kcell", False, "starting")
        assert "counters" not in state
        await send(node, operators.identity("switch.kcell"), "POST", wire.REPORTS, report(clock))
        status, state = await send(node, operators.identity("admin.kcell"), "GET", wire.STATUS)
        assert state["counters"]["counters"]["taken"] == 1
        assert state["counters"]["tls"]["failed"] == 0

    run(operators, steps)


def test_a_reload_takes_the_new_certificate_and_keeps_connections(operators: Operators, tmp_path: Path) -> None:
    own = Operators(tmp_path)

    async def main() -> None:
        async with own.node("kcell") as node:
            gate = own.gate("beeline")
            kept = Connections((url_of(node),), gate)
            assert (await kept.send("GET", wire.HEALTH)).status == 200
            before = await _serial(node, gate)
            own._signed.pop("node.kcell")
            own.signed("node.kcell")
            await node.reload()
            assert await _serial(node, gate) != before
            assert (await kept.send("GET", wire.HEALTH)).status == 200
            Path(node.server.tls.files.key).write_text("no key")
            await node.reload()
            assert await _serial(node, gate) != before
            assert node.server.tls.failed == 1
            await kept.close()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_reload_takes_the_new_keys_and_a_bad_folder_changes_nothing(tmp_path: Path) -> None:
    own, told = Operators(tmp_path), list[str]()

    async def main() -> None:
        clock = Clock()
        node = Node(own.settings("kcell"), load_plan, told.append, clock)
        await node.start()
        await in_sync(own, node, clock)
        newer = own.keys("kcell") / "newer.toml"
        newer.touch(0o600)
        newer.write_text(make_key("beeline", "2026-02", b"n" * 32))
        await node.reload()
        asked = question(own, clock) | {"key": "2026-02"}
        said = (await send(node, own.gate("beeline"), "POST", wire.QUESTIONS, asked))[1]
        assert (said["state"], said["why"]) == ("unknown", "starting")
        newer.chmod(0o644)
        await node.reload()
        assert [one.id for one in node.ledger.keys.of("beeline")] == ["2026-02", "2026-01"]
        for file in own.keys("kcell").iterdir():
            file.unlink()
        await node.reload()
        assert node.ledger.keys.peers == ("beeline", "kcell")
        assert node.reloads == {"reloaded": 4, "failed": 2}, "keys once, ported numbers each time"
        await node.stop()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert ["others may read a key" in one for one in told] == [True, False]
    assert all(one.startswith("ALARM: the keys of pairs were not loaded anew") for one in told)
    assert not any((b"n" * 32).hex() in one for one in told)


def test_nodes_agree_only_where_all_is_the_same_that_decides_what_is_written(operators: Operators) -> None:
    options, plan = operators.settings("kcell").ledger, load_plan()
    keys = load_keys(operators.keys("kcell"))
    usual = agreement_of(options, keys, plan)
    others = [
        agreement_of(options, Keys(keys.of("kcell")), plan),
        agreement_of(options, keys, load_plan({"+77010000009": "beeline"})),
        agreement_of(replace(options, askers={}), keys, plan),
        agreement_of(replace(options, switches=("switch", "another")), keys, plan),
        agreement_of(replace(options, ttl=61.0), keys, plan),
    ]
    assert usual == agreement_of(replace(options, records=5_000), keys, load_plan())
    assert len({usual, *others}) == 6


async def _serial(node: Node, identity: Identity) -> bytes:
    """The certificate that a new connection is shown."""
    host, port = url_of(node).removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=identity.context())
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


def test_one_connection_too_many_is_closed(operators: Operators) -> None:
    async def main() -> None:
        settings = operators.settings("kcell")
        settings = replace(settings, server=replace(settings.server, connections=1))
        node = Node(settings, load_plan, print, Clock())
        await node.start()
        first = Connections((url_of(node),), operators.gate("beeline"))
        assert (await first.send("GET", wire.HEALTH)).status == 200
        with pytest.raises(AskFailed):
            await send(node, operators.gate("kcell"), "GET", wire.HEALTH)
        assert node.server.counters["refused_full"] >= 1
        await first.close()
        await node.stop()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_connection_without_a_request_is_closed(operators: Operators, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tosqauyl.networks.origination.server.FIRST_SECONDS", 0.2)

    async def steps(node: Node, clock: Clock) -> None:
        host, port = url_of(node).removeprefix("https://").split(":")
        context = operators.gate("beeline").context()
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        assert await reader.read() == b""
        writer.close()
        assert node.server.counters["silent"] == 1

    run(operators, steps)


def test_keys_are_shared_by_both_sides(operators: Operators) -> None:
    ours, theirs = load_keys(operators.keys("kcell")), load_keys(operators.keys("beeline"))
    assert ours.of("beeline")[0].secret == theirs.of("kcell")[0].secret
