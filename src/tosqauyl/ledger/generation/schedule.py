"""When the calls come: how many of each class in each ten minutes of the window, in exact whole numbers.

A cell is a class (or one campaign of it) in one slot of ten minutes. The calls of a class are numbered through, campaign by
campaign; a cell names the first number and how many. So a call is the same whatever batch it is written in.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tosqauyl.ledger.generation.mix import CallClass, Mix, Profile
from tosqauyl.ledger.window import Window

SLOT = 600
"""Seconds of a slot."""
FEWEST, LEAST = 60, 100
"""In a small run campaigns are smaller and shorter than they are meant to be, down to LEAST calls, so that there are FEWEST."""

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Columns of cells: class (place in the mix), slot (from the window's begin), campaign (within the class), origin (number of
    the campaign's first call), first (number of the cell's first call), count (calls)."""

    klass: Integers
    slot: Integers
    campaign: Integers
    origin: Integers
    first: Integers
    count: Integers

    def take(self, which: "slice | Integers") -> "Cells":
        """Some of the cells."""
        return Cells(*(column[which] for column in self.columns))

    @property
    def columns(self) -> tuple[Integers, ...]:
        """The columns in order."""
        return self.klass, self.slot, self.campaign, self.origin, self.first, self.count


@dataclass(frozen=True, slots=True)
class Plan:
    """How many calls of which class, and when fraud moves elsewhere. totals: calls by class; moved: seconds since 1970."""

    window: Window
    seed: int
    totals: tuple[int, ...]
    moved: float


def seeded(seed: int, *words: object) -> np.random.Generator:
    """Dice that depend on the seed and the words alone."""
    text = "/".join(map(str, (seed, *words)))
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")))


def class_totals(
    mix: Mix, window: Window, moved: float, keep: npt.NDArray[np.float64], shares: tuple[float, int]
) -> tuple[int, ...]:
    """Calls of each class. keep: which part of each class is wanted at all; shares: fraud among all, and calls altogether."""
    share, count = shares
    weights = np.array([one.weight * _growth(one, mix, window, moved) for one in mix.classes])
    is_fraud = np.array([one.truth == "fraud" for one in mix.classes])
    wanted = weights * keep
    for truth, part in ((is_fraud, share), (~is_fraud, 1.0 - share)):
        wanted[truth] *= part / weights[truth].sum()
    fraud = round(float(wanted[is_fraud].sum() / wanted.sum()) * count)
    totals = np.zeros(len(wanted), dtype=np.int64)
    for truth, whole in ((is_fraud, fraud), (~is_fraud, count - fraud)):
        totals[truth] = _whole_parts(wanted[truth], whole)
    return tuple(int(one) for one in totals)


def _whole_parts(weights: Numbers, whole: int) -> Integers:
    """A number cut by weights into whole numbers: the largest remainders are rounded up."""
    if not whole:
        return np.zeros(len(weights), dtype=np.int64)
    exact = weights / weights.sum() * whole
    least: Integers = np.floor(exact).astype(np.int64)
    least[np.argsort(least - exact, kind="stable")[: whole - int(least.sum())]] += 1
    return least


def _growth(one: CallClass, mix: Mix, window: Window, moved: float) -> float:
    """How much more (or fewer) calls the class has over the window than without the move."""
    plain = profile_of(mix.profile(one.profile), window)
    return float((plain * _after(one, window, moved)).sum() / plain.sum())


