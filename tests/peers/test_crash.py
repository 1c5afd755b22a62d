"""kill -9 under load: a decision is given to the kernel before its answer leaves, so no answered call is lost."""

from pathlib import Path

import crash
import pytest

pytestmark = pytest.mark.peers("cc")


def test_every_call_answered_before_kill_9_at_50_random_moments_is_in_the_journal_once(tmp_path: Path) -> None:
    found = crash.run(tmp_path, rounds=50)
    assert found.answered > 1_000
    assert found.missing == 0, found
    assert found.twice == 0, found


def test_clients_that_repeat_their_invites_across_restarts_have_one_row_a_call(tmp_path: Path) -> None:
    found = crash.run_restarting(tmp_path, rounds=25)
    assert found.answered > 1_000
    assert found.missing == 0, found
    assert found.twice == 0, found
