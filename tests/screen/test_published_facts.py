"""What the office publishes becomes facts of a call as if it stood in a list of the snapshot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.enrich import Signalled, add_published
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.indicators import Indicator, Indicators
from tosqauyl.state.published import NEVER, Change, Published
from tosqauyl.state.ranges import parse_pattern
from tosqauyl.state.subscribers import Subscribers

PLAN, POLICY = load_plan(), load_shipped()
SUBSCRIBERS = Subscribers(PLAN.mobile_codes, True)
TRUNK = Trunk("t", "international", trust=frozenset(("asserted",)))
AT = 1_790_000_000.0
POOL = ["+447700900111", "+447700900222", "+447700900333"]
LISTS = st.dictionaries(st.sampled_from(POOL), st.sampled_from(["block", "mark", "allow"]))
OWN = st.dictionaries(st.sampled_from(POOL), st.sampled_from(["block", "mark", "allow", "protected"]))


def engine(own, published=None):
    entries = [Indicator(f"own-{number}", kind, parse_pattern(number)) for number, kind in own.items()]
    made = Engine(
        Snapshot(POLICY, PLAN, Indicators(entries), SUBSCRIBERS, hash="tested"), FailurePolicy(), EngineOptions(True)
    )
    made.published = published
    return made


def publishing(listed, expires=NEVER):
    published = Published()
    published.apply(
        Change(seq, number, kind, expires, f"pub-{number}") for seq, (number, kind) in enumerate(listed.items(), 1)
    )
    return published


def said(presented, asserted=None):
    return Signalled(AT, "c", "k", "s", "udp", asserted, presented, None, "+77017654321")


STRENGTH = {"none": 0, "allow": 1, "mark": 2, "block": 3}


@given(OWN, LISTS, st.sampled_from(POOL), st.sampled_from([None, *POOL]))
def test_the_strongest_of_both_lists_and_both_numbers_counts(own, listed, presented, asserted):
    call = engine(own, publishing(listed)).facts(said(presented, asserted), TRUNK)
    shown = {presented, asserted} - {None}
    of_both = [one.get(number, "none") for one in (own, listed) for number in shown]
    assert call.listed == max((kind for kind in of_both if kind != "protected"), key=STRENGTH.get, default="none")
    assert call.protected == any(own.get(number) == "protected" for number in shown)
    if call.listed != "none":
        source, _, number = call.indicator.partition("-")
        assert {"own": own, "pub": listed}[source][number] == call.listed
        assert number in shown


@given(OWN, LISTS, st.sampled_from(POOL), st.sampled_from([None, *POOL]))
def test_nothing_but_the_facts_of_lists_changes(own, listed, presented, asserted):
    message = said(presented, asserted)
    plain = engine(own).facts(message, TRUNK)
    call = engine(own, publishing(listed)).facts(message, TRUNK)
    assert call._replace(listed="", indicator="") == plain._replace(listed="", indicator="")
    assert type(call) is type(plain)


def test_a_call_that_is_on_no_list_stays_the_same_object():
    call = engine({}).facts(said(POOL[0]), TRUNK)
    assert add_published(call, publishing({POOL[1]: "block"})) is call


@pytest.mark.parametrize(("expires", "listed"), [(AT + 0.001, "block"), (AT, "none"), (AT - 1.0, "none")])
def test_an_entry_expires_by_itself(expires, listed):
    call = engine({}, publishing({POOL[0]: "block"}, expires)).facts(said(POOL[0]), TRUNK)
    assert (call.listed, call.indicator) == (listed, f"pub-{POOL[0]}" if listed == "block" else "")


def test_a_published_block_stops_the_call_and_taking_it_back_lets_it_pass():
    published = publishing({POOL[0]: "block"})
    gate = engine({}, published)
    assert gate.decide(gate.facts(said(POOL[0]), TRUNK)).verdict == "stop"
    published.apply([Change(9, POOL[0], "none", NEVER, "")])
    assert gate.decide(gate.facts(said(POOL[0]), TRUNK)).verdict == "pass"


def test_an_allowance_of_the_office_lifts_no_block_of_the_gate_itself():
    gate = engine({POOL[0]: "block"}, publishing({POOL[0]: "allow"}))
    call = gate.facts(said(POOL[0]), TRUNK)
    assert (call.listed, call.indicator) == ("block", f"own-{POOL[0]}")
