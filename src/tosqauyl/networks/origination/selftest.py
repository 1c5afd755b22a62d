"""What an operator that joins tries out: certificates, clocks, keys of pairs, a test call that must be found and one that must not.

It finds facts only, each a slug with values; the command says in words what they mean and what to mend.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed, Origination
from tosqauyl.networks.origination.client import (
    Connections,
    Identity,
    LedgerBackend,
    LedgerClientOptions,
    ReportClient,
    ReportClientOptions,
    status_of,
)
from tosqauyl.networks.origination.settings import NodeSettings, PeerNodes, SelftestSettings
from tosqauyl.networks.origination.tokens import Keys, load_keys
from tosqauyl.numbers.plan import Plan
from tosqauyl.tls import WARN_DAYS, expiry

DAY = 86_400.0
POLL_SECONDS = 0.2
"""How often our node is asked whether it is in sync yet."""
SPARE_SECONDS = 5.0
"""How much longer than its own time a node may take to be in sync."""
UNKNOWN_KEY = "unknown-key"
"""Why a node answers `unknown` to a question under a key that it does not have."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at. ok: whether it is as it must be; values: what the words are filled in with."""

    slug: str
    ok: bool = True
    values: Mapping[str, object] = field(default_factory=dict)


async def selftest(settings: NodeSettings, plan: Plan, clock: Callable[[], float] = time.time) -> AsyncIterator[Found]:
    """Everything in order, told as it is found. plan: with the node's ported numbers; clock: seconds since 1970.

    Raises TosqauylError where [selftest] is missing.
    """
    if settings.selftest is None:
        raise TosqauylError(
            "has no [selftest]", "the node's file", "the self-test needs certificates and numbers to try"
        )
    own = settings.selftest
    for found in certificates(settings, own, clock()):
        yield found
    try:
        keys = load_keys(settings.keys)
    except TosqauylError as error:
        yield Found("keys-unreadable", False, {"error": str(error)})
        return
    yield Found("keys-read", bool(keys.peers), {"count": len(tuple(keys.peers))})
    reached = [one async for one in _nodes(PeerNodes(settings.server.operator, (own.url,)), own.ask, settings, clock)]
    for found in reached:
        yield found
    for peer in settings.peers:
        if peer.operator != settings.server.operator:
            async for found in _peer(peer, _Asker(settings, keys, plan), clock):
                yield found
    if not any(one.slug == "node-reached" for one in reached):
        return
    async for found in _calls(_Asker(settings, keys, plan), own, clock):
        yield found


