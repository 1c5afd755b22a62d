"""The desk: every asker gets at most one answer, in time, however the network behaves; and every outcome is counted."""

import asyncio
from pathlib import Path

import pytest
from desk_cases import Front, ScriptedBackend, failure, wall
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_loop import run

from tosqauyl.networks.backend import FAILURES
from tosqauyl.networks.breaker import CLOSED, OPEN
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.options import DeskOptions
from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Answer


def virtual(scenario):
    """A test that runs in a loop with its own clock."""

    def test():
        run(scenario())

    test.__name__ = scenario.__name__
    return test


@virtual
async def test_an_answer_comes_with_its_source_and_its_age():
    front = Front(ScriptedBackend(age=12.0))
    assert front.ask() is None
    await asyncio.sleep(0.1)
    ((answer, at),) = front.told
    assert answer == Answer("+1", "home", "camara", pytest.approx(12.0))
    assert at == pytest.approx(1000.02)
    assert front.counted == {"asked": 1, "answered_home": 1}
    assert (front.desk.in_flight, front.desk.lingering) == (0, 0)


@virtual
async def test_the_next_call_is_answered_from_the_cache_until_it_is_old():
    front = Front()
    await front.answer()
    assert front.ask() == Answer("+1", "home", "camara", pytest.approx(0.28))
    await asyncio.sleep(60.0)
    assert front.ask() is None
    assert front.counted == {"asked": 2, "answered_home": 1, "cached": 1}


@virtual
async def test_one_question_serves_all_who_ask_meanwhile():
    front = Front()
    for _ in range(100):
        assert front.ask() is None
    await asyncio.sleep(0.1)
    assert len(front.told) == len(front.backend.asked) == 1
    assert front.counted == {"asked": 1, "coalesced": 99, "answered_home": 1}


@virtual
async def test_whoever_joins_may_wait_longer_than_the_first():
    front = Front(ScriptedBackend(seconds=0.4))
    front.ask(wait=0.3)
    await asyncio.sleep(0.2)
    front.ask(wait=0.3)
    await asyncio.sleep(1.0)
    assert [answer.state for answer, _ in front.told] == ["home"]
    assert "timeout" not in front.counted


@virtual
async def test_what_comes_too_late_is_told_to_nobody_but_serves_the_next_call():
    front = Front(ScriptedBackend(seconds=1.0))
    assert await front.answer() is None
    assert (front.desk.in_flight, front.desk.lingering) == (1, 1)
    await asyncio.sleep(1.0)
    assert front.told == []
    assert front.ask().state == "home"
    assert front.counted == {"asked": 1, "timeout": 1, "late": 1, "cached": 1}
    assert (front.desk.in_flight, front.desk.lingering) == (0, 0)


@virtual
async def test_whoever_asks_again_meanwhile_joins_the_late_question():
    front = Front(ScriptedBackend(seconds=0.5))
    assert await front.answer() is None
    assert (await front.answer()).state == "home"
    assert len(front.backend.asked) == 1


@virtual
async def test_a_number_that_is_asked_about_all_the_time_does_not_keep_a_lost_question_open():
    front = Front(ScriptedBackend(seconds=3600.0))
    for _ in range(95):
        front.ask()
        await asyncio.sleep(0.1)
    assert len(front.backend.asked) == 3
    assert (front.counted["timeout"], front.backend.cancelled) == (2, 2)


@virtual
async def test_nobody_lingers_for_ever():
    front = Front(ScriptedBackend(seconds=3600.0))
    front.ask()
    await asyncio.sleep(2.2)
    assert front.desk.in_flight == 1
    await asyncio.sleep(0.2)
    assert (front.desk.in_flight, front.desk.lingering, front.backend.cancelled) == (0, 0, 1)


@virtual
async def test_only_so_many_linger():
    front = Front(ScriptedBackend(seconds=3600.0), DeskOptions(lingering=3))
    for place in range(10):
        front.ask(f"+{place}")
    await asyncio.sleep(0.4)
    assert (front.desk.in_flight, front.desk.lingering, front.backend.cancelled) == (3, 3, 7)


