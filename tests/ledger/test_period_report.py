"""The report of a period: one safe file, in three languages, whose figures are those of the statistics."""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tosqauyl.cli import main
from tosqauyl.cli.period_report_page import make_page
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.definitions import DEFINITIONS
from tosqauyl.ledger.engine import DuckEngine, Engine, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.page import render
from tosqauyl.ledger.period_report import DIMENSIONS, HEADLINES, PeriodReport, make_report, went_live
from tosqauyl.ledger.statistics import Coverage, breakdown, figure
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window, window_of_days
from tosqauyl.ledger.wording import figure_text, number_text
from tosqauyl.texts import LANGUAGES, Texts

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "]]>&amp;'", "{{ 7 * 7 }}", "Қазақтелеком")
WINDOW = window_of_days(date(2025, 3, 1), date(2025, 4, 30))
NOW = window_of_days(date(2025, 5, 20), date(2025, 5, 20)).first
LIVE = date(2025, 4, 1)
COLUMNS = (
    '"at"', "caller", "called", "call_id", "carrier", "trunk", "rule", "reason", "verdict", "would_verdict", "would_rule",
    "would_reason", "caller_country", "caller_kind", "caller_operator", "listed", "truth",
)  # fmt: skip


def fill(folder: Path, verdict: str = "stop", leave_out: tuple[str, ...] = (), days: int = 120) -> Store:
    """A call every 9 minutes from 2025-01-01 on: two in five Kazakh and stopped from LIVE on; then more foreign ones come."""
    names = (
        "CASE i % 5 " + " ".join(f"WHEN {place} THEN {literal(name)}" for place, name in enumerate(HOSTILE)) + " END"
    )
    start, live = window_of_days(date(2025, 1, 1), date(2025, 1, 1)).first, window_of_days(LIVE, LIVE).first
    kazakh = "(i % 5 < 2)"
    decided = f"CASE WHEN {kazakh} AND \"at\" >= {live} THEN {literal(verdict)} ELSE 'pass' END"
    values = {
        '"at"': '"at"', "caller": f"CASE WHEN {kazakh} THEN '+7701000' ELSE '+4420000' END || (i % 37)", "called": "'t:' || (i % 91)",
        "call_id": "'c' || i", "carrier": names, "trunk": names, "rule": f"CASE WHEN {decided} = 'stop' THEN {literal(HOSTILE[0])} ELSE '' END",
        "reason": f"CASE WHEN {decided} = 'stop' THEN 'mobile-at-home' ELSE 'none' END", "verdict": decided,
        "would_verdict": f"CASE WHEN {kazakh} AND \"at\" >= {live} THEN 'stop' ELSE 'pass' END",
        "would_rule": f"CASE WHEN {kazakh} AND \"at\" >= {live} THEN 'kz-home' ELSE '' END",
        "would_reason": f"CASE WHEN {kazakh} AND \"at\" >= {live} THEN 'mobile-at-home' ELSE 'none' END",
        "caller_country": f"CASE WHEN {kazakh} THEN 'KZ' ELSE 'GB' END", "caller_kind": f"CASE WHEN {kazakh} THEN 'mobile' ELSE 'foreign' END",
        "caller_operator": f"CASE WHEN {kazakh} THEN 'kcell' ELSE '' END", "listed": "'none'",
        "truth": f"CASE WHEN {kazakh} AND i % 50 > 0 THEN 'fraud' ELSE 'honest' END",
    }  # fmt: skip
    kept = {name: values[name] for name in COLUMNS if name.strip('"') not in leave_out}
    foreign_too = f'"at" < {live} AND i % 10 = 3'
    select = (
        f'SELECT {", ".join(f"{value} AS {name}" for name, value in kept.items())} FROM (SELECT i, {start} + i * 540.0 AS "at"'
        f" FROM range({days * 160}) AS t(i)) WHERE NOT ({foreign_too})"
    )
    store = Store(folder)
    with connect() as con:
        store.write(con, select, Batch("calls", "import:x<y>", "1", frozenset(name.strip('"') for name in kept)))
    return store


