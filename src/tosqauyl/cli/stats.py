"""`tosqauyl stats`: a figure with definition, window, unit, source, revision and query; breakdowns, displacement, alerts."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tosqauyl.cli.chart import check_chart, draw
from tosqauyl.cli.office import LEDGER, need_ledger
from tosqauyl.cli.texts import ENGLISH, LANGUAGES, Texts, choose_language
from tosqauyl.errors import TosqauylError

if TYPE_CHECKING:
    from tosqauyl.ledger.engine import Engine
    from tosqauyl.ledger.store import Store
    from tosqauyl.ledger.window import Window

ZONE = "Asia/Almaty"
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
    parser.add_argument(
        "--ledger", metavar="DIR", type=Path, default=LEDGER, help=t("folder of the ledger (default var/ledger)")
    )
    parser.add_argument(
        "--live", metavar="DIR", type=Path, help=t("count what this gate's data folder has and the ledger has not, too")
    )
    parser.add_argument("--zone", default=ZONE, help=t("time zone of the days (default Asia/Almaty)"))
    parser.add_argument(
        "--engine", choices=("duckdb", "spark"), default="duckdb", help=t("what computes (default duckdb)")
    )
    parser.add_argument(
        "--master", metavar="URL", default="local[2]", help=t("for --engine spark: its master (default local[2])")
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
        searched = window_of(options) if options.first or options.last else _everything(options)
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
def engine_of(options: argparse.Namespace, window: "Window", t: Texts) -> Iterator["Engine"]:
    """The engine that was asked for, over a window; on a terminal it says that it works. Raises TosqauylError."""
    from tosqauyl.ledger.store import Store

    if not (options.ledger / "manifest.json").is_file():
        hint = "--ledger names its folder; tosqauyl ledger take, calls import or calls generate fills one"
        raise TosqauylError("there is no ledger", str(options.ledger), hint)
    if options.live and options.engine == "spark":
        raise TosqauylError("Spark does not see what is not in the ledger yet", "--live", "leave out --engine spark")
    with Console(stderr=True).status(t("Counting ...")), ExitStack() as ended:
        store = Store(options.ledger)
        engine: Engine
        if options.engine == "spark":
            from tosqauyl.ledger.spark import spark_engine

            engine = spark_engine(store, window, options.master)
        else:
            engine = _duck_engine(options, store, window, ended)
        ended.callback(engine.close)
        yield engine


def _duck_engine(options: argparse.Namespace, store: "Store", window: "Window", ended: ExitStack) -> "Engine":
    from tosqauyl.cli.calls import journal_folder
    from tosqauyl.ledger.engine import DuckEngine
    from tosqauyl.ledger.take import live_sql

    if not options.live:
        return DuckEngine(store, window)
    journal = journal_folder(options.live)
    if not journal.is_dir():
        raise TosqauylError("there is no journal", str(journal), "--live names the data folder of a gate")
    draft = ended.enter_context(store.draft())
    return DuckEngine(store, window, live=lambda state: live_sql(journal, state, draft))


def window_of(options: argparse.Namespace) -> "Window":
    """The window of --from and --to. Raises TosqauylError where one is missing or makes no sense."""
    from tosqauyl.ledger.window import window_of_days

    if not options.first or not options.last:
        what = "a figure needs a window: from which day to which"
        raise TosqauylError(what, "stats", "--from 2025-01-01 --to 2025-06-30")
    first, last = day_of_option(options.first, "--from"), day_of_option(options.last, "--to")
    return window_of_days(first, last, options.zone)


def day_of_option(text: str, flag: str) -> date:
    """A day as YYYY-MM-DD. Raises TosqauylError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TosqauylError(f"{text!r} is no day", flag, f"{flag} 2025-01-31") from None


def _everything(options: argparse.Namespace) -> "Window":
    """From the first day of the ledger to its last one."""
    from tosqauyl.ledger.manifest import read_manifest
    from tosqauyl.ledger.window import Window, window_of_days, zone_of

    broken = date(1970, 1, 1)  # rows whose clock made no sense lie there
    files = [one for one in read_manifest(options.ledger).of("calls") if one.day != broken]
    if not files:
        raise TosqauylError("the ledger has no calls", str(options.ledger))
    zone_of(options.zone)
    whole = Window(min(one.first for one in files), max(one.last for one in files) + 1.0, options.zone)
    return window_of_days(whole.first_day, whole.last_day, options.zone)


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