@virtual
async def test_what_is_more_than_the_network_should_bear_is_not_asked():
    front = Front(options=DeskOptions(in_flight=2))
    assert [front.ask(f"+{place}") for place in range(3)] == [None, None, Answer("+2", "unavailable")]
    assert front.counted == {"asked": 2, "full": 1}


@virtual
async def test_a_question_nobody_waits_for_is_not_asked():
    front = Front()
    assert front.ask(wait=0.0) is None
    await asyncio.sleep(1.0)
    assert not front.backend.asked
    assert front.counted == {"overdue": 1}


@pytest.mark.parametrize("kind", FAILURES)
def test_each_way_to_fail_is_counted_and_failed(kind):
    async def scenario():
        front = Front(ScriptedBackend(failure(kind)))
        assert await front.answer() == Answer("+1", "failed")
        assert front.counted == {"asked": 1, kind: 1}
        assert front.desk.state(front.now)["last_failure"] == {"kind": kind, "detail": "as told", "seconds_ago": 0.3}

    run(scenario())


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("+77010000001"), asyncio.CancelledError(), "abraod", failure("new kind")]
)
def test_whatever_a_backend_does_wrong_is_counted_as_a_bug_and_names_no_number(bug):
    async def scenario():
        front = Front(ScriptedBackend(bug))
        assert await front.answer() == Answer("+1", "failed")
        assert front.counted == {"asked": 1, "bug": 1}
        assert "7701" not in str(front.desk.state(front.now))
        assert front.desk.in_flight == 0

    run(scenario())


@virtual
async def test_a_home_that_the_network_knew_long_ago_is_unknown():
    front = Front(ScriptedBackend(age=901.0))
    assert await front.answer() == Answer("+1", "unknown", "camara")
    assert front.counted == {"asked": 1, "stale": 1}
    assert front.ask() == Answer("+1", "unknown", "camara")


@virtual
async def test_what_grew_old_while_the_machine_was_suspended_is_asked_anew():
    front, slept = Front(), [0.0]
    front.desk._senses = Senses(lambda: wall() + slept[0], lambda: 0.0)
    await front.answer()
    slept[0] = 901.0  # the monotonic clock stood still meanwhile
    assert front.ask() is None
    assert front.counted == {"asked": 2, "answered_home": 1}


@virtual
async def test_an_answer_from_the_future_is_wrong():
    front = Front(ScriptedBackend(age=-3600.0))
    assert await front.answer() == Answer("+1", "failed")
    assert front.counted == {"asked": 1, "wrong": 1}


@virtual
async def test_a_network_that_fails_is_spared_and_tried_again_with_one_question():
    front = Front(ScriptedBackend(failure("down")))
    for place in range(5):
        await front.answer(f"+{place}", wait=0.1)
    assert front.desk.breaker.state == OPEN
    assert front.ask("+5") == Answer("+5", "unavailable")
    assert front.desk.troubles(front.now) == ["down"]
    front.backend.state = "abroad"
    await asyncio.sleep(1.0)
    assert [front.ask(f"+{place}") for place in range(6, 9)] == [
        None,
        *(Answer(f"+{n}", "unavailable") for n in (7, 8)),
    ]
    await asyncio.sleep(0.1)
    for place in range(9, 11):
        assert (await front.answer(f"+{place}", wait=0.1)).state == "abroad"
    assert (front.desk.breaker.state, front.desk.troubles(front.now)) == (CLOSED, [])
    assert front.counted == {"asked": 8, "down": 5, "answered_abroad": 3, "spared": 3}


@virtual
async def test_a_network_that_answers_too_late_is_spared_too():
    front = Front(ScriptedBackend(seconds=5.0))
    for place in range(5):
        front.ask(f"+{place}")
    await asyncio.sleep(0.31)
    assert front.ask("+9") == Answer("+9", "unavailable")


