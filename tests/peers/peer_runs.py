"""Start the gate a corpus names, run all its cases by SIPp, end it, and read its journal."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import peer_sipp
import pytest
from peer_corpus import FOLDER, Case, cases
from server import Gate, NotReady, free_port, journal_rows

WORKERS = 8  # SIPp runs wait most of their time


def configure(name: str, folder: Path) -> Path:
    """Write the configuration of gate `name` into `folder` and return its path.

    'force:KIND' and 'force:KIND=EFFECT' are the gate force.toml with that fault raised on every call,
    and [failure] saying nothing or EFFECT.
    """
    base, _, forced = name.partition(":")
    kind, _, effect = forced.partition("=")
    text = (FOLDER / "gates" / f"{base}.toml").read_text("utf-8") + (FOLDER / "trunks.toml").read_text("utf-8")
    known = {
        "@DATA@": str(folder / "data"), "@HERE@": str(FOLDER), "@PORT@": str(free_port()),
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
        self.done: dict[str, Run] = {}
        self.broken: dict[str, str] = {}

    def of(self, gate: str) -> Run:
        if gate in self.broken:
            pytest.fail(self.broken[gate])
        if gate not in self.done:
            try:
                self.done[gate] = self._run(gate, [case for case in cases() if case.gate == gate])
            except NotReady as error:
                self.broken[gate] = f"gate {gate}: {error}"
                pytest.fail(self.broken[gate])
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
