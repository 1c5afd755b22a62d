"""`tosqauyl doctor`: every finding by a table of facts, the rim on this machine, and a whole look at a running gate."""

import json
import os
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tosqauyl.cli import doctor_calls, doctor_facts, main
from tosqauyl.cli.doctor_calls import CallsHeard, Heard, Place, check_answers, render, way_in
from tosqauyl.cli.doctor_checks import (
    DAY,
    GIB,
    OK,
    Certificate,
    Clock,
    Disk,
    Finding,
    Machine,
    Port,
    SnapshotFile,
    check_certificates,
    check_clock,
    check_disk,
    check_machine,
    check_ports,
    check_snapshot,
    check_subscribers,
)
from tosqauyl.cli.doctor_trunks import check_http, check_trunks
from tosqauyl.config.load import load_config
from tosqauyl.config.ways_in import Http
from tosqauyl.gate.http.access import Client
from tosqauyl.screen.trunk import Trunk
from tosqauyl.sip.message import Request, parse
from tosqauyl.texts import LANGUAGES, Texts

CORPORA = Path(__file__).resolve().parent.parent / "corpora" / "cli"
TABLE = tomllib.loads((CORPORA / "doctor.toml").read_text("utf-8"))
TRUNKS = tomllib.loads((CORPORA / "doctor_trunks.toml").read_text("utf-8"))["case"]


def disk(row: dict) -> list[Finding]:
    mode = row.get("mode", 0o700)
    free, rate = int(row.get("free_gib", 100) * GIB), row.get("gib_a_day", 0) * GIB / DAY
    facts = Disk(
        "data", None if mode < 0 else mode, row.get("key_mode", 0o600), row.get("writable", True), free, GIB, rate
    )
    return check_disk(facts, 64 * GIB, 90 * DAY)


def machine(row: dict) -> list[Finding]:
    facts = Machine(
        row.get("receive_buffer", 8 << 20),
        row.get("files", 65536),
        row.get("compiled", True),
        row.get("is_root", False),
    )
    return check_machine(facts, row.get("connections", 1000))


def heard(row: dict | None) -> Heard | None:
    if row is None:
        return None
    return Heard(row["status"], row.get("reason", ""), row.get("retry_after", False), row.get("seconds", 0.001))


def answers(row: dict) -> list[Finding]:
    direction = row.get("direction", "international")
    trunk = Trunk("t", direction) if direction else None
    calls = CallsHeard("udp:192.0.2.10:5060", trunk, heard(row.get("honest")), heard(row.get("spoofed")))
    return check_answers(calls, row.get("enforce"), row.get("shipped", True))


LOOKS = {
    "clock": lambda row: check_clock(Clock(row.get("synchronised"), row.get("error", 0.0))),
    "disk": disk,
    "snapshot": lambda row: check_snapshot(SnapshotFile(row["path"], row.get("hours", 0) * 3600, row.get("error", ""))),
    "subscribers": lambda row: check_subscribers(
        row.get("roaming", ""), row["hours"] * 3600 if "hours" in row else None, row.get("feeds", False)
    ),
    "machine": machine,
    "certificate": lambda row: check_certificates([Certificate("a.pem", row["days"] * DAY + 60, row.get("error", ""))]),
    "port": lambda row: check_ports(
        [Port("udp:192.0.2.10:5060", row["state"], row.get("asked", False), row.get("answered"))]
    ),
    "answers": answers,
}  # fmt: skip


def assert_found(found: list[Finding], wanted: list[str]) -> None:
    """Each wanted 'level: piece' is the finding at its place; what is not in order says what to mend."""
    t = Texts("en")
    told = [(one.level, t(one.what, **one.values)) for one in found]
    assert len(told) == len(wanted), told
    for (level, text), line in zip(told, wanted, strict=True):
        expected, _, piece = line.partition(": ")
        assert level == expected, text
        assert piece in text
    assert [one.what for one in found if (one.level != OK) != bool(one.mend)] == []


@pytest.mark.parametrize(("look", "row"), [(look, row) for look, rows in TABLE.items() for row in rows],
                         ids=lambda value: value["shows"] if isinstance(value, dict) else value)  # fmt: skip
def test_facts_lead_to_findings(look: str, row: dict) -> None:
    assert_found(LOOKS[look](row), row["finds"])


