"""A breakdown as a picture: bars or a line, PNG or SVG, with title, unit, window and source in the picture itself.

The same input gives the same bytes. An SVG holds no style, script, date or outside address, its ids are its own, and it has a
title and a description for those who do not see it; so it can stand in a page with a strict content policy.
"""

import hashlib
import io
import re
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.etree import ElementTree as Xml

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture

from tosqauyl.ledger.figures import SUMMABLE, Breakdown

FORMATS = ("svg", "png")
WIDTH = 5.4
"""Inches: so narrow that nothing is too small to read on a telephone."""
BARS = 15
"""Most bars of a picture by name; what is left is one bar, or is only told where it must not be added up."""
POINTS_AS_BARS = 100
"""Longer series of days or hours are drawn as a line, interrupted where some are missing."""
COLOUR, GREY, LIGHT = "#0072B2", "#555555", "#dddddd"
"""Blue of Okabe and Ito's palette, which the colour-blind tell apart from everything else here."""
SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib and has the Kazakh letters
    "font.size": 8.0,
    "svg.hashsalt": "tosqauyl",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a name with $ is a name
    "axes.unicode_minus": True,
}
SVG = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True, slots=True)
class ChartWords:
    """Every word of a picture, in the reader's language.

    unit: what is counted. window, source: whole lines. none: for '' (none or unknown). others, more: with {n}, for what is left
    over, added up or not. empty: said where there is nothing to draw. labels: words for values that are slugs. number: a
    figure as text.
    """

    title: str
    unit: str
    window: str
    source: str
    none: str
    others: str
    more: str
    empty: str
    number: Callable[[float], str]
    labels: Mapping[str, str] = field(default_factory=dict)


def render(breakdown: Breakdown, words: ChartWords, form: str = "svg") -> bytes:
    """The picture of a breakdown; form: svg or png."""
    drawn = _times if breakdown.dimension in ("day", "hour") else _names
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script that the font lacks: boxes
        picture = drawn(breakdown, words)
        out = io.BytesIO()
        if form == "png":
            picture.savefig(out, format="png", dpi=200, metadata={"Software": None})
            return out.getvalue()
        picture.savefig(out, format="svg", metadata={"Date": None})
    return _plain_svg(out.getvalue(), words, _description(breakdown, words))


def top(breakdown: Breakdown, words: ChartWords, most: int = BARS) -> tuple[list[tuple[str, float | int]], str]:
    """The first rows with their words, and what is said of the others: '' where there are none or they are a row themselves."""
    rows = [(_label(value, words), number) for value, number in breakdown.rows]
    summed = breakdown.total.unit in SUMMABLE
    kept = rows if len(rows) <= most and not breakdown.left_out else rows[: most - summed]
    left = len(rows) - len(kept) + breakdown.left_out
    if not left:
        return rows, ""
    if not summed:
        return kept, words.more.format(n=words.number(left))
    rest = sum(number for _, number in rows[len(kept) :]) + (breakdown.rest or 0)
    return [*kept, (words.others.format(n=words.number(left)), rest)], ""


