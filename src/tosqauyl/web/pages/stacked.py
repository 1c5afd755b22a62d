"""Rates over time, one upon the other: places in a picture, which templates/office/live-now.html draws as SVG.

Lengths are units of the picture, as in pages/charts.py. Where nothing was heard for a while there is a gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from tosqauyl.web.pages.charts import BELOW, LETTER, RIGHT, TALL, TOP, WIDTH, Mark, Say, steps

LONGEST_MS = 15_000
"""Between two points that are joined."""


@dataclass(frozen=True, slots=True)
class Band:
    """One kind of rate. areas: as 'x,y x,y', one more for each gap."""

    kind: str
    areas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """What is drawn. left, right: of the space for bands; lines: values of the scale; bands: the lowest first."""

    left: int
    lines: tuple[Mark, ...]
    bands: tuple[Band, ...]

    @property
    def width(self) -> int:
        """Of the picture."""
        return WIDTH

    @property
    def right(self) -> int:
        """Where the bands end: now."""
        return WIDTH - RIGHT

    @property
    def height(self) -> int:
        """Of the picture."""
        return TOP + TALL + BELOW

    @property
    def floor(self) -> int:
        """Where the bands stand."""
        return TOP + TALL


def stacked(moments: Sequence[int], rates: Mapping[str, Sequence[float]], span: tuple[int, int], say: Say) -> Stack:
    """Rates at some moments (milliseconds, in their order) as bands, the first kind lowest. span: the moments of both edges."""
    sums = _sums(len(moments), rates)
    scale = steps(ceil(max(sums[-1], default=0)))
    left = LETTER * max(len(say(one)) for one in scale) + LETTER
    wide, length = WIDTH - RIGHT - left, max(1, span[1] - span[0])
    across = [left + round((min(max(at, span[0]), span[1]) - span[0]) * wide / length) for at in moments]
    up = [[TOP + TALL - round(value * TALL / scale[-1]) for value in level] for level in sums]
    runs = list(_runs(moments))
    bands = tuple(
        Band(kind, tuple(_area(across[run], up[place + 1][run], up[place][run]) for run in runs))
        for place, kind in enumerate(rates)
    )
    return Stack(left, tuple(Mark(0, TOP + TALL - round(one * TALL / scale[-1]), say(one)) for one in scale), bands)


def _sums(count: int, rates: Mapping[str, Sequence[float]]) -> list[list[float]]:
    """Heights at every moment: of nothing, of the first kind, of the first two, and so on."""
    levels = [[0.0] * count]
    for values in rates.values():
        levels.append([below + value for below, value in zip(levels[-1], values, strict=True)])
    return levels


def _runs(moments: Sequence[int]) -> Iterator[slice]:
    """Stretches of moments without a gap."""
    begin = 0
    for place, (one, following) in enumerate(pairwise(moments), 1):
        if following - one > LONGEST_MS:
            yield slice(begin, place)
            begin = place
    if moments:
        yield slice(begin, len(moments))


def _area(across: Sequence[int], upper: Sequence[int], lower: Sequence[int]) -> str:
    there = [f"{x},{y}" for x, y in zip(across, upper, strict=True)]
    back = [f"{x},{y}" for x, y in zip(across, lower, strict=True)]
    return " ".join((*there, *reversed(back)))
