"""Pages of statistics: a figure as chart, table and file; hidden cells stay hidden everywhere; figures of others beside, and taken in."""

import io
import re
from xml.etree import ElementTree

import pytest
from PIL import Image

from tosqauyl.registry import official
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Report
from tosqauyl.web.pages import charts
from tosqauyl.web.pages.charts import Point

SCRIPT = "<script>alert(1)</script>"
DAY = 86_400_000
YEAR = {"first": "2025-12-01", "last": "2026-11-30"}
HEAD = "source,measure,published,value\n"


@pytest.fixture
def reports(office) -> None:
    """Of November: 12, 7 and 2 of different schemes, 9 of October."""
    with office.registry.work(SYSTEM) as work:
        for organisation, scheme, days, count in (
            ("kcell", "safe-account", 0, 12), ("halyk", "afc-shop", 0, 7), ("kcell", "advance-fee", 0, 2), ("kcell", "safe-account", 40, 9),
        ):  # fmt: skip
            for _ in range(count):
                key = work.new_id()
                work.db.add(Report(
                    id=key, organisation=organisation, reporter="citizen", channel="call", scheme=scheme, region="75",
                    received=work.now - days * DAY, digest=str(key), ticket=str(key),
                ))  # fmt: skip


@pytest.fixture
def auditor(staff):
    return staff("auditor")


def cells(text: str, name: str) -> list[str]:
    """The cells of a row of a table by its name."""
    row = re.search(rf'<th scope="row">{re.escape(name)}</th>(.*?)</tr>', text, re.DOTALL)[1]
    return [re.sub(r"<[^>]+>", "", one).strip() for one in re.findall(r"<td.*?</td>", row)]


def test_without_a_choice_the_reports_of_the_last_whole_months_are_shown(auditor, reports):
    text = auditor.see("/office/statistics")
    assert cells(text, "2026-10") == ["9"]
    assert "2026-11" not in re.search(r"<tbody>.*?</tbody>", text, re.DOTALL)[0], "the month is not whole"
    for word in ("What it counts", "What it is not", "Window", "Unit", "Source", "Counted", "Hidden"):
        assert f"<dt>{word}</dt>" in text
    assert "revision" in text


def test_a_chart_has_a_name_and_its_figures_stand_in_a_table(auditor, reports):
    text = auditor.see("/office/statistics", figure="reports", **YEAR, step="month")
    svg = re.search(r"<svg.*?</svg>", text, re.DOTALL)[0]
    assert 'role="img"' in svg
    assert re.search(r'aria-labelledby="(\S+)".*?<title id="\1">', svg, re.DOTALL)
    assert re.search(r"<title>2026-11: 21</title>", svg)
    assert cells(text, "2026-11") == ["21"]
    assert cells(text, "all together")[0] == "30"


def test_hidden_cells_are_told_as_hidden_in_table_chart_and_file(auditor, reports):
    asked = {"figure": "reports", **YEAR, "by": "scheme", "step": "whole"}
    text = auditor.see("/office/statistics", **asked)
    few = [name for name in re.findall(r'<th scope="row">(.*?)</th>', text) if cells(text, name) == ["hidden"]]
    assert len(few) >= 2, "one alone could be computed from the total"
    picture = auditor.get("/en/office/statistics/chart", params=asked).text
    for name in few:
        assert f"{name}: hidden" in text
        assert f"{name}: hidden" in picture
    assert re.findall(r'class="hidden"[^>]*width="(\d+)"', picture) == [str(charts.OUTLINE)] * len(few)


def test_by_scheme_and_month_every_row_has_every_month(auditor, reports):
    text = auditor.see(
        "/office/statistics", figure="reports", first="2026-10-01", last="2026-11-30", by="scheme", step="month"
    )
    rows = re.findall(r'<th scope="row">(.*?)</th>', re.search(r"<tbody>.*?</tbody>", text, re.DOTALL)[0])
    assert len(rows) == 3
    assert all(len(cells(text, name)) == 3 for name in rows)


