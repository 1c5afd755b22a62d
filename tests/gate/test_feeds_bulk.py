"""Lists of everybody abroad: what is believed, what is held, and that calls never see half of one."""

import asyncio
import os
import random

import pytest
from feed_desk import FREE, OPTIONS, PORTED, WALL, FeedDesk, number, small_plan, table
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.gate import feed_bulk, feeds
from tosqauyl.gate.feed_bulk import STEP_BYTES, Bulk
from tosqauyl.gate.feed_log import Header, Position, StoredFeed, read_feed
from tosqauyl.gate.feed_state import Feed, Judge
from tosqauyl.gate.feeds import BulkOrder, FeedResult
from tosqauyl.journal.append import System
from tosqauyl.state.operator_planes import Comparison

A, B, C = number(1), number(2), number(3)
SOME = [number(place) for place in range(100, 300)]
COMPLETE, PLAIN = BulkOrder(complete=True), BulkOrder()


@pytest.fixture
def desk(tmp_path):
    made = FeedDesk(tmp_path)
    yield made
    made.feeds.close()


@pytest.fixture
def kept(desk):
    """An operator whose lists are believed to be complete."""
    desk.bulk(SOME, COMPLETE)
    desk.later(3600)
    assert desk.bulk(SOME, COMPLETE).promise == "kept"
    desk.later(3600)
    return desk


@pytest.mark.parametrize("case", table("lists.csv"), ids=lambda case: case["note"] or "-".join(case.values()))
def test_what_becomes_of_a_list(tmp_path, case):
    earlier = 0.0 if case["earlier"] == "no" else WALL - 60.0 * int(case["earlier"])
    header = Header("kulan", int(earlier > 0), bulk_at=earlier, promise=case["meant"])
    feed = Feed(StoredFeed("kulan", tmp_path, header, Position(0, 0), 0.0, 0.0), 600.0)
    found = Comparison(int(case["listed"]), 0, int(case["new"]), int(case["gone"]))
    assert found.listed - found.came + found.left == int(case["abroad"])
    judge = Judge(OPTIONS, BulkOrder(complete=case["complete"] == "yes"), case["confirmed"] == "yes")
    judged = judge.judge(feed, found, 0.0, WALL)
    assert ("held" if judged.held else judged.promise) == case["outcome"]


def test_a_first_list_says_who_is_abroad_and_nothing_of_the_others(desk):
    result = desk.bulk(SOME, COMPLETE)
    assert (result.accepted, result.promise, result.changed) == (200, "waiting", 200)
    assert desk.states(SOME[0], A) == ["abroad", "unknown"]


def test_a_first_list_that_a_person_confirms_is_believed_at_once(desk):
    digest = desk.bulk(SOME, COMPLETE).digest
    assert desk.bulk(SOME, BulkOrder(complete=True, confirm=digest)).promise == "kept"
    assert desk.states(A) == ["home"]


def test_a_list_replaces_the_one_before(kept):
    result = kept.bulk([A, *SOME[20:]], COMPLETE)
    assert (result.changed, result.promise) == (21, "kept")
    assert kept.states(A, SOME[0], SOME[20]) == ["abroad", "home", "abroad"]


def test_a_list_that_is_not_complete_leaves_the_others_unknown(kept):
    assert kept.bulk(SOME, PLAIN).promise == "none"
    assert kept.states(SOME[0], A) == ["abroad", "unknown"]


def test_an_operators_list_says_nothing_of_anothers_numbers(kept):
    kept.events((number(5, "761"), "abroad"), (PORTED_AWAY, "abroad"), operator="t2")
    kept.bulk(SOME, COMPLETE)
    assert kept.states(number(5, "761"), number(6, "761"), PORTED_AWAY) == ["abroad", "unknown", "abroad"]


PORTED_TO_KULAN, PORTED_AWAY = PORTED


def test_ported_numbers_are_part_of_their_operators_list(kept):
    assert kept.states(PORTED_TO_KULAN, PORTED_AWAY) == ["home", "unknown"]
    kept.bulk([PORTED_TO_KULAN, *SOME], COMPLETE)
    assert kept.states(PORTED_TO_KULAN) == ["abroad"]


