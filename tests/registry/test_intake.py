"""Reports come in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from tosqauyl.registry import intake
from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.intake import Receipt, submit
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.observables import find
from tosqauyl.registry.store import Registry
from tosqauyl.registry.submission import Submission, Unacceptable
from tosqauyl.registry.tables import AuditEntry, Incident, NumberCheck, Observable, Report, Sighting
from tosqauyl.registry.tickets import follow

NUMBER = ("phone", "8 701 123 45 67")
ABROAD = ("phone", "+44 20 7946 0958")
CALL = Submission("citizen", "call", (NUMBER,), address="192.0.2.1")


def send(registry: Registry, actor: Actor, submission: Submission) -> Receipt:
    with registry.work(actor) as work:
        return submit(work, submission)


def count(registry: Registry, entity: type) -> int:
    with registry.read(CITIZEN) as work:
        return work.db.scalar(select(func.count()).select_from(entity))


def test_a_report_is_stored_with_what_it_names_and_gets_a_ticket(registry: Registry) -> None:
    receipt = send(
        registry, CITIZEN, replace(CALL, observables=(NUMBER, ("domain", "Kaspi-Bonus.kz")), text=" They called. ")
    )
    assert (receipt.state, receipt.duplicate, receipt.incident) == ("received", False, None)
    with registry.read(CITIZEN) as work:
        report = work.db.get(Report, receipt.report)
        assert (report.reporter, report.channel, report.organisation, report.received) == (
            "citizen",
            "call",
            "centre",
            work.now,
        )
        assert work.vault.open(report.text, "report.text") == "They called."
        assert find(work, *NUMBER).reports == 1
        assert follow(work, receipt.ticket.lower().replace("-", " ")).state == "received"
        assert receipt.ticket not in (report.ticket, report.digest)
    assert count(registry, Sighting) == 2


def test_the_same_report_again_changes_nothing_and_gives_the_same_receipt(registry: Registry) -> None:
    first = send(registry, CITIZEN, CALL)
    before = count(registry, AuditEntry)
    again = send(
        registry, CITIZEN, replace(CALL, observables=(("phone", "+77011234567"), NUMBER), scheme="safe-account")
    )
    assert again == replace(first, duplicate=True)
    assert (count(registry, Report), count(registry, Sighting), count(registry, AuditEntry)) == (1, 1, before)
    with registry.read(CITIZEN) as work:
        assert find(work, *NUMBER).reports == 1


@pytest.mark.parametrize(
    "other",
    [
        {"address": "192.0.2.2"}, {"channel": "sms"}, {"text": "x"}, {"loss": 1}, {"contact": "a@b.kz"},
        {"happened": 1_795_000_000_000}, {"observables": (ABROAD,)}, {"external_id": "1"},
    ],
)  # fmt: skip
def test_another_sender_or_content_is_another_report_with_another_ticket(registry: Registry, other: dict) -> None:
    first, second = send(registry, CITIZEN, CALL), send(registry, CITIZEN, replace(CALL, **other))
    assert not second.duplicate
    assert (second.report, second.ticket) != (first.report, first.ticket)


def test_an_external_id_says_exactly_which_report_it_is_within_its_organisation(
    registry: Registry, someone: Callable[..., Actor]
) -> None:
    kcell, beeline = someone("operator", "kcell"), someone("operator", "beeline")
    said = Submission("operator", "call", (ABROAD,), external_id="2026/17", text="first words")
    first = send(registry, kcell, said)
    assert send(registry, kcell, replace(said, text="other words", observables=(NUMBER,))) == replace(
        first, duplicate=True
    )
    assert not send(registry, beeline, said).duplicate


def test_one_citizen_cannot_ask_for_anothers_ticket_by_its_external_id(registry: Registry) -> None:
    first = send(registry, CITIZEN, replace(CALL, external_id="1"))
    assert send(registry, CITIZEN, replace(CALL, external_id="1", address="192.0.2.9")).ticket != first.ticket


def test_two_reports_of_one_day_are_one_and_of_two_days_are_two(registry: Registry) -> None:
    noon = 1_795_935_600_000  # 29 November 2026, 12:00 in Kazakhstan
    said = Submission("citizen", "call", (NUMBER,), contact="+77055555555", happened=noon)
    send(registry, CITIZEN, said)
    assert send(registry, CITIZEN, replace(said, happened=noon + DAY // 2 - 1)).duplicate
    assert not send(registry, CITIZEN, replace(said, happened=noon + DAY // 2)).duplicate


def test_the_same_report_sent_at_once_is_stored_once(registry: Registry) -> None:
    barrier = Barrier(4)

    def go(_: int) -> Receipt:
        barrier.wait(10)
        return send(registry, CITIZEN, CALL)

    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(go, range(4)))
    assert sorted(receipt.duplicate for receipt in receipts) == [False, True, True, True]
    assert len({(receipt.report, receipt.ticket) for receipt in receipts}) == 1
    assert (count(registry, Report), count(registry, Observable)) == (1, 1)


def test_a_report_of_garbage_is_refused_with_every_field_that_cannot_be(registry: Registry) -> None:
    said = Submission(
        "bank", "telepathy", (("phone", "anonymous"), ABROAD, ("iban", "KZ00")), scheme="x", region="99", text="\0", loss=-1,
        victims=-1, happened=1, external_id="a b", contact="c" * 501,
    )  # fmt: skip
    with pytest.raises(Unacceptable) as caught:
        send(registry, CITIZEN, said)
    assert [fault.field for fault in caught.value.faults] == [
        "observables/0", "observables/2", "reporter", "channel", "scheme", "region", "external_id", "happened", "loss", "victims", "text",
        "contact",
    ]  # fmt: skip
    assert (count(registry, Report), count(registry, Observable)) == (0, 0)


def test_a_report_of_nothing_or_of_too_much_is_refused(registry: Registry) -> None:
    for observables in ((), tuple(("phone", f"+7701123{number:04}") for number in range(51))):
        with pytest.raises(Unacceptable) as caught:
            send(registry, CITIZEN, replace(CALL, observables=observables))
        assert [fault.field for fault in caught.value.faults] == ["observables"]


def test_each_reports_as_itself(registry: Registry, analyst: Actor, someone: Callable[..., Actor]) -> None:
    bank = someone("bank", "halyk")
    for reporter in ("bank", "citizen"):
        send(registry, bank, Submission(reporter, "transfer", (ABROAD,)))
    for actor, reporter in ((bank, "police"), (CITIZEN, "bank"), (bank, "ledger")):
        with pytest.raises(Unacceptable, match="reports as"):
            send(registry, actor, Submission(reporter, "transfer", (ABROAD,)))
    send(registry, analyst, Submission("police", "transfer", (ABROAD,)))


def test_two_reporters_of_the_same_number_propose_one_case_and_the_third_joins_it(registry: Registry) -> None:
    first = send(registry, CITIZEN, replace(CALL, scheme="safe-account"))
    second = send(registry, CITIZEN, replace(CALL, address="192.0.2.2", region="75", scheme="safe-account"))
    third = send(registry, CITIZEN, replace(CALL, address="192.0.2.3"))
    with registry.read(CITIZEN) as work:
        (case,) = work.db.scalars(select(Incident)).all()
        assert (case.state, case.organisation, case.scheme, case.reports, case.version) == (
            "proposed",
            "centre",
            "safe-account",
            3,
            1,
        )
        assert case.due > work.now
        reports = [work.db.get(Report, receipt.report) for receipt in (first, second, third)]
        assert [(report.incident, report.state, report.version) for report in reports] == [(case.id, "linked", 2)] * 3


def test_one_reporter_alone_proposes_nothing(registry: Registry, someone: Callable[..., Actor]) -> None:
    for text_of in ("a", "b", "c"):
        send(registry, CITIZEN, replace(CALL, text=text_of))
        send(registry, someone("operator", "kcell"), Submission("operator", "call", (ABROAD,), text=text_of))
    assert count(registry, Incident) == 0


def test_an_organisation_and_a_citizen_are_two_reporters(registry: Registry, someone: Callable[..., Actor]) -> None:
    send(registry, CITIZEN, CALL)
    receipt = send(registry, someone("bank", "halyk"), Submission("bank", "call", (NUMBER,)))
    assert (receipt.state, receipt.incident) == ("linked", None), "the case is the centre's: another tenant is not told"
    assert count(registry, Incident) == 1


def test_old_and_false_reports_propose_nothing(registry: Registry, clock: list[int]) -> None:
    first = send(registry, CITIZEN, CALL)
    clock[0] += 91 * DAY
    second = send(registry, CITIZEN, CALL)
    with registry.work(CITIZEN) as work:
        work.db.get(Report, second.report).outcome = "false"
    send(registry, CITIZEN, replace(CALL, address="192.0.2.2"))
    assert count(registry, Incident) == 0
    assert first.report != second.report


@pytest.mark.parametrize("observable", [("phone", "1414"), ("trunk", "kt-border")])
def test_what_everybody_shows_or_shares_joins_nothing(registry: Registry, observable: tuple[str, str]) -> None:
    for last in range(3):
        send(registry, CITIZEN, replace(CALL, observables=(observable,), address=f"192.0.2.{last}"))
    assert count(registry, Incident) == 0


@pytest.mark.parametrize(
    "observable", [("phone", "+77272599999"), ("domain", "halykbank.kz"), ("url", "https://m.halykbank.kz/x")]
)
def test_a_protected_identitys_own_joins_nothing(registry: Registry, observable: tuple[str, str]) -> None:
    with registry._sessions() as db:
        for kind, value in (("phone", "+77272599999"), ("domain", "halykbank.kz")):
            key = "0190000000007000800000000000000" + ("1" if kind == "phone" else "2")
            db.execute(
                text("INSERT INTO protected_identity (id, body, kind, value, source, created, created_by, ended) "
                     "VALUES (:id, 'Halyk', :kind, :value, '', 0, 'test', 0)"),
                {"id": UUID(key) if db.get_bind().dialect.name == "postgresql" else key, "kind": kind, "value": value},
            )  # fmt: skip
        db.commit()
    for last in range(3):
        send(registry, CITIZEN, replace(CALL, observables=(observable,), address=f"192.0.2.{last}"))
    assert count(registry, Incident) == 0


def test_a_report_joins_the_case_it_shares_most_with_and_brings_what_is_shared(registry: Registry) -> None:
    site, wallet = ("domain", "fake.kz"), ("telegram", "@fraud_one")
    for last in range(2):
        send(registry, CITIZEN, replace(CALL, observables=(site, wallet), address=f"192.0.2.{last}"))
        send(registry, CITIZEN, replace(CALL, observables=(NUMBER,), address=f"192.0.2.{last}"))
    receipt = send(registry, CITIZEN, replace(CALL, observables=(site, wallet, NUMBER, ABROAD), address="192.0.2.5"))
    with registry.read(CITIZEN) as work:
        case = work.db.get(Report, receipt.report).incident
        assert work.db.get(Incident, case).reports == 3
    send(registry, CITIZEN, replace(CALL, observables=(ABROAD,), address="192.0.2.6"))
    assert count(registry, Incident) == 3, "a number that only one of its reports names is not the case's"


def test_two_reports_at_once_propose_one_case(registry: Registry) -> None:
    barrier = Barrier(4)

    def go(last: int) -> Receipt:
        barrier.wait(10)
        observables = (NUMBER, ABROAD) if last % 2 else (ABROAD, NUMBER)
        return send(registry, CITIZEN, replace(CALL, observables=observables, address=f"192.0.2.{last}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go, range(4)))
    with registry.read(CITIZEN) as work:
        (case,) = work.db.scalars(select(Incident)).all()
        assert case.reports == 4
        assert find(work, *NUMBER).reports == 4


def test_a_number_of_an_operators_range_is_its_duty_to_check(
    registry: Registry, someone: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = intake.open_checks

    def seen(work, triggers):
        asked.extend((one.observable.operator, one.source) for one in triggers)
        return real(work, triggers)

    monkeypatch.setattr(intake, "open_checks", seen)
    t2 = ("phone", "+77001234567")  # its operator has no account here
    send(registry, CITIZEN, replace(CALL, observables=(NUMBER, ABROAD, t2)))
    send(registry, someone("operator", "kcell"), Submission("operator", "call", (NUMBER,)))
    send(registry, someone("bank", "halyk"), Submission("bank", "call", (("phone", "+77051234567"),)))
    assert sorted(asked[:2]) == [("kcell", "complaint"), ("t2", "complaint")]
    assert asked[2:] == [("kcell", "own"), ("beeline", "centre")]
    assert count(registry, NumberCheck) == 2


def test_nothing_a_report_says_is_in_the_database_in_clear(registry: Registry) -> None:
    send(
        registry,
        CITIZEN,
        replace(CALL, text="Secret story", contact="Aida Secret", victim="Victim Secret", address="198.51.100.7"),
    )
    with registry.engine.connect() as connection:
        tables = ("report", "observable", "audit_entry", "sighting")
        rows = str([tuple(row) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}"))])
    assert not any(value in rows for value in ("Secret", "7011234567", "198.51"))


def test_a_ticket_shows_its_author_the_state_in_plain_words_and_nobody_else_anything(registry: Registry) -> None:
    receipt = send(registry, CITIZEN, CALL)
    with registry.read(CITIZEN) as work:
        found = follow(work, receipt.ticket)
        assert (found.state, found.received, found.changed) == ("received", work.now, work.now)
        assert found.words["ru"].startswith("Ваше сообщение принято")
        answers = set()
        for wrong in (
            "",
            "x",
            "00000-00000-00000-00000-000000",
            "0" * 5_000,
            receipt.ticket[:-1] + "0",
            receipt.ticket + "0",
        ):
            if wrong != receipt.ticket:
                with pytest.raises(Absent) as caught:
                    follow(work, wrong)
                answers.add(str(caught.value))
        assert len(answers) == 1
