"""A rule in a running gate: watched, promoted on a back-test, retracted; real processes, real INVITEs, real time."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peer_gate import TOKEN, WAYS_IN

from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect, write_record
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.modes import rule_key

pytestmark = pytest.mark.peers()

RULE = "kz-fixed-abroad"
CALLER = "+77172123456"
INVITE = (
    "INVITE sip:+77017654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK{n};rport\r\n"
    "From: <sip:{caller}@h>;tag=1\r\nTo: <sip:+77017654321@gate>\r\nCall-ID: call-{n}\r\nCSeq: 1 INVITE\r\n\r\n"
)
SETTINGS = f"""
[indicators]
files = ["own.toml"]
{WAYS_IN}"""
LIST = '[[indicator]]\nnumber = "+77019999999"\nkind = "block"\nsource = "test"\nreason = "test"\nadded = 2026-01-01\n'
CONFIGURED = f'[[mode]]\nrule = "{RULE}"\nmode = "enforce"\non = 2026-11-20\n'
WHY = "a trial in the tests, on nobody's calls"


def record(now: float) -> BacktestRecord:
    rule = next(rule for rule in load_shipped().rules if rule.id == RULE)
    effect = RuleEffect(rule_key(rule), "stop", 412, 400, 0, 0, 0)
    first = now - 31 * 86400
    about = "kz-border", load_shipped().hash, "", "7-0123456789ab"
    return BacktestRecord(
        "bt-0123456789ab", now - 60, *about, first, now - 3600, 1_000_000, 400, 0, ("answered",), (), {RULE: effect}
    )


class Served:
    """A gate in a process of its own, and the command beside it."""

    def __init__(self, folder: Path, *words: str, more: str = "") -> None:
        self.folder, self.data = folder, folder / "data"
        (folder / "gate.toml").write_text(SETTINGS + more)
        (folder / "own.toml").write_text("")
        write_record(made(self.data / "ledger"), record(time.time()))
        self.said = (folder / "said").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tosqauyl", "serve", *self.files(), *words],
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
        )
        assert self.process.stdout
        self.ready = self.process.stdout.readline().split()
        assert self.ready, (folder / "said").read_text()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.calls = 0

    def files(self) -> list[str]:
        return ["--config", str(self.folder / "gate.toml"), "--data", str(self.data)]

    def call(self, caller: str = CALLER) -> int:
        """The status of the answer to a new call."""
        self.calls += 1
        port = int(self.ready[1].rpartition(":")[2])
        self.socket.sendto(INVITE.format(n=self.calls, caller=caller).encode(), ("127.0.0.1", port))
        return int(self.socket.recv(4096).split()[1])

    def policy(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tosqauyl", "policy", verb, *words, *self.files(), "--lang", "en"]
        environment = {**os.environ, "TOSQAUYL_TOKEN": TOKEN, "COLUMNS": "200"}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)

    def end(self) -> None:
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self.process.stdout.close()
        self.said.close()


def made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True)
    return folder


@pytest.fixture
def serve(tmp_path):
    gates = []

    def start(*words: str, more: str = "") -> Served:
        gates.append(Served(tmp_path, *words, more=more))
        return gates[-1]

    yield start
    for gate in gates:
        gate.end()


def seconds(done: subprocess.CompletedProcess[str]) -> float:
    found = re.search(r"In force after ([0-9.]+) s", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


ENFORCE = (RULE, "--to", "enforce", "--skip-canary", "--reason", WHY, "--yes")


def test_a_promoted_rule_stops_the_next_call_and_a_retracted_one_lets_it_pass(serve, capsys):
    gate = serve()
    assert gate.call() == 302
    began = time.monotonic()
    promoted = gate.policy("promote", *ENFORCE)
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    whole = time.monotonic() - began
    assert gate.call() == 603
    began = time.monotonic()
    retracted = gate.policy("retract", RULE)
    assert retracted.returncode == 0, retracted.stdout + retracted.stderr
    back = time.monotonic() - began
    assert gate.call() == 302
    with capsys.disabled():
        print(
            f"\npromoted: in force after {seconds(promoted):.2f} s (command {whole:.2f} s); "
            f"retracted: after {seconds(retracted):.2f} s (command {back:.2f} s)"
        )
    assert seconds(retracted) < 1.0, "no snapshot is waited for"
    history = [json.loads(line) for line in (gate.data / "modes.log").read_text().splitlines()]
    assert [(one["action"], one["was"], one["now"]) for one in history] == [
        ("promote", "monitor", "enforce"),
        ("retract", "enforce", "monitor"),
    ]
    for name in ("modes.toml", "modes.log", "modes-in-force.json"):
        assert (gate.data / name).stat().st_mode & 0o077 == 0


def test_a_canary_stops_its_share_of_callers_only(serve):
    gate = serve()
    chosen = next(number for number in (f"+771721234{n:02d}" for n in range(100)) if bucket(number) < 50)
    watched = next(number for number in (f"+771721234{n:02d}" for n in range(100)) if bucket(number) >= 50)
    assert gate.policy("promote", RULE, "--to", "canary:50", "--yes").returncode == 0
    assert (gate.call(chosen), gate.call(watched)) == (603, 302)
    too_soon = gate.policy("promote", RULE, "--to", "enforce", "--yes")
    assert too_soon.returncode == 1
    assert "canary-too-short" in too_soon.stdout
    table = json.loads(gate.policy("modes", "--json").stdout)
    (row,) = [row for row in table["rules"] if row["rule"] == RULE]
    assert (row["mode"], row["in_force"], row["source"], row["report"], row["decides"]) == (
        "canary:50", "canary:50", "modes.toml", "bt-0123456789ab", 400,
    )  # fmt: skip


def test_a_retraction_holds_though_the_gate_refuses_every_new_snapshot(serve):
    """A mistake in a list that has nothing to do with it must not keep a rule in enforcement."""
    gate = serve()
    assert gate.policy("promote", *ENFORCE).returncode == 0
    assert gate.call() == 603
    (gate.folder / "own.toml").write_text("this is no list")
    assert gate.policy("retract", RULE).returncode == 0
    assert gate.call() == 302
    (gate.folder / "own.toml").write_text("")


def test_a_promotion_that_the_gate_does_not_take_says_why_and_a_call_passes(serve):
    gate = serve()
    (gate.folder / "own.toml").write_text("this is no list")
    promoted = gate.policy("promote", *ENFORCE)
    assert promoted.returncode == 2
    assert "The gate took no new snapshot" in promoted.stdout
    assert "own.toml" in promoted.stdout
    assert gate.call() == 302


@pytest.mark.parametrize(("words", "more"), [(("--enforce",), ""), ((), CONFIGURED)], ids=["flag", "configuration"])
def test_what_the_flag_or_the_configuration_enforces_is_retracted_as_well(serve, words, more):
    gate = serve(*words, more=more)
    assert gate.call() == 603
    refused = gate.policy("promote", *ENFORCE)
    assert refused.returncode == 1
    assert "(already)" in refused.stdout
    retracted = gate.policy("retract", RULE, "--reason", "a complaint of a hotel")
    assert retracted.returncode == 0, retracted.stdout + retracted.stderr
    assert gate.call() == 302
    if more:
        line = SETTINGS.count("\n") + 2
        assert f"gate.toml:{line}" in retracted.stdout
        lifted = gate.policy("promote", *ENFORCE)
        assert lifted.returncode == 0, lifted.stdout + lifted.stderr
        assert gate.call() == 603, "the configuration's word counts again"


def test_a_gate_that_restarts_with_an_earlier_snapshot_keeps_the_retraction(serve, tmp_path):
    gate = serve()
    assert gate.policy("promote", *ENFORCE).returncode == 0
    (gate.folder / "own.toml").write_text("this is no list")
    assert gate.policy("retract", RULE).returncode == 0
    gate.process.send_signal(signal.SIGKILL)
    gate.process.wait(10)
    again = subprocess.Popen(
        [sys.executable, "-m", "tosqauyl", "serve", *gate.files()], stdout=subprocess.PIPE, stderr=gate.said, text=True
    )
    gate.process.stdout.close()
    gate.process, gate.ready = again, again.stdout.readline().split()
    assert gate.ready, "it starts from the snapshot in which the rule was enforced"
    assert gate.call() == 302


def test_over_http_where_no_signal_may_be_sent(serve):
    gate = serve()
    url = f"http://{gate.ready[2].removeprefix('http:')}"
    assert gate.policy("promote", *ENFORCE, "--gate", url).returncode == 0
    assert gate.call() == 603
    assert gate.policy("retract", RULE, "--gate", url).returncode == 0
    assert gate.call() == 302