def report_of(store: Store, window: Window = WINDOW) -> PeriodReport:
    @contextmanager
    def opened(wanted: Window) -> Iterator[Engine]:
        engine = DuckEngine(store, wanted)
        yield engine
        engine.close()

    return make_report(opened, window, NOW, lambda done, parts: None)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return fill(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def report(store: Store) -> PeriodReport:
    return report_of(store)


class Reader(HTMLParser):
    """Checks that tags are closed in order; keeps texts (none of queries), attributes, tables."""

    VOID = frozenset({"meta", "path", "use"})

    def __init__(self, written: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.feed(written)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        if self.open and self.open[-1] == "style":
            self.styles.append(data)
        elif data.strip() and self.open[-1] != "pre":
            self.texts.append(data.strip())


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request: pytest.FixtureRequest, report: PeriodReport) -> tuple[str, Reader, Texts]:
    t = Texts(request.param)
    written = render(make_page(report, t))
    return written, Reader(written), t


def test_page_is_whole_html_in_its_language(page: tuple[str, Reader, Texts]) -> None:
    written, read, t = page
    assert written.startswith(f'<!DOCTYPE html>\n<html lang="{t.language}">\n<head>\n<meta charset="utf-8">')
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in read.attributes if name == "href"} <= set(ids)


def test_page_does_nothing_and_leads_nowhere(page: tuple[str, Reader, Texts]) -> None:
    written, read, _ = page
    assert set(re.findall(r"https?://[^\s\"'<]*", written)) == {"http://www.w3.org/2000/svg"}
    assert not read.tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "foreignobject",
        "image",
    }
    assert [name for _, name, _ in read.attributes if name.startswith("on") or name in ("style", "src", "srcset")] == []
    assert all(value.startswith("#") for _, name, value in read.attributes if name == "href")


def test_content_policy_names_the_one_style_sheet(page: tuple[str, Reader, Texts]) -> None:
    _, read, _ = page
    digest = base64.b64encode(hashlib.sha256("".join(read.styles).encode()).digest()).decode()
    policies = [
        value for tag, name, value in read.attributes if tag == "meta" and "default-src" in value and name == "content"
    ]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert not re.search(r"@import|url\(", "".join(read.styles))


def test_hostile_names_are_shown_as_text(page: tuple[str, Reader, Texts]) -> None:
    written, read, _ = page
    firsts = {row[0] for table in read.tables for row in table}
    assert firsts >= set(HOSTILE)
    assert "<script" not in written
    assert "onerror=alert(2)>" not in written
    assert "import:x<y>" in read.texts


def test_headlines_are_the_figures_of_the_statistics(store: Store, page: tuple[str, Reader, Texts]) -> None:
    _, read, t = page
    engine = DuckEngine(store, WINDOW)
    for slug in HEADLINES:
        assert figure_text(figure(engine, DEFINITIONS[slug], WINDOW), t) in read.texts, slug
    stopped = figure(engine, DEFINITIONS["stopped"], WINDOW)
    assert stopped.value == 30 * 160 * 2 / 5
    engine.close()


def test_tables_are_the_breakdowns_of_the_statistics(store: Store, page: tuple[str, Reader, Texts]) -> None:
    _, read, t = page
    engine = DuckEngine(store, WINDOW)
    for place, dimension in enumerate(DIMENSIONS):
        wanted = breakdown(engine, DEFINITIONS["stopped"], WINDOW, dimension, 20)
        shown = [row[1] for row in read.tables[place][1:]]
        assert shown == [number_text(number, "attempts", t) for _, number in wanted.rows], dimension
        assert len(shown) >= 1
    engine.close()


class Marked(Texts):
    """Marks every text that went through the words."""

    def __call__(self, text: str, **values: object) -> str:
        return f"⟦{super().__call__(text, **values)}⟧" if text else ""


