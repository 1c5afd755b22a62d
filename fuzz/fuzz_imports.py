"""Fuzz what reads files of other systems: `python fuzz/fuzz_imports.py -max_total_time=600`.

The first byte of an input says what the rest is: a HEP packet or a file of them, a frame of a capture, a mapping, acc lines, a
RADIUS detail, JSON, XML, or CSV. Whatever it is, it comes to rows, rejects or mistakes; nothing else is raised.
Seeds: a packet and a line of each kind, where no corpus directory is named.
"""

import struct
from collections import Counter
from pathlib import Path

import atheris
from _start import start

with atheris.instrument_imports(include=["tosqauyl.ledger.imports", "tosqauyl.sip"]):
    from tosqauyl.errors import FileMistakes
    from tosqauyl.ledger.imports import hep, kamailio, radius, structured, table
    from tosqauyl.ledger.imports.lines import Block
    from tosqauyl.ledger.imports.mapping import Layout, load_mapping
    from tosqauyl.ledger.imports.packets import segment_of
    from tosqauyl.ledger.imports.sip_calls import CallTracker, Heard
    from tosqauyl.ledger.imports.streams import Streams
    from tosqauyl.sip.message import parse

LINKS = (1, 101, 0, 113, 276)
LAYOUT = Layout(header=False, columns=("a", "b", "c"))


def packet(data: bytes) -> None:
    """HEP, alone and in a file."""
    found = hep.unwrap(data)
    assert found is None or len(found.payload) <= hep.MOST_PAYLOAD
    packets, rest, lost = hep.split(data)
    assert sum(map(len, packets)) + len(rest) + lost == len(data)


def frame(data: bytes) -> None:
    """A frame, its TCP, and the dialog of what is SIP in it."""
    counts: Counter[str] = Counter()
    segment = segment_of(LINKS[data[0] % len(LINKS)] if data else 1, data[1:], counts)
    if segment is None:
        return
    messages = Streams(counts).take(segment) if segment.transport == "tcp" else [parse(segment.payload)]
    tracker = CallTracker(counts)
    for message in messages:
        tracker.take(Heard(1, 1.0, "", segment.transport, message))
    for call in tracker.rest():
        assert call.outcome[1] in ("yes", "no", "unknown")


def mapping(data: bytes) -> None:
    """A mapping, or mistakes with lines of the file."""
    text = data.decode("utf-8", "replace")
    told = []
    try:
        load_mapping(text, "fuzzed.toml")
    except FileMistakes as error:
        told = error.mistakes
    assert all(0 <= mistake.line <= text.count("\n") + 1 for mistake in told)


def block_of(data: bytes) -> Block:
    lines = data.splitlines(keepends=True) or [b"\n"]
    return Block(1, len(lines), "", lines, len(data))


def csv(data: bytes) -> None:
    """CSV: every row and reject has a line of the block."""
    block = block_of(b"".join(line + b"\n" for line in data.split(b"\n")))
    rows = table.read_rows(block, LAYOUT, LAYOUT.columns, LAYOUT.columns, 0)
    numbers = rows.table.column("line").to_pylist() + [one.line for one in rows.rejects]
    assert all(1 <= number <= block.last for number in numbers)


READERS = (
    packet,
    frame,
    mapping,
    csv,
    lambda data: kamailio.read_acc(block_of(data), "cp1251"),
    lambda data: radius.read_detail(block_of(data), "cp1251", ("Acct-Session-Id", "Called-Station-Id")),
    lambda data: structured.read_json(block_of(data), "cp1251"),
    lambda data: structured.read_xml(block_of(data), "cp1251"),
)


def one(data: bytes) -> None:
    """One input."""
    if data:
        READERS[data[0] % len(READERS)](data[1:])


def seeds(folder: Path) -> None:
    """One good input of each kind."""
    chunk = struct.pack(">HHH", 0, 15, 9) + b"SIP"
    inner = b'{"variables":{"sip_call_id":"c1"}}'
    good = (
        b"HEP3" + struct.pack(">H", 6 + len(chunk)) + chunk,
        b"\1" + bytes.fromhex("45000021000000004011000001020304050607081 3c413c4000d0000".replace(" ", "")) + b"SIP/2",
        b'[calls]\nat = "t"\ncalled = { column = ["a", "b"], pattern = "(x)" }\n',
        b'1,2,3\n"a ""b""",,\n',
        b"ACC: transaction answered: timestamp=1;method=INVITE;call_id=c;code=200;reason=OK\n",
        b'Sat Mar  1 05:01:07 2025\n\tAcct-Status-Type = Stop\n\tAcct-Session-Id = "c"\n\tTimestamp = 1\n\n',
        inner,
        b"<cdr><variables><a>b%20c</a></variables></cdr>",
    )
    for kind, data in enumerate(good):
        Path(folder, f"seed{kind}").write_bytes(bytes([kind]) + data)


if __name__ == "__main__":
    start(one, seeds)
