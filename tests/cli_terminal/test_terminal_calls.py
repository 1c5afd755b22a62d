import argparse
import json
import os
import stat
import time
from datetime import date
from pathlib import Path

import pytest

from tosqauyl.cli import calls
from tosqauyl.cli.policies_kept import keep_policies, policy_in
from tosqauyl.facts import FACTS, UNKNOWN_CALL
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import row_maker
from tosqauyl.ledger.policies import find_policy
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.policy.stored import encode_policy
from tosqauyl.screen.decision import decide, modes
from tosqauyl.snapshots.format import POLICY, write_snapshot
from tosqauyl.tokens import Tokens

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


def test_a_number_is_found_in_clear_and_as_a_token(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "token.key").write_bytes(b"k" * 32)
    (data / "token.key").chmod(0o600)
    assert run("--data", data, "--number", "8 717 211 12 22") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert run("--data", data, "--number", "+77010000001") == 0, "the called number is a token in the journal"
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run("--data", data, "--number", Tokens(b"k" * 32).of("+77010000001"), "--stopped") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert run("--data", data, "--number", "+77010000002") == 1


def test_without_a_key_it_is_said_that_tokens_were_not_looked_for(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", data, "--number", "+77010000001") == 1
    assert "tokens of this number were not looked for" in capsys.readouterr().err
    assert not (data / "token.key").exists(), "a new key would find nothing"


def test_a_key_that_others_may_read_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "own.key").write_bytes(b"k" * 32)
    (data / "own.key").chmod(0o644)
    assert run("--data", data, "--number", "+77010000001", "--key", data / "own.key") == 2
    assert "others may read" in capsys.readouterr().err


def test_a_call_is_found_by_its_call_id(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", data, "--call-id", "abc@10.0.0.1") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run("--data", data, "--call-id", "abc") == 1


def test_a_call_of_a_policy_that_is_not_kept_is_explained_by_what_was_written_down(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", data, "--explain", "--stopped") == 0
    text = capsys.readouterr().out
    assert "The call was stopped: Kazakh fixed line calling from abroad." in text
    assert "Rule kz-fixed decided." in text
    assert "(policy) is not kept here" in text
    assert not [number for number in CLEAR if number in text]
    assert run("--data", data, "--explain", "--reason", "custom") == 1


@pytest.fixture
def decided(tmp_path: Path) -> Path:
    """A data folder with one call that the shipped policy stopped."""
    policy = load_shipped()
    call = UNKNOWN_CALL._replace(
        at=1001.0, direction="international", trunk="border", caller="+77172111222", caller_kind="fixed", presented="+77172111222",
        presented_kind="fixed", display_name="Aigul", called="+77010000001",
    )  # fmt: skip
    decision = decide(policy.hits(call), policy.rules, modes(policy.rules, True, date(1970, 1, 1)))
    journal = Journal(tmp_path / "journal", time.time())
    journal.append([row_maker(Tokens(b"k" * 32).of, policy.hash, "snapshot")(call, decision.row, 80.0, 603)])
    journal.close()
    return tmp_path


@pytest.mark.parametrize(
    ("language", "said"), [("en", "The call was stopped"), ("ru", "Вызов остановлен"), ("kk", "Қоңырау тоқтатылды")]
)
def test_a_call_is_explained_rule_by_rule_and_fact_by_fact(
    decided: Path, capsys: pytest.CaptureFixture[str], language: str, said: str
) -> None:
    assert run("--data", decided, "--explain", "--lang", language) == 0
    text = capsys.readouterr().out
    assert said in text
    assert "kz-fixed" in text
    law = next(rule.law for rule in load_shipped().rules if rule.id == "kz-fixed-abroad")
    assert law[language] in " ".join(text.split())
    assert "+7717***1222" in text
    assert "Aigul" not in text
    assert "+77172111222" not in text


def test_an_explanation_for_programs_has_every_rule_and_fact(decided: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", decided, "--explain", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["same"]
    assert [one["part"] for one in found["rules"]].count("decided") == 1
    assert set(found["facts"]) == set(FACTS)
    assert found["facts"]["display_name"]["value"] == "***"
    assert run("--data", decided, "--explain", "--json", "--reveal") == 0
    assert json.loads(capsys.readouterr().out)["facts"]["caller"]["value"] == "+77172111222"
    assert json.loads((decided / "access.log").read_text())["what"]["explain"] is True


def test_the_policy_of_a_snapshot_explains_and_is_kept_beside_a_ledger(decided: Path) -> None:
    own = load_shipped().with_modes([ModeOverride("kz-burst", "off", 0, "", "", date(2026, 11, 1))])
    (decided / "snapshots").mkdir(mode=0o700)
    write_snapshot(decided / "snapshots", {}, {POLICY: [json.dumps(encode_policy(own)).encode()]})
    assert policy_in(decided, own.hash) == own
    keep_policies(decided, decided / "ledger")
    kept = find_policy(decided / "ledger", own.hash)
    assert kept is not None
    assert kept.rules == own.rules
    assert policy_in(decided, "0" * 16) is None
