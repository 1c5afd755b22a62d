"""`tosqauyl stats`: a figure can be read out in three languages, exported, added, and refused."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tosqauyl.cli import main
from tosqauyl.cli.stats_view import csv_text
from tosqauyl.ledger.alerts import GROUPS as WATCHED
from tosqauyl.ledger.alerts import Alert
from tosqauyl.ledger.displacement import GROUPS as COMPARED
from tosqauyl.ledger.displacement import Finding
from tosqauyl.ledger.engine import connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.texts import ALERTS, DEFINITIONS, FINDINGS, GROUPS
from tosqauyl.ledger.wording import gaps_text, number_text
from tosqauyl.texts import ENGLISH, Texts

DAYS = ["--from", "2025-01-01", "--to", "2025-06-30"]
Run = Callable[..., tuple[int, str, str]]


def calls(folder: Path, origin: str, count: int, step: float = 60.0) -> None:
    first = datetime(2025, 1, 1, tzinfo=ZoneInfo("Asia/Almaty")).timestamp()
    rows = [
        {
            "at": first + step * number,
            "verdict": "stop" if number % 4 else "pass",
            "reason": "short-caller" if number % 4 else "none",
            "rule": "kz-short" if number % 4 else "",
            "would_verdict": "stop",
            "would_rule": "kz-short",
            "carrier": ("=alpha", "beta", "")[number % 3],
            "caller": f"+7701{number:07d}",
            "called": "t:1",
            "caller_country": ("KZ", "GB")[number % 2],
            "caller_kind": ("mobile", "foreign")[number % 2],
        }
        for number in range(count)
    ]
    con = connect()
    con.register("given", pa.Table.from_pylist(rows))
    Store(folder).write(con, "SELECT * FROM given", Batch("calls", origin, "1", frozenset(rows[0])))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    calls(folder, "gate:almaty", 2000)
    return folder


@pytest.fixture
def run(ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("TOSQAUYL_LANG", raising=False)
    monkeypatch.setenv("LC_ALL", "C")

    def command(*arguments: str, folder: Path = ledger) -> tuple[int, str, str]:
        code = main(["stats", *arguments, "--ledger", str(folder)])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_the_journalists_question_is_answered_with_everything_that_makes_a_figure(run: Run) -> None:
    code, out, _ = run("stopped", *DAYS)
    assert code == 0
    assert out.splitlines()[0] == "Stopped attempts: 1,500 (call attempts)"
    for words in (
        "Call attempts that were refused before the phone rang: the verdict was stop.",
        "2025-01-01 to 2025-06-30, both days included, Asia/Almaty (UTC+05:00)",
        "gate:almaty",
        "Revision",
        "1-",
        "no row of: 2025-01-03 - 2025-06-30",
        "Attempts are not people",
        "SELECT count(*) AS parts",
        "verdict = 'stop'",
    ):
        assert words in out


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_answer_is_given_in_each_language_with_its_own_thousands(run: Run, language: str) -> None:
    code, out, _ = run("stopped", *DAYS, "--lang", language)
    assert code == 0
    assert Texts(language).count(1500) in out.splitlines()[0]
    assert Texts(language)(DEFINITIONS["stopped"][0]) in out
    assert "gate:almaty" in out


def test_a_breakdown_shows_parts_in_words_and_the_rest(run: Run) -> None:
    code, out, _ = run("attempts", *DAYS, "--by", "reason")
    assert code == 0
    assert "short number calling from abroad" in out
    assert "75.0 %" in out
    _, out, _ = run("attempts", *DAYS, "--by", "carrier", "--limit", "1")
    assert "2 more" in out
    assert "1,333" in out


def test_every_row_of_csv_says_what_it_is(run: Run) -> None:
    _, out, _ = run("stopped", *DAYS, "--by", "carrier", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert sum(int(row["value"]) for row in rows) == 1500
    assert {row["part"] for row in rows} == {"'=alpha", "beta", ""}  # a spreadsheet must not compute =alpha
    assert {(row["unit"], row["definition"], row["from"], row["to"], row["zone"], row["sources"]) for row in rows} == {
        ("attempts", "stopped", "2025-01-01", "2025-06-30", "Asia/Almaty", "gate:almaty")
    }


def test_figures_of_two_operators_are_added_from_their_files(run: Run, tmp_path: Path) -> None:
    calls(tmp_path / "other", "gate:astana", 400)
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    assert run("stopped", *DAYS, "--json", "--out", str(ours))[0] == 0
    assert run("stopped", *DAYS, "--json", "--out", str(theirs), "--by", "day", folder=tmp_path / "other")[0] == 0
    code, out, _ = run("sum", str(ours), str(theirs))
    assert (code, out.splitlines()[0]) == (0, "Stopped attempts: 1,800 (call attempts)")
    assert "gate:almaty, gate:astana" in out
    total = tmp_path / "total.json"
    assert run("sum", str(ours), str(theirs), "--json", "--out", str(total))[0] == 0
    assert json.loads(total.read_text(encoding="utf-8"))["value"] == 1800
    assert run("sum", str(total), str(ours))[0] == 2


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (["stopped-calls", *DAYS], "different units"),
        (["attempts", *DAYS], "different definitions"),
        (["stopped", "--from", "2025-01-01", "--to", "2025-03-31"], "different windows"),
        (["stopped", *DAYS, "--zone", "UTC"], "different windows"),
        (["stopped", *DAYS], "the same source twice"),
    ],
)
def test_adding_what_does_not_add_up_is_refused(run: Run, tmp_path: Path, other: list[str], why: str) -> None:
    for name, arguments in (("a.json", ["stopped", *DAYS]), ("b.json", other)):
        assert run(*arguments, "--json", "--out", str(tmp_path / name))[0] == 0
    code, out, err = run("sum", str(tmp_path / "a.json"), str(tmp_path / "b.json"))
    assert (code, out) == (2, "")
    assert why in err


def test_files_that_are_no_figures_are_refused_by_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"format": 1, "val', encoding="utf-8")
    for name in ("torn.json", "none.json"):
        code, _, err = run("sum", str(tmp_path / name))
        assert code == 2
        assert name in err


def test_what_is_not_recorded_is_said_with_exit_code_one(run: Run) -> None:
    code, out, _ = run("false-stops", *DAYS)
    assert code == 1
    assert "not computable, the ledger does not have: truth" in out.splitlines()[0]


def test_a_window_without_data_is_no_zero(run: Run) -> None:
    code, out, _ = run("stopped", "--from", "2026-01-01", "--to", "2026-01-31")
    assert code == 1
    assert "no data" in out.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["saved-people", *DAYS], "no definition"),
        (["stopped"], "needs a window"),
        (["stopped", "--from", "2025-01-01"], "needs a window"),
        (["stopped", "--from", "yesterday", "--to", "2025-01-01"], "no day"),
        (["stopped", "--from", "2025-06-30", "--to", "2025-01-01"], "before it begins"),
        (["stopped", *DAYS, "--zone", "Asia/Atlantis"], "no time zone"),
        (["stopped", *DAYS, "--by", "mood"], "no dimension"),
        (["stopped-per-day", *DAYS, "--by", "day"], "a rate"),
        (["stopped", "a.json", *DAYS], "stats sum"),
        (["stopped", *DAYS, "--out", "/nowhere/at/all"], "cannot be written"),
        (["sum"], "no figure"),
        (["displacement"], "a rule or a day"),
        (["displacement", "--rule", "none"], "stopped no call"),
        (["displacement", "--day", "2025-01-02", "--weeks", "0"], "at least one week"),
        (["alerts", *DAYS, "--by", "rule"], "by day or by hour"),
        (["alerts", *DAYS, "--of", "stopped-share"], "cannot be watched"),
        (["scorecard", *DAYS, "--by", "caller"], "no scorecard"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_two(run: Run, arguments: list[str], why: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert why in err


def test_without_a_ledger_the_message_says_where_it_was_looked_for(run: Run, tmp_path: Path) -> None:
    code, _, err = run("stopped", *DAYS, folder=tmp_path / "nothing")
    assert code == 2
    assert "there is no ledger" in err
    assert not (tmp_path / "nothing").exists()


def test_calls_that_a_program_made_are_called_so(run: Run, tmp_path: Path) -> None:
    calls(tmp_path / "made", "generated:7", 10)
    assert "generated by a program" in run("stopped", *DAYS, folder=tmp_path / "made")[1]
    assert "generated by a program" not in run("stopped", *DAYS)[1]


def test_what_a_gate_has_not_delivered_yet_is_counted_on_request(run: Run, tmp_path: Path) -> None:
    calls(tmp_path / "ledger", "gate:almaty", 8)
    journal = tmp_path / "var" / "journal"
    journal.mkdir(parents=True)
    (journal / "id").write_text("0123456789abcdef", encoding="ascii")
    at = datetime(2025, 2, 1, tzinfo=ZoneInfo("Asia/Almaty")).timestamp()
    rows = f"at\tverdict\n{at}\tstop\n{at}\tpass\n{at}\tst"
    (journal / "0000000001-20250131T190000Z.open.tsv").write_text(rows, encoding="utf-8")
    live = ("--live", str(tmp_path / "var"))
    assert "Stopped attempts: 6 " in run("stopped", *DAYS, folder=tmp_path / "ledger")[1]
    assert "Stopped attempts: 7 " in run("stopped", *DAYS, *live, folder=tmp_path / "ledger")[1]
    assert run("stopped", *DAYS, *live, "--engine", "spark", folder=tmp_path / "ledger")[0] == 2
    assert "no journal" in run("stopped", *DAYS, "--live", str(tmp_path / "none"))[2]


def test_the_list_has_every_definition(run: Run) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert all(slug in out and name in out for slug, (name, _, _) in DEFINITIONS.items())
    rows = list(csv.DictReader(io.StringIO(run("list", "--csv")[1])))
    assert [row["definition"] for row in rows] == list(DEFINITIONS)
    assert len(json.loads(run("list", "--json")[1])) == len(DEFINITIONS)


@pytest.mark.parametrize("shape", [[], ["--csv"], ["--json"]])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scorecard", "--from", "2025-01-01", "--to", "2025-01-02"], "beta"),
        (["false-stops-by-rule", "--from", "2025-01-01", "--to", "2025-01-02"], "kz-short"),
        (["displacement", "--rule", "kz-short", "--weeks", "1"], "2025-01-01"),
        (["displacement", "--day", "2025-01-02", "--weeks", "1"], "GB"),
        (["alerts", "--from", "2025-01-01", "--to", "2025-01-03"], "2025-01-0"),
    ],
)
def test_reports_come_as_tables_csv_and_json(run: Run, arguments: list[str], words: str, shape: list[str]) -> None:
    code, out, err = run(*arguments, *shape)
    assert (code in (0, 1), err) == (True, "")
    if "--csv" in shape:
        assert len(next(csv.reader(io.StringIO(out)))) > 5
    elif "--json" in shape:
        assert json.loads(out)["format"] == 1
    else:
        assert words in out


def test_alerts_end_with_one_where_nothing_could_be_judged(run: Run) -> None:
    code, out, _ = run("alerts", "--from", "2025-01-01", "--to", "2025-01-02")
    assert code == 1
    assert "Nothing could be judged" in out


def test_there_are_words_for_every_finding_group_and_alert() -> None:
    assert set(FINDINGS) == {str(one) for one in Finding}
    assert set(ALERTS) == {str(one) for one in Alert}
    assert set(GROUPS) >= {*WATCHED, *COMPARED}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (66900000, "attempts", "66,900,000"),
        (0.1232, "share", "12.32 %"),
        (0.00004, "share", "0.0040 %"),
        (0.0041, "per-second", "0.0041"),
    ],
)
def test_values_are_written_as_people_read_them(value: float, unit: str, text: str) -> None:
    assert number_text(value, unit, ENGLISH) == text


def test_many_gaps_are_cut_and_counted() -> None:
    days = [datetime(2025, 1, day).date() for day in range(1, 20, 2)]
    assert gaps_text([(day, day) for day in days]).endswith(", ... (10)")


def test_texts_that_a_spreadsheet_would_compute_are_made_harmless() -> None:
    assert csv_text(("a",), [("=1+1",), (-5,), ("-x",), ("a,b",)]).splitlines() == ["a", "'=1+1", "-5", "'-x", '"a,b"']


def test_a_gate_that_has_none_of_the_libraries_can_make_its_command_line() -> None:
    code = "import sys; from tosqauyl.cli import build_parser; build_parser(); print(sorted({'duckdb', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}, check=True
    )
    assert done.stdout.strip() == "[]"


def test_json_is_plain_and_keeps_what_was_not_computable(run: Run) -> None:
    found: dict[str, Any] = json.loads(run("false-stops", *DAYS, "--json")[1])
    assert (found["value"], found["missing"]) == (None, ["truth"])
    assert (found["window"]["from"], found["window"]["to"], found["window"]["zone"]) == (
        "2025-01-01",
        "2025-06-30",
        "Asia/Almaty",
    )
