"""The story of docs/backtest.md, told again: its rule files, its commands, and every figure it prints."""

import re
import shlex
from pathlib import Path

import pytest

from tosqauyl.cli import main
from tosqauyl.ledger.backtest_record import records

PAGE = Path(__file__).resolve().parents[2] / "docs" / "backtest.md"
HEADING = "## A rule that would have stopped honest roamers"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """(language, text) of the story's blocks, in order."""
    story = PAGE.read_text(encoding="utf-8").split(HEADING, 1)[1].split("\n## ", 1)[0]
    return [(found[1], found[2]) for found in BLOCK.finditer(story)]


def plain(text: str) -> str:
    return " ".join(text.split())


def write_rule(text: str) -> None:
    """A rule file; a lone `when` takes the place of the one in the file that is there."""
    path = Path("own.toml")
    if text.startswith("when"):
        old = path.read_text(encoding="utf-8")
        text = re.sub(r"^when = .*\n", lambda _: text, old, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def test_the_story_happens_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TOSQAUYL_LANG", "en")
    said, outputs = "", []
    for language, text in blocks():
        if language == "toml":
            write_rule(text)
        elif language == "sh":
            for line in text.splitlines():
                assert main(shlex.split(line)[1:]) == 0
            said = plain(capsys.readouterr().out)
            outputs.append(said)
        else:
            missing = [line for line in text.splitlines() if plain(line) not in said]
            assert missing == [], said[:1500]
    assert len(outputs) == 4
    first, second, third = outputs[1:]
    assert "known to be abroad" in first.split("Policy", 1)[0]
    assert "Would stop" not in second + third
    (record,) = records(tmp_path / "march")
    assert record.rules["own-mobile"].roamers == 0
    assert record.newly_stopped == 1885
