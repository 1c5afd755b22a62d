"""What all tests share: Hypothesis profiles, and the marks `peers` and `nightly`.

`@pytest.mark.peers("sipp")` names the programs a test needs: where one is missing the test is skipped by name, or
fails when TOSQAUYL_REQUIRE_PEERS=1 (make test-peers). `nightly` tests run only when -m asks for them.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if os.environ.get("TOSQAUYL_INSTALLED") == "1":  # make test-compiled: the installed package, not src/
    sys.path[:] = [folder for folder in sys.path if Path(folder) != Path(__file__).parents[1] / "src"]

settings.register_profile("default", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=5000)
settings.register_profile("again", parent=settings.get_profile("default"), max_examples=15)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

DEFAULT_PEER = "sipp"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "nightly" in config.option.markexpr:
        return
    late = [item for item in items if item.get_closest_marker("nightly")]
    if late:
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in set(late)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peers"):
        for program in mark.args or (DEFAULT_PEER,):
            if shutil.which(program):
                continue
            if os.environ.get("TOSQAUYL_REQUIRE_PEERS") == "1":
                pytest.fail(f"the peer {program} is missing and TOSQAUYL_REQUIRE_PEERS=1", pytrace=False)
            pytest.skip(f"the peer {program} is not installed; make test-peers installs it")