def test_an_empty_complete_list_is_held_and_every_roamer_stays_abroad(kept):
    for text in ("", "# nobody\n", "\n\n"):
        result = kept.bulk(text, COMPLETE)
        assert (result.why, result.held, result.accepted) == ("swing", True, 0)
    assert kept.states(SOME[0]) == ["abroad"]
    assert kept.is_on_disk()


def test_a_held_list_can_be_confirmed_once(kept):
    digest = kept.bulk(SOME[:100], COMPLETE).digest
    assert kept.bulk(SOME[:99], BulkOrder(complete=True, confirm=digest)).held
    assert not kept.bulk(SOME[:100], BulkOrder(complete=True, confirm=digest)).held
    assert kept.states(SOME[150]) == ["home"]
    kept.bulk(SOME, BulkOrder(complete=True, confirm=kept.bulk(SOME, COMPLETE).digest))
    assert kept.bulk(SOME[:100], BulkOrder(complete=True, confirm=digest)).held


def test_lists_and_events_share_one_window(kept):
    kept.bulk(SOME[30:], COMPLETE)
    assert kept.events(*[(one, "home") for one in SOME[30:50]]).held
    kept.later(700)
    assert not kept.events(*[(one, "home") for one in SOME[30:50]]).held


@pytest.mark.parametrize("text", ["x\n", "+7760000001\n", "87600000001\n", "+77600000001\n+776000", "+77600000001 abroad\n",
                                  "y" * 5000, "\ufeff+77600000001\n"])  # fmt: skip
def test_a_list_with_one_unreadable_line_changes_nothing_at_all(kept, text):
    before = kept.known.subscribers.hash
    result = kept.bulk("".join(f"{one}\n" for one in SOME) + text, COMPLETE)
    assert result.why == "unreadable"
    assert kept.known.subscribers.hash == before
    assert all(why == "unreadable" for _, why in result.refused)


def test_unreadable_lines_are_named_by_their_numbers(desk):
    result = desk.bulk("+77600000001\nx\n# a remark\n\ny\n+442079460000\n", PLAIN)
    assert (result.refused, result.refused_count) == (((2, "unreadable"), (5, "unreadable"), (6, "foreign")), 3)


def test_lines_as_people_write_them(desk):
    assert desk.bulk("# 1 March\r\n+77600000001\r\n77600000002  # Alua\r\n\r\n+77600000003", PLAIN).accepted == 3
    assert desk.states(A, B, C) == ["abroad"] * 3


def test_a_few_numbers_of_others_are_passed_over(desk):
    others = [number(place, "761") for place in range(5)] + ["+442079460000", "+77172000000", PORTED_AWAY]
    result = desk.bulk([*SOME, *others], PLAIN)
    assert (result.accepted, result.refused_count, result.why) == (200, 8, "")
    assert desk.states(SOME[0], others[0], PORTED_AWAY) == ["abroad", "unknown", "unknown"]
    assert read_feed(desk.folder, "kulan").header.abroad == 200


def test_the_list_of_another_operator_is_refused_whole(desk):
    result = desk.bulk([*SOME, *(number(place, "761") for place in range(11))], PLAIN)
    assert (result.why, result.refused_count) == ("foreign", 11)
    assert desk.states(SOME[0]) == ["unknown"]


def test_one_in_a_hundred_may_belong_to_others(desk):
    many = [number(place) for place in range(9900)]
    assert desk.bulk([*many, *(number(place, "761") for place in range(100))], PLAIN).why == ""
    assert desk.bulk([*many, *(number(place, "761") for place in range(101))], PLAIN).why == "foreign"


def test_a_list_that_has_not_the_count_it_should_have_is_refused(desk):
    assert desk.bulk(SOME, BulkOrder(count=201)).why == "count"
    assert desk.bulk(SOME, BulkOrder(count=200)).why == ""


def test_when_a_list_was_made_must_be_plausible(kept):
    for as_of, why in (
        (kept.wall + 301, "future"),
        (kept.wall - 25 * 3600, "old"),
        (kept.wall - 5, ""),
        (kept.wall - 6, "old"),
    ):
        assert kept.bulk(SOME, BulkOrder(complete=True, as_of=as_of)).why == why


