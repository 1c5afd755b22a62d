"""A file of events that is followed: through restarts, rotation, cuts, half lines and nonsense."""

import json
import os
from datetime import UTC, datetime

import pytest
from feed_desk import FREE, OPTIONS, WALL, FeedDesk, number
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.config.load import load_config
from tosqauyl.errors import FileMistakes
from tosqauyl.gate import feed_tail
from tosqauyl.gate.feed_freshness import recall
from tosqauyl.gate.feed_tail import (
    FEWEST_LINES,
    LINES_A_TURN,
    LONGEST_LINE,
    RETRY_SECONDS,
    FeedFile,
    FeedTail,
    read_lines,
)
from tosqauyl.gate.feeds import BulkOrder
from tosqauyl.state.freshness import Freshness

A, B, C = number(1), number(2), number(3)
TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0."


class TailDesk(FeedDesk):
    """A desk with a file that is followed."""

    def __init__(self, folder, options=FREE):
        super().__init__(folder / "feeds", options)
        self.file = folder / "moves.log"
        self.follow()

    def follow(self):
        self.tail = FeedTail(FeedFile("kulan", str(self.file)), self.feeds, self.alarms.append)

    def write(self, *lines, end="\n"):
        with self.file.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines[:-1]) + (lines[-1] + end if lines else ""))

    def turns(self, count=1):
        for _ in range(count):
            self.tail.turn(self.now, self.wall)
        return self

    def restart(self):
        self.tail.close()
        self.again()
        self.follow()
        return self


@pytest.fixture
def desk(tmp_path):
    desk = TailDesk(tmp_path)
    yield desk
    desk.tail.close()
    desk.feeds.close()


def when(seconds=0.0):
    return datetime.fromtimestamp(WALL - 3600.0 + seconds, UTC).isoformat()


def plain(which, state, seconds=0.0):
    return f"{which} {state} {when(seconds)}"


def cloud(which, kind, seconds=0.0):
    return json.dumps(
        {"id": f"{which}{seconds}", "source": "/hlr", "specversion": "1.0", "type": TYPE + kind, "time": when(seconds),
         "data": {"device": {"phoneNumber": which}}}
    )  # fmt: skip


def test_lines_of_both_kinds_are_taken_as_they_come(desk):
    desk.write(plain(A, "abroad"), cloud(B, "roaming-on", 1), "", plain(C, "home", 2))
    assert desk.turns().states(A, B, C) == ["abroad", "abroad", "home"]
    desk.write(cloud(A, "roaming-off", 3))
    assert desk.turns().states(A) == ["home"]
    assert desk.feeds.counters["file_lines"] == 5


def test_a_file_that_is_not_there_yet_is_waited_for(desk):
    desk.turns()
    desk.write(plain(A, "abroad"))
    desk.later(1.1)
    assert desk.turns().states(A) == ["abroad"]
    assert desk.alarms == []


def test_half_a_line_is_left_until_its_end_comes(desk):
    desk.write(plain(A, "abroad")[:30], end="")
    assert desk.turns(3).states(A) == ["unknown"]
    desk.write(plain(A, "abroad")[30:])
    assert desk.turns().states(A) == ["abroad"]
    assert not any("refused" in name for name in desk.feeds.counters)


def test_only_so_many_lines_are_taken_at_a_time(desk):
    desk.write(*[plain(number(place), "abroad") for place in range(600)])
    taken = [desk.turns().feeds.counters["file_lines"] for _ in range(4)]
    assert taken == [LINES_A_TURN, 2 * LINES_A_TURN, 600, 600]


def test_a_restart_goes_on_where_it_was(desk):
    desk.write(plain(A, "abroad"))
    desk.turns()
    desk.write(plain(A, "home", 5), plain(B, "abroad", 4))
    desk.restart().turns()
    assert desk.states(A, B) == ["home", "abroad"]
    assert desk.feeds.counters["file_lines"] == 2


