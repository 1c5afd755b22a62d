"""Fuzz one stream connection: `python fuzz/fuzz_stream.py -max_total_time=600`.

However the bytes are cut, the same messages come, in the same order, with the same end; nothing raises; what is kept never
exceeds one message and one read. The first bytes of an input say where the rest is cut.
Seeds: RFC 4475 messages behind each other, where no corpus directory is named.
"""

from pathlib import Path

import atheris
from _start import start

with atheris.instrument_imports(include=["tosqauyl.sip.framing", "tosqauyl.sip.message", "tosqauyl.gate.connection"]):
    from tosqauyl.gate.connection import PER_TURN, WRITE_BYTES, Connection, StreamOptions
    from tosqauyl.sip.framing import Parser
    from tosqauyl.sip.limits import MAX_DATAGRAM
    from tosqauyl.sip.message import Message, Request, Response, Unreadable

MESSAGES = Path(__file__).parent.parent / "tests" / "corpora" / "sip" / "rfc4475"
CUTS = 8


def meaning(message: Message) -> tuple[object, ...]:
    """What must be the same of a message."""
    if isinstance(message, Unreadable):
        return ("unreadable", message.fault.kind)
    if isinstance(message, Response):
        return ("response", message.status, message.fields, message.body)
    assert isinstance(message, Request)
    fault = message.fault and message.fault.kind
    return ("request", message.method, message.uri, message.fields, message.body, message.key, fault)


def pieces(cuts: bytes, data: bytes) -> list[bytes]:
    """The data in pieces whose lengths the cuts tell, over and over; 0 stands for the whole rest."""
    found, at, turn = [], 0, 0
    while at < len(data):
        length = cuts[turn % len(cuts)] or len(data)
        found.append(data[at : at + length])
        at, turn = at + length, turn + 1
    return found


def one(data: bytes) -> None:
    """One input."""
    cuts, stream = data[:CUTS] or b"\0", data[CUTS:]
    whole = Parser()
    expected = [meaning(message) for message in whole.feed(stream)]
    connection, got, now = Connection(StreamOptions(), 0.0), [], 0.0
    for piece in pieces(cuts, stream):
        messages = connection.receive(piece, now)
        while True:
            assert len(messages) <= PER_TURN
            got += [meaning(message) for message in messages]
            if not connection.pending:
                break
            messages = connection.more(now)
        now += 0.001
        assert len(connection._parser) <= MAX_DATAGRAM + len(piece)
        connection.sent(len(connection.unsent), now)
        assert len(connection.unsent) <= WRITE_BYTES
        connection.expire(now)
    assert got == expected, (got, expected)
    assert bool(connection.ending) == whole.broken
    assert connection.pings == whole.pings


def seeds(folder: Path) -> None:
    """Every message of RFC 4475 with the one after it, cut in three ways."""
    texts = [path.read_bytes() for path in sorted(MESSAGES.glob("*.dat"))]
    for place, (first, second) in enumerate(zip(texts, texts[1:] + texts[:1], strict=True)):
        cut = (b"\0" * CUTS, b"\1" * CUTS, bytes((3, 200, 1, 50, 7, 90, 2, 250)))[place % 3]
        Path(folder, f"seed{place}").write_bytes(cut + b"\r\n\r\n" + first + second)


if __name__ == "__main__":
    start(one, seeds)
