"""Files that the real programs wrote: SIPp calls through Kamailio, told of three times over: by its acc lines, by its HEP packets, and
by dumpcap's capture. All three imports must come to the same calls with the same outcomes. And SIPp over TCP, captured."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from peer_kamailio import end_group
from server import free_port

from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.imports.run import Done, Importer, Options
from tosqauyl.ledger.store import Store

pytestmark = pytest.mark.peers("kamailio", "sipp", "dumpcap")

CALLER, CALLED, BUSY = "+442071838750", "77012345678", "77012345679"
ANSWERED_CALLS, BUSY_CALLS = 6, 3
TALK_MS = 1100

CONFIG = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "acc.so"
loadmodule "siptrace.so"
modparam("acc", "log_flag", 1)
modparam("acc", "failed_transaction_flag", 3)
modparam("acc", "log_extra", "src_user=$fU;src_domain=$fd;src_ip=$si;dst_ouser=$tU;dst_user=$rU;dst_domain=$rd")
modparam("siptrace", "trace_mode", 1)
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "hep_capture_id", 7)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "duplicate_uri", "sip:127.0.0.1:{hep}")
modparam("siptrace", "send_sock_addr", "sip:127.0.0.1:{port}")
modparam("siptrace", "trace_on", 1)
request_route {{
    if (is_method("ACK") && !has_totag()) {{ exit; }}
    if (is_method("INVITE|BYE")) {{ setflag(1); setflag(3); }}
    $du = "sip:127.0.0.1:{uas}";
    if (is_method("INVITE") && !has_totag() && $rU == "{busy}") {{
        t_newtran();
        t_reply("486", "Busy Here");
        exit;
    }}
    t_relay();
}}
"""


@dataclass(frozen=True)
class Files:
    """What the run left behind."""

    acc: Path
    hep: Path
    pcap: Path


class Collector:
    """A HEP collector: writes every datagram it gets to a file, one after another."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self._path, self._ended = path, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._path.open("wb") as out:
            while not self._ended.is_set():
                try:
                    out.write(self.socket.recv(65535))
                except TimeoutError:
                    continue

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self.socket.close()


class Running:
    """A program in a process group of its own, its output in a file."""

    def __init__(self, command: list[str], log: Path, ready: str = "") -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=log.parent, start_new_session=True
            )
        until = time.monotonic() + 10
        while ready and not re.search(ready, log.read_text(errors="replace")):
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        end_group(self.process)


def dumpcap(port: int, path: Path, transport: str = "udp") -> Running:
    log = path.with_suffix(".log")
    command = [
        "dumpcap",
        "-i",
        "lo",
        "-f",
        f"{transport} port {port}",
        "-w",
        str(path),
        "-P" if path.suffix == ".pcap" else "-n",
    ]
    try:
        return Running(command, log, "File: ")
    except RuntimeError as error:
        if os.environ.get("TOSQAUYL_REQUIRE_PEERS") == "1":
            raise
        pytest.skip(f"dumpcap may not capture here: {error}")


def uac_scenario(folder: Path) -> Path:
    """SIPp's own caller, with a calling number of a border trunk."""
    text = subprocess.run(["sipp", "-sd", "uac"], capture_output=True, text=True, check=False).stdout
    path = folder / "uac.xml"
    path.write_text(text.replace("sip:sipp@", f"sip:{CALLER}@"), "utf-8")
    return path


def call(folder: Path, port: int, called: str, count: int, transport: str = "u1") -> None:
    command = [
        "sipp", f"127.0.0.1:{port}", "-sf", str(uac_scenario(folder)), "-s", called, "-m", str(count), "-r", "20",
        "-d", str(TALK_MS), "-i", "127.0.0.1", "-p", str(free_port()), "-t", transport, "-nostdin", "-timeout", "20s",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=40, check=False)


def uas(folder: Path, port: int, transport: str = "u1") -> Running:
    command = ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-t", transport, "-nostdin"]
    running = Running(command, folder / "uas.log")
    wait_until_taken(port, socket.SOCK_STREAM if transport == "t1" else socket.SOCK_DGRAM)
    return running