def test_a_file_that_is_renamed_is_read_to_its_end_and_then_the_new_one(desk):
    desk.write(plain(A, "abroad"))
    desk.turns()
    desk.write(plain(B, "abroad", 1), plain(C, "abroad", 2), end="")
    os.rename(desk.file, f"{desk.file}.1")
    desk.write(plain(A, "home", 3))
    assert desk.turns(5).states(A, B, C) == ["home", "abroad", "abroad"]
    assert desk.feeds.counters["file_lines"] == 4


def test_a_file_that_was_renamed_while_the_gate_was_down_is_read_to_its_end_first(desk):
    desk.write(plain(A, "abroad"))
    desk.turns()
    desk.write(plain(B, "abroad", 1))
    os.rename(desk.file, f"{desk.file}.1")
    desk.write(plain(A, "home", 3))
    assert desk.restart().turns(5).states(A, B) == ["home", "abroad"]
    assert desk.feeds.counters["file_lines"] == 2


@pytest.mark.parametrize("lines", [1, 3])
def test_a_file_that_was_cut_begins_anew_even_if_it_has_grown_past_the_old_place(desk, lines):
    desk.write(plain(A, "abroad"), plain(A, "abroad", 1))
    desk.turns()
    with desk.file.open("w"):
        pass
    desk.write(*[plain(number(10 + place), "abroad", 9) for place in range(lines)])
    assert desk.turns().states(number(10), number(9 + lines)) == ["abroad", "abroad"]
    assert desk.feeds.counters["file_cut"] == 1


def test_nonsense_is_counted_and_the_rest_is_taken(desk):
    desk.write(
        "nonsense",
        plain(A, "abroad"),
        "{",
        f"{B} abroad yesterday",
        f"{B} abroad 2026-11-28T10:00:00",
        plain("7701", "home"),
    )
    desk.write(plain(number(1, "761"), "abroad"), f"{C} roaming {when()}", plain(C, "abroad"))
    assert desk.turns().states(A, B, C) == ["abroad", "unknown", "abroad"]
    refused = {name: count for name, count in desk.feeds.counters.items() if "refused" in name}
    assert refused == {"notice_refused_line": 5, "notice_refused_malformed": 1, "event_refused_foreign": 1}


def test_a_line_without_end_is_passed_over_up_to_the_next_one(desk, monkeypatch):
    monkeypatch.setattr(feed_tail, "READ_BYTES", 2 * LONGEST_LINE)
    desk.write(plain(A, "abroad"), "x" * (5 * LONGEST_LINE), plain(B, "abroad", 1))
    assert desk.turns(8).states(A, B) == ["abroad", "abroad"]
    assert desk.feeds.counters["file_long_lines"] == 1


def test_a_line_without_end_that_is_the_last_of_its_file_does_not_keep_the_next_file_waiting(desk):
    desk.write("x" * (LONGEST_LINE + 1), end="")
    desk.turns(3)
    desk.file.rename(desk.file.with_suffix(".1"))
    desk.write(plain(A, "abroad"))
    assert desk.turns(5).states(A) == ["abroad"]


def test_what_swings_too_far_goes_in_as_fast_as_the_limit_lets_it(tmp_path):
    desk = TailDesk(tmp_path, OPTIONS)
    desk.write(*[plain(number(place), "abroad", place) for place in range(400)])
    desk.turns(20)
    first = desk.feeds.counters["file_lines"]
    assert FEWEST_LINES <= first <= 200
    assert len([alarm for alarm in desk.alarms if "file of events" in alarm]) == 1
    for _ in range(40):
        desk.later(RETRY_SECONDS)
        desk.turns(20)
    assert desk.feeds.counters["file_lines"] == 400
    assert desk.states(number(399)) == ["abroad"]
    assert not any(number(place)[1:] in alarm for alarm in desk.alarms for place in range(400))


def test_what_is_no_file_is_told_once_a_minute(desk):
    desk.file.mkdir()
    desk.turns(10)
    assert [("file of events of kulan" in alarm, "no regular file" in alarm) for alarm in desk.alarms] == [(True, True)]
    desk.file.rmdir()
    desk.write(plain(A, "abroad"))
    desk.later(RETRY_SECONDS)
    assert desk.turns().states(A) == ["abroad"]


