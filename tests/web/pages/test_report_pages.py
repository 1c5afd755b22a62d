"""Pages of reports: found, sent by staff, looked at, put into cases; files of reports, looked at before they are taken."""

import os
import re

import pytest
from sqlalchemy import func, select

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Incident, Report
from tosqauyl.web.pages.file_form import MOST_TEXT

NUMBER, IBAN = "+77011234567", "KZ86125KZT5004100100"
SCRIPT = '<script>alert("x")</script>'
SITE = "https://office.test"
PLACE = r"/office/reports/[0-9a-f-]{36}"
FORM = {"reporter": "police", "channel": "call", "values": NUMBER, "text": "They asked for a code"}
CSV = "channel,phone,text\ncall,+442079460958,a\nfax,+77011234567,b\n".encode("utf-8-sig")


def sent(person, **more: str) -> str:
    """Where the report is that somebody of the staff sent."""
    got = person.submit("/office/reports/new", FORM | more)
    assert got.status_code == 200, got.text
    return re.search(PLACE, got.text)[0]


def version(person, place: str) -> str:
    return re.search(r'name="version" value="(\d+)"', person.see(place))[1]


def count(registry, table) -> int:
    with registry.read(SYSTEM) as work:
        return work.db.scalar(select(func.count()).select_from(table))


def upload(person, what: str, content: bytes = CSV, headers: dict | None = None, **fields: str):
    """What a form with a file gets."""
    said = {"csrf": person.csrf} | fields
    files = {"file": ("march.csv", content, "text/csv")}
    return person.post(f"/en/office/uploads/{what}", data=said, files=files, headers={"Origin": SITE} | (headers or {}))


def test_staff_sends_a_report_and_gets_its_ticket_on_the_answer_only(staff, citizen):
    aida = staff("analyst")
    got = aida.submit("/office/reports/new", FORM | {"scheme": "safe-account", "region": "75", "loss": "150 000"})
    ticket = re.search(r'id="ticket">([^<]+)<', got.text)[1]
    assert citizen.submit("/follow", {"ticket": ticket}).status_code == 200
    place = re.search(PLACE, got.text)[0]
    assert "150,000" in aida.see(place)
    assert ticket not in aida.see(place)
    assert "They asked" not in aida.see(place)
    again = aida.submit("/office/reports/new", FORM | {"scheme": "safe-account", "region": "75", "loss": "150 000"})
    assert re.search(PLACE, again.text)[0] == place, "the same report is the same report"


@pytest.mark.parametrize(
    "form",
    [
        {"values": "12 monkeys", "text": SCRIPT}, {"values": "", "text": SCRIPT}, {"channel": "fax", "text": SCRIPT},
        {"loss": "much", "text": SCRIPT}, {"happened": "yesterday", "text": SCRIPT}, {"scheme": "x", "text": SCRIPT},
        {"external_id": "a b", "text": SCRIPT},
    ],
)  # fmt: skip
def test_a_refused_report_comes_back_with_what_was_typed(staff, registry, form):
    got = staff("analyst").submit("/office/reports/new", FORM | form)
    assert got.status_code == 422
    assert "&lt;script&gt;" in got.text
    assert SCRIPT not in got.text
    assert count(registry, Report) == 0


@pytest.mark.parametrize(
    ("role", "organisation", "status"),
    [("bank", "halyk", 200), ("operator", "kcell", 200), ("auditor", "centre", 403), ("admin", "centre", 403)],
)
def test_reports_and_files_are_sent_by_whom_the_api_would_take_them_from(staff, role, organisation, status):
    person = staff(role, organisation)
    person.see("/office/reports/new", status)
    person.see("/office/uploads", status)
    assert person.submit("/office/reports/new", FORM | {"reporter": "citizen"}).status_code == status
    assert upload(person, "preview").status_code == status
    if role != "admin":
        assert ("/office/uploads" in person.see("/office")) == (status == 200)


def test_reports_are_filtered(staff):
    aida = staff("analyst")
    one = sent(aida, scheme="safe-account", region="75")
    other = sent(aida, values=IBAN, reporter="bank")
    for query, found in (
        ({"scheme": "safe-account"}, {one}), ({"region": "75"}, {one}), ({"reporter": "bank"}, {other}),
        ({"state": "closed"}, set()), ({"state": "<script>"}, {one, other}), ({}, {one, other}),
    ):  # fmt: skip
        text = aida.see("/office/reports", **query)
        assert set(re.findall(PLACE, text)) == found, query


