"""Pages of indicators: found, read, written, changed, proposed, approved by a second person, sent back, revoked."""

import re
from uuid import UUID

import pytest
from sqlalchemy import select

from tosqauyl.registry import decisions, observables, sessions
from tosqauyl.registry.actor import CENTRE, SYSTEM, Actor
from tosqauyl.registry.decisions import Proposal
from tosqauyl.registry.proposals import reasons_of
from tosqauyl.registry.publish import listed
from tosqauyl.registry.tables import Account, Indicator

NUMBER = "+77011234567"
SCRIPT = '<script>alert("x")</script>'
DAY = 86_400_000
FORM = {
    "value": NUMBER, "verdict": "fraud", "listing": "block", "until": "2026-12-20T12:00", "confidence": "90", "reason": "reported",
    "why": "asked for codes", "public": "yes", "source": "report", "submit": "yes",
}  # fmt: skip
PLACE = r"/office/indicators/[0-9a-f-]{36}"


def written(person, **more) -> str:
    """Where the indicator is that somebody wrote down."""
    return person.done("/office/indicators/new", FORM | more).removeprefix("/en").partition("?")[0]


def version(person, place: str) -> str:
    return re.search(r'name="version" value="(\d+)"', person.see(place))[1]


def act(person, place: str, what: str, **more) -> str:
    return person.done(f"{place}/{what}", {"version": version(person, place)} | more)


def refused(person, place: str, what: str, seen: str, **more) -> int:
    return person.submit(f"{place}/{what}", {"version": seen} | more).status_code


def row(registry, place: str) -> Indicator:
    with registry.read(SYSTEM) as work:
        found = decisions.found(work, UUID(place.rpartition("/")[2]))
        work.db.expunge(found)
        return found


def gates_know(registry) -> list[tuple[str, str]]:
    with registry.read(SYSTEM) as work:
        return [(one.number, one.listing) for one in listed(work)]


def come_back(person, desk, registry) -> None:
    """A new session of the same account, as on another day."""
    with registry.work(SYSTEM) as work:
        which = work.db.scalars(select(Account.id).where(Account.login == person.login)).one()
        opened = sessions.enter_as(work, which, desk.rules, second_factor=True)
    person.cookies.set(desk.cookie("tosqauyl"), opened.token, domain="office.test")
    person.csrf = opened.csrf


@pytest.mark.parametrize(
    ("role", "organisation", "listing", "new"),
    [
        ("analyst", "centre", 200, 200), ("supervisor", "centre", 200, 200), ("auditor", "centre", 200, 403),
        ("police", "police", 200, 403), ("bank", "halyk", 403, 403), ("operator", "kcell", 403, 403),
        ("admin", "centre", 403, 403),
    ],
)  # fmt: skip
def test_pages_are_shown_to_whom_the_api_would_answer(staff, role, organisation, listing, new):
    person = staff(role, organisation)
    person.see("/office/indicators", listing)
    person.see("/office/indicators/new", new)
    assert person.submit("/office/indicators/new", FORM).status_code == (303 if new == 200 else 403)


def test_another_organisation_sees_nothing_of_it(staff):
    place, police = written(staff("analyst")), staff("police", "police")
    assert not re.search(PLACE, police.see("/office/indicators"))
    police.see(place, 404)


def test_a_draft_is_kept_changed_and_proposed(staff, registry):
    aida = staff("analyst")
    place = written(aida, submit="", reason=["reported", "bank"], scheme="safe-account")
    assert row(registry, place).state == "draft"
    text = aida.see(place + "/edit")
    for kept in (
        "asked for codes",
        'value="2026-12-20T12:00"',
        'value="safe-account" selected',
        'value="bank" checked',
    ):
        assert kept in text, kept
    change = FORM | {"verdict": "suspect", "listing": "mark", "reason": "police", "why": "seen in a file", "submit": ""}
    assert act(aida, place, "edit", **change).endswith("done=drafted")
    found = row(registry, place)
    assert (found.state, found.verdict, found.listing) == ("draft", "suspect", "mark")
    assert "seen in a file" in found.reasons
    assert '"bank"' not in found.reasons
    assert act(aida, place, "edit", **FORM).endswith("done=proposed")
    assert aida.get(f"/en{place}/edit").headers["location"].endswith(place), "what is proposed is changed no more"