def certificates(settings: NodeSettings, own: SelftestSettings, wall: float) -> Iterator[Found]:
    """How long the certificates of the node, of the gates and of the switch are still good."""
    files = (settings.tls.certificate, own.ask.certificate, own.switch.certificate)
    for file in dict.fromkeys(files):
        end = expiry(file)
        days = int((end - wall) // DAY)
        if not end:
            yield Found("certificate-unreadable", False, {"file": file})
        elif end < wall:
            yield Found("certificate-over", False, {"file": file})
        else:
            slug = "certificate-ends-soon" if days < WARN_DAYS else "certificate-good"
            yield Found(slug, True, {"file": file, "days": days})


async def _nodes(
    peer: PeerNodes, identity: Identity, settings: NodeSettings, clock: Callable[[], float]
) -> AsyncIterator[Found]:
    """Each node of one operator: reached, of the right operator, with a clock like ours."""
    connections = Connections(peer.urls, identity)
    try:
        for url in connections.urls:
            values: dict[str, object] = {"url": url, "operator": peer.operator}
            try:
                status = await status_of(connections, url)
            except AskFailed as failed:
                yield Found(f"node-{failed.kind}", False, {**values, "detail": failed.detail})
                continue
            if status.operator != peer.operator:
                yield Found("node-of-another", False, {**values, "found": status.operator})
                continue
            yield Found("node-reached", True, {**values, "version": status.version})
            off = status.now - clock()
            values["seconds"] = round(abs(off), 1)
            yield Found(
                "clock-off" if abs(off) > settings.ledger.skew else "clock-right",
                abs(off) <= settings.ledger.skew,
                values,
            )
    finally:
        await connections.close()


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks, as a gate of ours would."""

    settings: NodeSettings
    keys: Keys
    plan: Plan

    async def ask(self, peer: PeerNodes, call: tuple[str, str], at: float) -> Origination:
        """One question about a call (caller, called) at one operator. Raises AskFailed."""
        own, ledger = self.settings.selftest, self.settings.ledger
        assert own is not None  # noqa: S101 - asked before
        options = LedgerClientOptions(
            peer.operator, peer.urls, self.settings.server.operator, self.keys, own.ask, ledger.before, ledger.skew,
            roamers=True,
        )  # fmt: skip
        backend = LedgerBackend(options, lambda: self.plan)
        try:
            return await backend.originated(*call, at)
        finally:
            await backend.close()


async def _peer(peer: PeerNodes, asker: _Asker, clock: Callable[[], float]) -> AsyncIterator[Found]:
    """Another operator: its nodes, and whether it has the key that we have."""
    settings, keys = asker.settings, asker.keys
    own = settings.selftest
    assert own is not None  # noqa: S101 - asked before
    reached = False
    async for found in _nodes(peer, own.ask, settings, clock):
        reached = reached or found.slug == "node-reached"
        yield found
    values: dict[str, object] = {"operator": peer.operator}
    if not keys.of(peer.operator):
        yield Found("key-missing", False, values)
    elif reached:
        try:
            said = await asker.ask(peer, (own.caller, own.called), clock())
        except AskFailed as failed:
            yield Found("question-failed", False, {**values, "kind": failed.kind, "detail": failed.detail})
            return
        strange = said.why == UNKNOWN_KEY
        yield Found("key-unknown-there" if strange else "key-shared", not strange, values)


async def _calls(asker: _Asker, own: SelftestSettings, clock: Callable[[], float]) -> AsyncIterator[Found]:
    """A call that our switch reports is found; another one, to a number that nobody called, is not."""
    settings, keys = asker.settings, asker.keys
    peer = PeerNodes(settings.server.operator, (own.url,))
    if not keys.of(peer.operator):
        yield Found("key-missing", False, {"operator": peer.operator})
        return
    async with ReportClient(ReportClientOptions((own.url,), own.switch)) as switch:
        why = await _in_sync(own, settings.ledger.window + SPARE_SECONDS)
        yield Found("in-sync" if not why else "not-in-sync", not why, {"why": why})
        try:
            switch.report(f"selftest-{secrets.token_hex(8)}", own.caller, own.called, clock())
            await switch.flush()
            refused = next(
                (name.removeprefix("refused-") for name in switch.counters if name.startswith("refused-")), ""
            )
            if refused:
                yield Found("report-refused", False, {"why": refused})
                return
            yield Found("report-taken")
            said = await asker.ask(peer, (own.caller, own.called), clock())
            yield Found(
                "call-found" if said.state == "yes" else "call-not-found", said.state == "yes", {"why": said.why}
            )
            said = await asker.ask(peer, (own.caller, own.caller), clock())
            slug = {"no": "no-call-denied", "yes": "no-call-found"}.get(said.state, "no-call-unknown")
            yield Found(slug, said.state == "no", {"why": said.why})
        except AskFailed as failed:
            yield Found(
                "question-failed", False, {"operator": peer.operator, "kind": failed.kind, "detail": failed.detail}
            )


async def _in_sync(own: SelftestSettings, seconds: float) -> str:
    """'' as soon as our node is in sync, else why it still is not after this long."""
    connections = Connections((own.url,), own.ask)
    why = "down"
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    why = (await status_of(connections, connections.urls[0])).why
                except AskFailed as failed:
                    why = failed.kind
                if not why:
                    return ""
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return why
    finally:
        await connections.close()
