"""Pages are there for everybody: axe-core finds nothing serious on any of them, the main tasks need no mouse, no language is mixed up."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from peer_browser import DESKTOP, PHONE, Screen, chromium
from peer_crawl import Found, Words, crawl, routes
from peer_keys import Keys
from peer_office import PASSWORD, Person, anybody, days_ahead
from peer_stage import Stage, staged
from playwright.sync_api import Browser

from tosqauyl.texts import LANGUAGES, PAGES, _catalogue
from tosqauyl.web.pages.routing import STAFF

pytestmark = pytest.mark.peers("chromium")

NO_PAGES = {"/office/live/now", "/office/statistics/chart"}
"""A part of a page, and a picture."""
OWN_NAMES = {"English", "Centre", "KZ"}
"""What is called so in every language: the name of a language, of the organisation that an office is made with, of a country."""
SERIOUS = ("serious", "critical")
MOST_NODES = 4
MARK = "Үлгі"
"""How a text of the sample begins that stands for all languages at once."""
FOREIGN = re.compile(r"(?<![\w.@/-])[A-Za-z]{2,}(?: [A-Za-z]{2,}){3,}(?![\w@/-])")
"""Four Latin words in a row, in a page that is not English."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("access"), gates=False) as made:
        yield made


@pytest.fixture(scope="module")
def pages(stage: Stage) -> dict[str, Found]:
    return crawl({who: one.client for who, one in stage.people.items()})


def test_every_page_is_found(pages: dict[str, Found]) -> None:
    assert set(routes()) - set(pages) - NO_PAGES == set()


def test_no_page_has_a_serious_finding(stage: Stage, pages: dict[str, Found], browser: Browser) -> None:
    wrong: dict[str, list[str]] = {}
    screens: dict[tuple[str, str, bool], Screen] = {}
    for at, one in enumerate(pages.values()):
        is_public = not one.route.startswith(STAFF)
        for turn, language in enumerate(LANGUAGES if is_public else (LANGUAGES[at % len(LANGUAGES)],)):
            is_phone = (at + turn) % 2 == 0
            key = (one.who, language, is_phone)
            if key not in screens:
                screens[key] = _screen(stage, browser, one.who, language, is_phone)
            if found := seen(screens[key], one.path):
                wrong[f"/{language}{one.path}"] = found
    for screen in screens.values():
        screen.close()
    assert not wrong, listed(wrong)


def listed(wrong: dict[str, list[str]]) -> str:
    """One page a line."""
    return "\n".join(f"{path}: {found}" for path, found in wrong.items())


def _screen(stage: Stage, browser: Browser, who: str, language: str, is_phone: bool) -> Screen:
    """A window of somebody into which axe may be put. On a phone it is dark, so that both grounds are looked at."""
    size = PHONE if is_phone else DESKTOP
    screen = Screen(browser, stage.url, language, size, bypass=True, is_dark=is_phone)
    screen.keep(dict(stage.people[who].client.cookies))
    return screen


def seen(screen: Screen, path: str) -> list[str]:
    """What is wrong with a page."""
    screen.page.goto(f"{screen.url}/{screen.language}{path}")
    try:
        screen.look()
    except AssertionError as error:
        screen.said.clear()
        return [str(error), *serious(screen)]
    return serious(screen)


def serious(screen: Screen) -> list[str]:
    """What axe-core says is serious or critical, each with where it is."""
    said: dict[str, Any] = Axe().run(screen.page, options={"resultTypes": ["violations"]}).response
    return [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:MOST_NODES]]}"
        for one in said["violations"]
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_no_page_says_anything_in_english(stage: Stage, pages: dict[str, Found], language: str) -> None:
    wrong: dict[str, list[str]] = {}
    for page in pages.values():
        text = stage.people[page.who].client.get(f"/{language}{page.path}").text
        words = Words(text)
        assert words.language == language
        said = [one for one in words.said if not one.startswith(MARK)]
        found = [one for one in said if one in english(language)]
        found += [one for one in said if FOREIGN.search(one)]
        if found:
            wrong[page.path] = sorted(set(found))
    assert not wrong, listed(wrong)


@cache
def english(language: str) -> frozenset[str]:
    """English texts that are said otherwise in a language."""
    found: set[str] = set()
    said: Any = _catalogue(language, PAGES)
    while said is not None:
        found |= {one for one, other in said._catalog.items() if one != other and (" " in one or one[:1].isupper())}
        said = said._fallback
    return frozenset(found - OWN_NAMES)


