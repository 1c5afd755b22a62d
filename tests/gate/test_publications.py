"""A gate follows the office: whatever happens, the last list holds, and what comes holds at once."""

import asyncio
import errno
import os
import sys
import time

import pytest
from office_desk import LIST, NOW, OTHER, FakeOffice
from publication_desk import NUMBER, OTHER_NUMBER, Bench, down

from tosqauyl.gate import publications as module
from tosqauyl.gate.builder import Builder
from tosqauyl.gate.publications import FollowOptions, Pauses
from tosqauyl.journal.append import System
from tosqauyl.networks.backend import AskFailed

MANY = [f"+7701{place:07d}" for place in range(2_000)]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def restarted(tmp_path, office=None, **options):
    return Bench(tmp_path, office, **options)


def test_the_first_list_is_fetched_and_holds(bench):
    bench.office.publish(NUMBER)
    state = bench.follow()
    assert bench.listed() == "block"
    assert (state["list"], state["seq"], state["entries"], state["changes"]) == (LIST, 1, 1, 0)
    assert (state["troubles"], state["last_error"]) == ([], "")
    assert bench.builder.runs == 1


def test_changes_hold_as_they_come(bench):
    state = bench.follow(
        lambda: bench.office.publish(NUMBER, "mark"),
        lambda: bench.office.publish(OTHER_NUMBER),
        lambda: bench.office.publish(NUMBER, "none"),
    )
    assert (bench.listed(), bench.listed(OTHER_NUMBER)) == ("none", "block")
    assert (state["seq"], state["entries"], state["changes"], state["counters"]["changes"]) == (3, 1, 2, 3)
    assert bench.builder.runs == 1, "changes need no new list"


def test_a_restarted_gate_has_its_last_list_without_the_office(bench, tmp_path):
    bench.office.publish(NUMBER)
    bench.follow(lambda: bench.office.publish(OTHER_NUMBER, "mark"), lambda: bench.office.publish(NUMBER, "allow"))
    again = restarted(tmp_path)
    assert (again.listed(), again.listed(OTHER_NUMBER)) == ("allow", "mark")
    assert (again.state["list"], again.state["seq"], again.state["entries"]) == (LIST, 3, 2)
    assert "publications-missing" not in again.state["troubles"]


def test_a_restarted_gate_goes_on_where_it_was(bench, tmp_path):
    bench.follow(lambda: bench.office.publish(NUMBER))
    bench.office.publish(OTHER_NUMBER)
    again = restarted(tmp_path, bench.office)
    again.follow()
    assert (again.listed(), again.listed(OTHER_NUMBER), again.builder.runs) == ("block", "block", 0)
    third = restarted(tmp_path)
    assert third.state["seq"] == 2


def test_a_killed_gate_has_every_change_that_held(bench, tmp_path):
    async def killed():
        bench.follower.start()
        await bench.caught_up()
        for number in MANY[:20]:
            bench.office.publish(number)
        await bench.caught_up()
        bench.follower._task.cancel()  # and nothing is closed

    asyncio.run(killed())
    again = restarted(tmp_path)
    assert (again.state["seq"], again.state["entries"]) == (20, 20)


def test_the_age_of_the_list_survives_a_restart(bench, tmp_path):
    bench.wall = bench.played.heard = time.time() - 7_200.0
    bench.follow(lambda: bench.office.publish(NUMBER))
    again = restarted(tmp_path)
    again.wall = time.time()
    assert again.state["age_seconds"] == pytest.approx(7_200.0, abs=60.0)
    third = restarted(tmp_path)
    third.wall = time.time()
    assert third.state["age_seconds"] == pytest.approx(7_200.0, abs=60.0), "a restart hears nobody"


