"""From notifications of a home network (networks/camara/events.py) to the feeds: repeated and overtaken ones change nothing.

A network delivers an event again when it did not hear the first answer, and not always in order. The feeds themselves keep one
time for each operator and let an old `abroad` open (gate/feed_events.py). Notifications always carry their time, so here an
event that is older than another one of the same number changes nothing at all, as long as that one is remembered.
"""

from dataclasses import dataclass, replace

from tosqauyl.gate.feed_bulk import MOST_REFUSED
from tosqauyl.gate.feed_state import FeedResult
from tosqauyl.gate.feeds import Feeds
from tosqauyl.networks.camara.events import Move, Notices

MOST_REMEMBERED = 50_000
"""Events, and numbers, of one operator that are remembered; some 20 MB. The oldest give way. A restart forgets them."""
OVERTAKEN = "overtaken"
"""Why a notification changed nothing although nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What became of notifications. result: as of the feeds, refused by their place among all that came; overtaken: how
    many were repeated, or older than what is known of their number."""

    result: FeedResult
    overtaken: int = 0


class _Remembered:
    """What one operator notified of lately."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], None] = {}
        self.newest: dict[str, float] = {}

    def is_new(self, move: Move) -> bool:
        """Whether it can change anything."""
        return move.event not in self.events and move.at >= self.newest.get(move.number, 0.0)

    def remember(self, move: Move) -> None:
        """It was taken."""
        self.events[move.event] = None
        self.newest[move.number] = max(move.at, self.newest.pop(move.number, 0.0))
        if len(self.events) > MOST_REMEMBERED:
            del self.events[next(iter(self.events))]
        if len(self.newest) > MOST_REMEMBERED:
            del self.newest[next(iter(self.newest))]


class NoticeDesk:
    """Takes notifications to the feeds. Not thread-safe: called from the gate's loop."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._remembered: dict[str, _Remembered] = {}

    def take(self, operator: str, notices: Notices, now: float, wall: float, confirm: str = "") -> NoticeResult:
        """Apply what an operator's network notified of. now: monotonic seconds; wall, confirm: as for `Feeds.events`.

        Never raises. Notifications that move nobody say that the operator is there; those of which none can be read do not.
        """
        counters = self._feeds.counters
        counters["notices"] += notices.events
        counters["notices_subscription_ended"] += notices.ended
        for _, why in notices.refused:
            counters[f"notice_refused_{why}"] += 1
        if notices.refused and not notices.moves and len(notices.refused) == notices.events:
            return NoticeResult(_with(FeedResult(), notices, []))
        remembered = self._remembered.get(operator) or _Remembered()
        moves = [move for move in notices.moves if remembered.is_new(move)]
        result = self._feeds.events(operator, [move[1:4] for move in moves], now, wall, confirm)
        overtaken = len(notices.moves) - len(moves)
        counters["notices_overtaken"] += overtaken
        if not result.why and len(result.refused) == result.refused_count:  # else it is not known which were refused
            self._remembered[operator] = remembered
            refused = {place for place, _ in result.refused}
            for place, move in enumerate(moves):
                if place not in refused:
                    remembered.remember(move)
        return NoticeResult(_with(result, notices, moves), overtaken)


def _with(result: FeedResult, notices: Notices, moves: list[Move]) -> FeedResult:
    """The result with places among all notifications."""
    places = [(moves[place].place, why) for place, why in result.refused]
    refused = sorted([*notices.refused, *places])
    count = result.refused_count + len(notices.refused)
    return replace(result, refused=tuple(refused[:MOST_REFUSED]), refused_count=count)
