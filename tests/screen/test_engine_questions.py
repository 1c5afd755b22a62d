"""What is asked before a call is decided, whom, and what the answers make of its facts."""

import pytest

from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.screen.engine import Engine, EngineOptions, answered
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Answer, Question
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.subscribers import Subscribers

KCELL, BEELINE, FIXED, CALLED = "+77011234567", "+77051234567", "+77172123456", "+77272111111"


def engine(ported=None, **options):
    plan = load_plan(ported or {})
    known = Snapshot(load_shipped(), plan, Indicators(()), Subscribers(plan.mobile_codes))
    return Engine(known, FailurePolicy(), EngineOptions(**{"asks": True, "originations": True, **options}))


def call(caller=KCELL, kind="mobile", operator="kcell", **facts):
    same = {"caller": caller, "network": caller, "presented": caller, "caller_operator": operator}
    same |= {"called": CALLED, "called_kind": "fixed"}
    kinds = {"caller_kind": kind, "network_kind": kind, "presented_kind": kind}
    return UNKNOWN_CALL._replace(**{"direction": "international", "at": 5.0, **same, **kinds, **facts})


def asked(engine, call):
    found = engine.question(call, 100.0)
    return () if found is None else found.questions


def test_a_mobile_of_unknown_place_is_asked_about_once_and_its_operator_about_the_call():
    until = 100.3
    assert asked(engine(), call()) == (
        Question(WHEREABOUTS, KCELL, until, "kcell"),
        Question(ORIGINATION, KCELL, until, "kcell", CALLED, 5.0),
    )


def test_two_numbers_are_asked_about_apart_each_at_its_own_operator():
    found = asked(engine(originations=False), call(presented=BEELINE))
    assert [(one.number, one.operator) for one in found] == [(KCELL, "kcell"), (BEELINE, "beeline")]


def test_the_operator_that_a_number_was_ported_to_is_asked_and_not_that_of_its_code():
    found = asked(engine({BEELINE: "t2"}, originations=False), call(presented=BEELINE))
    assert [(one.number, one.operator) for one in found] == [(KCELL, "kcell"), (BEELINE, "t2")]


@pytest.mark.parametrize("state", ["home", "abroad"])
def test_where_the_place_is_known_only_the_call_is_asked_about(state):
    found = asked(engine(), call(network_subscriber=state, presented_subscriber=state))
    assert [one.kind for one in found] == [ORIGINATION]


def test_a_fixed_line_is_asked_about_at_the_operator_whose_ranges_hold_it():
    lines = ((NumberRanges(("+7727*",)), "other"), (NumberRanges(("+77172*",)), "kazakhtelecom"))
    found = asked(engine(lines=lines), call(FIXED, "fixed", ""))
    assert [(one.kind, one.operator) for one in found] == [(ORIGINATION, "kazakhtelecom")]
    assert [one.operator for one in asked(engine(), call(FIXED, "fixed", ""))] == [""]


def test_of_a_forwarded_call_the_first_leg_is_asked_about_for_that_is_what_the_switch_saw():
    forwarded = call(redirecting=BEELINE, redirecting_kind="mobile", redirecting_subscriber="abroad", redirections=1)
    (found,) = [one for one in asked(engine(), forwarded) if one.kind == ORIGINATION]
    assert found.called == BEELINE
    assert answered(forwarded, {found.key: Answer(found.key, "yes")}).originated == "yes"


@pytest.mark.parametrize("facts", [{"redirections": 2}, {"redirecting_kind": "foreign"}, {"redirecting": "102"}])
def test_where_nobody_can_tell_whom_the_caller_called_his_operator_is_not_asked(facts):
    forwarded = {"redirecting": BEELINE, "redirecting_kind": "mobile", "redirections": 1, **facts}
    assert ORIGINATION not in [one.kind for one in asked(engine(), call(**forwarded))]


@pytest.mark.parametrize(
    "facts",
    [
        {"direction": "domestic"},
        {"direction": "unknown"},
        {"caller_kind": "foreign", "network_kind": "foreign", "presented_kind": "foreign"},
        {"caller_kind": "emergency", "network_kind": "emergency", "presented_kind": "emergency"},
    ],
)
def test_nobody_is_asked_about_calls_that_no_answer_would_change(facts):
    assert asked(engine(), call(**facts)) == ()


def test_a_called_number_that_could_not_be_read_is_not_asked_about():
    assert [one.kind for one in asked(engine(), call(called="102"))] == [WHEREABOUTS]


def test_an_answer_becomes_a_fact_with_its_source_and_age():
    found = answered(call(), {KCELL: Answer(KCELL, "home", "camara", 3.0)})
    assert (found.network_subscriber, found.presented_subscriber, found.home_network) == ("home", "home", "answered")
    assert (found.home_source, found.home_age, found.origination) == ("camara", 3.0, "not_asked")


@pytest.mark.parametrize("ending", ["unknown", "not_enrolled", "unavailable", "timeout", "failed"])
def test_whatever_is_not_an_answer_leaves_the_place_unknown_and_says_why(ending):
    found = answered(call(), {KCELL: Answer(KCELL, ending)})
    assert (found.network_subscriber, found.home_network, found.home_source) == ("unknown", ending, "none")
    assert found.faults == {"timeout": "provider_timeout", "failed": "provider_failed"}.get(ending, "")


def test_of_two_endings_the_most_worrying_one_is_told():
    answers = {KCELL: Answer(KCELL, "abroad", "sh", 1.0), BEELINE: Answer(BEELINE, "timeout")}
    found = answered(call(presented=BEELINE), answers)
    assert (found.network_subscriber, found.presented_subscriber, found.home_network) == (
        "abroad",
        "unknown",
        "timeout",
    )
    assert (found.home_source, found.home_age) == ("sh", 1.0)


def test_source_and_age_stay_those_of_the_caller_when_another_number_is_asked_about():
    known = {"network_subscriber": "home", "home_source": "feed", "home_age": 9000.0}
    found = answered(call(presented=BEELINE, **known), {BEELINE: Answer(BEELINE, "abroad", "sh", 1.0)})
    assert (found.presented_subscriber, found.home_source, found.home_age) == ("abroad", "feed", 9000.0)


@pytest.mark.parametrize("word", ["yes", "no", "not_here"])
def test_the_word_of_the_operator_on_the_call_is_a_fact_of_its_own(word):
    key = f"{KCELL}>{CALLED}"
    found = answered(call(), {key: Answer(key, word)})
    assert (found.originated, found.origination, found.home_network) == (word, "answered", "not_asked")


@pytest.mark.parametrize("ending", ["unknown", "not_enrolled", "unavailable", "timeout", "failed"])
def test_a_ledger_that_says_nothing_is_never_a_no(ending):
    key = f"{KCELL}>{CALLED}"
    found = answered(call(), {key: Answer(key, ending)})
    assert (found.originated, found.origination) == ("unknown", ending)
    assert engine(enforce=True).decide(found).verdict == "pass"
