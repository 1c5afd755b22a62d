"""`tosqauyl office` and `tosqauyl audit` as an operator gives them, the serving one as a process of its own."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tosqauyl.cli import main, office_admin, office_files

pytest.importorskip("sqlalchemy", reason="the office's libraries are not installed")

PASSWORD = "correct horse battery"
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (
        "TOSQAUYL_OFFICE_DATABASE",
        "TOSQAUYL_VAULT_KEYS",
        "TOSQAUYL_LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_MESSAGES",
        "LANG",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys):
    """Gives a command; exit code and standard output."""

    def given(*words, code=0):
        assert main(list(words)) == code, capsys.readouterr().err
        return capsys.readouterr().out.strip()

    return given


@pytest.fixture
def made(run):
    """An office in ./office; the token of its admin."""
    return run("office", "init")


def rows(query):
    with closing(sqlite3.connect("office/office.db")) as db:
        return db.execute(query).fetchall()


def test_a_first_run_makes_everything_private_with_no_password_at_all(made):
    assert re.fullmatch(r"[\w-]{43}", made)
    assert {path.name: path.stat().st_mode & 0o777 for path in Path("office").iterdir() if path.name != "office.toml"} == {
        "office.db": 0o600, "vault.keys": 0o600,
    }  # fmt: skip
    assert Path("office").stat().st_mode & 0o777 == 0o700
    assert rows("SELECT login, role, password, disabled FROM account") == [("admin", "admin", "", 0)]
    assert made not in str(rows("SELECT * FROM account"))
    assert rows("SELECT id, kind FROM organisation") == [("centre", "centre")]


def test_a_second_run_changes_nothing(made, run):
    before = rows("SELECT * FROM account"), Path("office/vault.keys").read_text()
    assert run("office", "init") == ""
    assert (rows("SELECT * FROM account"), Path("office/vault.keys").read_text()) == before


def test_after_a_restore_the_list_has_another_name_and_the_trail_says_so(made, run):
    ((before,),) = rows("SELECT list FROM list_head")
    run("office", "restored")
    ((after, seq),) = rows("SELECT list, seq FROM list_head")
    assert re.fullmatch("[0-9a-f]{32}", after)
    assert (after != before, seq) == (True, 0)
    assert rows("SELECT verb, what FROM audit_entry WHERE verb = 'restored'") == [("restored", "publication")]
    run("audit", "verify")


def test_an_admin_with_a_password_from_a_file_and_not_with_a_weak_one(run, capsys):
    Path("password").write_text("chief12345678\n")
    assert main(["office", "init", "--admin", "chief", "--password-file", "password"]) == 2
    assert "login is in it" in capsys.readouterr().err
    assert rows("SELECT * FROM account") == []
    Path("password").write_text(f"{PASSWORD}\n")
    assert run("office", "init", "--admin", "chief", "--password-file", "password") == ""
    assert rows("SELECT login, substr(password, 1, 9) FROM account") == [("chief", "$argon2id")]


def test_where_there_is_no_office_the_hint_says_how_to_make_one(capsys):
    assert main(["office", "check"]) == 2
    assert "tosqauyl office init" in capsys.readouterr().err


def test_organisations_accounts_and_keys(made, run, capsys):
    run("office", "organisation", "add", "kcell", "--kind", "operator", "--name", "Kcell")
    assert run("office", "organisation", "list").splitlines() == ["centre\tcentre\tCentre", "kcell\toperator\tKcell"]
    token = run("office", "account", "add", "aida", "--role", "operator", "--organisation", "kcell")
    assert re.fullmatch(r"[\w-]{43}", token)
    run("office", "account", "disable", "aida")
    assert "aida\toperator\tkcell\tdisabled" in run("office", "account", "list")
    run("office", "account", "enable", "aida")
    assert run("office", "account", "reset", "aida", "--codes") != token
    key = run("office", "key", "add", "gate-1", "--role", "gate", "--organisation", "kcell")
    listed = run("office", "key", "list").split("\t")
    assert listed == [key[:15], "gate", "kcell", "gate-1", "lists:read", "active"]
    run("office", "key", "revoke", listed[0])
    assert run("office", "key", "list").endswith("revoked")
    for wrong in (
        ["office", "key", "add", "x", "--role", "gate", "--scope", "audit:read"], ["office", "account", "disable", "nobody"],
        ["office", "account", "disable", "admin"], ["office", "key", "revoke", "tq_0"],
        ["office", "account", "add", "x", "--role", "analyst", "--organisation", "kcell"],
    ):  # fmt: skip
        assert main(wrong) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_choices_are_those_of_the_registry():
    from tosqauyl.registry import keys, words

    assert office_admin.ROLES == words.ROLES
    assert {*office_admin.KINDS, "centre"} == set(words.ORGANISATIONS)
    assert set(office_admin.KEY_ROLES) == set(keys.KEY_SCOPES)


def test_check_tells_what_is_wrong_and_what_to_mend(made, run):
    told = run("office", "check", code=1)
    assert "wrong: the centre has an admin with one-time codes on" in told
    assert told.endswith("1 wrong")
    Path("office").chmod(0o755)
    assert "chmod 700 office" in run("office", "check", code=1)
    Path("office/vault.keys").chmod(0o644)
    assert "others may read the vault's keys" in run("office", "check", code=1)


def test_rotation_seals_everything_again_and_everything_opens(made, run):
    run("office", "organisation", "add", "kcell", "--kind", "operator", "--name", "Kcell")
    sealed = rows("SELECT count(*) FROM account WHERE totp != x''")
    run("office", "rotate")
    keys = [line.split()[0] for line in Path("office/vault.keys").read_text().splitlines()]
    assert len(keys) == 2
    assert sealed == [(0,)]
    assert "ok: everything is sealed under the newest key" in run("office", "check", code=1)
    assert run("audit", "verify").startswith("the trail is whole")


def test_retention_counts_before_it_lets_go(made, run):
    with closing(sqlite3.connect("office/office.db")) as db:
        db.execute('INSERT INTO bucket (who, "left", at) VALUES (?, 1, 1)', ("x",))
        db.commit()
    assert "buckets\t3\tdeleted\t1" in run("office", "retention", "--dry-run").splitlines()
    assert rows("SELECT count(*) FROM bucket") == [(1,)]
    assert "buckets\t3\tdeleted\t1" in run("office", "retention").splitlines()
    assert rows("SELECT count(*) FROM bucket") == [(0,)]


def test_verify_prints_a_head_that_shows_a_chain_made_anew(made, run):
    head = run("audit", "verify").splitlines()[-1]
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", head)
    assert run("audit", "verify", "--head", head).splitlines()[-1] == head
    number, _, digest = head.partition(":")
    other = f"{number}:{'0' if digest[0] != '0' else '1'}{digest[1:]}"
    assert "made anew" in run("audit", "verify", "--head", other, code=1)
    assert main(["audit", "verify", "--head", "x"]) == 2


def test_verify_finds_an_entry_that_was_changed_behind_the_triggers_back(made, run):
    with closing(sqlite3.connect("office/office.db")) as db:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute("UPDATE audit_entry SET actor = 'nobody'")
        db.execute("DROP TRIGGER audit_entry_no_update")
        db.execute("UPDATE audit_entry SET actor = 'nobody' WHERE seq = 1")
        db.commit()
    assert "entry 1: it is not what was written" in run("audit", "verify", code=1)


def test_an_upgrade_of_current_tables_changes_nothing(made, run):
    assert run("office", "upgrade") == ""


def test_keys_may_be_in_the_environment(run, monkeypatch, capsys):
    from tosqauyl.registry.vault import new_key_line

    monkeypatch.setenv("TOSQAUYL_VAULT_KEYS", new_key_line())
    run("office", "init")
    assert not Path("office/vault.keys").exists()
    assert "ok: the vault's keys" in run("office", "check", code=1)
    assert main(["office", "rotate"]) == 2
    assert "environment" in capsys.readouterr().err


def test_a_databases_password_is_written_into_a_file_of_its_own_only(tmp_path):
    from tosqauyl.cli.office_upkeep import _write_config

    _write_config(tmp_path / "office.toml", "postgresql+pg8000://office:geheim@db/office")
    text = (tmp_path / "office.toml").read_text()
    assert "geheim" not in text
    assert "postgresql+pg8000://office@db/office" in text
    assert (tmp_path / "database.password").read_text() == "geheim"
    assert (tmp_path / "database.password").stat().st_mode & 0o777 == 0o600


def test_without_the_offices_libraries_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(office_files, "find_spec", lambda name: None if name == "argon2" else object())
    assert main(["office", "init"]) == 2
    assert 'pip install "tosqauyl[office]"' in capsys.readouterr().err


@contextmanager
def serving(**environment):
    """A process that serves the office in ./office; its address. It ends by SIGTERM with exit code 0."""
    Path("office/office.toml").write_text(
        'data = "."\nlisten = "127.0.0.1:0"\n[password]\nmemory_kb = 8192\npasses = 1\n'
    )
    command = [sys.executable, "-m", "tosqauyl", "office", "serve", "--config", "office/office.toml"]
    surroundings = {**os.environ, "PYTHONPATH": str(SOURCE), **environment}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings
    ) as process:
        try:
            ready = process.stdout.readline()
            assert ready.startswith("ready http://127.0.0.1:"), ready + process.stderr.read()
            yield ready.split()[1]
        finally:
            process.send_signal(signal.SIGTERM)
            told = process.communicate(timeout=30)[1]
    assert process.returncode == 0, told
    assert told == ""


def asked(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer) if answer.status != 204 else None, answer.headers
    except HTTPError as error:
        return error.code, json.load(error), error.headers


def test_it_serves_until_it_is_stopped_and_the_first_admin_comes_in(made, run):
    key = run("office", "key", "add", "auditor", "--role", "auditor")
    with serving() as address:
        assert asked(f"{address}/v1/set-up", {"token": made, "password": PASSWORD})[0] == 204
        status, said, headers = asked(f"{address}/v1/sign-in", {"login": "admin", "password": PASSWORD})
        assert (status, said["needs"]) == (200, "totp")
        assert headers["Set-Cookie"].startswith("tosqauyl=")
        status, said, _ = asked(f"{address}/v1/audit", Authorization=f"Bearer {key}")
        assert (status, {one["verb"] for one in said["items"]} >= {"set-up", "signed-in"}) == (200, True)
        status, said, _ = asked(f"{address}/v1/health")
        assert (said["database"], said["migrations"]) == (True, True)


def test_an_office_whose_tables_are_of_another_version_is_not_served(made, capsys):
    with closing(sqlite3.connect("office/office.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '0001'")
        db.commit()
    assert main(["office", "serve"]) == 2
    assert "tosqauyl office upgrade" in capsys.readouterr().err
