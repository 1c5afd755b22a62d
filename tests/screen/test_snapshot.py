"""A snapshot is named by everything that can change an answer."""

from dataclasses import replace

from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicator, Indicators
from tosqauyl.state.ranges import NumberRanges, parse_pattern
from tosqauyl.state.subscribers import Subscribers


def test_the_hash_changes_with_every_part():
    policy, plan = load_shipped(), load_plan()
    other_policy, other_plan = replace(policy, hash="0" * 16), load_plan({"+77011234567": "beeline"})
    empty, listed = Indicators(), Indicators([Indicator("a", "block", parse_pattern("1414"))])
    nobody, one = Subscribers(("701",)), Subscribers(("701",))
    one.update("+77011234567", "abroad")
    parts = [
        (policy, plan, empty, nobody),
        (policy, other_plan, empty, nobody),
        (other_policy, plan, empty, nobody),
        (policy, plan, listed, nobody),
        (policy, plan, empty, one),
        (policy, plan, empty, nobody, NumberRanges(["+7701*"])),
    ]
    hashes = [Snapshot(*part).hash for part in parts]
    assert len(set(hashes)) == len(parts)
    assert hashes[0] == Snapshot(*parts[0]).hash
