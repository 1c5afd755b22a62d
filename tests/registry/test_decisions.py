"""Indicators: who may approve, what may be blocked, when they end."""

import json
from dataclasses import replace

import pytest

from tosqauyl.registry import decisions, observables, publish
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.decisions import Filter, Proposal
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.tables import AuditEntry, ProtectedIdentity, Report, Sighting

NUMBER = "+447700900666"
WHY = ({"slug": "reports", "text": "three people were called in the name of a bank"},)


@pytest.fixture
def number(registry, analyst):
    with registry.work(analyst) as work:
        return observables.observe(work, "phone", NUMBER).id


def block(number, clock, **more):
    return Proposal(number, "fraud", "block", reasons=WHY, valid_until=clock[0] + 30 * DAY, **more)


def proposed(registry, who, proposal):
    with registry.work(who) as work:
        return decisions.propose(work, proposal)


def approved(registry, analyst, supervisor, proposal):
    made = proposed(registry, analyst, proposal)
    with registry.work(supervisor) as work:
        return decisions.approve(work, made.id, made.version)


def listing(registry, number):
    with registry.read(SYSTEM) as work:
        found = publish.listing_of(work, number)
        return found.listing if found else "none"


def test_what_a_second_person_approves_is_listed_until_it_is_revoked(registry, analyst, supervisor, number, clock):
    made = proposed(registry, analyst, block(number, clock))
    assert (made.state, listing(registry, number)) == ("proposed", "none")
    with registry.work(supervisor) as work:
        made = decisions.approve(work, made.id, made.version)
    assert (made.state, made.approved_by, listing(registry, number)) == ("active", "user:daniyar", "block")
    with registry.work(supervisor) as work:
        made = decisions.revoke(work, made.id, made.version, "it is a call centre of a clinic")
    assert (made.state, listing(registry, number)) == ("revoked", "none")


def test_whoever_proposed_it_cannot_approve_it(registry, supervisor, number, clock):
    made = proposed(registry, supervisor, block(number, clock))
    with pytest.raises(Forbidden), registry.work(supervisor) as work:
        decisions.approve(work, made.id, made.version)
    assert listing(registry, number) == "none"


def test_a_program_cannot_approve(registry, analyst, number, clock):
    made = proposed(registry, analyst, block(number, clock))
    for name in ("key:1f2e", "system"):
        with pytest.raises(Forbidden), registry.work(Actor(name, "centre")) as work:
            decisions.approve(work, made.id, made.version)


def test_the_second_of_two_who_decide_at_once_sees_it(registry, analyst, supervisor, someone, number, clock):
    made = proposed(registry, analyst, block(number, clock))
    version = made.version
    with registry.work(supervisor) as work:
        decisions.approve(work, made.id, version)
    with pytest.raises(Conflict, match="active now"), registry.work(someone("supervisor")) as work:
        decisions.approve(work, made.id, version)


def test_another_tenant_sees_no_indicator(registry, analyst, someone, number, clock):
    made = proposed(registry, analyst, block(number, clock))
    foreign = someone("operator", "kcell")
    with registry.read(foreign) as work:
        assert decisions.search(work, Filter(), None, 10) == []
        with pytest.raises(Absent):
            decisions.found(work, made.id)
    with pytest.raises(Absent), registry.work(foreign) as work:
        decisions.revoke(work, made.id, made.version, "why not")


def test_a_draft_is_sent_back_revised_and_proposed_again(registry, analyst, supervisor, number, clock):
    with registry.work(analyst) as work:
        made = decisions.draft(work, block(number, clock))
        made = decisions.submit(work, made.id, made.version)
    with registry.work(supervisor) as work:
        made = decisions.send_back(work, made.id, made.version, "one report is not enough")
    assert (made.state, made.ended_why) == ("draft", "one report is not enough")
    with registry.work(analyst) as work:
        made = decisions.revise(work, made.id, made.version, replace(block(number, clock), confidence=90))
        made = decisions.submit(work, made.id, made.version)
    assert (made.state, made.confidence, made.ended_why) == ("proposed", 90, "")
    with registry.work(supervisor) as work:
        assert decisions.approve(work, made.id, made.version).state == "active"


