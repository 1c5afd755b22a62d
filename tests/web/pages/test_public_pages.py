"""The citizens' page: check, report, follow, appeal, advice, figures; without an account, in three languages."""

import re

import pytest

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.official import import_figures
from tosqauyl.registry.shipped import shipped_text
from tosqauyl.texts import LANGUAGES

SCRIPT = '<script>alert("x")</script>'
NUMBER = "+77011234567"
PLACES = (
    "/",
    "/report",
    "/follow",
    "/appeal",
    "/appeal/follow",
    "/help",
    "/figures",
    "/office/sign-in",
    "/office/set-up",
)


def ticket_in(text: str) -> str:
    return re.search(r'id="ticket">([^<]+)<', text)[1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", PLACES)
def test_every_public_page_is_there_in_every_language(citizen, place, language):
    citizen.language = language
    text = citizen.see(place)
    assert f'<html lang="{language}">' in text
    assert len(re.findall("<h1>", text)) == 1
    assert "None" not in text


def test_the_first_page_is_kazakh_until_somebody_chooses(citizen):
    assert citizen.get("/").headers["location"] == "/kk/"
    citizen.language = "ru"
    citizen.see("/")
    assert citizen.get("/").headers["location"] == "/ru/"


def test_what_is_not_there_is_told_as_a_page(citizen):
    assert "<h1>" in citizen.see("/nothing", 404)
    assert citizen.get("/de/").status_code == 404


@pytest.mark.parametrize(
    "value", [NUMBER, "8 701 123 45 67", "kaspi.kz", "https://kaspi.kz/x", "@name_of_one", "KZ75125KZT1001300335"]
)
def test_anything_can_be_typed_into_the_one_box(citizen, value):
    got = citizen.submit("/check", {"value": value})
    assert got.status_code == 200, got.text
    assert "no proof of honesty" in got.text


def test_what_cannot_be_checked_comes_back_with_what_was_typed(citizen):
    got = citizen.submit("/check", {"value": SCRIPT})
    assert got.status_code == 422
    assert SCRIPT not in got.text
    assert "&lt;script&gt;" in got.text
    assert 'aria-invalid="true"' in got.text


def test_a_report_gets_a_ticket_and_can_be_followed(citizen):
    got = citizen.submit(
        "/report",
        {"channel": "call", "values": f"{NUMBER}\nkaspi-bonus.kz", "text": "They asked for a code", "loss": "15 000"},
    )
    assert got.status_code == 200, got.text
    found = citizen.submit("/follow", {"ticket": ticket_in(got.text)})
    assert found.status_code == 200
    assert "Nobody has looked at it yet" in found.text


def test_a_report_without_a_number_comes_back_with_its_text(citizen):
    got = citizen.submit("/report", {"channel": "call", "values": "", "text": "a long story"})
    assert got.status_code == 422
    assert "a long story" in got.text


def test_another_language_after_a_form_leads_to_its_page(citizen):
    got = citizen.submit("/report", {"channel": "call", "values": NUMBER})
    assert 'href="/kk/report"' in got.text
    assert citizen.get("/kk/check").headers["location"] == "/kk/"
    assert citizen.get("/kk/appeal/prove").headers["location"] == "/kk/appeal"


def test_a_wrong_ticket_is_told_plainly(citizen):
    got = citizen.submit("/follow", {"ticket": "AAAA-BBBB"})
    assert got.status_code == 404
    assert 'role="alert"' in got.text


def test_an_appeal_is_filed_proven_and_withdrawn(citizen, office):
    got = citizen.submit("/appeal", {"number": NUMBER, "text": "It is mine"})
    ticket = ticket_in(got.text)
    sent = citizen.submit("/appeal/send-code", {"ticket": ticket})
    assert sent.status_code == 200, sent.text
    wrong = citizen.submit("/appeal/prove", {"ticket": ticket, "code": "000000"})
    assert wrong.status_code == 422
    code = re.search(r"\d{6}", office.sms.sent[-1][1])[0]
    assert citizen.submit("/appeal/prove", {"ticket": ticket, "code": code}).status_code == 200
    ended = citizen.submit("/appeal/withdraw", {"ticket": ticket})
    assert "withdrawn" in ended.text


@pytest.mark.parametrize("far", ["talked", "data", "paid"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_asks_what_to_do_is_told_steps(citizen, language, far):
    citizen.language = language
    text = citizen.see("/help", far=far, scheme="safe-account")
    assert text.count("<li>") > 8
    assert ("102" in text) or far != "paid"


def test_figures_say_what_they_count(citizen, registry):
    with registry.work(SYSTEM) as work:
        import_figures(work, shipped_text("official.csv"), "official.csv")
    text = citizen.see("/figures")
    for word in ("Definition", "Window", "Unit", "Source", "What it is not"):
        assert f"<dt>{word}</dt>" in text
    assert "66,900,000" in text
