"""`snapshot` as a command, and a gate that loads another snapshot while it runs: real files, real signals."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peer_gate import WAYS_IN, ask

from tosqauyl.cli import main
from tosqauyl.policy.load import shipped_text

pytestmark = pytest.mark.peers()

SETTINGS = f"""
policy = "policy.toml"
[subscribers]
roaming = "roaming.txt"
complete = true
{WAYS_IN}"""
ANOTHER = shipped_text().replace('name = "kz-border"', 'name = "another"')
WRONG = '[policy]\nname = "x"\ndated = 2026-01-02\n[[rule]]\nid = "a"\nwhen = "nonsense = 1"\nverdict = "explode"\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gate.toml").write_text(SETTINGS)
    (tmp_path / "policy.toml").write_text(shipped_text())
    (tmp_path / "roaming.txt").write_text("+77011234567\n")
    return tmp_path


class Served:
    """A gate in a process of its own; `said` is where its messages go."""

    def __init__(self, folder: Path, *python: str) -> None:
        self.folder, self.said = folder, folder / "said"
        self._file = self.said.open("w")
        command = [sys.executable, *python, "-m", "tosqauyl", "serve", "--config", str(folder / "gate.toml")]
        self.process = subprocess.Popen(
            [*command, "--data", str(folder / "data")], stdout=subprocess.PIPE, stderr=self._file, text=True
        )
        assert self.process.stdout
        self.ready = self.process.stdout.readline().split()

    def ask(self, path: str, method: str = "GET") -> dict:
        return ask(self.ready, path, method)

    def until(self, wanted) -> dict:
        """The part of the status that tells of reloads, as soon as it is as wanted."""
        for _ in range(1200):
            found = self.ask("/v1/status")["reload"]
            if wanted(found) and not found["loading"]:
                return found
            time.sleep(0.1)  # another process is waited for, one that gives way to everybody
        raise AssertionError(found)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        self._file.close()
        return code


@pytest.fixture
def served(folder):
    gate = Served(folder)
    assert gate.ready, gate.said.read_text()
    yield gate
    gate.end()


def test_sighup_loads_what_the_files_say_now(served, folder):
    before = served.ask("/v1/status")
    (folder / "policy.toml").write_text(ANOTHER)
    (folder / "roaming.txt").write_text("+77011234567\n+77017654321\n")
    served.process.send_signal(signal.SIGHUP)
    state = served.until(lambda found: found["loads"] == 1)
    after = served.ask("/v1/status")
    assert after["policy"] != before["policy"]
    assert after["snapshot"] == state["hash"] != before["snapshot"]
    assert (folder / "data" / "snapshots" / state["file"]).exists()
    assert after["status"] == "ok"


def test_a_reload_over_http_with_mistakes_tells_them_all_and_changes_nothing(served, folder):
    before = served.ask("/v1/status")["snapshot"]
    (folder / "policy.toml").write_text(WRONG)
    served.ask("/v1/snapshot:reload", "POST")
    state = served.until(lambda found: found["refusals"] == 1)
    for part in ("there is no fact 'nonsense'", "there is no verdict 'explode'", "'reason' is missing"):
        assert part in state["last_error"]
    after = served.ask("/v1/status")
    assert (after["snapshot"], after["status"]) == (before, "degraded")
    assert "snapshot-refused" in after["troubles"]
    (folder / "policy.toml").write_text(ANOTHER)
    served.ask("/v1/snapshot:reload", "POST")
    assert served.until(lambda found: found["loads"] == 1)["last_error"] == ""
    assert served.ask("/v1/status")["status"] == "ok"


def test_a_gate_starts_from_an_earlier_snapshot_of_the_same_inputs_and_says_so(folder):
    first = Served(folder)
    known = first.ask("/v1/status")["snapshot"]
    assert first.end() == 0
    (folder / "policy.toml").write_text(WRONG)
    again = Served(folder)
    try:
        status = again.ask("/v1/status")
        assert (status["snapshot"], status["status"]) == (known, "degraded")
        told = again.said.read_text()
        assert "nonsense" in told
        assert "ALARM: the gate starts with the snapshot of 0.0 hours ago" in told
    finally:
        again.end()


def test_a_gate_without_an_earlier_snapshot_of_these_inputs_does_not_start(folder, capfd):
    assert main(["snapshot", "build", "--data", str(folder / "data")]) == 0, "of other inputs"
    (folder / "policy.toml").write_text(WRONG)
    gate = Served(folder)
    assert gate.ready == []
    assert gate.process.wait(20) == 2
    told = gate.said.read_text()
    assert "there is no fact 'nonsense'" in told
    assert "could not be built" in told


def test_the_gate_never_loads_the_sql_parser(folder):
    gate = Served(folder, "-X", "importtime")
    gate.end()
    loaded = {line.rpartition("|")[2].strip() for line in gate.said.read_text().splitlines() if "|" in line}
    assert "tosqauyl.gate.server" in loaded
    assert not {name for name in loaded if name.startswith("sqlglot")}


def test_build_prints_the_path_and_show_what_is_in_it(folder, capsys):
    flags = ["--config", str(folder / "gate.toml"), "--data", str(folder / "data")]
    assert main(["snapshot", "build", *flags]) == 0
    path = capsys.readouterr().out.splitlines()[-1]
    assert main(["snapshot", "show", path, "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    for part in ("kz-border", "roaming.txt", Path(path).stem, "subscribers abroad"):
        assert part in shown
    assert main(["snapshot", "show", path, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["hash"], content["subscribers"]["abroad"]) == (Path(path).stem, 1)


def test_show_refuses_a_file_that_was_changed(folder, capsys):
    main(["snapshot", "build", "--data", str(folder / "data")])
    path = Path(capsys.readouterr().out.splitlines()[-1])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert main(["snapshot", "show", str(path)]) == 2
    assert "digest" in capsys.readouterr().err


def test_build_tells_every_mistake_and_writes_nothing(folder, capsys):
    (folder / "policy.toml").write_text(WRONG)
    (folder / "roaming.txt").unlink()
    assert main(["snapshot", "build", "--config", str(folder / "gate.toml"), "--data", str(folder / "data")]) == 2
    told = capsys.readouterr().err
    for part in ("nonsense", "explode", "roaming.txt: cannot be read"):
        assert part in told
    assert not (folder / "data").exists()


def test_accept_leaves_its_mark_or_says_why_not(folder, capsys):
    flags = ["--config", str(folder / "gate.toml"), "--data", str(folder / "data")]
    assert main(["snapshot", "accept", *flags]) == 2
    assert "those of the gate" in capsys.readouterr().err
    main(["snapshot", "build", *flags])
    assert main(["snapshot", "accept", *flags]) == 0
    assert (folder / "data" / "snapshots" / "accept-swing").exists()
