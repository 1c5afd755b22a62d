"""A circuit breaker: a network that fails is spared for a while, then tried with one question, then with a few. Pure: times are
seconds of any one clock, given by the caller, and the dice are given, too."""

from collections.abc import Callable

from tosqauyl.networks.options import BreakerOptions

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"
"""All questions go through; none does; a few do, to see."""
_SLOTS = 10


class Breaker:
    """Whether one network is asked.

    Each question let through gets a ticket (above 0) and hands it back once: with `succeeded`, `failed`, or `withdrawn`. Results
    of questions from before the last change of state say nothing about now: they are passed over, so a burst of timeouts
    that arrives while the breaker is open neither lengthens the pause nor fails the probe.

    opened, closed, probed: how often it opened, closed again, and let a probe through. until: end of the pause.
    """

    __slots__ = (
        "_asked", "_closed_at", "_dice", "_failures", "_good", "_in_row", "_level", "_options", "_probes", "_slot",
        "_slots", "_ticket", "_width", "closed", "opened", "probed", "state", "until",
    )  # fmt: skip

    def __init__(self, options: BreakerOptions, dice: Callable[[], float]) -> None:
        """dice: a number from 0 up to 1 at each call."""
        self._options, self._dice = options, dice
        self.state, self.until = CLOSED, 0.0
        self.opened = self.closed = self.probed = 0
        self._width = options.window / _SLOTS
        self._ticket = 1
        self._level = 0
        self._closed_at = float("-inf")
        self._probes = self._good = 0
        self._clear()

    def _clear(self) -> None:
        self._in_row = self._asked = self._failures = 0
        self._slot = 0
        self._slots = [(0, 0, 0)] * _SLOTS

    def take(self, now: float) -> int:
        """A ticket for one question; 0 if the network is to be spared."""
        if self.state == CLOSED:
            return self._ticket
        if self.state == OPEN:
            if now < self.until:
                return 0
            self._turn(HALF_OPEN)
            self._probes = self._good = 0
        # One probe first; once it succeeded, as many at a time as are still needed.
        if self._probes >= (self._options.probes - self._good if self._good else 1):
            return 0
        self._probes += 1
        self.probed += 1
        return self._ticket

    def succeeded(self, ticket: int, now: float) -> None:
        """The network answered."""
        if ticket != self._ticket:
            return
        if self.state == CLOSED:
            self._in_row = 0
            self._count(now, 0)
            return
        self._probes -= 1
        self._good += 1
        if self._good >= self._options.probes:
            self._turn(CLOSED)
            self._closed_at = now
            self.closed += 1
            self._clear()

    def failed(self, ticket: int, now: float, retry_after: float = 0.0) -> None:
        """It did not. retry_after: seconds that it asks us to stay away; honoured whatever the ticket."""
        wait = min(retry_after, self._options.longest_wait) if retry_after > 0 else 0.0
        if ticket != self._ticket:
            if self.state == OPEN:
                self.until = max(self.until, now + wait)
            return
        if self.state == CLOSED:
            self._in_row += 1
            self._count(now, 1)
            if not wait and not self._is_bad():
                return
        self._open(now, wait)

    def withdrawn(self, ticket: int) -> None:
        """The question ended without saying anything about the network: its probe is free again."""
        if ticket == self._ticket and self.state == HALF_OPEN:
            self._probes -= 1

    def _is_bad(self) -> bool:
        options = self._options
        if self._in_row >= options.in_row:
            return True
        return self._asked >= options.least and self._failures >= options.share * self._asked

    def _open(self, now: float, wait: float) -> None:
        options = self._options
        # A network that fails again soon after it recovered has not recovered: the pause goes on growing.
        calm = self.state == CLOSED and now - self._closed_at >= options.window
        self._level = 0 if calm else self._level + 1
        pause = min(options.longest_pause, options.first_pause * 2.0 ** min(self._level, 60))
        # Up to a quarter shorter: gates that lost the same network do not all come back at the same moment.
        self.until = now + max(wait, pause * (1.0 - 0.25 * self._dice()))
        self._turn(OPEN)
        self.opened += 1

    def _turn(self, state: str) -> None:
        self.state = state
        self._ticket += 1

    def _count(self, now: float, failure: int) -> None:
        """One more question of the window. _asked: all of them; _failures: those of them that failed."""
        slot = max(int(now // self._width), self._slot)
        place = slot % _SLOTS
        if slot != self._slot:
            self._forget(slot)
        number, asked, failures = self._slots[place]
        self._slots[place] = (slot, asked + 1, failures + failure) if number == slot else (slot, 1, failure)
        self._asked += 1
        self._failures += failure

    def _forget(self, slot: int) -> None:
        """Take out what is older than the window."""
        for place, (number, asked, failures) in enumerate(self._slots):
            if asked and number <= slot - _SLOTS:
                self._asked -= asked
                self._failures -= failures
                self._slots[place] = (0, 0, 0)
        self._slot = slot
