"""The quick way through a header section in the usual spelling: positions first, and texts only of what a call needs.

Every line costs three searches and one look into a table, and a header that no call needs is never made a text: a third
of the price of splitting lines and names (docs/performance.md).
"""

from typing import Final

from mypy_extensions import i64

from tosqauyl.sip.limits import MAX_HEADER_LINES
from tosqauyl.sip.request import Request

RARE = ("remote-party-id", "diversion", "history-info", "privacy")
"""Headers most calls lack. Only that one of them is there is noted here."""

# Final numbers, because the compiler writes them into the code: kinds of headers, 0 being those that no call needs.
_VIA: Final = 1
_FROM: Final = 2
_TO: Final = 3
_CALL_ID: Final = 4
_CSEQ: Final = 5
_HOPS: Final = 6
_LENGTH: Final = 7
_ASSERTED: Final = 8
_USER_AGENT: Final = 9
_ANY_RARE: Final = 10
_NEEDED: Final = 0b111110
"""The kinds that must be there, as bits."""
_ONCE: Final = 0b1011111100
"""The kinds that may not be there more than once."""
_LINE_FEED: Final = 10
_BLANK: Final = 32

_KINDS: Final = {
    "via": _VIA, "from": _FROM, "to": _TO, "call-id": _CALL_ID, "cseq": _CSEQ, "max-forwards": _HOPS,
    "content-length": _LENGTH, "p-asserted-identity": _ASSERTED, "user-agent": _USER_AGENT,
    **dict.fromkeys(RARE, _ANY_RARE),
}  # fmt: skip
_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length"}


def _places() -> tuple[bytes, bytes]:
    """The one needed header with a first letter and a length: its kind by that place, its letters by 32 times that place."""
    kinds, letters = bytearray(1024), bytearray(1024 * 32)
    for name in (*_KINDS, *_COMPACT):
        place = (ord(name[0]) & 31) << 5 | len(name)
        if kinds[place]:
            raise ValueError(f"{name} shares first letter and length with another needed header")
        kinds[place] = _KINDS[_COMPACT.get(name, name)]
        letters[place << 5 : (place << 5) + len(name)] = name.encode()
    return bytes(kinds), bytes(letters)


_TABLES: Final = _places()
_KIND_AT: Final = _TABLES[0]
_LETTERS_AT: Final = _TABLES[1]


def scan(text: str, request: Request) -> int:
    """Read the header section that `text` begins with into the request; returns where its empty line begins.

    -1 where anything is unusual: folded lines, controls, blanks before a colon, a header missing or too often, another
    start line. The careful way (message.py) must read it then; what is in the request already means nothing.
    """
    begin = end = _start_line(text, request)
    found = [""] * 10
    seen: i64 = 0
    size, lines = len(text), 1
    while end >= 0:
        begin = end + 2
        if begin >= size or ord(text[end + 1]) != _LINE_FEED:
            return -1
        end = text.find("\r", begin)
        colon = text.find(":", begin, end)
        if colon < 0 or text.find("\n", begin, end) >= 0:
            break
        lines += 1
        kind: i64 = _kind(text, begin, colon)
        if kind == 0:
            continue
        if kind < 0 or seen & (1 << kind) & _ONCE:
            return -1
        seen |= 1 << kind
        _keep(text[colon + 2 if ord(text[colon + 1]) == _BLANK else colon + 1 : end].strip(), kind, found, request)
    if end != begin or text[end + 1 : end + 2] != "\n" or seen & _NEEDED != _NEEDED or lines > MAX_HEADER_LINES:
        return -1
    if text.find("\t", 0, end) >= 0 or text.find("\0", 0, end) >= 0:
        return -1
    _fill(request, found, seen)
    return end


def _start_line(text: str, request: Request) -> int:
    """Method and URI of a line 'METHOD URI SIP/2.0'; returns where it ends, -1 where it is another."""
    end = text.find("\r")
    blank = text.find(" ", 0, end)
    last = end - 8
    if not 0 < blank < last or text[last:end] != " SIP/2.0":
        return -1
    method, uri = text[:blank], text[blank + 1 : last]
    if " " in uri or "/" in method or text.find("\n", 0, end) >= 0:  # the slash is that of a response's SIP/2.0
        return -1
    request.method, request.uri = method, uri
    return end


def _kind(text: str, begin: int, colon: int) -> i64:
    """The kind of the header whose name lies there; -1 where that is no plain name: a folded line, blanks around it.

    The names needed have letters and hyphens only, and no other character that may be in a line becomes one of those by
    setting the bit that tells small letters from capitals.
    """
    first: i64 = begin
    size: i64 = colon - begin
    if size == 0 or ord(text[first]) <= _BLANK or ord(text[colon - 1]) <= _BLANK:
        return -1
    if size > 31:
        return 0
    place: i64 = (ord(text[first]) & 31) << 5 | size
    kind: i64 = _KIND_AT[place]
    if kind == 0:
        return 0
    at: i64 = place << 5
    for letter in range(size):
        if ord(text[first + letter]) | 32 != _LETTERS_AT[at + letter]:
            return 0
    return kind


def _keep(value: str, kind: i64, found: list[str], request: Request) -> None:
    """Put a value where it belongs."""
    if kind == _VIA:
        request.via.append(value)
    elif kind == _ASSERTED:
        request.asserted = [value] if request.asserted is None else [*request.asserted, value]
    elif kind != _ANY_RARE:
        found[kind] = value


def _fill(request: Request, found: list[str], seen: i64) -> None:
    """Put what was found once into the request."""
    request.from_, request.to = found[_FROM], found[_TO]
    request.call_id, request.cseq = found[_CALL_ID], found[_CSEQ]
    if seen & (1 << _HOPS):
        request.hops = found[_HOPS]
    if seen & (1 << _LENGTH):
        request.length = found[_LENGTH]
    request.user_agent = found[_USER_AGENT]
    request.has_rare = seen & (1 << _ANY_RARE) != 0
