"""`tosqauyl office sample` as somebody gives it."""

import re

import pytest

from tosqauyl.cli import main

pytest.importorskip("sqlalchemy", reason="the office's libraries are not installed")

CHEAP = 'data = "."\n[password]\nmemory_kb = 8192\npasses = 1\n'


@pytest.fixture
def office(monkeypatch, tmp_path, capsys):
    """An office in ./office whose passwords are checked with the least memory."""
    monkeypatch.chdir(tmp_path)
    assert main(["office", "init"]) == 0
    (tmp_path / "office" / "office.toml").write_text(CHEAP)
    capsys.readouterr()
    return str(tmp_path / "office" / "office.toml")


def test_everybody_is_printed_once_with_a_password_and_a_second_time_is_refused(office, capsys):
    assert main(["office", "sample", "--config", office, "--seed", "5"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {len(line) for line in lines} == {4}
    assert lines[0][:3] == ["sample-supervisor", "supervisor", "centre"]
    assert all(re.fullmatch(r"([a-z]{6}-){3}[a-z]{6}", line[3]) for line in lines)
    assert main(["office", "sample", "--config", office]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "not empty" in said.err
