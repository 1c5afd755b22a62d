"""The journal under faults: every system call broken in turn, crashes, clocks that jump."""

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal, Options, System
from tosqauyl.journal.columns import HEADER, row_maker
from tosqauyl.journal.naming import segment_files
from tosqauyl.journal.segment import read_segment

NOW = 1_772_000_000.0
DEFAULT, REAL = Options(), System()
MAKE = row_maker(None, "p", "s")
DECIDED = ("pass", "none", "", "", 0, "pass", "none", "")


def row(name):
    return MAKE(UNKNOWN_CALL._replace(call_id=str(name)), DECIDED, 1.0, 302)


def stored(folder):
    return [found["call_id"] for segment in segment_files(folder) for found in read_segment(segment.path)]


def no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Disk:
    """A write(2) that can be told to fail or to fall short, after so many good ones."""

    def __init__(self):
        self.room = None
        self.writes = 0

    def write(self, descriptor, data):
        self.writes += 1
        if self.room is None:
            return os.write(descriptor, data)
        if self.room <= 0:
            no_room()
        written = os.write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def open_journal(tmp_path):
    opened = []

    def make(options=DEFAULT, system=REAL):
        journal = Journal(tmp_path / "journal", NOW, options, system)
        opened.append(journal)
        return journal

    yield make
    for journal in opened:
        journal.close()


def test_a_journal_has_an_id_for_life_that_only_its_owner_may_read(tmp_path):
    seen = []
    for now in (NOW, NOW + 9_999):
        Journal(tmp_path / "journal", now).close()
        seen.append((tmp_path / "journal" / "id").read_text())
    assert seen[0] == seen[1]
    assert re.fullmatch(r"[0-9a-f]{16}\n", seen[0])
    assert stat.S_IMODE((tmp_path / "journal" / "id").stat().st_mode) == 0o600
    Journal(tmp_path / "other", NOW).close()
    assert (tmp_path / "other" / "id").read_text() != seen[0]


def test_an_id_that_a_crash_left_half_written_is_written_anew(tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "id.draft").write_text("0123")
    Journal(folder, NOW).close()
    assert len((folder / "id").read_text()) == 17
    assert not (folder / "id.draft").exists()


def test_a_batch_is_one_write_and_is_there_at_once(open_journal, disk):
    journal = open_journal(system=System(write=disk.write))
    before = disk.writes
    assert journal.append([row("a"), row("b")])
    assert disk.writes == before + 1
    assert stored(journal.folder) == ["a", "b"]
    assert journal.counters.rows == 2


def test_the_folder_and_all_files_are_for_their_owner_only(open_journal, tmp_path):
    (tmp_path / "journal").mkdir(mode=0o755)
    journal = open_journal()
    journal.append([row("a")])
    journal.rotate(NOW + 1)
    journal.settle()
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in journal.folder.iterdir()} == {0o600}


def test_undecodable_bytes_do_not_stop_a_batch(open_journal):
    journal = open_journal()
    assert journal.append([row("a\udc80b"), row("c")])
    assert stored(journal.folder) == ["a?b", "c"]


@pytest.mark.parametrize("rows", [[None], [1], [b"x"]])
def test_a_batch_that_is_no_text_is_refused_not_raised(open_journal, rows):
    journal = open_journal()
    assert not journal.append(rows)
    assert journal.append([row("a")])


def test_an_empty_batch_is_nothing(open_journal):
    assert open_journal().append([])


def test_a_failed_write_is_counted_and_the_next_one_is_whole(open_journal, disk):
    journal = open_journal(system=System(write=disk.write))
    assert journal.append([row("a")])
    disk.room = 0
    assert not journal.append([row("b"), row("c")])
    disk.room = None
    assert journal.append([row("d")])
    assert stored(journal.folder) == ["a", "d"]
    found = journal.counters
    assert (found.rows, found.lost_rows, found.failed_writes) == (2, 2, 1)
    assert "No space left" in found.last_error


@given(st.integers(0, 3000), st.integers(1, 5))
def test_a_short_write_leaves_whole_rows_only(tmp_path_factory, room, batch):
    disk = Disk()
    journal = Journal(tmp_path_factory.mktemp("j"), NOW, Options(), System(write=disk.write))
    rows = [row(f"b{number}") for number in range(batch)]
    fits = room // len(rows[0])
    disk.room = room
    assert journal.append(rows) == (fits >= batch)
    disk.room = None
    assert journal.append([row("after")])
    assert stored(journal.folder) == [f"b{number}" for number in range(min(fits, batch))] + ["after"]
    assert journal.counters.rows + journal.counters.lost_rows == batch + 1
    journal.close()


