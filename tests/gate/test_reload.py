"""Reloading: what a builder gives is put in use between two calls; whatever is wrong with it, the old snapshot stays."""

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

import pytest
from desk import ENTRIES, invite, make_desk
from snapshot_desk import POLICY, small, written

from tosqauyl.gate.feed_state import FeedOptions
from tosqauyl.gate.feeds import Feeds
from tosqauyl.gate.reload import Fresh, Reloader, ReloadOptions
from tosqauyl.screen.engine import Engine, EngineOptions
from tosqauyl.screen.failure import FailurePolicy
from tosqauyl.snapshots.folder import accept
from tosqauyl.snapshots.load import map_snapshot

PYTHON = (sys.executable, "-c")
SAYS_PATH = "import sys, pathlib; print('lines', file=sys.stderr); print(pathlib.Path(sys.argv[1]).read_text())"
OTHER = POLICY.replace('id = "stop-fixed"', 'id = "stop-other"')
MANY = tuple(f"+7701{number:07d}" for number in range(10_000))


class Bench:
    """A session with a reloader whose builder prints the path that stands in a file."""

    def __init__(self, folder: Path, **first: object) -> None:
        self.folder, self.alarms, self.says = folder, [], folder / "says"
        path = written(folder, **first)
        self.desk = make_desk()
        self.session = self.desk.session
        self.session.replace(*self.adopt(map_snapshot(path)))
        self.build(path)
        options = ReloadOptions((*PYTHON, SAYS_PATH, str(self.says)), folder, build_seconds=20)
        fresh = Fresh(self.session.engine.known, path.name, time.time(), {})
        self.reloader = Reloader(self.session, options, self.adopt, fresh, self.alarms.append)

    def adopt(self, known):
        engine = Engine(known, FailurePolicy(), EngineOptions(True))
        return engine, lambda call, decided, elapsed, answer: f"{known.hash}\t{decided[2]}"

    def build(self, path: Path) -> None:
        self.says.write_text(str(path))

    def command(self, *words: str, seconds: float = 20) -> None:
        self.reloader.options = ReloadOptions(words, self.folder, build_seconds=seconds)

    def reload(self, again: int = 0) -> dict[str, object]:
        async def run():
            self.reloader.request()
            await asyncio.sleep(0)
            for _ in range(again):
                self.reloader.request()
            assert self.reloader.state()["loading"]
            await self.reloader.settled()

        asyncio.run(run())
        return self.reloader.state()

    @property
    def known(self):
        return self.session.engine.known


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_new_snapshot_is_put_in_use(bench):
    path = written(bench.folder, policy=OTHER)
    bench.build(path)
    state = bench.reload()
    assert (state["hash"], state["file"], state["loads"], state["last_error"]) == (path.stem[:16], path.name, 1, "")
    assert not state["loading"]
    assert state["age_seconds"] < 60
    assert bench.known.policy.rules[0].id == "stop-other"
    assert bench.alarms == [f"snapshot {path.stem[:16]} is in use"]


def test_calls_are_judged_and_written_by_the_new_one(bench):
    assert bench.desk.status(invite("+77172123456", branch="z9hG4bK-a")) == 603
    path = written(bench.folder, policy=OTHER)
    bench.build(path)
    bench.reload()
    assert all(not entry.profile.templates for entry in ENTRIES), "answers that were made for the old decisions"
    assert bench.desk.status(invite("+77172123456", branch="z9hG4bK-b")) == 603
    assert bench.desk.rows[0].endswith("\tstop-fixed")
    assert bench.desk.rows[1] == f"{path.stem[:16]}\tstop-other"


def test_the_same_snapshot_again_changes_nothing(bench):
    known = bench.known
    assert bench.reload()["loads"] == 1
    assert bench.known is known


def test_requests_while_one_is_served_are_served_once_more(bench):
    assert bench.reload(again=4)["loads"] == 2


def test_mistakes_of_the_builder_are_all_told_and_the_old_one_stays(bench):
    known = bench.known
    said = "progress\\ntosqauyl: policy.toml:3: one\\n    hint: x\\nlist.csv:9: two"
    bench.command(*PYTHON, f"import sys; print('{said}', file=sys.stderr); sys.exit(2)")
    state = bench.reload()
    assert state["last_error"] == "policy.toml:3: one\n    hint: x\nlist.csv:9: two"
    assert (state["loads"], state["refusals"]) == (0, 1)
    assert bench.known is known
    assert bench.alarms[0].startswith("ALARM: the new snapshot is refused, the old one stays: policy.toml:3: one")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('/somewhere/else.tqs')", "did not say where"),
        ("pass", "did not say where"),
        ("import sys; sys.exit(3)", "ended with code 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended with code -9"),
        ("import sys; sys.stderr.write('x' * 5_000_000); sys.exit(1)", "xxx"),
    ],
)
def test_a_builder_that_fails_in_any_way_leaves_the_old_one(bench, code, says):
    known = bench.known
    bench.command(*PYTHON, code)
    error = bench.reload()["last_error"]
    assert says in error
    assert len(error) <= 65_536
    assert bench.known is known


