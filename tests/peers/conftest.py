"""Real peers: SIPp against a real gate process. Skipped by name where SIPp is missing, unless TOSQAUYL_REQUIRE_PEERS=1."""

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "bench")]

import peer_sipp  # noqa: E402 - found through the line above
from peer_corpus import FOLDER, Case, cases  # noqa: E402
from server import Gate, free_port, journal_rows  # noqa: E402

WORKERS = 8  # SIPp runs wait most of their time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.peers)


def need(program: str, package: str) -> None:
    """Skip (or fail, under TOSQAUYL_REQUIRE_PEERS=1) where a peer program is missing."""
    if shutil.which(program):
        return
    say = f"{program} is not installed: make test-peers installs it (Debian's {package})"
    if os.environ.get("TOSQAUYL_REQUIRE_PEERS") == "1":
        pytest.fail(say)
    pytest.skip(say)


@pytest.fixture(scope="session")
def sipp() -> str:
    need("sipp", "sip-tester")
    return shutil.which("sipp") or ""


@pytest.fixture(scope="session")
def compiler() -> str:
    need("cc", "gcc")
    return shutil.which("cc") or ""


def configure(name: str, folder: Path) -> Path:
    """Write the configuration of gate `name` into `folder` and return its path.

    'force:KIND' and 'force:KIND=EFFECT' are the gate force.toml with that fault raised on every call.
    """
    base, _, forced = name.partition(":")
    kind, _, effect = forced.partition("=")
    text = (FOLDER / "gates" / f"{base}.toml").read_text("utf-8") + (FOLDER / "trunks.toml").read_text("utf-8")
    known = {
        "@DATA@": str(folder / "data"), "@HERE@": str(FOLDER), "@PORT@": str(free_port()),
        "@KIND@": kind, "@EFFECT@": effect or "pass",
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
        self.done: dict[str, Run] = {}

    def of(self, gate: str) -> Run:
        if gate not in self.done:
            self.done[gate] = self._run(gate, [case for case in cases() if case.gate == gate])
        return self.done[gate]

    def _run(self, name: str, wanted: list[Case]) -> Run:
        work = self.folder / name.replace(":", "-").replace("=", "-")
        work.mkdir(parents=True)
        gate = Gate(["--config", str(configure(name, work))], work / "data")
        try:
            with ThreadPoolExecutor(WORKERS) as pool:
                outcomes = list(pool.map(lambda case: peer_sipp.run(case, gate.port, work / "cases"), wanted))
            counters = gate.counters() if gate.process.poll() is None else {}
        finally:
            code = gate.stop()
        rows: dict[str, list[dict[str, str]]] = {}
        for row in journal_rows(work / "data"):
            rows.setdefault(row["call_id"], []).append(row)
        by_case = {case.id: outcome for case, outcome in zip(wanted, outcomes, strict=True)}
        return Run(by_case, rows, counters, code, gate.errors.read_text("utf-8", "replace"))


@pytest.fixture(scope="session")
def runs(sipp: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    yield Runs(tmp_path_factory.mktemp("peers"))


@pytest.fixture
def enforcing_gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that enforces, with every Kazakh mobile that is not on its roaming file known to be at home."""
    gate = Gate(["--config", str(configure("enforce", tmp_path))], tmp_path / "data")
    yield gate
    gate.stop()
