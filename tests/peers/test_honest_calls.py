"""No honest call is stopped: twenty thousand by SIPp here, a million by bench/honest.py in make nightly."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import honest
import pytest
from peer_corpus import SOURCES
from server import Gate, free_port, journal_rows

CALLS_EACH = 4_000
ROAMER, FIXED = "+7[field0]5000001", "+7717230[field1]"
CODES = [
    "700",
    "701",
    "702",
    "705",
    "706",
    "707",
    "708",
    "747",
    "760",
    "761",
    "762",
    "763",
    "764",
    "771",
    "775",
    "776",
    "777",
    "778",
    "785",
]

KINDS = {
    "foreigners": ("intl", "+4479110[field1]", ""),
    "roamers": ("intl", ROAMER, ""),
    "fixed lines on a domestic trunk": ("domestic", FIXED, ""),
    "fixed lines on a trunk of unknown direction": ("unknown", FIXED, ""),
    "fixed lines forwarded late by a roamer": (
        "intl",
        FIXED,
        f"Diversion: <sip:{ROAMER}@203.0.113.9;user=phone>\\x3breason=no-answer",
    ),
}

SCENARIO = """<?xml version="1.0" encoding="US-ASCII"?>
<scenario name="honest">
<send><![CDATA[
INVITE sip:+77011234567@127.0.0.1;user=phone SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number];rport
Max-Forwards: 68
From: <sip:{caller}@203.0.113.9;user=phone>;tag=[pid][call_number]
To: <sip:+77011234567@127.0.0.1;user=phone>
Call-ID: [call_id]
CSeq: 1 INVITE
{extra}Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<recv response="302" timeout="5000"/>
<send><![CDATA[
ACK sip:+77011234567@127.0.0.1;user=phone SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number];rport
Max-Forwards: 68
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
</scenario>
"""


def drive(kind: str, gate: Gate, folder: Path) -> tuple[str, int, str]:
    """Send CALLS_EACH calls of one kind; SIPp ends with 0 only if every one of them got its 302."""
    trunk, caller, extra = KINDS[kind]
    work = folder / kind.replace(" ", "-")
    work.mkdir()
    (work / "s.xml").write_text(SCENARIO.format(caller=caller, extra=f"{extra}\n" if extra else ""))
    (work / "n.csv").write_text(
        "SEQUENTIAL\n" + "".join(f"{CODES[n % len(CODES)]};{n:04d};\n" for n in range(CALLS_EACH))
    )
    source = SOURCES[trunk]
    done = subprocess.run(
        ["sipp", f"127.0.0.1:{gate.port}", "-sf", "s.xml", "-inf", "n.csv", "-m", str(CALLS_EACH), "-r", "800", "-l", "200",
         "-i", source, "-p", str(free_port(source)), "-nr", "-default_behaviors", "abortunexp", "-nostdin", "-timeout", "60s",
         "-timeout_error", "-trace_err", "-error_file", "errors.log", "-skip_rlimit"],
        cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    errors = work / "errors.log"
    return kind, done.returncode, errors.read_text(errors="replace")[:3000] if errors.exists() else ""


@pytest.mark.peers("sipp")
def test_twenty_thousand_honest_calls_by_sipp_and_not_one_is_stopped(enforcing_gate: Gate, tmp_path: Path) -> None:
    with ThreadPoolExecutor(len(KINDS)) as pool:
        ended = list(pool.map(lambda kind: drive(kind, enforcing_gate, tmp_path), KINDS))
    assert enforcing_gate.stop() == 0
    assert [(kind, code, errors) for kind, code, errors in ended if code != 0] == []
    rows = journal_rows(tmp_path / "data")
    assert len(rows) == CALLS_EACH * len(KINDS)
    assert len({row["call_id"] for row in rows}) == len(rows)
    assert {row["verdict"] for row in rows} == {"pass"}


@pytest.mark.peers("cc")
def test_a_hundred_thousand_honest_calls_at_full_speed_and_not_one_is_stopped(tmp_path: Path) -> None:
    figures = honest.run(tmp_path, 100_000)
    wrong = tmp_path / "wrong.txt"
    assert (figures["answered"], figures["rows"]) == (100_000, 100_000), figures
    assert (figures["wrong"], figures["stopped"], figures["lost"]) == (0, 0, 0), wrong.read_text(errors="replace")[
        :4000
    ]


@pytest.mark.nightly
@pytest.mark.peers("cc")
def test_a_million_honest_calls_and_not_one_is_stopped(tmp_path: Path) -> None:
    figures = honest.run(tmp_path, 1_000_000)
    assert (figures["answered"], figures["rows"], figures["wrong"], figures["stopped"]) == (1_000_000, 1_000_000, 0, 0)
