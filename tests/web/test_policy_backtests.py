"""Back-tests of the office: begun, left, looked at, ended; interrupted by whatever ends the office. The command itself is run."""

import fcntl
import json
import os
import sys
from dataclasses import replace
from uuid import UUID

import pytest
from call_ledger import FIRST, LAST, write_ledger

from tosqauyl.policy.load import shipped_text
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.web.backtest_desk import FOLDER, LOCK, MOST_JOBS, BacktestDesk, Job, backtests_of

DAYS = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
PLACE = "/v1/policy/backtests"
LONG = "import sys, time; print('5 of 10 calls', file=sys.stderr, flush=True); time.sleep(600)"


@pytest.fixture
def ledger(office, tmp_path):
    office.calls = replace(office.calls, ledger=write_ledger(tmp_path / "calls"), memory_mb=256)
    yield office.calls.ledger
    desk = backtests_of(office)
    desk.stop()
    desk.settled(30)


@pytest.fixture
def analyst(client_as, ledger):
    return client_as("analyst")


@pytest.fixture
def slow(monkeypatch):
    """Back-tests that go on until they are ended."""
    monkeypatch.setattr(BacktestDesk, "_command", lambda *_: (sys.executable, "-c", LONG))


def begin(client, status=201, **said):
    answer = client.post(PLACE, json=said)
    assert answer.status_code == status, answer.text
    return answer.json()


def look(client, job):
    return client.get(f"{PLACE}/{job['id']}").json()


def until_said(office, job):
    """Wait until the process has said how far it is: bounded, by looking."""
    import time

    desk, deadline = backtests_of(office), time.monotonic() + 30
    while desk.found(UUID(job["id"])).count == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_back_test_of_the_policy_in_force_is_put_on_record(analyst, office, ledger, registry):
    job = begin(analyst, **DAYS)
    assert (job["state"], job["policy"], job["by"]) == ("running", "in-force", "user:analyst")
    backtests_of(office).settled(120)
    found = look(analyst, job)
    assert (found["state"], found["trouble"]) == ("done", ""), office.alarm.told
    assert found["done"] == found["count"] > 0
    assert (ledger / "backtests" / f"{found['backtest']}.json").is_file()
    assert found["rules"]
    assert [one["id"] for one in analyst.get(PLACE).json()] == [job["id"]]
    with registry.read(SYSTEM) as work:
        assert [one.detail for one in work.db.query(AuditEntry) if one.verb == "back-test"] == [
            f"in-force {DAYS['first']} {DAYS['last']}"
        ]
    assert sorted(path.suffix for path in (office.data / FOLDER).iterdir()) == ["", ".json", ".said"]


def test_a_draft_is_tried_as_it_was_sent(analyst, office, ledger):
    job = begin(analyst, draft=shipped_text().replace('name = "kz-border"', 'name = "kz-draft"'))
    backtests_of(office).settled(120)
    found = look(analyst, job)
    assert (found["state"], found["policy"]) == ("done", "draft"), office.alarm.told
    record = json.loads((ledger / "backtests" / f"{found['backtest']}.json").read_text())
    assert record["policy"] == "kz-draft"


def test_a_draft_with_mistakes_and_half_a_window_begin_nothing(analyst):
    begin(analyst, status=422, draft="[policy]")
    begin(analyst, status=422, first=DAYS["first"])
    begin(analyst, status=422, first=DAYS["last"], last=DAYS["first"])
    assert analyst.get(PLACE).json() == []


def test_days_without_calls_are_told_as_such(analyst, office):
    job = begin(analyst, first="2020-01-01", last="2020-01-02")
    backtests_of(office).settled(120)
    found = look(analyst, job)
    assert (found["state"], found["trouble"]) == ("failed", "no-calls"), office.alarm.told


def test_one_runs_at_a_time_says_how_far_it_is_and_can_be_ended(slow, analyst, office, client_as):
    job = begin(analyst)
    begin(client_as("supervisor"), status=409)
    until_said(office, job)
    assert {name: look(analyst, job)[name] for name in ("state", "done", "count")} == {
        "state": "running",
        "done": 5,
        "count": 10,
    }
    assert analyst.post(f"{PLACE}/{job['id']}:cancel").status_code == 200
    backtests_of(office).settled(30)
    assert look(analyst, job)["state"] == "cancelled"
    assert analyst.post(f"{PLACE}/{job['id']}:cancel").status_code == 409
    begin(analyst)


def test_whoever_only_reads_begins_and_ends_nothing(slow, analyst, client_as):
    auditor, job = client_as("auditor"), begin(analyst)
    assert auditor.post(PLACE, json={}).status_code == 403
    assert auditor.post(f"{PLACE}/{job['id']}:cancel").status_code == 403
    assert auditor.get(f"{PLACE}/{job['id']}").status_code == 200


def test_an_office_that_is_stopped_interrupts_it_and_a_new_one_says_so(slow, analyst, office):
    job = begin(analyst)
    until_said(office, job)
    for call in office.stopping:
        call()
    backtests_of(office).settled(30)
    office.backtests = None
    assert look(analyst, job)["state"] == "interrupted"
    assert begin(analyst)["state"] == "running"


def test_a_job_of_an_office_that_was_killed_is_interrupted(analyst, office):
    folder = office.data / FOLDER
    folder.mkdir(mode=0o700)
    job = Job("01890000-0000-7000-8000-000000000001", "in-force", "", "", "user:aida", 1)
    backtests_of(office)._write(job)
    (folder / LOCK).write_text(job.id)
    assert look(analyst, {"id": job.id})["state"] == "interrupted"
    held = os.open(folder / LOCK, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert look(analyst, {"id": job.id})["state"] == "running", "its process lives on"
    begin(analyst, status=409)
    assert analyst.post(f"{PLACE}/{job.id}:cancel").status_code == 409
    os.close(held)


def test_the_process_gives_way_to_everything_else(analyst, office, monkeypatch):
    say = "import json, os; print(json.dumps({'record': str(os.nice(0)), 'rows': 0}))"
    monkeypatch.setattr(BacktestDesk, "_command", lambda *_: (sys.executable, "-c", say))
    job = begin(analyst)
    backtests_of(office).settled(30)
    assert look(analyst, job)["backtest"] == "19"


def test_old_jobs_are_let_go(analyst, office):
    folder = office.data / FOLDER
    folder.mkdir(mode=0o700)
    for place in range(MOST_JOBS + 5):
        backtests_of(office)._write(
            Job(f"01890000-0000-7000-8000-{place:012d}", "in-force", "", "", "user:aida", 1, "done")
        )
    begin(analyst, **DAYS)
    backtests_of(office).settled(120)
    assert len(analyst.get(PLACE).json()) == MOST_JOBS


def test_without_a_ledger_there_is_nothing_to_test(client_as):
    begin(client_as("analyst"), status=404)
