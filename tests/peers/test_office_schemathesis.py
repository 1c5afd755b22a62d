"""schemathesis over the whole OpenAPI of the office, against a real server on a real database."""

import itertools
import os
import re
import time
from collections import Counter

import pytest
import schemathesis
from fixtures_of import fixtures_of
from peer_served import served
from schemathesis_run import Run

from tosqauyl.registry.actor import CENTRE, SCOPES, Actor
from tosqauyl.web.idempotency import HEADER, PATTERN
from tosqauyl.web.list_watch import Watch
from tosqauyl.web.problems import KINDS, Refused

pytestmark = pytest.mark.peers

EXAMPLES = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 3
"""Fuzzed requests of each operation; beside them come the borders of every value, some sixty for each operation."""
TOKEN = "all"
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


globals().update(fixtures_of("web"))


class TokenDesk:
    """One token, of a supervisor who may do everything."""

    def actor_of(self, request):
        shown = request.headers.get("authorization")
        if shown is None and not request.cookies:
            return None
        if shown != f"Bearer {TOKEN}":
            raise Refused(
                "no-caller", headers={"WWW-Authenticate": 'Bearer realm="tosqauyl office", error="invalid_token"'}
            )
        return Actor("user:all", CENTRE, role="supervisor", scopes=frozenset(SCOPES))


class Before:
    """ASGI middleware before the office, for what a schema cannot say. Ten seconds pass between two requests, so that limits of rate
    are met but not always; half of the ids are of things that there are; every request has an Idempotency-Key of its own: with that of
    the document all but the first would only be told that it was used."""

    def __init__(self, app, clock, ids):
        self.app, self.clock, self.ids, self.turns = app, clock, ids, itertools.count()

    async def __call__(self, scope, receive, send):
        self.clock[0] += 10_000
        if row := self.app.state.table.find(scope["method"], scope["path"]):
            for name, value in row.pattern.match(scope["path"]).groupdict().items():
                kind = name.removesuffix("_id")
                if kind in self.ids and UUID_TEXT.fullmatch(value) and next(self.turns) % 2:
                    scope["path"] = scope["path"].replace(value, self.ids[kind])
        await self.app({**scope, "headers": [self._own(*one) for one in scope["headers"]]}, receive, send)

    def _own(self, name, value):
        is_key = name == HEADER.lower().encode() and re.fullmatch(PATTERN, value.decode("latin-1"))
        return (name, f"request-{next(self.turns):012}".encode()) if is_key else (name, value)


@pytest.fixture
def address(app, office, clock, belongings, monkeypatch):
    """The address of a real server in a thread; ended at the end. Nobody waits for changes that will not come."""
    before = Before(app, clock, belongings("kcell"))
    office.access, wait = TokenDesk(), Watch.wait
    monkeypatch.setattr(Watch, "wait", lambda self, known, seconds: wait(self, known, min(seconds, 0.01)))
    with served(before, timeout_keep_alive=30) as found:
        yield found


def schema_at(address):
    settings = {
        # From afar: who is on the office's own machine may read metrics without a token.
        "headers": {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"},
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
        "phases": {"coverage": {"unexpected-methods": ["DELETE"]}},
        # What a schema cannot say: whether there is such a row, what state it is in, whether a text is a phone number, and that
        # nobody approves what he proposed himself.
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 303, 403, 404, 409, 422, 429]}},
    }
    config = schemathesis.config.SchemathesisConfig.from_dict(settings)
    return schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)


def test_schemathesis_finds_no_5xx_and_nothing_undocumented(address, app, office):
    """Every check that schemathesis has: statuses, types, headers and shapes of answers; bad data and no token refused."""
    started = time.monotonic()
    run = Run(schema_at(address))
    print(f"{sum(map(Counter.total, run.statuses.values()))} requests in {time.monotonic() - started:.0f} s")
    for line in sorted(set(run.failures)):
        print(line)
    assert run.failures == []
    assert office.alarm.told == []
    assert max(status for statuses in run.statuses.values() for status in statuses) < 500
    told = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    assert set(run.statuses) == told
    print("never succeeded:", sorted(name for name, statuses in run.statuses.items() if min(statuses) >= 300))
    assert {kind.status for kind in KINDS.values()} >= {
        status for found in run.statuses.values() for status in found if status >= 400
    }
