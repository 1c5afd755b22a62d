"""The bounded table of answered transactions (RFC 3261 17.2: an answer is kept for retransmissions for 32 s)."""

from collections import deque
from typing import Any

_SLOTS_A_SECOND = 10


class Transactions:
    """Values by transaction key, each kept `keep` seconds, at most `bound` of them; no object of its own per entry.

    Keys expire in 100 ms slots: never early, at most one slot late. At the bound the oldest entry is given up (its call
    would be evaluated again; the caller counts that). Putting a key again replaces its value and renews nothing. The 64
    dicts are chosen by high bits of the hash because a dict itself uses the low ones; each stays so small that growing
    it stalls for well under a millisecond. At 35,000 calls a second: 1.12 million entries, 180 MB, about 155 bytes each
    with keys of 38 characters (bench/soak.py --table).
    """

    __slots__ = ("_bound", "_count", "_keep", "_open", "_open_slot", "_shards", "_slots")

    def __init__(self, bound: int = 1_500_000, keep: float = 32.0) -> None:
        self._bound, self._keep, self._count = bound, keep, 0
        self._shards: list[dict[str, Any]] = [{} for _ in range(64)]
        self._slots: deque[tuple[int, list[str]]] = deque()
        self._open: list[str] = []
        self._open_slot = -1

    def __len__(self) -> int:
        return self._count

    def get(self, key: str) -> Any:
        """The value put under the key, None if there is none (or no longer)."""
        return self._shards[hash(key) >> 40 & 63].get(key)

    def put(self, key: str, value: Any, now: float) -> bool:
        """Keep the value; True if the oldest entry had to go for it. now: seconds on a monotonic clock."""
        shard = self._shards[hash(key) >> 40 & 63]
        if key in shard:
            shard[key] = value
            return False
        slot = int(now * _SLOTS_A_SECOND)
        if slot > self._open_slot:  # a clock that steps back goes on filling the open slot: late, never early
            self._open_slot = slot
            self._open = []
            self._slots.append((slot, self._open))
        shard[key] = value
        self._open.append(key)
        self._count += 1
        return self._count > self._bound and self._give_up(1) == 1

    def expire(self, now: float, at_most: int = 4096) -> int:
        """Forget what is older than `keep`; returns how many. at_most bounds one call to about a millisecond."""
        forgotten = 0
        due = int((now - self._keep) * _SLOTS_A_SECOND)
        slots = self._slots
        while slots and slots[0][0] < due and forgotten < at_most:
            forgotten += self._give_up(min(len(slots[0][1]), at_most - forgotten))
        return forgotten

    def _give_up(self, count: int) -> int:
        """Delete up to `count` entries of the oldest slot, and the slot when it is empty."""
        keys = self._slots[0][1]
        shards = self._shards
        gone = keys[-count:]
        del keys[-count:]
        for key in gone:
            del shards[hash(key) >> 40 & 63][key]
        self._count -= len(gone)
        if not keys:
            self._slots.popleft()
            if keys is self._open:
                self._open_slot = -1
        return len(gone)
