"""Appeals: filed, proven, decided with one effect, followed by whoever has the ticket."""

import json
import re

import pytest

from tosqauyl.registry import appeals, clocks, conditions, decisions, observables, proof, publish
from tosqauyl.registry.actor import CITIZEN, SYSTEM
from tosqauyl.registry.appeals import FalseStops
from tosqauyl.registry.decisions import Proposal
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid, TooMany
from tosqauyl.registry.ids import new_ticket
from tosqauyl.registry.sms import MOST_LETTERS, FileSms, code_text
from tosqauyl.registry.tables import Appeal, Indicator

NUMBER = "+77011234567"
DAY = 86_400_000
WHY = ({"slug": "reported", "text": "five reports"},)
HOME = "192.0.2.7"


@pytest.fixture
def listed(registry, analyst, supervisor):
    """An approved block of NUMBER, proposed by aida and approved by daniyar."""
    with registry.work(analyst) as work:
        seen = observables.observe(work, "phone", NUMBER)
        proposal = Proposal(seen.id, "fraud", "block", reasons=WHY, rule="kz-burst", valid_until=work.now + 30 * DAY)
        made = decisions.propose(work, proposal)
    with registry.work(supervisor) as work:
        return decisions.approve(work, made.id, made.version)


def file(registry, number=NUMBER, **more):
    with registry.work(CITIZEN) as work:
        return appeals.file(work, number, more.pop("text", "It is my shop."), "me@example.kz", "en", **more)


def code_for(registry, ticket):
    with registry.work(CITIZEN) as work:
        message = proof.new_code(work, ticket, HOME)
    return re.search(r"\d{6}", message.text)[0]


def enter(registry, ticket, code):
    with registry.work(CITIZEN) as work:
        return proof.enter(work, ticket, code)


def proven(registry, **more):
    """The ticket of an appeal whose number is proven, and the appeal."""
    ticket = file(registry, **more)
    assert enter(registry, ticket, code_for(registry, ticket)).proven
    return ticket, row(registry, ticket)


def row(registry, ticket) -> Appeal:
    with registry.read(SYSTEM) as work:
        found = appeals.of_ticket(work, ticket)
        work.db.expunge(found)
        return found


def progress(registry, ticket):
    with registry.read(CITIZEN) as work:
        return appeals.follow(work, ticket)


def decide(registry, actor, appeal, upheld=True, answer="We looked at it again.", **more):
    with registry.work(actor) as work:
        return appeals.decide(work, appeal.id, more.pop("version", appeal.version), upheld, answer, **more)


def listing(registry, number=NUMBER):
    with registry.read(SYSTEM) as work:
        seen = observables.find(work, "phone", number)
        found = publish.listing_of(work, seen.id) if seen else None
        return found.listing if found else "none"


def test_an_upheld_appeal_takes_the_number_off_the_list_in_one_step(registry, listed, analyst, clock):
    assert listing(registry) == "block"
    ticket, appeal = proven(registry)
    clock[0] += 1000
    decide(registry, analyst, appeal)
    assert listing(registry) == "none"
    with registry.read(SYSTEM) as work:
        assert work.db.get(Indicator, listed.id).state == "revoked"
    found = progress(registry, ticket)
    assert (found.state, found.answer, found.decided) == ("upheld", "We looked at it again.", clock[0])
    assert set(found.words) == {"kk", "ru", "en"}


def test_a_rejected_appeal_changes_nothing_and_says_why(registry, listed, analyst):
    ticket, appeal = proven(registry)
    decide(registry, analyst, appeal, upheld=False, answer="Three banks confirmed the transfers.")
    assert listing(registry) == "block"
    assert progress(registry, ticket).answer == "Three banks confirmed the transfers."
    with pytest.raises(Conflict):
        decide(registry, analyst, row(registry, ticket))


def test_whoever_approved_the_entry_does_not_decide_and_no_program_does(registry, listed, analyst, supervisor):
    _, appeal = proven(registry)
    for actor in (supervisor, SYSTEM):
        with pytest.raises(Forbidden):
            decide(registry, actor, appeal)
    assert listing(registry) == "block"
    decide(registry, analyst, appeal)


def test_an_allowance_is_added_where_it_is_asked_for_and_ends_by_itself(registry, listed, analyst, clock):
    _, appeal = proven(registry)
    until = clock[0] + 10 * DAY
    decide(registry, analyst, appeal, allow_until=until)
    with registry.read(SYSTEM) as work:
        found = publish.listing_of(work, appeal.observable)
        assert (found.listing, found.expires) == ("allow", until)


def test_a_stop_that_no_entry_made_is_reviewed_and_lifted_by_an_allowance(registry, analyst, clock):
    ticket, appeal = proven(registry, rule="fixed-from-abroad")
    assert (appeal.indicator, appeal.rule) == (None, "fixed-from-abroad")
    decide(registry, analyst, appeal)
    with registry.read(SYSTEM) as work:
        found = publish.listing_of(work, appeal.observable)
        assert (found.listing, found.expires) == ("allow", clock[0] + appeals.ALLOW_DAYS * DAY)
    assert progress(registry, ticket).state == "upheld"


