"""How patient a desk is with one operator's network, and how long what it said is believed. Seconds everywhere."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BreakerOptions:
    """When a network that fails is spared. It is asked no more after `in_row` failures in a row, or when at least `share` of at
    least `least` questions failed within `window`; then for `first_pause`, twice as long each time it fails again, at most
    `longest_pause`. `probes`: questions that have to succeed before all are let through again. `longest_wait`: the most that
    a network may ask us to stay away (Retry-After)."""

    in_row: int = 5
    share: float = 0.5
    least: int = 20
    window: float = 10.0
    first_pause: float = 1.0
    longest_pause: float = 30.0
    probes: int = 3
    longest_wait: float = 300.0


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """How long an answer serves further calls, by what it says (shorter for what can stop a call; 0: not kept), and how old
    the network's own knowledge may be.

    limit: numbers held. home_fresh, abroad_fresh: a `home` or `abroad` that the network itself knew longer ago than this is
    unknown. ahead: an answer whose time lies further in the future than this cannot be true. failed: for how long a number
    that could not be answered is not asked about again, so that one bad number cannot open the breaker for all.
    """

    limit: int = 200_000
    abroad: float = 600.0
    home: float = 60.0
    unknown: float = 30.0
    failed: float = 1.0
    home_fresh: float = 900.0
    abroad_fresh: float = 86_400.0
    ahead: float = 300.0

    def keep(self, state: str) -> float:
        """Seconds for which an answer with this state serves further calls."""
        return float(getattr(self, state))


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """in_flight: questions to one network at the same time; what comes beyond is not asked.

    linger: for how long an answer that came too late for its call is still waited for, so that the next call finds it in the
    cache; lingering: how many such questions there may be. stall: where this process itself noticed a deadline later than
    that, the network is not blamed for it. slow_share: share of questions of the last one to two minutes that timed out from
    which on the network counts as slow on the status page.
    """

    in_flight: int = 500
    linger: float = 2.0
    lingering: int = 100
    stall: float = 0.05
    slow_share: float = 0.05
    cache: CacheOptions = field(default_factory=CacheOptions)
    breaker: BreakerOptions = field(default_factory=BreakerOptions)


UNCACHED = DeskOptions(cache=CacheOptions(limit=0))
"""For origination: an answer is about one call, and must never serve the next."""