def test_what_was_revoked_stays_revoked(registry, analyst, supervisor, number, clock):
    made = approved(registry, analyst, supervisor, block(number, clock))
    with registry.work(supervisor) as work:
        made = decisions.revoke(work, made.id, made.version, "wrong number")
    for act in (decisions.submit, decisions.approve):
        with pytest.raises((Conflict, Forbidden)), registry.work(supervisor) as work:
            act(work, made.id, made.version)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"valid_until": 0}, "valid_until"),
        ({"valid_until": 1}, "valid_until"),
        ({"valid_until": 1_796_022_000_000 + 181 * DAY}, "valid_until"),
        ({"verdict": "suspect"}, "listing"),
        ({"verdict": "clean"}, "listing"),
        ({"verdict": "guilty"}, "verdict"),
        ({"listing": "stop"}, "listing"),
        ({"confidence": 19}, "confidence"),
        ({"half_life_days": -1}, "half_life_days"),
        ({"source": "rumour"}, "source"),
        ({"reasons": ()}, "reasons"),
        ({"reasons": ({"slug": "No Slug", "text": ""},)}, "reasons/0/slug"),
        ({"reasons": ({"slug": "seen", "text": "NUL \x00"},)}, "reasons/0/text"),
        ({"reasons": ({"slug": "seen", "text": "called from 8 (701) 123-45-67"},)}, "reasons/0/text"),
        ({"reasons": ({"slug": "seen", "text": "IIN 900101300123"},)}, "reasons/0/text"),
    ],
)
def test_a_proposal_that_cannot_be_is_refused_with_its_field(registry, analyst, number, clock, change, where):
    with pytest.raises(Invalid) as error:
        proposed(registry, analyst, replace(block(number, clock), **change))
    assert error.value.where == where


def test_dates_and_ids_in_a_reason_are_no_numbers_of_people(registry, analyst, number, clock):
    text = "2026-11-30T07:00:00Z, 12 000 000 calls, 0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a01, 0123456789abcdef0123"
    assert proposed(registry, analyst, replace(block(number, clock), reasons=({"slug": "seen", "text": text},)))


@pytest.mark.parametrize("protected", ["112", "101", "1414", "9999", "+78000807777"])
def test_emergency_short_and_shipped_protected_numbers_are_never_blocked(registry, analyst, clock, protected):
    with registry.work(analyst) as work:
        number = observables.observe(work, "phone", protected).id
    with pytest.raises(Invalid, match="never blocked"):
        proposed(registry, analyst, block(number, clock))


def test_a_number_of_a_protected_body_is_never_blocked(registry, analyst, supervisor, number, clock):
    made = proposed(registry, analyst, block(number, clock))
    with registry.work(analyst) as work:
        work.db.add(
            ProtectedIdentity(id=work.new_id(), body="A bank", kind="phone", value=NUMBER, created=1, created_by="x")
        )
    with pytest.raises(Invalid, match="protected body"):
        proposed(registry, analyst, block(number, clock))
    with pytest.raises(Invalid, match="protected body"), registry.work(supervisor) as work:
        decisions.approve(work, made.id, made.version)


def test_protection_and_block_of_one_number_exclude_each_other(registry, analyst, supervisor, number, clock):
    protection = Proposal(number, "protected", reasons=WHY)
    shield = approved(registry, analyst, supervisor, protection)
    with pytest.raises(Invalid, match="protected"):
        proposed(registry, analyst, block(number, clock))
    with registry.work(supervisor) as work:
        decisions.revoke(work, shield.id, shield.version, "no longer")
    approved(registry, analyst, supervisor, block(number, clock))
    with pytest.raises(Conflict, match="blocked now"):
        approved(registry, analyst, supervisor, protection)


def test_gates_are_told_of_phones_only(registry, analyst, clock):
    with registry.work(analyst) as work:
        site = observables.observe(work, "domain", "halyk-bonus.example").id
    with pytest.raises(Invalid, match="phone numbers only"):
        proposed(registry, analyst, block(site, clock))
    assert proposed(registry, analyst, replace(block(site, clock), listing="")).state == "proposed"


def test_it_ends_by_itself_and_is_renewed_by_a_new_approval_only(registry, analyst, supervisor, number, clock):
    made = approved(registry, analyst, supervisor, block(number, clock))
    clock[0] += 30 * DAY
    assert listing(registry, number) == "none"  # nothing had to be done for it
    with registry.work(SYSTEM) as work:
        assert decisions.expire(work) == 1
        assert publish.head(work).seq == 2
        assert decisions.expire(work) == 0
    with registry.work(analyst) as work:
        made = decisions.found(work, made.id)
        assert made.state == "decayed"
        with pytest.raises(Invalid):
            decisions.submit(work, made.id, made.version)
    with registry.work(analyst) as work:
        made = decisions.submit(work, made.id, made.version, clock[0] + DAY)
    assert listing(registry, number) == "none"
    with registry.work(supervisor) as work:
        decisions.approve(work, made.id, made.version)
    assert listing(registry, number) == "block"


