"""Nodes of one operator side by side, with a real redis-server between them. Their clocks are the tests'."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from origination_desk import CALLED, CALLER, EVERYBODY, KEYS, OTHER, START, SWITCHES, Desk, pair
from redis.asyncio import Redis

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination import redis_store
from tosqauyl.networks.origination.ledger import LedgerOptions, Pending, Said
from tosqauyl.networks.origination.redis_store import PREFIX, RedisOptions, RedisStore
from tosqauyl.networks.origination.store import MemoryStore
from tosqauyl.networks.origination.tokens import Keys

pytestmark = pytest.mark.peers("redis-server")

OPTIONS = LedgerOptions("kcell", switches=SWITCHES, grace=0.04, askers=EVERYBODY)
YES, NO, STORE, STARTING = Said("yes"), Said("no"), Said("unknown", "store"), Said("unknown", "starting")
NODES = ("almaty", "astana")
SECONDS = 20.0
"""No test takes longer."""


class Server:
    """A redis-server that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.start()

    def start(self) -> None:
        """On the port it had, or on one that is free: Redis itself cannot pick one, so it is tried."""
        for port in (self.port,) if self.port else range(21_000, 21_200):
            command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            self.process = subprocess.Popen(
                [*command, "--dir", str(self.folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            assert self.process.stdout is not None
            if any("Ready to accept connections" in line for line in self.process.stdout):
                self.port = port
                return
            self.stop()
        raise AssertionError("redis-server does not start")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


class Node(Desk):
    """A desk whose store is shared. One time for all nodes of a test: `together` moves it."""

    def __init__(
        self,
        server: Server,
        node: str,
        agreement: str = KEYS.digest,
        ported: dict[str, str] | None = None,
        timeout: float = 0.3,
    ) -> None:
        options = RedisOptions(server.url, node, NODES, agreement, OPTIONS.ttl, timeout=timeout)
        self.shared = RedisStore(options, MemoryStore(OPTIONS.ttl, OPTIONS.records, START), lambda: self.wall)
        super().__init__(OPTIONS, KEYS, ported, self.shared)

    async def know(self) -> None:
        """What start does before it runs in the background: tests beat and write by hand."""
        await self.shared._know_redis()
        await self.shared.look((), ())

    async def beat(self) -> None:
        await self.shared.beat(self.ledger.whole_since(self.now, self.wall))

    async def told(self, caller: str = CALLER, called: str = CALLED) -> str:
        """A report, acknowledged when it is written."""
        why = self.report(caller, called)
        await self.shared.flush()
        assert await self.shared.written()
        return why

    async def asked(self, caller: str = CALLER, called: str = CALLED) -> Said:
        """The whole answer; the ledger's clock reaches the end of the grace when the store has said what it found."""
        asked = self.put(self.question(KEYS.of("beeline")[0], caller, called))
        if isinstance(asked, Pending):
            await searched(asked)
            if asked.ended:
                return self.said[-1]
        return self.end(asked)


async def searched(asked: Pending) -> None:
    while not asked.shared:
        await asyncio.sleep(0.001)


async def together(nodes: list[Node], seconds: float) -> None:
    """Time passes for all nodes, and each renews its mark."""
    for _ in range(int(seconds)):
        for node in nodes:
            node.go(1.0)
    for _ in range(2):  # the second one sees the marks of all
        for node in nodes:
            await node.beat()


def run(server: Server, steps: Callable[[Node, Node], Awaitable[None]], timeout: float = 0.3) -> None:
    """Two nodes that are in sync, and what a test does with them. timeout: seconds of one exchange with Redis."""

    async def main() -> None:
        nodes = [Node(server, name, timeout=timeout) for name in NODES]
        try:
            async with asyncio.timeout(SECONDS):
                for node in nodes:
                    await node.know()
                await together(nodes, OPTIONS.window + 3.0)
                assert [node.ledger.in_sync(node.now) for node in nodes] == ["", ""]
                await steps(*nodes)
        finally:
            for node in nodes:
                await node.shared.close()

    asyncio.run(main())


def test_what_one_node_was_told_the_other_one_confirms_and_denies_the_rest(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        assert await almaty.told() == ""
        for node in (almaty, astana):
            assert await node.asked() == YES
            assert await node.asked(caller=OTHER) == NO
        assert astana.shared.counters["found"] == 1
        assert not astana.store.has_any((b"x" * 16,))

    run(server, steps)


def test_a_report_to_the_other_node_within_the_grace_is_found_by_the_last_look(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        asked = astana.put(astana.question(KEYS.of("beeline")[0]))
        assert isinstance(asked, Pending)
        looks = astana.shared.counters["looks"]
        while astana.shared.counters["looks"] == looks:
            await asyncio.sleep(0)
        await almaty.told()
        await searched(asked)
        assert astana.said == [YES]

    run(server, steps)


def test_a_report_refused_by_one_node_is_not_denied_by_the_other(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        assert await almaty.told(caller="+77050000009") == "foreign"
        assert await astana.asked(caller="+77050000009") == Said("unknown", "doubtful")

    run(server, steps)


def test_a_node_whose_mark_is_gone_makes_all_of_them_unsure(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        async with Redis.from_url(server.url) as redis:
            assert await redis.pttl(PREFIX + b"mark:astana") in range(1, 3_001)
            await redis.delete(PREFIX + b"mark:astana")
        for _ in range(2):
            assert await almaty.asked() == STORE
        await almaty.told()
        assert await astana.asked() == YES

    run(server, steps)


def test_a_node_that_misses_a_switch_does_not_renew_its_mark(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        astana.cut.add("msc-2")
        for node in (almaty, astana):
            node.go(11.0)
        async with Redis.from_url(server.url) as redis:
            await redis.delete(PREFIX + b"mark:astana")  # what happens by itself after three seconds
        await almaty.beat()
        await astana.beat()
        await almaty.beat()
        assert await almaty.asked() == STORE
        assert (await astana.asked()).state == "unknown"
        astana.cut.clear()
        await together([almaty, astana], 2.0)
        assert await almaty.asked() == STARTING
        await together([almaty, astana], OPTIONS.window + 2.0)
        assert await almaty.asked() == NO

    run(server, steps)


def test_nodes_with_different_keys_deny_nothing(server: Server) -> None:
    async def main() -> None:
        nodes = [Node(server, "almaty"), Node(server, "astana", agreement="0123456789abcdef")]
        for node in nodes:
            await node.know()
        await together(nodes, OPTIONS.window + 3.0)
        for node in nodes:
            assert await node.asked() == STORE
            await node.shared.close()

    asyncio.run(main())


def test_keys_that_nodes_take_one_after_the_other_deny_nothing_for_a_window_after_the_last(server: Server) -> None:
    new = pair("beeline", "2026-12")
    keys = Keys((*KEYS.of("beeline"), *KEYS.of("t2"), new))

    async def steps(almaty: Node, astana: Node) -> None:
        async def asked() -> Said:
            waiting = almaty.put(almaty.question(new))
            if isinstance(waiting, Pending):
                await searched(waiting)
            return almaty.end(waiting)

        def take(node: Node) -> None:
            node.ledger.rekey(keys, node.now)
            node.shared.agree(keys.digest)

        take(almaty)
        await together([almaty, astana], 10.0)
        assert (await almaty.asked(caller=OTHER)).state == "unknown"
        await together([almaty, astana], 4.0)
        assert await astana.told() == ""  # under the old key only
        take(astana)
        await together([almaty, astana], 6.0)
        assert await asked() == STARTING  # almaty has the key for more than a window, astana for less
        await together([almaty, astana], OPTIONS.window + 1.0)
        assert await asked() == NO

    run(server, steps)


def test_a_node_whose_clock_is_behind_is_not_believed_to_have_begun_long_ago(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        async with Redis.from_url(server.url) as redis:
            await redis.delete(PREFIX + b"mark:astana")
        again = Node(server, "astana")
        again.now, again.wall = 5000.0, almaty.wall - 3600.0
        await again.know()
        again.go(2.0)
        await again.beat()
        assert await almaty.asked() == STARTING
        await again.shared.close()

    run(server, steps)


def test_without_redis_nothing_is_denied_and_nothing_acknowledged(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        await almaty.shared.start(lambda: almaty.ledger.whole_since(almaty.now, almaty.wall))
        asked = astana.put(astana.question(KEYS.of("beeline")[0]))
        server.stop()
        assert isinstance(asked, Pending)
        await searched(asked)
        assert astana.end(asked) == STORE
        assert almaty.report(caller=OTHER) == ""
        assert not await almaty.shared.written()
        assert await almaty.asked(caller=OTHER) == YES
        assert await almaty.asked() == STORE
        assert await astana.asked(caller=OTHER) == STORE
        assert almaty.shared.counters["write_failed"] >= 1

    run(server, steps)


def test_a_redis_that_was_emptied_is_not_trusted_for_a_window(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        await almaty.told()
        server.stop()
        server.start()
        for node in (almaty, astana):
            assert await node.shared.look((b"x" * 16,), ()) == "failed"  # the connection is broken
            assert await node.shared.look((b"x" * 16,), ()) == "failed"  # a new one finds a Redis that does not know us
        await together([almaty, astana], 1.0)
        assert await astana.asked() == STARTING
        assert await almaty.asked() == YES
        await together([almaty, astana], OPTIONS.window + 1.0)
        assert await astana.asked(caller=OTHER) == NO

    run(server, steps)


def test_a_redis_flushed_under_our_hands_is_not_trusted_either(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        await almaty.told()
        async with Redis.from_url(server.url) as redis:
            await redis.flushall()
        assert await astana.asked() == STORE
        await together([almaty, astana], 1.0)
        assert await astana.asked() == STARTING

    run(server, steps)


def test_a_redis_that_evicts_keys_is_not_trusted(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        async with Redis.from_url(server.url) as redis:
            await redis.config_set("maxmemory-policy", "allkeys-random")
            await redis.config_set("maxmemory", (await redis.info())["used_memory"] + 500_000)
            for number in range(200):
                await redis.set(f"other:{number}", b"x" * 10_000)
            await redis.config_set("maxmemory", "0")
        await together([almaty, astana], 1.0)
        assert (await astana.asked()).state == "unknown"
        assert almaty.shared.counters["evicted"] == 1

    run(server, steps)


def test_a_node_that_restarts_at_once_goes_on_where_it_was(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        await almaty.told()
        again = Node(server, "almaty")
        again.now, again.wall = 5000.0, almaty.wall + 1.0
        await again.know()
        again.go(1.0)
        assert again.ledger.in_sync(again.now) == ""
        await again.beat()
        assert await again.asked() == YES
        assert await again.asked(caller=OTHER) == NO
        await again.shared.close()

    run(server, steps)


def test_a_node_that_restarts_after_its_mark_ended_begins_anew(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        async with Redis.from_url(server.url) as redis:
            await redis.delete(PREFIX + b"mark:almaty")
        again = Node(server, "almaty")
        again.now, again.wall = 5000.0, almaty.wall + 4.0
        await again.know()
        again.go(1.0)
        await again.beat()
        assert again.ledger.in_sync(again.now) == "starting"
        assert await again.asked() == STARTING
        await again.shared.close()

    run(server, steps)


def test_redis_holds_tokens_with_an_end_and_no_number(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        await almaty.told()
        async with Redis.from_url(server.url) as redis:
            keys = await redis.keys("*")
            fixed = [key for key in keys if key.startswith((PREFIX + b"mark:", PREFIX + b"epoch:"))]
            tokens = [key for key in keys if key not in fixed]
            assert len(fixed) == 3
            assert {len(key.removeprefix(PREFIX)) for key in tokens} == {16}
            assert len(tokens) == 2
            for key in tokens:
                assert await redis.get(key) == b"1"
                assert 50_000 < await redis.pttl(key) <= 60_000
            assert not any(CALLER.encode()[1:] in key or CALLED.encode()[1:] in key for key in keys)

    run(server, steps)


def test_many_questions_at_once_share_a_few_connections(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        for number in range(300):
            almaty.report(called=f"+77050001{number:03}")
        await almaty.shared.flush()
        key = KEYS.of("beeline")[0]
        asked = [astana.put(astana.question(key, called=f"+77050001{number:03}")) for number in range(600)]
        for one in asked:
            assert isinstance(one, Pending)
            await searched(one)
        astana.go(1.0)
        assert astana.said.count(YES) == 300
        assert astana.said.count(NO) == 300
        async with Redis.from_url(server.url) as redis:
            assert (await redis.info("clients"))["connected_clients"] <= 2 * redis_store.MOST_CONNECTIONS + 1

    run(server, steps, timeout=SECONDS / 4)  # a slow machine takes longer for 600 than for one


def test_in_the_background_it_beats_and_writes(server: Server) -> None:
    async def main() -> None:
        nodes = [Node(server, name) for name in NODES]
        for node in nodes:
            await node.know()
            await node.shared.start(lambda: START)
        try:
            async with asyncio.timeout(SECONDS):
                assert nodes[0].report(switch="msc-1") == ""
                assert await nodes[0].shared.written()
                assert await nodes[0].shared.written()
                while not nodes[1].shared.continuity(nodes[1].wall):
                    await asyncio.sleep(0.01)
        finally:
            for node in nodes:
                await node.shared.close()
        assert nodes[0].shared.counters["written"] == 2

    asyncio.run(main())


def test_what_waits_to_be_written_is_bounded(server: Server) -> None:
    async def steps(almaty: Node, astana: Node) -> None:
        many = [number.to_bytes(16, "big") for number in range(redis_store.MOST_UNWRITTEN)]
        assert almaty.shared.add(many, almaty.wall)
        assert almaty.report() == "full"
        assert almaty.shared.counters["full"] >= 1
        assert almaty.shared.continuity(almaty.wall) == almaty.wall
        assert (await almaty.asked()).state == "unknown"

    run(server, steps)


def test_a_node_must_be_one_of_the_nodes() -> None:
    with pytest.raises(TosqauylError, match="not one of the nodes"):
        RedisOptions("redis://127.0.0.1:1", "taraz", NODES, "")
    assert "password" not in repr(RedisOptions("redis://:password@127.0.0.1:1", "almaty", NODES, ""))