def test_a_gate_that_cannot_reach_the_office_keeps_its_list_and_says_its_age(bench):
    bench.office.publish(NUMBER, "block", str(int(NOW) + 3_600))

    async def lose():
        bench.played.fail = [down()] * 3
        bench.nudge()
        async with asyncio.timeout(10):
            while bench.played.fail:
                await asyncio.sleep(0)

    state = bench.follow(lose)
    assert bench.listed() == "block"
    assert state["counters"]["failed_down"] == 3
    bench.wall = bench.played.heard + 899.0
    assert "publications-stale" not in bench.state["troubles"]
    bench.wall += 2.0
    assert bench.state["age_seconds"] == 901.0
    assert bench.state["troubles"] == ["publications-stale"]
    assert bench.listed(now=NOW + 3_599.0) == "block"
    assert bench.listed(now=NOW + 3_600.0) == "none", "entries expire by themselves"


def test_an_outage_is_told_once_and_its_end(bench):
    bench.played.fail = [down()] * 5
    bench.follow()
    told = [line for line in bench.alarms if "heard" in line]
    assert told == [
        "ALARM: publications: the office is not heard: down: no connection",
        "publications: the office is heard again",
    ]


def test_before_the_first_list_the_gate_says_so(bench):
    assert bench.state["troubles"] == ["publications-missing"]
    assert (bench.state["age_seconds"], bench.state["seq"], bench.listed()) == (-1.0, 0, "none")


def test_another_list_replaces_everything(bench, tmp_path):
    bench.office.publish(NUMBER)

    def replace():
        bench.office.list_id, bench.office.history = OTHER, []
        bench.office.publish(OTHER_NUMBER)

    state = bench.follow(lambda: bench.office.publish("7111"), replace)
    assert [bench.listed(number) for number in (NUMBER, "7111", OTHER_NUMBER)] == ["none", "none", "block"]
    assert (state["list"], state["seq"], state["counters"]["list_changed"]) == (OTHER, 1, 2)
    again = restarted(tmp_path)
    assert (again.state["list"], again.state["seq"], again.listed("7111")) == (OTHER, 1, "none")


def test_a_list_that_went_back_replaces_everything(bench, tmp_path):
    for number in (NUMBER, OTHER_NUMBER, "7111"):
        bench.office.publish(number)

    async def go_back():
        del bench.office.history[1:]
        bench.played.fail = [module.ListChanged()]
        bench.nudge()

    bench.follow(lambda: bench.office.publish("1414"), go_back)
    assert [bench.listed(number) for number in (NUMBER, OTHER_NUMBER, "7111", "1414")] == ["block"] + ["none"] * 3
    assert restarted(tmp_path).state["seq"] == 1


def test_a_gate_that_was_away_for_too_long_takes_the_whole_list(bench, tmp_path):
    bench.follow(lambda: bench.office.publish(NUMBER))
    for number in MANY[:50]:
        bench.office.publish(number)
    bench.office.kept = 20
    again = restarted(tmp_path, bench.office)
    state = again.follow()
    assert (state["seq"], state["entries"], again.builder.runs) == (51, 51, 1)


@pytest.mark.parametrize(
    "failed",
    [
        AskFailed("malformed", "does not have its digest"),
        AskFailed("wrong", "another list"),
        ZeroDivisionError("a bug"),
    ],
)
def test_a_refused_answer_changes_nothing_and_is_counted_and_told(bench, failed):
    bench.office.publish(NUMBER)
    seen = []

    async def refuse():
        bench.played.fail = [failed]
        bench.nudge()
        async with asyncio.timeout(10):
            while not bench.state["last_error"]:
                await asyncio.sleep(0)
        seen.append(bench.state)

    bench.follow(refuse)
    assert bench.listed() == "block"
    assert len([line for line in bench.alarms if line.startswith("ALARM")]) == 1
    if isinstance(failed, AskFailed):
        assert seen[0]["counters"][f"failed_{failed.kind}"] == 1
        assert seen[0]["troubles"] == ["publications-refused"]
    assert bench.state["last_error"] == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-10],
        lambda data: data.replace(b"block", b"allow"),
        lambda data: b"junk",
    ],
    ids=["torn", "tampered", "junk"],
)
def test_a_spoiled_whole_list_is_refused_and_the_old_one_stays(tmp_path, spoil):
    bench = Bench(tmp_path, most_changes=3)
    bench.office.publish(NUMBER)

    async def spoiled():
        bench.office.spoil = spoil
        for number in MANY[:5]:
            bench.office.publish(number)
        async with asyncio.timeout(10):
            while not bench.state["counters"].get("lists_refused"):
                await asyncio.sleep(0.001)
                bench.nudge()
        assert bench.state["troubles"] == ["publications-refused"]
        assert all(bench.listed(number) == "block" for number in (NUMBER, *MANY[:5]))
        bench.office.spoil = lambda data: data

    state = bench.follow(spoiled)
    assert (state["troubles"], state["last_error"]) == ([], "")
    assert state["changes"] == 0, "the next sound one is taken"
    assert any("the whole list is refused, the old one stays" in line for line in bench.alarms)


