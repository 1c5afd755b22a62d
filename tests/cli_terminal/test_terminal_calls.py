import argparse
import json
import os
import stat
from pathlib import Path

import pytest

from tosqauyl.cli import calls

CLEAR = ("+447700900123", "+77172111222", "+77015554433", "abc@10.0.0.1", "Aigul")


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    calls.add_parser(parser.add_subparsers())
    options = parser.parse_args(["calls", "--lang", "en", *map(str, arguments)])
    return int(options.run(options))


def test_numbers_are_masked_and_names_left_out_by_default(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--json"]):
        assert run("--data", data, *arguments) == 0
        text = capsys.readouterr().out
        assert len(text.splitlines()) == 3
        assert not [number for number in CLEAR if number in text]
        assert "+7717***1222" in text
    assert not (data / "access.log").exists()


def test_reveal_shows_numbers_and_is_recorded_for_the_owner_only(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", data, "--reveal", "--stopped") == 0
    assert "+77172111222" in capsys.readouterr().out
    assert run("--data", data, "--reveal", "--json") == 0
    assert "Aigul" in capsys.readouterr().out
    log = data / "access.log"
    first, second = map(json.loads, log.read_text().splitlines())
    assert (first["uid"], first["what"]["command"], first["what"]["stopped"]) == (os.getuid(), "calls", True)
    assert second["at"] >= first["at"] > 0
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_nothing_is_revealed_where_it_cannot_be_recorded(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "access.log").symlink_to(data / "elsewhere")
    assert run("--data", data, "--reveal") == 2
    text = capsys.readouterr()
    assert text.out == ""
    assert "access.log" in text.err


def test_stopped_reason_and_last_choose_the_calls(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", data, "--stopped") == 0
    assert "Kazakh fixed line" in capsys.readouterr().out
    assert run("--data", data, "--reason", "mobile-at-home") == 0
    assert "monitor: stopped" in capsys.readouterr().out
    assert run("--data", data, "--last", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["at"] == 1002.0
    assert run("--data", data, "--reason", "custom") == 1


def test_report_counts_all_that_match(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", data, "--report", "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"] == {"attempts": 3, "callers": 3, "callees": 1}


def test_a_missing_journal_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", tmp_path / "none") == 2
    assert "none/journal" in capsys.readouterr().err


def test_the_journal_folder_itself_may_be_given(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", data / "journal") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_follow_goes_on_until_interrupted(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(calls.time, "sleep", interrupt)
    assert run("--data", data, "--follow", "--last", "2") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
