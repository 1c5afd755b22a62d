"""The doctor's test calls: OPTIONS, an honest INVITE and a spoofed one, sent to a running gate as an SBC would.

No phone rings: the answer is read, acknowledged and not followed. The numbers are nobody's: +44 7700 900xxx is kept for
drama by Ofcom (the United Kingdom's numbering plan), country code 210 is assigned to no country (ITU-T E.164).
"""

import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import NamedTuple

from tosqauyl.cli.doctor_checks import OK, SLOW_ANSWER, WARNING, WRONG, Finding
from tosqauyl.cli.doctor_trunks import AGENT, DOCTORS_HEADER
from tosqauyl.cli.traffic_client import Answer, read_answer, render_ack
from tosqauyl.gate.trunks import Entry, TrunkTable
from tosqauyl.screen.trunk import Trunk
from tosqauyl.texts import N_

HONEST, SPOOFED, CALLED = "+447700900123", "+2107700900", "+447700900124"
WAIT, RESEND = 2.0, 0.5
"""Seconds: how long an answer is waited for, and after which a datagram is sent once more."""
PASSED = (302, 404)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to send: transport udp, tcp or tls; source: the address to send from, '' for the system's choice."""

    transport: str
    host: str
    port: int
    source: str = ""


class Heard(NamedTuple):
    """A final answer: status, Reason, whether it has Retry-After, seconds it took."""

    status: int
    reason: str
    retry_after: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class CallsHeard:
    """What came of the calls to one listener. trunk: None where the configuration is not known."""

    listener: str
    trunk: Trunk | None
    honest: Heard | None
    spoofed: Heard | None


def way_in(entries: Iterable[Entry], listener: str, sources: Iterable[str]) -> tuple[str, Entry] | None:
    """The first of our addresses that a trunk admits, with the trunk to call on: the doctor's own, else an international
    one, whose rules matter most."""
    table = TrunkTable(entry for entry in entries if not entry.certificate)
    for source in sources:
        admitted = table.candidates(listener, source)
        if admitted:
            return source, max(admitted, key=_worth)
    return None


def _worth(entry: Entry) -> tuple[bool, bool]:
    return entry.header == DOCTORS_HEADER, entry.trunk.direction == "international"


def render(method: str, place: Place, local: tuple[str, int], caller: str, entry: Entry | None) -> bytes:
    """A request as the SBC of `entry` would send it; the trunk's header and trunk group are added where it has them."""
    here, there = _spelled(*local), _spelled(place.host, place.port)
    mark = token_hex(6)
    uri = f"sip:{CALLED}{_group(entry)}@{there};user=phone" if method == "INVITE" else f"sip:{there}"
    shown = f"<sip:{caller}@{here};user=phone>"
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{place.transport.upper()} {here};branch=z9hG4bK-doctor-{mark};rport",
        "Max-Forwards: 70",
        f"From: {shown};tag={mark}",
        f"To: <{uri}>",
        f"Call-ID: doctor-{mark}@{local[0]}",
        f"CSeq: 1 {method}",
        f"Contact: <sip:{here}>",
        f"User-Agent: {AGENT}",
    ]
    if method == "INVITE":
        lines.append(f"P-Asserted-Identity: {shown}")
    if entry and entry.header and not entry.header.lower().startswith("user-agent:"):
        lines.append(entry.header)
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def _group(entry: Entry | None) -> str:
    """The trunk group that a Request-URI must name to be of this trunk (RFC 4904)."""
    if entry is None:
        return ""
    wanted = (("tgrp", entry.tgrp), ("trunk-context", entry.trunk_context))
    return "".join(f";{name}={value}" for name, value in wanted if value)


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ask(place: Place, method: str, caller: str, entry: Entry | None) -> Heard | None:
    """Send one request and wait for its final answer; None where none comes. Never raises."""
    try:
        with _connected(place) as line:
            request = render(method, place, line.getsockname()[:2], caller, entry)
            began = time.monotonic()
            found = _exchange(line, request, place.transport == "udp")
            if found is None:
                return None
            if method == "INVITE":
                with suppress(OSError):
                    line.sendall(render_ack(request, found))
            retry = bool(found.first("retry-after"))
            return Heard(found.status, found.first("reason"), retry, time.monotonic() - began)
    except (OSError, ValueError):
        return None


def _connected(place: Place) -> socket.socket:
    source = (place.source, 0) if place.source else None
    if place.transport == "udp":
        line = socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_DGRAM)
        if source:
            line.bind(source)
        line.connect((place.host, place.port))
    else:
        line = socket.create_connection((place.host, place.port), WAIT, source)
    if place.transport == "tls":  # whose certificate it is does not matter here: nothing secret is said
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(line)
    return line


