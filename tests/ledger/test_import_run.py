"""Imports end to end: nothing twice, nothing lost, wherever they are cut off; what cannot be taken is listed; doubts are counted."""

import csv
import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tosqauyl.cli import main
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.imports import lines
from tosqauyl.ledger.imports.mapping import Mapping, load_mapping
from tosqauyl.ledger.imports.rejects import Reject, RejectFile, masked_text
from tosqauyl.ledger.imports.run import Done, Importer, Options
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store

MAPPING = """
[calls]
at = "start"
call_id = "id"
presented = "from"
called = "to"
[outcomes]
call_id = "id"
answered = "answered"
duration = { column = "seconds", optional = true }
[constants]
direction = "international"
"""
HEADER = "start,id,from,to,answered,seconds\n"


@pytest.fixture
def mapping() -> Mapping:
    return load_mapping(MAPPING, "m.toml")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_LINES", 10)


def row(number: int) -> str:
    return f"2025-03-01 10:{number // 60 % 60:02d}:{number % 60:02d},c{number},+44207183{number:04d},+77012345678,yes,{number}\n"


def write(path: Path, count: int, start: int = 0) -> Path:
    path.write_text(HEADER + "".join(map(row, range(start, start + count))))
    return path


def take(folder: Path, path: Path, **options: Any) -> Done:
    importer = Importer(Store(folder / "ledger"), Options(**options))
    try:
        return importer.take(path)
    finally:
        importer.close()


def ids(folder: Path, table: str = "calls") -> list[str]:
    engine = DuckEngine(Store(folder / "ledger"))
    return [
        found[0] for found in engine.rows(f"SELECT call_id FROM {table} ORDER BY CAST(substr(call_id, 2) AS INTEGER)")
    ]


def expected(count: int) -> list[str]:
    return [f"c{number}" for number in range(count)]


@pytest.mark.usefixtures("small_blocks")
class TestNothingTwiceNothingLost:
    def test_a_file_is_taken_in_blocks_and_never_twice(self, tmp_path: Path, mapping: Mapping) -> None:
        path = write(tmp_path / "calls.csv", 35)
        assert take(tmp_path, path, mapping=mapping).calls == 35
        again = take(tmp_path, path, mapping=mapping)
        assert (again.calls, again.rows, again.before) == (0, 0, 36)
        assert ids(tmp_path) == ids(tmp_path, "outcomes") == expected(35)

    def test_nor_under_another_name_or_origin(self, tmp_path: Path, mapping: Mapping) -> None:
        take(tmp_path, write(tmp_path / "calls.csv", 25), mapping=mapping)
        (tmp_path / "calls.csv").rename(tmp_path / "old.csv")
        assert take(tmp_path, tmp_path / "old.csv", mapping=mapping, origin="other").calls == 0

    def test_again_takes_it_once_more(self, tmp_path: Path, mapping: Mapping) -> None:
        path = write(tmp_path / "calls.csv", 25)
        for times in (1, 2, 3):
            assert take(tmp_path, path, mapping=mapping, again=times > 1).calls == 25
            assert len(ids(tmp_path)) == 25 * times

    def test_of_a_file_that_has_grown_only_the_new_rows_are_taken(self, tmp_path: Path, mapping: Mapping) -> None:
        for count in (3, 7, 8, 40, 41):
            take(tmp_path, write(tmp_path / "calls.csv", count), mapping=mapping)
            assert ids(tmp_path) == expected(count)

    def test_a_last_line_without_an_end_is_taken_and_read_again_when_it_has_one(
        self, tmp_path: Path, mapping: Mapping
    ) -> None:
        path = write(tmp_path / "calls.csv", 12)
        path.write_bytes(path.read_bytes().removesuffix(b"\n"))
        assert take(tmp_path, path, mapping=mapping).calls == 12
        assert take(tmp_path, path, mapping=mapping).calls == 0

    @pytest.mark.parametrize("writes", range(9))
    def test_cut_off_after_any_commit_it_goes_on_where_it_stopped(
        self, tmp_path: Path, mapping: Mapping, writes: int
    ) -> None:
        path = write(tmp_path / "calls.csv", 35)
        importer = Importer(Dying(tmp_path / "ledger", writes), Options(mapping=mapping))
        with suppress(KeyboardInterrupt):
            importer.take(path)
        importer.close()
        take(tmp_path, path, mapping=mapping)
        assert ids(tmp_path) == ids(tmp_path, "outcomes") == expected(35)

    def test_outcomes_taken_before_do_not_stop_their_calls(self, tmp_path: Path, mapping: Mapping) -> None:
        path = write(tmp_path / "calls.csv", 15)
        take(tmp_path, path, mapping=mapping, outcomes_only=True)
        assert (ids(tmp_path), ids(tmp_path, "outcomes")) == ([], expected(15))
        take(tmp_path, path, mapping=mapping)
        assert ids(tmp_path) == ids(tmp_path, "outcomes") == expected(15)

    def test_the_end_of_a_call_finds_its_beginning_in_an_earlier_block_even_when_resumed(self, tmp_path: Path) -> None:
        acc = "ACC: transaction answered: timestamp={};method={};from_tag=f{};to_tag=t;call_id=c{};code=200;reason=OK;src_user=+44207183;dst_user=+77012345678\n"
        text = "".join(acc.format(1740805200, "INVITE", n, n) for n in range(12))
        path = tmp_path / "acc.log"
        path.write_text(text)
        take(tmp_path, path)
        path.write_text(text + "".join(acc.format(1740805230, "BYE", n, n) for n in range(12)))
        take(tmp_path, path)
        engine = DuckEngine(Store(tmp_path / "ledger"))
        assert engine.rows("SELECT max(duration), count(*) FROM outcomes GROUP BY call_id ORDER BY 1")[0] == (30.0, 2)
        assert len(ids(tmp_path)) == 12


