"""`tosqauyl publications`: what a gate runs to fetch the list, and what a person asks."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from tosqauyl.cli import main
from tosqauyl.cli.doctor_checks import OK, WARNING, check_publications
from tosqauyl.cli.publications import recall
from tosqauyl.gate.publication_log import PublicationLog
from tosqauyl.networks.office.list_text import changes_in
from tosqauyl.snapshots.published import map_published

LIST = "0123456789abcdef" * 2
NUMBER = "+447700900111"


def sealed(body: str) -> bytes:
    return body.encode() + b"end " + hashlib.sha256(body.encode()).hexdigest().encode() + b"\n"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The configuration of a gate that hears the office from a folder."""
    (tmp_path / "from-office").mkdir()
    (tmp_path / "from-office" / "calls.list").write_bytes(
        sealed(f"tosqauyl-list 1 {LIST} 7 2\n{NUMBER}\tblock\t-\ti-1\n7111\tmark\t100\ti-2\n")
    )
    config = tmp_path / "gate.toml"
    config.write_text(
        '[publications]\nfolder = "from-office"\n[[trunk]]\nid = "t"\nlisten = "udp:127.0.0.1:5060"\nfrom = ["127.0.0.1/32"]\n'
    )
    return config


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_the_list_is_packed_and_its_path_is_the_last_line(gate, capsys):
    code, out, _ = run(capsys, "publications", "build", "--config", str(gate))
    path = Path(out.strip().rpartition("\n")[2])
    found = map_published(path)
    assert (code, path.parent) == (0, gate.parent / "var" / "publications")
    assert (found.list_id, found.seq, len(found.indicators)) == (LIST, 7, 2)
    assert found.indicators.find(NUMBER, 0.0) == (False, "block", "i-1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("spoil", ["torn", "gone"])
def test_a_list_that_cannot_be_had_leaves_nothing_and_says_why(gate, capsys, spoil):
    path = gate.parent / "from-office" / "calls.list"
    if spoil == "torn":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.unlink()
    code, out, err = run(capsys, "publications", "build", "--config", str(gate))
    assert (code, out) == (2, "")
    assert err.startswith(
        "tosqauyl: the list " if spoil == "torn" else "tosqauyl: the office did not give its list: down"
    )
    assert not list(gate.parent.glob("var/publications/*"))


def test_without_an_office_there_is_nothing_to_fetch(tmp_path, capsys):
    code, _, err = run(capsys, "publications", "build", "--data", str(tmp_path))
    assert code == 2
    assert "no office is configured" in err


def test_what_a_gate_has_is_shown_with_its_age(gate, capsys):
    run(capsys, "publications", "build", "--config", str(gate))
    folder = gate.parent / "var" / "publications"
    log = PublicationLog(folder)
    log.append(changes_in(sealed(f"tosqauyl-changes 1 {LIST} 7 8\n8\t1414\tallow\t-\t-\n")))
    log.close()
    for path in folder.glob("changes.*"):
        os.utime(path, (time.time() - 600.0,) * 2)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    code, out, _ = run(capsys, "publications", "show", "--config", str(gate), "--json", "--number", "1414")
    said = json.loads(out)
    assert code == 0
    assert (said["list"], said["seq"], said["entries"], said["changes"]) == (LIST, 8, 3, 1)
    assert (said["listed"], said["id"]) == ("allow", "")
    assert 590 < said["age_seconds"] < 700
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert run(capsys, "publications", "show", "--config", str(gate), "--lang", "en")[1] == (
        "list 01234567 up to change 8: 3 entries; the office was heard 10.0 min ago\n"
    )


def test_a_number_on_no_list_and_a_gate_without_one_are_answered_with_1(gate, capsys):
    assert run(capsys, "publications", "show", "--config", str(gate))[0] == 1
    run(capsys, "publications", "build", "--config", str(gate))
    assert run(capsys, "publications", "show", "--config", str(gate), "--number", "7111", "--lang", "en")[0] == 1
    code, out, _ = run(capsys, "publications", "show", "--config", str(gate), "--number", NUMBER, "--lang", "en")
    assert (code, out.splitlines()[1]) == (0, "block i-1")


def test_a_call_judged_by_hand_meets_what_the_gate_has(gate, capsys):
    words = ("check", "--config", str(gate), "--from", NUMBER, "--to", "+77017654321", "--json")
    assert json.loads(run(capsys, *words)[1])["facts"]["listed"] == "none"
    run(capsys, "publications", "build", "--config", str(gate))
    facts = json.loads(run(capsys, *words)[1])["facts"]
    assert (facts["listed"], facts["indicator"]) == ("block", "i-1")


def test_a_folder_that_is_not_there_has_nothing(tmp_path):
    published, heard = recall(tmp_path / "nowhere")
    assert (published.list_id, heard) == ("", 0.0)


@pytest.mark.parametrize(
    ("source", "age", "level", "says"),
    [
        ("", None, "", ""),
        ("office", None, WARNING, "no list"),
        ("office", 899.0, OK, "heard {minutes} min ago"),
        ("folder", 901.0, WARNING, "more than {limit}"),
    ],
)
def test_the_doctor_warns_of_a_list_that_is_missing_or_old(source, age, level, says):
    found = check_publications(source, age, 15)
    assert [one.level for one in found] == ([level] if level else [])
    assert all(says in one.what for one in found)


def test_the_doctor_looks_at_the_files_of_the_gate(gate, capsys):
    words = ("doctor", "--config", str(gate), "--only", "publications", "--lang", "en")
    assert "the gate has no list of the office yet" in run(capsys, *words)[1]
    run(capsys, "publications", "build", "--config", str(gate))
    code, out, _ = run(capsys, *words)
    assert (code, "the office was heard 0.0 min ago" in out) == (0, True)
