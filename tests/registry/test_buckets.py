"""Token buckets: what comes back, what is taken, two at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry import buckets
from tosqauyl.registry.actor import CITIZEN, SYSTEM
from tosqauyl.registry.buckets import Rule, refilled, spent
from tosqauyl.registry.errors import TooMany
from tosqauyl.registry.tables import Bucket

RULES = st.builds(
    Rule, st.just("x"), st.just("address"), st.floats(1, 10_000), st.floats(0.001, 10_000), st.just(1.0), st.just(20.0)
)
TIMES = st.integers(0, 10**10)


def spend_all(registry, who: str, rule: str, cost: float = 1) -> int:
    """How often it may be spent."""
    for count in range(10_000):
        try:
            with registry.work(CITIZEN) as work:
                buckets.spend(work, who, cost, rule)
        except TooMany:
            return count
    return -1


@given(RULES, st.floats(-10_000, 10_000), TIMES, TIMES, TIMES)
def test_a_bucket_fills_alike_in_one_step_and_in_two(rule, left, start, one, two):
    left = max(-rule.capacity, min(rule.capacity, left))
    halfway = refilled(left, start, start + one, rule)
    assert refilled(halfway, start + one, start + one + two, rule) == pytest.approx(
        refilled(left, start, start + one + two, rule), rel=1e-6, abs=1e-6
    )


@given(RULES, st.floats(-10_000, 10_000), TIMES, st.integers(-(10**10), 10**10))
def test_a_bucket_never_holds_more_than_its_capacity_and_loses_nothing_by_waiting(rule, left, start, step):
    left = max(-rule.capacity, min(rule.capacity, left))
    after = refilled(left, start, start + step, rule)
    assert left <= after <= rule.capacity


@given(RULES, st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 1_000)), max_size=20))
def test_whatever_was_spent_a_bucket_is_full_again_after_its_longest_time(rule, spending):
    left, at = rule.capacity, 0
    for pause, cost in spending:
        left, at = spent(refilled(left, at, at + pause, rule), cost, rule), at + pause
    assert refilled(left, at, at + rule.longest, rule) == pytest.approx(rule.capacity)


@given(RULES, st.floats(-10_000, 0.99))
def test_after_the_time_that_is_told_a_token_is_there(rule, left):
    left = max(-rule.capacity, left)
    after = buckets.Left(rule, left, 0).retry_after
    assert refilled(left, 0, after * 1000, rule) >= 1 - 1e-6


def test_a_bucket_is_spent_token_by_token_and_comes_back(registry, clock):
    rule = buckets.rules()["report"]
    assert spend_all(registry, "a" * 64, "report") == rule.capacity
    clock[0] += 3 * 60_000
    assert spend_all(registry, "a" * 64, "report") == 1
    clock[0] += rule.longest
    assert spend_all(registry, "a" * 64, "report") == rule.capacity


def test_who_may_go_on_says_nothing_of_what_will_be_found(registry):
    """With one token left a miss passes as a hit does; the debt is paid by waiting."""
    rule = buckets.rules()["check"]
    assert spend_all(registry, "a" * 64, "check", rule.miss) == rule.capacity / rule.miss
    with registry.work(CITIZEN) as work:
        for _ in range(int(rule.capacity) - 1):
            buckets.spend(work, "b" * 64, rule.hit, "check")
        assert buckets.spend(work, "b" * 64, rule.miss, "check").left == 1 - rule.miss


def test_a_refusal_says_when_and_takes_nothing(registry, clock):
    spend_all(registry, "a" * 64, "sms-number")
    with pytest.raises(TooMany) as refused, registry.work(CITIZEN) as work:
        buckets.spend(work, "a" * 64, 1, "sms-number")
    assert refused.value.retry_after == 8 * 3600
    clock[0] += refused.value.retry_after * 1000
    with registry.work(CITIZEN) as work:
        buckets.spend(work, "a" * 64, 1, "sms-number")


def test_buckets_of_others_and_of_other_rules_are_untouched(registry):
    spend_all(registry, "a" * 64, "report")
    with registry.work(CITIZEN) as work:
        for who, rule in (("b" * 64, "report"), ("a" * 64, "appeal")):
            assert buckets.left(work, who, rule).left == buckets.rules()[rule].capacity
        assert buckets.left(work, "a" * 64, "report").left == 0


def test_two_at_once_do_not_both_get_the_last_token(registry):
    capacity = int(buckets.rules()["sms-number"].capacity)

    def one(_):
        try:
            with registry.work(CITIZEN) as work:
                buckets.spend(work, "a" * 64, 1, "sms-number")
        except TooMany:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(16))) == capacity


def test_no_address_is_in_the_database_and_a_household_is_one_visitor(registry):
    with registry.work(CITIZEN) as work:
        ones = {
            buckets.visitor(work, one) for one in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::1%eth0")
        }
        assert len(ones) == 1
        assert buckets.visitor(work, "2001:db8:1:3::1") not in ones
        assert buckets.visitor(work, "::ffff:192.0.2.7") == buckets.visitor(work, "192.0.2.7")
        assert buckets.visitor(work, "") == buckets.visitor(work, "unknown")
        buckets.spend(work, "192.0.2.7", 1, "report")
    with registry.read(SYSTEM) as work:
        assert "192.0.2.7" not in str([(row.who, row.at) for row in work.db.query(Bucket)])


def test_rows_of_full_buckets_are_removed_and_others_stay(registry, clock):
    with registry.work(CITIZEN) as work:
        buckets.spend(work, "a" * 64, 1, "sms-number")
    clock[0] += max(rule.longest for rule in buckets.rules().values()) + 1
    with registry.work(CITIZEN) as work:
        buckets.spend(work, "b" * 64, 1, "sms-number")
    with registry.work(SYSTEM) as work:
        assert buckets.prune(work) == 1
        assert buckets.prune(work) == 0
        assert buckets.left(work, "b" * 64, "sms-number").left == 2