def test_it_ends_when_its_confidence_is_too_low(registry, analyst, supervisor, number, clock):
    made = approved(registry, analyst, supervisor, block(number, clock, confidence=80, half_life_days=5))
    assert made.valid_until == clock[0] + 10 * DAY + 1
    clock[0] = made.valid_until
    with registry.work(SYSTEM) as work:
        decisions.expire(work)
        assert decisions.found(work, made.id).state == "decayed"


def test_a_proposal_whose_end_has_come_cannot_be_approved(registry, analyst, supervisor, number, clock):
    made = proposed(registry, analyst, block(number, clock))
    clock[0] += 31 * DAY
    with pytest.raises(Conflict, match="over"), registry.work(supervisor) as work:
        decisions.approve(work, made.id, made.version)


def test_one_run_of_expire_is_bounded(registry, analyst, supervisor, clock):
    for place in range(5):
        with registry.work(analyst) as work:
            number = observables.observe(work, "phone", f"+44770090070{place}").id
        approved(registry, analyst, supervisor, block(number, clock))
    clock[0] += 30 * DAY
    with registry.work(SYSTEM) as work:
        assert [decisions.expire(work, 2) for _ in range(4)] == [2, 2, 1, 0]


def test_revoke_all_clears_a_number_in_one_step(registry, analyst, supervisor, number, clock):
    for days in (10, 20):
        approved(registry, analyst, supervisor, replace(block(number, clock), valid_until=clock[0] + days * DAY))
    with registry.work(supervisor) as work:
        assert decisions.revoke_all(work, number, "an appeal was upheld") == 2
    assert listing(registry, number) == "none"


def test_of_what_is_named_very_often_the_latest_senders_are_counted(
    registry, analyst, someone, number, clock, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(decisions, "LOOKED_AT", 2)
    for place, organisation in enumerate(("halyk", "kcell", "halyk")):
        clock[0] += 1
        with registry.work(analyst) as work:
            sighted(work, number, place, organisation)
    for who, expected in ((analyst, (3, 2, True)), (someone("operator", "kcell"), (1, 1, True))):
        with registry.read(who) as work:
            known = decisions.evidence(work, number)
            assert (known.reports, known.organisations, known.at_least) == expected


def test_evidence_counts_reports_of_what_the_tenant_may_see(registry, analyst, someone, number, clock):
    with registry.work(analyst) as work:
        for place, organisation in enumerate(("kcell", "kcell", "halyk")):
            sighted(work, number, place, organisation)
    for who, expected in ((analyst, (3, 2, False)), (someone("operator", "kcell"), (2, 1, False))):
        with registry.read(who) as work:
            known = decisions.evidence(work, number)
            assert (known.reports, known.organisations, known.at_least) == expected


def sighted(work, number, place: int, organisation: str) -> None:
    """A report of an organisation that names a number. place: of the report among others."""
    report = Report(
        id=work.new_id(), organisation=organisation, reporter="citizen", channel="call", received=1, changed=1,
        digest=f"{place:064}", ticket=f"{place:064}",
    )  # fmt: skip
    work.db.add(report)
    work.db.flush()
    work.db.add(Sighting(report=report.id, observable=number))


def test_search_filters_and_pages_the_latest_first(registry, analyst, number, clock):
    ids = []
    for place in range(5):
        clock[0] += 1
        made = proposed(registry, analyst, replace(block(number, clock), scheme="safe-account" if place % 2 else ""))
        ids.insert(0, made.id)
    with registry.read(analyst) as work:
        first = decisions.search(work, Filter(state="proposed"), None, 3)
        assert [one.id for one in first] == ids[:4]
        assert [one.id for one in decisions.search(work, Filter(), ids[2], 3)] == ids[3:]
        assert [one.id for one in decisions.search(work, Filter(scheme="safe-account", observable=number), None, 9)] == [
            ids[1], ids[3],
        ]  # fmt: skip


def test_every_step_is_in_the_audit_trail_without_the_number(registry, analyst, supervisor, number, clock):
    made = approved(registry, analyst, supervisor, block(number, clock))
    with registry.work(supervisor) as work:
        decisions.revoke(work, made.id, made.version, "wrong number")
    with registry.read(SYSTEM) as work:
        entries = work.db.query(AuditEntry).order_by(AuditEntry.seq).all()
        verbs = [(entry.verb, entry.what) for entry in entries]
        said = json.dumps([(entry.detail, entry.which) for entry in entries])
    for expected in (
        ("propose", "indicator"),
        ("approve", "indicator"),
        ("publish", "observable"),
        ("revoke", "indicator"),
    ):
        assert expected in verbs
    assert ("read-personal", "observable") in verbs
    assert NUMBER[1:] not in said