def test_who_left_after_a_list_was_made_stays_abroad(kept):
    kept.events((A, "abroad"), (B, "unknown"))
    kept.later(60)
    kept.bulk(SOME, BulkOrder(complete=True, as_of=kept.wall - 120))
    assert kept.states(A, B, C) == ["abroad", "unknown", "home"]
    kept.bulk(SOME, BulkOrder(complete=True, as_of=kept.wall))
    assert kept.states(A, B) == ["home", "home"]


def test_who_left_in_the_last_hour_stays_abroad_if_nobody_says_when_the_list_was_made(kept):
    kept.events((A, "abroad"))
    kept.later(3000)
    kept.bulk(SOME, COMPLETE)
    assert kept.again().states(A) == ["abroad"]
    kept.bulk(SOME, COMPLETE)
    assert kept.states(A) == ["abroad"]
    kept.later(700)
    kept.bulk(SOME, COMPLETE)
    assert kept.states(A) == ["home"]


def test_who_came_home_after_a_list_was_made_is_at_home_only_if_the_event_says_when(kept):
    home = SOME[0], SOME[1], SOME[2]
    kept.events((home[0], "home"), (home[1], "home", kept.wall), (home[2], "home", kept.wall - 100))
    kept.bulk(SOME, BulkOrder(complete=True, as_of=kept.wall - 50))
    assert kept.states(*home) == ["abroad", "home", "abroad"]
    assert kept.is_on_disk()


def steps_of(desk, numbers, order, chunk=1 << 20):
    data = "".join(f"{one}\n" for one in numbers).encode()
    bulk = desk.feeds.begin_bulk("kulan", order, desk.now, desk.wall)
    for at in range(0, len(data), chunk):
        yield from bulk.take(data[at : at + chunk])
    return (yield from bulk.finish(desk.now, desk.wall))


def test_events_that_come_while_a_list_is_taken_hold_over_it_at_every_step(kept):
    said, numbers = 0, [number(place) for place in range(1000, 1060)]
    for pause in steps_of(kept, [*SOME, *numbers[:5]], COMPLETE):
        if pause:
            kept.feeds.settle()
        if said < 60:
            kept.events((numbers[said], "abroad" if said % 2 else "home"))
            said += 1
        wanted = ["abroad" if place % 2 else "home" for place in range(said)]
        assert kept.states(*numbers[:said]) == wanted
    assert kept.feeds.state()["operators"]["kulan"]["generation"] == 3
    assert kept.is_on_disk()


def test_calls_see_the_old_state_or_the_new_one_and_nothing_else(kept):
    steady, comes, goes = SOME[50:60], number(7), SOME[0]
    seen = []
    for pause in steps_of(kept, [comes, *SOME[1:]], COMPLETE):
        if pause:
            kept.feeds.settle()
        assert kept.states(*steady) == ["abroad"] * 10
        seen.append(tuple(kept.states(comes, goes)))
    assert set(seen) <= {("home", "abroad"), ("abroad", "home")}
    assert kept.states(comes, goes) == ["abroad", "home"]


def test_no_step_reads_more_than_a_little(desk, monkeypatch):
    sizes, real = [], feed_bulk._Loading.take
    monkeypatch.setattr(
        feed_bulk._Loading, "take", lambda self, block: (sizes.append(len(block)), real(self, block))[1]
    )
    for pause in steps_of(desk, [number(place) for place in range(20_000)], PLAIN):
        if pause:
            desk.feeds.settle()
    assert max(sizes) <= STEP_BYTES + feed_bulk.LONGEST_LINE
    assert desk.known.subscribers.count()["abroad"] == 20_000


def test_one_list_at_a_time_and_one_that_never_ends_gives_way(desk):
    slow = desk.feeds.begin_bulk("kulan", PLAIN, desk.now, desk.wall)
    assert isinstance(slow, Bulk)
    assert desk.bulk([], PLAIN, "t2").why == "busy"
    desk.later(feeds.BULK_SECONDS + 1)
    assert desk.bulk([number(1, "761")], PLAIN, "t2").why == ""
    list(slow.take(b"+77600000001\n"))
    assert next(slow.finish(desk.now, desk.wall), "ended") == "ended"
    assert desk.states(A) == ["unknown"]


