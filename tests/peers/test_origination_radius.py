"""A node's RADIUS side and a real RADIUS client: FreeRADIUS's radclient."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from origination_node import CALLED, CALLER, Clock, Operators, url_of

from tosqauyl.networks.origination.node import Node
from tosqauyl.networks.origination.radius import RadiusOptions, RadiusSwitch
from tosqauyl.numbers.plan import load_plan

pytestmark = pytest.mark.peers("radclient")

SECRET = "0123456789abcdef"
START = f'Acct-Status-Type = Start, Acct-Session-Id = "a-1", Calling-Station-Id = "{CALLER}", Called-Station-Id = "{CALLED}"'


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Operators:
    return Operators(tmp_path_factory.mktemp("operators"))


async def radclient(node: Node, attributes: str, secret: str = SECRET, kind: str = "acct") -> tuple[int, str]:
    """Exit code and words of one request; not answered in a second is 1."""
    assert node.radius is not None
    place = node.radius.bound.removeprefix("radius:")

    def run() -> tuple[int, str]:
        command = ["radclient", "-x", "-r", "1", "-t", "1", place, kind, secret]
        done = subprocess.run(command, input=attributes, capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    return await asyncio.to_thread(run)


def run(operators: Operators, steps: Callable[[Node], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        switch = RadiusSwitch("switch", "127.0.0.1", SECRET.encode())
        radius = RadiusOptions("127.0.0.1", 0, (switch,), **options)
        node = Node(replace(operators.settings("kcell"), radius=radius), load_plan, print, Clock())
        await node.start()
        try:
            await asyncio.wait_for(steps(node), 30)
        finally:
            await node.stop()

    asyncio.run(main())


async def asked(operators: Operators, node: Node) -> str:
    backend = operators.backend("beeline", "kcell", (url_of(node),))
    try:
        return (await backend.originated(CALLER, CALLED, Clock()()[1])).state
    finally:
        await backend.close()


def counters(node: Node) -> dict[str, int]:
    assert node.radius is not None
    return dict(node.radius.accounting.counters)


def test_a_start_is_answered_and_the_call_is_found(operators: Operators) -> None:
    async def steps(node: Node) -> None:
        code, words = await radclient(node, START)
        assert code == 0, words
        assert "Received Accounting-Response" in words
        assert await asked(operators, node) == "yes"
        code, words = await radclient(node, START)  # another request about the same session
        assert code == 0, words
        assert counters(node) == {"started": 1, "refused-replayed": 1}

    run(operators, steps)


@pytest.mark.parametrize("status", ["Stop", "Interim-Update", "Accounting-On", "Accounting-Off"])
def test_everything_else_is_answered_and_no_call(operators: Operators, status: str) -> None:
    async def steps(node: Node) -> None:
        code, words = await radclient(node, START.replace("Start", status))
        assert code == 0, words
        assert await asked(operators, node) == "unknown"
        assert counters(node) == {"alive": 1}

    run(operators, steps)


def test_a_message_authenticator_is_checked_and_given_back(operators: Operators) -> None:
    async def steps(node: Node) -> None:
        code, words = await radclient(node, START)
        assert code == 1, words
        code, words = await radclient(node, f"{START}, Message-Authenticator = 0x00")
        assert code == 0, words
        assert words.count("Message-Authenticator") >= 2
        assert counters(node) == {"unauthenticated": 1, "started": 1}

    run(operators, steps, demand_authenticator=True)


def test_status_server_is_answered(operators: Operators) -> None:
    async def steps(node: Node) -> None:
        code, words = await radclient(node, "Message-Authenticator = 0x00", kind="status")
        assert code == 0, words
        assert counters(node) == {"alive": 1}

    run(operators, steps)


def test_another_secret_is_not_answered(operators: Operators) -> None:
    async def steps(node: Node) -> None:
        code, _ = await radclient(node, START, secret="another secret!!")
        assert code == 1
        assert counters(node) == {"forged": 1}
        assert await asked(operators, node) == "unknown"

    run(operators, steps)


def test_event_timestamp_and_delay_say_when_the_call_began(operators: Operators) -> None:
    async def steps(node: Node) -> None:
        code, words = await radclient(node, f"{START}, Acct-Delay-Time = 3000")
        assert code == 0, words
        assert counters(node) == {"refused-late": 1}

    run(operators, steps)


def test_every_answer_carries_proxy_state(operators: Operators, tmp_path: Path) -> None:
    async def steps(node: Node) -> None:
        code, words = await radclient(node, f"{START}, Proxy-State = 0x61, Proxy-State = 0x62")
        assert code == 0, words
        assert words.count("Proxy-State") == 4

    run(operators, steps)