def test_a_damaged_position_begins_anew(desk):
    desk.write(plain(A, "abroad"))
    desk.turns()
    (position,) = desk.folder.glob("*.position")
    assert position.stat().st_mode & 0o777 == 0o600
    position.write_bytes(b"\xff nonsense")
    desk.write(plain(B, "abroad", 1))
    assert desk.restart().turns().states(A, B) == ["abroad", "abroad"]


def test_freshness_is_told_of_what_came_and_knows_it_after_a_restart(desk):
    fresh = desk.feeds.freshness = Freshness()
    desk.write(plain(A, "abroad"), plain(B, "home", 60))
    desk.turns()
    told = [("feed", 3600.0), ("feed", 30.0), ("feed", 30.0)]
    asked = [(A, "abroad"), (B, "home"), (C, "abroad")]
    assert [
        fresh.age(which, "kulan", state, WALL + 30.0 * (state == "home" or which == C)) for which, state in asked
    ] == told
    again = Freshness()
    recall(again, desk.folder)
    assert [
        again.age(which, "kulan", state, WALL + 30.0 * (state == "home" or which == C)) for which, state in asked
    ] == told
    assert again.age(A, "t2", "abroad", WALL) == ("none", -1.0)


def test_a_list_makes_everybody_on_it_as_fresh_as_the_operator(desk):
    fresh = desk.feeds.freshness = Freshness()
    desk.events((A, "abroad", WALL - 7200.0))
    assert fresh.age(A, "kulan", "abroad", WALL) == ("feed", 7200.0)
    desk.later(60.0)
    assert desk.bulk([A, B], BulkOrder(as_of=WALL)).why == ""
    desk.feeds.tick(desk.now, desk.wall)
    assert [fresh.age(which, "kulan", "abroad", WALL + 90.0) for which in (A, B)] == [("feed", 30.0)] * 2
    again = Freshness()
    recall(again, desk.folder)
    assert again.age(A, "kulan", "abroad", WALL + 90.0) == ("feed", 30.0)


GATE = """
[[trunk]]
id = "abroad"
listen = "udp:127.0.0.1:0"
from = ["127.0.0.0/8"]
"""


def test_files_to_follow_are_read_from_the_configuration_each_once():
    row = "[[feed_file]]\noperator = 'kcell'\nfile = 'moves.log'\n"
    assert load_config(GATE + row, "/etc/gate.toml").feed_files == (FeedFile("kcell", "/etc/moves.log"),)
    for wrong in (row + row, "[[feed_file]]\nfile = 'moves.log'\n", "[[feed_file]]\noperator = 'kcell'\n"):
        with pytest.raises(FileMistakes, match=r"feed_file\[\d\]\.(operator|file)"):
            load_config(GATE + wrong, "/etc/gate.toml")


@given(st.lists(st.binary(max_size=60) | st.builds(plain, st.just(A), st.just("home")).map(str.encode), max_size=6))
def test_any_lines_are_read_and_each_has_at_most_one_place(lines):
    told = read_lines(lines)
    places = [move.place for move in told.moves] + [place for place, _ in told.refused]
    assert len(set(places)) == len(places) <= told.events == len(lines)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_however_it_is_written_rotated_and_restarted_every_line_is_taken_once(
    tmp_path_factory, sizes, rotations, restarts
):
    desk = TailDesk(tmp_path_factory.mktemp("tail"))
    desk.write()
    desk.turns()
    text = "".join(plain(number(place), "abroad", place) + "\n" for place in range(20))
    for turn, size in enumerate(sizes):
        desk.write(text[:size], end="")
        text = text[size:]
        if turn in restarts:
            desk.restart()
        if turn in rotations and desk.file.read_text()[-1:] == "\n":
            os.rename(desk.file, f"{desk.file}.{turn}")
            desk.write()
        desk.turns(5)
    desk.write(text, end="")
    desk.turns(5)
    assert desk.states(*map(number, range(20))) == ["abroad"] * 20
    desk.tail.close()
    desk.feeds.close()
