"""Rates against a brute-force model: a list of all calls, and the window semantics of docs/rates.md written out."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.facts import FACTS
from tosqauyl.state.rates import Rates, RatesOptions, not_counted

NAMES = list(FACTS)[list(FACTS).index("caller_calls_1s") : list(FACTS).index("user_agent")]
WINDOWS = {"1s": 1, "1m": 60, "10m": 600, "1h": 3600}
"""Seconds."""
WHO = ("caller", "range", "trunk")

CALLERS = ["+77011112222", "+77011113333", "+77011124444", "+447700900123", "+447700900999", "+447700910000", "102"]
CALLED = [f"+770176543{last}" for last in (20, 21, 23, 30, 31, 40, 51)] + [
    "+77011112222",
    "+77750000000",
    "101",
    "+12025550123",
]


def told(counted) -> dict[str, int]:
    assert len(counted) == len(NAMES) == 24
    return dict(zip(NAMES, counted, strict=True))


def range_of(caller: str) -> str | None:
    return caller[:-4] if len(caller.removeprefix("+")) >= 8 else None


@dataclass
class Model:
    """Every call there was: (time, tick, caller, called, trunk); a tick is a fifth of a second since the first call."""

    calls: list = field(default_factory=list)
    began: float = 0.0

    def add(self, caller, called, trunk, now):
        if not self.calls:
            self.began = now
        now = max([now, *(time for time, *_ in self.calls)])
        self.calls.append((now, int((now - self.began) * 5) + 1, caller, called, trunk))

    def same(self, who):
        """The calls so far of the last call's caller, range or trunk."""
        key = {"caller": lambda call: call[2], "range": lambda call: range_of(call[2]), "trunk": lambda call: call[4]}[
            who
        ]
        return [call for call in self.calls if key(call) == key(self.calls[-1])]

    def in_fifths(self, who, seconds):
        """The calls in the fifth of the window that runs now and in the four before it."""
        slot = seconds  # in ticks: a fifth of the window, five ticks a second
        now = self.calls[-1][1] // slot
        return [call for call in self.same(who) if now - call[1] // slot < 5]

    def younger(self, who, seconds):
        """The calls of the last so many seconds."""
        return [call for call in self.same(who) if self.calls[-1][0] - call[0] < seconds]

    def rows(self):
        """sequential and redials of the last call, from the definition."""
        own = self.same("caller")
        run, redials = 1, 0
        for before, call in pairwise(own):
            apart = int(call[3].removeprefix("+")) - int(before[3].removeprefix("+"))
            if call[1] - before[1] >= 3000:
                run, redials = 1, 0
            elif apart == 0:
                redials += 1
            elif abs(apart) <= 10:
                run, redials = run + 1, 0
            else:
                run, redials = 1, 0
        return run, redials

    def neighbour(self):
        caller, called = self.calls[-1][2:4]
        if not all(number.startswith("+7") and len(number) == 12 for number in (caller, called)):
            return 0
        return next((place for place in range(10) if caller[2 + place] != called[2 + place]), 10)


steps = st.sampled_from([0.0, 0.015625, 0.125, 0.25, 1.0, 4.0, 11.0, 47.0, 130.0, 599.0, 600.0, 1500.0, 3600.0, 1e5])
traffic = st.lists(
    st.tuples(st.sampled_from(CALLERS), st.sampled_from(CALLED), st.sampled_from(["a", "b"]), steps), max_size=60
)


@given(traffic, st.floats(-1e6, 1e9))
def test_counts_are_those_of_a_list_of_all_calls(calls, now):
    rates, model = Rates(1000, 1000, 4), Model()
    for caller, called, trunk, step in calls:
        now += step
        model.add(caller, called, trunk, now)
        facts = told(rates.count(caller, called, trunk, now))
        for who in WHO:
            if who == "range" and range_of(caller) is None:
                assert all(facts[name] == -1 for name in NAMES if name.startswith("range"))
                continue
            for name, seconds in WINDOWS.items():
                count = facts[f"{who}_calls_{name}"]
                assert count == len(model.in_fifths(who, seconds))
                assert len(model.younger(who, seconds * 0.8)) <= count <= len(model.younger(who, seconds))
        assert (facts["sequential"], facts["redials"]) == model.rows()
        assert facts["neighbour"] == model.neighbour()
    assert rates.evictions == 0


@settings(max_examples=40)
@given(traffic, st.integers(1, 3))
def test_a_table_that_is_too_small_tells_too_little_and_never_too_much(calls, most):
    rates, model, now = Rates(most, most, 1), Model(), 0.0
    for caller, called, trunk, step in calls:
        now += step
        model.add(caller, called, trunk, now)
        facts = told(rates.count(caller, called, trunk, now))
        for who in WHO:
            for name, seconds in WINDOWS.items():
                assert facts[f"{who}_calls_{name}"] <= len(model.younger(who, seconds))
                if name != "1s":
                    assert facts[f"{who}_callees_{name}"] <= len(model.younger(who, seconds))
        assert facts["caller_calls_1s"] >= 1
        assert facts["redials"] <= model.rows()[1]
        assert len(rates) <= most
        assert rates.ranges <= most
        assert rates.trunks <= 1


@given(st.lists(st.tuples(st.text(max_size=70), st.text(max_size=70), st.text(max_size=5), st.floats()), max_size=20))
def test_no_text_and_no_clock_makes_it_raise(calls):
    rates = Rates(4, 4, 2)
    for caller, called, trunk, now in calls:
        facts = told(rates.count(caller, called, trunk, now))
        assert facts["caller_calls_1h"] >= 1
        assert min(facts.values()) >= -1


@given(traffic, st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=60))
def test_a_clock_that_steps_back_stands_still(calls, clock):
    rates, model = Rates(1000, 1000, 4), Model()
    for (caller, called, trunk, _), now in zip(calls, clock, strict=False):
        model.add(caller, called, trunk, now)
        facts = told(rates.count(caller, called, trunk, now))
        for name, seconds in WINDOWS.items():
            assert facts[f"caller_calls_{name}"] == len(model.in_fifths("caller", seconds))


