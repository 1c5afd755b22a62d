"""A breakdown as a picture, in the reader's language: for `stats --chart` and for the report of a period."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.texts import DEFINITIONS, DIMENSIONS, UNITS
from tosqauyl.ledger.wording import NONE, figure_text, number_text, source_lines, value_text, window_text
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.charts import ChartWords
    from tosqauyl.ledger.figures import Breakdown

FORMATS = (".svg", ".png")


def check_chart(options: argparse.Namespace) -> None:
    """Raise TosqauylError where --chart cannot be done: without parts, or as something else."""
    if options.chart and not options.by:
        raise TosqauylError("one figure is no chart", "--chart", "add --by day, or another dimension")
    if options.chart and options.chart.suffix.lower() not in FORMATS:
        raise TosqauylError(f"{options.chart.name!r} is neither .svg nor .png", "--chart", "--chart stopped.svg")


def draw(parts: "Breakdown", path: Path, t: Texts) -> None:
    """Write the picture of a breakdown. Raises TosqauylError where the file cannot be written."""
    from tosqauyl.ledger.charts import render

    drawn = render(parts, chart_words(parts, t), path.suffix.lower().removeprefix("."))
    try:
        path.write_bytes(drawn)
    except OSError as error:
        raise TosqauylError(f"the chart cannot be written: {error.strerror}", str(path)) from error


def chart_words(parts: "Breakdown", t: Texts) -> "ChartWords":
    """The words of a picture of a breakdown."""
    from tosqauyl.ledger.charts import ChartWords

    total = parts.total
    unit = str(total.unit)
    return ChartWords(
        title=f"{t(DEFINITIONS[total.definition][0])} · {t(DIMENSIONS[parts.dimension]).lower()}",
        unit=t(UNITS[unit]),
        window=f"{t('Window')}: {window_text(total.window, t)}",
        source="; ".join(f"{what}: {text}" for what, text in source_lines(total.sources, total.revision, t)),
        none=t(NONE),
        others=t("{n} more"),
        more=t("{n} more, not shown"),
        empty=figure_text(total, t) if total.value is None else t("none"),
        number=lambda value: number_text(value, unit, t),
        labels={value: value_text(parts.dimension, value, t) for value, _ in parts.rows},
    )
