"""Turn a case into a SIPp scenario and run it: SIPp sends, SIPp asserts status and header, the log says what was seen.

One scenario and one SIPp run a case (0.1 s each): a failing case is then named by pytest and its whole exchange shown.
"""

import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from peer_corpus import Case
from server import free_port

SIPP = shutil.which("sipp")
SILENCE_MS = 350  # how long a case that must stay unanswered listens; an answer takes under 5 ms, a 100 Trying 200 ms
ANSWER_MS = 5000  # the slowest scripted home network answers within 1.5 s
CANNOT_BIND = 254  # SIPp's exit code
T1_MS = 500  # RFC 3261 17.2.1: first retransmission of a final answer


@dataclass(frozen=True)
class Outcome:
    """How a SIPp run ended: exit code, its errors, what was sent and received in order, the Call-ID used."""

    code: int
    errors: str
    sent: list[str]
    received: list[str]
    call_id: str

    def __str__(self) -> str:
        exchange = "\n".join(["--- sent", *self.sent, "--- received", *self.received])
        return f"SIPp ended with {self.code}\n{self.errors}\n{exchange}"


def run(case: Case, port: int, folder: Path, *, limit: float = 20.0) -> Outcome:
    """Run one case against 127.0.0.1:`port`: the gate, or the Kamailio before it."""
    work = folder / case.id
    work.mkdir(parents=True, exist_ok=True)
    scenario = work / "scenario.xml"
    scenario.write_text(render(case), encoding="ascii")
    count = len(case.calls) or 1
    call_ids = f"%u-{case.id}@peer.invalid" if case.calls else f"{case.id}@peer.invalid"  # %u: SIPp counts its calls
    if case.calls:
        (work / NUMBERS).write_text(numbers(case), encoding="ascii")
    command = [
        SIPP or "sipp", f"127.0.0.1:{port}", "-sf", str(scenario), "-m", str(count), "-i", case.source,
        "-t", "t1" if case.way == "tcp" else "u1", "-p", str(_free_port(case)), "-nr", "-default_behaviors", "abortunexp", "-nostdin", "-cid_str", call_ids,
        "-skip_rlimit", "-timeout", f"{limit:.0f}s", "-timeout_error", "-trace_err", "-error_file", str(work / "errors.log"),
        "-trace_msg", "-message_file", str(work / "messages.log"),
        *(["-inf", NUMBERS, "-l", "1", "-r", "1000"] if case.calls else []),
    ]  # fmt: skip
    for _ in range(3):  # a port that was free a moment ago may be taken by a run next to this one
        ended = _once(command, work, limit)
        if ended.returncode != CANNOT_BIND:
            break
        command[command.index("-p") + 1] = str(_free_port(case))
    errors = work / "errors.log"
    sent, received = read_log(work / "messages.log")
    return Outcome(
        ended.returncode,
        (errors.read_text(errors="replace") if errors.exists() else "") + ended.stderr.decode(errors="replace"),
        sent,
        received,
        call_ids.replace("%u", str(count)),
    )


def _free_port(case: Case) -> int:
    return free_port(case.source, socket.SOCK_STREAM if case.way == "tcp" else socket.SOCK_DGRAM)


def _once(command: list[str], work: Path, limit: float) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit + 10, check=False
    )


def read_log(path: Path) -> tuple[list[str], list[str]]:
    """Sent and received messages of a SIPp message log."""
    sent: list[str] = []
    received: list[str] = []
    if not path.exists():
        return sent, received
    parts = re.split(r"-{20,} \d{4}-\d\d-\d\d[^\n]*\n", path.read_bytes().decode("utf-8", "surrogateescape"))
    for part in parts[1:]:
        head, _, text = part.partition("\n\n")
        (sent if "message sent" in head else received).append(text.rstrip("\n") + "\n")
    return sent, received


# -- scenario text ----------------------------------------------------------------------------------------------------


def render(case: Case) -> str:
    """The SIPp scenario of a case."""
    head = f'<?xml version="1.0" encoding="US-ASCII"?>\n<scenario name={quoteattr(case.id)}>\n'
    return f"{head}{_steps(case)}</scenario>\n"


NUMBERS = "numbers.csv"


