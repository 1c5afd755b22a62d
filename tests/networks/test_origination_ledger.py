import dataclasses

import pytest
from origination_desk import CALLED, CALLER, KEYS, OPTIONS, OTHER, START, Desk, pair

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.origination.ledger import REASONS, AskedTokens, LedgerOptions, Pending, Said
from tosqauyl.networks.origination.store import MemoryStore
from tosqauyl.networks.origination.tokens import Keys
from tosqauyl.numbers.plan import load_plan

YES, NO = Said("yes"), Said("no")


def unknown(why: str) -> Said:
    assert why in REASONS
    return Said("unknown", why)


# Yes and no


def test_a_reported_call_is_confirmed_and_another_one_denied() -> None:
    desk = Desk().synced()
    assert desk.report() == ""
    assert desk.ask() == YES
    assert desk.ask(peer="t2") == YES
    assert desk.ask(caller=OTHER) == NO
    assert desk.ask(called=OTHER) == NO
    assert desk.ask(caller=CALLED, called=CALLER) == NO


def test_a_yes_comes_at_once_and_a_no_only_after_the_grace() -> None:
    desk = Desk().synced()
    desk.report()
    key = KEYS.of("beeline")[0]
    assert desk.put(desk.question(key)) == YES
    waiting = desk.put(desk.question(key, caller=OTHER))
    assert isinstance(waiting, Pending)
    assert waiting.due == desk.now + OPTIONS.grace
    desk.ledger.tick(waiting.due - 0.001, desk.wall)
    assert desk.said == []
    assert desk.end(waiting) == NO
    desk.go(5.0)
    assert desk.said == [NO]


def test_a_report_that_comes_within_the_grace_makes_it_a_yes_at_that_moment() -> None:
    desk = Desk().synced()
    waiting = [desk.put(desk.question(KEYS.of(peer)[0]), peer) for peer in ("beeline", "t2", "beeline")]
    began = desk.wall
    desk.now, desk.wall = desk.now + 0.149, desk.wall + 0.149
    desk.report(at=began)
    assert desk.said == [YES] * 3
    assert all(isinstance(one, Pending) and one.ended for one in waiting)
    desk.go(1.0)
    assert desk.said == [YES] * 3


def test_a_report_after_the_grace_is_for_the_next_question_only() -> None:
    desk = Desk().synced()
    assert desk.ask() == NO
    assert desk.report() == ""
    assert desk.ask() == YES
    assert desk.said == [NO]


def test_a_forgotten_question_is_never_answered_and_leaves_nothing() -> None:
    desk = Desk().synced()
    waiting = desk.put(desk.question(KEYS.of("beeline")[0]))
    assert isinstance(waiting, Pending)
    desk.ledger.forget(waiting)
    desk.ledger.forget(waiting)
    desk.report()
    desk.go(2.0)
    assert desk.said == []
    assert desk.ledger.state()["waiting"] == 0
    assert desk.ledger.counters["forgotten_questions"] == 1


def test_a_call_is_remembered_for_its_set_up_time_and_forgotten_after_its_life() -> None:
    desk = Desk().synced()
    desk.report()
    desk.go(13.0)
    assert desk.ask() == YES
    desk.go(80.0)
    assert desk.ask() == NO
    assert len(desk.store) == 0
    assert desk.ledger.deadline() is None or desk.ledger.deadline() > desk.now


def test_a_call_of_another_time_does_not_count() -> None:
    desk = Desk().synced()
    desk.report()
    desk.go(40.0)
    assert desk.ask() == NO


def test_a_switch_writes_numbers_as_it_likes_where_the_plan_can_read_them() -> None:
    desk = Desk().synced()
    assert desk.report(caller="87010000001", called="8 (705) 000-00-02") == ""
    assert desk.ask() == YES


def test_the_same_question_again_gets_the_same_answer_and_changes_nothing() -> None:
    desk = Desk().synced()
    desk.report()
    before = len(desk.store)
    assert [desk.ask() for _ in range(20)] == [YES] * 20
    assert [desk.ask(caller=OTHER) for _ in range(20)] == [NO] * 20
    assert len(desk.store) == before


def test_only_peers_that_may_get_the_call_can_ask_about_it() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, askers={})).synced()
    desk.report(called="+77050000002")
    assert desk.ask(peer="beeline") == YES
    desk.report(called="+77000000002")
    assert desk.ask(called="+77000000002", peer="t2") == YES


