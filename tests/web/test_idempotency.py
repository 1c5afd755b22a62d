"""The same key and the same request: carried out once, answered alike, whatever happens in between."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.testclient import TestClient

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.errors import Conflict, Invalid, Unavailable
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import AuditEntry, IdempotentAnswer, Organisation
from tosqauyl.web import app as app_module
from tosqauyl.web import idempotency
from tosqauyl.web.app import build
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.office import Office
from tosqauyl.web.problems import problems

KEY = "7f2c1f1e-6f0b-4a53-9c0e-3f3d2a0e9b11"
HOUR = 3_600_000
Writer = Annotated[Caller, Depends(needs("cases:write"))]


class In(BaseModel):
    id: str
    how: str = ""


class Out(BaseModel):
    id: str
    secret: str = "ticket-ABCDE"


router = APIRouter()
seen: list[str] = []
gate = threading.Event()


def add(work, name):
    work.db.add(Organisation(id=name, kind="bank", name=name, created=work.now))
    work.note("made", "organisation", name)


@router.post("/v1/once", response_model=Out, status_code=201, responses=problems("conflict"))
def once(body: In, caller: Writer, response: Response) -> Out:
    """Write once."""
    seen.append(body.id)
    response.headers["location"] = f"/v1/once/{body.id}"
    with caller.work() as work:
        add(work, body.id)
        if body.how == "refused-inside":
            raise Invalid("no", "id")
        if body.how == "wait":
            gate.wait(5)
        if body.how == "killed-before":
            os._exit(9)
        if body.how == "killed-after":
            work.after.append(lambda: os._exit(9))
        work.after.append(lambda: seen.append("after"))
        made = Out(id=body.id)
    if body.how == "bug-after":
        raise ValueError
    if body.how == "refused-after":
        raise Conflict("told afterwards")
    if body.how == "down-after":
        raise Unavailable("down")
    return made


@router.post("/v1/twice", response_model=Out, responses=problems("conflict"))
def twice(body: In, caller: Writer) -> Out:
    """Write twice."""
    seen.append(body.id)
    with caller.work() as work:
        add(work, body.id)
    with caller.read() as work:
        assert work.db.get(Organisation, body.id) is not None
    if body.how == "bug-between":
        raise ValueError
    with caller.work() as work:
        add(work, body.id + "-2")
    return Out(id=body.id)


@router.post("/v1/later", response_model=Out, responses=problems("conflict"))
async def later(body: In, caller: Writer) -> Out:
    """Write in a thread of its own."""

    def write():
        seen.append(body.id)
        with caller.work() as work:
            add(work, body.id)

    await run_in_threadpool(write)
    if body.how == "bug-after":
        raise ValueError
    return Out(id=body.id)


@router.post("/v1/read", response_model=Out, responses=problems())
def read_only(body: In, caller: Writer) -> Out:
    """Only read."""
    seen.append(body.id)
    with caller.read() as work:
        return Out(id=str(work.db.scalar(select(func.count()).select_from(Organisation))))


@router.post("/v1/nothing", status_code=204, responses=problems())
def nothing(body: In, caller: Writer) -> None:
    """Answer with nothing."""
    with caller.work() as work:
        add(work, body.id)


@router.post("/v1/both", response_model=Out, responses=problems())
def both(body: In, reader: Annotated[Caller, Depends(needs("cases:read"))], caller: Writer) -> Out:
    """Ask for two scopes, write with the second."""
    with caller.work() as work:
        add(work, body.id)
    return Out(id=body.id)


@router.post("/v1/late", response_model=Out, responses=problems(),
             openapi_extra={"requestBody": {"content": {"text/csv": {"schema": {"type": "string"}}}}})  # fmt: skip
async def late(request: Request, caller: Writer) -> Out:
    """Read the body itself."""
    name = (await request.body()).decode()

    def write():
        with caller.work() as work:
            seen.append(name)
            add(work, name)

    await run_in_threadpool(write)
    return Out(id=name)


@pytest.fixture
def trial(office, monkeypatch):
    monkeypatch.setattr(app_module, "import_module", lambda name: type("Module", (), {"router": router}))
    seen.clear()
    gate.clear()
    return build(office, ("trial",))


@pytest.fixture
def send(trial):
    def sent(path="/v1/once", key=KEY, who="analyst@centre/user:aida", **body):
        client = TestClient(trial, headers={"x-test-actor": who})
        return client.post(path, json={"id": "alpha", **body}, headers={"Idempotency-Key": key} if key else {})

    return sent


def organisations(office):
    with office.registry.read(SYSTEM) as work:
        return {one.id for one in work.db.scalars(select(Organisation))} - {
            "centre",
            "kcell",
            "beeline",
            "halyk",
            "police",
        }


def test_the_same_request_is_carried_out_once_and_answered_alike(send, office):
    first, again = send(), send()
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert (first.headers["location"], first.headers["content-type"]) == (
        again.headers["location"],
        again.headers["content-type"],
    )
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert seen == ["alpha", "after"]
    assert organisations(office) == {"alpha"}


@pytest.mark.parametrize("path", ["/v1/twice", "/v1/later"])
def test_routes_of_more_than_one_transaction_answer_again_too(send, office, path):
    first, again = send(path), send(path)
    assert first.status_code == 200
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert seen == ["alpha"]


def test_an_answer_without_a_body_is_given_again(send):
    assert send("/v1/nothing").status_code == 204
    again = send("/v1/nothing")
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (204, b"", "true")


def test_the_same_key_for_another_request_is_refused(send):
    assert send().status_code == 201
    for other in (send(id="beta"), send("/v1/twice")):
        assert (other.status_code, other.json()["type"]) == (409, "urn:tosqauyl:problem:key-reused")
    assert seen == ["alpha", "after"]


def test_two_actors_may_use_the_same_key(send, office):
    assert send().status_code == 201
    other = send(who="supervisor@centre/user:daniyar", id="beta")
    assert (other.status_code, "idempotency-replayed" in other.headers) == (201, False)
    assert organisations(office) == {"alpha", "beta"}


def test_without_a_key_everything_is_carried_out(send):
    assert send(key=None).status_code == 201
    assert send(key=None).status_code == 409
    assert seen == ["alpha", "after", "alpha"]


@pytest.mark.parametrize(
    "key", ["short", "x" * 129, "with space in the key", "ключ-ключ-ключ-ключ".encode().decode("latin-1"), ""]
)
def test_a_key_that_is_none_is_refused(trial, key):
    client = TestClient(trial, headers={"x-test-actor": "analyst@centre", "Idempotency-Key": key.encode("latin-1")})
    answer = client.post("/v1/once", json={"id": "alpha"})
    assert (answer.status_code, answer.json()["fields"][0]["where"]) == (422, "header:Idempotency-Key")
    assert seen == []


def test_what_was_refused_before_anything_was_written_leaves_the_key_free(send, office):
    assert send(how="refused-inside").status_code == 422
    assert send(how="").status_code == 201
    assert organisations(office) == {"alpha"}


def test_a_refusal_after_something_was_written_is_kept_with_it(send, office):
    first, again = send(how="refused-after"), send(how="refused-after")
    assert first.status_code == again.status_code == 409
    assert first.content == again.content
    assert seen == ["alpha", "after"]
    assert organisations(office) == {"alpha"}


@pytest.mark.parametrize("how", ["bug-after", "down-after"])
def test_where_the_office_fails_the_work_is_undone_and_the_key_is_free(send, office, how):
    assert send(how=how).status_code in (500, 503)
    assert organisations(office) == set()
    assert send().status_code == 201
    assert seen == ["alpha", "alpha", "after"]


def test_what_was_begun_and_not_ended_is_never_carried_out_again(send, office, clock):
    assert send("/v1/twice", how="bug-between").status_code == 500
    again = send("/v1/twice", how="bug-between")
    assert (again.status_code, again.json()["type"], again.headers["retry-after"]) == (
        409, "urn:tosqauyl:problem:carried-out", "1")  # fmt: skip
    clock[0] += HOUR
    assert "retry-after" not in send("/v1/twice", how="bug-between").headers
    assert seen == ["alpha"]
    assert send("/v1/later", key=KEY + "2", id="beta", how="bug-after").status_code == 500
    assert send("/v1/later", key=KEY + "2", id="beta", how="bug-after").status_code == 409
    assert organisations(office) == {"alpha", "beta"}


def test_work_and_answer_are_committed_together(send, office, monkeypatch):
    """Where the answer cannot be stored, nothing is done: there is no moment between the two."""
    monkeypatch.setattr(office.registry.vault, "seal", lambda *_: (_ for _ in ()).throw(ValueError("no")))
    assert send().status_code == 500
    assert organisations(office) == set()
    monkeypatch.undo()


def test_a_database_that_goes_away_before_the_answer_is_stored_is_no_bug(send, office, monkeypatch):
    away = OperationalError("SELECT", {}, ConnectionResetError())
    monkeypatch.setattr(idempotency.Claim, "_store", lambda *_: (_ for _ in ()).throw(away))
    monkeypatch.setattr(Session, "rollback", lambda *_: (_ for _ in ()).throw(away))
    assert send().json()["type"] == "urn:tosqauyl:problem:unavailable"
    monkeypatch.undo()
    assert organisations(office) == set()
    assert send().status_code == 201


def test_a_transaction_that_cannot_be_committed_is_a_problem(send, office):
    assert send(id="kcell").status_code == 409
    assert send(id="alpha").status_code == 201


def test_of_two_at_once_one_is_carried_out_and_both_get_its_answer(send, office):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(send, how="wait")
        while not seen:
            pass
        second = pool.submit(send, how="wait")
        gate.set()
        answers = [first.result(10), second.result(10)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert organisations(office) == {"alpha"}
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", "true"]


def test_many_at_once_with_different_keys_do_not_stand_in_each_others_way(send, office):
    """More requests than threads of the pool would hold, if a transaction waited for a thread to end in."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda place: send(key=f"{KEY}-{place}", id=f"org-{place}"), range(48)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(organisations(office)) == 48


