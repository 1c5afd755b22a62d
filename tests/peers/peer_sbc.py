"""Kamailio as a border SBC with the recipe of deploy/kamailio, a SIPp callee behind it and SIPp callers before it.

The recipe's kamailio.cfg is copied byte for byte; only what a person would write is written here: site.cfg, gates.list
and carriers.list. Every process has its own folder and free ports and is ended by its own id.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import peer_sipp
from peer_corpus import FOLDER
from server import ROOT, Gate, free_port

RECIPE = ROOT / "deploy" / "kamailio"
SBC, CARRIER, STRANGER, SWITCH = "127.0.0.30", "127.0.0.20", "127.0.0.21", "127.0.0.40"
READY_SECONDS = 15.0

SITE = """\
listen=udp:{sbc}:{port}
#!substdef "!SBC_HOST!{sbc}!g"
#!define NEXT_HOP "sip:{switch}:{switch_port}"
#!define GATES_FILE "{folder}/gates.list"
#!define CARRIERS_FILE "{folder}/carriers.list"
#!define CONTROL_SOCKET "unix:{control}"
#!define GATE_MS {gate_ms}
#!define GATE_MS_AFTER_100 {after_100}
#!define CARRIER_CALLS_PER_SECOND "{limit}"
#!define RESTORE_SECRET "of the test"
{more}
"""

GATE = """\
data = "{data}"
enforce = true
policy = "{policy}"

[http]
listen = "127.0.0.1:0"

[subscribers]
roaming = "{roaming}"
complete = {complete}
{tables}
[[profile]]
name = "border"
{profile}

[[trunk]]
id = "carrier-a"
listen = "udp:127.0.0.1:{port}"
from = ["{sbc}/32"]
header = "X-Tosqauyl-Trunk: carrier-a"
direction = "international"
profile = "border"
trust = ["asserted"]
next_hop = "{next_hop}"
"""


def gate_settings(folder: Path, port: int, **changes: str) -> Path:
    """Write the configuration of a gate that the SBC asks: it enforces, and mobiles not in the roaming file are at home."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"policy": "", "tables": "", "profile": "", "next_hop": "sender", "complete": "true"} | changes
    path = folder / "gate.toml"
    roaming = FOLDER / "state" / "roaming.txt"
    path.write_text(GATE.format(data=folder / "data", roaming=roaming, port=port, sbc=SBC, **told), "utf-8")
    return path


