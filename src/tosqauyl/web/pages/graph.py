"""What names what, drawn in columns: a line where something in one names something in another. Our own picture, as in charts.py.

    drawing = draw([numbers, reports, accounts], [("number 1", "report 1"), ...])

Nothing here knows of pages or of SVG; templates/graph.html draws it. Lengths are units of the picture. Whatever belongs together
comes to stand together: each column is sorted by where the neighbours of its nodes stand, a few times over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST = 40
"""Nodes of a column that are drawn: those with the most lines."""
SIDE, GAP, EDGE = 230, 130, 40
"""Widths: of the texts beside the first and the third column, between two columns, beside a last one without texts."""
ROW, TOP = 30, 16
MOST_TEXT = 28
"""Letters of a text that have room."""
SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Node:
    """key: no other node has it; text: beside it, or in it where its column stands in the middle."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A node in the picture. lines: how many end at it; is_whole: nothing of its text was cut off."""

    x: int
    y: int
    text: str
    lines: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. columns: the nodes of each; lines: as paths of SVG; left_out: nodes that had no room."""

    width: int
    height: int
    columns: tuple[tuple[Spot, ...], ...]
    lines: tuple[str, ...]
    left_out: int


def draw(columns: Sequence[Sequence[Node]], edges: Iterable[tuple[str, str]]) -> Drawing:
    """Two or three columns with the lines between their nodes. edges: keys of two nodes of different columns."""
    wanted = list(dict.fromkeys(edges))
    kept = [_most_linked(column, _near(wanted)) for column in columns]
    drawn = {one.key for column in kept for one in column}
    wanted = [pair for pair in wanted if drawn.issuperset(pair)]
    near = _near(wanted)
    ordered = _sorted(kept, near)
    tall = ROW * max((len(column) for column in ordered), default=0)
    spots = {
        one.key: _spot(one, (SIDE + GAP * place, _height(row, len(column), tall)), len(near.get(one.key, ())))
        for place, column in enumerate(ordered)
        for row, one in enumerate(column)
    }
    width = SIDE + GAP * (len(ordered) - 1) + (SIDE if len(ordered) > 2 else EDGE)
    shown = tuple(tuple(spots[one.key] for one in column) for column in ordered)
    left_out = sum(map(len, columns)) - len(drawn)
    return Drawing(width, tall + 2 * TOP, shown, tuple(_line(spots[a], spots[b]) for a, b in wanted), left_out)


def _near(edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Node -> those that a line leads to."""
    near: dict[str, list[str]] = {}
    for one, other in edges:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    return near


def _most_linked(column: Sequence[Node], near: Mapping[str, Sequence[str]]) -> list[Node]:
    return sorted(column, key=lambda one: -len(near.get(one.key, ())))[:MOST]


def _sorted(columns: Sequence[Sequence[Node]], near: Mapping[str, Sequence[str]]) -> list[list[Node]]:
    """Each column by the mean place of its neighbours; what has none stands below."""
    ordered = [list(column) for column in columns]
    for _ in range(SWEEPS):
        for place, column in enumerate(ordered):
            at = {
                one.key: (row + 0.5) / len(other)
                for elsewhere, other in enumerate(ordered) if elsewhere != place
                for row, one in enumerate(other)
            }  # fmt: skip
            means = {one.key: _mean([at[key] for key in near.get(one.key, ())]) for one in column}
            column.sort(key=lambda one: means[one.key])
    return ordered


def _mean(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else 2.0


def _height(row: int, rows: int, tall: int) -> int:
    return TOP + round((row + 0.5) * tall / rows)


def _spot(one: Node, at: tuple[int, int], lines: int) -> Spot:
    is_whole = len(one.text) <= MOST_TEXT
    return Spot(*at, one.text if is_whole else one.text[: MOST_TEXT - 1] + "…", lines, is_whole)


def _line(one: Spot, other: Spot) -> str:
    middle = (one.x + other.x) // 2
    return f"M{one.x},{one.y} C{middle},{one.y} {middle},{other.y} {other.x},{other.y}"