def test_a_key_is_forgotten_after_its_hours(send, office, clock):
    assert send().status_code == 201
    clock[0] += 24 * HOUR
    assert send(id="beta").status_code == 201
    with office.registry.work(SYSTEM) as work:
        assert idempotency.forget(work, 24) == 0
    clock[0] += 25 * HOUR
    with office.registry.work(SYSTEM) as work:
        assert idempotency.forget(work, 24) == 1


def test_a_route_that_only_reads_stores_nothing(send, office):
    assert send("/v1/read").status_code == send("/v1/read").status_code == 200
    assert seen == ["alpha", "alpha"]
    with office.registry.read(SYSTEM) as work:
        assert work.db.scalar(select(func.count()).select_from(IdempotentAnswer)) == 0


def test_answers_are_sealed_and_giving_one_again_is_noted(send, office):
    send()
    send()
    with office.registry.read(SYSTEM) as work:
        row = work.db.scalars(select(IdempotentAnswer)).one()
        assert b"ticket-ABCDE" not in bytes(row.body)
        assert KEY not in row.key
        assert [entry.verb for entry in work.db.scalars(select(AuditEntry).order_by(AuditEntry.seq))] == [
            "made",
            "replayed",
        ]


def test_an_answer_too_long_to_keep_says_so_when_asked_again(send, monkeypatch):
    monkeypatch.setattr(idempotency, "MOST_BODY", 10)
    assert send().status_code == 201
    assert send().json()["type"] == "urn:tosqauyl:problem:carried-out"
    assert seen == ["alpha", "after"]