def _times(breakdown: Breakdown, words: ChartWords) -> Picture:
    """Days or hours, each at its place: one of which nothing is known is a gap, not a nought."""
    rows = {_moment(value): number for value, number in breakdown.rows}
    if not rows:
        return _empty(words)
    hours = breakdown.dimension == "hour"
    wide = 0.3 + 0.066 * max(len(words.number(number)) for number in rows.values())
    picture, axes = _frame(words, 2.0, (max(wide, 0.7), 0.52 if hours else 0.38))
    every = range(min(rows), max(rows) + 1)
    if len(rows) <= POINTS_AS_BARS:
        axes.bar(list(rows), list(rows.values()), color=COLOUR, width=0.8)
    else:
        axes.plot(list(every), [rows.get(one, float("nan")) for one in every], color=COLOUR, linewidth=1.3)
    ticks = every[:: max(1, -(-len(every) // 5))]
    axes.set_xticks(list(ticks), _moment_texts(list(ticks), hours))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda number, _: words.number(number))
    axes.grid(axis="y", color=LIGHT, linewidth=0.6)
    return picture


def _moment(value: str) -> int:
    """`2025-01-31` as a number of days, `2025-01-31 23` as a number of hours."""
    day, _, hour = value.partition(" ")
    days = date.fromisoformat(day).toordinal()
    return days * 24 + int(hour) if hour else days


def _moment_texts(moments: list[int], hours: bool) -> list[str]:
    """Month and day, the year where there are several; the hour below if they are hours."""
    days = [date.fromordinal(one // 24 if hours else one) for one in moments]
    begin = 0 if hours or len({day.year for day in days}) > 1 or len(days) < 3 else 5
    return [
        day.isoformat()[begin:] + (f"\n{one % 24:02d}:00" if hours else "")
        for day, one in zip(days, moments, strict=True)
    ]


def _names(breakdown: Breakdown, words: ChartWords) -> Picture:
    rows, more = top(breakdown, words)
    labels = [textwrap.fill(label, 26) for label, _ in rows]
    heights = [0.1 + 0.14 * (1 + label.count("\n")) for label in labels]
    if not rows:
        return _empty(words)
    longest = max(len(line) for label in labels for line in label.split("\n"))
    picture, axes = _frame(words, sum(heights), (0.25 + 0.066 * max(longest, 8), 0.2), more)
    tops = [sum(heights[:place]) for place in range(len(rows))]
    middles = [start + height / 2 for start, height in zip(tops, heights, strict=True)]
    numbers = [number for _, number in rows]
    axes.barh(middles, numbers, height=0.15, color=COLOUR)
    axes.set_ylim(sum(heights), 0)
    axes.set_yticks(middles, labels)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    greatest = max(*numbers, 0) or 1
    axes.set_xlim(0, greatest * 1.28)  # room for the figure after the longest bar
    for middle, number in zip(middles, numbers, strict=True):
        axes.text(number + greatest * 0.02, middle, words.number(number), va="center", color="black")
    return picture


def _frame(words: ChartWords, height: float, room: tuple[float, float], more: str = "") -> tuple[Picture, Axes]:
    """A picture with its texts, and axes of `height` inches. room: inches left of them and below them."""
    left = room[0]
    title = textwrap.wrap(_clean(words.title), 58) or [""]
    foot = [line for text in (more, words.window, words.source) if text for line in textwrap.wrap(_clean(text), 88)]
    above, below = 0.34 + 0.19 * len(title), room[1] + 0.145 * len(foot)
    tall = above + height + below
    picture = Picture(figsize=(WIDTH, tall), facecolor="white")
    FigureCanvasAgg(picture)
    place: dict[str, Any] = {"ha": "left", "va": "top"}
    picture.text(0.1 / WIDTH, 1 - 0.08 / tall, "\n".join(title), weight="bold", size=10, **place)
    picture.text(0.1 / WIDTH, 1 - (0.12 + 0.19 * len(title)) / tall, _clean(words.unit), color=GREY, **place)
    picture.text(0.1 / WIDTH, (0.03 + 0.145 * len(foot)) / tall, "\n".join(foot), color=GREY, size=7, **place)
    axes = picture.add_axes((left / WIDTH, below / tall, (WIDTH - left - 0.15) / WIDTH, height / tall))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.set_axisbelow(True)
    return picture, axes


def _empty(words: ChartWords) -> Picture:
    """A picture that says why there is nothing in it."""
    text = textwrap.wrap(_clean(words.empty), 72)
    picture, axes = _frame(words, 0.3 + 0.15 * len(text), (0.1, 0.2))
    axes.set_axis_off()
    axes.text(0.01, 0.5, "\n".join(text), va="center", transform=axes.transAxes)
    return picture


def _label(value: str, words: ChartWords) -> str:
    found = _clean(words.labels.get(value, value))
    if not found:
        return words.none
    return found if len(found) <= 60 else found[:59] + "…"


def _clean(text: str) -> str:
    """Without control characters, which neither a font nor XML has."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()


def _description(breakdown: Breakdown, words: ChartWords) -> str:
    """What the picture shows, for those who do not see it."""
    rows, more = top(breakdown, words)
    shown = "; ".join(f"{label}: {words.number(number)}" for label, number in rows[:BARS]) or words.empty
    return " ".join(filter(None, (f"{words.unit}. {shown}.", more, f"{words.window}. {words.source}")))


def _plain_svg(drawn: bytes, words: ChartWords, description: str) -> bytes:
    """The SVG with attributes in place of styles, with ids of its own, a title and a description, and without metadata."""
    root = Xml.fromstring(drawn)  # noqa: S314 - matplotlib wrote it a moment ago
    mark = "c" + hashlib.sha256(drawn + description.encode()).hexdigest()[:8]
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style")]:
            parent.remove(child)
        _plain_attributes(parent, mark)
    root.attrib.pop("height", None)
    root.attrib |= {"width": "100%", "role": "img", "stroke-linejoin": "round", "stroke-linecap": "butt"}
    root.attrib["aria-labelledby"] = f"{mark}-title {mark}-desc"
    for place, (name, text) in enumerate((("title", _clean(words.title)), ("desc", _clean(description)))):
        child = Xml.Element(f"{{{SVG}}}{name}", {"id": f"{mark}-{name}"})
        child.text = text
        root.insert(place, child)
    Xml.register_namespace("", SVG)
    written: bytes = Xml.tostring(root, encoding="utf-8")
    return written


def _plain_attributes(node: Xml.Element, mark: str) -> None:
    """Styles as attributes, plain links, ids that no other picture has."""
    for declaration in node.attrib.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if value:
            node.set(name.strip(), value.strip())
    if LINK in node.attrib:
        node.set("href", node.attrib.pop(LINK))
    for name, value in node.attrib.items():
        if name == "id":
            node.set(name, f"{mark}-{value}")
        elif name == "href" and value.startswith("#"):
            node.set(name, f"#{mark}-{value[1:]}")
        elif "url(#" in value:
            node.set(name, re.sub(r"url\(#", f"url(#{mark}-", value))
