"""Overload without sockets: pressure from queue shares, and who may have how many calls judged. Turns are counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.gate.overload import (
    CALM_TURNS,
    DROP,
    IDLE_TURNS,
    JUDGE,
    LASTING,
    LEAST,
    REFUSE,
    REFUSED,
    SOURCES_KEPT,
    OpenShares,
    Overload,
    OverloadOptions,
    Pressure,
    fair_share,
)

FLOOD, QUIET = "198.51.100.7", "203.0.113.9"


def pressed(*turns: tuple[int, int]) -> Pressure:
    """Pressure at 25 per cent after turns of (most, least) queue share."""
    pressure = Pressure(25)
    for most, least in turns:
        pressure.saw(most)
        pressure.turn(least)
    return pressure


@pytest.mark.parametrize(
    ("turns", "level"),
    [
        ([], 0),
        ([(24, 24)], 0),
        ([(25, 0)], 1),
        ([(100, 100)], 1),
        ([(30, 0)] * (LASTING - 1), 1),  # kept from its core for a moment
        ([(30, 0)] * LASTING, 2),
        ([(30, 0), (20, 20)] * LASTING, 2),
        ([(30, 0)] * LASTING + [(13, 13)] * 50, 2),
        ([(30, 0)] * LASTING + [(12, 0)] * CALM_TURNS, 1),
        ([(30, 0)] * LASTING + [(12, 0)] * CALM_TURNS + [(30, 0)], 2),  # again within the second: it never ended
        ([(30, 0)] * LASTING + [(12, 0)] * 2 * CALM_TURNS, 0),
        ([(30, 0)] * LASTING + [(12, 0)] * 2 * CALM_TURNS + [(30, 0)], 1),
        ([(30, 0)] + [(0, 0)] * (CALM_TURNS - 1), 1),
        ([(30, 0)] + [(0, 0)] * CALM_TURNS, 0),
        ([(90, 60), (80, 40), (65, 30), (45, 10), (30, 0)], 1),  # held up for a moment, then catching up
        ([(90, 60), (80, 40), (79, 40), (78, 40), (77, 40)], 2),  # it no longer catches up
        ([(90, 60), (80, 40), (85, 40), (85, 40), (85, 40)], 2),
        ([(100, 100)] * LASTING + [(90, 90), (80, 80)], 2),  # shares are held until a calm second, as ever
    ],
)
def test_the_level_rises_at_once_and_falls_after_a_calm_second(turns, level):
    assert pressed(*turns).level == level


def test_analytics_are_shed_in_the_middle_of_a_turn():
    overload = Overload(OverloadOptions())
    overload.queued(24)
    assert overload.counts
    overload.queued(25)
    assert not overload.counts


def test_a_queue_stands_when_it_never_became_short():
    assert pressed((90, 7)).standing
    assert not pressed((90, 6)).standing


class Hall:
    """A gate that can judge `room` calls a turn: what it does not get to stands in its queue, of 4,000 at most."""

    def __init__(self, room: int, options: OverloadOptions = OverloadOptions()) -> None:  # noqa: B008
        self.room, self.overload = room, Overload(options)
        self.queue: list[str] = []
        self.lost = dict.fromkeys((FLOOD, QUIET), 0)

    def turn(self, **offered: int) -> dict[tuple[str, int], int]:
        """One turn: calls arrive evenly mixed; what was done with those that were read, by source and treatment."""
        done: dict[tuple[str, int], int] = {}
        coming = [FLOOD] * offered.get("flood", 0)
        step = max(len(coming) // max(offered.get("quiet", 0), 1), 1)
        for place in range(offered.get("quiet", 0)):
            coming.insert(place * (step + 1), QUIET)
        work, least = float(self.room), 100
        slices = 20
        for part in range(slices):
            for source in coming[part * len(coming) // slices : (part + 1) * len(coming) // slices]:
                if len(self.queue) < 4000:
                    self.queue.append(source)
                else:
                    self.lost[source] += 1
            work_now = self.room * (part + 1) / slices - (self.room - work)
            while self.queue and work_now > 0:
                source = self.queue.pop(0)
                treated = self.overload.caps.take(source) if self.overload.caps.active else JUDGE
                done[source, treated] = done.get((source, treated), 0) + 1
                cost = (1.0, 0.35, 0.06)[treated]
                work, work_now = work - cost, work_now - cost
            share = 100 * len(self.queue) // 4000
            least = min(least, share)
            if share:
                self.overload.queued(share)
        self.overload.turn(least)
        return done


def test_two_sources_the_flood_gets_what_the_quiet_one_leaves():
    hall = Hall(1000)
    for _ in range(30):
        hall.turn(flood=2000, quiet=10)
    hall.lost = dict.fromkeys(hall.lost, 0)
    judged = 0
    for _ in range(50):
        done = hall.turn(flood=2000, quiet=10)
        judged += done.get((FLOOD, JUDGE), 0)
        assert (QUIET, REFUSE) not in done
        assert (QUIET, DROP) not in done
    assert hall.lost[QUIET] == 0, "its calls find room in the queue"
    assert judged / 50 > 300, "and the gate goes on judging the other's"
    assert hall.overload.caps.is_sharing


def test_one_source_alone_is_never_held_to_a_fair_share():
    hall = Hall(1000)
    for _ in range(100):
        done = hall.turn(flood=2000)
        assert set(treated for _, treated in done) == {JUDGE}
    assert hall.overload.pressure.level == 2


def test_after_the_flood_everything_is_judged_again_within_a_second():
    hall = Hall(1000)
    for _ in range(50):
        hall.turn(flood=2000, quiet=10)
    for _ in range(5):
        hall.turn(flood=200, quiet=10)
    for _ in range(5):
        done = hall.turn(flood=200, quiet=10)
        assert done == {(FLOOD, JUDGE): 200, (QUIET, JUDGE): 10}


def test_shares_are_lifted_when_nobody_asks_for_more_than_there_is():
    hall = Hall(1000)
    for _ in range(50):
        hall.turn(flood=2000, quiet=10)
    for _ in range(60):
        hall.turn(flood=200, quiet=10)
    assert not hall.overload.caps.is_sharing
    assert not hall.overload.caps.active
    assert hall.overload.counts


def test_what_is_judged_is_spread_over_the_turn():
    caps = Hall(1000).overload.caps
    caps.active = True
    entry = caps._of(FLOOD)
    entry.read = 1000
    entry.begin(250)
    treated = [caps.take(FLOOD) for _ in range(1000)]
    assert [treated[begin : begin + 100].count(JUDGE) for begin in range(0, 1000, 100)] == [25] * 10
    assert min(REFUSED * 250, 750) - 1 <= treated.count(REFUSE) <= min(REFUSED * 250, 750), "sums of fractions"


def test_more_than_was_expected_gets_no_more_than_its_share():
    caps = Hall(1000).overload.caps
    entry = caps._of(FLOOD)
    entry.read = 1000
    entry.begin(500)
    treated = [caps.take(FLOOD) for _ in range(5000)]
    assert treated.count(JUDGE) == 500
    assert treated.count(REFUSE) <= REFUSED * 500
    assert treated[-1] == DROP


def capped(rate: int) -> Overload:
    return Overload(OverloadOptions(source_calls_per_second=rate))


def test_a_fixed_cap_holds_without_any_pressure_and_lets_a_second_of_calls_through_at_once():
    overload = capped(100)
    assert overload.caps.active
    assert [overload.caps.take(FLOOD) for _ in range(150)].count(JUDGE) == 100
    assert overload.caps.take(QUIET) == JUDGE, "each source has its own"


def test_a_fixed_cap_gives_out_its_rate_over_time():
    overload, judged = capped(100), 0
    for _ in range(50):
        judged += [overload.caps.take(FLOOD) for _ in range(40)].count(JUDGE)
        overload.turn(0)
    assert 550 <= judged <= 600, "five seconds of 100 and the second it may save up"
    assert overload.caps.active


def test_what_exceeds_a_fixed_cap_gets_503_and_far_beyond_it_nothing():
    overload = capped(100)
    treated = [overload.caps.take(FLOOD) for _ in range(10_000)]
    assert treated.count(REFUSE) == REFUSED * max(100, LEAST)
    assert treated.count(DROP) == 10_000 - treated.count(JUDGE) - treated.count(REFUSE)


def test_the_table_of_sources_is_bounded_and_its_overflow_counted():
    caps = capped(10).caps
    for number in range(SOURCES_KEPT + 50):
        caps.take(f"10.0.{number >> 8}.{number & 255}")
    assert len(caps) == SOURCES_KEPT + 1
    assert caps.overflows == 50
    assert caps.take("10.9.9.9") != JUDGE, "those without a share of their own have one together"


def test_a_silent_source_is_forgotten_after_ten_seconds():
    overload = capped(10)
    overload.caps.take(QUIET)
    for _ in range(IDLE_TURNS + 2):
        overload.turn(0)
    assert len(overload.caps) == 0


def test_a_source_that_is_told_of_now_and_then_stays():
    overload = Overload(OverloadOptions())
    for _ in range(3 * IDLE_TURNS):
        overload.caps.note(QUIET)
        overload.turn(0)
    assert len(overload.caps) == 1


@given(demands=st.lists(st.integers(0, 1000), max_size=20), total=st.integers(1, 5000))
def test_fair_shares_are_max_min(demands, total):
    share = fair_share(demands, total)
    given_out = [min(demand, share) for demand in demands]
    assert share >= 1
    assert sum(given_out) <= max(total, len(demands))
    if any(demand > share for demand in demands):
        assert sum(given_out) > total - len(demands), "nothing is kept back while somebody asks for more"


@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.integers(0, 40).map(str), st.sampled_from(["one", "two", "three"])), max_size=200
    )
)
def test_open_shares_count_what_is_held(steps):
    shares, held = OpenShares(16), dict[str, str]()
    for takes, key, trunk in steps:
        if takes:
            of_trunk = sum(1 for one in held.values() if one == trunk)
            may = key not in held and of_trunk < 16 - len(held)
            assert shares.take(key, trunk) is may
            if may:
                held[key] = trunk
        else:
            shares.give(key)
            held.pop(key, None)
        assert len(shares) == len(held) <= 16


def test_one_trunk_never_takes_all_open_questions():
    shares = OpenShares(20_000)
    taken = sum(shares.take(f"flood-{number}", "flood") for number in range(50_000))
    assert taken == 10_000
    assert all(shares.take(f"quiet-{number}", "quiet") for number in range(5_000))
    assert not shares.take("quiet-more", "quiet")
    shares.give("flood-0")
    assert shares.take("quiet-more", "quiet")
