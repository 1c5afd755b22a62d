"""Pages of lists by hand, protected identities and findings of the ledger."""

import re

import pytest

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.publish import listed

NUMBER = "+77011234567"
SCRIPT = '<script>alert("x")</script>'
ALLOW = {"value": NUMBER, "condition": "allow", "perspective": "caller", "why": "its owner proved it", "until": ""}
BLOCK = ALLOW | {"condition": "block", "why": "seen by the centre", "until": "2026-12-20T12:00"}
IDENTITY = {"body": "Halyk", "kind": "domain", "value": "halykbank.kz", "source": "letter of the bank"}
FINDING = {
    "number": NUMBER, "rule": "many-called", "summary": "one caller, many called persons", "counts": "calls=1 200\nanswered=3",
    "since": "2026-11-01T00:00", "until": "2026-11-30T00:00", "query": "many_called 3", "listing": "mark", "confidence": "50",
}  # fmt: skip


def version(person, place: str) -> str:
    return re.search(r'name="version" value="(\d+)"', person.see(place))[1]


def held(person, form: dict[str, str]) -> str:
    return person.done("/office/conditions/new", form).removeprefix("/en").partition("?")[0]


def gates_know(registry) -> list[tuple[str, str]]:
    with registry.read(SYSTEM) as work:
        return [(one.number, one.listing) for one in listed(work)]


@pytest.mark.parametrize("path", ["/office/conditions", "/office/protected", "/office/findings"])
def test_lists_are_shown_to_whom_the_api_would_answer(staff, path):
    people = {("analyst", "centre"), ("supervisor", "centre"), ("auditor", "centre"), ("police", "police")}
    others = {("bank", "halyk"), ("operator", "kcell"), ("admin", "centre")}
    for role, organisation in people | others:
        person = staff(role, organisation)
        may = (role, organisation) in people
        shown = person.see(path, 200 if may else 403)
        menu = (shown if may else person.see("/office")).partition("<header")[2].partition("</header>")[0]
        assert (f'href="/en{path}"' in menu) == may


def test_only_who_may_approve_writes_lists(staff):
    aida, daniyar = staff("analyst"), staff("supervisor")
    aida.see("/office/conditions/new", 403)
    assert "/office/conditions/new" not in aida.see("/office/conditions")
    assert 'name="body"' not in aida.see("/office/protected")
    place = held(daniyar, ALLOW)
    assert place + "/end" not in aida.see(place)
    for path, form in (
        ("/office/conditions/new", ALLOW), (place + "/end", {"version": version(daniyar, place)}), ("/office/protected", IDENTITY),
    ):  # fmt: skip
        assert aida.submit(path, form).status_code == 403, path


def test_an_allowance_holds_at_once_and_ends(staff, registry):
    daniyar = staff("supervisor")
    place = held(daniyar, ALLOW)
    assert gates_know(registry) == [(NUMBER, "allow")]
    text = daniyar.see(place)
    assert "its owner proved it" in text.partition('id="told"')[2], "who has it listed, and why"
    assert NUMBER not in text
    assert daniyar.done(place + "/end", {"version": version(daniyar, place)}).endswith("done=ended")
    assert gates_know(registry) == []
    assert place not in daniyar.see("/office/conditions")
    assert place in daniyar.see("/office/conditions", shown="all")


def test_a_block_waits_for_a_second_person(staff, registry):
    daniyar, madina = staff("supervisor"), staff("supervisor", login="madina")
    place = held(daniyar, BLOCK)
    allowed = held(daniyar, ALLOW | {"value": "+77017654321"})
    assert "another person must confirm it" in daniyar.see(place)
    assert place + "/confirm" not in daniyar.see(place)
    waiting = madina.see("/office/conditions", shown="waiting")
    assert place in waiting
    assert allowed not in waiting
    seen = version(madina, place)
    got = daniyar.submit(place + "/confirm", {"version": seen})
    assert got.status_code == 403
    assert "a second person must" in got.text
    assert madina.submit(place + "/confirm", {"version": "9"}).status_code == 409
    assert (NUMBER, "block") not in gates_know(registry)
    assert madina.done(place + "/confirm", {"version": seen}).endswith("done=blocked")
    assert (NUMBER, "block") in gates_know(registry)
    assert place not in madina.see("/office/conditions", shown="waiting")


