"""A gate follows the office's modes: what came holds at once and is kept; whatever goes wrong, what it has stays."""

import asyncio
import errno
import json

import pytest

from tosqauyl.gate.office_modes import ModesFollower, Use
from tosqauyl.gate.publications import Pauses
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.office.modes import NO_MODES, read_document
from tosqauyl.networks.office.terms import ModesTold

NOW = 1_796_022_000.0
PROMOTED = {
    "rule": "kz-fixed-abroad", "mode": "enforce", "percent": 0, "reason": "back-test bt-0123456789ab: would have decided 400",
    "by": "user:aida, approved by user:daniyar", "on": "2026-11-30", "report": "bt-0123456789ab",
    "made_for": "f926af2851e4 monitor", "since": 1_796_022_000,
}  # fmt: skip
RETRACTED = PROMOTED | {"mode": "monitor", "report": "", "reason": "retracted at 2026-11-30T07:00:00Z: a hotel"}


def text_of(revision, *modes):
    return json.dumps({"format": 1, "office": "ab" * 16, "revision": revision, "modes": list(modes)}).encode()


class Played:
    """An office that a test plays. said: what it answers, oldest first, then nothing new; idle: set when it has nothing more to say."""

    def __init__(self):
        self.said, self.asked = [], []
        self.idle, self.news, self.closed = asyncio.Event(), asyncio.Event(), False

    def say(self, *answers):
        self.said += answers
        self.news.set()

    async def modes(self, known, wait=25):
        self.asked.append((known, wait))
        while not self.said:
            self.idle.set()
            self.news.clear()
            await self.news.wait()
        answer = self.said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        self.closed = True


class Bench:
    def __init__(self, begun=NO_MODES):
        self.office, self.kept, self.applied, self.alarms, self.wall = Played(), [], [], [], NOW
        self.renewed = 0
        self.fail = None
        self.begun = begun

    def keep(self, text):
        if self.fail:
            raise self.fail
        self.kept.append(text)

    def renew(self):
        self.renewed += 1

    def follow(self, *steps):
        """Follow; after each step wait until the office has nothing more to say."""

        async def test():
            senses = Senses(lambda: self.wall, lambda: 0.0)
            use = Use(self.applied.append, self.keep, self.renew)
            follower = ModesFollower(self.office, self.begun, use, senses, self.alarms.append)
            follower.pauses = Pauses(first=0.0, longest=0.0, longest_wait=0.0)
            follower.start()
            try:
                for step in steps:
                    self.office.idle.clear()
                    answers = step() if callable(step) else step
                    self.office.say(
                        *(
                            answers
                            if isinstance(answers, tuple | list) and not isinstance(answers, ModesTold)
                            else [answers]
                        )
                    )
                    async with asyncio.timeout(10):
                        await self.office.idle.wait()
            finally:
                await follower.stop()
            return follower.state()

        return asyncio.run(test())


@pytest.fixture
def bench():
    return Bench()


def told(revision, *modes):
    return ModesTold(f'"{revision}"', text_of(revision, *modes))


def modes_of(document):
    return {one.rule: one.mode for one in document.modes}


def test_a_document_is_kept_as_it_came_and_put_to_use(bench):
    state = bench.follow(told(1, PROMOTED), told(2, RETRACTED))
    assert bench.kept == [text_of(1, PROMOTED), text_of(2, RETRACTED)]
    assert [modes_of(one) for one in bench.applied] == [{"kz-fixed-abroad": "enforce"}, {"kz-fixed-abroad": "monitor"}]
    assert (state["revision"], state["rules"], state["retracted"], state["age_seconds"]) == (2, 1, 1, 0.0)
    assert (state["troubles"], state["last_error"], bench.office.closed) == ([], "", True)
    assert [known for known, _ in bench.office.asked] == ["", '"1"', '"2"']
    assert bench.renewed == 2


def test_what_it_had_before_the_restart_is_not_put_to_use_again():
    bench = Bench(read_document(text_of(3, PROMOTED)))
    bench.follow(told(3, PROMOTED))
    assert (bench.kept, bench.applied, bench.office.asked[-1][0]) == ([], [], '"3"')


def test_an_office_that_has_decided_nothing_makes_no_gate_reload(bench):
    bench.follow(told(0))
    assert (len(bench.kept), bench.applied, bench.renewed) == (1, [], 0)


def test_an_office_that_is_away_changes_nothing_and_is_told_once(bench):
    down = AskFailed("down", "no connection")
    state = bench.follow(told(1, PROMOTED), [down, down, down])
    assert (len(bench.applied), state["revision"], state["counters"]["failed_down"]) == (1, 1, 3)
    assert [line for line in bench.alarms if line.startswith("ALARM")] == [
        "ALARM: modes of the office: the office is not heard: down: no connection"
    ]
    assert bench.office.asked[-1][1] == 0, "after a failure it is asked without waiting, to know soon that it is over"


def test_after_an_outage_what_was_decided_meanwhile_holds(bench):
    state = bench.follow(told(1, PROMOTED), AskFailed("down"), told(2, RETRACTED))
    assert (modes_of(bench.applied[-1]), state["last_error"]) == ({"kz-fixed-abroad": "monitor"}, "")
    assert bench.alarms[-1] == "modes of the office: heard again"


def test_a_document_that_is_not_right_is_refused_whole_and_said(bench):
    state = bench.follow(
        told(1, PROMOTED), ModesTold('"2"', text_of(2, RETRACTED, PROMOTED | {"mode": "off", "rule": "x"}))
    )
    assert (len(bench.kept), len(bench.applied), state["counters"]["refused"]) == (1, 1, 1)
    assert state["troubles"] == ["office-modes-refused"]
    assert bench.office.asked[-1][0] == '"1"', "it is asked for again"


def test_a_retraction_holds_though_the_disk_is_full_and_is_written_when_there_is_room(bench):
    def full():
        bench.fail = OSError(errno.ENOSPC, "No space left on device")
        return told(2, RETRACTED)

    def room():
        bench.fail = None
        return told(2, RETRACTED)

    state = bench.follow(told(1, PROMOTED), full, room)
    assert modes_of(bench.applied[-1]) == {"kz-fixed-abroad": "monitor"}
    assert (len(bench.applied), state["counters"]["write_failed"], bench.renewed) == (2, 1, 2)
    assert bench.kept == [text_of(1, PROMOTED), text_of(2, RETRACTED)]
    assert bench.office.asked[-1][0] == '"2"'


def test_an_office_that_is_silent_for_long_is_a_trouble(bench):
    def later():
        bench.wall += 901
        return AskFailed("down")

    assert bench.follow(told(1, PROMOTED), later)["troubles"] == ["office-modes-stale"]
