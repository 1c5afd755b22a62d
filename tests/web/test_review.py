"""What a review with an attacker's eye found in the API: each of these was possible once."""

import warnings

import pytest
from sqlalchemy import select

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Appeal, Report

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the test client says that a successor of httpx is out
    from starlette.testclient import TestClient

CALL = {"channel": "call", "observables": [{"kind": "phone", "value": "8 701 123 45 67"}]}


@pytest.mark.parametrize(("role", "organisation", "owner"), [
    ("auditor", "kcell", "centre"), ("admin", "halyk", "centre"), ("operator", "kcell", "kcell"),
])  # fmt: skip
def test_who_may_not_report_for_an_organisation_reports_as_anybody(
    office, client_as, role, organisation, owner
) -> None:
    assert client_as(role, organisation).post("/v1/public/reports", json=CALL).status_code == 201
    with office.registry.read(SYSTEM) as work:
        assert [one.organisation for one in work.db.scalars(select(Report))] == [owner]


def test_an_account_without_the_scope_has_the_limit_that_anybody_has(client_as) -> None:
    auditor = client_as("auditor", "kcell")
    codes = [auditor.post("/v1/public/reports", json={**CALL, "text": str(one)}).status_code for one in range(21)]
    assert codes == [201] * 20 + [429]


def test_a_key_and_a_body_get_nobody_the_ticket_of_somebody_at_another_address(app) -> None:
    tickets = []
    for address in ("192.0.2.1", "192.0.2.1", "203.0.113.9"):
        with TestClient(app, base_url="https://office.test", client=(address, 50_000)) as client:
            key = {"Idempotency-Key": "0123456789abcdef"}
            answer = client.post("/v1/public/appeals", json={"number": "+77011234567"}, headers=key)
            tickets.append(answer.json()["ticket"])
    assert (tickets[0] == tickets[1], tickets[0] == tickets[2]) == (True, False)


def test_a_code_is_committed_before_it_is_sent_also_under_an_idempotency_key(office, client) -> None:
    ticket = client.post("/v1/public/appeals", json={"number": "+77011234567"}).json()["ticket"]
    there = []

    def send(number: str, text: str) -> None:
        with office.registry.read(SYSTEM) as work:
            there.append(bool(work.db.scalar(select(Appeal.code))))

    office.sms.send = send
    headers = {"Idempotency-Key": "0123456789abcdef"}
    for _ in range(2):
        assert client.post("/v1/public/appeals:send-code", json={"ticket": ticket}, headers=headers).status_code == 200
    assert there == [True]
