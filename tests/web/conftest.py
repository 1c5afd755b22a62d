"""An office over a registry, with callers that say who they are in a header: routes can be tested by themselves.

def test_x(client_as):
    answer = client_as("analyst").post("/v1/x", json={...})
    answer = client_as("operator", "kcell").get("/v1/x")
    answer = client_as().get("/v1/health")                      nobody
"""

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fixtures_of import conftest_of, fixtures_of
from starlette.requests import Request

from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import (
    Account,
    Action,
    ApiKey,
    Appeal,
    Base,
    Condition,
    Incident,
    Indicator,
    NumberCheck,
    Observable,
    Report,
    Upload,
    Webhook,
)  # fmt: skip
from tosqauyl.web.app import build
from tosqauyl.web.office import Office
from tosqauyl.web.problems import Refused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the test client says that a successor of httpx is out
    from starlette.testclient import TestClient


_fixtures = conftest_of("registry")
globals().update(fixtures_of("registry"))

HEADER = "x-test-actor"


class HeaderDesk:
    """Believes the header: 'role@organisation' or 'role@organisation/name', as far as no key was revoked."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    def actor_of(self, request: Request) -> Actor | None:
        shown = request.headers.get(HEADER)
        if shown is None:
            return None
        if shown in self.refused:
            raise Refused(self.refused[shown])
        whom, _, name = shown.partition("/")
        role, _, organisation = whom.partition("@")
        return _fixtures.actor(role, organisation, name)


class SentTexts:
    """Keeps what would have been sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, number: str, text: str) -> None:
        self.sent.append((number, text))


@pytest.fixture
def office(registry: Registry, tmp_path: Path) -> Office:
    """An office. What its operator would be told is in `office.alarm.told`; a bug's trace is printed."""

    def alarm(line: str) -> None:
        alarm.told.append(line)
        traceback.print_exc()

    alarm.told = []
    (tmp_path / "office").mkdir(mode=0o700, exist_ok=True)
    return Office(registry, HeaderDesk(), SentTexts(), tmp_path / "office", alarm, counters={"migrated": 1})


@pytest.fixture
def app(office: Office) -> FastAPI:
    """The whole application."""
    return build(office)


@pytest.fixture
def client_as(app: FastAPI) -> Iterator[Callable[..., TestClient]]:
    """Makes a client: role, organisation, name of the actor; without a role it is nobody."""
    with ExitStack() as stack:

        def client(role: str = "", organisation: str = "centre", name: str = "") -> TestClient:
            headers = {HEADER: f"{role}@{organisation}" + (f"/{name}" if name else "")} if role else {}
            # Entered: one event loop for all requests of a client, not one for each.
            return stack.enter_context(TestClient(app, base_url="https://office.test", headers=headers))

        yield client


@pytest.fixture
def client(client_as: Callable[..., TestClient]) -> TestClient:
    """Nobody."""
    return client_as()


def bounded(office: Office, **limits: float) -> Office:
    """The same office with other limits."""
    return replace(office, limits=replace(office.limits, **limits))


@pytest.fixture
def belongings(office: Office) -> Callable[[str], dict[str, str]]:
    """Makes one of everything that belongs to an organisation; kind -> id as text."""
    return lambda organisation: _belongings(office, organisation)


def _belongings(office: Office, organisation: str) -> dict[str, str]:
    with office.registry.work(SYSTEM) as work:
        rows = _rows(work, organisation)
        for row in rows.values():
            work.db.add(row)
            work.db.flush()
    return {kind: str(row.id) for kind, row in rows.items()}


def _rows(work: Work, organisation: str) -> dict[str, Base]:
    now, own = work.now, {"organisation": organisation}
    number = f"+7701{work.new_id().int % 10_000_000:07}"
    phone = Observable(
        id=work.new_id(), kind="phone", token=work.vault.token(number, "observable.phone"), operator=organisation, created=now,
        sealed=work.vault.seal(number, "observable.phone"),
    )  # fmt: skip
    incident = Incident(id=work.new_id(), **own, state="investigating", created=now, due=now + 86_400_000)
    account = Account(id=work.new_id(), **own, login=number, role="analyst", created=now)
    rows: dict[str, Base] = {
        "observable": phone, "incident": incident, "account": account,
        "report": Report(
            id=work.new_id(), **own, reporter="operator", channel="call", received=now, incident=incident.id,
            digest=work.vault.token(number, "test"), ticket=work.vault.token(number, "report.ticket"),
        ),
        "indicator": Indicator(
            id=work.new_id(), **own, observable=phone.id, verdict="fraud", listing="block", confidence=90, source="operator",
            state="proposed", valid_from=now, valid_until=now + 86_400_000, created=now, proposed=now, proposed_by="user:other",
        ),
        "condition": Condition(
            id=work.new_id(), **own, observable=phone.id, kind="block", perspective="caller", since=now, who="user:other", why="x",
            until=now + 86_400_000,
        ),
        "action": Action(
            id=work.new_id(), organisation="centre", to=organisation, kind="suspend", observable=phone.id, requested_by="user:other",
            created=now, due=now + 86_400_000, expires=now + 2 * 86_400_000,
        ),
        "check": NumberCheck(id=work.new_id(), **own, observable=phone.id, source="complaint", opened=now, due=now + 86_400_000),
        "webhook": Webhook(
            id=work.new_id(), **own, url="https://example.kz/hook", secret=work.vault.seal("s" * 32, "webhook.secret"),
            events="indicator.published", created=now,
        ),
        "key": ApiKey(
            id=work.new_id(), **own, name="one", prefix=f"tq{number}", secret="0" * 64, role="operator", scopes="lookup",
            created=now,
        ),
        "appeal": Appeal(
            id=work.new_id(), observable=phone.id, ticket=work.vault.token(number, "appeal.ticket"), filed=now,
        ),
        "upload": Upload(
            id=work.new_id(), **own, digest=work.vault.token(number, "upload"), name="x", rows=1, taken=1, known=0, refused=0,
            at=now,
        ),
    }  # fmt: skip
    return rows