def test_a_changed_draft_keeps_what_a_program_wrote(staff, registry, analyst):
    aida = staff("analyst")
    reasons = ({"slug": "finding", "text": "many called"}, {"slug": "counts", "text": "calls=1234567890; answered=3"})
    with registry.work(analyst) as work:
        seen = observables.observe(work, "phone", NUMBER)
        made = decisions.draft(
            work, Proposal(seen.id, "suspect", "mark", reasons=reasons, source="ledger", rule="burst")
        )
    place = f"/office/indicators/{made.id}"
    form = FORM | {
        "verdict": "suspect",
        "listing": "mark",
        "source": "ledger",
        "rule": "burst",
        "why": "very many called",
    }
    act(aida, place, "edit", **form | {"reason": ["finding", "counts"], "submit": ""})
    assert reasons_of(row(registry, place).reasons) == [
        {"slug": "finding", "text": "very many called"},
        {"slug": "counts", "text": "calls=1234567890; answered=3"},
    ]


def test_who_lost_a_race_over_a_draft_overwrites_nothing(staff, registry):
    aida, other = staff("analyst"), staff("analyst", login="other")
    place = written(aida, submit="")
    seen = version(aida, place)
    act(other, place, "edit", **FORM | {"why": "what the other one wrote", "submit": ""})
    got = aida.submit(place + "/edit", FORM | {"version": seen, "why": "what aida typed", "submit": ""})
    assert got.status_code == 409
    assert "what aida typed" in got.text
    assert f'name="version" value="{seen}"' in got.text, "sent again it is refused again"
    assert "what the other one wrote" in row(registry, place).reasons


def test_an_observable_of_another_page_needs_no_typing(staff, registry):
    aida = staff("analyst")
    with registry.work(SYSTEM) as work:
        which = observables.observe(work, "phone", NUMBER).id
    text = aida.see("/office/indicators/new", observable_id=str(which))
    assert "+7701***4567" in text
    assert 'name="value"' not in text
    place = written(aida, value="", observable_id=str(which))
    assert row(registry, place).observable == which
    aida.see("/office/indicators/new", 404, observable_id="x")


def test_a_second_person_approves_and_everybody_sees_who_why_and_until_when(staff, registry):
    aida, daniyar = staff("analyst"), staff("supervisor")
    place = written(aida)
    text = daniyar.see("/office/indicators")
    assert "Waiting for approval: 1" in text
    assert act(daniyar, place, "approve").endswith("done=approved")
    assert gates_know(registry) == [(NUMBER, "block")]
    for person in (aida, daniyar):
        told = person.see(place).partition('id="told"')[2].partition("</section>")[0]
        assert "Centre" in told
        assert "Several people reported it." in told
        assert "2026-12-20 12:00" in told
    assert "approved, user:supervisor-centre" in daniyar.see(place)
    assert NUMBER not in daniyar.see(place)


def test_an_auditor_reads_its_trail_and_decides_nothing(staff):
    place = written(staff("analyst"))
    auditor = staff("auditor")
    text = auditor.see(place)
    assert "user:analyst-centre" in text.partition("What the audit trail has")[2]
    for what in ("propose", "approve", "send-back", "revoke"):
        assert f"{place}/{what}" not in text
        assert refused(auditor, place, what, "1", why="because") == 403
    assert "What the audit trail has" not in staff("supervisor").see(place)


def test_no_way_leads_an_author_to_approving(staff, desk, registry, clock):
    daniyar, madina = staff("supervisor"), staff("supervisor", login="madina")
    place = written(daniyar)
    seen = version(daniyar, place)
    assert f"{place}/approve" not in daniyar.see(place)
    got = daniyar.submit(place + "/approve", {"version": seen})
    assert got.status_code == 403
    assert "a second person must" in got.text
    act(daniyar, place, "send-back", why="one more look")
    act(daniyar, place, "propose", until="2026-12-20T12:00")
    assert refused(daniyar, place, "approve", version(daniyar, place)) == 403
    act(daniyar, place, "send-back", why="one more look")
    act(daniyar, place, "edit", **FORM)
    assert refused(daniyar, place, "approve", version(daniyar, place)) == 403
    act(madina, place, "approve")
    clock[0] += 21 * DAY
    with registry.work(SYSTEM) as work:
        decisions.expire(work)
    come_back(daniyar, desk, registry)
    assert "Propose it again" in daniyar.see(place)
    act(daniyar, place, "propose", until="2027-01-20T12:00")
    assert refused(daniyar, place, "approve", version(daniyar, place)) == 403
    assert gates_know(registry) == []
    come_back(madina, desk, registry)
    act(madina, place, "approve")
    assert gates_know(registry) == [(NUMBER, "block")]


