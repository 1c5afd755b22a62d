"""What organisations are asked: who sees it, who answers, what needs a reason, and what ends by itself."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from tosqauyl.registry import actions, observables, purposes
from tosqauyl.registry.actions import Filter, Wanted
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.incidents import Draft, create
from tosqauyl.registry.tables import Action, AuditEntry
from tosqauyl.registry.words import ACTION_MOVES

DAY = 86_400_000
IBAN = "KZ86125KZT5004100100"


@pytest.fixture
def asked(registry, analyst) -> UUID:
    """The bank is asked to hold a transfer."""
    with registry.work(analyst) as work:
        account = observables.observe(work, "iban", IBAN)
        return actions.request(work, Wanted("halyk", "hold", account.id, None, "Law No 205-VIII")).id


@pytest.fixture
def bank(someone: Callable[..., Actor]) -> Actor:
    return someone("bank", "halyk", "user:bank")


def test_an_action_has_the_clocks_of_its_kind(registry, analyst, asked, clock) -> None:
    with registry.read(analyst) as work:
        action = actions.found(work, asked)
        assert (action.state, action.organisation, action.to) == ("requested", "centre", "halyk")
        assert (action.due, action.expires) == (business_days_after(clock[0], 1), business_days_after(clock[0], 5))


def test_the_asked_organisation_acknowledges_and_answers(registry, analyst, bank, asked) -> None:
    with registry.work(bank) as work:
        assert actions.acknowledge(work, asked, 1).state == "acknowledged"
    with registry.work(bank) as work:
        answered = actions.answer(work, asked, 2, "partly", "Half of it was gone: Ivan Petrov took it")
        assert (answered.state, answered.answered_by) == ("partly", "user:bank")
        assert b"Petrov" not in answered.answer
    with registry.read(analyst) as work:
        assert actions.answer_text(work, actions.found(work, asked), "test").endswith("Petrov took it")
    with registry.read(SYSTEM) as work:
        entries = work.db.scalars(select(AuditEntry)).all()
        assert [one.purpose for one in entries if one.verb == "read-personal"] == ["test"]
        assert not any("Petrov" in one.detail for one in entries)


@pytest.mark.parametrize("before", ACTION_MOVES)
@pytest.mark.parametrize("after", ["acknowledged", "done", "partly", "refused"])
def test_only_the_moves_of_the_table_are_made(registry, bank, asked, before, after) -> None:
    with registry.work(SYSTEM) as work:
        work.db.get(Action, asked).state = before
        work.db.flush()
        version = work.db.get(Action, asked).version

    def answer() -> None:
        with registry.work(bank) as work:
            if after == "acknowledged":
                actions.acknowledge(work, asked, version)
            else:
                actions.answer(work, asked, version, after, "because")

    if after in ACTION_MOVES[before]:
        answer()
    else:
        with pytest.raises(Conflict):
            answer()


def test_nobody_else_answers_not_even_the_centre_and_others_do_not_see_it(registry, supervisor, someone, asked) -> None:
    for call in (
        lambda work: actions.acknowledge(work, asked, 1), lambda work: actions.answer(work, asked, 1, "done"),
        lambda work: actions.target(work, asked),
    ):  # fmt: skip
        with registry.work(supervisor) as work, pytest.raises(Forbidden):
            call(work)
        with registry.work(someone("operator", "kcell")) as work, pytest.raises(Absent):
            call(work)
    with registry.read(someone("operator", "kcell")) as work, pytest.raises(Absent):
        actions.found(work, asked)


@pytest.mark.parametrize(
    ("state", "text"), [("partly", ""), ("refused", "  "), ("expired", "x"), ("acknowledged", "x"), ("done", "a\0b"), ("done", "x" * 4_001)]
)  # fmt: skip
def test_answers_that_cannot_be_are_refused(registry, bank, asked, state, text) -> None:
    with registry.work(bank) as work, pytest.raises(Invalid):
        actions.answer(work, asked, 1, state, text)


def test_who_answers_second_is_told_who_did(registry, bank, someone, asked) -> None:
    with registry.work(bank) as work:
        actions.acknowledge(work, asked, 1)
    with registry.work(someone("bank", "halyk")) as work, pytest.raises(Conflict, match=r"user:bank.*acknowledged"):
        actions.answer(work, asked, 1, "done")


def test_the_asked_organisation_sees_what_to_act_on_and_that_is_noted(registry, bank, asked) -> None:
    with registry.read(bank) as work:
        assert actions.target(work, asked)[1] == IBAN
    with registry.read(SYSTEM) as work:
        read = work.db.scalars(select(AuditEntry).where(AuditEntry.verb == "read-personal")).one()
        assert (read.actor, read.purpose) == ("user:bank", purposes.ACTING)
    with registry.work(bank) as work:
        actions.answer(work, asked, 1, "done")
        with pytest.raises(Conflict):
            actions.target(work, asked)


def test_what_nobody_answers_expires_once(registry, bank, asked, clock) -> None:
    with registry.read(SYSTEM) as work:
        expires = actions.found(work, asked).expires
    for now, ended in ((expires - 1, 0), (expires, 1), (expires + DAY, 0)):
        clock[0] = now
        with registry.work(SYSTEM) as work:
            assert actions.expire(work) == ended
    with registry.work(bank) as work, pytest.raises(Conflict, match="expired"):
        actions.answer(work, asked, 2, "done")


def test_lists_show_both_sides_what_is_theirs(registry, bank, analyst, someone, asked, clock) -> None:
    def ids(actor: Actor, wanted: Filter) -> list[UUID]:
        with registry.read(actor) as work:
            return [one.id for one in actions.search(work, wanted, None, 5)]

    assert ids(bank, Filter()) == ids(analyst, Filter(asked=False)) == [asked]
    assert ids(bank, Filter(asked=False)) == ids(someone("operator", "kcell"), Filter()) == []
    assert ids(bank, Filter(is_open=True, kind="hold")) == [asked]
    assert ids(bank, Filter(kind="suspend")) == ids(bank, Filter(late=True)) == ids(bank, Filter(state="done")) == []
    clock[0] += 4 * DAY
    assert ids(bank, Filter(late=True)) == [asked]


def test_requests_that_cannot_be_are_refused(registry, analyst, someone) -> None:
    with registry.work(someone("analyst", "kcell")) as work:
        theirs = create(work, Draft("Theirs")).id
        number = observables.observe(work, "phone", "+77011234567").id
    with registry.work(someone("analyst", "beeline")) as work, pytest.raises(Absent):
        actions.request(work, Wanted("kcell", "suspend", number, theirs))
    with registry.work(analyst) as work:
        for wanted in (
            Wanted("nobody", "suspend", number), Wanted("kcell", "arrest", number), Wanted("kcell", "suspend", number, None, "x" * 201),
            Wanted("kcell", "suspend", number, None, "call 8 701 123 45 67"),
        ):  # fmt: skip
            with pytest.raises(Invalid):
                actions.request(work, wanted)
        with pytest.raises(Absent):
            actions.request(work, Wanted("kcell", "suspend", UUID(int=1)))