def test_every_word_comes_from_the_words_and_no_placeholder_is_left(report: PeriodReport) -> None:
    read = Reader(render(make_page(report, Marked("en"))))
    data = {*HOSTILE, "GB", "KZ", "kcell", "kz-home", "import:x<y>", "Asia/Almaty", report.revision}
    for text in read.texts:
        bare = text
        while found := re.search(r"⟦[^⟦⟧]*⟧", bare):  # texts in texts, from the innermost
            bare = bare[: found.start()] + bare[found.end() :]
        for name in data:
            bare = bare.replace(name, "")
        assert not re.search(r"[^\W\d_]", bare), text
        assert not re.search(r"\{\w*\}", text), text


def test_rule_that_went_live_shows_its_displacement(report: PeriodReport, page: tuple[str, Reader, Texts]) -> None:
    moved = report.moved
    assert moved is not None
    assert (moved.rule, moved.day, moved.before.first_day) == (HOSTILE[0], LIVE, LIVE - timedelta(weeks=4))
    assert moved.of("foreign").after > moved.of("foreign").before
    assert page[2].decimal(moved.of("foreign").after, 1) in {
        cell for table in page[1].tables for row in table for cell in row
    }


def test_peak_of_the_day_it_went_live_is_an_alert(report: PeriodReport, page: tuple[str, Reader, Texts]) -> None:
    assert ("peak", LIVE.isoformat()) in {(str(one.alert), one.at) for one in report.alerts.alerts}
    assert any(row[0] == LIVE.isoformat() and len(row) == 5 for table in page[1].tables for row in table)


def test_same_ledger_gives_the_same_page(store: Store, report: PeriodReport) -> None:
    t = Texts("kk")
    assert render(make_page(report_of(store), t)) == render(make_page(report, t))


def test_what_is_not_computable_is_named_and_never_zero(tmp_path: Path) -> None:
    found = report_of(fill(tmp_path, leave_out=("called", "carrier", "truth"), days=65))
    read = Reader(render(make_page(found, Texts("en"))))
    reasons = {row[0]: row[1] for row in read.tables[-1][1:]}
    assert reasons["Called numbers protected"] == "not computable, the ledger does not have: called"
    assert reasons["Stopped attempts · carrier"] == "not computable, the ledger does not have: carrier"
    assert "carrier" in reasons["Scorecard of carriers"]
    assert {one.definition for one in found.figures if one.value is None} >= {
        "protected-numbers",
        "stopped-calls",
        "false-stop-share",
    }
    assert all(one.value != 0 for one in found.figures if one.missing)


def test_older_files_without_a_column_do_not_spoil_the_figures_of_the_window(tmp_path: Path) -> None:
    store = fill(tmp_path, days=95)
    with connect() as con:
        at = window_of_days(date(2025, 2, 1), date(2025, 2, 1)).first
        store.write(
            con,
            f"SELECT {at} AS \"at\", '+1' AS caller",
            Batch("calls", "import:old", "1", frozenset({"at", "caller"})),
        )
    found = report_of(store)
    assert {one.definition: one.value for one in found.figures}["protected-numbers"] == 91
    assert "called" in found.carriers.missing


def test_rules_that_only_watch_are_broken_down_by_what_they_would_have_stopped(tmp_path: Path) -> None:
    found = report_of(fill(tmp_path, verdict="pass", days=93))
    assert found.broken_down == "would-stop"
    assert found.moved is None
    read = Reader(render(make_page(found, Texts("en"))))
    assert "Nothing was stopped: the rules only watched. What they would have stopped is broken down." in read.texts
    assert "kz-home" in {row[0] for row in read.tables[2]}


def test_counts_that_stay_of_removed_calls_are_in_the_figures_and_in_the_query(tmp_path: Path) -> None:
    store = fill(tmp_path, days=62)
    at = window_of_days(date(2025, 3, 20), date(2025, 3, 20)).first
    names = ("verdict", "reason", "rule", "would_verdict", "would_reason", "would_rule", "trunk", "carrier", "caller_country",
             "caller_operator", "caller_kind")  # fmt: skip
    texts = ", ".join(f"'{'stop' if name == 'verdict' else ''}' AS {name}" for name in names)
    batch = Batch("daily", "import:x<y>", "1", frozenset({*names, "at", "attempts"}))
    with connect() as con:
        store.write(con, f'SELECT {at} AS "at", {texts}, 500 AS attempts', batch)
    found = report_of(store)
    assert {one.definition: one.value for one in found.figures}["stopped"] == 500
    assert ("2025-03-20", 500) in found.breakdowns[0].rows
    assert all("FROM daily" in one.query for one in make_page(found, Texts("en")).sections[: len(DIMENSIONS)])


