"""Bytes to messages: `parse`. One parser for all spellings, fast because the usual spelling takes no branch of it.

A message is a Request (with .fault where it is malformed but can be answered), a Response, or Unreadable, which is
dropped and counted. Nothing raises. Text is UTF-8 with surrogate escapes, so that bytes survive a round trip.
"""

import re
from dataclasses import dataclass
from itertools import repeat

from tosqauyl.errors import Fault
from tosqauyl.sip.address import NameAddr, name_addr
from tosqauyl.sip.limits import (
    DEFAULT_FORWARDS,
    MAX_BRANCH,
    MAX_CALL_ID,
    MAX_CSEQ,
    MAX_DATAGRAM,
    MAX_FORWARDS,
    MAX_HEAD,
    MAX_HEADER_LINES,
    MAX_URI,
    MAX_VIAS,
)
from tosqauyl.sip.names import NAMES
from tosqauyl.sip.text import is_token, parameter
from tosqauyl.sip.uri import uri_fault
from tosqauyl.sip.via import Via, read_via, split_vias

Fields = dict[str, list[str]]

_FOLD = re.compile(r"\n +")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_COLONS = repeat(":")
_partition = str.partition
_SMALL = {str(number): number for number in range(MAX_FORWARDS + 1)}
_METHODS = frozenset(
    ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY", "REFER")
)
_COOKIE = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that get no answer. fault.kind: keepalive, not_sip, too_long, unanswerable, bad_response."""

    fault: Fault


class Request:
    """A SIP request that can be answered. Read-only by agreement (a frozen class would cost 2 us a call).

    uri: Request-URI as sent. fields: values by long lower-case name, unfolded and stripped, in order; Via is one entry
    a hop. from_, to, cseq: raw values; from_address, to_address: the same read, None where malformed. max_forwards:
    70 where missing. key: server transaction of RFC 3261 17.2.3. fault: why it is refused: malformed (400), version (505),
    scheme (416), too_long (513). An ACK with a fault is still never answered.
    """

    __slots__ = (
        "body", "branch", "call_id", "cseq", "cseq_method", "cseq_number", "fault", "fields", "from_", "from_address",
        "key", "max_forwards", "method", "sent_by", "to", "to_address", "to_has_tag", "top_via", "uri", "via",
    )  # fmt: skip

    method: str
    uri: str
    fields: Fields
    body: bytes
    fault: Fault | None
    via: list[str]
    top_via: Via
    from_: str
    from_address: NameAddr | None
    to: str
    to_address: NameAddr | None
    to_has_tag: bool
    call_id: str
    cseq: str
    cseq_number: int
    cseq_method: str
    max_forwards: int
    branch: str
    sent_by: str
    key: str

    @property
    def invite_key(self) -> str:
        """Key of the INVITE transaction that a CANCEL means (RFC 3261 9.2)."""
        return self.key[: -len(self.method)] + "INVITE" if self.method == "CANCEL" else self.key

    def first(self, name: str) -> str:
        """First value of a header by its long lower-case name, '' where it is missing."""
        values = self.fields.get(name)
        return values[0] if values else ""


@dataclass(frozen=True, slots=True)
class Response:
    """A SIP response, fields as in Request. A redirect server sends no requests, so the gate only counts these."""

    status: int
    reason: str
    fields: Fields
    body: bytes


Message = Request | Response | Unreadable


def parse(data: bytes) -> Message:
    """Read one datagram. Bytes after the message are ignored (RFC 3261 18.3, RFC 4475 3.1.1.8).

    A line ends in CRLF or in LF alone, as Kamailio and Sofia-SIP read it too (people test with netcat): so no value can
    hold an LF. A lone CR makes the message malformed.
    """
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
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    joined = "".join(lines)  # a copy and four scans in C: a third of the price of counting line ends
    if "\n" in joined or "\r" in joined or "\t" in joined or "\0" in joined:
        lines, fault = _plain(text, fault)
    if len(lines) > MAX_HEADER_LINES:
        fault = fault or Fault("too_long", "headers", f"{len(lines) - 1} header lines, at most {MAX_HEADER_LINES - 1}")
        del lines[MAX_HEADER_LINES:]
    fields = _fields(lines)
    if "" in fields:
        if "" in lines:
            return None
        fields = _unfolded(lines)
    start = lines[0]
    if start[:4].upper() == "SIP/":
        return _response(start, fields, body)
    return _request(start, fields, body, fault)


def _fields(lines: list[str]) -> Fields:
    """Header lines by canonical name; '' collects continuation lines, empty lines and lines without a name."""
    fields: Fields = {}
    names = NAMES
    rest = iter(lines)
    next(rest)
    for name, _, value in map(_partition, rest, _COLONS):  # a tenth cheaper than a loop with line.partition(":")
        name = names[name]
        if name in fields:
            fields[name].append(value.strip())
        else:
            fields[name] = [value.strip()]
    return fields


def _unfolded(lines: list[str]) -> Fields:
    """Fields once more, folded lines joined by one blank (RFC 3261 7.3.1).

    What still has no header name then (a blank right after the start line, a name that is no token) is ignored, as
    8.2.2 asks of malformed headers nobody needs.
    """
    fields = _fields(["", *_FOLD.sub(" ", "\n".join(lines[1:])).split("\n")])
    fields.pop("", None)
    return fields


def _plain(text: str, fault: Fault | None) -> tuple[list[str], Fault | None]:
    """Lines with blanks for tabs (both are LWS), and without CR, LF or NUL, so that no answer can carry one.

    A NUL after a backslash is a legal quoted pair (RFC 4475 3.1.1.2) and becomes '\\?'. Any other NUL, and a CR that is
    no line end, is malformed: what is one line to us could be two to the next reader.
    """
    text = text.replace("\r\n", "\n").replace("\t", " ").replace("\\\0", "\\?").removesuffix("\r")
    if "\0" in text or "\r" in text:
        text = text.replace("\0", "?").replace("\r", "?")
        fault = fault or Fault("malformed", "headers", "a NUL or a lone CR in the header section")
    return text.split("\n"), fault


def content_length(head: bytes) -> int:
    """Content-Length of a header section in a stream: 0 where it is missing, -1 where it is none or several differ.

    -1 too where an empty line of LFs hides in the head: two readers would disagree where the body begins.
    """
    lines, _ = _plain(head.decode("utf-8", "surrogateescape"), None)
    fields = _fields(lines)
    if "" in lines:
        return -1
    lengths = (_unfolded(lines) if "" in fields else fields).get("content-length", ["0"])
    numbers = {_number(length, MAX_DATAGRAM) for length in lengths}
    return numbers.pop() if len(numbers) == 1 else -1


def _response(start: str, fields: Fields, body: bytes) -> Response | Unreadable:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    cseq = fields.get("cseq", [""])[0].split()
    number = _number(cseq[0], MAX_CSEQ) if len(cseq) == 2 else -1
    if version.upper() != "SIP/2.0" or len(code) != 3 or _number(code, 699) < 100 or number < 0:
        return Unreadable(Fault("bad_response", "status line", start[:80]))
    lengths = {_number(length, MAX_DATAGRAM) for length in fields.get("content-length", ())} or {len(body)}
    size = lengths.pop()
    if lengths or not 0 <= size <= len(body):
        return Unreadable(Fault("bad_response", "content-length", start[:80]))
    return Response(int(code), reason, fields, body[:size])


def _request(start: str, fields: Fields, body: bytes, fault: Fault | None) -> Request | Unreadable:
    request = Request()
    try:
        request.method, request.uri, version = start.split(" ")
    except ValueError:
        version = ""
    if version != "SIP/2.0":
        fault = _odd_start(request, start) or fault
        if fault is not None and fault.kind == "not_sip":
            return Unreadable(fault)
    request.fields = fields
    try:
        (request.from_,), (request.to,) = fields["from"], fields["to"]
        (request.call_id,), (request.cseq,) = fields["call-id"], fields["cseq"]
        request.via = via = fields["via"]
    except (KeyError, ValueError):
        odd = _copy_oddly(request, fields)
        if odd.kind == "unanswerable":
            return Unreadable(odd)
        fault, via = fault or odd, request.via
    if len(via) > 1 or "," in via[0]:
        fault = _flatten_vias(request) or fault
    top = read_via(request.via[0])
    if top is None:
        return Unreadable(Fault("unanswerable", "via", via[0][:80]))
    request.top_via, request.sent_by, request.branch, request.body = top, top.sent_by, top.branch, body
    found = _identify(request) or _check(request)
    request.fault = fault or found
    return request


def _copy_oddly(request: Request, fields: Fields) -> Fault:
    """The first of each header an answer copies, where one comes several times (RFC 4475 3.3.8) or is missing.

    What cannot be copied cannot be answered: an answer without From, To or Call-ID would be malformed itself (3.3.1).
    """
    for name in ("via", "from", "to", "call-id", "cseq"):
        if name not in fields:
            return Fault("unanswerable", name, "header missing")
    request.from_, request.to, request.via = fields["from"][0], fields["to"][0], fields["via"]
    request.call_id, request.cseq = fields["call-id"][0], fields["cseq"][0]
    return Fault("malformed", "headers", "From, To, Call-ID or CSeq more than once")


def _identify(request: Request) -> Fault | None:
    """Addresses, CSeq, Max-Forwards and the transaction key; the first fault among them."""
    fault = None
    request.from_address = name_addr(request.from_)
    request.to_address = address = name_addr(request.to)
    request.to_has_tag = address is not None and address.params != "" and parameter(address.params, "tag") is not None
    text, _, method = request.cseq.partition(" ")
    number = _SMALL.get(text)
    request.cseq_number = number = _number(text, MAX_CSEQ) if number is None else number
    request.cseq_method = method = method.lstrip()
    if method != request.method or number < 0:
        fault = Fault("malformed", "cseq", request.cseq[:80])
    forwards = request.fields.get("max-forwards")
    if forwards is None:
        request.max_forwards = DEFAULT_FORWARDS
    else:
        hops = _SMALL.get(forwards[0])
        request.max_forwards = hops = _number(forwards[0], MAX_FORWARDS) if hops is None else hops
        if hops < 0 or len(forwards) > 1:
            fault = Fault("malformed", "max-forwards", " ".join(forwards)[:80])
    method = "INVITE" if method == "ACK" else request.method  # 17.2.3: the ACK of a non-2xx belongs to its INVITE
    branch = request.branch
    if branch[:7] == _COOKIE and len(branch) > 7:
        request.key = f"{branch}|{request.sent_by}|{method}"
    else:
        request.key = _key_2543(request, method)
    return fault


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


def _number(text: str, most: int) -> int:
    """Value of a decimal text in 0..most, else -1. Leading zeros are legal (RFC 4475 3.1.1.1)."""
    if not (text.isascii() and text.isdigit()):
        return -1
    if len(text) > 10:
        text = text.lstrip("0") or "0"
        if len(text) > 10:
            return -1
    number = int(text)
    return number if number <= most else -1


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
    request.via = request.fields["via"] = vias
    return Fault("too_long", "via", f"{len(vias)} Vias, at most {MAX_VIAS}") if len(vias) > MAX_VIAS else None


def _cut_body(request: Request, lengths: list[str]) -> Fault | None:
    """Cut the body by Content-Length (RFC 3261 18.3): shorter is cut, longer than what came is a fault."""
    number = _number(lengths[0], MAX_DATAGRAM)
    if len(lengths) > 1 and any(_number(other, MAX_DATAGRAM) != number for other in lengths):
        return Fault("malformed", "content-length", "several lengths")
    if not 0 <= number <= len(request.body):
        return Fault("malformed", "content-length", f"{lengths[0][:20]} for {len(request.body)} bytes")
    request.body = request.body[:number]
    return None


def _check(request: Request) -> Fault | None:
    """The first thing that makes a request with sound numbers one to refuse, None if there is none."""
    uri, method = request.uri, request.method
    if request.from_address is None:
        return Fault("malformed", "from", request.from_[:80])
    if request.to_address is None:
        return Fault("malformed", "to", request.to[:80])
    if not request.top_via.sound:
        return Fault("malformed", "via", request.via[0][:80])
    if method not in _METHODS and not is_token(method):
        return Fault("malformed", "request line", "the method is no token")
    lengths = request.fields.get("content-length")
    fault = None
    if lengths is not None and (len(lengths) > 1 or lengths[0] != str(len(request.body))):
        fault = _cut_body(request, lengths)
    if not 0 < len(request.call_id) <= MAX_CALL_ID or len(uri) > MAX_URI or len(request.branch) > MAX_BRANCH:
        fault = _too_long(request)
    if (
        uri[:4] != "sip:"
        or "?" in uri
        or len(uri) == 4
        or ">" in uri
        or "<" in uri
        or '"' in uri
        or not uri.isprintable()
    ):
        return fault or uri_fault(uri, method)
    return fault


def _too_long(request: Request) -> Fault:
    if not request.call_id:
        return Fault("malformed", "call-id", "empty")
    if len(request.uri) > MAX_URI:
        return Fault("too_long", "request line", f"a Request-URI of {len(request.uri)} characters")
    lengths = f"Call-ID {len(request.call_id)} characters, branch {len(request.branch)}"
    return Fault("too_long", "call-id or via", lengths)