def test_who_asks_about_a_call_that_was_not_kept_for_it_gets_unknown_and_never_no() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, askers={"beeline": ("beeline",), "fixed": ("t2",)})).synced()
    desk.report(called="+77050000002")
    assert desk.ask(peer="t2") == unknown("not-yours")
    assert desk.ask(caller=OTHER, peer="t2") == unknown("not-yours")
    assert desk.ask(called="+77272000002", peer="beeline") == unknown("not-yours")
    assert desk.ask(called="+77272000002", peer="t2") == NO
    assert desk.ask(called="+4479", peer="t2") == unknown("not-yours")


def test_who_knows_another_table_of_ported_numbers_gets_a_yes_but_never_a_no() -> None:
    desk = Desk().synced()
    desk.report()
    key = KEYS.of("beeline")[0]
    stale = desk.question(key)._replace(ported="0123456789abcdef")
    assert desk.put(stale) == YES
    stale = desk.question(key, caller=OTHER)._replace(ported="0123456789abcdef")
    assert desk.end(desk.put(stale)) == unknown("portability")


def test_calls_of_our_fixed_lines_are_kept_and_those_of_others_lines_are_foreign() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, fixed=("+77172*", "+7751*"))).synced()
    assert desk.report(caller="+77172123456") == ""
    assert desk.ask(caller="+77172123456") == YES
    assert desk.report(caller="+77511234567") == ""
    assert desk.report(caller="+77272123456") == "foreign"


def test_after_a_new_table_of_ported_numbers_nothing_is_denied_for_a_window() -> None:
    desk = Desk().synced()
    desk.ledger.replan(load_plan({OTHER: "t2"}), desk.now)
    assert desk.ask(caller=OTHER) == unknown("not-in-sync")
    desk.go(OPTIONS.window + 1.0)
    assert desk.ask(caller=OTHER) == NO
    desk.ledger.replan(load_plan({OTHER: "t2"}), desk.now)
    assert desk.ask(caller=OTHER) == NO


# Unknown, never no


def test_a_node_that_just_started_does_not_know_until_it_has_collected_for_a_window() -> None:
    desk = Desk()
    assert desk.ledger.in_sync(desk.now) == "starting"
    assert desk.ask() == unknown("starting")
    desk.go(OPTIONS.window - 1.0)
    assert desk.ask() == unknown("starting")
    desk.go(3.0)
    assert desk.ask() == NO


def test_a_restart_forgets_reports_and_does_not_deny_them() -> None:
    before = Desk().synced()
    before.report()
    after = Desk()
    after.now, after.wall = before.now + 1.0, before.wall + 1.0
    after.ledger.store = MemoryStore(OPTIONS.ttl, OPTIONS.records, after.wall)
    for _ in range(int(OPTIONS.before)):
        after.go(1.0)
        assert after.ask().state == "unknown"


def test_a_node_that_starts_late_is_not_trusted_for_the_time_before_a_switch_was_heard() -> None:
    desk = Desk()
    desk.cut.add("msc-2")
    desk.go(100.0)
    assert desk.ask() == unknown("not-in-sync")
    desk.cut.clear()
    desk.go(1.0)
    assert desk.ask() == unknown("starting")
    desk.go(OPTIONS.window)
    assert desk.ask() == NO


@pytest.mark.parametrize("switch", ["msc-1", "msc-2"])
def test_a_silent_switch_makes_it_unknown_until_a_window_after_it_is_back(switch: str) -> None:
    desk = Desk().synced()
    desk.cut.add(switch)
    desk.go(OPTIONS.sync_seconds - 1.0)
    assert desk.ask() == NO
    desk.go(1.0)
    assert desk.ask() == unknown("not-in-sync")
    assert desk.ledger.whole_since(desk.now, desk.wall) == 0.0
    desk.cut.clear()
    desk.go(OPTIONS.window - 1.0)
    assert desk.ask() == unknown("not-in-sync")
    desk.go(3.0)
    assert desk.ask() == NO
    assert desk.ledger.whole_since(desk.now, desk.wall) > 0.0


def test_what_was_reported_is_confirmed_even_by_a_node_out_of_sync() -> None:
    desk = Desk().synced()
    desk.report()
    desk.cut.update(OPTIONS.switches)
    desk.go(11.0)
    assert desk.ask() == YES
    assert desk.ask(caller=OTHER) == unknown("not-in-sync")


def test_a_report_is_a_sign_of_life_too() -> None:
    options = dataclasses.replace(OPTIONS, switches=("msc-1",))
    desk = Desk(options)
    desk.cut.add("msc-1")
    for _ in range(30):
        desk.report(caller=OTHER)
        desk.go(1.0)
    assert desk.ask() == NO


