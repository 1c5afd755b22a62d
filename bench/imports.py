"""How fast calls are imported: a file of a million rows of each kind, made and timed. `python bench/imports.py [--rows N]`.

Numbers and times are drawn from a seed; half of the calls are answered. What is timed is the whole import, from opening the file
to the last commit, on all cores; the promise is 1,000,000 rows of CSV in at most 30 s.
"""

import argparse
import json
import random
import resource
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tosqauyl.ledger.imports.mapping import load_mapping
from tosqauyl.ledger.imports.run import Importer, Options
from tosqauyl.ledger.store import Store

START = 1_735_700_000
MAPPING = """
[file]
delimiter = ";"
[calls]
at = "time"
network = "asserted"
presented = "calling"
called = "called"
trunk = "trunk"
display_name = "name"
[outcomes]
call_id = "id"
answered = "answered"
duration = "seconds"
sip_code = "code"
[constants]
direction = "international"
"""

Row = tuple[int, str, str, int, int]
"""Number of the row, caller, called, start, seconds."""


def rows(count: int) -> Iterator[Row]:
    """Calls: a third of the callers Kazakh, the others from four countries."""
    dice = random.Random(42)
    heads = ("+7701", "+7717", "+4420", "+9987", "+8613", "+3725")
    for number in range(count):
        head = heads[dice.randrange(6)]
        caller = f"{head}{dice.randrange(10**7):07d}"
        seconds = dice.randrange(1, 600) if dice.random() < 0.5 else 0
        yield number, caller, f"+7702{dice.randrange(10**7):07d}", START + number // 10, seconds


def stamp(at: int) -> str:
    """A time as switches write it, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def csv(out: BinaryIO, count: int) -> None:
    """A plain CSV file for MAPPING."""
    out.write(b"time;id;asserted;calling;called;trunk;name;answered;seconds;code\n")
    for number, caller, called, at, seconds in rows(count):
        answered = "yes" if seconds else "no"
        code = 200 if seconds else 486
        out.write(
            f"{stamp(at)};c{number}@bench;{caller};{caller};{called};t{number % 5};"
            f"A{number % 99};{answered};{seconds};{code}\n".encode()
        )


def asterisk(out: BinaryIO, count: int) -> None:
    """Master.csv of Asterisk's cdr_csv."""
    for number, caller, called, at, seconds in rows(count):
        answer, end = (stamp(at + 5), stamp(at + 5 + seconds)) if seconds else ("", stamp(at + 30))
        disposition = "ANSWERED" if seconds else "NO ANSWER"
        out.write(
            f'"","{caller}","{called}","border","""A {number % 99}"" <{caller}>","PJSIP/carrier{number % 5}-{number:08x}",'
            f'"PJSIP/core-{number:08x}",'
            f'"Dial","PJSIP/{called}@core","{stamp(at)}","{answer}","{end}",{seconds + 5},{seconds},"{disposition}",'
            f'"DOCUMENTATION",'
            f'"{at}.{number}",""\n'.encode()
        )


def freeswitch(out: BinaryIO, count: int) -> None:
    """Master.csv of FreeSWITCH's default template."""
    for number, caller, called, at, seconds in rows(count):
        answer, end = (stamp(at + 5), stamp(at + 5 + seconds)) if seconds else ("", stamp(at + 30))
        cause = "NORMAL_CLEARING" if seconds else "NO_ANSWER"
        out.write(
            f'"A {number % 99}","{caller}","{called}","public","{stamp(at)}","{answer}","{end}","{seconds + 5}","{seconds}",'
            f'"{cause}","{number:032x}","","","PCMA","PCMA"\n'.encode()
        )


