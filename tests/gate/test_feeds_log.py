"""The files of a feed: torn, damaged, left over, tampered with; nothing of it stops a gate, and nothing half is believed."""

import pytest
from feed_desk import WALL, FeedDesk, number
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.gate.feed_log import (
    Event,
    events_after,
    events_path,
    open_log,
    parse_event,
    read_events,
    read_feed,
    read_feeds,
)
from tosqauyl.gate.feeds import BulkOrder
from tosqauyl.journal.append import System

A, B, C = number(1), number(2), number(3)
SOME = [number(place) for place in range(100, 300)]
EVENTS = st.builds(
    Event,
    st.integers(0, 10**18 - 1),
    st.integers(0, 10**12).map(lambda ms: ms / 1000),
    st.integers(0, 10**10 - 1).map("+7{:010d}".format),
    st.sampled_from(["abroad", "home", "unknown", "heard"]),
    st.integers(0, 10**12).map(lambda ms: ms / 1000),
)


@given(EVENTS)
def test_an_event_reads_as_it_was_written(event):
    assert parse_event(event.line().encode()) == event


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=80), EVENTS.map(lambda event: event.line().encode()[:-1]),
                 st.tuples(EVENTS, st.integers(0, 60), st.binary(max_size=3)).map(
                     lambda cut: cut[0].line().encode()[: cut[1]] + cut[2] + cut[0].line().encode()[cut[1] :])))  # fmt: skip
def test_a_line_is_read_as_what_it_would_be_written_as_or_not_at_all(line):
    event = parse_event(line)
    assert event is None or parse_event(event.line().encode()) == event


def test_a_folder_that_is_not_there_has_no_feeds(tmp_path):
    assert read_feeds(tmp_path / "none") == {}