def test_with_too_many_changes_the_list_is_made_anew_beside_them(tmp_path):
    bench = Bench(tmp_path, most_changes=10)

    def publish():
        for number in MANY[:25]:
            bench.office.publish(number)

    state = bench.follow(publish)
    assert (state["seq"], state["base_seq"], state["changes"], state["entries"]) == (25, 25, 0, 25)
    assert bench.builder.runs == 2
    assert len([name for name in bench.files() if name.endswith(".tqs")]) == 1
    assert restarted(tmp_path).state["entries"] == 25


def test_changes_that_come_while_a_list_is_packed_are_not_lost(tmp_path):
    bench = Bench(tmp_path, most_changes=10)

    def publish():
        for number in MANY[:11]:
            bench.office.publish(number)

    def meanwhile():
        """In the builder's thread, after it has read the list."""
        if bench.builder.runs == 2:
            bench.office.history.append((NUMBER, "mark", "-", "late"))
            bench.office.history.append((MANY[0], "none", "-", "late"))
            loop.call_soon_threadsafe(bench.nudge)
            until = time.monotonic() + 5
            while bench.published.seq < 13 and time.monotonic() < until:
                time.sleep(0.001)

    async def remember():
        nonlocal loop
        loop = asyncio.get_running_loop()

    loop = None
    bench.builder.before = meanwhile
    state = bench.follow(remember, publish)
    assert (state["base_seq"], state["seq"], state["changes"], state["entries"]) == (11, 13, 2, 11)
    assert (bench.listed(), bench.listed(MANY[0]), bench.listed(MANY[1])) == ("mark", "none", "block")
    again = restarted(tmp_path)
    assert (again.state["base_seq"], again.state["seq"], again.listed(), again.listed(MANY[0])) == (
        11,
        13,
        "mark",
        "none",
    )


def test_many_changes_are_applied_a_few_at_a_time(bench):
    longest, turns = 0, 0

    async def test():
        nonlocal longest, turns
        bench.follower.start()
        await bench.caught_up()
        for number in MANY:
            bench.office.history.append((number, "block", "-", "a"))
        bench.nudge()
        before = bench.published.changes
        while bench.published.seq < len(MANY):
            await asyncio.sleep(0)
            turns += 1
            longest = max(longest, bench.published.changes - before)
            before = bench.published.changes
        await bench.follower.stop()

    asyncio.run(asyncio.wait_for(test(), 10))
    assert longest <= module.ROWS_A_STEP
    assert turns >= 4


def test_a_list_that_is_not_newer_is_refused_and_the_folder_asked_again(tmp_path):
    """The whole list in a folder may be older than the changes beside it."""
    bench = Bench(tmp_path, most_changes=3)
    bench.office.publish(NUMBER)
    old = bench.office.whole()

    async def refuse():
        bench.office.spoil = lambda data: old
        for number in MANY[:5]:
            bench.office.publish(number)
        async with asyncio.timeout(10):
            while not bench.state["counters"].get("lists_refused"):
                await asyncio.sleep(0.001)
                bench.nudge()
        assert "no newer list" in bench.state["last_error"]
        assert bench.state["entries"] == 6
        bench.office.spoil = lambda data: data

    assert bench.follow(refuse)["troubles"] == []


def test_an_office_that_says_the_list_changed_and_gives_the_same_is_asked_again(bench):
    bench.office.publish(NUMBER)

    async def contradict():
        bench.played.fail = [module.ListChanged()]
        bench.nudge()
        async with asyncio.timeout(10):
            while not bench.state["counters"].get("lists_refused"):
                await asyncio.sleep(0.001)

    bench.follow(contradict, lambda: bench.office.publish(OTHER_NUMBER))
    assert (bench.listed(), bench.listed(OTHER_NUMBER), bench.builder.runs) == ("block", "block", 2)


