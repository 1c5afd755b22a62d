"""The pages of the audit trail, and what they ask of the API: found by what, to what, when and by whom; whether the chain's end holds."""

import re
from html import escape

import pytest
from sqlalchemy import delete, update

from tosqauyl.registry.actor import CENTRE, SYSTEM, Actor
from tosqauyl.registry.purposes import PURPOSES
from tosqauyl.registry.tables import AuditEntry, AuditHead
from tosqauyl.texts import LANGUAGES, PAGES, Texts
from tosqauyl.web.pages.labels import label

SCRIPT = '<script>alert("x")</script>'
DAY = 86_400_000
AIDA = Actor("user:aida", CENTRE)
BANK = Actor("user:bolat", "halyk", "bank")


def note(registry, actor, detail, verb="tried", what="report", which="7", purpose=""):
    with registry.work(actor) as work:
        work.note(verb, what, which, detail, purpose)


def changed(registry, statement):
    with registry.engine.begin() as connection:
        connection.execute(statement)


@pytest.fixture
def auditor(staff):
    return staff("auditor")


def rows(text: str) -> list[str]:
    return re.findall(r"<tr>\n<td.*?</tr>", text, re.DOTALL)


def test_entries_are_shown_the_latest_first_and_texts_of_people_are_escaped(auditor, registry):
    note(registry, AIDA, "the earlier one")
    note(registry, AIDA, SCRIPT, "read-personal", purpose=f"call back {SCRIPT}")
    text = auditor.see("/office/audit")
    assert SCRIPT not in text
    assert text.count("&lt;script&gt;") == 2
    assert text.index("read personal data</a>") < text.index("the earlier one")


def test_why_the_office_itself_opened_something_is_said_in_the_readers_language(auditor, registry):
    for purpose in PURPOSES:
        note(registry, AIDA, "", "read-personal", purpose=purpose)
    for auditor.language in LANGUAGES:
        said, t = auditor.see("/office/audit"), Texts(auditor.language, PAGES)
        assert [one for one in PURPOSES if escape(label("purpose", one, t)) not in said] == []


def test_entries_are_found_by_what_was_done_to_what(auditor, registry):
    note(registry, AIDA, "the one", "closed", "incident")
    note(registry, AIDA, "another verb", "opened", "incident")
    note(registry, AIDA, "another thing", "closed", "report")
    text = auditor.see("/office/audit", verb="closed", what="incident")
    assert len(rows(text)) == 1
    assert "the one" in text
    assert '<option value="closed" selected>' in text


def test_entries_are_found_by_their_day_in_kazakhstan(auditor, registry, clock):
    noon = clock[0]
    note(registry, AIDA, "of the day")
    clock[0] = noon + 12 * 3_600_000  # 24:00 in Kazakhstan
    note(registry, AIDA, "of the next day")
    clock[0] = noon
    text = auditor.see("/office/audit", day="2026-11-30")
    assert "of the day" in text
    assert "of the next day" not in text
    assert "of the next day" in auditor.see("/office/audit", day="2026-12-01")
    auditor.see("/office/audit", 422, day="2026-13-01")


@pytest.mark.parametrize("who", ["aida", "user:aida"])
def test_entries_are_found_by_who_it_was_which_stands_in_no_address(auditor, registry, who):
    note(registry, AIDA, "of aida")
    note(registry, Actor("user:other", CENTRE), "of another one")
    got = auditor.submit("/office/audit", {"who": who})
    assert got.status_code == 200
    assert "of aida" in got.text
    assert "of another one" not in got.text
    assert "aida" not in str(got.url)
    assert "who=" not in got.text


def test_what_somebody_did_is_paged_by_a_form(auditor, registry):
    for number in range(60):
        note(registry, AIDA, f"<{number}>")
        note(registry, Actor("user:other", CENTRE), "of another one")
    first = auditor.submit("/office/audit", {"who": "aida"}).text
    before = re.search(r'name="before" value="(\d+)"', first)[1]
    assert 'name="who" value="aida"' in first
    second = auditor.submit("/office/audit", {"who": "aida", "before": before}).text
    assert (len(rows(first)), len(rows(second))) == (50, 10)
    assert "of another one" not in second
    assert "&lt;0&gt;" in second


