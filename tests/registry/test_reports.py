"""Reports are found, read, looked at and closed; each tenant sees its own."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.errors import Absent, Conflict, Invalid
from tosqauyl.registry.intake import submit
from tosqauyl.registry.reports import Filter, close, get, named_in, open_report, search, shown_incidents, triage
from tosqauyl.registry.store import Registry
from tosqauyl.registry.submission import Submission
from tosqauyl.registry.tables import AuditEntry, Report
from tosqauyl.registry.tickets import follow

NUMBER = ("phone", "+442079460958")
EVERYTHING = Filter()


@pytest.fixture
def kcell(someone: Callable[..., Actor]) -> Actor:
    return someone("operator", "kcell")


@pytest.fixture
def beeline(someone: Callable[..., Actor]) -> Actor:
    return someone("operator", "beeline")


def send(registry: Registry, actor: Actor, text: str = "", **more) -> Report:
    said = {
        "reporter": "operator" if actor.kind == "operator" else "citizen",
        "channel": "call",
        "observables": (NUMBER,),
    }
    with registry.work(actor) as work:
        receipt = submit(work, Submission(**{**said, "text": text, **more}))
    with registry.read(actor) as work:
        report = work.db.get(Report, receipt.report)
        work.db.expunge(report)
        return report


def ids(registry: Registry, actor: Actor, wanted: Filter = EVERYTHING, cursor=None, limit: int = 50) -> list[str]:
    with registry.read(actor) as work:
        return [work.vault.open(report.text, "report.text") for report in search(work, wanted, cursor, limit)]


def test_everybody_sees_the_own_reports_and_the_centre_all(
    registry: Registry, kcell: Actor, beeline: Actor, analyst: Actor, clock: list[int]
) -> None:
    send(registry, kcell, "a")
    clock[0] += 1
    foreign = send(registry, beeline, "b")
    assert (ids(registry, kcell), ids(registry, beeline), ids(registry, analyst)) == (["a"], ["b"], ["b", "a"])
    for refused in (
        lambda work: get(work, foreign.id), lambda work: open_report(work, foreign.id, "a case"),
        lambda work: triage(work, foreign.id, 1), lambda work: close(work, foreign.id, 1, "false"),
    ):  # fmt: skip
        with registry.work(kcell) as work, pytest.raises(Absent):
            refused(work)


def test_reports_are_filtered(registry: Registry, kcell: Actor, analyst: Actor, clock: list[int]) -> None:
    first = clock[0]
    send(registry, kcell, "a", scheme="safe-account", region="75")
    clock[0] += 1_000
    send(registry, CITIZEN, "b", observables=(("domain", "fake.kz"), ("phone", "+442079460900")))
    clock[0] += 1_000
    for wanted, found in (
        (Filter(scheme="safe-account"), ["a"]), (Filter(region="75"), ["a"]), (Filter(reporter="citizen"), ["b"]),
        (Filter(state="closed"), []), (Filter(since=first + 1), ["b"]), (Filter(until=first + 1_000), ["a"]),
        (Filter(since=first, until=first + 1_001), ["b", "a"]), (Filter(observable=("domain", "FAKE.kz")), ["b"]),
        (Filter(observable=("phone", "00 44 20 7946 0958")), ["a"]), (Filter(observable=("phone", "garbage")), []),
        (Filter(observable=("domain", "fake.kz"), reporter="operator"), []),
    ):  # fmt: skip
        assert ids(registry, analyst, wanted) == found, wanted


def test_pages_follow_each_other_without_a_gap(registry: Registry, kcell: Actor, clock: list[int]) -> None:
    for number in range(5):
        clock[0] += 1
        send(registry, kcell, str(number))
    cursor, seen = None, []
    for _ in range(3):
        with registry.read(kcell) as work:
            found = search(work, Filter(), cursor, 2)
            seen.append([work.vault.open(report.text, "report.text") for report in found[:2]])
            cursor = found[:2][-1].id
            assert (len(found) > 2) == (len(seen) < 3)
    assert seen == [["4", "3"], ["2", "1"], ["0"]]


def test_observables_are_shown_masked(registry: Registry, kcell: Actor) -> None:
    report = send(registry, kcell, observables=(NUMBER, ("domain", "fake.kz")))
    with registry.read(kcell) as work:
        assert [(one.kind, one.value, one.reports) for one in named_in(work, [report.id])[report.id]] == [
            ("domain", "fake.kz", 0), ("phone", "+4420***0958"[:5] + "****0958", 0),
        ]  # fmt: skip


def test_what_is_sealed_is_opened_for_a_purpose_that_is_written_down(registry: Registry, analyst: Actor) -> None:
    report = send(registry, CITIZEN, "the story", contact="Aida")
    with registry.work(analyst) as work:
        with pytest.raises(Invalid):
            open_report(work, report.id, " ")
        found = open_report(work, report.id, "case 12")
    assert (found.text, found.contact, found.victim) == ("the story", "Aida", "")
    assert [value for _, _, value in found.observables] == ["+442079460958"]
    with registry.read(analyst) as work:
        (note,) = work.db.scalars(select(AuditEntry).where(AuditEntry.verb == "read-personal")).all()
        assert (note.actor, note.which, note.purpose) == ("user:aida", str(report.id), "case 12")


def test_a_report_is_triaged_closed_and_taken_up_again_and_its_author_sees_it(
    registry: Registry, analyst: Actor, clock: list[int]
) -> None:
    with registry.work(CITIZEN) as work:
        receipt = submit(work, Submission("citizen", "call", (NUMBER,)))
    clock[0] += 5_000
    with registry.work(analyst) as work:
        report = triage(work, receipt.report, 1, scheme="afc-phone")
        assert (report.state, report.scheme, report.region, report.version, report.changed) == (
            "triaged",
            "afc-phone",
            "",
            2,
            clock[0],
        )
    with registry.work(analyst) as work:
        assert triage(work, receipt.report, 2, region="71").scheme == "afc-phone"
    with registry.work(analyst) as work:
        assert close(work, receipt.report, 3, "confirmed").outcome == "confirmed"
    with registry.read(CITIZEN) as work:
        found = follow(work, receipt.ticket)
        assert (found.state, found.changed, found.words["en"]) == (
            "closed", clock[0], "Your report was confirmed. Thank you: it helps to protect others.",
        )  # fmt: skip
    with registry.work(analyst) as work:
        with pytest.raises(Conflict):
            close(work, receipt.report, 4, "false")
        assert triage(work, receipt.report, 4).outcome == ""


def test_whoever_saw_another_version_decides_nothing(registry: Registry, analyst: Actor, supervisor: Actor) -> None:
    report = send(registry, CITIZEN)
    with registry.work(analyst) as work:
        triage(work, report.id, 1, scheme="safe-account")
    for decide in (
        lambda work: triage(work, report.id, 1, scheme="afc-phone"),
        lambda work: close(work, report.id, 1, "false"),
    ):
        with registry.work(supervisor) as work, pytest.raises(Conflict):
            decide(work)
    with registry.read(analyst) as work:
        assert get(work, report.id).scheme == "safe-account"


def test_only_known_schemes_regions_and_outcomes_are_taken(registry: Registry, analyst: Actor) -> None:
    report = send(registry, CITIZEN)
    for decide, where in (
        (lambda work: triage(work, report.id, 1, scheme="x"), "scheme"), (lambda work: triage(work, report.id, 1, region="00"), "region"),
        (lambda work: close(work, report.id, 1, ""), "outcome"), (lambda work: close(work, report.id, 1, "maybe"), "outcome"),
    ):  # fmt: skip
        with registry.work(analyst) as work, pytest.raises(Invalid) as caught:
            decide(work)
        assert caught.value.where == where


def test_a_case_of_another_tenant_is_not_shown(registry: Registry, kcell: Actor, analyst: Actor) -> None:
    report = send(registry, kcell)
    send(registry, CITIZEN)
    for actor, shown in ((kcell, False), (analyst, True)):
        with registry.read(actor) as work:
            found = get(work, report.id)
            assert found.incident is not None
            assert (shown_incidents(work, [found])[found.id] is not None) == shown
