"""Header sections in any spelling: unfolded lines by canonical name. `scan` is the quick way for the usual spelling."""

import re

from tosqauyl.errors import Fault
from tosqauyl.sip.limits import MAX_DATAGRAM, MAX_HEADER_LINES
from tosqauyl.sip.names import NAMES

Fields = dict[str, list[str]]
"""Values by long lower-case name, in order."""

_FOLD = re.compile(r"\n +")


def fields_of(text: str) -> Fields:
    """Fields of the header section that a text in the usual spelling begins with; what has no header name is left out."""
    fields = _fields(text.partition("\r\n\r\n")[0].split("\r\n"))
    fields.pop("", None)
    return fields


def read_head(text: str, fault: Fault | None) -> tuple[str, Fields, Fault | None] | None:
    """Start line, fields and fault of a header section in any spelling; None where an empty line hides in it."""
    lines = text.split("\r\n")
    joined = "".join(lines)
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
    return lines[0], fields, fault


def _fields(lines: list[str]) -> Fields:
    """Header lines by canonical name; '' collects continuation lines, empty lines and lines without a name."""
    fields: Fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = NAMES[name]
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
    numbers = {number_of(length, MAX_DATAGRAM) for length in lengths}
    return numbers.pop() if len(numbers) == 1 else -1


def number_of(text: str, most: int) -> int:
    """Value of a decimal text in 0..most, else -1. Leading zeros are legal (RFC 4475 3.1.1.1)."""
    if not (text.isascii() and text.isdigit()):
        return -1
    if len(text) > 10:
        text = text.lstrip("0") or "0"
        if len(text) > 10:
            return -1
    number = int(text)
    return number if number <= most else -1
