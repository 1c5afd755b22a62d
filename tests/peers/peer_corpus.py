"""Read the gate's corpora: tests/corpora/gate/*.csv (calls, one line a case) and messages.toml (SIP texts as they are)."""

import csv
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from peer_rates import described

FOLDER = Path(__file__).resolve().parent.parent / "corpora" / "gate"
HOST = "203.0.113.9"
USUAL_CALLED = "+77011234567"

# The source address of each trunk: the gate knows a trunk by it (tests/corpora/gate/trunks.toml).
SOURCES = {
    "intl": "127.0.0.2",
    "domestic": "127.0.0.3",
    "ranges": "127.0.0.4",
    "unknown": "127.0.0.5",
    "untrusted": "127.0.0.6",
    "none": "127.0.0.7",
    "pass-404": "127.0.0.8",
    "pass-503": "127.0.0.9",
    "stop-607": "127.0.0.10",
    "stop-608": "127.0.0.11",
    "stop-603plus": "127.0.0.12",
    "next-hop": "127.0.0.13",
    "no-hop": "127.0.0.14",
    "tgrp": "127.0.0.15",
    "header": "127.0.0.16",
    "from-first": "127.0.0.17",
    "rpid-only": "127.0.0.18",
    "intl-ranges": "127.0.0.19",
}


@dataclass(frozen=True)
class Case:
    """One case: a request, who sends it in which way, and everything that must be true of what comes back.

    text: the request with {placeholders}. flow: how the exchange runs (peer_sipp.FLOWS). status: of the final answer, 0 for
    silence. answer: regular expressions the answer must match ('!' before one: must not). journal: columns of the one
    row this call must have; {"rows": "0"} when it must have none. way: how the case reaches the gate, see WAYS.
    calls: where calls go before the case (rates.csv), (caller, called) of each, the case's own last; every: seconds between
    two of them. rules: all that the case must hit; 'id?' may be hit; None where nobody asks.
    """

    id: str
    shows: str
    gate: str
    trunk: str
    text: str
    flow: str
    status: int
    answer: tuple[str, ...] = ()
    journal: dict[str, str] = field(default_factory=dict)
    file: str = ""
    way: str = "udp"
    calls: tuple[tuple[str, str], ...] = ()
    every: float = 0.0
    rules: tuple[str, ...] | None = None

    @property
    def source(self) -> str:
        """The IP address the case is sent from."""
        return SOURCES[self.trunk]

    def __str__(self) -> str:
        return self.id


WAYS = ("udp", "tcp", "tls", "mutual-tls")
"""Plain ways are SIPp itself; over TLS a Kamailio stands between SIPp and the gate (Debian's SIPp has no TLS)."""


def cases_over(way: str) -> list[Case]:
    """The same cases another way. streams.toml says which differ there, which cannot be sent so, and why."""
    rows = tomllib.loads((FOLDER / "streams.toml").read_text("utf-8"))["difference"]
    differs = {row["id"]: row for row in rows if way in row["ways"]}
    found = cases()
    unknown = {row["id"] for row in rows} - {case.id for case in found}
    assert not unknown, f"streams.toml names cases that do not exist: {sorted(unknown)}"
    return [
        _over(case, way, differs.get(case.id, {})) for case in found if not differs.get(case.id, {}).get("left_out")
    ]


def _over(case: Case, way: str, row: dict[str, object]) -> Case:
    changes = {
        name: tuple(row[name]) if name == "answer" else row[name]
        for name in ("status", "flow", "answer")
        if name in row
    }  # type: ignore[arg-type]
    if "journal" in row:
        changes["journal"] = _pairs(str(row["journal"]))
    case = replace(case, way=way, **changes)  # type: ignore[arg-type]
    if way != "tcp":
        return case
    answer = tuple(one.replace("SIP/2.0/UDP 127", "SIP/2.0/TCP 127") for one in case.answer)
    return replace(case, text=case.text.replace("SIP/2.0/UDP {local}", "SIP/2.0/TCP {local}"), answer=answer)