def test_with_the_clock_standing_still_every_call_is_in_every_window():
    rates = Rates(10, 10, 1)
    for number in range(1, 40):
        facts = told(rates.count("+447700900123", "+77011112222", "t", 5.0))
        assert {facts[f"{who}_calls_{name}"] for who in WHO for name in WINDOWS} == {number}
        assert {facts[name] for name in NAMES if "callees" in name} == {1}
        assert facts["redials"] == number - 1


@pytest.mark.parametrize(("name", "seconds"), WINDOWS.items())
@pytest.mark.parametrize("who", WHO)
def test_a_window_forgets_when_its_length_is_over(who, name, seconds):
    rates = Rates(10, 10, 1)
    rates.count("+447700900123", "+77011112222", "t", 0.0)
    inside = told(rates.count("+447700900123", "+77011112222", "t", seconds * 0.79))
    assert inside[f"{who}_calls_{name}"] == 2
    outside = told(rates.count("+447700900123", "+77011112222", "t", seconds * 1.79))
    assert outside[f"{who}_calls_{name}"] == 1


def test_counters_stop_at_their_limit_and_do_not_spill_over():
    rates = Rates(10, 10, 1)
    for number in range(1, 4200):
        facts = told(rates.count("+447700900123", f"+7701{number * 100:07d}", "t", 0.0))
        assert facts["caller_calls_1s"] == min(number, 63)
        assert facts["caller_calls_1m"] == facts["range_calls_1h"] == min(number, 4095)
        assert facts["trunk_calls_1s"] == facts["trunk_calls_1h"] == number
        assert facts["caller_callees_1h"] <= 93
        assert facts["range_callees_1h"] <= 297
    facts = told(rates.count("+447700900123", "+77011112222", "t", 15.0))
    assert (facts["caller_calls_1s"], facts["caller_calls_1m"], facts["caller_calls_10m"]) == (1, 4096, 4095)


def test_rows_stop_at_their_limit():
    rates = Rates(10, 10, 1)
    for number in range(200):
        facts = told(rates.count("+447700900123", f"+7701{number:07d}", "t", 0.0))
        assert facts["sequential"] == min(number + 1, 63)
    for number in range(200):
        facts = told(rates.count("+447700900123", "+77750000000", "t", 0.0))
        assert facts["redials"] == min(number, 127)


def test_numbers_in_other_writings_are_other_numbers():
    rates = Rates(10, 10, 1)
    rates.count("+1022334455", "+77011112222", "t", 0.0)
    for caller in ("1022334455", "+01022334455", "+10223344550"):
        assert told(rates.count(caller, "+77011112222", "t", 0.0))["caller_calls_1h"] == 1, caller


def test_a_range_is_ten_thousand_numbers_and_no_more():
    rates = Rates(10, 10, 1)
    for caller, count in (("+77011110000", 1), ("+77011119999", 2), ("+77011120000", 1), ("+7701111000", 1)):
        assert told(rates.count(caller, "+77750000000", "t", 0.0))["range_calls_1h"] == count, caller


def test_evictions_are_counted_where_something_was_lost():
    rates = Rates(16, 16, 2)
    for number in range(16):
        rates.count(f"+4477{number:08d}", "+77011112222", "t", 0.0)
    assert (len(rates), rates.ranges, rates.trunks, rates.evictions) == (16, 1, 1, 0)
    rates.count("+447800000000", "+77011112222", "u", 10.0)
    assert (len(rates), rates.ranges, rates.trunks, rates.evictions) == (16, 2, 2, 1)
    rates.count("+447800000000", "+77011112222", "v", 20.0)
    assert (rates.trunks, rates.evictions) == (2, 2)
    for number in range(100, 116):
        rates.count(f"+4477{number:08d}", "+77011112222", "v", 7000.0)
    assert (len(rates), rates.evictions) == (16, 2), "nobody called in the last hour: nothing was lost"


def test_who_called_longest_ago_gives_way():
    rates = Rates(8, 8, 2)  # one set
    callers = [f"+4477{number:08d}" for number in range(8)]
    for now, caller in enumerate(callers):
        rates.count(caller, "+77011112222", "t", now)
    rates.count(callers[0], "+77011112222", "t", 20.0)
    rates.count("+447800000000", "+77011112222", "t", 21.0)
    assert told(rates.count(callers[0], "+77011112222", "t", 22.0))["caller_calls_1h"] == 3
    assert told(rates.count(callers[1], "+77011112222", "t", 23.0))["caller_calls_1h"] == 1, "it had given way"


def test_clear_forgets_every_call():
    rates = Rates(10, 10, 1)
    for number in range(50):
        rates.count(f"+4477{number:08d}", "+77011112222", "t", 0.0)
    evicted = rates.evictions
    rates.clear()
    assert (len(rates), rates.ranges, rates.trunks, rates.evictions) == (0, 0, 0, evicted)
    facts = told(rates.count("+447700000049", "+77011112222", "t", 0.0))
    assert {facts[name] for name in NAMES if "cal" in name} == {1}


def test_the_options_are_what_a_gate_of_a_country_needs():
    assert RatesOptions() == RatesOptions(on=True, callers=1_048_576, ranges=65_536, trunks=256)
    assert not_counted() == tuple(FACTS[name].about.unknown for name in NAMES)
