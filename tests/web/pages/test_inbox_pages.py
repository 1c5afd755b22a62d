"""The inbox, checks of reported numbers, and actions: seen by those whose duty they are, answered, told."""

import csv
import io
import json
import re

import pytest
from sqlalchemy import select

from tosqauyl.registry import accounts
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Action, AuditEntry, Indicator, NumberCheck
from tosqauyl.registry.worklist import KINDS

NUMBER, MASKED = "+77011234567", "+7701***4567"
SCRIPT = '<script>alert("x")</script>'
PERSON = {"name": "Иванов Иван", "iin": "820310399917", "numbers": f"{NUMBER}\n8 701 765 43 21"}
DAY = 86_400_000


def opened(person, operator: str = "kcell", **more: str) -> str:
    """Where the check of the number is that somebody had opened."""
    form = {"number": NUMBER, "source": "centre", "operator": operator} | more
    return person.done("/office/checks", form).removeprefix("/en").partition("?")[0]


def version(person, place: str) -> str:
    return re.search(r'name="version" value="(\d+)"', person.see(place))[1]


def rows(registry, table):
    with registry.read(SYSTEM) as work:
        found = list(work.db.scalars(select(table)))
        for one in found:
            work.db.expunge(one)
        return found


def noted(registry, verb: str) -> list[tuple[str, str]]:
    with registry.read(SYSTEM) as work:
        return [(one.what, one.purpose) for one in work.db.scalars(select(AuditEntry).where(AuditEntry.verb == verb))]


def confirmed(kim, place: str) -> None:
    kim.done(place + "/decide", PERSON | {"version": version(kim, place), "outcome": "confirmed"})


def asked(registry, staff) -> str:
    """Where the action is that a confirmed fraud asks the operator for."""
    kim = staff("operator", "kcell")
    confirmed(kim, opened(kim, ""))
    return f"/office/actions/{rows(registry, Action)[0].id}"


def test_the_inbox_shows_late_work_first_and_leads_to_each_thing(staff, clock):
    early = opened(staff("analyst"))
    case = staff("analyst", login="early").done("/office/incidents/new", {"title": "One"}).partition("?")[0]
    clock[0] += 4 * DAY
    aida = staff("analyst", login="late")
    fresh = aida.done("/office/incidents/new", {"title": "Two"}).partition("?")[0]
    text = aida.see("/office")
    table = text.partition("<tbody>")[2]
    places = re.findall(r'href="/en(/office/[a-z]+/[0-9a-f-]{36})"', table)
    assert places[-1] == fresh.removeprefix("/en")
    assert set(places) == {early, case.removeprefix("/en"), fresh.removeprefix("/en")}
    assert "late by" in table.partition(fresh)[0]
    only = aida.see("/office", late="yes").partition("<tbody>")[2]
    assert fresh not in only
    assert early in only
    cases = aida.see("/office", kind="incident").partition("<tbody>")[2]
    assert case in cases
    assert early not in cases
    aida.see("/office", kind="<script>", late="<script>")


@pytest.mark.parametrize(
    ("role", "organisation", "kinds"),
    [
        ("analyst", "centre", {"check", "tell", "incident", "appeal"}),
        ("supervisor", "centre", set(KINDS)),
        ("operator", "kcell", {"check", "tell", "action"}), ("bank", "halyk", {"action"}),
        ("police", "police", {"incident", "action"}), ("auditor", "centre", {"incident"}),
    ],
)  # fmt: skip
def test_everybody_sees_the_work_that_their_role_may_do(staff, role, organisation, kinds):
    text = staff(role, organisation).see("/office")
    assert set(re.findall(r"/en/office\?kind=([a-z]+)\"", text)) == kinds


def test_whoever_has_no_inbox_is_led_to_what_there_is(staff):
    text = staff("admin").see("/office")
    assert "/office/accounts" in text
    assert "/office/reports" not in text


