"""Snapshot: everything that is known at one moment, named by the hash of its content."""

import hashlib
from dataclasses import dataclass, field

from tosqauyl.numbers.plan import Plan
from tosqauyl.policy.load import Policy
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.subscribers import Subscribers


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Policy, number plan, lists, subscriber state and roaming number ranges, replaced as a whole.

    hash: 16 hex digits over all of them, written with every decision so that it can be told later what was known. Of a
    snapshot that was mapped from a file it is the beginning of the file's name.
    """

    policy: Policy
    plan: Plan
    indicators: Indicators
    subscribers: Subscribers
    msrn: NumberRanges = field(default_factory=NumberRanges)
    hash: str = ""

    def __post_init__(self) -> None:
        if self.hash:
            return
        parts = (
            self.policy.hash,
            self.plan.hash,
            self.indicators.hash,
            self.subscribers.hash,
            *sorted(self.msrn.texts),
        )
        object.__setattr__(self, "hash", hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16])