def test_what_is_sent_back_or_revoked_says_why(staff, registry):
    aida, daniyar = staff("analyst"), staff("supervisor")
    place = written(aida)
    seen = version(daniyar, place)
    got = daniyar.submit(place + "/send-back", {"version": seen, "why": f"call {NUMBER}"})
    assert got.status_code == 422
    assert f">call {NUMBER}</textarea>" in got.text, "what was typed comes back"
    act(daniyar, place, "send-back", why=f"thin {SCRIPT}")
    text = aida.see(place)
    assert "thin &lt;script&gt;" in text
    assert SCRIPT not in text
    assert "thin &lt;script&gt;" in aida.see(place + "/edit")
    act(aida, place, "propose", until="2026-12-20T12:00")
    act(daniyar, place, "approve")
    assert act(daniyar, place, "revoke", why="a clinic's own number").endswith("done=revoked")
    assert "a clinic&#39;s own number" in aida.see(place)
    assert gates_know(registry) == []
    assert row(registry, place).state == "revoked"


def test_whoever_decides_on_something_older_than_it_is_told_so(staff, registry):
    aida, daniyar = staff("analyst"), staff("supervisor")
    place = written(aida)
    got = daniyar.submit(place + "/approve", {"version": "99"})
    assert got.status_code == 409
    assert 'role="alert"' in got.text
    assert row(registry, place).state == "proposed"
    assert daniyar.submit(place + "/approve", {"version": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"reason": ""}, "reasons-wrong"), ({"until": "2027-11-20T12:00"}, "f-until-wrong"), ({"until": "soon"}, "role"),
        ({"confidence": "10"}, "f-confidence-wrong"), ({"verdict": ""}, "f-verdict-wrong"), ({"value": ""}, "f-value-wrong"),
        ({"verdict": "suspect"}, "f-listing-wrong"), ({"incident": "x"}, "f-incident-wrong"), ({"value": "112"}, "f-listing-wrong"),
        ({"value": "fake-bank.example"}, "f-listing-wrong"), ({"why": f"ask {NUMBER}"}, "f-why-wrong"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_comes_back_with_what_was_typed(staff, change, at):
    aida = staff("analyst")
    form = FORM | {"rule": SCRIPT, "scheme": "safe-account", "public": "no"} | change
    if not change.get("reason", "x"):
        form |= {"why": ""}
    got = aida.submit("/office/indicators/new", form)
    assert got.status_code == 422
    assert at in got.text
    for kept in ("&lt;script&gt;", 'value="safe-account" selected', 'value="no" selected'):
        assert kept in got.text, kept
    assert SCRIPT not in got.text
    assert not re.search(PLACE, aida.see("/office/indicators"))


def test_whoever_is_to_be_told_is_anybody_only_where_it_is_said(staff, registry):
    aida = staff("analyst")
    assert row(registry, written(aida)).public
    assert not row(registry, written(aida, public="no")).public
    assert not row(registry, written(aida, public="")).public


def test_the_list_is_narrowed_and_paged(staff, registry, clock):
    aida = staff("analyst")
    made = Actor("user:maker", CENTRE, "centre", "analyst")
    with registry.work(made) as work:
        for place in range(60):
            seen = observables.observe(work, "phone", f"+7702{place:07}")
            why = ({"slug": "reported", "text": ""},)
            source = "ledger" if place % 2 else "report"
            decisions.draft(work, Proposal(seen.id, "suspect", "mark", reasons=why, source=source))
    place = written(aida)
    first = aida.see("/office/indicators")
    assert len(set(re.findall(PLACE, first))) == 50
    after = re.search(r"cursor=([0-9a-f-]{36})", first)[1]
    rest = set(re.findall(PLACE, aida.see("/office/indicators", cursor=after)))
    assert len(rest) == 11
    assert not rest & set(re.findall(PLACE, first))
    assert set(re.findall(PLACE, aida.see("/office/indicators", state="proposed"))) == {place}
    assert set(re.findall(PLACE, aida.see("/office/indicators", verdict="fraud", source="report"))) == {place}
    assert len(set(re.findall(PLACE, aida.see("/office/indicators", source="ledger")))) == 30
    assert place in aida.see("/office/indicators", observable=str(row(registry, place).observable))
    odd = aida.see("/office/indicators", state="'><script>", scheme="\0", cursor="x", observable="x")
    assert len(set(re.findall(PLACE, odd))) == 50, "a word that is none narrows nothing"
    assert "<script>" not in odd