class Disk:
    """A disk that may be full."""

    def __init__(self):
        self.full = False
        self.short = False

    def write(self, descriptor, data):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, data[: len(data) // 2] if self.short else data)


@pytest.mark.parametrize("way", ["full", "short"])
def test_changes_that_cannot_be_written_hold_and_the_list_is_made_anew(tmp_path, way):
    disk = Disk()
    bench = Bench(tmp_path, system=System(write=disk.write))
    bench.office.publish(NUMBER)

    async def fill():
        setattr(disk, way, True)
        bench.office.publish(OTHER_NUMBER)
        async with asyncio.timeout(10):
            while bench.listed(OTHER_NUMBER) != "block":
                await asyncio.sleep(0)
        assert bench.state["troubles"] == ["publications-not-written"]
        setattr(disk, way, False)
        bench.nudge()

    state = bench.follow(fill)
    assert (state["base_seq"], state["troubles"]) == (2, [])
    assert len([line for line in bench.alarms if "cannot be written" in line]) == 1
    again = restarted(tmp_path)
    assert (again.listed(), again.listed(OTHER_NUMBER)) == ("block", "block")


def spoil_log(folder, spoil):
    (path,) = [path for path in folder.glob("changes.*.log") if path.stat().st_size]
    data = path.read_bytes()
    path.write_bytes(spoil(data))
    return path


@pytest.mark.parametrize(
    ("spoil", "seq"),
    [
        (lambda data: data[:-1], 2),
        (lambda data: data[:-200], 1),
        (lambda data: data + b"tosqauyl-changes 1 ", 3),
        (lambda data: data + bytes(4096), 3),
        (lambda data: data.replace(b"mark", b"warn"), 1),
        (lambda data: b"", 0),
        (lambda data: b"\xff" * 500, 0),
    ],
    ids=["torn", "torn deep", "half an answer", "zeros of a power cut", "tampered", "empty", "junk"],
)
def test_of_a_damaged_log_what_is_before_the_damage_holds(bench, tmp_path, spoil, seq):
    bench.follow(
        lambda: bench.office.publish(NUMBER),
        lambda: bench.office.publish(OTHER_NUMBER, "mark"),
        lambda: bench.office.publish("7111"),
    )
    spoil_log(bench.folder, spoil)
    again = restarted(tmp_path, bench.office)
    assert again.state["seq"] == seq
    assert again.follow()["seq"] == 3, "the office has the rest"
    assert restarted(tmp_path).state["seq"] == 3


def test_a_log_with_a_gap_holds_up_to_the_gap(bench, tmp_path):
    bench.follow(
        lambda: bench.office.publish(NUMBER),
        lambda: bench.office.publish(OTHER_NUMBER),
        lambda: bench.office.publish("7111"),
    )

    def cut_out(data):
        first, _, third = data.split(b"tosqauyl-changes")[1:]
        return b"tosqauyl-changes" + first + b"tosqauyl-changes" + third

    spoil_log(bench.folder, cut_out)
    again = restarted(tmp_path, bench.office)
    assert (again.state["seq"], again.state["counters"]["log_gaps"]) == (1, 1)
    again.follow()
    assert restarted(tmp_path).state["seq"] == 3


@pytest.mark.parametrize("spoil", ["cut", "flip", "snapshot"])
def test_a_spoiled_packed_list_is_told_and_fetched_again(bench, tmp_path, spoil):
    bench.office.publish(NUMBER)
    bench.follow()
    (path,) = bench.folder.glob("*.tqs")
    data = bytearray(path.read_bytes())
    if spoil == "cut":
        del data[-1:]
    else:
        data[len(data) // 2 if spoil == "flip" else 60] ^= 4
    path.write_bytes(data)
    again = restarted(tmp_path, bench.office)
    assert again.state["troubles"] == ["publications-missing", "publications-refused"]
    assert again.follow()["troubles"] == []
    assert again.listed() == "block"
    assert len(list(bench.folder.glob("*.tqs"))) == 1


def test_with_more_changes_than_are_kept_no_more_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 5)
    bench = Bench(tmp_path, most_changes=100)

    async def test():
        bench.follower.start()
        await bench.caught_up()
        for number in MANY[:6]:
            bench.office.publish(number)
        async with asyncio.timeout(10):
            while not bench.state["counters"].get("failed_limited"):
                await asyncio.sleep(0)
        questions = bench.played.questions
        for number in MANY[6:9]:
            bench.office.publish(number)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (bench.state["seq"], bench.played.questions) == (6, questions)
        await bench.follower.stop()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("dice", "expected"), [(0.0, [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]), (1.0, [0.25, 0.5, 1.0, 2.0, 2.5, 2.5])]
)
def test_pauses_grow_to_a_bound_and_dice_shorten_them(tmp_path, dice, expected):
    bench = Bench(tmp_path, pauses=Pauses())
    bench.follower._senses = module.Senses(lambda: NOW, lambda: dice)
    assert [bench.follower._pause("x", 0.0) for _ in expected] == expected
    assert bench.follower._pause("x", 20.0) == 20.0
    assert bench.follower._pause("x", 3_600.0) == 60.0
    assert [bench.follower._pause_build("x") for _ in range(7)][-1] == 60.0 * (1.0 - dice / 2)


