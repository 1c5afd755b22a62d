"""Start the gate a corpus names, run all its cases by SIPp, end it, and read its journal."""

import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import peer_sipp
import pytest
from peer_corpus import FOLDER, cases_over
from peer_kamailio import SAN, Hop, Keys, make_keys
from server import TOKEN, Gate, NotReady, free_port, journal_rows

WORKERS = 8  # SIPp runs wait most of their time
CLIENT = f"""
[[client]]  # who asks the gate for its counters
id = "tests"
token = "sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"
scopes = ["metrics"]
"""
NOT_COUNTED = """
[rates]  # the cases of most gates share a few callers and come all at once; the gates rates... count
on = false
"""


def configure(name: str, folder: Path, transport: str = "udp", tables: str = "") -> Path:
    """Write the configuration of gate `name` into `folder` and return its path. tables: more of the configuration.

    'force:KIND' and 'force:KIND=EFFECT' are the gate force.toml with that fault raised on every call,
    and [failure] saying nothing or EFFECT.
    """
    base, _, forced = name.partition(":")
    kind, _, effect = forced.partition("=")
    text = (FOLDER / "gates" / f"{base}.toml").read_text("utf-8") + (FOLDER / "trunks.toml").read_text("utf-8")
    text += CLIENT + tables
    text = text.replace('"udp:', f'"{transport}:')
    kind_of_socket = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    known = {
        "@DATA@": str(folder / "data"), "@HERE@": str(FOLDER), "@PORT@": str(free_port(kind=kind_of_socket)),
        "@KIND@": kind, "@FAILURE@": f'[failure]\n{kind} = "{effect}"\n\n' if effect else "",
    }  # fmt: skip
    for mark, value in known.items():
        text = text.replace(mark, value)
    path = folder / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Run:
    """All cases of one gate, run: outcome by case id, the journal's rows by Call-ID, counters, exit code, stderr."""

    outcomes: dict[str, peer_sipp.Outcome]
    rows: dict[str, list[dict[str, str]]]
    counters: dict[str, int]
    exit_code: int
    stderr: str


class Runs:
    """Runs each gate's cases once, when the first of its tests asks; the gate is then ended and its journal read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[tuple[str, str], Run] = {}
        self.broken: dict[tuple[str, str], str] = {}

    @cached_property
    def keys(self) -> Keys:
        """Certificates of this test run."""
        folder = self.folder / "keys"
        folder.mkdir()
        return make_keys(folder)

    def of(self, gate: str, way: str = "udp") -> Run:
        key = (gate, way)
        if key in self.broken:
            pytest.fail(self.broken[key])
        if key not in self.done:
            try:
                self.done[key] = self._run(gate, way)
            except NotReady as error:
                self.broken[key] = f"gate {gate} over {way}: {error}"
                pytest.fail(self.broken[key])
        return self.done[key]

    def _run(self, name: str, way: str) -> Run:
        wanted = [case for case in cases_over(way) if case.gate == name]
        work = self.folder / way / name.replace(":", "-").replace("=", "-")
        work.mkdir(parents=True)
        is_tls, is_mutual = way.endswith("tls"), way == "mutual-tls"
        tables = (self.keys.settings(is_mutual) if is_tls else "") + ("" if name.startswith("rates") else NOT_COUNTED)
        settings = configure(name, work, "tls" if is_tls else way, tables)
        if is_mutual:
            text = settings.read_text("utf-8").replace('listen = "tls:', f'certificate = "{SAN}"\nlisten = "tls:')
            settings.write_text(text, "utf-8")
        gate = Gate(["--config", str(settings)], work / "data")
        try:
            with ExitStack() as stack:
                port = gate.port
                if is_tls:
                    shown = self.keys.client if is_mutual else None
                    port = stack.enter_context(Hop(gate.port, self.keys, work / "kamailio", shown)).port
                pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
                outcomes = list(pool.map(lambda case: peer_sipp.run(case, port, work / "cases"), wanted))
            counters = gate.counters() if gate.process.poll() is None else {}
        finally:
            code = gate.stop()
        rows: dict[str, list[dict[str, str]]] = {}
        for row in journal_rows(work / "data"):
            rows.setdefault(row["call_id"], []).append(row)
        by_case = {case.id: outcome for case, outcome in zip(wanted, outcomes, strict=True)}
        return Run(by_case, rows, counters, code, gate.errors.read_text("utf-8", "replace"))
