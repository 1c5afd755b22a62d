"""Feeds, event by event: whose numbers, in which order, how many at once, and what is left after a failure."""

import os
import stat

import pytest
from feed_desk import FREE, OPTIONS, PORTED, WALL, FeedDesk, number, small_plan, table

from tosqauyl.gate import feed_state, feeds
from tosqauyl.gate.feed_log import read_feed
from tosqauyl.gate.feeds import MOST_EVENTS, BulkOrder, FeedOptions
from tosqauyl.journal.append import System
from tosqauyl.state.freshness import Freshness

A, B, C = number(1), number(2), number(3)


@pytest.fixture
def desk(tmp_path):
    made = FeedDesk(tmp_path)
    yield made
    made.feeds.close()


def full(*args):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("case", table("events.csv"), ids=lambda case: f"{case['number']}-{case['state']}-{case['at']}")
def test_one_event(tmp_path, case):
    desk = FeedDesk(tmp_path)
    desk.wall = 2000.0
    desk.events((number(77), "abroad", 1000.0))
    text = "+7" + case["number"][-10:]
    desk.known.subscribers.update(text, case["before"])
    said = (case["number"], case["state"], float(case["at"])) if case["at"] else (case["number"], case["state"])
    result = desk.events(said)
    assert desk.known.subscribers.state(text) == case["becomes"]
    assert [why for _, why in result.refused] == ([case["why"]] if case["why"] else [])
    assert result.accepted == (not case["why"])
    desk.feeds.close()


def test_the_good_ones_of_a_request_count_and_the_others_are_named_by_their_place(desk):
    result = desk.events((A, "abroad"), (number(1, "761"), "abroad"), (B, "moon"), (C, "home"))
    assert desk.states(A, C, number(1, "761")) == ["abroad", "home", "unknown"]
    assert (result.accepted, result.refused, result.refused_count) == (2, ((1, "foreign"), (2, "state")), 2)
    assert desk.feeds.counters["events"] == 2
    assert desk.feeds.counters["event_refused_foreign"] == 1


def test_a_ported_number_is_spoken_for_by_its_operator_now(desk):
    moved, left = PORTED
    assert desk.events((moved, "abroad"), (left, "abroad")).accepted == 1
    assert desk.events((moved, "home"), (left, "abroad"), operator="t2").accepted == 1
    assert desk.states(moved, left) == ["abroad", "abroad"]


def test_at_most_a_hundred_refusals_are_named_and_all_are_counted(desk):
    result = desk.events(*[(number(1, "761"), "abroad")] * 250)
    assert (len(result.refused), result.refused_count, result.accepted) == (100, 250, 0)


@pytest.mark.parametrize("operator", ["", "nobody", "../kulan", "KULAN", "kulan\n", "a" * 100])
def test_who_is_no_operator_leaves_no_trace(desk, operator):
    assert desk.events((A, "abroad"), operator=operator).why == "operator"
    assert desk.bulk([A], BulkOrder(), operator).why == "operator"
    assert list(desk.folder.iterdir()) == []


def test_a_request_with_too_many_events_is_refused_whole(desk):
    assert desk.events(*[(A, "abroad")] * (MOST_EVENTS + 1)).why == "too-many"
    assert desk.states(A) == ["unknown"]
    assert desk.events(*[(A, "abroad")] * MOST_EVENTS).accepted == MOST_EVENTS


def test_the_last_event_of_a_number_counts(desk):
    desk.events((A, "abroad"), (B, "home"), (A, "home"))
    assert desk.states(A, B) == ["home", "home"]


def test_with_times_the_newest_event_of_a_number_counts_whatever_the_order(desk):
    desk.events((A, "abroad", WALL - 10), (A, "home", WALL - 20), (B, "home", WALL - 5), (B, "abroad", WALL - 6))
    assert desk.states(A, B) == ["abroad", "home"]


def test_an_event_without_a_time_happened_now(desk):
    desk.events((A, "home"), (A, "abroad", WALL - 10))
    assert desk.states(A) == ["home"]


def test_an_old_home_that_comes_late_does_not_close_and_an_old_abroad_opens(desk):
    desk.events((A, "abroad", WALL - 10))
    result = desk.events((A, "home", WALL - 20), (B, "home", WALL - 5), (C, "abroad", WALL - 30))
    assert desk.states(A, B, C) == ["abroad", "home", "abroad"]
    assert result.refused == ((0, "late"),)


def test_a_home_that_is_older_than_others_news_closes_where_it_is_known_that_he_left_before(desk):
    desk.feeds.freshness = Freshness()
    desk.events((A, "abroad", WALL - 600), (B, "abroad", WALL - 10))
    assert desk.events((A, "home", WALL - 300)).accepted == 1
    assert desk.states(A, B) == ["home", "abroad"]