def test_a_builder_that_never_ends_is_ended(bench):
    bench.command(*PYTHON, "import time; time.sleep(60)", seconds=0.2)
    assert "not done after" in bench.reload()["last_error"]


def test_a_builder_that_is_not_there_is_told(bench):
    bench.command("/nowhere/tosqauyl")
    assert "No such file" in bench.reload()["last_error"]


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="needs Linux")
def test_a_builder_gives_way_to_everybody_else(bench):
    bench.command(*PYTHON, "import os, sys; sys.exit(f'{os.nice(0)} {os.sched_getscheduler(0) == os.SCHED_OTHER}')")
    assert bench.reload()["last_error"] == "19 True"


@pytest.mark.parametrize("spoil", ["cut", "flip", "gone"])
def test_a_spoiled_file_is_refused_and_the_next_sound_one_is_taken(bench, spoil):
    known, path = bench.known, written(bench.folder, policy=OTHER)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    {"cut": lambda: path.write_bytes(data[:-1]), "flip": lambda: path.write_bytes(data), "gone": path.unlink}[spoil]()
    bench.build(path)
    assert path.name in bench.reload()["last_error"]
    assert bench.known is known
    path.unlink(missing_ok=True)
    bench.build(written(bench.folder, policy=OTHER))
    assert bench.reload()["last_error"] == ""
    assert bench.known is not known


def test_a_swing_is_refused_until_somebody_accepts_it(tmp_path):
    bench = Bench(tmp_path, abroad=MANY)
    known = bench.known
    path = written(tmp_path, abroad=MANY[:5_000])
    bench.build(path)
    assert "kcell 50%; allowed are 20%" in bench.reload()["last_error"]
    assert bench.known is known
    assert not path.exists(), "a refused snapshot is none to start from"
    bench.build(written(tmp_path, abroad=MANY[:5_000]))
    accept(tmp_path)
    assert bench.reload()["last_error"] == ""
    assert bench.known.subscribers.state(MANY[-1]) == "home"
    assert any("accepted for this once: kcell 50%" in line for line in bench.alarms)


def test_a_small_change_is_no_swing(tmp_path):
    bench = Bench(tmp_path, abroad=MANY)
    bench.build(written(tmp_path, abroad=MANY[:9_000]))
    assert bench.reload()["last_error"] == ""


def test_events_that_came_after_the_builder_had_read_the_feeds_are_applied(bench):
    feeds = Feeds(lambda: bench.known, bench.folder / "feeds", FeedOptions(), bench.alarms.append)
    bench.reloader.feeds = feeds
    number = "+77015555555"
    now, wall = time.monotonic(), time.time()
    feeds.events("kcell", [(number, "abroad")], now, wall)
    assert bench.known.subscribers.state(number) == "abroad"
    bench.build(written(bench.folder, policy=OTHER))
    assert bench.reload()["last_error"] == ""
    assert bench.known.subscribers.state(number) == "abroad", "the file says home, the feed abroad"
    feeds.close()


def test_what_hangs_on_a_reload_is_called_whatever_comes_of_it(bench):
    called = []
    bench.reloader.on_reload.append(lambda: called.append(1))
    bench.command("/nowhere/tosqauyl")
    bench.reload(again=2)
    assert called == [1, 1, 1]


def test_a_bug_in_loading_does_not_end_reloading(bench, monkeypatch):
    monkeypatch.setattr(bench.reloader, "_adopt", lambda known: 1 / 0)
    bench.build(written(bench.folder, policy=OTHER))
    assert "a bug, please report it" in bench.reload()["last_error"]
    monkeypatch.setattr(bench.reloader, "_adopt", bench.adopt)
    assert bench.reload()["last_error"] == ""


def test_stopping_ends_the_builder(bench):
    bench.command(*PYTHON, "import time; time.sleep(60)")

    async def run():
        bench.reloader.request()
        await asyncio.sleep(0.2)
        await bench.reloader.stop()

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 10
    assert not bench.reloader.state()["loading"]


def mapped() -> int:
    return sum(".tqs" in line for line in Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_the_memory_of_the_old_snapshot_is_returned(bench):
    paths = [written(bench.folder, policy=OTHER), written(bench.folder)]
    bench.build(paths[0])
    bench.reload()
    gc.collect()
    before = mapped()
    for turn in range(6):
        bench.build(paths[turn % 2])
        assert bench.reload()["last_error"] == ""
    assert mapped() == before


def test_the_small_snapshot_differs_from_the_other():
    assert small().snapshot.hash != small(policy=OTHER).snapshot.hash
