"""`tosqauyl calls generate` as a process that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.store import Store

pytestmark = pytest.mark.peers()
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
COUNT = 700_000


def generating(out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tosqauyl", "calls", "generate", "--count", str(COUNT), "--out", str(out)]
    command += ["--from", "2025-02-01", "--to", "2025-02-04"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def test_a_killed_command_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "calls"
    child = generating(out)
    deadline = time.monotonic() + 60
    while not (out / "manifest.json").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = Store(out).manifest().rows("calls")
    assert 0 < left < COUNT
    assert generating(out).wait() == 0
    ((rows, ids, lines),) = DuckEngine(Store(out)).rows(
        "SELECT count(*), count(DISTINCT call_id), count(DISTINCT batch || '/' || line) FROM calls"
    )
    assert rows == ids == lines == COUNT
