"""What the parts of a gate are told when they are put together."""

from pathlib import Path

import pytest

from tosqauyl.cli.compose import _Adopting
from tosqauyl.config.load import default_config, with_changes
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.subscribers import Subscribers

NUMBER = "+77011234567"


def test_a_list_is_no_fresher_than_the_snapshot_it_is_in(tmp_path: Path) -> None:
    """An earlier snapshot is begun with where the list that is there now cannot be used."""
    roaming = tmp_path / "roaming.txt"
    roaming.write_text("this is no list\n")
    plan = load_plan()
    known = Snapshot(load_shipped(), plan, Indicators(()), Subscribers(plan.mobile_codes))
    adopt = _Adopting(with_changes(default_config(), roaming=str(roaming)), tmp_path)
    written = roaming.stat().st_mtime
    adopt.note_list(known, written - 36_000.0)
    assert adopt.freshness.age(NUMBER, "kcell", "home", written) == ("list", pytest.approx(36_000.0))
    adopt.note_list(known, written + 5.0)
    assert adopt.freshness.age(NUMBER, "kcell", "home", written + 60.0) == ("list", pytest.approx(60.0))
