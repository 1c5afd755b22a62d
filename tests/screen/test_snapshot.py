"""A snapshot is named by everything that can change an answer."""

from types import SimpleNamespace

from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicator, Indicators
from tosqauyl.state.ranges import NumberRanges, parse_pattern
from tosqauyl.state.subscribers import Subscribers


def test_the_hash_changes_with_every_part():
    policy, other = SimpleNamespace(hash="p"), SimpleNamespace(hash="q")
    empty, listed = Indicators(), Indicators([Indicator("a", "block", parse_pattern("1414"))])
    nobody, one = Subscribers(("701",)), Subscribers(("701",))
    one.update("+77011234567", "abroad")
    parts = [
        (policy, policy, empty, nobody),
        (policy, other, empty, nobody),
        (other, policy, empty, nobody),
        (policy, policy, listed, nobody),
        (policy, policy, empty, one),
        (policy, policy, empty, nobody, NumberRanges(["+7701*"])),
    ]
    hashes = [Snapshot(*part).hash for part in parts]
    assert len(set(hashes)) == len(parts)
    assert hashes[0] == Snapshot(*parts[0]).hash
