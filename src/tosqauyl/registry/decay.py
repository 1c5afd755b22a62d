"""How the confidence of an indicator fades, and how long each listing may hold. Pure."""

from math import log2
from typing import Protocol

from tosqauyl.registry.moments import DAY

LEAST_CONFIDENCE = 20
"""An indicator whose confidence has fallen under this is decayed: it says too little to act on."""

MOST_DAYS = {"block": 180, "mark": 365, "allow": 365, "": 1_825}
"""Listing -> the longest time for which one approval holds, days. A block is renewed by a new approval only."""

MOST_HALF_LIFE = 3_650
"""Days."""


class Fading(Protocol):
    """What fades: an indicator, or what is going to be one."""

    @property
    def confidence(self) -> int:
        """0 to 100 at `valid_from`."""

    @property
    def half_life_days(self) -> int:
        """0 where it does not fade."""

    @property
    def valid_from(self) -> int:
        """Milliseconds since 1970."""


def confidence_at(indicator: Fading, now: int) -> int:
    """The confidence at a moment, 0 to 100, rounded down: halved every `half_life_days` since `valid_from`."""
    if not indicator.half_life_days or now <= indicator.valid_from:
        return indicator.confidence
    return int(indicator.confidence * 0.5 ** ((now - indicator.valid_from) / (indicator.half_life_days * DAY)))


def decays_at(indicator: Fading) -> int:
    """The first millisecond in which the confidence is under LEAST_CONFIDENCE; 0 where it never will be."""
    if indicator.confidence < LEAST_CONFIDENCE:
        return indicator.valid_from
    if not indicator.half_life_days:
        return 0
    halvings = log2(indicator.confidence / LEAST_CONFIDENCE)
    return indicator.valid_from + int(halvings * indicator.half_life_days * DAY) + 1


def last_moment(listing: str, now: int) -> int:
    """The latest end that something with this listing may have if it is decided now."""
    return now + MOST_DAYS[listing] * DAY
