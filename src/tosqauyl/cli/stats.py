"""`tosqauyl stats`: a figure with definition, window, unit, source, revision and query; breakdowns, displacement, alerts."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tosqauyl.cli.chart import check_chart, draw
from tosqauyl.cli.office import (
    add_engine,
    day_of_option,
    engine_in,
    ledger_in,
    need_ledger,
    window_of,
    window_within,
)
from tosqauyl.cli.texts import choose_language
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, LANGUAGES, Texts

if TYPE_CHECKING:
    from tosqauyl.ledger.engine import Engine
    from tosqauyl.ledger.window import Window

STEPS = ("day", "hour")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", t: Texts = ENGLISH) -> None:
    """Add `tosqauyl stats` to the command line."""
    parser = subparsers.add_parser(
        "stats",
        help=t("a figure with its definition, window, unit and source"),
        description=t(
            "Print a figure of the ledger with definition, window, unit, source, revision and query. Exit code: 0 done, 1 not "
            "computable, nothing there, or alerts found, 2 trouble."
        ),
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        help=t(
            "a definition (stats list shows all), or list, sum, scorecard, false-stops-by-rule, displacement, alerts"
        ),
    )
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help=t("for sum: figures written with --json"))
    parser.add_argument("--from", dest="first", metavar="DAY", help=t("first day, for example 2025-01-01"))
    parser.add_argument("--to", dest="last", metavar="DAY", help=t("last day, itself included"))
    parser.add_argument(
        "--by", metavar="DIM", help=t("break down by day, hour, reason, rule, trunk, carrier, country ...")
    )
    parser.add_argument(
        "--limit", metavar="N", type=int, default=20, help=t("most values shown, 0 for all (default 20)")
    )
    parser.add_argument(
        "--origin", metavar="NAME", action="append", default=[], help=t("rows of this source only; may be repeated")
    )
    _add_source(parser, t)
    _add_special(parser, t)
    _add_shape(parser, t)
    parser.set_defaults(run=run)


def _add_shape(parser: argparse.ArgumentParser, t: Texts) -> None:
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help=t("as JSON, to be added with stats sum or read by programs"))
    shape.add_argument(
        "--csv", action="store_true", help=t("as CSV, every row with its definition, unit, window and source")
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help=t("write to this file instead of the terminal"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("language of the output"))


def _add_source(parser: argparse.ArgumentParser, t: Texts) -> None:
    add_engine(parser, t)
    parser.add_argument(
        "--live", metavar="DIR", type=Path, help=t("count what this gate's data folder has and the ledger has not, too")
    )


def _add_special(parser: argparse.ArgumentParser, t: Texts) -> None:
    parser.add_argument(
        "--chart", metavar="FILE", type=Path, help=t("with --by: draw the parts into this file, .svg or .png, too")
    )
    parser.add_argument("--rule", metavar="ID", help=t("for displacement: the rule that went live"))
    parser.add_argument("--day", metavar="DAY", help=t("for displacement: the day on which it went live"))
    parser.add_argument(
        "--weeks", metavar="N", type=int, default=4, help=t("for displacement: weeks on each side (default 4)")
    )
    parser.add_argument(
        "--of", metavar="NAME", default="stopped", help=t("for alerts: the definition watched (default stopped)")
    )


def run(options: argparse.Namespace) -> int:
    """Run `tosqauyl stats`."""
    t = Texts(choose_language(options.lang))
    if options.files and options.name != "sum":
        what = f"{' '.join(map(str, options.files))}: files are for stats sum only"
        raise TosqauylError(what, "stats", "tosqauyl stats --help")
    need_ledger()
    return COMMANDS.get(options.name, _figure)(options, t)


def _list(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_view import definitions_csv, show_definitions
    from tosqauyl.ledger.definitions import DEFINITIONS

    everything = list(DEFINITIONS.values())
    _give(options, everything, lambda: definitions_csv(t), lambda console: show_definitions(console, t))
    return 0


def _sum(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_view import figure_csv, show_figure
    from tosqauyl.ledger.figures import figure_from, sum_of

    found = sum_of([figure_from(_read(path), str(path)) for path in options.files])
    _give(options, found, lambda: figure_csv(found), lambda console: show_figure(console, found, t))
    return 0


def _figure(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_view import breakdown_csv, figure_csv, show_breakdown, show_figure
    from tosqauyl.ledger.definitions import definition_of
    from tosqauyl.ledger.statistics import breakdown, coverage, figure

    definition, window = definition_of(options.name), window_of(options)
    check_chart(options)
    with engine_of(options, window, t) as engine:
        known = coverage(engine, window, tuple(options.origin))
        if not options.by:
            found = figure(engine, definition, window, known)
            _give(options, found, lambda: figure_csv(found), lambda console: show_figure(console, found, t))
            return 1 if found.value is None else 0
        limit = max(0, options.limit)
        parts = breakdown(engine, definition, window, options.by, limit, known)
    if options.chart:
        draw(parts, options.chart, t)
    _give(options, parts, lambda: breakdown_csv(parts), lambda console: show_breakdown(console, parts, t))
    return 1 if parts.total.value is None else 0


def _scorecard(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_reports import scorecard_csv, show_scorecard
    from tosqauyl.ledger.scorecard import scorecard, with_previous

    window = window_of(options)
    with engine_of(options, with_previous(window), t) as engine:
        found = scorecard(engine, window, options.by or "carrier", max(0, options.limit))
    _give(options, found, lambda: scorecard_csv(found), lambda console: show_scorecard(console, found, t))
    return 0 if found.cards else 1


def _rules(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_reports import rules_csv, show_rules
    from tosqauyl.ledger.scorecard import rule_figures

    window = window_of(options)
    with engine_of(options, window, t) as engine:
        found = rule_figures(engine, window)
    _give(options, found, lambda: rules_csv(found), lambda console: show_rules(console, found, t))
    return 0 if found.rules else 1


def _displacement(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_reports import displacement_csv, show_displacement
    from tosqauyl.ledger.displacement import around, displacement, went_live

    if bool(options.rule) == bool(options.day):
        raise TosqauylError(
            "displacement needs a rule or a day, and not both", "stats", "--rule ID, or --day 2025-01-31"
        )
    if options.weeks < 1:
        raise TosqauylError("displacement needs at least one week on each side", "--weeks", "--weeks 4")
    if options.day:
        day = day_of_option(options.day, "--day")
    else:
        both = options.first or options.last
        searched = window_of(options) if both else window_within(options, ledger_in(options.ledger))
        with engine_of(options, searched, t) as engine:
            day = went_live(engine, options.rule, searched)
    with engine_of(options, around(day, options.weeks, options.zone), t) as engine:
        found = displacement(engine, day, options.weeks, options.zone, options.rule or "", max(0, options.limit))
    _give(options, found, lambda: displacement_csv(found), lambda console: show_displacement(console, found, t))
    return 0 if found.groups else 1


def _alerts(options: argparse.Namespace, t: Texts) -> int:
    from tosqauyl.cli.stats_reports import alerts_csv, show_alerts
    from tosqauyl.ledger.alerts import watch, with_weeks
    from tosqauyl.ledger.definitions import definition_of

    window, step = window_of(options), options.by or "day"
    if step not in STEPS:
        raise TosqauylError(f"alerts are by day or by hour, not by {step}", "--by", "--by day")
    with engine_of(options, with_weeks(window), t) as engine:
        found = watch(engine, window, time.time(), definition_of(options.of), step)
    _give(options, found, lambda: alerts_csv(found), lambda console: show_alerts(console, found, t))
    return 1 if found.alerts or found.missing or not found.judged else 0


COMMANDS: dict[str, Callable[[argparse.Namespace, Texts], int]] = {
    "list": _list,
    "sum": _sum,
    "scorecard": _scorecard,
    "false-stops-by-rule": _rules,
    "displacement": _displacement,
    "alerts": _alerts,
}
"""Names that are not definitions."""


@contextmanager
def engine_of(options: argparse.Namespace, window: "Window", t: Texts) -> "Iterator[Engine]":
    """The engine that was asked for, over a window; on a terminal it says that it works. Raises TosqauylError."""
    with Console(stderr=True).status(t("Counting ...")), engine_in(options, window, options.live) as engine:
        yield engine


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise TosqauylError(f"the file cannot be read: {error.strerror}", str(path)) from error
    except ValueError as error:
        raise TosqauylError(f"this is no JSON: {error}", str(path), "tosqauyl stats NAME --json --out FILE") from error


def _give(
    options: argparse.Namespace, value: object, as_csv: Callable[[], str], show: Callable[[Console], None]
) -> None:
    """Write what was found as it was asked for, to the terminal or to --out. Raises TosqauylError where it cannot."""
    if options.out is None:
        if options.json or options.csv:
            sys.stdout.write(_json_text(value) if options.json else as_csv())
        else:
            show(Console(highlight=False))
        return
    if options.json or options.csv:
        text = _json_text(value) if options.json else as_csv()
    else:
        written = StringIO()
        show(Console(file=written, highlight=False, width=100))
        text = written.getvalue()
    try:
        options.out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise TosqauylError(f"the file cannot be written: {error.strerror}", str(options.out)) from error


def _json_text(value: object) -> str:
    from tosqauyl.ledger.figures import FORMAT, plain

    content = plain(value)
    written = {"format": FORMAT, **content} if isinstance(content, dict) else content
    return json.dumps(written, ensure_ascii=False, indent=1) + "\n"