def known(first: date, last: date) -> Coverage:
    window = window_of_days(first, last)
    days = {(first + timedelta(days=passed), "x"): 1 for passed in range((last - first).days + 1)}
    return Coverage(window, (), days)


def rows(rule: str, first: date, count: int, every: int = 1, stops: int = 5) -> list[tuple[str, date, int]]:
    return [(rule, first + timedelta(days=passed), stops) for passed in range(0, count, every)]


@pytest.mark.parametrize(
    ("stopped", "expected"),
    [
        ([], None),
        (rows("a", date(2025, 3, 11), 21), ("a", date(2025, 3, 11))),
        (rows("a", date(2025, 3, 1), 31), None),  # was live before
        (rows("a", date(2025, 3, 7), 25), None),  # six days before it are no week
        (rows("a", date(2025, 3, 26), 6), None),  # no week after it
        (rows("a", date(2025, 3, 11), 21, every=3), None),  # stops a call now and then
        (rows("a", date(2025, 3, 11), 21) + rows("b", date(2025, 3, 15), 17, stops=50), ("b", date(2025, 3, 15))),
    ],
)
def test_a_rule_went_live_where_it_stops_calls_from_a_day_on(
    stopped: list[tuple[str, date, int]], expected: tuple[str, date] | None
) -> None:
    assert went_live(stopped, known(date(2025, 3, 1), date(2025, 3, 31))) == expected


def command(ledger: Path, out: Path, *more: str) -> int:
    return main(
        ["report", "--ledger", str(ledger), "--out", str(out), "--from", "2025-03-01", "--to", "2025-03-09", *more]
    )


def test_command_writes_the_file(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report.html"
    assert command(store.folder, out, "--lang", "en") == 0
    assert capsys.readouterr().out == f"Written: {out}\n"
    assert "1,296" in Reader(out.read_text("utf-8")).texts
    assert list(tmp_path.iterdir()) == [out]


def test_command_says_that_there_are_no_calls_of_these_days(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert (
        main(
            [
                "report",
                "--ledger",
                str(store.folder),
                "--out",
                str(out),
                "--from",
                "2020-01-01",
                "--to",
                "2020-01-31",
                "--lang",
                "en",
            ]
        )
        == 1
    )
    read = Reader(out.read_text("utf-8"))
    assert "no data: the ledger has no row in this window" in read.texts


@pytest.mark.parametrize("out", ["nowhere/report.html", ""])
def test_command_says_where_it_cannot_write(
    store: Store, tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(store.folder, tmp_path / out) == 2
    assert "the report cannot be written" in capsys.readouterr().err


def test_command_needs_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "none", tmp_path / "report.html") == 2
    assert "there is no ledger" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def stats(ledger: Path, *more: str) -> int:
    return main(
        [
            "stats",
            "stopped",
            "--ledger",
            str(ledger),
            "--from",
            "2025-04-01",
            "--to",
            "2025-04-30",
            "--lang",
            "kk",
            *more,
        ]
    )


@pytest.mark.parametrize(("name", "begins"), [("chart.svg", b"<svg "), ("chart.PNG", b"\x89PNG")])
def test_stats_draws_a_chart(store: Store, tmp_path: Path, name: str, begins: bytes) -> None:
    assert stats(store.folder, "--by", "carrier", "--chart", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--chart", "x.svg"), "one figure is no chart"),
        (("--by", "day", "--chart", "x.gif"), "neither .svg nor .png"),
        (("--by", "day", "--chart", "nowhere/x.svg"), "the chart cannot be written"),
    ],
)
def test_stats_says_why_there_is_no_chart(
    store: Store, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stats(store.folder, *more) == 2
    assert said in capsys.readouterr().err