def test_the_file_of_a_chart_is_a_picture_that_says_what_it_counts(auditor, reports):
    got = auditor.get("/en/office/statistics/chart", params={"figure": "reports", **YEAR, "step": "month"})
    assert got.headers["content-type"].startswith("image/svg+xml")
    assert got.headers["content-disposition"] == 'attachment; filename="reports-2025-12-01-2026-11-30.svg"'
    root = ElementTree.fromstring(got.text)
    said = " ".join(root.itertext())
    for word in ("Window: 2025-12-01", "Unit: ", "Source: ", "revision"):
        assert word in said
    assert not [one for one in root.iter() if one.tag.endswith("script") or "style" in one.attrib]


def test_the_file_of_a_chart_can_be_a_png_and_is_the_same_each_time(auditor, reports):
    asked = {"figure": "reports", **YEAR, "form": "png"}
    months = [auditor.get("/kk/office/statistics/chart", params=asked | {"step": "month"}) for _ in range(2)]
    assert months[0].headers["content-type"] == "image/png"
    assert months[0].headers["content-disposition"].endswith('-2026-11-30.png"')
    assert months[0].content == months[1].content
    schemes = auditor.get("/kk/office/statistics/chart", params=asked | {"by": "scheme", "step": "whole"})
    for got in (months[0], schemes):
        with Image.open(io.BytesIO(got.content)) as picture:
            assert picture.width >= 2 * charts.WIDTH
            assert len(picture.getcolors()) > 4, "there are letters and bars in it"
    assert auditor.get("/kk/office/statistics/chart", params=asked | {"form": "exe"}).status_code == 404


def test_the_csv_of_the_page_can_be_had_by_the_session(auditor, reports):
    text = auditor.see("/office/statistics", figure="reports", **YEAR, step="month")
    address = re.search(r'href="(/v1/statistics/figures/reports/csv[^"]*)"', text)[1].replace("&amp;", "&")
    got = auditor.get(address)
    assert got.status_code == 200
    assert got.headers["content-type"].startswith("text/csv")
    assert "2026-11-01" in got.text


def test_a_tenant_sees_its_own_figures(staff, reports):
    text = staff("operator", "kcell").see("/office/statistics", figure="reports", **YEAR, step="month")
    assert cells(text, "2026-11") == ["14"]


def test_who_may_see_no_statistics_is_refused(browser):
    assert browser().get("/en/office/statistics").status_code == 303


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"figure": "reports", "first": "2026-11-30", "last": "2026-11-01"}, 422),
        ({"figure": "reports", "first": SCRIPT, "last": "2026-11-01"}, 422),
        ({"figure": "appeals", **YEAR, "by": "region"}, 422),
        ({"figure": "reports", **YEAR, "by": "scheme", "step": "day"}, 422),
        ({"figure": "false-stops", **YEAR}, 422),
        ({"figure": "nothing", **YEAR}, 404),
    ],
)
def test_what_cannot_be_counted_comes_back_with_what_was_chosen(auditor, asked, status):
    text = auditor.see("/office/statistics", status, **asked)
    assert 'role="alert"' in text
    assert f'name="last" type="date" value="{asked["last"]}"' in text
    assert SCRIPT not in text
    assert auditor.get("/en/office/statistics/chart", params=asked).status_code == status


def test_a_year_by_days_is_drawn_as_a_line(auditor, reports):
    text = auditor.see("/office/statistics", figure="reports", **YEAR, step="day")
    assert '<polyline class="line"' in text
    assert cells(text, "2026-11-30") == ["21"]


def test_weeks_say_their_days(auditor, reports):
    text = auditor.see("/office/statistics", figure="reports", first="2026-11-23", last="2026-12-06", step="week")
    assert cells(text, "2026-W49 (2026-11-30 – 2026-12-06)") == ["21"]


