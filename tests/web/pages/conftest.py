"""Browsers over the pages of a whole office with a real desk.

def test_x(staff):
    aida = staff("analyst")                      signed in, second factor and all
    said = aida.submit("/office/reports/new", {"text": "..."})
    page = aida.see("/office")                   200 and its text
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tosqauyl.registry import accounts, sessions
from tosqauyl.registry.accounts import NewAccount
from tosqauyl.registry.actor import CENTRE, SYSTEM
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.sessions import SessionRules
from tosqauyl.web.access import Desk
from tosqauyl.web.app import build

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the test client says that a successor of httpx is out
    from starlette.testclient import TestClient

PASSWORD = "correct horse battery"
SITE = "https://office.test"


class Browser(TestClient):
    """A browser that reads one language. csrf: of its session, '' before it is signed in; login: whose it is."""

    csrf = ""
    login = ""
    language = "en"

    def see(self, path: str, status: int = 200, **query: str) -> str:
        """The text of a page."""
        got = self.get(f"/{self.language}{path}", params=query)
        assert got.status_code == status, (path, got.status_code, got.headers.get("location"), got.text[:2_000])
        return got.text

    def submit(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """What a form of our own pages gets."""
        said = ({"csrf": self.csrf} if self.csrf else {}) | (form or {})
        return self.post(f"/{self.language}{path}", data=said, headers={"Origin": SITE, **headers})

    def done(self, path: str, form: dict[str, Any] | None = None) -> str:
        """Send a form that must succeed; where the browser is sent next."""
        got = self.submit(path, form)
        assert got.status_code == 303, (path, got.status_code, got.text[:3_000])
        return got.headers["location"]


@pytest.fixture
def desk(office, registry):
    """The office with accounts instead of believed headers."""
    office.access = Desk(registry, Passwords(PasswordRules(memory_kib=64, passes=1, lanes=1)), SessionRules())
    return office.access


@pytest.fixture
def browser(office, desk) -> Iterator[Callable[[], Browser]]:
    """Makes a browser of somebody who is not signed in."""
    app = build(office)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Browser(app, base_url=SITE, follow_redirects=False))


@pytest.fixture
def citizen(browser) -> Browser:
    """Somebody without an account."""
    return browser()


@pytest.fixture
def staff(browser, desk, registry) -> Callable[..., Browser]:
    """Makes a browser in which a new account of a role is signed in."""

    def made(role: str, organisation: str = CENTRE, login: str = "") -> Browser:
        with registry.work(SYSTEM) as work:
            account, token = accounts.add(work, NewAccount(login or f"{role}-{organisation}", role, organisation))
        accounts.set_up(registry, desk.passwords, token, PASSWORD)
        with registry.work(SYSTEM) as work:
            opened = sessions.enter_as(work, account.id, desk.rules, second_factor=True)
        client = browser()
        client.cookies.set(desk.cookie("tosqauyl"), opened.token, domain="office.test")
        client.csrf, client.login = opened.csrf, account.login
        return client

    return made
