"""Sh-Data as a flat list of its elements: expat, behind limits and without document types or entities.

An answer comes from another company's machine. What makes XML dangerous (entities that grow or that name files) needs a
document type; Sh-Data has none, so its mere beginning is refused before the parser sees the text.
"""

from typing import NamedTuple
from xml.parsers import expat

from tosqauyl.networks.backend import AskFailed

MAX_XML = 16_384
"""Octets of the longest Sh-Data that is read."""
MAX_DEPTH, MAX_ELEMENTS = 32, 1_000
"""Sh-Data of release 18 nests nine deep (the chain of Extension elements)."""


class Element(NamedTuple):
    """An element that holds text. path: local names from the root to it."""

    path: tuple[str, ...]
    text: str


class _Reader:
    def __init__(self) -> None:
        self.elements: list[Element] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._count = 0

    def start(self, name: str, _: object) -> None:
        self._path.append(name.rpartition(":")[2])
        self._text.clear()
        self._count += 1
        if len(self._path) > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise AskFailed("malformed", "Sh-Data nests too deep or is too long")

    def text(self, piece: str) -> None:
        self._text.append(piece)

    def end(self, _: str) -> None:
        text = "".join(self._text).strip()
        if text:
            self.elements.append(Element(tuple(self._path), text))
        self._text.clear()
        self._path.pop()

    def refuse(self, *_: object) -> None:
        raise AskFailed("malformed", "Sh-Data with a document type")


def read_xml(data: bytes) -> list[Element]:
    """The elements with text, in order. Raises AskFailed (malformed): not UTF-8, not XML, a document type, over a limit."""
    if len(data) > MAX_XML:
        raise AskFailed("malformed", "Sh-Data is too long")
    try:
        # UTF-8 only: in UTF-16 the words below would not be seen
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AskFailed("malformed", "Sh-Data is not UTF-8") from None
    upper = text.upper()
    if "\0" in text or "<!DOCTYPE" in upper or "<!ENTITY" in upper:
        raise AskFailed("malformed", "Sh-Data with a document type")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, ValueError):
        raise AskFailed("malformed", "Sh-Data is not XML") from None
    return reader.elements
