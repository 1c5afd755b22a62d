"""The circuit breaker: opens on failures, comes back carefully, and is not confused by what comes late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.networks.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from tosqauyl.networks.options import BreakerOptions

OPTIONS = BreakerOptions()


def breaker(options=OPTIONS, dice=lambda: 0.0):
    return Breaker(options, dice)


def fail(it, times, now, retry_after=0.0):
    for _ in range(times):
        it.failed(it.take(now), now, retry_after)


def succeed(it, times, now):
    for _ in range(times):
        it.succeeded(it.take(now), now)


def opened(now=0.0, **options):
    it = breaker(**options)
    fail(it, 5, now)
    assert it.state == OPEN
    return it


def test_it_lets_everything_through_while_the_network_answers():
    it = breaker()
    succeed(it, 1000, 1.0)
    assert (it.state, it.opened) == (CLOSED, 0)


def test_five_failures_in_a_row_open_it_and_four_do_not():
    it = breaker()
    fail(it, 4, 0.0)
    succeed(it, 1, 0.0)
    fail(it, 4, 0.0)
    assert it.state == CLOSED
    fail(it, 1, 0.0)
    assert (it.state, it.take(0.5), it.until) == (OPEN, 0, 1.0)


def test_half_of_twenty_in_ten_seconds_open_it_though_never_five_in_a_row():
    it = breaker()
    for turn in range(9):
        succeed(it, 1, turn)
        fail(it, 1, turn)
    assert it.state == CLOSED
    succeed(it, 1, 9.0)
    fail(it, 1, 9.0)
    assert it.state == OPEN


def test_what_failed_longer_ago_than_the_window_is_forgotten():
    it = breaker()
    for turn in range(100):
        fail(it, 4, turn * 4.0)
        succeed(it, 1, turn * 4.0)
        assert it.state == CLOSED, "at most 15 questions in any ten seconds, with 12 failures"


def test_one_probe_then_a_few_then_all():
    it = opened()
    first = it.take(1.0)
    assert first
    assert (it.state, it.take(1.0)) == (HALF_OPEN, 0)
    it.succeeded(first, 1.1)
    more = [it.take(1.2), it.take(1.2), it.take(1.2)]
    assert [bool(ticket) for ticket in more] == [True, True, False]
    it.succeeded(more[0], 1.3)
    it.succeeded(more[1], 1.3)
    assert (it.state, it.closed, it.probed, bool(it.take(1.3))) == (CLOSED, 1, 3, True)


def test_the_pause_doubles_up_to_thirty_seconds():
    it, pauses, now = opened(), [], 0.0
    for _ in range(8):
        pauses.append(it.until - now)
        now = it.until
        fail(it, 1, now)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_network_that_flaps_does_not_get_the_short_pause_each_time():
    it, now = opened(), 0.0
    for expected in (2.0, 4.0, 8.0):
        now = it.until
        succeed(it, 3, now)
        assert it.state == CLOSED
        fail(it, 5, now + 1.0)
        assert it.until - now - 1.0 == expected
    succeed(it, 3, it.until)
    now = it.until + 60.0
    fail(it, 5, now)
    assert it.until - now == 1.0, "after a calm minute it is a new failure"


def test_jitter_makes_a_pause_up_to_a_quarter_shorter():
    assert opened(dice=lambda: 0.999999).until == pytest.approx(0.75, abs=1e-5)


def test_a_network_that_asks_for_time_gets_it_at_once_within_reason():
    it = breaker()
    fail(it, 1, 0.0, retry_after=20.0)
    assert (it.state, it.until) == (OPEN, 20.0)
    it = breaker()
    fail(it, 1, 0.0, retry_after=1e9)
    assert it.until == 300.0


def test_a_late_result_is_passed_over_but_its_wish_is_heard():
    it = breaker()
    old = it.take(0.0)
    fail(it, 5, 0.0)
    it.failed(old, 0.5)
    it.succeeded(old, 0.5)
    assert (it.state, it.until) == (OPEN, 1.0)
    it.failed(old, 0.5, retry_after=10.0)
    assert it.until == 10.5
    probe = it.take(11.0)
    it.failed(old, 11.0)
    assert it.state == HALF_OPEN
    it.succeeded(probe, 11.0)
    assert it.state == HALF_OPEN


def test_a_probe_that_said_nothing_is_free_again():
    it = opened()
    it.withdrawn(it.take(1.0))
    assert it.take(1.0)


ACTIONS = st.tuples(st.sampled_from(["ok", "fail", "nothing"]), st.integers(0, 7), st.floats(0, 8))


class Model:
    """The same said slowly: the window is a list."""

    def __init__(self):
        self.results, self.row, self.state, self.until, self.era = [], 0, CLOSED, 0.0, 1
        self.out, self.good = 0, 0

    def take(self, now):
        if self.state == OPEN and now >= self.until:
            self.state, self.out, self.good = HALF_OPEN, 0, 0
            self.era += 1
        if self.state == OPEN or (self.state == HALF_OPEN and self.out >= (3 - self.good if self.good else 1)):
            return 0
        self.out += self.state == HALF_OPEN
        return self.era

    def result(self, era, what, now):
        if era != self.era:
            return
        if self.state == HALF_OPEN:
            self.out -= 1
            self.good += what == "ok"
            if what == "fail":
                self.open()
            elif self.good == 3:
                self.state, self.results, self.row = CLOSED, [], 0
                self.era += 1
        elif what != "nothing":
            self.results.append((now // 1.0, what))
            self.row = self.row + 1 if what == "fail" else 0
            recent = [said for at, said in self.results if at > now // 1.0 - 10]
            if what == "fail" and (self.row >= 5 or (len(recent) >= 20 and 2 * recent.count("fail") >= len(recent))):
                self.open()

    def open(self):
        self.state = OPEN
        self.era += 1


@given(st.lists(ACTIONS, max_size=120))
def test_it_agrees_with_a_model_that_keeps_every_result(actions):
    it, model, now, open_tickets = breaker(), Model(), 100.0, []
    for what, which, seconds in actions:
        now += seconds if which == 0 else seconds / 40
        ticket, era = it.take(now), model.take(now)
        assert ticket == era
        if ticket:
            open_tickets.append(ticket)
        if open_tickets and which < 6:
            ticket = open_tickets.pop(which % len(open_tickets))
            model.result(ticket, what, now)
            {"ok": it.succeeded, "fail": it.failed}.get(what, lambda ticket, now: it.withdrawn(ticket))(ticket, now)
            model.until = it.until
        assert it.state == model.state
        assert it.until <= now + OPTIONS.longest_pause


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=200))
def test_whatever_happened_it_lets_a_probe_through_within_the_longest_pause(results):
    it, now = breaker(), 0.0
    for good, seconds in results:
        now += seconds
        ticket = it.take(now)
        if ticket:
            (it.succeeded if good else it.failed)(ticket, now)
    assert it.take(now + OPTIONS.longest_pause)
