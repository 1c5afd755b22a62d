"""What is too old goes, what figures need stays, the trail is never cut; and a person sees and erases what is held of him."""

from dataclasses import fields, replace

import pytest
from sqlalchemy import func, select

from tosqauyl.registry import erasure, observables, purposes, tickets
from tosqauyl.registry.actor import CENTRE, CITIZEN, ROLE_SCOPES, SYSTEM, Actor
from tosqauyl.registry.audit import verify
from tosqauyl.registry.errors import Absent, Conflict, Forbidden
from tosqauyl.registry.retention import CLASSES, RetentionRules, run
from tosqauyl.registry.tables import (
    Account,
    AuditEntry,
    Base,
    Bucket,
    Condition,
    Delivery,
    IdempotentAnswer,
    Listing,
    LoginSession,
    NumberCheck,
    Observable,
    Publication,
    Report,
    Sighting,
    Webhook,
)

DAY = 86_400_000
RULES = RetentionRules()
NUMBER = "+77011234567"
TICKET = "01234-56789-ABCDE-FGHJK-MNPQRS"
SUPERVISOR = Actor("user:daniyar", CENTRE, role="supervisor", scopes=ROLE_SCOPES["supervisor"])


@pytest.fixture
def report(registry):
    """A closed report of now that names a number, with its ticket; its id and the number's."""
    with registry.work(SYSTEM) as work:
        phone = observables.observe(work, "phone", NUMBER)
        seal = work.vault.seal
        made = Report(
            id=work.new_id(), organisation=CENTRE, reporter="citizen", channel="call", scheme="x", region="ALA", loss=500, received=work.now,
            changed=work.now, state="closed", outcome="confirmed", digest="d" * 64, ticket=tickets.token_of(work.vault, TICKET),
            text=seal("his story", "report.text"), contact=seal("+77017654321", "report.contact"), victim=seal("Name", "report.victim"),
        )  # fmt: skip
        work.db.add(made)
        work.db.flush()
        work.db.add(Sighting(report=made.id, observable=phone.id))
        return made.id, phone.id


def rows(registry, model):
    with registry.read(SYSTEM) as work:
        return work.db.scalars(select(func.count()).select_from(model)).one()


def read(registry, model, key):
    with registry.read(SYSTEM) as work:
        found = work.db.get(model, key)
        if found is not None:
            work.db.expunge(found)
        return found


def done(outcomes):
    return {one.name: one.rows for one in outcomes if one.rows}


def test_a_closed_report_is_emptied_when_its_time_is_over_and_still_counts(registry, report, clock):
    clock[0] += RULES.reports * DAY
    assert done(run(registry, RULES)) == {}
    clock[0] += 1
    assert done(run(registry, RULES, dry=True)) == {"reports": 1}
    assert read(registry, Report, report[0]).text
    assert done(run(registry, RULES)) == {"reports": 1, "observables": 1}
    kept = read(registry, Report, report[0])
    assert (kept.text, kept.contact, kept.victim, kept.ticket, kept.author) == (b"", b"", b"", "", "")
    assert (kept.scheme, kept.region, kept.loss, kept.outcome) == ("x", "ALA", 500, "confirmed")
    assert read(registry, Observable, report[1]) is None
    assert rows(registry, Sighting) == 0
    assert done(run(registry, RULES)) == {}


def test_an_open_report_stays_however_old(registry, report, clock):
    with registry.work(SYSTEM) as work:
        work.db.get(Report, report[0]).state = "linked"
    clock[0] += 100 * RULES.reports * DAY
    run(registry, RULES)
    assert read(registry, Report, report[0]).text
    assert read(registry, Observable, report[1]) is not None


def test_a_number_that_anything_speaks_of_stays(registry, report, clock):
    with registry.work(SYSTEM) as work:
        work.db.add(
            Condition(
                id=work.new_id(),
                organisation=CENTRE,
                observable=report[1],
                kind="allow",
                perspective="caller",
                since=1,
                who="x",
                why="y",
            )
        )
    clock[0] += RULES.reports * DAY + 1
    assert done(run(registry, RULES)) == {"reports": 1}
    assert read(registry, Observable, report[1]).sealed


