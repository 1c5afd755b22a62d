"""Fuzz the SIP room: `python fuzz/fuzz_message.py -max_total_time=600`.

Any bytes either parse or are Unreadable; every answer is clean lines; rendering is a fixed point; a stream never raises.
Seeds: the RFC 4475 messages, where no corpus directory is named.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tosqauyl.sip"]):
    from tosqauyl.sip import headers
    from tosqauyl.sip.answer import answer, destination
    from tosqauyl.sip.framing import Parser
    from tosqauyl.sip.message import Request, Unreadable, parse
    from tosqauyl.sip.render import render
    from tosqauyl.sip.uri import parse_uri, render_uri, telephone

SEEDS = Path(__file__).parent.parent / "tests" / "corpora" / "sip" / "rfc4475"
SOURCE = ("192.0.2.1", 5060)


def check_request(request: Request) -> None:
    """What must hold of every request, whatever its fault."""
    head, blank, body = answer(request, 400, "Bad Request", SOURCE, "tag").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (blank, body) == (b"\r\n\r\n", b"")
    assert len(lines) == 6 + len(request.via)
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert destination(request, SOURCE)[0] == SOURCE[0]
    assert request.fault is None or request.fault.kind in ("malformed", "version", "scheme", "too_long")
    for name in ("p-asserted-identity", "remote-party-id", "privacy"):
        values = request.fields.get(name, [])
        headers.asserted(values)
        headers.remote_party(values)
        headers.privacy(values)
    headers.redirecting(request)
    telephone(request.uri)
    uri = parse_uri(request.uri)
    if uri is not None and uri.scheme in ("sip", "sips", "tel"):
        assert parse_uri(render_uri(uri)) is not None


def one(data: bytes) -> None:
    """One input."""
    message = parse(data)
    if isinstance(message, Request):
        check_request(message)
    if not isinstance(message, Unreadable) and getattr(message, "fault", None) is None:
        first = render(message)
        again = parse(first)
        assert not isinstance(again, Unreadable), first
        assert render(again) == first
    half = len(data) // 2
    stream, whole = Parser(), Parser()
    pieces = stream.feed(data[:half]) + stream.feed(data[half:])
    assert [type(piece) for piece in pieces] == [type(message) for message in whole.feed(data)]


if __name__ == "__main__":
    arguments = sys.argv
    if all(argument.startswith("-") for argument in sys.argv[1:]):
        # libFuzzer writes what it finds into the first directory: never into our seeds
        arguments = [*sys.argv, tempfile.mkdtemp(prefix="fuzz-message-"), str(SEEDS)]
    atheris.Setup(arguments, one)
    atheris.Fuzz()
