"""The watchdog of a connection as a table of states (RFC 3539 section 3.4.1), without a clock or a socket.

Left out: REOPEN, in which a connection that came back carries no traffic for three watchdogs. It protects a peer that
has an alternate; we have one connection, and the circuit breaker above it probes with single questions anyway.
"""

import random


class Watchdog:
    """When to ask a silent peer whether it lives, and when to give it up. due: when to call `expired` next, in the seconds
    of the clock that the caller passes. suspect: the peer left a watchdog request unanswered for a whole period."""

    def __init__(self, seconds: float, now: float, dice: random.Random) -> None:
        self._seconds, self._dice = seconds, dice
        self._pending = False
        self.suspect = False
        self.due = 0.0
        self._restart(now)

    def _restart(self, now: float) -> None:
        # plus or minus 2 s, so that peers that started together do not ask together
        spread = min(2.0, self._seconds / 3)
        self.due = now + self._seconds + self._dice.uniform(-spread, spread)

    def heard(self, now: float, *, answer: bool) -> None:
        """A message came; answer: it answers our watchdog request."""
        self._pending = self._pending and not answer
        self.suspect = False
        self._restart(now)

    def expired(self, now: float) -> str:
        """What to do now that `due` has passed: ask (send a watchdog request), suspect, or close."""
        if self.suspect:
            return "close"
        self._restart(now)
        if self._pending:
            self.suspect = True
            return "suspect"
        self._pending = True
        return "ask"