def test_figures_of_others_stand_beside_and_are_taken_in_whole_or_not_at_all(staff):
    aida = staff("analyst")
    bad = aida.submit("/office/statistics/official", {"text": HEAD + f"x,calls-stopped,2025,1\n{SCRIPT},y,2025,1\n"})
    assert bad.status_code == 422
    assert "Line 3" in bad.text
    assert SCRIPT not in bad.text
    assert "&lt;script&gt;" in bad.text
    good = {"text": HEAD + f"{SCRIPT},calls-stopped,2025,123456\n"}
    assert aida.done("/office/statistics/official", good).endswith("done=figures-imported")
    assert aida.done("/office/statistics/official", good).endswith("done=figures-known")
    for path in ("/office/statistics", "/office/statistics/official"):
        text = aida.see(path)
        assert "123,456" in text
        assert SCRIPT not in text
    assert "123,456" not in aida.see("/office/statistics/official", measure="damage")


def test_who_only_reads_takes_nothing_in(auditor):
    assert "<textarea" not in auditor.see("/office/statistics/official")
    assert auditor.submit("/office/statistics/official", {"text": HEAD + "x,calls-stopped,2025,1\n"}).status_code == 403


def test_no_figure_of_others_is_added_to_ours(auditor, reports, office):
    with office.registry.work(SYSTEM) as work:
        official.seed(work)
    text = auditor.see("/office/statistics", figure="reports", **YEAR, step="month")
    assert cells(text, "all together")[0] == "30"
    assert "66,900,000" in auditor.see("/office/statistics/official")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize("path", ["/office/statistics", "/office/statistics/official"])
def test_the_pages_are_there_in_every_language(auditor, language, path):
    auditor.language = language
    text = auditor.see(path)
    assert len(re.findall("<h1>", text)) == 1
    assert "None" not in text


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (5, (0, 1, 2, 3, 4, 5)),
        (7, (0, 2, 4, 6, 8)),
        (21, (0, 5, 10, 15, 20, 25)),
        (1_000, (0, 200, 400, 600, 800, 1_000)),
    ],
)
def test_a_scale_has_round_values_that_reach_the_largest_figure(most, expected):
    assert charts.steps(most) == expected


@pytest.mark.parametrize("values", [[], [0], [3, None, 12], [10**12, 1], [5] * 400, [None, None]])
@pytest.mark.parametrize("drawn", [charts.upright, charts.along, charts.lying, charts.over_time])
def test_nothing_is_drawn_outside_of_the_picture(drawn, values):
    chart = drawn([Point(f"2026-{place}", value) for place, value in enumerate(values)], str)
    for one in chart.bars:
        assert 0 <= one.x <= one.x + one.width <= chart.width
        assert 0 <= one.y <= one.y + one.height <= chart.height
    dots = [tuple(map(int, dot.split(","))) for path in chart.paths for dot in path.split()]
    for x, y in [*dots, *((one.x, one.y) for one in (*chart.dots, *chart.names, *chart.lines))]:
        assert 0 <= x <= chart.width
        assert 0 <= y <= chart.height
    if not chart.lying:
        half = max((len(one.text) for one in chart.names), default=0) * 7 / 2
        assert all(half <= one.x <= chart.width - half for one in chart.names), "no name is cut off"


def test_a_hidden_figure_is_a_gap_in_a_line_and_one_size_among_bars():
    points = [
        Point("a", 4),
        Point("b", 9),
        Point("c", None),
        Point("d", 1),
        Point("e", None),
        Point("f", 2),
        Point("g", 3),
    ]
    line, bars = charts.along(points, str), charts.upright(points, str)
    assert [len(path.split()) for path in line.paths] == [2, 2]
    assert [one.text for one in line.dots] == ["d: 1"]
    assert [(one.name, one.height) for one in bars.bars if one.is_hidden] == [
        ("c", charts.OUTLINE),
        ("e", charts.OUTLINE),
    ]


def test_longer_bars_are_larger_figures_and_none_is_invisible():
    bars = charts.lying([Point("a", 10**9), Point("b", 10**8), Point("c", 1), Point("d", 0)], str).bars
    assert [one.width for one in bars] == sorted((one.width for one in bars), reverse=True)
    assert bars[2].width == 1
    assert bars[3].width == 0
