"""What the gate does when more calls come than it can carry. Pure: queue shares and turns of the clock are arguments.

In this order: counting for the analytic rules is shed; then a source that asks for more than its fair share gets 503 with
Retry-After for a part of its excess, and the rest is dropped unread. Deterministic rules never switch off: a call is
judged in full or not at all. docs/overload.md says what each step costs whom, and why a flood gains nothing by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TURN = 0.1
"""Seconds of one turn: how often levels and shares are looked at again."""
FULL_BATCHES = 4
"""Full batches in a row before the queue is looked at: one full batch is a burst, four are a backlog."""
LASTING = 4
"""Turns of pressure without the queue getting shorter, until fair shares: a process that others kept from its core for two or
three of them, which happens while a snapshot is built beside it, is no overload."""
CALM_TURNS = 10
"""Turns without pressure until the level goes down by one, and until fair shares are lifted: a second."""
IDLE_TURNS = 100
"""Turns after which a silent source no longer takes part: ten seconds."""
SOURCES_KEPT = 4096
"""Sources with a share of their own; further ones share one among them, and are counted."""
RETRY_AFTER = 1
"""Seconds of the 503's Retry-After. The shortest there is: a client may keep away with all its calls for that long."""

JUDGE, REFUSE, DROP = 0, 1, 2
"""What is done with an INVITE."""
REFUSED = 2
"""503s a source may get, as a multiple of its calls that may be judged. What comes beyond is dropped unread."""
SHRINKS = 20
"""A queue whose largest share fell by one in this many since the last turn gets shorter."""
LEAST = 100
"""Calls a turn that all sources together may have at least, whatever was measured."""
HARDLY, FULL = 3, 80
"""Per cent of the queue's room that are hardly a queue, and that are nearly all of it."""

_UNBOUNDED = 1 << 40
_OTHERS = ""


@dataclass(frozen=True, slots=True)
class OverloadOptions:
    """source_calls_per_second: fixed cap of one source, 0 for none; queue_percent: of the receive queue, from where on there
    is pressure."""

    source_calls_per_second: int = 0
    queue_percent: int = 25


class Pressure:
    """How hard the gate is pressed, from how full its receive queue was.

    level 0: calm. 1: the queue was fuller than `queue_percent` of its room; analytics are shed. 2: it was so in four turns, and
    was not getting shorter in them; sources are held to their fair share. A queue that gets shorter is what a process that was
    held up for a moment finds when it goes on: it is carrying more than comes, so there is nothing to shed. The level falls by
    one after a second in which the queue was never half as full as that.
    standing: the queue never became short in the last turn, so more came than was taken (the minimum tells it, not the
    maximum: Nichols and Jacobson, RFC 8289 section 3.2). peak: its largest share in the last turn, per cent.
    """

    def __init__(self, queue_percent: int) -> None:
        self.level = 0
        self.standing = False
        self.peak = 0
        self._high = queue_percent
        self._most = 0
        self._calm = 0
        self._pressed = 0  # turns of pressure since it was calm

    @property
    def is_short(self) -> bool:
        """Whether the queue was less than half as full as pressure needs in the whole of the last turn."""
        return 2 * self.peak < self._high

    def saw(self, percent: int) -> None:
        """The receive queue of a listener holds this share of what it can hold; the level rises from 0 at once."""
        self._most = max(self._most, percent)
        if percent >= self._high:
            self.level = max(self.level, 1)

    def turn(self, least: int) -> None:
        """A turn is over. least: per cent of its room that the fullest queue held at its shortest in the turn."""
        shrinks = SHRINKS * self._most <= (SHRINKS - 1) * self.peak
        self.peak = self._most
        self.standing = 4 * least >= self._high
        if self.peak >= self._high and not (shrinks and self._pressed):
            self._pressed += 1
            self.level = 2 if self._pressed >= LASTING else 1
        self._calm = self._calm + 1 if self.is_short else 0
        if self._calm >= CALM_TURNS:
            self._calm = 0
            self.level = max(self.level - 1, 0)
            self._pressed = min(self._pressed, LASTING) if self.level else 0
        self._most = 0


