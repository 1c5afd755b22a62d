"""kill -9 of the process that takes segments into the ledger, at random moments: no row is lost, none is there twice."""

import argparse
from pathlib import Path

import pytest

import ledger

pytestmark = pytest.mark.peers()


def test_kills_at_random_moments_lose_and_double_no_row(tmp_path: Path) -> None:
    options = argparse.Namespace(kills=5, seed=7, rate=4_000, rotate_mb=1, seconds=0.0, most_seconds=2.5)
    found = ledger.kills(tmp_path, options)
    assert found.written > 5_000
    assert found.is_whole, found
