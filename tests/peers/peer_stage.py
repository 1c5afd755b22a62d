"""A whole office to look at: the seeded sample, a small ledger of calls, gates under traffic, and somebody of each role signed in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from call_ledger import FOREIGN, KAZAKH, rows
from explained_calls import add_stopped
from peer_gate import TOKEN, WAYS_IN
from peer_office import Person, anybody, days_ahead
from peer_people import Staffed, behind_a_proxy, staffed

from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store

ROLES = ("supervisor", "analyst", "operator", "admin", "auditor", "bank")
"""Who looks, those who see most first."""
BLOCKED = "+77012345678"
"""A number that the office has blocked, and tells anybody so."""
GATES = ("Алматы", "Астана")
GATE_TABLE = '[[gate]]\nname = "{name}"\nurl = "{url}"\ntoken_file = "{token}"\n'


@dataclass(slots=True)
class Stage:
    """people: by role, '' for anybody."""

    house: Staffed
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the office is."""
        return self.house.office.url


@contextmanager
def staged(folder: Path, gates: bool) -> Iterator[Stage]:
    """Everything started and filled; ended at the end. gates: whether there are gates with traffic."""
    with ExitStack() as stack:
        more = f'[ledger]\nfolder = "{_ledger(folder / "ledger")}"\n[demo]\ntour = true\n'
        if gates:
            more += "".join(stack.enter_context(_gate(folder, at, name)) for at, name in enumerate(GATES))
        office = behind_a_proxy(folder, more)
        said = [line.split("\t") for line in office.command("sample").splitlines()]
        whose = {line[1]: line[2] for line in reversed(said) if len(line) == 4}
        stack.callback(office.stop)
        stage = Stage(staffed(office))
        stage.people = _people(stage.house, whose) | {"": anybody(office.url)}
        _more_rows(stage.people)
        yield stage


def _ledger(folder: Path) -> Path:
    """The ledger of the pages' tests under names that a reader takes for real ones, and as the newest a call that is explained."""
    named = {FOREIGN["caller"]: ("North Transit", "+447700900123"), KAZAKH["caller"]: ("West Transit", "+77015550001")}
    calls = [one | dict(zip(("carrier", "caller"), named[one["caller"]], strict=True)) for one in rows()]
    con = connect(Means(threads=1))
    con.register("given", pa.Table.from_pylist(calls))
    Store(folder).write(con, "SELECT * FROM given", Batch("calls", "gate:almaty", "1", frozenset(calls[0])))
    con.close()
    add_stopped(folder, max(one["at"] for one in calls) + 300.0, "West Transit")
    return folder


def _people(house: Staffed, whose: dict[str, str]) -> dict[str, Person]:
    """Somebody of each role. whose: role -> an organisation of the sample that has such people."""
    found = {"admin": house.admin}
    for role in ROLES:
        if role not in found:
            found[role] = house.settle(f"screen-{role}", role, whose.get(role, "centre"))
    return {role: found[role] for role in ROLES}


def _more_rows(people: dict[str, Person]) -> None:
    """What the sample leaves out: a known number that is blocked, a draft of one's own, a back-test, a
    key, a webhook."""
    reasons = [{"slug": "reported", "text": ""}]
    block = {
        "kind": "phone", "value": BLOCKED, "verdict": "fraud", "listing": "block", "confidence": 90, "reasons": reasons,
        "valid_until": days_ahead(30), "submit": True,
    }  # fmt: skip
    made = people["analyst"].post("/v1/indicators", block)
    people["supervisor"].post(f"/v1/indicators/{made['id']}:approve", {"version": made["version"]})
    draft = {"kind": "domain", "value": "bank-kz.example", "verdict": "suspect", "confidence": 60, "reasons": reasons}
    people["supervisor"].post("/v1/indicators", draft)
    people["analyst"].post("/v1/policy/backtests", {})
    people["admin"].post("/v1/keys", {"name": "gate-almaty", "role": "gate"})
    people["admin"].post("/v1/webhooks", {"url": "https://bank.example/hook", "events": ["indicator.approved"]})


@contextmanager
def _gate(folder: Path, at: int, name: str) -> Iterator[str]:
    """A gate under traffic; its table of the office's file."""
    token = folder / "gate.token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    file = folder / f"gate-{at}.toml"
    file.write_text(WAYS_IN)
    command = [sys.executable, "-m", "tosqauyl"]
    with (folder / f"gate-{at}.said").open("w") as said:
        gate = subprocess.Popen(
            [*command, "serve", "--config", str(file), "--data", str(folder / f"gate-{at}"), "--enforce"],
            stdout=subprocess.PIPE, stderr=said, text=True,
        )  # fmt: skip
        assert gate.stdout
        ready = gate.stdout.readline().split()
        assert ready, (folder / f"gate-{at}.said").read_text()
        calls = subprocess.Popen(
            [*command, "traffic", "--to", ready[1], "--expect", "bare", "--seconds", "600", "--rate", str(30 + 20 * at)],
            stdout=said, stderr=said, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            yield GATE_TABLE.format(name=name, url=f"http://{ready[2].removeprefix('http:')}", token=token)
        finally:
            for process in (calls, gate):
                process.terminate()
                process.wait(30)
