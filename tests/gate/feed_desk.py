"""A small country for the tests of feeds: kulan has 760, t2 has 761, two numbers are ported."""

import csv
from pathlib import Path
from types import SimpleNamespace

from tosqauyl.gate.feed_replay import apply_feeds
from tosqauyl.gate.feeds import FeedOptions, Feeds
from tosqauyl.journal.append import System
from tosqauyl.numbers.plan import load_plan
from tosqauyl.state.subscribers import Subscribers

CORPORA = Path(__file__).resolve().parents[1] / "corpora" / "feeds"
PORTED = {"+77619999999": "kulan", "+77609999999": "t2"}
WALL = 1_800_000_000.0
OPTIONS = FeedOptions()
FREE = FeedOptions(swing_percent=10**9)
"""No swing is too large."""


def table(name):
    """The rows of a corpus as dicts; the line number says where a case is."""
    lines = (CORPORA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def small_plan(ported=PORTED):
    """The plan with two mobile codes: a list of one operator takes 10 ms instead of 100."""
    real = load_plan(ported)
    return SimpleNamespace(
        read=real.read, ported=real.ported, hash=real.hash, mobile_codes=("760", "761"),
        codes_of_operator={"kulan": ("760",), "t2": ("761",)},
    )  # fmt: skip


class FeedDesk:
    """Feeds over a folder, with the subscribers they change and what they alarmed."""

    def __init__(self, folder, options=OPTIONS, system=None, plan=None):
        self.folder, self.options, self.alarms = folder, options, []
        self.known = SimpleNamespace(plan=plan or small_plan(), subscribers=None)
        self.known.subscribers = self.fresh()
        self.feeds = Feeds(lambda: self.known, folder, options, self.alarms.append, system=system or System())
        self.now, self.wall = 1000.0, WALL

    def fresh(self):
        return Subscribers(self.known.plan.mobile_codes)

    def later(self, seconds):
        self.now += seconds
        self.wall += seconds

    def events(self, *said, operator="kulan", confirm=""):
        return self.feeds.events(operator, list(said), self.now, self.wall, confirm)

    def bulk(self, numbers, order, operator="kulan"):
        text = numbers if isinstance(numbers, str) else "".join(f"{number}\n" for number in numbers)
        return self.feeds.bulk(operator, [text.encode()], self.now, self.wall, order)

    def states(self, *numbers):
        return [self.known.subscribers.state(number) for number in numbers]

    def ticks(self, count=300):
        """Housekeeping, with the background done at once."""
        for _ in range(count):
            self.feeds.tick(self.now, self.wall)
            self.feeds.settle()

    def replayed(self):
        """Subscribers as somebody who starts anew would have them from the files."""
        subscribers = self.fresh()
        positions = apply_feeds(self.folder, subscribers, self.known.plan, self.wall, self.options.stale_hours)
        return subscribers, positions

    def is_on_disk(self):
        """Whether the files say exactly what the gate knows."""
        known, stored = self.known.subscribers, self.replayed()[0]
        return all(bytes(known.plane(code)) == bytes(stored.plane(code)) for code in known.codes)

    def again(self):
        """The gate is stopped and started again."""
        self.feeds.close()
        self.known.subscribers, positions = self.replayed()
        self.feeds = Feeds(lambda: self.known, self.folder, self.options, self.alarms.append)
        self.feeds.replay(self.known.subscribers, positions)
        return self


def number(place, code="760"):
    return f"+7{code}{place:07d}"
