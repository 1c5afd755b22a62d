"""Server transactions: the figures of RFC 3261 as a table, the open call's timers, the bounded table of answers."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.sip import transaction as t
from tosqauyl.sip.transaction import Event, State, Transactions

CORPUS = Path(__file__).parent.parent / "corpora" / "sip"
FIGURES = list(csv.DictReader((CORPUS / "transitions.csv").open(encoding="utf-8")))


def test_the_tables_are_figures_7_and_8_and_nothing_else() -> None:
    rows = {
        (r["figure"], State(r["state"]), Event(r["event"])): (State(r["after"]), r["send"] == "yes") for r in FIGURES
    }
    ours = {("7", *arrow): tuple(step) for arrow, step in t.INVITE_TABLE.items()}
    ours |= {("8", *arrow): tuple(step) for arrow, step in t.OTHER_TABLE.items()}
    assert ours == rows


@pytest.mark.parametrize("invite", [True, False])
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_an_event_without_an_arrow_changes_nothing(invite: bool, state: State, event: Event) -> None:
    table = t.INVITE_TABLE if invite else t.OTHER_TABLE
    if (state, event) not in table:
        assert t.step(invite, state, event) == (state, False)


def test_a_100_is_wanted_after_200_ms_and_only_once() -> None:
    call = t.opened(10.0)
    assert not t.wants_trying(call, 10.19)
    assert t.wants_trying(call, 10.2)
    call, sent = t.on_answer(call, 100, b"trying", 10.2)
    assert sent == b"trying"
    assert not t.wants_trying(call, 99.0)
    assert t.on_request(call) == (call, b"trying")


def test_after_a_100_the_final_answer_is_repeated_until_its_ack() -> None:
    call, _ = t.on_answer(t.opened(0.0), 100, b"trying", 0.2)
    call, sent = t.on_answer(call, 302, b"final", 1.0)
    assert sent == b"final"
    times = []
    while not call.is_over and len(times) < 50:
        now = call.due
        call, sent = t.on_time(call, now)
        times += [now] if sent else []
    assert times == [1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5]
    assert call.is_over


def test_without_a_100_the_final_answer_is_never_repeated_by_us() -> None:
    call, sent = t.on_answer(t.opened(0.0), 603, b"final", 0.1)
    assert sent == b"final"
    assert call.due == 0.1 + t.TIMEOUT
    call, sent = t.on_time(call, call.due)
    assert (call.state, sent) == (State.TERMINATED, b"")


def test_a_repeated_invite_fetches_the_final_answer() -> None:
    call, _ = t.on_answer(t.opened(0.0), 603, b"final", 0.1)
    assert t.on_request(call) == (call, b"final")


def test_the_ack_ends_the_repeating_and_is_absorbed_again() -> None:
    call, _ = t.on_answer(t.opened(0.0), 100, b"trying", 0.2)
    call, _ = t.on_answer(call, 302, b"final", 1.0)
    call, sent = t.on_ack(call, 1.1)
    assert (call.state, sent, call.due) == (State.CONFIRMED, b"", 1.1 + t.T4)
    assert t.on_ack(call, 1.2) == (call, b"")
    assert t.on_request(call) == (call, b"")
    assert t.on_time(call, 1.5) == (call, b"")
    call, _ = t.on_time(call, call.due)
    assert call.is_over


def test_an_ack_before_any_answer_and_a_second_final_answer_change_nothing() -> None:
    call = t.opened(0.0)
    assert t.on_ack(call, 0.1) == (call, b"")
    call, _ = t.on_answer(call, 487, b"487", 0.1)
    assert t.on_answer(call, 302, b"302", 0.2) == (call, b"")


def test_an_answer_is_kept_for_32_s_and_at_most_a_slot_longer() -> None:
    table = Transactions()
    assert table.put("k", "answer", 100.0) is False
    assert table.get("k") == "answer"
    assert table.expire(132.0) == 0
    assert table.get("k") == "answer"
    assert table.expire(132.1) == 1
    assert table.get("k") is None
    assert len(table) == 0


def test_putting_again_replaces_and_renews_nothing() -> None:
    table = Transactions()
    table.put("k", 1, 0.0)
    table.put("k", 2, 31.0)
    assert (table.get("k"), len(table)) == (2, 1)
    assert table.expire(32.2) == 1


def test_at_the_bound_the_oldest_slot_gives_one_up() -> None:
    table = Transactions(bound=3)
    assert [table.put(f"k{second}", second, float(second)) for second in range(5)] == [False, False, False, True, True]
    assert [table.get(f"k{second}") for second in range(5)] == [None, None, 2, 3, 4]
    assert len(table) == 3


def test_a_bound_of_one_keeps_working() -> None:
    table = Transactions(bound=1)
    for number in range(100):
        table.put(str(number), number, number / 7)
        assert len(table) == 1


def test_expiry_is_bounded_a_call_and_finishes_later() -> None:
    table = Transactions()
    for number in range(10):
        table.put(str(number), number, 0.0)
    assert table.expire(40.0, at_most=4) == 4
    assert table.expire(40.0, at_most=4) == 4
    assert table.expire(40.0, at_most=4) == 2
    assert table.expire(40.0, at_most=4) == 0


def test_a_clock_that_steps_back_loses_nothing() -> None:
    table = Transactions()
    table.put("a", 1, 100.0)
    table.put("b", 2, 50.0)
    assert table.expire(100.0) == 0
    assert (table.get("a"), table.get("b")) == (1, 2)
    assert table.expire(132.1) == 2


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), max_size=60), st.integers(1, 8))
def test_the_table_agrees_with_a_plain_model(puts: list[tuple[int, int]], bound: int) -> None:
    table, now, alive = Transactions(bound=bound), 0.0, {}
    for key, tenths in puts:
        now += tenths
        table.expire(now)
        alive = {k: at for k, at in alive.items() if int((now - 32.0) * 10) <= int(at * 10)}
        evicted = table.put(str(key), key, now)
        new = key not in alive
        alive.setdefault(key, now)
        assert evicted == (new and len(alive) > bound)
        if evicted:
            oldest = min(int(at * 10) for at in alive.values())
            gone = [k for k, at in alive.items() if int(at * 10) == oldest and table.get(str(k)) is None]
            assert len(gone) == 1
            del alive[gone[0]]
        assert len(table) == len(alive)
        assert all(table.get(str(k)) == k for k in alive)


def test_expiry_in_small_steps_keeps_up_with_any_rate():
    """As the gate's shell does it: after each batch, at most twice as many as the batch brought."""
    table = Transactions(1_000_000, keep=1.0)
    now, number, most = 0.0, 0, 0
    for _ in range(2000):
        for _ in range(64):
            table.put(f"k{number}", 1, now)
            number += 1
        now += 0.002  # 32,000 a second
        table.expire(now, 128)
        most = max(most, len(table))
    assert most <= 32_000 * 1.2