def test_sessions_answers_buckets_and_deliveries_go_and_young_or_waiting_ones_stay(registry, clock):
    now = clock[0]
    with registry.work(SYSTEM) as work:
        account = Account(id=work.new_id(), organisation=CENTRE, login="aida", role="analyst", created=1)
        hook = Webhook(id=work.new_id(), organisation=CENTRE, url="https://x.kz/", secret=b"", events="x", created=1)
        work.db.add_all([account, hook])
        work.db.flush()
        for count, at in enumerate((1, now)):
            work.db.add(LoginSession(id=f"{count}", account=account.id, csrf="", created=1, seen=1, expires=at))
            work.db.add(IdempotentAnswer(key=f"{count}", request="", status=200, body=b"", at=at))
            work.db.add(Bucket(who=f"{count}", left=1, at=at))
            work.db.add(Delivery(id=work.new_id(), webhook=hook.id, event="x", body=b"", state="done", next=at))
        work.db.add(Delivery(id=work.new_id(), webhook=hook.id, event="x", body=b"", state="waiting", next=1))
    assert done(run(registry, RULES)) == {"sessions": 1, "answers": 1, "buckets": 1, "deliveries": 1}
    assert [rows(registry, one) for one in (LoginSession, IdempotentAnswer, Bucket, Delivery)] == [1, 1, 1, 2]


def test_a_decided_check_loses_its_person_and_keeps_its_outcome(registry, report, clock):
    with registry.work(SYSTEM) as work:
        made = NumberCheck(
            id=work.new_id(), organisation="kcell", observable=report[1], source="complaint", opened=1, due=2, outcome="confirmed",
            decided=clock[0] - 1, person=work.vault.seal("{}", "number_check.person"), iin="i" * 64,
        )  # fmt: skip
        work.db.add(made)
    clock[0] += RULES.checks * DAY
    assert done(run(registry, RULES))["checks"] == 1
    kept = read(registry, NumberCheck, made.id)
    assert (kept.person, kept.iin, kept.outcome) == (b"", "", "confirmed")


def test_publications_go_from_the_beginning_and_the_last_one_never(registry, report, clock):
    with registry.work(SYSTEM) as work:
        for seq, at in ((1, 1), (2, clock[0]), (3, 2), (4, 2)):
            work.db.add(Publication(seq=seq, observable=report[1], listing="block", number=b"", at=at))
    assert done(run(registry, RULES)) == {"publications": 1}
    clock[0] += 2 * RULES.publications * DAY
    assert done(run(registry, RULES)) == {"publications": 2}
    with registry.read(SYSTEM) as work:
        assert work.db.scalars(select(Publication.seq)).all() == [4]


def test_it_goes_in_batches_and_each_is_in_the_trail_that_is_never_cut(registry, clock):
    with registry.work(SYSTEM) as work:
        work.db.add_all(Bucket(who=f"{count}", left=1, at=1) for count in range(7))
    assert done(run(registry, RULES, batch=3)) == {"buckets": 7}
    with registry.read(SYSTEM) as work:
        entries = work.db.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()
        assert [(one.verb, one.what, one.detail) for one in entries] == [
            ("retention", "buckets", f"{count} deleted, older than 3 days") for count in (3, 3, 1)
        ]
    clock[0] += 100 * 365 * DAY
    run(registry, RULES)
    assert rows(registry, AuditEntry) == 3
    with registry.read(SYSTEM) as work:
        assert verify(work.db).broken == ()


def test_every_class_has_its_days_and_every_sealed_table_its_class_or_a_reason():
    assert {one.name for one in CLASSES} == {one.name for one in fields(RetentionRules)}
    classes = {one.which.class_.__tablename__ for one in CLASSES} | {"incident_event"}
    kept = {"account", "webhook", "listing"}  # as long as they are in force
    from tosqauyl.registry.rotation import sealed_tables

    assert {one.table.name for one in sealed_tables()} <= classes | kept
    assert "audit_entry" not in classes
    assert Base.metadata.tables["audit_entry"] is not None