def cases() -> list[Case]:
    """Every case of every file; ids are unique."""
    found = [case for path in sorted(FOLDER.glob("*.csv")) for case in _read_calls(path)]
    found += [case for path in sorted(FOLDER.glob("messages*.toml")) for case in _read_messages(path)]
    ids = [case.id for case in found]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    assert not twice, f"case ids are used twice: {twice}"
    return found


def _read_calls(path: Path) -> list[Case]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [_call(row, path) for row in rows]


def _call(row: dict[str, str], path: Path) -> Case:
    told = dict.fromkeys(HEADERS, "") | {name: (value or "").strip() for name, value in row.items()}
    calls = described(told) if "before" in told else ()
    if calls:
        told |= {"from": "{caller}", "uri": "{called}"}
    return Case(
        id=told["id"],
        shows=told["shows"],
        gate=told["gate"],
        trunk=told["trunk"],
        text=invite(told),
        flow=told["flow"] or "call",
        status=int(told["status"]),
        answer=_split(told["answer"], "&&"),
        journal=_pairs(told["journal"]),
        file=path.name,
        calls=calls,
        every=float(told.get("every") or 0),
        rules=tuple(told["rules"].split()) if "rules" in told else None,
    )


def _read_messages(path: Path) -> list[Case]:
    rows = tomllib.loads(path.read_text("utf-8"))["message"]
    return [
        Case(
            id=row["id"],
            shows=row["shows"],
            gate=row.get("gate", "enforce"),
            trunk=row.get("trunk", "intl"),
            text=row["text"].lstrip("\n"),
            flow=row.get("flow", "call"),
            status=row["status"],
            answer=tuple(row.get("answer", ())),
            journal=_pairs(row.get("journal", "")),
            file=path.name,
        )
        for row in rows
    ]


HEADERS = ("display", "pai", "rpid", "forwarded", "privacy", "other")
"""Columns that a file without them leaves empty."""


def invite(told: dict[str, str]) -> str:
    """The INVITE of a CSV row: the columns in place, everything else as a border SBC writes it."""
    uri = _uri(told["uri"] or USUAL_CALLED)
    shown = _address(told["from"])
    if told["display"]:
        shown = f"{_display(told['display'])} {shown}"
    lines = [
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP {local};branch={branch};rport",
        "Max-Forwards: 68",
        f"From: {shown};tag={{tag}}",
        f"To: <{uri}>",
        "Call-ID: {call_id}",
        "CSeq: 1 INVITE",
        "Contact: <sip:{local}>",
    ]
    lines += [f"P-Asserted-Identity: {_address(one)}" for one in _split(told["pai"], "|")]
    lines += [f"Remote-Party-ID: {_address(one)};party=calling;screen=yes" for one in _split(told["rpid"], "|")]
    lines += [_forwarded(one) for one in _split(told["forwarded"], "|")]
    if told["privacy"]:
        lines.append(f"Privacy: {told['privacy']}")
    lines += _split(told["other"], "|")
    return "\n".join([*lines, "Content-Length: 0", "", ""])


def _uri(text: str) -> str:
    return text if ":" in text else f"sip:{text}@127.0.0.1;user=phone"


def _address(text: str) -> str:
    """A number stands for the usual name-addr with it; what has a scheme or brackets is taken as it is."""
    return text if ":" in text else f"<sip:{text}@{HOST};user=phone>"


def _display(text: str) -> str:
    """Quoted, unless the corpus quotes it itself or writes it as a bare token with ~ before it."""
    if text.startswith("~"):
        return text[1:]
    return text if text.startswith('"') else f'"{text}"'


def _forwarded(text: str) -> str:
    """'+7701... no-answer' is a Diversion; a whole header line is taken as it is."""
    if ":" in text:
        return text
    number, _, reason = text.partition(" ")
    return f"Diversion: {_address(number)};reason={reason or 'unknown'};counter=1"


def _split(text: str, by: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(by) if part.strip())


def _pairs(text: str) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in _split(text, ";"))}
