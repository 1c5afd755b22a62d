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

TOGETHER = frozenset({
    "test_browser_access", "test_browser_flow", "test_import_real", "test_office_schemathesis", "test_office_story",
    "test_spark", "test_stranger", "test_taxii", "test_tutorials",
})  # fmt: skip
"""Modules whose tests measure no time and pin no core, so that several may run at once. The others have the machine alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what may run beside others, and leave the second database of the longest test to the night: the registry's own tests
    and those of the routes run on both."""
    for item in items:
        if item.path.parent != HERE:
            continue
        if item.path.stem in TOGETHER:
            item.add_marker("together")
        if item.path.stem == "test_office_schemathesis" and "postgresql" in item.name:
            item.add_marker("nightly")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("peers"))


@pytest.fixture
def enforcing_gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that enforces, with every Kazakh mobile that is not on its roaming file known to be at home."""
    gate = Gate(["--config", str(configure("enforce", tmp_path))], tmp_path / "data")
    yield gate
    gate.stop()