def test_an_observable_leads_to_the_reports_that_name_it_and_to_an_indicator(staff):
    aida, bank = staff("analyst"), staff("bank", "halyk")
    one, other = sent(aida), sent(aida, values=f"{NUMBER}\n{IBAN}")
    which = re.search(r"/office/reports\?observable_id=([0-9a-f-]{36})", aida.see(one))[1]
    assert f"/office/indicators/new?observable_id={which}" in aida.see(one)
    assert set(re.findall(PLACE, aida.see("/office/reports", observable_id=which))) == {one, other}
    assert not re.search(PLACE, bank.see("/office/reports", observable_id=which)), "others' reports stay theirs"
    assert set(re.findall(PLACE, aida.see("/office/reports", observable_id="x"))) == {one, other}


def test_pages_of_a_search_by_number_follow_each_other_without_an_address(staff, registry, clock):
    aida = staff("analyst")
    for place in range(51):
        clock[0] += 1
        sent(aida, external_id=f"mark-{place}")
    got = aida.submit("/office/reports", {"value": NUMBER})
    first = set(re.findall(PLACE, got.text))
    cursor = re.search(r'name="cursor" value="([0-9a-f-]{36})"', got.text)[1]
    rest = set(re.findall(PLACE, aida.submit("/office/reports", {"value": NUMBER, "cursor": cursor}).text))
    assert (len(first), len(rest), first & rest) == (50, 1, set())
    assert aida.submit("/office/reports", {"value": NUMBER, "cursor": "x"}).status_code == 422


def test_a_report_is_looked_at_closed_and_taken_up_again(staff, registry):
    aida = staff("analyst")
    place = sent(aida)
    seen = version(aida, place)
    aida.done(place + "/triage", {"version": seen, "scheme": "safe-account", "region": "75"})
    assert aida.submit(place + "/triage", {"version": seen, "scheme": ""}).status_code == 409
    got = aida.submit(place + "/close", {"version": version(aida, place), "outcome": ""})
    assert got.status_code == 422
    aida.done(place + "/close", {"version": version(aida, place), "outcome": "duplicate"})
    assert "reported before" in aida.see(place)
    aida.done(place + "/triage", {"version": version(aida, place), "scheme": "safe-account", "region": ""})
    with registry.read(SYSTEM) as work:
        report = work.db.scalars(select(Report)).one()
        assert (report.state, report.scheme, report.region) == ("triaged", "safe-account", "")


def test_a_bank_reads_its_own_reports_and_decides_nothing(staff):
    bank = staff("bank", "halyk")
    place = sent(bank, reporter="bank")
    text = bank.see(place)
    for what in ("triage", "close", "open", "case"):
        assert f"{place}/{what}" not in text
        assert bank.submit(f"{place}/{what}", {"version": "1", "purpose": "because"}).status_code == 403


def test_a_report_is_put_into_a_new_case_or_one_that_is_open(staff, registry):
    aida = staff("analyst")
    one, other = sent(aida, loss="2000", scheme="safe-account"), sent(aida, values=IBAN)
    case = aida.done(one + "/case", {"incident": ""}).removeprefix("/en").partition("?")[0]
    assert case.startswith("/office/incidents/")
    assert case in aida.see(one)
    assert aida.done(other + "/case", {"incident": case.rpartition("/")[2]}).startswith("/en" + case)
    assert aida.submit(other + "/case", {"incident": ""}).status_code == 409
    assert count(registry, Incident) == 1
    text = aida.see(case)
    assert one in text
    assert other in text
    assert "2,000" in text
    third = sent(aida, values="https://kaspi-bonus.example/login")
    assert aida.submit(third + "/case", {"incident": "x"}).status_code == 404
    assert aida.submit(third + "/case", {"incident": one.rpartition("/")[2]}).status_code == 404


def test_a_file_is_looked_at_without_being_stored_and_every_refused_row_is_told(staff, registry, office):
    bank = staff("bank", "halyk")
    got = upload(bank, "preview")
    assert got.status_code == 200, got.text
    row = re.search(r"<tbody>(.*?)</tbody>", got.text, re.DOTALL)[1]
    assert ">3<" in row
    assert "channel" in row
    assert "f***" in row
    assert count(registry, Report) == 0
    assert os.listdir(office.data) == []


def test_a_file_is_taken_once_and_the_same_file_changes_nothing(staff, registry, office):
    bank = staff("bank", "halyk")
    assert "The file was taken" in upload(bank, "take", name="march").text
    assert count(registry, Report) == 1
    assert "taken before" in upload(bank, "take").text
    assert count(registry, Report) == 1
    assert os.listdir(office.data) == []
    assert not re.search(PLACE, staff("operator", "kcell").see("/office/reports"))


def test_what_stands_in_a_file_is_masked_and_escaped(staff):
    content = f'channel,phone,scheme\n"{SCRIPT.replace(chr(34), chr(39))}",8 701 123 45 67 89 10,<b>\n'.encode()
    got = upload(staff("bank", "halyk"), "preview", content)
    assert got.status_code == 200
    assert "<b>" not in got.text.partition("<tbody>")[2]
    assert "<script>alert" not in got.text
    assert "8 701 123" not in got.text.partition("<tbody>")[2].partition("</tbody>")[0]


