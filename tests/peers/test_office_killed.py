"""kill -9 of the office at random moments, and its database going away under it: what was acknowledged is there, once; the trail is
whole; what gates were told adds up. On SQLite and on PostgreSQL."""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from peer_kills import Crowd, Told, again_and_again, folded, listed, proposal, steady_port
from peer_kills import report as a_report
from peer_office import PASSWORD, OfficeProcess, Person, anybody
from peer_postgresql import Server, postgresql, server  # noqa: F401 - a fixture
from sqlalchemy import func, select
from test_office_story import RunningGate, propose, report, until

from tosqauyl.cli.office_files import now
from tosqauyl.registry import audit, publish
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.appeals import token_of as appeal_token
from tosqauyl.registry.list_text import change_line, entry_line
from tosqauyl.registry.rotation import FileVault
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import (
    ApiKey,
    Appeal,
    AuditEntry,
    Condition,
    Delivery,
    IdempotentAnswer,
    Indicator,
    Observable,
    Publication,
    Report,
    Sighting,
    Upload,
)
from tosqauyl.registry.tickets import token_of as report_token

pytestmark = pytest.mark.peers()

PEOPLE = (
    ("aida", "analyst", "centre"), ("daniyar", "supervisor", "centre"), ("saule", "supervisor", "centre"),
    ("madina", "admin", "centre"), ("marat", "operator", "kcell"),
)  # fmt: skip
AUDIT = (sys.executable, "-m", "tosqauyl", "audit", "verify")
WRITES = (
    ("approve", "indicator"),
    ("uphold", "appeal"),
    ("uploaded", "upload"),
    ("added", "key"),
    ("end", "condition"),
)
MOST_ANSWERS = 60
"""Between a start and a kill."""
OTHER = "+77017654399"
EVENTS = ["indicator.approved", "indicator.revoked", "listing.changed"]


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OfficeProcess]:
    """An office that serves, over a database of its own."""
    database = request.getfixturevalue("postgresql") if request.param == "postgresql" else ""
    made = opened(tmp_path, database)
    try:
        yield made
    finally:
        made.stop()


def opened(folder: Path, database: str) -> OfficeProcess:
    """An office that serves, with people of the centre and of an operator."""
    made = OfficeProcess(folder, database, more="[webhooks]\nhttp_loopback = true\n", port=steady_port())
    made.make()
    made.command("organisation", "add", "kcell", "--kind", "operator", "--name", "Kcell")
    made.start()
    for login, role, whose in PEOPLE:
        made.account(login, role, whose)
    return made


def test_kills_at_random_moments_lose_and_double_nothing_that_was_acknowledged(office: OfficeProcess) -> None:
    check_falls(office, killed(office), times=6, seed=7)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2])
def test_20_kills_lose_and_double_nothing_that_was_acknowledged(office: OfficeProcess, seed: int) -> None:
    check_falls(office, killed(office), times=20, seed=seed)


def test_a_database_that_falls_under_load_loses_and_doubles_nothing_that_was_acknowledged(
    database: Server, tmp_path: Path
) -> None:
    office, modes = opened(tmp_path, database.url), cycle(("immediate", "fast"))

    def fall() -> None:
        database.stop(next(modes))
        database.start()

    try:
        told = check_falls(office, fall, times=20, seed=3)
    finally:
        office.stop()
    assert told.tries.get("unavailable"), "nobody was told"


def killed(office: OfficeProcess) -> Callable[[], None]:
    """Kill it as a power cut would, and start it again."""

    def fall() -> None:
        office.kill()
        office.start()

    return fall


def check_falls(office: OfficeProcess, fall: Callable[[], None], times: int, seed: int) -> Told:
    """Let an office, or what it stands on, fall while it is used, then look at everything."""
    crowd = crowd_of(office)
    began = time.monotonic()
    crowd.begin()
    done = again_and_again(crowd, fall, times, MOST_ANSWERS, seed)
    crowd.end()
    crowd.follow()
    took = time.monotonic() - began
    text = crowd.gate.get("/v1/lists/calls").text
    unkept = unkept_answers(crowd.gate.get("/v1/metrics").text)
    office.stop()
    print(f"{done} falls in {took:.1f} s; {len(crowd.told.done)} writes; {crowd.told.tries}")
    assert done == times
    assert crowd.told.tries.get("cut off", 0) + crowd.told.tries.get("unavailable", 0), "no request was cut off"
    for verb, what in WRITES:
        assert crowd.told.ids(verb, what), f"nobody got to {verb} of {what}"
    with looked_into(office) as work:
        check_rows(work, crowd.told, unkept)
        check_lists(work, crowd.told, text)
        check_trail(work, crowd.told)
    verified = subprocess.run(
        [*AUDIT, "--config", str(office.folder / "office.toml")], capture_output=True, text=True, timeout=60
    )
    assert verified.returncode == 0, verified.stdout
    assert not bugs(office), "an office or a database that falls is no bug"
    return crowd.told