class _Source:
    """One source's turn.

    read: INVITEs received; served: those that may be judged; refused: those that get a 503. left and far: how many of either
    there may be. Both are spread evenly over the turn by sums that grow with each INVITE by a step (1: each may), because a
    budget used up at once would leave a queue behind it. credit: of the fixed cap, in calls. idle: turns of silence.
    """

    __slots__ = (
        "credit", "far", "far_step", "far_sum", "idle", "left", "left_step", "left_sum", "read", "refused", "served",
    )  # fmt: skip

    def __init__(self, left: int, credit: float) -> None:
        self.credit = credit
        self.idle = -1
        self.read = 0
        self.begin(left)

    def begin(self, left: int) -> None:
        """The next turn, in which this many calls may be judged; what was read in the last one is expected again."""
        self.left, self.far = left, REFUSED * max(left, LEAST)
        excess = self.read - left
        self.left_step = 1.0 if excess <= 0 else left / self.read
        self.far_step = 1.0 if excess <= self.far else self.far / excess
        self.left_sum = self.far_sum = 0.0
        self.idle = self.idle + 1 if self.read == 0 else 0
        self.read = self.served = self.refused = 0


class SourceCaps:
    """How many calls each source may still have judged in this turn. Look-ups only while `active`: one dict access each.

    The fixed cap is a bucket that holds one second of calls. The fair share is found by measuring: what all sources together
    had judged in a turn under pressure is what the gate can carry; that is given out so that nobody gets more while somebody
    gets less than asked for (max-min). It shrinks by a tenth or three while a queue stands, and grows by a twentieth, a
    seventh or a half while none does, by how long it was in between. With one source there is nobody to be fair to: it never
    gets a fair share.
    """

    def __init__(self, calls_per_second: int = 0) -> None:
        self.active = calls_per_second > 0
        self.overflows = 0
        self._rate = calls_per_second
        self._sources: dict[str, _Source] = {}
        self._carried = 0  # calls a turn given out in fair shares; 0: no fair shares
        self._share = _UNBOUNDED
        self._content = 0

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def is_sharing(self) -> bool:
        """Whether sources are held to fair shares now."""
        return self._carried > 0

    def note(self, source: str) -> None:
        """A known source is there. Told of one datagram of a full batch, so that sources are known before a flood is met."""
        self._of(source).idle = 0

    def take(self, source: str) -> int:
        """Another INVITE of this source: JUDGE it, REFUSE it with a 503, or DROP it unread."""
        entry = self._of(source)
        entry.read += 1
        entry.left_sum += entry.left_step
        if entry.left_sum >= 1.0 and entry.served < entry.left:
            entry.left_sum -= 1.0
            entry.served += 1
            return JUDGE
        entry.far_sum += entry.far_step
        if entry.far_sum >= 1.0 and entry.refused < entry.far:
            entry.far_sum -= 1.0
            entry.refused += 1
            return REFUSE
        return DROP

    def admits(self, source: str) -> bool:
        """Whether another call of this source is judged, for ways in that answer every call: a stream, HTTP."""
        return self.take(source) == JUDGE

    def turn(self, pressure: Pressure) -> None:
        """A turn is over: measure, forget silent sources, give out the shares of the next."""
        entries = self._sources
        demands = [entry.read for entry in entries.values()]
        served = sum(entry.served for entry in entries.values())
        self._measure(pressure, sum(demands), served)
        self._share = fair_share(demands, self._carried) if self._carried else _UNBOUNDED
        for source in [source for source, entry in entries.items() if entry.idle >= IDLE_TURNS]:
            del entries[source]
        for entry in entries.values():
            left = self._share
            if self._rate:
                entry.credit = min(entry.credit - entry.served + self._rate * TURN, float(self._rate))
                left = min(left, max(int(entry.credit), 0))
            entry.begin(left)
        self.active = self._rate > 0 or self._carried > 0 or pressure.level > 0

    def _measure(self, pressure: Pressure, demand: int, served: int) -> None:
        """How many calls of all sources together the next turn may have judged."""
        if len(self._sources) < 2 or (not self._carried and pressure.level < 2):
            self._carried = 0
        elif not self._carried:
            self._carried, self._content = max(served * 6 // 10, LEAST), 0
        elif pressure.standing:
            # not less than half: a turn in which the whole process was held up says little
            taken = max(min(self._carried, served), self._carried // 2)
            self._carried = max(taken * (7 if pressure.peak >= FULL else 9) // 10, LEAST)
            self._content = 0
        else:
            self._carried += self._carried // (2 if pressure.peak <= HARDLY else 7 if pressure.is_short else 20) + 1
            self._content = self._content + 1 if demand < self._carried else 0
            if self._content >= CALM_TURNS:
                self._carried = 0

    def _of(self, source: str) -> _Source:
        return self._sources.get(source) or self._learn(source)

    def _learn(self, source: str) -> _Source:
        if len(self._sources) >= SOURCES_KEPT:
            self.overflows += 1
            source = _OTHERS
            if source in self._sources:
                return self._sources[source]
        entry = self._sources[source] = _Source(min(self._share, self._rate or _UNBOUNDED), float(self._rate))
        return entry


class Overload:
    """Pressure and caps together, as the shell drives them: `queued` after full batches, `turn` ten times a second."""

    def __init__(self, options: OverloadOptions) -> None:
        self.pressure = Pressure(options.queue_percent)
        self.caps = SourceCaps(options.source_calls_per_second)

    @property
    def counts(self) -> bool:
        """Whether calls are counted for the analytic rules; False while they are shed."""
        return self.pressure.level == 0

    def queued(self, percent: int) -> None:
        """The receive queue was this full when a run of full batches had been read."""
        self.pressure.saw(percent)
        if self.pressure.level:
            self.caps.active = True  # counting begins, so that the next turn knows who asks for how much

    def turn(self, least: int) -> None:
        """A turn is over. least: see Pressure.turn."""
        self.pressure.turn(least)
        self.caps.turn(self.pressure)


def fair_share(demands: Iterable[int], total: int) -> int:
    """The most that one may have when `total` is given out max-min fairly: who asks for less gets all of it, and what
    that leaves is shared equally by the others (Bertsekas and Gallager, Data Networks, 6.5.2)."""
    wanted = sorted(demands)
    rest, sharers = total, len(wanted)
    for demand in wanted:
        if demand * sharers > rest:
            return max(rest // sharers, 1)
        rest -= demand
        sharers -= 1
    return _UNBOUNDED


class OpenShares:
    """Which trunk holds how many of the calls that wait for their home network, of at most `limit` in all.

    A trunk may hold no more than what is still free (Choudhury and Hahne's dynamic threshold): one trunk alone gets half, a
    second one half of the rest, so that a flood on one leaves room for calls of all others.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._trunk_of: dict[str, str] = {}
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._trunk_of)

    def take(self, key: str, trunk: str) -> bool:
        """Whether the call with this transaction key may wait; it then holds a place until `give`."""
        held = self._held.get(trunk, 0)
        if held >= self._limit - len(self._trunk_of) or key in self._trunk_of:
            return False
        self._trunk_of[key] = trunk
        self._held[trunk] = held + 1
        return True

    def give(self, key: str) -> None:
        """The call no longer waits; nothing happens where it did not."""
        trunk = self._trunk_of.pop(key, None)
        if trunk is not None:
            held = self._held[trunk] - 1
            if held:
                self._held[trunk] = held
            else:
                del self._held[trunk]
