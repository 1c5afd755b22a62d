"""Demo and traffic from end to end, against the stub gate: real sockets, a second of traffic."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tosqauyl.cli import demo, demo_office, traffic
from tosqauyl.cli.demo import GateProcess, free_ports
from tosqauyl.cli.traffic import prepare
from tosqauyl.cli.traffic_drive import loopback
from tosqauyl.cli.traffic_mix import load_mix
from tosqauyl.config.load import load_config
from tosqauyl.config.office import load_office
from tosqauyl.errors import TosqauylError
from tosqauyl.state.lists import load_lists

STUB = (str(Path(__file__).with_name("stub_gate.py")),)


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    demo.add_parser(subparsers)
    traffic.add_parser(subparsers)
    more = ["--no-office"] if arguments[0] == "demo" and "--with-office" not in arguments else []
    options = parser.parse_args([one for one in (*arguments, *more) if one != "--with-office"])
    return int(options.run(options))


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "GATE_PROGRAM", STUB)
    monkeypatch.setattr(demo.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("TOSQAUYL_LANG", raising=False)


def test_without_a_terminal_the_demo_reports_ends_by_itself_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("demo", "--seconds", "1", "--rate", "200", "--lang", "en") == 0
    text = capsys.readouterr().out
    for said in (
        "No terminal",
        "Stopped, and why",
        "Every answer was right",
        "What to try next",
        "tosqauyl demo --data demo-data",
    ):
        assert said in text
    assert "\x1b" not in text
    assert list(tmp_path.iterdir()) == []


def test_kept_data_is_where_the_closing_commands_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--seconds", "0.5", "--data", str(tmp_path / "kept"), "--lang", "kk") == 0
    assert f"--data {tmp_path / 'kept' / 'data'}" in capsys.readouterr().out
    assert list((tmp_path / "kept" / "data" / "journal").glob("*.tsv"))


def test_a_gate_that_does_not_start_is_told_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "GATE_PROGRAM", ("-c", "import sys; sys.exit('the roof is on fire')"))
    assert run("demo") == 2
    assert "the roof is on fire" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_gate_that_dies_ends_the_demo_with_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "GATE_PROGRAM", ("-c", "print('ready', flush=True)"))
    monkeypatch.setattr(demo, "PROGRESS", 0.3)
    assert run("demo", "--seconds", "60", "--lang", "en") == 1
    assert "The gate ended by itself" in capsys.readouterr().out


def test_sigterm_ends_gate_and_demo_and_removes_the_folder(tmp_path: Path) -> None:
    code = (
        f"import argparse, sys\nfrom tosqauyl.cli import demo\ndemo.GATE_PROGRAM = {STUB!r}\ndemo.PROGRESS = 0.1\n"
        "p = argparse.ArgumentParser(); demo.add_parser(p.add_subparsers())\n"
        "o = p.parse_args(['demo', '--lang', 'en', '--no-office']); sys.exit(o.run(o))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 128 + signal.SIGTERM
    child.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_without_the_offices_libraries_the_demo_says_what_is_missing_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_office, "missing", lambda: ["duckdb"])
    assert run("demo", "--with-office", "--seconds", "0.5", "--lang", "en") == 0
    text = capsys.readouterr().out
    assert 'duckdb: python -m pip install "tosqauyl[office,ledger]"' in text
    assert "Every answer was right" in text


def test_a_browser_is_opened_only_where_somebody_sits_before_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(demo_office.webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    monkeypatch.setattr(demo_office.sys, "platform", "linux")
    monkeypatch.setattr(demo_office.sys.stdout, "isatty", lambda: True, raising=False)
    for environment in ({}, {"CI": "true", "DISPLAY": ":0"}):
        assert not demo_office.open_browser("http://127.0.0.1:1/", environment)
    assert demo_office.open_browser("http://127.0.0.1:1/", {"DISPLAY": ":0"})
    monkeypatch.setattr(demo_office.sys.stdout, "isatty", lambda: False, raising=False)
    assert not demo_office.open_browser("http://127.0.0.1:1/", {"DISPLAY": ":0"})
    assert opened == ["http://127.0.0.1:1/"]


def test_beside_an_office_the_number_that_the_tour_blocks_calls_too() -> None:
    mix = demo_office.with_reported(load_mix())
    assert mix.classes[:-1] == load_mix().classes
    assert (mix.classes[-1].callers, mix.classes[-1].right) == (("+447700900314",), {"pass", "mark", "stop"})


def test_what_the_demo_writes_of_its_office_is_read_and_leads_to_the_gate(tmp_path: Path) -> None:
    config = prepare(load_mix(), 7, tmp_path, free_ports())
    settings = demo_office.write_settings(tmp_path, config)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "token.key").write_bytes(b"k" * 32)
    (tmp_path / "data" / "token.key").chmod(0o600)
    gate, office = load_config(config.read_text(), str(config)), load_office(settings.read_text(), str(settings))
    assert gate.publications.office.url == f"http://{office.serve.host}:{office.serve.port}"
    assert [one.url for one in office.calls.gates] == [f"http://127.0.0.1:{gate.http.listen[1]}"]
    assert (office.is_demo, office.sessions.second_factor, office.serve.host) == (True, (), "127.0.0.1")


@pytest.fixture
def gate(tmp_path: Path):
    ports = free_ports()
    process = GateProcess(prepare(load_mix(), 7, tmp_path, ports), tmp_path, STUB)
    process.wait_ready()
    yield ports
    assert process.end() == 0


def test_traffic_against_a_prepared_gate_is_all_right(
    gate: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    to, domestic = (f"udp:127.0.0.1:{port}" for port in gate)
    assert run("traffic", "--to", to, "--domestic-to", domestic, "--seconds", "1", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["good"] is True
    assert result["all"]["sent"] == result["all"]["answered"] > 50
    classes = {one["class"]: one for one in result["classes"]}
    assert classes["spoofed-fixed"]["stopped"] == classes["spoofed-fixed"]["sent"]
    assert classes["wangiri"]["recognised"] == "rates"


def test_traffic_tells_wrong_answers_and_fails(gate: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    # A monitoring gate would let every call pass; this one stops the spoofed ones, so they are wrong.
    assert run("traffic", "--to", f"udp:127.0.0.1:{gate[0]}", "--seconds", "1", "--expect", "monitor", "--json") == 1
    result = json.loads(capsys.readouterr().out)
    assert result["all"]["wrong"] == result["all"]["stopped"] > 0


def test_a_run_without_a_domestic_listener_leaves_that_class_out(
    gate: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("traffic", "--to", f"udp:127.0.0.1:{gate[0]}", "--seconds", "0.5", "--lang", "en") == 0
    assert "domestic" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "address", ["udp:192.0.2.1:5060", "udp:0.0.0.0:5060", "udp:example.org:5060", "udp:[::]:5060", "udp:10.0.0.1:5060"]
)
def test_traffic_is_never_sent_to_other_machines(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TosqauylError):
        loopback(address)
    assert run("traffic", "--to", address) == 2
    assert "loopback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:127.0.0.1", "udp:127.0.0.1:0", "udp:127.0.0.1:70000"]
)
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(TosqauylError, match=r"udp:127\.0\.0\.1:5060"):
        loopback(address)


def test_loopback_addresses_are_read() -> None:
    assert loopback("udp:127.0.0.2:5060") == ("127.0.0.2", 5060)
    assert loopback("udp:localhost:5060") == ("127.0.0.1", 5060)
    assert loopback("udp:[::1]:5060") == ("::1", 5060)


def test_a_port_where_nobody_listens_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(traffic, "REFUSED_FOR", 0.1)
    assert run("traffic", "--to", f"udp:127.0.0.1:{free_ports()[0]}", "--rate", "200", "--lang", "en") == 2
    captured = capsys.readouterr()
    assert "nobody listens at udp:127.0.0.1:" in captured.err
    assert captured.out == ""


def test_explain_says_what_each_class_is_in_each_language(capsys: pytest.CaptureFixture[str]) -> None:
    for language in ("kk", "ru", "en"):
        assert run("traffic", "--explain", "--lang", language) == 0
        text = capsys.readouterr().out
        assert all(
            one.id in text and one.what[language] in text and one.why[language] in text for one in load_mix().classes
        )


def test_a_mix_that_cannot_be_read_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mix.toml").write_text("[[class]]\nid = 'x'\n")
    assert run("traffic", "--to", "udp:127.0.0.1:5060", "--mix", str(tmp_path / "mix.toml")) == 2
    assert "mix.toml" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_lengths_and_rates_that_are_none_are_usage_errors(value: str) -> None:
    for command in (["demo"], ["traffic", "--to", "udp:127.0.0.1:5060"]):
        for option in ("--seconds", "--rate"):
            with pytest.raises(SystemExit) as ended:
                run(*command, f"{option}={value}")
            assert ended.value.code == 2


def test_commands_are_proposed_as_this_shell_finds_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(traffic.sys, "argv", [str(tmp_path / ".venv" / "bin" / "tosqauyl")])
    monkeypatch.setattr(traffic.shutil, "which", lambda _name: None)
    assert traffic.program_name() == ".venv/bin/tosqauyl"
    monkeypatch.setattr(traffic.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert traffic.program_name() == "tosqauyl"


def test_what_prepare_writes_is_a_configuration_of_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("traffic", "--prepare", str(tmp_path / "try it"), "--lang", "en") == 0
    assert f"serve --config '{tmp_path / 'try it' / 'gate.toml'}'" in capsys.readouterr().out
    path = tmp_path / "try it" / "gate.toml"
    config = load_config(path.read_text(), str(path))
    assert [(entry.trunk.id, entry.listener) for entry in config.entries] == [
        ("border", "udp:127.0.0.1:5060"),
        ("domestic", "udp:127.0.0.1:5062"),
    ]
    listed = load_lists([(Path(config.indicator_files[0]).read_text(), "lists.toml")])
    assert {(one.id, str(one.kind)) for one in listed} == {
        ("demo-support-line", "allow"),
        ("demo-bank-hotline", "protected"),
    }
    assert len(Path(config.roaming).read_text().split()) == 400
