"""JSON (one object a line, or one a file) and XML (one element a record) as flat records: `variables.sip_call_id`.

Of a list the first member counts. XML is read with expat; a document type, and with it every entity of its own, is refused.
FreeSWITCH escapes its values as in URLs; they are unescaped.
"""

import json
from collections import Counter
from typing import Any
from urllib.parse import unquote
from xml.parsers import expat

from tosqauyl.ledger.imports.lines import Block
from tosqauyl.ledger.imports.rejects import ROW, Reject

ELEMENT = "cdr"
"""The element that is one record."""
_DEEPEST = 12
_END = f"</{ELEMENT}>".encode()

Records = list[tuple[int, dict[str, str]]]


def read_json(block: Block, encoding: str) -> tuple[Records, list[Reject], Counter[str]]:
    """The objects of a block, one a line; a block that is one object in several lines is that record."""
    records: Records = []
    rejects: list[Reject] = []
    counts: Counter[str] = Counter()
    whole = _object(b"".join(block.lines), encoding, counts) if len(block.lines) > 1 else None
    if whole is not None:
        return [(block.first, flat(whole))], rejects, counts
    for number, raw in enumerate(block.lines, block.first):
        if raw.isspace():
            continue
        found = _object(raw, encoding, counts)
        if found is None:
            rejects.append(Reject(number, ROW, "", "no JSON object", block.text_of(number)))
        else:
            records.append((number, flat(found)))
    return records, rejects, counts


def _object(raw: bytes, encoding: str, counts: Counter[str]) -> dict[str, Any] | None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode(encoding, "replace")
        counts["recoded_lines"] += 1
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def flat(value: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Nested objects as one, names joined with dots; of a list its first member."""
    found: dict[str, str] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        while isinstance(inner, list):
            inner = inner[0] if inner else ""
        if isinstance(inner, dict):
            if depth < _DEEPEST:
                found = {**flat(inner, f"{name}.", depth + 1), **found}
        elif inner is not None:
            text = str(inner).lower() if isinstance(inner, bool) else str(inner)
            found.setdefault(name, unquote(text).encode("utf-8", "replace").decode())
    return found


def whole_elements(lines: list[bytes]) -> int:
    """How many of the lines are whole records: up to the last that ends one; 0 where none does."""
    return next((place + 1 for place in range(len(lines) - 1, -1, -1) if _END in lines[place]), 0)


def read_xml(block: Block, encoding: str) -> tuple[Records, list[Reject], Counter[str]]:
    """The `cdr` elements of a block."""
    records: Records = []
    rejects: list[Reject] = []
    line, start = block.first, block.first
    text = b""
    for raw in block.lines:
        if not text.strip():
            start = line
        text += raw
        line += 1
        while _END in text:
            one, _, text = text.partition(_END)
            record = _element(one + _END)
            if record is None:
                rejects.append(Reject(start, ROW, "", "no XML that can be read", one.decode("utf-8", "replace")))
            else:
                records.append((start, record))
    if b"<" in text and text.strip() not in (b"</cdrs>", b""):
        rejects.append(Reject(start, ROW, "", "a record that does not end", text.decode("utf-8", "replace")))
    return records, rejects, Counter()


class _Refused(Exception):
    """A document type, or nesting too deep."""


def _element(data: bytes) -> dict[str, str] | None:
    """One record; None where it is no XML, declares a document type, or nests too deep."""
    begin = data.find(f"<{ELEMENT}".encode())
    if begin < 0 or b"<!DOCTYPE" in data[:begin]:
        return None
    path: list[str] = []
    pieces: list[str] = []
    found: dict[str, str] = {}

    def opened(name: str, _: dict[str, str]) -> None:
        path.append(name)
        pieces.clear()
        if len(path) > _DEEPEST:
            raise _Refused

    def closed(_: str) -> None:
        text = "".join(pieces).strip()
        if text:
            found.setdefault(".".join(path[1:]), unquote(text))
        pieces.clear()
        path.pop()

    def refuse(*_: object) -> None:
        raise _Refused

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.CharacterDataHandler = pieces.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data[begin:], True)
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return {name: text.encode("utf-8", "replace").decode() for name, text in found.items()}