def test_a_node_without_a_switch_denies_nothing() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, switches=()))
    desk.go(100.0)
    assert desk.ask() == unknown("not-in-sync")


def test_a_switch_that_goes_silent_while_a_question_waits_makes_it_unknown() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, sync_seconds=1.5)).synced()
    desk.cut.update(OPTIONS.switches)
    desk.go(1.4)
    waiting = desk.put(desk.question(KEYS.of("beeline")[0]))
    assert isinstance(waiting, Pending)
    assert desk.end(waiting) == unknown("not-in-sync")


@pytest.mark.parametrize("step", [-3600.0, -5.0, -0.6, 0.6, 5.0, 3600.0])
def test_a_clock_that_was_set_makes_it_unknown_for_a_window(step: float) -> None:
    desk = Desk().synced()
    desk.wall += step
    assert desk.ask() == unknown("not-in-sync")
    desk.go(OPTIONS.window - 1.0)
    assert desk.ask() == unknown("not-in-sync")
    desk.go(2.0)
    assert desk.ask() == NO
    assert desk.ledger.counters["clock_set"] == 1


def test_a_clock_that_creeps_is_followed() -> None:
    desk = Desk().synced()
    for _ in range(3000):
        desk.wall += 0.0005
        desk.go(1.0)
    assert desk.ledger.counters["clock_set"] == 0
    assert desk.ask() == NO


@pytest.mark.parametrize("off", [-3600.0, -2.1, 2.1, 1e9, float("nan"), float("inf"), float("-inf")])
def test_an_asker_whose_clock_is_off_learns_nothing(off: float) -> None:
    desk = Desk().synced()
    desk.report()
    asked = desk.question(KEYS.of("beeline")[0])._replace(at=desk.wall + off)
    assert desk.put(asked) == unknown("clock")


@pytest.mark.parametrize("off", [-1.9, 1.9])
def test_clocks_may_differ_by_less_than_the_skew(off: float) -> None:
    desk = Desk().synced()
    assert desk.report(at=desk.wall - off) == ""
    assert desk.ask(at=desk.wall) == YES
    assert desk.ask(caller=OTHER, at=desk.wall + off) == NO


def test_a_question_that_reaches_back_too_little_gets_no_no() -> None:
    desk = Desk().synced()
    asked = desk.question(KEYS.of("beeline")[0])
    short = asked._replace(tokens=asked.tokens[-1:])
    assert desk.end(desk.put(short)) == unknown("too-few-tokens")
    same = asked._replace(tokens=asked.tokens[-1:] * len(asked.tokens))
    assert desk.end(desk.put(same)) == unknown("too-few-tokens")
    desk.report()
    assert desk.put(short) == YES


# Forged questions


def test_tokens_under_a_wrong_key_or_guessed_are_not_found() -> None:
    desk = Desk().synced()
    desk.report()
    forged = desk.question(pair("beeline", salt="guessed"))
    assert desk.end(desk.put(forged)) == NO
    of_t2 = desk.question(KEYS.of("t2")[0])._replace(key="2026-11")
    assert desk.put(of_t2._replace(tokens=(bytes(16), b"\xff" * 16, b"guess" + bytes(11)))) is not YES
    assert desk.put(AskedTokens("2025-01", forged.tokens, desk.wall)) == unknown("unknown-key")
    assert desk.put(forged, "tele9") == unknown("unknown-key")


def test_the_doubt_about_a_call_cannot_be_asked_for() -> None:
    desk = Desk().synced()
    desk.report(caller=CALLED)
    assert desk.ask(caller=CALLED) == unknown("doubtful")
    assert desk.ledger.counters["said_yes"] == 0


@pytest.mark.parametrize("tokens", [(), (b"short",), (bytes(17),)])
def test_questions_without_proper_tokens_are_malformed(tokens: tuple[bytes, ...]) -> None:
    desk = Desk().synced()
    assert desk.put(AskedTokens("2026-11", tokens, desk.wall)) == unknown("malformed")


def test_a_question_may_reach_back_further_but_not_for_ever() -> None:
    desk = Desk().synced()
    most = OPTIONS.most_tokens
    tokens = tuple(number.to_bytes(16, "big") for number in range(most + 1))
    assert desk.put(AskedTokens("2026-11", tokens, desk.wall)) == unknown("too-many-tokens")
    assert desk.end(desk.put(AskedTokens("2026-11", tokens[1:], desk.wall, "beeline", desk.ledger.plan.hash))) == NO