def test_a_list_that_breaks_off_leaves_nothing_behind(desk):
    async def chunks():
        yield b"+77600000001\n"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(desk.feeds.receive_bulk("kulan", chunks(), PLAIN, lambda: (desk.now, desk.wall)))
    assert desk.states(A) == ["unknown"]
    assert not list(desk.folder.glob("*.draft"))
    assert desk.bulk([A], PLAIN).accepted == 1


def test_a_list_is_taken_while_the_loop_does_other_things(desk):
    async def chunks():
        for at in range(0, 3000, 100):
            yield "".join(f"{number(place)}\n" for place in range(at, at + 100)).encode()

    async def both():
        turns = 0
        task = asyncio.ensure_future(desk.feeds.receive_bulk("kulan", chunks(), PLAIN, lambda: (desk.now, desk.wall)))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, task.result()

    turns, result = asyncio.run(both())
    assert result.accepted == 3000
    assert turns > 100


def test_too_large_a_list_is_refused_before_it_is_read(desk, monkeypatch):
    monkeypatch.setattr(feed_bulk, "MOST_BULK_BYTES", 1000)
    assert desk.bulk(SOME, PLAIN).why == "too-large"


@pytest.mark.parametrize("broken", ["write", "fsync"])
def test_a_list_that_cannot_be_written_is_refused_and_the_old_state_stays(tmp_path, broken):
    failing = [False]

    def write(descriptor, data):
        if failing[0] and broken == "write" and len(data) > 1000:
            raise OSError(28, "No space left on device")
        return os.write(descriptor, data)

    def fsync(descriptor):
        if failing[0] and broken == "fsync":
            raise OSError(5, "Input/output error")

    desk = FeedDesk(tmp_path, system=System(write=write, fsync=fsync))
    desk.bulk(SOME, PLAIN)
    before = desk.known.subscribers.hash
    failing[0] = True
    assert desk.bulk([A, *SOME], PLAIN).why == "not-stored"
    assert desk.known.subscribers.hash == before
    failing[0] = False
    desk.events((B, "abroad"))
    desk.feeds.settle()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kulan.1.events", "kulan.bulk"]
    assert desk.again().states(A, B, SOME[0]) == ["unknown", "abroad", "abroad"]


def test_what_is_tidied_up_late_takes_nothing_of_the_next_generation(desk):
    """The background removes an ended log while the next list is already being written."""
    late, submit = [], desk.feeds._desk.submit
    object.__setattr__(desk.feeds._desk, "submit", lambda job: late.append(job) if desk.wall > WALL else submit(job))
    desk.bulk(SOME, PLAIN)
    desk.feeds.settle()
    desk.later(1)
    for pause in steps_of(desk, [A, *SOME], PLAIN):
        while pause and late:
            late.pop(0)()
        desk.events((B, "abroad"))
    assert len(late) == 1
    for pause in steps_of(desk, [C, *SOME], PLAIN):
        if late and (pause or (desk.folder / "kulan.draft").exists()):
            late.pop(0)()
        desk.events((B, "abroad"))
    for job in late:
        job()
    assert desk.states(A, B, C) == ["unknown", "abroad", "abroad"]
    assert desk.is_on_disk()
    assert sorted(path.name for path in desk.folder.iterdir()) == ["kulan.3.events", "kulan.bulk"]


def test_a_plan_that_changes_meanwhile_sends_the_list_back(desk):
    steps = steps_of(desk, SOME, PLAIN)
    next(steps)
    desk.known.plan = small_plan({A: "t2"})
    result = None
    while result is None:
        try:
            if next(steps):
                desk.feeds.settle()
        except StopIteration as end:
            result = end.value
    assert result.why == "reloaded"
    assert desk.states(SOME[0]) == ["unknown"]


def copy_of(desk, subscribers):
    new = desk.fresh()
    for code in new.codes:
        new.plane(code)[:] = subscribers.plane(code)
    return new


