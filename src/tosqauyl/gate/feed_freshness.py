"""What the feeds tell the gate's memory of when things were known (state/freshness.py): while they run, and after a start."""

from collections.abc import Iterable
from pathlib import Path

from tosqauyl.gate.feed_log import HEARD, Event, Header, read_feeds
from tosqauyl.gate.feed_state import GRACE_SECONDS, Feed
from tosqauyl.state.freshness import Freshness


def note_feed(freshness: Freshness | None, feed: Feed) -> None:
    """When an operator was last heard, and when its last whole list was made; 1 us, after whatever may have changed it."""
    if freshness is not None and feed.heard > 0.0:
        freshness.set_operator(feed.operator, feed.heard, "feed")
        freshness.set_whole(feed.operator, _made(feed.bulk_at, feed.as_of))


def note_events(freshness: Freshness | None, feed: Feed, events: Iterable[Event]) -> None:
    """Events that were applied, and with them that their operator was heard."""
    if freshness is not None:
        note_feed(freshness, feed)
        for event in events:
            freshness.note(event.number, event.state, _at(event))


def recall(freshness: Freshness, folder: Path) -> None:
    """What the feeds of a folder said before the gate was started, before its first call; 5 us an event.

    A list that cannot be read any more counts as none. Raises OSError where a file cannot be read.
    """
    for operator, stored in read_feeds(folder).items():
        if stored.heard <= 0.0:
            continue
        header: Header = stored.header
        freshness.set_operator(operator, stored.heard, "feed")
        freshness.set_whole(operator, _made(header.bulk_at, header.as_of))
        for event in stored.events():
            if event.state != HEARD:
                freshness.note(event.number, event.state, _at(event))


def _at(event: Event) -> float:
    """When it was so: by the operator's clock where that says it, but never later than the event came."""
    return min(event.at, event.wall) if event.at > 0.0 else event.wall


def _made(bulk_at: float, as_of: float) -> float:
    """When a list was made, or taken to be made; 0.0 where none came."""
    return as_of or max(0.0, bulk_at - GRACE_SECONDS)