def test_a_home_that_is_older_than_his_own_leaving_stays_late(desk):
    desk.feeds.freshness = Freshness()
    desk.events((A, "abroad", WALL - 600), (A, "abroad", WALL - 100))
    assert desk.events((A, "home", WALL - 300)).refused == ((0, "late"),)
    assert desk.states(A) == ["abroad"]


def test_what_came_late_is_still_known_after_a_restart(desk):
    desk.events((A, "abroad", WALL - 10))
    assert desk.again().events((A, "home", WALL - 20)).refused == ((0, "late"),)


def held(desk, count=500, state="abroad"):
    return [(number(place), state) for place in range(count)]


def test_a_swing_changes_nothing_and_alarms(desk):
    desk.events((A, "home"))
    said = [*held(desk), (number(1, "761"), "home")]
    result = desk.events(*said)
    assert (result.why, result.held, result.accepted, result.refused_count) == ("swing", True, 0, 1)
    assert result.swing_percent == pytest.approx(50.1, abs=0.2)
    assert desk.states(A, B) == ["home", "unknown"]
    assert desk.is_on_disk()
    assert desk.feeds.counters["held_events"] == 1
    assert len(desk.alarms) == 1
    assert desk.feeds.state()["troubles"] == ["feed-held"]


def test_many_small_requests_are_a_swing_as_well(desk):
    results = [desk.events(*held(desk, 600)[at : at + 10]) for at in range(0, 600, 10)]
    assert [result.held for result in results] == [False] * 20 + [True] * 40
    desk.later(700)
    assert not desk.events(*held(desk, 600)[500:510]).held


def test_what_changes_nothing_is_never_held(desk):
    desk.events(*held(desk, 200))
    assert desk.events((number(300), "abroad")).held
    assert not desk.events(*held(desk, 200)).held


def test_the_same_content_with_its_digest_is_applied_once(desk):
    digest = desk.events(*held(desk)).digest
    assert desk.events(*held(desk, 499), confirm=digest).held
    assert desk.events(*held(desk), confirm="0" * 64).held
    confirmed = desk.events(*held(desk), confirm=digest)
    assert (confirmed.accepted, confirmed.held) == (500, False)
    assert desk.states(A) == ["abroad"]
    desk.known.subscribers = desk.fresh()
    assert desk.events(*held(desk), confirm=digest).held


def test_who_confirms_a_large_swing_may_go_on_with_small_ones(desk):
    digest = desk.events(*held(desk)).digest
    desk.events(*held(desk), confirm=digest)
    assert not desk.events((number(900), "abroad")).held


def test_a_digest_is_good_for_an_hour(desk):
    digest = desk.events(*held(desk)).digest
    desk.later(feed_state.CONFIRM_SECONDS + 1)
    assert desk.events(*held(desk), confirm=digest).held


def test_a_digest_of_one_operator_confirms_nothing_of_another(desk):
    digest = desk.events(*held(desk)).digest
    assert desk.events(*[(number(place, "761"), "abroad") for place in range(500)], operator="t2", confirm=digest).held


def test_only_a_few_held_requests_are_remembered(desk):
    digests = [desk.events(*held(desk, 300 + more)).digest for more in range(feed_state.MOST_HELD + 1)]
    assert desk.events(*held(desk, 300), confirm=digests[0]).held
    assert not desk.events(*held(desk, 300 + feed_state.MOST_HELD), confirm=digests[-1]).held


def test_events_are_on_disk_before_they_are_applied(tmp_path):
    seen = []

    def write(descriptor, data):
        seen.append(desk.states(A))
        return os.write(descriptor, data)

    desk = FeedDesk(tmp_path, system=System(write=write))
    assert desk.events((A, "abroad"), (B, "home")).durable
    assert seen == [["unknown"]]
    assert [event.number for event in read_feed(tmp_path, "kulan").events()] == [A, B]


def test_events_that_cannot_be_written_are_applied_and_written_later(tmp_path):
    desk, broken = FeedDesk(tmp_path), [True]
    desk.feeds.close()
    system = System(write=lambda descriptor, data: full() if broken[0] else os.write(descriptor, data))
    desk = FeedDesk(tmp_path, system=system)
    result = desk.events((A, "abroad"), (B, "home"))
    assert (result.accepted, result.durable, desk.states(A, B)) == (2, False, ["abroad", "home"])
    assert desk.feeds.counters["write_failed"] == 1
    assert "No space left" in desk.alarms[0]
    assert desk.feeds.state()["troubles"] == ["feed-not-written"]
    desk.ticks()
    assert desk.replayed()[0].state(A) == "unknown"
    broken[0] = False
    desk.later(feeds.RETRY_SECONDS + 1)
    desk.ticks()
    assert desk.is_on_disk()
    assert desk.feeds.state()["troubles"] == []