def test_a_reload_in_the_middle_of_a_list_loses_nothing(kept):
    """The snapshot is replaced at one step after the other by one that was built before the list came."""
    for swap_at in range(1, 400, 17):
        built, positions = kept.replayed()
        swapped = False
        for count, pause in enumerate(steps_of(kept, [number(swap_at), *SOME], COMPLETE)):
            if pause:
                kept.feeds.settle()
            if count == swap_at:
                kept.known.subscribers, swapped = copy_of(kept, built), True
                kept.feeds.replay(kept.known.subscribers, positions)
        assert kept.states(number(swap_at), number(5000)) == ["abroad", "home"]
        assert kept.is_on_disk()
        kept.later(3700)
        if not swapped:
            break
    assert swap_at > 80


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("events"), st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["abroad", "home", "unknown"])), max_size=5)),
        st.tuples(st.just("bulk"), st.tuples(st.lists(st.integers(0, 12), max_size=8), st.booleans())),
        st.tuples(st.just("reload"), st.integers(0, 3)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("compact"), st.integers(1, 80)),
        st.tuples(st.just("later"), st.sampled_from([1, 4000])),
        st.tuples(st.just("build"), st.none()),
    ),
    max_size=12,
)  # fmt: skip


class Story:
    """What happens to a gate, and a plain dict beside it of what is known of thirteen numbers."""

    def __init__(self, folder):
        self.desk = FeedDesk(folder, FREE)
        self.plain, self.recent, self.built = {}, {}, (self.desk.fresh(), {})

    def events(self, value):
        said = [(number(place), state) for place, state in value]
        assert self.desk.events(*said).accepted == len(said)
        self.plain.update(said)
        self.recent.update({one: (self.desk.wall, state) for one, state in said})

    def bulk(self, value):
        listed = {number(place) for place in value[0]}
        result = self.desk.bulk(sorted(listed), BulkOrder(complete=value[1]))
        if result.why == "busy":  # its log is being compacted
            self.desk.ticks(600)
            result = self.desk.bulk(sorted(listed), BulkOrder(complete=value[1]))
        if not result.held:
            rest = "home" if result.promise == "kept" else "unknown"
            self.plain = {number(place): "abroad" if number(place) in listed else rest for place in range(13)}
            since = self.desk.wall - 3600
            self.plain |= {one: said for one, (at, said) in self.recent.items() if at >= since and said != "home"}

    def build(self, _):
        self.built = self.desk.replayed()

    def reload(self, steps_before_more_events):
        subscribers, positions = copy_of(self.desk, self.built[0]), dict(self.built[1])
        steps = self.desk.feeds.prepare(subscribers, positions)
        for _ in range(steps_before_more_events):
            next(steps, None)
        self.events([(11, "abroad"), (12, "home")])
        self.desk.feeds.replay(subscribers, positions)
        self.desk.known.subscribers = subscribers

    def restart(self, _):
        self.desk.again()

    def compact(self, ticks):
        for feed in self.desk.feeds._feeds.values():
            feed.wants_compaction = True
        self.desk.later(61)
        self.desk.ticks(ticks)

    def later(self, seconds):
        self.desk.later(seconds)


@settings(max_examples=25)
@given(ACTIONS)
def test_whatever_comes_in_whatever_order_the_files_say_what_the_gate_knows(tmp_path_factory, actions):
    """Events, lists, reloads of snapshots built earlier, restarts and compactions, against the files and a plain dict."""
    story = Story(tmp_path_factory.mktemp("any"))
    for action, value in actions:
        getattr(story, action)(value)
        assert story.desk.is_on_disk()
        assert {one: story.desk.known.subscribers.state(one) for one in story.plain} == story.plain
    story.desk.feeds.close()


@settings(max_examples=15)
@given(st.lists(st.integers(0, 30), max_size=20), st.integers(1, 60), st.sampled_from(["\n", "\r\n"]))
def test_a_list_may_be_cut_into_pieces_anywhere(tmp_path_factory, places, size, newline):
    data = newline.join(number(place) for place in places).encode()
    desk = FeedDesk(tmp_path_factory.mktemp("cut"))
    desk.feeds.bulk("kulan", [data[at : at + size] for at in range(0, len(data), size)], 0.0, WALL, PLAIN)
    assert {one for one in map(number, range(31)) if desk.known.subscribers.state(one) == "abroad"} == set(
        map(number, places)
    )
    desk.feeds.close()


def test_results_are_of_the_documented_kind(desk):
    shuffled = random.Random(1).sample(SOME, len(SOME))
    result = desk.bulk(shuffled, PLAIN)
    assert result == FeedResult(accepted=200, swing_percent=0.0, changed=200, sequence=1)
    assert read_feed(desk.folder, "kulan").header.abroad == 200