def test_an_office_that_does_not_hold_its_answers_back_is_not_asked_without_end(tmp_path):
    bench = Bench(tmp_path, pauses=Pauses(first=30.0, longest=30.0))

    async def test():
        bench.follower.start()
        await bench.caught_up()
        bench.nudge()
        for _ in range(100):
            await asyncio.sleep(0)
            bench.nudge()
        await bench.follower.stop()

    asyncio.run(test())
    assert bench.played.questions <= 4


def test_what_a_killed_builder_left_is_removed(bench):
    bench.folder.mkdir(exist_ok=True)
    left = bench.folder / ".0123.99.draft"
    left.write_bytes(b"x")
    os.utime(left, (time.time() - 7_200.0,) * 2)
    bench.follow()
    assert not left.exists()


def test_the_files_are_for_their_owner_only(bench):
    bench.office.publish(NUMBER)
    bench.follow(lambda: bench.office.publish(OTHER_NUMBER))
    assert bench.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in bench.folder.iterdir()} == {0o600}


def test_no_number_is_in_an_alarm_or_in_the_state(tmp_path):
    bench = Bench(tmp_path, most_changes=1)
    bench.office.publish(NUMBER)
    bench.follow(lambda: bench.office.publish(OTHER_NUMBER), lambda: bench.office.publish(NUMBER, "none"))
    assert "4477009" not in f"{bench.alarms}{bench.state}"


def test_the_clock_of_the_office_is_compared_with_ours(bench):
    assert bench.follow(lambda: bench.office.publish(NUMBER))["clock_off_seconds"] == 2.0


def test_stopping_ends_everything(bench):
    bench.follow()
    assert bench.played.closed


def test_a_builder_that_fails_says_why_and_is_tried_again(tmp_path):
    """With a process of its own, as in the gate."""
    bench = Bench(tmp_path)
    code = "import sys; sys.exit('tosqauyl: the office did not give its list: down')"
    bench.follower.options = FollowOptions(
        (sys.executable, "-c", code), bench.folder, pauses=bench.follower.options.pauses
    )
    bench.follower._builder = Builder()

    async def test():
        bench.follower.start()
        async with asyncio.timeout(20):
            while bench.state["counters"].get("lists_refused", 0) < 2:
                await asyncio.sleep(0.01)
        state = bench.state
        await bench.follower.stop()
        return state

    state = asyncio.run(test())
    assert state["last_error"] == "the office did not give its list: down"
    assert len([line for line in bench.alarms if "did not give its list" in line]) == 1


def test_an_empty_office_is_followed_too(tmp_path):
    bench = Bench(tmp_path, FakeOffice())
    assert bench.follow()["troubles"] == []
    assert bench.state["entries"] == 0