def test_unwritten_events_survive_a_reload(tmp_path):
    desk = FeedDesk(tmp_path, system=System(write=full))
    desk.events((A, "abroad"))
    subscribers, positions = desk.replayed()
    desk.feeds.replay(subscribers, positions)
    assert subscribers.state(A) == "abroad"


def test_half_a_line_that_was_written_is_cut_off(tmp_path):
    short = [False]

    def write(descriptor, data):
        return os.write(descriptor, data[:20] if short[0] else data)

    desk = FeedDesk(tmp_path, system=System(write=write))
    desk.events((A, "abroad"))
    short[0] = True
    assert not desk.events((B, "abroad")).durable
    short[0] = False
    desk.events((C, "abroad"))
    assert [event.number for event in read_feed(tmp_path, "kulan").events()] == [A, C]
    assert read_feed(tmp_path, "kulan").damaged == 0


def test_files_are_for_their_owner_only(desk):
    desk.events((A, "abroad"))
    desk.bulk([A], BulkOrder())
    desk.feeds.settle()
    assert stat.S_IMODE(desk.folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in desk.folder.iterdir()} == {
        "kulan.bulk": 0o600,
        "kulan.1.events": 0o600,
    }


def test_no_number_is_in_an_alarm_a_counter_or_a_result(desk):
    results = [
        desk.events((A, "abroad"), (number(1, "761"), "home"), ("+7700000000x", "home")),
        desk.events(*held(desk)),
        desk.bulk("+77600000001\nx+77600000002\n", BulkOrder()),
        desk.bulk([number(place, "761") for place in range(50)], BulkOrder()),
    ]
    for text in (*desk.alarms, str(desk.feeds.state()), *map(str, results)):
        for digits in ("7600000", "7610000", "7700000"):
            assert digits not in text


def test_alarms_come_once_a_second_at_most(desk):
    for _ in range(10):
        desk.events(*held(desk))
        desk.later(0.25)
    assert len(desk.alarms) == 3


def test_a_feed_that_falls_silent_takes_nobody_for_at_home_any_more(desk):
    desk.bulk([A, *map(number, range(100, 300))], BulkOrder(complete=True))
    desk.later(3600)
    desk.bulk([A, *map(number, range(100, 300))], BulkOrder(complete=True))
    desk.events((number(5, "761"), "home"), operator="t2")
    desk.later(23 * 3600)
    desk.events((number(6, "761"), "home"), operator="t2")
    desk.ticks()
    assert desk.states(A, B, number(5, "761")) == ["abroad", "home", "home"]
    desk.later(3700)
    assert desk.feeds.stale("kulan", desk.wall)
    desk.ticks()
    assert desk.states(A, B, number(5, "761")) == ["abroad", "unknown", "home"]
    assert desk.feeds.state()["troubles"] == ["feed-stale"]
    assert len(desk.alarms) == 1


def test_who_was_forgotten_stays_so_when_the_feed_wakes_up_and_the_gate_starts_anew(desk):
    desk.bulk(map(number, range(100, 300)), BulkOrder(complete=True))
    desk.later(3600)
    desk.bulk(map(number, range(100, 300)), BulkOrder(complete=True))
    desk.later(25 * 3600)
    desk.ticks(600)
    desk.events((C, "home"))
    assert not desk.feeds.stale("kulan", desk.wall)
    assert desk.again().states(B, C, number(150)) == ["unknown", "home", "abroad"]
    desk.bulk(map(number, range(100, 300)), BulkOrder(complete=True))
    assert desk.states(B) == ["home"]


def test_a_builder_takes_nobody_for_at_home_by_a_silent_feed(desk):
    desk.events((A, "home"), (B, "abroad"))
    desk.later(25 * 3600)
    subscribers, _ = desk.replayed()
    assert [subscribers.state(one) for one in (A, B)] == ["unknown", "abroad"]


def test_a_gate_that_starts_after_a_long_silence_takes_nobody_for_at_home(desk):
    desk.events((A, "home"), (B, "abroad"))
    subscribers, positions = desk.replayed()
    desk.later(25 * 3600)
    desk.again()
    desk.known.subscribers = subscribers
    desk.feeds.start(subscribers, positions, desk.now, desk.wall)
    assert desk.states(A, B) == ["unknown", "abroad"]
    assert desk.is_on_disk()


def test_positions_may_come_as_plain_pairs_from_a_snapshot_file(desk):
    desk.events((A, "abroad"))
    subscribers, positions = desk.replayed()
    desk.events((A, "home"), (B, "abroad"))
    desk.feeds.replay(subscribers, {operator: [*position] for operator, position in positions.items()})
    assert [subscribers.state(one) for one in (A, B)] == ["home", "abroad"]


