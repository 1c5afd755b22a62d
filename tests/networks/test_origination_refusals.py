import dataclasses

import pytest
from origination_desk import CALLED, CALLER, OPTIONS, OTHER, Desk

from tosqauyl.networks.origination.ledger import REFUSALS, Said

YES, NO, DOUBTFUL, NOT_IN_SYNC = Said("yes"), Said("no"), Said("unknown", "doubtful"), Said("unknown", "not-in-sync")


def test_reports_of_strangers_are_refused_and_are_no_sign_of_life() -> None:
    desk = Desk().synced()
    assert desk.report(switch="msc-9") == "switch"
    assert desk.ask() == NO
    assert desk.ledger.counters["refused_switch"] == 1
    desk.ledger.alive("msc-9", desk.now, desk.wall)
    desk.cut.add("msc-1")
    desk.go(11.0)
    assert desk.ask() == NOT_IN_SYNC


@pytest.mark.parametrize(
    ("caller", "ported"),
    [
        ("+77050000009", {}),
        (CALLER, {CALLER: "beeline"}),
        ("+77172000001", {}),
        ("+79161234567", {}),
        ("+4930123456", {}),
    ],
    ids=["of-beeline", "ported-away", "fixed", "russian", "german"],
)
def test_the_call_of_anothers_subscriber_is_refused_and_neither_confirmed_nor_denied(
    caller: str, ported: dict[str, str]
) -> None:
    desk = Desk(ported=ported).synced()
    assert desk.report(caller=caller) == "foreign"
    assert desk.ask(caller=caller) == DOUBTFUL
    assert desk.ask(caller=OTHER) == NO


def test_a_subscriber_who_was_ported_to_us_is_ours() -> None:
    desk = Desk(ported={"+77050000009": "kcell"}).synced()
    assert desk.report(caller="+77050000009") == ""
    assert desk.ask(caller="+77050000009") == YES


def test_a_report_told_twice_is_refused_the_second_time_and_the_call_stays_confirmed() -> None:
    desk = Desk().synced()
    began = desk.wall
    assert desk.report(id="a", at=began) == ""
    desk.go(3.0)
    assert desk.report(id="a", at=began) == "replayed"
    assert desk.report(id="a", at=began, switch="msc-2") == ""
    assert desk.ask() == YES
    size = len(desk.store)
    assert desk.report(id="a", at=began) == "replayed"
    assert len(desk.store) == size


def test_an_old_id_with_another_call_confirms_nothing_and_denies_nothing() -> None:
    desk = Desk().synced()
    desk.report(id="a")
    assert desk.report(id="a", caller=OTHER) == "replayed"
    assert desk.ask(caller=OTHER) == DOUBTFUL


def test_a_report_replayed_after_its_life_is_late() -> None:
    desk = Desk().synced()
    began = desk.wall
    desk.report(id="a", at=began)
    desk.go(61.0)
    assert desk.report(id="a", at=began) == "late"
    assert desk.ask().state != "yes"


def test_reports_from_a_wrong_clock_are_refused_and_calls_of_now_not_denied() -> None:
    for off, why in ((2.1, "early"), (1e9, "early"), (-60.1, "late"), (-1e9, "late")):
        desk = Desk().synced()
        assert desk.report(at=desk.wall + off) == why
        assert desk.ask() == DOUBTFUL
        desk.go(9.0)
        assert desk.ask() == DOUBTFUL
        assert desk.ask(caller=OTHER) == NO


def test_a_report_that_waited_counts_for_its_own_time_and_casts_doubt_on_now() -> None:
    desk = Desk().synced()
    assert desk.report(at=desk.wall - 40.0) == ""
    assert desk.ask() == DOUBTFUL
    assert desk.ledger.counters["lagging"] == 1


@pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_none_is_malformed(at: float) -> None:
    assert Desk().synced().report(at=at) == "malformed"


@pytest.mark.parametrize("called", ["112", "1414", "", "anonymous", "+12ab", "+" + "7" * 20])
def test_numbers_that_are_none_of_e164_are_refused(called: str) -> None:
    desk = Desk().synced()
    assert desk.report(called=called) == "malformed"
    assert desk.ask() == NO


def test_a_caller_that_cannot_be_read_makes_the_node_unsure_of_everything() -> None:
    desk = Desk().synced()
    assert desk.report(caller="+7701-A000001") == "malformed"
    assert desk.ask() == NOT_IN_SYNC
    desk.go(OPTIONS.window + 1.0)
    assert desk.ask() == NO


def test_every_refusal_has_a_name_and_is_counted() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, records=8)).synced()
    desk.report(id="a")
    told = [
        desk.report(switch="msc-9"), desk.report(called="112"), desk.report(at=desk.wall + 9), desk.report(at=1.0),
        desk.report(caller=CALLED), desk.report(id="a"), desk.report(caller=OTHER), desk.report(caller="+77010000004"),
    ]  # fmt: skip
    assert {"full", *told} >= set(REFUSALS)
    counted = {name for name in desk.ledger.counters if name.startswith("refused_")}
    assert counted == {f"refused_{why}" for why in told if why}