def slots(window: Window) -> int:
    """Slots of a window; the last may reach over its end only where the window is no whole number of slots."""
    return int(-(-window.seconds // SLOT))


def profile_of(profile: Profile, window: Window) -> Numbers:
    """Weight of each slot by the local hour and day of the week."""
    zone = ZoneInfo(window.zone)
    offsets = [_offset(window.first + day * 86400, zone) for day in range(int(window.seconds // 86400) + 1)]
    at = window.first + SLOT * np.arange(slots(window), dtype=np.float64)
    local = at + np.repeat(np.array(offsets, dtype=np.float64), 86400 // SLOT)[: len(at)]
    hour = (local // 3600).astype(np.int64) % 24
    day = ((local // 86400).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return np.array(profile.hours, dtype=np.float64)[hour] * np.array(profile.week, dtype=np.float64)[day]


def _offset(at: float, zone: ZoneInfo) -> float:
    found = datetime.fromtimestamp(at, zone).utcoffset()
    return found.total_seconds() if found else 0.0


def _after(one: CallClass, window: Window, moved: float) -> Numbers:
    """Factor of each slot: 1 before the move, and `after` two weeks later, in a straight line between."""
    at = window.first + SLOT * np.arange(slots(window), dtype=np.float64)
    return 1.0 + (one.after - 1.0) * np.clip((at - moved) / (14 * 86400.0), 0.0, 1.0)


def build_cells(mix: Mix, plan: Plan) -> Cells:
    """Every cell with calls, in the order of UTC day, class, campaign and slot."""
    parts = []
    for place, (one, total) in enumerate(zip(mix.classes, plan.totals, strict=True)):
        if total:
            weights = profile_of(mix.profile(one.profile), plan.window) * _after(one, plan.window, plan.moved)
            dice = seeded(plan.seed, "schedule", one.id)
            parts.append(_campaigns(one, total, weights, dice) if one.campaign else _steady(total, weights, dice))
            parts[-1] = Cells(np.full(len(parts[-1].slot), place, dtype=np.int64), *parts[-1].columns[1:])
    cells = Cells(*(np.concatenate(columns) for columns in zip(*(part.columns for part in parts), strict=True)))
    order = np.lexsort((cells.slot, cells.campaign, cells.klass, day_of_slot(plan.window, cells.slot)))
    return cells.take(order)


def day_of_slot(window: Window, slot: Integers) -> Integers:
    """UTC days since 1970 of slots. A slot lies in one day: windows begin at a multiple of ten minutes."""
    return ((window.first + slot * SLOT) // 86400).astype(np.int64)


def _steady(total: int, weights: Numbers, dice: np.random.Generator) -> Cells:
    """Calls all the time."""
    slot = np.arange(len(weights), dtype=np.int64)
    none = np.zeros(len(weights), dtype=np.int64)
    return _counted(total, weights, (slot, none), dice)


def _campaigns(one: CallClass, total: int, weights: Numbers, dice: np.random.Generator) -> Cells:
    """Calls in campaigns that begin where the class is busy, each with its own size and length."""
    (least, most), (shortest, longest) = one.campaign["calls"], one.campaign["hours"]
    meant = total / ((least + most) / 2)
    number = max(1, min(FEWEST, total // LEAST), round(meant))
    size = dice.uniform(least, most, number)
    seconds = dice.uniform(shortest, longest, number) * 3600 * min(1.0, meant / number)
    length = np.maximum(1, np.rint(seconds / SLOT)).astype(np.int64)
    reach = np.cumsum(weights)
    # One in each part of equal weight: so even a few campaigns follow the year's course.
    start = np.searchsorted(reach, (np.arange(number) + dice.random(number)) / number * reach[-1], side="right")
    campaign = np.repeat(np.arange(number, dtype=np.int64), length)
    before = np.repeat(np.cumsum(length) - length, length)
    slot = start[campaign] + np.arange(len(campaign), dtype=np.int64) - before
    inside = slot < len(weights)
    campaign, slot = campaign[inside], slot[inside]
    busy = weights[slot] * dice.uniform(0.7, 1.3, len(slot))
    share = size[campaign] * busy / np.bincount(campaign, busy, number)[campaign]
    return _counted(total, share, (slot, campaign), dice)


def _counted(total: int, share: Numbers, where: tuple[Integers, Integers], dice: np.random.Generator) -> Cells:
    """Whole numbers of calls that add up to the total, and follow the shares to less than one call at every point."""
    slot, campaign = where
    reach = np.cumsum(share)
    begin = np.concatenate(([0.0], reach[:-1] / reach[-1]))
    phase = float(dice.random())
    edge = np.floor(np.concatenate((begin, [1.0])) * total + phase).astype(np.int64)
    edge[-1] = total  # by arithmetic without rounding
    edge = np.clip(edge, 0, total)
    first, count = edge[:-1], np.diff(edge)
    _, at, back = np.unique(campaign, return_index=True, return_inverse=True)
    origin = first[at][back]
    some = count > 0
    klass = np.zeros(int(some.sum()), dtype=np.int64)
    return Cells(klass, slot[some], campaign[some], origin[some], first[some], count[some])
