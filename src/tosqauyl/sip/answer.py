"""Answers to requests: what is copied, what is added, and where they go (RFC 3261 8.2.6, 18.2; RFC 3581).

Nothing copied can hold a CR, LF or NUL: `parse` leaves none in a header value. `extra` and `phrase` are the caller's.
"""

from tosqauyl.sip.message import Request
from tosqauyl.sip.via import Via, split_host, via_parts

Address = tuple[str, int]
"""IP address as text and port."""


def answer(request: Request, status: int, phrase: str, source: Address, to_tag: str, extra: str = "") -> bytes:
    """The answer's bytes. extra: whole lines, each ending in CRLF. to_tag: added unless To has one or status is 100.

    The same arguments give the same bytes, so a retransmitted request gets the same answer (RFC 3261 17.2.1).
    """
    to = request.to
    if status != 100 and not request.to_has_tag:
        to = f"{to};tag={to_tag}"
    via = via_with_source(request, source)
    more = request.via
    if len(more) > 1:
        via = "\r\nVia: ".join((via, *more[1:]))
    return (
        f"SIP/2.0 {status} {phrase}\r\nVia: {via}\r\nFrom: {request.from_}\r\nTo: {to}\r\n"
        f"Call-ID: {request.call_id}\r\nCSeq: {request.cseq}\r\n{extra}Content-Length: 0\r\n\r\n"
    ).encode("utf-8", "surrogateescape")


def via_with_source(request: Request, source: Address) -> str:
    """The top Via with where the request really came from.

    rport asked: received and rport are both filled in (RFC 3581 4); else received only where sent-by names another
    host than the source (RFC 3261 18.2.1). A received that the client itself wrote is never believed.
    """
    top = request.top_via
    host, port = source
    if top.rport_at:
        value = top.value
        return f"{value[: top.rport_at]};received={host};rport={port}{value[top.rport_at + 6 :]}"
    if not top.has_rport and not top.has_received and split_host(top.sent_by)[0] == host:
        return top.value
    return _rewritten(top, host, port)


def _rewritten(top: Via, host: str, port: int) -> str:
    """A Via taken apart: received and rport put in, a received of the client's own taken out."""
    parts = via_parts(top.value)
    names = [part.partition("=")[0].strip().lower() for part in parts]
    rport, received = _last(names, "rport"), _last(names, "received")
    if rport:
        parts[rport] = f"received={host};rport={port}"
    elif split_host(top.sent_by)[0] != host:
        parts.append(f"received={host}")
    if received:
        del parts[received]
    return ";".join(parts)


def _last(names: list[str], name: str) -> int:
    """The last place of a parameter, 0 where it is missing (the first piece is no parameter)."""
    return max((place for place, other in enumerate(names) if place and other == name), default=0)


def destination(request: Request, source: Address) -> Address:
    """Where the answer goes: rport -> the source itself, else the source's address with sent-by's port or 5060.

    maddr is not followed: it would let a sender aim our answers at somebody else (reflection). For the same reason
    sent-by's host is never used, and no name is looked up.
    """
    if request.top_via.has_rport:
        return source
    port = split_host(request.sent_by)[1]
    if port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536:
        return source[0], int(port)
    return source[0], 5060
