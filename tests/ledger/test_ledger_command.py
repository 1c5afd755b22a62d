"""`tosqauyl ledger` as it is typed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tosqauyl.cli import main
from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import row_maker
from tosqauyl.tokens import Tokens, load_key

WHO = "+77011234567"
MAKE = row_maker(None, "p", "s")
DECIDED = ("stop", "spoofed", "r1", "deterministic", 1, "pass", "none", "")


@pytest.fixture
def places(tmp_path):
    """A gate's data folder with three closed rows, as options."""
    journal = Journal(tmp_path / "var" / "journal", time.time())
    for days_ago in (40, 2, 0):
        call = UNKNOWN_CALL._replace(at=time.time() - days_ago * 86400, call_id=f"c{days_ago}", caller=WHO)
        journal.append([MAKE(call, DECIDED, 1.0, 603)])
    journal.close()
    return ["--data", str(tmp_path / "var"), "--ledger", str(tmp_path / "ledger"), "--lang", "en"]


def status(places, capsys):
    capsys.readouterr()
    assert main(["ledger", "status", "--json", *places]) == 0
    return json.loads(capsys.readouterr().out)


def test_take_takes_what_is_there_once_and_says_so(places, capsys):
    assert main(["ledger", "take", "--gate", "north", *places]) == 0
    assert "3 decisions taken from 1 segments, 0 lines passed over." in capsys.readouterr().out
    assert main(["ledger", "take", *places]) == 0
    found = status(places, capsys)
    assert [(one["name"], one["rows"], one["days"]) for one in found["tables"]] == [
        ("calls", 3, 3), ("outcomes", 0, 0), ("daily", 0, 0),
    ]  # fmt: skip
    (origin,) = found["origins"]
    assert origin["origin"].startswith("gate:north-")
    assert (origin["batches"], origin["rows"]) == (1, 3)
    assert found["journal"] == {"waiting": 0, "waiting_bytes": 0, "open_bytes": 0, "lost": 0}


def test_take_names_damage(places, capsys):
    journal = Path(places[1]) / "journal"
    (journal / "0000000002-20260301T000000Z.tsv").write_bytes(b"rubbish\n")
    assert main(["ledger", "take", *places]) == 0
    told = capsys.readouterr()
    assert "passed over: 0000000002-20260301T000000Z.tsv: line 1: it has 1 values" in told.err
    assert "3 decisions taken from 2 segments, 1 lines passed over." in told.out


def test_status_of_a_folder_that_is_no_ledger_makes_none(places, tmp_path, capsys):
    assert main(["ledger", "status", *places]) == 2
    assert "there is no ledger" in capsys.readouterr().err
    assert not (tmp_path / "ledger").exists()


def test_status_as_tables_tells_what_waits(places, capsys):
    main(["ledger", "take", *places])
    journal = Path(places[1]) / "journal"
    (journal / "0000000005-20260301T000000Z.tsv").write_bytes(b"at\n1.0\n")
    assert main(["ledger", "status", *places]) == 0
    shown = capsys.readouterr().out
    assert "Not taken yet: 1 closed segments" in shown
    assert "3 segments were removed before they were taken." in shown


def test_keep_needs_a_period_and_for_tokens_the_key(places, tmp_path, capsys):
    main(["ledger", "take", *places])
    assert main(["ledger", "keep", *places]) == 2
    assert "no period is given" in capsys.readouterr().err
    assert main(["ledger", "keep", "--tokenise-after", "30", *places]) == 2
    assert "there is no key for tokens" in capsys.readouterr().err
    load_key(tmp_path / "var" / "token.key")
    assert main(["ledger", "keep", "--tokenise-after", "1", "--remove-after", "30", *places]) == 0
    assert "1 rows got tokens; 1 rows of 1 days removed, 1 counts stay of them." in capsys.readouterr().out


def test_erase_asks_first_finds_tokens_too_and_is_recorded_without_the_number(places, tmp_path, capsys):
    key = load_key(tmp_path / "var" / "token.key")
    main(["ledger", "take", "--tokenise", "caller", *places])
    assert main(["ledger", "erase", WHO, *places]) == 2
    assert "give --yes" in capsys.readouterr().err
    assert not (tmp_path / "ledger" / "access.log").exists()
    assert main(["ledger", "erase", WHO, "--yes", *places]) == 0
    assert "Erased in 3 rows of calls" in capsys.readouterr().out
    assert main(["ledger", "erase", WHO, "--yes", *places]) == 1
    log = (tmp_path / "ledger" / "access.log").read_text()
    assert log.count("ledger erase") == 2
    assert WHO not in log
    assert "+7701***4567" in log
    assert Tokens(key).of(WHO) not in log


def test_a_column_without_numbers_cannot_be_tokenised(places, capsys):
    assert main(["ledger", "take", "--tokenise", "caller,trunk", *places]) == 2
    assert "no column 'trunk' holds numbers" in capsys.readouterr().err


@pytest.mark.parametrize("stopped_by", [signal.SIGINT, signal.SIGTERM])
def test_follow_takes_what_is_closed_later_and_ends_when_asked_to(places, tmp_path, stopped_by):
    source = str(Path(__file__).resolve().parents[2] / "src")
    command = [sys.executable, "-m", "tosqauyl", "ledger", "take", "--follow", *places]
    environment = {**os.environ, "PYTHONPATH": source}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stderr is not None
        lines = iter(follower.stderr.readline, "")
        assert "Following" in next(lines)
        assert "3 decisions taken" in next(lines)
        journal = Journal(tmp_path / "var" / "journal", time.time())
        journal.append([MAKE(UNKNOWN_CALL._replace(at=time.time()), DECIDED, 1.0, 603)])
        journal.close()
        assert "1 decisions taken" in next(lines)
        follower.send_signal(stopped_by)
        try:
            assert follower.wait(20) == 0
        finally:
            follower.kill()
