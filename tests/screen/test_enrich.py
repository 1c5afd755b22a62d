"""From what a message said to the facts of the call."""

from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.facts import FACTS
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.screen.enrich import Signalled, enrich
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.lists import load_lists
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.rates import Rates
from tosqauyl.state.subscribers import Subscribers

PLAN = load_plan()
RATES = list(FACTS)[list(FACTS).index("caller_calls_1s") : list(FACTS).index("user_agent")]
LISTS = """
[[indicator]]
id = "blocked-1"
kind = "block"
number = "+447700900666"
[[indicator]]
id = "friend-1"
kind = "allow"
number = "+447700900777"
"""
TRUSTED = Trunk("t", "international", trust=frozenset(("asserted", "remote_party")))


def known(complete: bool = True) -> Snapshot:
    subscribers = Subscribers(PLAN.mobile_codes, complete)
    subscribers.load([b"+77011111111\n"])
    return Snapshot(
        load_shipped(),
        PLAN,
        Indicators(load_lists([(LISTS, "l.toml")])),
        subscribers,
        NumberRanges(["+77019900000-+77019900999"]),
    )


KNOWN = known()


def said(**parts: object) -> Signalled:
    base = Signalled(1_790_000_000.0, "c", "k", "s", "udp", None, None, None, "+77017654321")
    return base._replace(**parts)


def facts(trunk: Trunk = TRUSTED, **parts: object):
    return enrich(said(**parts), trunk, KNOWN, None, 0.0, None)


def test_the_network_number_is_the_asserted_one_before_the_remote_party():
    call = facts(asserted="+447700900123", presented="+4915112345678", remote_party="+33612345678")
    assert (call.network, call.presented, call.remote_party) == ("+447700900123", "+4915112345678", "+33612345678")
    assert (call.caller, call.caller_source, call.identities) == ("+447700900123", "asserted", "differ")


def test_a_remote_party_speaks_for_the_network_where_it_is_trusted_and_nothing_is_asserted():
    call = facts(presented="+4915112345678", remote_party="+33612345678")
    assert (call.network, call.caller_source) == ("+33612345678", "remote_party")


def test_an_untrusted_asserted_identity_is_no_network_number():
    call = facts(Trunk("t", "international"), asserted="+447700900123", presented="+4915112345678")
    assert (call.network, call.network_kind, call.caller) == ("", "unknown", "+4915112345678")


def test_the_trunk_chooses_the_order_of_sources():
    trunk = Trunk("t", trust=frozenset(("asserted",)), primary=("presented", "asserted"))
    call = facts(trunk, asserted="+447700900123", presented="+4915112345678")
    assert (call.caller, call.caller_source) == ("+4915112345678", "presented")


def test_the_same_number_in_two_spellings_is_one_identity():
    assert facts(asserted="+77011111111", presented="8 701 111 11 11").identities == "same"


def test_an_anonymous_presentation_leaves_the_network_number_as_caller():
    call = facts(asserted="+77011111111", presented="anonymous")
    assert (call.caller, call.presented_form, call.identities) == ("+77011111111", "anonymous", "unknown")


def test_no_calling_number_at_all_is_a_fault_and_not_an_error():
    call = facts()
    assert (call.caller_source, call.faults) == ("none", "caller_missing")


def test_subscriber_states_are_known_for_each_calling_number():
    call = facts(asserted="+77011111111", presented="+77012222222", redirecting="+77011111111")
    assert (call.network_subscriber, call.presented_subscriber, call.redirecting_subscriber) == (
        "abroad",
        "home",
        "abroad",
    )


def test_a_listed_number_counts_in_either_place_and_block_is_stronger():
    assert facts(asserted="+447700900777", presented="+447700900666").listed == "block"
    assert facts(asserted="+447700900666", presented="+447700900777").indicator == "blocked-1"
    assert facts(presented="+447700900777").listed == "allow"


def test_ranges_of_trunk_and_roaming_numbers():
    trunk = Trunk("t", "domestic", ranges=NumberRanges(["+7717*"]))
    assert facts(trunk, presented="+77172123456").trunk_ranges == "inside"
    assert facts(trunk, presented="+77272123456").trunk_ranges == "outside"
    assert facts(presented="+77172123456").trunk_ranges == "unknown"
    assert facts(called="+77019900500").called_msrn
    assert not facts(called="+77019901000").called_msrn


def test_calls_are_counted_where_rates_are_given_and_only_there():
    rates = Rates(10, 10, 2)
    assert {getattr(facts(presented="+447700900123"), name) for name in RATES} == {-1}
    for count in range(1, 4):
        call = enrich(said(presented="+447700900123"), TRUSTED, KNOWN, rates, float(count), None)
        assert (call.caller_calls_1m, call.range_calls_1m, call.trunk_calls_1m, call.redials) == (count,) * 3 + (
            count - 1,
        )
        assert (call.caller_callees_1h, call.trunk_callees_1h, call.sequential, call.neighbour) == (1, 1, 1, 0)
    assert enrich(said(presented="+447700900999"), TRUSTED, KNOWN, rates, 4.0, None).range_calls_1h == 4
    assert enrich(said(presented="+447700900123"), TRUSTED, KNOWN, None, 5.0, None).caller_calls_1m == -1


def test_the_number_that_the_trunk_chose_is_counted():
    rates = Rates(10, 10, 2)
    parts = {"asserted": "+447700900123", "presented": "+77011111111", "called": "+77011111999"}
    assert enrich(said(**parts), TRUSTED, KNOWN, rates, 0.0, None).neighbour == 0
    call = enrich(said(**parts), Trunk("t", "international"), KNOWN, rates, 0.0, None)
    assert (call.caller_calls_1m, call.trunk_calls_1m, call.neighbour) == (1, 2, 7)


@given(st.sampled_from([None, "", "anonymous", "Bank", "1", "+7701", "070"]))
def test_a_call_without_a_number_to_count_by_is_not_counted(presented):
    rates = Rates(10, 10, 2)
    call = enrich(said(presented=presented), TRUSTED, KNOWN, rates, 0.0, None)
    if call.caller_kind == "unknown":
        assert {getattr(call, name) for name in RATES} == {-1}
        assert (len(rates), rates.ranges, rates.trunks) == (0, 0, 0)
    else:
        assert (call.caller_calls_1m, call.range_calls_1m) == (1, -1)


TEXT = st.none() | st.text(max_size=30) | st.from_regex(r"\A\+?[0-9]{0,16}\Z")


@given(TEXT, TEXT, TEXT, TEXT, st.text(max_size=20), st.text(max_size=40))
def test_any_text_gives_facts_of_the_right_types_and_choices(asserted, presented, party, redirecting, called, name):
    call = facts(
        asserted=asserted,
        presented=presented,
        remote_party=party,
        redirecting=redirecting,
        called=called,
        display_name=name,
    )
    counted = enrich(said(presented=presented, called=called), TRUSTED, KNOWN, Rates(2, 2, 2), 1.0, None)
    for name, fact in FACTS.items():
        value = getattr(call, name)
        assert type(value) is type(fact.about.unknown) is type(getattr(counted, name)), name
        assert not fact.about.choices or value in fact.about.choices, (name, value)
