"""From the feeds on disk to the subscriber planes: when a snapshot is built, and for what came after it was.

A number's events count only for the operator that has the number by the plan of now: who took a number along to another
operator is not spoken for by the old one.
"""

import asyncio
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from tosqauyl.errors import TosqauylError
from tosqauyl.gate.feed_log import HEARD, NOWHERE, Position, StoredFeed, load_bulk, read_feeds
from tosqauyl.numbers.plan import Plan
from tosqauyl.state.operator_planes import Holdings, Live, forget_home, replace
from tosqauyl.state.subscribers import Subscribers

HOUR = 3600.0
_EVENTS_A_STEP = 500
T = TypeVar("T")
Steps = Generator[None, None, None]
Reached = dict[str, tuple[int, int]]
"""How far each operator's feed was read: a Position, or the same as a plain pair, as snapshot files have it."""


def apply_feeds(folder: Path, subscribers: Subscribers, plan: Plan, wall: float, stale_hours: float) -> Reached:
    """Bring subscribers to what the feeds of a folder say; how far each was read, for `Feeds.replay`.

    For who builds a snapshot. wall: seconds since 1970: of operators that were not heard from for stale_hours nobody is
    at home. 0.3 s an operator with a bulk. Raises OSError where a file cannot be read.
    """
    positions: Reached = {}
    for operator, stored in read_feeds(folder).items():
        run(apply_feed(stored, lambda: subscribers, plan, NOWHERE))
        if wall - stored.heard > stale_hours * HOUR:
            run(forget(operator, lambda: subscribers, plan))
        positions[operator] = stored.position
    return positions


def apply_feed(stored: StoredFeed, live: Live, plan: Plan, after: Position) -> Steps:
    """Apply what an operator's feed says beyond a position, a little at each step. Raises OSError.

    A bulk that cannot be read takes every `home` of its operator away, because that would come from an older time.
    """
    since = after.sequence
    if stored.header.generation != after.generation and (stored.bulk or stored.unusable):
        since = 0
        yield from _apply_bulk(stored, live, plan)
    elif stored.header.generation != after.generation:
        since = 0
    for count, event in enumerate(stored.events(since), 1):
        if event.state != HEARD and plan.read(event.number).operator == stored.operator:
            live().update(event.number, event.state)
        if count % _EVENTS_A_STEP == 0:
            yield


def forget(operator: str, live: Live, plan: Plan) -> Steps:
    """Take every `home` of an operator back to unknown, a piece at each step."""
    holdings = Holdings(operator, plan)
    yield from holdings.collect()
    yield from forget_home(live, holdings.masks)


def run(steps: Generator[float | None, None, T], wait: Callable[[], object] = int) -> T:
    """Go through all steps at once; what they return. wait: called where a step asks for a pause."""
    while True:
        try:
            if next(steps):
                wait()
        except StopIteration as end:
            result: T = end.value
            return result


async def drive(steps: Generator[float, None, T]) -> T:
    """Go through steps while everything else on the loop has its turns between them."""
    while True:
        try:
            pause = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(pause)


def _apply_bulk(stored: StoredFeed, live: Live, plan: Plan) -> Steps:
    try:
        if stored.unusable:
            raise TosqauylError(stored.unusable)
        _, planes = yield from load_bulk(stored.folder, stored.operator)
    except TosqauylError:
        yield from forget(stored.operator, live, plan)
        return
    holdings = Holdings(stored.operator, plan)
    yield from holdings.collect()
    for _ in replace(live, holdings.masks, planes):
        yield
