"""Real peers: SIPp against a real gate process. Skipped by name where SIPp is missing, unless TOSQAUYL_REQUIRE_PEERS=1."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "bench")]

from peer_runs import Runs, configure  # noqa: E402 - found through the line above
from server import Gate  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.peers)


def need(program: str, package: str) -> None:
    """Skip (or fail, under TOSQAUYL_REQUIRE_PEERS=1) where a peer program is missing."""
    if shutil.which(program):
        return
    say = f"{program} is not installed: make test-peers installs it (Debian's {package})"
    if os.environ.get("TOSQAUYL_REQUIRE_PEERS") == "1":
        pytest.fail(say)
    pytest.skip(say)


@pytest.fixture(scope="session")
def sipp() -> str:
    need("sipp", "sip-tester")
    return shutil.which("sipp") or ""


@pytest.fixture(scope="session")
def compiler() -> str:
    need("cc", "gcc")
    return shutil.which("cc") or ""


@pytest.fixture(scope="session")
def runs(sipp: str, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("peers"))


@pytest.fixture
def enforcing_gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that enforces, with every Kazakh mobile that is not on its roaming file known to be at home."""
    gate = Gate(["--config", str(configure("enforce", tmp_path))], tmp_path / "data")
    yield gate
    gate.stop()
