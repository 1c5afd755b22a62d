"""What came of the questions to one network: counters, how long answers took, and how it went in the last minute or two."""

from typing import Any

LATENCY_SLOTS = 32
"""Slots of the latency count: slot i has the questions ended in less than 2**i microseconds that are in no slot before."""
COUNTERS = (
    "asked", "unknown", "stale", "timeout", "down", "refused", "limited", "malformed", "wrong", "bug",
    "cached", "cached_failed", "coalesced", "spared", "full", "overdue", "late", "held_up",
)  # fmt: skip
"""Every counter of every desk, beside answered_<state> for each answer that says something. docs/networks.md explains them."""
MOST_WHYS = 32
_MINUTE = 60.0
_MICRO = 1e6


class Tally:
    """counters: by name. whys: why a ledger did not know, by its slug. latency: how many questions ended in which slot, since the
    start. failure, failure_detail, failed_at: of the last question that failed; seconds since 1970, 0.0 if none did."""

    __slots__ = (
        "_before",
        "_minute",
        "_recent",
        "counters",
        "failed_at",
        "failure",
        "failure_detail",
        "latency",
        "whys",
    )

    def __init__(self, states: tuple[str, ...]) -> None:
        """states: the answers that say something."""
        self.counters = dict.fromkeys((*(f"answered_{state}" for state in states), *COUNTERS), 0)
        self.latency = [0] * LATENCY_SLOTS
        self.whys: dict[str, int] = {}
        self.failure = self.failure_detail = ""
        self.failed_at = 0.0
        self._minute = 0
        self._recent, self._before = _Minute(), _Minute()

    def ended(self, outcome: str, seconds: float, now: float) -> None:
        """A question ended. seconds: how long it took; now: monotonic seconds."""
        self.counters[outcome] += 1
        slot = min(int(seconds * _MICRO).bit_length(), LATENCY_SLOTS - 1)
        self.latency[slot] += 1
        if int(now // _MINUTE) != self._minute:
            self._rotate(now)
        self._recent.latency[slot] += 1
        self._recent.timeouts += outcome == "timeout"

    def unknown_because(self, why: str) -> None:
        """Count why a ledger does not know. It is the other side's word: so many different ones are counted and no more."""
        if why in self.whys or len(self.whys) < MOST_WHYS:
            self.whys[why] = self.whys.get(why, 0) + 1

    def failed(self, kind: str, detail: str, wall: float) -> None:
        """Remember why. detail: never holds a number. wall: seconds since 1970."""
        self.failure, self.failure_detail, self.failed_at = kind, detail, wall

    def recently(self, now: float) -> dict[str, Any]:
        """Of the last one to two minutes: how many ended, the share of them that timed out, latency in milliseconds at most
        (p50, p99: upper ends of slots; None where nothing ended)."""
        if int(now // _MINUTE) != self._minute:
            self._rotate(now)
        slots = [new + old for new, old in zip(self._recent.latency, self._before.latency, strict=True)]
        ended = sum(slots)
        timeouts = self._recent.timeouts + self._before.timeouts
        return {
            "ended": ended,
            "timeout_share": round(timeouts / ended, 4) if ended else 0.0,
            "p50_ms": _quantile(slots, 0.5 * ended),
            "p99_ms": _quantile(slots, 0.99 * ended),
        }

    def _rotate(self, now: float) -> None:
        minute = int(now // _MINUTE)
        self._before = self._recent if minute == self._minute + 1 else _Minute()
        self._recent = _Minute()
        self._minute = minute


class _Minute:
    """What ended within one minute."""

    __slots__ = ("latency", "timeouts")

    def __init__(self) -> None:
        self.latency = [0] * LATENCY_SLOTS
        self.timeouts = 0


def _quantile(slots: list[int], rank: float) -> float | None:
    """Upper end, in milliseconds, of the slot that holds the question of this rank."""
    seen = 0
    for slot, count in enumerate(slots):
        seen += count
        if count and seen >= rank:
            return float((1 << slot) / 1000)
    return None
