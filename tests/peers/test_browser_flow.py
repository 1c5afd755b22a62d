"""The office's whole flow, as people go through it in a browser: in each language, on a desktop and on a phone. One office serves all."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from peer_browser import DESKTOP, PHONE, Screen, chromium
from peer_office import PASSWORD
from peer_people import Staffed, behind_a_proxy, staffed
from playwright.sync_api import Browser

from tosqauyl.registry.moments import ZONE
from tosqauyl.texts import LANGUAGES, PAGES, Texts
from tosqauyl.web.pages.labels import label

pytestmark = pytest.mark.peers("chromium")

SIZES = {"desktop": DESKTOP, "phone": PHONE}
WAYS = [(language, size) for language in LANGUAGES for size in SIZES]
ANSWER = {"kk": "Қате түзетілді", "ru": "Ошибка исправлена", "en": "The mistake is mended"}
STORY = {"kk": "Өзін банк қызметкерімін деді", "ru": "Назвался работником банка", "en": "He said he was from the bank"}
REPORTS, CHECKS, CASES, PROPOSALS, APPEALS = (f"/office/{one}" for one in ("reports", "checks", "incidents", "indicators", "appeals"))  # fmt: skip
ID = r"[0-9a-f]{8}-[0-9a-f-]{27}"


@dataclass(frozen=True, slots=True)
class Story:
    """One telling: in which words, about which number."""

    house: Staffed
    window: Callable[[], Screen]
    t: Texts
    at: int

    @property
    def number(self) -> str:
        """What is reported; of an operator that is an organisation here."""
        return f"+7701560{self.at:02}17"

    def word(self, group: str, slug: str) -> str:
        """What a state or a verdict is called."""
        return label(group, slug, self.t)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    office = behind_a_proxy(tmp_path_factory.mktemp("flow"))
    try:
        made = staffed(office)
        made.organisation("kcell", "operator", "Kcell")
        yield made
    finally:
        office.stop()


@pytest.fixture(params=WAYS, ids=[f"{language}-{size}" for language, size in WAYS])
def story(request: pytest.FixtureRequest, browser: Browser, house: Staffed) -> Iterator[Story]:
    language, size = request.param
    at = WAYS.index(request.param)
    open_ones: list[Screen] = []

    def window() -> Screen:
        address = f"192.0.2.{len(open_ones) + 10 * at + 1}"
        open_ones.append(Screen(browser, house.office.url, language, SIZES[size], address))
        return open_ones[-1]

    yield Story(house, window, Texts(language, PAGES), at)
    for one in open_ones:
        one.close()


def test_a_number_is_reported_stopped_appealed_and_free_again(story: Story) -> None:
    citizen = story.window()
    ticket = reported(citizen, story)
    answered_by_its_operator(story)
    proposal = proposed(story)
    approved(story, proposal)
    assert checked(citizen, story) == story.word("verdict", "fraud")
    assert follows(citizen, ticket) == story.word("report", "linked")
    owner = story.window()
    appeal = appealed(owner, story)
    upheld(story)
    owner.open("/appeal/follow")
    owner.fill("/appeal/follow", ticket=appeal)
    owner.send("/appeal/follow")
    assert owner.text("main .note .tag") == story.word("appeal", "upheld")
    assert owner.sees(ANSWER[owner.language])
    assert checked(owner, story) == ""


def reported(citizen: Screen, story: Story) -> str:
    """A citizen reports and follows the report; the ticket."""
    citizen.open("/")
    citizen.follow("/report")
    citizen.fill("/report", values=story.number, text=STORY[citizen.language], scheme="impersonation-call", region="75")
    citizen.send("/report")
    ticket = citizen.text("#ticket")
    citizen.follow("/follow", "main")
    assert follows(citizen, ticket) == story.word("report", "received")
    return ticket


def follows(citizen: Screen, ticket: str) -> str:
    """How the report stands, in words."""
    citizen.open("/follow")
    citizen.fill("/follow", ticket=ticket.lower().replace("-", " "))
    citizen.send("/follow")
    return citizen.text("main .note .tag")


def checked(citizen: Screen, story: Story) -> str:
    """The verdict that the public check tells of the number; '' where nothing is known."""
    citizen.open("/")
    citizen.fill("/check", value=story.number)
    citizen.send("/check")
    return citizen.text("main .note .tag") if citizen.page.locator("main .note .tag").count() else ""


def signed_in(story: Story, login: str, role: str, organisation: str = "centre") -> Screen:
    """A person who comes for the first time: token, password, and where the role needs it the authenticator."""
    login = f"{login}-{story.at}"
    screen = story.window()
    screen.open("/office")
    assert screen.path() == "/office/sign-in"
    screen.follow("/office/set-up")
    screen.fill("/office/set-up", token=story.house.hire(login, role, organisation), password=PASSWORD)
    screen.send("/office/set-up")
    enter(screen, login)
    if screen.path() == "/office/authenticator":
        screen.send("/office/authenticator")
        story.house.office.secrets[login] = screen.text("#secret")
        screen.fill("/office/authenticator/confirm", code=story.house.office.code(login))
        screen.send("/office/authenticator/confirm")
    assert screen.path() == "/office"
    return screen


def enter(screen: Screen, login: str) -> None:
    """Login and password."""
    screen.fill("/office/sign-in", login=login, password=PASSWORD)
    screen.send("/office/sign-in")


def answered_by_its_operator(story: Story) -> None:
    """The number's operator sees the check in its inbox, shows the number in clear, and answers."""
    marat = signed_in(story, "marat", "operator", "kcell")
    marat.follow("/office?kind=check", "main")
    marat.follow(CHECKS + "/", "main table")
    check = marat.path()
    assert not marat.sees(story.number)
    marat.send(check + "/reveal")
    assert marat.text("#number") == story.number
    marat.open(check)
    marat.tick(check + "/decide", "outcome", "confirmed")
    marat.tick(check + "/decide", "nobody", "yes")
    marat.send(check + "/decide")
    assert marat.text("main .tag") == story.word("check", "decided")


