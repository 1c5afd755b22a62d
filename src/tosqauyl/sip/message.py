"""Bytes to messages: `parse`. The usual spelling is read the quick way (scan.py), all others the careful way (fields.py).

A message is a Request (with .fault where it is malformed but can be answered), a Response, or Unreadable, which is
dropped and counted. Nothing raises. Text is UTF-8 with surrogate escapes, so that bytes survive a round trip.
"""

import re
from typing import Final

from tosqauyl.errors import Fault
from tosqauyl.sip.address import bracketed, is_plain, name_addr
from tosqauyl.sip.fields import Fields, content_length, number_of, read_head
from tosqauyl.sip.limits import (
    DEFAULT_FORWARDS,
    MAX_BRANCH,
    MAX_CALL_ID,
    MAX_CSEQ,
    MAX_DATAGRAM,
    MAX_FORWARDS,
    MAX_HEAD,
    MAX_URI,
    MAX_VIAS,
)
from tosqauyl.sip.request import Message, Request, Response, Unreadable
from tosqauyl.sip.scan import RARE, scan
from tosqauyl.sip.text import is_token, parameter
from tosqauyl.sip.uri import uri_fault
from tosqauyl.sip.via import read_via, split_vias

__all__ = ["Fields", "Message", "Request", "Response", "Unreadable", "content_length", "parse"]

_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")
_SMALL: Final = {str(number): number for number in range(MAX_FORWARDS + 1)}
_METHODS: Final = frozenset(
    ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY", "REFER")
)
_COOKIE: Final = "z9hG4bK"


def parse(data: bytes) -> Message:
    """Read one datagram. Bytes after the message are ignored (RFC 3261 18.3, RFC 4475 3.1.1.8).

    A line ends in CRLF or in LF alone, as Kamailio and Sofia-SIP read it too (people test with netcat): so no value can
    hold an LF. A lone CR makes the message malformed.
    """
    text = data.decode("utf-8", "surrogateescape")
    request = Request(text, None)
    end = scan(text, request)
    if end < 0 or len(data) > MAX_DATAGRAM:
        return parse_carefully(data)
    cut = end - 2 if len(text) == len(data) else data.find(b"\r\n\r\n")
    if cut > MAX_HEAD:
        return parse_carefully(data)
    request.body = data[cut + 4 :]
    return _checked(request, None)


