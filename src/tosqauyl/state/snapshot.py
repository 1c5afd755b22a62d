"""Snapshot: everything the gate knows at one moment, named by the hash of its content."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tosqauyl.facts import Call
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.subscribers import Subscribers

if TYPE_CHECKING:
    from tosqauyl.numbers.number import Number


class PolicyLike(Protocol):
    """What the judgement uses of a policy; the policy room may not be imported here."""

    @property
    def hash(self) -> str:
        """16 hex digits of its content."""

    @property
    def rules(self) -> tuple[Any, ...]:
        """The rules in file order."""

    @property
    def hits(self) -> Callable[[Call], int]:
        """Bitmask of the rules whose condition holds."""


class PlanLike(Protocol):
    """What the judgement uses of a number plan."""

    @property
    def hash(self) -> str:
        """16 hex digits of its content."""

    def read(self, raw: str, /) -> "Number":
        """The number behind a text, normalised and classified."""


class NumberSet(Protocol):
    """A set of numbers that is false when empty and whose repr names its content."""

    def __contains__(self, number: object, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Policy, number plan, lists, subscriber state and roaming numbers (MSRN), replaced as a whole.

    hash: 16 hex digits of all of them, computed when it is made (some 50 ms with 19 mobile codes); written with every
    decision, so that it can be told later what was known. Subscriber state may be updated in place afterwards; the hash
    then names the state it started from.
    """

    policy: PolicyLike
    plan: PlanLike
    indicators: Indicators
    subscribers: Subscribers
    msrn: NumberSet = frozenset()
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        roaming = repr(self.msrn) if self.msrn else ""
        parts = (self.policy.hash, self.plan.hash, self.indicators.hash, self.subscribers.hash, roaming)
        digest = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
        object.__setattr__(self, "hash", digest[:16])