def test_another_organisation_sees_no_condition(staff):
    place, police = held(staff("supervisor"), BLOCK), staff("police", "police")
    police.see(place, 404)
    assert place not in police.see("/office/conditions", shown="all")


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"until": ""}, "f-until-wrong"), ({"until": "2027-12-20T12:00"}, "f-until-wrong"), ({"value": "x"}, "f-value-wrong"),
        ({"value": "112"}, "f-condition-wrong"), ({"condition": ""}, "f-condition-wrong"), ({"value": ""}, "f-value-wrong"),
    ],
)  # fmt: skip
def test_a_block_that_cannot_be_comes_back_with_what_was_typed(staff, registry, change, at):
    daniyar = staff("supervisor")
    got = daniyar.submit("/office/conditions/new", BLOCK | {"why": f"why {SCRIPT}", "perspective": "both"} | change)
    assert got.status_code == 422
    assert at in got.text
    assert "why &lt;script&gt;" in got.text
    assert 'value="both" selected' in got.text
    assert SCRIPT not in got.text


def test_a_number_stands_in_a_reason_of_no_list(staff):
    got = staff("supervisor").submit("/office/conditions/new", ALLOW | {"why": f"of {NUMBER}"})
    assert got.status_code == 422
    assert "f-why-wrong" in got.text


def test_what_is_protected_is_added_and_ended(staff):
    daniyar, aida = staff("supervisor"), staff("analyst")
    assert daniyar.done("/office/protected", IDENTITY | {"body": SCRIPT}).endswith("done=protected")
    text = aida.see("/office/protected")
    assert "halykbank.kz" in text
    assert SCRIPT not in text
    assert "/end" not in text
    again = daniyar.submit("/office/protected", IDENTITY | {"source": "another letter"})
    assert again.status_code == 409
    assert "another letter" in again.text
    place = re.search(r"/office/protected/[0-9a-f-]{36}/end", daniyar.see("/office/protected"))[0]
    assert aida.submit(place).status_code == 403
    assert daniyar.done(place).endswith("done=unprotected")
    assert daniyar.submit(place).status_code == 409
    assert "halykbank.kz" not in aida.see("/office/protected")
    assert "halykbank.kz" in aida.see("/office/protected", shown="all")


def test_what_is_blocked_is_not_protected_and_the_form_comes_back(staff):
    daniyar, madina = staff("supervisor"), staff("supervisor", login="madina")
    place = held(daniyar, BLOCK)
    madina.done(place + "/confirm", {"version": version(madina, place)})
    got = daniyar.submit("/office/protected", IDENTITY | {"kind": "phone", "value": NUMBER})
    assert got.status_code == 409
    assert 'value="letter of the bank"' in got.text
    wrong = daniyar.submit("/office/protected", IDENTITY | {"value": "no site"})
    assert wrong.status_code == 422
    assert "f-value-wrong" in wrong.text


def test_a_finding_is_a_proposal_once_and_a_person_decides(staff, registry):
    aida, daniyar = staff("analyst"), staff("supervisor")
    first, again = (aida.done("/office/findings/new", FINDING) for _ in range(2))
    place = first.removeprefix("/en").partition("?")[0]
    assert first.endswith("done=proposed")
    assert again == f"/en{place}?done=known"
    text = daniyar.see("/office/findings")
    for word in (place, "many-called", "one caller, many called persons", "answered=3; calls=1200"):
        assert word in text, word
    daniyar.done(place + "/approve", {"version": version(daniyar, place)})
    assert gates_know(registry) == [(NUMBER, "mark")]
    assert place not in daniyar.see("/office/findings")
    assert place in daniyar.see("/office/findings", state="active")
    assert place in daniyar.see("/office/findings", state="all")


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"counts": "calls"}, "f-counts-wrong"), ({"counts": "Calls made=3"}, "f-counts-wrong"), ({"number": "x"}, "f-number-wrong"),
        ({"since": ""}, "f-since-wrong"), ({"query": ""}, "f-query-wrong"), ({"confidence": "5"}, "f-confidence-wrong"),
        ({"counts": "\n".join(f"c{one}=1" for one in range(21))}, "f-counts-wrong"),
    ],
)  # fmt: skip
def test_a_finding_that_cannot_be_comes_back_with_what_was_typed(staff, change, at):
    aida = staff("analyst")
    got = aida.submit("/office/findings/new", FINDING | {"summary": f"seen {SCRIPT}"} | change)
    assert got.status_code == 422
    assert at in got.text
    assert "seen &lt;script&gt;" in got.text
    assert SCRIPT not in got.text


def test_who_may_not_send_findings_sees_no_form(staff):
    auditor = staff("auditor")
    assert "/office/findings/new" not in auditor.see("/office/findings")
    auditor.see("/office/findings/new", 403)
    assert auditor.submit("/office/findings/new", FINDING).status_code == 403
