"""The office's whole flow through its pages: reported, looked at, proposed, approved by a second person, appealed, decided by a third."""

import re

import pytest

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.publish import listed

NUMBER = "+77011234567"
SCRIPT = '<script>alert("x")</script>'


def hidden(text: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', text)[1]


@pytest.fixture
def reported(citizen):
    got = citizen.submit(
        "/report", {"channel": "call", "values": NUMBER, "text": f"They said {SCRIPT}", "contact": "aida@example.kz"}
    )
    assert got.status_code == 200, got.text
    return re.search(r'id="ticket">([^<]+)<', got.text)[1]


def only_report(person) -> str:
    return re.search(r"/office/reports/[0-9a-f-]{36}", person.see("/office/reports"))[0]


def proposed_by(person, place: str = "", **more: str) -> str:
    """The place of an indicator against the number, proposed at once."""
    form = {
        "value": NUMBER, "verdict": "fraud", "listing": "block", "until": "2026-12-20", "confidence": "90", "reason": "reported",
        "why": "asked for codes", "public": "yes", "submit": "yes",
    } | more  # fmt: skip
    if place:
        form |= {"observable_id": place, "value": ""}
    return person.done("/office/indicators/new", form).removeprefix("/en").partition("?")[0]


def test_the_whole_flow_goes_through_the_pages(citizen, staff, office, reported):
    aida, daniyar, madina = staff("analyst"), staff("supervisor"), staff("supervisor", login="madina")
    report = only_report(aida)
    text = aida.see(report)
    aida.done(report + "/triage", {"version": hidden(text, "version"), "scheme": "impersonation-call", "region": "75"})
    place = re.search(r"observable_id=([0-9a-f-]{36})", aida.see(report))[1]
    indicator = proposed_by(aida, place)

    assert "proposal to approve" in daniyar.see("/office")
    text = daniyar.see(indicator)
    assert daniyar.done(indicator + "/approve", {"version": hidden(text, "version")}).endswith("done=approved")
    with office.registry.read(SYSTEM) as work:
        assert [(one.number, one.listing) for one in listed(work)] == [(NUMBER, "block")]
    assert "It was checked: this was used for fraud" in citizen.submit("/check", {"value": NUMBER}).text

    got = citizen.submit("/appeal", {"number": NUMBER, "text": "It is mine"})
    ticket = re.search(r'id="ticket">([^<]+)<', got.text)[1]
    citizen.submit("/appeal/send-code", {"ticket": ticket})
    code = re.search(r"\d{6}", office.sms.sent[-1][1])[0]
    citizen.submit("/appeal/prove", {"ticket": ticket, "code": code})
    appeal = re.search(r"/office/appeals/[0-9a-f-]{36}", madina.see("/office/appeals"))[0]
    version = hidden(madina.see(appeal), "version")
    own = daniyar.submit(appeal + "/decide", {"version": version, "upheld": "no", "answer": "no"})
    assert own.status_code in (403, 409, 422), "whoever approved it does not judge the appeal"
    madina.done(appeal + "/decide", {"version": version, "upheld": "yes", "answer": "You are right"})
    with office.registry.read(SYSTEM) as work:
        assert not list(listed(work))
    assert "You are right" in citizen.submit("/appeal/follow", {"ticket": ticket}).text


def test_a_proposal_cannot_be_approved_by_its_author_in_any_way(staff):
    daniyar = staff("supervisor")
    indicator = proposed_by(daniyar)
    text = daniyar.see(indicator)
    assert "another person must approve it" in text
    assert indicator + "/approve" not in text
    version = hidden(text, "version")
    got = daniyar.submit(indicator + "/approve", {"version": version})
    assert got.status_code in (403, 409, 422)
    for method in ("put", "patch", "delete", "get"):
        assert getattr(daniyar, method)(f"/en{indicator}/approve").status_code in (303, 403, 404, 405)
    assert "waits for approval" in daniyar.see(indicator)
    which = indicator.rpartition("/")[2]
    api = daniyar.post(
        f"/v1/indicators/{which}:approve", json={"version": int(version)}, headers={"X-CSRF-Token": daniyar.csrf}
    )
    assert api.status_code in (403, 409)


def test_two_deciders_at_once_the_second_sees_it(staff):
    aida, daniyar, madina = staff("analyst"), staff("supervisor"), staff("supervisor", login="madina")
    indicator = proposed_by(aida)
    version = hidden(daniyar.see(indicator), "version")
    madina.done(indicator + "/send-back", {"version": version, "why": "no evidence"})
    got = daniyar.submit(indicator + "/approve", {"version": version})
    assert got.status_code == 409
    assert "Somebody else changed it meanwhile" in got.text
    assert "no evidence" in got.text, "and sees what the other one said"


def test_what_is_sealed_is_opened_for_a_purpose_only_and_escaped(staff, reported):
    aida = staff("analyst")
    report = only_report(aida)
    assert "aida@example.kz" not in aida.see(report)
    assert aida.submit(report + "/open", {"purpose": ""}).status_code == 422
    got = aida.submit(report + "/open", {"purpose": "call back"})
    assert got.status_code == 200
    assert "aida@example.kz" in got.text
    assert SCRIPT not in got.text
    assert "&lt;script&gt;alert" in got.text


@pytest.mark.parametrize(
    ("role", "organisation", "path", "status"),
    [
        ("auditor", "centre", "/office/indicators/new", 403),
        ("bank", "halyk", "/office/indicators", 403),
        ("operator", "kcell", "/office/appeals", 403),
        ("operator", "kcell", "/office/unproven-appeals", 200),
        ("bank", "halyk", "/office/reports", 200),
        ("admin", "centre", "/office/reports", 403),
        ("admin", "centre", "/office", 200),
    ],
)
def test_a_page_is_shown_to_whom_the_api_would_answer(staff, role, organisation, path, status):
    staff(role, organisation).see(path, status)


def test_another_organisations_report_is_not_there(staff, reported):
    aida, bank = staff("analyst"), staff("bank", "halyk")
    bank.see(only_report(aida), 404)
    assert "No report is like that" in bank.see("/office/reports")


def test_reports_are_found_by_a_number_that_stands_in_no_address(staff, reported):
    aida = staff("analyst")
    found = aida.submit("/office/reports", {"value": "8 701 123 45 67"})
    assert found.status_code == 200
    assert only_report(aida) in found.text
    assert NUMBER not in str(found.url)


def test_a_refused_form_comes_back_with_what_was_typed(staff):
    aida = staff("analyst")
    got = aida.submit(
        "/office/indicators/new",
        {"value": "12", "verdict": "fraud", "listing": "block", "why": SCRIPT, "reason": "reported"},
    )
    assert got.status_code == 422
    assert "&lt;script&gt;alert" in got.text
    assert SCRIPT not in got.text


def test_a_session_that_is_over_leads_to_signing_in(staff, clock):
    aida = staff("analyst")
    clock[0] += 13 * 3_600_000
    got = aida.get("/en/office/reports")
    assert got.status_code == 303
    assert "sign-in" in got.headers["location"]
    assert "done=session-over" in got.headers["location"]


def test_signing_out_ends_the_session(staff):
    aida = staff("analyst")
    aida.done("/office/sign-out")
    assert aida.get("/en/office/reports").status_code == 303


def test_a_supervisor_sets_up_an_authenticator_before_anything_else(browser, staff, clock):
    import pyotp

    daniyar = staff("supervisor")
    new = browser()
    got = new.submit("/office/sign-in", {"login": daniyar.login, "password": "correct horse battery"})
    assert got.headers["location"] == "/en/office/authenticator"
    assert new.get("/en/office").headers["location"] == "/en/office/authenticator"
    new.csrf = hidden(new.see("/office/authenticator"), "csrf")
    secret = re.search(r'id="secret">([A-Z2-7]+)<', new.submit("/office/authenticator").text)[1]
    assert new.done("/office/authenticator/confirm", {"code": pyotp.TOTP(secret).at(clock[0] // 1000)}) == "/en/office"
    new.see("/office")