@pytest.mark.parametrize("case", TRUNKS, ids=lambda case: case["shows"])
def test_trunks_lead_to_findings(case: dict) -> None:
    found = check_trunks(load_config(case["text"], "gate.toml"))
    assert_found([one for one in found if one.level != OK], case["finds"])
    assert any(one.level == OK for one in found)


CLIENT = Client("noc", token="sha256:" + "0" * 64, scopes=frozenset(("metrics",)))


@pytest.mark.parametrize(
    ("http", "clients", "ready", "wanted"),
    [
        (Http(), (), None, ["warning: the HTTP side is off"]),
        (Http(("127.0.0.1", 8060)), (CLIENT,), 200, ["ok: HTTP on 127.0.0.1:8060"]),
        (Http(("127.0.0.1", 8060)), (), 200, ["warning: nobody may read the metrics"]),
        (Http(("127.0.0.1", 8060)), (CLIENT,), 503, ["wrong: not ready (HTTP 503)"]),
        (Http(("192.0.2.10", 8060)), (CLIENT,), None, ["warning: reached from outside", "warning: clients noc prove"]),
    ],
)
def test_http_leads_to_findings(http: Http, clients: tuple[Client, ...], ready: int | None, wanted: list[str]) -> None:
    assert_found(check_http(http, clients, ready), wanted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_can_be_told_in_every_language(language: str) -> None:
    t = Texts(language)
    for look, rows in TABLE.items():
        for row in rows:
            for one in LOOKS[look](row):
                assert t(one.what, **one.values)
                assert "{" not in t(one.what, **one.values) + t(one.mend, **one.values)


# -- the rim ----------------------------------------------------------------------------------------------------------


def test_the_kernel_is_asked_about_its_clock_without_harm() -> None:
    clock = doctor_facts.clock()
    assert clock.synchronised in (True, False, None)
    assert clock.error >= 0


def test_a_data_folder_is_read_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert doctor_facts.disk(str(data)).mode is None
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    (data / "token.key").write_bytes(b"k")
    (data / "token.key").chmod(0o640)
    journal = data / "journal"
    journal.mkdir()
    (journal / "0000000001-20260301T101500Z.tsv").write_bytes(b"x" * 1000)
    found = doctor_facts.disk(str(data))
    assert (found.mode, found.key_mode, found.writable, found.journal_bytes) == (0o755, 0o640, True, 1000)
    assert found.free_bytes > 0


def test_the_newest_snapshot_is_the_one_that_is_verified(tmp_path: Path) -> None:
    assert doctor_facts.snapshot(str(tmp_path)).path == ""
    folder = tmp_path / "snapshots"
    folder.mkdir()
    for name, age in (("old.tqs", 9000), ("new.tqs", 3600)):
        path = folder / name
        path.write_bytes(b"torn")
        path.chmod(0o600)
        os.utime(path, (time.time() - age, time.time() - age))
    found = doctor_facts.snapshot(str(tmp_path))
    assert found.path.endswith("new.tqs")
    assert found.error
    assert 3590 < found.age < 3700


def test_ports_are_told_apart() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.create_server(("127.0.0.1", 0)) as tcp:
        udp.bind(("127.0.0.1", 0))
        taken, streams = f"udp:127.0.0.1:{udp.getsockname()[1]}", f"tcp:127.0.0.1:{tcp.getsockname()[1]}"
        assert (doctor_facts.port_state(taken), doctor_facts.port_state(streams)) == ("taken", "taken")
    assert doctor_facts.port_state(taken) == "free"
    assert doctor_facts.port_state("udp:198.51.100.250:5060") == "absent"


def test_a_listener_that_never_answers_is_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_calls, "WAIT", 0.2)
    monkeypatch.setattr(doctor_calls, "RESEND", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert doctor_calls.ask(Place("udp", "127.0.0.1", silent.getsockname()[1]), "OPTIONS", "doctor", None) is None
        assert [silent.recv(4096)[:7] for _ in range(2)] == [b"OPTIONS"] * 2, "a lost datagram is sent once more"


ENTRIES = """
[[trunk]]
id = "sbc"
listen = "udp:192.0.2.10:5060"
from = ["192.0.2.10"]
[[trunk]]
id = "carrier"
listen = "udp:192.0.2.10:5060"
from = ["192.0.2.10"]
header = "X-Carrier: a"
tgrp = "group-a"
direction = "international"
"""
DOCTORS = """
[[trunk]]
id = "doctor"
listen = "udp:192.0.2.10:5060"
from = ["192.0.2.10"]
header = "User-Agent: tosqauyl-doctor"
direction = "domestic"
"""


@pytest.mark.parametrize(("text", "trunk"), [(ENTRIES, "carrier"), (ENTRIES + DOCTORS, "doctor")])
def test_the_call_is_made_as_the_trunk_that_matters_and_recognised_as_it(text: str, trunk: str) -> None:
    from tosqauyl.gate.trunks import TrunkTable, choose

    entries = load_config(text, "gate.toml").entries
    way = way_in(entries, "udp:192.0.2.10:5060", ["198.51.100.1", "192.0.2.10"])
    assert way is not None
    assert (way[0], way[1].trunk.id) == ("192.0.2.10", trunk)
    request = parse(
        render("INVITE", Place("udp", "192.0.2.10", 5060), ("192.0.2.10", 40000), doctor_calls.HONEST, way[1])
    )
    assert isinstance(request, Request)
    assert request.fault is None
    found = choose(TrunkTable(entries).candidates("udp:192.0.2.10:5060", "192.0.2.10"), request)
    assert found is not None
    assert found.trunk.id == trunk


def test_nobody_admits_a_stranger() -> None:
    assert way_in(load_config(ENTRIES, "gate.toml").entries, "udp:192.0.2.10:5060", ["127.0.0.1"]) is None


# -- the command ------------------------------------------------------------------------------------------------------


def look(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(["doctor", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_a_running_gate_is_called_and_its_calls_are_journaled_under_the_doctors_name(capsys, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        listener = f"udp:127.0.0.1:{probe.getsockname()[1]}"
    words = ["--listen", listener, "--data", str(tmp_path / "data"), "--enforce"]
    gate = subprocess.Popen([sys.executable, "-m", "tosqauyl", "serve", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert gate.stdout is not None
        assert gate.stdout.readline().startswith("ready")
        # Not the disk: whether it has room for a whole journal is this machine's business.
        code, found = look(capsys, *words, "--only", "ports", "--only", "answers")
        assert (code, found["counts"]) == (0, {"ok": 3, "warning": 0, "wrong": 0}), found
        code, found = look(capsys, "--gate", listener)
        assert (code, [one["values"]["status"] for one in found["findings"]]) == (0, [302, 603])
    finally:
        gate.terminate()
        gate.wait(10)
        gate.stdout.close()
    rows = "".join(path.read_text() for path in (tmp_path / "data" / "journal").glob("*.tsv"))
    assert rows.count("tosqauyl-doctor") == 4


def test_a_gate_that_does_not_run_is_told_and_exits_with_1(capsys, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        listener = f"udp:127.0.0.1:{probe.getsockname()[1]}"
    code, found = look(capsys, "--listen", listener, "--data", str(tmp_path), "--only", "ports", "--only", "answers")
    assert code == 1
    assert [one["check"] for one in found["findings"]] == ["ports", "answers"]
    assert all(one["mend"] for one in found["findings"])


def test_mistakes_of_policy_and_lists_are_told_together(capsys, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[policy]\n")
    (tmp_path / "list.toml").write_text("nonsense = \n")
    (tmp_path / "gate.toml").write_text(
        'policy = "policy.toml"\n[indicators]\nfiles = ["list.toml"]\n[[trunk]]\nid = "a"\nlisten = "udp:127.0.0.1:5060"\n'
        'from = ["127.0.0.1"]\ndirection = "international"\n'
    )
    code, found = look(capsys, "--config", str(tmp_path / "gate.toml"), "--only", "policy")
    assert code == 1
    told = [one["text"] for one in found["findings"] if one["level"] == "wrong"]
    assert ["policy.toml" in told[0], "list.toml" in told[1], len(told)] == [True, True, 2]


def test_a_configuration_that_cannot_be_read_exits_with_2_and_every_mistake(capsys, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text('colour = "red"\n[[trunk]]\nid = "a"\ndirection = "sideways"\n')
    assert main(["doctor", "--config", str(tmp_path / "gate.toml")]) == 2
    told = capsys.readouterr().err
    assert "colour" in told
    assert "sideways" in told