@pytest.mark.parametrize(
    ("role", "organisation", "checks", "actions", "requested"),
    [
        ("operator", "kcell", 200, 200, 403), ("analyst", "centre", 200, 403, 200), ("supervisor", "centre", 200, 200, 200),
        ("bank", "halyk", 403, 200, 403), ("police", "police", 403, 200, 200), ("auditor", "centre", 403, 403, 200),
        ("admin", "centre", 403, 403, 403),
    ],
)  # fmt: skip
def test_lists_are_shown_to_whom_the_api_would_answer(staff, role, organisation, checks, actions, requested):
    person = staff(role, organisation)
    menu = person.see("/office").partition("<header")[2].partition("</header>")[0]
    for path, status in (("checks", checks), ("actions", actions), ("requested-actions", requested)):
        person.see(f"/office/{path}", status)
        if path != "requested-actions":
            assert (f"/office/{path}" in menu) == (status == 200)


def test_an_operator_answers_its_own_check_and_another_one_sees_nothing(staff, registry):
    kim, other = staff("operator", "kcell"), staff("operator", "beeline")
    place = opened(staff("analyst"))
    assert place in kim.see("/office")
    assert MASKED in kim.see(place)
    assert place not in other.see("/office/checks")
    other.see(place, 404)
    assert other.submit(place + "/decide", {"version": "1", "outcome": "not_confirmed"}).status_code == 404
    confirmed(kim, place)
    check = rows(registry, NumberCheck)[0]
    assert (check.outcome, check.numbers) == ("confirmed", 2)
    assert [one.kind for one in rows(registry, Action)] == ["suspend"]
    assert [one.state for one in rows(registry, Indicator)] == ["proposed"]
    assert "proposal to approve" in staff("supervisor").see("/office")
    assert "Иванов" not in kim.see(place), "the person stands in the message only"


def test_an_unconfirmed_check_needs_no_person(staff, registry):
    kim = staff("operator", "kcell")
    place = opened(kim, "")
    kim.done(place + "/decide", {"version": "1", "outcome": "not_confirmed"})
    assert rows(registry, NumberCheck)[0].outcome == "not_confirmed"
    assert rows(registry, Action) == []


@pytest.mark.parametrize(
    "form",
    [
        {"outcome": "confirmed", "name": "", "iin": PERSON["iin"]}, {"outcome": "confirmed", "name": SCRIPT, "iin": "1"},
        {"outcome": "confirmed", "name": SCRIPT, "iin": PERSON["iin"], "numbers": "12 monkeys"}, {"outcome": "", "name": SCRIPT},
        {"outcome": "confirmed", "name": SCRIPT, "iin": PERSON["iin"], "nobody": "yes"},
    ],
)  # fmt: skip
def test_a_refused_answer_comes_back_with_what_was_typed(staff, registry, form):
    kim = staff("operator", "kcell")
    place = opened(kim, "")
    got = kim.submit(place + "/decide", form | {"version": "1"})
    assert got.status_code == 422
    assert 'class="wrong"' in got.text
    assert SCRIPT not in got.text
    assert ("&lt;script&gt;" in got.text) == (form["name"] == SCRIPT)
    assert not rows(registry, NumberCheck)[0].decided


def test_who_decides_second_is_told_what_the_first_one_decided(staff):
    kim, aida = staff("operator", "kcell"), staff("analyst")
    place = opened(kim, "")
    kim.done(place + "/decide", {"version": "1", "outcome": "not_confirmed"})
    got = aida.submit(place + "/decide", {"version": "1", "outcome": "confirmed", "name": "x", "iin": PERSON["iin"]})
    assert got.status_code == 409
    assert "fraud is not confirmed" in got.text


def test_a_number_is_shown_in_clear_on_one_answer_and_that_is_noted(staff, registry):
    kim = staff("operator", "kcell")
    place = opened(kim, "")
    assert NUMBER not in kim.see(place)
    assert NUMBER in kim.submit(place + "/reveal").text
    assert NUMBER not in kim.see(place)
    which = place.rpartition("/")[2]
    assert NUMBER in kim.submit("/office/checks/reveal", {"check": which}).text
    assert len([one for one in noted(registry, "read-personal") if "check" in one[1]]) == 2
    assert staff("operator", "beeline").submit("/office/checks/reveal", {"check": which}).status_code == 404