def test_a_manual_block_is_ended_but_not_by_whoever_confirmed_it(registry, analyst, supervisor):
    with registry.work(analyst) as work:
        seen = observables.observe(work, "phone", NUMBER)
        made = conditions.block(work, seen.id, "seen in a case", work.now + DAY, always=True)
    with registry.work(supervisor) as work:
        conditions.confirm(work, made.id, made.version)
    assert listing(registry) == "block"
    _, appeal = proven(registry)
    with pytest.raises(Forbidden):
        decide(registry, supervisor, appeal)
    decide(registry, analyst, appeal)
    assert listing(registry) == "none"


def test_every_entry_that_says_something_bad_of_the_number_is_revoked(registry, listed, analyst, supervisor):
    with registry.work(analyst) as work:
        other = decisions.propose(work, Proposal(listed.observable, "suspect", reasons=WHY))
        good = decisions.propose(work, Proposal(listed.observable, "clean", reasons=WHY))
    with registry.work(supervisor) as work:
        for one in (other, good):
            decisions.approve(work, one.id, one.version)
    _, appeal = proven(registry)
    assert appeal.indicator == listed.id
    decide(registry, analyst, appeal)
    with registry.read(SYSTEM) as work:
        assert [work.db.get(Indicator, one.id).state for one in (listed, other, good)] == [
            "revoked",
            "revoked",
            "active",
        ]


def test_two_who_decide_at_once_the_second_sees_it(registry, listed, analyst, someone):
    ticket, appeal = proven(registry)
    decide(registry, analyst, appeal, upheld=False)
    with pytest.raises(Conflict):
        decide(registry, someone("analyst", name="user:other"), appeal)
    assert progress(registry, ticket).state == "rejected"


def test_nothing_is_decided_before_the_number_is_proven(registry, listed, analyst):
    ticket = file(registry)
    with pytest.raises(Conflict):
        decide(registry, analyst, row(registry, ticket))
    assert listing(registry) == "block"


def test_from_the_proof_on_one_business_day_is_on_the_clock_and_late_work_is_on_top(registry, listed, analyst, clock):
    ticket, appeal = proven(registry)
    assert appeal.due == clocks.business_days_after(clock[0], 1) == progress(registry, ticket).due
    clock[0] += 1000
    proven(registry, number="+77772223344")
    with registry.read(analyst) as work:
        assert [one.late for one in appeals.waiting(work, 10)] == [False, False]
    clock[0] = appeal.due + 1
    with registry.read(analyst) as work:
        first = appeals.waiting(work, 10)[0]
        assert (first.late, first.number, first.operator) == (True, "+7701***4567", "kcell")


def test_a_code_holds_five_tries_and_the_right_one_comes_too_late_then(registry):
    ticket = file(registry)
    code = code_for(registry, ticket)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert [enter(registry, ticket, wrong).tries_left for _ in range(5)] == [4, 3, 2, 1, 0]
    assert not enter(registry, ticket, code).proven
    assert row(registry, ticket).state == "filed"
    assert enter(registry, ticket, code_for(registry, ticket)).proven


def test_a_code_holds_ten_minutes_and_a_new_one_ends_the_old_one(registry, clock):
    ticket = file(registry)
    first = code_for(registry, ticket)
    second = code_for(registry, ticket)
    if first != second:
        assert not enter(registry, ticket, first).proven
    clock[0] += proof.CODE_MINUTES * 60_000
    assert enter(registry, ticket, second) == proof.Entered(False, 0)
    assert progress(registry, ticket).code_until == 0


def test_a_code_of_one_appeal_proves_no_other_one(registry):
    one, other = file(registry), file(registry)
    code = code_for(registry, one)
    code_for(registry, other)
    with registry.work(SYSTEM) as work:
        appeals.of_ticket(work, other).code = row(registry, one).code
    assert not enter(registry, other, code).proven


def test_codes_are_limited_for_a_number_whoever_asks_and_for_an_address_whatever_number(registry):
    tickets = [file(registry), file(registry)]
    for ticket in (tickets[0], tickets[1], tickets[0]):
        code_for(registry, ticket)
    with pytest.raises(TooMany), registry.work(CITIZEN) as work:
        proof.new_code(work, tickets[1], "198.51.100.1")
    others = [file(registry, number=f"+7702{number:07}") for number in range(8)]
    for ticket in others[:7]:
        code_for(registry, ticket)
    with pytest.raises(TooMany):
        code_for(registry, others[7])


@pytest.mark.parametrize("number", ["+77172500000", "+79161234567", "+4915112345678", "1414"])
def test_codes_go_to_kazakh_mobile_numbers_only_the_others_have_their_operators_word(registry, number):
    ticket = file(registry, number=number)
    with pytest.raises(Invalid), registry.work(CITIZEN) as work:
        proof.new_code(work, ticket, HOME)


