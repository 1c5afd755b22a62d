"""Cases, checks, actions, the worklist and protected identities over HTTP."""

import csv
import io
import json
from collections.abc import Callable
from uuid import UUID

import jsonschema_rs
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from tosqauyl.registry import purposes
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.protected import seed
from tosqauyl.registry.shipped import shipped_text
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.registry.worklist import KINDS
from tosqauyl.web.app import build
from tosqauyl.web.office import Office

NUMBER, MASKED = "+77011234567", "+7701***4567"
PERSON = {"name": "Иванов Иван", "iin": "820310399917", "numbers": [NUMBER, "8 701 765 43 21"]}
MISSING = UUID(int=9)


@pytest.fixture
def app(office: Office) -> FastAPI:
    return build(office, ("incidents", "checks", "actions", "worklist", "protected", "reports", "indicators"))


def noted(office: Office, verb: str) -> list[tuple[str, str]]:
    with office.registry.read(SYSTEM) as work:
        return [(one.what, one.purpose) for one in work.db.scalars(select(AuditEntry).where(AuditEntry.verb == verb))]


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_a_case_from_its_opening_to_its_end(client_as: Callable, office) -> None:
    analyst, auditor = client_as("analyst", name="user:aida"), client_as("auditor")
    opened = analyst.post("/v1/incidents", json={"title": "Safe account", "amount": 500, "scheme": "safe-account"})
    assert opened.status_code == 201, opened.text
    case = opened.json()
    assert (case["state"], case["version"], case["moves"], case["late"]) == (
        "pending",
        1,
        ["investigating", "closed"],
        False,
    )
    path = f"/v1/incidents/{case['id']}"
    call = {"channel": "call", "observables": [{"kind": "phone", "value": NUMBER}]}
    report = analyst.post("/v1/reports", json={**call, "reporter": "police"}).json()["id"]
    linked = analyst.post(f"{path}:add-reports", json={"version": 1, "reports": [report]})
    assert linked.status_code == 200, linked.text
    assert [one["value"] for one in linked.json()["observables"]] == [MASKED]
    more = {"version": 2, "observables": [{"kind": "domain", "value": "kaspi-bank.example"}]}
    assert len(analyst.post(f"{path}:add-observables", json=more).json()["observables"]) == 2
    assert analyst.post(f"{path}:comment", json={"text": "Ivan told us more"}).status_code == 201
    moved = analyst.post(f"{path}:move", json={"version": 3, "state": "investigating"}).json()
    until = "2026-12-05T00:00:00Z"
    snoozed = analyst.post(
        f"{path}:snooze", json={"version": moved["version"], "until": until, "why": "waiting"}
    ).json()
    assert (snoozed["state"], snoozed["due"]) == ("snoozed", "2026-12-05T00:00:00.000Z")
    closed = analyst.post(f"{path}:move", json={"version": 5, "state": "closed", "outcome": "confirmed_risk"}).json()
    assert (closed["state"], closed["outcome"], closed["moves"]) == ("closed", "confirmed_risk", ["investigating"])
    reports = auditor.get(f"{path}/reports").json()["items"]
    assert [(one["state"], one["outcome"]) for one in reports] == [("closed", "confirmed")]
    assert NUMBER[1:] not in auditor.get(path).text + auditor.get("/v1/incidents").text
    story = analyst.get(f"{path}/timeline").json()["items"]
    assert [one["verb"] for one in story] == ["moved", "snoozed", "moved", "commented", "added", "linked", "opened"]
    assert story[3]["text"] == "Ivan told us more"
    assert ("incident", "story of a case") in noted(office, "read-personal")
    hidden = auditor.get(f"{path}/timeline").json()["items"]
    assert all(one["text"] == "" and one["withheld"] for one in hidden)