@virtual
async def test_a_network_is_not_blamed_for_what_held_up_this_process():
    front = Front()
    for place in range(5):
        front.ask(f"+{place}")
    asyncio.get_running_loop().held_up(1.0)
    await asyncio.sleep(0.1)
    assert front.desk.breaker.state == CLOSED
    assert front.told == []
    assert front.counted == {"asked": 5, "timeout": 5, "held_up": 5, "late": 5}


@virtual
async def test_one_number_that_cannot_be_answered_does_not_open_the_breaker_for_all():
    front = Front(ScriptedBackend(**{"+1": failure("malformed")}))
    for _ in range(3000):
        front.ask()
        await asyncio.sleep(0.001)
    assert front.desk.breaker.state == CLOSED
    assert front.counted["malformed"] == 3


@virtual
async def test_too_many_timeouts_are_a_trouble():
    front = Front()
    for place in range(100):
        front.backend.seconds = 0.5 if place % 10 == 0 else 0.02
        front.ask(f"+{place}")
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    assert front.desk.troubles(front.now) == ["slow"]
    recent = front.desk.state(front.now)["recent"]
    assert recent == {"ended": 100, "timeout_share": 0.1, "p50_ms": 32.768, "p99_ms": 524.288}
    await asyncio.sleep(120.0)
    assert front.desk.troubles(front.now) == []


@virtual
async def test_an_answer_about_one_call_never_serves_the_next():
    front = Front(ScriptedBackend("no"), kind=ORIGINATION)
    assert await front.answer(called="+2") == Answer("+1>+2", "no")
    assert await front.answer(called="+2") == Answer("+1>+2", "no")
    assert front.counted == {"asked": 2, "answered_no": 2}


@virtual
async def test_closing_lets_go_of_everything():
    front = Front(ScriptedBackend(seconds=3600.0))
    front.ask()
    await asyncio.sleep(0.01)
    await front.desk.close()
    assert (front.backend.cancelled, front.backend.is_closed, front.told) == (1, True, [])


@pytest.mark.parametrize("kind", [WHEREABOUTS, ORIGINATION])
def test_every_counter_is_explained(kind):
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text("utf-8")
    assert [name for name in Front(kind=kind).desk.tally.counters if f"`{name}`" not in page] == []


BEHAVIOUR = st.sampled_from(["abroad", "home", "unknown", "down", "malformed", "bug"])
CALLS = st.tuples(
    st.sampled_from(["+1", "+2", "+3"]), st.floats(0, 0.5), st.floats(0, 1.5), BEHAVIOUR, st.floats(0.001, 0.5)
)


@settings(max_examples=200)
@given(st.lists(CALLS, max_size=40))
def test_every_asker_has_exactly_one_ending_and_every_question_one_outcome(calls):
    async def scenario():
        front = Front()
        backend, now_or_later, waited = front.backend, 0, 0
        for number, pause, seconds, says, wait in calls:
            backend.seconds = seconds
            backend.says[number] = failure(says) if says in FAILURES else ValueError() if says == "bug" else says
            before = len(front.told)
            told = front.ask(number, wait)
            now_or_later += told is not None
            waited += told is None
            await asyncio.sleep(pause)
            keys = [answer.key for answer, _ in front.told[before:]]
            assert told is None or keys.count(number) == 0, "told at once is not told again"
            assert all(keys.count(key) <= 2 for key in keys)
        await asyncio.sleep(5.0)
        counts = front.desk.tally.counters
        assert now_or_later == counts["cached"] + counts["cached_failed"] + counts["full"] + counts["spared"]
        assert waited == counts["asked"] + counts["coalesced"] + counts["overdue"]
        asides = ("asked", "cached", "cached_failed", "coalesced", "spared", "full", "overdue", "late", "held_up")
        assert counts["asked"] == sum(count for name, count in counts.items() if name not in asides)
        assert len(front.told) <= counts["asked"]
        assert (front.desk.in_flight, front.desk.lingering, len(front.desk._open)) == (0, 0, 0)

    run(scenario())
