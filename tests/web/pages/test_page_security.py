"""What a page may load, who may send its forms, where it may lead: a test for each way in that is known."""

import re

import pytest

from tosqauyl.texts import LANGUAGES
from tosqauyl.web.pages.every import all_pages
from tosqauyl.web.pages.routing import safe_next
from tosqauyl.web.pages.templates import environment

SITE = "https://office.test"
PASSWORD = "correct horse battery"


def test_a_page_may_load_only_our_own_files_and_stands_in_no_frame(citizen):
    got = citizen.get("/en/")
    policy = dict(part.strip().split(" ", 1) for part in got.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["referrer-policy"] == "same-origin"
    assert got.headers["cache-control"] == "no-store"


def test_no_template_holds_script_or_style_or_leads_elsewhere():
    names = environment().list_templates()
    assert names
    for name in names:
        source = environment().loader.get_source(environment(), name)[0]
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", source), name
        assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", source), name
        assert "|safe" not in source.replace(" ", ""), name


def test_files_are_kept_by_browsers_and_nothing_else_is_served_from_their_folder(citizen):
    place = re.search(r'href="(/static/[^"]+\.css)"', citizen.see("/"))[1]
    got = citizen.get(place)
    assert (got.status_code, got.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in got.headers["cache-control"]
    for wrong in ("/static/x/none.css", "/static/x/..%2fpage.py", "/static/x/page.py", "/static/x/%00.css"):
        assert citizen.get(wrong).status_code == 404, wrong


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "https://office.test.evil.test", "http://office.test", ""]
)
def test_a_form_of_another_site_is_refused(citizen, origin):
    headers = {"Origin": origin} if origin else {}
    got = citizen.post("/en/report", data={"channel": "call", "values": "+77011234567"}, headers=headers)
    assert got.status_code == 403
    assert 'id="ticket"' not in got.text


@pytest.mark.parametrize("csrf", ["", "forged", None])
def test_a_form_without_the_sessions_token_is_refused(staff, csrf):
    aida = staff("analyst")
    said = {"password": PASSWORD, "new_password": "another good password"}
    form = said if csrf is None else said | {"csrf": csrf}
    got = aida.post("/en/office/password", data=form, headers={"Origin": SITE})
    assert got.status_code == 403
    assert aida.get("/en/office/password").status_code == 200, "and the session goes on"


def test_another_sessions_token_is_no_token(staff):
    aida, other = staff("analyst"), staff("analyst", login="other")
    got = aida.submit("/office/sign-out", {"csrf": other.csrf})
    assert got.status_code == 403


def test_signing_in_makes_a_new_session(browser, staff, desk):
    aida = staff("analyst")
    visitor = browser()
    visitor.cookies.set(desk.cookie("tosqauyl"), "a-session-that-somebody-else-chose", domain="office.test")
    got = visitor.submit("/office/sign-in", {"login": aida.login, "password": PASSWORD})
    assert got.status_code == 303, got.text
    token = re.search(r"__Host-tosqauyl=([^;]+)", got.headers["set-cookie"])[1]
    assert token != "a-session-that-somebody-else-chose"
    for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word.lower() in got.headers["set-cookie"].lower()


def test_a_wrong_password_says_no_more_than_that(browser, staff):
    aida = staff("analyst")
    got = [
        browser().submit("/office/sign-in", {"login": login, "password": "wrong"}) for login in (aida.login, "nobody")
    ]
    assert {one.status_code for one in got} == {403}
    assert len({re.sub(r'value="[^"]*"', "", one.text) for one in got}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "/office\\..\\//evil.test",
        "javascript:alert(1)",
        "/en/office",
        "",
        "/office/sign-in",
    ],
)
def test_signing_in_leads_to_no_other_site(text):
    assert safe_next(text) == "/office"


def test_signing_in_leads_where_somebody_wanted_to_go(browser, staff):
    aida = staff("analyst")
    visitor = browser()
    sent = visitor.get("/en/office/password")
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/en/office/sign-in?next=%2Foffice%2Fpassword")
    got = visitor.submit("/office/sign-in", {"login": aida.login, "password": PASSWORD, "next": "/office/password"})
    assert got.headers["location"] == "/en/office/password"


def test_what_stands_in_an_address_is_escaped(citizen):
    for language in LANGUAGES:
        got = citizen.get(f"/{language}/help", params={"far": "'><script>alert(1)</script>", "done": "<script>"})
        assert "<script>alert" not in got.text
        assert got.status_code == 200


def test_no_address_holds_a_number_or_a_ticket():
    for one in all_pages().served:
        names = set(re.findall(r"{(\w+)}", one.path))
        assert all(name.endswith("_id") or name in ("rule", "figure", "event", "step") for name in names), one.path


def test_a_form_larger_than_the_limit_is_refused(citizen):
    got = citizen.submit("/report", {"channel": "call", "values": "+77011234567", "text": "x" * 2_000_000})
    assert got.status_code == 413


def test_a_body_that_is_no_form_is_refused(citizen):
    got = citizen.post("/en/report", content=b"{}", headers={"Origin": SITE, "Content-Type": "application/json"})
    assert got.status_code == 415