def parse_carefully(data: bytes) -> Message:
    """The same without the quick way, which must always agree with it."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank or len(head) > MAX_HEAD or len(data) > MAX_DATAGRAM or head[:1] <= b" ":
        return _odd(data)
    return _read(head, body, None) or _odd(data)


def _odd(data: bytes) -> Message:
    """Read a datagram in which the plain cut at the first CRLF CRLF does not do.

    Leading line ends are skipped (RFC 3261 7.5). A head without its empty line may be half a datagram, and half a
    number is another number: malformed.
    """
    if len(data) > MAX_DATAGRAM:
        return Unreadable(Fault("too_long", "datagram", f"{len(data)} bytes"))
    data = data.lstrip(b"\r\n \t\0")  # NULs and blanks are keep-alives of some senders
    if not data:
        return Unreadable(Fault("keepalive"))
    head, *rest = _EMPTY_LINE.split(data, 1)
    fault = None
    if not rest:
        fault = Fault("malformed", "headers", "no empty line ends the header section")
        head = head.removesuffix(b"\n")
    if len(head) > MAX_HEAD:
        fault = Fault("too_long", "headers", f"{len(head)} bytes of headers, at most {MAX_HEAD}")
        head = head[: max(head.rfind(b"\n", 0, MAX_HEAD), 0)]
    return _read(head, rest[0] if rest else b"", fault) or Unreadable(Fault("not_sip"))


def _read(head: bytes, body: bytes, fault: Fault | None) -> Message | None:
    """The message of a head and a body; None where an empty line of another kind of line end hides in the head."""
    read = read_head(head.decode("utf-8", "surrogateescape"), fault)
    if read is None:
        return None
    start, fields, fault = read
    if start[:4].upper() == "SIP/":
        return _response(start, fields, body)
    return _request(start, fields, body, fault)


def _response(start: str, fields: Fields, body: bytes) -> Response | Unreadable:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    cseq = fields.get("cseq", [""])[0].split()
    number = number_of(cseq[0], MAX_CSEQ) if len(cseq) == 2 else -1
    if version.upper() != "SIP/2.0" or len(code) != 3 or number_of(code, 699) < 100 or number < 0:
        return Unreadable(Fault("bad_response", "status line", start[:80]))
    lengths = {number_of(length, MAX_DATAGRAM) for length in fields.get("content-length", ())} or {len(body)}
    size = lengths.pop()
    if lengths or not 0 <= size <= len(body):
        return Unreadable(Fault("bad_response", "content-length", start[:80]))
    return Response(int(code), reason, fields, body[:size])


def _request(start: str, fields: Fields, body: bytes, fault: Fault | None) -> Request | Unreadable:
    """A request of which only the header section was read."""
    request = Request("", fields)
    request.body = body
    try:
        request.method, request.uri, version = start.split(" ")
    except ValueError:
        version = ""
    if version != "SIP/2.0":
        fault = _odd_start(request, start) or fault
        if fault is not None and fault.kind == "not_sip":
            return Unreadable(fault)
    for name in ("via", "from", "to", "call-id", "cseq"):
        if name not in fields:
            # What cannot be copied cannot be answered: an answer without it would be malformed itself (RFC 4475 3.3.1).
            return Unreadable(Fault("unanswerable", name, "header missing"))
    odd = _copy(request, fields)
    return _checked(request, fault or odd)


def _copy(request: Request, fields: Fields) -> Fault | None:
    """What the call needs of the fields: the first of each, with a fault where there may be only one (RFC 4475 3.3.8)."""
    request.via, request.asserted = fields["via"], fields.get("p-asserted-identity")
    request.from_, request.to = fields["from"][0], fields["to"][0]
    request.call_id, request.cseq = fields["call-id"][0], fields["cseq"][0]
    request.user_agent = fields.get("user-agent", [""])[0]
    request.has_rare = any(name in fields for name in RARE)
    if "max-forwards" in fields:
        request.hops = " ".join(fields["max-forwards"])  # two of them make no number
    lengths = fields.get("content-length")
    if lengths is not None:
        same = {number_of(length, MAX_DATAGRAM) for length in lengths}
        request.length = lengths[0] if len(same) == 1 else " ".join(lengths)
    if any(len(fields[name]) > 1 for name in ("from", "to", "call-id", "cseq")):
        return Fault("malformed", "headers", "From, To, Call-ID or CSeq more than once")
    return None


def _checked(request: Request, fault: Fault | None) -> Request | Unreadable:
    """The request with what is read out of its headers, and the first fault."""
    if len(request.via) > 1 or "," in request.via[0]:
        fault = _flatten_vias(request) or fault
    top = read_via(request.via[0])
    if top is None:
        return Unreadable(Fault("unanswerable", "via", request.via[0][:80]))
    request.top_via, request.sent_by, request.branch = top, top.sent_by, top.branch
    found = _identify(request) or _check(request)
    request.fault = fault or found
    return request


def _identify(request: Request) -> Fault | None:
    """Addresses, CSeq, Max-Forwards and the transaction key; the first fault among them."""
    fault = None
    request.from_display, request.from_uri = "", bracketed(request.from_)
    if not request.from_uri:
        sender = name_addr(request.from_)
        if sender is not None:
            request.from_display, request.from_uri = sender.display, sender.uri
    if is_plain(request.to):
        request.to_is_sound, request.to_has_tag = True, False
    else:
        address = name_addr(request.to)
        request.to_is_sound = address is not None
        request.to_has_tag = address is not None and parameter(address.params, "tag") is not None
    if not _read_cseq(request):
        fault = Fault("malformed", "cseq", request.cseq[:80])
    hops = DEFAULT_FORWARDS if request.hops is None else _SMALL.get(request.hops, -1)
    if hops < 0 and request.hops is not None:
        hops = number_of(request.hops, MAX_FORWARDS)
        fault = fault if hops >= 0 else Fault("malformed", "max-forwards", request.hops[:80])
    request.max_forwards = hops
    # 17.2.3: the ACK of a non-2xx belongs to its INVITE
    method = "INVITE" if request.cseq_method == "ACK" else request.method
    branch = request.branch
    if branch.startswith(_COOKIE) and len(branch) > len(_COOKIE):
        request.key = f"{branch}|{request.sent_by}|{method}"
    else:
        request.key = _key_2543(request, method)
    return fault


def _read_cseq(request: Request) -> bool:
    """Number and method of CSeq; False where they are none, or another method than the request's."""
    cseq = request.cseq
    blank = cseq.find(" ")
    text = cseq if blank < 0 else cseq[:blank]
    number = _SMALL.get(text, -1)
    if number < 0:
        number = number_of(text, MAX_CSEQ)
    request.cseq_number = number
    request.cseq_method = method = "" if blank < 0 else cseq[blank + 1 :].lstrip()
    return number >= 0 and method == request.method


