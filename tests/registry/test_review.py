"""What a review with an attacker's eye found: each of these was possible once."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from tosqauyl.registry import (
    appeals,
    conditions,
    decisions,
    erasure,
    figures,
    incident_parts,
    incidents,
    intake,
    observables,
    oidc,
    protected,
    publish,
    reports,
    retention,
)  # fmt: skip
from tosqauyl.registry.actor import CITIZEN, SYSTEM
from tosqauyl.registry.decisions import Proposal
from tosqauyl.registry.errors import Conflict, Invalid
from tosqauyl.registry.oidc import Person, Provider, RoleOf
from tosqauyl.registry.protected import Identity
from tosqauyl.registry.sessions import Unknown
from tosqauyl.registry.submission import MOST_LOSS, Submission
from tosqauyl.registry.tables import FigureDay, Observable, Report, Sighting

DAY = 86_400_000
NUMBER = "+447700900601"
WHY = ({"slug": "reports", "text": "called in the name of a bank"},)
FILED = Submission("citizen", "call", (("phone", NUMBER),), contact="+7 701 765 43 21, Aida", address="192.0.2.7")


def send(registry, actor, submission):
    with registry.work(actor) as work:
        return intake.submit(work, submission)


def observed(registry, actor, number=NUMBER):
    with registry.work(actor) as work:
        return observables.observe(work, "phone", number).id


def blocked(registry, analyst, supervisor, number):
    with registry.work(analyst) as work:
        wanted = Proposal(number, "fraud", "block", reasons=WHY, valid_until=work.now + 30 * DAY)
        made = decisions.propose(work, wanted)
    with registry.work(supervisor) as work:
        return decisions.approve(work, made.id, made.version)


@pytest.mark.parametrize("external_id", ["", "1"])
def test_whoever_knows_a_contact_is_not_given_the_ticket_of_its_report(registry, external_id):
    theirs = send(registry, CITIZEN, replace(FILED, external_id=external_id))
    forged = replace(FILED, external_id=external_id, contact="87017654321", address="203.0.113.9")
    told = send(registry, CITIZEN, forged)
    assert (told.duplicate, told.ticket == theirs.ticket) == (False, False)
    with registry.work(CITIZEN) as work:
        assert erasure.held(work, told.ticket).contact == "87017654321"


def test_a_report_from_two_addresses_still_counts_as_one_sender(registry):
    send(registry, CITIZEN, FILED)
    send(registry, CITIZEN, replace(FILED, address="203.0.113.9"))
    with registry.read(SYSTEM) as work:
        assert work.db.scalar(select(func.count(Report.author.distinct()))) == 1


def test_an_organisation_does_not_learn_how_often_others_reported_a_number(registry, someone, analyst):
    kcell = someone("operator", "kcell")
    send(registry, someone("bank", "halyk"), Submission("bank", "call", (("phone", NUMBER),), text="one"))
    mine = send(registry, kcell, Submission("operator", "call", (("phone", NUMBER),), text="two")).report
    for actor, count in ((kcell, 0), (analyst, 2)):
        with registry.read(actor) as work:
            assert [one.reports for one in reports.named_in(work, [mine])[mine]] == [count]


def test_a_report_that_its_author_erased_is_let_go_of_as_any_other(registry, clock):
    told = send(registry, CITIZEN, FILED)
    with registry.work(SYSTEM) as work:
        reports.close(work, told.report, 1, "false")
    with registry.work(CITIZEN) as work:
        erasure.erase_report(work, told.ticket)
    clock[0] += 1_200 * DAY
    retention.run(registry, retention.RetentionRules())
    with registry.read(SYSTEM) as work:
        assert [work.db.scalar(select(func.count()).select_from(one)) for one in (Sighting, Observable)] == [0, 0]


def test_gates_are_never_told_of_a_number_that_was_erased(registry, analyst, supervisor):
    number = observed(registry, analyst)
    with registry.work(analyst) as work:
        made = decisions.draft(work, Proposal(number, "suspect", "mark", reasons=WHY))
    with registry.work(supervisor) as work:
        erasure.erase_observable(work, number)
    with registry.work(analyst) as work:
        waiting = decisions.submit(work, made.id, made.version)
    with pytest.raises(Conflict), registry.work(supervisor) as work:
        decisions.approve(work, waiting.id, waiting.version)
    with pytest.raises(Conflict), registry.work(supervisor) as work:
        conditions.allow(work, number, "they asked for it", 0)
    with registry.read(SYSTEM) as work:
        assert publish.changes(work, 0, 10) == []


def test_what_is_blocked_is_not_protected_before_somebody_ends_the_block(registry, analyst, supervisor):
    made = blocked(registry, analyst, supervisor, observed(registry, analyst))
    own = Identity("A bank", "phone", NUMBER, "its letter")
    with pytest.raises(Conflict), registry.work(supervisor) as work:
        protected.add(work, own)
    with registry.work(supervisor) as work:
        decisions.revoke(work, made.id, made.version, "it is the bank's own")
        assert protected.add(work, own).ended == 0


def test_a_name_that_is_too_long_in_ascii_is_refused_on_both_databases(registry, supervisor):
    name = ".".join(["ұ" * 30] * 6) + ".kz"
    with pytest.raises(Invalid), registry.work(supervisor) as work:
        protected.add(work, Identity("A bank", "domain", name, "its letter"))


def test_the_identity_provider_gives_nobody_a_role_that_its_organisation_does_not_have(registry):
    provider = Provider("https://id.kz", "x", "y", "z", roles=(RoleOf("staff", "operator", "kcell"),))
    person = Person("https://id.kz", "1", "marat", ("staff",), False)
    with registry.work(SYSTEM) as work:
        assert oidc.account_of(work, provider, person).role == "operator"
    raised = replace(provider, roles=(RoleOf("staff", "supervisor", "kcell"),))
    with pytest.raises(Unknown), registry.work(SYSTEM) as work:
        oidc.account_of(work, raised, person)


@pytest.mark.parametrize("slug", ["counts", "window", "query", "reports"])
def test_no_slug_of_a_reason_lets_a_number_through_in_clear(registry, analyst, slug):
    number = observed(registry, analyst)
    with registry.work(analyst) as work, pytest.raises(Invalid):
        decisions.draft(work, Proposal(number, "fraud", reasons=({"slug": slug, "text": "of +7 701 123 45 67"},)))


def test_figures_of_a_program_may_be_long(registry, analyst):
    number = observed(registry, analyst)
    reasons = (
        {"slug": "counts", "text": "answered=3; milliseconds=1796022000000"},
        {"slug": "query", "text": "many_called_once 0123456789012345"},
    )
    with registry.work(analyst) as work:
        assert decisions.draft(work, Proposal(number, "fraud", reasons=reasons)).state == "draft"


def test_no_rule_lets_a_number_through_in_clear(registry, analyst):
    number = observed(registry, analyst)
    with registry.work(analyst) as work, pytest.raises(Invalid):
        decisions.draft(work, Proposal(number, "fraud", reasons=WHY, rule="+77011234567"))
    with registry.work(CITIZEN) as work, pytest.raises(Invalid):
        appeals.file(work, NUMBER, "mine", "", "en", "77011234567")


def test_why_something_is_read_names_nobody_in_the_trail(registry, analyst):
    told = send(registry, CITIZEN, FILED)
    with registry.work(CITIZEN) as work:
        ticket = appeals.file(work, NUMBER, "mine", "", "en")
    with registry.work(analyst) as work:
        with pytest.raises(Invalid):
            reports.open_report(work, told.report, "he called from +7 701 123 45 67")
        with pytest.raises(Invalid):
            appeals.opened(work, appeals.of_ticket(work, ticket).id, "he called from +7 701 123 45 67")


def test_a_condition_that_is_over_keeps_no_number_from_being_erased(registry, supervisor, clock):
    number = observed(registry, supervisor)
    with registry.work(supervisor) as work:
        conditions.allow(work, number, "for an hour", work.now + 3_600_000)
    clock[0] += DAY
    with registry.work(SYSTEM) as work:
        decisions.expire(work)
    with registry.work(supervisor) as work:
        erasure.erase_observable(work, number)
    with registry.read(supervisor) as work:
        assert observables.find(work, "phone", NUMBER) is None


def test_one_organisation_cannot_make_the_sum_of_losses_overflow_with_a_few_reports(registry, clock):
    with registry.work(SYSTEM) as work:
        for place in range(9_300):
            digest = work.vault.token(str(place), "test")
            work.db.add(Report(
                id=work.new_id(), organisation="halyk", reporter="bank", channel="call", received=work.now, digest=digest,
                ticket=digest, loss=MOST_LOSS,
            ))  # fmt: skip
    clock[0] += 5 * DAY
    with registry.work(SYSTEM) as work:
        for month in figures.to_roll_up(work):
            figures.roll_up(work, month)
        assert work.db.scalar(select(FigureDay.loss)) == 9_300 * MOST_LOSS


def test_two_cases_are_not_merged_into_more_than_a_case_can_have(registry, analyst):
    with registry.work(analyst) as work:
        first, second = (incidents.create(work, incidents.Draft(victims=600_000)) for _ in range(2))
    with pytest.raises(Invalid), registry.work(analyst) as work:
        incident_parts.merge(work, first.id, first.version, second.id, second.version)
