"""The whole way of one number, between real servers: reported, triaged, approved by a second person, stopped by a running gate,
appealed, upheld, let through again. On SQLite and on PostgreSQL."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peer_gate import WAYS_IN, ask
from peer_office import OfficeProcess, Person, anybody, days_ahead
from peer_postgresql import postgresql  # noqa: F401 - a fixture

pytestmark = pytest.mark.peers()

CALLER = "+77012345678"
"""A Kazakh mobile that calls from abroad: as nobody knows where its subscriber is, no rule of the policy stops it by itself."""
INVITE = (
    "INVITE sip:+77017654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK{n};rport\r\n"
    "From: <sip:{caller}@h>;tag=1\r\nTo: <sip:+77017654321@gate>\r\nCall-ID: call-{n}\r\nCSeq: 1 INVITE\r\n\r\n"
)
WITHIN = 5.0
"""Seconds that the gates have to obey."""


class RunningGate:
    """A gate that follows an office, in a process of its own. more: lines of its [publications]; words: of its command."""

    more: str = ""
    words: tuple[str, ...] = ("--enforce",)

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self.folder, self.calls = folder, 0
        (folder / "gate.token").write_text(token)
        (folder / "gate.token").chmod(0o600)
        said = f'{WAYS_IN}\n[publications]\nurl = "{url}"\ntoken_file = "gate.token"\n{self.more}'
        (folder / "gate.toml").write_text(said)
        self.begin()

    def begin(self) -> None:
        """Start it; it has what it had when it was stopped."""
        folder = self.folder
        self.log = (folder / "gate.said").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tosqauyl", "serve", "--config", str(folder / "gate.toml"), "--data", str(folder / "gate"),
             *self.words], stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.ready = self.process.stdout.readline().split()
        assert self.ready, (folder / "gate.said").read_text()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)

    def restart(self) -> None:
        """End it, and start it again."""
        self.stop()
        self.begin()

    def call(self, caller: str = CALLER) -> int:
        """The status of the answer to a new call."""
        self.calls += 1
        port = int(self.ready[1].rpartition(":")[2])
        self.socket.sendto(INVITE.format(n=self.calls, caller=caller).encode(), ("127.0.0.1", port))
        return int(self.socket.recv(4096).split()[1])

    def status(self) -> dict[str, Any]:
        """What it tells of the list."""
        return ask(self.ready, "/v1/status")["publications"]

    def stop(self) -> None:
        """End it."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def until(holds: Callable[[], bool], seconds: float = WITHIN) -> float:
    """Seconds until something holds; fails where that takes too long."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not come to hold in time"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OfficeProcess]:
    """An office that serves, with an analyst, a supervisor and another one, and an operator's person."""
    database = request.getfixturevalue("postgresql") if request.param == "postgresql" else ""
    made = OfficeProcess(tmp_path, database)
    made.make()
    made.command("organisation", "add", "kcell", "--kind", "operator", "--name", "Kcell")
    made.start()
    try:
        for login, role, whose in (
            ("aida", "analyst", "centre"), ("daniyar", "supervisor", "centre"), ("saule", "supervisor", "centre"),
            ("marat", "operator", "kcell"),
        ):  # fmt: skip
            made.account(login, role, whose)
        yield made
    finally:
        made.stop()


@pytest.fixture
def gate(office: OfficeProcess, tmp_path: Path) -> Iterator[RunningGate]:
    """A gate that follows it."""
    running = RunningGate(tmp_path, office.url, office.command("key", "add", "border", "--role", "gate"))
    try:
        yield running
    finally:
        running.stop()


