"""The store that several nodes of one operator share: this node's own memory first, then what the others wrote to a Redis.

A report is written in the background; whoever acknowledges it waits for written(). A question that this node cannot answer is
looked up twice, at once and shortly before its grace ends. Redis holds tokens with a time to live, one mark a node, and the moment
since when it collects; it must not persist anything nor evict keys. Where it cannot be reached, or one node's mark is missing,
the answer is unknown. docs/origination.md argues it.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination.store import MemoryStore

PREFIX = b"tq:origination:"
BEAT_SECONDS = 1.0
"""How often a node renews its mark."""
BATCH = 2_000
"""Tokens written with one pipeline at most."""
MOST_UNWRITTEN = 200_000
"""Tokens that wait to be written at most; what is more is not taken."""
MOST_CONNECTIONS = 32
"""To Redis, at once; one more waits for `timeout`."""
RETRY_SECONDS = 0.2
LAST_LOOK_SECONDS = 0.05
"""The second look begins so long before the grace ends, or at half of a grace that is shorter than two of these."""

Clock = Callable[[], float]
"""Wall time, seconds since 1970."""
_FAILED = (RedisError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """url: redis:// or rediss://. node: our name; nodes: every node's, ours among them. agreement: what all nodes must have in
    common, as node.agreement_of says it (RedisStore.agree changes it); nodes that differ do not count as there. ttl: seconds a
    record lives. mark_seconds: a node that does not renew its mark for so long is missing. timeout: seconds for one exchange.
    Raises TosqauylError for a node not among the nodes."""

    url: str = field(repr=False)
    node: str
    nodes: tuple[str, ...]
    agreement: str
    ttl: float = 60.0
    mark_seconds: float = 3.0
    timeout: float = 0.5

    def __post_init__(self) -> None:
        if self.node not in self.nodes:
            raise TosqauylError("this node is not one of the nodes", "redis.nodes", "every node knows all names")


class RedisStore:
    """A Store for nodes side by side. start before the ledger hears anything, close at the end.

    counters: written, write_failed, looks, look_failed, found (by a look), full (adds refused), evicted (Redis dropped keys).
    """

    shared = True

    def __init__(self, options: RedisOptions, local: MemoryStore, clock: Clock) -> None:
        self.options, self.local, self._clock = options, local, clock
        self.counters: Counter[str] = Counter()
        self._redis: Any = Redis.from_pool(_pool(options))
        self._marks = tuple(PREFIX + b"mark:" + name.encode() for name in sorted(options.nodes))
        self._agreement = options.agreement
        self._epoch = b""
        self._evicted = -1
        self._broken, self._failing = 0.0, False
        self._since, self._looked = 0.0, 0.0
        self._unwritten: deque[bytes] = deque()
        self._told, self._done = 0, 0
        self._writers: list[tuple[int, asyncio.Future[bool]]] = []
        self._some = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, whole: Callable[[], float]) -> None:
        """Look who is there, then write and renew our mark in the background. whole: since when (wall) this node missed nothing,
        0 while it misses something; Ledger.whole_since tells it. An unreachable Redis is no error: nothing is denied until it is
        there."""
        with contextlib.suppress(*_FAILED):
            await self._know_redis()
            await self._look((), ())
        loop = asyncio.get_running_loop()
        self._tasks |= {loop.create_task(self._write()), loop.create_task(self._beats(whole))}

    async def close(self) -> None:
        """End what runs, let go of connections. What was not written by now is lost; its reports were not acknowledged."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._wake(False)
        with contextlib.suppress(*_FAILED):
            await self._redis.aclose()

    def add(self, tokens: Iterable[bytes], wall: float) -> bool:
        """Into our memory, and to be written. A full memory is no loss here: what is not in it is looked up."""
        tokens = tuple(tokens)
        if len(self._unwritten) + len(tokens) > MOST_UNWRITTEN:
            self.counters["full"] += 1
            self._break(wall)
            return False
        self.local.add(tokens, wall)
        self._unwritten.extend(tokens)
        self._told += len(tokens)
        self._some.set()
        return True

    def agree(self, agreement: str) -> None:
        """From now on this node works by something else, a new key for example. What nodes recorded before, they recorded by the
        old: nothing is denied for a window after the last one has changed."""
        if agreement != self._agreement:
            self._agreement, self._since = agreement, 0.0
            self._break(self._clock())

    async def written(self) -> bool:
        """Wait until all that was added by now is in Redis. False where that failed: it is tried again, but other nodes may have
        been asked meanwhile, so the report should not be acknowledged."""
        if self._done >= self._told:
            return True
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._writers.append((self._told, waiting))
        return await waiting

    def has_any(self, tokens: Iterable[bytes]) -> bool:
        """In our own memory only; search looks further."""
        return self.local.has_any(tokens)

    def search(
        self, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...], within: float, said: Callable[[str], None]
    ) -> None:
        """Starts a task; must be called in the loop that start was awaited in."""
        task = asyncio.get_running_loop().create_task(self._search(tokens, doubts, within, said))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def continuity(self, wall: float) -> float:
        """The latest of: Redis began to collect, a node lost something, we could not write. 0 while a node is missing, or the last
        look is as old as a mark may be."""
        if not self._since or abs(wall - self._looked) > self.options.mark_seconds:
            return 0.0
        return max(self._since, self._broken)

    def seen(self, switch: str, id: str, until: float, wall: float) -> bool:
        """By this node. A report that is sent again to another node writes the same tokens again, which changes nothing."""
        return self.local.seen(switch, id, until, wall)

    def expire(self, wall: float) -> None:
        """Our memory; Redis drops its keys itself."""
        self.local.expire(wall)

    def __len__(self) -> int:
        """In our own memory."""
        return len(self.local)

    async def beat(self, since: float) -> None:
        """Renew our mark, unless we miss something (since is 0): then it ends by itself and no node denies anything. Raises
        RedisError, OSError or TimeoutError."""
        await self._know_redis()
        if since and not self._failing and len(self._unwritten) <= BATCH:
            mark = f"{max(since, self._broken)!r} {self._clock()!r} {self._agreement}".encode()
            await self._redis.set(self._own, mark, px=int(self.options.mark_seconds * 1000))
        await self._look((), ())

    async def flush(self) -> None:
        """Write what waits, now. Raises RedisError, OSError or TimeoutError; what was not written waits still."""
        life = int(self.options.ttl * 1000)
        while self._unwritten:
            batch = [self._unwritten[place] for place in range(min(BATCH, len(self._unwritten)))]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for token in batch:
                    pipeline.set(PREFIX + token, b"1", px=life)
                await pipeline.execute()
            for _ in batch:
                self._unwritten.popleft()
            self._done += len(batch)
            self._failing = False
            self.counters["written"] += len(batch)
            self._wake(True)

    async def look(self, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...]) -> str:
        """What the nodes recorded, one of store.FOUND; never raises."""
        self.counters["looks"] += 1
        try:
            found = await self._look(tokens, doubts)
        except _FAILED:
            self._since = 0.0
            found = "failed"
        if found == "failed":
            self.counters["look_failed"] += 1
        return found

    @property
    def _own(self) -> bytes:
        return PREFIX + b"mark:" + self.options.node.encode()

    async def _search(
        self, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...], within: float, said: Callable[[str], None]
    ) -> None:
        found = await self.look(tokens, doubts)
        if found != "yes":
            await asyncio.sleep(within - min(LAST_LOOK_SECONDS, within / 2))
            found = await self.look(tokens, doubts)
        self.counters["found"] += found == "yes"
        said(found)

    async def _look(self, tokens: tuple[bytes, ...], doubts: tuple[bytes, ...]) -> str:
        """One exchange reads tokens and marks together: a miss counts only in a store that is complete at that very moment."""
        fixed = (self._epoch or PREFIX + b"epoch:", *self._marks)
        values = await self._redis.mget(*fixed, *(PREFIX + token for token in (*tokens, *doubts)))
        self._looked = self._clock()
        self._since = self._complete_since(values[: len(fixed)])
        answers = values[len(fixed) :]
        if any(answers[: len(tokens)]):
            return "yes"
        if not self._since:
            return "failed"
        return "doubtful" if any(answers[len(tokens) :]) else "none"

    def _complete_since(self, values: list[bytes | None]) -> float:
        """Since when all nodes, and Redis, have everything; 0 where one of them is missing or does not agree."""
        epoch, *marks = values
        try:
            since = float(epoch or b"")
            for mark in marks:
                begun, at, agreement = (mark or b"").decode("ascii", "replace").split()
                if agreement != self._agreement:
                    return 0.0
                # By our clock: one that is behind would seem to have begun earlier than it did.
                since = max(since, float(begun) + max(self._looked - float(at), 0.0))
        except ValueError:
            return 0.0
        return since

    async def _know_redis(self) -> None:
        """Which run of Redis this is, and whether it dropped keys. Another run has lost records, whatever it read from a disk."""
        told = await self._redis.info()
        epoch = PREFIX + b"epoch:" + str(told["run_id"]).encode()
        if self._epoch not in (b"", epoch):
            self._break(self._clock())
        self._epoch = epoch
        await self._redis.set(self._epoch, repr(self._clock()).encode(), nx=True)
        evicted = int(told.get("evicted_keys", 0))
        if self._evicted >= 0 and evicted != self._evicted:
            self.counters["evicted"] += 1
            self._break(self._clock())
        self._evicted = evicted

    def _break(self, wall: float) -> None:
        """Something is missing in Redis: we say so with our next mark."""
        self._broken = max(self._broken, wall)

    def _wake(self, written: bool) -> None:
        """Tell those who wait for a write: after a failure all of them, else those whose tokens are written."""
        left = []
        for told, waiting in self._writers:
            if written and told > self._done:
                left.append((told, waiting))
            elif not waiting.done():
                waiting.set_result(written)
        self._writers = left

    async def _write(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.flush()
            except _FAILED:
                self.counters["write_failed"] += 1
                self._failing = True
                self._break(self._clock())
                self._wake(False)
                await asyncio.sleep(RETRY_SECONDS)
                self._some.set()

    async def _beats(self, whole: Callable[[], float]) -> None:
        while True:
            try:
                await self.beat(whole())
            except _FAILED:
                self.counters["beat_failed"] += 1
                self._since = 0.0
            await asyncio.sleep(BEAT_SECONDS)


def _pool(options: RedisOptions) -> Any:
    """Nothing is tried twice by itself: a second answer after a broken connection may come from an emptied Redis."""
    try:
        return BlockingConnectionPool.from_url(
            options.url, max_connections=MOST_CONNECTIONS, timeout=options.timeout, socket_timeout=options.timeout,
            socket_connect_timeout=options.timeout, retry=None,
        )  # fmt: skip
    except ValueError:  # what it says may hold the password
        hint = "rediss://USER:PASSWORD@HOST:PORT/0, with %2F for a / of the password"
        raise TosqauylError("is no address of a Redis", "redis.url", hint) from None
