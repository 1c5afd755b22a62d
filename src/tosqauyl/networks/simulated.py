"""What all simulators share: whom they know, and the ways in which a real network misbehaves. Ships with the product, so that
a gate can be tried out, and an alarm rehearsed, before there is a home network to ask."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

BEHAVIOURS = ("right", "slow", "wrong", "flapping", "down", "malformed")
"""right: as the subscribers are; slow: right, but after `slow_seconds`; wrong: well-formed answers about another number;
flapping: a quarter of the time right, else refused; down: connections are closed unanswered; malformed: bytes that mean
nothing."""


@dataclass(slots=True)
class Simulated:
    """A home network's subscribers and manners. states: number -> abroad or home; others are `default` (abroad, home or
    unknown). delay: seconds of every answer. country: ISO code of those abroad."""

    states: Mapping[str, str] = field(default_factory=dict)
    default: str = "home"
    behaviour: str = "right"
    delay: float = 0.02
    slow_seconds: float = 5.0
    country: str = "TR"
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - no secret
    asked: int = 0

    def state(self, number: str) -> str:
        """abroad, home or unknown."""
        return self.states.get(number, self.default)

    @property
    def seconds(self) -> float:
        """How long this answer takes."""
        return self.slow_seconds if self.behaviour == "slow" else self.delay

    def refuses(self) -> bool:
        """Whether a flapping network refuses this one."""
        return self.behaviour == "flapping" and self.dice.random() < 0.75