def test_a_number_is_reported_stopped_appealed_and_let_through(office: OfficeProcess, gate: RunningGate) -> None:
    until(lambda: gate.status()["entries"] == 0 and gate.status()["age_seconds"] >= 0, 20)
    assert gate.call() == 302
    citizen, aida, daniyar = anybody(office.url), office.sign_in("aida"), office.sign_in("daniyar")

    ticket = report(citizen)
    listed = aida.post("/v1/reports:search", {"observable": {"kind": "phone", "value": CALLER}})["items"]
    assert [one["state"] for one in listed] == ["received"]
    triaged = aida.post(
        f"/v1/reports/{listed[0]['id']}:triage", {"version": listed[0]["version"], "scheme": "impersonation-call"}
    )
    assert triaged["state"] == "triaged"
    proposed = propose(aida)
    aida.post(f"/v1/indicators/{proposed['id']}:approve", {"version": proposed["version"]}, status=403)
    assert gate.call() == 302, "a proposal stops nobody"

    daniyar.post(f"/v1/indicators/{proposed['id']}:approve", {"version": proposed["version"]})
    print(f"stopped {until(lambda: gate.call() == 603):.3f} s after the approval")
    known = citizen.post("/v1/public/check", {"kind": "phone", "value": CALLER})
    assert known["known"], known
    assert citizen.post("/v1/public/reports:follow", {"ticket": ticket})["state"] == "triaged"

    appeal = citizen.post("/v1/public/appeals", {"number": CALLER, "text": "This is my number", "language": "en"})[
        "ticket"
    ]
    citizen.post("/v1/public/appeals:send-code", {"ticket": appeal})
    code = next(
        word for word in office.texts()[-1]["text"].replace(".", " ").replace(":", " ").split() if word.isdigit()
    )
    assert citizen.post("/v1/public/appeals:prove", {"ticket": appeal, "code": code})["proven"]
    waiting = aida.get("/v1/appeals/waiting")
    assert len(waiting) == 1
    decision = {"version": waiting[0]["version"], "upheld": True, "answer": "It was a mistake"}
    daniyar.post(f"/v1/appeals/{waiting[0]['id']}:decide", decision, status=403)  # who approved does not judge himself
    office.sign_in("saule").post(f"/v1/appeals/{waiting[0]['id']}:decide", decision)
    print(f"let through {until(lambda: gate.call() == 302):.3f} s after the appeal was upheld")
    assert citizen.post("/v1/public/appeals:follow", {"ticket": appeal})["state"] == "upheld"
    assert not citizen.post("/v1/public/check", {"kind": "phone", "value": CALLER})["known"]
    assert subprocess.run(
        [sys.executable, "-m", "tosqauyl", "audit", "verify", "--config", str(office.folder / "office.toml")], timeout=60
    ).returncode == 0  # fmt: skip


def test_a_gate_keeps_its_list_while_the_office_is_down_and_goes_on_when_it_is_back(
    office: OfficeProcess, gate: RunningGate
) -> None:
    aida, daniyar = office.sign_in("aida"), office.sign_in("daniyar")
    first = propose(aida)
    daniyar.post(f"/v1/indicators/{first['id']}:approve", {"version": first["version"]})
    until(lambda: gate.call() == 603, 20)
    office.kill()
    assert [gate.call() for _ in range(20)] == [603] * 20
    assert gate.call("+77012000000") == 302
    office.start()
    other = "+77017654399"
    second = propose(aida, other)
    daniyar.post(f"/v1/indicators/{second['id']}:approve", {"version": second["version"]})
    until(lambda: gate.call(other) == 603, 15)
    assert gate.call() == 603


def test_no_number_and_no_text_of_a_person_is_in_the_database_in_clear(office: OfficeProcess, tmp_path: Path) -> None:
    report(anybody(office.url))
    propose(office.sign_in("aida"))
    office.stop()
    dumped = dump(office)
    assert b"report" in dumped
    for secret in (CALLER, CALLER[1:], "Aigul", "+77011112233", "said he was from the bank"):
        assert secret.encode() not in dumped, secret
        assert secret.encode().hex().encode() not in dumped, secret


def report(citizen: Person) -> str:
    """A citizen's report; its ticket."""
    body = {
        "channel": "call", "observables": [{"kind": "phone", "value": CALLER}], "scheme": "impersonation-call", "region": "75",
        "text": "He said he was from the bank", "contact": "Aigul +77011112233", "loss": 15_000_000, "consent": True,
    }  # fmt: skip
    return str(citizen.post("/v1/public/reports", body)["ticket"])


def propose(person: Person, number: str = CALLER) -> dict[str, Any]:
    """Propose to block a number."""
    body = {
        "kind": "phone", "value": number, "verdict": "fraud", "listing": "block", "confidence": 90, "scheme": "impersonation-call",
        "reasons": [{"slug": "reported", "text": "Named in reports of calls in the name of a bank"}],
        "valid_until": days_ahead(30), "submit": True,
    }  # fmt: skip
    return dict(person.post("/v1/indicators", body))


def dump(office: OfficeProcess) -> bytes:
    """Everything that is in the database."""
    if not office.database:
        return b"".join(path.read_bytes() for path in (office.folder / "data").glob("office.db*"))
    import pg8000.dbapi
    from sqlalchemy import make_url

    url = make_url(office.database)
    with pg8000.dbapi.connect(url.username, host=url.host, port=url.port, database=url.database) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = [name for (name,) in cursor.fetchall()]
        parts = []
        for name in found:
            cursor.execute(f'SELECT t::text FROM "{name}" t')
            parts.append(f"{name} {cursor.fetchall()}".encode())
    return b"\n".join(parts)
