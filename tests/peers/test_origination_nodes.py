"""Two nodes of one operator over a real redis-server: what one is told, the other answers."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from origination_node import CALLED, CALLER, Clock, Operators, url_of
from server import free_port

from tosqauyl.networks.origination.client import ReportClient, ReportClientOptions
from tosqauyl.networks.origination.node import Node
from tosqauyl.networks.origination.settings import RedisSettings
from tosqauyl.numbers.plan import load_plan

pytestmark = pytest.mark.peers("redis-server")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    port = free_port(kind=socket.SOCK_STREAM)
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < end
            assert process.poll() is None
            os.sched_yield()
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(20)


def test_a_call_that_one_node_was_told_is_found_by_the_other(
    redis: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    operators = Operators(tmp_path_factory.mktemp("operators"))

    async def main() -> None:
        clock, nodes = Clock(), []
        for name in ("a", "b"):
            settings = replace(operators.settings("kcell"), redis=RedisSettings(redis, name, ("a", "b")))
            nodes.append(Node(settings, load_plan, print, clock))
            await nodes[-1].start()
        urls = tuple(map(url_of, nodes))
        switch = ReportClient(ReportClientOptions(urls, operators.identity("switch.kcell")))
        backend = operators.backend("beeline", "kcell", urls[1:], roamers=True)
        backend._clock = lambda: clock()[1]
        try:
            await switch.alive()
            while any(
                node.ledger.in_sync(clock()[0]) == "store" for node in nodes
            ):  # until each has seen the other's mark
                await asyncio.sleep(0.05)
            clock.pass_(25.0)
            await switch.alive()
            while any(node.ledger.in_sync(clock()[0]) for node in nodes):
                await asyncio.sleep(0.05)
            switch.report("1", CALLER, CALLED, clock()[1])
            await switch.flush()
            assert nodes[0].ledger.counters["taken"] == 1
            assert (await backend.originated(CALLER, CALLED, clock()[1])).state == "yes"
            assert (await backend.originated(CALLER, CALLER, clock()[1])).state == "no"
            await nodes[0].stop()
            while (said := await backend.originated(CALLER, CALLER, clock()[1])).state == "no":
                await asyncio.sleep(0.05)
            assert (said.state, said.why) == ("unknown", "store")
        finally:
            await switch.close()
            await backend.close()
            for node in nodes:
                await node.stop()

    asyncio.run(asyncio.wait_for(main(), 30))