def wait_until_taken(port: int, kind: int) -> None:
    """Wait until somebody listens on a port, which is when it can no longer be bound."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("real")
    port, uas_port = free_port(), free_port()
    found = Files(folder / "kamailio.log", folder / "captured.hep", folder / "captured.pcapng")
    collector = Collector(found.hep)
    running: list[Running] = []
    try:
        running.append(dumpcap(port, found.pcap))
        running.append(uas(folder, uas_port))
        (folder / "k.cfg").write_text(CONFIG.format(port=port, hep=collector.port, uas=uas_port, busy=BUSY), "ascii")
        kamailio = shutil.which("kamailio") or "kamailio"
        command = [kamailio, "-DD", "-E", "-f", str(folder / "k.cfg"), "-m", "64", "-M", "8", "-Y", str(folder)]
        running.append(Running(command, found.acc))
        wait_until_taken(port, socket.SOCK_DGRAM)
        call(folder, port, CALLED, ANSWERED_CALLS)
        call(folder, port, BUSY, BUSY_CALLS)
        time.sleep(1.0)  # dumpcap writes what it has once a second
    finally:
        for one in reversed(running):
            one.stop()
        collector.stop()
    return found


def imported(path: Path, folder: Path, **options: object) -> tuple[Done, DuckEngine]:
    store = Store(folder / "ledger")
    importer = Importer(store, Options(constants={"direction": "international"}, **options))  # type: ignore[arg-type]
    done = importer.take(path)
    importer.close()
    return done, DuckEngine(store)


FOLDED = "SELECT call_id, max(answered), max(duration), max(sip_code) FROM outcomes GROUP BY call_id ORDER BY max(sip_code), call_id"


@pytest.fixture(params=["acc", "hep", "pcap"])
def taken(request: pytest.FixtureRequest, files: Files, tmp_path: Path) -> Iterator[tuple[Done, DuckEngine]]:
    done, engine = imported(getattr(files, request.param), tmp_path)
    yield done, engine
    engine.close()


def test_every_call_is_there_once_with_the_facts_of_its_numbers(taken: tuple[Done, DuckEngine]) -> None:
    done, engine = taken
    assert done.rejected == 0
    assert engine.rows("SELECT count(*), count(DISTINCT call_id) FROM calls") == [(9, 9)]
    facts = "SELECT DISTINCT caller, caller_kind, caller_country, called_kind, direction FROM calls"
    assert engine.rows(facts) == [(CALLER, "foreign", "GB", "mobile", "international")]
    assert engine.rows("SELECT called, count(*) FROM calls GROUP BY 1 ORDER BY 1") == [
        (f"+{CALLED}", ANSWERED_CALLS),
        (f"+{BUSY}", BUSY_CALLS),
    ]


def test_every_outcome_says_what_happened(taken: tuple[Done, DuckEngine]) -> None:
    _, engine = taken
    rows = engine.rows(FOLDED)
    assert [(row[1], row[3]) for row in rows] == [("yes", 200)] * ANSWERED_CALLS + [("no", 486)] * BUSY_CALLS
    assert all(TALK_MS / 1000 - 1.01 <= row[2] <= TALK_MS / 1000 + 1.5 for row in rows[:ANSWERED_CALLS])


def test_acc_hep_and_capture_tell_of_the_same_calls(files: Files, tmp_path: Path) -> None:
    told = []
    for path in (files.acc, files.hep, files.pcap):
        _, engine = imported(path, tmp_path / path.suffix)
        told.append({(row[0], row[1], row[3]) for row in engine.rows(FOLDED)})
    assert told[0] == told[1] == told[2]


def test_hep_and_capture_know_who_hung_up_and_the_time_to_the_answer(files: Files, tmp_path: Path) -> None:
    for path in (files.hep, files.pcap):
        _, engine = imported(path, tmp_path / path.suffix)
        rows = engine.rows(
            "SELECT answered, hung_up, min(ringing) >= 0, count(*) FROM outcomes GROUP BY 1, 2 ORDER BY 1"
        )
        assert rows == [("no", "callee", True, BUSY_CALLS), ("yes", "caller", True, ANSWERED_CALLS)]


def test_sip_over_tcp_is_put_together_from_its_segments(tmp_path: Path) -> None:
    port = free_port(kind=socket.SOCK_STREAM)
    path = tmp_path / "tcp.pcap"
    capture = dumpcap(port, path, "tcp")
    server = uas(tmp_path, port, "t1")
    try:
        time.sleep(0.3)
        call(tmp_path, port, CALLED, 3, "t1")
        time.sleep(1.0)
    finally:
        server.stop()
        capture.stop()
    done, engine = imported(path, tmp_path)
    assert (done.calls, done.rejected) == (3, 0)
    assert [row[0] for row in engine.rows("SELECT answered FROM outcomes")] == ["yes"] * 3
    assert engine.rows("SELECT DISTINCT transport FROM calls") == [("tcp",)]