class Dying(Store):
    """A store whose process is killed after some commits."""

    def __init__(self, folder: Path, writes: int) -> None:
        super().__init__(folder)
        self.left = writes

    def write(self, con: duckdb.DuckDBPyConnection, select: str, batch: Batch) -> int:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().write(con, select, batch)


def test_a_missing_column_is_told_with_the_columns_there_are(tmp_path: Path, mapping: Mapping) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("strat,id,from,to\n2025-03-01,1,2,3\n")
    with pytest.raises(FileMistakes) as caught:
        take(tmp_path, path, mapping=mapping)
    said = str(caught.value)
    assert "no column 'start', needed for calls.at" in said
    assert "did you mean strat? columns of the file: strat, id, from, to" in said
    assert "'answered', needed for outcomes.answered" in said
    assert "seconds" not in said


def test_rejects_are_listed_with_line_reason_and_masked_text(tmp_path: Path, mapping: Mapping) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        HEADER
        + row(1)
        + "yesterday,c2,+442071838750,+77012345678,yes,1\n"
        + "1,2\n"
        + row(3).replace(",yes,3", ",perhaps,long")
    )
    rejects = RejectFile(tmp_path / "rejects.csv")
    importer = Importer(Store(tmp_path / "ledger"), Options(mapping=mapping), rejects)
    done = importer.take(path)
    importer.close()
    assert (done.calls, done.outcomes, done.rejected, done.cells) == (2, 2, 2, 2)
    with (tmp_path / "rejects.csv").open(newline="") as file:
        found = [tuple(one.values())[:5] for one in csv.DictReader(file)]
    assert found == [
        ("calls.csv", "4", "row", "", "2 columns, not 6"),
        ("calls.csv", "3", "row", "calls.at", "no time that can be read"),
        ("calls.csv", "5", "cell", "answered", "a value that cannot be read"),
        ("calls.csv", "5", "cell", "duration", "a value that cannot be read"),
    ]
    text = (tmp_path / "rejects.csv").read_text()
    assert "+442071838750" not in text
    assert "+4420****8750" in text
    assert (tmp_path / "rejects.csv").stat().st_mode & 0o777 == 0o600


def test_masking_leaves_no_number_of_seven_digits() -> None:
    assert (
        masked_text("a +77012345678;77012345678\x00 12:30:45 1234567")
        == "a +7701***5678;7701***5678\ufffd 12:30:45 12***67"
    )


def test_rejects_of_several_runs_are_appended(tmp_path: Path) -> None:
    for number in (1, 2):
        RejectFile(tmp_path / "r.csv").add("f", [Reject(number, "row", "", "no", "x")])
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 3


def test_doubtful_times_are_counted_and_taken(tmp_path: Path, mapping: Mapping) -> None:
    path = tmp_path / "calls.csv"
    times = ["2024-02-29 22:30:00", "2024-02-29 23:30:00", "2024-02-29 23:10:00", "2024-03-01 00:10:00"]
    path.write_text(HEADER + "".join(f"{at},c{n},+442071838750,+77012345678,no,0\n" for n, at in enumerate(times)))
    done = take(tmp_path, path, mapping=mapping)
    assert (done.calls, done.counts["time_repeated"], done.counts["clock_backwards"]) == (4, 2, 1)
    engine = DuckEngine(Store(tmp_path / "ledger"))
    found = [at for (at,) in engine.rows('SELECT "at" FROM calls ORDER BY line')]
    assert [at - found[0] for at in found] == [
        0.0,
        3600.0,
        2400.0,
        9600.0,
    ]  # the hour is there twice: UTC+6, then UTC+5