def test_other_files_are_passed_over(tmp_path):
    for name in ("lock", "kulan.events", "kulan.x.events", "KULAN.bulk", "kulan.bulk.old", "x.1.events.gz"):
        (tmp_path / name).write_text("x")
    assert read_feeds(tmp_path) == {}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A log with four events and the state after each of them."""
    folder = tmp_path_factory.mktemp("written")
    desk = FeedDesk(folder)
    desk.events((A, "abroad"), (B, "home"))
    desk.events((A, "home", WALL - 1), (C, "abroad"))
    desk.feeds.close()
    return (folder / "kulan.0.events").read_bytes()


def test_a_log_torn_at_any_byte_keeps_its_whole_lines_and_goes_on(tmp_path, written):
    ends = [at + 1 for at, byte in enumerate(written) if byte == 10]
    for size in range(len(written) + 1):
        path = tmp_path / "kulan.0.events"
        path.write_bytes(written[:size])
        whole = sum(end <= size for end in ends)
        stored = read_feed(tmp_path, "kulan")
        assert len(list(stored.events())) == whole
        assert stored.position.sequence == whole
        assert stored.damaged == (size not in (0, *ends))
        log = open_log(path, System())
        log.append(Event(99, WALL, C, "home").line().encode())
        log.close()
        assert path.read_bytes() == written[: ([0, *ends])[whole]] + Event(99, WALL, C, "home").line().encode()


def test_a_damaged_line_in_the_middle_costs_that_line_only(tmp_path, written):
    lines = written.splitlines(keepends=True)
    for junk in (b"\0" * 40, b"x\n", lines[1][:-1] + lines[1], b"y" * 1000 + b"\n"):
        (tmp_path / "kulan.0.events").write_bytes(lines[0] + junk + b"".join(lines[2:]))
        found = [event for event in read_events(tmp_path / "kulan.0.events") if event]
        assert {event.sequence for event in found} <= {1, 2, 3, 4}
        assert len(found) >= 2


def test_a_long_piece_of_junk_at_the_end_spoils_no_line_after_it(tmp_path, written):
    path = tmp_path / "kulan.0.events"
    path.write_bytes(written + b"\0" * 5000)
    log = open_log(path, System())
    log.append(Event(99, WALL, C, "home").line().encode())
    log.close()
    assert [event.sequence for event in read_feed(tmp_path, "kulan").events()] == [1, 2, 3, 4, 99]


def test_damage_is_counted_and_alarmed_at_start(tmp_path, written):
    (tmp_path / "kulan.0.events").write_bytes(written[:-3])
    desk = FeedDesk(tmp_path)
    assert desk.feeds.counters["damaged_lines"] == 1
    assert "damaged" in desk.alarms[0]


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40), max_size=300), st.integers(0, 6000), st.integers(0, 3000))
def test_what_comes_after_a_sequence_is_found_by_halving(tmp_path_factory, gaps, after, junk):
    path = tmp_path_factory.mktemp("halving") / "log"
    sequence, lines = 0, []
    for gap in gaps:
        sequence += gap
        lines.append(Event(sequence, WALL, A, "home").line().encode())
    lines.insert(junk % (len(lines) + 1), b"\0" * (junk % 700) + b"\n")
    path.write_bytes(b"".join(lines))
    plain = [event for event in read_events(path) if event and event.sequence > after]
    assert list(events_after(path, after)) == plain


def with_a_list(folder):
    desk = FeedDesk(folder)
    desk.bulk(SOME, BulkOrder(complete=True))
    desk.later(3600)
    desk.bulk(SOME, BulkOrder(complete=True))
    desk.events((A, "abroad"), (number(150), "home"))
    return desk


def test_a_list_and_what_came_after_it_are_read_back(tmp_path):
    desk = with_a_list(tmp_path)
    assert desk.is_on_disk()
    assert desk.replayed()[0].count() == {"abroad": 200, "home": 10_000_000 - 200}
    assert desk.again().states(A, B, number(150)) == ["abroad", "home", "home"]


@pytest.mark.parametrize("damage", ["cut", "head", "middle", "digest", "longer", "empty"])
def test_a_bulk_that_is_damaged_is_not_believed_and_takes_every_home_away(tmp_path, damage):
    with_a_list(tmp_path).feeds.close()
    path = tmp_path / "kulan.bulk"
    data = bytearray(path.read_bytes())
    if damage in ("cut", "longer"):
        data = data[:-1] if damage == "cut" else data + b"\n"
    elif damage == "empty":
        data = bytearray()
    else:
        data[{"head": 30, "middle": 1_000_000, "digest": len(data) - 5}[damage]] ^= 1
    path.write_bytes(data)
    desk = FeedDesk(tmp_path)
    desk.wall += 7200
    subscribers, _ = desk.replayed()
    assert [subscribers.state(one) for one in (A, B, number(150))] == ["abroad", "unknown", "home"]


def test_an_unusable_bulk_is_written_anew(tmp_path):
    with_a_list(tmp_path).feeds.close()
    (tmp_path / "kulan.bulk").write_bytes(b"")
    desk = FeedDesk(tmp_path)
    desk.wall += 7200
    desk.again()
    assert "nobody is taken for at home" in desk.alarms[0]
    assert desk.feeds.counters["unusable_bulks"] == 1
    desk.ticks()
    assert read_feed(tmp_path, "kulan").unusable == ""
    assert desk.is_on_disk()


def test_a_bulk_of_another_operator_under_this_name_is_not_believed(tmp_path):
    with_a_list(tmp_path).feeds.close()
    (tmp_path / "kulan.bulk").rename(tmp_path / "t2.bulk")
    assert read_feed(tmp_path, "t2").unusable


def test_what_a_crash_left_between_two_generations_does_not_count_and_is_removed(tmp_path):
    desk = with_a_list(tmp_path)
    before = desk.known.subscribers.hash
    desk.feeds.close()
    events_path(tmp_path, "kulan", 3).write_text(Event(999, WALL, B, "abroad").line())
    events_path(tmp_path, "kulan", 1).write_text(Event(9, WALL, B, "abroad").line())
    (tmp_path / "kulan.draft").write_text("half a bulk")
    assert desk.replayed()[0].hash == before
    assert desk.again().known.subscribers.hash == before
    desk.feeds.settle()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kulan.2.events", "kulan.bulk"]


def test_nobody_is_led_out_of_the_folder_by_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("")
    folder = tmp_path / "feeds"
    folder.mkdir(mode=0o700)
    (folder / "kulan.0.events").symlink_to(outside)
    desk = FeedDesk(folder)
    assert not desk.events((A, "abroad")).durable
    assert outside.read_text() == ""
