"""What every provider keeps to, and the script of the scripted one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes
from tosqauyl.state.provider import (
    ENDINGS,
    ORIGINATION,
    SAID,
    WHEREABOUTS,
    Answer,
    Line,
    NullProvider,
    Question,
    ScriptedProvider,
    load_script,
)

A, B = "+77011234567", "+77021234567"
LINES = st.builds(
    Line, st.sampled_from(["abroad", "home", "unknown"]), st.floats(0, 3), st.sampled_from(["", "timeout", "failed"])
)
PROVIDERS = st.one_of(
    st.builds(NullProvider), st.builds(ScriptedProvider, st.dictionaries(st.sampled_from([A, B]), LINES), LINES)
)
STEPS = st.lists(st.tuples(st.floats(0, 2), st.sampled_from([A, B, "x\udc80", ""]), st.floats(-1, 3)), max_size=12)


@given(PROVIDERS, STEPS)
def test_every_provider_answers_at_most_once_and_never_too_late(provider, steps):
    now, asked, answered = 0.0, [], []
    for passed, number, patience in steps:
        now += passed
        for answer in provider.poll(now):
            answered.append(answer)
            assert any(question.key == answer.key and now < question.until for question in asked)
        question = Question(WHEREABOUTS, number, now + patience)
        answer = provider.ask(question, now)
        asked.append(question)
        if answer is not None:
            assert answer.key == question.key
            answered.append(answer)
        due = provider.deadline()
        assert due is None or due > now
    answered += provider.poll(now + 100)
    assert provider.poll(now + 100) == []
    assert provider.deadline() is None
    assert all(answer.state in (*SAID[WHEREABOUTS], *ENDINGS) for answer in answered)
    for number in {question.number for question in asked}:
        assert sum(answer.key == number for answer in answered) <= sum(question.number == number for question in asked)


@given(PROVIDERS, st.lists(st.floats(-100, 100), min_size=1))
def test_a_clock_that_goes_back_does_no_harm(provider, times):
    for now in times:
        provider.ask(Question(WHEREABOUTS, A, now + 1), now)
        provider.poll(now)


def test_the_null_provider_knows_nobody():
    assert NullProvider().ask(Question(WHEREABOUTS, A, 1.0), 0.0) == Answer(A, "unknown")


SCRIPT = """
[default]
answer = "home"
delay = 0.05

[[number]]
number = "+77011234567"
answer = "abroad"

[[number]]
number = "+77021234567"
fault = "failed"
delay = 0.1

[[number]]
number = "+77051234567"
fault = "timeout"
"""


def test_a_script_is_followed():
    provider = load_script(SCRIPT, "script.toml")
    assert provider.ask(Question(WHEREABOUTS, A, 1.0), 0.0) == Answer(A, "abroad", "script")
    for number in (B, "+77051234567", "+77770000000"):
        assert provider.ask(Question(WHEREABOUTS, number, 1.0), 0.0) is None
    assert provider.deadline() == 0.05
    assert provider.poll(0.04) == []
    assert provider.poll(0.1) == [Answer("+77770000000", "home", "script"), Answer(B, "failed", "script")]
    assert provider.poll(100) == []


def test_the_script_also_says_whether_a_number_started_the_call():
    provider = load_script('[[number]]\nnumber = "+77011234567"\nstarted = "no"\n', "script.toml")
    question = Question(ORIGINATION, A, 1.0, "kcell", B, 0.0)
    assert provider.ask(question, 0.0) == Answer(f"{A}>{B}", "no", "script")
    with pytest.raises(FileMistakes, match="started = 'perhaps' cannot be"):
        load_script('[default]\nstarted = "perhaps"\n', "script.toml")


def test_an_answer_that_would_come_too_late_does_not_come():
    provider = ScriptedProvider(default=Line("abroad", delay=0.3))
    assert provider.ask(Question(WHEREABOUTS, A, 0.3), 0.0) is None
    assert provider.ask(Question(WHEREABOUTS, A, 0.31), 0.0) is None
    assert provider.poll(0.31) == []


def test_every_mistake_of_a_script_is_told_at_once():
    text = '[default]\nanswer = "away"\n[[number]]\ndelay = -1\n[[number]]\nnumber = "+7701"\ndelay = true\nspeed = 1\n[x]\n'
    with pytest.raises(FileMistakes) as caught:
        load_script(text, "s.toml")
    assert [mistake.line for mistake in caught.value.mistakes] == [2, 3, 7, 8, 9]
    with pytest.raises(FileMistakes, match="not TOML"):
        load_script("x = [", "s.toml")