def _steps(case: Case) -> str:
    """The case's own flow; for the calls before it, which NUMBERS names, a plain call that passes."""
    own = FLOWS[case.flow](case)
    if len(case.calls) < 2:
        return own
    pause = f'<pause milliseconds="{case.every * 1000:.0f}"/>\n' if case.every else ""
    return (
        '<nop><action><assignstr assign_to="turn" value="[field0]"/><strcmp assign_to="other" variable="turn" value="case"/>'
        '<test assign_to="before" variable="other" compare="not_equal" value="0"/></action></nop>\n'
        f'<nop next="before" test="before"/>\n{own}<nop next="end"/>\n<label id="before"/>\n'
        f'{_call(replace(case, status=302, answer=()))}{pause}<label id="end"/>\n<nop/>\n'
    )


def numbers(case: Case) -> str:
    """What NUMBERS holds, SIPp's injection file: for each call of the case which it is, who calls and whom."""
    turns = [*("before" for _ in case.calls[:-1]), "case"]
    lines = [f"{turn};{caller};{called};" for turn, (caller, called) in zip(turns, case.calls, strict=True)]
    return "\n".join(["SEQUENTIAL", *lines, ""])


def _escape(text: str) -> str:
    r"""SIPp text: \xNN for what SIPp or XML would change (brackets, backslashes, blanks at a line's ends, non-ASCII)."""
    out = []
    for line in text.encode("utf-8", "surrogateescape").split(b"\n"):
        inner = line.strip(b" \t")
        lead, tail = line[: len(line) - len(line.lstrip(b" \t"))], line[len(line.rstrip(b" \t")) :] if inner else b""
        coded = "".join(f"\\x{byte:02x}" for byte in lead)
        coded += "".join(chr(b) if 32 <= b < 127 and chr(b) not in "[]\\<&>" else f"\\x{b:02x}" for b in inner)
        out.append(coded + "".join(f"\\x{byte:02x}" for byte in tail))
    return "\n".join(out)


def _fill(case: Case, text: str) -> str:
    id = f"{case.id}-[call_number]" if case.calls else case.id
    known = {
        "{branch}": f"z9hG4bK-{id}", "{tag}": f"t{id}", "{local}": "[local_ip]:[local_port]",
        "{caller}": "[field1]", "{called}": "[field2]", "{ip}": "[local_ip]", "{port}": "[local_port]", "{call_id}": "[call_id]",
    }  # fmt: skip
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def _send(case: Case, text: str) -> str:
    return f"<send><![CDATA[\n{_fill(case, _escape(text))}\n]]></send>\n"


def _expect(case: Case) -> str:
    """Receive the final answer and check every expression of the case."""
    checks = []
    for place, pattern in enumerate(case.answer, 1):
        word = "check_it_inverse" if pattern.startswith("!") else "check_it"
        regexp = quoteattr(pattern.removeprefix("!"))
        checks.append(f'<ereg regexp={regexp} search_in="msg" {word}="true" assign_to="v{place}"/>')
    names = ",".join(f"v{place}" for place in range(1, len(case.answer) + 1))
    use = f'<Reference variables="{names}"/>\n' if names else ""
    action = f"<action>{''.join(checks)}</action>" if checks else ""
    return f'<recv response="{case.status}" timeout="{ANSWER_MS}">{action}</recv>\n{use}'


def _silence(milliseconds: int = SILENCE_MS, label: str = "over") -> str:
    """Anything that arrives now is an unexpected message and fails the call (<nop/>: a label at the very end would fail it too)."""
    return f'<recv response="699" timeout="{milliseconds}" ontimeout="{label}"/>\n<label id="{label}"/>\n<nop/>\n'


def _line(case: Case, *names: str) -> str:
    found = re.findall(rf"(?mi)^((?:{'|'.join(names)})\s*:.*(?:\n[ \t].*)*)", case.text)
    return str(found[0])