def kamailio(out: BinaryIO, count: int) -> None:
    """A syslog with Kamailio's acc lines, an INVITE and a BYE for each call."""
    for number, caller, called, at, seconds in rows(count // 2):
        for method, when in (("INVITE", at), ("BYE", at + seconds)):
            out.write(
                f"Jan  1 10:00:00 sbc kamailio[7]: NOTICE: acc [acc.c:287]: acc_log_request(): ACC: "
                f"transaction answered: timestamp={when};method={method};from_tag=f{number};to_tag=t{number};"
                f"call_id=c{number}@bench;code=200;reason=OK;src_user={caller};"
                f"src_domain=a.example;src_ip=192.0.2.7;dst_ouser={called};dst_user={called};dst_domain=b.example\n".encode()
            )


def radius(out: BinaryIO, count: int) -> None:
    """A detail file of FreeRADIUS."""
    for number, caller, called, at, seconds in rows(count):
        out.write(
            f"{datetime.fromtimestamp(at, UTC):%a %b %d %H:%M:%S %Y}\n\tAcct-Status-Type = Stop\n\tService-Type = Sip-Session\n"
            f'\tSip-Response-Code = 200\n\tSip-Method = Bye\n\tUser-Name = "{caller}@a.example"\n'
            f'\tCalling-Station-Id = "sip:{caller}@a.example"\n'
            f'\tCalled-Station-Id = "sip:{called}@b.example"\n\tAcct-Session-Id = "c{number}@bench"\n'
            f"\tAcct-Session-Time = {seconds}\n"
            f"\tNAS-IP-Address = 192.0.2.7\n\tAcct-Delay-Time = 0\n"
            f'\tEvent-Timestamp = "Jan  1 2025 10:00:00 +05"\n\tTimestamp = {at}\n\n'.encode()
        )


def sip(number: int, caller: str, called: str) -> tuple[bytes, ...]:
    """INVITE, 486 and ACK of a call that is refused: what a capture holds most of."""
    ids = (
        f"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{number}\r\nFrom: <sip:{caller}@a.example>;tag=f{number}\r\n"
        f"To: <sip:{called}@b.example>{{}}\r\nCall-ID: c{number}@bench\r\nCSeq: 1 {{}}\r\nContent-Length: 0\r\n\r\n"
    )
    invite = f"INVITE sip:{called}@b.example SIP/2.0\r\nMax-Forwards: 70\r\n" + ids.format("", "INVITE")
    busy = "SIP/2.0 486 Busy Here\r\n" + ids.format(";tag=t", "INVITE")
    ack = f"ACK sip:{called}@b.example SIP/2.0\r\nMax-Forwards: 70\r\n" + ids.format(";tag=t", "ACK")
    return tuple(text.encode() for text in (invite, busy, ack))


def pcap(out: BinaryIO, count: int) -> None:
    """A capture of raw IP packets, three a call."""
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    for number, caller, called, at, _ in rows(count // 3):
        for data in sip(number, caller, called):
            udp = struct.pack(">HHHH", 5060, 5060, 8 + len(data), 0) + data
            ip = (
                struct.pack(">BBHHHBBH4s4s", 69, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\xc0\0\2\7", b"\xc0\0\2\x08")
                + udp
            )
            out.write(struct.pack("<IIII", at, 0, len(ip), len(ip)) + ip)


def hep(out: BinaryIO, count: int) -> None:
    """HEP v3 packets one after another, three a call."""
    for number, caller, called, at, _ in rows(count // 3):
        for data in sip(number, caller, called):
            values = ((1, b"\2"), (2, b"\x11"), (3, b"\xc0\0\2\7"), (4, b"\xc0\0\2\x08"), (7, b"\x13\xc4"), (8, b"\x13\xc4"),
                      (9, struct.pack(">I", at)), (10, b"\0\0\0\0"), (11, b"\1"), (12, b"\0\0\0\1"), (15, data))  # fmt: skip
            chunks = b"".join(struct.pack(">HHH", 0, kind, 6 + len(value)) + value for kind, value in values)
            out.write(b"HEP3" + struct.pack(">H", 6 + len(chunks)) + chunks)


MAKERS: dict[str, Callable[[BinaryIO, int], None]] = {
    "csv": csv, "asterisk": asterisk, "freeswitch": freeswitch, "kamailio": kamailio, "radius": radius, "pcap": pcap, "hep": hep,
}  # fmt: skip


def run(kind: str, count: int, folder: Path) -> dict[str, object]:
    """Make the file, import it, and say how it went. Rows of captures are packets."""
    path = folder / f"{kind}.bench"
    with path.open("wb") as out:
        MAKERS[kind](out, count)
    mapping = load_mapping(MAPPING, "bench.toml") if kind == "csv" else None
    constants = {} if kind == "csv" else {"direction": "international"}
    began = time.perf_counter()
    importer = Importer(Store(folder / f"ledger-{kind}"), Options(kind=kind, mapping=mapping, constants=constants))
    done = importer.take(path)
    importer.close()
    seconds = time.perf_counter() - began
    size = path.stat().st_size
    path.unlink()
    return {
        "kind": kind, "rows": done.rows, "calls": done.calls, "outcomes": done.outcomes, "rejected": done.rejected,
        "mb": round(size / 1e6), "seconds": round(seconds, 1), "rows_per_s": round(done.rows / seconds),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def main() -> None:
    """Print one line of JSON a kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=list(MAKERS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for kind in [options.only] if options.only else MAKERS:
            print(json.dumps(run(kind, options.rows, Path(name))), flush=True)


if __name__ == "__main__":
    main()
