"""Networks: each question goes to the operator it is about, and the asker is woken once for what came together."""

import asyncio
import json
from collections import defaultdict

from desk_cases import WALL, ScriptedBackend, failure, wall
from hypothesis import given
from hypothesis import strategies as st
from virtual_loop import run

from tosqauyl.gate.questions import Questions
from tosqauyl.networks.desk import Senses, origination_desk, whereabouts_desk
from tosqauyl.networks.options import DeskOptions
from tosqauyl.networks.provider import Networks
from tosqauyl.screen.engine import Ask
from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Answer, Question

SENSES = Senses(wall, lambda: 0.0)


class Country:
    """Two operators, of which one keeps a ledger; and the gate's questions to them."""

    def __init__(self):
        self.kcell, self.beeline = ScriptedBackend("abroad"), ScriptedBackend("home")
        self.ledger = ScriptedBackend("yes")
        self.networks = Networks(
            {
                "kcell": whereabouts_desk("sh", self.kcell, DeskOptions(), SENSES),
                "beeline": whereabouts_desk("redis", self.beeline, DeskOptions(), SENSES),
            },
            {"kcell": origination_desk(self.ledger, SENSES)},
        )
        self.woken = 0
        self.networks.wake_by(self._wake)

    def _wake(self):
        self.woken += 1

    @property
    def now(self):
        return asyncio.get_running_loop().time()

    def ask(self, number, operator="kcell", called="", wait=0.3):
        kind = ORIGINATION if called else WHEREABOUTS
        return self.networks.ask(Question(kind, number, self.now + wait, operator, called, WALL), self.now)


def test_each_question_goes_to_its_operator_and_all_answers_come_in_one_batch():
    async def scenario():
        country = Country()
        assert [country.ask("+1"), country.ask("+2", "beeline"), country.ask("+1", called="+9")] == [None] * 3
        await asyncio.sleep(0.1)
        assert country.woken == 1
        assert {(answer.key, answer.state, answer.source) for answer in country.networks.poll(country.now)} == {
            ("+1", "abroad", "sh"), ("+2", "home", "redis"), ("+1>+9", "yes", "none"),
        }  # fmt: skip
        assert country.networks.poll(country.now) == []
        assert country.networks.deadline() is None
        assert (list(country.kcell.asked), list(country.beeline.asked), list(country.ledger.asked)) == (
            ["+1"], ["+2"], ["+1>+9"],
        )  # fmt: skip

    run(scenario())


def test_an_operator_that_takes_no_questions_is_told_at_once_and_counted():
    async def scenario():
        country = Country()
        assert country.ask("+3", "tele2") == Answer("+3", "not_enrolled")
        assert country.ask("+3", "") == Answer("+3", "not_enrolled")
        assert country.ask("+3", "beeline", "+9") == Answer("+3>+9", "not_enrolled")
        assert country.networks.state(country.now)["not_enrolled"] == {WHEREABOUTS: 2, ORIGINATION: 1}

    run(scenario())


def test_an_origination_without_a_called_number_is_never_taken_for_whereabouts():
    async def scenario():
        country = Country()
        question = Question(ORIGINATION, "+1", country.now + 1.0, "kcell")
        assert country.networks.ask(question, country.now) == Answer("+1", "failed")

    run(scenario())


def test_what_is_polled_too_late_is_dropped():
    async def scenario():
        country = Country()
        country.ask("+1")
        await asyncio.sleep(0.3)
        assert country.networks.poll(country.now) == []

    run(scenario())


def test_answers_nobody_polled_for_do_not_keep_the_next_from_waking():
    async def scenario():
        country = Country()
        country.ask("+1")
        await asyncio.sleep(1.0)
        country.ask("+2")
        await asyncio.sleep(0.1)
        assert country.woken == 2
        assert [answer.key for answer in country.networks.poll(country.now)] == ["+2"]

    run(scenario())


def test_the_status_says_who_is_in_trouble_and_why():
    async def scenario():
        country = Country()
        country.kcell.state = failure("down")
        country.ledger.state = failure("refused")
        for place in range(5):
            country.ask(f"+{place}")
            country.ask(f"+{place}", called="+9")
        await asyncio.sleep(0.1)
        state = country.networks.state(country.now)
        assert state["troubles"] == ["home-network-down", "origination-refused"]
        desk = state["operators"]["kcell"][WHEREABOUTS]
        assert (desk["way"], desk["breaker"]["state"], desk["counters"]["down"]) == ("sh", "open", 5)
        assert desk["last_failure"] == {"kind": "down", "detail": "as told", "seconds_ago": 0.1}
        assert json.loads(json.dumps(state)) == state
        assert not any(digits in json.dumps(state) for digits in ("+1", "+9"))
        await country.networks.close()
        assert country.kcell.is_closed
        assert country.ledger.is_closed

    run(scenario())


CALLS = st.tuples(
    st.sampled_from(["+1", "+2", "+3"]),
    st.sampled_from(["abroad", "home", "down"]),
    st.floats(0.0, 0.6),
    st.floats(0, 0.3),
)


@given(st.lists(CALLS, max_size=30))
def test_every_call_of_a_gate_is_told_once_within_its_time(calls):
    async def scenario():
        country, told, loop = Country(), {}, asyncio.get_running_loop()
        questions = Questions(country.networks, defaultdict(int))
        country.networks.wake_by(lambda: questions.tick(loop.time()))

        def tell(call, until, number, answers, now):
            assert call not in told
            assert now <= until + 0.05
            assert set(answers) == {number}
            told[call] = answers[number].state

        for call, (number, says, seconds, pause) in enumerate(calls):
            country.kcell.seconds = seconds
            country.kcell.says[number] = failure(says) if says == "down" else says
            until = loop.time() + 0.3
            ask = Ask((Question(WHEREABOUTS, number, until, "kcell"),), until)
            questions.ask(str(call), ask, loop.time(), lambda *said, c=call, u=until, n=number: tell(c, u, n, *said))
            loop.call_at(until, lambda: questions.tick(loop.time() + 1e-6))
            await asyncio.sleep(pause)
        await asyncio.sleep(1.0)
        assert len(told) == len(calls)
        assert set(told.values()) <= {"abroad", "home", "failed", "timeout", "unavailable"}

    run(scenario())
