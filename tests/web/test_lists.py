"""The list over HTTP: whole, its changes, and waiting for the next one."""

import asyncio
import time
from threading import Thread

import httpx
import pytest

from tosqauyl.registry import observables
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.conditions import allow
from tosqauyl.registry.list_text import read_head
from tosqauyl.web.list_watch import Watch

LIST = "0" * 32
GATE = {"x-test-actor": "gate@centre"}


@pytest.fixture(autouse=True)
def gates(monkeypatch, office):
    """The desk of these tests also knows gates: programs that may read lists and nothing else."""
    known = office.access.actor_of

    def actor_of(request):
        if request.headers.get("x-test-actor") == "gate@centre":
            return Actor("key:9a7e", "centre", scopes=frozenset({"lists:read"}))
        return known(request)

    monkeypatch.setattr(office.access, "actor_of", actor_of)


@pytest.fixture
def gate(client):
    client.headers.update(GATE)
    return client


def listed(registry, *numbers: str) -> None:
    for number in numbers:
        with registry.work(Actor("user:daniyar", "centre")) as work:
            allow(work, observables.observe(work, "phone", number).id, "ours", 0)


def test_a_gate_takes_the_whole_list_and_then_the_changes(gate, registry):
    listed(registry, "+447700900601")
    answer = gate.get("/v1/lists/calls", headers={"Accept-Encoding": "identity"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-encoding" not in answer.headers
    header = read_head(answer.content.partition(b"\n")[0])
    assert header == (LIST, 1, 1)
    listed(registry, "+447700900602", "1414")
    answer = gate.get("/v1/lists/calls/changes", params={"list": LIST, "after": 1})
    first, *rows, end, _ = answer.text.split("\n")
    assert (answer.headers["content-type"], first) == ("text/plain; charset=utf-8", f"tosqauyl-changes 1 {LIST} 1 3")
    assert [row.split("\t")[:4] for row in rows] == [["2", "+447700900602", "allow", "-"], ["3", "1414", "allow", "-"]]
    assert end.startswith("end ")


def test_the_whole_list_is_packed_where_that_is_taken(gate, registry):
    listed(registry, "+447700900601")
    answer = gate.get("/v1/lists/calls", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert b"+447700900601\tallow" in answer.content
    assert "content-encoding" not in gate.get("/v1/lists/calls", headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_taking_the_whole_list_is_written_down(gate, registry):
    from tosqauyl.registry.tables import AuditEntry

    gate.get("/v1/lists/calls")
    with registry.read(SYSTEM) as work:
        entry = work.db.query(AuditEntry).order_by(AuditEntry.seq.desc()).first()
        assert (entry.verb, entry.actor, entry.detail) == ("read-list", "key:9a7e", "0 numbers as of change 0")


@pytest.mark.parametrize(
    "query", [{"list": "1" * 32, "after": 0}, {"list": LIST, "after": 2}, {"list": LIST, "after": 2**63 - 1}]
)
def test_another_list_or_a_seq_ahead_of_it_is_a_conflict(gate, registry, query):
    listed(registry, "+447700900601")
    answer = gate.get("/v1/lists/calls/changes", params=query)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tosqauyl:problem:conflict")


@pytest.mark.parametrize(
    "query",
    [
        {"list": LIST}, {"after": 0}, {"list": "x", "after": 0}, {"list": LIST, "after": -1}, {"list": LIST, "after": 2**63},
        {"list": LIST, "after": 0, "wait": 26}, {"list": LIST, "after": 0, "wait": -1}, {"list": LIST + "\x00", "after": 0},
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_is_refused(gate, query):
    assert gate.get("/v1/lists/calls/changes", params=query).status_code == 422


def test_only_who_may_read_lists_gets_them(client_as):
    for path in ("/v1/lists/calls", f"/v1/lists/calls/changes?list={LIST}&after=0"):
        assert client_as().get(path).status_code == 401
        assert client_as("analyst").get(path).status_code == 403


def test_without_waiting_there_is_an_answer_at_once(gate):
    answer = gate.get("/v1/lists/calls/changes", params={"list": LIST, "after": 0})
    assert answer.text.startswith(f"tosqauyl-changes 1 {LIST} 0 0\nend ")


def test_fifty_waiting_gates_are_woken_by_a_commit(app, registry):
    async def run() -> tuple[list[httpx.Response], float]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://office.test", headers=GATE) as client:
            query = {"list": LIST, "after": 0, "wait": 25}
            waiting = [asyncio.create_task(client.get("/v1/lists/calls/changes", params=query)) for _ in range(50)]
            while app_waiting(app) < 50:
                await asyncio.sleep(0.01)
            began = time.perf_counter()
            Thread(target=listed, args=(registry, "+447700900601")).start()
            answers = await asyncio.gather(*waiting)
            return answers, time.perf_counter() - began

    answers, took = asyncio.run(run())
    assert {answer.text.split("\n")[1].split("\t")[1] for answer in answers} == {"+447700900601"}
    assert took < 5


def app_waiting(app) -> int:
    """How many wait now."""
    if not hasattr(app.state, "list_changes"):
        return 0
    return app.state.list_changes[1].here()._waiting


def test_what_another_process_commits_is_seen_by_looking():
    async def run() -> int:
        seqs, looks = iter((4, 4, 5)), []

        def look() -> int:
            looks.append(1)
            return next(seqs, 5)

        watch = Watch(look, 0.01)
        await watch.wait(4, 20)
        await asyncio.sleep(0)
        return len(looks)

    assert asyncio.run(run()) >= 3


def test_waiting_ends_with_its_time_and_leaves_nothing_behind():
    async def run() -> tuple[int, bool]:
        watch = Watch(lambda: 4)
        await asyncio.gather(watch.wait(4, 0.02), watch.wait(4, 0.01))
        task = watch._task
        await asyncio.wait_for(task, 5)
        return watch._waiting, task.done()

    assert asyncio.run(run()) == (0, True)


def test_a_database_that_cannot_be_read_for_a_while_stops_nobody_from_waiting():
    from tosqauyl.registry.errors import Unavailable

    async def run() -> None:
        answers = iter((Unavailable("gone"), Unavailable("gone"), 5))

        def look() -> int:
            answer = next(answers, 5)
            if isinstance(answer, Exception):
                raise answer
            return answer

        watch = Watch(look, 0.01)
        await asyncio.wait_for(watch.wait(4, 20), 5)

    asyncio.run(run())
