"""Questions to home networks: each number asked about once, every asker told once, nothing left behind."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.gate.questions import Questions
from tosqauyl.screen.engine import Ask
from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Line, Question, ScriptedProvider

USUAL = Line("home", 0.1)


class Desk:
    def __init__(self, default=USUAL, **lines):
        self.counters = defaultdict(int)
        self.questions = Questions(ScriptedProvider(lines, default), self.counters)
        self.told = {}

    def ask(self, key, *numbers, now=0.0, until=0.3):
        self.questions.ask(
            key,
            Ask(tuple(Question(WHEREABOUTS, number, until) for number in numbers), until),
            now,
            lambda answers, at: self.tell(key, answers, at),
        )

    def tell(self, key, answers, at):
        assert key not in self.told, "told twice"
        assert all(answer.key == key for key, answer in answers.items())
        self.told[key] = {key: answer.state for key, answer in answers.items()}, at


def test_an_answer_that_is_there_is_told_at_once():
    desk = Desk(Line("abroad"))
    desk.ask("a", "+1", "+2", now=5.0, until=5.3)
    assert desk.told == {"a": ({"+1": "abroad", "+2": "abroad"}, 5.0)}
    assert len(desk.questions) == 0
    assert desk.questions.deadline() is None


def test_two_calls_about_one_number_ask_once_and_are_both_told():
    desk = Desk()
    desk.ask("a", "+1")
    desk.ask("b", "+1", now=0.05, until=0.35)
    desk.questions.tick(0.1)
    assert desk.told == {"a": ({"+1": "home"}, 0.1), "b": ({"+1": "home"}, 0.1)}
    assert desk.counters == {"asked": 1, "answer_home": 2}


def test_what_does_not_come_in_time_is_a_timeout_beside_what_came():
    desk = Desk(Line("home", 0.1), **{"+2": Line("home", 9.0)})
    desk.ask("a", "+1", "+2")
    desk.questions.tick(0.29)
    assert desk.told == {}
    desk.questions.tick(0.3)
    assert desk.told == {"a": ({"+1": "home", "+2": "timeout"}, 0.3)}
    assert len(desk.questions) == 0


def test_an_answer_in_the_same_turn_as_the_deadline_is_in_time():
    desk = Desk(Line("home", 0.29))
    desk.ask("a", "+1")
    desk.questions.tick(0.295)
    assert desk.told["a"][0] == {"+1": "home"}


def test_who_is_forgotten_is_never_told_and_the_others_are():
    desk = Desk()
    desk.ask("a", "+1")
    desk.ask("b", "+1")
    desk.questions.forget("a")
    desk.questions.forget("nobody")
    desk.questions.tick(0.5)
    assert set(desk.told) == {"b"}


def test_answers_that_nobody_waits_for_are_not_hoarded():
    desk = Desk()
    for place in range(10):
        desk.ask("a", f"+{place}")
        desk.questions.forget("a")
    desk.questions.tick(0.2)
    assert desk.questions.provider._coming == []


def test_the_deadline_is_the_next_answer_or_the_end_of_patience():
    desk = Desk(Line("home", 0.1))
    assert desk.questions.deadline() is None
    desk.ask("a", "+1")
    assert desk.questions.deadline() == pytest.approx(0.1)
    never = Desk(Line("home", 0.0, "timeout"))
    never.ask("a", "+1")
    assert never.questions.deadline() == pytest.approx(0.3)


LINES = st.builds(
    Line, st.sampled_from(["abroad", "home", "unknown"]), st.floats(0, 0.5), st.sampled_from(["", "timeout", "failed"])
)
NUMBERS = st.sampled_from(["+1", "+2", "+3"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.lists(NUMBERS, min_size=1, max_size=3, unique=True),
        st.floats(0, 0.2),
        st.booleans(),
    ),
    max_size=20,
)


@given(st.fixed_dictionaries({"+1": LINES, "+2": LINES, "+3": LINES}), STEPS)
def test_every_asker_is_told_once_about_each_number_and_nothing_is_left(lines, steps):
    desk, now, asked = Desk(**lines), 0.0, {}
    for place, (name, numbers, pause, forget) in enumerate(steps):
        now += pause
        desk.questions.tick(now)
        key = f"{name}{place}"
        desk.ask(key, *numbers, now=now, until=now + 0.3)
        asked[key] = now, numbers
        if forget and key not in desk.told:
            desk.questions.forget(key)
            del asked[key]
    desk.questions.tick(now + 0.3)
    assert set(desk.told) == set(asked)
    for key, (answers, at) in desk.told.items():
        assert set(answers) == set(asked[key][1])
        assert at <= now + 0.3
    assert len(desk.questions) == 0
    assert not desk.questions._by_key
    assert desk.questions.deadline() is None


def test_where_somebody_is_and_whether_he_started_the_call_are_two_questions():
    desk = Desk(Line("home", 0.1, started="no"))
    asked = Question(WHEREABOUTS, "+1", 0.3), Question(ORIGINATION, "+1", 0.3, "kcell", "+2", 1.0)
    desk.questions.ask("a", Ask(asked, 0.3), 0.0, lambda answers, at: desk.tell("a", answers, at))
    desk.questions.tick(0.1)
    assert desk.told == {"a": ({"+1": "home", "+1>+2": "no"}, 0.1)}