def test_the_author_sees_all_that_is_held_and_the_trail_says_so(registry, report):
    with registry.work(CITIZEN) as work:
        held = erasure.held(work, TICKET.lower().replace("-", " "))
    assert (held.text, held.contact, held.victim) == ("his story", "+77017654321", "Name")
    assert held.observables == (("phone", NUMBER),)
    with registry.read(SYSTEM) as work:
        entries = work.db.scalars(select(AuditEntry)).all()
        assert {one.what for one in entries if (one.verb, one.purpose) == ("read-personal", purposes.OF_AUTHOR)} == {
            "observable",
            "report",
        }
        assert NUMBER not in repr([vars(one) for one in entries])


def test_the_author_erases_his_own_and_what_he_said_of_others_stays(registry, report):
    with registry.work(CITIZEN) as work:
        erasure.erase_report(work, TICKET)
    kept = read(registry, Report, report[0])
    assert (kept.text, kept.contact, kept.victim, kept.ticket) == (b"", b"", b"", "")
    assert kept.scheme == "x"
    assert rows(registry, Sighting) == 1
    for call in (erasure.held, erasure.erase_report):
        with registry.work(CITIZEN) as work, pytest.raises(Absent):
            call(work, TICKET)


@pytest.mark.parametrize("ticket", ["", "x", "00000-00000-00000-00000-000000", "\x00" * 26])
def test_a_wrong_ticket_opens_nothing(registry, report, ticket):
    with registry.work(CITIZEN) as work, pytest.raises(Absent):
        erasure.held(work, ticket)


def test_an_erased_account_names_nobody_and_cannot_be_entered(registry):
    with registry.work(SYSTEM) as work:
        made = Account(
            id=work.new_id(), organisation=CENTRE, login="aida", role="analyst", created=1, password="x", issuer="i", subject="s",
            totp=b"x", totp_on=True,
        )  # fmt: skip
        work.db.add(made)
    with registry.work(SYSTEM) as work, pytest.raises(Conflict):
        erasure.erase_account(work, made.id, 7)
    with registry.work(SYSTEM) as work:
        erasure.erase_account(work, made.id, 1)
    kept = read(registry, Account, made.id)
    assert (kept.password, kept.issuer, kept.subject, kept.totp, kept.disabled) == ("", "", "", b"", True)
    assert "aida" not in kept.login


def test_a_withdrawn_number_is_forgotten_and_a_listed_one_is_not(registry, report, clock):
    with registry.work(SYSTEM) as work:
        work.db.add(Listing(observable=report[1], listing="block", number=b"", seq=1))
    with registry.work(SUPERVISOR) as work, pytest.raises(Conflict):
        erasure.erase_observable(work, report[1])
    with registry.work(SYSTEM) as work:
        work.db.delete(work.db.get(Listing, report[1]))
    with registry.work(replace(SUPERVISOR, organisation="kcell")) as work, pytest.raises(Forbidden):
        erasure.erase_observable(work, report[1])
    with registry.work(SUPERVISOR) as work:
        erasure.erase_observable(work, report[1])
    kept = read(registry, Observable, report[1])
    assert (kept.value, kept.sealed) == ("", b"")
    with registry.work(SYSTEM) as work:
        assert observables.find(work, "phone", NUMBER) is None
        assert observables.observe(work, "phone", NUMBER).id != report[1]


def test_looking_for_what_is_too_old_keeps_nobody_from_writing(registry, report, clock, monkeypatch):
    kinds = []
    read, work = registry.read, registry.work
    monkeypatch.setattr(registry, "read", lambda actor: kinds.append("read") or read(actor))
    monkeypatch.setattr(registry, "work", lambda actor: kinds.append("work") or work(actor))
    run(registry, RULES)
    assert "read" in kinds
    assert "work" not in kinds