def test_the_word_of_the_numbers_operator_proves_it_and_nobody_elses(registry, listed, someone, analyst, clock):
    ticket = file(registry)
    appeal = row(registry, ticket)
    for actor in (someone("operator", "beeline"), someone("bank", "halyk"), analyst, CITIZEN):
        with pytest.raises(Absent), registry.work(actor) as work:
            proof.confirm(work, appeal.id, appeal.version)
    kcell = someone("operator", "kcell")
    with registry.read(kcell) as work:
        assert [one.appeal.id for one in appeals.search(work, "filed", None, 10)] == [appeal.id]
    with registry.read(someone("operator", "beeline")) as work:
        assert appeals.search(work, "", None, 10) == []
    with registry.work(kcell) as work:
        assert proof.confirm(work, appeal.id, appeal.version).proof == "operator"
    with pytest.raises(Conflict), registry.work(kcell) as work:
        proof.confirm(work, appeal.id, row(registry, ticket).version)
    with pytest.raises(Absent):
        decide(registry, kcell, row(registry, ticket))


def test_one_number_is_appealed_for_a_few_times_a_day(registry, clock):
    for _ in range(5):
        file(registry)
    with pytest.raises(TooMany):
        file(registry)
    clock[0] += DAY
    file(registry)


def test_a_wrong_ticket_is_absent_whatever_is_asked(registry):
    for ticket in (new_ticket(), "x", "", "'; drop table appeal; --"):
        for call in (
            appeals.follow,
            appeals.withdraw,
            lambda work, t: proof.new_code(work, t, HOME),
            lambda work, t: proof.enter(work, t, "1"),
        ):
            with pytest.raises(Absent), registry.work(CITIZEN) as work:
                call(work, ticket)


def test_an_appeal_is_withdrawn_by_its_ticket_or_expires_unproven(registry, clock):
    ticket, other, third = file(registry), file(registry), file(registry)
    enter(registry, third, code_for(registry, third))
    with registry.work(CITIZEN) as work:
        appeals.withdraw(work, ticket.lower())
    assert progress(registry, ticket).state == "withdrawn"
    clock[0] += appeals.UNPROVEN_DAYS * DAY + 1
    with registry.work(SYSTEM) as work:
        assert appeals.expire(work) == 1
    assert [progress(registry, one).state for one in (ticket, other, third)] == ["withdrawn", "expired", "proven"]
    with pytest.raises(Conflict):
        code_for(registry, other)


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ({"number": "mother"}, "value"), ({"text": "a\0b"}, "text"), ({"text": "x" * 4_001}, "text"), ({"rule": "Not a rule!"}, "rule"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_appeal_is_refused_by_its_field(registry, what, where):
    with pytest.raises(Invalid) as refused:
        file(registry, **what)
    assert refused.value.where == where


@pytest.mark.parametrize("answer", ["", "  ", "x" * 2_001, "call 8 701 123 45 67"])
def test_whoever_appealed_gets_an_answer_without_numbers_of_people(registry, listed, analyst, answer):
    _, appeal = proven(registry)
    with pytest.raises(Invalid):
        decide(registry, analyst, appeal, answer=answer)


def test_nothing_personal_is_in_clear_and_whoever_opens_it_is_written_down(registry, listed, analyst):
    ticket, appeal = proven(registry, text="I am Aigerim")
    stored = str([getattr(appeal, column.key) for column in Appeal.__table__.columns])
    assert "Aigerim" not in stored
    assert "7011234567" not in stored
    assert ticket not in stored
    with registry.read(analyst) as work:
        found = appeals.opened(work, appeal.id, "to decide")
        assert (found.number, found.text, found.contact) == (NUMBER, "I am Aigerim", "me@example.kz")
        assert {(note.verb, note.what, note.purpose) for note in work.notes} == {
            ("read-personal", "observable", "to decide"), ("read-personal", "appeal", "to decide"),
        }  # fmt: skip


def test_each_upheld_appeal_counts_in_the_false_stops_of_its_rule(registry, listed, analyst, clock):
    begin = clock[0] - DAY
    for number, rule, upheld in (
        (NUMBER, "", True), ("+77770000001", "fan-out", True), ("+77770000002", "fan-out", False), ("+77770000003", "", False),
    ):  # fmt: skip
        _, appeal = proven(registry, number=number, rule=rule)
        decide(registry, analyst, appeal, upheld=upheld)
    with registry.read(analyst) as work:
        assert appeals.false_stops(work, begin, clock[0] + 1) == [
            FalseStops("fan-out", 1, 2, 0), FalseStops("kz-burst", 1, 1, 1), FalseStops("", 0, 1, 0),
        ]  # fmt: skip
        assert appeals.false_stops(work, clock[0] + 1, clock[0] + 2) == []


def test_texts_of_codes_fit_one_message_and_have_the_code(tmp_path):
    for language in ("kk", "ru", "en"):
        text = code_text(language, "012345")
        assert "012345" in text
        assert len(text) <= MOST_LETTERS
    sender = FileSms(tmp_path)
    sender.send(NUMBER, code_text("kk", "012345"))
    sender.send(NUMBER, "second")
    lines = [json.loads(line) for line in sender.path.read_text("utf-8").splitlines()]
    assert [one["number"] for one in lines] == [NUMBER, NUMBER]
    assert "012345" in lines[0]["text"]
    assert sender.path.stat().st_mode & 0o777 == 0o600