def test_a_member_that_asks_too_much_is_limited_and_the_others_are_not() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, questions_per_second=10, burst=15)).synced()
    desk.report()
    said = [desk.put(desk.question(KEYS.of("beeline")[0])) for _ in range(20)]
    assert said == [YES] * 15 + [unknown("limited")] * 5
    assert desk.ask(peer="t2") == YES
    desk.go(0.5)
    said = [desk.put(desk.question(KEYS.of("beeline")[0])) for _ in range(8)]
    assert said == [YES] * 5 + [unknown("limited")] * 3


def test_bad_questions_count_against_the_limit() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, questions_per_second=5)).synced()
    said = [desk.put(AskedTokens("nothing", (), 0.0)) for _ in range(6)]
    assert said == [unknown("unknown-key")] * 5 + [unknown("limited")]


def test_questions_that_wait_are_bounded() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, waiting=3)).synced()
    asked = [desk.put(desk.question(KEYS.of("beeline")[0], called=f"+7705000000{last}")) for last in range(4)]
    assert asked[3] == unknown("limited")
    desk.go(1.0)
    assert desk.said == [NO] * 3
    assert desk.ask() == NO


def test_a_tick_ends_a_bounded_number_and_asks_to_be_called_again() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, questions_per_second=10_000)).synced()
    for number in range(3_000):
        desk.put(desk.question(KEYS.of("beeline")[0], called=f"+7705{number:07}"))
    desk.now, desk.wall = desk.now + 0.2, desk.wall + 0.2
    desk.ledger.tick(desk.now, desk.wall)
    assert len(desk.said) == 2_000
    assert desk.ledger.deadline() <= desk.now
    desk.ledger.tick(desk.now, desk.wall)
    assert len(desk.said) == 3_000


# Keys in change


def test_while_two_keys_overlap_both_are_written_and_accepted() -> None:
    old, new = pair("beeline", "2026-11"), pair("beeline", "2026-12")
    desk = Desk(keys=Keys((old, new))).synced()
    desk.report()
    for key in (old, new):
        assert desk.put(desk.question(key)) == YES
        assert desk.end(desk.put(desk.question(key, caller=OTHER))) == NO


def test_under_a_new_key_nothing_is_denied_before_a_window_is_over() -> None:
    old, new = pair("beeline", "2026-11"), pair("beeline", "2026-12")
    desk = Desk(keys=Keys((old,))).synced()
    desk.report()
    assert desk.put(desk.question(new)) == unknown("unknown-key")
    desk.ledger.rekey(Keys((old, new)), desk.now)
    assert desk.put(desk.question(new)) == unknown("starting")
    assert desk.put(desk.question(old)) == YES
    desk.report(caller=OTHER)
    assert desk.put(desk.question(new, caller=OTHER)) == YES
    desk.go(OPTIONS.window + 0.1)
    assert desk.end(desk.put(desk.question(new, called=OTHER))) == NO
    desk.ledger.rekey(Keys((new,)), desk.now)
    assert desk.put(desk.question(old)) == unknown("unknown-key")
    assert desk.end(desk.put(desk.question(new, called=OTHER))) == NO


# Bounds


def test_a_full_store_refuses_the_report_and_denies_nothing_for_a_window() -> None:
    desk = Desk(dataclasses.replace(OPTIONS, records=4)).synced()
    assert [desk.report(caller=f"+7701000001{last}") for last in range(3)] == ["", "", "full"]
    assert desk.ask(caller="+77010000010") == YES
    assert desk.ask(caller="+77010000012") == unknown("not-in-sync")
    desk.go(OPTIONS.window + 1.0)
    assert desk.ask(caller=OTHER) == NO
    assert desk.store.counters["full"] >= 1
    desk.go(80.0)
    assert desk.report() == ""


def test_the_state_holds_counts_and_no_number() -> None:
    desk = Desk().synced()
    desk.report()
    desk.ask()
    state = str(desk.ledger.state())
    assert CALLER[1:] not in state
    assert "'taken': 1" in state


@pytest.mark.parametrize(
    "wrong",
    [{"ttl": 19.0}, {"grace": -0.1}, {"skew": -1.0}, {"before": 0.0}, {"sync_seconds": 0.0}, {"records": 0},
     {"questions_per_second": 0}, {"burst": -1}, {"waiting": 0}],
)  # fmt: skip
def test_options_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(TosqauylError):
        LedgerOptions("kcell", **wrong)  # type: ignore[arg-type]


def test_a_store_that_knows_no_beginning_is_never_complete() -> None:
    desk = Desk(store=MemoryStore(OPTIONS.ttl, OPTIONS.records, 0.0))
    desk.go(30.0)
    assert desk.ledger.in_sync(desk.now) == "starting"
    assert START > 0.0