def test_the_second_of_two_gets_a_problem_that_tells_what_the_first_did(client_as: Callable) -> None:
    first, second = client_as("analyst", name="user:aida"), client_as("analyst", name="user:bolat")
    path = f"/v1/incidents/{first.post('/v1/incidents', json={}).json()['id']}"
    assert first.post(f"{path}:move", json={"version": 1, "state": "investigating"}).status_code == 200
    refused = second.post(f"{path}:move", json={"version": 1, "state": "closed", "outcome": "false_positive"})
    assert problem(refused) == (409, "conflict")
    assert "user:aida moved it" in refused.json()["detail"]


def test_cases_merge_and_pages_follow_each_other(client_as: Callable, clock) -> None:
    analyst, made = client_as("analyst"), []
    for _ in range(3):
        clock[0] += 1
        made.append(analyst.post("/v1/incidents", json={"title": "One"}).json()["id"])
    first = analyst.get("/v1/incidents?limit=2").json()
    assert [one["id"] for one in first["items"]] == made[:0:-1]
    rest = analyst.get(f"/v1/incidents?limit=2&cursor={first['next']}").json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (made[:1], None)
    body = {"version": 1, "other": made[1], "other_version": 1}
    assert analyst.post(f"/v1/incidents/{made[0]}:merge", json=body).status_code == 200
    gone = analyst.get(f"/v1/incidents/{made[1]}").json()
    assert (gone["merged_into"], gone["state"], gone["moves"]) == (made[0], "closed", [])
    assert len(analyst.get("/v1/incidents?state=pending").json()["items"]) == 2


BAD = [
    ("/v1/incidents", {"title": "a\0b"}), ("/v1/incidents", {"title": "\ud800"}), ("/v1/incidents", {"amount": 10**30}),
    ("/v1/incidents", {"amount": "5"}), ("/v1/incidents", {"scheme": "x"}), ("/v1/incidents", {"title": "8 701 123 45 67"}),
    ("/v1/incidents", {"more": 1}), ("/v1/incidents", {"title": "x" * 201}),
    ("/v1/incidents/{id}:move", {"version": 1, "state": "closed"}),
    ("/v1/incidents/{id}:move", {"version": 1, "state": "snoozed"}),
    ("/v1/incidents/{id}:move", {"version": 0, "state": "investigating"}),
    ("/v1/incidents/{id}:snooze", {"version": 1, "until": "2026-11-30T07:00:00Z", "why": "x"}),
    ("/v1/incidents/{id}:snooze", {"version": 1, "until": 5, "why": "x"}),
    ("/v1/incidents/{id}:add-reports", {"version": 1, "reports": []}),
    ("/v1/incidents/{id}:add-observables", {"version": 1, "observables": [{"kind": "phone", "value": "12 monkeys"}]}),
    ("/v1/incidents/{id}:add-observables", {"version": 1, "observables": [{"kind": "phone"}]}),
    ("/v1/incidents/{id}:comment", {"text": ""}), ("/v1/incidents/{id}:comment", {"text": " "}),
    ("/v1/incidents/{id}:assign", {"version": 1, "account": str(MISSING)}),
    ("/v1/checks", {"number": "12 monkeys"}), ("/v1/checks", {"number": "+4930123456"}), ("/v1/checks", {"number": "a\0b"}),
    ("/v1/checks:tell", {"ids": []}), ("/v1/checks:tell", {"ids": [str(MISSING)] * 1001}),
    ("/v1/actions", {"to": "kcell", "action": "arrest", "kind": "phone", "value": NUMBER}),
    ("/v1/actions", {"to": "no\0body", "action": "suspend", "kind": "phone", "value": NUMBER}),
    ("/v1/actions", {"to": "nobody", "action": "suspend", "kind": "phone", "value": NUMBER}),
    ("/v1/protected-identities", {"body": "A", "kind": "phone", "value": "x", "source": "y"}),
]  # fmt: skip


