"""One call explained: which rule decided and why it came first, what only watched, what spoke against the others, in every language."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from tosqauyl.errors import CALL_FAULTS
from tosqauyl.facts import FACTS, UNKNOWN_CALL, Call
from tosqauyl.ledger import call_words
from tosqauyl.ledger.explained import GROUPS, Explained, explain
from tosqauyl.ledger.search import Place, Wanted, id_window
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.load import Policy, load_policy, load_shipped
from tosqauyl.policy.rule import TIERS
from tosqauyl.record import DECISION_COLUMNS
from tosqauyl.screen.decision import Decision, chosen, decide, modes, settled
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.texts import LANGUAGES, Texts

AT = datetime(2026, 11, 30, 5, tzinfo=UTC).timestamp()
DAY = date(2026, 11, 30)
CALL = UNKNOWN_CALL._replace(
    at=AT, direction="international", caller="+77011234567", caller_kind="mobile", trunk="west"
)


def rule(name: str, when: str, verdict: str = "stop", **said: str) -> str:
    """A [[rule]] table."""
    values = {"class": "deterministic", "tier": "screen", "mode": "enforce", "reason": "custom"} | said
    lines = [f'{key} = "{value}"' for key, value in values.items() if key != "percent"]
    percent = f"percent = {values['percent']}\n" if "percent" in values else ""
    texts = "\n".join(f'{one} = "text of {name}"' for one in LANGUAGES)
    return (
        f'[[rule]]\nid = "{name}"\nwhen = """{when}"""\nverdict = "{verdict}"\nlaw = "law"\n' + "\n".join(lines)
        + f"\n{percent}[rule.text]\n{texts}\n[rule.why_mode]\n{texts}\n"
    )  # fmt: skip


def policy(*rules: str) -> Policy:
    return load_policy('[policy]\nname = "own"\ndated = 2026-11-01\n' + "\n".join(rules), "own.toml")


def row_of(call: Call, decision: Decision, known: Policy) -> dict[str, Any]:
    """What the journal has of a call."""
    decided = dict(zip((column.name for column in DECISION_COLUMNS), decision.row, strict=True))
    return (
        dict(zip(FACTS, call, strict=True))
        | decided
        | {"policy": known.hash, "snapshot": "", "elapsed_us": 80.0, "answer": 0}
    )


def decided(call: Call, known: Policy, enforce: bool = False) -> dict[str, Any]:
    """A call as the gate decides it and writes it down."""
    mask, now = known.hits(call), modes(known.rules, enforce, DAY)
    hold = chosen(mask, bucket(call.caller), known.rules)
    return row_of(call, decide(mask, known.rules, settled(now, hold)), known)


def parts(found: Explained) -> dict[str, str]:
    return {one.rule.id: one.part for one in found.rules}


def test_every_fact_stands_in_one_group_and_every_word_of_them_has_a_name():
    named = [name for members in GROUPS.values() for name in members]
    assert sorted(named) == sorted(FACTS)
    assert set(call_words.GROUP_NAMES) == set(GROUPS)
    assert set(call_words.TIERS) == set(TIERS)
    assert set(call_words.FAULTS) == {kind.value for kind in CALL_FAULTS}


@pytest.mark.parametrize(
    ("rules", "by", "said"),
    [
        ((rule("first", "caller_kind = 'mobile'"), rule("other", "caller_kind = 'fixed'")), "alone",
         {"first": "decided", "other": "no"}),
        ((rule("screens", "caller_kind = 'mobile'"), rule("listed", "trunk = 'west'", "mark", tier="listed")), "tier",
         {"screens": "outranked", "listed": "decided"}),
        ((rule("marks", "caller_kind = 'mobile'", "mark"), rule("stops", "trunk = 'west'")), "severity",
         {"marks": "outranked", "stops": "decided"}),
        ((rule("one", "caller_kind = 'mobile'"), rule("two", "trunk = 'west'")), "order", {"one": "decided", "two": "outranked"}),
        ((rule("watches", "caller_kind = 'mobile'", mode="monitor"), rule("too", "trunk = 'west'", mode="monitor")), "",
         {"watches": "would-decide", "too": "watched"}),
        ((rule("off", "caller_kind = 'mobile'", mode="off"),), "", {"off": "off"}),
    ],
)  # fmt: skip
def test_each_rule_says_what_it_had_to_do_with_the_verdict(rules, by, said):
    known = policy(*rules)
    found = explain(decided(CALL, known), known)
    assert (found.by, parts(found), found.is_same) == (by, said, True)


@pytest.mark.parametrize("enforce", [False, True])
def test_the_shipped_policy_gives_each_recorded_decision_again_with_or_without_enforce(enforce):
    known = load_shipped()
    for changed in (
        {},
        {"presented_kind": "mobile", "presented_subscriber": "home"},
        {"called_kind": "emergency"},
        {"listed": "block"},
    ):
        found = explain(decided(CALL._replace(**changed), known, enforce), known)
        assert found.is_same, changed
        assert found.held == known.hits(CALL._replace(**changed)).bit_count()


@pytest.mark.parametrize("percent", ["1", "99"])
def test_whether_a_canary_held_for_the_caller_is_told_also_where_his_number_is_a_token_now(percent):
    known = policy(rule("canary", "caller_kind = 'mobile'", mode="canary", percent=percent))
    row = decided(CALL, known)
    for caller in (CALL.caller, "t:0123456789abcdef"):
        found = explain(row | {"caller": caller}, known)
        assert found.is_same
        assert parts(found) == {"canary": "decided" if row["rule"] else "would-decide"}


def test_a_decision_that_the_policy_does_not_give_is_told_as_that():
    known = policy(rule("first", "caller_kind = 'mobile'"))
    found = explain(decided(CALL, known) | {"verdict": "pass", "reason": "none", "rule": ""}, known)
    assert not found.is_same
    assert "does not give the recorded decision" in call_words.policy_line(found, Texts("en"))


def test_what_a_fault_made_of_a_call_is_told_as_that():
    known = policy(rule("first", "caller_kind = 'fixed'"))
    call = CALL._replace(faults="policy_raised")
    last = FailurePolicy().last_resort(next(kind for kind in CALL_FAULTS if kind.value == "policy_raised"))
    found = explain(row_of(call, last, known), known)
    assert parts(found) == {"first": "not-looked-at"}
    assert "something failed" in call_words.summary(found, Texts("en"))
    assert "could not be evaluated" in " ".join(call_words.more(found, Texts("en")))


def test_what_spoke_against_a_rule_is_told_but_nothing_that_a_token_hides():
    known = policy(rule("first", "caller_kind = 'fixed' AND trunk = 'west' AND starts_with(called, '+7')"))
    call = CALL._replace(called="+77172555001")
    row = decided(call, known)
    for called in (call.called, "t:0123456789abcdef"):
        (one,) = explain(row | {"called": called}, known).rules
        assert call_words.against_text(one, Texts("en")) == "the kind of the calling number is Kazakh fixed line"


def test_rules_are_read_from_what_was_written_down_and_not_computed_again():
    known = policy(rule("first", "starts_with(called, '+7')"))
    row = decided(CALL._replace(called="+77172555001"), known)
    found = explain(row | {"called": "t:0123456789abcdef"}, known)
    assert parts(found) == {"first": "decided"}


def test_a_call_of_another_system_was_judged_by_nobody():
    row = decided(CALL, load_shipped())
    found = explain(row, load_shipped(), frozenset({"at", "caller", "called"}))
    assert (found.judged, found.rules) == (False, ())
    assert {one.state for one in found.facts if one.name == "trunk"} == {"not-recorded"}
    assert call_words.summary(found, Texts("en")).startswith("No gate judged this call")


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_said_in_every_language(language):
    t, known = Texts(language), load_shipped()
    call = CALL._replace(
        presented_kind="mobile",
        presented_subscriber="home",
        home_network="answered",
        home_source="camara",
        home_age=5.0,
    )
    found = explain(decided(call, known, True), known)
    texts = [
        call_words.summary(found, t),
        *call_words.more(found, t),
        call_words.policy_line(found, t),
        *call_words.network_said(found, t),
    ]
    texts += [call_words.fact_text(one, t) for one in found.facts]
    assert all(texts)
    assert len({call_words.summary(found, Texts(one)) for one in LANGUAGES}) == len(LANGUAGES)
    ended = {"answered": "yes", "duration": 42.0, "ringing": 3.0, "sip_code": 200, "q850": 16, "hung_up": "caller"}
    assert len(call_words.outcome_lines(ended, True, t)) == 5


def test_an_id_tells_the_moment_of_its_row_and_nothing_else_of_it():
    place = Place(AT + 0.123456, "gate:almaty-0123", "0000000001-20261130T050000Z", 7)
    assert place.id == Place(*(place.at, place.origin, place.batch, place.line)).id
    assert place.id.version == 8
    assert place.id != Place(place.at, place.origin, place.batch, 8).id
    window = id_window(place.id)
    assert window is not None
    assert window.first <= place.at < window.first + 1e-5
    assert id_window(UUID(int=7)) is None


def test_what_is_looked_for_is_text_to_the_database():
    condition = Wanted(trunk="x' OR '1'='1", calling=("+7'", "t:0")).condition()
    assert "trunk = 'x'' OR ''1''=''1'" in condition
    assert "caller IN ('+7''', 't:0')" in condition
