"""Ways in which a real call could have been denied: each of them must end in `unknown`."""

import dataclasses

import pytest
from origination_desk import CALLED, CALLER, KEYS, OPTIONS, OTHER, Desk, pair

from tosqauyl.networks.origination.ledger import Pending, Said, ask_about
from tosqauyl.networks.origination.tokens import Keys
from tosqauyl.numbers.plan import Plan, load_plan

YES, NO, DOUBTFUL, NOT_IN_SYNC = Said("yes"), Said("no"), Said("unknown", "doubtful"), Said("unknown", "not-in-sync")


@pytest.mark.parametrize(
    "caller",
    [
        "sip:+77010000001@ims.example",
        "77010000001F",
        "",
        "-",
        "anonymous",
        "+87010000001",
        "+7701000001",
        "+770100000011",
    ],
)
def test_a_switch_that_writes_callers_in_a_way_that_cannot_be_read_makes_it_unsure_of_everything(caller: str) -> None:
    desk = Desk().synced()
    assert desk.report(caller=caller) == "malformed"
    assert desk.ask() == NOT_IN_SYNC


def test_a_short_caller_is_no_subscriber_and_changes_nothing() -> None:
    desk = Desk().synced()
    assert desk.report(caller="1414") == "malformed"
    assert desk.ask() == NO


def test_a_caller_of_a_code_that_our_plan_does_not_know_yet_is_doubtful_alone() -> None:
    desk = Desk().synced()
    new = "+75010000001"
    assert desk.report(caller=new) == "foreign"
    assert desk.ask(caller=new) == DOUBTFUL
    assert desk.ask() == NO


def test_what_a_switch_could_not_tell_makes_it_unsure_for_a_window() -> None:
    desk = Desk().synced()
    desk.ledger.missed(desk.now, desk.wall)
    assert desk.ask() == NOT_IN_SYNC
    assert desk.ledger.whole_since(desk.now, desk.wall) == pytest.approx(desk.wall, abs=1.0)
    desk.go(OPTIONS.window + 1.0)
    assert desk.ask() == NO
    assert desk.ledger.counters["missed"] == 1


def test_a_switch_ahead_and_an_asker_behind_do_not_add_up_to_a_no() -> None:
    desk = Desk().synced()
    desk.go(9.0 - desk.wall % 10 % 9.0 if desk.wall % 10 < 9.0 else 0.0)
    assert desk.wall % 10 == pytest.approx(9.0)
    assert desk.report(at=desk.wall + 1.9) == ""
    desk.go(0.1)
    assert desk.ask(at=desk.wall - 1.9) == DOUBTFUL
    assert desk.ask(at=desk.wall) == YES


def test_a_key_whose_secret_was_exchanged_under_the_same_id_is_young() -> None:
    old, new = pair("beeline"), pair("beeline", salt="exchanged")
    desk = Desk(keys=Keys((old,))).synced()
    desk.report()
    desk.ledger.rekey(Keys((new,)), desk.now)
    assert desk.put(desk.question(new)) == Said("unknown", "starting")
    desk.go(OPTIONS.window + 0.1)
    assert desk.end(desk.put(desk.question(new, caller=OTHER))) == NO


@pytest.mark.parametrize("left", [(), (pair("beeline", "2026-12"),)], ids=["peer", "key"])
def test_a_question_under_a_key_that_is_taken_away_while_it_waits_is_not_denied(left: tuple[object, ...]) -> None:
    desk = Desk(keys=Keys((pair("beeline"),))).synced()
    waiting = desk.put(desk.question(pair("beeline")))
    assert isinstance(waiting, Pending)
    desk.ledger.rekey(Keys(left), desk.now)  # type: ignore[arg-type]
    desk.report()
    assert desk.end(waiting) == Said("unknown", "unknown-key")


def test_an_asker_whose_number_plan_differs_gets_no_no(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(dataclasses.replace(OPTIONS, askers={})).synced()
    plan = load_plan()
    newer = Plan(plan_base(codes="705"), plan.ported)
    assert newer.read(CALLED).operator == "t2"
    desk.report()
    asked = ask_about(KEYS.of("t2")[0], (CALLER, CALLED), desk.wall, (OPTIONS.before, OPTIONS.skew), newer)
    assert desk.end(desk.put(asked, "t2")) == Said("unknown", "portability")


def plan_base(codes: str):  # type: ignore[no-untyped-def]
    """The shipped plan, but one code is t2's."""
    from tosqauyl.numbers.plan import base

    heads = {
        head: tuple((kind, country, "t2" if operator else "", longer) for kind, country, operator, longer in row)
        if head == f"7{codes}" else row
        for head, row in base().heads.items()
    }  # fmt: skip
    return base()._replace(heads=heads, digest="a newer one")
