"""Pages of appeals: what waits, what it is against, who may decide and who may not, and the operator's word for a number."""

import re

import pytest

from tosqauyl.registry import decisions, observables
from tosqauyl.registry.actor import CENTRE, ROLE_SCOPES, SYSTEM, Actor
from tosqauyl.registry.decisions import Proposal
from tosqauyl.registry.publish import listed
from tosqauyl.registry.tables import AuditEntry

NUMBER, OTHER = "+77011234567", "+77771234567"
SCRIPT = '<script>alert("x")</script>'
DAY = 86_400_000
PLACE = r"/office/appeals/[0-9a-f-]{36}"


def filed(citizen, number: str = NUMBER) -> str:
    got = citizen.submit("/appeal", {"number": number, "text": f"It is mine {SCRIPT}", "contact": "me@example.kz"})
    assert got.status_code == 200, got.text
    return re.search(r'id="ticket">([^<]+)<', got.text)[1]


def proven(citizen, office, number: str = NUMBER) -> str:
    ticket = filed(citizen, number)
    citizen.submit("/appeal/send-code", {"ticket": ticket})
    code = re.search(r"\d{6}", office.sms.sent[-1][1])[0]
    assert citizen.submit("/appeal/prove", {"ticket": ticket, "code": code}).status_code == 200
    return ticket


def places(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(PLACE, text)))


def version(text: str) -> str:
    return re.search(r'name="version" value="(\d+)"', text)[1]


@pytest.fixture
def blocked(registry, staff):
    """The number is blocked: aida proposed it, the supervisor who is signed in here approved it."""
    daniyar = staff("supervisor", login="daniyar")
    with registry.work(_actor("user:aida", "analyst")) as work:
        seen = observables.observe(work, "phone", NUMBER)
        why = ({"slug": "reported", "text": "five reports"},)
        made = decisions.propose(
            work, Proposal(seen.id, "fraud", "block", reasons=why, valid_until=work.now + 30 * DAY)
        )
    with registry.work(_actor("user:daniyar", "supervisor")) as work:
        decisions.approve(work, made.id, made.version)
    return daniyar


def _actor(name: str, role: str) -> Actor:
    return Actor(name, CENTRE, "centre", role, ROLE_SCOPES[role])


def gates_know(registry) -> list[tuple[str, str]]:
    with registry.read(SYSTEM) as work:
        return [(one.number, one.listing) for one in listed(work)]


@pytest.mark.parametrize(
    ("role", "organisation", "appeals", "unproven"),
    [
        ("analyst", "centre", 200, 200), ("supervisor", "centre", 200, 200), ("operator", "kcell", 403, 200),
        ("bank", "halyk", 403, 403), ("auditor", "centre", 403, 403), ("admin", "centre", 403, 403),
    ],
)  # fmt: skip
def test_pages_are_shown_to_whom_the_api_would_answer(staff, role, organisation, appeals, unproven):
    person = staff(role, organisation)
    person.see("/office/appeals", appeals)
    person.see("/office/unproven-appeals", unproven)


def test_what_waits_is_shown_with_the_late_ones_on_top(citizen, office, staff, clock):
    proven(citizen, office)
    clock[0] += 3 * DAY
    proven(citizen, office, OTHER)
    filed(citizen, "+77011112233")
    aida = staff("analyst")
    text = aida.see("/office/appeals")
    first, second = places(text)
    assert text.index("clock late") < text.index(second) < text.rindex("clock")
    assert "+7701***4567" in aida.see(first)
    assert len(places(aida.see("/office/appeals", state="all"))) == 3
    assert len(places(aida.see("/office/appeals", state="filed"))) == 1
    assert len(places(aida.see("/office/appeals", state="nothing"))) == 2


def test_whoever_decides_sees_what_it_is_against(citizen, office, staff, blocked):
    proven(citizen, office)
    madina = staff("supervisor", login="madina")
    text = madina.see(places(madina.see("/office/appeals"))[0])
    for word in ("Several people reported it.", "user:aida", "user:daniyar", "stop the calls", "five reports"):
        assert word in text, word
    assert NUMBER not in text
    assert "me@example.kz" not in text


def test_whoever_approved_it_is_told_that_somebody_else_must_decide(citizen, office, staff, blocked, registry):
    proven(citizen, office)
    place = places(blocked.see("/office/appeals"))[0]
    text = blocked.see(place)
    assert "You approved what this appeal is against" in text
    assert place + "/decide" not in text
    madina = staff("supervisor", login="madina")
    form = {"version": version(madina.see(place)), "upheld": "yes", "answer": "yes"}
    got = blocked.submit(place + "/decide", form)
    assert got.status_code == 403
    assert "does not decide on it" in got.text
    assert gates_know(registry) == [(NUMBER, "block")]
    assert madina.done(place + "/decide", form).endswith("done=decided")
    assert gates_know(registry) == []