def test_a_half_row_that_cannot_be_cut_off_keeps_later_rows_out_until_it_can(open_journal, disk):
    broken = True

    def truncate(descriptor, size):
        if broken:
            raise OSError(errno.EIO, "I/O error")
        os.ftruncate(descriptor, size)

    journal = open_journal(system=System(write=disk.write, truncate=truncate))
    disk.room = 10
    assert not journal.append([row("a")])
    disk.room = None
    assert not journal.append([row("b")])
    broken = False
    assert journal.append([row("c")])
    assert stored(journal.folder) == ["c"]
    assert journal.counters.lost_rows == 2


def test_a_segment_that_stays_torn_is_left_behind_and_repaired_at_the_next_start(open_journal, disk):
    def truncate(descriptor, size):
        raise OSError(errno.EIO, "I/O error")

    journal = open_journal(system=System(write=disk.write, truncate=truncate))
    journal.append([row("a")])
    disk.room = 10
    assert not journal.append([row("b")])
    disk.room = None
    journal.tick(NOW + 1)
    journal.settle()
    assert journal.append([row("c")])
    journal.close()
    again = open_journal()
    assert stored(again.folder) == ["a", "c"]
    assert again.recovered.torn_pieces == 1
    assert again.recovered.torn_bytes == 10


def test_a_disk_that_is_full_at_rotation_keeps_the_old_segment(open_journal, disk):
    journal = open_journal(Options(rotate_seconds=10), System(write=disk.write))
    journal.append([row("a")])
    disk.room = 5
    journal.tick(NOW + 11)
    assert journal.counters.failed_rotations == 1
    disk.room = None
    assert journal.append([row("b")])
    journal.tick(NOW + 12)
    assert journal.append([row("c")])
    journal.settle()
    assert stored(journal.folder) == ["a", "b", "c"]
    assert len(segment_files(journal.folder)) == 2


def test_a_disk_that_is_full_at_the_start_is_a_clear_error_and_frees_the_lock(tmp_path):
    with pytest.raises(TosqauylError, match="No space left"):
        Journal(tmp_path, NOW, Options(), System(write=no_room))
    assert segment_files(tmp_path) == []
    Journal(tmp_path, NOW).close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_really_full_device_loses_the_rows_but_not_the_process(open_journal):
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        on_full = False
        journal = open_journal(
            system=System(write=lambda descriptor, data: os.write(full if on_full else descriptor, data))
        )
        on_full = True
        assert not journal.append([row("a")])
        on_full = False
        assert journal.append([row("b")])
    finally:
        os.close(full)
    assert stored(journal.folder) == ["b"]


def test_a_second_process_is_refused_with_the_pid_of_the_first(open_journal):
    journal = open_journal()
    code = (
        "import sys, pathlib\nfrom tosqauyl.journal.append import Journal\n"
        "from tosqauyl.errors import TosqauylError\n"
        "try: Journal(pathlib.Path(sys.argv[1]), 0.0)\n"
        "except TosqauylError as error: print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(journal.folder)], capture_output=True, text=True, check=True
    )
    assert f"another process (pid {os.getpid()}) writes this journal" in found.stdout
    journal.close()
    again = subprocess.run(
        [sys.executable, "-c", code, str(journal.folder)], capture_output=True, text=True, check=True
    )
    assert again.stdout == ""


