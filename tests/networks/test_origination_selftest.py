"""The self-test against other operators' nodes: what it finds of addresses, certificates, clocks and keys."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from origination_node import CALLED, CALLER, Clock, Operators, url_of

from tosqauyl.networks.origination.node import Node
from tosqauyl.networks.origination.selftest import DAY, Found, certificates, selftest
from tosqauyl.networks.origination.settings import NodeSettings, PeerNodes, SelftestSettings
from tosqauyl.networks.origination.tokens import make_key
from tosqauyl.numbers.plan import load_plan


@pytest.fixture
def operators(tmp_path: Path) -> Operators:
    return Operators(tmp_path)


def joining(operators: Operators, *peers: PeerNodes, url: str = "https://127.0.0.2:1") -> NodeSettings:
    """kcell's settings, its own node not there unless its url is given."""
    own = SelftestSettings(url, operators.gate("kcell"), operators.identity("switch.kcell"), CALLER, CALLED)
    return replace(operators.settings("kcell"), peers=peers, selftest=own)


async def found(settings: NodeSettings, clock: Clock | None = None) -> dict[str, Found]:
    wall = clock or Clock()
    return {one.slug: one async for one in selftest(settings, load_plan(), lambda: wall()[1])}


def beeline(node: Node, name: str = "beeline") -> PeerNodes:
    return PeerNodes(name, (url_of(node),))


def test_a_peer_that_is_right_in_everything(operators: Operators) -> None:
    async def main() -> None:
        async with operators.node("beeline") as node:
            looked = await found(joining(operators, beeline(node)))
        assert {slug for slug, one in looked.items() if not one.ok} == {"node-down"}  # our own
        assert {"node-reached", "clock-right", "key-shared", "certificate-ends-soon", "keys-read"} <= set(looked)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_peer_that_does_not_know_our_newest_key(operators: Operators) -> None:
    newer = operators.keys("kcell") / "newer.toml"
    newer.touch(0o600)
    newer.write_text(make_key("beeline", "2026-02"))

    async def main() -> None:
        async with operators.node("beeline") as node:
            assert not (await found(joining(operators, beeline(node))))["key-unknown-there"].ok

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_peer_without_a_key_and_of_another_name(operators: Operators) -> None:
    async def main() -> None:
        async with operators.node("beeline") as node:
            looked = await found(joining(operators, beeline(node, "t2")))
        assert looked["node-of-another"].values["found"] == "beeline"
        assert not looked["key-missing"].ok

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_clock_that_is_off(operators: Operators) -> None:
    async def main() -> None:
        clock = Clock()
        clock.wall = 30.0
        async with operators.node("beeline") as node:
            off = (await found(joining(operators, beeline(node)), clock))["clock-off"]
        assert not off.ok
        assert 29 < float(str(off.values["seconds"])) < 31

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_folder_of_keys_that_others_can_read(operators: Operators) -> None:
    next(operators.keys("kcell").iterdir()).chmod(0o644)

    async def main() -> None:
        assert not (await found(joining(operators)))["keys-unreadable"].ok

    asyncio.run(asyncio.wait_for(main(), 20))


def test_certificates_that_are_over_or_none(operators: Operators) -> None:
    settings = joining(operators)
    assert settings.selftest is not None
    later = Clock()()[1] + 3 * DAY  # the tests' certificates are good for two days
    assert {one.slug for one in certificates(settings, settings.selftest, later)} == {"certificate-over"}
    Path(settings.tls.certificate).write_text("nothing")
    slugs = [one.slug for one in certificates(settings, settings.selftest, Clock()()[1])]
    assert slugs == ["certificate-unreadable", "certificate-ends-soon", "certificate-ends-soon"]
