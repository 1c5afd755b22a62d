"""What kind of file it is, told from its content where that is plain, and which shipped mapping belongs to it."""

import csv
import re
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.imports.lines import open_bytes

KINDS = ("csv", "parquet", "asterisk", "freeswitch", "kamailio", "hep", "pcap", "radius")
"""Kinds of files, as the command line names them."""
SIP_KINDS = ("hep", "pcap")
"""Kinds that hold SIP messages, not rows."""
_LOOKED_AT = 65536
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": "pcap", b"\xa1\xb2\xc3\xd4": "pcap", b"\x4d\x3c\xb2\xa1": "pcap", b"\xa1\xb2\x3c\x4d": "pcap",
    b"\x0a\x0d\x0d\x0a": "pcap", b"HEP3": "hep", b"PAR1": "parquet",
}  # fmt: skip
_DISPOSITIONS = {"ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION"}
_DETAIL = re.compile(rb"^\w{3} \w{3} [ 0-9]\d \d\d:\d\d:\d\d \d{4}\r?\n[ \t]+[\w-]+ [+]?= ", re.MULTILINE)
_CAUSE = re.compile(r"[A-Z]+(_[A-Z]+)+")


def guess(path: Path) -> tuple[str, str]:
    """(kind, shipped mapping; '' where none belongs to it). CSV where nothing else is plain. Raises TosqauylError."""
    with open_bytes(path) as file:
        try:
            head = file.read(_LOOKED_AT)
        except (OSError, EOFError) as error:
            raise TosqauylError(f"the file cannot be read: {error}", str(path)) from error
    if head[:4] in _MAGIC:
        return _MAGIC[head[:4]], ""
    return _text_kind(head.removeprefix(b"\xef\xbb\xbf"))


def mapping_of_kind(kind: str, path: Path) -> str:
    """The shipped mapping of a kind that was named; '' for csv and parquet, which need one of the user's."""
    found, name = guess(path)
    if found == kind:
        return name
    return kind if kind in ("asterisk", "freeswitch", "kamailio", "radius") else ""


def _text_kind(head: bytes) -> tuple[str, str]:
    if b"ACC: " in head and b"timestamp=" in head:
        return "kamailio", "kamailio"
    if _DETAIL.search(head):
        return "radius", "radius"
    start = head.lstrip()[:2000]
    if b"<cdr" in start and start.startswith((b"<?xml", b"<cdr")):
        return "freeswitch", "freeswitch-xml"
    if start.startswith(b"{") and b'"variables"' in head:
        return "freeswitch", "freeswitch-cdr"
    return _csv_kind(head.decode("utf-8", "replace"))


def _csv_kind(head: str) -> tuple[str, str]:
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    try:
        rows = list(csv.reader(lines[: max(1, len(lines) - 1)]))
    except csv.Error:
        return "csv", ""
    if not rows:
        return "csv", ""
    if {"callid", "method", "sip_code"} <= set(rows[0]):
        return "kamailio", "kamailio-table"
    widths = {len(row) for row in rows}
    if min(widths) >= 16 and all(row[14] in _DISPOSITIONS for row in rows):
        return "asterisk", "asterisk"
    if min(widths) >= 18 and all(row[13] in _DISPOSITIONS for row in rows):
        return "asterisk", "asterisk-custom"
    if min(widths) >= 13 and all(_CAUSE.fullmatch(row[9]) for row in rows):
        return "freeswitch", "freeswitch"
    return "csv", ""