def start_gate(folder: Path, port: int, **changes: str) -> Gate:
    """A gate on 127.0.0.1:`port`; the same folder and port again is the same gate restarted."""
    return Gate(["--config", str(gate_settings(folder, port, **changes))], folder / "data")


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Poll every 20 ms until it holds; the time (seconds since 1970) at which it did."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return time.time()
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Sbc:
    """One running Kamailio with the recipe. `port` is where carriers send to; `switch_port` where its calls go on to."""

    def __init__(
        self, folder: Path, gates: Sequence[int | str], *, more: str = "", limit: int = 5000, **waits: int
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.port, self.switch_port = free_port(SBC), free_port(SWITCH)
        # A path of its own: a Unix socket's is 104 characters at most, and a test's folder may be deeper.
        self.control = Path(tempfile.mkdtemp(prefix="sbc-")) / "ctl"
        told = {"gate_ms": 350, "after_100": 200} | waits
        site = SITE.format(
            sbc=SBC, port=self.port, switch=SWITCH, switch_port=self.switch_port, folder=folder, control=self.control, limit=limit, more=more,
            **told
        )  # fmt: skip
        shutil.copy(RECIPE / "kamailio.cfg", folder)
        (folder / "site.cfg").write_text(site)
        (folder / "gates.list").write_text("".join(f"1 sip:127.0.0.1:{gate}\n" for gate in gates))
        (folder / "carriers.list").write_text(f"1 {CARRIER} 32 0 carrier-a\n")
        self.log = folder / "kamailio.log"
        command = [
            "kamailio",
            "-f",
            "kamailio.cfg",
            "-DD",
            "-E",
            "-w",
            str(folder),
            "-Y",
            str(folder),
            "-m",
            "64",
            "-M",
            "8",
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._answers, READY_SECONDS, "Kamailio's control socket answers")
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')[-3000:]}") from None

    def _answers(self) -> bool:
        return self.command("core.uptime").returncode == 0

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one kamcmd command."""
        return subprocess.run(
            ["kamcmd", "-s", f"unix:{self.control}", *words], capture_output=True, text=True, timeout=10, check=False
        )

    def counters(self) -> dict[str, int]:
        """The recipe's counters by name, without 'gate.'."""
        found = re.findall(r"(\w+): (\d+)", self.command("cnt.grp_get_all", "gate").stdout)
        return {name: int(value) for name, value in found}

    def states(self) -> dict[int, bool]:
        """By gate port: whether the SBC takes it for up (flags A.: active; T.: tried, still used; I.: down)."""
        found = re.findall(r"URI: sip:127\.0\.0\.1:(\d+)\s+FLAGS: (\w)", self.command("dispatcher.list").stdout)
        return {int(port): state in "AT" for port, state in found}

    def stop(self) -> None:
        """End Kamailio and the workers it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)

    def __enter__(self) -> "Sbc":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


CALLEE = """<?xml version="1.0" encoding="US-ASCII"?>
<scenario name="callee">
<recv request="INVITE" rrs="true"/>
{then}
</scenario>
"""
ANSWERS = """
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""
RINGING = """
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Record-Route:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
"""
RINGS = (
    RINGING
    + """
<recv request="CANCEL"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0

]]></send>
<recv request="ACK"/>
"""
)
BUSY = (
    RINGING
    + """
<pause milliseconds="50"/><send retrans="500"><![CDATA[
SIP/2.0 486 Busy Here
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<recv request="ACK"/>
"""
)


class Callee:
    """A SIPp that takes every call that comes to the switch's address; it notes every message."""

    def __init__(self, folder: Path, port: int, then: str = ANSWERS) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "callee.xml").write_text(CALLEE.format(then=then))
        command = [
            "sipp", "-sf", "callee.xml", "-i", SWITCH, "-p", str(port), "-nostdin", "-skip_rlimit", "-trace_msg", "-message_file",
            "messages.log", "-trace_err", "-error_file", "errors.log", "-default_behaviors", "none", "-timeout", "120s",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def received(self, method: str) -> list[str]:
        """Requests of one method, as they came."""
        _, received = peer_sipp.read_log(self.folder / "messages.log")
        return [text for text in received if text.startswith(f"{method} ")]

    def callers(self) -> set[str]:
        """The users in From of the INVITEs that came."""
        return {
            found[1] for text in self.received("INVITE") if (found := re.search(r"^From:.*?sip:([^@;>]+)", text, re.M))
        }

    def __enter__(self) -> "Callee":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(5)


INVITE = """<?xml version="1.0" encoding="US-ASCII"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:+77011234567@{sbc};user=phone SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]i[call_number];rport
Max-Forwards: 68
From: <sip:[field0]@203.0.113.9;user=phone>;tag=[pid]c[call_number]
To: <sip:+77011234567@{sbc};user=phone>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:[local_ip]:[local_port]>
X-Tosqauyl-Trunk: forged
{extra}Content-Length: 0

]]></send>
<recv response="100" optional="true"/>
"""
ONCE = '<recv response="100"/>\n'
TWICE = '<recv response="100" optional="true"/>\n\n' + ONCE
SET_UP = """
<recv response="180" optional="true" rrs="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]a[call_number]
Max-Forwards: 68
[routes]
From: <sip:[field0]@203.0.113.9;user=phone>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]b[call_number]
Max-Forwards: 68
[routes]
From: <sip:[field0]@203.0.113.9;user=phone>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""
REFUSED = """
<recv response="180" optional="true"/>
<recv response="{status}">{check}</recv>
{wait}<send><![CDATA[
ACK sip:+77011234567@{sbc};user=phone SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]i[call_number]
Max-Forwards: 68
From: <sip:[field0]@203.0.113.9;user=phone>;tag=[pid]c[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
</scenario>
"""
CANCEL = """
<recv response="180"/>
<send><![CDATA[
CANCEL sip:+77011234567@{sbc};user=phone SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]i[call_number];rport
Max-Forwards: 68
From: <sip:[field0]@203.0.113.9;user=phone>;tag=[pid]c[call_number]
To: <sip:+77011234567@{sbc};user=phone>
Call-ID: [call_id]
CSeq: 1 CANCEL
Content-Length: 0

]]></send>
"""
# The 487 to the INVITE and the 200 to the CANCEL come in either order, so the 200 is let pass as unexpected.
LENIENT = "none"


@dataclass(frozen=True)
class Calls:
    """How a SIPp caller ended: exit code (0: every call as expected), its errors, and per call (began, seconds taken)."""

    code: int
    errors: str
    times: list[tuple[float, float]]
    received: list[str]


class Caller:
    """A SIPp that sends one call for each number, as the carrier (or as `source`)."""

    def __init__(
        self, folder: Path, sbc: Sbc, numbers: list[str], then: str, *, rate: int = 100, extra: str = "", source: str = CARRIER,
        behaviors: str = "abortunexp",
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True)
        self.folder = folder
        place = f"{SBC}:{sbc.port}"
        (folder / "caller.xml").write_text(
            (INVITE + then).replace(TWICE, ONCE).replace("{sbc}", place).replace("{extra}", extra)
        )
        (folder / "numbers.csv").write_text("SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers))
        command = [
            "sipp", place, "-sf", "caller.xml", "-inf", "numbers.csv", "-m", str(len(numbers)), "-r", str(rate), "-l", "2000",
            "-i", source, "-p", str(free_port(source)), "-default_behaviors", behaviors, "-nostdin", "-skip_rlimit",
            "-timeout", "60s", "-timeout_error", "-trace_err", "-error_file", "errors.log", "-trace_msg",
            "-message_file", "messages.log",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def ended(self, seconds: float = 70.0) -> Calls:
        """Wait for the last call."""
        try:
            code = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(5)
        errors = self.folder / "errors.log"
        _, received = peer_sipp.read_log(self.folder / "messages.log")
        told = errors.read_text(errors="replace")[:3000] if errors.exists() else ""
        return Calls(code, told, set_up_times(self.folder / "messages.log"), received)


ENTRY = re.compile(
    r"^-{20,} (\d{4}-\d\d-\d\d \S+)\n(?:UDP|TCP) message (sent|received).*?\n\n(.*?)(?=^-{20,} |\Z)", re.M | re.S
)


def set_up_times(path: Path) -> list[tuple[float, float]]:
    """Of each call in a SIPp log: when its INVITE was first sent (seconds since 1970), seconds until its final answer."""
    began: dict[str, float] = {}
    taken: dict[str, float] = {}
    for stamp, way, text in ENTRY.findall(path.read_text(errors="replace") if path.exists() else ""):
        call = re.search(r"^Call-ID: (\S+)", text, re.M)
        at = datetime.fromisoformat(stamp).timestamp()
        if call and way == "sent" and text.startswith("INVITE "):
            began.setdefault(call[1], at)
        elif call and way == "received" and text[8:9] >= "2" and re.search(r"^CSeq: 1 INVITE", text, re.M):
            taken.setdefault(call[1], at - began[call[1]])
    return [(began[name], seconds) for name, seconds in taken.items()]


def cancelled(folder: Path, sbc: Sbc, numbers: list[str], *, after: str = "180") -> Caller:
    """Calls that the caller gives up after this provisional answer; they must end with 487."""
    text = REFUSED.replace('<recv response="180" optional="true"/>\n', "").replace("{status}", "487")
    text = CANCEL.replace("180", after) + text.replace("{check}", "").replace("{wait}", "")
    return Caller(folder, sbc, numbers, text, behaviors=LENIENT)


def refused(folder: Path, sbc: Sbc, numbers: list[str], status: int, *, check: str = "", wait_ms: int = 0) -> Caller:
    """Calls that must all be refused with this status; check: a regular expression the answer must match."""
    action = f'<action><ereg regexp="{check}" search_in="msg" check_it="true" assign_to="1"/></action>' if check else ""
    text = REFUSED.replace("{status}", str(status)).replace("{check}", action)
    text = text.replace("{wait}", f'<pause milliseconds="{wait_ms}"/>' if wait_ms else "")
    if check:
        text = text.replace("</scenario>", '<Reference variables="1"/>\n</scenario>')
    return Caller(folder, sbc, numbers, text)


class ScriptedGate:
    """A gate of the test: it answers every OPTIONS with 200, and every INVITE with the lines it was given (none: silence).

    lines: status line and headers of the answers, in order, several of them parted by an empty string.
    """

    def __init__(self, *lines: str) -> None:
        self._answers = [one.split("\n") for one in "\n".join(lines).split("\n\n") if one]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            data, source = self._socket.recvfrom(65535)
            text = data.decode()
            if not text:
                return
            self.requests.append(text)
            head = [
                line for line in text.split("\r\n") if line.startswith(("Via:", "From:", "Call-ID:", "CSeq:", "To:"))
            ]
            head = [f"{line};tag=scripted" if line.startswith("To:") and ";tag=" not in line else line for line in head]
            method = text.partition(" ")[0]
            answers = self._answers if method == "INVITE" else [["200 OK"]] if method in ("OPTIONS", "CANCEL") else []
            for status, *more in answers:
                answer = [f"SIP/2.0 {status}", *head, *more, "Content-Length: 0", "", ""]
                self._socket.sendto("\r\n".join(answer).encode(), source)

    def __enter__(self) -> "ScriptedGate":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()
