"""A form with a file, as browsers send it (multipart/form-data, RFC 7578): its fields, which are few and small, and the file, which
goes piece by piece where the caller wants it."""

from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tosqauyl.web.pages.form import Form, form_of
from tosqauyl.web.problems import Refused, refused_for

FILE = "file"
"""The field of the file."""
MOST_FIELDS = 20
MOST_TEXT = 2_000
"""Bytes of a field's text."""
MOST_HEADER = 2_000
"""Bytes of the line that names a field; a file's own name is in it, too."""


async def read_file_form(request: Request, file: BinaryIO) -> Form:
    """The fields of a form; the bytes of its file are written to `file`. Raises Refused where it is no such form, or too large."""
    parts = _Parts(file)
    boundary = parse_options_header(request.headers.get("content-type"))[1].get(b"boundary", b"")
    if not boundary:
        raise _broken()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin, "on_header_field": parts.header_name, "on_header_value": parts.header_text,
                "on_header_end": parts.header_end, "on_headers_finished": parts.headers_end, "on_part_data": parts.data,
                "on_part_end": parts.end, "on_end": parts.finish,
            },
            max_header_size=MOST_HEADER,
        )  # fmt: skip
        async for piece in request.stream():
            parser.write(piece)
    except FormParserError:
        raise _broken() from None
    except HTTPException as error:
        raise refused_for(error) from None
    if not parts.is_whole:
        raise _broken()
    return form_of(parts.fields)


class _Parts:
    """What the parser finds, as it finds it. Raises Refused."""

    def __init__(self, file: BinaryIO) -> None:
        self.fields: list[tuple[str, str]] = []
        self.is_whole = False
        self._file, self._has_file, self._parts = file, False, 0
        self._header, self._value, self._disposition = b"", b"", b""
        self._name, self._is_file, self._text = "", False, bytearray()

    def begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_FIELDS:
            raise Refused("too-large", "the form has too many fields")
        self._disposition, self._text = b"", bytearray()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_text(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def headers_end(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._name, self._is_file = _decoded(options.get(b"name", b"")), b"filename" in options
        if not self._name or (self._is_file and (self._has_file or self._name != FILE)):
            raise _broken()
        self._has_file = self._has_file or self._is_file

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._file.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > MOST_TEXT:
            raise Refused("too-large", f"a text of the form has more than {MOST_TEXT} bytes")

    def end(self) -> None:
        if not self._is_file:
            self.fields.append((self._name, _decoded(bytes(self._text))))

    def finish(self) -> None:
        self.is_whole = True


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _broken() from None


def _broken() -> Refused:
    return Refused("malformed", "it is no form")