def test_a_revoked_caller_gets_no_answer_again(send, office):
    assert send().status_code == 201
    office.access.refused = {"analyst@centre/user:aida": "no-caller"}
    assert send().status_code == 401


@pytest.mark.parametrize(("how", "done"), [("killed-before", False), ("killed-after", True)])
def test_an_office_that_is_killed_never_carries_out_twice(office, database, trial, send, how, done):
    """A process of its own is ended in the middle of the request; the same request then goes to another one."""
    child = os.fork()
    if not child:
        try:
            own = Registry(database, office.registry.vault, office.registry.clock)
            other = build(Office(own, office.access, office.sms, office.data, print), ("trial",))
            client = TestClient(other, headers={"x-test-actor": "analyst@centre/user:aida", "Idempotency-Key": KEY})
            client.post("/v1/once", json={"id": "alpha", "how": how})
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert organisations(office) == ({"alpha"} if done else set())
    if not done:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "_exit", lambda status: None)
            again = send(how=how)
        assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
        return
    again = send(how=how)
    assert (again.status_code, again.json()["id"], again.headers["idempotency-replayed"]) == (201, "alpha", "true")


def test_a_body_that_is_read_late_is_compared_too(send, trial):
    client = TestClient(
        trial, headers={"x-test-actor": "analyst@centre/user:aida", "Idempotency-Key": KEY, "content-type": "text/csv"}
    )
    first, again, other = (client.post("/v1/late", content=text) for text in ("a", "a", "b"))
    assert (first.status_code, first.json()["id"]) == (200, "a")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert other.json()["type"] == "urn:tosqauyl:problem:key-reused"
    assert send().json()["type"] == "urn:tosqauyl:problem:key-reused"
    assert seen == ["a"]


def test_a_route_that_asks_for_two_scopes_is_one_request(send, office):
    first, again = send("/v1/both"), send("/v1/both")
    assert first.status_code == again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert organisations(office) == {"alpha"}