def crowd_of(office: OfficeProcess) -> Crowd:
    """Everybody who uses the office, signed in; a program is told by a webhook, but does not listen."""
    staff = {login: office.sign_in(login).client for login, _, _ in PEOPLE}
    for client in staff.values():
        client.timeout = httpx.Timeout(20)
    hook = {"url": "http://127.0.0.1:9/told", "events": EVENTS}
    said = staff["madina"].post("/v1/webhooks", json=hook)
    assert said.status_code == 201, said.text
    token = office.command("key", "add", "border", "--role", "gate")
    return Crowd(
        office, staff, httpx.Client(base_url=office.url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    )


@contextmanager
def looked_into(office: OfficeProcess) -> Iterator[Work]:
    """The database of an office that does not run."""
    url = office.database or f"sqlite:///{office.folder / 'data' / 'office.db'}"
    registry = Registry(url, FileVault(office.folder / "data" / "vault.keys"), now)
    try:
        with registry.read(SYSTEM) as work:
            yield work
            work.notes.clear()
    finally:
        registry.close()


def unkept_answers(metrics: str) -> int:
    """How many answers were given but not kept: the database fell between a request's two transactions."""
    found = re.search(r'^tosqauyl_office_events_total\{event="idempotent_not_stored"\} (\d+)', metrics, re.MULTILINE)
    return int(found[1]) if found else 0


def check_rows(work: Work, told: Told, unkept: int) -> None:
    """Everything that was acknowledged is stored, and nothing besides: whoever got no answer asked until there was one."""
    db = work.db
    assert sorted(db.scalars(select(Report.ticket))) == sorted(
        [*(report_token(work.vault, one) for one in told.reports), *uploaded_tickets(work, told)]
    )
    sighted = Counter(db.scalars(select(Sighting.observable)))
    assert sighted == Counter({one.id: one.reports for one in db.scalars(select(Observable)) if one.reports})
    assert {str(one) for one in db.scalars(select(Upload.id))} == told.ids("uploaded", "upload")
    revoked = told.ids("revoke", "indicator")
    assert states(db.scalars(select(Indicator)), lambda one: one.state) == {
        one: "revoked" if one in revoked else "active" for one in told.ids("propose", "indicator")
    }
    appeals = {one.ticket: one for one in db.scalars(select(Appeal))}
    assert appeals.keys() == {appeal_token(work, one) for one in told.appeals}
    assert {str(one.id) for one in appeals.values() if one.state == "upheld"} == told.ids("uphold", "appeal")
    assert len(appeals) == len(told.ids("uphold", "appeal")) == len(told.proven)
    ended = told.ids("revoked", "key")
    keys = states(db.scalars(select(ApiKey)), lambda one: bool(one.revoked))
    assert keys.items() >= {one: one in ended for one in told.ids("added", "key")}.items()
    assert len(keys) == len(told.ids("added", "key")) + 1
    ended = told.ids("end", "condition")
    held = told.ids("allow", "condition") | told.ids("block", "condition")
    assert states(db.scalars(select(Condition)), lambda one: bool(one.ended)) == {one: one in ended for one in held}
    unanswered = db.scalars(select(IdempotentAnswer.key).where(IdempotentAnswer.status == 0)).all()
    assert len(unanswered) == told.tries.get("carried out", 0) + unkept
    changes = db.scalar(select(func.count()).select_from(Publication))
    assert Counter(db.scalars(select(Delivery.event))) == {
        "indicator.approved": len(told.ids("approve", "indicator")), "indicator.revoked": len(revoked), "listing.changed": changes,
    }  # fmt: skip


def states(rows: Iterable[Any], state: Callable[[Any], Any]) -> dict[str, Any]:
    """Id -> state."""
    return {str(one.id): state(one) for one in rows}


def uploaded_tickets(work: Work, told: Told) -> list[str]:
    """What is kept of the tickets of the reports of files, found by the numbers that the files' rows had."""
    seen = {one.token: one.id for one in work.db.scalars(select(Observable).where(Observable.kind == "phone"))}
    named = {row.observable: row.report for row in work.db.execute(select(Sighting.observable, Sighting.report))}
    tickets = {row.id: row.ticket for row in work.db.execute(select(Report.id, Report.ticket))}
    return [tickets[named[seen[work.vault.token(one, "observable.phone")]]] for one in told.rows]


def check_lists(work: Work, told: Told, text: str) -> None:
    """What gates were told is what is stored, adds up to what is listed, and that is what holds."""
    stored = {one.seq: change_line(one).decode().rstrip("\n") for one in publish.changes(work, 0, 100_000)}
    assert told.changes == stored
    assert list(stored) == list(range(1, publish.head(work).seq + 1))
    whole = listed(text)
    assert whole == folded(stored)
    assert whole == {
        one.number: entry_line(one).decode().rstrip("\n").split("\t", 1)[1] for one in publish.listed(work)
    }
    blocked = told.ids("approve", "indicator") - told.ids("revoke", "indicator")
    holding = blocked | told.ids("allow", "condition")
    assert {rest.split("\t")[2] for rest in whole.values()} == holding
    assert len(whole) == len(holding)
    assert {told.numbers[one] for one in blocked} == {
        number for number, rest in whole.items() if rest.startswith("block\t")
    }
    twice = 2 * len(told.ids("revoke", "indicator") | told.ids("end", "condition"))
    assert len(stored) == len(holding) + twice, "a change was published more than once"


def check_trail(work: Work, told: Told) -> None:
    """The chain is whole; of each write that was acknowledged there is one entry, and of such writes no other."""
    found = audit.verify(work.db)
    assert not found.broken
    entries = [(one.verb, one.what, one.which, one.detail) for one in work.db.scalars(select(AuditEntry))]
    had = Counter(entry[:3] for entry in entries)
    kinds = {(verb, what) for verb, what, _ in told.done if (verb, what) != ("reported", "report")} - {("added", "key")}
    assert Counter({one: had[one] for one in had if one[:2] in kinds}) == Counter(told.done_of(kinds))
    assert had.keys() >= set(told.done)
    for (verb, what), tickets in {
        ("reported", "report"): told.reports, ("file", "appeal"): told.appeals, ("prove", "appeal"): told.proven,
    }.items():  # fmt: skip
        counts = [count for one, count in had.items() if one[:2] == (verb, what)]
        assert counts == [1] * len(tickets), (verb, what)
    rows = sum(int(detail.split()[0]) for verb, what, _, detail in entries if (verb, what) == ("reported", "upload"))
    assert rows == len(told.rows)
    assert sum(count for one, count in had.items() if one[0] == "publish") == len(told.changes)


@pytest.fixture
def database() -> Iterator[Server]:
    """A PostgreSQL server that is stopped and started under an office."""
    with server() as made:
        yield made


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_an_office_says_that_its_database_is_down_and_works_again_by_itself(
    database: Server, tmp_path: Path, mode: str
) -> None:
    office = opened(tmp_path, database.url)
    gate = RunningGate(tmp_path, office.url, office.command("key", "add", "border", "--role", "gate"))
    try:
        check_database_down(office, gate, database, mode)
    finally:
        gate.stop()
        office.stop()
    assert not bugs(office), "a database that is down is no bug"


def check_database_down(office: OfficeProcess, gate: RunningGate, database: Server, mode: str) -> None:
    """Publish, take the database away, look at office and gate, give it back, publish again."""
    citizen, aida, daniyar = anybody(office.url), office.sign_in("aida"), office.sign_in("daniyar")
    ticket = report(citizen)
    first = propose(aida)
    daniyar.post(f"/v1/indicators/{first['id']}:approve", {"version": first["version"]})
    until(lambda: gate.call() == 603, 30)
    database.stop(mode)
    said = while_down(office, citizen, aida)
    office.kill()
    office.start()  # it does not need its database to begin
    assert said == while_down(office, citizen, aida)
    assert [gate.call() for _ in range(20)] == [603] * 20
    assert gate.call(OTHER) == 302
    database.start()
    until(lambda: citizen.get("/v1/health")["status"] == "ok", 30)
    assert citizen.post("/v1/public/reports:follow", {"ticket": ticket})["state"] == "received"
    for path, body, key in said:
        got = citizen.post(path, body, key=key)
        assert not got["duplicate"], "what was refused with 503 was accepted"
        assert citizen.post("/v1/public/reports:follow", {"ticket": got["ticket"]})["state"] == "received"
    second = propose(aida, OTHER)
    daniyar.post(f"/v1/indicators/{second['id']}:approve", {"version": second["version"]})
    until(lambda: gate.call(OTHER) == 603, 30)
    assert gate.call() == 603


def while_down(office: OfficeProcess, citizen: Person, aida: Person) -> list[tuple[str, dict[str, Any], str]]:
    """What an office says whose database is down, to reports, people and a whole crowd; the requests that were refused."""
    refused = [("/v1/public/reports", a_report(f"+7701400000{n}"), f"refused-report-number-{n}") for n in range(5)]
    for path, body, key in refused:
        check_unavailable(citizen.client.post(path, json=body, headers={"Idempotency-Key": key}))
    check_unavailable(aida.client.get("/v1/indicators"))
    check_unavailable(aida.client.post("/v1/indicators", json=proposal(OTHER)))
    check_unavailable(citizen.client.post("/v1/sign-in", json={"login": "saule", "password": PASSWORD}))
    health = citizen.client.get("/v1/health")
    assert health.status_code == 200
    assert (health.json()["status"], health.json()["database"]) == ("degraded", False)
    with ThreadPoolExecutor(30) as many:
        for got in many.map(
            lambda n: httpx.post(f"{office.url}/v1/public/reports", json=refused[n % 5][1], timeout=60), range(60)
        ):
            check_unavailable(got)
    return refused


def check_unavailable(said: httpx.Response) -> None:
    """The database is away, and the office says so: problem 'unavailable', with the time to wait."""
    assert said.status_code == 503, said.text
    assert said.headers["Content-Type"] == "application/problem+json"
    assert said.json()["type"] == "urn:tosqauyl:problem:unavailable"
    assert int(said.headers["Retry-After"]) > 0


def bugs(office: OfficeProcess) -> list[str]:
    """What the office told its operator that is no database being away."""
    told = (office.folder / "office.said").read_text().splitlines()
    return [line for line in told if "the database" not in line]
