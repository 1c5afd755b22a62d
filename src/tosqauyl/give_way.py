"""Commands of the lowest priority: work that takes seconds, for which neither calls nor pages wait."""

import sys

_LOWERED = """\
import os, sys
def quietly(lower):
    try:
        lower()
    except Exception:
        pass
def system():
    import ctypes
    return ctypes.CDLL(None)
quietly(lambda: os.nice(19))
quietly(lambda: system().syscall({"x86_64": 251, "aarch64": 30}[os.uname().machine], 1, 0, 2 << 13 | 7))
"""
_ENDED_TOO = "quietly(lambda: system().prctl(1, 15))\n"
_BECOMES = "os.execv(sys.argv[1], sys.argv[1:])\n"


def lowered(command: tuple[str, ...], ends_with_caller: bool = False) -> tuple[str, ...]:
    """The command that becomes another one of the lowest priority: nice 19, and the last place of its class at the disk
    (ioprio_set(2), for which Python has no name), as far as the system knows how to.

    It does so before anything is imported: a program that lowered itself would take half a core until then. Not SCHED_IDLE: calls
    are answered no faster by it (measured), and on a busy host such a program stands still for minutes, perhaps with a lock of the
    file system that others wait for. command: the path of a program and its words. ends_with_caller: it gets SIGTERM when the
    thread that began it ends (PR_SET_PDEATHSIG).
    """
    program = _LOWERED + (_ENDED_TOO if ends_with_caller else "") + _BECOMES
    return (sys.executable, "-I", "-S", "-c", program, *command)