def _exchange(line: socket.socket, request: bytes, datagrams: bool) -> Answer | None:
    line.sendall(request)
    until, again = time.monotonic() + WAIT, time.monotonic() + RESEND
    data = b""
    while (left := until - time.monotonic()) > 0:
        line.settimeout(max(min(left, again - time.monotonic() if datagrams else left), 0.01))
        try:
            more = line.recv(65_535)
        except TimeoutError:
            if datagrams and time.monotonic() >= again:
                line.sendall(request)
                again = until
            continue
        if not more:
            return None
        data = more if datagrams else data + more
        while b"\r\n\r\n" in data:
            one, _, data = data.partition(b"\r\n\r\n")  # no answer of the gate has a body
            found = read_answer(one + b"\r\n\r\n")
            if found is not None and found.status >= 200:
                return found
    return None


def call(place: Place, listener: str, entry: Entry | None) -> CallsHeard:
    """Both test calls, one after the other."""
    honest, spoofed = (ask(place, "INVITE", number, entry) for number in (HONEST, SPOOFED))
    return CallsHeard(listener, entry.trunk if entry else None, honest, spoofed)


def check_answers(calls: CallsHeard, enforce: bool | None, shipped: bool) -> list[Finding]:
    """Whether the honest call passes and the spoofed one is stopped. enforce: what the configuration says, None where it
    is not known. shipped: whether the policy is the shipped one, so that the outcome is sure."""
    values: dict[str, object] = {"listener": calls.listener, "trunk": calls.trunk.id if calls.trunk else "?"}
    if calls.honest is None or calls.spoofed is None:
        mend = N_("see whether the gate runs and a trunk has the address this was sent from; strangers get no answer")
        return [Finding("answers", WRONG, N_("{listener}: no answer to a test call within 2 s"), mend, values)]
    found = [_honest(calls.honest, values)]
    if calls.honest.retry_after or calls.spoofed.retry_after:
        return found
    if calls.trunk and calls.trunk.direction != "international":
        mend = N_(
            "the rules about calls from abroad apply on international trunks; add the doctor's own (docs/doctor.md)"
        )
        what = N_("{listener}: a spoofed call could not be tried, trunk {trunk} is not international")
        return [*found, Finding("answers", WARNING, what, mend, values)]
    return [*found, _spoofed(calls.spoofed, enforce, shipped, values)]


def _honest(heard: Heard, values: dict[str, object]) -> Finding:
    values = values | {"status": heard.status, "reason": heard.reason, "ms": round(heard.seconds * 1000, 1)}
    if heard.retry_after:
        mend = N_("it is busy, or overload.source_calls_per_second is too low for this source; see its counters")
        return Finding("answers", WARNING, N_("{listener}: the gate says it is over its share (503)"), mend, values)
    if heard.status not in (*PASSED, 503):
        mend = N_("see with `tosqauyl calls` which rule it was; a rule that stops this call stops honest ones")
        return Finding("answers", WRONG, N_("{listener}: an honest call got {status} {reason}"), mend, values)
    if "would stop" in heard.reason:
        mend = N_("do not enforce before you know which rule it was: `tosqauyl calls`")
        return Finding("answers", WARNING, N_("{listener}: an honest call would be stopped: {reason}"), mend, values)
    if heard.seconds > SLOW_ANSWER:
        mend = N_("an idle gate takes under 2 ms: see what else runs on this machine, and whether it swaps")
        return Finding(
            "answers", WARNING, N_("{listener}: an honest call passed, but only after {ms} ms"), mend, values
        )
    return Finding("answers", OK, N_("{listener}: an honest call passed in {ms} ms ({status})"), "", values)


def _spoofed(heard: Heard, enforce: bool | None, shipped: bool, values: dict[str, object]) -> Finding:
    values = values | {"status": heard.status, "reason": heard.reason, "ms": round(heard.seconds * 1000, 1)}
    watched = "monitor:" in heard.reason
    if heard.status >= 600:
        if enforce is False:
            mend = N_("it runs with another configuration or with --enforce: restart it if that is not meant")
            what = N_("{listener}: a spoofed call was stopped, though this configuration says monitor mode")
            return Finding("answers", WARNING, what, mend, values)
        return Finding("answers", OK, N_("{listener}: a spoofed call was stopped in {ms} ms ({status})"), "", values)
    if watched and enforce:
        mend = N_("restart it: this configuration says enforce, and the gate runs in monitor mode")
        return Finding("answers", WRONG, N_("{listener}: a spoofed call passed ({reason})"), mend, values)
    if watched:
        return Finding("answers", OK, N_("{listener}: a spoofed call would be stopped (monitor mode)"), "", values)
    mend = N_("the number {number} is no country's: look at the trunk's direction and at the rule kz-unassigned")
    level = WRONG if shipped else WARNING
    return Finding("answers", level, N_("{listener}: a spoofed call passed"), mend, values | {"number": SPOOFED})
