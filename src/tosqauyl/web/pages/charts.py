"""Our own charts: figures become places in a picture, which templates/charts.html draws as SVG.

    chart = upright([Point("2026-10", 12), Point("2026-11", None)], str)

Nothing here knows of pages or of SVG. Lengths are units of the picture; a letter is 13 of them tall. A hidden figure has a place in
the picture and no size: its outline is equally large for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

WIDTH = 720
NARROW = 440
"""Of a picture of lying bars: a telephone shows it whole, and the longest name has room."""
TALL = 240
"""Of the space for bars and lines, without what is written below."""
TOP, RIGHT, BELOW = 14, 40, 30
LETTER = 8
"""A little more than a letter of 13 units takes."""
ROW, BAR = 44, 16
"""Of a lying bar: with its name above it, and by itself."""
OUTLINE = 14
"""How far the outline of a hidden figure reaches."""
WIDEST = 60
"""Of a standing bar."""
MOST_BARS = 62
"""More figures than two months have days are drawn as a line."""
Say = Callable[[int], str]
"""How a figure is written."""


@dataclass(frozen=True, slots=True)
class Point:
    """One figure. value: None where it is hidden."""

    name: str
    value: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure in the picture. said: its value as it is written, '' where it is hidden."""

    x: int
    y: int
    width: int
    height: int
    name: str
    said: str

    @property
    def is_hidden(self) -> bool:
        """Whether only its outline is shown."""
        return not self.said


@dataclass(frozen=True, slots=True)
class Mark:
    """A place with something written at it."""

    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. left: where the space for figures begins; lines: values of the scale, drawn from there to the right; names:
    below the figures, or above lying bars; paths: lines as 'x,y x,y', with a gap where a figure is hidden; dots: figures that stand
    alone between two gaps."""

    height: int
    left: int
    bars: tuple[Bar, ...] = ()
    lines: tuple[Mark, ...] = ()
    names: tuple[Mark, ...] = ()
    paths: tuple[str, ...] = ()
    dots: tuple[Mark, ...] = ()
    width: int = WIDTH
    lying: bool = False

    @property
    def right(self) -> int:
        """Where lines of the scale end."""
        return self.width - RIGHT


def over_time(points: Sequence[Point], say: Say) -> Chart:
    """Figures of days, weeks or months in their order: bars, or a line where they are many."""
    return along(points, say) if len(points) > MOST_BARS else upright(points, say)


def upright(points: Sequence[Point], say: Say) -> Chart:
    """Bars that stand side by side."""
    scale, left = _scale(points, say)
    slot = _slot(points, left)
    bars = []
    for place, one in enumerate(points):
        tall = OUTLINE if one.value is None else _length(one.value, scale[-1], TALL)
        wide = min(WIDEST, max(1, round(slot * 0.7)))
        x = left + round(place * slot + (slot - wide) / 2)
        bars.append(Bar(x, TOP + TALL - tall, wide, tall, one.name, _said(one, say)))
    names = _names(points, left, slot)
    return Chart(TOP + TALL + BELOW, left, tuple(bars), _lines(scale, say), names)


def along(points: Sequence[Point], say: Say) -> Chart:
    """A line through all figures."""
    scale, left = _scale(points, say)
    slot = _slot(points, left)
    parts: list[list[Mark]] = [[]]
    for place, one in enumerate(points):
        if one.value is None:
            parts.append([])
            continue
        y = TOP + TALL - _length(one.value, scale[-1], TALL)
        parts[-1].append(Mark(left + round(place * slot + slot / 2), y, f"{one.name}: {say(one.value)}"))
    paths = tuple(" ".join(f"{one.x},{one.y}" for one in part) for part in parts if len(part) > 1)
    dots = tuple(part[0] for part in parts if len(part) == 1)
    names = _names(points, left, slot)
    return Chart(TOP + TALL + BELOW, left, lines=_lines(scale, say), names=names, paths=paths, dots=dots)


def lying(points: Sequence[Point], say: Say) -> Chart:
    """Bars below each other, each under its name, which may be long."""
    most = max((one.value or 0 for one in points), default=0)
    space = NARROW - LETTER * max((len(say(one.value or 0)) for one in points), default=0) - 2 * LETTER
    bars, names = [], []
    for place, one in enumerate(points):
        y = TOP + place * ROW
        wide = OUTLINE if one.value is None else _length(one.value, most, space)
        names.append(Mark(0, y, one.name))
        bars.append(Bar(0, y + 6, wide, BAR, one.name, _said(one, say)))
    return Chart(TOP + len(points) * ROW, 0, tuple(bars), names=tuple(names), width=NARROW, lying=True)


def steps(most: int) -> tuple[int, ...]:
    """Round values of a scale from 0 to `most` or above: 1, 2 or 5 times a power of ten apart, five at most besides 0."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if 5 * step >= most:
                return tuple(range(0, max(1, -(-most // step)) * step + 1, step))
        size *= 10


def _scale(points: Sequence[Point], say: Say) -> tuple[tuple[int, ...], int]:
    """The scale's values, and where the space for figures begins: right of them, and with room for half of the first name."""
    scale = steps(max((one.value or 0 for one in points), default=0))
    half = max((len(one.name) for one in points), default=0) * LETTER // 2
    return scale, max(LETTER * max(len(say(one)) for one in scale) + LETTER, half)


def _slot(points: Sequence[Point], left: int) -> float:
    return (WIDTH - RIGHT - left) / max(1, len(points))


def _length(value: int, most: int, space: int) -> int:
    """How long a figure is drawn; what is there at all can be seen."""
    return max(1, round(value * space / most)) if value > 0 and most > 0 else 0


def _lines(scale: Sequence[int], say: Say) -> tuple[Mark, ...]:
    return tuple(Mark(0, TOP + TALL - round(one * TALL / scale[-1]), say(one)) for one in scale)


def _names(points: Sequence[Point], left: int, slot: float) -> tuple[Mark, ...]:
    """Names in the middle below their figures, only as many as have room."""
    wide = LETTER * max((len(one.name) for one in points), default=0) + LETTER
    every = max(1, ceil(wide / slot))
    return tuple(
        Mark(left + round(place * slot + slot / 2), TOP + TALL + 20, one.name)
        for place, one in enumerate(points)
        if place % every == 0
    )


def _said(one: Point, say: Say) -> str:
    return "" if one.value is None else say(one.value)
