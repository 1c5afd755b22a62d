"""Commands of the lowest priority."""

import os
import signal
import subprocess
import sys
from threading import Thread

import pytest

from tosqauyl.give_way import lowered

SAYS = "import os; print(os.nice(0))"
DISK = 'import ctypes, os; print(ctypes.CDLL(None).syscall({"x86_64": 252, "aarch64": 31}[os.uname().machine], 1, 0))'
WAITS = "import sys; print('here', flush=True); sys.stdin.read()"
SECONDS = 30.0


def said(program: str) -> str:
    done = subprocess.run(lowered((sys.executable, "-c", program)), capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_command_runs_with_the_lowest_priority() -> None:
    assert said(SAYS) == "19"


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="its number for the call is not known")
def test_it_has_the_last_place_at_the_disk() -> None:
    assert said(DISK) == str(2 << 13 | 7)


def test_its_words_are_handed_on_as_they_are() -> None:
    words = (sys.executable, "-c", "import sys; print(sys.argv[1:])", "a b", "", "$HOME")
    assert (
        subprocess.run(lowered(words), capture_output=True, text=True, timeout=SECONDS).stdout == f"{list(words[3:])}\n"
    )


@pytest.mark.parametrize(("ends_with_caller", "code"), [(True, -signal.SIGTERM), (False, 0)])
def test_it_ends_with_the_thread_that_began_it_only_where_that_is_wanted(ends_with_caller: bool, code: int) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        command = lowered((sys.executable, "-c", WAITS), ends_with_caller=ends_with_caller)
        begun.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert begun[0].stdout is not None
        assert begun[0].stdout.readline() == b"here\n"

    thread = Thread(target=begin)
    thread.start()
    thread.join(SECONDS)
    with begun[0] as process:
        if not ends_with_caller:
            process.communicate(b"", SECONDS)
        assert process.wait(SECONDS) == code
