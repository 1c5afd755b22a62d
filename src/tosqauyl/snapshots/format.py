"""The snapshot file: one head with a manifest, then sections that can be mapped into memory as they lie. docs/snapshots.md.

    0   8  magic, with a line break in it so that a transfer as text is noticed
    8   4  version, 12  4  length of the manifest, both little-endian
    16  32 digest of the head without these 32 bytes (BLAKE2b)
    48     the manifest, JSON; zeros up to a multiple of ALIGN
    then   the sections in the order of the manifest, each padded with zeros to a multiple of ALIGN; nothing behind them

The manifest holds each section's digest, padding included, so the digest of the head is one of the whole file: its first 32
hex digits name the file. Every bit of a file is covered.
"""

import json
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tosqauyl.durable import sync
from tosqauyl.errors import TosqauylError

MAGIC = b"TQSNAP\r\n"
VERSION = 1
ALIGN = 1 << 16
"""Sections begin at multiples of this: the largest page size of the processors Linux runs on."""
SUFFIX = ".tqs"
MOST_MANIFEST = 8 << 20
"""Bytes of a manifest: 40,000 roaming number ranges would fit."""
MOST_SECTIONS = 32
MOST_BYTES = 4 << 30
"""A file that says it is larger is refused: twice all numbers ported and listed."""

POLICY, PORTED, PLANES = "policy", "ported", "subscribers"
INDICATORS = ("indicators.table", "indicators.records", "indicators.ids", "indicators.others", "indicators.about")
"""Names of the sections."""

_FRONT = struct.Struct("<8sII")
_DIGEST = 32
_HEAD = _FRONT.size + _DIGEST
_NAME = 32

Buffer = bytes | bytearray | memoryview
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the file. offset: from its beginning; length: without padding; digest: 64 hex digits, with padding."""

    name: str
    offset: int
    length: int
    digest: str

    @property
    def padded(self) -> int:
        """Bytes it takes in the file."""
        return _aligned(self.length)


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says of itself. content: the manifest without its sections; hash: names the file; size: of the file."""

    hash: str
    content: Data
    sections: tuple[Section, ...]
    size: int

    def section(self, name: str) -> Section:
        """A section by name. Raises TosqauylError where there is none."""
        for section in self.sections:
            if section.name == name:
                return section
        raise TosqauylError(f"the snapshot has no section {name!r}")


def write_snapshot(folder: Path, content: Data, sections: Mapping[str, Sequence[Buffer]]) -> Path:
    """Write a snapshot into a folder; its path. content: JSON data; sections: name -> pieces that follow each other.

    The file appears whole under its name or not at all, and only its owner may read it. Raises OSError.
    """
    rows, offset = [], 0
    for name, pieces in sections.items():
        length = sum(len(piece) for piece in pieces)
        rows.append([name, offset, length, digest_of_pieces([*pieces, _padding(length)])])
        offset += _aligned(length)
    head = _head(json.dumps({**content, "sections": rows}, ensure_ascii=False, sort_keys=True).encode())
    path = folder / f"{head[_FRONT.size : _HEAD].hex()[:_NAME]}{SUFFIX}"
    draft = folder / f".{path.stem}.{os.getpid()}.draft"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb", buffering=0) as file:
            _write(file.fileno(), head)
            for pieces in sections.values():
                for piece in (*pieces, _padding(sum(len(one) for one in pieces))):
                    _write(file.fileno(), piece)
            os.fsync(file.fileno())
        os.rename(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(folder)
    return path


def _write(descriptor: int, data: Buffer) -> None:
    rest = memoryview(data).cast("B") if len(data) else memoryview(b"")
    while len(rest):
        rest = rest[os.write(descriptor, rest) :]


def _head(manifest: bytes) -> bytes:
    front = _FRONT.pack(MAGIC, VERSION, len(manifest))
    rest = manifest + bytes(_aligned(_HEAD + len(manifest)) - _HEAD - len(manifest))
    return front + blake2b(front + rest, digest_size=_DIGEST).digest() + rest


def read_head(descriptor: int, name: str) -> Head:
    """Read and check the head of an open file. name: the file's, which must be the head's hash and SUFFIX.

    Nothing of the sections is looked at. Raises TosqauylError that says what is wrong.
    """
    size = os.fstat(descriptor).st_size
    front = os.pread(descriptor, _FRONT.size, 0)
    if len(front) < _FRONT.size or front[:8] != MAGIC:
        raise TosqauylError("this is no snapshot, or only a piece of one")
    _, version, length = _FRONT.unpack(front)
    if version != VERSION:
        raise TosqauylError(f"the snapshot has version {version}, this program reads {VERSION}", hint="build it again")
    if length > MOST_MANIFEST:
        raise TosqauylError(f"the manifest is said to have {length} bytes")
    rest = _read(descriptor, _HEAD, _aligned(_HEAD + length) - _HEAD)
    digest = os.pread(descriptor, _DIGEST, _FRONT.size)
    if blake2b(front + rest, digest_size=_DIGEST).digest() != digest:
        raise TosqauylError("the head does not have its digest: the file was changed or cut off")
    if name != digest.hex()[:_NAME] + SUFFIX:
        hint = f"its name is {digest.hex()[:_NAME]}{SUFFIX}"
        raise TosqauylError("the content is not that which the file's name says", hint=hint)
    content = _content(rest[:length])
    sections = _sections(content.pop("sections", None), _HEAD + len(rest), size)
    return Head(digest.hex()[:_NAME], content, sections, size)


def _content(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise TosqauylError("the manifest is no JSON object")
    return content


def _refuse_constant(word: str) -> float:
    raise ValueError(word)


def _sections(rows: object, begin: int, size: int) -> tuple[Section, ...]:
    """The sections, which must fill the file from the end of its head to its own end, one behind the other."""
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_SECTIONS:
        raise TosqauylError("the manifest names no sections, or too many")
    found: dict[str, Section] = {}
    at = begin
    for row in rows:
        match row:
            case [str(name), int(offset), int(length), str(digest)] if type(offset) is type(length) is int:
                section = Section(name, begin + offset, length, digest)
            case _:
                raise TosqauylError("a section has no name, place, length and digest")
        if section.offset != at or not 0 <= length <= MOST_BYTES or name in found:
            raise TosqauylError(f"the section {name[:40]!r} does not follow the one before it")
        found[name] = section
        at += section.padded
    if at != size:
        what = "cut off" if at > size else "longer than it should be"
        raise TosqauylError(f"the file is {what}: {size:,} bytes of {at:,}")
    return tuple(found.values())


def digest_of_pieces(pieces: Iterable[Buffer]) -> str:
    """The digest of a section, 64 hex digits; the lock of the interpreter is let go for each piece."""
    digest = blake2b(digest_size=_DIGEST)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _read(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    if len(data) != length:
        raise TosqauylError("the head is cut off")
    return data


def _padding(length: int) -> bytes:
    return bytes(_aligned(length) - length)


def _aligned(length: int) -> int:
    return -(-length // ALIGN) * ALIGN