def test_a_packed_file_that_is_cut_gives_what_it_has(tmp_path: Path, mapping: Mapping) -> None:
    path = tmp_path / "calls.csv.gz"
    whole = gzip.compress((HEADER + "".join(map(row, range(5000)))).encode())
    path.write_bytes(whole[: len(whole) // 2])
    rejects = RejectFile(None)
    importer = Importer(Store(tmp_path / "ledger"), Options(mapping=mapping), rejects)
    done = importer.take(path)
    importer.close()
    assert 0 < done.calls < 5000
    assert any("ends too early" in reason for _, reason in rejects.counts)


def test_no_call_id_makes_one_up_that_joins_its_own_outcome_only(tmp_path: Path) -> None:
    text = MAPPING.replace('call_id = "id"\n', "")
    done = take(tmp_path, write(tmp_path / "calls.csv", 3), mapping=load_mapping(text, "m.toml"))
    assert "call_id" not in done.recorded
    engine = DuckEngine(Store(tmp_path / "ledger"))
    assert engine.rows("SELECT count(*) FROM calls JOIN outcomes USING (call_id)") == [(3,)]


@pytest.mark.parametrize(
    ("numbers", "raw", "text", "form"),
    [
        ("", "87012345678", "+77012345678", "national"),
        ('form = "e164"', "442071838750", "+442071838750", "international"),
        ('form = "national"', "7012345678", "+77012345678", "international"),
        ('strip = ["*31"]', "*3187012345678", "+77012345678", "national"),
        ('international_prefix = ["9810"]', "9810442071838750", "+442071838750", "international"),
        ('national_prefix = ["98"]', "987012345678", "+77012345678", "international"),
    ],
)
def test_numbers_are_written_as_the_mapping_says(tmp_path: Path, numbers: str, raw: str, text: str, form: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(HEADER + row(1).replace("+442071830001", raw))
    take(tmp_path, path, mapping=load_mapping(f"{MAPPING}\n[numbers]\n{numbers}", "m.toml"))
    engine = DuckEngine(Store(tmp_path / "ledger"))
    assert engine.rows("SELECT caller, caller_form FROM calls") == [(text, form)]


@pytest.mark.parametrize(
    ("entry", "cell", "seconds"),
    [
        ('"seconds"', "12,5", 12.5),
        ('{ column = "seconds", unit = "ms" }', "1500", 1.5),
        ('{ column = "seconds", unit = "hms" }', "00:01:30", 90.0),
        ('{ column = "seconds", pattern = "^([0-9]+) s" }', "42 s", 42.0),
        ('{ since = "start", until = ["seconds"] }', "2025-03-01 10:00:31", 30.0),
        ('{ since = "start", until = ["seconds"] }', "2025-03-01T05:00:31Z", 30.0),
        ('{ since = "start", until = ["seconds"] }', "2025-03-01T10:00:31.5+05:00", 30.5),
    ],
)
def test_durations_in_any_dress(tmp_path: Path, entry: str, cell: str, seconds: float) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(HEADER.replace(",", ";") + row(1).replace(",", ";").replace(";1\n", f";{cell}\n"))
    text = MAPPING.replace('{ column = "seconds", optional = true }', entry) + '\n[file]\ndelimiter = ";"\n'
    done = take(tmp_path, path, mapping=load_mapping(text, "m.toml"))
    assert (done.cells, done.rejected) == (0, 0)
    assert DuckEngine(Store(tmp_path / "ledger")).rows("SELECT duration FROM outcomes") == [(seconds,)]


def test_the_command_takes_a_file_and_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.toml").write_text(MAPPING)
    path = write(tmp_path / "calls.csv", 3)
    path.write_text(path.read_text() + "1,2\n")
    command = [
        "calls",
        "import",
        str(path),
        "--ledger",
        str(tmp_path / "ledger"),
        "--mapping",
        str(tmp_path / "m.toml"),
    ]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "calls.csv: 4 rows read, 3 calls and 3 outcomes taken, 1 rows rejected (csv, m;" in said.out
    assert "1 rows: 2 columns, not 6" in said.err
    assert main(command) == 1
    assert "5 rows were taken before" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nothing.csv", "."])
def test_no_such_file_is_trouble(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "import", str(tmp_path / name), "--ledger", str(tmp_path / "ledger")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_a_file_of_unknown_columns_asks_for_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("a;b\n1;2\n")
    with pytest.raises(TosqauylError, match="no mapping says what the columns are: a, b"):
        take(tmp_path, path)