def proposed(story: Story) -> str:
    """An analyst finds the report, makes a case of it, works on it and proposes a block; where the proposal is."""
    aida = signed_in(story, "aida", "analyst")
    aida.follow(REPORTS, "header")
    aida.page.locator(f'form[action="/{aida.language}{REPORTS}"][method=post] [name=value]').fill(story.number)
    aida.send(REPORTS)
    aida.follow(REPORTS + "/", "main table")
    report = aida.path()
    aida.send(report + "/triage")
    if aida.form(report + "/case").count():
        aida.send(report + "/case")
    if not aida.path().startswith(CASES):
        aida.open(report)
        aida.follow(CASES + "/", "main")
    case = aida.path()
    aida.send(case + "/assign")
    while aida.form(case + "/move").count() and story.word("incident", "investigating") != aida.text("main .tag"):
        aida.send(case + "/move")
    aida.fill(case + "/comment", text=STORY[aida.language])
    aida.send(case + "/comment")
    assert aida.sees(STORY[aida.language])
    aida.follow(PROPOSALS + "/new", "main")
    form, until = PROPOSALS + "/new", datetime.now(ZONE) + timedelta(days=30)
    aida.fill(form, verdict="fraud", listing="block", until=f"{until:%Y-%m-%dT%H:%M}", confidence="90", public="yes")
    aida.tick(form, "reason", "reported")
    aida.send(form)
    place = aida.path()
    assert re.fullmatch(PROPOSALS + f"/{ID}", place)
    assert aida.form(place + "/approve").count() == 0, "nobody approves what is their own"
    return place


def approved(story: Story, place: str) -> None:
    """A supervisor, who signed out and in again with a code, finds the proposal and approves it."""
    daniyar = signed_in(story, "daniyar", "supervisor")
    daniyar.send("/office/sign-out")
    enter(daniyar, f"daniyar-{story.at}")
    assert daniyar.path() == "/office/code"
    daniyar.fill("/office/code", code=story.house.office.code(f"daniyar-{story.at}"))
    daniyar.send("/office/code")
    daniyar.follow(place, "main")
    daniyar.send(place + "/approve")
    assert story.word("indicator", "active") in daniyar.text("main .tag")


def appealed(owner: Screen, story: Story) -> str:
    """Whose number it is appeals, and proves it by the code of a text; the ticket."""
    checked(owner, story)
    owner.follow("/appeal", "main")
    owner.fill("/appeal", number=story.number, text=STORY[owner.language])
    owner.send("/appeal")
    ticket = owner.text("#ticket")
    owner.send("/appeal/send-code")
    sent = [one["text"] for one in story.house.office.texts() if one["number"] == story.number]
    found = re.search(r"\d{6}", sent[-1])
    assert found
    owner.fill("/appeal/prove", code=found[0])
    owner.send("/appeal/prove")
    assert owner.text("main .note .tag") == story.word("appeal", "proven")
    return ticket


def upheld(story: Story) -> None:
    """Another supervisor decides on the appeal."""
    saule = signed_in(story, "saule", "supervisor")
    saule.follow(APPEALS + "/", "main")
    appeal = saule.path()
    saule.tick(appeal + "/decide", "upheld", "yes")
    saule.fill(appeal + "/decide", answer=ANSWER[saule.language])
    saule.send(appeal + "/decide")
    assert saule.text("main .tag") == story.word("appeal", "upheld")