def _request(case: Case, method: str, *, to: str = "", extra: str = "", branch: str = "") -> str:
    """An ACK or CANCEL for the case's INVITE: same top Via, From, Call-ID and CSeq number (RFC 3261 9.1, 17.1.1.3)."""
    target = case.text.split(" ", 2)[1]
    number = re.sub(r"(?i).*?(\d+)\s+INVITE.*", r"\1", _line(case, "cseq"), flags=re.S)
    via = _line(case, "via", "v")
    if branch:
        via = via.replace("{branch}", branch)
    lines = [
        f"{method} {target} SIP/2.0", via, "Max-Forwards: 68", _line(case, "from", "f"), to or _line(case, "to", "t"),
        _line(case, "call-id", "i"), f"CSeq: {number} {method}", *([extra] if extra else []), "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _ack(case: Case) -> str:
    return _send(case, _request(case, "ACK", to="{last_to}")).replace("{last_to}", "[last_To:]")


def _call(case: Case) -> str:
    return _send(case, case.text) + _expect(case) + _ack(case)


def _plain(case: Case) -> str:
    """A request that is no INVITE: its answer has no ACK."""
    return _send(case, case.text) + _expect(case)


def _silent(case: Case) -> str:
    return _send(case, case.text) + _silence()


def _retransmit(case: Case) -> str:
    """The answer got lost: the client sends the same INVITE twice more."""
    again = _send(case, case.text) + f'<recv response="{case.status}" timeout="{ANSWER_MS}"/>\n'
    return _send(case, case.text) + _expect(case) + again + again + _ack(case)


def _retransmit_after_ack(case: Case) -> str:
    """A late copy of the INVITE arrives after the ACK; RFC 3261 17.2.1 absorbs it in Confirmed."""
    return _call(case) + _send(case, case.text) + _silence()


def _ack_twice(case: Case) -> str:
    return _call(case) + _ack(case) + _silence()


def _ack_alone(case: Case) -> str:
    """An ACK for a call nobody knows is absorbed."""
    return _send(case, _request(case, "ACK")) + _silence()


def _cancel_late(case: Case) -> str:
    """The final answer left before the CANCEL arrived: 200 for the CANCEL, and no second answer to the INVITE."""
    return _call(case) + _send(case, _request(case, "CANCEL")) + '<recv response="200"/>\n' + _silence()


def _cancel_unknown(case: Case) -> str:
    return _send(case, _request(case, "CANCEL", branch="{branch}-never-seen")) + _expect(case)


def _cancel_open(case: Case) -> str:
    """The home network is still being asked: 100, CANCEL, 200 for the CANCEL, 487 for the INVITE."""
    trying = '<recv response="100" timeout="1000"/>\n'
    return (
        _send(case, case.text)
        + trying
        + _send(case, _request(case, "CANCEL"))
        + '<recv response="200"/>\n'
        + _expect(case)
        + _ack(case)
        + _silence(900)
    )


def _trying(case: Case) -> str:
    """A slow answer: 100 after 200 ms, and then the final answer again after 500 ms and 1 s more, until the ACK."""
    trying = f'{_silence_then(120)}<recv response="100" timeout="400"/>\n'
    waits = (T1_MS + 200, 2 * T1_MS + 250)
    again = "".join(f'<recv response="{case.status}" timeout="{wait}"/>\n' for wait in waits)
    return _send(case, case.text) + trying + _expect(case) + again + _ack(case) + _silence(2300)


def _trying_once(case: Case) -> str:
    """A slow answer over a stream: 100, the final answer, and nothing more: nothing gets lost (RFC 3261 17.2.1)."""
    trying = f'{_silence_then(120)}<recv response="100" timeout="400"/>\n'
    return _send(case, case.text) + trying + _expect(case) + _silence(1500, "quiet") + _ack(case) + _silence()


def _silence_then(milliseconds: int) -> str:
    """Nothing may arrive in the next milliseconds; what comes later is read by the next step."""
    return f'<recv response="699" timeout="{milliseconds}" ontimeout="early"/>\n<label id="early"/>\n'


def _prompt(case: Case) -> str:
    """The client never acknowledges, and no 100 was sent: the final answer is not repeated by a timer (decision in docs)."""
    return _send(case, case.text) + _expect(case) + _silence(800)


FLOWS = {
    "call": _call,
    "plain": _plain,
    "silent": _silent,
    "retransmit": _retransmit,
    "retransmit-after-ack": _retransmit_after_ack,
    "ack-twice": _ack_twice,
    "ack-alone": _ack_alone,
    "cancel-late": _cancel_late,
    "cancel-unknown": _cancel_unknown,
    "cancel-open": _cancel_open,
    "trying": _trying,
    "trying-once": _trying_once,
    "prompt": _prompt,
}
"""How an exchange runs, by the name that the corpus uses."""
