"""A chart as PNG, for letters and slides that take no SVG: the same places as templates/charts.html draws.

Its library (Pillow) and its font, which has the Kazakh letters, come with matplotlib, which `tosqauyl[ledger]` installs.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tosqauyl.web.pages.charts import Bar, Chart, Mark

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

SCALE = 2
"""Dots for a unit of the picture."""
ABOVE, LINE, EDGE = 28, 18, 16
"""Units: of the title, of a line below the chart, around everything."""
LETTER, SMALL, LARGE = 13, 12, 17
"""Heights of letters."""
GROUND, INK, SOFT, BRAND, GREY = "#ffffff", "#16242b", "#50616b", "#0b5c66", "#c9d3d8"


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in the picture. notes: lines below the chart; hidden: in place of a figure that is not told."""

    title: str
    notes: Sequence[str]
    hidden: str


def can_draw() -> bool:
    """Whether what it needs is installed."""
    return find_spec("matplotlib") is not None and find_spec("PIL") is not None


def png(chart: Chart, wide: int, words: Words) -> bytes:
    """The picture. wide: units, of the texts around the chart."""
    from PIL import Image, ImageDraw

    below = ABOVE + chart.height
    longest = max(_font(SMALL).getlength(line) / SCALE for line in (*words.notes, ""))
    size = max(wide, round(longest)) + 2 * EDGE, below + LINE * len(words.notes) + 2 * EDGE
    image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), GROUND)
    sheet = _Sheet(ImageDraw.Draw(image), EDGE, EDGE)
    sheet.text(Mark(0, LARGE, words.title), LARGE)
    _draw(_Sheet(sheet.on, EDGE, EDGE + ABOVE), chart, words.hidden)
    for place, line in enumerate(words.notes):
        sheet.text(Mark(0, below + LINE * (place + 1), line), SMALL, SOFT)
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A drawing whose units begin at a place. on: what draws."""

    on: "ImageDraw"
    x: int
    y: int

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (self.x + x) * SCALE, (self.y + y) * SCALE

    def text(self, mark: Mark, height: int, colour: str = INK, anchor: str = "ls") -> None:
        """At its place on the base line. anchor: as Pillow says it: left, middle or right."""
        self.on.text(self.at(mark.x, mark.y), mark.text, colour, _font(height), anchor)

    def box(self, one: Bar) -> tuple[float, float, float, float]:
        return *self.at(one.x, one.y), *self.at(one.x + one.width, one.y + one.height)


def _draw(sheet: _Sheet, chart: Chart, hidden: str) -> None:
    for one in chart.lines:
        sheet.on.line((sheet.at(chart.left, one.y), sheet.at(chart.right, one.y)), GREY, SCALE)
        sheet.text(Mark(chart.left - 6, one.y + 4, one.text), LETTER, SOFT, "rs")
    for bar in chart.bars:
        sheet.on.rectangle(sheet.box(bar), None if bar.is_hidden else BRAND, SOFT if bar.is_hidden else None, SCALE)
        if chart.lying:
            sheet.text(Mark(bar.width + 8, bar.y + LETTER, bar.said or hidden), LETTER, SOFT)
    for path in chart.paths:
        points = [sheet.at(*(float(part) for part in point.split(","))) for point in path.split()]
        sheet.on.line(points, BRAND, 2 * SCALE, "curve")
    for dot in chart.dots:
        sheet.on.ellipse((sheet.at(dot.x - 3, dot.y - 3), sheet.at(dot.x + 3, dot.y + 3)), BRAND)
    for name in chart.names:
        sheet.text(name, LETTER, anchor="ls" if chart.lying else "ms")


@cache
def _font(height: int) -> "FreeTypeFont":
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", height * SCALE)