def test_a_citizen_checks_and_reports_by_keyboard(stage: Stage, browser: Browser) -> None:
    keys = Keys(Screen(browser, stage.url, "kk", DESKTOP))
    keys.screen.open("/")
    keys.press("Tab")
    assert keys.is_at("a.skip"), "the way past the menu comes first"
    keys.is_seen()
    keys.press("Enter")
    keys.tab_to("[name=value]")
    keys.type("+7 701 560 99 01")
    keys.enter()
    keys.tab_to('a[href="/kk/report"].button')
    keys.enter()
    keys.tab_to("[name=values]")
    keys.type("+77015609901")
    keys.tab_to("[name=text]")
    keys.type("Өзін банк қызметкерімін деді")
    keys.tab_to("summary")
    keys.press("Space")
    keys.tab_to("[name=loss]")
    keys.type("15000")
    keys.tab_to("[name=consent]")
    keys.press("Space")
    keys.tab_to("main form button")
    keys.enter("Space")
    assert len(keys.screen.text("#ticket")) > 8
    keys.screen.close()


def test_a_supervisor_signs_in_and_approves_by_keyboard(stage: Stage, browser: Browser) -> None:
    login, proposal = "keys-approve", f"/office/indicators/{proposed(stage, '+77015609902')['id']}"
    stage.house.settle(login, "supervisor")
    keys = Keys(Screen(browser, stage.url, "ru", DESKTOP))
    keys.screen.open("/office/sign-in")
    keys.tab_to("[name=login]")
    keys.type(login)
    keys.tab_to("[name=password]")
    keys.type(PASSWORD)
    keys.enter()
    keys.tab_to("[name=code]")
    keys.type(stage.house.office.code(login))
    keys.enter()
    keys.tab_to(f'a[href="/ru{proposal}"]')
    keys.enter()
    keys.tab_to('form[action$="/approve"] button')
    keys.enter("Space")
    assert keys.screen.page.locator("main .note.good[role=status]").count() == 1
    keys.screen.close()


def test_a_supervisor_decides_an_appeal_by_keyboard(stage: Stage, browser: Browser) -> None:
    number = "+77015609903"
    approve(stage.house.settle("keys-first", "supervisor"), proposed(stage, number))
    appeal(stage, number)
    saule = stage.house.settle("keys-decide", "supervisor")
    keys = Keys(Screen(browser, stage.url, "en", DESKTOP))
    keys.screen.keep(dict(saule.client.cookies))
    newest = max(saule.get("/v1/appeals/waiting"), key=lambda one: one["filed"])
    keys.screen.open(f"/office/appeals/{newest['id']}")
    keys.tab_to("#upheld-yes")
    keys.press("Space")
    keys.tab_to("[name=answer]")
    keys.type("It was a mistake")
    keys.tab_to('form[action$="/decide"] button')
    keys.enter()
    assert keys.screen.page.locator("main .note.good[role=status]").count() == 1
    keys.screen.close()


def proposed(stage: Stage, number: str) -> dict[str, Any]:
    """A proposal of an analyst to block a number."""
    body = {
        "kind": "phone", "value": number, "verdict": "fraud", "listing": "block", "confidence": 90, "submit": True,
        "reasons": [{"slug": "reported", "text": ""}], "valid_until": days_ahead(30),
    }  # fmt: skip
    return dict(stage.people["analyst"].post("/v1/indicators", body))


def approve(person: Person, proposal: dict[str, Any]) -> None:
    """Approve it."""
    person.post(f"/v1/indicators/{proposal['id']}:approve", {"version": proposal["version"]})


def appeal(stage: Stage, number: str) -> None:
    """Somebody appeals and proves the number."""
    citizen = anybody(stage.url)
    ticket = citizen.post("/v1/public/appeals", {"number": number, "text": "It is mine", "language": "en"})["ticket"]
    citizen.post("/v1/public/appeals:send-code", {"ticket": ticket})
    sent = [one["text"] for one in stage.house.office.texts() if one["number"] == number]
    code = re.search(r"\d{6}", sent[-1])
    assert code
    citizen.post("/v1/public/appeals:prove", {"ticket": ticket, "code": code[0]})
