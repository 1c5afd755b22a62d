"""Pages of calls: looked for by a form, one explained for people; no number in an address, nothing of a call run as markup."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from explained_calls import BRITISH, CALLED, KEY, SCRIPT, STOPPED, write_calls

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.texts import LANGUAGES
from tosqauyl.tokens import Tokens

LIST = "/office/calls"
LINK = r'href="/\w\w(/office/calls/[0-9a-f-]{36})"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_calls(tmp_path_factory.mktemp("calls") / "ledger", more=60)


@pytest.fixture
def ledger(office, folder):
    office.calls = replace(office.calls, ledger=folder, memory_mb=256, tokens=(Tokens(KEY),))


@pytest.fixture
def aida(staff, ledger):
    return staff("analyst")


def asked(browser, status: int = 200, **form: str) -> str:
    """The list that a form gets."""
    got = browser.submit(LIST, {"since": "2026-11-30T00:00", "until": "2026-12-01T00:00", **form})
    assert got.status_code == status, got.text[:2_000]
    return got.text


def one_of(browser, **form: str) -> str:
    """The address of the only call that a form finds."""
    (place,) = re.findall(LINK, asked(browser, **form))
    return place


def plain(text: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", text))


def test_the_newest_calls_of_the_last_day_are_shown_first(aida):
    text = aida.see(LIST)
    assert len(re.findall(LINK, text)) == 50
    assert 'name="since" type="datetime-local" value="2026-11-30T00:00"' in text
    assert "2026-11-30 10:01:59" in plain(text), "in Kazakhstan's time"
    assert SCRIPT not in text
    assert BRITISH not in text


def test_the_next_page_goes_on_with_what_was_asked_for(aida):
    text = asked(aida, country="GB")
    cursor = re.search(r'name="cursor" value="([^"]+)"', text)[1]
    assert 'name="country" value="GB"' in text
    second = asked(aida, country="GB", cursor=cursor)
    assert len(re.findall(LINK, second)) == 12
    assert not set(re.findall(LINK, text)) & set(re.findall(LINK, second))


def test_a_number_is_found_and_stands_in_no_address(aida):
    text = asked(aida, calling="8 701 123 45 67")
    assert len(re.findall(LINK, text)) == 1
    assert "+7701***4567" in text
    assert not [one for one in re.findall(r'(?:href|action)="([^"]*)"', text) if "4567" in one]
    assert len(re.findall(LINK, asked(aida, called=CALLED))) == 50


def test_a_link_may_ask_for_everything_but_numbers(aida):
    assert len(re.findall(LINK, aida.see(LIST, verdict="stop"))) == 1
    assert len(re.findall(LINK, aida.see(LIST, verdict="pass", calling=STOPPED, trunk="t-west"))) == 1


def test_without_a_key_the_page_says_that_tokens_cannot_be_looked_for(aida, office):
    office.calls = replace(office.calls, tokens=())
    text = asked(aida, 422, called=CALLED)
    assert "kept as tokens" in text
    assert "ledger.token_keys" in text
    assert "No call is like that" not in text
    assert CALLED in text, "what was typed stays"


@pytest.mark.parametrize(
    "form",
    [
        {"until": "2026-11-29T00:00"},
        {"since": "yesterday"},
        {"verdict": "none"},
        {"country": "KAZ"},
        {"cursor": SCRIPT},
    ],
)
def test_what_cannot_be_asked_comes_back_with_what_was_typed(aida, form):
    text = asked(aida, 422, **form)
    assert 'role="alert"' in text
    assert SCRIPT not in text


def test_a_call_begins_with_what_was_decided_and_why(aida):
    text = plain(aida.see(one_of(aida, verdict="stop")))
    first = text.index("The call was stopped: Kazakh mobile that is at home.")
    assert (
        first
        < text.index("Rule kz-mobile-home decided")
        < text.index("What the networks said")
        < text.index("The rules")
    )
    assert text.index("The rules") < text.index("What was known of the call") < text.index("As it was written down")
    assert "Interconnection rules" in text, "the law it rests on"
    assert "12 s ago" in text
    assert STOPPED not in text


def test_what_came_with_the_call_is_escaped_and_hidden(aida):
    text = aida.see(one_of(aida, verdict="stop"))
    assert SCRIPT not in text
    assert "one@192.0.2.1" not in text
    foreign = aida.see(one_of(aida, sip_call_id="two@192.0.2.1"))
    assert SCRIPT not in foreign
    assert "&lt;script&gt;" in foreign
    assert "The called party answered." in foreign


def test_numbers_are_shown_for_a_purpose_on_that_answer_only(aida, office):
    place = one_of(aida, verdict="stop")
    refused = aida.submit(f"{place}/open", {"purpose": ""})
    assert refused.status_code == 422
    got = aida.submit(f"{place}/open", {"purpose": "complaint of a subscriber"})
    assert got.status_code == 200
    assert STOPPED in got.text
    assert SCRIPT not in got.text
    assert STOPPED not in aida.see(place)
    with office.registry.read(SYSTEM) as work:
        assert [one.purpose for one in work.db.query(AuditEntry).filter_by(what="call", verb="read-personal")] == [
            "complaint of a subscriber"
        ]


def test_who_may_not_read_numbers_is_not_offered_to(staff, ledger):
    auditor = staff("auditor")
    place = one_of(auditor, verdict="stop")
    assert 'name="purpose"' not in auditor.see(place)
    assert auditor.submit(f"{place}/open", {"purpose": "curiosity"}).status_code == 403


@pytest.mark.parametrize(("role", "organisation"), [("operator", "kcell"), ("admin", "centre")])
def test_calls_are_shown_to_the_centre_only(staff, ledger, role, organisation):
    browser = staff(role, organisation)
    assert browser.get(f"/en{LIST}").status_code == 403
    assert browser.get(f"/en{LIST}/0000657f-ffff-8fff-bfff-ffffffffffff").status_code in (403, 404)


@pytest.mark.parametrize("place", ["0000657f-ffff-8fff-bfff-ffffffffffff", "7", "+77011234567"])
def test_a_call_that_is_not_there_is_not_found(aida, place):
    aida.see(f"{LIST}/{place}", 404)


def test_without_a_ledger_the_page_says_what_to_set(staff):
    assert "ledger.folder" in staff("analyst").see(LIST)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_there_in_every_language(aida, language):
    place = one_of(aida, verdict="stop")
    aida.language = language
    for path in (LIST, place):
        text = aida.see(path)
        assert f'<html lang="{language}"' in text
        if language != "en":
            assert "The call was stopped" not in text
            assert "Calling number" not in text