def test_whoever_approved_a_block_by_hand_is_told_so_too(citizen, office, staff, registry):
    daniyar, madina = staff("supervisor"), staff("supervisor", login="madina")
    form = {"value": NUMBER, "condition": "block", "perspective": "caller", "why": "seen", "until": "2026-12-20T12:00"}
    entry = daniyar.done("/office/conditions/new", form).removeprefix("/en").partition("?")[0]
    madina.done(entry + "/confirm", {"version": version(madina.see(entry))})
    proven(citizen, office)
    place = places(madina.see("/office/appeals"))[0]
    assert "You approved what this appeal is against" in madina.see(place)
    text = daniyar.see(place)
    assert entry in text
    daniyar.done(place + "/decide", {"version": version(text), "upheld": "yes", "answer": "sorry"})
    assert gates_know(registry) == []


def test_upheld_where_a_gate_stopped_it_the_number_passes(citizen, office, staff, registry):
    ticket = proven(citizen, office)
    aida = staff("analyst")
    place = places(aida.see("/office/appeals"))[0]
    form = {
        "version": version(aida.see(place)),
        "upheld": "yes",
        "answer": "Кешіріңіз",
        "allow_until": "2027-01-20T12:00",
    }
    aida.done(place + "/decide", form)
    assert gates_know(registry) == [(NUMBER, "allow")]
    assert "Кешіріңіз" in citizen.submit("/appeal/follow", {"ticket": ticket}).text
    assert "Decide</h2>" not in aida.see(place)


def test_a_decision_that_is_not_whole_comes_back(citizen, office, staff):
    proven(citizen, office)
    aida = staff("analyst")
    place = places(aida.see("/office/appeals"))[0]
    seen = version(aida.see(place))
    for change, at in (
        ({"upheld": ""}, "upheld-wrong"), ({"answer": ""}, "f-answer-wrong"), ({"answer": f"call {NUMBER}"}, "f-answer-wrong"),
        ({"allow_until": "2020-01-01T00:00"}, "f-allow_until-wrong"),
    ):  # fmt: skip
        got = aida.submit(place + "/decide", {"version": seen, "upheld": "yes", "answer": f"No {SCRIPT}"} | change)
        assert got.status_code == 422, change
        assert at in got.text, change
        assert SCRIPT not in got.text
    assert "No &lt;script&gt;" in got.text
    assert aida.submit(place + "/decide", {"version": "9", "upheld": "no", "answer": "no"}).status_code == 409
    aida.done(place + "/decide", {"version": seen, "upheld": "no", "answer": "no"})
    assert "rejected" in aida.see(place)


def test_what_is_sealed_is_opened_for_a_purpose_that_is_written_down(citizen, office, staff, registry):
    proven(citizen, office)
    aida = staff("analyst")
    place = places(aida.see("/office/appeals"))[0]
    assert aida.submit(place + "/open", {"purpose": ""}).status_code == 422
    got = aida.submit(place + "/open", {"purpose": "to decide"})
    assert got.status_code == 200
    for word in (NUMBER, "me@example.kz", "It is mine &lt;script&gt;"):
        assert word in got.text, word
    assert SCRIPT not in got.text
    assert NUMBER not in aida.see(place), "and is shown on no other answer"
    with registry.read(SYSTEM) as work:
        assert work.db.query(AuditEntry).filter_by(purpose="to decide").count() > 0


def test_an_operator_sees_and_confirms_the_numbers_of_its_network(citizen, staff, registry):
    filed(citizen)
    kcell, beeline, aida = staff("operator", "kcell"), staff("operator", "beeline"), staff("analyst")
    text = kcell.see("/office/unproven-appeals")
    assert NUMBER not in text
    place = re.search(r"/office/unproven-appeals/[0-9a-f-]{36}", text)[0]
    assert place not in beeline.see("/office/unproven-appeals")
    assert place not in aida.see("/office/unproven-appeals"), "the centre sees it and cannot prove it"
    for person in (beeline, aida):
        for what in ("reveal", "confirm"):
            got = person.submit(f"{place}/{what}", {"version": version(text)})
            assert got.status_code == 404
            assert NUMBER not in got.text
    got = kcell.submit(place + "/reveal")
    assert got.status_code == 200
    assert NUMBER in got.text
    with registry.read(SYSTEM) as work:
        entry = work.db.query(AuditEntry).filter_by(verb="read-personal").one()
        assert (entry.actor, entry.organisation) == ("user:operator-kcell", "kcell")
    assert kcell.submit(place + "/confirm", {"version": "9"}).status_code == 409
    assert kcell.done(place + "/confirm", {"version": version(text)}).endswith("done=confirmed")
    assert place not in kcell.see("/office/unproven-appeals")
    assert kcell.submit(place + "/reveal").status_code == 409
    assert len(places(aida.see("/office/appeals"))) == 1