def _key_2543(request: Request, method: str) -> str:
    """Key for a branch that is not unique (RFC 3261 17.2.3, second half; also RFC 4475 3.2.1's empty identifier).

    The To tag is left out for INVITE, ACK and CANCEL: the ACK carries ours, which the INVITE did not have.
    """
    to_tag = ""
    if method not in ("INVITE", "CANCEL") and request.to_address:
        to_tag = parameter(request.to_address.params, "tag") or ""
    from_tag = request.from_address and parameter(request.from_address.params, "tag")
    parts = (request.uri, to_tag, from_tag or "", request.call_id, str(request.cseq_number), request.via[0], method)
    return "|".join(parts)


def _odd_start(request: Request, start: str) -> Fault | None:
    """Method and URI of a start line that is not 'METHOD URI SIP/2.0', and what is wrong with it."""
    words = start.split()
    if len(words) < 3 or not words[-1].upper().startswith("SIP/"):
        return Fault("not_sip", "start line", start[:80])
    request.method, request.uri = words[0], " ".join(words[1:-1])
    if start != " ".join(words) or len(words) != 3:
        # RFC 4475 3.1.2.8 to 3.1.2.10: blanks in or around the Request-URI, blanks at the end
        return Fault("malformed", "request line", "blanks in the wrong places")
    return None if words[2].upper() == "SIP/2.0" else Fault("version", "request line", words[2][:20])


def _flatten_vias(request: Request) -> Fault | None:
    """Vias one an entry. A list that cannot be taken apart stays whole: it is only copied into the 400."""
    vias = split_vias(request.via)
    if vias is None:
        return Fault("malformed", "via", "a list of Vias that cannot be taken apart")
    request.via = vias
    return Fault("too_long", "via", f"{len(vias)} Vias, at most {MAX_VIAS}") if len(vias) > MAX_VIAS else None


def _cut_body(request: Request, length: str) -> Fault | None:
    """Cut the body by Content-Length (RFC 3261 18.3): shorter is cut, longer than what came is a fault."""
    number = number_of(length, MAX_DATAGRAM)
    if not 0 <= number <= len(request.body):
        return Fault("malformed", "content-length", f"{length[:20]} for {len(request.body)} bytes")
    request.body = request.body[:number]
    return None


def _check(request: Request) -> Fault | None:
    """The first thing that makes a request with sound numbers one to refuse, None if there is none."""
    uri, method = request.uri, request.method
    if not request.from_uri:
        return Fault("malformed", "from", request.from_[:80])
    if not request.to_is_sound:
        return Fault("malformed", "to", request.to[:80])
    if not request.top_via.sound:
        return Fault("malformed", "via", request.via[0][:80])
    if method not in _METHODS and not is_token(method):
        return Fault("malformed", "request line", "the method is no token")
    length = request.length
    fault = None
    if length is not None and length != str(len(request.body)):
        fault = _cut_body(request, length)
    if not 0 < len(request.call_id) <= MAX_CALL_ID or len(uri) > MAX_URI or len(request.branch) > MAX_BRANCH:
        fault = _too_long(request)
    return fault or uri_fault(uri, method)


def _too_long(request: Request) -> Fault:
    if not request.call_id:
        return Fault("malformed", "call-id", "empty")
    if len(request.uri) > MAX_URI:
        return Fault("too_long", "request line", f"a Request-URI of {len(request.uri)} characters")
    lengths = f"Call-ID {len(request.call_id)} characters, branch {len(request.branch)}"
    return Fault("too_long", "call-id or via", lengths)