@pytest.mark.parametrize("content", [b"", b"\0\0", b"text\nx\n", "channel,phone\n".encode("utf-16"), b"a,b\n1,2\n"])
@pytest.mark.parametrize("what", ["preview", "take"])
def test_what_is_no_file_of_reports_is_refused_on_the_page(staff, what, content):
    got = upload(staff("bank", "halyk"), what, content, name="march & co")
    assert got.status_code == 422
    assert "march &amp; co" in got.text
    assert "/office/uploads/take" in got.text


def test_a_name_with_a_control_is_refused(staff, registry):
    got = upload(staff("bank", "halyk"), "take", name="a\0b")
    assert got.status_code == 422
    assert count(registry, Report) == 0


@pytest.mark.parametrize("csrf", ["", "forged"])
def test_a_file_without_the_sessions_token_is_not_used(staff, registry, csrf):
    dana = staff("bank", "halyk")
    assert upload(dana, "take", csrf=csrf).status_code == 403
    assert count(registry, Report) == 0


@pytest.mark.parametrize("origin", ["https://evil.test", "null"])
def test_a_file_of_another_site_is_refused_before_it_is_read(staff, registry, monkeypatch, origin):
    monkeypatch.setattr("tosqauyl.web.pages.routing.read_file_form", None)
    assert upload(staff("bank", "halyk"), "take", headers={"Origin": origin}).status_code == 403
    assert count(registry, Report) == 0


def test_a_file_of_nobody_leads_to_signing_in_before_it_is_read(citizen, registry, monkeypatch):
    monkeypatch.setattr("tosqauyl.web.pages.routing.read_file_form", None)
    got = upload(citizen, "take")
    assert got.status_code == 303
    assert "sign-in" in got.headers["location"]


def test_a_file_of_somebody_without_the_scope_is_refused_before_it_is_read(staff, monkeypatch):
    monkeypatch.setattr("tosqauyl.web.pages.routing.read_file_form", None)
    assert upload(staff("auditor"), "take").status_code == 403


def test_a_file_larger_than_the_limit_is_refused_and_nothing_stays(staff, registry, office):
    dana = staff("bank", "halyk")
    got = upload(dana, "take", b"channel,phone\n" + b"x" * office.limits.upload_bytes)
    assert got.status_code == 413
    assert count(registry, Report) == 0
    assert os.listdir(office.data) == []


def raw(person, body: bytes, boundary: str = "x"):
    headers = {
        "Origin": SITE,
        "Content-Type": f"multipart/form-data; boundary={boundary}" if boundary else "multipart/form-data",
    }
    return person.post("/en/office/uploads/take", content=body, headers=headers)


def part(name: str, text: bytes, filename: str = "") -> bytes:
    more = f'; filename="{filename}"' if filename else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + text + b"\r\n"


def test_a_body_that_is_no_form_with_a_file_is_refused(staff, registry):
    dana = staff("bank", "halyk")
    csrf, end = part("csrf", dana.csrf.encode()), b"--x--\r\n"
    whole = part("file", CSV, "a.csv")
    for status, body in (
        (400, b""), (400, b"x"), (400, csrf + whole), (400, csrf + whole + whole + end), (400, part("other", CSV, "a.csv") + end),
        (400, part("", b"x") + end), (400, csrf + b"--x\r\nno header\r\n\r\n" + end), (400, part("name", b"\xff") + end),
        (413, part("name", b"x" * (MOST_TEXT + 1)) + end), (413, part("name", b"x") * 21 + end),
        (422, csrf + end), (200, csrf + whole + end),
    ):  # fmt: skip
        assert raw(dana, body).status_code == status, body[:200]
    assert raw(dana, csrf + whole + end, boundary="").status_code == 400
    assert raw(dana, csrf + whole + end, boundary="b" * 1_000).status_code == 400
    assert count(registry, Report) == 1


def test_another_kind_of_body_is_refused(staff):
    dana = staff("bank", "halyk")
    assert dana.submit("/office/uploads/take", {"file": "x"}).status_code == 415
    got = dana.post("/en/office/reports/new", data=FORM, files={"file": ("a", b"x")}, headers={"Origin": SITE})
    assert got.status_code == 415


def test_a_form_that_is_refused_shows_nothing_of_the_office_to_nobody(citizen, staff):
    """A citizen may file appeals and send reports: that opens no page of the staff."""
    got = citizen.post("/en/office/reports/new", data=FORM, headers={"Origin": "https://evil.test"})
    assert got.status_code == 403
    assert 'name="external_id"' not in got.text
