"""Real peers: SIPp against a real gate process; the bench's own load generator needs a C compiler.

Which peer a test needs says its mark (tests/conftest.py skips it by name where the peer is missing).
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "bench")]

from peer_runs import Runs, configure  # noqa: E402 - found through the line above
from server import Gate  # noqa: E402


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("peers"))


@pytest.fixture
def enforcing_gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that enforces, with every Kazakh mobile that is not on its roaming file known to be at home."""
    gate = Gate(["--config", str(configure("enforce", tmp_path))], tmp_path / "data")
    yield gate
    gate.stop()