def test_bad_bodies_are_refused_and_not_repeated(client_as: Callable) -> None:
    supervisor = client_as("supervisor")
    case = supervisor.post("/v1/incidents", json={}).json()["id"]
    for path, body in BAD:
        sent = {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
        answer = supervisor.post(path.replace("{id}", case), **sent)
        assert problem(answer) == (422, "invalid"), (path, body, answer.text)
        assert "monkeys" not in answer.text


def test_bad_queries_are_refused(client_as: Callable) -> None:
    supervisor = client_as("supervisor")
    for path in (
        "/v1/incidents?scheme=%00", "/v1/incidents?state=x", "/v1/incidents?cursor=x", "/v1/checks?state=x",
        "/v1/worklist?kind=x", "/v1/worklist?limit=0",
    ):  # fmt: skip
        assert problem(supervisor.get(path)) == (422, "invalid"), path


def test_an_operator_checks_tells_and_suspends(client_as: Callable, office, clock) -> None:
    kcell, beeline, supervisor = (
        client_as("operator", "kcell"),
        client_as("operator", "beeline"),
        client_as("supervisor"),
    )
    opened = kcell.post("/v1/checks", json={"number": NUMBER, "source": "complaint"})
    assert opened.status_code == 201, opened.text
    check = opened.json()
    assert (check["state"], check["organisation"], check["observable"]["value"]) == ("open", "kcell", MASKED)
    assert kcell.post("/v1/checks", json={"number": "8 701 123-45-67"}).json()["id"] == check["id"]
    path = f"/v1/checks/{check['id']}"
    assert beeline.get(path).status_code == 404
    assert beeline.get("/v1/checks").json()["items"] == []
    revealed = kcell.post("/v1/checks:reveal", json={"ids": [check["id"]]}).json()
    assert revealed == {"items": [{"id": check["id"], "number": NUMBER}]}
    decision = {"version": 1, "outcome": "confirmed", "person": PERSON}
    lacking = kcell.post(f"{path}:decide", json=decision | {"person": {}})
    assert lacking.json()["fields"][0]["where"] == "/person/name"
    decided = kcell.post(f"{path}:decide", json=decision)
    assert decided.status_code == 200, decided.text
    assert (decided.json()["state"], decided.json()["numbers"], decided.json()["over_limit"]) == ("decided", 2, False)
    assert "Иванов" not in decided.text
    assert problem(kcell.post(f"{path}:decide", json=decision)) == (409, "conflict")
    told = kcell.post("/v1/checks:tell", json={"ids": [check["id"]]})
    assert told.status_code == 200, told.text
    jsonschema_rs.validator_for(json.loads(shipped_text("centre-message-1.schema.json"))).validate(told.json())
    assert told.json()["messages"][0]["person"]["numbers"] == [NUMBER, "+77017654321"]
    table = kcell.post("/v1/checks:tell-csv", json={"ids": [check["id"]]})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")), delimiter=";"))
    assert (rows[0]["name"], rows[0]["number"]) == ("Иванов Иван", f"'{NUMBER}")
    assert problem(beeline.post("/v1/checks:tell", json={"ids": [check["id"]]})) == (404, "not-found")
    work = kcell.get("/v1/worklist").json()
    assert [(task["kind"], task["state"]) for task in work["items"]] == [("action", "requested")]
    action = kcell.get("/v1/actions").json()["items"][0]
    assert (action["action"], action["organisation"], action["to"]) == ("suspend", "centre", "kcell")
    assert kcell.post(f"/v1/actions/{action['id']}:reveal").json()["value"] == NUMBER
    assert kcell.post(f"/v1/actions/{action['id']}:acknowledge", json={"version": 1}).json()["state"] == "acknowledged"
    answer = {"version": 2, "state": "done", "text": "Ivan's number is suspended"}
    assert kcell.post(f"/v1/actions/{action['id']}:answer", json=answer).json()["has_answer"]
    shown = supervisor.get(f"/v1/requested-actions/{action['id']}").json()
    assert (shown["state"], shown["answer"], shown["withheld"]) == ("done", "Ivan's number is suspended", False)
    hidden = client_as("auditor").get(f"/v1/requested-actions/{action['id']}").json()
    assert (hidden["answer"], hidden["withheld"]) == ("", True)
    assert {purpose for _, purpose in noted(office, "read-personal")} >= {
        purposes.CHECKING, purposes.ACTING, purposes.ANSWERED,
    }  # fmt: skip
    waiting = supervisor.get("/v1/worklist?kind=proposal").json()
    assert [task["kind"] for task in waiting["items"]] == ["proposal"]
    assert waiting["items"][0]["observable"]["value"] == MASKED
    assert {one["kind"] for one in waiting["counts"]} == set(KINDS)


def test_the_proposal_of_an_operator_is_approved_by_the_centre(client_as: Callable) -> None:
    kcell, supervisor = client_as("operator", "kcell"), client_as("supervisor")
    check = kcell.post("/v1/checks", json={"number": NUMBER}).json()["id"]
    kcell.post(f"/v1/checks/{check}:decide", json={"version": 1, "outcome": "confirmed", "person": PERSON})
    proposed = supervisor.get("/v1/indicators?state=proposed").json()["items"]
    assert len(proposed) == 1
    approved = supervisor.post(f"/v1/indicators/{proposed[0]['id']}:approve", json={"version": proposed[0]["version"]})
    assert approved.status_code == 200, approved.text
    assert approved.json()["state"] == "active"


def test_the_centre_asks_and_only_the_asked_one_answers(client_as: Callable) -> None:
    analyst, supervisor, bank = client_as("analyst"), client_as("supervisor"), client_as("bank", "halyk")
    body = {
        "to": "halyk",
        "action": "hold",
        "kind": "iban",
        "value": "KZ86125KZT5004100100",
        "legal_basis": "Law No 205-VIII",
    }
    asked = analyst.post("/v1/actions", json=body)
    assert asked.status_code == 201, asked.text
    assert asked.json()["observable"]["value"] == "KZ86***0100"
    path = f"/v1/actions/{asked.json()['id']}"
    assert bank.get(path).json()["state"] == "requested"
    assert problem(client_as("operator", "kcell").get(path)) == (404, "not-found")
    assert problem(supervisor.post(f"{path}:answer", json={"version": 1, "state": "done"})) == (403, "forbidden")
    assert problem(bank.post(f"{path}:answer", json={"version": 1, "state": "refused"})) == (422, "invalid")
    refused = bank.post(f"{path}:answer", json={"version": 1, "state": "refused", "text": "The account is closed"})
    assert refused.json()["state"] == "refused"
    assert analyst.get("/v1/requested-actions?action=hold").json()["items"][0]["state"] == "refused"
    assert bank.get("/v1/actions?only_open=true").json()["items"] == []


def test_protected_identities_are_read_by_analysts_and_changed_by_supervisors(client_as: Callable, office) -> None:
    with office.registry.work(SYSTEM) as work:
        seed(work)
    analyst, supervisor = client_as("analyst"), client_as("supervisor")
    shown = analyst.get("/v1/protected-identities").json()["items"]
    assert {one["value"]: one["names"].get("en") for one in shown}["112"] == "Rescue service"
    body = {"body": "A bank", "kind": "phone", "value": "8 727 259 00 00", "source": "letter of the bank"}
    assert problem(analyst.post("/v1/protected-identities", json=body)) == (403, "forbidden")
    added = supervisor.post("/v1/protected-identities", json=body)
    assert added.status_code == 201, added.text
    assert (added.json()["value"], added.json()["names"], added.json()["ended"]) == ("+77272590000", {}, None)
    assert problem(supervisor.post("/v1/protected-identities", json=body)) == (409, "conflict")
    assert supervisor.post(f"/v1/protected-identities/{added.json()['id']}:end").json()["ended"]
    assert len(analyst.get("/v1/protected-identities").json()["items"]) == 6
    assert len(analyst.get("/v1/protected-identities?only_current=false").json()["items"]) == 7