def test_a_killed_process_leaves_every_row_that_append_took(tmp_path):
    code = (
        "import os, sys, pathlib, signal\nfrom tosqauyl.journal.append import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), 0.0)\n"
        "for line in sys.stdin:\n"
        "    print(journal.append([line]), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        for name in ("a", "b"):
            child.stdin.write(row(name))
            child.stdin.flush()
            assert child.stdout.readline() == "True\n"
        child.send_signal(signal.SIGKILL)
    journal = Journal(tmp_path, NOW)
    journal.close()
    assert stored(tmp_path) == ["a", "b"]
    assert journal.recovered.rows == 2
    assert not any(segment.is_open for segment in segment_files(tmp_path))


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(TosqauylError, match="cannot be used"):
        Journal(tmp_path / "x", NOW)


def test_a_segment_ends_by_size(open_journal):
    journal = open_journal(Options(rotate_bytes=len(HEADER) + 2 * len(row("a"))))
    for name in "abc":
        journal.append([row(name)])
        journal.tick(NOW + 1)
    journal.settle()
    assert [segment.is_open for segment in segment_files(journal.folder)] == [False, True]
    assert stored(journal.folder) == ["a", "b", "c"]


def test_a_segment_ends_by_age_and_an_empty_one_is_only_renamed(open_journal):
    journal = open_journal(Options(rotate_seconds=3600))
    journal.tick(NOW + 3600)
    (only,) = segment_files(journal.folder)
    assert (only.sequence, only.opened) == (1, NOW + 3600)
    journal.append([row("a")])
    journal.tick(NOW + 7199)
    assert len(segment_files(journal.folder)) == 1
    journal.tick(NOW + 7200)
    journal.settle()
    assert [segment.is_open for segment in segment_files(journal.folder)] == [False, True]


@given(st.lists(st.one_of(st.floats(-1e12, 1e12), st.floats(), st.integers(-10, 10)), max_size=12))
def test_whatever_the_clock_does_no_row_is_lost_and_names_stay_in_order(tmp_path_factory, jumps):
    folder = tmp_path_factory.mktemp("j")
    journal = Journal(folder, NOW, Options(rotate_seconds=5, keep_seconds=100))
    now = NOW
    for number, jump in enumerate(jumps):
        now = now + jump if isinstance(jump, int) else jump
        assert journal.append([row(number)])
        journal.tick(now)
    journal.close()
    assert stored(folder) == [str(number) for number in range(len(jumps))]
    names = [segment.path.name for segment in segment_files(folder)]
    assert names == sorted(names)
    assert len({segment.sequence for segment in segment_files(folder)}) == len(names)


def test_a_clock_that_goes_far_back_begins_a_new_segment(open_journal):
    journal = open_journal()
    journal.append([row("a")])
    journal.tick(NOW - 59)
    assert len(segment_files(journal.folder)) == 1
    journal.tick(NOW - 61)
    journal.settle()
    assert [segment.opened for segment in segment_files(journal.folder)] == [NOW, NOW - 61]


def test_a_real_short_write_of_the_kernel_leaves_whole_rows(tmp_path):
    code = (
        "import pathlib, resource, sys\nfrom tosqauyl.journal.append import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), 0.0)\n"
        "row = sys.stdin.read()\n"
        "limit = journal.segment_path.stat().st_size + 2 * len(row) + 10\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))\n"
        "print(journal.append([row] * 5), journal.append([row]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "print(journal.append([row]), journal.counters.rows, journal.counters.lost_rows)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], input=row("a"), capture_output=True, text=True, check=True
    )
    assert found.stdout == "False False\nTrue 3 4\n"
    assert stored(tmp_path) == ["a"] * 3


def test_rows_are_synced_within_the_interval_and_never_in_the_way_of_append(open_journal):
    entered, release = threading.Event(), threading.Event()

    def fsync(descriptor):
        entered.set()
        assert release.wait(10)
        os.fsync(descriptor)

    journal = open_journal(Options(fsync_seconds=0.01), System(fsync=fsync))
    journal.append([row("a")])
    assert entered.wait(10)
    for number in range(100):  # the disk is stuck in fsync, the calls go on
        assert journal.append([row(number)])
    journal.tick(NOW + 1)
    release.set()
    assert len(stored(journal.folder)) == 101


def test_a_failed_fsync_is_counted_and_tried_again(open_journal):
    tried, fine = threading.Event(), threading.Event()

    def fsync(descriptor):
        if tried.is_set():
            fine.set()
            return
        tried.set()
        raise OSError(errno.EIO, "I/O error")

    journal = open_journal(Options(fsync_seconds=0.01), System(fsync=fsync))
    journal.append([row("a")])
    assert fine.wait(10)
    assert journal.failed_syncs == 1


def test_nothing_is_synced_while_nothing_is_written_and_close_syncs_once_more(open_journal):
    synced = []
    journal = open_journal(Options(fsync_seconds=3600), System(fsync=synced.append))
    journal.settle()
    assert synced == []
    journal.append([row("a")])
    journal.close()
    journal.close()
    assert len(synced) == 1


def test_the_descriptor_of_a_closed_segment_is_given_back(open_journal):
    journal = open_journal()
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for number in range(20):
        journal.append([row(number)])
        journal.rotate(NOW + number)
    journal.settle()
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_free_space_is_told(open_journal):
    assert open_journal().free_bytes() > 0


def test_free_space_the_system_does_not_tell_is_minus_one(open_journal):
    assert open_journal(system=System(statvfs=no_room)).free_bytes() == -1


def test_an_append_after_the_end_is_refused(open_journal):
    journal = open_journal()
    journal.close()
    assert not journal.append([row("a")])
    assert stored(journal.folder) == []
