"""What the tests of snapshots share: a small snapshot in memory, written to a folder."""

from pathlib import Path

from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_policy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.snapshots.build import Built, Input, Sources
from tosqauyl.snapshots.write import write
from tosqauyl.state.indicators import Indicator, Indicators
from tosqauyl.state.ranges import NumberRanges, parse_pattern
from tosqauyl.state.subscribers import Subscribers

POLICY = """
[policy]
name = "small"
dated = 2026-01-02
[[rule]]
id = "stop-fixed"
when = "direction = 'international' AND caller_kind = 'fixed'"
verdict = "stop"
reason = "fixed-from-abroad"
class = "deterministic"
tier = "screen"
mode = "enforce"
text = { kk = "қ", ru = "я", en = "e" }
law = "none"
why_mode = "tried"
"""
ENTRIES = (
    Indicator("hotline", "protected", parse_pattern("+77172123456"), None, "a bank", "never calls", "list.toml", 3),
    Indicator("old", "block", parse_pattern("+77172123456"), 100.0),
    Indicator("few", "mark", parse_pattern("+4412345*")),
    Indicator("some", "allow", parse_pattern("+77172000000-+77172009999")),
)
ABROAD = "+77011234567"


def small(abroad: tuple[str, ...] = (ABROAD,), policy: str = POLICY, ported: dict[str, str] | None = None) -> Built:
    """A snapshot with one subscriber plane, so that tests are quick."""
    subscribers = Subscribers(("701",), True)
    subscribers.load(["".join(f"{number}\n" for number in abroad).encode()])
    known = Snapshot(
        load_policy(policy, "small.toml"), load_plan(ported or {"+77011111111": "beeline"}), Indicators(ENTRIES),
        subscribers, NumberRanges(["+77019900000-+77019900999"]),
    )  # fmt: skip
    return Built(known, [Input("roaming", "roaming.txt", 13, "0" * 64, 1)], {"kcell": (1, 2)})


def written(folder: Path, **changes: object) -> Path:
    """The small snapshot as a file."""
    return write(small(**changes), Sources(), folder)  # type: ignore[arg-type]
