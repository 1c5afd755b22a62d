"""Two operators with certificates, keys and nodes on addresses of their own, for the tests and the bench of the ledger's node."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from certificates import Signed, make_authority, make_certificate

from tosqauyl.networks.origination.client import (
    Identity,
    LedgerBackend,
    LedgerClientOptions,
    ReportClient,
    ReportClientOptions,
)
from tosqauyl.networks.origination.node import Node
from tosqauyl.networks.origination.server import Admin, Member, ServerOptions, Switch
from tosqauyl.networks.origination.settings import NodeSettings
from tosqauyl.networks.origination.terms import LedgerOptions
from tosqauyl.networks.origination.tokens import load_keys, make_key
from tosqauyl.numbers.plan import load_plan
from tosqauyl.tls import TlsFiles

CALLER, CALLED = "+77010000001", "+77050000002"
"""A subscriber of kcell, and whom that one calls."""
HOSTS = {"kcell": "127.0.0.2", "beeline": "127.0.0.3"}
SYNC_SECONDS = 30.0
"""Longer than any test: a switch that was heard once stays heard."""


class Clock:
    """A node's clock: the real one, and what a test adds to its monotonic and its wall time."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 0.0, 0.0

    def __call__(self) -> tuple[float, float]:
        return time.monotonic() + self.monotonic, time.time() + self.wall

    def pass_(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


class Operators:
    """kcell and beeline. Certificates of one authority: node, gate, switch, admin of each, and a stranger's."""

    grace = 0.15

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = make_authority(folder)
        self._signed: dict[str, Signed] = {}
        secret = bytes(range(32))
        for own in HOSTS:
            self.keys(own).mkdir()
            for peer in HOSTS:
                file = self.keys(own) / f"{peer}-2026-01.toml"
                file.touch(0o600)
                file.write_text(make_key(peer, "2026-01", secret if own != peer else bytes(reversed(secret))))

    def keys(self, operator: str) -> Path:
        return self.folder / f"keys-{operator}"

    def signed(self, name: str) -> Signed:
        """'node.kcell', 'gate.beeline', 'switch.kcell', ...: made when first asked for."""
        if name not in self._signed:
            host = HOSTS.get(name.partition(".")[2], "127.0.0.9")
            names = (f"IP:{host}",) if name.startswith("node.") else (f"DNS:{name}.test",)
            self._signed[name] = make_certificate(self.folder, self.authority, name, *names)
        return self._signed[name]

    def identity(self, name: str) -> Identity:
        signed = self.signed(name)
        return Identity(str(self.authority.certificate), str(signed.certificate), str(signed.key))

    def gate(self, operator: str) -> Identity:
        return self.identity(f"gate.{operator}")

    def settings(self, operator: str, **ledger: Any) -> NodeSettings:
        node = self.signed(f"node.{operator}")
        options = LedgerOptions(
            operator,
            switches=("switch",),
            sync_seconds=SYNC_SECONDS,
            before=15.0,
            grace=self.grace,
            askers={one: tuple(HOSTS) for one in sorted(HOSTS)},
        )
        return NodeSettings(
            ServerOptions(
                operator,
                HOSTS[operator],
                0,
                tuple(Member(name, f"gate.{name}.test") for name in HOSTS),
                (Switch("switch", f"switch.{operator}.test"),),
                (Admin("admin", f"admin.{operator}.test"),),
            ),
            replace(options, **ledger),
            TlsFiles(str(node.certificate), str(node.key), str(self.authority.certificate)),
            str(self.keys(operator)),
        )

    @asynccontextmanager
    async def node(self, operator: str, clock: Clock | None = None, **ledger: Any) -> AsyncIterator[Node]:
        """A running node; its url is url_of(node)."""
        node = Node(self.settings(operator, **ledger), load_plan, print, clock or Clock())
        await node.start()
        try:
            yield node
        finally:
            await node.stop()

    def backend(self, own: str, asked: str, urls: tuple[str, ...], **changes: Any) -> LedgerBackend:
        """What a gate of `own` asks `asked` with."""
        options = LedgerClientOptions(asked, urls, own, load_keys(self.keys(own)), self.gate(own))
        return LedgerBackend(replace(options, **changes), load_plan)

    def reporting(self, operator: str, port: int) -> ReportClient:
        """A switch of an operator that reports to its node."""
        return ReportClient(
            ReportClientOptions((f"https://{HOSTS[operator]}:{port}",), self.identity(f"switch.{operator}"))
        )

    def write_config(self, operator: str, extra: str = "", sync_seconds: int = 30) -> Path:
        """The file of a node, for `tosqauyl origination`."""
        node = self.signed(f"node.{operator}")
        members = "".join(
            f'[[member]]\nname = "{one}"\ncertificate = "gate.{one}.test"\nreceives = {sorted(HOSTS)}\n'
            for one in HOSTS
        )
        path = self.folder / f"{operator}.toml"
        path.write_text(
            f'operator = "{operator}"\nlisten = "{HOSTS[operator]}:0"\nkeys = "{self.keys(operator)}"\n'
            f'[tls]\ncertificate = "{node.certificate}"\nkey = "{node.key}"\n'
            f'client_ca = "{self.authority.certificate}"\n{members}'
            f'[[switch]]\nid = "switch"\ncertificate = "switch.{operator}.test"\n'
            f"[times]\nsync_seconds = {sync_seconds}\n{extra}",
            "utf-8",
        )
        return path


def url_of(node: Node) -> str:
    """https://HOST:PORT of a running node."""
    return node.server.bound.replace("https:", "https://")
