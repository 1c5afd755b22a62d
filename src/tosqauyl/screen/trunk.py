"""What the judgement needs to know of the trunk a call came over."""

from dataclasses import dataclass, field

from tosqauyl.state.ranges import NumberRanges

SOURCES = ("asserted", "presented", "remote_party")
"""Where a calling number may be taken from: P-Asserted-Identity, From, Remote-Party-ID."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A trunk as the judgement sees it.

    trust: which of "asserted" and "remote_party" may speak for the network on it. primary: the order in which sources
    are tried for the calling number. ranges: the calling numbers allowed on it; empty means that none are set. The
    two flags repeat `trust` so that the call path looks nothing up.
    """

    id: str
    direction: str = "unknown"
    carrier: str = ""
    trust: frozenset[str] = frozenset()
    primary: tuple[str, ...] = SOURCES
    ranges: NumberRanges = field(default_factory=NumberRanges)
    trusts_asserted: bool = field(init=False)
    trusts_remote_party: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusts_asserted", "asserted" in self.trust)
        object.__setattr__(self, "trusts_remote_party", "remote_party" in self.trust)
