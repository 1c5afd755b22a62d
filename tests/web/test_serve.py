"""Jobs that fail are told and come again; the listening side refuses what would send passwords in clear."""

import socket
import threading

import pytest

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.errors import Unavailable
from tosqauyl.web.serve import JOBS_AT, Job, Jobs, ServeOptions, _config, listen


@pytest.fixture
def registry(clock):
    class Clock:
        def clock(self):
            return clock[0]

    return Clock()


def test_a_job_that_fails_is_told_without_what_it_says_and_counted(office):
    def fails():
        raise ValueError("+77011234567")

    def refuses():
        raise TosqauylError("the disk is full", "list")

    jobs = Jobs([], office)
    assert not jobs.run_once(Job("one", 5, fails))
    assert not jobs.run_once(Job("two", 5, refuses))
    assert office.counters["jobs_failed"] == 2
    assert office.alarm.told[0].startswith("ALARM: the job one failed: ValueError at test_serve.py:")
    assert office.alarm.told[1] == "ALARM: the job two failed: list: the disk is full"
    assert "+7701" not in str(office.alarm.told)


def test_a_job_that_finds_the_database_away_is_told_once_and_comes_again_soon(office):
    done, count = threading.Event(), []

    def away_at_first():
        count.append(1)
        if len(count) < 3:
            raise Unavailable("the database cannot be reached")
        done.set()

    jobs = Jobs([], office)
    daily = Job("daily", 86_400, away_at_first)
    assert [jobs.run_once(daily) for _ in range(3)] == [False, False, True]
    assert office.alarm.told == ["ALARM: the job daily failed: the database cannot be reached"]
    assert office.counters["jobs_failed"] == 2
    count.clear()
    done.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tosqauyl.web.serve.AWAY_SECONDS", 0.01)
        running = Jobs([daily], office)
        running.start()
        assert done.wait(10), "it waits for a day"
        running.stop()


def test_a_job_that_can_wait_does_not_begin_with_the_office(office):
    at_once, count = threading.Event(), []
    jobs = Jobs([Job("now", 60, at_once.set), Job("later", 60, lambda: count.append(1), first=600)], office)
    jobs.start()
    assert at_once.wait(10)
    assert jobs.stop() == []
    assert count == []


def test_the_office_is_well_since_the_frequent_job_that_is_longest_ago(office, clock):
    often, other, rare = Job("often", 5, int), Job("other", 60, int), Job("rare", 3600, int)
    jobs = Jobs([often, other, rare], office)
    jobs.run_once(often)
    assert office.counters[JOBS_AT] == 0
    jobs.run_once(other)
    first = clock[0]
    assert office.counters[JOBS_AT] == first
    clock[0] += 10
    jobs.run_once(often)
    jobs.run_once(rare)
    assert office.counters[JOBS_AT] == first
    jobs.run_once(other)
    assert office.counters[JOBS_AT] == first + 10


def test_a_job_that_hangs_or_fails_holds_up_no_other_and_jobs_end_when_they_are_stopped(office):
    hung, done = threading.Event(), threading.Event()
    count = []

    def fails_twice():
        count.append(1)
        if len(count) < 3:
            raise RuntimeError
        done.set()

    jobs = Jobs([Job("hangs", 5, lambda: hung.wait(20)), Job("fails", 0, fails_twice)], office)
    jobs.start()
    assert done.wait(10)
    assert "hangs" in jobs.stop(0.01)
    hung.set()
    assert jobs.stop(10) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_this_machine_plain_http_is_refused_unless_a_proxy_is_named(host):
    with pytest.raises(TosqauylError, match="https only"):
        listen(ServeOptions(host, 0))


def test_a_port_that_is_taken_is_told():
    with listen(ServeOptions("127.0.0.1", 0)) as taken, pytest.raises(TosqauylError, match="cannot listen"):
        listen(ServeOptions("127.0.0.1", taken.getsockname()[1]))


def test_a_certificate_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "c.pem").write_text("rubbish")
    for file in ("c.pem", "missing.pem"):
        name = str(tmp_path / file)
        with pytest.raises(TosqauylError, match="certificate"):
            _config(None, ServeOptions(certificate=name, key=name))


def test_answers_in_two_pieces_do_not_wait_for_an_acknowledgement():
    """asyncio turns Nagle's algorithm off for connections of a listener that names its protocol, and only for those."""
    with listen(ServeOptions("127.0.0.1", 0)) as tcp:
        assert tcp.proto == socket.IPPROTO_TCP