def test_the_whole_trail_is_paged_by_links(auditor, registry):
    for number in range(60):
        note(registry, AIDA, f"entry {number}", "closed")
    first = auditor.see("/office/audit", verb="closed")
    following = re.search(r'rel="next" href="/en/office/audit\?verb=closed&amp;before=(\d+)"', first)[1]
    second = auditor.see("/office/audit", verb="closed", before=following)
    assert (len(rows(first)), len(rows(second))) == (50, 10)
    assert "To the beginning" in second


def test_a_refused_search_comes_back_with_what_was_typed(auditor):
    got = auditor.submit("/office/audit", {"who": "a" * 300, "which": SCRIPT})
    assert got.status_code == 422
    assert "a" * 300 in got.text
    assert SCRIPT not in got.text
    assert 'role="alert"' in got.text


def test_a_chain_that_holds_is_told(auditor, registry):
    note(registry, AIDA, "one")
    assert "The chain holds" in auditor.see("/office/audit")


@pytest.mark.parametrize(
    "change",
    [
        lambda last: update(AuditEntry).where(AuditEntry.seq == last - 1).values(detail="z"),
        lambda last: delete(AuditEntry).where(AuditEntry.seq == last - 1),
        lambda last: delete(AuditEntry).where(AuditEntry.seq == last),
        lambda last: update(AuditHead).values(hash="0" * 64),
    ],
)
def test_a_chain_that_is_broken_is_told_with_its_place(auditor, registry, change):
    for number in range(5):
        note(registry, AIDA, str(number))
    with registry.read(SYSTEM) as work:
        last = work.db.get(AuditHead, 1).seq
    changed(registry, change(last))
    text = auditor.see("/office/audit")
    assert "The chain is broken" in text
    assert re.search(rf"Entry ({last - 1}|{last}):", text)


def test_only_the_end_of_the_chain_is_read(auditor, registry):
    for number in range(5):
        note(registry, AIDA, str(number))
    head = auditor.get("/v1/audit/chain", params={"newest": 5}).json()
    assert (head["sound"], head["checked"]) == (True, 5)
    changed(registry, update(AuditEntry).where(AuditEntry.seq == 1).values(actor="nobody"))
    assert auditor.get("/v1/audit/chain", params={"newest": 3}).json()["sound"]
    whole = auditor.get("/v1/audit/chain").json()
    assert not whole["sound"]
    assert whole["broken"][0]["seq"] == 1
    assert whole["head"] == head["head"]


def test_what_is_missing_at_the_beginning_is_no_shorter_chain(auditor, registry):
    for number in range(5):
        note(registry, AIDA, str(number))
    changed(registry, delete(AuditEntry).where(AuditEntry.seq <= 2))
    found = auditor.get("/v1/audit/chain").json()
    assert not found["sound"]


def test_a_tenants_auditor_sees_its_own_entries_and_not_the_chain(staff, registry):
    note(registry, AIDA, "of the centre")
    note(registry, BANK, "of the bank")
    tenant = staff("auditor", "halyk")
    text = tenant.see("/office/audit")
    assert "of the bank" in text
    assert "of the centre" not in text
    assert 'id="chain"' not in text
    assert "of the centre" not in tenant.submit("/office/audit", {"who": "aida"}).text
    assert tenant.get("/v1/audit/chain").status_code == 403


@pytest.mark.parametrize(
    ("role", "organisation"),
    [("analyst", "centre"), ("supervisor", "centre"), ("admin", "centre"), ("operator", "kcell")],
)
def test_the_trail_is_for_auditors(staff, role, organisation):
    person = staff(role, organisation)
    person.see("/office/audit", 403)
    assert person.submit("/office/audit", {"who": "aida"}).status_code == 403
    assert "/en/office/audit" not in person.see("/office/me")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_page_is_there_in_every_language(auditor, language):
    auditor.language = language
    assert len(re.findall("<h1>", auditor.see("/office/audit"))) == 1