def test_the_message_to_the_centre_is_a_file_and_counts_as_told(staff, registry):
    kim = staff("operator", "kcell")
    place = opened(kim, "")
    which = place.rpartition("/")[2]
    assert kim.submit("/office/checks/tell", {"check": which, "as": "csv"}).status_code == 409
    assert kim.submit("/office/checks/tell", {"as": "csv"}).status_code == 422
    confirmed(kim, place)
    got = kim.submit("/office/checks/tell", {"check": which, "as": "csv"})
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["cache-control"] == "no-store"
    row = next(csv.DictReader(io.StringIO(got.text.removeprefix("\ufeff")), delimiter=";"))
    assert (row["check"], row["outcome"], row["name"]) == (which, "confirmed", "Иванов Иван")
    assert rows(registry, NumberCheck)[0].told
    again = kim.submit("/office/checks/tell", {"check": which, "as": "json"})
    message = json.loads(again.text)
    assert (message["schema"], message["messages"][0]["number"]) == ("tosqauyl-centre-message", NUMBER)
    assert staff("operator", "beeline").submit("/office/checks/tell", {"check": which, "as": "csv"}).status_code == 404


def test_checks_are_filtered_and_a_refused_number_comes_back(staff):
    aida = staff("analyst")
    place = opened(aida)
    assert place in aida.see("/office/checks", state="open")
    assert place not in aida.see("/office/checks", state="decided")
    assert place not in aida.see("/office/checks", late="yes")
    assert place in aida.see("/office/checks", state="<script>")
    got = aida.submit("/office/checks", {"number": SCRIPT, "source": "own"})
    assert got.status_code == 422
    assert "&lt;script&gt;" in got.text
    assert SCRIPT not in got.text


def test_only_the_asked_organisation_answers_an_action(staff, registry):
    place = asked(registry, staff)
    daniyar, beeline = staff("supervisor"), staff("operator", "beeline")
    assert place not in beeline.see("/office/actions")
    beeline.see(place, 404)
    assert beeline.submit(place + "/answer", {"version": "1", "state": "done"}).status_code == 404
    text = daniyar.see(place)
    assert f"{place}/answer" not in text
    assert f"{place}/reveal" not in text
    assert daniyar.submit(place + "/answer", {"version": "1", "state": "done"}).status_code == 403
    assert daniyar.submit(place + "/reveal").status_code == 403
    assert rows(registry, Action)[0].state == "requested"


def test_an_action_is_read_acknowledged_and_answered(staff, registry):
    place = asked(registry, staff)
    kim = staff("operator", "kcell", login="kim")
    assert place in kim.see("/office/actions")
    assert place in kim.see("/office")
    assert NUMBER not in kim.see(place)
    assert NUMBER in kim.submit(place + "/reveal").text
    kim.done(place + "/acknowledge", {"version": version(kim, place)})
    seen = version(kim, place)
    got = kim.submit(place + "/answer", {"version": seen, "state": "partly", "text": ""})
    assert got.status_code == 422
    assert 'value="partly" checked' in got.text
    assert kim.submit(place + "/answer", {"version": "99", "state": "done"}).status_code == 409
    kim.done(place + "/answer", {"version": seen, "state": "partly", "text": f"one of two {SCRIPT}"})
    assert rows(registry, Action)[0].state == "partly"
    assert place not in kim.see("/office/actions")
    assert place in kim.see("/office/actions", shown="all")
    which = place.rpartition("/")[2]
    aida = staff("analyst")
    assert f"/office/requested-actions/{which}" in aida.see("/office/requested-actions", shown="all")
    text = aida.see(f"/office/requested-actions/{which}")
    assert "one of two &lt;script&gt;" in text
    assert SCRIPT not in text
    assert "one of two" not in staff("auditor").see(f"/office/requested-actions/{which}")
    staff("police", "police").see(f"/office/requested-actions/{which}", 404)


def test_an_action_may_be_refused_with_a_reason(staff, registry):
    place = asked(registry, staff)
    kim = staff("operator", "kcell", login="kim")
    kim.done(place + "/answer", {"version": version(kim, place), "state": "refused", "text": "no such subscriber"})
    assert rows(registry, Action)[0].state == "refused"


def test_whoever_is_disabled_meanwhile_answers_nothing(staff, registry):
    place = asked(registry, staff)
    kim = staff("operator", "kcell", login="kim")
    seen = version(kim, place)
    with registry.work(SYSTEM) as work:
        found = next(one for one in accounts.search(work, None, 50) if one.login == "kim")
        accounts.disable(work, found.id, found.version)
    got = kim.submit(place + "/answer", {"version": seen, "state": "done"})
    assert "sign-in" in got.headers["location"]
    assert rows(registry, Action)[0].state == "requested"
