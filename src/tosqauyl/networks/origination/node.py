"""One running node: its ledger, what it is stored in, and the ways in which it is told and asked, put together."""

from collections.abc import Callable
from hashlib import blake2b

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination.ledger import Ledger
from tosqauyl.networks.origination.radius import Accounting, RadiusListener
from tosqauyl.networks.origination.redis_store import RedisOptions, RedisStore
from tosqauyl.networks.origination.server import Clock, LedgerServer, at_once, system_clock
from tosqauyl.networks.origination.settings import NodeSettings
from tosqauyl.networks.origination.store import MemoryStore
from tosqauyl.networks.origination.terms import LedgerOptions
from tosqauyl.networks.origination.tokens import Keys, load_keys
from tosqauyl.numbers.plan import Plan
from tosqauyl.tls import TlsServer


class Node:
    """start, then `places` says where it listens; reload takes new keys, ported numbers and certificate files; stop ends it.

    plan: reads the number plan with the ported numbers; asked again at each reload. alarm: told when keys, ported numbers or
    certificate files cannot be used. Raises TosqauylError where they cannot at the start.
    """

    def __init__(
        self,
        settings: NodeSettings,
        plan: Callable[[], Plan],
        alarm: Callable[[str], None],
        clock: Clock = system_clock,
    ) -> None:
        self._clock, self._alarm, self._folder, self._read_plan = clock, alarm, settings.keys, plan
        self.reloads = {"reloaded": 0, "failed": 0}
        keys, known = load_keys(settings.keys), plan()
        memory = MemoryStore(settings.ledger.ttl, settings.ledger.records, clock()[1])
        self.shared = _shared(settings, agreement_of(settings.ledger, keys, known), memory, clock)
        self.ledger = Ledger(settings.ledger, keys, known, memory if self.shared is None else self.shared)
        written = None if self.shared is None else self.shared.written
        tls = TlsServer(settings.tls, alarm)
        self.server = LedgerServer(self.ledger, settings.server, tls, clock, written or at_once)
        self.server.add_state("reloads", lambda: dict(self.reloads))
        self.radius: RadiusListener | None = None
        if settings.radius is not None:
            accounting = Accounting(self.ledger, known, settings.radius)
            self.radius = RadiusListener(accounting, settings.radius, clock, self.server.wake, written)
            self.server.add_state("radius", lambda: dict(accounting.counters))
        if self.shared is not None:
            store = self.shared
            self.server.add_state("redis", lambda: dict(store.counters))

    async def start(self) -> None:
        """Open the sockets. Raises TosqauylError where one cannot be opened."""
        if self.shared is not None:
            await self.shared.start(lambda: self.ledger.whole_since(*self._clock()))
        try:
            await self.server.start()
            if self.radius is not None:
                await self.radius.start()
        except BaseException:
            await self.stop()
            raise

    @property
    def places(self) -> tuple[str, ...]:
        """'https:HOST:PORT', and 'radius:HOST:PORT' where there is one, as they really are."""
        return (self.server.bound, *(() if self.radius is None else (self.radius.bound,)))

    async def reload(self) -> None:
        """Take the keys of pairs, the ported numbers and the certificate files as they are now; where they cannot be used the old
        ones stay, and the alarm says why. Never raises."""
        for what, take in (("keys of pairs", self._take_keys), ("ported numbers", self._take_plan)):
            try:
                take()
                self.reloads["reloaded"] += 1
            except TosqauylError as error:
                self.reloads["failed"] += 1
                self._alarm(f"ALARM: the {what} were not loaded anew, the old ones stay: {error}")
        if self.shared is not None:
            self.shared.agree(agreement_of(self.ledger.options, self.ledger.keys, self.ledger.plan))
        await self.server.reload()

    def _take_keys(self) -> None:
        keys = load_keys(self._folder)
        if self.ledger.keys.peers and not keys.peers:
            raise TosqauylError("there is no key in it any more", self._folder, "a node without members is stopped")
        self.ledger.rekey(keys, self._clock()[0])

    def _take_plan(self) -> None:
        plan = self._read_plan()
        self.ledger.replan(plan, self._clock()[0])
        if self.radius is not None:
            self.radius.accounting.plan = plan

    async def stop(self) -> None:
        """Take nothing more, let answers finish for a second, close everything."""
        if self.radius is not None:
            self.radius.stop()
        await self.server.stop()
        if self.shared is not None:
            await self.shared.close()


def agreement_of(options: LedgerOptions, keys: Keys, plan: Plan) -> str:
    """16 hex digits of all that decides which tokens nodes write for a report, and when they have heard everything: nodes of one
    operator for which they differ must not deny a call on each other's word."""
    askers = sorted((receiver, tuple(peers)) for receiver, peers in options.askers.items())
    told = (options.operator, options.ttl, sorted(options.switches), options.fixed, askers, keys.digest, plan.hash)
    return blake2b(repr(told).encode(), digest_size=8, person=b"tosqauyl-nodes").hexdigest()


def _shared(settings: NodeSettings, agreement: str, memory: MemoryStore, clock: Clock) -> RedisStore | None:
    """The store that all nodes share, None for a node alone."""
    if settings.redis is None:
        return None
    redis = settings.redis
    options = RedisOptions(redis.url, redis.node, redis.nodes, agreement, settings.ledger.ttl)
    return RedisStore(options, memory, lambda: clock()[1])