def test_a_reload_does_not_bring_back_who_was_forgotten(desk):
    desk.events((A, "home"), (B, "abroad"))
    subscribers, positions = desk.replayed()
    desk.later(25 * 3600)
    desk.ticks(1)
    desk.feeds.replay(subscribers, positions)
    assert [subscribers.state(one) for one in (A, B)] == ["unknown", "abroad"]


def test_a_request_without_events_keeps_a_feed_fresh_also_over_a_restart(desk):
    desk.events((A, "home"))
    for _ in range(60):
        desk.later(1800)
        desk.events()
        desk.events()
    desk.ticks(2)
    assert not desk.feeds.stale("kulan", desk.wall)
    assert desk.again().states(A) == ["home"]
    assert len(list(read_feed(desk.folder, "kulan").events())) == 61


def test_refused_events_do_not_keep_a_feed_fresh(desk):
    desk.events((A, "home"))
    desk.later(25 * 3600)
    desk.events((number(1, "761"), "home"))
    desk.events(*held(desk))
    assert desk.feeds.stale("kulan", desk.wall)


def test_a_clock_that_was_ahead_keeps_nobody_fresh(desk):
    desk.events((A, "home"))
    desk.wall -= 90 * 86400
    desk.ticks(1)
    desk.later(25 * 3600)
    assert desk.feeds.stale("kulan", desk.wall)


def test_a_long_log_is_compacted_and_says_the_same(desk, monkeypatch):
    monkeypatch.setattr(feeds, "COMPACT_BYTES", 2000)
    for place in range(100):
        desk.events((number(place), "abroad"), (number(place + 1), "home"))
        desk.later(120)
    before = desk.known.subscribers.hash
    desk.ticks()
    state = desk.feeds.state()["operators"]["kulan"]
    assert (state["generation"], state["log_bytes"] < 4000) == (1, True)
    assert desk.known.subscribers.hash == before
    assert desk.again().known.subscribers.hash == before


def test_events_that_come_during_compaction_are_in_the_new_log(desk, monkeypatch):
    monkeypatch.setattr(feeds, "COMPACT_BYTES", 10)
    desk.events((A, "abroad"), (B, "home"))
    monkeypatch.setattr(feeds, "COMPACT_BYTES", 1 << 20)
    desk.feeds._feed("kulan").wants_compaction = True
    for place in range(40):
        desk.ticks(1)
        desk.events((A, ("home", "abroad", "unknown")[place % 3]), (number(500 + place), "abroad"))
        desk.later(0.1)
    assert desk.feeds.state()["operators"]["kulan"]["generation"] == 1
    assert desk.is_on_disk()


def test_a_log_that_cannot_be_compacted_ends_at_its_limit(desk, monkeypatch):
    monkeypatch.setattr(feeds, "MOST_LOG_BYTES", 1000)
    results = [desk.events((number(place), "abroad")) for place in range(50)]
    assert not results[-1].durable
    assert (desk.folder / "kulan.0.events").stat().st_size < 1100
    assert desk.states(number(49)) == ["abroad"]


def test_the_count_of_subscribers_abroad_follows_events_and_is_taken_anew_at_start(desk):
    desk.events((A, "abroad"), (B, "abroad"), (C, "home"))
    desk.events((A, "home"), (C, "abroad"), (C, "abroad"))
    assert desk.feeds.state()["operators"]["kulan"]["abroad"] == 2
    desk.again().ticks(10)
    assert desk.feeds.state()["operators"]["kulan"]["abroad"] == 2


def test_fsync_is_asked_for_in_the_background_at_the_interval(tmp_path):
    synced = []
    desk = FeedDesk(tmp_path, system=System(fsync=synced.append))
    desk.events((A, "abroad"))
    desk.ticks(5)
    assert len(synced) == 1
    desk.later(2)
    desk.ticks(5)
    assert len(synced) == 1
    desk.events((B, "abroad"))
    desk.later(2)
    desk.ticks(5)
    assert len(synced) == 2


def test_a_failed_fsync_is_told_and_tried_again(tmp_path):
    broken = [True]
    desk = FeedDesk(tmp_path, system=System(fsync=lambda descriptor: full() if broken[0] else None))
    desk.events((A, "abroad"))
    desk.ticks(1)
    assert desk.feeds.state()["failed_syncs"] == 1
    broken[0] = False
    desk.later(2)
    desk.ticks(1)
    assert not desk.feeds._feed("kulan").log.dirty


def test_what_a_feed_knows_of_a_number_is_forgotten_with_the_number(tmp_path):
    """A number that went to another operator is no longer spoken for by the old one's log."""
    desk = FeedDesk(tmp_path, FREE)
    desk.events((A, "home"))
    desk.feeds.close()
    assert FeedDesk(tmp_path, plan=small_plan({A: "t2"})).replayed()[0].state(A) == "unknown"


def test_options_have_the_documented_defaults():
    assert FeedOptions(swing_percent=20, swing_minutes=10, stale_hours=24) == OPTIONS
